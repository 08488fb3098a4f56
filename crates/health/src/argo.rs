//! The same question in Argo CD's vocabulary: `Healthy`, `Progressing`, `Degraded`, ...
//!
//! [`Customizations`] holds what an installation's configuration says about kinds: health scripts and
//! actions. It answers for every object, by those scripts first, then by the
//! rules of custom resources ([`families`]), then by those of the built-in kinds ([`builtin`]).
//! `None` is the answer for a kind without health (a ConfigMap, a Role), which no sum counts.
//! [`Sum`] adds up what the objects of one application say.
//!
//! Compat(argo 3.5): statuses, their order and messages are Argo CD's, since clients show and
//! compare them.

mod actions;
mod builtin;
mod customizations;
mod families;
mod sum;

use std::fmt;

use belay_object::{Object, Value};

pub use actions::{Action, Effect, Operation};
pub use customizations::{Customizations, Error, ErrorKind};
pub use sum::Sum;

/// A status, from best to worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Status {
    /// All is well.
    Healthy,
    /// Paused by someone.
    Suspended,
    /// Not well yet.
    Progressing,
    /// Not there.
    Missing,
    /// Failed, or not well in time.
    Degraded,
    /// There is no telling.
    Unknown,
}

impl Status {
    /// All of them, from best to worst.
    pub const ALL: [Status; 6] =
        [Status::Healthy, Status::Suspended, Status::Progressing, Status::Missing, Status::Degraded, Status::Unknown];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Healthy => "Healthy",
            Status::Suspended => "Suspended",
            Status::Progressing => "Progressing",
            Status::Missing => "Missing",
            Status::Degraded => "Degraded",
            Status::Unknown => "Unknown",
        }
    }
    /// Reads what [`Status::as_str`] writes.
    pub fn parse(text: &str) -> Option<Status> {
        Status::ALL.into_iter().find(|s| s.as_str() == text)
    }
}
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an object says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Health {
    /// How it is.
    pub status: Status,
    /// Why; may be empty.
    pub message: String,
}

impl Health {
    /// Makes one.
    pub fn new(status: Status, message: impl Into<String>) -> Health {
        Health { status, message: message.into() }
    }
    /// Of an object that is not there.
    pub fn missing() -> Health {
        Health::new(Status::Missing, "")
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

const HOOK_FINALIZER: &str = "argocd.argoproj.io/hook-finalizer";
const HOOK: &str = "argocd.argoproj.io/hook";
const HELM_HOOK: &str = "helm.sh/hook";
const IGNORE_RESTART_POLICY: &str = "argocd.argoproj.io/ignore-restart-policy";

/// Of an object that is being deleted; a hook that waits for its phase's end is not.
fn pending_deletion(object: &Object) -> Option<Health> {
    let holds_hook = || object.finalizers().any(|f| f == HOOK_FINALIZER);
    (object.is_deleting() && !holds_hook()).then(|| Health::new(Status::Progressing, "Pending deletion"))
}

/// Whether an object is a hook of either form. `Skip` alone makes it none, nor does Helm's mark for
/// definitions.
fn is_hook(object: &Object) -> bool {
    match (object.annotation(HOOK), object.annotation(HELM_HOOK)) {
        (Some(kinds), _) => {
            let known = ["PreSync", "Sync", "PostSync", "SyncFail", "PreDelete", "PostDelete", "Skip"];
            let mut kinds = kinds.split(',').map(str::trim).filter(|k| known.contains(k)).peekable();
            kinds.peek().is_none() || kinds.any(|k| k != "Skip")
        }
        (None, Some(kind)) => kind != "crd-install",
        (None, None) => false,
    }
}

/// A condition, read without complaint: what has another shape is empty.
struct Condition<'a> {
    kind: &'a str,
    status: &'a str,
    reason: &'a str,
    message: &'a str,
}

/// The conditions at a path.
fn conditions_at<'a>(value: Option<&'a Value>) -> impl Iterator<Item = Condition<'a>> {
    let items = value.map_or(&[][..], Value::items);
    items.iter().map(|item| {
        let text = |name: &str| item.str_at(&[name]).unwrap_or_default();
        Condition { kind: text("type"), status: text("status"), reason: text("reason"), message: text("message") }
    })
}

/// `status.conditions`.
fn conditions(object: &Object) -> impl Iterator<Item = Condition<'_>> {
    conditions_at(object.at(&["status", "conditions"]))
}

/// A whole number at a path.
fn int(object: &Object, path: &[&str]) -> Option<i64> {
    object.at(path).and_then(Value::as_i64)
}

fn text<'a>(object: &'a Object, path: &[&str]) -> &'a str {
    object.str_at(path).unwrap_or_default()
}

fn flag(object: &Object, path: &[&str]) -> bool {
    object.at(path).and_then(Value::as_bool).unwrap_or(false)
}

#[cfg(test)]
mod tests;
