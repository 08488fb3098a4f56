//! A folder on disk, for commands that work on a checkout.
//!
//! Every read walks from a handle of the root with `openat2`, which may neither leave the root nor
//! follow a symlink (where the kernel has it not: one `openat` with `O_NOFOLLOW` per segment). So
//! nothing outside the root can be opened, whoever changes the folder meanwhile (INV-FS-1, INV-FS-2).
//! Following symlinks is left to [`Tree::follow`], which does it inside the root.

use crate::tree::{Entry, EntryKind, File, ListItem, Stat, Tree, follow_links};
use crate::{Digest, Error, ErrorKind, Limits, TreePath};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A folder on disk. Each read sees the folder as it is then; all that is kept is a handle of the
/// directory that was looked into last, where the next look mostly goes too.
#[derive(Debug)]
pub struct DirTree {
    root: OwnedFd,
    limits: Limits,
    last: Mutex<Option<(TreePath, Arc<OwnedFd>)>>,
    /// Whether the kernel is to be asked for `openat2`: it once said that it has it not.
    has_openat2: AtomicBool,
}

/// What is where a directory is looked for.
enum Place {
    Dir(Arc<OwnedFd>),
    /// Nothing or no directory, and no symlink on the way.
    Absent,
    /// No directory; a symlink may be on the way.
    Unclear,
}

impl DirTree {
    /// Opens `folder` (symlinks in this path itself are followed: it is the user's own word).
    pub fn open(folder: &Path, limits: Limits) -> Result<DirTree, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(folder, flags, Mode::empty()).map_err(|errno| {
            Error::because(kind_of(errno), &TreePath::root(), format!("{}: {errno}", folder.display()))
        })?;
        Ok(DirTree { root, limits, last: Mutex::default(), has_openat2: AtomicBool::new(true) })
    }

    /// The directory at `path`. A handle that is kept stays inside the root wherever its directory is
    /// moved to meanwhile, as far as any handle does that was just opened.
    fn dir(&self, path: &TreePath) -> Result<Place, Error> {
        let last = || self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, dir)) = last().as_ref().filter(|(kept, _)| kept == path) {
            return Ok(Place::Dir(dir.clone()));
        }
        let place = self.open_dir(path)?;
        if let Place::Dir(dir) = &place {
            *last() = Some((path.clone(), dir.clone()));
        }
        Ok(place)
    }

    fn open_dir(&self, path: &TreePath) -> Result<Place, Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if !path.is_root() && self.has_openat2.load(Ordering::Relaxed) {
            let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
            // Without O_NOFOLLOW: with it, a symlink at the end would look like a file.
            let followed = flags.difference(OFlags::NOFOLLOW);
            match rustix::fs::openat2(self.root.as_fd(), path.as_str(), followed, Mode::empty(), within) {
                Ok(dir) => return Ok(Place::Dir(Arc::new(dir))),
                Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => return Ok(Place::Absent),
                Err(Errno::LOOP) => return Ok(Place::Unclear),
                Err(Errno::NOSYS | Errno::PERM) => self.has_openat2.store(false, Ordering::Relaxed),
                // The folder was changed meanwhile: the way below sees one state of each segment.
                Err(Errno::AGAIN) => {}
                Err(errno) => return Err(Error::because(ErrorKind::Io, path, errno)),
            }
        }
        let mut dir = self.root.try_clone().map_err(|error| Error::because(ErrorKind::Io, path, error))?;
        for segment in path.segments() {
            dir = match rustix::fs::openat(dir.as_fd(), segment, flags, Mode::empty()) {
                Ok(below) => below,
                Err(Errno::NOENT | Errno::NAMETOOLONG) => return Ok(Place::Absent),
                Err(Errno::NOTDIR | Errno::LOOP) => return Ok(Place::Unclear),
                Err(errno) => return Err(Error::because(ErrorKind::Io, path, errno)),
            };
        }
        Ok(Place::Dir(Arc::new(dir)))
    }

    /// What is at `path`; `None` where a symlink may be on the way.
    fn look(&self, path: &TreePath) -> Result<Option<Entry>, Error> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(Some(Entry::Dir)) };
        let dir = match self.dir(&parent)? {
            Place::Dir(dir) => dir,
            Place::Absent => return Ok(Some(Entry::Absent)),
            Place::Unclear => return Ok(None),
        };
        let stat = match rustix::fs::statat(dir.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::NAMETOOLONG) => return Ok(Some(Entry::Absent)),
            Err(errno) => return Err(Error::because(ErrorKind::Io, path, errno)),
        };
        Ok(Some(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Entry::Dir,
            FileType::RegularFile => self.read_regular(&dir, name, path)?,
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(dir.as_fd(), name, Vec::new())
                    .map_err(|errno| Error::because(ErrorKind::Io, path, errno))?;
                let target = target.to_str().map_err(|_| Error::new(ErrorKind::Unsupported, path))?;
                Entry::Symlink(Arc::from(target))
            }
            _ => return Err(Error::new(ErrorKind::Unsupported, path)),
        }))
    }

    fn read_regular(&self, dir: &OwnedFd, name: &str, path: &TreePath) -> Result<Entry, Error> {
        // Non-blocking, so that a pipe put in place of the file cannot hold us.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let io = |error: std::io::Error| Error::because(ErrorKind::Io, path, error);
        let fd = rustix::fs::openat(dir.as_fd(), name, flags, Mode::empty()).map_err(|errno| io(errno.into()))?;
        let stat = rustix::fs::fstat(&fd).map_err(|errno| io(errno.into()))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            return Err(Error::new(ErrorKind::Unsupported, path));
        }
        let limit = self.limits.file_bytes;
        let content = read_whole(std::fs::File::from(fd), stat.st_size, limit).map_err(io)?;
        if content.len() as u64 > limit {
            return Err(Error::because(ErrorKind::TooLarge, path, format!("the limit is {limit} bytes")));
        }
        let executable = stat.st_mode & 0o111 != 0;
        Ok(Entry::File(File::new(content).with_executable(executable)))
    }
}

/// How large a file may say it is to be believed before it is read.
const BELIEVED_BYTES: usize = 1 << 20;

/// A file's content, at most `limit` bytes and one. A file that is as long as it says is read to where it
/// stays: its text is not held twice.
fn read_whole(mut file: std::fs::File, said: i64, limit: u64) -> std::io::Result<Arc<[u8]>> {
    let said = usize::try_from(said).unwrap_or(0).min(BELIEVED_BYTES);
    let mut content: Arc<[u8]> = std::iter::repeat_n(0, said).collect();
    let mut filled = 0;
    if let Some(place) = Arc::get_mut(&mut content) {
        while filled < said {
            match file.read(&mut place[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }
    let mut rest = Vec::new();
    let left = (limit + 1).saturating_sub(filled as u64);
    if filled == said {
        file.take(left).read_to_end(&mut rest)?;
    }
    if filled == said && rest.is_empty() {
        return Ok(content);
    }
    Ok(content[..filled].iter().chain(&rest).copied().collect())
}

fn kind_of(errno: Errno) -> ErrorKind {
    match errno {
        Errno::NOENT => ErrorKind::NotFound,
        Errno::NOTDIR => ErrorKind::NotDirectory,
        _ => ErrorKind::Io,
    }
}

impl Tree for DirTree {
    fn read(&self, path: &TreePath) -> Result<Entry, Error> {
        Ok(self.look(path)?.unwrap_or(Entry::Absent))
    }

    fn follow(&self, path: &TreePath) -> Result<(TreePath, Entry), Error> {
        match self.look(path)? {
            None | Some(Entry::Symlink(_)) => follow_links(self, path),
            Some(entry) => Ok((path.clone(), entry)),
        }
    }

    fn stat(&self, path: &TreePath) -> Result<Stat, Error> {
        // A file's identity is its content, so there is no cheaper answer.
        Ok(match self.read(path)? {
            Entry::Absent => Stat::Absent,
            Entry::Dir => Stat::Dir,
            Entry::Symlink(target) => Stat::Symlink(target),
            Entry::File(file) => {
                Stat::File { digest: file.digest(), size: Some(file.content.len() as u64), executable: file.executable }
            }
        })
    }

    fn list(&self, path: &TreePath) -> Result<Option<Vec<ListItem>>, Error> {
        let Place::Dir(dir) = self.dir(path)? else { return Ok(None) };
        let io = |errno: Errno| Error::because(ErrorKind::Io, path, errno);
        let mut items = Vec::new();
        for entry in rustix::fs::Dir::read_from(&dir).map_err(io)? {
            let entry = entry.map_err(io)?;
            let Ok(name) = entry.file_name().to_str() else { continue };
            if !TreePath::is_segment(name) {
                continue;
            }
            let mut file_type = entry.file_type();
            if file_type == FileType::Unknown {
                let stat = rustix::fs::statat(dir.as_fd(), name, AtFlags::SYMLINK_NOFOLLOW).map_err(io)?;
                file_type = FileType::from_raw_mode(stat.st_mode);
            }
            let kind = match file_type {
                FileType::Directory => EntryKind::Dir,
                FileType::RegularFile => EntryKind::File,
                FileType::Symlink => EntryKind::Symlink,
                _ => continue,
            };
            if items.len() >= self.limits.dir_entries {
                return Err(Error::new(ErrorKind::TooLarge, path));
            }
            items.push(ListItem { name: Arc::from(name), kind });
        }
        items.sort();
        Ok(Some(items))
    }

    fn dir_digest(&self, _: &TreePath) -> Result<Option<Digest>, Error> {
        Ok(None)
    }
}
