//! Operations: what somebody asked for, carried out by the engine and told in the Application's words.

mod results;
mod run;
mod tasks;

use std::time::Duration;

use belay_controller::EventKind;
use jiff::Timestamp;

use super::application::Turn;
use super::desired::{UNREAD, Wish};
use super::destinations::Absent;
use super::draft::Draft;
use super::refresh::Level;
use super::world::{World, now_text, since};
use crate::spec::{HistoryEntry, OperationPhase, OperationState, SyncOperation, SyncResult, conditions};

pub(super) use results::told;

/// What is said of an operation whose cluster is being read.
const LOADING: &str = "waiting until the destination cluster is read";
/// What is said of an operation whose repository keeps others waiting.
const BUSY: &str = "waiting until the repository answers";
/// When an operation is looked at again though nothing changed.
const BACKSTOP: Duration = Duration::from_secs(30);

/// What came of working on an operation.
pub(crate) enum Operated {
    /// It goes on: look again after a while at the latest.
    Running(Duration),
    /// It ended: the Application is to be compared anew.
    Ended,
    /// The Application is gone.
    Gone,
}

impl Turn<'_> {
    /// Begins, goes on with, or ends the operation of an Application.
    pub(crate) async fn operate(&mut self) -> belay_cluster::Result<Operated> {
        let Some(mut state) = self.begin().await? else { return Ok(Operated::Gone) };
        if state.phase == OperationPhase::Running && !state.finished_at.is_empty() {
            match self.retry_at(&mut state) {
                Some(left) if !left.is_zero() => return Ok(Operated::Running(left)),
                _ => {}
            }
        }
        let timeout = self.config.sync_timeout();
        let timed_out = !timeout.is_zero() && since(&state.started_at).is_some_and(|ran| ran > timeout);
        let mut cause = "";
        if timed_out && state.phase == OperationPhase::Running {
            state.phase = OperationPhase::Terminating;
            state.message = "operation is terminating due to timeout".into();
            cause = "controller sync timeout";
        }
        let terminating = state.phase == OperationPhase::Terminating;
        let again = self.carry_out(&mut state).await;
        if matches!(state.phase, OperationPhase::Failed | OperationPhase::Error) {
            self.failed(&mut state, terminating, cause);
        }
        self.finish(state, again).await
    }

    /// The state of the operation, written down before anything is done.
    async fn begin(&mut self) -> belay_cluster::Result<Option<OperationState>> {
        if let Some(state) = self.draft.app.status.operation_state.as_ref().filter(|s| !s.phase.is_over()) {
            return Ok(Some((**state).clone()));
        }
        let operation = self.draft.app.operation.clone().unwrap_or_default();
        let state = OperationState {
            operation,
            phase: OperationPhase::Running,
            started_at: self.new_start(),
            ..OperationState::default()
        };
        self.draft.app.status.operation_state = Some(Box::new(state.clone()));
        let there = self.draft.commit(self.world).await?;
        Ok(there.then_some(state))
    }

    /// When an operation begins: its name too, so that no two of one Application have the same.
    fn new_start(&self) -> String {
        let status = &self.draft.app.status;
        let last = status.operation_state.as_ref().map(|s| s.started_at.as_str()).into_iter();
        let past = status.history.iter().map(|h| h.deploy_started_at.as_str());
        let mut taken: Vec<Timestamp> = last.chain(past).filter_map(|text| text.parse().ok()).collect();
        let mut known = self.memory.last_start.lock();
        taken.extend(*known);
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        let newest = taken.into_iter().max().map(|t| t + Duration::from_secs(1));
        let start = newest.map_or(now, |after| now.max(after));
        *known = Some(start);
        belay_controller::conditions::time_text(start)
    }

    /// How long until a failed operation is tried again; nothing where it is now, which is noted.
    fn retry_at(&self, state: &mut OperationState) -> Option<Duration> {
        let wait = match state.operation.retry.wait(state.retry_count.saturating_sub(1)) {
            Ok(wait) => wait,
            Err(e) => {
                state.phase = OperationPhase::Error;
                state.message = e.to_string();
                return None;
            }
        };
        let left = wait.saturating_sub(since(&state.finished_at).unwrap_or(wait));
        if !left.is_zero() {
            return Some(left);
        }
        let mut more = "";
        if state.operation.retry.refresh
            && let Some(sync) = &mut state.operation.sync
        {
            more = " with latest revisions";
            sync.revision.clear();
            sync.revisions.clear();
        }
        state.message = format!("Retrying operation{more}. Attempt #{}", state.retry_count);
        state.finished_at.clear();
        state.sync_result = None;
        None
    }

    /// Carries it out as far as that goes now; gives when to look again.
    async fn carry_out(&mut self, state: &mut OperationState) -> Duration {
        let Some(sync) = state.operation.sync.clone() else {
            state.phase = OperationPhase::Error;
            state.message = "Invalid operation request: no operation specified".into();
            return BACKSTOP;
        };
        // What is synced is what the repository has when the operation begins, and stays that.
        let begins = state.sync_result.is_none();
        let level = if begins { Level::Resolve } else { Level::Latest };
        let result = state.sync_result.get_or_insert_with(|| Box::new(new_result(&self.draft, &sync)));
        let several = !result.sources.is_empty();
        let (sources, revisions) = if several {
            (result.sources.clone(), result.revisions.clone())
        } else {
            (vec![result.source.clone()], vec![result.revision.clone()])
        };
        if let Some(left) = self.between_waves(state) {
            return left;
        }
        // What somebody wants to end ends at any time.
        if state.phase != OperationPhase::Terminating
            && let Some(blocked) = self.blocked_by_window(state)
        {
            state.message = blocked;
            if begins {
                state.sync_result = None;
            }
            return BACKSTOP;
        }
        let wish = Wish { sources: &sources, revisions: &revisions, local: &sync.manifests };
        let compared = self.compare(&wish, level).await;
        if begins && matches!(compared, Err(Absent::Loading | Absent::Busy)) {
            // It has not begun: what the revisions are is not known yet.
            state.sync_result = None;
        }
        let compared = match compared {
            Ok(compared) => compared,
            Err(Absent::Loading) => {
                state.message = LOADING.into();
                return BACKSTOP;
            }
            Err(Absent::Busy) => {
                state.message = BUSY.into();
                return Duration::from_secs(2);
            }
            // Compat(argo-cd 3.5): what an operation needs is there now, or it fails.
            Err(Absent::Unread(why)) => {
                state.phase = OperationPhase::Error;
                state.message = format!("{}: {UNREAD}{why}", conditions::COMPARISON_ERROR);
                return BACKSTOP;
            }
            Err(Absent::Trouble(why)) => {
                state.phase = OperationPhase::Error;
                state.message = why;
                return BACKSTOP;
            }
        };
        let result = state.sync_result.get_or_insert_default();
        if several {
            result.revisions = compared.revisions.clone();
        } else {
            result.revision = compared.revisions.first().cloned().unwrap_or_default();
        }
        let errors: Vec<String> = compared
            .comparison
            .conditions
            .iter()
            .filter(|c| c.kind == conditions::COMPARISON_ERROR || c.kind == conditions::INVALID_SPEC_ERROR)
            .map(|c| format!("{}: {}", c.kind, c.message))
            .collect();
        if !errors.is_empty() {
            state.phase = OperationPhase::Error;
            state.message = errors.join(";");
            return BACKSTOP;
        }
        let shared = compared.comparison.conditions.iter().find(|c| c.kind == conditions::SHARED_RESOURCE_WARNING);
        if let Some(shared) = shared.filter(|_| sync.sync_options.iter().any(|o| o == "FailOnSharedResource=true")) {
            state.phase = OperationPhase::Failed;
            state.message = format!("Shared resource found: {}", shared.message);
            return BACKSTOP;
        }
        self.run(state, &sync, compared.comparison).await
    }

    /// What a failed operation becomes: tried again, or told.
    fn failed(&self, state: &mut OperationState, terminating: bool, cause: &str) {
        let limit = state.operation.retry.limit;
        if !terminating && (limit < 0 || state.retry_count < limit) {
            match state.operation.retry.wait(state.retry_count) {
                Ok(wait) => {
                    state.phase = OperationPhase::Running;
                    state.finished_at = now_text();
                    state.retry_count += 1;
                    let at = Timestamp::now() + wait;
                    let at = kitchen(at);
                    state.message = format!("{}. Retrying attempt #{} at {at}.", state.message, state.retry_count);
                }
                Err(e) => {
                    state.phase = OperationPhase::Error;
                    state.message = format!("{} (failed to retry: {e})", state.message);
                }
            }
            return;
        }
        if terminating && !cause.is_empty() {
            state.message = format!("{}, triggered by {cause}", state.message);
        }
        if state.retry_count > 0 {
            state.message = format!("{} (retried {} times).", state.message, state.retry_count);
        }
    }

    async fn finish(&mut self, mut state: OperationState, again: Duration) -> belay_cluster::Result<Operated> {
        if !state.phase.is_over() {
            let retry = state.operation.retry.wait(state.retry_count.saturating_sub(1)).ok();
            let again = if state.finished_at.is_empty() { again } else { retry.unwrap_or(again) };
            self.draft.app.status.operation_state = Some(Box::new(state));
            let there = self.draft.commit(self.world).await?;
            return Ok(if there { Operated::Running(again) } else { Operated::Gone });
        }
        state.finished_at = now_text();
        let sync = state.operation.sync.clone().unwrap_or_default();
        if state.phase == OperationPhase::Succeeded && !sync.dry_run && sync.resources.is_empty() {
            self.enter_history(&state);
        }
        let revision = state.sync_result.as_ref().map(|r| r.revision.clone());
        let what = if sync.resources.is_empty() { "Sync operation" } else { "Partial sync operation" };
        let to = revision.map(|revision| format!(" to {revision}")).unwrap_or_default();
        let (kind, end) = match state.phase {
            OperationPhase::Succeeded => (EventKind::Normal, "succeeded".to_owned()),
            _ => (EventKind::Warning, format!("failed: {}", state.message)),
        };
        self.world.tell(self.draft.object(), kind, "OperationCompleted", format!("{what}{to} {end}"));
        self.draft.app.status.operation_state = Some(Box::new(state));
        self.draft.drops_operation = true;
        // Written together with the comparison that follows.
        Ok(Operated::Ended)
    }

    fn enter_history(&mut self, state: &OperationState) {
        let Some(result) = &state.sync_result else { return };
        let limit = self.draft.app.spec.history_limit();
        let history = &mut self.draft.app.status.history;
        let id = history.last().map_or(0, |last| last.id + 1);
        let several = !result.sources.is_empty();
        history.push(HistoryEntry {
            id,
            revision: if several { String::new() } else { result.revision.clone() },
            revisions: if several { result.revisions.clone() } else { Vec::new() },
            source: if several { Default::default() } else { result.source.clone() },
            sources: result.sources.clone(),
            deployed_at: now_text(),
            deploy_started_at: state.started_at.clone(),
            initiated_by: state.operation.initiated_by.clone(),
        });
        let over = history.len().saturating_sub(limit);
        history.drain(..over);
    }
}

/// Ends the operation of an Application that may not be worked on, with what its conditions say.
pub(crate) fn refuse(world: &World, draft: &mut Draft) {
    let status = &draft.app.status;
    let running = status.operation_state.as_deref().filter(|s| !s.phase.is_over()).cloned();
    if running.is_none() && draft.app.operation.is_none() {
        return;
    }
    let errors = status.conditions.iter().filter(|c| c.kind == conditions::INVALID_SPEC_ERROR);
    let message = errors.map(|c| format!("{}: {}", c.kind, c.message)).collect::<Vec<_>>().join(";");
    let mut state = running.unwrap_or_else(|| OperationState {
        operation: draft.app.operation.clone().unwrap_or_default(),
        started_at: now_text(),
        ..OperationState::default()
    });
    state.phase = OperationPhase::Error;
    state.finished_at = now_text();
    state.message = message;
    let told = format!("Sync operation failed: {}", state.message);
    world.tell(draft.object(), EventKind::Warning, "OperationCompleted", told);
    draft.app.status.operation_state = Some(Box::new(state));
    draft.drops_operation = true;
}

/// What an operation is about to sync: its own sources, or those of the spec.
fn new_result(draft: &Draft, sync: &SyncOperation) -> SyncResult {
    let spec = &draft.app.spec;
    let mut result =
        SyncResult { revision: sync.revision.clone(), revisions: sync.revisions.clone(), ..SyncResult::default() };
    if let Some(source) = &sync.source {
        result.source = (**source).clone();
    }
    result.sources.clone_from(&sync.sources);
    if sync.source.is_none() && sync.sources.is_empty() {
        result.sources.clone_from(&spec.sources);
        if !spec.has_multiple_sources() {
            result.sources.clear();
            result.source = spec.sources().into_iter().next().unwrap_or_default();
        }
    }
    result
}

/// `3:04PM`, in UTC.
fn kitchen(at: Timestamp) -> String {
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let hour = match at.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let half = if at.hour() < 12 { "AM" } else { "PM" };
    format!("{hour}:{:02}{half}", at.minute())
}
