//! What an operation may delete: the same proof as for a prune.

use belay_object::{GroupKind, Object};

use super::Task;
use crate::inventory::InventoryEntry;
use crate::marks::OwnerName;
use crate::prune::{DeletionCertificate, DeletionReason, Fate, Kept, Protection, may_recreate};

impl Task {
    /// Decides about the object of a task that is to be deleted, from the live object as just read
    /// (`None`: it is not there). `is_ours`: its own marks name the owner (INV-ACT-4). `foreign` are things in
    /// a namespace that must not go with it, where the caller has looked (INV-ACT-3).
    pub fn may_delete(
        &self,
        live: Option<&Object>,
        is_ours: bool,
        foreign: &[String],
        owner: &OwnerName,
        protection: &Protection,
    ) -> Fate {
        let reason = if self.hook.is_some() { DeletionReason::Hook } else { DeletionReason::Pruned };
        self.fate(live, is_ours, foreign, owner, protection, reason)
    }

    /// Decides whether the object of a task may be deleted to be made anew, from the live object as just read.
    ///
    /// Never are objects that hold what their manifest does not: a namespace, a definition, and volumes with
    /// the claims on them, whose data would be gone.
    pub fn may_recreate(
        &self,
        live: Option<&Object>,
        is_ours: bool,
        owner: &OwnerName,
        protection: &Protection,
    ) -> Fate {
        if live.is_some() && !is_recreated(&self.key().kind) {
            return Fate::Kept(Kept::HoldsMore);
        }
        self.fate(live, is_ours, &[], owner, protection, DeletionReason::Recreated)
    }

    fn fate(
        &self,
        live: Option<&Object>,
        is_ours: bool,
        foreign: &[String],
        owner: &OwnerName,
        protection: &Protection,
        reason: DeletionReason,
    ) -> Fate {
        let Some(live) = live else { return Fate::Gone };
        let key = self.key();
        if live.key() != key {
            return Fate::Kept(Kept::NotTheObject);
        }
        if !is_ours {
            return Fate::Kept(Kept::ForeignOwner(None));
        }
        if protection.keeps(&key) {
            return Fate::Kept(Kept::Protected);
        }
        if !foreign.is_empty() {
            return Fate::Kept(Kept::HoldsForeign(foreign.to_vec()));
        }
        if live.is_deleting() {
            return Fate::Leaving;
        }
        match DeletionCertificate::issue(InventoryEntry::of(live), live, reason, owner) {
            Some(certificate) => Fate::Delete(certificate),
            None => Fate::Kept(Kept::NotTheObject),
        }
    }
}

fn is_recreated(kind: &GroupKind) -> bool {
    may_recreate(kind) && !(kind.group.is_empty() && kind.kind == "PersistentVolumeClaim")
}
