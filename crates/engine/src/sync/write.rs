//! One object of an operation: tried, applied, replaced.

use std::time::Duration;

use belay_cluster::{
    ApplyOptions, DeleteOptions, ErrorKind, FieldValidation, Patch, Propagation, Resource, WriteOptions,
};
use belay_object::{Object, ObjectKey};
use belay_plan::sync::Task;
use tokio::time::Instant;

use super::Site;

/// How long a deleted object is waited for before it is made anew.
const RECREATE_WAIT: Duration = Duration::from_secs(60);
/// How long a definition may take until its kind is served.
const DEFINITION_WAIT: Duration = Duration::from_secs(5);

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
pub(super) async fn apply(site: &Site, task: &Task) -> Result<Written, String> {
    let Some(target) = &task.target else { return Err("there is nothing to apply".into()) };
    not_elsewhere(site, task)?;
    let resource = match site.target.cluster.resource_of(target).await {
        Ok(resource) => resource,
        Err(_) if site.dry_run && task.flags.skip_check => {
            return Ok(Written { live: (**target).clone(), message: "skipped: its kind is not known yet".into() });
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

async fn merge(site: &Site, task: &Task, resource: &Resource, object: &Object) -> belay_cluster::Result<Written> {
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
    let options = options(site, task, site.dry_run);
    let before = task.live.as_ref().map(|live| live.resource_version().to_owned());
    let applied = acting.apply(resource, object, &options).await;
    let live = match applied {
        Err(e) if task.flags.force && task.live.is_some() && may_be_immutable(&e) && !site.dry_run => {
            recreate(site, resource, task, object).await?
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
    Ok(Written { live, message })
}

/// Replaces the whole object. What holds others (definitions, namespaces) is never deleted for it.
async fn replace(site: &Site, task: &Task, resource: &Resource, object: &Object) -> belay_cluster::Result<Written> {
    let acting = &site.target.acting;
    let options =
        WriteOptions { field_manager: site.manager.clone(), dry_run: site.dry_run, field_validation: validation(task) };
    let Some(live) = &task.live else {
        let live = acting.create(resource, object, &options).await?;
        let message = said(resource, object.name(), "created", site);
        return Ok(Written { live, message });
    };
    let holds_others = object.kind() == "Namespace" || belay_plan::is_custom_resource_definition(object);
    let live = if task.flags.force && !holds_others && !site.dry_run {
        recreate(site, resource, task, object).await?
    } else {
        let mut update = object.clone();
        update.set(&["metadata", "resourceVersion"], live.resource_version());
        acting.replace(resource, &update, &options).await?
    };
    let message = if holds_others {
        format!("{}/{} updated", object.kind(), object.name())
    } else {
        said(resource, object.name(), "replaced", site)
    };
    Ok(Written { live, message })
}

/// Deletes the object that was looked at, waits until it is gone, and makes it anew.
async fn recreate(site: &Site, resource: &Resource, task: &Task, object: &Object) -> belay_cluster::Result<Object> {
    let acting = &site.target.acting;
    let uid = task.live.as_ref().map(|live| live.uid().to_owned()).unwrap_or_default();
    tracing::info!(object = %object.key(), uid, "deleting it to make it anew, as it asks");
    let options =
        DeleteOptions { uid: uid.clone(), propagation: Some(Propagation::Background), ..DeleteOptions::default() };
    match acting.delete(resource, object.namespace(), object.name(), &options).await {
        Ok(_) => {}
        Err(e) if e.is_not_found() => {}
        Err(e) => return Err(e),
    }
    let deadline = Instant::now() + RECREATE_WAIT;
    let mut pause = Duration::from_millis(20);
    while Instant::now() < deadline {
        match acting.find(resource, object.namespace(), object.name()).await? {
            Some(found) if found.uid() == uid => {}
            _ => break,
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
    let options = ApplyOptions {
        field_manager: site.manager.clone(),
        force: true,
        dry_run: false,
        field_validation: validation(task),
    };
    acting.apply(resource, object, &options).await
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

fn validation(task: &Task) -> FieldValidation {
    if task.flags.validate { FieldValidation::Strict } else { FieldValidation::Ignore }
}

fn may_be_immutable(e: &belay_cluster::Error) -> bool {
    matches!(e.kind(), ErrorKind::Invalid | ErrorKind::Conflict)
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
