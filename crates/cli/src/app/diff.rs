//! `belay app diff`: in which fields live objects differ from what is desired, and who wrote them last.
//!
//! The differences are those of a server-side apply, as the controller judges them: a field that others keep,
//! that the server fills in or that is to be ignored is none. Values of secrets are not shown.

use std::time::Duration;

use anyhow::{Error, Result};
use belay_argo::compare::Judged;
use belay_argo::controller::preview::Desired;
use belay_argo::mask::{LAST_APPLIED, hidden, is_secret};
use belay_argo::spec::{Application, SyncCode};
use belay_object::Object;

use super::look::{Look, revisions};
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
        None => look.desired(&app, &revisions(&args.revisions, &app)?).await?,
    };
    let differs = print(&look, &app, desired).await?;
    Ok(if differs && args.exit_code { args.diff_exit_code } else { 0 })
}

/// Prints the differences; gives whether there are any.
pub async fn print(look: &Look, app: &Application, desired: Desired) -> Result<bool> {
    let comparison = look.preview.compare(app, &look.at, desired).await.map_err(Error::msg)?;
    let sensitive = look.sensitive();
    let mut differs = false;
    for judged in comparison.resources.iter().filter(|j| j.status.status != Some(SyncCode::Synced)) {
        let lines = told(judged, sensitive);
        if lines.is_empty() {
            continue;
        }
        differs = true;
        let status = &judged.status;
        headline(&status.group, &status.kind, &status.namespace, &status.name);
        lines.iter().for_each(|line| outln!("{}", clean(line)));
    }
    Ok(differs)
}

/// Compat(argocd 3.5): the line above each object.
pub fn headline(group: &str, kind: &str, namespace: &str, name: &str) {
    let place = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
    outln!("\n===== {} ======", clean(&format!("{group}/{kind} {place}{name}")));
}

/// The lines about one object; none where it does not differ.
pub fn told(judged: &Judged, sensitive: &[String]) -> Vec<String> {
    match (&judged.pair.target, &judged.pair.live) {
        (Some(target), None) => whole(">", target, sensitive),
        (None, Some(live)) if judged.status.requires_pruning => whole("<", live, sensitive),
        (Some(target), Some(_)) => {
            let secrets = if is_secret(target) { secret_paths(sensitive) } else { Vec::new() };
            judged.differences.iter().flat_map(|d| field(d, &secrets)).collect()
        }
        _ => Vec::new(),
    }
}

/// An object that is there on one side alone.
pub fn whole(mark: &str, object: &Object, sensitive: &[String]) -> Vec<String> {
    let mut object = masked(object.clone(), sensitive);
    for path in [&["metadata", "managedFields"][..], &["status"]] {
        object.remove(path);
    }
    belay_yaml::to_yaml(object.value()).lines().map(|line| format!("{mark} {line}")).collect()
}

/// Where a Secret holds what is secret, as JSON pointers.
pub fn secret_paths(sensitive: &[String]) -> Vec<String> {
    let annotations = [LAST_APPLIED].into_iter().chain(sensitive.iter().map(String::as_str));
    let annotations =
        annotations.map(|name| format!("/metadata/annotations/{}", name.replace('~', "~0").replace('/', "~1")));
    ["/data", "/stringData"].into_iter().map(str::to_owned).chain(annotations).collect()
}

/// One field that differs; what stands at, above or below one of these paths is not shown.
pub fn field(difference: &belay_schema::ssa::Difference, secrets: &[String]) -> Vec<String> {
    let owner = match &difference.manager {
        Some(manager) => format!("  (last written by {manager})"),
        None => String::new(),
    };
    let pointer = difference.pointer.as_str();
    let mut lines = vec![format!("{}{owner}", if pointer.is_empty() { "/" } else { pointer })];
    let is_at = |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let hidden = secrets.iter().any(|path| is_at(pointer, path) || is_at(path, pointer));
    for (mark, value, masked) in [("<", &difference.live, "++++++++"), (">", &difference.desired, "+++++++++")] {
        let Some(value) = value else { continue };
        match hidden {
            true => lines.push(format!("  {mark} {masked}")),
            false => lines.extend(belay_yaml::to_yaml(value).lines().map(|line| format!("  {mark} {line}"))),
        }
    }
    lines
}

/// An object as people see it: without a Secret's values.
pub fn masked(object: Object, sensitive: &[String]) -> Object {
    if is_secret(&object) { hidden(object, sensitive) } else { object }
}
