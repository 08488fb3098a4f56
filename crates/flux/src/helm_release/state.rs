//! What is to be done next about a release: from its records, and what the status remembers of them.

use belay_engine::release::{Drifted, Fault, Operation, differences};
use belay_helm::release::{Release, Status, history};
use belay_object::Object;
use belay_plan::IgnoreRules;

use super::history::{Snapshot, values_digest};
use super::{Run, Wanted, key};
use crate::names::{DISABLED, DRIFT_DETECTION};
use crate::spec::DriftMode;

/// How a release stands.
pub(crate) enum State {
    /// It is as it should be.
    InSync,
    /// There is none.
    Absent,
    /// There is one that the status knows nothing of, or that somebody has changed.
    Unmanaged,
    /// Another chart, other values.
    OutOfSync,
    /// Its tests have not run.
    Untested,
    /// The cluster is not as its record says.
    Drifted(Vec<Drifted>),
    /// Its last revision failed.
    Failed,
    /// Somebody's operation was cut off.
    Locked(Release),
    /// Our own operation was cut off, and goes on.
    Interrupted(Release),
    /// Our own operation came to its end, and the status does not say so.
    Finished(Release),
    /// It is being taken away.
    Leaving,
}

impl Run<'_> {
    /// Determines the state. What the status has as intent and never came about is forgotten.
    pub(super) async fn determine(&mut self, wanted: &Wanted, records: &[Release]) -> Result<State, Fault> {
        let last = history::last(records);
        // Written before a record that was never made.
        let is_void = |s: &Snapshot| s.status().is_pending() && last.is_none_or(|last| last.version < s.version());
        if self.report.history.latest().is_some_and(is_void) {
            self.report.history.forget_latest();
        }
        let Some(last) = last else { return Ok(State::Absent) };
        let intent = self.report.history.latest().filter(|s| s.is_intent_of(last));
        match (last.info.status, intent.is_some()) {
            (Status::Uninstalling, _) => return Ok(State::Leaving),
            (status, true) if status.is_pending() => {
                let goes_on = status == Status::PendingRollback || is_as_wanted(last, wanted);
                return Ok(if goes_on { State::Interrupted(last.clone()) } else { State::Locked(last.clone()) });
            }
            (_, true) => return Ok(State::Finished(last.clone())),
            (status, false) if status.is_pending() => return Ok(State::Locked(last.clone())),
            _ => {}
        }
        let Some(current) = self.report.history.latest().cloned() else {
            return Ok(if last.info.status == Status::Uninstalled { State::Absent } else { State::Unmanaged });
        };
        if !current.holds(last) {
            return Ok(State::Unmanaged);
        }
        match last.info.status {
            Status::Failed => Ok(State::Failed),
            Status::Uninstalled => Ok(State::Absent),
            Status::Deployed => self.deployed(wanted, last, &current).await,
            other => {
                Err(Fault::refused(format!("unable to determine state for release with status '{}'", other.name())))
            }
        }
    }

    async fn deployed(&mut self, wanted: &Wanted, last: &Release, current: &Snapshot) -> Result<State, Fault> {
        if !is_as_wanted(last, wanted) || current.config_digest() != values_digest(&wanted.values) {
            return Ok(State::OutOfSync);
        }
        if self.report.number("observedGeneration") != self.object.generation()
            && let Some(why) = self.report.has_new_post_renderers()
        {
            tracing::info!(release = ?self.name, "{why}");
            return Ok(State::OutOfSync);
        }
        if self.spec.test {
            if !current.is_tested() {
                return Ok(State::Untested);
            }
            let ignores = self.active().is_none_or(|active| active.remediation.ignores_tests);
            if !ignores && current.has_failed_test() {
                return Ok(State::Failed);
            }
        }
        if self.spec.drift != DriftMode::Disabled {
            let drifted = self.drifted(wanted, last).await?;
            if !drifted.is_empty() {
                return Ok(State::Drifted(drifted));
            }
        }
        Ok(State::InSync)
    }

    async fn drifted(&self, wanted: &Wanted, last: &Release) -> Result<Vec<Drifted>, Fault> {
        let (releases, owner) = (&self.controller.releases, key(&self.name));
        if releases.is_as_recorded(&owner, last.version) {
            return Ok(Vec::new());
        }
        let ignore = IgnoreRules::compile(self.spec.drift_ignore.iter().cloned());
        let ignore = ignore.map_err(|e| Fault::refused(format!("unable to determine cluster state: {e}")))?;
        differences(releases, &wanted.site, &owner, last, &ignore, is_excluded).await
    }

    /// What was attempted last: install or upgrade.
    pub(super) fn active(&self) -> Option<&crate::spec::ActionSpec> {
        match self.report.text("lastAttemptedReleaseAction") {
            "install" => Some(&self.spec.install),
            "upgrade" => Some(&self.spec.upgrade),
            _ => None,
        }
    }
    /// The failures of what was attempted last.
    pub(super) fn failures(&self) -> i64 {
        match self.report.text("lastAttemptedReleaseAction") {
            "install" => self.report.number("installFailures"),
            "upgrade" => self.report.number("upgradeFailures"),
            _ => 0,
        }
    }
}

/// Whether a record is of the wanted chart and values.
fn is_as_wanted(record: &Release, wanted: &Wanted) -> bool {
    let metadata = record.chart.as_ref().and_then(|chart| chart.metadata().ok());
    metadata.is_some_and(|m| m.name == wanted.chart.metadata.name && m.version == wanted.chart.metadata.version)
        && values_digest(&record.config) == values_digest(&wanted.values)
}

fn is_excluded(object: &Object) -> bool {
    let says = |value: Option<&str>| value.is_some_and(|v| v.eq_ignore_ascii_case(DISABLED));
    says(object.annotation(DRIFT_DETECTION)) || says(object.label(DRIFT_DETECTION))
}

/// Which operation a pending record is of.
pub(super) fn action_of(record: &Release) -> belay_engine::release::Action {
    use belay_engine::release::Action;
    match record.info.status {
        Status::PendingInstall => Action::Install,
        Status::PendingRollback => Action::Rollback,
        _ => Action::Upgrade,
    }
}

/// The reason why an operation that is under way does not fit any more, where it does not.
pub(super) fn preempt(operation: &mut Operation, fits: bool) -> bool {
    !fits && operation.cancel("context canceled")
}
