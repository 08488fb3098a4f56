//! One turn of one Application: what is due goes to the outbox; what was sent is written down.

use std::sync::Arc;

use belay_cluster::{ErrorKind, Patch, WriteOptions};
use belay_controller::Next;
use belay_notify::{Config, Destinations, Message, Notification, Sent, Subject, due};
use belay_object::{Map, Object, Value};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::outside::Source;
use super::{AGAIN, Memory, NOTIFIED, Notifications, PREFIX};
use crate::controller::world::{Name, World};
use crate::names::applications;

/// The field manager of the annotation.
// Compat(argo-cd 3.5)
const MANAGER: &str = "argocd-notifications";

/// Takes one.
pub(super) async fn take(this: &Notifications, name: Name) -> Next {
    let object = this.world.applications.object(&name.namespace, &name.name);
    let Some(app) = this.written.newer(&name, object) else {
        this.memories.lock().remove(&name);
        this.written.shown(&name, None);
        return Next::Done;
    };
    let Some(config) = this.config.read().clone() else { return Next::Done };
    if !this.world.follows(&name.namespace) {
        return Next::Done;
    }
    let remembered = this.memories.lock().get(&name).map(|memory| memory.sent.clone()).unwrap_or_default();
    let mut sent = Sent::read(app.annotation(NOTIFIED).unwrap_or_default());
    for (key, at) in &remembered {
        sent.add(key, *at);
    }
    let next = match is_fresh(&app) {
        true => look(this, &name, &app, &config, &mut sent).await,
        // What was sent is written down all the same.
        false => Next::Done,
    };
    match write(this, &name, &app, &sent).await {
        Ok(()) => {
            let mut memories = this.memories.lock();
            if let Some(memory) = memories.get_mut(&name) {
                memory.sent.retain(|key, _| !remembered.contains_key(key));
                if memory.is_empty() {
                    memories.remove(&name);
                }
            }
            next
        }
        Err(error) if error.is_not_found() => Next::Done,
        Err(error) => {
            // Another one wrote meanwhile, which happens all the time while an operation runs.
            if error.kind() != ErrorKind::Conflict {
                tracing::warn!(application = ?name, %error, "what was told could not be written down; tried again");
            }
            Next::Retry
        }
    }
}

/// Evaluates what somebody wants to hear of. Conditions that are no longer met are forgotten.
async fn look(this: &Notifications, name: &Name, app: &Arc<Object>, config: &Arc<Config>, sent: &mut Sent) -> Next {
    let project = project(&this.world, app);
    let (destinations, mut problems) = destinations(config, app, project.as_deref());
    if destinations.is_empty() {
        return Next::Done;
    }
    let subject = subject(&this.world, app, project.as_deref());
    // A condition may ask for a commit, and wait for it.
    let (with, known, about) = (config.clone(), sent.clone(), subject.clone());
    let found = tokio::task::spawn_blocking(move || due(&with, &destinations, &known, &about)).await;
    let found = match found {
        Ok(found) => found,
        Err(panic) => {
            tracing::error!(application = ?name, %panic, "conditions could not be evaluated");
            return Next::After(AGAIN);
        }
    };
    for (trigger, (met, not_met)) in &found.evaluated {
        for (triggered, count) in [("true", met), ("false", not_met)].into_iter().filter(|(_, count)| **count > 0) {
            this.evaluations.add(&[trigger, triggered], f64::from(*count));
        }
    }
    for key in &found.over {
        sent.remove(key);
    }
    problems.extend(found.problems);
    tell(this, name, &problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
    let mut next = AGAIN;
    let now = Instant::now();
    let mut offered = Vec::new();
    {
        let mut memories = this.memories.lock();
        let memory = memories.entry(name.clone()).or_default();
        memory.failed.retain(|key, _| found.messages.iter().any(|message| message.key == *key));
        for message in found.messages {
            let later = memory.failed.get(&message.key).map(|(_, again)| *again).filter(|again| *again > now);
            if let Some(again) = later {
                next = next.min(again - now);
            } else if memory.pending.insert(message.key.clone()) {
                offered.push(message);
            }
        }
    }
    for message in offered {
        if let Err((message, why)) = offer(this, name, message, config, &subject).await {
            tracing::warn!(
                application = ?name, trigger = message.trigger, service = message.to.service, error = why,
                "notification not sent; tried again"
            );
            let mut memories = this.memories.lock();
            let memory: &mut Memory = memories.entry(name.clone()).or_default();
            memory.pending.remove(&message.key);
            memory.fail(message.key.clone());
            let again = memory.failed.get(&message.key).map_or(now, |(_, again)| *again);
            next = next.min(again.saturating_duration_since(now));
        }
    }
    Next::After(next)
}

/// Renders a message and hands it to the outbox.
async fn offer(
    this: &Notifications,
    name: &Name,
    message: Message,
    config: &Arc<Config>,
    subject: &Subject,
) -> Result<(), (Message, String)> {
    // Templates may compute for a while, and wait for a commit.
    let (asked, with, about) = (message.clone(), config.clone(), subject.clone());
    let rendered = tokio::task::spawn_blocking(move || asked.render(&with, &about)).await;
    let text: Notification = match rendered {
        Ok(Ok(text)) => text,
        Ok(Err(error)) => return Err((message, error.to_string())),
        Err(panic) => return Err((message, format!("the template could not be rendered: {panic}"))),
    };
    let taken = this.outbox.offer(name.clone(), message.clone(), text, config.clone());
    taken.map_err(|error| (message, error.to_string()))
}

/// Says what cannot be evaluated, once.
fn tell(this: &Notifications, name: &Name, problems: &str) {
    let mut memories = this.memories.lock();
    if problems.is_empty() && !memories.contains_key(name) {
        return;
    }
    let memory = memories.entry(name.clone()).or_default();
    if memory.problems != problems {
        if !problems.is_empty() {
            tracing::warn!(application = ?name, "notifications: {problems}");
        }
        problems.clone_into(&mut memory.problems);
    }
}

/// Whether what is said of an Application is of after its last operation: until it was compared again, its sync
/// status is that of before.
// Compat(argo-cd 3.5): isAppSyncStatusRefreshed
pub(super) fn is_fresh(app: &Object) -> bool {
    let text = |path: &[&str]| app.str_at(path);
    if !matches!(text(&["status", "operationState", "phase"]), Some("Failed" | "Error" | "Succeeded")) {
        return true;
    }
    let time = |path: &[&str]| text(path).and_then(|t| t.parse::<Timestamp>().ok());
    let Some(finished) = time(&["status", "operationState", "finishedAt"]) else { return false };
    let is_before = |path: &[&str]| time(path).is_none_or(|looked| looked < finished);
    !(is_before(&["status", "reconciledAt"]) && is_before(&["status", "observedAt"]))
}

fn project(world: &World, app: &Object) -> Option<Arc<Object>> {
    let name = app.str_at(&["spec", "project"]).filter(|name| !name.is_empty()).unwrap_or("default");
    world.projects.object(&world.settings.namespace, name)
}

/// Who wants to hear: by default, by the Application's annotations and by its project's.
fn destinations(config: &Config, app: &Object, project: Option<&Object>) -> (Destinations, Vec<belay_notify::Error>) {
    let mut found = Destinations::by_default(config, app.labels());
    let mut problems = found.subscribe(config, PREFIX, app.annotations());
    problems.extend(found.subscribe(config, PREFIX, project.and_then(Object::annotations)));
    (found, problems)
}

fn subject(world: &Arc<World>, app: &Object, project: Option<&Object>) -> Subject {
    let text = |path: &[&str]| app.str_at(path).unwrap_or_default().to_owned();
    let project_value = project.map_or_else(Value::object, |project| project.value().clone());
    Subject {
        values: vec![("app", Arc::new(app.value().clone())), ("appProject", Arc::new(project_value))],
        outside: Arc::new(Source {
            world: world.clone(),
            repo_url: text(&["spec", "source", "repoURL"]),
            project: text(&["spec", "project"]),
            runtime: Handle::current(),
        }),
        now_unix_ns: Timestamp::now().as_nanosecond(),
    }
}

/// Writes the annotation alone, and only over the version that was read: what another one noted meanwhile is kept.
async fn write(this: &Notifications, name: &Name, app: &Object, sent: &Sent) -> belay_cluster::Result<()> {
    // What another program wrote in other words stays as it is.
    if *sent == Sent::read(app.annotation(NOTIFIED).unwrap_or_default()) {
        return Ok(());
    }
    let text = sent.to_text();
    let mut patch = Value::object();
    patch.set(&["metadata", "resourceVersion"], app.resource_version());
    let mut annotations = Map::new();
    annotations.insert(NOTIFIED, text.map_or(Value::Null, Value::from));
    patch.set(&["metadata", "annotations"], Value::Object(annotations));
    let options = WriteOptions { field_manager: MANAGER.to_owned(), ..WriteOptions::default() };
    let cluster = &this.world.cluster;
    let written = cluster.patch(&applications(), &name.namespace, &name.name, &Patch::Merge(patch), &options).await?;
    this.written.put(name.clone(), written);
    Ok(())
}
