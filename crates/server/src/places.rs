//! Destination clusters: opened once per connection, and as whom their objects are touched.

use std::collections::HashMap;

use belay_access::Project;
use belay_argo::clusters::{ClusterEntry, Connection, Opening};
use belay_argo::spec::Application;
use belay_cluster::{Cluster, Identity};
use parking_lot::Mutex;

use crate::Error;
use crate::api::Api;
use crate::call::Call;
use crate::snapshot::Snapshot;

/// Clusters that are open, by server.
#[derive(Default)]
pub(crate) struct Places(Mutex<HashMap<String, (Connection, Cluster)>>);

/// Clusters that are kept open: each holds connections. Those over it are opened anew.
const MAX_OPEN: usize = 500;

/// Where an Application goes.
#[derive(Clone)]
pub(crate) struct Place {
    /// The cluster's address.
    pub server: String,
    /// What people call it.
    pub name: String,
    /// Namespaces that are looked at; none is all.
    pub namespaces: Vec<String>,
    /// The cluster as ourselves: for looking at what is there.
    pub cluster: Cluster,
    /// The cluster as whom the project says: for touching single objects.
    pub acting: Cluster,
}

impl Api {
    /// Opens a cluster of the settings.
    pub async fn open(&self, entry: &ClusterEntry) -> Result<Cluster, Error> {
        let known = self.places.0.lock().get(&entry.server).cloned();
        if let Some((connection, cluster)) = known
            && connection == entry.connection
        {
            return Ok(cluster);
        }
        let refused = |why: String| Error::unavailable(format!("cluster {:?}: {why}", entry.server));
        let opening = entry.connection.opening(self.options.allow_exec, &self.options.egress).map_err(refused)?;
        let cluster = match opening {
            Opening::InCluster => self.options.cluster.clone(),
            Opening::Kubeconfig(text, allow) => {
                let opened = Cluster::from_kubeconfig_bytes(text.expose(), &allow).await;
                opened.map_err(|e| refused(format!("{:?}", e.kind())))?
            }
        };
        let mut places = self.places.0.lock();
        if places.len() >= MAX_OPEN {
            places.clear();
        }
        places.insert(entry.server.clone(), (entry.connection.clone(), cluster.clone()));
        Ok(cluster)
    }

    /// Closes what is kept of a cluster: the next request opens it anew.
    pub fn forget(&self, server: &str) {
        self.places.0.lock().remove(server);
        self.nodes.forget(server);
        self.reached.forget();
    }
}

/// The cluster of an Application, whose project must permit it (AUTHZ-5).
pub(crate) async fn of(call: &Call, app: &Application, project: &Project) -> Result<Place, Error> {
    at(&call.api, &call.at, app, project).await
}

/// The same as things stand at another moment.
pub(crate) async fn at(api: &Api, at: &Snapshot, app: &Application, project: &Project) -> Result<Place, Error> {
    let destination = &app.spec.destination;
    let entry = at.config.clusters.resolve(&destination.server, &destination.name).map_err(Error::invalid)?;
    permit(entry, app, project)?;
    let cluster = api.open(entry).await?;
    let acting = acting(at, entry, app, project, &cluster)?;
    Ok(Place {
        server: entry.server.clone(),
        name: entry.name.clone(),
        namespaces: entry.namespaces.clone(),
        cluster,
        acting,
    })
}

impl Place {
    /// Whether a project permits a namespace of this cluster.
    pub fn is_permitted(&self, project: &Project, namespace: &str) -> bool {
        project.permits_destination(&self.server, &self.name, namespace)
    }
}

fn permit(entry: &ClusterEntry, app: &Application, project: &Project) -> Result<(), Error> {
    let namespace = &app.spec.destination.namespace;
    let scoped = !project.only_scoped_clusters() || entry.project == project.name();
    if scoped && project.permits_destination(&entry.server, &entry.name, namespace) {
        return Ok(());
    }
    let words = format!(
        "application destination server '{}' and namespace '{namespace}' do not match any of the allowed destinations in project '{}'",
        entry.server,
        project.name()
    );
    Err(Error::forbidden(words))
}

/// As whom objects are touched: a service account where the settings say so (AUTHZ-6).
fn acting(
    at: &Snapshot,
    entry: &ClusterEntry,
    app: &Application,
    project: &Project,
    cluster: &Cluster,
) -> Result<Cluster, Error> {
    let impersonation = at.config.settings.impersonation;
    if !impersonation.enabled {
        return Ok(cluster.clone());
    }
    let account = project.service_account(&entry.server, &app.spec.destination.namespace, &app.namespace)?;
    match account {
        Some(user) => {
            let identity = Identity::user(&user).and_then(|identity| cluster.impersonate(&identity));
            identity.map_err(|e| Error::precondition(e.message()))
        }
        None if impersonation.enforced => {
            let words = format!(
                "no matching service account found for destination server {} and namespace {}",
                entry.server, app.spec.destination.namespace
            );
            Err(Error::precondition(words))
        }
        None => Ok(cluster.clone()),
    }
}
