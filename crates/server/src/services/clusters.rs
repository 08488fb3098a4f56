//! Clusters: how they are reached comes in and never goes out.

use std::time::Duration;

use belay_argo::clusters::ClusterEntry;
use belay_cluster::{DeleteOptions, Patch};
use belay_object::{Object, Value, object};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;

use crate::answer::Answer;
use crate::call::{Call, decoded, integer, is_true, text, texts};
use crate::services::repositories::object_of;
use crate::snapshot::{gone, secrets, shown};
use crate::{Code, Error};

/// How long a cluster may take to answer.
const REACH_PATIENCE: Duration = Duration::from_secs(5);
const CONCURRENCY: usize = 16;

/// The clusters that the caller may see.
pub(crate) async fn list(call: Call) -> Result<Answer, Error> {
    let id = Id { kind: call.query("id.type"), value: call.query("id.value") };
    let all = call.at.config.clusters.iter().filter(|entry| {
        (call.query("server").is_empty() || entry.server == call.query("server"))
            && (call.query("name").is_empty() || entry.name == call.query("name"))
            && (id.value.is_empty() || id.fits(entry))
            && call.may("clusters", "get", &object_of(&entry.project, &entry.server))
    });
    let mut found: Vec<ClusterEntry> = all.cloned().collect();
    found.sort_by(|a, b| (&a.name, &a.server).cmp(&(&b.name, &b.server)));
    let asked: Vec<BoxFuture<'_, Value>> = found.iter().map(|entry| described(&call, entry).boxed()).collect();
    let items: Vec<Value> = stream::iter(asked).buffered(CONCURRENCY).collect().await;
    let items = if items.is_empty() { Value::Null } else { items.into_iter().collect() };
    Ok(object! { "metadata" => object! {}, "items" => items }.into())
}

/// One cluster.
pub(crate) async fn get(call: Call) -> Result<Answer, Error> {
    let entry = named(&call, "get")?;
    Ok(described(&call, &entry).await.into())
}

/// Writes down a cluster that answers.
pub(crate) async fn create(call: Call) -> Result<Answer, Error> {
    let message = call.message()?;
    let entry = read(&message, None)?;
    let rbac = object_of(&entry.project, &entry.server);
    call.require("clusters", "create", &rbac)?;
    let existing =
        call.at.config.clusters.iter().find(|known| known.server == entry.server && !known.secret_name.is_empty());
    let entry = match existing {
        None => entry,
        Some(existing) => {
            if !call.flag("upsert")?.unwrap_or(false) {
                return Err(Error::invalid("existing cluster spec is different; use upsert flag to force update"));
            }
            // Of the one that is there, too: it may be another project's (AUTHZ-1).
            call.require("clusters", "update", &object_of(&existing.project, &existing.server))?;
            ClusterEntry { secret_name: existing.secret_name.clone(), ..entry }
        }
    };
    answers(&call, &entry).await?;
    write(&call, &entry).await?;
    Ok(described(&call, &entry).await.into())
}

/// Changes a cluster: with `updatedFields` these alone.
pub(crate) async fn update(call: Call) -> Result<Answer, Error> {
    let message = call.message()?;
    let existing = named(&call, "update")?;
    if existing.secret_name.is_empty() {
        return Err(Error::precondition("the cluster that this runs in has no secret yet: create it"));
    }
    let server = text(&message, "server").trim_end_matches('/');
    if !server.is_empty() && server != existing.server {
        // A right on one cluster is none on the secret of another.
        return Err(Error::invalid("the server in the path is not the one in the body"));
    }
    let fields: Vec<&str> =
        call.query_all("updatedFields").into_iter().flat_map(|f| f.split(',')).filter(|f| !f.is_empty()).collect();
    let given = read(&message, Some(&existing))?;
    let mut entry = existing.clone();
    let takes = |field: &str| fields.is_empty() || fields.contains(&field);
    let has = |field: &str| message.get(field).is_some_and(|value| !value.is_null());
    if takes("name") {
        entry.name.clone_from(&given.name);
    }
    if takes("namespaces") {
        entry.namespaces.clone_from(&given.namespaces);
    }
    if takes("config") && has("config") {
        entry.connection = given.connection.clone();
    }
    if takes("clusterResources") {
        entry.cluster_resources = given.cluster_resources;
    }
    if takes("labels") {
        entry.labels = given.labels.clone();
    }
    if takes("annotations") {
        entry.annotations = given.annotations.clone();
    }
    if takes("shard") {
        entry.shard = given.shard;
    }
    if takes("project") {
        entry.project.clone_from(&given.project);
    }
    call.require("clusters", "update", &object_of(&entry.project, &entry.server))?;
    if entry.connection != existing.connection {
        answers(&call, &entry).await?;
    }
    write(&call, &entry).await?;
    Ok(described(&call, &entry).await.into())
}

/// Forgets a cluster.
pub(crate) async fn delete(call: Call) -> Result<Answer, Error> {
    let entry = named(&call, "delete")?;
    if entry.secret_name.is_empty() {
        return Err(Error::precondition(
            "the cluster that this runs in is turned off in argocd-cm: cluster.inClusterEnabled",
        ));
    }
    let api = &call.api;
    let (cluster, namespace) = (&api.options.cluster, api.options.namespace.as_str());
    let failed = |e: belay_cluster::Error| Error::of_secret("the cluster's secret", &e);
    let options = DeleteOptions { uid: entry.id.clone(), ..DeleteOptions::default() };
    cluster.delete(&secrets(), namespace, &entry.secret_name, &options).await.map_err(failed)?;
    gone(&api.watches.described, namespace, &entry.secret_name, &entry.id).await;
    api.forget(&entry.server);
    Ok(Answer::empty())
}

/// Asks that what is kept of a cluster be dropped.
pub(crate) async fn invalidate(call: Call) -> Result<Answer, Error> {
    let entry = named(&call, "update")?;
    call.api.forget(&entry.server);
    if !entry.secret_name.is_empty() {
        let api = &call.api;
        let mut patch = object! {};
        let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        patch.set(&["metadata", "annotations", "argocd.argoproj.io/refresh"], now);
        let (cluster, namespace) = (&api.options.cluster, api.options.namespace.as_str());
        let written =
            cluster.patch(&secrets(), namespace, &entry.secret_name, &Patch::Merge(patch), &api.writing()).await;
        shown(&api.watches.described, &written.map_err(|e| Error::of_secret("the cluster's secret", &e))?).await;
    }
    Ok(described(&call, &entry).await.into())
}

/// New credentials for a cluster: not built.
pub(crate) async fn rotate(call: Call) -> Result<Answer, Error> {
    named(&call, "update")?;
    Err(Error::unimplemented(
        "credentials of clusters are not rotated by this version: update the cluster with new ones",
    ))
}

/// What names a cluster.
struct Id<'a> {
    kind: &'a str,
    value: &'a str,
}

impl Id<'_> {
    fn fits(&self, entry: &ClusterEntry) -> bool {
        match self.kind {
            "name" => entry.name == self.value,
            "name_escaped" => entry.name == decoded(self.value),
            "url_escaped" => entry.server == decoded(self.value).trim_end_matches('/'),
            _ => entry.server == self.value.trim_end_matches('/'),
        }
    }
}

/// The cluster of the path. Compat(argo 3.5): one that is not there is one that may not be seen.
fn named(call: &Call, action: &str) -> Result<ClusterEntry, Error> {
    let id = Id { kind: call.query("id.type"), value: call.path("id") };
    let found: Vec<&ClusterEntry> = call.at.config.clusters.iter().filter(|entry| id.fits(entry)).collect();
    let [entry] = found[..] else { return Err(Error::denied()) };
    match call.may("clusters", action, &object_of(&entry.project, &entry.server)) {
        true => Ok(entry.clone()),
        false => Err(Error::denied()),
    }
}

/// A cluster as a message says it: the form that a secret has.
fn read(message: &Value, existing: Option<&ClusterEntry>) -> Result<ClusterEntry, Error> {
    let mut secret = Object::of("v1", "Secret", "", "");
    let server = match (text(message, "server"), existing) {
        ("", Some(existing)) => existing.server.as_str(),
        (given, _) => given,
    };
    let config = message.get("config").filter(|config| !config.is_null()).map(Value::to_json);
    for (key, value) in [
        ("server", server.to_owned()),
        ("name", text(message, "name").to_owned()),
        ("namespaces", texts(message, "namespaces").join(",")),
        ("config", config.unwrap_or_default()),
        ("project", text(message, "project").to_owned()),
        ("clusterResources", if is_true(message, "clusterResources") { "true".to_owned() } else { String::new() }),
    ] {
        secret.set(&["stringData", key], value);
    }
    if message.get("shard").is_some_and(|shard| !shard.is_null()) {
        secret.set(&["stringData", "shard"], integer(message, "shard").to_string());
    }
    for field in ["labels", "annotations"] {
        if let Some(map) = message.get(field).filter(|map| map.as_object().is_some()) {
            secret.set(&["metadata", field], map.clone());
        }
    }
    ClusterEntry::read(&secret).map_err(Error::invalid)
}

async fn answers(call: &Call, entry: &ClusterEntry) -> Result<String, Error> {
    let opening =
        entry.connection.opening(call.api.options.allow_exec, &call.api.options.egress).map_err(Error::invalid)?;
    let cluster = match opening {
        belay_argo::clusters::Opening::InCluster => call.api.options.cluster.clone(),
        belay_argo::clusters::Opening::Kubeconfig(text, allow) => {
            let opened = belay_cluster::Cluster::from_kubeconfig_bytes(text.expose(), &allow).await;
            opened.map_err(|e| {
                Error::invalid(format!("the cluster cannot be reached as it is written: {:?}", e.kind()))
            })?
        }
    };
    let version = cluster.with_timeout(REACH_PATIENCE).without_retries().version().await;
    version.map_err(|e| Error::new(Code::InvalidArgument, format!("the cluster does not answer: {:?}", e.kind())))
}

async fn write(call: &Call, entry: &ClusterEntry) -> Result<(), Error> {
    let api = &call.api;
    let (cluster, namespace) = (&api.options.cluster, api.options.namespace.as_str());
    let failed = |e: belay_cluster::Error| Error::of_secret("the cluster's secret", &e);
    let mut secret = entry.to_secret(namespace).map_err(Error::invalid)?;
    let written = match entry.secret_name.is_empty() {
        true => cluster.create(&secrets(), &secret, &api.writing()).await,
        false => {
            let existing = cluster.get(&secrets(), namespace, &entry.secret_name).await.map_err(failed)?;
            secret.set(&["metadata", "resourceVersion"], existing.resource_version());
            cluster.replace(&secrets(), &secret, &api.writing()).await
        }
    };
    shown(&api.watches.described, &written.map_err(failed)?).await;
    api.forget(&entry.server);
    Ok(())
}

/// What may be seen of a cluster: of its config that its certificate is not checked, and no more (SEC-2).
pub(crate) async fn described(call: &Call, entry: &ClusterEntry) -> Value {
    let mut told = object! { "server" => entry.server.as_str(), "name" => entry.name.as_str() };
    told.set(&["config", "tlsClientConfig", "insecure"], entry.connection.insecure);
    if !entry.namespaces.is_empty() {
        told.set(&["namespaces"], entry.namespaces.iter().map(String::as_str).collect::<Value>());
    }
    if entry.cluster_resources {
        told.set(&["clusterResources"], true);
    }
    if !entry.project.is_empty() {
        told.set(&["project"], entry.project.as_str());
    }
    for (field, map) in [("labels", &entry.labels), ("annotations", &entry.annotations)] {
        if !map.is_empty() {
            told.set(&[field], map.clone());
        }
    }
    if let Some(shard) = entry.shard {
        told.set(&["shard"], shard);
    }
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let version = match call.api.open(entry).await {
        Ok(cluster) => cluster
            .with_timeout(REACH_PATIENCE)
            .without_retries()
            .version()
            .await
            .map_err(|e| format!("{:?}", e.kind())),
        Err(error) => Err(error.message().to_owned()),
    };
    let state = match &version {
        Ok(_) => object! { "status" => "Successful", "message" => "", "attemptedAt" => now },
        Err(why) => object! { "status" => "Failed", "message" => why.as_str(), "attemptedAt" => now },
    };
    let version = version.unwrap_or_default();
    let count = count(call, entry).await;
    told.set(&["connectionState"], state.clone());
    told.set(&["serverVersion"], version.as_str());
    told.set(
        &["info"],
        object! { "connectionState" => state, "serverVersion" => version, "cacheInfo" => object! {}, "applicationsCount" => count },
    );
    told
}

/// Applications that go to a cluster and that the caller may see.
async fn count(call: &Call, entry: &ClusterEntry) -> usize {
    let Ok(view) = call.api.watches.applications().await else { return 0 };
    let mut count = 0;
    view.each(|_, _, found| {
        let at = |field: &str| found.summary.str_at(&["spec", "destination", field]).unwrap_or_default();
        let goes =
            at("server").trim_end_matches('/') == entry.server || (!entry.name.is_empty() && at("name") == entry.name);
        count += usize::from(goes);
    });
    count
}
