//! Waiting for the controllers, as Flux's commands do.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use belay_health::Status;
use belay_object::{Condition, ConditionStatus, Object, Value};

use crate::connect::Session;
use crate::kinds::{Kind, finished};

/// How often to look: a watch would be as quick, but a look works against every proxy and server.
const POLL: Duration = Duration::from_millis(200);

/// Waits until an object is ready in its newest generation; gives it. One that failed is waited for
/// until the time is up, since the controllers try again.
pub async fn ready(session: &Session, kind: &Kind, name: &str, timeout: Duration) -> Result<Object> {
    until(session, kind, name, timeout, |object| match finished(object) {
        Some(Ok(_)) => Some(Ok(())),
        Some(Err(message)) if stalled(object) => Some(Err(message)),
        _ => None,
    })
    .await
}

/// Waits until a request to reconcile was handled and the object is as its status says; gives it.
pub async fn handled(session: &Session, kind: &Kind, name: &str, before: &str, timeout: Duration) -> Result<Object> {
    until(session, kind, name, timeout, |object| {
        let handled = object.str_at(&["status", "lastHandledReconcileAt"]).unwrap_or_default();
        if handled == before {
            return None;
        }
        match belay_health::check(object, jiff::Timestamp::now()).status {
            Status::Current => Some(match Condition::find(object, "Ready") {
                Some(c) if c.status == ConditionStatus::False => Err(c.message),
                _ => Ok(()),
            }),
            Status::Failed | Status::Terminating => {
                Some(Err(Condition::find(object, "Ready").map(|c| c.message).unwrap_or_default()))
            }
            _ => None,
        }
    })
    .await
}

fn stalled(object: &Object) -> bool {
    Condition::find(object, "Stalled").is_some_and(|c| c.status == ConditionStatus::True)
}

async fn until(
    session: &Session,
    kind: &Kind,
    name: &str,
    timeout: Duration,
    mut look: impl FnMut(&Object) -> Option<Result<(), String>>,
) -> Result<Object> {
    let deadline = Instant::now() + timeout;
    loop {
        let object = session.object(kind, name).await?;
        match look(&object) {
            Some(Ok(())) => return Ok(object),
            Some(Err(message)) => bail!("{} reconciliation failed: '{message}'", kind.kind),
            None if Instant::now() >= deadline => {
                let said = Condition::find(&object, "Ready").map(|c| c.message).unwrap_or_default();
                let said = if said.is_empty() {
                    "no controller has looked at it: is `belay run` running?".to_owned()
                } else {
                    said
                };
                bail!("timed out waiting for {} '{name}' to be ready: {said}", kind.kind);
            }
            None => tokio::time::sleep(POLL).await,
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
