//! What an operation may delete: the same proof as for a prune.

use belay_object::{GroupKind, Object};

use super::Task;
use crate::inventory::InventoryEntry;
use crate::marks::OwnerName;
use crate::prune::{DeletionCertificate, DeletionReason, Fate, Kept, Protection, may_recreate};

/// What was just read of an object that may be deleted, and what goes for it.
#[derive(Clone, Copy)]
pub struct Looked<'a> {
    /// The live object; `None`: it is not there.
    pub live: Option<&'a Object>,
    /// Whether its own marks name the owner (INV-ACT-4).
    pub is_ours: bool,
    /// Things in a namespace that must not go with it, where the caller has looked (INV-ACT-3).
    pub foreign: &'a [String],
    /// For whom it is deleted.
    pub owner: &'a OwnerName,
    /// What is never deleted.
    pub protection: &'a Protection,
}

impl Task {
    /// Decides about the object of a task that is to be deleted.
    pub fn may_delete(&self, looked: &Looked<'_>) -> Fate {
        self.fate(looked, if self.hook.is_some() { DeletionReason::Hook } else { DeletionReason::Pruned })
    }

    /// Decides whether the object of a task may be deleted to be made anew.
    ///
    /// Never are objects that hold what their manifest does not: a namespace, a definition, and volumes with
    /// the claims on them, whose data would be gone.
    pub fn may_recreate(&self, looked: &Looked<'_>) -> Fate {
        if looked.live.is_some() && !is_recreated(&self.key().kind) {
            return Fate::Kept(Kept::HoldsMore);
        }
        self.fate(looked, DeletionReason::Recreated)
    }

    fn fate(&self, looked: &Looked<'_>, reason: DeletionReason) -> Fate {
        let Some(live) = looked.live else { return Fate::Gone };
        let key = self.key();
        if live.key() != key {
            return Fate::Kept(Kept::NotTheObject);
        }
        if !looked.is_ours {
            return Fate::Kept(Kept::ForeignOwner(None));
        }
        if looked.protection.keeps(&key) {
            return Fate::Kept(Kept::Protected);
        }
        if !looked.foreign.is_empty() {
            return Fate::Kept(Kept::HoldsForeign(looked.foreign.to_vec()));
        }
        if live.is_deleting() {
            return Fate::Leaving;
        }
        match DeletionCertificate::issue(InventoryEntry::of(live), live, reason, looked.owner) {
            Some(certificate) => Fate::Delete(certificate),
            None => Fate::Kept(Kept::NotTheObject),
        }
    }
}

fn is_recreated(kind: &GroupKind) -> bool {
    may_recreate(kind) && !(kind.group.is_empty() && kind.kind == "PersistentVolumeClaim")
}
