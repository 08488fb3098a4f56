//! Conditions as kube-controller-manager keeps them: a changed one moves to the end of the list.

use belay_object::{Object, Value, object};

use super::world::now_text;

/// One condition of a list.
pub(super) fn find<'a>(conditions: &'a [Value], kind: &str) -> Option<&'a Value> {
    conditions.iter().find(|c| c.str_at(&["type"]) == Some(kind))
}

/// Whether a condition of an object's status holds.
pub(super) fn holds(object: &Object, kind: &str) -> bool {
    let conditions = object.at(&["status", "conditions"]).map_or(&[][..], Value::items);
    find(conditions, kind).is_some_and(|c| c.str_at(&["status"]) == Some("True"))
}

/// The conditions of an object's status.
pub(super) fn of(object: &Object) -> Vec<Value> {
    object.at(&["status", "conditions"]).map_or(&[][..], Value::items).to_vec()
}

/// Sets a Deployment's condition: nothing where status and reason stay; the time of transition stays with the status.
pub(super) fn set(conditions: &mut Vec<Value>, kind: &str, status: &str, reason: &str, message: &str) {
    let known = find(conditions, kind);
    let same = |c: &Value, field: &str, value: &str| c.str_at(&[field]) == Some(value);
    if known.is_some_and(|c| same(c, "status", status) && same(c, "reason", reason)) {
        return;
    }
    let now = now_text();
    let since = known.filter(|c| same(c, "status", status)).and_then(|c| c.str_at(&["lastTransitionTime"]));
    let since = since.unwrap_or(&now).to_owned();
    remove(conditions, kind);
    conditions.push(object! {
        "type" => kind, "status" => status, "reason" => reason, "message" => message,
        "lastUpdateTime" => now, "lastTransitionTime" => since,
    });
}

/// Takes a condition away.
pub(super) fn remove(conditions: &mut Vec<Value>, kind: &str) {
    conditions.retain(|c| c.str_at(&["type"]) != Some(kind));
}

/// Sets a condition in place, without a time of update; where nothing but time would change it stays.
pub(super) fn put(conditions: &mut Vec<Value>, kind: &str, status: &str, reason: &str, message: &str) {
    let now = now_text();
    let mut condition = object! { "type" => kind, "status" => status, "lastTransitionTime" => now };
    if !reason.is_empty() {
        condition.set(&["reason"], reason);
    }
    if !message.is_empty() {
        condition.set(&["message"], message);
    }
    match conditions.iter_mut().find(|c| c.str_at(&["type"]) == Some(kind)) {
        Some(known) => {
            if known.str_at(&["status"]) == Some(status)
                && let Some(since) = known.get("lastTransitionTime").cloned()
            {
                condition.set(&["lastTransitionTime"], since);
            }
            *known = condition;
        }
        None => conditions.push(condition),
    }
}
