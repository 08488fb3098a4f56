//! The part of a tree that a sparse checkout has: some directories and what is below them.
//!
//! go-git compares path prefixes as text, so that `app` also takes `apple/`; here a directory is
//! a directory.

use belay_tree::{Digest, DigestBuilder, Entry, Error, ListItem, Stat, Tree, TreePath};
use std::sync::Arc;

/// A tree of which only some directories show.
pub struct SparseTree {
    tree: Arc<dyn Tree>,
    dirs: Vec<TreePath>,
}

enum Place {
    Inside,
    OnTheWay,
    Outside,
}

impl SparseTree {
    /// Shows `dirs` of `tree`.
    pub fn new(tree: Arc<dyn Tree>, dirs: Vec<TreePath>) -> SparseTree {
        SparseTree { tree, dirs }
    }

    fn place(&self, path: &TreePath) -> Place {
        if self.dirs.iter().any(|dir| path.starts_with(dir)) {
            Place::Inside
        } else if self.dirs.iter().any(|dir| dir.starts_with(path)) {
            Place::OnTheWay
        } else {
            Place::Outside
        }
    }

    fn read_by(&self, path: &TreePath, read: impl Fn(&dyn Tree) -> Result<Entry, Error>) -> Result<Entry, Error> {
        match self.place(path) {
            Place::Inside => read(&*self.tree),
            Place::OnTheWay => Ok(match self.tree.stat(path)? {
                Stat::Dir => Entry::Dir,
                _ => Entry::Absent,
            }),
            Place::Outside => Ok(Entry::Absent),
        }
    }
}

impl Tree for SparseTree {
    fn read(&self, path: &TreePath) -> Result<Entry, Error> {
        self.read_by(path, |tree| tree.read(path))
    }

    fn read_whole(&self, path: &TreePath) -> Result<Entry, Error> {
        self.read_by(path, |tree| tree.read_whole(path))
    }

    fn stat(&self, path: &TreePath) -> Result<Stat, Error> {
        match (self.place(path), self.tree.stat(path)?) {
            (Place::Inside, stat) => Ok(stat),
            (Place::OnTheWay, Stat::Dir) => Ok(Stat::Dir),
            (Place::OnTheWay | Place::Outside, _) => Ok(Stat::Absent),
        }
    }

    fn list(&self, path: &TreePath) -> Result<Option<Vec<ListItem>>, Error> {
        match self.place(path) {
            Place::Inside => self.tree.list(path),
            Place::Outside => Ok(None),
            Place::OnTheWay => {
                let Some(items) = self.tree.list(path)? else { return Ok(None) };
                let shows = |item: &ListItem| {
                    path.child(&item.name).is_ok_and(|path| match self.place(&path) {
                        Place::Inside => true,
                        Place::OnTheWay => item.kind == belay_tree::EntryKind::Dir,
                        Place::Outside => false,
                    })
                };
                Ok(Some(items.into_iter().filter(shows).collect()))
            }
        }
    }

    fn dir_digest(&self, path: &TreePath) -> Result<Option<Digest>, Error> {
        match self.place(path) {
            Place::Inside => self.tree.dir_digest(path),
            Place::Outside => Ok(None),
            Place::OnTheWay => {
                let mut digest = DigestBuilder::new("sparse");
                for dir in self.dirs.iter().filter(|dir| dir.starts_with(path)) {
                    digest.part(dir.as_str());
                    match self.tree.dir_digest(dir)? {
                        Some(below) => digest.digest(&below),
                        None => return Ok(None),
                    };
                }
                Ok(Some(digest.finish()))
            }
        }
    }
}
