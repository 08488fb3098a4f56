//! Starts the controller and wires what wakes it.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::Weak;
use std::time::Duration;

use belay_access::NameList;
use belay_cluster::{Change, Cluster, CrSummary, ViewScope, Views};
use belay_controller::{Leadership, QueueOptions, Recorder, Registry, WorkQueue, Written};
use belay_engine::Keeper;
use belay_object::Object;
use belay_render::Memo;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::application::reconcile;
use super::application_sets::{self, Woken};
use super::config::{Config, Files};
use super::dependencies::FromRepositories;
use super::destinations::Destinations;
use super::hydration::{self, Hydration};
use super::leaving::{self, is_leaving};
use super::mirrors::Mirrors;
use super::notifications;
use super::patience::Patience;
use super::polls::{self, Polls};
use super::refresh::{Level, REFRESH};
use super::world::{Name, Settings, World};
use crate::manifests::Renderer;
use crate::names::{applications, projects};
use crate::spec::Destination;

/// What the controller is started with.
pub struct Options {
    /// The cluster whose Applications are followed.
    pub cluster: Cluster,
    /// Behaviour.
    pub settings: Settings,
    /// The right to write; all stops when it is lost.
    pub leadership: Leadership,
    /// What is fetched.
    pub mirrors: Mirrors,
    /// Views of whole objects of that cluster, where others watch the same kinds; made where not given.
    pub views: Option<Views<CrSummary>>,
    /// The clock and randomness that charts see.
    pub outside: fn() -> belay_helm::Outside,
}

/// The running controller. It ends with [`Controllers::stop`] or when this is dropped.
pub struct Controllers {
    /// Works on the queue; ends by itself when that is closed.
    working: JoinSet<()>,
    tasks: JoinSet<()>,
    world: Arc<World>,
    memo: Memo,
    metrics: Registry,
}

/// How long the watches of our own kinds may take to begin.
const SYNC_PATIENCE: Duration = Duration::from_secs(60);

/// How long a view is kept that nobody looks at.
const LINGER: Duration = Duration::from_secs(60);

/// The longest pause after writes that failed: an operation that runs goes on soon after its API server is back.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// How long a change of the configuration waits for others.
const CONFIG_SETTLE: Duration = Duration::from_millis(200);

/// Why the controller could not be started.
#[derive(Debug)]
pub struct StartError(pub String);

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for StartError {}

impl Controllers {
    /// Starts the controller: returns when the watches of its kinds have begun.
    pub async fn start(options: Options) -> Result<Controllers, StartError> {
        let Options { cluster, settings, leadership, mirrors, views, outside } = options;
        // Every write asks whether we still lead (ACT-8): two leaders cannot both write.
        let cluster = cluster.fenced(Arc::new(leadership.clone()));
        let failed = |e: &dyn std::fmt::Display| StartError(e.to_string());
        let views = views.unwrap_or_else(|| Views::of_whole_objects(cluster.clone(), LINGER));
        let home = ViewScope::in_namespace(&settings.namespace);
        // What the watches of clusters wake is known only once everything stands.
        let woken: Arc<OnceLock<Weak<World>>> = Arc::default();
        let on_tracked = {
            let (woken, namespace) = (woken.clone(), settings.namespace.clone());
            Arc::new(move |by: &str, itself: bool| {
                let Some(world) = woken.get().and_then(Weak::upgrade) else { return };
                let level = if itself { Level::Recent } else { Level::Tree };
                world.ask(&Name::tracked(by, &namespace), level);
            })
        };
        let on_ready = {
            let woken = woken.clone();
            Arc::new(move |server: &str| {
                if let Some(world) = woken.get().and_then(Weak::upgrade) {
                    wake_those_of(&world, server);
                }
            })
        };
        let files = Files::watch(&views, &settings.namespace);
        files.synced(SYNC_PATIENCE).await.map_err(|e| failed(&e))?;
        let (namespaces, wrong) = NameList::new(settings.application_namespaces.iter().map(String::as_str));
        if let Some(why) = wrong.first() {
            return Err(StartError(format!("application namespaces: {why}")));
        }
        let config = Arc::new(files.read(None));
        let scope = scope(&settings.namespace, &namespaces, &config);
        let memo = Memo::default();
        let dependencies = {
            let woken = woken.clone();
            let config = move || Some(woken.get().and_then(Weak::upgrade)?.config());
            Arc::new(FromRepositories { charts: mirrors.charts.clone(), config })
        };
        let (tell_news, news) = tokio::sync::mpsc::unbounded_channel();
        let world = Arc::new(World {
            recorder: Recorder::start(cluster.clone(), Vec::new()),
            applications: views.view(&applications(), &scope),
            projects: views.view(&projects(), &home),
            written: Written::default(),
            queue: WorkQueue::new(QueueOptions { max_delay: MAX_PAUSE, ..QueueOptions::default() }),
            asked: Mutex::default(),
            memories: Mutex::default(),
            destinations: Destinations::new(cluster.clone(), on_tracked, on_ready, settings.claimed_elsewhere.clone()),
            config: RwLock::new(config),
            renderer: Renderer::new(memo.clone(), outside).fetching(dependencies),
            repositories: mirrors.repositories,
            charts: mirrors.charts,
            polls: Polls::default(),
            hydration: Hydration::default(),
            patience: Patience::default(),
            news: tell_news,
            application_sets: Woken::default(),
            cluster,
            namespaces,
            settings,
        });
        let _ = woken.set(Arc::downgrade(&world));
        let weak = Arc::downgrade(&world);
        let reread = Arc::new(Notify::new());
        let rereads = reread.clone();
        let leaving = Arc::new(Notify::new());
        let leaves = leaving.clone();
        views.on_change(move |change| {
            if Files::is_of(&change.key) {
                weak.upgrade().iter().for_each(|world| world.application_sets.unsettle());
                rereads.notify_one();
            } else if let Some(world) = weak.upgrade() {
                if may_let_go(change) {
                    leaves.notify_one();
                }
                wake(&world, change);
            }
        });
        for view in [&world.applications, &world.projects] {
            view.synced(SYNC_PATIENCE).await.map_err(|e| StartError(format!("{e}; are the definitions installed?")))?;
        }
        // What the watches delivered before the sink was set is looked at here.
        for object in world.applications.objects() {
            world.ask(&Name::of(&object), Level::Latest);
        }
        let (mut workers, mut tasks) = (JoinSet::new(), JoinSet::new());
        let (queue, concurrent, working) = (world.queue.clone(), world.settings.concurrent, world.clone());
        workers.spawn(belay_controller::run(
            queue,
            concurrent,
            move |name: Name| {
                let world = working.clone();
                async move { reconcile(&world, name).await }
            },
            |name, why| tracing::error!(application = ?name, panic = why, "held back after repeated panics"),
        ));
        tasks.spawn(polls::poll(world.clone()));
        tasks.spawn(polls::wake(world.clone(), news));
        workers.spawn(hydration::run(world.clone()));
        tasks.spawn(leaving::release(world.clone(), leaving));
        tasks.spawn(follow_config(world.clone(), files, reread));
        let metrics = Registry::default();
        tasks.spawn(application_sets::run(world.clone(), views.clone()));
        tasks.spawn(notifications::run(world.clone(), views, mirrors.base, metrics.clone()));
        Ok(Controllers { working: workers, tasks, world, memo, metrics })
    }

    /// The memo of renders: its counts are of interest to metrics.
    pub fn memo(&self) -> &Memo {
        &self.memo
    }

    /// What is counted, under Argo CD's names.
    pub fn metrics(&self) -> &Registry {
        &self.metrics
    }

    /// Says which Application that is followed keeps an object, by the tracking on it: others ask before they
    /// apply one. An Application that is gone, or goes, keeps nothing.
    pub fn keeper(&self) -> Keeper {
        let world = Arc::downgrade(&self.world);
        Arc::new(move |object| {
            let world = world.upgrade()?;
            let owner = world.config().tracking.owner_of(object).filter(|owner| owner.matches_self)?;
            let name = Name::tracked(&owner.app, &world.settings.namespace);
            let app = world.applications.object(&name.namespace, &name.name)?;
            let is_kept = world.follows(&name.namespace) && !app.is_deleting();
            is_kept.then(|| format!("Application {}/{}", name.namespace, name.name))
        })
    }

    /// Looks at all repositories now, as a push would have it.
    pub async fn look_at_sources(&self) {
        polls::look(&self.world).await;
        self.world.application_sets.look_afresh();
    }

    /// Waits until the controller ends by itself, which it does not unless its queue is closed.
    pub async fn join(&mut self) {
        while self.working.join_next().await.is_some() {}
    }

    /// Ends the controller: what is under way is finished, at most `patience`.
    pub async fn stop(mut self, patience: Duration) {
        self.world.queue.close();
        self.world.polls.queue.close();
        self.world.application_sets.close();
        self.world.hydration.close();
        let _ = tokio::time::timeout(patience, self.join()).await;
        let _ = tokio::time::timeout(patience, self.world.recorder.flush(patience)).await;
        self.working.shutdown().await;
        self.tasks.shutdown().await;
    }
}

/// Reads the configuration anew whenever something of it changes.
async fn follow_config(world: Arc<World>, files: Files, changed: Arc<Notify>) {
    loop {
        changed.notified().await;
        // Several objects are often written together.
        tokio::time::sleep(CONFIG_SETTLE).await;
        let before = world.config();
        let up_to = world.application_sets.reading();
        if files.is_cut(&before) {
            world.application_sets.settle(up_to);
            tracing::error!(
                "argocd-cm is gone, or has lost its label app.kubernetes.io/part-of: what it said stays in force"
            );
            continue;
        }
        let config = Arc::new(files.read(Some(&before)));
        let (begin_anew, concerns) = (config.watched_by != before.watched_by, config.judged_by != before.judged_by);
        *world.config.write() = config.clone();
        world.application_sets.settle(up_to);
        match begin_anew {
            true => world.destinations.reset(),
            false => world.destinations.keep(&config),
        }
        if !concerns {
            continue;
        }
        world.patience.forget();
        if config.settings.timers != before.settings.timers {
            world.polls.reschedule(&config.settings.timers);
        }
        for object in world.applications.objects() {
            world.ask(&Name::of(&object), Level::Recent);
        }
        world.application_sets.look_at_all();
    }
}

/// Which Applications are looked at. Compat(argo-cd 3.5): where no other namespace is named, none is looked into: an
/// installation with rights in its own alone works. Naming the first one needs a restart.
pub fn scope(home: &str, namespaces: &NameList, config: &Config) -> ViewScope {
    match namespaces.is_empty() && config.settings.parameters.namespaces.is_empty() {
        true => ViewScope::in_namespace(home),
        false => ViewScope::default(),
    }
}

/// Wakes the Applications that go to a cluster.
fn wake_those_of(world: &World, server: &str) {
    let config = world.config();
    for app in world.applications.objects() {
        let text = |field: &str| app.str_at(&["spec", "destination", field]).unwrap_or_default().to_owned();
        let destination = Destination { server: text("server"), name: text("name"), ..Destination::default() };
        if world.destinations.server(&config, &destination).is_ok_and(|goes_to| goes_to == server) {
            world.ask(&Name::of(&app), Level::Recent);
        }
    }
}

/// Whether a change may let a project go that is deleted: it is that one, or an Application left one.
fn may_let_go(change: &Change<Arc<Object>>) -> bool {
    let project = |e: &belay_cluster::Entry<Arc<Object>>| e.summary.str_at(&["spec", "project"]).map(str::to_owned);
    match (change.key.kind.kind.as_str(), &change.before, &change.after) {
        ("AppProject", _, Some(after)) => is_leaving(&after.summary),
        ("Application", Some(before), Some(after)) => project(before) != project(after),
        ("Application", Some(_), None) => true,
        _ => false,
    }
}

/// Whom a change of one of our own resources wakes.
fn wake(world: &World, change: &Change<Arc<Object>>) {
    let object = |e: &Option<belay_cluster::Entry<Arc<Object>>>| e.as_ref().map(|e| e.summary.clone());
    let (before, after) = (object(&change.before), object(&change.after));
    let at = |o: &Option<Arc<Object>>, path: &[&str]| o.as_ref().and_then(|o| o.at(path).cloned());
    let differs = |path: &[&str]| at(&before, path) != at(&after, path);
    application_sets::wake(world, &change.key, before.as_deref(), after.as_deref());
    if change.key.kind.kind == "ApplicationSet" {
        return;
    }
    if change.key.kind.kind == "AppProject" {
        // Tokens are given out, and written into it, all the time.
        if !differs(&["metadata", "uid"]) && !differs(&["spec"]) && !differs(&["metadata", "labels"]) {
            return;
        }
        let name = &*change.key.name;
        let is_global = world.config().settings.global_projects.iter().any(|global| global.project == name);
        // Rules changed: whoever belongs to it is looked at.
        for app in world.applications.objects() {
            let of = app.str_at(&["spec", "project"]).filter(|p| !p.is_empty()).unwrap_or("default");
            if is_global || of == name {
                world.ask(&Name::of(&app), Level::Recent);
            }
        }
        return;
    }
    let name = Name::new(&change.key.namespace, &change.key.name);
    world.written.shown(&name, after.as_deref());
    if after.is_none() || differs(&["metadata", "uid"]) {
        world.queue.add(name);
        return;
    }
    let asks = |name: &str| at(&after, &["metadata", "annotations", name]).is_some();
    if asks(crate::hydrator::HYDRATE)
        && [crate::hydrator::HYDRATE, crate::hydrator::HYDRATE_AT]
            .iter()
            .any(|a| differs(&["metadata", "annotations", a]))
    {
        world.hydration.look(&name);
    }
    // Our own writes of the status wake nobody.
    if before.is_none() || differs(&["spec"]) {
        world.ask(&name, Level::Latest);
    } else if at(&after, &["metadata", "annotations", REFRESH]).is_some()
        || differs(&["metadata", "annotations", crate::marks::DELETION_APPROVED])
        || differs(&["metadata", "deletionTimestamp"])
        || differs(&["operation"])
        || differs(&["status", "operationState", "phase"])
        || differs(&["metadata", "annotations", super::refresh::SKIP_RECONCILE])
    {
        world.queue.add(name);
    }
}
