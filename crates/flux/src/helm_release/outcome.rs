//! What the end of an operation means for the status: history, counters, conditions, events.

use std::time::Duration;

use belay_engine::release::{Action, crd_objects};
use belay_helm::release::Release;
use belay_plan::{Inventory, InventoryEntry};

use super::actions::Step;
use super::history::values_digest;
use super::{End, Run, Wanted, key};
use crate::duration::GoDuration;
use crate::names::{condition, helm_reason as why};
use crate::report::{About, Severity};
use crate::shared::now_text;
use crate::spec::{DriftMode, HelmRelease};

impl Run<'_> {
    /// Turns the end of an operation into the status. `written` is the records as they were stored.
    pub(super) async fn conclude(
        &mut self,
        wanted: &Wanted,
        action: Action,
        written: &[Release],
        result: Result<(), String>,
    ) -> Option<End> {
        self.report.at(&now_text());
        let newest = written.iter().max_by_key(|r| r.version)?.clone();
        for record in written.iter().filter(|r| r.version != newest.version) {
            self.report.history.update(record, None);
        }
        match action {
            Action::Install => self.report.history.remember(&newest, "install", &wanted.artifact),
            Action::Upgrade => self.report.history.remember(&newest, "upgrade", &wanted.artifact),
            Action::Rollback => self.report.history.remember(&newest, "rollback", ""),
            Action::Uninstall => self.report.history.update(&newest, Some("uninstall-remediation")),
            Action::Test => {
                self.report.history.update(&newest, None);
                let is_run = |name: &str| is_selected(&self.spec, name);
                if let Some(latest) = self.report.history.latest_mut().filter(|s| s.is_of(&newest)) {
                    latest.set_tests(&newest, is_run);
                }
            }
        }
        if matches!(action, Action::Install | Action::Upgrade | Action::Rollback) {
            self.set_inventory(wanted, &newest).await;
            let began: Option<jiff::Timestamp> = newest.info.last_deployed.parse().ok();
            let took = began.and_then(|t| Duration::try_from(jiff::Timestamp::now().duration_since(t)).ok());
            if action != Action::Rollback {
                let took = GoDuration::from_std(took.unwrap_or_default());
                self.report.set("lastAttemptedReleaseActionDuration", took.to_string());
            }
        }
        if self.spec.drift == DriftMode::Disabled {
            self.controller.releases.reset(&key(&self.name));
        }
        match action {
            Action::Install | Action::Upgrade => self.released(wanted, action, result),
            Action::Rollback | Action::Uninstall => return Some(self.remediated(action, result)),
            Action::Test => self.tested(result),
        }
        self.previous.push(if action == Action::Test { Step::Test } else { Step::Release });
        None
    }

    pub(super) fn tell_failure(&mut self, wanted: &Wanted, action: Action, error: &str) {
        let is_install = action == Action::Install;
        let (verb, reason) =
            if is_install { ("install", why::INSTALL_FAILED) } else { ("upgrade", why::UPGRADE_FAILED) };
        let metadata = &wanted.chart.metadata;
        let message = format!(
            "Helm {verb} failed for release {}/{} with chart {}@{}: {}",
            self.spec.namespace,
            self.spec.release_name,
            metadata.name,
            metadata.version,
            error.trim()
        );
        self.report.count("failures");
        self.report.conditions().mark_false(condition::RELEASED, reason, &message);
        let token = values_digest(&wanted.values);
        let about = About {
            revision: &metadata.version,
            token: &token,
            app_version: &metadata.app_version,
            artifact: &wanted.artifact,
        };
        self.report.tell(Severity::Error, reason, &message, about);
    }

    pub(super) fn released(&mut self, wanted: &Wanted, action: Action, result: Result<(), String>) {
        let is_install = action == Action::Install;
        if let Err(error) = result {
            self.tell_failure(wanted, action, &error);
            self.report.count(if is_install { "installFailures" } else { "upgradeFailures" });
            self.report.summarize();
            return;
        }
        let (verb, reason) =
            if is_install { ("install", why::INSTALL_SUCCEEDED) } else { ("upgrade", why::UPGRADE_SUCCEEDED) };
        let Some(current) = self.report.history.latest().cloned() else { return };
        let (name, chart) = (current.full_name(), current.chart());
        let message = format!("Helm {verb} succeeded for release {name} with chart {chart}");
        self.report.conditions().mark_true(condition::RELEASED, reason, &message);
        if self.spec.test && !current.is_tested() {
            let pending = format!("Helm release {name} with chart {chart} is awaiting tests");
            self.report.conditions().mark_unknown(condition::TEST_SUCCESS, why::AWAITING_TESTS, &pending);
        }
        let spec = if is_install { &self.spec.install } else { &self.spec.upgrade };
        if spec.retry_interval.is_some() {
            self.report.clear_failures();
        }
        self.report.tell(Severity::Info, reason, &message, About::of(&current));
        self.report.summarize();
    }

    pub(super) fn remediated(&mut self, action: Action, result: Result<(), String>) -> End {
        let ignores = self.spec.upgrade.remediation.ignores_tests;
        let history = &self.report.history;
        // A rollback tells of what it went back to.
        let about = if action == Action::Rollback { history.previous(ignores) } else { history.latest() };
        let Some(about) = about.or(history.latest()).cloned() else { return End::Retry };
        let (name, chart) = (about.full_name(), about.chart());
        let (what, succeeded, failed) = match action {
            Action::Rollback => (
                format!("Helm rollback to previous release {name} with chart {chart}"),
                why::ROLLBACK_SUCCEEDED,
                why::ROLLBACK_FAILED,
            ),
            _ => (
                format!("Helm uninstall remediation for release {name} with chart {chart}"),
                why::UNINSTALL_SUCCEEDED,
                why::UNINSTALL_FAILED,
            ),
        };
        match result {
            Ok(()) => {
                let message = format!("{what} succeeded");
                self.report.conditions().mark_true(condition::REMEDIATED, succeeded, &message);
                self.report.tell(Severity::Info, succeeded, &message, About::of(&about));
            }
            Err(error) => {
                let message = format!("{what} failed: {}", error.trim());
                self.report.count("failures");
                self.report.conditions().mark_false(condition::REMEDIATED, failed, &message);
                self.report.tell(Severity::Error, failed, &message, About::of(&about));
            }
        }
        self.report.summarize();
        self.previous.clear();
        let Some(active) = self.active().cloned() else { return self.must_requeue() };
        if let Some(pause) = active.retry_interval {
            return self.retry_after(pause);
        }
        let is_upgrade = self.report.text("lastAttemptedReleaseAction") == "upgrade";
        if !active.remediation.is_exhausted(self.failures()) || (is_upgrade && active.remediation.uninstalls) {
            return self.must_requeue();
        }
        self.out_of_retries()
    }

    pub(super) fn tested(&mut self, result: Result<(), String>) {
        let Some(current) = self.report.history.latest().cloned() else { return };
        let (name, chart) = (current.full_name(), current.chart());
        match result {
            Ok(()) => {
                let hooks = match current.count_tests() {
                    0 => "no test hooks".to_owned(),
                    1 => "1 test hook completed successfully".to_owned(),
                    n => format!("{n} test hooks completed successfully"),
                };
                let message = format!("Helm test succeeded for release {name} with chart {chart}: {hooks}");
                self.report.conditions().mark_true(condition::TEST_SUCCESS, why::TEST_SUCCEEDED, &message);
                self.report.tell(Severity::Info, why::TEST_SUCCEEDED, &message, About::of(&current));
            }
            Err(error) => {
                let message = format!("Helm test failed for release {name} with chart {chart}: {}", error.trim());
                self.report.count("failures");
                self.report.conditions().mark_false(condition::TEST_SUCCESS, why::TEST_FAILED, &message);
                self.report.tell(Severity::Error, why::TEST_FAILED, &message, About::of(&current));
                let counter = match self.report.text("lastAttemptedReleaseAction") {
                    "install" => "installFailures",
                    _ => "upgradeFailures",
                };
                if current.is_tested() && self.active().is_some_and(|a| !a.remediation.ignores_tests) {
                    self.report.count(counter);
                }
            }
        }
        self.report.summarize();
    }

    pub(super) async fn set_inventory(&mut self, wanted: &Wanted, record: &Release) {
        let mut inventory = Inventory::new();
        let objects = belay_helm::release::change::objects(&record.manifest).unwrap_or_default();
        let processed = belay_helm::processed(&wanted.chart, &wanted.values);
        let crds = processed.map(|chart| crd_objects(&chart).unwrap_or_default()).unwrap_or_default();
        for object in objects.into_iter().chain(crds) {
            let mut key = object.key();
            let kind = object.group_version_kind();
            if key.namespace.is_empty()
                && let Ok(resource) = wanted.site.target.cluster.resolve_version(&kind).await
                && resource.namespaced
            {
                key.namespace = record.namespace.as_str().into();
            }
            inventory.add(InventoryEntry { key, version: kind.version.as_str().into() });
        }
        self.report.set("inventory", inventory.to_value());
    }
}

fn is_selected(spec: &HelmRelease, name: &str) -> bool {
    let is_in = |out: bool| spec.test_filters.iter().any(|(n, excluded)| *excluded == out && n == name);
    let has_included = spec.test_filters.iter().any(|(_, excluded)| !excluded);
    !is_in(true) && (!has_included || is_in(false))
}

/// What a record's description says of a failure, without Helm's words before it.
pub(super) fn without_prefix(description: &str) -> String {
    description.split_once(" failed: ").map_or(description, |(_, why)| why).to_owned()
}
