//! What was done to objects, and the lines that tell it.

use std::fmt;

use belay_object::ObjectKey;

use crate::{Inventory, InventoryEntry};

/// What was done to one object.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum ChangeKind {
    /// It was made.
    Created,
    /// It was changed.
    Configured,
    /// It was as it should be.
    Unchanged,
    /// It was left alone because it, or the manifest, says so.
    Skipped,
    /// It was deleted, or was not there any more.
    Deleted,
    /// A request failed and nothing is known.
    Unknown,
}

impl ChangeKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Created => "created",
            ChangeKind::Configured => "configured",
            ChangeKind::Unchanged => "unchanged",
            ChangeKind::Skipped => "skipped",
            ChangeKind::Deleted => "deleted",
            ChangeKind::Unknown => "unknown",
        }
    }
    /// Whether the cluster is another than before.
    pub fn is_change(self) -> bool {
        !matches!(self, ChangeKind::Unchanged | ChangeKind::Skipped)
    }
}
impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was done to which object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// The object, as its inventory entry.
    pub entry: InventoryEntry,
    /// What was done.
    pub kind: ChangeKind,
}

impl Change {
    /// Makes one.
    pub fn new(entry: InventoryEntry, kind: ChangeKind) -> Change {
        Change { entry, kind }
    }
}
/// Writes `Deployment/shop/cart created`.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.entry, self.kind)
    }
}

/// The changes of one operation, in the order in which they were made.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ChangeSet {
    changes: Vec<Change>,
}

impl ChangeSet {
    /// No changes.
    pub fn new() -> ChangeSet {
        ChangeSet::default()
    }
    /// Adds one.
    pub fn push(&mut self, change: Change) {
        self.changes.push(change);
    }
    /// All of them.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
    /// Whether any of them made the cluster another than before.
    pub fn has_changes(&self) -> bool {
        self.changes.iter().any(|c| c.kind.is_change())
    }
    /// One line for each that made the cluster another than before: what an apply tells.
    pub fn changed_lines(&self) -> String {
        lines(self.changes.iter().filter(|c| c.kind.is_change()))
    }
    /// One line for each: what a prune tells.
    pub fn lines(&self) -> String {
        lines(self.changes.iter())
    }
    /// What is owned after the operation: everything but what is deleted. Skipped objects stay.
    pub fn inventory(&self) -> Inventory {
        self.changes.iter().filter(|c| c.kind != ChangeKind::Deleted).map(|c| c.entry.clone()).collect()
    }
    /// The objects whose health counts: those that were not skipped.
    pub fn to_wait_for(&self) -> impl Iterator<Item = &ObjectKey> {
        self.changes
            .iter()
            .filter(|c| !matches!(c.kind, ChangeKind::Skipped | ChangeKind::Deleted))
            .map(|c| &c.entry.key)
    }
}
impl Extend<Change> for ChangeSet {
    fn extend<T: IntoIterator<Item = Change>>(&mut self, changes: T) {
        self.changes.extend(changes);
    }
}
impl FromIterator<Change> for ChangeSet {
    fn from_iter<T: IntoIterator<Item = Change>>(changes: T) -> ChangeSet {
        ChangeSet { changes: changes.into_iter().collect() }
    }
}

fn lines<'a>(changes: impl Iterator<Item = &'a Change>) -> String {
    changes.map(Change::to_string).collect::<Vec<_>>().join("\n")
}
