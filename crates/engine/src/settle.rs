//! Whether everything that must be healthy is.
//!
//! A pure look at what watches and the last applies say: nothing is waited for here and no worker is
//! held. Only kinds with expressions of the App's own are read whole.

use std::time::Duration;

use belay_health::{Health, Status};
use belay_object::ObjectKey;
use tokio::time::Instant;

use crate::app::{App, HealthScope};
use crate::live::{TargetLive, version_number};
use crate::memory::{Applied, Known, KnownState, Memory, Wait};
use crate::verdict::{Failure, FailureKind, Pending, Verdict};
use belay_tree::Digest;

/// What the look has to go by: keys, and for those that we applied how they stood then.
pub(crate) fn scope(app: &App, memory: &Memory) -> Vec<(ObjectKey, Option<Applied>)> {
    match &app.health.scope {
        HealthScope::Nothing => Vec::new(),
        HealthScope::Applied => memory
            .order
            .iter()
            .filter(|key| **key != app.key)
            .filter_map(|key| match memory.known.get(key) {
                Some(Known { state: KnownState::Applied(applied), .. }) => Some((key.clone(), Some(applied.clone()))),
                _ => None,
            })
            .collect(),
        HealthScope::Listed(keys) => keys
            .iter()
            .map(|key| match memory.known.get(key) {
                Some(Known { state: KnownState::Applied(applied), .. }) => (key.clone(), Some(applied.clone())),
                _ => (key.clone(), None),
            })
            .collect(),
    }
}

/// Looks at every object of the scope and gives those that are not current.
pub(crate) async fn look(app: &App, live: &TargetLive, scope: Vec<(ObjectKey, Option<Applied>)>) -> Vec<Pending> {
    let mut pending = Vec::new();
    for (key, applied) in scope {
        let health = match own_expression(app, &key).await {
            Some(health) => health,
            None => seen(live, &key, applied.as_ref()),
        };
        if !health.is_current() {
            pending.push(Pending { key, health });
        }
    }
    pending
}

fn seen(live: &TargetLive, key: &ObjectKey, applied: Option<&Applied>) -> Health {
    match applied {
        // Until the watch has caught up with our own apply, the apply's answer counts.
        Some(applied) => match live.entry(key) {
            Some(entry) if version_number(&entry.resource_version) >= applied.version => entry.summary.health,
            Some(_) => applied.health.clone(),
            None if live.is_synced(&key.kind) && applied.seen => Health::not_found(),
            None => applied.health.clone(),
        },
        None => live.listed_entry(key).or_else(|| live.entry(key)).map_or_else(Health::not_found, |e| e.summary.health),
    }
}

/// The health of an object by the App's own expressions, where it has some for the kind.
async fn own_expression(app: &App, key: &ObjectKey) -> Option<Health> {
    if app.health.exprs.is_empty() || !app.health.exprs.covers(&key.kind) {
        return None;
    }
    let acting = &app.target.acting;
    let unknown = |e: belay_cluster::Error| Health::new(Status::Unknown, e.to_string());
    let resource = match app.target.cluster.resolve(&key.kind).await {
        Ok(resource) => resource,
        Err(e) => return Some(unknown(e)),
    };
    match acting.find(&resource, &key.namespace, &key.name).await {
        Ok(Some(object)) => app.health.exprs.check(&object),
        Ok(None) => Some(Health::not_found()),
        Err(e) => Some(unknown(e)),
    }
}

/// Turns what is pending into a verdict, and starts, goes on with or ends the wait.
pub(crate) fn judge(app: &App, memory: &mut Memory, inputs: &Digest, pending: Vec<Pending>) -> Verdict {
    let now = Instant::now();
    let since = match &memory.wait {
        Some(wait) if wait.inputs == *inputs => Some(wait.since),
        _ => None,
    };
    if pending.is_empty() {
        memory.wait = None;
        return Verdict::Settled { waited: since.map(|s| now.duration_since(s)) };
    }
    let since = since.unwrap_or(now);
    let after = now.duration_since(since);
    let stalled: Vec<Pending> = if app.health.fail_fast {
        pending.iter().filter(|p| p.health.is_failed()).cloned().collect()
    } else {
        Vec::new()
    };
    if !stalled.is_empty() {
        memory.wait = None;
        return failed(stalled, after, false);
    }
    if after >= app.timeout {
        memory.wait = None;
        return failed(pending, after, true);
    }
    memory.wait = Some(Wait { inputs: *inputs, since });
    let mut left = app.timeout - after;
    // An object whose health changes by time alone is looked at again then.
    let wall = jiff::Timestamp::now();
    for recheck in pending.iter().filter_map(|p| p.health.recheck_at) {
        let pause = Duration::try_from(recheck.duration_since(wall)).unwrap_or_default();
        left = left.min(pause.max(Duration::from_millis(100)));
    }
    Verdict::Waiting { pending, left }
}

fn failed(pending: Vec<Pending>, after: Duration, timed_out: bool) -> Verdict {
    let list = pending.iter().map(|p| belay_health::wait_entry(&p.key, &p.health)).collect::<Vec<_>>().join(", ");
    let message = if timed_out {
        format!("timeout waiting for: [{list}]")
    } else {
        format!("failed early due to stalled resources: [{list}]")
    };
    Verdict::Failed(Failure::new(FailureKind::Health { pending, after, timed_out }, message))
}
