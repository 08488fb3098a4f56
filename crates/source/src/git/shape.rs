//! The tree as the specification wants it: submodules in place, some directories only, other
//! sources laid over, ignored files left out; in this order, as Flux does it to a checkout.

use super::spec::{GitSpec, Include};
use crate::filtered::{Filtered, KnownTrees};
use crate::sparse::SparseTree;
use crate::{Error, ErrorKind};
use belay_tree::{OverlayTree, SubTree, Tree, TreePath};
use std::sync::Arc;

/// Shapes the tree of a commit, submodules given.
pub(crate) fn shape(
    spec: &GitSpec,
    tree: Arc<dyn Tree>,
    submodules: Vec<(TreePath, Arc<dyn Tree>)>,
    known: &Arc<KnownTrees>,
) -> Result<Arc<dyn Tree>, Error> {
    let mut tree = tree;
    if !submodules.is_empty() {
        let mut overlay = OverlayTree::new(tree);
        for (path, submodule) in submodules {
            overlay = overlay.with(path, submodule);
        }
        tree = Arc::new(overlay);
    }
    if !spec.sparse_checkout.is_empty() {
        tree = sparse(tree, &spec.sparse_checkout)?;
    }
    if !spec.include.is_empty() {
        let mut overlay = OverlayTree::new(tree);
        for include in &spec.include {
            overlay = overlay.with(include.to.clone(), included(include)?);
        }
        tree = Arc::new(overlay);
    }
    Ok(Arc::new(Filtered::new(tree, spec.ignore.as_deref(), known.clone())))
}

fn sparse(tree: Arc<dyn Tree>, dirs: &[String]) -> Result<Arc<dyn Tree>, Error> {
    let mut paths = Vec::with_capacity(dirs.len());
    for dir in dirs {
        let path = TreePath::clean(dir)?;
        if !tree.is_dir(&path)? {
            let text = format!("sparse checkout directory '{dir}' does not exist in the repository");
            return Err(Error::new(ErrorKind::PathNotFound, text));
        }
        paths.push(path);
    }
    Ok(Arc::new(SparseTree::new(tree, paths)))
}

fn included(include: &Include) -> Result<Arc<dyn Tree>, Error> {
    if include.from.is_root() {
        return Ok(include.tree.clone());
    }
    let from = include.tree.resolve(&include.from)?;
    if !include.tree.is_dir(&from)? {
        let text = format!("included path '{}' does not exist", include.from);
        return Err(Error::new(ErrorKind::PathNotFound, text));
    }
    Ok(Arc::new(SubTree::new(include.tree.clone(), from)))
}
