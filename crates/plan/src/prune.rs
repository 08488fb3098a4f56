//! Deleting as an act with proof.
//!
//! A [`PruneSet`] is what an app owned and owns no more. It can be made in two ways only: from a
//! plan all of whose applies are well ([`PruneSet::after`]), or because the app itself is deleted
//! ([`PruneSet::of_deleted_app`]). For each candidate the live object is looked at
//! ([`PruneSet::judge`]), and only that gives a [`DeletionCertificate`], without which nothing
//! can be deleted.
//!
//! *Invariants* (their numbers are those of the project's list): INV-ACT-1 no deletion without a
//! certificate; INV-ACT-2 every deletion names the uid that was looked at; INV-ACT-4 inventory and
//! live labels must both name us; INV-ACT-6 failed applies never lead to a prune; INV-ACT-7 an
//! object that another app has taken over is left to it.

use std::fmt;

use belay_object::{GroupKind, Object, ObjectKey, Value, object};

use crate::inventory::{Inventory, InventoryEntry};
use crate::marks::OwnerName;
use crate::order;
use crate::plan::{Applied, Plan, Policy};

/// What is never deleted, whoever owns it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Protection {
    /// Namespaces that stay.
    pub namespaces: Vec<String>,
    /// Groups whose definitions stay, and every group that ends so after a dot: our own.
    pub definition_groups: Vec<String>,
}

impl Default for Protection {
    /// The namespaces that every cluster has.
    fn default() -> Protection {
        Protection {
            namespaces: ["default", "kube-system", "kube-public", "kube-node-lease"].map(String::from).to_vec(),
            definition_groups: Vec::new(),
        }
    }
}

impl Protection {
    pub(crate) fn keeps(&self, key: &ObjectKey) -> bool {
        match (key.kind.group.as_str(), key.kind.kind.as_str()) {
            ("", "Namespace") => self.namespaces.iter().any(|n| **n == *key.name),
            ("apiextensions.k8s.io", "CustomResourceDefinition") => {
                let group = key.name.split_once('.').map_or("", |(_, group)| group);
                self.definition_groups.iter().any(|own| {
                    group == own || group.strip_suffix(own.as_str()).is_some_and(|front| front.ends_with('.'))
                })
            }
            _ => false,
        }
    }
}

/// How much one operation may delete; beyond it the prune is held for a person to look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Budget {
    /// At most so many objects.
    pub max_objects: Option<usize>,
    /// At most this share of the inventory, in percent, once that is more than ten objects.
    pub max_percent: Option<u8>,
}

/// Inventories up to this size are not held by their share: renaming one of three objects is
/// nothing strange.
const SMALL_INVENTORY: usize = 10;

impl Budget {
    fn check(&self, doomed: usize, of: usize) -> Result<(), Held> {
        let over_count = self.max_objects.is_some_and(|max| doomed > max);
        let over_share =
            of > SMALL_INVENTORY && self.max_percent.is_some_and(|max| doomed * 100 > of * usize::from(max));
        if over_count || over_share { Err(Held::OverBudget { doomed, of }) } else { Ok(()) }
    }
}

/// Why nothing is pruned in this operation. What would have been stays in the inventory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Held {
    /// Nothing was rendered: that is more likely a mistake than a wish.
    EmptyRender,
    /// Not every object was applied.
    NotAllApplied,
    /// The policy does not prune.
    NotWanted,
    /// It would delete more than the budget.
    OverBudget {
        /// How many objects.
        doomed: usize,
        /// Of how many in the inventory.
        of: usize,
    },
}
impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Held::EmptyRender => f.write_str("nothing was rendered, so nothing is pruned"),
            Held::NotAllApplied => f.write_str("not all objects were applied, so nothing is pruned"),
            Held::NotWanted => f.write_str("pruning is not asked for"),
            Held::OverBudget { doomed, of } => {
                write!(f, "pruning would delete {doomed} of {of} objects, which is over the budget")
            }
        }
    }
}

/// Why one live object is not deleted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kept {
    /// A label or annotation of the object says so.
    Marked(String),
    /// Its labels name another owner, or none.
    ForeignOwner(Option<OwnerName>),
    /// It is of those that are never deleted.
    Protected,
    /// It holds things that are not ours; some of them.
    HoldsForeign(Vec<String>),
    /// It was to be made anew, and holds more than its manifest says.
    HoldsMore,
    /// The object that was read is another than the one asked for, or has no uid.
    NotTheObject,
}
impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kept::Marked(mark) => write!(f, "it is marked {mark}"),
            Kept::ForeignOwner(Some(owner)) => write!(f, "it is owned by {}/{}", owner.namespace, owner.name),
            Kept::ForeignOwner(None) => f.write_str("its labels name no owner"),
            Kept::Protected => f.write_str("it is protected"),
            Kept::HoldsForeign(some) => write!(f, "it holds objects of others: {}", some.join(", ")),
            Kept::HoldsMore => {
                f.write_str("what it holds would be gone, so such objects are never deleted to be made anew")
            }
            Kept::NotTheObject => f.write_str("the object that was read is another"),
        }
    }
}

/// What is to be done about one candidate.
#[derive(Debug)]
pub enum Fate {
    /// It is not there: that is as good as deleted.
    Gone,
    /// It is being deleted already.
    Leaving,
    /// It is left alone and leaves the inventory.
    Kept(Kept),
    /// It may be deleted.
    Delete(DeletionCertificate),
}

/// Why an object may be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DeletionReason {
    /// Its manifest is gone.
    Pruned,
    /// Its app is being deleted.
    AppDeleted,
    /// A field that cannot be changed has changed, and recreating is asked for.
    Recreated,
    /// It is the object of a hook, which is deleted when its rules say so.
    Hook,
}

/// The right to delete one object, once. It can only be made by this crate, from proof.
#[derive(Debug)]
pub struct DeletionCertificate {
    entry: InventoryEntry,
    uid: Box<str>,
    reason: DeletionReason,
    owner: OwnerName,
}

impl DeletionCertificate {
    /// *Invariant*: only after the live object with this uid was looked at.
    pub(crate) fn issue(
        entry: InventoryEntry,
        live: &Object,
        reason: DeletionReason,
        owner: &OwnerName,
    ) -> Option<DeletionCertificate> {
        let uid = live.uid();
        (!uid.is_empty()).then(|| DeletionCertificate { entry, uid: uid.into(), reason, owner: owner.clone() })
    }
    /// What may be deleted.
    pub fn entry(&self) -> &InventoryEntry {
        &self.entry
    }
    /// The uid that it must still have.
    pub fn uid(&self) -> &str {
        &self.uid
    }
    /// Why.
    pub fn reason(&self) -> DeletionReason {
        self.reason
    }
    /// The body of the request: background propagation, the uid as precondition.
    pub fn delete_options(&self) -> Value {
        object! {
            "apiVersion" => "v1",
            "kind" => "DeleteOptions",
            "propagationPolicy" => "Background",
            "preconditions" => object! { "uid" => &*self.uid },
        }
    }
    /// A record of it, to be kept before the deletion.
    pub fn record(&self) -> Value {
        object! {
            "id" => self.entry.id(),
            "v" => &*self.entry.version,
            "uid" => &*self.uid,
            "reason" => match self.reason {
                DeletionReason::Pruned => "Pruned",
                DeletionReason::AppDeleted => "AppDeleted",
                DeletionReason::Recreated => "Recreated",
                DeletionReason::Hook => "Hook",
            },
            "owner" => format!("{}/{}", self.owner.namespace, self.owner.name),
        }
    }
}

/// What an app owned and owns no more, in the order in which it is deleted.
#[derive(Debug)]
pub struct PruneSet {
    candidates: Vec<InventoryEntry>,
    reason: DeletionReason,
}

impl PruneSet {
    /// What is left over after an apply: everything of the old inventory that the apply did not
    /// leave in the new one.
    pub fn after(plan: &Plan, applied: &Applied, old: &Inventory) -> Result<PruneSet, Held> {
        let policy = plan.policy();
        if !policy.prune {
            return Err(Held::NotWanted);
        }
        if !applied.is_complete(plan) {
            return Err(Held::NotAllApplied);
        }
        let candidates = old.minus(&applied.inventory());
        if plan.is_empty() && !candidates.is_empty() {
            return Err(Held::EmptyRender);
        }
        policy.budget.check(candidates.len(), old.len())?;
        Ok(PruneSet::new(candidates, DeletionReason::Pruned))
    }
    /// All that a deleted app owned. The caller has read from the app that it is being deleted and
    /// that its policy is to delete.
    pub fn of_deleted_app(inventory: &Inventory) -> PruneSet {
        PruneSet::new(inventory.in_order(), DeletionReason::AppDeleted)
    }
    fn new(mut candidates: Vec<InventoryEntry>, reason: DeletionReason) -> PruneSet {
        candidates.sort_by(|a, b| order::compare(&b.key, &a.key));
        PruneSet { candidates, reason }
    }
    /// The candidates in delete order.
    pub fn candidates(&self) -> &[InventoryEntry] {
        &self.candidates
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }
    /// Decides about one candidate from the live object as just read (`None`: it is not there).
    /// `foreign` are things inside a namespace or of a definition that others made, where the
    /// caller has looked.
    pub fn judge(
        &self,
        candidate: &InventoryEntry,
        live: Option<&Object>,
        foreign: &[String],
        policy: &Policy,
    ) -> Fate {
        let Some(live) = live else { return Fate::Gone };
        let key = &candidate.key;
        if !self.candidates.contains(candidate) || live.name() != &*key.name || live.group_kind() != key.kind {
            return Fate::Kept(Kept::NotTheObject);
        }
        let owner = policy.marks.owner_of(live);
        if owner.as_ref() != Some(&policy.owner) {
            return Fate::Kept(Kept::ForeignOwner(owner));
        }
        if let Some(mark) = policy.marks.kept_from_pruning(live) {
            return Fate::Kept(Kept::Marked(mark));
        }
        if policy.protection.keeps(key) {
            return Fate::Kept(Kept::Protected);
        }
        if !foreign.is_empty() {
            return Fate::Kept(Kept::HoldsForeign(foreign.iter().take(5).cloned().collect()));
        }
        if live.is_deleting() {
            return Fate::Leaving;
        }
        match DeletionCertificate::issue(candidate.clone(), live, self.reason, &policy.owner) {
            Some(certificate) => Fate::Delete(certificate),
            None => Fate::Kept(Kept::NotTheObject),
        }
    }
}

/// Kinds that are never deleted to be made anew: everything in them would go too.
pub(crate) fn may_recreate(kind: &GroupKind) -> bool {
    !matches!(
        (kind.group.as_str(), kind.kind.as_str()),
        ("", "Namespace" | "PersistentVolume") | ("apiextensions.k8s.io", "CustomResourceDefinition")
    )
}
