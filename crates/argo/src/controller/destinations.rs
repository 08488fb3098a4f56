//! The clusters that Applications go to: reached once, observed once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{Catalog, Cluster};
use belay_engine::Target;
use belay_engine::observe::{Observed, OnTracked};
use belay_object::GroupKind;
use parking_lot::Mutex;

use crate::live::Describer;
use crate::manifests::ClusterFacts;
use crate::spec::{Destination, validate};

/// The address of the cluster that the control plane runs in, as Applications name it.
pub const IN_CLUSTER: &str = "https://kubernetes.default.svc";
/// Its name.
pub const IN_CLUSTER_NAME: &str = "in-cluster";
/// How long a cluster's first look may take before its Applications are told why they wait.
const SYNC_PATIENCE: Duration = Duration::from_secs(30);

/// One cluster.
pub(crate) struct Place {
    /// Its address.
    pub server: String,
    /// To reach it.
    pub cluster: Cluster,
    /// What is in it.
    pub observed: Observed<Describer>,
    facts: Mutex<Option<(Arc<Catalog>, Arc<ClusterFacts>)>>,
}

impl Place {
    /// As the engine wants it.
    pub fn target(&self) -> Target {
        Target { id: self.server.as_str().into(), cluster: self.cluster.clone(), acting: self.cluster.clone() }
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
    describe: Box<dyn Fn() -> Describer + Send + Sync>,
    on_tracked: OnTracked,
    places: Mutex<HashMap<String, Arc<Place>>>,
}

impl Destinations {
    pub fn new(
        home: Cluster,
        describe: impl Fn() -> Describer + Send + Sync + 'static,
        on_tracked: OnTracked,
    ) -> Destinations {
        Destinations { home, describe: Box::new(describe), on_tracked, places: Mutex::default() }
    }
    /// The address that a destination means.
    pub fn server(&self, destination: &Destination) -> Result<String, String> {
        validate::destination_server(destination, &|name| {
            if name == IN_CLUSTER_NAME { vec![IN_CLUSTER.to_owned()] } else { Vec::new() }
        })
    }
    /// The cluster of a destination, observed. An error is the sentence about it.
    pub async fn of(&self, destination: &Destination) -> Result<Arc<Place>, String> {
        let server = self.server(destination)?;
        if server != IN_CLUSTER {
            // Compat(argo-cd 3.5)
            return Err(format!("cluster \"{server}\" not found"));
        }
        let place = {
            let mut places = self.places.lock();
            let make = || {
                let observed =
                    Observed::start(self.home.clone(), (self.describe)(), Vec::new(), self.on_tracked.clone());
                Arc::new(Place {
                    server: server.clone(),
                    cluster: self.home.clone(),
                    observed,
                    facts: Mutex::default(),
                })
            };
            places.entry(server.clone()).or_insert_with(make).clone()
        };
        match place.observed.synced(SYNC_PATIENCE).await {
            Ok(()) => Ok(place),
            // Compat(argo-cd 3.5): one kind that cannot be read leaves nothing that can be said of the rest.
            Err(why) => Err(format!("failed to load initial state of resource {why}")),
        }
    }
}
