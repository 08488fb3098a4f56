//! Server-side apply: merging what managers apply, and tracking who owns which field
//! (`metadata.managedFields`).
//!
//! [`apply`] is one apply request, [`update`] the tracking of every other write; both give the whole
//! object to store, managedFields written. Defaults, admission and validation are the caller's, after
//! which [`keep_times`] undoes what is no change.

use belay_object::{Object, Value};

use crate::error::{Error, ErrorKind, FieldErrorKind};
use crate::fields::FieldSet;
use crate::node::Schema;

/// What a managedFields entry says was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Every other write.
    Update,
}

/// The kind that is written.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// Its schema.
    pub schema: &'a Schema,
    /// `apps/v1`
    pub api_version: &'a str,
    /// `Deployment`
    pub kind: &'a str,
    /// `status`, `scale`; empty for the main resource.
    pub subresource: &'a str,
    /// Paths that a write to this (sub)resource does not change, so nobody owns them by it.
    pub reset: &'a FieldSet,
}

/// Who writes.
#[derive(Clone, Copy, Debug)]
pub struct Manager<'a> {
    /// `fieldManager` of the request, or the first word of its user agent.
    pub name: &'a str,
    /// RFC 3339 to the second, UTC.
    pub time: &'a str,
}

/// One field that another manager owns with another value.
#[derive(Clone, PartialEq, Debug)]
pub struct Conflict {
    /// `conflict with "one" using v1`
    pub message: String,
    /// `.spec.items[id="x"].v`
    pub field: String,
}

/// Why an apply was refused.
#[derive(Clone, PartialEq, Debug)]
pub enum ApplyError {
    /// Others own what it would change (409).
    Conflicts(Vec<Conflict>),
    /// The request itself is wrong (400).
    Request(Error),
    /// The object does not fit the schema (500, as the API server answers).
    Typed(Error),
}

impl ApplyError {
    /// The message of the Status.
    pub fn message(&self) -> String {
        match self {
            ApplyError::Conflicts(conflicts) => conflicts.first().map(|c| c.message.clone()).unwrap_or_default(),
            ApplyError::Request(e) | ApplyError::Typed(e) => e.message.clone(),
        }
    }
}

/// Applies `applied` for a manager. `live` is the stored object, `None` to create.
/// Gives the object to store; its metadata holds what `live` and `applied` hold, and the new managedFields.
pub fn apply(
    target: &Target,
    live: Option<&Object>,
    applied: &Object,
    manager: &Manager,
    force: bool,
) -> Result<Object, ApplyError> {
    let _ = (target, live, applied, manager, force, FieldErrorKind::Internal);
    Err(ApplyError::Request(Error::new(ErrorKind::Request, "apply is not served")))
}

/// Tracks a write that is no apply: `new` is what is to be stored, `live` what it replaces (`None` on
/// create). Gives `new` with its managedFields.
pub fn update(target: &Target, live: Option<&Object>, new: Object, manager: &Manager) -> Object {
    let _ = (target, live, manager);
    new
}

/// Where `new` differs from `live` in nothing but times of managedFields (and the resourceVersion),
/// gives it the old times and says `true`: nothing is to be stored.
pub fn keep_times(live: &Object, new: &mut Object) -> bool {
    live.value() == new.value()
}

/// What a write to this kind's (sub)resource does not change. Custom resources: `status` for the main
/// resource where the status subresource is on, everything but `status` for that subresource.
pub fn reset_fields(api_version: &str, kind: &str, subresource: &str) -> FieldSet {
    let _ = (api_version, kind);
    match subresource {
        "status" => FieldSet::of_names(&[&["spec"], &["metadata"]]),
        "" => FieldSet::of_names(&[&["status"]]),
        _ => FieldSet::new(),
    }
}

/// The fields that a manager owns by its applies (`None` of the operation: by anything), in all subresources.
pub fn owned_fields(live: &Object, manager: &str, operation: Option<Operation>) -> FieldSet {
    let _ = (live, manager, operation);
    FieldSet::new()
}

/// A digest of the values of the fields that a manager owns by its applies; `None` where it owns
/// none. It changes when one of these values does, and with nothing else: O(owned fields).
pub fn owned_digest(live: &Object, manager: &str) -> Option<[u8; 16]> {
    let _ = (live, manager, Value::Null);
    None
}
