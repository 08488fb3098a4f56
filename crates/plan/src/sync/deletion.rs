//! What an operation may delete: the same proof as for a prune.

use belay_object::Object;

use super::Task;
use crate::inventory::InventoryEntry;
use crate::marks::OwnerName;
use crate::prune::{DeletionCertificate, DeletionReason, Fate, Kept, Protection};

impl Task {
    /// Decides about the object of a task that is to be deleted, from the live object as just read
    /// (`None`: it is not there). `is_ours`: its own marks name the owner (INV-ACT-4).
    pub fn may_delete(&self, live: Option<&Object>, is_ours: bool, owner: &OwnerName, protection: &Protection) -> Fate {
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
        if live.is_deleting() {
            return Fate::Leaving;
        }
        let reason = if self.hook.is_some() { DeletionReason::Hook } else { DeletionReason::Pruned };
        match DeletionCertificate::issue(InventoryEntry::of(live), live, reason, owner) {
            Some(certificate) => Fate::Delete(certificate),
            None => Fate::Kept(Kept::NotTheObject),
        }
    }
}
