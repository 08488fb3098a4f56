//! One object of an operation: tried, applied, replaced.

use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{ApplyOptions, ErrorKind, FieldValidation, Patch, Resource, WriteOptions};
use belay_object::{Object, ObjectKey};
use belay_plan::sync::Task;
use tokio::time::Instant;

use super::Site;
use crate::apply::refusal;

/// How long deleted objects are waited for in one go before they are made anew: most are gone at once.
pub(super) const RECREATE_WAIT: Duration = Duration::from_secs(1);
/// Behind the name under which a manifest is tried.
const TRIED: &str = "-belay-try";
/// The shortest names that kinds allow are of 63 characters.
const MAX_STEM: usize = 63 - TRIED.len();
/// How long a definition may take until its kind is served.
const DEFINITION_WAIT: Duration = Duration::from_secs(5);

/// What applying came to.
pub(super) enum Answer {
    /// It is done.
    Written(Written),
    /// The object stands in the way of its manifest, and is asked to be deleted for it.
    Recreate(Recreate),
}

/// An object that is asked to be deleted and made anew.
pub(super) struct Recreate {
    resource: Arc<Resource>,
    object: Object,
    verb: &'static str,
    /// What is done where it may not be deleted.
    pub instead: Instead,
}

/// What is done about an object that may not be deleted to be made anew.
pub(super) enum Instead {
    /// Its fields are replaced.
    Update,
    /// What the server said stands.
    Told(String),
}

/// What applying left.
pub(super) struct Written {
    pub live: Object,
    pub message: String,
}

/// Tries a manifest: what the server would refuse, it refuses here.
pub(super) async fn check(site: &Site, task: &Task) -> Result<(), String> {
    let Some(target) = &task.target else { return Ok(()) };
    not_elsewhere(site, task)?;
    let resource = match site.target.cluster.resource_of(target).await {
        Ok(resource) => resource,
        Err(e) if e.kind() == ErrorKind::UnknownKind && task.flags.skip_check => return Ok(()),
        Err(e) => return Err(unknown_kind(target, &e)),
    };
    if task.flags.replace || task.flags.force {
        // Neither is an apply: what an apply would refuse, they are asked for.
        return Ok(());
    }
    let object = scoped(target, &resource);
    match site.target.acting.apply(&resource, &object, &options(site, task, true)).await {
        Ok(_) => Ok(()),
        Err(e) => Err(told(&e)),
    }
}

/// Refuses what somebody else keeps.
fn not_elsewhere(site: &Site, task: &Task) -> Result<(), String> {
    let refused = task.live.as_ref().and_then(|live| site.target.elsewhere.refuse(live));
    refused.map_or(Ok(()), Err)
}

/// Applies a manifest as its task asks.
pub(super) async fn apply(site: &Site, task: &Task) -> Result<Answer, String> {
    let Some(target) = &task.target else { return Err("there is nothing to apply".into()) };
    not_elsewhere(site, task)?;
    let resource = match site.target.cluster.resource_of(target).await {
        Ok(resource) => resource,
        Err(_) if site.dry_run && task.flags.skip_check => {
            let message = "skipped: its kind is not known yet".into();
            return Ok(Answer::Written(Written { live: (**target).clone(), message }));
        }
        Err(e) => return Err(unknown_kind(target, &e)),
    };
    let mut object = scoped(target, &resource);
    if task.hook.is_some() {
        let (name, value) = &site.mark;
        object.set_annotation(name, value);
        if !site.hook_finalizer.is_empty() && !object.finalizers().any(|f| f == site.hook_finalizer) {
            let mut all: Vec<belay_object::Value> = object.finalizers().map(Into::into).collect();
            all.push(site.hook_finalizer.as_str().into());
            object.set(&["metadata", "finalizers"], all);
        }
    }
    let written = if task.flags.replace {
        replace(site, task, &resource, &object).await
    } else {
        merge(site, task, &resource, &object).await
    };
    let written = written.map_err(|e| told(&e))?;
    if belay_plan::is_custom_resource_definition(&object) && !site.dry_run {
        await_definition(site, &resource, object.name()).await;
    }
    Ok(written)
}

async fn merge(site: &Site, task: &Task, resource: &Arc<Resource>, object: &Object) -> belay_cluster::Result<Answer> {
    let acting = &site.target.acting;
    let (namespace, name) = (object.namespace(), object.name());
    if !site.dry_run
        && let Some(live) = &task.live
        && site.takeover.patch(live, &site.manager).is_some()
        // What a watch saw may be old, and managed fields are written as a whole.
        && let Some(live) = acting.find(resource, namespace, name).await?
        && let Some(patch) = site.takeover.patch(&live, &site.manager)
    {
        let options = WriteOptions { field_manager: site.manager.clone(), ..WriteOptions::default() };
        match acting.patch(resource, namespace, name, &Patch::Json(patch), &options).await {
            Ok(_) => {}
            Err(e) if e.is_not_found() => {}
            Err(e) => return Err(e),
        }
    }
    let before = task.live.as_ref().map(|live| live.resource_version().to_owned());
    let live = match acting.apply(resource, object, &options(site, task, site.dry_run)).await {
        Err(e) if task.flags.force && !site.dry_run && refusal(&e).may_be_immutable() => {
            let instead = Instead::Told(told(&e));
            let verb = if site.tells_server_side { "serverside-applied" } else { "configured" };
            return Ok(Answer::Recreate(Recreate {
                resource: resource.clone(),
                object: object.clone(),
                verb,
                instead,
            }));
        }
        other => other?,
    };
    let verb = match before {
        _ if site.tells_server_side => "serverside-applied",
        None => "created",
        Some(version) if version == live.resource_version() => "unchanged",
        Some(_) => "configured",
    };
    let message = said(resource, name, verb, site);
    Ok(Answer::Written(Written { live, message }))
}

/// Replaces the whole object.
async fn replace(site: &Site, task: &Task, resource: &Arc<Resource>, object: &Object) -> belay_cluster::Result<Answer> {
    let acting = &site.target.acting;
    // What a watch saw may be old.
    let Some(live) = acting.find(resource, object.namespace(), object.name()).await? else {
        let live = acting.create(resource, object, &write_options(site, task)).await?;
        let message = said(resource, object.name(), "created", site);
        return Ok(Answer::Written(Written { live, message }));
    };
    let wish =
        Recreate { resource: resource.clone(), object: object.clone(), verb: "replaced", instead: Instead::Update };
    if task.flags.force && !site.dry_run {
        return Ok(Answer::Recreate(wish));
    }
    put(site, task, &wish, &live).await.map(Answer::Written)
}

async fn put(site: &Site, task: &Task, wish: &Recreate, live: &Object) -> belay_cluster::Result<Written> {
    let mut update = wish.object.clone();
    update.set(&["metadata", "resourceVersion"], live.resource_version());
    let live = site.target.acting.replace(&wish.resource, &update, &write_options(site, task)).await?;
    let (kind, name) = (wish.object.kind(), wish.object.name());
    // Compat(argo-cd 3.5): of what holds others the update is told in other words.
    let message = if kind == "Namespace" || belay_plan::is_custom_resource_definition(&wish.object) {
        format!("{kind}/{name} updated")
    } else {
        said(&wish.resource, name, "replaced", site)
    };
    Ok(Written { live, message })
}

/// Replaces the fields of an object that may not be deleted for it.
pub(super) async fn update(site: &Site, task: &Task, wish: &Recreate, live: Option<Object>) -> Result<Written, String> {
    let Some(live) = live else { return Err(format!("{} is not there any more", wish.object.key())) };
    put(site, task, wish, &live).await.map_err(|e| told(&e))
}

/// Tries a manifest as that of a new object, under another name: one that no server would take must not cost
/// the object that is there. Only what a server says of the manifest itself counts.
pub(super) async fn would_be_made(site: &Site, task: &Task, wish: &Recreate) -> Result<(), String> {
    let mut object = wish.object.clone();
    let stem: String = object.name().chars().take(MAX_STEM).collect();
    object.set(&["metadata", "name"], format!("{stem}{TRIED}"));
    let options = WriteOptions { dry_run: true, ..write_options(site, task) };
    match site.target.acting.create(&wish.resource, &object, &options).await {
        Err(e) if matches!(e.kind(), ErrorKind::Invalid | ErrorKind::BadRequest) => {
            Err(format!("{} is not made anew, since it would be refused: {}", wish.object.key(), told(&e)))
        }
        _ => Ok(()),
    }
}

/// Makes an object anew once the one with a uid is gone; nothing where that is still there at the deadline.
pub(super) async fn make_anew(
    site: &Site,
    task: &Task,
    wish: &Recreate,
    uid: &str,
    deadline: Instant,
) -> Result<Option<Written>, String> {
    let acting = &site.target.acting;
    let (resource, object) = (&wish.resource, &wish.object);
    let mut pause = Duration::from_millis(20);
    loop {
        match acting.find(resource, object.namespace(), object.name()).await.map_err(|e| told(&e))? {
            Some(found) if found.uid() == uid => {}
            _ => break,
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    let live = acting.apply(resource, object, &options(site, task, false)).await.map_err(|e| told(&e))?;
    let message = said(resource, object.name(), wish.verb, site);
    Ok(Some(Written { live, message }))
}

/// Waits until a definition's kind is served: what comes next may be of it.
async fn await_definition(site: &Site, resource: &Resource, name: &str) {
    site.target.cluster.invalidate_discovery();
    let deadline = Instant::now() + DEFINITION_WAIT;
    while Instant::now() < deadline {
        if let Ok(Some(found)) = site.target.acting.find(resource, "", name).await {
            let conditions = found.at(&["status", "conditions"]).map_or(&[][..], |c| c.items());
            let established = |c: &belay_object::Value| {
                c.str_at(&["type"]) == Some("Established") && c.str_at(&["status"]) == Some("True")
            };
            if conditions.iter().any(established) {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    site.target.cluster.invalidate_discovery();
}

/// What has no namespaces is sent without one, whatever the manifest says.
fn scoped(object: &Object, resource: &Resource) -> Object {
    let mut object = object.clone();
    if !resource.namespaced {
        object.remove(&["metadata", "namespace"]);
    }
    object
}

fn options(site: &Site, task: &Task, dry_run: bool) -> ApplyOptions {
    ApplyOptions { field_manager: site.manager.clone(), force: true, dry_run, field_validation: validation(task) }
}

fn write_options(site: &Site, task: &Task) -> WriteOptions {
    WriteOptions { field_manager: site.manager.clone(), dry_run: site.dry_run, field_validation: validation(task) }
}

fn validation(task: &Task) -> FieldValidation {
    if task.flags.validate { FieldValidation::Strict } else { FieldValidation::Ignore }
}

/// `deployment.apps/web created`, as kubectl says it.
fn said(resource: &Resource, name: &str, verb: &str, site: &Site) -> String {
    let kind = if resource.group.is_empty() {
        resource.singular.to_string()
    } else {
        format!("{}.{}", resource.singular, resource.group)
    };
    let dry = if site.dry_run { " (server dry run)" } else { "" };
    format!("{kind}/{name} {verb}{dry}")
}

/// The server's own sentence.
fn told(error: &belay_cluster::Error) -> String {
    match error.status() {
        Some(status) if !status.message.is_empty() => status.message.clone(),
        _ => error.to_string(),
    }
}

fn unknown_kind(object: &Object, error: &belay_cluster::Error) -> String {
    if error.kind() != ErrorKind::UnknownKind {
        return told(error);
    }
    let key: ObjectKey = object.key();
    format!(
        "the server could not find the requested resource: {} of {key} is not served by this cluster: install its definition first",
        object.group_version_kind()
    )
}
