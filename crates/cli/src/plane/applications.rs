//! What is done to Applications, either way.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use belay_access::project::Project;
use belay_access::windows;
use belay_argo::names;
use belay_argo::spec::{Application, HistoryEntry, Operation};
use belay_cluster::DeleteOptions;
use belay_object::{Object, Value, object};
use http::Method;
use jiff::Timestamp;

use super::{Plane, SyncRequest, Through, objects, path, status_of, sync, typed};
use crate::argocd::{AppId, Argocd, read};
use crate::args::ChosenFlags;

/// Deletes what the Application made with it.
pub const CASCADE: &str = "resources-finalizer.argocd.argoproj.io";
const KIND: &str = "Application";
/// On an Application: somebody wants it compared.
const REFRESH: &str = "argocd.argoproj.io/refresh";
/// How often a change is made again because somebody else changed the Application meanwhile.
const TRIES: usize = 5;
/// How often a controller's answer is looked for.
const POLL: Duration = Duration::from_millis(200);
/// How long a server may take to show what it wrote itself.
const CAUGHT_UP: Duration = Duration::from_secs(10);
/// What of an Application a change may be about.
const CHANGED: [&[&str]; 4] =
    [&["metadata", "labels"], &["metadata", "annotations"], &["metadata", "finalizers"], &["spec"]];

/// What a server answers of an Application.
fn application(value: Value) -> Result<Object> {
    typed(value, KIND)
}

fn of(id: &AppId, more: &[&str]) -> String {
    let mut parts = vec!["api", "v1", "applications", id.name.as_str()];
    parts.extend(more);
    path(&parts)
}

impl Plane {
    /// An Application's object, if it is there and may be seen. Who names its project learns which of both.
    pub async fn find(&self, id: &AppId, project: &str) -> Result<Option<Object>> {
        let through = match self {
            Plane::Cluster(argo) => return argo.find(id).await,
            Plane::Server(through) => through,
        };
        let query = [("appNamespace", id.namespace.as_str()), ("project", project)];
        match through.server.get(&of(id, &[]), &query).await {
            Ok(value) => application(value).map(Some),
            Err(e) if status_of(&e) == Some(404) && !project.is_empty() => Ok(None),
            Err(e) => Err(e.context(format!("application '{id}'"))),
        }
    }

    /// An Application's object.
    pub async fn object(&self, id: &AppId) -> Result<Object> {
        self.find(id, "")
            .await?
            .with_context(|| format!("application '{}' not found in namespace '{}'", id.name, id.namespace))
    }

    /// An Application.
    pub async fn application(&self, id: &AppId) -> Result<Application> {
        read(&self.object(id).await?)
    }

    /// All Applications with these labels, in order of their names.
    pub async fn all(&self, labels: &str, everywhere: bool) -> Result<Vec<Object>> {
        let through = match self {
            Plane::Cluster(argo) => return argo.all(labels, everywhere).await,
            Plane::Server(through) => through,
        };
        let namespace = if everywhere { "" } else { through.app_namespace.as_str() };
        let query = [("selector", labels), ("appNamespace", namespace)];
        let mut found = objects(through.server.get("/api/v1/applications", &query).await?, KIND)?;
        found.sort_by(|a, b| (a.namespace(), a.name()).cmp(&(b.namespace(), b.name())));
        Ok(found)
    }

    /// The Applications that a command is about: those named, and those selected.
    pub async fn chosen(&self, flags: &ChosenFlags, projects: &[String]) -> Result<Vec<AppId>> {
        let selector = flags.selector.as_deref();
        let mut ids: Vec<AppId> = flags.names.iter().map(|name| self.id(name)).collect();
        if selector.is_some() || !projects.is_empty() {
            for object in self.all(selector.unwrap_or_default(), true).await? {
                let project = object.str_at(&["spec", "project"]).filter(|p| !p.is_empty()).unwrap_or("default");
                let id = AppId { namespace: object.namespace().to_owned(), name: object.name().to_owned() };
                if (projects.is_empty() || projects.iter().any(|p| p == project)) && !ids.contains(&id) {
                    ids.push(id);
                }
            }
        }
        if ids.is_empty() {
            bail!("no application is named, and none matches");
        }
        Ok(ids)
    }

    /// Has an Application compared anew; gives it as it then is.
    pub async fn refreshed(&self, id: &AppId, hard: bool, timeout: Duration) -> Result<Object> {
        let word = if hard { "hard" } else { "normal" };
        let argo = match self {
            Plane::Cluster(argo) => argo,
            Plane::Server(through) => {
                // The server waits for the controller.
                let query = [("appNamespace", id.namespace.as_str()), ("refresh", word)];
                let told = through.server.get(&of(id, &[]), &query).await;
                return application(told.with_context(|| format!("application '{id}'"))?);
            }
        };
        argo.change_app(id, |object| {
            object.set_annotation(REFRESH, word);
            Ok(())
        })
        .await?;
        let deadline = Instant::now() + timeout;
        loop {
            let object = argo.object(id).await?;
            if object.annotation(REFRESH).is_none() {
                return Ok(object);
            }
            if Instant::now() >= deadline {
                bail!("application '{id}' was not compared within {} s: is `belay run` running?", timeout.as_secs());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Makes an Application, or changes one of its name; says which.
    pub async fn create(&self, object: &Object, upsert: bool, validate: bool) -> Result<&'static str> {
        let through = match self {
            Plane::Cluster(argo) => return crate::app::create::on_cluster(argo, object, upsert, validate).await,
            Plane::Server(through) => through,
        };
        let id = AppId { namespace: object.namespace().to_owned(), name: object.name().to_owned() };
        // One that may not be seen is told of by what making it is answered.
        let before = self.find(&id, "").await.ok().flatten();
        let flag = |on: bool| if on { "true" } else { "false" };
        let query = [("upsert", flag(upsert)), ("validate", flag(validate))];
        let made = through.server.send(Method::POST, "/api/v1/applications", &query, Some(object.value())).await?;
        Ok(match before {
            None => "created",
            Some(before) if made.str_at(&["metadata", "resourceVersion"]) == Some(before.resource_version()) => {
                "unchanged"
            }
            Some(_) => "updated",
        })
    }

    /// Changes labels, annotations, finalizers and the spec of an Application: of what is there at the moment, and
    /// again where somebody else was quicker.
    pub async fn change(
        &self,
        id: &AppId,
        validate: bool,
        mut with: impl FnMut(&mut Object) -> Result<()>,
    ) -> Result<Object> {
        match self {
            Plane::Cluster(argo) => {
                if validate {
                    let mut wanted = argo.object(id).await?;
                    let before = wanted.get("spec").cloned();
                    with(&mut wanted)?;
                    if wanted.get("spec") != before.as_ref() {
                        crate::app::create::check(argo, &read(&wanted)?).await?;
                    }
                }
                argo.change_app(id, with).await
            }
            Plane::Server(through) => through.change(id, validate, with).await,
        }
    }

    /// Deletes an Application: with what it made, in the order that `policy` names, or without.
    pub async fn delete(&self, id: &AppId, cascade: bool, policy: &str) -> Result<()> {
        let argo = match self {
            Plane::Cluster(argo) => argo,
            Plane::Server(through) => {
                let project = self.application(id).await?.spec.project().to_owned();
                let policy = if cascade { policy } else { "" };
                let cascade = if cascade { "true" } else { "false" };
                let query = [
                    ("appNamespace", id.namespace.as_str()),
                    ("project", project.as_str()),
                    ("cascade", cascade),
                    ("propagationPolicy", policy),
                ];
                through.server.delete(&of(id, &[]), &query).await?;
                return Ok(());
            }
        };
        let finalizer = match policy {
            _ if !cascade => None,
            "background" => Some(format!("{CASCADE}/background")),
            _ => Some(CASCADE.to_owned()),
        };
        let object = argo
            .change_app(id, |object| {
                let is_cascade = |f: &str| f == CASCADE || f.strip_prefix(CASCADE).is_some_and(|r| r.starts_with('/'));
                let mut all: Vec<String> = object.finalizers().filter(|f| !is_cascade(f)).map(str::to_owned).collect();
                all.extend(finalizer.clone());
                object.set(&["metadata", "finalizers"], all.iter().collect::<Value>());
                Ok(())
            })
            .await?;
        let options = DeleteOptions { uid: object.uid().to_owned(), ..DeleteOptions::default() };
        argo.cluster.delete(&names::applications(), &id.namespace, &id.name, &options).await?;
        Ok(())
    }

    /// Asks for a sync.
    pub async fn sync(&self, id: &AppId, app: &Application, request: &SyncRequest) -> Result<()> {
        match self {
            Plane::Cluster(argo) => begin(argo, id, &request.operation(app), request.dry_run).await,
            Plane::Server(through) => {
                let begun = through.server.post(&of(id, &["sync"]), &request.message(id, app)).await?;
                through.caught_up(id, &application(begun)?).await
            }
        }
    }

    /// Asks for a deployment of the history again.
    pub async fn rollback(&self, id: &AppId, app: &Application, entry: &HistoryEntry, prune: bool) -> Result<()> {
        match self {
            Plane::Cluster(argo) => begin(argo, id, &sync::rollback(app, entry, prune), false).await,
            Plane::Server(through) => {
                let message = object! {
                    "name" => id.name.as_str(), "appNamespace" => id.namespace.as_str(),
                    "project" => app.spec.project(), "id" => entry.id, "prune" => prune,
                };
                let begun = through.server.post(&of(id, &["rollback"]), &message).await?;
                through.caught_up(id, &application(begun)?).await
            }
        }
    }

    /// Has the operation that runs end.
    pub async fn terminate(&self, id: &AppId) -> Result<()> {
        match self {
            Plane::Cluster(argo) => {
                argo.change_app(id, |object| {
                    let app = read(object)?;
                    let runs = app.status.operation_state.as_ref().is_some_and(|s| !s.phase.is_over());
                    if app.operation.is_none() || !runs {
                        // Compat(argo 3.5): the words.
                        bail!("Unable to terminate operation. No operation is in progress");
                    }
                    object.set(&["status", "operationState", "phase"], "Terminating");
                    Ok(())
                })
                .await?;
            }
            Plane::Server(through) => {
                let query = [("appNamespace", id.namespace.as_str())];
                through.server.delete(&of(id, &["operation"]), &query).await?;
            }
        }
        Ok(())
    }
}

/// Writes an operation into an Application, where it may run now.
async fn begin(argo: &Argocd, id: &AppId, operation: &Operation, is_dry: bool) -> Result<()> {
    let project = argo.application(id).await?.spec.project().to_owned();
    let project = argo.cluster.find(&names::projects(), &argo.namespace, &project).await?;
    let project = project.and_then(|o| Project::read(&o).ok());
    argo.change_app(id, |object| {
        let app = read(object)?;
        app.takes_operation().map_err(anyhow::Error::msg)?;
        let is_local = operation.sync.as_ref().is_some_and(|sync| !sync.manifests.is_empty());
        let wants_signatures = |p: &Project| p.effective_source_integrity().is_some_and(|i| i.git.is_some());
        if is_local && project.as_ref().is_some_and(wants_signatures) {
            bail!("cannot use local sync when signature verification is enabled.");
        }
        if let Some(project) = project.as_ref().filter(|_| !is_dry) {
            let decision = windows::allows(project.windows(), &app.window_target(), Timestamp::now(), true, None);
            if !decision.allowed {
                bail!("cannot sync: blocked by sync window: {}", decision.reason);
            }
        }
        object.set(&["operation"], operation.to_value());
        // Compat(argo 3.5): the last one's state goes, so that what is told of this one is this one's.
        object.remove(&["status", "operationState"]);
        Ok(())
    })
    .await?;
    Ok(())
}

impl Through {
    /// Waits until the server shows what it wrote: some of its answers come from a cache, and what is older would
    /// look like an operation that has ended.
    async fn caught_up(&self, id: &AppId, written: &Object) -> Result<()> {
        let number = |object: &Object| object.resource_version().parse::<u64>().ok();
        let Some(wanted) = number(written) else { return Ok(()) };
        let deadline = Instant::now() + CAUGHT_UP;
        let query = [("appNamespace", id.namespace.as_str())];
        loop {
            let now = application(self.server.get(&of(id, &[]), &query).await?)?;
            if number(&now).is_none_or(|now| now >= wanted) || Instant::now() >= deadline {
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn change(
        &self,
        id: &AppId,
        validate: bool,
        mut with: impl FnMut(&mut Object) -> Result<()>,
    ) -> Result<Object> {
        let query = [("appNamespace", id.namespace.as_str())];
        let look = async || {
            let found = self.server.get(&of(id, &[]), &query).await;
            application(found.with_context(|| format!("application '{id}'"))?)
        };
        let mut before = look().await?;
        for tried in 1..=TRIES {
            let mut after = before.clone();
            with(&mut after)?;
            if after.get("operation") != before.get("operation") {
                bail!("an operation is not written through a server: `belay app sync` asks for one");
            }
            let steps = steps(&before, &after);
            if steps.items().is_empty() {
                return Ok(before);
            }
            if !validate {
                return self.put(id, &after).await;
            }
            let message = object! {
                "name" => id.name.as_str(), "appNamespace" => id.namespace.as_str(),
                "project" => before.str_at(&["spec", "project"]).unwrap_or_default(),
                "patch" => steps.to_json(), "patchType" => "json",
            };
            let why = match self.server.send(Method::PATCH, &of(id, &[]), &[], Some(&message)).await {
                Ok(written) => return application(written),
                Err(why) => why,
            };
            // The first step says what was read: where that is no more, somebody else was quicker.
            let now = look().await?;
            let is_other = CHANGED.iter().any(|path| now.at(path) != before.at(path));
            if !is_other || tried == TRIES {
                return Err(why);
            }
            before = now;
        }
        bail!("application '{id}' changes all the time: try again")
    }

    /// Replaces an Application's spec, which is not checked.
    async fn put(&self, id: &AppId, after: &Object) -> Result<Object> {
        let query = [("appNamespace", id.namespace.as_str()), ("validate", "false")];
        self.server.send(Method::PUT, &of(id, &["spec"]), &query, after.get("spec")).await?;
        application(self.server.get(&of(id, &[]), &query[..1]).await?)
    }
}

/// The steps of a JSON patch from one state to another, each behind a look whether what was read still holds.
fn steps(before: &Object, after: &Object) -> Value {
    let mut steps: Vec<Value> = Vec::new();
    for path in CHANGED {
        let pointer = format!("/{}", path.join("/"));
        match (before.at(path), after.at(path)) {
            (was, is) if was == is => {}
            (Some(was), is) => {
                steps.insert(0, object! { "op" => "test", "path" => pointer.as_str(), "value" => was.clone() });
                steps.push(match is {
                    Some(is) => object! { "op" => "replace", "path" => pointer, "value" => is.clone() },
                    None => object! { "op" => "remove", "path" => pointer },
                });
            }
            (None, Some(is)) => steps.push(object! { "op" => "add", "path" => pointer, "value" => is.clone() }),
            (None, None) => {}
        }
    }
    steps.into_iter().collect()
}

#[cfg(test)]
mod tests;
