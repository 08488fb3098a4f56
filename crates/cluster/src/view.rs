//! Live views: one shared watch per kind and scope, and of each object no more than a summary.
//!
//! [`Views`] belong to one cluster and one [`Summarize`]. The watch of a kind starts with the first
//! [`View`] that is asked for and stops some time after the last is dropped. Changes go to sinks
//! (which put keys into a work queue); readers see the current state at any time. Whole objects are
//! not kept: who needs one asks for it.

mod summary;
mod task;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use belay_object::{Object, ObjectKey};
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

pub use summary::{CrSummary, CrView, Entry, Uid};

use crate::{Cluster, Error, ErrorKind, Resource, Result};

/// What a view keeps of an object.
pub trait Summarize: Send + Sync + 'static {
    /// The summary; two that are equal mean that nothing of interest changed.
    type Summary: Clone + PartialEq + Send + Sync + 'static;

    /// Summarises an object; `None` where it is of no interest and is not kept. Called once an event,
    /// outside of any lock.
    fn summarize(&self, resource: &Resource, object: Object) -> Option<Self::Summary>;

    /// Whether the watch asks for `metadata` alone.
    fn metadata_only(&self) -> bool {
        false
    }
}

/// A change of one object, as the view saw it. An object that was replaced under the same name
/// between two events is one change with two uids.
#[derive(Clone, Debug)]
pub struct Change<S> {
    /// The kind's resource.
    pub resource: Arc<Resource>,
    /// Which object.
    pub key: ObjectKey,
    /// How it was; `None` where it was not there.
    pub before: Option<Entry<S>>,
    /// How it is; `None` where it is gone.
    pub after: Option<Entry<S>>,
}

/// Which objects of a kind: filtered at the server.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct ViewScope {
    /// One namespace; empty means all.
    pub namespace: String,
    /// A label selector in text form.
    pub labels: String,
    /// A field selector in text form.
    pub fields: String,
}

impl ViewScope {
    /// All objects with these labels.
    pub fn labelled(labels: &str) -> ViewScope {
        ViewScope { labels: labels.to_owned(), ..ViewScope::default() }
    }
    /// All objects of one namespace.
    pub fn in_namespace(namespace: &str) -> ViewScope {
        ViewScope { namespace: namespace.to_owned(), ..ViewScope::default() }
    }
}

type Sink<S> = Arc<dyn Fn(&Change<S>) + Send + Sync>;

/// The live views of one cluster. Cheap to clone; the watches end with the last clone and view.
pub struct Views<Z: Summarize>(Arc<Inner<Z>>);

struct Inner<Z: Summarize> {
    cluster: Cluster,
    core: Arc<Core<Z>>,
    linger: Duration,
    slots: Mutex<HashMap<SlotKey, Arc<Slot<Z::Summary>>>>,
}

/// What every watch task needs; holds no slot, so that tasks keep no views alive.
struct Core<Z: Summarize> {
    summarize: Z,
    sinks: RwLock<Vec<Sink<Z::Summary>>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct SlotKey {
    api_version: String,
    plural: String,
    scope: ViewScope,
}

/// One watch and what it has seen.
struct Slot<S> {
    resource: Arc<Resource>,
    objects: RwLock<Objects<S>>,
    state: watch::Sender<ViewState>,
    /// Views alone; the map's own reference is not counted. Changed under the map's lock.
    interest: Mutex<Interest>,
    task: Mutex<Option<tokio::task::AbortHandle>>,
}

#[derive(Default)]
struct Interest {
    views: usize,
    /// Counts the times that interest ended, so that an old timer does not end a new interest.
    ended: u64,
}

/// Namespace, then name: a namespace's text is kept once.
type Objects<S> = BTreeMap<Box<str>, HashMap<Box<str>, Entry<S>>>;

#[derive(Clone, Default)]
struct ViewState {
    synced: bool,
    /// Counts changes.
    changes: u64,
    trouble: Option<Error>,
}

impl<Z: Summarize> Clone for Views<Z> {
    fn clone(&self) -> Self {
        Views(self.0.clone())
    }
}

impl<Z: Summarize> Views<Z> {
    /// Makes the views of a cluster; watches stop `linger` after the last interest. No request is
    /// sent before the first interest.
    pub fn new(cluster: Cluster, summarize: Z, linger: Duration) -> Views<Z> {
        let core = Arc::new(Core { summarize, sinks: RwLock::default() });
        Views(Arc::new(Inner { cluster, core, linger, slots: Mutex::default() }))
    }
    /// The cluster that is watched.
    pub fn cluster(&self) -> &Cluster {
        &self.0.cluster
    }
    /// Calls `sink` at every change from here on, in the order of each kind's events. It must return
    /// at once and never wait: it runs in the watch's own task.
    pub fn on_change(&self, sink: impl Fn(&Change<Z::Summary>) + Send + Sync + 'static) {
        self.0.core.sinks.write().push(Arc::new(sink));
    }
    /// A view of a kind. The first starts the watch; the same kind and scope share it.
    ///
    /// Must be called inside a tokio runtime.
    pub fn view(&self, resource: &Arc<Resource>, scope: &ViewScope) -> View<Z> {
        let inner = &self.0;
        let key =
            SlotKey { api_version: resource.api_version(), plural: resource.plural.to_string(), scope: scope.clone() };
        let mut slots = inner.slots.lock();
        let slot = slots.entry(key.clone()).or_insert_with(|| {
            let slot = Arc::new(Slot {
                resource: resource.clone(),
                objects: RwLock::default(),
                state: watch::Sender::new(ViewState::default()),
                interest: Mutex::default(),
                task: Mutex::default(),
            });
            let task = task::run(inner.cluster.clone(), inner.core.clone(), slot.clone(), scope.clone());
            *slot.task.lock() = Some(tokio::spawn(task).abort_handle());
            slot
        });
        slot.interest.lock().views += 1;
        View { slot: slot.clone(), key, views: self.clone() }
    }
    /// The kinds that are watched at present.
    pub fn watched(&self) -> Vec<Arc<Resource>> {
        self.0.slots.lock().values().map(|slot| slot.resource.clone()).collect()
    }

    /// Ends a watch in which nobody is interested since the `ended`-th time.
    fn reap(&self, key: &SlotKey, ended: u64) {
        let mut slots = self.0.slots.lock();
        let Some(slot) = slots.get(key) else { return };
        let idle = {
            let interest = slot.interest.lock();
            interest.views == 0 && interest.ended == ended
        };
        if idle && let Some(slot) = slots.remove(key) {
            slot.stop();
        }
    }
}

impl<Z: Summarize> Drop for Inner<Z> {
    fn drop(&mut self) {
        for slot in self.slots.get_mut().values() {
            slot.stop();
        }
    }
}

impl<S> Slot<S> {
    fn stop(&self) {
        if let Some(task) = self.task.lock().take() {
            task.abort();
        }
    }
}

/// An interest in one kind and scope, and the window on what is known of it.
pub struct View<Z: Summarize> {
    slot: Arc<Slot<Z::Summary>>,
    key: SlotKey,
    views: Views<Z>,
}

impl<Z: Summarize> Clone for View<Z> {
    fn clone(&self) -> Self {
        self.slot.interest.lock().views += 1;
        View { slot: self.slot.clone(), key: self.key.clone(), views: self.views.clone() }
    }
}

impl<Z: Summarize> Drop for View<Z> {
    fn drop(&mut self) {
        let ended = {
            let mut interest = self.slot.interest.lock();
            interest.views -= 1;
            if interest.views > 0 {
                return;
            }
            interest.ended += 1;
            interest.ended
        };
        let (views, key) = (Arc::downgrade(&self.views.0), self.key.clone());
        let linger = self.views.0.linger;
        // Outside of a runtime (process end) the watch ends with the views themselves.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(linger).await;
                if let Some(inner) = views.upgrade() {
                    Views(inner).reap(&key, ended);
                }
            });
        }
    }
}

impl<Z: Summarize> View<Z> {
    /// The kind.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.slot.resource
    }
    /// What is known of one object; the namespace of a cluster-scoped one is empty.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Entry<Z::Summary>> {
        self.slot.objects.read().get(namespace)?.get(name).cloned()
    }
    /// Calls `visit` with every object. Readers alone run meanwhile: it must be short.
    pub fn each(&self, mut visit: impl FnMut(&str, &str, &Entry<Z::Summary>)) {
        for (namespace, names) in self.slot.objects.read().iter() {
            for (name, entry) in names {
                visit(namespace, name, entry);
            }
        }
    }
    /// Calls `visit` with every object of one namespace, under the same rule.
    pub fn each_in(&self, namespace: &str, mut visit: impl FnMut(&str, &Entry<Z::Summary>)) {
        for (name, entry) in self.slot.objects.read().get(namespace).into_iter().flatten() {
            visit(name, entry);
        }
    }
    /// The keys and entries for which `wanted` holds.
    pub fn select(&self, mut wanted: impl FnMut(&Entry<Z::Summary>) -> bool) -> Vec<(ObjectKey, Entry<Z::Summary>)> {
        let kind = self.slot.resource.group_kind();
        let mut found = Vec::new();
        self.each(|namespace, name, entry| {
            if wanted(entry) {
                let key = ObjectKey { kind: kind.clone(), namespace: namespace.into(), name: name.into() };
                found.push((key, entry.clone()));
            }
        });
        found
    }
    /// How many objects are known.
    pub fn len(&self) -> usize {
        self.slot.objects.read().values().map(HashMap::len).sum()
    }
    /// Whether no object is known; says nothing before the view is synced.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Whether all that was there at the start is known. Stays so while the watch reconnects.
    pub fn is_synced(&self) -> bool {
        self.slot.state.borrow().synced
    }
    /// The last failure, where the watch does not work at present.
    pub fn trouble(&self) -> Option<Error> {
        self.slot.state.borrow().trouble.clone()
    }
    /// Waits until all that was there at the start is known. A refusal (forbidden, unknown kind)
    /// is returned at once; what may pass is waited for until `patience` ends.
    pub async fn synced(&self, patience: Duration) -> Result<()> {
        let mut state = self.slot.state.subscribe();
        let deadline = Instant::now() + patience;
        loop {
            let trouble = {
                let now = state.borrow_and_update();
                if now.synced {
                    return Ok(());
                }
                now.trouble.clone()
            };
            if let Some(error) = trouble.as_ref().filter(|e| !e.is_transient()) {
                return Err(error.clone());
            }
            if !matches!(timeout_at(deadline, state.changed()).await, Ok(Ok(()))) {
                return Err(trouble.unwrap_or_else(|| {
                    let message = format!("{} were not all listed in time", self.slot.resource.qualified_plural());
                    Error::new(ErrorKind::Timeout, message).at("watch", self.views.cluster().host())
                }));
            }
        }
    }
    /// Waits until `look` gives something, looking again at every change; `None` where `patience`
    /// ends first.
    pub async fn wait_for<T>(&self, patience: Duration, mut look: impl FnMut(&Self) -> Option<T>) -> Option<T> {
        let mut state = self.slot.state.subscribe();
        let deadline = Instant::now() + patience;
        loop {
            state.mark_unchanged();
            if let Some(found) = look(self) {
                return Some(found);
            }
            if !matches!(timeout_at(deadline, state.changed()).await, Ok(Ok(()))) {
                return look(self);
            }
        }
    }
}
