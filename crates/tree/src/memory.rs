//! Files in memory.

use crate::tree::{Entry, EntryKind, File, ListItem, Stat, Tree};
use crate::{Digest, DigestBuilder, Error, ErrorKind, TreePath};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A tree of files in memory, made by [`MemoryTree::builder`] or from `(path, content)` pairs.
#[derive(Clone, Debug)]
pub struct MemoryTree {
    root: Arc<Dir>,
}

#[derive(Debug)]
struct Dir {
    entries: BTreeMap<Box<str>, Node>,
    digest: Digest,
}

#[derive(Debug)]
enum Node {
    Dir(Dir),
    File(File),
    Symlink(Arc<str>),
}

/// Collects files for a [`MemoryTree`]; a later file at the same path replaces an earlier one.
#[derive(Debug, Default)]
pub struct MemoryTreeBuilder {
    root: BTreeMap<Box<str>, Draft>,
}

#[derive(Debug)]
enum Draft {
    Dir(BTreeMap<Box<str>, Draft>),
    File(File),
    Symlink(Arc<str>),
}

impl MemoryTree {
    /// An empty builder.
    pub fn builder() -> MemoryTreeBuilder {
        MemoryTreeBuilder::default()
    }

    /// A tree of `(path, content)` pairs.
    pub fn from_files<P, C>(files: impl IntoIterator<Item = (P, C)>) -> Result<MemoryTree, Error>
    where
        P: AsRef<str>,
        C: AsRef<[u8]>,
    {
        let mut builder = MemoryTree::builder();
        for (path, content) in files {
            builder.file(&TreePath::new(path.as_ref())?, File::new(content.as_ref()))?;
        }
        Ok(builder.build())
    }

    fn node(&self, path: &TreePath) -> Option<&Node> {
        let mut dir = &*self.root;
        let mut segments = path.segments().peekable();
        while let Some(segment) = segments.next() {
            let node = dir.entries.get(segment)?;
            match node {
                node if segments.peek().is_none() => return Some(node),
                Node::Dir(below) => dir = below,
                Node::File(_) | Node::Symlink(_) => return None,
            }
        }
        None
    }

    fn dir(&self, path: &TreePath) -> Option<&Dir> {
        if path.is_root() {
            return Some(&self.root);
        }
        match self.node(path)? {
            Node::Dir(dir) => Some(dir),
            Node::File(_) | Node::Symlink(_) => None,
        }
    }
}

impl Tree for MemoryTree {
    fn read(&self, path: &TreePath) -> Result<Entry, Error> {
        if path.is_root() {
            return Ok(Entry::Dir);
        }
        Ok(match self.node(path) {
            None => Entry::Absent,
            Some(Node::Dir(_)) => Entry::Dir,
            Some(Node::File(file)) => Entry::File(file.clone()),
            Some(Node::Symlink(target)) => Entry::Symlink(target.clone()),
        })
    }

    fn stat(&self, path: &TreePath) -> Result<Stat, Error> {
        if path.is_root() {
            return Ok(Stat::Dir);
        }
        Ok(match self.node(path) {
            None => Stat::Absent,
            Some(Node::Dir(_)) => Stat::Dir,
            Some(Node::File(file)) => {
                Stat::File { digest: file.digest(), size: Some(file.content.len() as u64), executable: file.executable }
            }
            Some(Node::Symlink(target)) => Stat::Symlink(target.clone()),
        })
    }

    fn list(&self, path: &TreePath) -> Result<Option<Vec<ListItem>>, Error> {
        let Some(dir) = self.dir(path) else { return Ok(None) };
        let item = |name: &str, node: &Node| ListItem {
            name: Arc::from(name),
            kind: match node {
                Node::Dir(_) => EntryKind::Dir,
                Node::File(_) => EntryKind::File,
                Node::Symlink(_) => EntryKind::Symlink,
            },
        };
        Ok(Some(dir.entries.iter().map(|(name, node)| item(name, node)).collect()))
    }

    fn dir_digest(&self, path: &TreePath) -> Result<Option<Digest>, Error> {
        Ok(self.dir(path).map(|dir| dir.digest))
    }
}

impl MemoryTreeBuilder {
    /// Adds a file, and the directories that lead to it. A directory at the path, or a file where
    /// a directory is needed, is an error.
    pub fn file(&mut self, path: &TreePath, file: File) -> Result<&mut MemoryTreeBuilder, Error> {
        self.put(path, Draft::File(file))
    }

    /// Adds a file with this content.
    pub fn text(&mut self, path: &TreePath, content: &str) -> Result<&mut MemoryTreeBuilder, Error> {
        self.file(path, File::new(content.as_bytes()))
    }

    /// Adds a symlink.
    pub fn symlink(&mut self, path: &TreePath, target: &str) -> Result<&mut MemoryTreeBuilder, Error> {
        self.put(path, Draft::Symlink(Arc::from(target)))
    }

    /// Adds a directory, which may stay empty.
    pub fn dir(&mut self, path: &TreePath) -> Result<&mut MemoryTreeBuilder, Error> {
        self.enter(path)?;
        Ok(self)
    }

    /// The tree of all that was added.
    pub fn build(self) -> MemoryTree {
        MemoryTree { root: Arc::new(freeze(self.root)) }
    }

    fn put(&mut self, path: &TreePath, draft: Draft) -> Result<&mut MemoryTreeBuilder, Error> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(Error::new(ErrorKind::IsDirectory, path));
        };
        let dir = self.enter(&parent)?;
        if let Some(Draft::Dir(_)) = dir.get(name) {
            return Err(Error::new(ErrorKind::IsDirectory, path));
        }
        dir.insert(Box::from(name), draft);
        Ok(self)
    }

    fn enter(&mut self, path: &TreePath) -> Result<&mut BTreeMap<Box<str>, Draft>, Error> {
        let mut dir = &mut self.root;
        for segment in path.segments() {
            let draft = dir.entry(Box::from(segment)).or_insert_with(|| Draft::Dir(BTreeMap::new()));
            match draft {
                Draft::Dir(below) => dir = below,
                Draft::File(_) | Draft::Symlink(_) => return Err(Error::new(ErrorKind::NotDirectory, path)),
            }
        }
        Ok(dir)
    }
}

/// Recursion is bounded by [`TreePath::MAX_DEPTH`].
fn freeze(drafts: BTreeMap<Box<str>, Draft>) -> Dir {
    let mut digest = DigestBuilder::new("dir");
    let mut entries = BTreeMap::new();
    for (name, draft) in drafts {
        let node = match draft {
            Draft::Dir(below) => Node::Dir(freeze(below)),
            Draft::File(file) => Node::File(file),
            Draft::Symlink(target) => Node::Symlink(target),
        };
        digest.part(&*name);
        match &node {
            Node::Dir(dir) => digest.part("d").digest(&dir.digest),
            Node::File(file) => digest.part(if file.executable { "x" } else { "f" }).digest(&file.digest()),
            Node::Symlink(target) => digest.part("l").part(&**target),
        };
        entries.insert(name, node);
    }
    Dir { entries, digest: digest.finish() }
}
