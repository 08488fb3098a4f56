//! From kubectl's client-side apply to its server-side apply: what its annotation says it wrote before
//! is no conflict, and the annotation goes on saying it.

use belay_object::{Object, from_json_str};

use super::compare::compare;
use super::{Conflict, Target, typed};

/// The manager whose applies follow client-side ones.
pub(super) const MANAGER: &str = "kubectl";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Of conflicts, those on fields that client-side apply did not write, or that have changed since.
/// Without its annotation these are all.
pub(super) fn disputed(target: &Target, live: Option<&Object>, conflicts: &[Conflict]) -> Vec<Conflict> {
    let last = live
        .and_then(|l| l.annotation(LAST_APPLIED))
        .and_then(|text| from_json_str(text).ok())
        .and_then(|value| Object::new(value).ok())
        .filter(|o| o.api_version() == target.api_version);
    let (Some(live), Some(last)) = (live, last) else { return conflicts.to_vec() };
    let written = compare(last.fields(), live.fields(), target.schema);
    let allowed =
        typed::field_set(last.value(), target.schema).difference(&written.changed).difference(&written.removed).paths();
    conflicts.iter().filter(|c| !allowed.contains(&c.field)).cloned().collect()
}

/// Writes what was applied into the annotation, where there is one.
pub(super) fn follow(object: &mut Object, applied: &Object) {
    if object.annotation(LAST_APPLIED).is_some_and(|a| !a.is_empty()) {
        let mut last = applied.clone();
        last.remove(&["metadata", "annotations", LAST_APPLIED]);
        object.set_annotation(LAST_APPLIED, &format!("{}\n", last.value().to_json()));
    }
}
