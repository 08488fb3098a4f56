//! Waiting for the controllers, as Flux's commands do.
//!
//! Who waits is told what for: a spinner on a terminal, a line every few seconds elsewhere. A failure
//! that no waiting heals ends the command at once, where Flux's waits until the time is up.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use belay_object::{Condition, ConditionStatus, Object, Value};

use crate::connect::Session;
use crate::kinds::{Kind, finished};
use crate::output::Progress;

/// How often to look: a watch would be as quick, but a look works against every proxy and server.
const POLL: Duration = Duration::from_millis(200);

/// Reasons of a Ready condition that is false only until something else happens: a dependency gets
/// ready, a source is fetched, a server answers again.
const HEALING: &[&str] = &[
    "DependencyNotReady",
    "ArtifactFailed",
    "NoArtifact",
    "SourceNotReady",
    "GitOperationFailed",
    "Progressing",
    "ProgressingWithRetry",
];

/// Waits until an object is ready in its newest generation; gives it.
pub async fn ready(session: &Session, kind: &Kind, name: &str, timeout: Duration) -> Result<Object> {
    until(session, kind, name, timeout, |object| verdict(object, HEALING)).await
}

/// Waits until a request to reconcile was handled and the object is as its status says; gives it.
///
/// Compat(flux 2.9): a run is over when `lastHandledReconcileAt` is another than before. A dependency
/// that is not ready is waited for even then: the run goes on when it is.
pub async fn handled(session: &Session, kind: &Kind, name: &str, before: &str, timeout: Duration) -> Result<Object> {
    until(session, kind, name, timeout, |object| {
        let handled = object.str_at(&["status", "lastHandledReconcileAt"]).unwrap_or_default();
        if handled == before { None } else { verdict(object, &HEALING[..1]) }
    })
    .await
}

/// What the newest generation has come to; `None` while it is worked on, or fails for a reason that
/// heals.
fn verdict(object: &Object, healing: &[&str]) -> Option<Result<(), String>> {
    match finished(object)? {
        Ok(_) => Some(Ok(())),
        Err(message) if is_stalled(object) => Some(Err(message)),
        Err(_) if Condition::find(object, "Ready").is_some_and(|c| healing.contains(&c.reason.as_str())) => None,
        Err(message) => Some(Err(message)),
    }
}

fn is_stalled(object: &Object) -> bool {
    Condition::find(object, "Stalled").is_some_and(|c| c.status == ConditionStatus::True)
}

/// What the object says of itself, for those who wait.
fn said(object: &Object) -> String {
    let ready = Condition::find(object, "Ready").filter(|c| !c.message.is_empty());
    // While it is worked on, Ready says no more than that; Reconciling says on what.
    let doing = Condition::find(object, "Reconciling").filter(|c| !c.message.is_empty());
    match (ready, doing) {
        (Some(ready), Some(doing)) if ready.status == ConditionStatus::Unknown => doing.message,
        (Some(ready), _) => ready.message,
        (None, Some(doing)) => doing.message,
        (None, None) => "no controller has looked at it: is `belay run` running?".to_owned(),
    }
}

async fn until(
    session: &Session,
    kind: &Kind,
    name: &str,
    timeout: Duration,
    mut look: impl FnMut(&Object) -> Option<Result<(), String>>,
) -> Result<Object> {
    let deadline = Instant::now() + timeout;
    let mut progress = Progress::begin(format!("{} '{name}'", kind.kind));
    loop {
        let object = session.object(kind, name).await?;
        match look(&object) {
            Some(Ok(())) => return Ok(object),
            Some(Err(message)) => bail!("{} reconciliation failed: '{message}'", kind.kind),
            None if Instant::now() >= deadline => {
                bail!("timed out waiting for {} '{name}' to be ready: {}", kind.kind, said(&object));
            }
            None => {
                progress.tell(&said(&object));
                tokio::time::sleep(POLL).await;
            }
        }
    }
}

/// Whether a condition of an object has, or has not, a status: `type=status`, `type!=status`.
pub fn matches_status(object: &Object, selector: &str) -> Result<bool> {
    let (kind, wanted, equal) = match selector.split_once("!=").map(|(k, v)| (k, v, false)) {
        Some(found) => found,
        None => match selector.split_once('=') {
            Some((k, v)) => (k, v, true),
            None => bail!("expected status selector in type=status format, but found: {selector}"),
        },
    };
    let all = object.at(&["status", "conditions"]).map_or(&[][..], Value::items);
    let found = all.iter().find(|c| c.str_at(&["type"]).is_some_and(|t| t.eq_ignore_ascii_case(kind)));
    let is = found.and_then(|c| c.str_at(&["status"])).is_some_and(|s| s.eq_ignore_ascii_case(wanted));
    Ok(is == equal)
}

#[cfg(test)]
mod tests;
