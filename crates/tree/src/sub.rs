//! The part of a tree below a directory, as a tree of its own.

use crate::tree::{Entry, ListItem, Stat, Tree};
use crate::{Digest, Error, TreePath};

/// What is below `dir`: its root is that directory, and a symlink that leads out of it is refused.
#[derive(Clone, Debug)]
pub struct SubTree<T> {
    tree: T,
    dir: TreePath,
}

impl<T: Tree> SubTree<T> {
    /// The part of `tree` below `dir`, which is used as it stands (resolve it first if it may be
    /// a symlink).
    pub fn new(tree: T, dir: TreePath) -> SubTree<T> {
        SubTree { tree, dir }
    }
}

impl<T: Tree> Tree for SubTree<T> {
    fn read(&self, path: &TreePath) -> Result<Entry, Error> {
        self.tree.read(&path.below(&self.dir)?).map_err(|error| error.at(path))
    }

    fn read_whole(&self, path: &TreePath) -> Result<Entry, Error> {
        self.tree.read_whole(&path.below(&self.dir)?).map_err(|error| error.at(path))
    }

    fn stat(&self, path: &TreePath) -> Result<Stat, Error> {
        self.tree.stat(&path.below(&self.dir)?).map_err(|error| error.at(path))
    }

    fn list(&self, path: &TreePath) -> Result<Option<Vec<ListItem>>, Error> {
        self.tree.list(&path.below(&self.dir)?).map_err(|error| error.at(path))
    }

    fn dir_digest(&self, path: &TreePath) -> Result<Option<Digest>, Error> {
        self.tree.dir_digest(&path.below(&self.dir)?).map_err(|error| error.at(path))
    }
}
