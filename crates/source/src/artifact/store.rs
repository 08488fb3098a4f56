//! Archives on disk: `<kind>/<namespace>/<name>/<file>.tar.gz`.

use super::archive::{ArchiveLimits, write_archive};
use crate::{Error, ErrorKind, Fetched};
use belay_tree::{Digest, TreePath};
use parking_lot::Mutex;
use rustix::fs::Mode;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Archives whose bytes are known by the tree's digest; the oldest knowledge is dropped beyond.
const KNOWN: usize = 4096;

/// An archive in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Path below the store's URL: `gitrepository/<namespace>/<name>/<commit>.tar.gz`.
    pub path: String,
    /// The source's revision.
    pub revision: String,
    /// `sha256:<hex>` of the archive's bytes.
    pub digest: String,
    /// Length of the archive in bytes.
    pub size: u64,
    /// When the archive was written, in seconds since 1970.
    pub written_s: u64,
}

/// Keeps archives on disk.
///
/// Sources of equal content (a hundred objects that follow one branch) share one file by hard
/// links, so content is archived once however many name it.
#[derive(Debug)]
pub struct ArtifactStore {
    dir: PathBuf,
    ttl: Duration,
    records: usize,
    limits: ArchiveLimits,
    known: Mutex<HashMap<Digest, Known>>,
    next: AtomicU64,
}

#[derive(Clone, Debug)]
struct Known {
    file: PathBuf,
    digest: String,
    size: u64,
}

impl ArtifactStore {
    /// Opens the store in a folder, which is made (mode 0700) if need be. Of each source's
    /// archives the one in use stays, and of the others those that are younger than `ttl`, at most
    /// `records` in all (Flux: 60 s and 2).
    pub fn open(dir: impl Into<PathBuf>, ttl: Duration, records: usize) -> Result<ArtifactStore, Error> {
        let dir = dir.into();
        make_folders(&dir)?;
        Ok(ArtifactStore {
            dir,
            ttl,
            records,
            limits: ArchiveLimits::default(),
            known: Mutex::default(),
            next: AtomicU64::new(0),
        })
    }

    /// The folder of the store.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Archives a source's tree, and removes what is too old. Blocking. `kind` is lower case
    /// (`gitrepository`); `file` is the file's name without suffix, a commit's id for Git.
    pub fn put(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        file: &str,
        fetched: &Fetched,
    ) -> Result<Artifact, Error> {
        let folder = self.folder(kind, namespace, name)?;
        let file_name = format!("{}.tar.gz", segment(file)?);
        make_folders(&folder)?;
        let target = folder.join(&file_name);
        let before = modified(&target);
        let content = fetched.tree.dir_digest(&TreePath::root())?;
        let known = match content.and_then(|content| self.reuse(&content, &target)) {
            Some(known) => known,
            None => self.write(fetched, &target)?,
        };
        if let Some(content) = content {
            self.learn(content, known.clone());
        }
        self.collect(&folder, &file_name);
        // A link has its file's time, which is that of another source; the record is new all the same.
        let written = before.unwrap_or_else(SystemTime::now);
        Ok(Artifact {
            path: format!("{kind}/{namespace}/{name}/{file_name}"),
            revision: fetched.revision.clone(),
            digest: known.digest,
            size: known.size,
            written_s: written.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs()),
        })
    }

    /// Begins a file of a source whose content comes piece by piece.
    pub fn begin(&self, kind: &str, namespace: &str, name: &str) -> Result<Draft, Error> {
        let folder = self.folder(kind, namespace, name)?;
        make_folders(&folder)?;
        let path = self.temporary(&folder.join("draft"));
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        let file = file.map_err(|error| failed(&path, &error))?;
        let out = Hashed { out: BufWriter::with_capacity(64 << 10, file), hash: Sha256::new(), size: 0 };
        Ok(Draft { path, prefix: format!("{kind}/{namespace}/{name}"), out })
    }

    /// Keeps a file that was begun under a name (with its suffix), and removes what is too old. Blocking.
    pub fn finish(&self, mut draft: Draft, file_name: &str, revision: &str) -> Result<Artifact, Error> {
        segment(file_name)?;
        draft.out.flush().map_err(|error| failed(&draft.path, &error))?;
        let target = draft.path.with_file_name(file_name);
        fs::rename(&draft.path, &target).map_err(|error| failed(&target, &error))?;
        let folder = target.parent().unwrap_or(&self.dir);
        self.collect(folder, file_name);
        Ok(Artifact {
            path: format!("{}/{file_name}", draft.prefix),
            revision: revision.to_owned(),
            digest: draft.digest(),
            size: draft.out.size,
            written_s: SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.as_secs()),
        })
    }

    /// Lets a fixed name beside an artifact lead to it (`latest.tar.gz`); gives the name's path below
    /// the store's URL. Blocking.
    pub fn link(&self, artifact: &Artifact, name: &str) -> Result<String, Error> {
        let target = self.locate(&artifact.path)?;
        let link = target.with_file_name(segment(name)?);
        let file = target.file_name().unwrap_or_default();
        let temporary = self.temporary(&link);
        // Replaced in one step: a reader finds the old file or the new one.
        std::os::unix::fs::symlink(file, &temporary)
            .and_then(|()| fs::rename(&temporary, &link))
            .map_err(|error| failed(&link, &error))?;
        Ok(artifact.path.rsplit_once('/').map_or(name.to_owned(), |(folder, _)| format!("{folder}/{name}")))
    }

    /// Reads an artifact of at most `limit` bytes; `None` where it is not in the store with the bytes
    /// that its digest says. Blocking.
    pub fn read(&self, path: &str, digest: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        let path = self.locate(path)?;
        let Ok(meta) = fs::metadata(&path) else { return Ok(None) };
        if meta.len() > limit {
            let text = format!("the artifact is larger than {limit} bytes");
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
        let Ok(content) = fs::read(&path) else { return Ok(None) };
        let found = format!("sha256:{}", Digest::of(&content).hex());
        Ok((found == digest).then_some(content))
    }

    /// Whether the archive is in the store with the bytes that its digest says (INV-VER-4). One
    /// that is not as it should be is removed. Blocking.
    pub fn verify(&self, artifact: &Artifact) -> Result<bool, Error> {
        let path = self.locate(&artifact.path)?;
        let Ok(file) = File::open(&path) else { return Ok(false) };
        let mut hash = Sha256::new();
        io::copy(&mut io::BufReader::new(file), &mut hash).map_err(|error| failed(&path, &error))?;
        let intact = format!("sha256:{}", Digest::from_sha256(hash.finalize().into()).hex()) == artifact.digest;
        if !intact {
            self.known.lock().retain(|_, known| known.digest != artifact.digest);
            fs::remove_file(&path).ok();
        }
        Ok(intact)
    }

    /// Removes all archives of a source.
    pub fn remove(&self, kind: &str, namespace: &str, name: &str) -> Result<(), Error> {
        let folder = self.folder(kind, namespace, name)?;
        self.known.lock().retain(|_, known| !known.file.starts_with(&folder));
        match fs::remove_dir_all(&folder) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed(&folder, &error)),
        }
    }

    /// Where the archive at a path below the store's URL is on disk.
    pub fn locate(&self, path: &str) -> Result<PathBuf, Error> {
        let path = TreePath::new(path)?;
        Ok(path.segments().fold(self.dir.clone(), |folder, segment| folder.join(segment)))
    }

    fn folder(&self, kind: &str, namespace: &str, name: &str) -> Result<PathBuf, Error> {
        Ok(self.dir.join(segment(kind)?).join(segment(namespace)?).join(segment(name)?))
    }

    /// Takes an archive of the same content, if its file is still there as it was.
    fn reuse(&self, content: &Digest, target: &Path) -> Option<Known> {
        let known = self.known.lock().get(content).cloned()?;
        let same_size = |path: &Path| fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == known.size);
        if !same_size(&known.file) {
            return None;
        }
        if known.file != target {
            // Replaced in one step: a reader sees the old file or the new one.
            let link = self.temporary(target);
            fs::hard_link(&known.file, &link).ok()?;
            fs::rename(&link, target).ok()?;
            // Renaming a link onto another link of the same file leaves both.
            fs::remove_file(&link).ok();
        }
        Some(Known { file: target.to_owned(), ..known })
    }

    fn learn(&self, content: Digest, known: Known) {
        let mut all = self.known.lock();
        if all.len() >= KNOWN {
            all.clear();
        }
        all.insert(content, known);
    }

    fn write(&self, fetched: &Fetched, target: &Path) -> Result<Known, Error> {
        let temporary = self.temporary(target);
        let outcome = self.write_to(fetched, &temporary).and_then(|(digest, size)| {
            fs::rename(&temporary, target).map_err(|error| failed(target, &error))?;
            Ok(Known { file: target.to_owned(), digest, size })
        });
        if outcome.is_err() {
            fs::remove_file(&temporary).ok();
        }
        outcome
    }

    fn write_to(&self, fetched: &Fetched, path: &Path) -> Result<(String, u64), Error> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = file.map_err(|error| failed(path, &error))?;
        let mut out = Hashed { out: BufWriter::with_capacity(64 << 10, file), hash: Sha256::new(), size: 0 };
        write_archive(&*fetched.tree, &mut out, &self.limits)?;
        out.flush().map_err(|error| failed(path, &error))?;
        Ok((format!("sha256:{}", Digest::from_sha256(out.hash.finalize().into()).hex()), out.size))
    }

    fn temporary(&self, target: &Path) -> PathBuf {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        target.with_extension(format!("{}-{number}.tmp", std::process::id()))
    }

    /// Removes a source's archives that nobody will ask for any more. What cannot be removed is
    /// tried again next time.
    fn collect(&self, folder: &Path, current: &str) {
        let now = SystemTime::now();
        let Ok(entries) = fs::read_dir(folder) else { return };
        let mut others: Vec<(SystemTime, PathBuf)> = entries
            .flatten()
            .filter(|entry| entry.file_name() != current)
            // Fixed names are replaced, never removed.
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
            .filter_map(|entry| Some((modified(&entry.path())?, entry.path())))
            .collect();
        others.sort_unstable_by(|a, b| b.cmp(a));
        for (i, (modified, path)) in others.into_iter().enumerate() {
            let old = now.duration_since(modified).is_ok_and(|age| age > self.ttl);
            // The one in use is the first record.
            if old || i + 1 >= self.records {
                fs::remove_file(path).ok();
            }
        }
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

/// A file that is being written; it is gone if it is not finished.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    prefix: String,
    out: Hashed<BufWriter<File>>,
}

impl Draft {
    /// Adds to it.
    pub fn write(&mut self, piece: &[u8]) -> Result<(), Error> {
        self.out.write_all(piece).map_err(|error| failed(&self.path, &error))
    }
    /// How much was written, in bytes.
    pub fn size(&self) -> u64 {
        self.out.size
    }
    /// `sha256:<hex>` of what was written.
    pub fn digest(&self) -> String {
        format!("sha256:{}", Digest::from_sha256(self.out.hash.clone().finalize().into()).hex())
    }
    /// What was written so far, to be read from its beginning.
    pub fn reopen(&mut self) -> Result<File, Error> {
        let path = self.path.clone();
        self.out.flush().and_then(|()| File::open(&path)).map_err(|error| failed(&path, &error))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After it was kept there is nothing under this name.
        fs::remove_file(&self.path).ok();
    }
}

/// Hashes and counts what passes.
#[derive(Debug)]
struct Hashed<W> {
    out: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.out.write(data)?;
        self.hash.update(&data[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// A name that becomes a part of a path (INV-FS-8).
fn segment(name: &str) -> Result<&str, Error> {
    if TreePath::is_segment(name) && !name.starts_with('.') {
        return Ok(name);
    }
    Err(Error::new(ErrorKind::Spec, format!("{name:?} cannot be a part of an artifact's path")))
}

/// Makes a folder and those above it, each with mode 0700 whatever the umask.
fn make_folders(path: &Path) -> Result<(), Error> {
    let mut missing = Vec::new();
    let mut at = Some(path);
    while let Some(folder) = at.filter(|folder| !folder.as_os_str().is_empty() && !folder.exists()) {
        missing.push(folder);
        at = folder.parent();
    }
    for folder in missing.into_iter().rev() {
        match rustix::fs::mkdir(folder, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(failed(folder, &error)),
        }
    }
    Ok(())
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Storage, format!("artifact storage {}: {error}", path.display()))
}
