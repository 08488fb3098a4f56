//! Renders remembered by what they read.

use std::sync::Arc;

use belay_tree::Tree;

use crate::{Error, ErrorKind, RenderSpec, Rendered};

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub struct MemoLimits {
    /// Renders.
    pub entries: usize,
    /// Bytes of rendered objects, about; beyond it objects are forgotten and what was read is kept.
    pub bytes: usize,
}

impl Default for MemoLimits {
    /// 20,000 apps; 32 MiB.
    fn default() -> MemoLimits {
        MemoLimits { entries: 20_000, bytes: 32 << 20 }
    }
}

/// How often a render was made, and how often it was remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoCounts {
    /// Renders made.
    pub renders: u64,
    /// Renders remembered.
    pub hits: u64,
}

/// Renders remembered by what they read. Cheap to clone; clones share.
#[derive(Clone, Default)]
pub struct Memo(Arc<MemoLimits>);

impl Memo {
    /// A memo with limits.
    pub fn new(limits: MemoLimits) -> Memo {
        Memo(Arc::new(limits))
    }
    /// Renders, or remembers a render all of whose reads give the same in this tree.
    pub fn render(&self, spec: &RenderSpec, tree: &Arc<dyn Tree>) -> Result<Arc<Rendered>, Error> {
        let _ = tree;
        Err(Error::new(ErrorKind::Internal, format!("{} cannot be rendered by this build", spec.dir)))
    }
    /// The counts so far.
    pub fn counts(&self) -> MemoCounts {
        MemoCounts::default()
    }
}
