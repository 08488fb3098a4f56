//! Clusters, read from the installation's secrets.
//!
//! [`Clusters::read`] takes the secrets; the cluster that we run in is there without one.
//! [`Clusters::resolve`] finds the cluster of an Application's destination, with Argo CD's words
//! where there is none. A [`Connection`] is in the form that `belay_cluster` opens; nothing is
//! connected to here.

mod connection;
mod write;

use belay_object::{Map, Object};
use jiff::Timestamp;

use crate::names::{IN_CLUSTER, IN_CLUSTER_SERVER, MANAGED_BY, SECRET_TYPE, secret_type};
use crate::settings::secret_text;

pub use connection::{Connection, Exec, Opening};

/// A cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterEntry {
    /// Its secret; empty for the implicit one.
    pub secret_name: String,
    /// The secret's uid.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// URL of its API server, without a slash at the end.
    pub server: String,
    /// Namespaces that are looked at; none is all.
    pub namespaces: Vec<String>,
    /// Whether objects of the cluster are, too, where namespaces are given.
    pub cluster_resources: bool,
    /// The project whose own it is; empty for all.
    pub project: String,
    /// Labels of the secret but our own.
    pub labels: Map,
    /// Annotations of the secret but our own.
    pub annotations: Map,
    /// Which shard is to look after it.
    pub shard: Option<i64>,
    /// When somebody last asked for its cache to be dropped.
    pub refresh_requested: Option<Timestamp>,
    /// `argocd.argoproj.io/skip-reconcile`: it is left alone.
    pub skip_reconcile: bool,
    /// How it is reached.
    pub connection: Connection,
}

/// The clusters of an installation.
#[derive(Clone, Debug)]
pub struct Clusters {
    entries: Vec<ClusterEntry>,
    /// Whether secrets of clusters could not be read.
    has_unread: bool,
    in_cluster_enabled: bool,
    implicit: ClusterEntry,
}

impl Clusters {
    /// Reads the secrets that describe clusters; others are passed over. One that cannot be read is
    /// a sentence that shows nothing of it.
    pub fn read<'a>(
        secrets: impl IntoIterator<Item = &'a Object>,
        in_cluster_enabled: bool,
    ) -> (Clusters, Vec<String>) {
        let (mut entries, mut warnings) = (Vec::new(), Vec::new());
        for secret in secrets.into_iter().filter(|s| s.label(SECRET_TYPE) == Some(secret_type::CLUSTER)) {
            match ClusterEntry::read(secret) {
                Ok(entry) => entries.push(entry),
                Err(why) => warnings.push(format!("secret '{}/{}': {why}", secret.namespace(), secret.name())),
            }
        }
        entries.sort_by(|a: &ClusterEntry, b| a.secret_name.cmp(&b.secret_name));
        let implicit = ClusterEntry {
            name: IN_CLUSTER.to_owned(),
            server: IN_CLUSTER_SERVER.to_owned(),
            connection: Connection::in_cluster(),
            ..ClusterEntry::default()
        };
        (Clusters { entries, has_unread: !warnings.is_empty(), in_cluster_enabled, implicit }, warnings)
    }

    /// All clusters, the one that we run in among them unless it is turned off.
    pub fn iter(&self) -> impl Iterator<Item = &ClusterEntry> {
        let written = self.entries.iter().any(|entry| entry.server == IN_CLUSTER_SERVER);
        let implicit = (self.in_cluster_enabled && !written).then_some(&self.implicit);
        let on = |entry: &&ClusterEntry| self.in_cluster_enabled || entry.server != IN_CLUSTER_SERVER;
        self.entries.iter().filter(on).chain(implicit)
    }

    /// Those that secrets describe, turned on or not; `None` where one of the secrets cannot be read.
    pub fn described(&self) -> Option<&[ClusterEntry]> {
        (!self.has_unread).then_some(&self.entries)
    }

    /// The cluster of a server. Compat(argo 3.5): the words.
    pub fn get(&self, server: &str) -> Result<&ClusterEntry, String> {
        let server = server.trim_end_matches('/');
        if server == IN_CLUSTER_SERVER && !self.in_cluster_enabled {
            return Err(format!("cluster {server:?} is disabled"));
        }
        self.iter().find(|entry| entry.server == server).ok_or_else(|| format!("cluster {server:?} not found"))
    }

    /// The servers of clusters of a name.
    pub fn servers_by_name(&self, name: &str) -> Vec<&str> {
        // The implicit one has its name only as long as no secret gives that to another.
        let written = self.entries.iter().any(|entry| entry.name == name);
        let fits = |entry: &&ClusterEntry| entry.name == name && !(written && entry.secret_name.is_empty());
        let mut servers: Vec<&str> = self.iter().filter(fits).map(|entry| entry.server.as_str()).collect();
        // Compat(argo 3.5): where a secret gives that cluster another name, `in-cluster` still is its.
        if servers.is_empty() && name == IN_CLUSTER && self.in_cluster_enabled {
            servers.push(IN_CLUSTER_SERVER);
        }
        servers
    }

    /// The cluster of a destination, by server or by name. Compat(argo 3.5): the words, which stand
    /// in the Application's conditions.
    pub fn resolve(&self, server: &str, name: &str) -> Result<&ClusterEntry, String> {
        if !server.is_empty() && !name.is_empty() {
            return Err(format!("application destination can't have both name and server defined: {name} {server}"));
        }
        let not_found = |why: String| format!("rpc error: code = NotFound desc = {why}");
        if !server.is_empty() {
            let found = self.get(server);
            return found.map_err(|why| format!("error getting cluster by server {server:?}: {}", not_found(why)));
        }
        if name.is_empty() {
            return Err("Destination server missing from app spec".to_owned());
        }
        match self.servers_by_name(name)[..] {
            [] => Err(format!("there are no clusters with this name: {name}")),
            [server] => self.get(server).map_err(|why| format!("error getting cluster by URL: {}", not_found(why))),
            ref all => Err(format!("there are {} clusters with the same name: [{}]", all.len(), all.join(" "))),
        }
    }

    /// Whether a destination certainly names no cluster that there is. One that is turned off, that has its name
    /// together with others, or that may be described by a secret that cannot be read, is somewhere.
    pub fn is_nowhere(&self, server: &str, name: &str) -> bool {
        let server = server.trim_end_matches('/');
        let is_known = match (server.is_empty(), name.is_empty()) {
            (true, true) => false,
            (true, false) => !self.servers_by_name(name).is_empty() || name == IN_CLUSTER,
            (false, true) => server == IN_CLUSTER_SERVER || self.entries.iter().any(|entry| entry.server == server),
            (false, false) => true,
        };
        !is_known && !self.has_unread
    }

    /// The clusters that are a project's own.
    pub fn of_project<'a>(&'a self, project: &'a str) -> impl Iterator<Item = &'a ClusterEntry> {
        self.iter().filter(move |entry| !project.is_empty() && entry.project == project)
    }
}

impl ClusterEntry {
    /// Reads one secret.
    pub fn read(secret: &Object) -> Result<ClusterEntry, String> {
        let text = |key: &str| secret_text(Some(secret), key).unwrap_or_default();
        let server = text("server").trim().trim_end_matches('/').to_owned();
        if server.is_empty() {
            return Err("it has no server".to_owned());
        }
        let connection = Connection::read(&server, &text("config"))?;
        let without = |map: Option<&Map>, ours: &[&str]| {
            let mut map = map.cloned().unwrap_or_default();
            map.retain(|key, _| !ours.contains(&key.as_str()));
            map
        };
        let namespaces = text("namespaces");
        let namespaces = namespaces.split(',').map(str::trim).filter(|n| !n.is_empty()).map(str::to_owned);
        let refresh = secret.annotation("argocd.argoproj.io/refresh");
        Ok(ClusterEntry {
            secret_name: secret.name().to_owned(),
            id: secret.uid().to_owned(),
            name: text("name"),
            namespaces: namespaces.collect(),
            cluster_resources: text("clusterResources") == "true",
            project: text("project"),
            labels: without(secret.labels(), &[SECRET_TYPE]),
            annotations: without(
                secret.annotations(),
                &["kubectl.kubernetes.io/last-applied-configuration", MANAGED_BY.0],
            ),
            shard: text("shard").trim().parse().ok(),
            refresh_requested: refresh.and_then(|time| time.parse().ok()),
            skip_reconcile: secret.annotation("argocd.argoproj.io/skip-reconcile") == Some("true"),
            server,
            connection,
        })
    }
}

#[cfg(test)]
mod tests;
