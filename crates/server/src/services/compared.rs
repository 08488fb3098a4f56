//! An Application's objects as the sources want them beside what is there, and what an apply would make.
//!
//! The manifests come from [`crate::Sources`]; what is there and what would be is asked of the cluster
//! here. Secrets' values are shown in none of them (SEC-3), and what a client says of live objects is not
//! believed (SEC-4).

use std::collections::HashSet;
use std::sync::Arc;

use belay_argo::ignore::IgnoreRules;
use belay_argo::marks;
use belay_argo::mask::{hidden, hide, is_secret};
use belay_argo::spec::{Application, Source};
use belay_cluster::{ApplyOptions, Cluster};
use belay_object::{Object, ObjectKey, Value, from_json_str, object};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use tokio::sync::SemaphorePermit;

use crate::answer::Answer;
use crate::call::Call;
use crate::message::Message;
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

/// The revisions that a query asks for; none where it asks for those of the spec. Compat(argo 3.5): of several
/// sources by their positions.
fn asked_for(call: &Call, app: &Application) -> Result<Vec<String>, Error> {
    if !app.spec.has_multiple_sources() {
        return Ok(Some(call.query("revision").to_owned())
            .filter(|revision| !revision.is_empty())
            .into_iter()
            .collect());
    }
    let mut revisions = vec![String::new(); app.spec.sources().len()];
    for (position, revision) in call.query_all("sourcePositions").iter().zip(call.query_all("revisions")) {
        let at = position.parse::<usize>().ok().filter(|at| (1..=revisions.len()).contains(at));
        let at = at.ok_or_else(|| Error::invalid("source position is out of range"))?;
        revision.clone_into(&mut revisions[at - 1]);
    }
    Ok(revisions)
}

/// Whether a revision is the whole name of a commit.
fn is_commit(revision: &str) -> bool {
    matches!(revision.len(), 40 | 64) && revision.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The revisions that the controller compared last, where it compared the spec that is stored.
fn compared_last(app: &Application) -> Option<Vec<String>> {
    let (sync, sources) = (&app.status.sync, app.spec.sources());
    let is_it =
        sync.compared_to.has_sources(&app.spec, &sources) && sync.compared_to.destination == app.spec.destination;
    let revisions = match app.spec.has_multiple_sources() {
        true => sync.revisions.clone(),
        false => vec![sync.revision.clone()],
    };
    let is_whole = revisions.len() == sources.len() && revisions.iter().all(|revision| !revision.is_empty());
    (is_it && is_whole).then_some(revisions)
}

/// Renders an Application at revisions, one of each source; where there are none at those of the spec.
async fn rendered(
    call: &Call,
    target: &Target,
    revisions: Vec<String>,
    is_pinned: bool,
) -> Result<Arc<Rendered>, Error> {
    let no_cache = call.flag("noCache")?.unwrap_or(false);
    let of = ManifestsOf { application: (*target.object).clone(), revisions, is_pinned, no_cache };
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
    let revisions = asked_for(&call, &target.app)?;
    let is_pinned = !revisions.is_empty() && revisions.iter().all(|revision| is_commit(revision));
    let found = rendered(&call, &target, revisions, is_pinned).await?;
    let sensitive = &call.at.config.settings.resources.sensitive_annotations;
    let text = |object: &Object| match is_secret(object) {
        true => hidden(object.clone(), sensitive).value().to_json(),
        false => object.value().to_json(),
    };
    let mut told = object! {};
    let manifests: Value = found.objects.iter().map(text).collect();
    if !manifests.items().is_empty() {
        told.set(&["manifests"], manifests);
    }
    let destination = &target.app.spec.destination;
    for (field, text) in [
        ("namespace", destination.namespace.as_str()),
        ("server", &destination.server),
        ("revision", found.revisions.first().map_or("", String::as_str)),
        ("sourceType", target.object.str_at(&["status", "sourceType"]).unwrap_or_default()),
    ] {
        if !text.is_empty() {
            told.set(&[field], text);
        }
    }
    Ok(told.into())
}

/// Every object that the Application manages, as it was compared last; where it was not, as its sources are now.
/// Compat(argo 3.5): hooks are not among them.
pub(crate) async fn managed_resources(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "get").await?;
    let place = places::of(&call, &target.app, &target.project).await?;
    let last = compared_last(&target.app);
    let is_pinned = last.is_some();
    let found = rendered(&call, &target, last.unwrap_or_default(), is_pinned).await?;
    let same = |field: &str, text: &str| call.query(field).is_empty() || call.query(field) == text;
    let wanted = |key: &ObjectKey, version: &str| {
        same("group", &key.kind.group)
            && same("kind", &key.kind.kind)
            && same("version", version)
            && same("namespace", &key.namespace)
            && same("name", &key.name)
    };
    let (mut all, mut known) = (Vec::new(), HashSet::new());
    for object in &found.objects {
        let (key, version) = (object.key(), object.group_version_kind().version.to_string());
        known.insert(key.clone());
        if !marks::is_hook(object) && wanted(&key, &version) {
            all.push((key, version, Some(object.clone())));
        }
    }
    for one in managed(&target.object).into_iter().filter(|one| !known.contains(&one.key)) {
        if wanted(&one.key, &one.version) {
            all.push((one.key, one.version.to_string(), None));
        }
    }
    let items = compare(&call, &target, &place.acting, all).await?;
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
    let known: HashSet<ObjectKey> = managed(&target.object).into_iter().map(|one| one.key).collect();
    let sensitive = &call.at.config.settings.resources.sensitive_annotations;
    let (mut ours, mut order) = (Vec::new(), Vec::with_capacity(given.len()));
    for (i, text) in given.into_iter().enumerate() {
        let object = from_json_str(text).ok().and_then(|value| Object::new(value).ok());
        let object = object.ok_or_else(|| Error::invalid(format!("error unmarshaling target manifest {i}")))?;
        let key = object.key();
        order.push(if known.contains(&key) {
            ours.push((key, object.group_version_kind().version.to_string(), Some(object)));
            None
        } else {
            // What is not this Application's would be new, whatever stands there under its name: nobody looks.
            let is_hook = marks::is_hook(&object);
            Some(told(&key, [Some(object.clone()), None, None, Some(object)], is_hook, true, sensitive))
        });
    }
    let place = places::of(&call, &target.app, &target.project).await?;
    let mut compared = compare(&call, &target, &place.acting, ours).await?.into_iter();
    let items: Vec<Value> = order.into_iter().filter_map(|new| new.or_else(|| compared.next())).collect();
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
    Ok(told(&key, [target, live, normalized, predicted], is_hook, is_modified, sensitive))
}

/// The message `ResourceDiff` of the states of an object: as it is wanted, as it is, what of that counts, and as
/// it would be.
fn told(
    key: &ObjectKey,
    mut states: [Option<Object>; 4],
    is_hook: bool,
    is_modified: bool,
    sensitive: &[String],
) -> Value {
    let version = states[1].as_ref().map(|live| live.resource_version().to_owned()).unwrap_or_default();
    hide(&mut states, sensitive);
    let mut told = Message::new()
        .text("group", &key.kind.group)
        .text("kind", &key.kind.kind)
        .text("namespace", &key.namespace)
        .text("name", &key.name)
        .text("resourceVersion", &version)
        .flag("hook", is_hook)
        .flag("modified", is_modified);
    for (field, state) in ["targetState", "liveState", "normalizedLiveState", "predictedLiveState"].iter().zip(&states)
    {
        // Compat(argo 3.5): what is not there is the text `null`.
        told = told.always(field, state.as_ref().map_or_else(|| "null".to_owned(), |object| object.value().to_json()));
    }
    told.done()
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
