//! `belay app actions`: what may be done to objects of an Application, and doing it.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use belay_argo::spec::Application;
use belay_cluster::Patch;
use belay_health::argo::{Effect, Operation};
use belay_object::{Object, Value, merge_patch_between, object};
use jiff::Timestamp;

use super::look::Look;
use crate::argocd::{Argocd, Columns, options, print_value};
use crate::args::{ActionsCommand, ActionsFlags, Form, of_objects};
use crate::outln;

pub async fn actions(argo: &Argocd, command: ActionsCommand) -> Result<u8> {
    match command {
        ActionsCommand::List(flags) => list(argo, &flags).await,
        ActionsCommand::Run { flags, action, all } => run(argo, &flags, &action, all).await,
    }
}

/// The live objects that the flags mean.
async fn meant(look: &Look, app: &Application, flags: &ActionsFlags) -> Result<Vec<Arc<Object>>> {
    let live = look.preview.live(app, &look.at, &[]).await.map_err(anyhow::Error::msg)?;
    let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|w| w == found);
    let namespace = of_objects(&flags.namespace);
    let fits = |o: &Object| {
        let kind = o.group_kind();
        is(&flags.group, &kind.group)
            && is(&flags.kind, &kind.kind)
            && is(&namespace, o.namespace())
            && is(&flags.resource_name, o.name())
    };
    Ok(live.into_values().filter(|o| fits(o)).collect())
}

async fn list(argo: &Argocd, flags: &ActionsFlags) -> Result<u8> {
    let app = argo.application(&argo.id(&flags.app_name)).await?;
    let look = Look::at(argo, &app).await?;
    let mut table = Columns::new(&["GROUP", "KIND", "NAME", "ACTION", "DISABLED"]);
    let mut all = Vec::new();
    for live in meant(&look, &app, flags).await? {
        for action in look.preview.config().assess.actions(&live, Timestamp::now().as_second())? {
            let kind = live.group_kind();
            table.row([
                &*kind.group,
                &*kind.kind,
                live.name(),
                &action.name,
                if action.disabled { "true" } else { "false" },
            ]);
            all.push(object! {
                "group" => kind.group.as_str(), "kind" => kind.kind.as_str(), "name" => live.name(),
                "action" => action.name.as_str(), "disabled" => action.disabled,
            });
        }
    }
    match flags.output {
        Form::Json | Form::Yaml => print_value(&all.into_iter().collect::<Value>(), flags.output)?,
        _ => table.print(),
    }
    Ok(0)
}

async fn run(argo: &Argocd, flags: &ActionsFlags, action: &str, all: bool) -> Result<u8> {
    let app = argo.application(&argo.id(&flags.app_name)).await?;
    let look = Look::at(argo, &app).await?;
    // `apps/Deployment/restart`, as lists of some tools print it, means `restart`.
    let name = action.rsplit('/').next().unwrap_or(action);
    let config = look.preview.config();
    let now = Timestamp::now().as_second();
    let mut meant = meant(&look, &app, flags).await?;
    meant.retain(|o| config.assess.actions(o, now).is_ok_and(|known| known.iter().any(|a| a.name == name)));
    match meant.len() {
        0 => bail!("no matching resource found that has the action {name:?}"),
        1 => {}
        // Compat(argocd 3.5): several only where all are asked for.
        count if !all => bail!("{count} resources match: use the --all flag to run the action on all of them"),
        _ => {}
    }
    for live in meant {
        for effect in config.assess.run_action(&live, name, &[], now)? {
            write(&look, &live, effect).await?;
        }
        outln!("{} {name}", live.key());
    }
    Ok(0)
}

async fn write(look: &Look, live: &Object, effect: Effect) -> Result<()> {
    let cluster = &look.at.cluster;
    let resource = cluster.resource_of(&effect.object).await?;
    match effect.operation {
        Operation::Create => drop(cluster.create(&resource, &effect.object, &options()).await?),
        Operation::Patch => {
            let (namespace, name) = (effect.object.namespace(), effect.object.name());
            let before = match live.key() == effect.object.key() {
                true => live.clone(),
                false => cluster.get(&resource, namespace, name).await.context("what the action writes to")?,
            };
            if let Some(patch) = merge_patch_between(before.value(), effect.object.value()) {
                cluster.patch(&resource, namespace, name, &Patch::Merge(patch), &options()).await?;
            }
        }
    }
    Ok(())
}
