//! `belay app actions`: what may be done to objects of an Application, and doing it.

use std::sync::Arc;

use anyhow::{Context, Result, bail};
use belay_argo::spec::Application;
use belay_cluster::Patch;
use belay_health::argo::{Effect, Operation};
use belay_object::{Object, ObjectKey, Value, merge_patch_between, object};
use jiff::Timestamp;

use super::look::Look;
use crate::argocd::{Columns, options, print_value};
use crate::args::{ActionsCommand, ActionsFlags, Form, of_objects};
use crate::outln;
use crate::plane::live::Named;
use crate::plane::{Plane, Through};

pub async fn actions(plane: &Plane, command: ActionsCommand) -> Result<u8> {
    match command {
        ActionsCommand::List(flags) => list(plane, &flags).await,
        ActionsCommand::Run { flags, action, all } => run(plane, &flags, &action, all).await,
    }
}

/// Whether the flags mean an object.
fn fits(flags: &ActionsFlags, key: &ObjectKey) -> bool {
    let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|w| w == found);
    is(&flags.group, &key.kind.group)
        && is(&flags.kind, &key.kind.kind)
        && is(&of_objects(&flags.namespace), &key.namespace)
        && is(&flags.resource_name, &key.name)
}

/// The live objects that the flags mean.
async fn live(look: &Look, app: &Application, flags: &ActionsFlags) -> Result<Vec<Arc<Object>>> {
    let live = look.preview.live(app, &look.at, &[]).await.map_err(anyhow::Error::msg)?;
    Ok(live.into_iter().filter(|(key, _)| fits(flags, key)).map(|(_, object)| object).collect())
}

/// The objects that the flags mean, of those that an Application's status lists.
fn named(app: &Application, flags: &ActionsFlags) -> Vec<Named> {
    let all =
        app.status.resources.iter().filter(|r| !r.hook).map(|r| Named {
            key: ObjectKey::new(&r.group, &r.kind, &r.namespace, &r.name),
            version: r.version.clone(),
        });
    all.filter(|one| fits(flags, &one.key)).collect()
}

/// What may be done to which objects: names, and whether that is off at present.
async fn known(
    plane: &Plane,
    app: &Application,
    flags: &ActionsFlags,
) -> Result<Vec<(ObjectKey, Vec<(String, bool)>)>> {
    let mut all = Vec::new();
    match plane {
        Plane::Cluster(argo) => {
            let look = Look::at(argo, app).await?;
            for object in live(&look, app, flags).await? {
                let actions = look.preview.config().assess.actions(&object, Timestamp::now().as_second())?;
                all.push((object.key(), actions.into_iter().map(|a| (a.name, a.disabled)).collect()));
            }
        }
        Plane::Server(through) => {
            for which in named(app, flags) {
                let actions = through.actions(app, &which).await?;
                all.push((which.key, actions));
            }
        }
    }
    Ok(all)
}

async fn list(plane: &Plane, flags: &ActionsFlags) -> Result<u8> {
    let app = plane.application(&plane.id(&flags.app_name)).await?;
    let mut table = Columns::new(&["GROUP", "KIND", "NAME", "ACTION", "DISABLED"]);
    let mut all = Vec::new();
    for (key, actions) in known(plane, &app, flags).await? {
        let (group, kind, name) = (key.kind.group.as_str(), key.kind.kind.as_str(), &*key.name);
        for (action, disabled) in actions {
            table.row([group, kind, name, action.as_str(), if disabled { "true" } else { "false" }]);
            all.push(object! {
                "group" => group, "kind" => kind, "name" => name, "action" => action, "disabled" => disabled,
            });
        }
    }
    match flags.output {
        Form::Json | Form::Yaml => print_value(&all.into_iter().collect::<Value>(), flags.output)?,
        _ => table.print(),
    }
    Ok(0)
}

async fn run(plane: &Plane, flags: &ActionsFlags, action: &str, all: bool) -> Result<u8> {
    let app = plane.application(&plane.id(&flags.app_name)).await?;
    // `apps/Deployment/restart`, as lists of some tools print it, means `restart`.
    let name = action.rsplit('/').next().unwrap_or(action);
    match plane {
        Plane::Cluster(argo) => on_cluster(&Look::at(argo, &app).await?, &app, flags, name, all).await?,
        Plane::Server(through) => by_server(through, &app, flags, name, all).await?,
    }
    Ok(0)
}

/// Compat(argocd 3.5): several only where all are asked for.
fn refuse(count: usize, name: &str, all: bool) -> Result<()> {
    match count {
        0 => bail!("no matching resource found that has the action {name:?}"),
        1 => Ok(()),
        _ if all => Ok(()),
        count => bail!("{count} resources match: use the --all flag to run the action on all of them"),
    }
}

async fn by_server(through: &Through, app: &Application, flags: &ActionsFlags, name: &str, all: bool) -> Result<()> {
    let mut meant = Vec::new();
    for which in named(app, flags) {
        if through.actions(app, &which).await?.iter().any(|(known, _)| known == name) {
            meant.push(which);
        }
    }
    refuse(meant.len(), name, all)?;
    for which in meant {
        through.act(app, &which, name).await?;
        outln!("{} {name}", which.key);
    }
    Ok(())
}

async fn on_cluster(look: &Look, app: &Application, flags: &ActionsFlags, name: &str, all: bool) -> Result<()> {
    let config = look.preview.config();
    let now = Timestamp::now().as_second();
    let mut meant = live(look, app, flags).await?;
    meant.retain(|o| config.assess.actions(o, now).is_ok_and(|known| known.iter().any(|a| a.name == name)));
    refuse(meant.len(), name, all)?;
    for live in meant {
        for effect in config.assess.run_action(&live, name, &[], now)? {
            write(look, &live, effect).await?;
        }
        outln!("{} {name}", live.key());
    }
    Ok(())
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
