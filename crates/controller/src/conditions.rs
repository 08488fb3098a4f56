//! Setting conditions: which changes move the transition time, and in which order they stand.

use belay_object::{Condition, Object, Value};
use jiff::Timestamp;

/// What counts as a transition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transition {
    /// The status alone, as Kubernetes' own helpers have it.
    Status,
    /// Status, reason, message or observed generation, as the GitOps Toolkit's have it.
    State,
}

/// Writes a time as conditions carry it: RFC 3339 in UTC, to the second.
pub fn time_text(now: Timestamp) -> String {
    let second = Timestamp::from_second(now.as_second()).unwrap_or(now);
    second.to_string()
}

/// Sets one condition: replaces that of its type, or adds it. The transition time is `now` where the
/// rule says so and stays otherwise. `Ready` stands first, the others by type.
///
/// Gives whether anything changed.
pub fn set(all: &mut Vec<Condition>, mut condition: Condition, rule: Transition, now: Timestamp) -> bool {
    let changed = match all.iter_mut().find(|c| c.kind == condition.kind) {
        None => {
            if condition.last_transition_time.is_empty() {
                condition.last_transition_time = time_text(now);
            }
            all.push(condition);
            true
        }
        Some(old) => {
            let same_state = old.status == condition.status
                && old.reason == condition.reason
                && old.message == condition.message
                && old.observed_generation == condition.observed_generation;
            let moved = match rule {
                Transition::Status => old.status != condition.status,
                Transition::State => !same_state,
            };
            condition.last_transition_time =
                if moved { time_text(now) } else { std::mem::take(&mut old.last_transition_time) };
            *old = condition;
            !same_state
        }
    };
    all.sort_by(|a, b| (a.kind != "Ready", &a.kind).cmp(&(b.kind != "Ready", &b.kind)));
    changed
}

/// Removes the condition of a type; whether there was one.
pub fn remove(all: &mut Vec<Condition>, kind: &str) -> bool {
    let before = all.len();
    all.retain(|c| c.kind != kind);
    all.len() != before
}

/// The condition of a type.
pub fn find<'c>(all: &'c [Condition], kind: &str) -> Option<&'c Condition> {
    all.iter().find(|c| c.kind == kind)
}

/// Whether the condition of a type is there and True.
pub fn is_true(all: &[Condition], kind: &str) -> bool {
    find(all, kind).is_some_and(|c| c.status == belay_object::ConditionStatus::True)
}

/// Writes conditions into an object's status; an empty list removes the field.
pub fn write(object: &mut Object, all: &[Condition]) {
    if all.is_empty() {
        object.remove(&["status", "conditions"]);
    } else {
        object.set(&["status", "conditions"], all.iter().map(Condition::to_value).collect::<Value>());
    }
}
