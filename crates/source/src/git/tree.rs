//! A commit's tree, read from the object database.
//!
//! File and directory digests are Git's own ids, so that parts which did not change between two
//! commits are proved equal without reading them.

use super::mirror::Store;
use super::tree_object::{Mode, TreeObject};
use crate::ErrorKind as SourceKind;
use belay_tree::{Digest, Entry, EntryKind, Error, ErrorKind, File, Limits, ListItem, Stat, Tree, TreePath};
use gix::hash::ObjectId;
use std::sync::Arc;

/// Longest target of a symlink, in bytes (Linux's PATH_MAX).
const LINK_BYTES: u64 = 4096;

/// Largest file that is passed on whole: as large as the largest object that a fetch takes.
const WHOLE_BYTES: u64 = 512 << 20;

/// A tree object and all below it; keeps its store while it is in use.
pub(crate) struct GitTree {
    store: Arc<Store>,
    root: ObjectId,
    limits: Limits,
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
            match self.tree(&id, path)?.find(segment.as_bytes()) {
                None => return Ok(None),
                Some(entry) => (mode, id) = (entry.mode, entry.id),
            }
        }
        Ok(Some((mode, id)))
    }

    fn tree(&self, id: &ObjectId, path: &TreePath) -> Result<Arc<TreeObject>, Error> {
        self.store.objects().tree(id).map_err(|error| told(error, path))
    }

    fn symlink(&self, id: &ObjectId, path: &TreePath) -> Result<Arc<str>, Error> {
        let target = self.store.objects().blob(id, LINK_BYTES).map_err(|error| told(error, path))?;
        let text = std::str::from_utf8(&target).map_err(|_| Error::new(ErrorKind::Unsupported, path))?;
        Ok(Arc::from(text))
    }

    fn read_up_to(&self, path: &TreePath, limit: u64) -> Result<Entry, Error> {
        let Some((mode, id)) = self.find(path)? else { return Ok(Entry::Absent) };
        match mode {
            Mode::Dir | Mode::Submodule => Ok(Entry::Dir),
            Mode::Symlink => Ok(Entry::Symlink(self.symlink(&id, path)?)),
            Mode::File | Mode::Executable => {
                let content = self.store.objects().blob(&id, limit).map_err(|error| told(error, path))?;
                Ok(Entry::File(File::identified(content, digest(&id), mode == Mode::Executable)))
            }
        }
    }
}

impl Tree for GitTree {
    fn read(&self, path: &TreePath) -> Result<Entry, Error> {
        self.read_up_to(path, self.limits.file_bytes)
    }

    fn read_whole(&self, path: &TreePath) -> Result<Entry, Error> {
        self.read_up_to(path, WHOLE_BYTES)
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
        let tree = self.tree(&id, path)?;
        let mut items = Vec::new();
        for entry in tree.entries() {
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

fn told(error: crate::Error, path: &TreePath) -> Error {
    let kind = match error.kind() {
        SourceKind::TooLarge => ErrorKind::TooLarge,
        SourceKind::Hostile => ErrorKind::Hostile,
        _ => ErrorKind::Io,
    };
    Error::because(kind, path, error)
}
