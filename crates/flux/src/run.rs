//! Starts the controllers and wires what wakes them.

mod helm;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use belay_cluster::{Change, Cluster, CrView, ViewScope, Views};
use belay_controller::{Leadership, QueueOptions, Recorder, WorkQueue, Written};
use belay_engine::{Engine, Keeper, WakeReason};
use belay_object::{Condition, ConditionStatus, Object, ObjectKey};
use belay_render::Memo;
use belay_source::{ArtifactStore, Repositories, RepositoriesOptions};
use tokio::task::JoinSet;

use crate::configs::Configs;
use crate::git_repository::GitRepositories;
use crate::kustomization::Kustomizations;
use crate::lower::{kustomization_kind, owner_label};
use crate::names::{
    GIT_REPOSITORY, HELM_CHART, HELM_GROUP, HELM_RELEASE, KUSTOMIZATION, KUSTOMIZE_CONTROLLER, KUSTOMIZE_GROUP,
    REQUESTED_AT, condition,
};
use crate::shared::{FetchedSources, Name, Outbound, References, Settings, Shared};
use crate::sources::{self, Artifacts, Followed, SourceName, Sources, Trees};
use crate::target::Targets;

/// What the controllers are started with.
pub struct Options {
    /// The cluster whose resources are followed.
    pub cluster: Cluster,
    /// Behaviour.
    pub settings: Settings,
    /// The right to write; all stops when it is lost.
    pub leadership: Leadership,
    /// Where mirrors and archives are kept.
    pub storage: PathBuf,
    /// Where archives are served; port 0 takes any.
    pub artifacts: SocketAddr,
    /// The host (and port) by which consumers reach the archives; the address itself where empty.
    pub advertised: String,
    /// Which remote addresses may be reached.
    pub egress: belay_net::Egress,
}

/// Running controllers. They end with [`Controllers::stop`] or when this is dropped.
pub struct Controllers {
    tasks: JoinSet<()>,
    _configs: Configs,
    shared: Arc<Shared>,
    engine: Arc<Engine>,
    /// Where archives are served.
    pub artifacts: SocketAddr,
}

/// Archives are kept this long after they were replaced, and at least so many.
const RETENTION: (Duration, usize) = (Duration::from_secs(60), 2);
/// How long the watches of our own kinds may take to begin.
const SYNC_PATIENCE: Duration = Duration::from_secs(60);
/// As [`SYNC_PATIENCE`], for kinds without which the others work.
const OPTIONAL_PATIENCE: Duration = Duration::from_secs(5);
/// Repositories worked on at once: each holds a thread while it fetches.
const CONCURRENT_SOURCES: usize = 8;

/// Why the controllers could not be started.
#[derive(Debug)]
pub struct StartError(pub String);

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for StartError {}

impl Controllers {
    /// Starts the controllers: returns when the watches of their kinds have begun.
    pub async fn start(options: Options) -> Result<Controllers, StartError> {
        let Options { cluster, settings, leadership, storage, artifacts, advertised, egress } = options;
        // Every write asks whether we still lead (ACT-8): two leaders cannot both write.
        let cluster = cluster.fenced(Arc::new(leadership.clone()));
        let failed = |e: &dyn std::fmt::Display| StartError(e.to_string());
        let listener = tokio::net::TcpListener::bind(artifacts)
            .await
            .map_err(|e| StartError(format!("the artifact server cannot listen on {artifacts}: {e}")))?;
        let artifacts = listener.local_addr().map_err(|e| failed(&e))?;
        let store = ArtifactStore::open(storage.join("artifacts"), RETENTION.0, RETENTION.1).map_err(|e| failed(&e))?;
        let store = Arc::new(store);
        let proxy = belay_net::Proxy::from_variables(|name| std::env::var(name).ok()).map_err(|e| failed(&e))?;
        let outbound =
            Outbound { clients: belay_net::Clients::default(), egress: egress.clone(), proxy: proxy.clone() };
        let repositories =
            Repositories::new(RepositoriesOptions { egress, proxy, ..RepositoriesOptions::new(storage.join("git")) })
                .map_err(|e| failed(&e))?;

        let views = Views::of_whole_objects(cluster.clone(), Duration::from_secs(60));
        let scope = ViewScope {
            namespace: settings.namespace.clone(),
            labels: settings.label_selector.clone(),
            ..ViewScope::default()
        };
        let sources = sources::KINDS.map(|kind| Followed::new(kind, views.view(&Shared::resource(&kind), &scope)));
        let advertised = format!("http://{}", advertised_host(&advertised, artifacts));
        let helm = OnceLock::new();
        if helm::is_served(&cluster).await {
            helm.get_or_init(|| helm::helm(&views, &scope));
        }
        let shared = Arc::new(Shared {
            recorder: Recorder::start(cluster.clone(), Vec::new()),
            repositories: views.view(&Shared::resource(&GIT_REPOSITORY), &scope),
            kustomizations: views.view(&Shared::resource(&KUSTOMIZATION), &scope),
            views,
            cluster,
            settings,
            leadership,
            written_repositories: Written::default(),
            written_kustomizations: Written::default(),
            fetched: FetchedSources::default(),
            kustomization_queue: WorkQueue::new(QueueOptions::default()),
            source_queue: WorkQueue::new(QueueOptions::default()),
            references: References::default(),
            sources: sources.into(),
            sources_queue: WorkQueue::new(QueueOptions::default()),
            artifacts: Artifacts { store: store.clone(), advertised: advertised.clone() },
            trees: Trees::default(),
            outbound,
            helm,
        });
        let engine = Arc::new(engine(&shared));
        let seen = Arc::downgrade(&shared);
        shared.views.on_change(move |change| {
            if let Some(shared) = seen.upgrade() {
                wake(&shared, change);
            }
        });
        let of_helm = shared.helm.get().into_iter().map(|helm| &helm.releases);
        for view in [&shared.repositories, &shared.kustomizations].into_iter().chain(of_helm) {
            view.synced(SYNC_PATIENCE)
                .await
                .map_err(|e| StartError(format!("{e}; are the definitions installed? (belay install)")))?;
        }
        futures::future::join_all(shared.sources.iter().map(begun)).await;
        // What the watches delivered before the sink was set is looked at here.
        for object in shared.repositories.objects() {
            shared.references.set_repository(&Name::of(&object), Some(&object));
            shared.source_queue.add(Name::of(&object));
        }
        for object in shared.kustomizations.objects() {
            shared.references.set_kustomization(&Name::of(&object), Some(&object));
            shared.kustomization_queue.add(Name::of(&object));
        }
        for followed in &shared.sources {
            for object in followed.view.objects() {
                let source = SourceName { kind: followed.kind.kind, name: Name::of(&object) };
                if source.kind == HELM_CHART.kind {
                    shared.references.set_chart(&source.name, Some(&object));
                }
                shared.sources_queue.add(source);
            }
        }
        let mut tasks = JoinSet::new();
        // The task ends with the set that owns it.
        tasks.spawn(belay_source::artifact::serve(listener, store.clone(), std::future::pending()));
        run_repositories(&mut tasks, &shared, repositories, store, advertised);
        run_sources(&mut tasks, &shared);
        run_kustomizations(&mut tasks, &shared, &engine);
        tasks.spawn(helm::run(shared.clone(), scope));
        let configs = Configs::watch(&shared.cluster, &shared.settings, &shared);
        Ok(Controllers { tasks, _configs: configs, shared, engine, artifacts })
    }

    /// The memo of renders: its counts are of interest to metrics.
    pub fn memo(&self) -> &Memo {
        self.engine.memo()
    }

    /// Says which of the resources that are followed keeps an object, by the labels on it: others ask before
    /// they apply one. A resource that is gone, or goes, keeps nothing.
    pub fn keeper(&self) -> Keeper {
        let shared = Arc::downgrade(&self.shared);
        Arc::new(move |object| {
            let shared = shared.upgrade()?;
            let name = |group: &str| {
                let label = |what: &str| object.label(&format!("{group}/{what}"));
                Some(Name::new(label("namespace")?, label("name")?))
            };
            let is_kept = |view: &CrView, name: &Name| {
                view.object(&name.namespace, &name.name).is_some_and(|owner| !owner.is_deleting())
            };
            if let Some(of) = name(KUSTOMIZE_GROUP)
                && is_kept(&shared.kustomizations, &of)
            {
                return Some(format!("{} {}/{}", KUSTOMIZATION.kind, of.namespace, of.name));
            }
            let (of, helm) = (name(HELM_GROUP)?, shared.helm.get()?);
            is_kept(&helm.releases, &of).then(|| format!("{} {}/{}", HELM_RELEASE.kind, of.namespace, of.name))
        })
    }

    /// Waits until a controller ends by itself, which none does unless the queues are closed.
    pub async fn join(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    /// Ends the controllers: what is under way is finished, at most `patience`.
    pub async fn stop(mut self, patience: Duration) {
        self.shared.kustomization_queue.close();
        self.shared.source_queue.close();
        self.shared.sources_queue.close();
        if let Some(helm) = self.shared.helm.get() {
            helm.release_queue.close();
        }
        let _ = tokio::time::timeout(patience, async { self.shared.recorder.flush(patience).await }).await;
        self.tasks.shutdown().await;
    }
}

/// Waits a little for the resources of a kind. An older installation may lack it: they are followed once
/// it is there.
async fn begun(followed: &Followed) {
    if let Err(e) = followed.view.synced(OPTIONAL_PATIENCE).await {
        tracing::warn!(kind = followed.kind.kind, error = %e, "the resources of this kind cannot be read yet");
    }
}

fn advertised_host(advertised: &str, address: SocketAddr) -> String {
    if advertised.is_empty() { address.to_string() } else { advertised.to_owned() }
}

fn engine(shared: &Arc<Shared>) -> Engine {
    let weak = Arc::downgrade(shared);
    let wake = move |app: &ObjectKey, _: WakeReason, pause: Duration| {
        if let Some(shared) = weak.upgrade() {
            let name = Name { namespace: app.namespace.clone(), name: app.name.clone() };
            if pause.is_zero() {
                shared.kustomization_queue.add(name);
            } else {
                shared.kustomization_queue.add_after(name, pause);
            }
        }
    };
    Engine::new(KUSTOMIZE_CONTROLLER, &owner_label(), kustomization_kind(), Memo::default(), Arc::new(wake))
}

fn run_repositories(
    tasks: &mut JoinSet<()>,
    shared: &Arc<Shared>,
    repositories: Repositories,
    store: Arc<ArtifactStore>,
    advertised: String,
) {
    let controller = Arc::new(GitRepositories {
        shared: shared.clone(),
        repositories: Arc::new(repositories),
        store,
        advertised,
        resource: Shared::resource(&GIT_REPOSITORY),
    });
    let queue = shared.source_queue.clone();
    tasks.spawn(belay_controller::run(
        queue,
        CONCURRENT_SOURCES,
        move |name: Name| {
            let controller = controller.clone();
            async move { controller.reconcile(name).await }
        },
        |name, why| tracing::error!(repository = ?name, panic = why, "held back after repeated panics"),
    ));
}

fn run_sources(tasks: &mut JoinSet<()>, shared: &Arc<Shared>) {
    let controller = Arc::new(Sources { shared: shared.clone() });
    tasks.spawn(belay_controller::run(
        shared.sources_queue.clone(),
        CONCURRENT_SOURCES,
        move |source: SourceName| {
            let controller = controller.clone();
            async move { controller.reconcile(source).await }
        },
        |source, why| tracing::error!(source = ?source, panic = why, "held back after repeated panics"),
    ));
}

fn run_kustomizations(tasks: &mut JoinSet<()>, shared: &Arc<Shared>, engine: &Arc<Engine>) {
    let controller = Arc::new(Kustomizations {
        shared: shared.clone(),
        engine: engine.clone(),
        targets: Targets::new(shared.cluster.clone(), Arc::new(shared.leadership.clone()), &shared.settings),
        resource: Shared::resource(&KUSTOMIZATION),
    });
    let (queue, concurrent) = (shared.kustomization_queue.clone(), shared.settings.concurrent);
    tasks.spawn(belay_controller::run(
        queue,
        concurrent,
        move |name: Name| {
            let controller = controller.clone();
            async move { controller.reconcile(name).await }
        },
        |name, why| tracing::error!(kustomization = ?name, panic = why, "held back after repeated panics"),
    ));
}

/// Why a source has nothing to give, where it tells.
fn obstacle(source: Option<&Object>) -> Option<String> {
    let source = source.filter(|s| s.at(&["status", "artifact"]).is_none_or(belay_object::Value::is_null))?;
    let ready = Condition::find(source, condition::READY)?;
    (ready.status == ConditionStatus::False).then_some(ready.message)
}

/// Whom a change of one of our resources wakes.
fn wake(shared: &Shared, change: &Change<Arc<Object>>) {
    let name = Name { namespace: change.key.namespace.clone(), name: change.key.name.clone() };
    let object = |e: &Option<belay_cluster::Entry<Arc<Object>>>| e.as_ref().map(|e| e.summary.clone());
    let (before, after) = (object(&change.before), object(&change.after));
    let differs = |path: &[&str]| before.as_ref().and_then(|o| o.at(path)) != after.as_ref().and_then(|o| o.at(path));
    let asked = differs(&["metadata", "generation"])
        || differs(&["metadata", "annotations", REQUESTED_AT])
        || differs(&["metadata", "deletionTimestamp"])
        || differs(&["metadata", "uid"]);
    if *change.key.kind.kind == *KUSTOMIZATION.kind {
        shared.written_kustomizations.shown(&name, after.as_deref());
        if asked {
            shared.references.set_kustomization(&name, after.as_deref());
            shared.kustomization_queue.release(&name);
            shared.kustomization_queue.add(name.clone());
        }
        if differs(&["status", "conditions"]) || differs(&["status", "lastAppliedRevision"]) {
            shared.references.dependents(&name).into_iter().for_each(|n| shared.kustomization_queue.add(n));
        }
        return;
    }
    if *change.key.kind.kind == *HELM_RELEASE.kind {
        // Those that are seen before all is set up are looked at when it is.
        let Some(helm) = shared.helm.get() else { return };
        helm.written_releases.shown(&name, after.as_deref());
        if asked {
            helm.references.set_release(&name, after.as_deref());
            helm.release_queue.release(&name);
            helm.release_queue.add(name.clone());
        }
        if differs(&["status", "conditions"]) {
            helm.references.dependents(&name).into_iter().for_each(|n| helm.release_queue.add(n));
        }
        return;
    }
    if let Some(followed) = shared.sources.iter().find(|s| *s.kind.kind == *change.key.kind.kind) {
        followed.written.shown(&name, after.as_deref());
        let source = SourceName { kind: followed.kind.kind, name };
        if asked {
            if source.kind == HELM_CHART.kind {
                shared.references.set_chart(&source.name, after.as_deref());
            }
            shared.sources_queue.release(&source);
            shared.sources_queue.add(source.clone());
        }
        if differs(&["status", "artifact", "revision"]) || before.is_none() {
            shared.wake_users(&source);
        } else if differs(&["status", "observedGeneration"])
            || obstacle(before.as_deref()) != obstacle(after.as_deref())
        {
            shared.wake_releases(&source);
        }
        return;
    }
    shared.written_repositories.shown(&name, after.as_deref());
    if asked {
        shared.references.set_repository(&name, after.as_deref());
        shared.source_queue.release(&name);
        shared.source_queue.add(name.clone());
    }
    if differs(&["status", "artifact", "revision"]) || before.is_none() {
        shared.wake_users(&SourceName::git(name));
    }
}
