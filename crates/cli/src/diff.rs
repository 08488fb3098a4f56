//! `belay diff kustomization`: what applying a folder would change in the cluster.

use anyhow::Result;
use belay_cluster::ApplyOptions;
use belay_object::Object;
use belay_plan::{Before, Inventory, Step};
use similar::TextDiff;

use crate::args::{DiffCommand, Global};
use crate::build::{masked, previewed};
use crate::connect::{Session, connect};
use crate::output::clean;

pub async fn diff(global: &Global, command: DiffCommand) -> Result<u8> {
    let DiffCommand::Kustomization { flags } = command;
    let session = connect(global).await?;
    let (object, preview) = previewed(global, Some(&session), &flags).await?;
    let mut differs = false;
    for step in preview.plan.steps() {
        if let Some(text) = one(&session, step).await? {
            differs = true;
            print!("{text}");
        }
    }
    if preview.plan.policy().prune
        && let Some(inventory) = object.at(&["status", "inventory"])
    {
        for entry in Inventory::read(inventory)?.minus(&preview.plan.inventory()) {
            differs = true;
            println!("► {} deleted", entry.key);
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
    let options = ApplyOptions {
        field_manager: belay_flux::names::KUSTOMIZE_CONTROLLER.into(),
        force: true,
        dry_run: true,
        ..ApplyOptions::default()
    };
    let would_be = cluster.apply(&resource, step.object(), &options).await?;
    let pointers = step.differences(&live, &would_be);
    if pointers.is_empty() {
        return Ok(None);
    }
    let mut text = format!("► {key} drifted\n");
    for pointer in &pointers {
        text.push_str(&format!("  {}\n", clean(pointer)));
    }
    let (before, after) = (shown(&live), shown(&would_be));
    let changes = TextDiff::from_lines(&before, &after);
    for line in changes.unified_diff().context_radius(2).to_string().lines() {
        text.push_str(&format!("  {line}\n"));
    }
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
