//! Object to health, in kstatus' vocabulary and, in [`argo`], in Argo CD's.
//!
//! [`check`] answers for one object what `kubectl wait` and Flux's controllers would make of it:
//! the generic rules (deletion, observed generation, `Reconciling`, `Stalled`), then the rules of
//! the built-in kinds, then a `Ready` condition. [`Exprs`] are rules that a user wrote in CEL for
//! his own kinds. [`of_pod_controller`] adds what the pods of a StatefulSet or ReplicaSet say.
//!
//! It is pure: the present time is an argument, and where an answer will change by time alone
//! [`Health::recheck_at`] says when. How the objects were obtained is not known here.
//!
//! Facts: sigs.k8s.io/cli-utils `pkg/kstatus` as of v1.2.2 of Flux's fork, and Flux's own rule for
//! Jobs, which counts a Job as current when it has completed, not when it runs.
#![warn(missing_docs)]

pub mod argo;
mod builtin;
mod conditions;
mod exprs;
mod generic;
mod workload;

use std::fmt;

use belay_object::{Object, ObjectKey};
use jiff::Timestamp;

pub use exprs::{Error, ErrorKind, Exprs};

/// What state an object is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Status {
    /// It is what its spec says.
    Current,
    /// Its controller is at work, or has not seen it yet.
    InProgress,
    /// Its controller has given up, or cannot go on without help.
    Failed,
    /// It is being deleted.
    Terminating,
    /// It is not there.
    NotFound,
    /// It could not be told; the message says why.
    Unknown,
}

impl Status {
    /// As kstatus writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Current => "Current",
            Status::InProgress => "InProgress",
            Status::Failed => "Failed",
            Status::Terminating => "Terminating",
            Status::NotFound => "NotFound",
            Status::Unknown => "Unknown",
        }
    }
}
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The health of one object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Health {
    /// The state.
    pub status: Status,
    /// A sentence for people, empty where there is nothing to say.
    pub message: String,
    /// When to look again although the object has not changed.
    pub recheck_at: Option<Timestamp>,
}

impl Health {
    /// Makes one that time alone does not change.
    pub fn new(status: Status, message: impl Into<String>) -> Health {
        Health { status, message: message.into(), recheck_at: None }
    }
    /// The health of an object that is not there.
    pub fn not_found() -> Health {
        Health::new(Status::NotFound, "Resource not found")
    }
    /// Whether nothing but a change of the spec or outside help will make it current.
    pub fn is_failed(&self) -> bool {
        self.status == Status::Failed
    }
    /// Whether there is nothing to wait for.
    pub fn is_current(&self) -> bool {
        self.status == Status::Current
    }
}
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        Ok(())
    }
}

/// Tells the health of an object by Flux's rules: kstatus, save that a Job is current only when it
/// has completed or is suspended.
pub fn check(object: &Object, now: Timestamp) -> Health {
    if workload::is_job(object) {
        return settle(workload::job_until_complete(object));
    }
    kstatus(object, now)
}

/// Tells the health of an object by kstatus alone, where a Job that has started is current.
pub fn kstatus(object: &Object, now: Timestamp) -> Health {
    settle(generic::check(object, now))
}

/// Adds what the pods of a StatefulSet or ReplicaSet say: while it is in progress, a pod that has
/// failed fails it, save pods that are being deleted or wait for a node.
pub fn of_pod_controller<'a>(controller: Health, pods: impl IntoIterator<Item = &'a Object>, now: Timestamp) -> Health {
    if controller.status != Status::InProgress {
        return controller;
    }
    let failed = pods
        .into_iter()
        .filter(|pod| !pod.is_deleting() && !workload::is_unschedulable(pod))
        .filter(|pod| kstatus(pod, now).is_failed())
        .count();
    match failed {
        0 => controller,
        n => Health::new(Status::Failed, format!("{n} pods have failed")),
    }
}

/// Whether an object is a Job that deletes itself when finished, so that its absence is success.
pub fn is_job_with_ttl(object: &Object) -> bool {
    workload::is_job(object) && object.at(&["spec", "ttlSecondsAfterFinished"]).is_some_and(|v| v.as_i64().is_some())
}

/// One object's part in the sentence about a failed wait: `Deployment/shop/cart status: 'InProgress'`.
///
/// Compat(flux 2.9): only an error has its text behind the status.
pub fn wait_entry(key: &ObjectKey, health: &Health) -> String {
    match health.status {
        Status::Unknown if !health.message.is_empty() => {
            format!("{key} status: '{}': {}", health.status, health.message)
        }
        status => format!("{key} status: '{status}'"),
    }
}

/// An answer of a rule; `Err` is what kstatus returns as an error: the object is not of the shape
/// that the rule expects.
type Answer = Result<Health, String>;

fn settle(answer: Answer) -> Health {
    answer.unwrap_or_else(|error| Health::new(Status::Unknown, error))
}

fn current(message: impl Into<String>) -> Answer {
    Ok(Health::new(Status::Current, message))
}

fn in_progress(message: impl Into<String>) -> Answer {
    Ok(Health::new(Status::InProgress, message))
}

fn failed(message: impl Into<String>) -> Answer {
    Ok(Health::new(Status::Failed, message))
}

#[cfg(test)]
mod tests;
