//! An Application's objects as the sources want them beside what is there, and what an apply would make.
//!
//! The manifests come from [`crate::Sources`]; what is there and what would be is asked of the cluster
//! here. Secrets' values are shown in none of them (SEC-3), and what a client says of live objects is not
//! believed (SEC-4).

use belay_argo::ignore::IgnoreRules;
use belay_argo::marks;
use belay_argo::mask::{hidden, hide, is_secret};
use belay_argo::spec::Source;
use belay_cluster::{ApplyOptions, Cluster};
use belay_object::{Object, ObjectKey, Value, from_json_str, object};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use tokio::sync::SemaphorePermit;

use crate::answer::Answer;
use crate::call::Call;
use crate::places;
use crate::rights::Target;
use crate::services::applications::named;
use crate::services::credentials::without_password;
use crate::services::trees::managed;
use crate::{Error, ManifestsOf, Rendered, SourceDetails, Sources};

/// The field manager that applies. Compat(argo 3.5)
const MANAGER: &str = "argocd-controller";
/// Requests of one comparison that are under way at once.
const CONCURRENCY: usize = 16;
/// Manifests of one query.
const MAX_MANIFESTS: usize = 1000;

/// What knows the files of sources.
fn sources(call: &Call) -> Result<&dyn Sources, Error> {
    let words = "this server renders no manifests and reads no repositories: it was started without what does";
    call.api.options.sources.as_deref().ok_or_else(|| Error::unavailable(words))
}

async fn rendered(call: &Call, target: &Target) -> Result<Rendered, Error> {
    let mut revisions: Vec<String> = call.query_all("revisions").into_iter().map(str::to_owned).collect();
    let positions = call.query_all("sourcePositions");
    if !positions.is_empty() {
        let mut placed = vec![String::new(); target.app.spec.sources().len()];
        for (position, revision) in positions.iter().zip(&revisions) {
            let at = position.parse::<usize>().ok().filter(|at| (1..=placed.len()).contains(at));
            let at = at.ok_or_else(|| Error::invalid("source position is out of range"))?;
            placed[at - 1].clone_from(revision);
        }
        revisions = placed;
    } else if !call.query("revision").is_empty() {
        revisions = vec![call.query("revision").to_owned()];
    }
    let of = ManifestsOf {
        application: (*target.object).clone(),
        revisions,
        no_cache: call.flag("noCache")?.unwrap_or(false),
    };
    let permitted = |source: &&Source| target.project.permits_source(&source.repo_url);
    if let Some(foreign) = target.app.spec.sources().iter().find(|source| !permitted(source)) {
        // Nothing of a repository is shown that the project does not permit, with credentials that it may not
        // use: somebody wrote the Application, or narrowed the project, past this API (AUTHZ-5).
        let words = format!(
            "application repo {} is not permitted in project '{}'",
            without_password(&foreign.repo_url),
            target.project.name()
        );
        return Err(Error::forbidden(words));
    }
    let sources = sources(call)?;
    let _room = room(call).await?;
    sources.manifests(call.at.config.clone(), of).await
}

/// Asks about a repository or a source.
pub(crate) async fn look(call: &Call, of: SourceDetails) -> Result<Value, Error> {
    let sources = sources(call)?;
    let _room = room(call).await?;
    sources.details(call.at.config.clone(), of).await
}

/// Few look at once, and others wait for their turn as long as a request may take.
async fn room(call: &Call) -> Result<SemaphorePermit<'_>, Error> {
    call.api.looks.acquire().await.map_err(|_| Error::unavailable("this server is about to end"))
}

/// The manifests.
pub(crate) async fn manifests(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "get").await?;
    places::of(&call, &target.app, &target.project).await?;
    let found = rendered(&call, &target).await?;
    let sensitive = &call.at.config.settings.resources.sensitive_annotations;
    let text = |object: Object| {
        let shown = if is_secret(&object) { hidden(object, sensitive) } else { object };
        shown.value().to_json()
    };
    let mut told = object! {};
    let manifests: Value = found.objects.into_iter().map(text).collect();
    if !manifests.items().is_empty() {
        told.set(&["manifests"], manifests);
    }
    let destination = &target.app.spec.destination;
    let revision = found.revisions.first().map_or("", String::as_str);
    for (field, text) in [
        ("namespace", destination.namespace.as_str()),
        ("server", &destination.server),
        ("revision", revision),
        ("sourceType", &found.source_type),
    ] {
        if !text.is_empty() {
            told.set(&[field], text);
        }
    }
    Ok(told.into())
}

/// Every object that the Application manages.
pub(crate) async fn managed_resources(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "get").await?;
    let place = places::of(&call, &target.app, &target.project).await?;
    let found = rendered(&call, &target).await?;
    let mut keys: Vec<(ObjectKey, String, Option<Object>)> = Vec::new();
    for object in found.objects {
        keys.push((object.key(), object.group_version_kind().version.to_string(), Some(object)));
    }
    for one in managed(&target.object) {
        if !keys.iter().any(|(key, ..)| *key == one.key) {
            keys.push((one.key, one.version.to_string(), None));
        }
    }
    let same = |field: &str, text: &str| call.query(field).is_empty() || call.query(field) == text;
    keys.retain(|(key, version, _)| {
        same("group", &key.kind.group)
            && same("kind", &key.kind.kind)
            && same("version", version)
            && same("namespace", &key.namespace)
            && same("name", &key.name)
    });
    let items = compare(&call, &target, &place.acting, keys).await?;
    let items: Value = items.into_iter().collect();
    Ok(if items.items().is_empty() { Answer::empty() } else { object! { "items" => items }.into() })
}

/// What an apply of these manifests would make.
pub(crate) async fn server_side_diff(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "get").await?;
    let given = call.query_all("targetManifests");
    if given.len() > MAX_MANIFESTS {
        return Err(Error::invalid(format!("at most {MAX_MANIFESTS} manifests are compared at once")));
    }
    let known = managed(&target.object);
    let mut keys = Vec::with_capacity(given.len());
    for (i, text) in given.into_iter().enumerate() {
        let object = from_json_str(text).ok().and_then(|value| Object::new(value).ok());
        let object = object.ok_or_else(|| Error::invalid(format!("error unmarshaling target manifest {i}")))?;
        let key = object.key();
        if !known.iter().any(|one| one.key == key) {
            let words = format!(
                "{}/{} {} not found as part of application {}",
                key.kind.group, key.kind.kind, key.name, target.app.name
            );
            return Err(Error::forbidden(words));
        }
        keys.push((key, object.group_version_kind().version.to_string(), Some(object)));
    }
    let place = places::of(&call, &target.app, &target.project).await?;
    let items = compare(&call, &target, &place.acting, keys).await?;
    let is_modified = items.iter().any(|item| item.get("modified").and_then(Value::as_bool) == Some(true));
    let mut told = object! { "items" => items.into_iter().collect::<Value>() };
    if is_modified {
        told.set(&["modified"], true);
    }
    Ok(told.into())
}

async fn compare(
    call: &Call,
    target: &Target,
    cluster: &Cluster,
    keys: Vec<(ObjectKey, String, Option<Object>)>,
) -> Result<Vec<Value>, Error> {
    let own = IgnoreRules::compile(&target.app.spec.ignore_differences).map_err(Error::invalid)?;
    let rules = call.at.config.ignore.and(&own);
    let sensitive = &call.at.config.settings.resources.sensitive_annotations;
    let asked: Vec<BoxFuture<'_, _>> =
        keys.into_iter().map(|key| one(cluster, key, &rules, sensitive).boxed()).collect();
    let all: Vec<Result<Value, Error>> = stream::iter(asked).buffered(CONCURRENCY).collect().await;
    all.into_iter().collect()
}

async fn one(
    cluster: &Cluster,
    (key, version, target): (ObjectKey, String, Option<Object>),
    rules: &IgnoreRules,
    sensitive: &[String],
) -> Result<Value, Error> {
    let refused = |e: belay_cluster::Error| match key.kind.kind == "Secret" {
        true => Error::of_secret("a Secret", &e),
        false => e.into(),
    };
    let kind = belay_object::GroupVersionKind::new(&key.kind.group, &version, &key.kind.kind);
    let resource = match cluster.resolve_version(&kind).await {
        Ok(resource) => Some(resource),
        // A kind whose definition comes with the same sync: nothing of it is there.
        Err(e) if e.kind() == belay_cluster::ErrorKind::UnknownKind => None,
        Err(e) => return Err(refused(e)),
    };
    let is_hook = target.as_ref().is_some_and(marks::is_hook);
    let (mut live, mut predicted) = (None, None);
    if let Some(resource) = resource {
        live = cluster.find(&resource, &key.namespace, &key.name).await.map_err(refused)?;
        if let (Some(target), Some(_), false) = (&target, &live, is_hook) {
            let options = ApplyOptions {
                field_manager: MANAGER.to_owned(),
                force: true,
                dry_run: true,
                ..ApplyOptions::default()
            };
            let mut desired = target.clone();
            desired.remove(&["status"]);
            // What cannot be applied has no prediction; why it cannot is for the sync to tell.
            predicted = cluster.apply(&resource, &desired, &options).await.ok();
        }
    }
    let mut normalized = live.clone();
    if let Some(live) = &live {
        for object in [&mut normalized, &mut predicted].into_iter().flatten() {
            rules.strip(object, live);
        }
    }
    let is_modified = match (&target, &normalized, &predicted) {
        (Some(_), Some(now), Some(then)) => comparable(now) != comparable(then),
        (Some(_), Some(_), None) => !is_hook,
        _ => true,
    };
    let version = live.as_ref().map(|live| live.resource_version().to_owned()).unwrap_or_default();
    let mut states = [target, live, normalized, predicted];
    hide(&mut states, sensitive);
    let mut told = object! {};
    for (field, text) in [
        ("group", key.kind.group.as_str()),
        ("kind", &key.kind.kind),
        ("namespace", &key.namespace),
        ("name", &key.name),
        ("resourceVersion", &version),
    ] {
        if !text.is_empty() {
            told.set(&[field], text);
        }
    }
    for (field, state) in ["targetState", "liveState", "normalizedLiveState", "predictedLiveState"].iter().zip(&states)
    {
        // Compat(argo 3.5): what is not there is the text `null`.
        told.set(&[field], state.as_ref().map_or_else(|| "null".to_owned(), |object| object.value().to_json()));
    }
    for (field, flag) in [("hook", is_hook), ("modified", is_modified)] {
        if flag {
            told.set(&[field], true);
        }
    }
    Ok(told)
}

/// What of an object counts when two states of it are compared.
fn comparable(object: &Object) -> Object {
    let mut object = object.clone();
    object.remove(&["status"]);
    for field in ["managedFields", "resourceVersion", "generation"] {
        object.remove(&["metadata", field]);
    }
    object
}
