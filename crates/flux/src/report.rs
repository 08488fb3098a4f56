//! What is written back to Flux's resources, word for word.
//!
//! A report is begun with the object as it was read, told how the run goes on, and ended with a
//! verdict. It then holds the new status, the events, and when to come back ([`Next`]). It does
//! no IO: the controller writes [`StatusPatch`]es and sends [`Event`]s.
//!
//! Compat(flux 2.9): every text and reason here is Flux's; tools match on them.

mod event;
mod git_repository;
mod helm_release;
mod kustomization;
mod source;

use belay_object::{Condition, ConditionStatus, Object, Value, merge_patch_between, object};

use crate::conditions::Conditions;
use crate::duration::GoDuration;
use crate::names::condition;

pub use event::{Event, Severity};
pub use git_repository::{Artifact, FailureClass, FailureOf, GitOutcome, GitRepositoryReport, InitialPatch};
pub(crate) use helm_release::{About, HelmReleaseReport};
pub use kustomization::{
    Failure, FailureStage, HealthWait, KustomizationReport, Progress, Verdict, apply_failure, finalizer_events,
    health_failure, unreachable_account,
};

pub use source::{SourceOutcome, SourceReport, Told};

/// When to come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// After the object's interval, with jitter.
    Interval,
    /// After exactly this.
    After(GoDuration),
    /// At once.
    Now,
    /// By the queue's back-off.
    Backoff,
    /// When the object changes.
    OnChange,
}

/// A status while it is being written: what was read, and what it becomes.
#[derive(Clone, Debug)]
pub(crate) struct Status {
    written: Value,
    status: Value,
    pub(crate) conditions: Conditions,
}

/// The change of a status since it was last written.
pub type StatusPatch = Value;

impl Status {
    pub(crate) fn of(object: &Object, now: &str) -> Status {
        let status = object.get("status").filter(|s| s.as_object().is_some()).cloned().unwrap_or_else(Value::object);
        Status { written: status.clone(), status, conditions: Conditions::of(object, now) }
    }
    pub(crate) fn set(&mut self, field: &str, value: impl Into<Value>) {
        self.status.set(&[field], value);
    }
    pub(crate) fn remove(&mut self, field: &str) {
        self.status.remove(&[field]);
    }
    pub(crate) fn get(&self, field: &str) -> &Value {
        &self.status[field]
    }
    pub(crate) fn text(&self, field: &str) -> &str {
        self.status.str_at(&[field]).unwrap_or_default()
    }
    /// The whole status.
    pub(crate) fn value(&self) -> Value {
        let mut value = self.status.clone();
        let conditions = self.conditions.to_value();
        if conditions.items().is_empty() {
            value.remove(&["conditions"]);
        } else {
            value.set(&["conditions"], conditions);
        }
        value
    }
    /// The merge patch `{status: ...}` from what was last written; `None` where nothing changed.
    /// What it gives counts as written.
    pub(crate) fn take_patch(&mut self) -> Option<StatusPatch> {
        let value = self.value();
        let patch = merge_patch_between(&self.written, &value)?;
        self.written = value;
        Some(object! { "status" => patch })
    }
}

/// Derives `Ready` of a source from its other conditions: the first of those that say something is
/// wrong, then that all is well. `all` is in the order of telling; those in `negative` are there only
/// while something is wrong.
pub(crate) fn summarize(conditions: &mut Conditions, all: &[&str], negative: &[&str]) {
    let rank = |c: &Condition| match (c.status, negative.contains(&c.kind.as_str())) {
        (ConditionStatus::True, true) => 0,
        (ConditionStatus::False, false) => 1,
        (ConditionStatus::True, false) => 2,
        (ConditionStatus::False, true) => 3,
        (ConditionStatus::Unknown, _) => 4,
    };
    // The first of equals: the order above is the order of telling.
    let top = all.iter().filter_map(|kind| conditions.get(kind)).min_by_key(|c| rank(c)).cloned();
    if let Some(top) = top {
        let status = match rank(&top) {
            0 | 1 => ConditionStatus::False,
            2 | 3 => ConditionStatus::True,
            _ => ConditionStatus::Unknown,
        };
        conditions.set(condition::READY, status, &top.reason, &top.message);
    }
    let bad = conditions.get(condition::SOURCE_VERIFIED).filter(|c| c.status == ConditionStatus::False).cloned();
    if let Some(bad) = bad {
        conditions.mark_false(condition::READY, &bad.reason, &bad.message);
    }
}

#[cfg(test)]
mod tests;
