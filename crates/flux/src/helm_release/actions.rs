//! Acting on a release: which action is next, its beginning, and what its end means for the status.
//!
//! Compat(flux 2.9): order, retries, reasons and sentences are helm-controller's. What is better: an
//! operation that was cut off goes on, and a server that does not answer for now fails no release.

use std::time::Duration;

use belay_cluster::Propagation;
use belay_engine::release::{
    Action, Advance, CrdPolicy, Drifted, Fault, Operation, Rules, Store, apply_crds, begun, correct,
};
use belay_helm::release::{Release, Status, history};

use super::history::values_digest;
use super::outcome::without_prefix;
use super::render::{self, Request};
use super::state::{action_of, preempt};
use super::{End, Run, Wanted, key};
use crate::duration::GoDuration;
use crate::names::{RESET_AT, condition, helm_reason as why, reason};
use crate::report::{About, Severity};
use crate::shared::now_text;
use crate::spec::{ActionSpec, HelmRelease};

/// Kinds of actions: each is done once a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    Release,
    Remediate,
    Test,
    Unlock,
    DriftCorrection,
}

/// What is next.
pub(super) enum Do {
    Install,
    Upgrade,
    Rollback(u32),
    UninstallRemediation,
    Test,
    Unlock(Release),
    Correct(Vec<Drifted>),
    Resume(Release),
    Conclude(Release),
    GoOnLeaving,
}

impl Do {
    pub(super) fn step(&self) -> Option<Step> {
        Some(match self {
            Do::Install | Do::Upgrade => Step::Release,
            Do::Rollback(_) | Do::UninstallRemediation => Step::Remediate,
            Do::Test => Step::Test,
            Do::Unlock(_) => Step::Unlock,
            Do::Correct(_) => Step::DriftCorrection,
            Do::Resume(_) | Do::Conclude(_) | Do::GoOnLeaving => return None,
        })
    }
}

/// How soon a step that a server did not answer is tried again.
const AGAIN: Duration = Duration::from_secs(1);

impl Run<'_> {
    /// Does what is to be done, until something has to be waited for or nothing is left.
    pub(super) async fn act(&mut self, wanted: &Wanted) -> End {
        if let Some(mut under_way) = self.take_under_way(false) {
            self.previous = std::mem::take(&mut under_way.previous);
            let fits = under_way.wanted == wanted.digest();
            if preempt(&mut under_way.operation, fits) {
                let said = format!(
                    "Health checks canceled due to new reconciliation triggered by {}/{}/{}",
                    self.object.kind(),
                    self.name.namespace,
                    self.name.name
                );
                self.report.tell_plain(Severity::Info, reason::HEALTH_CHECK_CANCELED, &said);
            }
            if let Some(end) = self.advance(wanted, *under_way.operation).await {
                return end;
            }
        }
        if let Some(end) = self.leave_old_target(wanted).await {
            return end;
        }
        self.attempt(wanted);
        loop {
            let records = match Store::of(&wanted.site).history(&self.spec.release_name).await {
                Ok(records) => records,
                Err(fault) => return self.unclear(&fault),
            };
            let state = match self.determine(wanted, &records).await {
                Ok(state) => state,
                Err(fault) => return self.unclear(&fault),
            };
            let next = match self.next(state, &records) {
                Ok(next) => next,
                Err(end) => return end,
            };
            if let Some(step) = next.step()
                && self.previous.contains(&step)
            {
                return self.stop_before();
            }
            if let Some(end) = self.begin(wanted, &records, next).await {
                return end;
            }
        }
    }

    pub(super) fn unclear(&mut self, fault: &Fault) -> End {
        if !fault.is_transient {
            self.report.not_ready(why::STATE_ERROR, &format!("Could not determine release state: {fault}"));
        }
        tracing::warn!(release = ?self.name, error = %fault, "the state of the release could not be determined");
        End::Retry
    }

    /// Notes what is attempted, and forgets failures where it is something new.
    pub(super) fn attempt(&mut self, wanted: &Wanted) {
        let (version, digest) = (wanted.chart.metadata.version.clone(), values_digest(&wanted.values));
        let differs = |field: &str, now: &str| self.report.text(field) != now;
        let is_new = self.report.number("lastAttemptedGeneration") != self.object.generation()
            || differs("lastAttemptedRevision", &version)
            || (!self.report.text("lastAttemptedConfigDigest").is_empty()
                && differs("lastAttemptedConfigDigest", &digest));
        if self.is_asked(RESET_AT, "lastHandledResetAt") || is_new {
            self.report.clear_failures();
        }
        self.report.set("storageNamespace", wanted.site.storage.as_str());
        self.report.set("lastAttemptedGeneration", self.object.generation());
        self.report.set("lastAttemptedRevision", version);
        self.report.set_text("lastAttemptedRevisionDigest", &wanted.artifact);
        self.report.set("lastAttemptedConfigDigest", digest);
        self.report.remove("lastAttemptedValuesChecksum");
        self.report.remove("lastReleaseRevision");
    }

    /// Whether an annotation asks for something, once: its value is that of the request to reconcile.
    pub(super) fn is_asked(&mut self, annotation: &str, handled: &str) -> bool {
        let Some(at) = self.object.annotation(annotation).map(str::to_owned) else { return false };
        let is_new = self.report.text(handled) != at;
        // Compat(flux 2.9): handled also where it did not match.
        self.report.set(handled, at.as_str());
        is_new && self.spec.meta.requested_at.as_deref() == Some(&at)
    }

    /// Begins an action; gives how the run ends, if it does.
    pub(super) async fn begin(&mut self, wanted: &Wanted, records: &[Release], next: Do) -> Option<End> {
        let owner = key(&self.name);
        match next {
            Do::Install => self.begin_release(wanted, records, Action::Install).await,
            Do::Upgrade => self.begin_release(wanted, records, Action::Upgrade).await,
            Do::Rollback(version) => self.begin_rollback(wanted, records, version).await,
            Do::UninstallRemediation | Do::GoOnLeaving => {
                let is_new = matches!(next, Do::UninstallRemediation);
                if is_new && let Some(end) = self.progress("uninstall", self.spec.uninstall_timeout, false).await {
                    return Some(end);
                }
                let operation = Operation::uninstall(&owner, records, uninstall_rules(&self.spec))?;
                self.advance(wanted, operation).await
            }
            Do::Test => {
                if let Some(end) = self.progress("test", self.spec.test_timeout, false).await {
                    return Some(end);
                }
                let record = history::last(records)?.clone();
                let rules = Rules {
                    timeout: self.spec.test_timeout.to_std(),
                    tests: self.spec.test_filters.clone(),
                    ..Rules::default()
                };
                let operation = Operation::resume(&owner, Action::Test, record, records, rules);
                self.advance(wanted, operation).await
            }
            Do::Unlock(record) => self.unlock(wanted, record).await,
            Do::Correct(drifted) => self.correct(wanted, &drifted).await,
            Do::Resume(record) => {
                tracing::info!(release = ?self.name, status = record.info.status.name(), "an operation that was cut off goes on");
                let action = action_of(&record);
                let operation = Operation::resume(&owner, action, record, records, self.rules(action, wanted));
                self.advance(wanted, operation).await
            }
            Do::Conclude(record) => {
                let action = match self.report.history.latest().map(|s| s.status()) {
                    Some(Status::PendingInstall) => Action::Install,
                    Some(Status::PendingRollback) => Action::Rollback,
                    _ => Action::Upgrade,
                };
                let result = match record.info.status {
                    Status::Failed => Err(without_prefix(&record.info.description)),
                    _ => Ok(()),
                };
                for old in records.iter().filter(|r| r.version != record.version) {
                    self.report.history.update(old, None);
                }
                self.conclude(wanted, action, &[record], result).await
            }
        }
    }

    /// Says what is being done, before it is; with `Ready` where it makes a release.
    pub(super) async fn progress(&mut self, action: &str, timeout: GoDuration, is_release: bool) -> Option<End> {
        self.report.at(&now_text());
        let said = format!("Running '{action}' action with timeout of {timeout}");
        self.report.reconciling(&said);
        if is_release {
            self.report.conditions().mark_unknown(condition::READY, reason::PROGRESSING, &said);
        }
        match self.write().await {
            Ok(()) => None,
            Err(e) => {
                tracing::warn!(release = ?self.name, error = %e, "writing the status failed; tried again");
                Some(End::Retry)
            }
        }
    }

    pub(super) fn rules(&self, action: Action, wanted: &Wanted) -> Rules {
        let spec: &ActionSpec = match action {
            Action::Install => &self.spec.install,
            Action::Rollback => &self.spec.rollback,
            _ => &self.spec.upgrade,
        };
        Rules {
            timeout: spec.timeout.to_std(),
            wait: !spec.disable_wait,
            wait_for_jobs: !spec.disable_wait_for_jobs,
            waits_as_helm_3: self.spec.waits_as_helm_3,
            hooks: !spec.disable_hooks,
            take_ownership: !spec.disable_take_ownership,
            validate: !spec.disable_open_api && action != Action::Rollback,
            cleanup_on_fail: spec.cleanup_on_fail,
            force: spec.force,
            create_namespace: action == Action::Install && spec.create_namespace && self.spec.has_target_namespace,
            max_history: if action == Action::Install { 0 } else { self.spec.max_history },
            exprs: wanted.exprs.clone(),
            ..Rules::default()
        }
    }

    pub(super) async fn begin_release(&mut self, wanted: &Wanted, records: &[Release], action: Action) -> Option<End> {
        let is_install = action == Action::Install;
        let verb = if is_install { "install" } else { "upgrade" };
        let spec = if is_install { self.spec.install.clone() } else { self.spec.upgrade.clone() };
        self.report.set("lastAttemptedReleaseAction", verb);
        if is_install {
            self.report.history.clear();
            self.report.conditions().remove(condition::TEST_SUCCESS);
        }
        self.report.conditions().remove(condition::REMEDIATED);
        let made = self.make(wanted, records, action, &spec).await;
        let record = match made {
            Ok(record) => record,
            Err(fault) => return Some(self.not_begun(wanted, action, fault)),
        };
        // Intent before act: a process that dies from here on knows its own record again.
        self.report.history.remember(&record, verb, &wanted.artifact);
        if let Some(end) = self.progress(verb, spec.timeout, true).await {
            return Some(end);
        }
        let rules = self.rules(action, wanted);
        let owner = key(&self.name);
        match self.controller.releases.begin(&wanted.site, &owner, action, record, records, rules).await {
            Ok(operation) => self.advance(wanted, operation).await,
            Err(fault) => {
                // The record may be there though no answer came: then the intent knows it again.
                if !fault.is_transient {
                    self.report.history.forget_latest();
                }
                Some(self.not_begun(wanted, action, fault))
            }
        }
    }

    /// Renders the record of a new revision, definitions applied before.
    pub(super) async fn make(
        &mut self,
        wanted: &Wanted,
        records: &[Release],
        action: Action,
        spec: &ActionSpec,
    ) -> Result<Release, Fault> {
        let name = &self.spec.release_name;
        let refused = |e: belay_helm::Error| Fault::refused(e.to_string());
        belay_helm::release::check_name(name).map_err(refused)?;
        let (mut chart, mut values) = (wanted.chart.clone(), wanted.values.clone());
        let (revision, first, before) = match action {
            Action::Install => {
                let may_replace =
                    spec.replace || history::last(records).is_some_and(|r| r.info.status == Status::Uninstalled);
                history::check_available(records, may_replace)
                    .map_err(|e| Fault::refused(format!("release name check failed: {e}")))?;
                (history::last(records).map_or(1, |r| r.version + 1), None, None)
            }
            _ => {
                let base = history::upgrade_base(name, records).map_err(refused)?;
                if spec.preserve_values {
                    let reused =
                        history::reuse_values((*chart).clone(), base.current, values, history::ReuseValues::Reuse);
                    let (with_old, merged) = reused.map_err(refused)?;
                    (chart, values) = (std::sync::Arc::new(with_old), merged);
                }
                let first = base.current.info.first_deployed.clone();
                (base.next_version(), Some(first), base.last.apply_method)
            }
        };
        let method = history::apply_method(&spec.server_side_apply, before).map_err(refused)?;
        let policy = match spec.crds.as_str() {
            "Skip" => CrdPolicy::Skip,
            "CreateReplace" => CrdPolicy::CreateReplace,
            _ => CrdPolicy::Create,
        };
        let owner = self.spec.clone();
        let processed = belay_helm::processed(&chart, &values).map_err(refused)?;
        apply_crds(&wanted.site, &processed, policy, method, |object| render::mark(&owner, object))
            .await
            .map_err(|f| Fault { message: format!("failed to apply CustomResourceDefinitions: {f}"), ..f })?;
        let target = &wanted.site.target;
        let capabilities = self.controller.capabilities(target).await;
        let capabilities = capabilities.map_err(|e| Fault {
            is_transient: e.is_transient(),
            message: format!("could not get server version from Kubernetes: {e}"),
        })?;
        let request = Request {
            chart,
            values,
            revision,
            is_upgrade: action == Action::Upgrade,
            first_deployed: first,
            method,
            skip_schema: spec.disable_schema,
            capabilities,
            cluster: Some(target.acting.clone()),
            cache: self.controller.templates.clone(),
        };
        let mut record = render::record(&self.spec, request).await.map_err(Fault::refused)?;
        match action {
            Action::Install => record.set_status(Status::PendingInstall, "Initial install underway"),
            _ => {
                record.set_status(Status::PendingUpgrade, "Preparing upgrade");
                if let Some(last) = history::last(records) {
                    record.labels.clone_from(&last.labels);
                }
            }
        }
        Ok(record)
    }

    /// Nothing was stored: the attempt does not count, and is made again.
    pub(super) fn not_begun(&mut self, wanted: &Wanted, action: Action, fault: Fault) -> End {
        self.previous.clear();
        if fault.is_transient {
            tracing::warn!(release = ?self.name, error = %fault, "the action could not begin; tried again");
            return End::Retry;
        }
        self.tell_failure(wanted, action, &fault.message);
        self.report.summarize();
        match self.active().and_then(|a| a.retry_interval) {
            Some(pause) => self.retry_after(pause),
            None => End::Retry,
        }
    }

    pub(super) async fn begin_rollback(&mut self, wanted: &Wanted, records: &[Release], version: u32) -> Option<End> {
        let made = (|| {
            let target = history::rollback_target(records, version)?;
            let method = history::apply_method(&self.spec.rollback.server_side_apply, target.apply_method)?;
            history::rollback_record(records, target, method, "")
        })();
        let mut record = match made {
            Ok(record) => record,
            Err(e) => return Some(self.not_begun_remediation(&e.to_string(), version)),
        };
        let first = record.info.first_deployed.clone();
        begun(&mut record, Some(&first));
        self.report.history.remember(&record, "rollback", "");
        if let Some(end) = self.progress("rollback", self.spec.rollback.timeout, false).await {
            return Some(end);
        }
        let (rules, owner) = (self.rules(Action::Rollback, wanted), key(&self.name));
        match self.controller.releases.begin(&wanted.site, &owner, Action::Rollback, record, records, rules).await {
            Ok(operation) => self.advance(wanted, operation).await,
            Err(fault) => {
                if !fault.is_transient {
                    self.report.history.forget_latest();
                }
                Some(self.not_begun_remediation(&fault.message, version))
            }
        }
    }

    pub(super) fn not_begun_remediation(&mut self, message: &str, version: u32) -> End {
        tracing::warn!(release = ?self.name, version, error = message, "the rollback could not begin; tried again");
        self.previous.clear();
        End::Retry
    }

    /// Advances an operation; gives how the run ends, if it does.
    pub(super) async fn advance(&mut self, wanted: &Wanted, mut operation: Operation) -> Option<End> {
        let advanced = self.controller.releases.advance(&mut operation, &wanted.site).await;
        let left = match advanced {
            Ok(Advance::Done(result)) => {
                let action = operation.action;
                return self.conclude(wanted, action, &operation.written, result).await;
            }
            Ok(Advance::Waiting { left }) => left,
            Err(fault) => {
                tracing::warn!(release = ?self.name, error = %fault, "the operation could not go on; tried again");
                belay_cluster::jittered(AGAIN, 20)
            }
        };
        self.keep_under_way(operation, wanted.digest(), false);
        Some(End::Waiting(left))
    }

    pub(super) async fn unlock(&mut self, wanted: &Wanted, mut record: Release) -> Option<End> {
        let status = record.info.status;
        record.set_status(Status::Failed, format!("Release unlocked from stale '{}' state", status.name()));
        if let Err(fault) = Store::of(&wanted.site).update(&record).await {
            return Some(self.unclear(&fault));
        }
        self.report.history.update(&record, None);
        let current = super::Snapshot::of(&record, "", "");
        let message = format!(
            "Unlocked Helm release {} with chart {} in {} state",
            current.full_name(),
            current.chart(),
            status.name()
        );
        self.report.conditions().mark_false(condition::RELEASED, why::PENDING_RELEASE, &message);
        self.report.tell(Severity::Info, why::PENDING_RELEASE, &message, About::of(&current));
        self.report.summarize();
        self.previous.push(Step::Unlock);
        None
    }

    pub(super) async fn correct(&mut self, wanted: &Wanted, drifted: &[Drifted]) -> Option<End> {
        let owner = key(&self.name);
        let corrected = correct(&self.controller.releases, &wanted.site, &owner, drifted).await;
        let Some(current) = self.report.history.latest().cloned() else { return Some(End::Retry) };
        let name = current.full_name();
        match corrected {
            Err(fault) => {
                tracing::warn!(release = ?self.name, error = %fault, "drift could not be corrected; tried again");
                return Some(End::Retry);
            }
            Ok((lines, failures)) if failures.is_empty() => {
                let message = format!("Cluster state of release {name} has been corrected:\n{}", lines.join("\n"));
                self.report.tell(Severity::Info, why::DRIFT_CORRECTED, &message, About::of(&current));
            }
            Ok((lines, failures)) => {
                let partly = if lines.is_empty() { "" } else { "partially " };
                let mut message =
                    format!("Failed to {partly}correct cluster state of release {name}:\n{}", failures.join("\n"));
                if !lines.is_empty() {
                    message.push_str(&format!("\n\nSuccessful corrections:\n{}", lines.join("\n")));
                }
                self.report.tell(Severity::Error, why::DRIFT_CORRECTION_FAILED, &message, About::of(&current));
            }
        }
        self.previous.push(Step::DriftCorrection);
        None
    }
}

/// How a release is taken away.
pub(super) fn uninstall_rules(spec: &HelmRelease) -> Rules {
    Rules {
        timeout: spec.uninstall_timeout.to_std(),
        wait: !spec.uninstall_disable_wait,
        hooks: !spec.uninstall_disable_hooks,
        keep_history: spec.keep_history,
        propagation: match spec.propagation.as_str() {
            "foreground" => Propagation::Foreground,
            "orphan" => Propagation::Orphan,
            _ => Propagation::Background,
        },
        ..Rules::default()
    }
}
