//! `belay diff kustomization|helmrelease`: what applying a folder would change in the cluster.

use anyhow::Result;
use belay_cluster::ApplyOptions;
use belay_object::Object;
use belay_plan::{Before, Inventory, Step};
use similar::TextDiff;

use crate::args::{BuildFlags, BuildReleaseFlags, DiffCommand, Global};
use crate::build::{masked, previewed, previewed_release};
use crate::connect::{Session, connect};
use crate::output::clean;
use crate::{out, outln};

pub async fn diff(global: &Global, command: DiffCommand) -> Result<u8> {
    match command {
        DiffCommand::Artifact(args) => crate::artifact::diff(args).await,
        DiffCommand::Helmrelease { flags } => diff_release(global, &flags).await,
        DiffCommand::Kustomization { flags } => diff_kustomization(global, &flags).await,
    }
}

/// What the release would change: objects by a dry run of the server, and those that would go.
async fn diff_release(global: &Global, flags: &BuildReleaseFlags) -> Result<u8> {
    let session = connect(global).await?;
    let preview = previewed_release(global, Some(&session), flags).await?;
    let (mut differs, namespace) = (false, preview.record.namespace.as_str());
    for object in &preview.change.apply {
        let Some(resource) = session.cluster.resource_of(object).await.map(Some).or_else(|e| match e.kind() {
            belay_cluster::ErrorKind::UnknownKind => Ok(None),
            _ => Err(e),
        })?
        else {
            differs = true;
            outln!("► {} created", object.key());
            continue;
        };
        let mut object = object.clone();
        if resource.namespaced && object.namespace().is_empty() {
            object.set(&["metadata", "namespace"], namespace);
        }
        let live = session.cluster.find(&resource, object.namespace(), object.name()).await?;
        let Some(live) = live else {
            differs = true;
            outln!("► {} created", object.key());
            continue;
        };
        let options = dry_run(belay_flux::names::HELM_CONTROLLER);
        let would_be = session.cluster.apply(&resource, &object, &options).await?;
        if shown(&live) != shown(&would_be) {
            differs = true;
            out!("► {} changed\n{}", object.key(), changes(&live, &would_be));
        }
    }
    for object in &preview.change.delete {
        differs = true;
        let mut key = object.key();
        if key.namespace.is_empty() && session.cluster.resource_of(object).await.is_ok_and(|r| r.namespaced) {
            key.namespace = namespace.into();
        }
        outln!("► {key} deleted");
    }
    Ok(u8::from(differs))
}

fn dry_run(manager: &str) -> ApplyOptions {
    ApplyOptions { field_manager: manager.into(), force: true, dry_run: true, ..ApplyOptions::default() }
}

/// What differs, line by line.
fn changes(live: &Object, would_be: &Object) -> String {
    let (before, after) = (shown(live), shown(would_be));
    let changes = TextDiff::from_lines(&before, &after);
    changes.unified_diff().context_radius(2).to_string().lines().map(|line| format!("  {line}\n")).collect()
}

async fn diff_kustomization(global: &Global, flags: &BuildFlags) -> Result<u8> {
    let session = connect(global).await?;
    let (object, preview) = previewed(global, Some(&session), flags).await?;
    let mut differs = false;
    for step in preview.plan.steps() {
        if let Some(text) = one(&session, step).await? {
            differs = true;
            out!("{text}");
        }
    }
    if preview.plan.policy().prune
        && let Some(inventory) = object.at(&["status", "inventory"])
    {
        for entry in Inventory::read(inventory)?.minus(&preview.plan.inventory()) {
            differs = true;
            outln!("► {} deleted", entry.key);
        }
    }
    // Compat(flux 2.9): exit status 1 where there are differences.
    Ok(u8::from(differs))
}

async fn one(session: &Session, step: &Step) -> Result<Option<String>> {
    let key = step.key();
    let cluster = &session.cluster;
    let resource = match cluster.resource_of(step.object()).await {
        Ok(resource) => resource,
        Err(e) if e.kind() == belay_cluster::ErrorKind::UnknownKind => {
            return Ok(Some(format!("► {key} created\n")));
        }
        Err(e) => return Err(e.into()),
    };
    let live = cluster.find(&resource, &key.namespace, &key.name).await?;
    if let Before::Skip(_) = step.before(live.as_ref()) {
        return Ok(Some(format!("► {key} skipped\n")));
    }
    let Some(live) = live else { return Ok(Some(format!("► {key} created\n"))) };
    let options = dry_run(belay_flux::names::KUSTOMIZE_CONTROLLER);
    let would_be = cluster.apply(&resource, step.object(), &options).await?;
    let pointers = step.differences(&live, &would_be);
    if pointers.is_empty() {
        return Ok(None);
    }
    let mut text = format!("► {key} drifted\n");
    for pointer in &pointers {
        text.push_str(&format!("  {}\n", clean(pointer)));
    }
    text.push_str(&changes(&live, &would_be));
    Ok(Some(text))
}

/// An object without what the server keeps, secrets masked.
fn shown(object: &Object) -> String {
    let mut object = masked(object);
    for field in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"] {
        object.remove(&["metadata", field]);
    }
    object.remove(&["status"]);
    belay_yaml::to_yaml(object.value())
}
