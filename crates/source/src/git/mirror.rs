//! Where a repository's objects are kept: a bare object database in the cache, filled by shallow
//! fetches, or the objects of a folder on this machine as they are.
//!
//! A store only grows. After some fetches a new one takes its place, filled from the remote anew,
//! and the old one goes when the last tree that reads from it is dropped. That keeps the number of
//! packs and what force-pushes left behind bounded without a garbage collector.

use super::objects::{ObjectCache, Objects};
use crate::{Error, ErrorKind};
use gix::hash::Kind as HashKind;
use rustix::fs::{FlockOperation, Mode};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// One object database.
pub(crate) struct Store {
    objects: Objects,
    folder: PathBuf,
    fetches: AtomicUsize,
    /// Keeps the cache folder until this store is gone. `None`: not ours, never removed.
    cache: Option<Arc<CacheFolder>>,
}

impl Store {
    /// Makes an empty store in the cache.
    pub(crate) fn create(folder: &Arc<CacheFolder>, hash: HashKind, cache: Arc<ObjectCache>) -> Result<Store, Error> {
        let path = folder.next();
        make_folder(&path)?;
        make_folder(&path.join("objects"))?;
        make_folder(&path.join("objects/pack"))?;
        let objects = Objects::open(&path.join("objects"), hash, cache, true)?;
        Ok(Store { objects, folder: path, fetches: AtomicUsize::new(0), cache: Some(folder.clone()) })
    }

    /// Reads the objects of a repository on this machine.
    pub(crate) fn open(objects: &Path, hash: HashKind, cache: Arc<ObjectCache>) -> Result<Store, Error> {
        let folder = objects.to_owned();
        let objects = Objects::open(objects, hash, cache, false)?;
        Ok(Store { objects, folder, fetches: AtomicUsize::new(0), cache: None })
    }

    pub(crate) fn objects(&self) -> &Objects {
        &self.objects
    }

    pub(crate) fn pack_folder(&self) -> PathBuf {
        self.folder.join("objects/pack")
    }

    pub(crate) fn shallow_file(&self) -> PathBuf {
        self.folder.join("shallow")
    }

    /// Counts a fetch.
    pub(crate) fn fetched(&self) {
        self.fetches.fetch_add(1, Ordering::Relaxed);
    }

    /// How many fetches have gone into this store, each of them a pack.
    pub(crate) fn fetches(&self) -> usize {
        self.fetches.load(Ordering::Relaxed)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if self.cache.is_some()
            && let Err(error) = std::fs::remove_dir_all(&self.folder)
        {
            tracing::warn!(folder = %self.folder.display(), %error, "a Git mirror is left behind");
        }
    }
}

/// This process's folder in the cache, mode 0700, removed on drop. A lock on a file in it tells
/// other processes that it is in use; folders whose lock is free are left over from a crash and
/// removed at start (INV-FS-10).
#[derive(Debug)]
pub(crate) struct CacheFolder {
    folder: PathBuf,
    _lock: File,
    next: AtomicU64,
}

impl CacheFolder {
    pub(crate) fn create(root: &Path) -> Result<CacheFolder, Error> {
        make_folder(root)?;
        remove_left_over(root)?;
        // The process id alone is no name: in containers it is 1 each time.
        let random = std::hash::BuildHasher::hash_one(&std::collections::hash_map::RandomState::new(), 0u8);
        let folder = root.join(format!("git-{}-{random:016x}", std::process::id()));
        make_folder(&folder)?;
        let lock = File::create(folder.join("lock")).map_err(|error| storage(&folder, &error))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| storage(&folder, &error))?;
        Ok(CacheFolder { folder, _lock: lock, next: AtomicU64::new(0) })
    }

    fn next(&self) -> PathBuf {
        self.folder.join(self.next.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

impl Drop for CacheFolder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

fn remove_left_over(root: &Path) -> Result<(), Error> {
    for entry in std::fs::read_dir(root).map_err(|error| storage(root, &error))?.flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with("git-"));
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        // A folder without a lock file may be in the making.
        let Ok(lock) = File::open(entry.path().join("lock")) else { continue };
        if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_ok() {
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
    Ok(())
}

/// Makes a folder with mode 0700 whatever the umask; an existing one is left as it is.
fn make_folder(path: &Path) -> Result<(), Error> {
    if let Some(parent) = path.parent()
        && !parent.exists()
    {
        std::fs::create_dir_all(parent).map_err(|error| storage(parent, &error))?;
    }
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) | Err(rustix::io::Errno::EXIST) => Ok(()),
        Err(error) => Err(storage(path, &error)),
    }
}

fn storage(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Storage, format!("Git cache {}: {error}", path.display()))
}
