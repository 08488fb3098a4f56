//! Everything in a cluster at a glance: what is there, whose it is, and what belongs to what.
//!
//! One watch a kind, over the whole cluster or some namespaces. Of an object that nobody tracks a few
//! words are kept ([`Describe`] says which); of a tracked one the object itself, since it is compared.
//! Three indexes grow with the watches' events: objects by who tracks them, by their owner's uid, and by
//! uid, so that a change finds whom it concerns in a few look-ups, and a tree is walked without a search.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use belay_cluster::{Change, Cluster, Entry, Resource, Summarize, Uid, View, ViewScope, Views};
use belay_object::{GroupKind, Object, ObjectKey, Value};
use futures::future::join_all;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

/// A watch is kept this long after the last interest.
const LINGER: Duration = Duration::from_secs(60);
/// After a definition changed, so long is waited for others before the kinds are looked up anew.
const SETTLE: Duration = Duration::from_millis(100);
/// How far owners are followed upwards: a cycle of owner references must not hang.
const MAX_HEIGHT: usize = 32;

/// What a dialect wants to know of objects.
pub trait Describe: Send + Sync + 'static {
    /// What is kept of each object; two that are equal mean that nothing of interest changed.
    type Facts: Clone + PartialEq + Send + Sync + 'static;

    /// Describes one.
    fn describe(&self, object: &Object) -> Described<Self::Facts>;
    /// Whether a kind is watched at all.
    fn watches(&self, resource: &Resource) -> bool;
    /// Whether who tracks an object is to hear that it changed.
    fn is_news(&self, before: &Self::Facts, after: &Self::Facts) -> bool {
        let _ = (before, after);
        true
    }
}

/// What is said of one object.
#[derive(Clone, PartialEq)]
pub struct Described<F> {
    /// Who tracks it; empty for nobody.
    pub tracked_by: Box<str>,
    /// Whether the object itself is kept.
    pub keep: bool,
    /// What a dialect wants to know.
    pub facts: F,
}

/// One object.
#[derive(Clone)]
pub struct Node<F> {
    /// Who tracks it; empty for nobody.
    pub tracked_by: Box<str>,
    /// Its owners.
    pub owners: Box<[Owner]>,
    /// The object, where it is kept.
    pub object: Option<Arc<Object>>,
    /// The version in which it is served.
    pub version: Box<str>,
    /// What the dialect wanted to know.
    pub facts: F,
}

impl<F: PartialEq> PartialEq for Node<F> {
    fn eq(&self, other: &Node<F>) -> bool {
        let version = |n: &Node<F>| n.object.as_ref().map(|o| o.resource_version().to_owned());
        self.tracked_by == other.tracked_by
            && self.owners == other.owners
            && version(self) == version(other)
            && self.facts == other.facts
    }
}

/// An owner reference.
#[derive(Clone, PartialEq, Debug)]
pub struct Owner {
    /// Its uid.
    pub uid: Uid,
    /// Its kind.
    pub kind: GroupKind,
    /// Its name.
    pub name: Box<str>,
}

/// What of a cluster is watched.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Extent {
    /// Namespaces; none means all, and objects of the cluster.
    pub namespaces: Vec<String>,
    /// Whether objects of the cluster are, too, where namespaces are given.
    pub cluster_resources: bool,
}

/// How far a cluster is known.
#[derive(Clone, PartialEq, Debug)]
pub enum Readiness {
    /// All that was there at the start is known.
    Ready,
    /// It is being read.
    Loading,
    /// It cannot be read at present, or does not answer any more; the sentence says why.
    Trouble(String),
}

/// Called with who tracks an object that changed, or that one of its ancestors, and whether it is itself
/// the tracked one. Returns at once.
pub type OnTracked = Arc<dyn Fn(&str, bool) + Send + Sync>;

/// A cluster, observed. Ends when dropped.
pub struct Observed<D: Describe> {
    inner: Arc<Inner<D>>,
    task: tokio::task::AbortHandle,
}

impl<D: Describe> Drop for Observed<D> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Summarizer<D>(Arc<D>);

impl<D: Describe> Summarize for Summarizer<D> {
    type Summary = Node<D::Facts>;
    fn summarize(&self, resource: &Resource, object: Object) -> Option<Node<D::Facts>> {
        let described = self.0.describe(&object);
        let owners = object.at(&["metadata", "ownerReferences"]).map_or(&[][..], Value::items);
        let text = |o: &Value, name: &str| o.str_at(&[name]).unwrap_or_default().to_owned();
        let owners = owners.iter().map(|o| {
            let version = text(o, "apiVersion");
            let group = version.split_once('/').map_or("", |(group, _)| group);
            Owner {
                uid: Uid::new(&text(o, "uid")),
                kind: GroupKind::new(group, &text(o, "kind")),
                name: text(o, "name").into(),
            }
        });
        Some(Node {
            tracked_by: described.tracked_by,
            owners: owners.collect(),
            version: resource.version.as_str().into(),
            facts: described.facts,
            object: described.keep.then(|| {
                let mut object = object;
                object.value_mut().shrink();
                Arc::new(object)
            }),
        })
    }
}

type NodeView<D> = View<Summarizer<D>>;

struct Inner<D: Describe> {
    describe: Arc<D>,
    views: Views<Summarizer<D>>,
    extent: Extent,
    kinds: RwLock<HashMap<GroupKind, Vec<NodeView<D>>>>,
    index: Mutex<Index>,
    on_tracked: OnTracked,
    definitions: Notify,
    begun: tokio::sync::watch::Sender<bool>,
    /// Why the kinds are not known.
    unknown: Mutex<Option<String>>,
}

/// *Invariant*: each object that a watch knows stands in `by_uid`; under each of its owners in `children`;
/// where it is tracked, under who tracks it in `tracked`.
#[derive(Default)]
struct Index {
    tracked: HashMap<Box<str>, HashSet<ObjectKey>>,
    children: HashMap<Uid, HashSet<ObjectKey>>,
    by_uid: HashMap<Uid, ObjectKey>,
}

impl<D: Describe> Observed<D> {
    /// Begins to watch. Must be called inside a tokio runtime.
    pub fn start(cluster: Cluster, describe: D, extent: Extent, on_tracked: OnTracked) -> Observed<D> {
        let describe = Arc::new(describe);
        let inner = Arc::new(Inner {
            views: Views::new(cluster, Summarizer(describe.clone()), LINGER),
            describe,
            extent,
            kinds: RwLock::default(),
            index: Mutex::default(),
            on_tracked,
            definitions: Notify::new(),
            begun: tokio::sync::watch::Sender::new(false),
            unknown: Mutex::default(),
        });
        let weak = Arc::downgrade(&inner);
        inner.views.on_change(move |change| {
            if let Some(inner) = weak.upgrade() {
                inner.changed(change);
            }
        });
        let task = tokio::spawn(follow_kinds(Arc::downgrade(&inner))).abort_handle();
        Observed { inner, task }
    }
    /// Waits until all that was there at the start is known, at most `patience`; an error says what
    /// cannot be read.
    pub async fn synced(&self, patience: Duration) -> Result<(), String> {
        let deadline = tokio::time::Instant::now() + patience;
        let mut begun = self.inner.begun.subscribe();
        let kinds_known = async { begun.wait_for(|begun| *begun).await.map(|_| ()) };
        if tokio::time::timeout_at(deadline, kinds_known).await.is_err() {
            return Err(format!("the kinds of {} are not known yet", self.inner.views.cluster().host()));
        }
        let views: Vec<NodeView<D>> = self.inner.kinds.read().values().flatten().cloned().collect();
        let waits = views.iter().map(|view| async move {
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            view.synced(left).await.map_err(|e| format!("{}: {e}", view.resource().qualified_plural()))
        });
        let wrong: Vec<String> = join_all(waits).await.into_iter().filter_map(Result::err).collect();
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
    }
    /// How far the kinds for which `concerns` holds are known, without waiting. One that never could be read is
    /// a trouble for who is concerned by it, and for nobody else; one whose watch broke is none as long as others
    /// work.
    pub fn readiness(&self, concerns: &dyn Fn(&GroupKind) -> bool) -> Readiness {
        if !*self.inner.begun.borrow() {
            return self.inner.unknown.lock().clone().map_or(Readiness::Loading, Readiness::Trouble);
        }
        let kinds = self.inner.kinds.read();
        let told = |view: &NodeView<D>| Some(format!("{}: {}", view.resource().qualified_plural(), view.trouble()?));
        let mut all = kinds.values().flatten();
        if let Some(why) = all.next().and_then(told)
            && all.all(|view| view.trouble().is_some())
        {
            return Readiness::Trouble(why);
        }
        let concerned = kinds.iter().filter(|(kind, _)| concerns(kind)).flat_map(|(_, views)| views);
        let unread: Vec<&NodeView<D>> = concerned.filter(|view| !view.is_synced()).collect();
        let mut never: Vec<String> = unread.iter().copied().filter_map(told).collect();
        if !never.is_empty() {
            never.sort();
            return Readiness::Trouble(never.join("; "));
        }
        if unread.is_empty() { Readiness::Ready } else { Readiness::Loading }
    }
    /// Whether some kind is being read for the first time.
    pub fn is_loading(&self) -> bool {
        if !*self.inner.begun.borrow() {
            return self.inner.unknown.lock().is_none();
        }
        let kinds = self.inner.kinds.read();
        kinds.values().flatten().any(|view| !view.is_synced() && view.trouble().is_none())
    }
    /// Whether the server lets nobody of ours read a kind.
    pub fn is_forbidden(&self, kind: &GroupKind) -> bool {
        let refused =
            |view: &NodeView<D>| view.trouble().is_some_and(|e| e.kind() == belay_cluster::ErrorKind::Forbidden);
        self.inner.kinds.read().get(kind).is_some_and(|views| views.iter().any(refused))
    }
    /// How many watches there are of kinds that never could be read.
    pub fn unreadable(&self) -> usize {
        let kinds = self.inner.kinds.read();
        kinds.values().flatten().filter(|view| !view.is_synced() && view.trouble().is_some()).count()
    }
    /// Kinds that cannot be read at present, and why.
    pub fn troubles(&self) -> Vec<String> {
        let kinds = self.inner.kinds.read();
        let told = |view: &NodeView<D>| Some(format!("{}: {}", view.resource().qualified_plural(), view.trouble()?));
        kinds.values().flatten().filter_map(told).collect()
    }
    /// The cluster.
    pub fn cluster(&self) -> &Cluster {
        self.inner.views.cluster()
    }
    /// One object.
    pub fn get(&self, key: &ObjectKey) -> Option<Entry<Node<D::Facts>>> {
        self.inner.get(key)
    }
    /// Whether all objects of a kind are known.
    pub fn knows(&self, kind: &GroupKind) -> bool {
        self.inner.kinds.read().get(kind).is_some_and(|views| views.iter().all(View::is_synced))
    }
    /// What somebody tracks, in order of their keys.
    pub fn tracked(&self, by: &str) -> Vec<(ObjectKey, Entry<Node<D::Facts>>)> {
        let mut keys: Vec<ObjectKey> = self.inner.index.lock().tracked.get(by).into_iter().flatten().cloned().collect();
        keys.sort();
        self.entries(keys)
    }
    /// What an object owns, in order of their keys.
    pub fn children(&self, uid: &Uid) -> Vec<(ObjectKey, Entry<Node<D::Facts>>)> {
        let mut keys: Vec<ObjectKey> =
            self.inner.index.lock().children.get(uid).into_iter().flatten().cloned().collect();
        keys.sort();
        self.entries(keys)
    }
    /// Calls `visit` with every object of a namespace; short, since readers alone run meanwhile.
    pub fn each_in(&self, namespace: &str, mut visit: impl FnMut(ObjectKey, &Entry<Node<D::Facts>>)) {
        for (kind, views) in self.inner.kinds.read().iter() {
            for view in views.iter().filter(|view| view.resource().namespaced) {
                view.each_in(namespace, |name, entry| {
                    visit(ObjectKey { kind: kind.clone(), namespace: namespace.into(), name: name.into() }, entry);
                });
            }
        }
    }
    /// How many objects and kinds are known.
    pub fn counts(&self) -> (usize, usize) {
        let kinds = self.inner.kinds.read();
        (kinds.values().flatten().map(View::len).sum(), kinds.len())
    }
    fn entries(&self, keys: Vec<ObjectKey>) -> Vec<(ObjectKey, Entry<Node<D::Facts>>)> {
        keys.into_iter().filter_map(|key| Some((key.clone(), self.inner.get(&key)?))).collect()
    }
}

impl<D: Describe> Inner<D> {
    fn get(&self, key: &ObjectKey) -> Option<Entry<Node<D::Facts>>> {
        self.kinds.read().get(&key.kind)?.iter().find_map(|view| view.get(&key.namespace, &key.name))
    }
    /// Watches what is served now, and lets go of what is not any more.
    async fn look_up_kinds(&self) -> belay_cluster::Result<()> {
        let catalog = self.views.cluster().catalog().await?;
        let mut wanted: HashMap<GroupKind, Arc<Resource>> = HashMap::new();
        for resource in catalog.resources() {
            if resource.supports("list") && resource.supports("watch") && self.describe.watches(resource) {
                wanted.entry(resource.group_kind()).or_insert_with(|| resource.clone());
            }
        }
        let mut kinds = self.kinds.write();
        // What a server that is down at present served is still watched.
        let unavailable: HashSet<&str> = catalog.unavailable_groups().collect();
        kinds.retain(|kind, _| wanted.contains_key(kind) || unavailable.contains(kind.group.as_str()));
        for (kind, resource) in wanted {
            let same =
                |views: &Vec<NodeView<D>>| views.first().is_some_and(|v| v.resource().version == resource.version);
            if kinds.get(&kind).is_some_and(same) {
                continue;
            }
            let Extent { namespaces, cluster_resources } = &self.extent;
            let scopes: Vec<ViewScope> = match resource.namespaced {
                _ if namespaces.is_empty() => vec![ViewScope::default()],
                true => namespaces.iter().map(|n| ViewScope::in_namespace(n)).collect(),
                false if *cluster_resources => vec![ViewScope::default()],
                false => continue,
            };
            kinds.insert(kind, scopes.iter().map(|scope| self.views.view(&resource, scope)).collect());
        }
        Ok(())
    }
    fn changed(&self, change: &Change<Node<D::Facts>>) {
        if change.key.kind.kind == "CustomResourceDefinition" && change.key.kind.group == "apiextensions.k8s.io" {
            self.definitions.notify_one();
        }
        let mut concerned: Vec<(Box<str>, bool)> = Vec::new();
        {
            let mut index = self.index.lock();
            if let Some(before) = &change.before {
                self.ancestors(&index, before, &mut concerned);
                index.remove(&change.key, before);
            }
            if let Some(after) = &change.after {
                index.add(&change.key, after);
                self.ancestors(&index, after, &mut concerned);
            }
        }
        if let (Some(before), Some(after)) = (&change.before, &change.after)
            && before.uid == after.uid
            && before.summary.tracked_by == after.summary.tracked_by
            && before.summary.owners == after.summary.owners
            && !self.describe.is_news(&before.summary.facts, &after.summary.facts)
        {
            return;
        }
        concerned.sort();
        concerned.dedup();
        for (by, itself) in concerned {
            (self.on_tracked)(&by, itself);
        }
    }
    /// Who tracks an object, or the nearest of its ancestors that is tracked.
    fn ancestors(&self, index: &Index, entry: &Entry<Node<D::Facts>>, concerned: &mut Vec<(Box<str>, bool)>) {
        let node = &entry.summary;
        if !node.tracked_by.is_empty() {
            concerned.push((node.tracked_by.clone(), true));
            return;
        }
        let mut owners: Vec<Uid> = node.owners.iter().map(|o| o.uid.clone()).collect();
        for _ in 0..MAX_HEIGHT {
            let mut above = Vec::new();
            for uid in owners {
                let Some(entry) = index.by_uid.get(&uid).and_then(|key| self.get(key)) else { continue };
                if entry.summary.tracked_by.is_empty() {
                    above.extend(entry.summary.owners.iter().map(|o| o.uid.clone()));
                } else {
                    concerned.push((entry.summary.tracked_by, false));
                }
            }
            if above.is_empty() {
                return;
            }
            owners = above;
        }
    }
}

impl Index {
    fn add<F>(&mut self, key: &ObjectKey, entry: &Entry<Node<F>>) {
        self.by_uid.insert(entry.uid.clone(), key.clone());
        for owner in &entry.summary.owners {
            self.children.entry(owner.uid.clone()).or_default().insert(key.clone());
        }
        if !entry.summary.tracked_by.is_empty() {
            self.tracked.entry(entry.summary.tracked_by.clone()).or_default().insert(key.clone());
        }
    }
    fn remove<F>(&mut self, key: &ObjectKey, entry: &Entry<Node<F>>) {
        if self.by_uid.get(&entry.uid) == Some(key) {
            self.by_uid.remove(&entry.uid);
        }
        for owner in &entry.summary.owners {
            take(&mut self.children, &owner.uid, key);
        }
        take(&mut self.tracked, &entry.summary.tracked_by, key);
    }
}

fn take<K: std::hash::Hash + Eq>(sets: &mut HashMap<K, HashSet<ObjectKey>>, of: &K, key: &ObjectKey) {
    if let Some(set) = sets.get_mut(of) {
        set.remove(key);
        if set.is_empty() {
            sets.remove(of);
        }
    }
}

async fn follow_kinds<D: Describe>(inner: Weak<Inner<D>>) {
    let mut pause = Duration::from_millis(200);
    loop {
        let Some(strong) = inner.upgrade() else { return };
        match strong.look_up_kinds().await {
            Ok(()) => {
                strong.begun.send_replace(true);
                pause = Duration::from_millis(200);
                // Held over the wait: dropping the last owner aborts this task.
                strong.definitions.notified().await;
                drop(strong);
                tokio::time::sleep(SETTLE).await;
            }
            Err(error) => {
                *strong.unknown.lock() = Some(error.to_string());
                tracing::warn!(%error, "the kinds of a cluster cannot be read and are asked for again");
                drop(strong);
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(30));
            }
        }
    }
}
