//! The order of kstatus' rules, and those that hold for every kind.

use belay_object::{Object, Value};
use jiff::Timestamp;

use crate::conditions::{conditions, strict_int};
use crate::{Answer, Health, Status, builtin, current, failed, in_progress};

/// Tells the health of any object.
pub(crate) fn check(object: &Object, now: Timestamp) -> Answer {
    if let Some(health) = before_kind(object)? {
        return Ok(health);
    }
    if let Some(rule) = builtin::rule(&object.group_kind()) {
        return rule(object, now);
    }
    by_ready_condition(object)
}

/// The rules that come before any kind's own.
fn before_kind(object: &Object) -> Result<Option<Health>, String> {
    match object.at(&["metadata", "deletionTimestamp"]) {
        None => {}
        Some(Value::Str(s)) if s.is_empty() => {}
        Some(Value::Str(_)) => return Ok(Some(Health::new(Status::Terminating, "Resource scheduled for deletion"))),
        Some(other) => {
            return Err(format!(
                "looking up metadata.deletionTimestamp from resource: it is of type {}, not a string",
                other.type_name()
            ));
        }
    }
    if let Some(health) = unobserved_generation(object)? {
        return Ok(Some(health));
    }
    for c in conditions(object)? {
        match (c.kind, c.status) {
            ("Reconciling", "True") => return in_progress(c.message).map(Some),
            ("Stalled", "True") => return failed(c.message).map(Some),
            _ => {}
        }
    }
    Ok(None)
}

fn unobserved_generation(object: &Object) -> Result<Option<Health>, String> {
    let Some(generation) = strict_int(object, &["metadata", "generation"])? else { return Ok(None) };
    let Some(observed) = strict_int(object, &["status", "observedGeneration"])? else { return Ok(None) };
    if observed == generation {
        return Ok(None);
    }
    in_progress(format!("{} generation is {generation}, but latest observed generation is {observed}", object.kind()))
        .map(Some)
}

/// A daemon set's controller always writes both generations: absence means that it has not acted.
pub(crate) fn missing_generation(object: &Object) -> Result<Option<Health>, String> {
    if strict_int(object, &["metadata", "generation"])?.is_none() {
        return in_progress(format!("{} metadata.generation not found", object.kind())).map(Some);
    }
    if strict_int(object, &["status", "observedGeneration"])?.is_none() {
        return in_progress(format!("{} status.observedGeneration not found", object.kind())).map(Some);
    }
    Ok(None)
}

/// `Ready=False` is progress, not failure: there is no telling whether it is doomed.
fn by_ready_condition(object: &Object) -> Answer {
    for c in conditions(object)? {
        match (c.kind, c.status) {
            ("Ready", "True") => return current("Resource is Ready"),
            ("Ready", "False" | "Unknown") => return in_progress(c.message),
            _ => {}
        }
    }
    current("Resource is current")
}
