//! Changes as they come: of Applications, of one Application's tree.

use std::collections::HashMap;
use std::sync::Arc;

use belay_object::{Object, Value, object};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;
use crate::guard::{Guard, Sink, TICK, stream};
use crate::places;
use crate::rights::{may, project_name};
use crate::services::applications::named;
use crate::services::listed::Filter;
use crate::services::trees::put_together;
use crate::snapshot::Snapshot;

/// Changes that come together are told as one.
const SETTLE: Duration = Duration::from_millis(150);

/// The Applications. Compat(argo 3.5): all are told first, unless a version says from where on.
pub(crate) async fn applications(call: Call) -> Result<Answer, Error> {
    let filter = Filter::read(&call)?;
    let from = call.query("resourceVersion").parse::<u64>().ok().filter(|_| !call.has_query("name"));
    let guard = Guard::of(&call, Vec::new());
    // Before the first look, so that nothing is missed between the two.
    let mut changes = call.api.watches.application_changes();
    call.api.watches.applications().await?;
    Ok(stream(move |sink| async move {
        let mut told = Told { filter, guard, sink, known: HashMap::new(), from: from.unwrap_or_default() };
        let mut at = told.guard.check().await?;
        if from.is_none() {
            told.everything(&at).await;
        }
        let mut checked = Instant::now();
        loop {
            let change = timeout(TICK, changes.recv()).await;
            // A flood of changes is one check of the token, a quiet hour one each tick.
            if change.is_err() || checked.elapsed() >= Duration::from_secs(1) || told.is_old(&at) {
                at = told.guard.check().await?;
                checked = Instant::now();
            }
            let sent = match change {
                Err(_) => Ok(()),
                Ok(Ok(change)) => told.one(&at, change.0.as_ref(), change.1.as_ref()).await,
                // The reader was too slow: what is now is told instead of what was.
                Ok(Err(RecvError::Lagged(_))) => {
                    told.everything(&at).await;
                    Ok(())
                }
                Ok(Err(RecvError::Closed)) => return Ok(()),
            };
            if sent.is_err() {
                return Ok(());
            }
        }
    }))
}

/// What one reader was told.
struct Told {
    filter: Filter,
    guard: Guard,
    sink: Sink,
    /// The version of each Application that was told.
    known: HashMap<(String, String), String>,
    /// Older ones are not told.
    from: u64,
}

/// The reader is gone.
struct Gone;

impl Told {
    fn is_old(&self, at: &Arc<Snapshot>) -> bool {
        self.guard.api.watches.is_old(at)
    }

    async fn everything(&mut self, at: &Snapshot) {
        let mut all = self.guard.api.watches.applications.objects();
        all.sort_by(|a, b| (a.name(), a.namespace()).cmp(&(b.name(), b.namespace())));
        let there: std::collections::HashSet<(String, String)> = all.iter().map(|app| key(app)).collect();
        let lost: Vec<(String, String)> = self.known.keys().filter(|key| !there.contains(*key)).cloned().collect();
        for key in lost {
            self.known.remove(&key);
            let mut gone = Object::of("argoproj.io/v1alpha1", "Application", &key.0, &key.1);
            gone.set(&["spec"], Value::object());
            if self.send("DELETED", &gone).await.is_err() {
                return;
            }
        }
        for app in all {
            if self.one(at, None, Some(&app)).await.is_err() {
                return;
            }
        }
    }

    /// Tells of one change, if the reader may see it and has not.
    async fn one(
        &mut self,
        at: &Snapshot,
        before: Option<&Arc<Object>>,
        after: Option<&Arc<Object>>,
    ) -> Result<(), Gone> {
        let Some(subject) = after.or(before) else { return Ok(()) };
        let key = key(subject);
        let visible = after.filter(|app| self.filter.wants(app) && self.may_see(at, app));
        let Some(app) = visible else {
            // What it was is told again, never what it is now: that may not be seen.
            let was = self.known.remove(&key);
            return match (was, before) {
                (Some(_), Some(before)) if self.may_see(at, before) || after.is_some() => {
                    self.send("DELETED", before).await
                }
                _ => Ok(()),
            };
        };
        let version = app.resource_version();
        if version.parse::<u64>().is_ok_and(|version| version <= self.from) {
            return Ok(());
        }
        let is_known = match self.known.get(&key) {
            Some(known) if known == version => return Ok(()),
            known => known.is_some() || (self.from > 0 && before.is_some()),
        };
        self.known.insert(key, version.to_owned());
        let app = app.clone();
        self.send(if is_known { "MODIFIED" } else { "ADDED" }, &app).await
    }

    fn may_see(&self, at: &Snapshot, app: &Object) -> bool {
        let own = &self.guard.api.options.namespace;
        let enabled = app.namespace() == own || at.config.settings.parameters.namespaces.matches(app.namespace());
        let object = match app.namespace() == own {
            true => format!("{}/{}", project_name(app), app.name()),
            false => format!("{}/{}/{}", project_name(app), app.namespace(), app.name()),
        };
        enabled && may(at, &self.guard.caller, "applications", "get", &object)
    }

    async fn send(&self, kind: &str, app: &Object) -> Result<(), Gone> {
        let message = object! { "type" => kind, "application" => app.value().clone() };
        self.sink.send(Ok(message)).await.map_err(|_| Gone)
    }
}

fn key(app: &Object) -> (String, String) {
    (app.namespace().to_owned(), app.name().to_owned())
}

/// The tree of one Application, whenever it changes.
pub(crate) async fn tree(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "get").await?;
    let place = places::of(&call, &target.app, &target.project).await?;
    let watched = call.api.nodes.of(&call.at, &place).await?;
    let mut applications = call.api.watches.application_changes();
    let guard = Guard::of(&call, vec![("applications", target.rbac.clone())]);
    let (namespace, name) = (target.object.namespace().to_owned(), target.object.name().to_owned());
    let project = target.project;
    Ok(stream(move |sink| async move {
        let mut changes = watched.changes();
        let mut last = Value::Null;
        loop {
            guard.check().await?;
            watched.touch();
            let Some(object) = guard.api.watches.applications.object(&namespace, &name) else { return Ok(()) };
            changes.mark_unchanged();
            let now = put_together(&object, &project, &watched).to_value();
            if now != last {
                if sink.send(Ok(now.clone())).await.is_err() {
                    return Ok(());
                }
                last = now;
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return Ok(()) },
                () = mine(&mut applications, &namespace, &name) => {}
                () = sleep(TICK) => continue,
            }
            sleep(SETTLE).await;
        }
    }))
}

/// Waits until one Application has changed.
async fn mine(changes: &mut crate::snapshot::ApplicationChanges, namespace: &str, name: &str) {
    loop {
        match changes.recv().await {
            Ok(change) => {
                let subject = change.1.as_ref().or(change.0.as_ref());
                if subject.is_some_and(|app| app.namespace() == namespace && app.name() == name) {
                    return;
                }
            }
            Err(RecvError::Lagged(_)) => return,
            // Nothing changes any more; the tick goes on.
            Err(RecvError::Closed) => std::future::pending::<()>().await,
        }
    }
}
