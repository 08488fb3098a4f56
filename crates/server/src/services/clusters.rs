//! Clusters: how they are reached comes in and never goes out.

use std::collections::HashMap;
use std::time::Duration;

use belay_argo::clusters::{ClusterEntry, Opening};
use belay_cluster::{Cluster, DeleteOptions, ErrorKind, Patch};
use belay_object::{Object, Value, object};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use tokio::time::Instant;

use crate::Error;
use crate::answer::Answer;
use crate::call::{Call, decoded, integer, is_true, text, texts};
use crate::message::{self, Message};
use crate::reached::{State, list_deadline};
use crate::services::repositories::object_of;
use crate::snapshot::{gone, secrets, shown};

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
    Ok(message::list(described(&call, found).await).into())
}

/// One cluster.
pub(crate) async fn get(call: Call) -> Result<Answer, Error> {
    let entry = named(&call, "get")?;
    one(&call, entry).await
}

/// Writes down a cluster that answers. One that is there already and is the same is the answer.
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
            let entry = ClusterEntry { secret_name: existing.secret_name.clone(), id: existing.id.clone(), ..entry };
            if is_same(existing, &entry) {
                call.require("clusters", "get", &object_of(&existing.project, &existing.server))?;
                return one(&call, entry).await;
            }
            if !call.flag("upsert")?.unwrap_or(false) {
                return Err(Error::invalid("existing cluster spec is different; use upsert flag to force update"));
            }
            // Of the one that is there, too: it may be another project's (AUTHZ-1).
            call.require("clusters", "update", &object_of(&existing.project, &existing.server))?;
            entry
        }
    };
    answers(&call, &entry).await?;
    write(&call, &entry).await?;
    one(&call, entry).await
}

/// Whether two say the same of a cluster; one without a name is called by its server.
fn is_same(a: &ClusterEntry, b: &ClusterEntry) -> bool {
    let called = |entry: &ClusterEntry| ClusterEntry {
        name: if entry.name.is_empty() { entry.server.clone() } else { entry.name.clone() },
        refresh_requested: None,
        ..entry.clone()
    };
    called(a) == called(b)
}

async fn one(call: &Call, entry: ClusterEntry) -> Result<Answer, Error> {
    let told = described(call, vec![entry]).await;
    Ok(told.items().first().cloned().unwrap_or_default().into())
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
    one(&call, entry).await
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
    one(&call, entry).await
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
pub(super) fn named(call: &Call, action: &str) -> Result<ClusterEntry, Error> {
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

/// Tries a cluster as it is written.
pub(super) async fn answers(call: &Call, entry: &ClusterEntry) -> Result<Cluster, Error> {
    let opening =
        entry.connection.opening(call.api.options.allow_exec, &call.api.options.egress).map_err(Error::invalid)?;
    let cluster = match opening {
        Opening::InCluster => call.api.options.cluster.clone(),
        Opening::Kubeconfig(text, allow) => {
            let opened = Cluster::from_kubeconfig_bytes(text.expose(), &allow).await;
            opened.map_err(|e| {
                Error::invalid(format!("the cluster cannot be reached as it is written: {:?}", e.kind()))
            })?
        }
    };
    let answered = version(&cluster).await;
    answered.map(|_| cluster).map_err(|why| Error::invalid(format!("the cluster does not answer: {why}")))
}

/// Writes a cluster's secret over the one that was looked at. Somebody who was quicker is not overwritten:
/// what was decided was decided of another state.
pub(super) async fn write(call: &Call, entry: &ClusterEntry) -> Result<(), Error> {
    let api = &call.api;
    let (cluster, namespace) = (&api.options.cluster, api.options.namespace.as_str());
    let wanted = entry.to_secret(namespace).map_err(Error::invalid)?;
    let existing = call.at.secrets.iter().find(|secret| secret.name() == wanted.name());
    let written = match (entry.secret_name.is_empty(), existing) {
        (false, Some(existing)) => {
            // Owners and finalizers stay, and that it is written by whom.
            let mut next = (**existing).clone();
            next.remove(&["stringData"]);
            for path in [&["data"][..], &["metadata", "labels"], &["metadata", "annotations"]] {
                next.set(path, wanted.at(path).cloned().unwrap_or_else(Value::object));
            }
            cluster.replace(&secrets(), &next, &api.writing()).await
        }
        (false, None) => return Err(Error::aborted("the cluster's secret is gone: try again")),
        (true, _) => cluster.create(&secrets(), &wanted, &api.writing()).await,
    };
    let written = written.map_err(|e| match e.kind() {
        ErrorKind::Conflict => Error::aborted("the cluster was changed meanwhile: try again"),
        _ => Error::of_secret("the cluster's secret", &e),
    })?;
    shown(&api.watches.described, &written).await;
    api.forget(&entry.server);
    Ok(())
}

/// What may be seen of clusters, in time, whichever of them answer.
pub(crate) async fn described(call: &Call, entries: Vec<ClusterEntry>) -> Value {
    let deadline = list_deadline();
    let asked: Vec<BoxFuture<'_, State>> = entries.iter().map(|entry| state(call, entry, deadline).boxed()).collect();
    let states: Vec<State> = stream::iter(asked).buffered(CONCURRENCY).collect().await;
    let counts = counts(call).await;
    entries.iter().zip(&states).map(|(entry, state)| told(entry, state, &counts)).collect()
}

/// What may be seen of a cluster: of its config that its certificate is not checked, and no more (SEC-2).
fn told(entry: &ClusterEntry, state: &State, counts: &HashMap<String, i64>) -> Value {
    let count = |name: &str| counts.get(name).copied().unwrap_or_default();
    let count = count(&entry.server) + if entry.name.is_empty() { 0 } else { count(&entry.name) };
    let tls = object! { "tlsClientConfig" => object! { "insecure" => entry.connection.insecure } };
    let info = object! {
        "connectionState" => state.to_value(),
        "serverVersion" => state.version.as_str(),
        "cacheInfo" => object! {},
        "applicationsCount" => count,
    };
    let told = Message::new()
        .text("server", &entry.server)
        .text("name", &entry.name)
        .always("config", tls)
        .texts("namespaces", entry.namespaces.iter().map(String::as_str))
        .flag("clusterResources", entry.cluster_resources)
        .text("project", &entry.project)
        .value("labels", Value::Object(entry.labels.clone()))
        .value("annotations", Value::Object(entry.annotations.clone()))
        .always("connectionState", state.to_value())
        .always("serverVersion", state.version.as_str())
        .always("info", info);
    match entry.shard {
        Some(shard) => told.always("shard", shard).done(),
        None => told.done(),
    }
}

async fn state(call: &Call, entry: &ClusterEntry, deadline: Instant) -> State {
    let ask = async {
        let version = match call.api.open(entry).await {
            Ok(cluster) => version(&cluster).await,
            Err(error) => Err(error.message().to_owned()),
        };
        match version {
            Ok(version) => State { version, ..State::new("Successful", "") },
            Err(why) => State::new("Failed", why),
        }
    };
    call.api.reached.ask(&format!("cluster {}", entry.server), false, deadline, ask).await
}

/// What a cluster says that it is. Of a failure only the kind is told: the words of a stranger's server are
/// not passed on.
async fn version(cluster: &Cluster) -> Result<String, String> {
    let asked = cluster.with_timeout(REACH_PATIENCE).without_retries();
    asked.version().await.map_err(|e| format!("{:?}", e.kind()))
}

/// How many Applications go to each server, or to a cluster that they call by its name. Compat(argo 3.5): of
/// all Applications, whoever may see them.
async fn counts(call: &Call) -> HashMap<String, i64> {
    let mut counts = HashMap::new();
    let Ok(view) = call.api.watches.applications().await else { return counts };
    view.each(|_, _, found| {
        let at = |field: &str| found.summary.str_at(&["spec", "destination", field]).filter(|text| !text.is_empty());
        if let Some(name) = at("server").map(|server| server.trim_end_matches('/')).or(at("name")) {
            match counts.get_mut(name) {
                Some(count) => *count += 1,
                None => drop(counts.insert(name.to_owned(), 1)),
            }
        }
    });
    counts
}
