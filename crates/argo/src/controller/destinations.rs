//! The clusters that Applications go to: reached once, observed once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{Catalog, Cluster};
use belay_engine::observe::{Observed, OnTracked};
use belay_engine::{Elsewhere, Target};
use belay_object::GroupKind;
use parking_lot::Mutex;

use super::config::Config;
use crate::clusters::{ClusterEntry, Connection, Opening};
use crate::live::Describer;
use crate::manifests::ClusterFacts;
use crate::spec::Destination;

/// How long a cluster's first look may take before its Applications are told why they wait.
const SYNC_PATIENCE: Duration = Duration::from_secs(30);

/// One cluster.
pub(crate) struct Place {
    /// Its address.
    pub server: String,
    /// How it is reached.
    connection: Connection,
    /// To reach it.
    pub cluster: Cluster,
    /// What is in it.
    pub observed: Observed<Describer>,
    /// Who else keeps objects in it.
    elsewhere: Elsewhere,
    facts: Mutex<Option<(Arc<Catalog>, Arc<ClusterFacts>)>>,
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
    /// Whether a kind has namespaces.
    pub fn scopes(&self, catalog: &Catalog) -> HashMap<GroupKind, bool> {
        catalog.resources().iter().map(|r| (r.group_kind(), r.namespaced)).collect()
    }
    /// What tools are told of the cluster; asked again when what it serves has changed.
    pub async fn facts(&self) -> Result<(Arc<Catalog>, Arc<ClusterFacts>), String> {
        let catalog = self.cluster.catalog().await.map_err(|e| e.to_string())?;
        if let Some((known, facts)) = &*self.facts.lock()
            && Arc::ptr_eq(known, &catalog)
        {
            return Ok((catalog, facts.clone()));
        }
        let version = self.cluster.version().await.map_err(|e| e.to_string())?;
        let served = catalog.resources().iter().flat_map(|r| {
            let version = r.api_version();
            [format!("{version}/{}", r.kind), version]
        });
        let served: std::collections::BTreeSet<String> = served.collect();
        let facts = Arc::new(ClusterFacts::new(version, served));
        *self.facts.lock() = Some((catalog.clone(), facts.clone()));
        Ok((catalog, facts))
    }
}

/// The clusters.
pub(crate) struct Destinations {
    home: Cluster,
    on_tracked: OnTracked,
    elsewhere: Elsewhere,
    places: Mutex<HashMap<String, Arc<Place>>>,
    opening: tokio::sync::Mutex<()>,
}

impl Destinations {
    pub fn new(home: Cluster, on_tracked: OnTracked, elsewhere: Elsewhere) -> Destinations {
        Destinations { home, on_tracked, elsewhere, places: Mutex::default(), opening: tokio::sync::Mutex::default() }
    }
    /// Lets go of all clusters: what is kept of objects goes by another configuration from here on.
    pub fn reset(&self) {
        self.places.lock().clear();
    }
    /// The address that a destination means.
    pub fn server(&self, config: &Config, destination: &Destination) -> Result<String, String> {
        config.clusters.resolve(&destination.server, &destination.name).map(|entry| entry.server.clone())
    }
    /// The cluster of a destination, observed. An error is the sentence about it.
    pub async fn of(&self, config: &Arc<Config>, destination: &Destination) -> Result<Arc<Place>, String> {
        let entry = config.clusters.resolve(&destination.server, &destination.name)?;
        let known = || self.places.lock().get(&entry.server).filter(|p| p.connection == entry.connection).cloned();
        let place = match known() {
            Some(place) => place,
            None => {
                // One at a time: a thousand Applications of a new cluster open it once.
                let _opening = self.opening.lock().await;
                match known() {
                    Some(place) => place,
                    None => self.open(config, entry).await?,
                }
            }
        };
        match place.observed.synced(SYNC_PATIENCE).await {
            Ok(()) => Ok(place),
            // Compat(argo-cd 3.5): one kind that cannot be read leaves nothing that can be said of the rest.
            Err(why) => Err(format!("failed to load initial state of resource {why}")),
        }
    }
    async fn open(&self, config: &Arc<Config>, entry: &ClusterEntry) -> Result<Arc<Place>, String> {
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
        };
        let observed = Observed::start(cluster.clone(), describer, entry.namespaces.clone(), self.on_tracked.clone());
        let place = Arc::new(Place {
            server: entry.server.clone(),
            connection: entry.connection.clone(),
            cluster,
            observed,
            elsewhere: self.elsewhere.clone(),
            facts: Mutex::default(),
        });
        self.places.lock().insert(entry.server.clone(), place.clone());
        Ok(place)
    }
}
