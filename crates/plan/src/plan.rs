//! The plan of one apply: what is applied, in which order, and what each answer of the server
//! leads to.
//!
//! A [`Plan`] is made from all that was rendered. Its [`Step`]s are asked what to do with the live
//! object ([`Step::before`]), then with the server's dry run ([`Step::after_dry_run`]); the answer
//! is an [`Action`], and only an [`Apply`] out of an action has a payload to send. Every step ends
//! in a [`Done`]; a plan all of whose steps are done is what a prune needs as proof.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use belay_object::{GroupKind, Object, ObjectKey, Value};
use sha2::{Digest, Sha256};

use crate::change::{Change, ChangeKind, ChangeSet};
use crate::drift::drift;
use crate::ignore::IgnoreRules;
use crate::inventory::{Inventory, InventoryEntry, MAX_ENTRIES};
use crate::managers::Takeover;
use crate::marks::{CommonMetadata, Marks, OwnerName};
use crate::normalize::normalize;
use crate::order::{self, Stage};
use crate::prune::{Budget, DeletionCertificate, DeletionReason, Protection, may_recreate};
use crate::refusal::Refusal;
use crate::{Error, ErrorKind};

/// How many warnings one plan keeps.
const MAX_WARNINGS: usize = 100;

/// How an app wants its objects handled.
pub struct Policy {
    /// The field manager that applies.
    pub manager: String,
    /// The labels and annotations that steer, and those that name owners.
    pub marks: Marks,
    /// The app.
    pub owner: OwnerName,
    /// Whether objects may be recreated where a field cannot be changed.
    pub force: bool,
    /// Whether what left the manifests is deleted.
    pub prune: bool,
    /// Labels and annotations for every object.
    pub common: CommonMetadata,
    /// Fields that belong to somebody else.
    pub ignore: IgnoreRules,
    /// Managers whose fields become ours.
    pub takeover: Takeover,
    /// Kinds with a stage of their own.
    pub custom_kinds: Vec<GroupKind>,
    /// What is never deleted.
    pub protection: Protection,
    /// How much one operation may delete.
    pub budget: Budget,
}

impl Policy {
    /// A policy without extras: no force, no prune.
    pub fn new(manager: &str, domain: &str, owner: OwnerName) -> Policy {
        Policy {
            manager: manager.to_owned(),
            marks: Marks::new(domain),
            owner,
            force: false,
            prune: false,
            common: CommonMetadata::default(),
            ignore: IgnoreRules::default(),
            takeover: Takeover::default(),
            custom_kinds: Vec::new(),
            protection: Protection::default(),
            budget: Budget::default(),
        }
    }
}

/// What is applied, in order. *Invariant*: every object has apiVersion, kind and name, each key
/// stands once, and all carry the owner's labels.
pub struct Plan {
    policy: Arc<Policy>,
    steps: Vec<Step>,
    warnings: Vec<String>,
}

/// One object of a plan.
pub struct Step {
    index: usize,
    stage: Stage,
    entry: InventoryEntry,
    object: Object,
    policy: Arc<Policy>,
}

/// What a step wants before anything is sent.
#[derive(Debug)]
pub enum Before {
    /// Nothing: the object is to be left alone.
    Skip(Done),
    /// The answer to a dry run of [`Step::object`].
    DryRun,
}

/// What a step wants after the dry run.
#[derive(Debug)]
pub enum Action {
    /// Nothing: the object is as it should be.
    Keep(Done),
    /// That this is applied.
    Apply(Apply),
}

/// One payload to apply by server-side apply, with force.
#[derive(Debug)]
pub struct Apply {
    index: usize,
    entry: InventoryEntry,
    kind: ChangeKind,
    payload: Object,
    pointers: Vec<String>,
}

/// The end of one step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    index: usize,
    change: Change,
}

impl Plan {
    /// Makes a plan of everything that was rendered: puts the objects right, stamps metadata and
    /// owner, and orders them.
    ///
    /// The owner's labels are stamped last: common labels must not be able to give objects away.
    pub fn new(objects: Vec<Object>, policy: Arc<Policy>) -> Result<Plan, Error> {
        if objects.len() > MAX_ENTRIES {
            return Err(Error::new(ErrorKind::TooMany, format!("more than {MAX_ENTRIES} objects in one app"))
                .hint("split the app"));
        }
        let mut prepared = Vec::with_capacity(objects.len());
        let mut warnings = Vec::new();
        for mut object in objects {
            complete(&object)?;
            readable(&object, &policy.marks)?;
            for field in normalize(&mut object) {
                if warnings.len() < MAX_WARNINGS {
                    warnings.push(format!("{} {field} is no field of {}", object.key(), object.group_version_kind()));
                }
            }
            policy.common.stamp(&mut object)?;
            policy.marks.stamp_owner(&mut object, &policy.owner)?;
            prepared.push((Stage::of(&object, &policy.custom_kinds), object.key(), object));
        }
        prepared.sort_by(|a, b| a.0.cmp(&b.0).then_with(|| order::compare(&a.1, &b.1)));
        if let Some(pair) = prepared.windows(2).find(|pair| pair[0].1 == pair[1].1) {
            return Err(Error::new(ErrorKind::Duplicate, format!("{} is there twice", pair[0].1)));
        }
        let steps = prepared
            .into_iter()
            .enumerate()
            .map(|(index, (stage, _, object))| Step {
                index,
                stage,
                entry: InventoryEntry::of(&object),
                object,
                policy: policy.clone(),
            })
            .collect();
        Ok(Plan { policy, steps, warnings })
    }
    /// How objects are handled.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
    /// Fields that were left out because their kind has none of that name, one sentence each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }
    /// All steps in order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
    /// The stages that have steps, in order.
    pub fn stages(&self) -> impl Iterator<Item = (Stage, &[Step])> {
        self.steps.chunk_by(|a, b| a.stage == b.stage).map(|steps| (steps[0].stage, steps))
    }
    /// Whether nothing was rendered.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
    /// What will be owned: to be written, with the old inventory, before the first apply.
    pub fn inventory(&self) -> Inventory {
        self.steps.iter().map(|s| s.entry.clone()).collect()
    }
}

fn complete(object: &Object) -> Result<(), Error> {
    let missing = [("apiVersion", object.api_version()), ("kind", object.kind()), ("metadata.name", object.name())]
        .into_iter()
        .find(|(_, value)| value.is_empty());
    match missing {
        None => Ok(()),
        Some((field, _)) => {
            Err(Error::new(ErrorKind::Incomplete, format!("object without {field}: {}", summary(object))))
        }
    }
}

/// An encrypted Secret is never applied as it is: whoever reads it would take the cipher for the
/// value. `decrypt: disabled` says that it is meant so.
fn readable(object: &Object, marks: &Marks) -> Result<(), Error> {
    let encrypted = object.kind() == "Secret" && object.api_version() == "v1" && object.get("sops").is_some();
    if !encrypted || marks.stays_encrypted(object) {
        return Ok(());
    }
    // Compat(flux 2.9): the sentence.
    let message = format!(
        "{} is SOPS encrypted, configuring decryption is required for this secret to be reconciled",
        object.key()
    );
    Err(Error::new(ErrorKind::Encrypted, message))
}

/// What can be said of an object that has no complete name, in a line.
fn summary(object: &Object) -> String {
    format!("apiVersion={:?} kind={:?} name={:?}", object.api_version(), object.kind(), object.name())
}

impl Step {
    /// The object to be dry-run, complete with owner and metadata.
    pub fn object(&self) -> &Object {
        &self.object
    }
    /// Its key.
    pub fn key(&self) -> &ObjectKey {
        &self.entry.key
    }
    /// Its inventory entry.
    pub fn entry(&self) -> &InventoryEntry {
        &self.entry
    }
    /// Its stage.
    pub fn stage(&self) -> Stage {
        self.stage
    }
    /// A digest of what would be applied and by whom: with that of the live object's owned fields
    /// it tells that nothing has to be asked.
    pub fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.policy.manager.as_bytes());
        hash.update([0]);
        let mut json = Vec::with_capacity(1024);
        self.object.value().write_json(&mut json);
        hash.update(&json);
        hash.finalize().into()
    }
    /// Decides from the live object whether anything is done at all. What is skipped is entered as
    /// the server has it, where it has it.
    pub fn before(&self, live: Option<&Object>) -> Before {
        let marks = &self.policy.marks;
        if marks.leave_alone(&self.object, live) || (live.is_some() && marks.only_if_absent(&self.object)) {
            let entry = live.map_or_else(|| self.entry.clone(), InventoryEntry::of);
            return Before::Skip(self.done(entry, ChangeKind::Skipped));
        }
        Before::DryRun
    }
    /// The JSON patch that takes over fields of earlier managers, where there are any.
    pub fn takeover(&self, live: Option<&Object>) -> Option<Value> {
        if self.policy.marks.keep_other_managers(&self.object, live) {
            return None;
        }
        self.policy.takeover.patch(live?, &self.policy.manager)
    }
    /// Decides from the dry run's answer. `taken_over` says that a takeover was sent for this
    /// object, after which it is applied in any case.
    pub fn after_dry_run(&self, live: Option<&Object>, answer: &Object, taken_over: bool) -> Action {
        // The server's answer names the object as it will stand: without a namespace where the
        // kind has none.
        let entry = InventoryEntry::of(answer);
        let Some(live) = live else {
            return self.apply(entry, ChangeKind::Created, self.object.clone(), Vec::new());
        };
        let pointers = self.differences(live, answer);
        if pointers.is_empty() && !taken_over {
            return Action::Keep(self.done(entry, ChangeKind::Unchanged));
        }
        let mut payload = self.object.clone();
        if !self.policy.ignore.is_empty() {
            for resolution in self.policy.ignore.resolve(live, answer, &self.policy.manager) {
                resolution.apply(&mut payload);
            }
        }
        self.apply(entry, ChangeKind::Configured, payload, pointers)
    }
    /// Where the live object differs from the dry run's answer, ignored fields left out.
    pub fn differences(&self, live: &Object, answer: &Object) -> Vec<String> {
        let ignore = &self.policy.ignore;
        if ignore.is_empty() {
            return drift(live, answer);
        }
        let (mut have, mut wanted) = (live.clone(), answer.clone());
        ignore.strip(answer, &mut have);
        ignore.strip(answer, &mut wanted);
        drift(&have, &wanted)
    }
    /// Decides what a refused dry run means: the right to delete and make anew, where that is asked
    /// for and may help, or the message of the failure. An object that is not there cannot have a
    /// field that cannot be changed.
    pub fn after_refusal(&self, live: Option<&Object>, refusal: &Refusal) -> Result<DeletionCertificate, String> {
        let message = || refusal.dry_run_message(&self.entry.key);
        let live = live.ok_or_else(message)?;
        let asked = self.policy.force || self.policy.marks.may_recreate(&self.object, Some(live));
        if !asked || !refusal.may_be_immutable() || !may_recreate(&self.entry.key.kind) {
            return Err(message());
        }
        DeletionCertificate::issue(self.entry.clone(), live, DeletionReason::Recreated, &self.policy.owner)
            .ok_or_else(message)
    }
    /// The end of a step about which it is known without asking that nothing has changed.
    pub fn known_unchanged(&self) -> Done {
        self.done(self.entry.clone(), ChangeKind::Unchanged)
    }
    fn done(&self, entry: InventoryEntry, kind: ChangeKind) -> Done {
        Done { index: self.index, change: Change::new(entry, kind) }
    }
    fn apply(&self, entry: InventoryEntry, kind: ChangeKind, payload: Object, pointers: Vec<String>) -> Action {
        Action::Apply(Apply { index: self.index, entry, kind, payload, pointers })
    }
}

impl Apply {
    /// What is sent.
    pub fn payload(&self) -> &Object {
        &self.payload
    }
    /// Which object it is.
    pub fn entry(&self) -> &InventoryEntry {
        &self.entry
    }
    /// What it will have done.
    pub fn kind(&self) -> ChangeKind {
        self.kind
    }
    /// Where the live object differs, as JSON pointers; none for a new object.
    pub fn pointers(&self) -> &[String] {
        &self.pointers
    }
    /// The end of the step, once the server has taken it.
    pub fn done(self) -> Done {
        Done { index: self.index, change: Change::new(self.entry, self.kind) }
    }
}

impl Done {
    /// What was done.
    pub fn change(&self) -> &Change {
        &self.change
    }
}

/// The ends of a plan's steps.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// Where in `changes` the end of a step stands, by the step's place in the plan.
    done: BTreeMap<usize, usize>,
    changes: ChangeSet,
}

impl Applied {
    /// None so far.
    pub fn new() -> Applied {
        Applied::default()
    }
    /// Enters one.
    pub fn push(&mut self, done: Done) {
        let next = self.changes.changes().len();
        if let Entry::Vacant(step) = self.done.entry(done.index) {
            step.insert(next);
            self.changes.push(done.change);
        }
    }
    /// Whether every step of the plan is done.
    pub fn is_complete(&self, plan: &Plan) -> bool {
        self.done.len() == plan.steps.len()
    }
    /// What was done, in the order in which it was entered.
    pub fn changes(&self) -> &ChangeSet {
        &self.changes
    }
    /// What is owned now, in the order of the plan, whichever steps were done first.
    pub fn inventory(&self) -> Inventory {
        let changes = self.changes.changes();
        let mut in_order = ChangeSet::new();
        in_order.extend(self.done.values().map(|at| changes[*at].clone()));
        in_order.inventory()
    }
}
impl Extend<Done> for Applied {
    fn extend<T: IntoIterator<Item = Done>>(&mut self, all: T) {
        all.into_iter().for_each(|d| self.push(d));
    }
}
