//! Which action is next, as it follows from the state of a release and the failures before.

use belay_engine::release::Drifted;
use belay_helm::release::Release;

use super::actions::Do;
use super::state::State;
use super::{End, Run};
use crate::duration::GoDuration;
use crate::names::{FORCE_AT, condition, helm_reason as why, reason};
use crate::report::Severity;
use crate::spec::DriftMode;

impl Run<'_> {
    pub(super) fn next(&mut self, state: State, records: &[Release]) -> Result<Do, End> {
        let forced = self.is_asked(FORCE_AT, "lastHandledForceAt");
        match state {
            State::InSync => self.in_sync(forced),
            State::Interrupted(record) => Ok(Do::Resume(record)),
            State::Finished(record) => Ok(Do::Conclude(record)),
            State::Leaving => Ok(Do::GoOnLeaving),
            State::Locked(record) => Ok(Do::Unlock(record)),
            State::Absent => {
                match self.spec.install.remediation.is_exhausted(self.report.number("installFailures")) && !forced {
                    true => Err(self.out_of_retries()),
                    false => Ok(Do::Install),
                }
            }
            State::Unmanaged => {
                self.report.history.clear();
                Ok(Do::Upgrade)
            }
            State::OutOfSync => {
                match self.spec.upgrade.remediation.is_exhausted(self.report.number("upgradeFailures")) && !forced {
                    true => Err(self.out_of_retries()),
                    false => Ok(Do::Upgrade),
                }
            }
            State::Untested => {
                self.is_released();
                Ok(Do::Test)
            }
            State::Drifted(drifted) => self.drifted_next(drifted),
            State::Failed => self.failed_next(records, forced),
        }
    }

    /// A release that a rollback made may be just what is wanted.
    pub(super) fn is_released(&mut self) {
        if let Some(current) = self.report.history.latest().cloned() {
            let message =
                format!("Helm upgrade succeeded for release {} with chart {}", current.full_name(), current.chart());
            self.report.remediated_is_released(&message);
        }
    }

    pub(super) fn in_sync(&mut self, forced: bool) -> Result<Do, End> {
        match self.active() {
            Some(active) if active.retry_interval.is_some() => self.report.history.truncate_by_count(),
            active => {
                let ignores = active.map_or(self.spec.test_ignore_failures, |a| a.remediation.ignores_tests);
                self.report.history.truncate(ignores);
            }
        }
        if forced {
            return Ok(Do::Upgrade);
        }
        self.is_released();
        if let Some(current) = self.report.history.latest().cloned() {
            let released =
                self.report.conditions().get(condition::RELEASED).map(|c| c.reason.clone()).unwrap_or_default();
            let (reason, verb) = match (released.as_str(), current.action()) {
                // A status that was handed over without its conditions.
                (why::INSTALL_FAILED, _) | ("", "install") => (why::INSTALL_SUCCEEDED, "install"),
                (why::UPGRADE_FAILED | "", _) => (why::UPGRADE_SUCCEEDED, "upgrade"),
                _ => ("", ""),
            };
            if !reason.is_empty() {
                let message =
                    format!("Helm {verb} succeeded for release {} with chart {}", current.full_name(), current.chart());
                self.report.conditions().mark_true(condition::RELEASED, reason, &message);
            }
        }
        if self.spec.drift != DriftMode::Disabled {
            let text = "No drift detected against the cluster state";
            self.report.conditions().mark_false(condition::DRIFTED, why::NO_DRIFT_DETECTED, text);
        }
        self.report.conditions().remove(condition::RECONCILING);
        self.report.summarize();
        Err(End::Interval)
    }

    pub(super) fn drifted_next(&mut self, drifted: Vec<Drifted>) -> Result<Do, End> {
        let lines: Vec<String> = drifted.iter().map(Drifted::line).collect();
        let name = self.report.history.latest().map(|s| s.full_name()).unwrap_or_default();
        let message =
            format!("Cluster state of release {name} has drifted from the desired state:\n{}", lines.join("\n"));
        self.report.tell_plain(Severity::Error, why::DRIFT_DETECTED, &message);
        self.report.conditions().mark_true(condition::DRIFTED, why::DRIFT_DETECTED, &message);
        if self.spec.drift == DriftMode::Enabled {
            return Ok(Do::Correct(drifted));
        }
        self.report.conditions().remove(condition::RECONCILING);
        self.report.summarize();
        Err(End::Interval)
    }

    pub(super) fn failed_next(&mut self, records: &[Release], forced: bool) -> Result<Do, End> {
        let Some(active) = self.active().cloned() else { return Ok(Do::Upgrade) };
        if active.retry_interval.is_some() {
            self.report.history.truncate_by_count();
            return Ok(Do::Upgrade);
        }
        let (remediation, failures) = (active.remediation, self.failures());
        if failures <= 0 || forced {
            return Ok(Do::Upgrade);
        }
        if remediation.is_exhausted(failures) && !remediation.remediates_last {
            return Err(self.out_of_retries());
        }
        self.report.history.truncate(remediation.ignores_tests);
        if remediation.uninstalls {
            return Ok(Do::UninstallRemediation);
        }
        let Some(previous) = self.report.history.previous(remediation.ignores_tests) else {
            let message =
                "Failed to perform remediation: missing target release for rollback: cannot remediate failed release";
            self.report.stalled(why::MISSING_ROLLBACK_TARGET, message);
            return Err(End::Stalled);
        };
        match records.iter().find(|r| previous.is_of(r)) {
            Some(record) if previous.holds(record) => Ok(Do::Rollback(record.version)),
            // What would be gone back to is not what it was.
            _ => Ok(Do::Upgrade),
        }
    }

    pub(super) fn out_of_retries(&mut self) -> End {
        let action = self.report.text("lastAttemptedReleaseAction").to_owned();
        let message = format!("Failed to {action} after {} attempt(s)", self.failures());
        self.report.stalled(why::RETRIES_EXCEEDED, &message);
        End::Stalled
    }

    /// An action of this kind was done in this run: the next is another run's.
    pub(super) fn stop_before(&mut self) -> End {
        self.previous.clear();
        if let Some(pause) = self.active().and_then(|a| a.retry_interval) {
            return self.retry_after(pause);
        }
        let exhausted = self.active().is_some_and(|a| a.remediation.is_exhausted(self.failures()));
        if exhausted {
            self.report.conditions().remove(condition::RECONCILING);
            return End::Interval;
        }
        self.must_requeue()
    }

    pub(super) fn must_requeue(&mut self) -> End {
        let said = self.report.conditions().get(condition::READY).map(|c| c.message.clone()).unwrap_or_default();
        self.report.conditions().mark_reconciling(reason::PROGRESSING_WITH_RETRY, &said);
        End::Retry
    }

    pub(super) fn retry_after(&mut self, pause: GoDuration) -> End {
        let said = format!("retrying after {pause}");
        self.report.conditions().mark_reconciling(reason::PROGRESSING_WITH_RETRY, &said);
        End::After(self.shared().jittered(pause), true)
    }
}
