//! The face of all trees.
//!
//! The three required methods answer for a path as it stands, following no symlink; the provided
//! ones follow symlinks within the tree. Because following is built on the raw answers, a
//! [`Recorded`](crate::Recorded) tree logs every symlink that a read went through.

use crate::{Digest, DigestBuilder, Error, ErrorKind, Limits, TreePath};
use std::sync::{Arc, OnceLock};

/// What is at a path, content included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Nothing, or something below what is no directory.
    Absent,
    /// A directory.
    Dir,
    /// A regular file.
    File(File),
    /// A symbolic link and its target as written.
    Symlink(Arc<str>),
}

/// What is at a path, without content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stat {
    /// Nothing, or something below what is no directory.
    Absent,
    /// A directory.
    Dir,
    /// A regular file.
    File {
        /// Identity of the content.
        digest: Digest,
        /// Length in bytes, where it is known without reading the content.
        size: Option<u64>,
        /// Whether the executable bit is set.
        executable: bool,
    },
    /// A symbolic link and its target as written.
    Symlink(Arc<str>),
}

/// A regular file.
#[derive(Clone, Debug)]
pub struct File {
    /// The content.
    pub content: Arc<[u8]>,
    /// Whether the executable bit is set.
    pub executable: bool,
    digest: OnceLock<Digest>,
}

impl PartialEq for File {
    fn eq(&self, other: &File) -> bool {
        (&self.content, self.executable) == (&other.content, other.executable)
    }
}
impl Eq for File {}

impl File {
    /// A file that is not executable.
    pub fn new(content: impl Into<Arc<[u8]>>) -> File {
        File { content: content.into(), executable: false, digest: OnceLock::new() }
    }

    /// A file whose content is known by an identity that tells it from all others of its tree.
    pub fn identified(content: impl Into<Arc<[u8]>>, digest: Digest, executable: bool) -> File {
        File { content: content.into(), executable, digest: OnceLock::from(digest) }
    }

    /// The same file with its executable bit set or not.
    pub fn with_executable(self, executable: bool) -> File {
        File { executable, ..self }
    }

    /// Identity of the content, computed when it is first asked for.
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| Digest::of(&self.content))
    }

    /// The content as text; `None` if it is not UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.content).ok()
    }
}

/// The kind of a listed entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ListItem {
    /// The name, a single segment of a [`TreePath`].
    pub name: Arc<str>,
    /// What it is.
    pub kind: EntryKind,
}

/// A read-only file tree. Answers for the same path must stay the same for as long as the value
/// lives, except for a folder on disk.
pub trait Tree: Send + Sync {
    /// What is at `path`, content included; follows no symlink.
    fn read(&self, path: &TreePath) -> Result<Entry, Error>;

    /// As [`Tree::read`], without the limit on a file's size: for those who pass a tree on and look
    /// into no file, never for renderers.
    fn read_whole(&self, path: &TreePath) -> Result<Entry, Error> {
        self.read(path)
    }

    /// What is at `path`, without content; follows no symlink.
    fn stat(&self, path: &TreePath) -> Result<Stat, Error> {
        Ok(match self.read(path)? {
            Entry::Absent => Stat::Absent,
            Entry::Dir => Stat::Dir,
            Entry::Symlink(target) => Stat::Symlink(target),
            Entry::File(file) => {
                Stat::File { digest: file.digest(), size: Some(file.content.len() as u64), executable: file.executable }
            }
        })
    }

    /// The entries of the directory at `path` sorted by name; `None` if `path` is no directory.
    /// Follows no symlink. Names that no [`TreePath`] can have are left out.
    fn list(&self, path: &TreePath) -> Result<Option<Vec<ListItem>>, Error>;

    /// Identity of all that is below the directory at `path`, if this tree knows it without
    /// reading every file. Equal digests at the same path mean that every answer below is equal.
    fn dir_digest(&self, path: &TreePath) -> Result<Option<Digest>, Error>;

    /// What is at `path` after following symlinks, and where that is. A symlink that leads out of
    /// the tree is an error that does not tell whether something is there (INV-FS-2, INV-FS-3).
    fn follow(&self, path: &TreePath) -> Result<(TreePath, Entry), Error> {
        match self.read(path)? {
            // Absent may mean that a directory on the way is a symlink.
            Entry::Absent if path.depth() < 2 => Ok((path.clone(), Entry::Absent)),
            Entry::Absent | Entry::Symlink(_) => follow_links(self, path),
            entry => Ok((path.clone(), entry)),
        }
    }

    /// The path after following symlinks; what is there may be absent.
    fn resolve(&self, path: &TreePath) -> Result<TreePath, Error> {
        match self.stat(path)? {
            Stat::Absent if path.depth() < 2 => Ok(path.clone()),
            Stat::Absent | Stat::Symlink(_) => resolve(self, path),
            Stat::Dir | Stat::File { .. } => Ok(path.clone()),
        }
    }

    /// The file at `path` after following symlinks; `None` if nothing is there.
    fn find_file(&self, path: &TreePath) -> Result<Option<File>, Error> {
        match self.follow(path)?.1 {
            Entry::File(file) => Ok(Some(file)),
            Entry::Absent => Ok(None),
            Entry::Dir => Err(Error::new(ErrorKind::IsDirectory, path)),
            Entry::Symlink(_) => Err(Error::new(ErrorKind::TooManyLinks, path)),
        }
    }

    /// The file at `path` after following symlinks.
    fn read_file(&self, path: &TreePath) -> Result<File, Error> {
        self.find_file(path)?.ok_or_else(|| Error::new(ErrorKind::NotFound, path))
    }

    /// The entries of the directory at `path` after following symlinks, sorted by name.
    fn list_dir(&self, path: &TreePath) -> Result<Vec<ListItem>, Error> {
        let real = self.resolve(path)?;
        match self.list(&real)? {
            Some(items) => Ok(items),
            None if self.stat(&real)? == Stat::Absent => Err(Error::new(ErrorKind::NotFound, path)),
            None => Err(Error::new(ErrorKind::NotDirectory, path)),
        }
    }

    /// Whether a directory is at `path` after following symlinks.
    fn is_dir(&self, path: &TreePath) -> Result<bool, Error> {
        let real = self.resolve(path)?;
        Ok(self.stat(&real)? == Stat::Dir)
    }

    /// Whether a file is at `path` after following symlinks.
    fn is_file(&self, path: &TreePath) -> Result<bool, Error> {
        let real = self.resolve(path)?;
        Ok(matches!(self.stat(&real)?, Stat::File { .. }))
    }
}

/// [`Tree::follow`] where a symlink may be on the way.
pub(crate) fn follow_links<T: Tree + ?Sized>(tree: &T, path: &TreePath) -> Result<(TreePath, Entry), Error> {
    let real = resolve(tree, path)?;
    let entry = tree.read(&real)?;
    Ok((real, entry))
}

/// Walks `path` segment by segment on a stack of what is left, so that a chain of links costs no
/// native recursion.
fn resolve<T: Tree + ?Sized>(tree: &T, path: &TreePath) -> Result<TreePath, Error> {
    let mut links = 0;
    let mut here = TreePath::root();
    let mut left: Vec<Box<str>> = path.segments().rev().map(Box::from).collect();
    let outside = || Error::new(ErrorKind::Outside, path);
    while let Some(segment) = left.pop() {
        match &*segment {
            "" | "." => continue,
            ".." => {
                here = here.parent().ok_or_else(outside)?;
                continue;
            }
            _ => {}
        }
        let Ok(next) = here.child(&segment) else {
            // A link's target with a name that no tree has leads to nothing.
            return Err(Error::new(ErrorKind::NotFound, path));
        };
        match tree.stat(&next)? {
            Stat::Symlink(target) => {
                links += 1;
                if links > Limits::LINKS {
                    return Err(Error::new(ErrorKind::TooManyLinks, path));
                }
                if target.starts_with('/') {
                    return Err(outside());
                }
                left.extend(target.split('/').rev().map(Box::from));
            }
            Stat::Dir => here = next,
            Stat::Absent | Stat::File { .. } => return below_nothing(path, &next, &left),
        }
    }
    Ok(here)
}

/// Where `left` leads from a path that is no directory: nowhere, but a way out of the tree is told
/// as such, so that the error is the same whether or not the path exists.
fn below_nothing(path: &TreePath, here: &TreePath, left: &[Box<str>]) -> Result<TreePath, Error> {
    let rest: Vec<&str> = left.iter().rev().map(|segment| &**segment).collect();
    let end = here.join(&rest.join("/")).map_err(|_| Error::new(ErrorKind::Outside, path))?;
    if rest.contains(&"..") { Err(Error::new(ErrorKind::NotFound, path)) } else { Ok(end) }
}

/// Identity of a listing: names and kinds, not contents.
pub fn listing_digest(items: &[ListItem]) -> Digest {
    let mut digest = DigestBuilder::new("listing");
    for item in items {
        digest.part(&*item.name).part([item.kind as u8]);
    }
    digest.finish()
}

/// Every file and symlink below a directory in the order of their paths, symlinks not followed.
pub struct Walk<'a, T: Tree + ?Sized> {
    tree: &'a T,
    left: Vec<(TreePath, EntryKind)>,
    budget: usize,
}

impl<'a, T: Tree + ?Sized> Walk<'a, T> {
    /// Walks what is below `dir`; nothing if it is no directory.
    pub fn new(tree: &'a T, dir: &TreePath, limits: &Limits) -> Walk<'a, T> {
        Walk { tree, left: vec![(dir.clone(), EntryKind::Dir)], budget: limits.walk_entries }
    }

    fn enter(&mut self, dir: &TreePath) -> Result<(), Error> {
        let items = self.tree.list(dir)?.unwrap_or_default();
        self.budget = self.budget.checked_sub(items.len()).ok_or_else(|| Error::new(ErrorKind::TooLarge, dir))?;
        for item in items.into_iter().rev() {
            self.left.push((dir.child(&item.name)?, item.kind));
        }
        Ok(())
    }
}

impl<T: Tree + ?Sized> Iterator for Walk<'_, T> {
    type Item = Result<(TreePath, EntryKind), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some((path, kind)) = self.left.pop() {
            if kind != EntryKind::Dir {
                return Some(Ok((path, kind)));
            }
            if let Err(error) = self.enter(&path) {
                self.left.clear();
                return Some(Err(error));
            }
        }
        None
    }
}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        impl<T: Tree + ?Sized> Tree for $pointer {
            fn read(&self, path: &TreePath) -> Result<Entry, Error> {
                (**self).read(path)
            }
            fn read_whole(&self, path: &TreePath) -> Result<Entry, Error> {
                (**self).read_whole(path)
            }
            fn stat(&self, path: &TreePath) -> Result<Stat, Error> {
                (**self).stat(path)
            }
            fn list(&self, path: &TreePath) -> Result<Option<Vec<ListItem>>, Error> {
                (**self).list(path)
            }
            fn dir_digest(&self, path: &TreePath) -> Result<Option<Digest>, Error> {
                (**self).dir_digest(path)
            }
            fn follow(&self, path: &TreePath) -> Result<(TreePath, Entry), Error> {
                (**self).follow(path)
            }
        }
    )*};
}

forward!(&T, Arc<T>, Box<T>);
