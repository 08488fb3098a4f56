//! The clusters that Applications go to: reached once, observed once.
//!
//! Nobody waits for one: a turn whose cluster is being read, or does not answer, ends, and its Application
//! is woken when the cluster is there.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use belay_cluster::{Catalog, Cluster};
use belay_engine::observe::{Extent, Observed, OnTracked, Readiness};
use belay_engine::{Elsewhere, Target};
use belay_object::{GroupKind, Object};
use parking_lot::Mutex;
use tokio::time::Instant;

use super::config::Config;
use crate::clusters::{ClusterEntry, Connection, Opening};
use crate::live::Describer;
use crate::manifests::ClusterFacts;
use crate::settings::RespectRbac;
use crate::spec::{Application, Destination};

/// How long a cluster's first look may take before its Applications are told why they wait.
const FIRST_LOOK: Duration = Duration::from_secs(30);
/// How long opening a cluster may take; it may run a program for its credentials.
const OPENING: Duration = Duration::from_secs(10);
/// So long nobody tries again to open a cluster that could not be opened.
const FRESH: Duration = Duration::from_secs(10);
/// How often it is looked whether a cluster that was there is there again. Looking costs no request.
const LOOK: Duration = Duration::from_secs(1);

/// Why an Application cannot be compared now.
pub(crate) enum Absent {
    /// Its cluster is being read: the Application is woken when that is done.
    Loading,
    /// Its repository is being fetched from, which takes others long already.
    Busy,
    /// Its repository cannot be read, and not for long: what was found before still stands.
    Unread(String),
    /// The sentence about it.
    Trouble(String),
}

/// Called with the address of a cluster that is there, or there again. Returns at once.
pub(crate) type OnReady = Arc<dyn Fn(&str) + Send + Sync>;

/// What a cluster serves.
#[derive(Clone)]
pub(crate) struct Served {
    pub catalog: Arc<Catalog>,
    /// What tools are told of it.
    pub facts: Arc<ClusterFacts>,
    /// Whether a kind has namespaces.
    pub scopes: Arc<HashMap<GroupKind, bool>>,
}

/// One cluster.
pub(crate) struct Place {
    /// Its address.
    pub server: String,
    /// As its secret describes it.
    entry: ClusterEntry,
    /// To reach it.
    pub cluster: Cluster,
    /// What is in it.
    pub observed: Arc<Observed<Describer>>,
    /// Who else keeps objects in it.
    elsewhere: Elsewhere,
    known: Mutex<Option<Served>>,
    opened: Instant,
    /// Whether all that was there at the start has been read.
    was_read: AtomicBool,
    follows: tokio::task::AbortHandle,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.follows.abort();
    }
}

impl Place {
    /// As the engine wants it.
    pub fn target(&self) -> Target {
        Target {
            id: self.server.as_str().into(),
            cluster: self.cluster.clone(),
            acting: self.cluster.clone(),
            elsewhere: self.elsewhere.clone(),
        }
    }
    /// Whether an Application can be worked on: what its status lists must be readable. Definitions that come
    /// later, and kinds that nobody can read, hold up no other Application; where `whole`, nothing may be on its
    /// way.
    fn admits(&self, app: &Application, config: &Config, whole: bool) -> Result<(), Absent> {
        let respects = config.settings.resources.respect_rbac != RespectRbac::Off;
        // Compat(argo-cd 3.5): the words in front.
        let trouble = |why: String| Absent::Trouble(format!("failed to load initial state of resource {why}"));
        let listed: HashSet<GroupKind> =
            app.status.resources.iter().map(|r| GroupKind::new(&r.group, &r.kind)).collect();
        let concerns = |kind: &GroupKind| listed.contains(kind) && !(respects && self.observed.is_forbidden(kind));
        if let Readiness::Trouble(why) = self.observed.readiness(&concerns) {
            return Err(trouble(why));
        }
        if !self.observed.is_loading() {
            self.was_read.store(true, Ordering::Relaxed);
            return Ok(());
        }
        match self.was_read.load(Ordering::Relaxed) {
            true if whole => Err(Absent::Loading),
            true => Ok(()),
            false if self.opened.elapsed() < FIRST_LOOK => Err(Absent::Loading),
            false => Err(trouble(format!("{}: not all is read yet", self.server))),
        }
    }
    /// Why an object cannot be looked after in this cluster; `None` where it can.
    pub fn leaves_out(&self, object: &Object) -> Option<String> {
        let ClusterEntry { namespaces, cluster_resources, .. } = &self.entry;
        let (kind, name, namespace) = (object.kind(), object.name(), object.namespace());
        // Compat(argo-cd 3.5): both sentences.
        if namespaces.is_empty() {
            None
        } else if namespace.is_empty() {
            (!cluster_resources)
                .then(|| format!("cluster level {kind} {name:?} can not be managed when in namespaced mode"))
        } else {
            (!namespaces.iter().any(|own| own == namespace))
                .then(|| format!("namespace {namespace:?} for {kind} {name:?} is not managed"))
        }
    }
    /// Whether it is observed as its secret says now.
    fn is_as(&self, entry: &ClusterEntry) -> bool {
        self.entry.connection == entry.connection
            && self.entry.namespaces == entry.namespaces
            && self.entry.cluster_resources == entry.cluster_resources
            // Somebody asked for all of it to be read anew.
            && self.entry.refresh_requested == entry.refresh_requested
    }
    /// What the cluster serves; asked again when that has changed.
    pub async fn served(&self) -> Result<Served, String> {
        let catalog = self.cluster.catalog().await.map_err(|e| e.to_string())?;
        if let Some(known) = self.known.lock().clone().filter(|known| Arc::ptr_eq(&known.catalog, &catalog)) {
            return Ok(known);
        }
        let version = self.cluster.version().await.map_err(|e| e.to_string())?;
        let served = catalog.resources().iter().flat_map(|r| {
            let version = r.api_version();
            [format!("{version}/{}", r.kind), version]
        });
        let served: std::collections::BTreeSet<String> = served.collect();
        let served = Served {
            facts: Arc::new(ClusterFacts::new(version, served)),
            scopes: Arc::new(catalog.resources().iter().map(|r| (r.group_kind(), r.namespaced)).collect()),
            catalog,
        };
        *self.known.lock() = Some(served.clone());
        Ok(served)
    }
}

/// The clusters.
pub(crate) struct Destinations {
    home: Cluster,
    on_tracked: OnTracked,
    on_ready: OnReady,
    elsewhere: Elsewhere,
    places: Mutex<HashMap<String, Arc<Place>>>,
    opening: tokio::sync::Mutex<()>,
    /// What could not be opened, by address: when, how it was to be reached, and why not.
    closed: Mutex<HashMap<String, (Instant, Connection, String)>>,
}

impl Destinations {
    pub fn new(home: Cluster, on_tracked: OnTracked, on_ready: OnReady, elsewhere: Elsewhere) -> Destinations {
        Destinations {
            home,
            on_tracked,
            on_ready,
            elsewhere,
            places: Mutex::default(),
            opening: tokio::sync::Mutex::default(),
            closed: Mutex::default(),
        }
    }
    /// Lets go of all clusters: what is kept of objects goes by another configuration from here on.
    pub fn reset(&self) {
        self.places.lock().clear();
    }
    /// Lets go of clusters that the configuration does not have any more.
    pub fn keep(&self, config: &Config) {
        self.places.lock().retain(|server, _| config.clusters.iter().any(|entry| entry.server == *server));
    }
    /// The address that a destination means.
    pub fn server(&self, config: &Config, destination: &Destination) -> Result<String, String> {
        config.clusters.resolve(&destination.server, &destination.name).map(|entry| entry.server.clone())
    }
    /// The cluster of an Application, observed as far as that one is concerned.
    pub async fn of(&self, config: &Arc<Config>, app: &Application) -> Result<Arc<Place>, Absent> {
        let place = self.place(config, &app.spec.destination).await?;
        place.admits(app, config, false).map(|()| place)
    }
    /// The same with nothing on its way: what is not known yet would be left behind.
    pub async fn whole(&self, config: &Arc<Config>, app: &Application) -> Result<Arc<Place>, Absent> {
        let place = self.place(config, &app.spec.destination).await?;
        place.admits(app, config, true).map(|()| place)
    }
    async fn place(&self, config: &Arc<Config>, destination: &Destination) -> Result<Arc<Place>, Absent> {
        let resolved = config.clusters.resolve(&destination.server, &destination.name);
        let entry = resolved.map_err(Absent::Trouble)?;
        let known = || self.places.lock().get(&entry.server).filter(|p| p.is_as(entry)).cloned();
        if let Some(place) = known() {
            return Ok(place);
        }
        // One at a time: a thousand Applications of a new cluster open it once.
        let _opening = self.opening.lock().await;
        match known() {
            Some(place) => Ok(place),
            None => self.open(config, entry).await.map_err(Absent::Trouble),
        }
    }
    async fn open(&self, config: &Arc<Config>, entry: &ClusterEntry) -> Result<Arc<Place>, String> {
        if let Some((when, connection, why)) = self.closed.lock().get(&entry.server)
            && *connection == entry.connection
            && when.elapsed() < FRESH
        {
            return Err(why.clone());
        }
        let opened = tokio::time::timeout(OPENING, self.begin(config, entry)).await;
        let opened = opened.unwrap_or_else(|_| Err(format!("cluster {:?} does not open in time", entry.server)));
        let mut closed = self.closed.lock();
        match &opened {
            Ok(_) => drop(closed.remove(&entry.server)),
            Err(why) => {
                // As many as there are secrets of clusters; those that are gone are not kept long.
                closed.retain(|_, (when, ..)| when.elapsed() < FRESH);
                closed.insert(entry.server.clone(), (Instant::now(), entry.connection.clone(), why.clone()));
            }
        }
        opened
    }
    async fn begin(&self, config: &Arc<Config>, entry: &ClusterEntry) -> Result<Arc<Place>, String> {
        let cluster = match entry.connection.opening(false, &belay_net::Egress::default())? {
            Opening::InCluster => self.home.clone(),
            Opening::Kubeconfig(text, allow) => {
                let opened = Cluster::from_kubeconfig_bytes(text.expose(), &allow).await;
                opened.map_err(|e| format!("cluster {:?}: {e}", entry.server))?
            }
        };
        let (server, filter) = (entry.server.clone(), config.clone());
        let describer = Describer {
            tracking: config.tracking.clone(),
            assess: config.assess.clone(),
            is_excluded: Arc::new(move |group, kind| filter.excludes(group, kind, &server)),
            ignore_updates: config.ignore_updates.clone(),
        };
        let extent = Extent { namespaces: entry.namespaces.clone(), cluster_resources: entry.cluster_resources };
        let observed = Observed::start(cluster.clone(), describer, extent, self.on_tracked.clone());
        let observed = Arc::new(observed);
        let follows = tokio::spawn(follow(observed.clone(), entry.server.clone(), self.on_ready.clone()));
        let place = Arc::new(Place {
            server: entry.server.clone(),
            entry: entry.clone(),
            cluster,
            observed,
            elsewhere: self.elsewhere.clone(),
            known: Mutex::default(),
            opened: Instant::now(),
            was_read: AtomicBool::new(false),
            follows: follows.abort_handle(),
        });
        self.places.lock().insert(entry.server.clone(), place.clone());
        Ok(place)
    }
}

/// Tells when a cluster is there, when it is there again, and when kinds of it can be read that could not. Ends
/// with its place.
async fn follow(observed: Arc<Observed<Describer>>, server: String, on_ready: OnReady) {
    let _ = observed.synced(FIRST_LOOK).await;
    let (mut was_read, mut was_there, mut unreadable) = (false, false, 0);
    loop {
        let works = observed.readiness(&|_| false) == Readiness::Ready;
        was_read |= works && !observed.is_loading();
        let is_there = was_read && works;
        let still = observed.unreadable();
        if is_there && (!was_there || still < unreadable) {
            on_ready(&server);
        }
        (was_there, unreadable) = (is_there, still);
        tokio::time::sleep(LOOK).await;
    }
}
