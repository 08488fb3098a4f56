//! The controller of ApplicationSets: what wakes one, what is done about it, what is written down.
//!
//! It begins when the definition is served, and holds nothing until then. What is pure stands in
//! [`crate::application_set`]; here is who watches, fetches and writes.
//!
//! - `rival`: whether Argo CD's own one runs. `surroundings`: what generators look at; `turn`: one turn of one ApplicationSet; `act`: what is done to its
//!   Applications; `leaving`: when one goes.

mod act;
mod leaving;
mod rival;
pub(super) mod surroundings;
mod turn;

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use belay_access::NameList;
use belay_cluster::{CrSummary, CrView, Patch, ViewScope, Views, WriteOptions};
use belay_controller::{Event, EventKind, Involved, Next, QueueOptions, WorkQueue, Written};
use belay_object::{Object, ObjectKey, Value};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::world::{Name, World};
use crate::application_set::{REFRESH, plan};
use crate::names::application_sets;
use rival::Rival;

/// The component of events, and the field manager of what is written.
const COMPONENT: &str = "argocd-applicationset-controller";
/// When what failed is tried again. Compat(argo-cd 3.5)
const AFTER_FAILURE: Duration = Duration::from_secs(180);
/// How long what is told of Applications waits for more of it: thousands may become healthy one by one.
const TOLD: Duration = Duration::from_secs(1);
/// When one is looked at whose turn came before the configuration was read.
const UNSETTLED: Duration = Duration::from_millis(100);
/// ApplicationSets that are worked on at once. Compat(argo-cd 3.5)
const CONCURRENT: usize = 10;
/// The longest pause after writes that failed.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// ApplicationSets that are to be looked at. As many names wait as there are ApplicationSets, or as their Applications
/// name.
pub(crate) struct Woken {
    queue: WorkQueue<Name>,
    all: Notify,
    /// How often something of the configuration changed, clusters among it, and up to which change it was read.
    changed: AtomicU64,
    read: AtomicU64,
    /// Whose repositories are to be looked at now, however lately they were.
    afresh: Mutex<Afresh>,
}

#[derive(Default)]
struct Afresh {
    all: bool,
    names: HashSet<Name>,
}

impl Default for Woken {
    fn default() -> Woken {
        let options = QueueOptions { max_delay: MAX_PAUSE, ..QueueOptions::default() };
        Woken {
            queue: WorkQueue::new(options),
            all: Notify::new(),
            changed: AtomicU64::new(0),
            read: AtomicU64::new(0),
            afresh: Mutex::default(),
        }
    }
}

impl Woken {
    /// Has all looked at.
    pub fn look_at_all(&self) {
        self.all.notify_one();
    }
    /// Has all looked at, their repositories as well.
    pub fn look_afresh(&self) {
        self.afresh.lock().all = true;
        self.all.notify_one();
    }
    /// Notes that something of the configuration changed: until it is read, what was known of clusters before is no
    /// ground to delete anything.
    pub fn unsettle(&self) {
        self.changed.fetch_add(1, Ordering::SeqCst);
    }
    /// Up to which change the configuration is read that is read from here on.
    pub fn reading(&self) -> u64 {
        self.changed.load(Ordering::SeqCst)
    }
    /// Notes that the configuration stands as it was read up to a change.
    pub fn settle(&self, up_to: u64) {
        self.read.store(up_to, Ordering::SeqCst);
    }
    fn is_settled(&self) -> bool {
        self.read.load(Ordering::SeqCst) == self.changed.load(Ordering::SeqCst)
    }
    /// Ends it: what is under way is finished.
    pub fn close(&self) {
        self.queue.close();
    }
}

/// What all ApplicationSets share.
struct Sets {
    world: Arc<World>,
    view: CrView,
    written: Written<Name>,
}

/// Waits until the definition is served, then looks after ApplicationSets until the queue is closed.
pub(crate) async fn run(world: Arc<World>, views: Views<CrSummary>) {
    world.cluster.established("applicationsets.argoproj.io").await;
    let scope = match world.config().settings.parameters.applicationset_namespaces.is_empty() {
        true => ViewScope::in_namespace(&world.settings.namespace),
        false => ViewScope::default(),
    };
    let view = views.view(&application_sets(), &scope);
    while let Err(error) = view.synced(Duration::from_secs(60)).await {
        tracing::warn!(%error, "ApplicationSets cannot be watched");
    }
    let sets = Arc::new(Sets { world, view, written: Written::default() });
    let mut rival = Rival::of(&sets.world.cluster, &sets.world.settings.namespace);
    loop {
        rival.until(false).await;
        sets.world.application_sets.look_at_all();
        tokio::select! {
            () = sets.clone().work() => return,
            () = sets.enqueue_all() => {}
            () = rival.until(true) => {}
        }
    }
}

impl Sets {
    /// Works on the queue until it is closed.
    async fn work(self: Arc<Sets>) {
        let queue = self.world.application_sets.queue.clone();
        belay_controller::run(
            queue,
            CONCURRENT,
            move |name: Name| {
                let sets = self.clone();
                async move { sets.reconcile(name).await }
            },
            |name, why| tracing::error!(application_set = ?name, panic = why, "held back after repeated panics"),
        )
        .await;
    }

    /// Puts all into the queue whenever that is asked for.
    async fn enqueue_all(&self) {
        let woken = &self.world.application_sets;
        loop {
            woken.all.notified().await;
            let names: Vec<Name> = self.view.objects().iter().map(|set| Name::of(set)).collect();
            let mut afresh = woken.afresh.lock();
            if std::mem::take(&mut afresh.all) {
                afresh.names.extend(names.iter().cloned());
            }
            drop(afresh);
            names.into_iter().for_each(|name| woken.queue.add(name));
        }
    }

    async fn reconcile(&self, name: Name) -> Next {
        let shown = self.view.object(&name.namespace, &name.name);
        self.written.shown(&name, shown.as_deref());
        let Some(object) = self.written.newer(&name, shown) else {
            self.world.application_sets.afresh.lock().names.remove(&name);
            return Next::Done;
        };
        if !self.follows(object.namespace()) {
            return Next::Done;
        }
        if !self.world.application_sets.is_settled() {
            return Next::After(UNSETTLED);
        }
        let is_afresh = self.world.application_sets.afresh.lock().names.remove(&name);
        let done = match object.is_deleting() {
            true => self.leave(&object).await,
            false => self.turn(&object, is_afresh || object.annotation(REFRESH).is_some()).await,
        };
        match done {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(application_set = ?name, %error, "tried again");
                if is_afresh {
                    self.world.application_sets.afresh.lock().names.insert(name);
                }
                Next::Retry
            }
        }
    }

    /// Whether ApplicationSets of a namespace are looked after: their Applications stand there, too.
    fn follows(&self, namespace: &str) -> bool {
        if namespace == self.world.settings.namespace {
            return true;
        }
        let config = self.world.config();
        let texts = &config.settings.parameters.applicationset_namespaces;
        let (namespaces, _) = NameList::new(texts.iter().map(String::as_str));
        namespaces.matches(namespace) && self.world.follows(namespace)
    }

    /// Applications of a namespace, at least as new as our last writes.
    fn applications(&self, namespace: &str) -> Vec<Arc<Object>> {
        let world = &self.world;
        let mut all = Vec::new();
        world.applications.each_in(namespace, |_, entry| all.push(entry.summary.clone()));
        all.into_iter().filter_map(|app| world.written.newer(&Name::of(&app), Some(app))).collect()
    }

    /// Merges a patch into an ApplicationSet, or into its status; gives it as it then is. One that is gone is left
    /// alone.
    async fn write(&self, before: &Object, status: bool, patch: Value) -> belay_cluster::Result<Option<Object>> {
        let (namespace, name, patch) = (before.namespace(), before.name(), Patch::Merge(patch));
        let (cluster, resource, options) = (&self.world.cluster, application_sets(), options());
        let written = match status {
            true => cluster.patch_status(&resource, namespace, name, &patch, &options).await,
            false => cluster.patch(&resource, namespace, name, &patch, &options).await,
        };
        match written {
            Ok(written) => {
                self.written.put(Name::of(&written), written.clone());
                Ok(Some(written))
            }
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Records an event about an ApplicationSet.
    fn tell(&self, set: &Object, reason: &str, message: String) {
        tracing::info!(namespace = set.namespace(), name = set.name(), reason, "{message}");
        self.world.recorder.record(Event {
            involved: Involved::of(set),
            kind: EventKind::Normal,
            reason: reason.to_owned(),
            message,
            annotations: Vec::new(),
            component: COMPONENT.to_owned(),
            trace: false,
            at: Timestamp::now(),
        });
    }
}

fn options() -> WriteOptions {
    WriteOptions { field_manager: COMPONENT.to_owned(), ..WriteOptions::default() }
}

/// Fields of an Application that its ApplicationSet goes by.
const OF_APPLICATIONS: [&[&str]; 6] = [
    &["metadata", "uid"],
    &["metadata", "labels"],
    &["metadata", "finalizers"],
    &["metadata", "ownerReferences"],
    &["metadata", "deletionTimestamp"],
    &["spec"],
];
/// The same that is told of it, or that others write all the time.
const OF_STATUSES: [&[&str]; 3] =
    [&["metadata", "annotations"], &["status", "sync", "status"], &["status", "health", "status"]];
/// The same where Applications are synced step by step.
const OF_ROLLOUTS: [&[&str]; 7] = [
    &["operation"],
    &["status", "sync", "revision"],
    &["status", "sync", "revisions"],
    &["status", "operationState", "phase"],
    &["status", "operationState", "startedAt"],
    &["status", "reconciledAt"],
    &["status", "conditions"],
];
/// Fields of an ApplicationSet that matter; what is written of it here does not.
const OF_SETS: [&[&str]; 4] =
    [&["metadata", "uid"], &["metadata", "deletionTimestamp"], &["metadata", "annotations", REFRESH], &["spec"]];

/// Wakes the ApplicationSet that a change concerns: itself, or one of its Applications.
pub(crate) fn wake(world: &World, key: &ObjectKey, before: Option<&Object>, after: Option<&Object>) {
    let at = |object: Option<&Object>, path: &[&str]| object.and_then(|object| object.at(path)).cloned();
    let differs = |fields: &[&[&str]]| fields.iter().any(|path| at(before, path) != at(after, path));
    let queue = &world.application_sets.queue;
    match key.kind.kind.as_str() {
        "ApplicationSet" if differs(&OF_SETS) => queue.add(Name::new(&key.namespace, &key.name)),
        "Application" => {
            let owners = [before, after].map(|app| app.and_then(plan::owner_name));
            if owners == [None, None] {
                return;
            }
            let is_stepwise = world.config().settings.parameters.application_sets.progressive_syncs;
            let is_told = differs(&OF_STATUSES) || (is_stepwise && differs(&OF_ROLLOUTS));
            let pause = match (differs(&OF_APPLICATIONS), is_told, is_stepwise) {
                (true, ..) | (_, true, true) => Duration::ZERO,
                (false, true, false) => TOLD,
                (false, false, _) => return,
            };
            for owner in owners.into_iter().flatten() {
                queue.add_after(Name::new(&key.namespace, owner), pause);
            }
        }
        // Projects and destinations are looked at when Applications are judged.
        "AppProject" if differs(&[&["metadata", "uid"], &["spec"]]) => world.application_sets.look_at_all(),
        _ => {}
    }
}
