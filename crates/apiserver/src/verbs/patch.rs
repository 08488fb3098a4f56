//! The four patches: JSON, merge, strategic merge, server-side apply.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use belay_object::{Object, PatchError, Value, from_json, json_patch, merge_patch};
use belay_schema::{ErrorKind, ssa, strategic};

use super::update::{Wanted, change, check_names, put};
use super::{Answer, Call, MAX_ROUNDS, Written, create, decode};
use crate::negotiate::Text;
use crate::status::{ApiError, Details, FieldError, Reason, Result};

/// How many operations a JSON patch may have.
const MAX_OPERATIONS: usize = 10_000;

/// Which patch a body is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PatchKind {
    /// RFC 6902
    Json,
    /// RFC 7386
    Merge,
    /// Built-in kinds only.
    Strategic,
    /// Server-side apply.
    Apply,
}

impl PatchKind {
    /// By its media type.
    pub(crate) fn of(media: &str) -> Option<PatchKind> {
        Some(match media {
            "application/json-patch+json" => PatchKind::Json,
            "application/merge-patch+json" => PatchKind::Merge,
            "application/strategic-merge-patch+json" => PatchKind::Strategic,
            "application/apply-patch+yaml" => PatchKind::Apply,
            _ => return None,
        })
    }
}

/// A patch, read.
pub(crate) enum Patch {
    Json(Value),
    Merge(Value),
    Strategic(Value),
}

/// Reads a patch that is no apply.
pub(crate) fn read(kind: PatchKind, body: &[u8]) -> Result<Patch> {
    let broken = |e: &dyn std::fmt::Display| ApiError::bad_request(format!("error decoding patch: {e}"));
    let value = from_json(body).map_err(|e| broken(&e))?;
    match (kind, &value) {
        (PatchKind::Json, Value::Array(operations)) if operations.len() > MAX_OPERATIONS => {
            let message =
                format!("The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {}", operations.len());
            Err(ApiError::new(Reason::RequestEntityTooLarge, message))
        }
        (PatchKind::Json, Value::Array(_)) => Ok(Patch::Json(value)),
        (PatchKind::Json, other) => {
            let found = if matches!(other, Value::Object(_)) { "object" } else { other.type_name() };
            Err(broken(&format!("json: cannot unmarshal {found} into Go value of type []handlers.jsonPatchOp")))
        }
        (_, Value::Object(_)) if kind == PatchKind::Strategic => Ok(Patch::Strategic(value)),
        (_, Value::Object(_)) => Ok(Patch::Merge(value)),
        (_, other) => {
            let found = if matches!(other, Value::Array(_)) { "array" } else { other.type_name() };
            Err(broken(&format!("json: cannot unmarshal {found} into Go value of type map[string]interface {{}}")))
        }
    }
}

/// Changes an object by a patch that is no apply.
pub(crate) fn patch(call: &Call<'_>, patch: &Patch) -> Result<Written> {
    let fixed = match patch {
        Patch::Merge(value) | Patch::Strategic(value) => value.str_at(&["metadata", "resourceVersion"]).is_some(),
        // An operation on the version itself is seen when the versions are compared.
        Patch::Json(_) => false,
    };
    let mut warnings = Vec::new();
    let mut written = change(call, fixed, &mut |live| {
        let mut value = live.value().clone();
        edit(call, &mut value, patch)?;
        let mut object = Object::new(value).map_err(|_| ApiError::bad_request("the patch leaves no object"))?;
        check_kept(call, &object, live)?;
        warnings = decode::refit(call.resource, &mut object, call.options.validation)?;
        Ok(Wanted { object, tracked: false })
    })?;
    written.warnings = warnings;
    Ok(written)
}

/// Applies the patch to the live object's value.
pub(crate) fn edit(call: &Call<'_>, value: &mut Value, patch: &Patch) -> Result<()> {
    match patch {
        Patch::Json(operations) => json_patch(value, operations).map_err(|e| match e {
            PatchError::Malformed(_)
            | PatchError::TestFailed(_)
            | PatchError::Missing { .. }
            | PatchError::Position { .. } => {
                // The texts of the library behind Kubernetes never reach the client.
                ApiError {
                    reason: Reason::Invalid,
                    message: "the server rejected our request due to an error in our request".into(),
                    details: Some(Box::<Details>::default()),
                }
            }
        }),
        Patch::Merge(merge) => {
            merge_patch(value, merge);
            Ok(())
        }
        Patch::Strategic(merge) => strategic::apply(value, merge, &call.resource.schema).map_err(|e| match e.kind {
            ErrorKind::Patch | ErrorKind::Request => ApiError::bad_request(e.message),
            _ => ApiError::unclassified(e.message),
        }),
    }
}

/// A patch cannot make another object out of this one.
fn check_kept(call: &Call<'_>, object: &Object, live: &Object) -> Result<()> {
    check_names(call, object)?;
    if object.api_version() != live.api_version() || object.kind() != live.kind() {
        let (wanted, found) = (live.group_version_kind(), object.group_version_kind());
        return Err(ApiError::bad_request(format!(
            "{} in version {:?} cannot be handled as a {}",
            found.kind, found.version, wanted.kind
        )));
    }
    Ok(())
}

/// Server-side apply of a YAML or JSON body.
pub(crate) fn apply_body(call: &Call<'_>, body: &[u8]) -> Result<Written> {
    if call.options.manager.is_empty() {
        let error = FieldError::required("fieldManager", "is required for apply patch");
        return Err(ApiError::invalid("meta.k8s.io", "PatchOptions", "", vec![error]));
    }
    let digest = request_digest(call, body);
    if let Some(live) = call.live().filter(|live| live.is_applied(digest)) {
        // The same request led to this state: it changes nothing.
        return Ok(Written::new(Answer::Stored(live), false));
    }
    let json = body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
    let value = match json.then(|| from_json(body)) {
        Some(Ok(value)) => value,
        _ => decode::parse(body, Text::Yaml).map_err(|e| ApiError::bad_request(format!("error decoding YAML: {e}")))?.0,
    };
    let applied = Object::new(value).map_err(|_| ApiError::bad_request("invalid object type: /, Kind="))?;
    let written = apply(call, &applied)?;
    if let Answer::Stored(stored) = &written.answer {
        stored.set_applied(digest);
    }
    Ok(written)
}

/// Tells apply requests for one object apart: everything that decides what an apply makes of a state,
/// the definition of a custom resource included.
fn request_digest(call: &Call<'_>, body: &[u8]) -> u64 {
    static KEY: OnceLock<RandomState> = OnceLock::new();
    let definition = call.resource.custom.as_ref().map_or(0, |custom| custom.definition.version());
    let parts =
        (call.resource.api_version(), call.subresource, &call.options.manager, call.options.force, definition, body);
    KEY.get_or_init(RandomState::new).hash_one(parts).max(1)
}

/// Server-side apply.
pub(crate) fn apply(call: &Call<'_>, applied: &Object) -> Result<Written> {
    check_applied(call, applied)?;
    for _ in 0..MAX_ROUNDS {
        let live = call.live();
        match live {
            None => match apply_new(call, applied) {
                Err(e) if e.reason == Reason::AlreadyExists => {}
                result => return result,
            },
            Some(live) => {
                let object = {
                    let old = call.in_request_version(live.object());
                    merged(call, Some(&old), applied)?
                };
                let sent = !applied.resource_version().is_empty();
                match put(call, &live, Wanted { object, tracked: true })? {
                    Some(written) => return Ok(written),
                    None if sent => return Err(call.modified()),
                    None => {}
                }
            }
        }
    }
    Err(call.modified())
}

fn check_applied(call: &Call<'_>, applied: &Object) -> Result<()> {
    let (api_version, kind) = (applied.api_version(), applied.kind());
    if api_version.is_empty() || kind.is_empty() {
        let gvk = applied.group_version_kind();
        let message = format!("invalid object type: {}/{}, Kind={}", gvk.group, gvk.version, gvk.kind);
        return Err(ApiError::bad_request(message));
    }
    if applied.at(&["metadata", "managedFields"]).is_some_and(|m| !m.is_null()) {
        return Err(ApiError::bad_request("metadata.managedFields must be nil"));
    }
    if api_version != call.resource.api_version() || kind != call.resource.kind.as_str() {
        return Err(ApiError::bad_request(format!(
            "incorrect object type specified in patch: {api_version} {kind}, the resource is {} {}",
            call.resource.api_version(),
            call.resource.kind
        )));
    }
    match applied.str_at(&["metadata", "name"]) {
        Some(name) if !name.is_empty() => check_names(call, applied),
        // What else the name may be is for the typed object to refuse.
        _ => Ok(()),
    }
}

/// Creates by apply. Subresources are not created.
fn apply_new(call: &Call<'_>, applied: &Object) -> Result<Written> {
    if !call.subresource.is_empty() {
        return Err(call.not_found());
    }
    if !applied.uid().is_empty() {
        let why = format!(
            "uid mismatch: the provided object specified uid {}, and no existing object was found",
            applied.uid()
        );
        return Err(ApiError::conflict(&call.resource.group, &call.resource.plural, call.name, why));
    }
    if !applied.resource_version().is_empty() {
        return Err(call.modified());
    }
    let mut object = merged(call, None, applied)?;
    if object.name().is_empty() {
        object.set(&["metadata", "name"], call.name);
    }
    create::create(call, object, true)
}

/// Merges, fits and defaults.
fn merged(call: &Call<'_>, live: Option<&Object>, applied: &Object) -> Result<Object> {
    let result = call.with_target(|target| ssa::apply(target, live, applied, &call.manager(), call.options.force));
    let mut object = result.map_err(apply_error)?;
    // What the typed merge let through is declared: there is nothing to warn of.
    decode::refit(call.resource, &mut object, super::FieldValidation::Ignore)?;
    Ok(object)
}

fn apply_error(error: ssa::ApplyError) -> ApiError {
    let message = error.message();
    match error {
        ssa::ApplyError::Conflicts(conflicts) => {
            conflicts.iter().fold(ApiError::new(Reason::Conflict, message), |e, c| {
                e.with_cause("FieldManagerConflict", c.message(), &c.field)
            })
        }
        ssa::ApplyError::Request(_) => ApiError::bad_request(message),
        ssa::ApplyError::Typed(_) => ApiError::unclassified(message),
    }
}
