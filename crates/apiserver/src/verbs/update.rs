//! Changing: replace, and the end of every patch and apply.

use std::sync::Arc;

use belay_object::{Object, Value};
use belay_schema::ssa;

use super::create::{invalid, tidy_metadata};
use super::{Answer, Call, MAX_ROUNDS, Written};
use crate::metadata;
use crate::status::{ApiError, FieldError, Result};
use crate::store::Stored;

/// What a change asks for: the whole object as it is to be, in the version of the request.
pub(crate) struct Wanted {
    pub object: Object,
    /// Whether its managedFields are made already (by an apply).
    pub tracked: bool,
}

/// Replaces an object by what the client sent, decoded and defaulted.
pub(crate) fn replace(call: &Call<'_>, object: Object) -> Result<Written> {
    check_names(call, &object)?;
    let fixed = !object.resource_version().is_empty();
    change(call, fixed, &mut |_| Ok(Wanted { object: object.clone(), tracked: false }))
}

/// The object's own name and namespace must be those of the path, where they are given.
pub(crate) fn check_names(call: &Call<'_>, object: &Object) -> Result<()> {
    match object.name() {
        "" => {
            let message = "the name of the object (based on URL) was undeterminable: name must be provided";
            return Err(ApiError::bad_request(message));
        }
        name if name != call.name => {
            return Err(ApiError::bad_request(format!(
                "the name of the object ({name}) does not match the name on the URL ({})",
                call.name
            )));
        }
        _ => {}
    }
    let namespace = object.namespace();
    if !namespace.is_empty() && namespace != call.namespace {
        return Err(ApiError::bad_request(format!(
            "the namespace of the object ({namespace}) does not match the namespace on the request ({})",
            call.namespace
        )));
    }
    Ok(())
}

/// Runs `make` on the live object until its result could be swapped in. `fixed`: the client named a
/// version, so that whoever was faster is a conflict.
pub(crate) fn change(call: &Call<'_>, fixed: bool, make: &mut dyn FnMut(&Object) -> Result<Wanted>) -> Result<Written> {
    for _ in 0..MAX_ROUNDS {
        let live = call.live().ok_or_else(|| call.not_found())?;
        let wanted = make(&call.in_request_version(live.object()))?;
        match put(call, &live, wanted)? {
            Some(written) => return Ok(written),
            None if fixed => return Err(call.modified()),
            None => {}
        }
    }
    Err(call.modified())
}

/// Finishes one wanted state and swaps it in; `None` where somebody was faster.
pub(crate) fn put(call: &Call<'_>, live: &Arc<Stored>, wanted: Wanted) -> Result<Option<Written>> {
    let old = call.in_request_version(live.object());
    let mut object = finish(call, &old, wanted)?;
    if ssa::keep_times(&old, &mut object) {
        return Ok(Some(Written::new(Answer::Stored(live.clone()), false)));
    }
    let reservation = match call.logic() {
        Some(logic) => logic
            .allocate(&call.context(), &mut object, Some(&old))
            .or_else(|errors| invalid(call, call.name, errors).map(|()| None))?,
        None => None,
    };
    call.check_size(&object, live.json().len())?;
    if call.options.dry_run {
        return Ok(Some(Written::new(Answer::Object(object), false)));
    }
    let key = call.key();
    let gone = object.is_deleting() && may_go(&object);
    let object = call.resource.store_form(object);
    let result = match gone {
        true => call.resource.table.remove(&key, live.version(), Some(object)),
        false => call.resource.table.replace(&key, live.version(), object),
    };
    let Ok(stored) = result else { return Ok(None) };
    if let Some(reservation) = reservation {
        reservation.commit();
    }
    call.inner.after_write(call.resource, Some(live), (!gone).then_some(&stored));
    Ok(Some(Written::new(Answer::Stored(stored), false)))
}

/// Whether nothing holds a deleted object any more.
pub(crate) fn may_go(object: &Object) -> bool {
    let grace = object.at(&["metadata", "deletionGracePeriodSeconds"]).and_then(Value::as_i64).unwrap_or_default();
    let own = object.at(&["spec", "finalizers"]).map_or(&[][..], Value::items);
    let held = object.kind() == "Namespace" && object.api_version() == "v1" && !own.is_empty();
    grace == 0 && object.finalizers().next().is_none() && !held
}

/// From what the client wants to what may be stored: the system's metadata kept, the part that the
/// (sub)resource does not write put back, ownership tracked, the generation counted, all checked.
fn finish(call: &Call<'_>, old: &Object, wanted: Wanted) -> Result<Object> {
    let Wanted { mut object, tracked } = wanted;
    let sent = object.resource_version();
    if !sent.is_empty() && sent != old.resource_version() {
        return Err(call.modified());
    }
    if !tracked && !object.uid().is_empty() && object.uid() != old.uid() {
        let why =
            format!("Precondition failed: UID in precondition: {}, UID in object meta: {}", object.uid(), old.uid());
        return Err(ApiError::conflict(&call.resource.group, &call.resource.plural, call.name, why));
    }
    carry_metadata(&mut object, old);
    if let Some(logic) = call.logic() {
        logic.admit(&call.context(), &mut object, Some(old))?;
    }
    if !tracked {
        object = call.with_target(|target| ssa::update(target, Some(old), object, &call.manager()));
    }
    let mut object = restore(call, object, old);
    if let Some(logic) = call.logic() {
        logic.prepare_update(&call.context(), &mut object, old);
    }
    if call.resource.counts_generation {
        // A Deployment's annotations go on to its ReplicaSets.
        let passes_on =
            call.resource.kind == "Deployment" && call.resource.group == "apps" && call.subresource.is_empty();
        let annotated = passes_on && object.annotations() != old.annotations();
        let changed = annotated || content_differs(&object, old, call.resource.has_status());
        object.set(&["metadata", "generation"], old.generation() + i64::from(changed));
    }
    validate(call, &object, old)?;
    Ok(object)
}

/// What a client cannot change: it is as it was, whatever was sent.
fn carry_metadata(object: &mut Object, old: &Object) {
    const KEPT: [&str; 5] =
        ["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "resourceVersion"];
    for field in KEPT {
        match old.at(&["metadata", field]) {
            Some(value) => object.set(&["metadata", field], value.clone()),
            None => drop(object.remove(&["metadata", field])),
        }
    }
    object.set(&["metadata", "name"], old.name());
    if !old.namespace().is_empty() {
        object.set(&["metadata", "namespace"], old.namespace());
    }
    if object.uid().is_empty() {
        object.set(&["metadata", "uid"], old.uid());
    }
    object.remove(&["metadata", "selfLink"]);
    if object.str_at(&["metadata", "generateName"]).is_none()
        && let Some(generate) = old.str_at(&["metadata", "generateName"])
    {
        object.set(&["metadata", "generateName"], generate);
    }
    tidy_metadata(object);
}

/// Puts back what this (sub)resource does not write.
fn restore(call: &Call<'_>, mut object: Object, old: &Object) -> Object {
    match call.subresource {
        "" if call.resource.has_status() => {
            match old.get("status") {
                Some(status) => object.set(&["status"], status.clone()),
                None => drop(object.remove(&["status"])),
            }
            object
        }
        // A status write to a built-in kind may change its metadata, but for labels.
        "status" if call.resource.custom.is_none() => {
            let mut merged = old.clone();
            for path in [&["status"][..], &["metadata"]] {
                match object.remove(path) {
                    Some(value) => merged.set(path, value),
                    None => drop(merged.remove(path)),
                }
            }
            match old.at(&["metadata", "labels"]) {
                Some(labels) => merged.set(&["metadata", "labels"], labels.clone()),
                None => drop(merged.remove(&["metadata", "labels"])),
            }
            merged
        }
        "status" => {
            let mut merged = old.clone();
            for path in [&["status"][..], &["metadata", "managedFields"]] {
                match object.remove(path) {
                    Some(value) => merged.set(path, value),
                    None => drop(merged.remove(path)),
                }
            }
            merged
        }
        _ => object,
    }
}

/// Whether anything but metadata (and status, where it is written apart) differs.
fn content_differs(new: &Object, old: &Object, has_status: bool) -> bool {
    let counts = |key: &str| key != "metadata" && !(has_status && key == "status");
    let (a, b) = (new.fields(), old.fields());
    let mut left = a.iter().filter(|(k, _)| counts(k));
    let mut right = b.iter().filter(|(k, _)| counts(k));
    loop {
        match (left.next(), right.next()) {
            (None, None) => return false,
            (Some(x), Some(y)) if x == y => {}
            _ => return true,
        }
    }
}

fn validate(call: &Call<'_>, object: &Object, old: &Object) -> Result<()> {
    let mut errors = metadata::validate_update(object, old);
    if let Some(logic) = call.logic() {
        errors.extend(logic.validate_update(&call.context(), object, old));
    }
    if call.resource.custom.is_some() {
        let found = belay_schema::validate(object.value(), Some(old.value()), &call.resource.schema);
        errors.extend(found.into_iter().map(FieldError::from));
    }
    invalid(call, call.name, errors)
}
