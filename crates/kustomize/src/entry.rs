//! Which entry of a kustomization file a mistake is in.

use std::fmt;

use belay_yaml::{Options, parse_nodes};

/// A field of a kustomization, or one entry of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) field: &'static str,
    pub(crate) index: Option<usize>,
}

impl Entry {
    pub(crate) fn field(field: &'static str) -> Entry {
        Entry { field, index: None }
    }
    pub(crate) fn nth(field: &'static str, index: usize) -> Entry {
        Entry { field, index: Some(index) }
    }

    /// The line on which it stands in a kustomization's text.
    pub(crate) fn line(self, text: &str) -> Option<usize> {
        let trees = parse_nodes(text, &Options::v2()).ok()?;
        let tree = trees.first()?;
        let pointer = self.to_string();
        tree.at(&pointer).is_some().then(|| tree.line_at(&pointer)).flatten()
    }
}

/// As a JSON pointer.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}", self.field)?;
        self.index.map_or(Ok(()), |index| write!(f, "/{index}"))
    }
}
