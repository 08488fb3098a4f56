//! The compiled form of a text.

/// A list of nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ListId(pub(crate) u32);

/// All nodes of one text.
#[derive(Debug)]
pub(crate) struct Tree {}
