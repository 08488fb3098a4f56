//! Applying: each stage is checked whole before any of it is written.
//!
//! For every object that is not known to be as desired: a dry run; where it exists already, a read and
//! the take-over of earlier managers' fields; then, once the whole stage passed, the apply. An object
//! that the server refuses therefore keeps the rest of its stage from being written.

use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{ApplyOptions, DeleteOptions, Patch, Propagation, Resource, WriteOptions};
use belay_object::{Object, Value};
use belay_plan::{Action, Apply, Before, DeletionCertificate, Done, Refusal, Step};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use tokio::time::Instant;

use crate::app::App;
use crate::journal::{Journal, MAX_CERTIFICATES, Progress};

/// Checks and applies of one App that are under way at once; the cluster's own adaptive limit stands
/// behind it.
const CONCURRENCY: usize = 16;
/// Refusals that are told; a manifest of a thousand wrong objects is told by its first ones.
const MAX_ERRORS: usize = 10;
/// How long a deleted object is waited for before it is created again.
const RECREATE_WAIT: Duration = Duration::from_secs(60);

/// The end of one step, with the live object where it was seen.
pub(crate) struct Outcome {
    /// What was done.
    pub done: Done,
    /// The object as it stands after it; `None` where it was skipped.
    pub live: Option<Object>,
}

/// What a check found.
enum Checked {
    End(Outcome),
    Write(Arc<Resource>, Apply),
    Recreate(Arc<Resource>, DeletionCertificate),
}

/// Reads what a server's refusal says.
pub(crate) fn refusal(error: &belay_cluster::Error) -> Refusal {
    match error.status() {
        Some(status) => Refusal {
            code: status.code,
            reason: status.reason.clone(),
            message: status.message.clone(),
            manager_conflict: error.is_field_conflict(),
        },
        // The object is named by who tells; nobody was asked anything.
        None if error.kind() == belay_cluster::ErrorKind::UnknownKind => {
            let message = std::iter::once(error.message()).chain(error.hints().iter().map(String::as_str));
            Refusal { message: message.collect::<Vec<_>>().join("; "), ..Refusal::default() }
        }
        None => Refusal { message: error.to_string(), ..Refusal::default() },
    }
}

/// One step with the place that its manifest came from.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    pub step: &'a Step,
    /// `apps/shop.yaml:12`, empty where not known.
    pub origin: &'a str,
}

impl Item<'_> {
    fn told(&self, message: String) -> String {
        if self.origin.is_empty() { message } else { format!("{message} (in {})", self.origin) }
    }
}

/// Applies the steps of one stage that need it. Outcomes are entered as they come, so that those
/// before a failure are not lost; an error is the sentences to tell.
pub(crate) async fn apply_stage(
    app: &App,
    items: &[Item<'_>],
    journal: &dyn Journal,
    outcomes: &mut Vec<Outcome>,
) -> Result<(), String> {
    let checks: Vec<Result<Checked, String>> =
        at_once(items.iter().map(|item| check(app, *item).boxed()).collect()).await;
    let errors: Vec<&String> = checks.iter().filter_map(|c| c.as_ref().err()).collect();
    if !errors.is_empty() {
        return Err(told(&errors));
    }
    record_recreations(&checks, journal).await?;
    // Objects of one kind go together and kinds follow each other: what others refer to is there first.
    for group in by_kind(items, checks) {
        let done = at_once(group.into_iter().map(|(item, checked)| act(app, item, checked).boxed()).collect()).await;
        let mut failed = Vec::new();
        for outcome in done {
            match outcome {
                Ok(outcome) => outcomes.push(outcome),
                Err(why) => failed.push(why),
            }
        }
        if !failed.is_empty() {
            return Err(told(&failed.iter().collect::<Vec<_>>()));
        }
    }
    Ok(())
}

/// Records the certificates of what is deleted to be created again (ACT-1).
async fn record_recreations(checks: &[Result<Checked, String>], journal: &dyn Journal) -> Result<(), String> {
    let certificates = checks.iter().filter_map(|checked| match checked {
        Ok(Checked::Recreate(_, certificate)) => Some(certificate.record()),
        _ => None,
    });
    let certificates: Vec<Value> = certificates.collect();
    for some in certificates.chunks(MAX_CERTIFICATES) {
        let intent = Progress::Deleting { certificates: some.to_vec() };
        journal.record(intent).await.map_err(|e| e.to_string())?;
    }
    Ok(())
}

fn by_kind<'a>(items: &[Item<'a>], checks: Vec<Result<Checked, String>>) -> Vec<Vec<(Item<'a>, Checked)>> {
    let mut groups: Vec<Vec<(Item<'a>, Checked)>> = Vec::new();
    for (item, checked) in items.iter().zip(checks) {
        let Ok(checked) = checked else { continue };
        match groups.last_mut() {
            Some(group) if group[0].0.step.key().kind == item.step.key().kind => group.push((*item, checked)),
            _ => groups.push(vec![(*item, checked)]),
        }
    }
    groups
}

/// Runs futures, some at once, and gives their results in order.
pub(crate) async fn at_once<T>(futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
    stream::iter(futures).buffered(CONCURRENCY).collect().await
}

fn told(errors: &[&String]) -> String {
    let mut text = errors.iter().take(MAX_ERRORS).map(|e| e.as_str()).collect::<Vec<_>>().join("\n");
    if errors.len() > MAX_ERRORS {
        text.push_str(&format!("\nand {} more", errors.len() - MAX_ERRORS));
    }
    text
}

async fn check(app: &App, item: Item<'_>) -> Result<Checked, String> {
    let step = item.step;
    let refused = |e: belay_cluster::Error| item.told(refusal(&e).dry_run_message(step.key()));
    if let Before::Skip(done) = step.before(None) {
        return Ok(Checked::End(Outcome { done, live: None }));
    }
    let resource = app.target.cluster.resource_of(step.object()).await.map_err(refused)?;
    let acting = &app.target.acting;
    let mut answer = Err(None);
    if !app.policy.marks.only_if_absent(step.object()) {
        answer = dry_run(app, &resource, step.object()).await.map_err(Some);
        // A dry run that would create gives no resource version: a new object needs no read.
        if let Ok(would_be) = &answer
            && would_be.resource_version().is_empty()
        {
            return Ok(decided(step, resource, None, would_be, false));
        }
    }
    let live = acting.find(&resource, &step.key().namespace, &step.key().name).await.map_err(refused)?;
    if let Before::Skip(done) = step.before(live.as_ref()) {
        return Ok(Checked::End(Outcome { done, live: None }));
    }
    if let Some(why) = live.as_ref().and_then(|live| app.target.elsewhere.refuse(live)) {
        return Err(item.told(why));
    }
    let mut live = live;
    let mut taken_over = false;
    if let Some(patch) = step.takeover(live.as_ref()) {
        let options = WriteOptions { field_manager: app.policy.manager.clone(), ..WriteOptions::default() };
        let patched = acting
            .patch(&resource, &step.key().namespace, &step.key().name, &Patch::Json(patch), &options)
            .await
            .map_err(|e| item.told(refusal(&e).takeover_message(step.key())))?;
        live = Some(patched);
        taken_over = true;
    }
    if taken_over || matches!(answer, Err(None)) {
        answer = dry_run(app, &resource, step.object()).await.map_err(Some);
    }
    match answer {
        Ok(would_be) => {
            // Gone since the dry run: what follows is a creation.
            let live = live.filter(|_| !would_be.resource_version().is_empty());
            Ok(decided(step, resource, live, &would_be, taken_over))
        }
        Err(e) => {
            let why = e.map(|e| refusal(&e)).unwrap_or_default();
            match step.after_refusal(live.as_ref(), &why) {
                Ok(certificate) => Ok(Checked::Recreate(resource, certificate)),
                Err(message) => Err(item.told(message)),
            }
        }
    }
}

fn decided(step: &Step, resource: Arc<Resource>, live: Option<Object>, would_be: &Object, taken_over: bool) -> Checked {
    match step.after_dry_run(live.as_ref(), would_be, taken_over) {
        Action::Keep(done) => Checked::End(Outcome { done, live }),
        Action::Apply(apply) => Checked::Write(resource, apply),
    }
}

async fn dry_run(app: &App, resource: &Resource, object: &Object) -> Result<Object, belay_cluster::Error> {
    apply(app, resource, object, true).await
}

async fn apply(app: &App, resource: &Resource, object: &Object, dry_run: bool) -> Result<Object, belay_cluster::Error> {
    let options =
        ApplyOptions { field_manager: app.policy.manager.clone(), force: true, dry_run, ..ApplyOptions::default() };
    app.target.acting.apply(resource, object, &options).await
}

async fn act(app: &App, item: Item<'_>, checked: Checked) -> Result<Outcome, String> {
    let (resource, to_apply) = match checked {
        Checked::End(outcome) => return Ok(outcome),
        Checked::Write(resource, apply) => (resource, apply),
        Checked::Recreate(resource, certificate) => {
            recreate(app, item, &resource, &certificate).await?;
            match item.step.after_dry_run(None, item.step.object(), false) {
                Action::Apply(apply) => (resource, apply),
                Action::Keep(done) => return Ok(Outcome { done, live: None }),
            }
        }
    };
    match apply(app, &resource, to_apply.payload(), false).await {
        Ok(live) => Ok(Outcome { done: to_apply.done(), live: Some(live) }),
        Err(e) => Err(item.told(refusal(&e).apply_message(item.step.key()))),
    }
}

/// Deletes a live object whose immutable fields stand in the way, and waits until it is gone.
async fn recreate(
    app: &App,
    item: Item<'_>,
    resource: &Resource,
    certificate: &DeletionCertificate,
) -> Result<(), String> {
    let (acting, key) = (&app.target.acting, item.step.key());
    let options = DeleteOptions {
        uid: certificate.uid().to_owned(),
        propagation: Some(Propagation::Background),
        ..DeleteOptions::default()
    };
    match acting.delete(resource, &key.namespace, &key.name, &options).await {
        Ok(_) => {}
        Err(e) if e.is_not_found() => return Ok(()),
        Err(e) => return Err(item.told(refusal(&e).delete_message(key))),
    }
    let deadline = Instant::now() + RECREATE_WAIT;
    let mut pause = Duration::from_millis(20);
    loop {
        let found = acting.find(resource, &key.namespace, &key.name).await;
        match found.map_err(|e| item.told(refusal(&e).query_message(key)))? {
            None => return Ok(()),
            Some(found) if found.uid() != certificate.uid() => return Ok(()),
            Some(_) if Instant::now() > deadline => {
                return Err(format!(
                    "{key} was deleted to be created again, but is still terminating after {} s: look at its finalizers",
                    RECREATE_WAIT.as_secs()
                ));
            }
            Some(_) => {}
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
    }
}
