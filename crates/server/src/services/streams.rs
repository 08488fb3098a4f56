//! Changes as they come: of Applications, of one Application's tree.

use std::collections::HashMap;
use std::sync::Arc;

use belay_argo::spec::Application;
use belay_object::{Object, Value, object};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Duration, Instant, sleep, timeout};

use crate::answer::Answer;
use crate::call::Call;
use crate::guard::{Guard, Sink, TICK, stream};
use crate::places;
use crate::rights::{may_to, project_of_app};
use crate::services::applications::named;
use crate::services::listed::Filter;
use crate::services::trees::put_together;
use crate::snapshot::Snapshot;
use crate::{Code, Error};

/// Changes that come together are told as one.
const SETTLE: Duration = Duration::from_millis(150);

/// The Applications. Compat(argo 3.5): all are told first, unless a version says from where on: then those
/// that are newer; one that is named alone is of the control plane's namespace.
pub(crate) async fn applications(call: Call) -> Result<Answer, Error> {
    let filter = Filter::read(&call)?.at_home(&call.api.options.namespace);
    let from = call.query("resourceVersion").parse::<u64>().ok().filter(|_| !call.has_query("name"));
    let guard = Guard::of(&call);
    // Before the first look, so that nothing is missed between the two.
    let mut changes = call.api.watches.application_changes();
    call.api.watches.applications().await?;
    Ok(stream(move |sink| async move {
        let at = guard.check().await?;
        let mut told = Told { filter, guard, at, checked: Instant::now(), sink, known: HashMap::new(), from };
        told.everything().await?;
        loop {
            match timeout(TICK, changes.recv()).await {
                Err(_) => told.look().await?,
                Ok(Ok(change)) => told.one(change.0.as_ref(), change.1.as_ref(), change.0.is_none()).await?,
                // The reader was too slow: what is now is told instead of what was. What a reader knows who
                // began at a version is not known here: they begin anew.
                Ok(Err(RecvError::Lagged(_))) if from.is_some() => {
                    return Err(Error::aborted("too many changes were missed: list the applications anew"));
                }
                Ok(Err(RecvError::Lagged(_))) => told.everything().await?,
                Ok(Err(RecvError::Closed)) => return Ok(()),
            }
        }
    }))
}

/// How long a flood of messages goes on until the reader's token is looked at again.
const LOOK: Duration = Duration::from_secs(1);

/// What one reader was told.
struct Told {
    filter: Filter,
    guard: Guard,
    at: Arc<Snapshot>,
    checked: Instant,
    sink: Sink,
    /// The version of each Application that was told.
    known: HashMap<(String, String), String>,
    /// The reader knows what is as old.
    from: Option<u64>,
}

impl Told {
    /// Looks whether the reader still may.
    async fn look(&mut self) -> Result<(), Error> {
        self.at = self.guard.check().await?;
        self.checked = Instant::now();
        Ok(())
    }

    async fn everything(&mut self) -> Result<(), Error> {
        let mut all = self.guard.api.watches.applications.objects();
        all.sort_by(|a, b| (a.name(), a.namespace()).cmp(&(b.name(), b.namespace())));
        let there: HashMap<(String, String), &Arc<Object>> = all.iter().map(|app| (key(app), app)).collect();
        let lost = |key: &&(String, String)| there.get(*key).is_none_or(|app| !self.is_for_them(app));
        let lost: Vec<(String, String)> = self.known.keys().filter(lost).cloned().collect();
        for key in lost {
            self.known.remove(&key);
            let mut gone = Object::of("argoproj.io/v1alpha1", "Application", &key.0, &key.1);
            gone.set(&["spec"], Value::object());
            self.send("DELETED", &gone).await?;
        }
        for app in &all {
            self.one(None, Some(app), false).await?;
        }
        Ok(())
    }

    /// Tells of one change, if the reader may see it and has not.
    /// `is_new` is one that was not there before.
    async fn one(
        &mut self,
        before: Option<&Arc<Object>>,
        after: Option<&Arc<Object>>,
        is_new: bool,
    ) -> Result<(), Error> {
        if self.checked.elapsed() >= LOOK || self.guard.api.watches.is_old(&self.at) {
            self.look().await?;
        }
        let Some(subject) = after.or(before) else { return Ok(()) };
        let key = key(subject);
        // A reader who began at a version knows what was there, though it was not told here. Of what has
        // changed since, and before this stream, nobody knows what it was: it is told as changed.
        let is_listed = self.from.is_some() && before.is_none_or(|app| self.is_for_them(app)) && !is_new;
        let Some(app) = after.filter(|app| self.is_for_them(app)) else {
            // What it was is told again, never what it is now: that may not be seen.
            let was_known = self.known.remove(&key).is_some() || is_listed;
            return match before {
                Some(before) if was_known => self.send("DELETED", before).await,
                _ => Ok(()),
            };
        };
        let version = app.resource_version();
        let is_old = |from: u64| version.parse::<u64>().is_ok_and(|version| version <= from);
        if self.from.is_some_and(is_old) {
            return Ok(());
        }
        let is_known = match self.known.get(&key) {
            Some(known) if known == version => return Ok(()),
            known => known.is_some() || is_listed,
        };
        self.known.insert(key, version.to_owned());
        self.send(if is_known { "MODIFIED" } else { "ADDED" }, app).await
    }

    /// Whether an Application is asked for by the reader, who may see it.
    fn is_for_them(&self, app: &Object) -> bool {
        let Guard { api, caller, .. } = &self.guard;
        self.filter.wants(app) && may_to(api, &self.at, caller, "applications", "get", app)
    }

    /// Sends a message. Where the reader is gone the stream's work is given up, not this alone.
    async fn send(&self, kind: &str, app: &Object) -> Result<(), Error> {
        let message = object! { "type" => kind, "application" => app.value().clone() };
        let gone = |_| Error::new(Code::Canceled, "the reader is gone");
        self.sink.send(Ok(message)).await.map_err(gone)
    }
}

fn key(app: &Object) -> (String, String) {
    (app.namespace().to_owned(), app.name().to_owned())
}

/// The tree of one Application, whenever it changes.
pub(crate) async fn tree(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "get").await?;
    let place = places::of(&call, &target.app, &target.project).await?;
    let mut watched = call.api.nodes.of(&call.at, &place).await?;
    let mut applications = call.api.watches.application_changes();
    let guard = Guard::of_application(&call, &target.object, &["applications"]);
    Ok(stream(move |sink| async move {
        let mut changes = watched.changes();
        let mut last = Value::Null;
        loop {
            let Some(object) = guard.application() else { return Ok(()) };
            let at = guard.check().await?;
            // As it stands now: its project, and where it goes, may be others than before.
            let project = project_of_app(&at, &guard.api.options.namespace, &object)?;
            let place = places::at(&guard.api, &at, &Application::read(&object)?, &project).await?;
            let current = guard.api.nodes.of(&at, &place).await?;
            if !Arc::ptr_eq(&current, &watched) {
                changes = current.changes();
                watched = current;
            }
            changes.mark_unchanged();
            let now = put_together(&object, &project, &place, &watched).to_value();
            if now != last {
                if sink.send(Ok(now.clone())).await.is_err() {
                    return Ok(());
                }
                last = now;
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return Ok(()) },
                () = mine(&mut applications, object.namespace(), object.name()) => {}
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
