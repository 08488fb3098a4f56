//! The objects of one resource and the history of their changes.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use belay_object::{Key, Object};
use parking_lot::RwLock;
use tokio::sync::{Notify, watch};

use super::{Event, EventKind, FIRST_VERSION, HistoryLimits, Stored};

/// One resource's objects.
pub struct Table {
    /// The group of the resource.
    pub group: Key,
    /// The resource.
    pub resource: Key,
    pub(super) state: RwLock<State>,
    pub(super) changed: watch::Sender<u64>,
    closed: AtomicBool,
    /// The version of the last write to this table.
    newest: AtomicU64,
    version: Arc<AtomicU64>,
    written: Arc<Notify>,
    limits: HistoryLimits,
}

pub(super) struct State {
    pub(super) objects: BTreeMap<Arc<str>, Arc<Stored>>,
    /// Oldest first.
    pub(super) history: VecDeque<Arc<Event>>,
    history_bytes: usize,
    /// Every event above this version is in the history.
    pub(super) floor: u64,
}

/// Why an object was not inserted.
#[derive(Debug)]
pub enum InsertError {
    /// There is one of that name.
    Exists(Arc<Stored>),
    /// Its namespace does not exist.
    NoNamespace,
    /// Its namespace is being deleted.
    NamespaceEnds,
}

/// The object is not the one expected: another version, or gone.
#[derive(Debug)]
pub struct StaleError(pub Option<Arc<Stored>>);

impl Table {
    pub(super) fn new(
        group: Key,
        resource: Key,
        version: Arc<AtomicU64>,
        written: Arc<Notify>,
        limits: HistoryLimits,
    ) -> Table {
        let floor = version.load(Ordering::Acquire).min(FIRST_VERSION);
        let state = State { objects: BTreeMap::new(), history: VecDeque::new(), history_bytes: 0, floor };
        let changed = watch::Sender::new(0);
        Table {
            group,
            resource,
            state: RwLock::new(state),
            changed,
            closed: AtomicBool::new(false),
            newest: AtomicU64::new(0),
            version,
            written,
            limits,
        }
    }
    /// Ends all watches: the resource is gone.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.changed.send_modify(|_| {});
    }
    /// The version of the last write; 0 where none has been told of yet.
    pub(crate) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
    /// One object by its key.
    pub fn get(&self, key: &str) -> Option<Arc<Stored>> {
        self.state.read().objects.get(key).cloned()
    }
    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.state.read().objects.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The newest version of all tables, such that every event of this table up to it has happened.
    pub fn current_version(&self) -> u64 {
        let _state = self.state.read();
        self.version.load(Ordering::Acquire)
    }
    /// Every object of a namespace, or of all where it is empty.
    pub fn all(&self, namespace: &str) -> Vec<Arc<Stored>> {
        let state = self.state.read();
        state.range(namespace, None).map(|(_, stored)| stored.clone()).collect()
    }

    /// Adds an object. With `namespaces` given, the namespace must exist there and not be ending; it
    /// cannot go between the check and the insert, so that nothing is left behind in a gone namespace.
    pub fn insert(&self, key: &str, object: Object, namespaces: Option<&Table>) -> Result<Arc<Stored>, InsertError> {
        // Lock order: namespaces, then any other table. No path takes them the other way round.
        let guard = namespaces.map(|table| table.state.read());
        if let Some(namespaces) = &guard {
            let namespace = namespaces.objects.get(object.namespace()).ok_or(InsertError::NoNamespace)?;
            if namespace.is_deleting() || namespace.str_at(&["status", "phase"]) == Some("Terminating") {
                return Err(InsertError::NamespaceEnds);
            }
        }
        let mut state = self.state.write();
        if let Some(live) = state.objects.get(key) {
            return Err(InsertError::Exists(live.clone()));
        }
        let key: Arc<str> = key.into();
        let stored = Arc::new(Stored::new(object, self.next_version()));
        state.objects.insert(key.clone(), stored.clone());
        self.record(&mut state, EventKind::Added, key, stored.clone(), None);
        drop(state);
        self.tell(stored.version());
        Ok(stored)
    }

    /// Puts another state in place of the one at `expected`.
    pub fn replace(&self, key: &str, expected: u64, object: Object) -> Result<Arc<Stored>, StaleError> {
        let mut state = self.state.write();
        let (key, old) = state.expect(key, expected)?;
        let stored = Arc::new(Stored::new(object, self.next_version()));
        state.objects.insert(key.clone(), stored.clone());
        self.record(&mut state, EventKind::Modified, key, stored.clone(), Some(old));
        drop(state);
        self.tell(stored.version());
        Ok(stored)
    }

    /// Removes the state at `expected`; gives the last state at the version of the deletion. With
    /// `last` given, that is the last state.
    pub fn remove(&self, key: &str, expected: u64, last: Option<Object>) -> Result<Arc<Stored>, StaleError> {
        let mut state = self.state.write();
        let (key, old) = state.expect(key, expected)?;
        state.objects.remove(&key);
        let last = last.unwrap_or_else(|| old.object().clone());
        let stored = Arc::new(Stored::new(last, self.next_version()));
        self.record(&mut state, EventKind::Deleted, key, stored.clone(), Some(old));
        drop(state);
        self.tell(stored.version());
        Ok(stored)
    }

    fn tell(&self, version: u64) {
        self.newest.fetch_max(version, Ordering::AcqRel);
        self.changed.send_modify(|v| *v = version);
        self.written.notify_one();
    }

    pub(super) fn version_counter(&self) -> &AtomicU64 {
        &self.version
    }

    /// Called under the table's write lock, which is what orders versions within the table.
    fn next_version(&self) -> u64 {
        self.version.fetch_add(1, Ordering::AcqRel) + 1
    }

    fn record(
        &self,
        state: &mut State,
        kind: EventKind,
        key: Arc<str>,
        stored: Arc<Stored>,
        previous: Option<Arc<Stored>>,
    ) {
        let event = Event { kind, key, stored, previous, line: OnceLock::new(), metadata_line: OnceLock::new() };
        state.history_bytes += event.size_bytes();
        state.history.push_back(Arc::new(event));
        while state.history.len() > self.limits.max_events || state.history_bytes > self.limits.max_bytes {
            let Some(oldest) = state.history.pop_front() else { break };
            state.history_bytes = state.history_bytes.saturating_sub(oldest.size_bytes());
            state.floor = oldest.version();
            oldest.stored.forget_json();
        }
    }
}

impl State {
    fn expect(&self, key: &str, expected: u64) -> Result<(Arc<str>, Arc<Stored>), StaleError> {
        match self.objects.get_key_value(key) {
            Some((key, live)) if live.version() == expected => Ok((key.clone(), live.clone())),
            live => Err(StaleError(live.map(|(_, stored)| stored.clone()))),
        }
    }
    /// The objects of a namespace (all where empty) in order, from behind a key on where one is given.
    pub(super) fn range<'a>(
        &'a self,
        namespace: &'a str,
        after: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a Arc<Stored>)> {
        let prefix = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
        let from = match after {
            Some(after) if after >= prefix.as_str() => Bound::Excluded(after),
            _ => Bound::Included(prefix.as_str()),
        };
        let range = self.objects.range::<str, _>((from, Bound::Unbounded));
        range.take_while(move |(key, _)| key.starts_with(&prefix))
    }
}
