//! Writing `status.conditions` as Flux's controllers write them.
//!
//! A condition whose state is as before keeps its transition time; each carries the generation that
//! was looked at; `Reconciling` and `Stalled` exclude each other and are there only while true; the
//! order is Stalled, Reconciling, Ready, then the rest.
//!
//! Compat(flux 2.9): `fluxcd/pkg/runtime/conditions`.

use std::cmp::Ordering;

use belay_object::{Condition, ConditionStatus, Object, Value};

use crate::names::condition;

/// What a server takes of a message, in bytes.
const MAX_MESSAGE_BYTES: usize = 32_768;

/// The conditions of one object while it is being reconciled.
#[derive(Clone, PartialEq, Debug)]
pub struct Conditions {
    all: Vec<Condition>,
    generation: i64,
    now: String,
}

impl Conditions {
    /// Takes an object's conditions. `now` is RFC 3339 to the second; it stamps transitions.
    pub fn of(object: &Object, now: &str) -> Conditions {
        Conditions { all: Condition::all(object), generation: object.generation(), now: now.to_owned() }
    }
    /// Moves on in time.
    pub fn at(&mut self, now: &str) {
        self.now = now.to_owned();
    }
    /// One of them.
    pub fn get(&self, kind: &str) -> Option<&Condition> {
        self.all.iter().find(|c| c.kind == kind)
    }
    /// Whether one is there and true.
    pub fn is_true(&self, kind: &str) -> bool {
        self.status(kind) == Some(ConditionStatus::True)
    }
    /// Whether one is there and false.
    pub fn is_false(&self, kind: &str) -> bool {
        self.status(kind) == Some(ConditionStatus::False)
    }
    /// Whether one is there and neither.
    pub fn is_unknown(&self, kind: &str) -> bool {
        self.status(kind) == Some(ConditionStatus::Unknown)
    }
    /// Whether one is there.
    pub fn has(&self, kind: &str) -> bool {
        self.get(kind).is_some()
    }
    /// Whether the object is ready, by Flux's rule: `Ready` is true, and nothing says that it is
    /// being worked on or given up.
    pub fn is_ready(&self) -> bool {
        self.is_true(condition::READY) && !self.is_true(condition::RECONCILING) && !self.is_true(condition::STALLED)
    }
    fn status(&self, kind: &str) -> Option<ConditionStatus> {
        self.get(kind).map(|c| c.status)
    }
    /// Sets one to true.
    pub fn mark_true(&mut self, kind: &str, reason: &str, message: &str) {
        self.set(kind, ConditionStatus::True, reason, message);
    }
    /// Sets one to false.
    pub fn mark_false(&mut self, kind: &str, reason: &str, message: &str) {
        self.set(kind, ConditionStatus::False, reason, message);
    }
    /// Sets one to unknown.
    pub fn mark_unknown(&mut self, kind: &str, reason: &str, message: &str) {
        self.set(kind, ConditionStatus::Unknown, reason, message);
    }
    /// Says that work is going on.
    pub fn mark_reconciling(&mut self, reason: &str, message: &str) {
        self.remove(condition::STALLED);
        self.mark_true(condition::RECONCILING, reason, message);
    }
    /// Says that nothing more is tried.
    pub fn mark_stalled(&mut self, reason: &str, message: &str) {
        self.remove(condition::RECONCILING);
        self.mark_true(condition::STALLED, reason, message);
    }
    /// Takes one away.
    pub fn remove(&mut self, kind: &str) {
        self.all.retain(|c| c.kind != kind);
    }
    /// Gives one another reason and nothing else.
    pub fn set_reason(&mut self, kind: &str, reason: &str) {
        if let Some(c) = self.get(kind) {
            let (status, message) = (c.status, c.message.clone());
            self.set(kind, status, reason, &message);
        }
    }
    /// Sets one.
    pub fn set(&mut self, kind: &str, status: ConditionStatus, reason: &str, message: &str) {
        let mut wanted = Condition {
            kind: kind.to_owned(),
            status,
            reason: reason.to_owned(),
            message: trimmed(message),
            observed_generation: self.generation,
            last_transition_time: self.now.clone(),
        };
        match self.all.iter_mut().find(|c| c.kind == kind) {
            Some(have) => {
                if have.status == wanted.status && have.reason == wanted.reason && have.message == wanted.message {
                    wanted.last_transition_time = std::mem::take(&mut have.last_transition_time);
                }
                *have = wanted;
            }
            None => self.all.push(wanted),
        }
        self.all.sort_by(order);
    }
    /// As they are written.
    pub fn to_value(&self) -> Value {
        self.all.iter().map(Condition::to_value).collect()
    }
    /// All of them.
    pub fn all(&self) -> &[Condition] {
        &self.all
    }
}

fn order(a: &Condition, b: &Condition) -> Ordering {
    let weight = |c: &Condition| match c.kind.as_str() {
        condition::STALLED => 0,
        condition::RECONCILING => 1,
        condition::READY => 2,
        _ => 3,
    };
    weight(a)
        .cmp(&weight(b))
        .then_with(|| b.observed_generation.cmp(&a.observed_generation))
        .then_with(|| a.kind.cmp(&b.kind))
}

/// Cuts a message to what a server takes, at a character's boundary.
fn trimmed(message: &str) -> String {
    if message.len() <= MAX_MESSAGE_BYTES {
        return message.to_owned();
    }
    let mut end = MAX_MESSAGE_BYTES - "...".len();
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}...", &message[..end])
}

#[cfg(test)]
mod tests;
