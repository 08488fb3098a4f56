//! Objects in memory: one [`Table`] a resource, one growing version for all, a history a table.
//!
//! A [`Stored`] is immutable; a write puts another in its place under the table's lock and appends an
//! [`Event`] to the table's history. Watchers hold no queue: each has a position in the history and
//! reads on when woken. One whose position has left the history is told so and ended
//! (*Invariant*: memory for watching is bounded by the history, however many watch and however slow).
//!
//! *Invariant*: within a table versions grow with every event, and a version handed out by a list or
//! a bookmark under the table's lock is not above any later event's.
//!
//! What it does not know: schemas, HTTP, what a kind means.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use belay_object::Key;
use parking_lot::RwLock;
use tokio::sync::{Notify, watch};

mod list;
mod stored;
mod table;
mod watcher;

pub use list::{List, ListOptions};
pub use stored::{Event, EventKind, Stored};
pub use table::{InsertError, StaleError, Table};
pub use watcher::{Gone, Watcher};

#[cfg(test)]
mod tests;

/// The first version: anything below is older than all history.
pub const FIRST_VERSION: u64 = 100;

/// How much history a table keeps.
#[derive(Clone, Copy, Debug)]
pub struct HistoryLimits {
    /// Events of one table.
    pub max_events: usize,
    /// Bytes of JSON that a table's events hold.
    pub max_bytes: usize,
}

impl Default for HistoryLimits {
    /// 16,384 events and 16 MiB of JSON; an event keeps its object alive in tree form as well, so
    /// that a full history of one table is at most about 50 MiB.
    fn default() -> HistoryLimits {
        HistoryLimits { max_events: 16_384, max_bytes: 16 << 20 }
    }
}

/// All tables.
pub struct Store {
    tables: RwLock<HashMap<(Key, Key), Arc<Table>>>,
    version: Arc<AtomicU64>,
    written: Arc<Notify>,
    /// The version up to which the simulated controllers have done what follows from it.
    settled: watch::Sender<u64>,
    limits: HistoryLimits,
}

impl Store {
    /// An empty one.
    pub fn new(limits: HistoryLimits) -> Store {
        Store {
            tables: RwLock::default(),
            version: Arc::new(AtomicU64::new(FIRST_VERSION)),
            written: Arc::default(),
            settled: watch::Sender::new(0),
            limits,
        }
    }
    /// The table of a resource, made where absent.
    pub(crate) fn table(&self, group: &str, resource: &str) -> Arc<Table> {
        let key = (Key::new(group), Key::new(resource));
        if let Some(table) = self.tables.read().get(&key) {
            return table.clone();
        }
        let mut tables = self.tables.write();
        let made = || {
            Arc::new(Table::new(key.0.clone(), key.1.clone(), self.version.clone(), self.written.clone(), self.limits))
        };
        tables.entry(key.clone()).or_insert_with(made).clone()
    }
    /// Forgets a table: the definition of its resource is gone.
    pub(crate) fn drop_table(&self, group: &str, resource: &str) {
        if let Some(table) = self.tables.write().remove(&(group.into(), resource.into())) {
            table.close();
            self.written.notify_one();
        }
    }
    /// Notes that nothing more follows from what has been written up to a version.
    pub(crate) fn settle(&self, version: u64) {
        self.settled.send_modify(|v| *v = version);
    }
    /// Waits until nothing more follows from what has been written, but for what waits for its time.
    pub(crate) async fn settled(&self) {
        let mut settled = self.settled.subscribe();
        // The sender lives as long as the store.
        let _ = settled.wait_for(|version| *version >= self.version()).await;
    }
    /// Told after every write to any table; one waiter is woken. Writes while nobody waits are told once.
    pub(crate) fn written(&self) -> &Arc<Notify> {
        &self.written
    }
    /// The newest version of all.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }
    /// One object; the namespace is empty for cluster-scoped ones.
    pub fn get(&self, group: &str, resource: &str, namespace: &str, name: &str) -> Option<Arc<Stored>> {
        let table = self.tables.read().get(&(group.into(), resource.into()))?.clone();
        table.get(&key_of(namespace, name))
    }
    /// All objects of a namespace, or of all where it is empty, in order of their keys.
    pub fn list(&self, group: &str, resource: &str, namespace: &str) -> Vec<Arc<Stored>> {
        let table = self.tables.read().get(&(group.into(), resource.into())).cloned();
        table.map_or_else(Vec::new, |table| table.all(namespace))
    }
    /// How many objects each table holds, for what is not empty.
    pub fn counts(&self) -> Vec<(Key, Key, usize)> {
        let tables = self.tables.read();
        let mut counts: Vec<_> = tables.iter().map(|((g, r), t)| (g.clone(), r.clone(), t.len())).collect();
        counts.retain(|(_, _, n)| *n > 0);
        counts.sort();
        counts
    }
}

/// The key of an object in its table: `namespace/name`, or the name where cluster-scoped. Neither
/// part can hold a `/`, so that keys order as the real server's storage does.
pub(crate) fn key_of(namespace: &str, name: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") }
}
