//! Whether an Application is synced without being asked.
//!
//! A pure decision over what was compared and what was done before. *Invariants*: a revision with the
//! same sources is tried once; what failed is not tried again without a change; an empty source deletes
//! nothing unless that is allowed; a repair has a pause before it that grows.

use std::time::Duration;

use crate::spec::{
    AUTOMATED_RETRY_LIMIT, AppCondition, Application, Initiator, Operation, OperationPhase, ResourceStatus,
    RetryStrategy, SyncCode, SyncOperation, SyncResource, SyncStatus, conditions,
};

/// The pauses between repairs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HealPace {
    /// One pause for all; none where it grows.
    pub fixed: Option<Duration>,
    /// The first pause.
    pub first: Duration,
    /// What each is multiplied by to give the next.
    pub factor: u32,
    /// The longest.
    pub longest: Duration,
}

impl Default for HealPace {
    // Compat(argo-cd 3.5): controller.self.heal.backoff.*
    fn default() -> HealPace {
        HealPace { fixed: None, first: Duration::from_secs(2), factor: 3, longest: Duration::from_secs(300) }
    }
}

impl HealPace {
    /// The pause before the next repair, after so many.
    pub fn pause(&self, attempts: i64) -> Duration {
        if let Some(fixed) = self.fixed {
            return fixed;
        }
        let Some(steps) = attempts.checked_sub(1).and_then(|n| u32::try_from(n).ok()) else { return Duration::ZERO };
        let grown = self.first.saturating_mul(self.factor.saturating_pow(steps.min(20)));
        grown.min(self.longest)
    }
}

/// What is decided.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Nothing is to be done.
    Nothing,
    /// It is looked at again after a while.
    Later(Duration),
    /// It cannot be: this stands in the status.
    Refused(AppCondition),
    /// It is to be synced so.
    Sync(Box<Operation>),
}

/// What was compared.
pub struct Compared<'a> {
    /// Desired against live.
    pub sync: &'a SyncStatus,
    /// Of each object.
    pub resources: &'a [ResourceStatus],
    /// Whether the revisions brought changes for this Application: a commit that touches others alone is
    /// not tried anew.
    pub has_changes: bool,
    /// How long ago the last operation ended.
    pub since_operation: Option<Duration>,
}

/// Decides.
pub fn decide(app: &Application, compared: &Compared<'_>, pace: &HealPace) -> Decision {
    let Some(automated) = app.spec.automated() else { return Decision::Nothing };
    if app.operation.is_some() || app.deletion_timestamp.is_some() {
        return Decision::Nothing;
    }
    if compared.sync.status != Some(SyncCode::OutOfSync) {
        return Decision::Nothing;
    }
    let synced = |r: &ResourceStatus| r.status == Some(SyncCode::Synced);
    if !automated.prune() && compared.resources.iter().all(|r| synced(r) || r.requires_pruning) {
        return Decision::Nothing;
    }
    let several = app.spec.has_multiple_sources();
    let revisions: Vec<String> =
        if several { compared.sync.revisions.clone() } else { vec![compared.sync.revision.clone()] };
    let sources = app.spec.sources();
    let policy = app.spec.sync_policy.clone().unwrap_or_default();
    let mut sync = SyncOperation {
        revision: compared.sync.revision.clone(),
        revisions: compared.sync.revisions.clone(),
        source: (!several).then(|| sources.first().cloned()).flatten().map(Box::new),
        sources: app.spec.sources.clone(),
        prune: automated.prune(),
        sync_options: policy.sync_options.clone(),
        ..SyncOperation::default()
    };
    if let Some(last) = attempted(app, &revisions, compared.has_changes) {
        if last.phase != OperationPhase::Succeeded {
            let message = format!("Failed last sync attempt to {}: {}", go_list(&last.revisions), last.message);
            return Decision::Refused(AppCondition::new(conditions::SYNC_ERROR, message));
        }
        if !automated.self_heal() {
            return Decision::Nothing;
        }
        let before = app.status.operation_state.as_ref().and_then(|state| state.operation.sync.as_ref());
        sync.self_heal_attempts = before.map_or(0, |sync| sync.self_heal_attempts);
        let pause = pace.pause(sync.self_heal_attempts);
        let left = pause.saturating_sub(compared.since_operation.unwrap_or_default());
        if !left.is_zero() {
            return Decision::Later(left);
        }
        sync.self_heal_attempts += 1;
        let differing = compared.resources.iter().filter(|r| !synced(r));
        sync.resources = differing
            .map(|r| SyncResource {
                group: r.group.clone(),
                kind: r.kind.clone(),
                name: r.name.clone(),
                ..SyncResource::default()
            })
            .collect();
    }
    if automated.prune() && !automated.allow_empty() && compared.resources.iter().all(|r| r.requires_pruning) {
        let message =
            format!("Skipping sync attempt to {}: auto-sync will wipe out all resources", go_list(&revisions));
        return Decision::Refused(AppCondition::new(conditions::SYNC_ERROR, message));
    }
    let retry = policy.retry.unwrap_or(RetryStrategy { limit: AUTOMATED_RETRY_LIMIT, ..RetryStrategy::default() });
    Decision::Sync(Box::new(Operation {
        sync: Some(Box::new(sync)),
        initiated_by: Initiator { automated: true, ..Initiator::default() },
        retry,
        info: Vec::new(),
    }))
}

/// The last attempt, where it was to these revisions with these sources.
struct Attempt {
    phase: OperationPhase,
    revisions: Vec<String>,
    message: String,
}

fn attempted(app: &Application, revisions: &[String], has_changes: bool) -> Option<Attempt> {
    let state = app.status.operation_state.as_ref()?;
    let attempt = |revisions| Attempt { phase: state.phase, revisions, message: state.message.clone() };
    let Some(result) = &state.sync_result else {
        // It ended before it knew what to do: trying again without end would help nobody.
        return state.phase.is_over().then(|| attempt(Vec::new()));
    };
    let several = app.spec.has_multiple_sources();
    let tried = if several { result.revisions.clone() } else { vec![result.revision.clone()] };
    if has_changes && tried != revisions {
        return None;
    }
    let same_sources = if several {
        result.sources == app.spec.sources
    } else {
        app.spec.sources().first().is_some_and(|source| *source == result.source)
    };
    same_sources.then(|| attempt(tried))
}

/// A list as Go prints it: `[a b]`.
fn go_list(items: &[String]) -> String {
    format!("[{}]", items.join(" "))
}

#[cfg(test)]
mod tests;
