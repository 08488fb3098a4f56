//! What is to be looked at, and when: each key once, the earliest first.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

/// Which controller looks at an object.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Role {
    Account,
    Claim,
    CronJob,
    DaemonSet,
    Deployment,
    DisruptionBudget,
    Autoscaler,
    Ingress,
    Job,
    Namespace,
    Pod,
    ReplicaSet,
    Service,
    StatefulSet,
    Volume,
}

/// One object and what for.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) enum Key {
    /// A controller's own object.
    Of(Role, Box<str>, Box<str>),
    /// An object that others own: are its owners still there?
    Owned(super::index::Place),
    /// An object being deleted that owns others.
    Owner(super::index::Place),
}

impl Key {
    pub(super) fn of(role: Role, namespace: &str, name: &str) -> Key {
        Key::Of(role, namespace.into(), name.into())
    }
}

/// The queue. As many entries as there are objects with something to do; a key that is put in again earlier leaves a
/// stale entry in the heap, which is dropped when it comes up.
#[derive(Default)]
pub(super) struct Queue {
    due: HashMap<Key, Instant>,
    heap: BinaryHeap<Reverse<(Instant, u64, Key)>>,
    failures: HashMap<Key, u32>,
    count: u64,
}

impl Queue {
    /// Puts a key in for now.
    pub(super) fn add(&mut self, key: Key) {
        self.add_after(key, Duration::ZERO);
    }
    /// Puts a key in for later; the earlier of two times counts.
    pub(super) fn add_after(&mut self, key: Key, delay: Duration) {
        let at = Instant::now() + delay;
        if self.due.get(&key).is_some_and(|known| *known <= at) {
            return;
        }
        self.count += 1;
        self.due.insert(key.clone(), at);
        self.heap.push(Reverse((at, self.count, key)));
    }
    /// The next key whose time has come.
    pub(super) fn pop(&mut self) -> Option<Key> {
        while let Some(Reverse((at, _, key))) = self.heap.peek() {
            let current = self.due.get(key) == Some(at);
            if current && *at > Instant::now() {
                return None;
            }
            let Reverse((_, _, key)) = self.heap.pop()?;
            if current {
                self.due.remove(&key);
                return Some(key);
            }
        }
        None
    }
    /// Whether a key's time has come.
    pub(super) fn has_due(&self) -> bool {
        self.next_due().is_some_and(|at| at <= Instant::now())
    }
    /// When the next key is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse((at, ..))| *at)
    }
    /// Puts a key in again after a failure, later each time, at most 16 s.
    pub(super) fn retry(&mut self, key: Key) {
        let failures = self.failures.entry(key.clone()).or_insert(0);
        *failures += 1;
        let delay = Duration::from_millis(16 << (*failures).min(10));
        self.add_after(key, delay);
    }
    /// Forgets a key's failures.
    pub(super) fn succeeded(&mut self, key: &Key) {
        self.failures.remove(key);
    }
}
