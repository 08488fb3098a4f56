//! What came of a render.

use std::fmt;
use std::sync::Arc;

use belay_object::Object;
use belay_tree::{Digest, ReadLog, TreePath};

/// Rendered objects in the renderer's order.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The objects.
    pub objects: Vec<RenderedObject>,
    /// Digest of the objects' text.
    pub digest: Digest,
    /// What the renderer wants to be known, a sentence each.
    pub warnings: Vec<String>,
    /// All that was read of the tree.
    pub reads: Arc<ReadLog>,
}

/// One object and where it came from.
#[derive(Clone, Debug)]
pub struct RenderedObject {
    /// The object.
    pub object: Object,
    /// Where it came from.
    pub origin: Option<Origin>,
}

/// A place in the tree. Written `apps/shop.yaml:12`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub path: TreePath,
    /// Which document of the file, from 0.
    pub document: usize,
    /// The line on which the document starts, from 1; 0 where it is not known.
    pub line: usize,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        Ok(())
    }
}
