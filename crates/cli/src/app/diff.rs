//! `belay app diff`: in which fields live objects differ from what is desired, and who wrote them last.
//!
//! The differences are those of a server-side apply, as the controller judges them: a field that others keep,
//! that the server fills in or that is to be ignored is none. Values of secrets are not shown.

use std::time::Duration;

use anyhow::{Error, Result};
use belay_argo::compare::Judged;
use belay_argo::controller::preview::Desired;
use belay_argo::spec::{Application, SyncCode};
use belay_object::{Object, Value};

use super::look::{Look, Revisions};
use super::wait;
use crate::argocd::Argocd;
use crate::args::AppDiffArgs;
use crate::outln;
use crate::output::clean;

pub async fn diff(argo: &Argocd, args: &AppDiffArgs) -> Result<u8> {
    let id = argo.id(&args.name);
    if args.refresh || args.hard_refresh {
        wait::refreshed(argo, &id, args.hard_refresh, Duration::from_secs(60)).await?;
    }
    let app = argo.application(&id).await?;
    let look = Look::at(argo, &app).await?;
    let desired = match &args.local {
        Some(folder) => look.local(&app, folder, &args.local_repo_root).await?,
        None => {
            let wanted = Revisions {
                one: args.revision.as_deref(),
                several: &args.revisions,
                positions: &args.source_positions,
            };
            look.desired(&app, &wanted.of(&app)?).await?
        }
    };
    let differs = print(&look, &app, desired).await?;
    Ok(if differs && args.exit_code { args.diff_exit_code } else { 0 })
}

/// Prints the differences; gives whether there are any.
pub async fn print(look: &Look, app: &Application, desired: Desired) -> Result<bool> {
    let comparison = look.preview.compare(app, &look.at, desired).await.map_err(Error::msg)?;
    let mut differs = false;
    for judged in comparison.resources.iter().filter(|j| j.status.status != Some(SyncCode::Synced)) {
        let lines = told(judged);
        if lines.is_empty() {
            continue;
        }
        differs = true;
        let status = &judged.status;
        let place = if status.namespace.is_empty() { String::new() } else { format!("{}/", status.namespace) };
        // Compat(argocd 3.5): the line above each object.
        outln!("\n===== {}/{} {place}{} ======", status.group, status.kind, status.name);
        lines.iter().for_each(|line| outln!("{}", clean(line)));
    }
    Ok(differs)
}

/// The lines about one object; none where it does not differ.
pub fn told(judged: &Judged) -> Vec<String> {
    let whole = |mark: &str, object: &Object| {
        let mut object = object.clone();
        for path in [&["metadata", "managedFields"][..], &["status"]] {
            object.remove(path);
        }
        mask(&mut object);
        belay_yaml::to_yaml(object.value()).lines().map(|line| format!("{mark} {line}")).collect()
    };
    match (&judged.pair.target, &judged.pair.live) {
        (Some(target), None) => whole(">", target),
        (None, Some(live)) if judged.status.requires_pruning => whole("<", live),
        (Some(target), Some(_)) => {
            let is_secret = target.kind() == "Secret" && target.api_version() == "v1";
            judged.differences.iter().flat_map(|d| field(d, is_secret)).collect()
        }
        _ => Vec::new(),
    }
}

fn field(difference: &belay_schema::ssa::Difference, is_secret: bool) -> Vec<String> {
    let owner = match &difference.manager {
        Some(manager) => format!("  (last written by {manager})"),
        None => String::new(),
    };
    let mut lines = vec![format!("{}{owner}", if difference.pointer.is_empty() { "/" } else { &difference.pointer })];
    let hidden = is_secret && ["/data", "/stringData"].iter().any(|p| difference.pointer.starts_with(p));
    for (mark, value, masked) in [("<", &difference.live, "++++++++"), (">", &difference.desired, "+++++++++")] {
        let Some(value) = value else { continue };
        match hidden {
            true => lines.push(format!("  {mark} {masked}")),
            false => lines.extend(belay_yaml::to_yaml(value).lines().map(|line| format!("  {mark} {line}"))),
        }
    }
    lines
}

/// Hides the values of a secret.
pub fn mask(object: &mut Object) {
    if object.kind() != "Secret" || object.api_version() != "v1" {
        return;
    }
    for part in ["data", "stringData"] {
        let names: Vec<String> = object
            .get(part)
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(belay_object::Map::iter)
            .map(|(name, _)| name.as_str().to_owned())
            .collect();
        names.iter().for_each(|name| object.set(&[part, name], "++++++++"));
    }
    object.remove(&["metadata", "annotations", "kubectl.kubernetes.io/last-applied-configuration"]);
}
