//! `belay app wait`, and the waiting of the other commands.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use belay_argo::spec::{Application, HealthCode, SyncCode};
use belay_object::Object;
use jiff::Timestamp;

use super::selector::{self, Selector};
use super::view::{self, Healths, Row};
use crate::argocd::{AppId, print_value, read};
use crate::args::{AppWaitArgs, Form};
use crate::outln;
use crate::output::clean;
use crate::plane::Plane;

/// How often to look.
const POLL: Duration = Duration::from_millis(200);

/// What is waited for.
#[derive(Clone, Copy, Default, Debug)]
pub struct Until {
    pub sync: bool,
    pub health: bool,
    pub degraded: bool,
    pub suspended: bool,
    pub operation: bool,
    pub hydrated: bool,
    pub delete: bool,
}

pub async fn wait(plane: &Plane, args: &AppWaitArgs) -> Result<u8> {
    let ids = plane.chosen(&args.chosen, &[]).await?;
    let mut until = Until {
        sync: args.sync,
        health: args.health,
        degraded: args.degraded,
        suspended: args.suspended,
        operation: args.operation,
        hydrated: args.hydrated,
        delete: args.delete,
    };
    let named = [args.sync, args.health, args.degraded, args.suspended, args.operation, args.hydrated, args.delete];
    if !named.contains(&true) {
        // Compat(argocd 3.5): without a word, all of these.
        (until.sync, until.health, until.operation) = (true, true, true);
    }
    let selectors = selector::read(&args.resource)?;
    for id in ids {
        let Some(object) = wait_for(plane, &id, "", until, &selectors, args.timeout, args.output).await? else {
            outln!("application '{id}' deleted");
            continue;
        };
        summary(plane, &object, args.output).await?;
    }
    Ok(0)
}

/// What is told of an Application at the end of a wait.
pub async fn summary(plane: &Plane, object: &Object, form: Form) -> Result<()> {
    if matches!(form, Form::Json | Form::Yaml) {
        return print_value(object.value(), form);
    }
    let app = read(object)?;
    outln!();
    view::header(plane, &app).await;
    view::operation(app.status.operation_state.as_deref());
    view::objects(plane, &app).await
}

/// Waits for an Application that is there until the end.
pub async fn there(
    plane: &Plane,
    id: &AppId,
    until: Until,
    selectors: &[Selector],
    timeout: Duration,
    form: Form,
) -> Result<Object> {
    let found = wait_for(plane, id, "", until, selectors, timeout, form).await?;
    found.with_context(|| format!("application '{id}' is gone"))
}

/// Waits until an Application is gone.
pub async fn gone(plane: &Plane, id: &AppId, app: &Application, timeout: Duration) -> Result<()> {
    let until = Until { delete: true, ..Until::default() };
    wait_for(plane, id, app.spec.project(), until, &[], timeout, Form::Json).await.map(drop)
}

/// Waits for one Application; gives it as it then is, or nothing where it is gone. `project` is its project where
/// that is known: a server tells only who knows it that an Application is gone.
async fn wait_for(
    plane: &Plane,
    id: &AppId,
    project: &str,
    until: Until,
    selectors: &[Selector],
    timeout: Duration,
    form: Form,
) -> Result<Option<Object>> {
    let deadline = (!timeout.is_zero()).then(|| Instant::now() + timeout);
    let mut news = News::new(form);
    let mut project = project.to_owned();
    loop {
        let Some(object) = plane.find(id, &project).await? else {
            if until.delete {
                return Ok(None);
            }
            bail!("application '{id}' is gone");
        };
        let app = read(&object)?;
        app.spec.project().clone_into(&mut project);
        // Health of single objects is asked for only where it is waited for.
        let wants_objects = !selectors.is_empty() && (until.health || until.degraded || until.suspended);
        let healths = if wants_objects { view::healths(plane, &app).await } else { Healths::new() };
        let rows = view::rows(&app, &healths);
        news.tell(&rows, selectors);
        if is_reached(&app, &rows, until, selectors) {
            return Ok(Some(object));
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            bail!("timed out ({}s) waiting for app {:?} match desired state", timeout.as_secs(), id.to_string());
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Whether an Application is as it is waited for.
fn is_reached(app: &Application, rows: &[Row], until: Until, selectors: &[Selector]) -> bool {
    if until.delete || (until.operation && is_busy(app)) {
        return false;
    }
    let wanted_health = |health: &str| {
        let words = [
            (until.health, HealthCode::Healthy),
            (until.degraded, HealthCode::Degraded),
            (until.suspended, HealthCode::Suspended),
        ];
        let any = words.iter().any(|(on, _)| *on);
        !any || words.iter().any(|(on, code)| *on && code.as_str() == health)
    };
    if until.hydrated && app.status.source_hydrator.str_at(&["currentOperation", "phase"]) != Some("Hydrated") {
        return false;
    }
    if selectors.is_empty() {
        let health = app.status.health.status.map(|s| s.as_str()).unwrap_or_default();
        return wanted_health(health) && (!until.sync || app.status.sync.status == Some(SyncCode::Synced));
    }
    let meant = rows.iter().filter(|r| selector::selects(selectors, &r.group, &r.kind, &r.namespace, &r.name));
    // What has no health of its own is as it should be.
    let is_well = |r: &Row| {
        (r.health.is_empty() && !until.degraded || wanted_health(&r.health))
            && (!until.sync || r.status == SyncCode::Synced.as_str())
    };
    let meant: Vec<&Row> = meant.collect();
    !meant.is_empty() && meant.into_iter().all(is_well)
}

/// Whether an operation is asked for, runs, or has ended and was not looked at since.
pub fn is_busy(app: &Application) -> bool {
    if app.operation.is_some() {
        return true;
    }
    let Some(state) = &app.status.operation_state else { return false };
    if !state.phase.is_over() {
        return true;
    }
    let is_dry = state.operation.sync.as_ref().is_some_and(|s| s.dry_run);
    let time = |text: &str| text.parse::<Timestamp>().ok();
    match (time(&app.status.reconciled_at), time(&state.finished_at)) {
        _ if is_dry => false,
        (Some(seen), Some(ended)) => seen < ended,
        (None, _) => true,
        (_, None) => false,
    }
}

/// The lines that tell of objects as they change.
struct News {
    known: Vec<Row>,
    is_silent: bool,
    has_header: bool,
}

impl News {
    fn new(form: Form) -> News {
        News { known: Vec::new(), is_silent: matches!(form, Form::Json | Form::Yaml), has_header: false }
    }

    fn tell(&mut self, rows: &[Row], selectors: &[Selector]) {
        if self.is_silent {
            return;
        }
        for row in rows.iter().filter(|r| selector::selects(selectors, &r.group, &r.kind, &r.namespace, &r.name)) {
            if self.known.contains(row) {
                continue;
            }
            if !std::mem::replace(&mut self.has_header, true) {
                line("TIMESTAMP", ["GROUP", "KIND", "NAMESPACE", "NAME", "STATUS", "HEALTH", "HOOK", "MESSAGE"]);
            }
            line(&Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), row.cells());
        }
        self.known = rows.to_vec();
    }
}

/// Compat(argocd 3.5): the widths.
fn line(time: &str, cells: [&str; 8]) {
    let [group, kind, namespace, name, status, health, hook, message] = cells.map(clean);
    outln!(
        "{time:<27}{group:>6}  {kind:>12}  {namespace:>12}  {name:>20}  {status:>9}  {health:>11}  {hook:>8}  {message}"
    );
}
