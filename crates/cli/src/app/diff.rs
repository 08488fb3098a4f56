//! `belay app diff`: in which fields live objects differ from what is desired, and who wrote them last.
//!
//! The differences are those of a server-side apply, as the controller judges them: a field that others keep,
//! that the server fills in or that is to be ignored is none. Values of secrets are not shown.

use std::path::Path;

use anyhow::{Error, Result};
use belay_argo::compare::Judged;
use belay_argo::mask::{LAST_APPLIED, hidden, is_secret};
use belay_argo::spec::{Application, SyncCode};
use belay_object::{Object, Value};

use super::look::{Look, desired, manifest, revisions};
use super::view::REFRESH_PATIENCE;
use crate::argocd::AppId;
use crate::args::{AppDiffArgs, RevisionFlags};
use crate::outln;
use crate::output::clean;
use crate::plane::Plane;

pub async fn diff(plane: &Plane, args: &AppDiffArgs) -> Result<u8> {
    let id = plane.id(&args.name);
    if args.refresh || args.hard_refresh {
        plane.refreshed(&id, args.hard_refresh, REFRESH_PATIENCE).await?;
    }
    let app = plane.application(&id).await?;
    let differs = print(plane, &id, &app, &args.revisions, args.local_folder()).await?;
    Ok(if differs && args.exit_code { args.diff_exit_code } else { 0 })
}

/// Prints the differences; gives whether there are any.
pub async fn print(
    plane: &Plane,
    id: &AppId,
    app: &Application,
    flags: &RevisionFlags,
    local: Option<(&Path, &Path)>,
) -> Result<bool> {
    let argo = match plane {
        Plane::Cluster(argo) => argo,
        Plane::Server(through) => {
            if local.is_some() {
                plane.cluster("comparing with a folder")?;
            }
            let named = revisions(flags, app)?.iter().any(|revision| !revision.is_empty());
            let items = match named {
                true => through.compared(app, &desired(plane, id, app, flags, None).await?).await?,
                false => through.managed(app).await?,
            };
            return told_by_server(&items);
        }
    };
    let look = Look::at(argo, app).await?;
    let wanted = match local {
        Some((folder, root)) => look.local(app, folder, root).await?,
        None => look.desired(app, &revisions(flags, app)?).await?,
    };
    let comparison = look.preview.compare(app, &look.at, wanted).await.map_err(Error::msg)?;
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

/// Prints what a server tells of differences; gives whether there are any.
fn told_by_server(items: &[Value]) -> Result<bool> {
    let mut differs = false;
    for item in items {
        let lines = compared(item)?;
        if lines.is_empty() {
            continue;
        }
        differs = true;
        let text = |field: &str| item.str_at(&[field]).unwrap_or_default();
        headline(text("group"), text("kind"), text("namespace"), text("name"));
        lines.iter().for_each(|line| outln!("{}", clean(line)));
    }
    Ok(differs)
}

/// The lines about one object as a server compares it; none where it does not differ. Secrets' values were taken
/// out by the server, which shows equal ones alike.
pub fn compared(item: &Value) -> Result<Vec<String>> {
    let state = |field: &str| -> Result<Option<Object>> {
        let text = item.str_at(&[field]).filter(|text| !text.is_empty() && *text != "null");
        text.map(manifest).transpose()
    };
    let is = |field: &str| item.get(field).and_then(Value::as_bool).unwrap_or(false);
    if is("hook") {
        return Ok(Vec::new());
    }
    let (target, live) = (state("targetState")?, state("liveState")?);
    let (now, then) = (state("normalizedLiveState")?, state("predictedLiveState")?);
    Ok(match (target, live) {
        (None, None) => Vec::new(),
        (Some(target), None) => whole(">", &target, &[]),
        (None, Some(live)) => whole("<", &live, &[]),
        (Some(target), Some(live)) => {
            let (now, then) = (plain(now.unwrap_or(live)), plain(then.unwrap_or(target)));
            let changes = similar::TextDiff::from_lines(&now, &then);
            let text = changes.unified_diff().context_radius(2).to_string();
            text.lines().map(|line| format!("  {line}")).collect()
        }
    })
}

/// An object without what a server keeps.
fn plain(mut object: Object) -> String {
    for field in ["managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"] {
        object.remove(&["metadata", field]);
    }
    object.remove(&["status"]);
    belay_yaml::to_yaml(object.value())
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
