//! `belay app get`: an Application in lines, and its objects in a table.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use belay_access::project::Project;
use belay_access::windows;
use belay_argo::spec::{Application, OperationState};
use belay_object::{ObjectKey, Value};
use jiff::Timestamp;

use super::look::place_of;
use super::tree;
use crate::argocd::{Columns, print_value, read, short};
use crate::args::{AppGetArgs, Form};
use crate::outln;
use crate::output::clean;
use crate::plane::Plane;

/// How long a comparison that was asked for is waited for.
pub const REFRESH_PATIENCE: Duration = Duration::from_secs(60);

pub async fn get(plane: &Plane, args: &AppGetArgs) -> Result<u8> {
    let id = plane.id(&args.name);
    let mut object = plane.object(&id).await?;
    if args.refresh || args.hard_refresh {
        object = plane.refreshed(&id, args.hard_refresh, REFRESH_PATIENCE).await?;
    }
    match args.output {
        Form::Json | Form::Yaml => print_value(object.value(), args.output)?,
        Form::Name | Form::Id => outln!("{}/{}", object.namespace(), object.name()),
        Form::Tree | Form::TreeDetailed => tree::print(plane, &read(&object)?, args.output).await?,
        Form::Wide => {
            let app = read(&object)?;
            header(plane, &app).await;
            if args.show_operation {
                operation(app.status.operation_state.as_deref());
            }
            conditions(&app);
            if args.show_params {
                parameters(&app, place_of(&app, args.source_position, args.source_name.as_deref())?);
            }
            objects(plane, &app).await?;
        }
    }
    Ok(0)
}

/// Compat(argocd 3.5): a name in a column of 20.
fn line(name: &str, value: &str) {
    outln!("{name:<20}{}", clean(value));
}

/// The lines about an Application.
pub async fn header(plane: &Plane, app: &Application) {
    let spec = &app.spec;
    line("Name:", &app.qualified_name());
    line("Project:", spec.project());
    let cluster = if spec.destination.name.is_empty() { &spec.destination.server } else { &spec.destination.name };
    line("Server:", cluster);
    line("Namespace:", &spec.destination.namespace);
    if let Some(page) = plane.page(app) {
        line("URL:", &page);
    }
    outln!("{}", if spec.has_multiple_sources() { "Sources:" } else { "Source:" });
    for source in spec.sources() {
        line("- Repo:", &source.repo_url);
        line("  Target:", &source.target_revision);
        let parts = [("  Path:", &source.path), ("  Chart:", &source.chart), ("  Ref:", &source.reference)];
        parts.iter().filter(|(_, text)| !text.is_empty()).for_each(|(name, text)| line(name, text));
        if let Some(helm) = source.helm.as_ref().filter(|h| !h.value_files.is_empty()) {
            line("  Helm Values:", &helm.value_files.join(","));
        }
        if let Some(kustomize) = source.kustomize.as_ref().filter(|k| !k.name_prefix.is_empty()) {
            line("  Name Prefix:", &kustomize.name_prefix);
        }
    }
    let (word, assigned) = window(plane, app).await;
    line("SyncWindow:", word);
    for (i, window) in assigned.iter().enumerate() {
        line(if i == 0 { "Assigned Windows:" } else { "" }, window);
    }
    line("Sync Policy:", &policy(app));
    let status = app.status.sync.status.map(|s| s.as_str()).unwrap_or_default();
    let to = sync_target(app);
    line("Sync Status:", &format!("{status}{to}"));
    let health = &app.status.health;
    let mut told = health.status.map(|s| s.as_str()).unwrap_or_default().to_owned();
    if !health.message.is_empty() {
        told.push_str(&format!(" ({})", health.message));
    }
    line("Health Status:", &told);
}

fn sync_target(app: &Application) -> String {
    let sources = app.spec.sources();
    let revisions = app.status.revisions();
    match (sources.as_slice(), revisions.as_slice()) {
        ([source], [revision]) => {
            let target = if source.target_revision.is_empty() { "HEAD" } else { &source.target_revision };
            format!(" to {target} ({})", short(revision))
        }
        _ => String::new(),
    }
}

/// Compat(argocd 3.5): the words.
fn policy(app: &Application) -> String {
    match app.spec.automated() {
        None => "Manual".to_owned(),
        Some(automated) if automated.prune() => "Automated (Prune)".to_owned(),
        Some(_) => "Automated".to_owned(),
    }
}

/// Whether a sync may run now, and the windows that say so.
async fn window(plane: &Plane, app: &Application) -> (&'static str, Vec<String>) {
    let found = plane.find_project(app.spec.project()).await;
    let Some(project) = found.ok().flatten().and_then(|o| Project::read(&o).ok()) else {
        return unread_windows(plane, app).await;
    };
    let target = app.window_target();
    let may = |manual: bool| windows::allows(project.windows(), &target, Timestamp::now(), manual, None);
    let automatic = may(false);
    let assigned = automatic.assigned.iter().map(|w| format!("{}:{}:{}", w.kind, w.schedule, w.duration)).collect();
    let word = match (automatic.allowed, may(true).allowed) {
        (true, _) => "Sync Allowed",
        (false, true) => "Manual Allowed",
        (false, false) => "Sync Denied",
    };
    (word, assigned)
}

/// The same where the project may not be seen: of a server's own words.
async fn unread_windows(plane: &Plane, app: &Application) -> (&'static str, Vec<String>) {
    let told = match plane {
        Plane::Server(through) => through.windows(app).await.ok(),
        Plane::Cluster(_) => None,
    };
    let Some(told) = told else { return ("Sync Allowed", Vec::new()) };
    let may = told.get("canSync").and_then(Value::as_bool).unwrap_or(false);
    let text = |window: &Value, field: &str| window.str_at(&[field]).unwrap_or_default().to_owned();
    let line = |w: &Value| format!("{}:{}:{}", text(w, "kind"), text(w, "schedule"), text(w, "duration"));
    let assigned = told.get("assignedWindows").map_or(&[][..], Value::items).iter().map(line).collect();
    (if may { "Sync Allowed" } else { "Sync Denied" }, assigned)
}

/// The lines about an operation.
pub fn operation(state: Option<&OperationState>) {
    let Some(state) = state else { return };
    outln!();
    line("Operation:", "Sync");
    if let Some(result) = &state.sync_result {
        let revision = if result.revision.is_empty() { result.revisions.join(", ") } else { result.revision.clone() };
        line("Sync Revision:", &revision);
    }
    line("Phase:", state.phase.as_str());
    line("Start:", &state.started_at);
    line("Finished:", &state.finished_at);
    let time = |text: &str| text.parse::<Timestamp>().ok();
    if let (Some(start), Some(end)) = (time(&state.started_at), time(&state.finished_at)) {
        line("Duration:", &format!("{}s", end.as_second() - start.as_second()));
    }
    if !state.message.is_empty() {
        line("Message:", &state.message);
    }
}

fn conditions(app: &Application) {
    if app.status.conditions.is_empty() {
        return;
    }
    outln!();
    let mut table = Columns::new(&["CONDITION", "MESSAGE", "LAST TRANSITION"]);
    app.status.conditions.iter().for_each(|c| table.row([&c.kind, &c.message, &c.last_transition_time]));
    table.print();
}

/// The parameters of Helm: of the source at a position, from 1, or of all.
fn parameters(app: &Application, position: Option<usize>) {
    for (_, source) in app.spec.sources().into_iter().enumerate().filter(|(i, _)| position.is_none_or(|p| p == i + 1)) {
        let Some(helm) = &source.helm else { continue };
        outln!();
        let mut table = Columns::new(&["NAME", "VALUE"]);
        helm.parameters.iter().for_each(|p| table.row([&p.name, &p.value]));
        table.print();
    }
}

/// What is shown of one object.
#[derive(Clone, Default, PartialEq)]
pub struct Row {
    pub group: String,
    pub kind: String,
    pub namespace: String,
    pub name: String,
    pub status: String,
    pub health: String,
    pub hook: String,
    pub message: String,
}

impl Row {
    /// Its cells.
    pub fn cells(&self) -> [&str; 8] {
        [&self.group, &self.kind, &self.namespace, &self.name, &self.status, &self.health, &self.hook, &self.message]
    }
}

/// The health of objects, by key.
pub type Healths = BTreeMap<ObjectKey, String>;

/// The health of each object of an Application, looked at now; empty where that cannot be done.
pub async fn healths(plane: &Plane, app: &Application) -> Healths {
    let Ok(nodes) = tree::nodes(plane, app, false).await else { return Healths::new() };
    let mut all: Healths =
        nodes.iter().filter_map(|node| Some((node.key.clone(), node.health.as_ref()?.0.clone()))).collect();
    for r in app.status.resources.iter().filter(|r| !r.hook) {
        let key = ObjectKey::new(&r.group, &r.kind, &r.namespace, &r.name);
        // A tree may list what is managed and not there; it has no uid.
        if !nodes.iter().any(|node| node.key == key && !node.uid.is_empty()) {
            all.insert(key, "Missing".to_owned());
        }
    }
    all
}

/// Compat(argocd 3.5): what the last operation dealt with first, then the rest; of hooks how far they are.
pub fn rows(app: &Application, healths: &Healths) -> Vec<Row> {
    let mut by_key: BTreeMap<ObjectKey, Row> = BTreeMap::new();
    for r in &app.status.resources {
        let key = ObjectKey::new(&r.group, &r.kind, &r.namespace, &r.name);
        let stated = r.health.as_ref().and_then(|h| h.status).map(|s| s.as_str().to_owned());
        let row = Row {
            group: r.group.clone(),
            kind: r.kind.clone(),
            namespace: r.namespace.clone(),
            name: r.name.clone(),
            status: r.status.map(|s| s.as_str()).unwrap_or_default().to_owned(),
            health: healths.get(&key).cloned().or(stated).unwrap_or_default(),
            ..Row::default()
        };
        by_key.insert(key, row);
    }
    let mut all = Vec::new();
    let result = app.status.operation_state.as_ref().and_then(|s| s.sync_result.as_ref());
    for r in result.map_or(&[][..], |result| &result.resources) {
        let key = ObjectKey::new(&r.group, &r.kind, &r.namespace, &r.name);
        let mut row = Row {
            group: r.group.clone(),
            kind: r.kind.clone(),
            namespace: r.namespace.clone(),
            name: r.name.clone(),
            status: r.hook_phase.map(|p| p.as_str()).unwrap_or_default().to_owned(),
            health: r.status.map(|s| s.as_str()).unwrap_or_default().to_owned(),
            hook: r.hook_type.map(|h| h.as_str()).unwrap_or_default().to_owned(),
            message: r.message.clone(),
        };
        if r.hook_type.is_none()
            && let Some(known) = by_key.remove(&key)
        {
            (row.status, row.health) = (known.status, known.health);
        }
        all.push(row);
    }
    all.extend(by_key.into_values());
    all
}

/// The table of objects.
pub async fn objects(plane: &Plane, app: &Application) -> Result<()> {
    let rows = rows(app, &healths(plane, app).await);
    if rows.is_empty() {
        return Ok(());
    }
    outln!();
    let mut table = Columns::new(&["GROUP", "KIND", "NAMESPACE", "NAME", "STATUS", "HEALTH", "HOOK", "MESSAGE"]);
    rows.iter().for_each(|row| table.row(row.cells()));
    table.print();
    Ok(())
}
