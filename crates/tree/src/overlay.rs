//! One tree laid over another: generated files over a commit, included artifacts at a path.

use crate::tree::{Entry, ListItem, Stat, Tree};
use crate::{Digest, DigestBuilder, Error, TreePath};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A base and layers over it, each mounted at a directory. Directories merge; where two layers
/// have something else at the same path, the later one wins and hides all that is below.
#[derive(Clone)]
pub struct OverlayTree {
    /// Top first; the last is the base.
    layers: Vec<Layer>,
}

#[derive(Clone)]
struct Layer {
    at: TreePath,
    tree: Arc<dyn Tree>,
}

impl OverlayTree {
    /// The base alone.
    pub fn new(base: Arc<dyn Tree>) -> OverlayTree {
        OverlayTree { layers: vec![Layer { at: TreePath::root(), tree: base }] }
    }

    /// Lays `tree` over all there is so far, its root at `at`.
    pub fn with(mut self, at: TreePath, tree: Arc<dyn Tree>) -> OverlayTree {
        self.layers.insert(0, Layer { at, tree });
        self
    }

    /// The layers that say something about `path`, top first, up to and including the first one
    /// whose word is final.
    fn answers(&self, path: &TreePath) -> Result<Vec<(&Layer, TreePath, Stat)>, Error> {
        let mut answers = Vec::new();
        for layer in &self.layers {
            if let Some(inner) = path.strip_prefix(&layer.at) {
                let stat = layer.tree.stat(&inner).map_err(|error| error.at(path))?;
                let hides = stat == Stat::Absent && layer.hides(&inner)?;
                let last = hides || !matches!(stat, Stat::Absent | Stat::Dir);
                // Below a directory of a higher layer, a lower layer's file is replaced.
                if stat == Stat::Dir || (stat != Stat::Absent && answers.is_empty()) {
                    answers.push((layer, inner, stat));
                }
                if last {
                    break;
                }
            } else if layer.at.starts_with(path) {
                // On the way to a mount point.
                answers.push((layer, TreePath::root(), Stat::Dir));
            }
        }
        Ok(answers)
    }

    fn read_by(
        &self,
        path: &TreePath,
        read: impl Fn(&dyn Tree, &TreePath) -> Result<Entry, Error>,
    ) -> Result<Entry, Error> {
        match self.answers(path)?.into_iter().next() {
            None => Ok(Entry::Absent),
            Some((_, _, Stat::Dir)) => Ok(Entry::Dir),
            Some((layer, inner, _)) => read(&*layer.tree, &inner).map_err(|error| error.at(path)),
        }
    }
}

impl Layer {
    /// Whether something that is no directory stands on the way to `inner`.
    fn hides(&self, inner: &TreePath) -> Result<bool, Error> {
        let mut way = inner.parent();
        while let Some(path) = way {
            match self.tree.stat(&path)? {
                Stat::Absent => way = path.parent(),
                Stat::Dir => return Ok(false),
                Stat::File { .. } | Stat::Symlink(_) => return Ok(true),
            }
        }
        Ok(false)
    }
}

impl Tree for OverlayTree {
    fn read(&self, path: &TreePath) -> Result<Entry, Error> {
        self.read_by(path, |tree, inner| tree.read(inner))
    }

    fn read_whole(&self, path: &TreePath) -> Result<Entry, Error> {
        self.read_by(path, |tree, inner| tree.read_whole(inner))
    }

    fn stat(&self, path: &TreePath) -> Result<Stat, Error> {
        Ok(self.answers(path)?.into_iter().next().map_or(Stat::Absent, |(_, _, stat)| stat))
    }

    fn list(&self, path: &TreePath) -> Result<Option<Vec<ListItem>>, Error> {
        let answers = self.answers(path)?;
        if !matches!(answers.first(), Some((_, _, Stat::Dir))) {
            return Ok(None);
        }
        let mut items = BTreeMap::new();
        for (layer, inner, _) in answers {
            if path.starts_with(&layer.at) {
                for item in layer.tree.list(&inner).map_err(|error| error.at(path))?.unwrap_or_default() {
                    items.entry(item.name).or_insert(item.kind);
                }
            } else if let Some(name) =
                layer.at.strip_prefix(path).and_then(|rest| rest.segments().next().map(Arc::from))
            {
                items.insert(name, crate::EntryKind::Dir);
            }
        }
        Ok(Some(items.into_iter().map(|(name, kind)| ListItem { name, kind }).collect()))
    }

    fn dir_digest(&self, path: &TreePath) -> Result<Option<Digest>, Error> {
        let answers = self.answers(path)?;
        if !matches!(answers.first(), Some((_, _, Stat::Dir))) {
            return Ok(None);
        }
        // Untouched parts keep the digest of the tree that they come from.
        if let [(layer, inner, _)] = &*answers
            && path.starts_with(&layer.at)
        {
            return layer.tree.dir_digest(inner);
        }
        let mut digest = DigestBuilder::new("overlay");
        for (layer, inner, _) in &answers {
            let Some(below) = layer.tree.dir_digest(inner)? else { return Ok(None) };
            let rest = layer.at.strip_prefix(path).unwrap_or_default();
            digest.part(rest.as_str()).digest(&below);
        }
        Ok(Some(digest.finish()))
    }
}
