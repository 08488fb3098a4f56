//! What a server says when it refuses an object, and what follows from it.

use std::sync::OnceLock;

use belay_object::ObjectKey;
use regex::Regex;

/// A server's refusal, from the `Status` in its answer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Refusal {
    /// The HTTP code; 0 where there was no answer.
    pub code: u16,
    /// `Invalid`, `Conflict`; empty where not said.
    pub reason: String,
    /// The whole message.
    pub message: String,
    /// Whether `details.causes` has one of type `FieldManagerConflict`.
    pub manager_conflict: bool,
}

impl Refusal {
    /// Whether a field that cannot be changed may be the cause. Every conflict and every invalid
    /// object counts: servers do not say it more exactly. Compat(flux 2.9)
    pub fn may_be_immutable(&self) -> bool {
        matches!(self.reason.as_str(), "Conflict" | "Invalid")
            || (self.reason.is_empty() && matches!(self.code, 409 | 422))
            || immutable().is_match(&self.message)
    }
    /// Whether the object, or its namespace, is not there.
    pub fn is_not_found(&self) -> bool {
        self.reason == "NotFound" || (self.reason.is_empty() && self.code == 404)
    }
    /// The sentence for a refused dry run.
    ///
    /// Compat(flux 2.9): `namespace not specified` is said of any object without one, since that
    /// is why a server does not find a namespaced kind.
    pub fn dry_run_message(&self, key: &ObjectKey) -> String {
        if self.is_not_found() {
            let what = if key.namespace.is_empty() { "namespace not specified" } else { "not found" };
            return format!("{key} {what}: {}", self.message);
        }
        let reason = if self.manager_conflict { "FieldManagerConflict" } else { &self.reason };
        match reason {
            "" => format!("{key} dry-run failed: {}", self.message),
            reason => format!("{key} dry-run failed ({reason}): {}", self.message),
        }
    }
    /// The sentence for a refused apply.
    pub fn apply_message(&self, key: &ObjectKey) -> String {
        format!("{key} apply failed: {}", self.message)
    }
    /// The sentence for a refused takeover of managed fields.
    pub fn takeover_message(&self, key: &ObjectKey) -> String {
        format!("{key} metadata.managedFields cleanup failed: {}", self.message)
    }
    /// The sentence for a refused delete.
    pub fn delete_message(&self, key: &ObjectKey) -> String {
        format!("{key} delete failed: {}", self.message)
    }
    /// The sentence for a refused read before a delete.
    pub fn query_message(&self, key: &ObjectKey) -> String {
        format!("{key} query failed: {}", self.message)
    }
}

/// What admission webhooks and CEL rules say of fields that cannot be changed.
fn immutable() -> &'static Regex {
    static PATTERN: OnceLock<Regex> = OnceLock::new();
    PATTERN.get_or_init(|| {
        Regex::new(r"is[\t\n\x0c\r ]immutable|immutable[\t\n\x0c\r ]field").expect("the pattern is a constant")
    })
}

/// The sentence that sums up failed deletes.
pub fn delete_failures(messages: &[String]) -> String {
    let all: String = messages.iter().map(|m| format!("{m};")).collect();
    format!("delete failed, errors: {all}")
}
