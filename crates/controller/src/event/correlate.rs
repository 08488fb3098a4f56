//! Which events are repeats, which are too many, and which are new: pure, time comes with the event.
//!
//! The rules are those of Kubernetes' own recorder: the same event again raises a count; from the
//! eleventh similar event (all but the message equal) within ten minutes on they are combined; and
//! each object has a budget of 25 events that refills by one every five minutes.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

use jiff::Timestamp;

use super::{Event, EventKind};

/// Objects, events and groups remembered, each.
const CAPACITY: usize = 4_096;
const SIMILAR: usize = 10;
const SIMILAR_WITHIN_S: i64 = 600;
const BURST: f64 = 25.0;
const REFILL_PER_S: f64 = 1.0 / 300.0;

/// What to write.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Action {
    /// A new Event.
    Create { message: String },
    /// A higher count on one that was written.
    Repeat { name: String, count: i64, first: Timestamp, message: String },
    /// Nothing: the object's budget is used up.
    Drop,
}

/// All of an event but its time and the object's version.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Fingerprint {
    group: Group,
    message: String,
}

/// All of an event but its message.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Group {
    source: Source,
    kind: EventKind,
    reason: String,
}

/// The object and who speaks of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Source {
    component: String,
    api_version: String,
    kind: String,
    namespace: String,
    name: String,
    uid: String,
}

impl Fingerprint {
    pub(super) fn of(event: &Event) -> Fingerprint {
        let involved = &event.involved;
        let source = Source {
            component: event.component.clone(),
            api_version: involved.api_version.clone(),
            kind: involved.kind.clone(),
            namespace: involved.namespace.clone(),
            name: involved.name.clone(),
            uid: involved.uid.clone(),
        };
        let group = Group { source, kind: event.kind, reason: event.reason.clone() };
        Fingerprint { group, message: event.message.clone() }
    }
}

struct Written {
    /// Empty until the Event stands in the cluster.
    name: String,
    count: i64,
    first: Timestamp,
}

struct Budget {
    left: f64,
    at: Timestamp,
}

#[derive(Default)]
struct Similar {
    messages: Vec<String>,
    last_s: i64,
}

/// What was recorded of late.
#[derive(Default)]
pub(super) struct Correlator {
    written: Bounded<Fingerprint, Written>,
    similar: Bounded<Group, Similar>,
    budgets: Bounded<Source, Budget>,
    /// What the last combined fingerprint was, for [`Correlator::written`].
    combined: Option<(Fingerprint, Fingerprint)>,
}

impl Correlator {
    /// Decides what to write of an event.
    pub(super) fn correlate(&mut self, event: &Event) -> Action {
        let original = Fingerprint::of(event);
        let (key, message) = self.combine(&original, event);
        self.combined = (key != original).then(|| (original.clone(), key.clone()));
        // A repeat that is dropped counts all the same: the next that is written shows it.
        let written =
            self.written.get_or_insert_with(&key, || Written { name: String::new(), count: 0, first: event.at });
        written.count += 1;
        let (name, count, first) = (written.name.clone(), written.count, written.first);
        match (self.spend(&key.group.source, event.at), name.is_empty()) {
            (false, _) => Action::Drop,
            (true, true) => Action::Create { message },
            (true, false) => Action::Repeat { name, count, first, message },
        }
    }

    /// Notes under which name an event stands in the cluster.
    pub(super) fn written(&mut self, key: &Fingerprint, name: String) {
        let key = match &self.combined {
            Some((original, combined)) if original == key => combined.clone(),
            _ => key.clone(),
        };
        if let Some(written) = self.written.get_mut(&key) {
            written.name = name;
        }
    }

    fn combine(&mut self, key: &Fingerprint, event: &Event) -> (Fingerprint, String) {
        let now_s = event.at.as_second();
        let similar = self.similar.get_or_insert_with(&key.group, Similar::default);
        if now_s - similar.last_s > SIMILAR_WITHIN_S {
            similar.messages.clear();
        }
        similar.last_s = now_s;
        if !similar.messages.contains(&event.message) && similar.messages.len() < SIMILAR {
            similar.messages.push(event.message.clone());
            return (key.clone(), event.message.clone());
        }
        if similar.messages.contains(&event.message) {
            return (key.clone(), event.message.clone());
        }
        let message = format!("(combined from similar events): {}", event.message);
        (Fingerprint { group: key.group.clone(), message: String::new() }, message)
    }

    fn spend(&mut self, source: &Source, now: Timestamp) -> bool {
        let budget = self.budgets.get_or_insert_with(source, || Budget { left: BURST, at: now });
        let passed_s = (now.as_second() - budget.at.as_second()).max(0) as f64;
        budget.left = (budget.left + passed_s * REFILL_PER_S).min(BURST);
        budget.at = now;
        if budget.left < 1.0 {
            return false;
        }
        budget.left -= 1.0;
        true
    }
}

/// A map that forgets its oldest entry when it is full.
struct Bounded<K, V> {
    entries: HashMap<K, V>,
    order: VecDeque<K>,
}

impl<K, V> Default for Bounded<K, V> {
    fn default() -> Self {
        Bounded { entries: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: Clone + Eq + Hash, V> Bounded<K, V> {
    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }
    fn insert(&mut self, key: K, value: V) {
        if self.entries.insert(key.clone(), value).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > CAPACITY
            && let Some(oldest) = self.order.pop_front()
        {
            self.entries.remove(&oldest);
        }
    }
    fn get_or_insert_with(&mut self, key: &K, make: impl FnOnce() -> V) -> &mut V {
        if !self.entries.contains_key(key) {
            self.insert(key.clone(), make());
        }
        self.entries.get_mut(key).expect("inserted above, and the newest is never forgotten")
    }
}
