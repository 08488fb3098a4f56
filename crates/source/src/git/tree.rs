//! A commit's tree, read from the object database.
//!
//! File and directory digests are Git's own ids, so that parts which did not change between two
//! commits are proved equal without reading them.

use super::mirror::Store;
use crate::ErrorKind as SourceKind;
use belay_tree::{Digest, Entry, EntryKind, Error, ErrorKind, File, Limits, ListItem, Stat, Tree, TreePath};
use gix::hash::ObjectId;
use gix::objs::Kind;
use std::sync::Arc;

/// Longest target of a symlink, in bytes (Linux's PATH_MAX).
const LINK_BYTES: u64 = 4096;

/// A tree object and all below it; keeps its store while it is in use.
pub(crate) struct GitTree {
    store: Arc<Store>,
    root: ObjectId,
    limits: Limits,
}

/// What a tree object says of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Dir,
    File,
    Executable,
    Symlink,
    /// A commit of another repository, unless it was put in place: an empty directory.
    Submodule,
}

struct RawEntry<'a> {
    mode: Mode,
    name: &'a [u8],
    id: ObjectId,
}

impl GitTree {
    /// The tree with this id.
    pub(crate) fn new(store: Arc<Store>, root: ObjectId, limits: Limits) -> GitTree {
        GitTree { store, root, limits }
    }

    /// The commit that a submodule at `path` stands at; `None` if there is no submodule.
    pub(crate) fn submodule(&self, path: &TreePath) -> Result<Option<ObjectId>, Error> {
        Ok(self.find(path)?.filter(|(mode, _)| *mode == Mode::Submodule).map(|(_, id)| id))
    }

    fn find(&self, path: &TreePath) -> Result<Option<(Mode, ObjectId)>, Error> {
        let (mut mode, mut id) = (Mode::Dir, self.root);
        for segment in path.segments() {
            if mode != Mode::Dir {
                return Ok(None);
            }
            let data = self.tree(&id, path)?;
            let entry = self.entries(&data).find(|entry| match entry {
                Some(entry) => entry.name == segment.as_bytes(),
                None => true,
            });
            match entry {
                None => return Ok(None),
                Some(None) => return Err(malformed(path)),
                Some(Some(entry)) => (mode, id) = (entry.mode, entry.id),
            }
        }
        Ok(Some((mode, id)))
    }

    fn tree(&self, id: &ObjectId, path: &TreePath) -> Result<Arc<[u8]>, Error> {
        self.store.objects().structure(id, Kind::Tree).map_err(|error| told(error, path))
    }

    /// The entries of a tree object; `None` ends it where it is malformed.
    fn entries<'a>(&self, data: &'a [u8]) -> impl Iterator<Item = Option<RawEntry<'a>>> {
        let id_len = self.store.objects().hash().len_in_bytes();
        let mut rest = data;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let entry = take_entry(rest, id_len);
            rest = entry.as_ref().map_or(&[][..], |(_, rest)| rest);
            Some(entry.map(|(entry, _)| entry))
        })
    }

    fn symlink(&self, id: &ObjectId, path: &TreePath) -> Result<Arc<str>, Error> {
        let target = self.store.objects().blob(id, LINK_BYTES).map_err(|error| told(error, path))?;
        let text = std::str::from_utf8(&target).map_err(|_| Error::new(ErrorKind::Unsupported, path))?;
        Ok(Arc::from(text))
    }
}

fn take_entry(data: &[u8], id_len: usize) -> Option<(RawEntry<'_>, &[u8])> {
    let space = data.iter().take(8).position(|b| *b == b' ')?;
    let mode = match &data[..space] {
        b"40000" | b"040000" => Mode::Dir,
        b"100755" => Mode::Executable,
        // Old tools wrote 100664 and other modes for plain files.
        mode if mode.starts_with(b"100") => Mode::File,
        b"120000" => Mode::Symlink,
        b"160000" => Mode::Submodule,
        _ => return None,
    };
    let after = &data[space + 1..];
    let end = after.iter().position(|b| *b == 0)?;
    let id = after.get(end + 1..end + 1 + id_len)?;
    let id = ObjectId::try_from(id).ok()?;
    Some((RawEntry { mode, name: &after[..end], id }, &after[end + 1 + id_len..]))
}

impl Tree for GitTree {
    fn read(&self, path: &TreePath) -> Result<Entry, Error> {
        let Some((mode, id)) = self.find(path)? else { return Ok(Entry::Absent) };
        match mode {
            Mode::Dir | Mode::Submodule => Ok(Entry::Dir),
            Mode::Symlink => Ok(Entry::Symlink(self.symlink(&id, path)?)),
            Mode::File | Mode::Executable => {
                let limit = self.limits.file_bytes;
                let content = self.store.objects().blob(&id, limit).map_err(|error| told(error, path))?;
                Ok(Entry::File(File { content, digest: digest(&id), executable: mode == Mode::Executable }))
            }
        }
    }

    fn stat(&self, path: &TreePath) -> Result<Stat, Error> {
        let Some((mode, id)) = self.find(path)? else { return Ok(Stat::Absent) };
        Ok(match mode {
            Mode::Dir | Mode::Submodule => Stat::Dir,
            Mode::Symlink => Stat::Symlink(self.symlink(&id, path)?),
            Mode::File | Mode::Executable => {
                Stat::File { digest: digest(&id), size: None, executable: mode == Mode::Executable }
            }
        })
    }

    /// A name that would mean something to a file system (INV-FS-4) refuses the whole directory;
    /// one that a [`TreePath`] cannot have is left out.
    fn list(&self, path: &TreePath) -> Result<Option<Vec<ListItem>>, Error> {
        let id = match self.find(path)? {
            Some((Mode::Dir, id)) => id,
            Some((Mode::Submodule, _)) => return Ok(Some(Vec::new())),
            Some(_) | None => return Ok(None),
        };
        let data = self.tree(&id, path)?;
        let mut items = Vec::new();
        for entry in self.entries(&data) {
            let entry = entry.ok_or_else(|| malformed(path))?;
            if is_hostile(entry.name) {
                let name = String::from_utf8_lossy(entry.name);
                return Err(Error::because(ErrorKind::Hostile, path, format!("an entry is named {name:?}")));
            }
            let Some(name) = std::str::from_utf8(entry.name).ok().filter(|name| TreePath::is_segment(name)) else {
                continue;
            };
            if items.len() >= self.limits.dir_entries {
                return Err(Error::new(ErrorKind::TooLarge, path));
            }
            let kind = match entry.mode {
                Mode::Dir | Mode::Submodule => EntryKind::Dir,
                Mode::Symlink => EntryKind::Symlink,
                Mode::File | Mode::Executable => EntryKind::File,
            };
            items.push(ListItem { name: Arc::from(name), kind });
        }
        // Git sorts a directory as if its name ended in a slash.
        items.sort();
        if let Some(twice) = items.windows(2).find(|pair| pair[0].name == pair[1].name) {
            let why = format!("two entries are named {:?}", twice[0].name);
            return Err(Error::because(ErrorKind::Hostile, path, why));
        }
        Ok(Some(items))
    }

    fn dir_digest(&self, path: &TreePath) -> Result<Option<Digest>, Error> {
        Ok(match self.find(path)? {
            Some((Mode::Dir, id)) => Some(digest(&id)),
            Some((Mode::Submodule, _)) => Some(Digest::of(b"submodule")),
            Some(_) | None => None,
        })
    }
}

fn digest(id: &ObjectId) -> Digest {
    Digest::from_git(id.as_bytes()).expect("an object id has 20 or 32 bytes")
}

/// Names by which a tree has escaped its checkout: dots, and every spelling of `.git` that some
/// file system takes for it (HFS+ ignores some code points, NTFS has short names and trailing
/// dots and spaces).
fn is_hostile(name: &[u8]) -> bool {
    if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') {
        return true;
    }
    let Ok(text) = std::str::from_utf8(name) else { return false };
    let ignorable = |c: &char| matches!(*c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{206a}'..='\u{206f}' | '\u{feff}');
    let plain: String = text.chars().filter(|c| !ignorable(c)).flat_map(char::to_lowercase).collect();
    let plain = plain.split([':', '\\']).next().unwrap_or_default().trim_end_matches(['.', ' ']);
    matches!(plain, ".git" | "git~1")
}

fn malformed(path: &TreePath) -> Error {
    Error::because(ErrorKind::Hostile, path, "the tree object is malformed")
}

fn told(error: crate::Error, path: &TreePath) -> Error {
    let kind = match error.kind() {
        SourceKind::TooLarge => ErrorKind::TooLarge,
        SourceKind::Hostile => ErrorKind::Hostile,
        _ => ErrorKind::Io,
    };
    Error::because(kind, path, error)
}
