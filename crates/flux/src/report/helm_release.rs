//! The status and events of a HelmRelease.
//!
//! `Ready` is a summary of `Remediated`, `TestSuccess` and `Released`; a remediated release is never
//! ready. `status.lastHandledReconcileAt` is written at the end of a run, never before.

use belay_object::{Object, Value};

use super::{Event, Severity, Status, StatusPatch};
use crate::conditions::Conditions;
use crate::helm_release::{History, Snapshot};
use crate::names::{HELM_GROUP, condition, helm_reason, reason};
use crate::spec::{HelmRelease, Meta};

/// A HelmRelease's status while a run goes on.
pub(crate) struct HelmReleaseReport {
    meta: Meta,
    status: Status,
    /// What is remembered of its revisions.
    pub history: History,
    tests: bool,
    ignore_test_failures: bool,
    post_renderers: String,
    common: String,
    events: Vec<Event>,
}

/// The conditions of which `Ready` is the summary, first the strongest.
const SUMMARIZED: [&str; 3] = [condition::REMEDIATED, condition::TEST_SUCCESS, condition::RELEASED];

impl HelmReleaseReport {
    /// Begins with the object as it was read; `now` is RFC 3339 to the second.
    pub fn begin(object: &Object, spec: &HelmRelease, now: &str) -> HelmReleaseReport {
        let status = Status::of(object, now);
        HelmReleaseReport {
            meta: spec.meta.clone(),
            history: History::read(status.get("history")),
            status,
            tests: spec.test,
            ignore_test_failures: spec.test_ignore_failures,
            post_renderers: crate::helm_release::post_renderers_digest(&spec.post_renderers_value),
            common: crate::helm_release::common_digest(&spec.common_value),
            events: Vec::new(),
        }
    }
    /// Moves on in time.
    pub fn at(&mut self, now: &str) {
        self.status.conditions.at(now);
    }
    /// The conditions.
    pub fn conditions(&mut self) -> &mut Conditions {
        &mut self.status.conditions
    }
    /// A text of the status.
    pub fn text(&self, field: &str) -> &str {
        self.status.text(field)
    }
    /// A number of the status.
    pub fn number(&self, field: &str) -> i64 {
        self.status.get(field).as_i64().unwrap_or_default()
    }
    /// Sets a field of the status.
    pub fn set(&mut self, field: &str, value: impl Into<Value>) {
        self.status.set(field, value);
    }
    /// Sets a text, or takes it away where it is empty.
    pub fn set_text(&mut self, field: &str, text: &str) {
        if text.is_empty() {
            self.status.remove(field);
        } else {
            self.status.set(field, text);
        }
    }
    /// Takes a field of the status away.
    pub fn remove(&mut self, field: &str) {
        self.status.remove(field);
    }
    /// Counts one more.
    pub fn count(&mut self, field: &str) {
        let count = self.number(field) + 1;
        self.status.set(field, count);
    }
    /// Forgets failures.
    pub fn clear_failures(&mut self) {
        for field in ["failures", "installFailures", "upgradeFailures"] {
            self.status.remove(field);
        }
    }
    /// Whether the kustomizations or common metadata of the spec are others than those of the release.
    pub fn has_new_post_renderers(&self) -> Option<&'static str> {
        if self.text("observedPostRenderersDigest") != self.post_renderers {
            return Some("postrenderers digest has changed");
        }
        (self.text("observedCommonMetadataDigest") != self.common).then_some("common metadata digest has changed")
    }

    /// Says that it is being worked on; not written before something is done.
    pub fn reconciling(&mut self, message: &str) {
        self.status.conditions.mark_reconciling(reason::PROGRESSING, message);
    }
    /// Says that it is not ready.
    pub fn not_ready(&mut self, reason: &str, message: &str) {
        self.status.conditions.mark_false(condition::READY, reason, message);
    }
    /// Says that nothing more is tried.
    pub fn stalled(&mut self, reason: &str, message: &str) {
        self.status.conditions.mark_stalled(reason, message);
    }
    /// An obstacle of before is gone: `Ready` does not tell of it any more.
    pub fn obstacle_gone(&mut self, reasons: &[&str]) {
        let is_there =
            self.status.conditions.get(condition::READY).is_some_and(|c| reasons.contains(&c.reason.as_str()));
        if is_there {
            let text = "reconciliation in progress";
            self.status.conditions.mark_unknown(condition::READY, reason::PROGRESSING, text);
        }
    }

    /// Composes `Ready`.
    pub fn summarize(&mut self) {
        let matters = |kind: &str| kind != condition::TEST_SUCCESS || (self.tests && !self.ignore_test_failures);
        let rank = |kind: &str| SUMMARIZED.iter().position(|s| *s == kind && matters(s));
        if !self.tests {
            self.status.conditions.remove(condition::TEST_SUCCESS);
        }
        let mut all: Vec<_> =
            self.status.conditions.all().iter().filter(|c| rank(&c.kind).is_some()).cloned().collect();
        // Compat(flux 2.9): this is no total order; it is inserted as Go's stable sort does it.
        for i in 1..all.len() {
            for j in (1..=i).rev() {
                let (a, b) = (&all[j], &all[j - 1]);
                if a.observed_generation >= b.observed_generation && rank(&a.kind) < rank(&b.kind) {
                    all.swap(j, j - 1);
                } else {
                    break;
                }
            }
        }
        if let Some(first) = all.first() {
            let status = match first.kind == condition::REMEDIATED {
                true => belay_object::ConditionStatus::False,
                false => first.status,
            };
            if status == belay_object::ConditionStatus::True {
                self.status.conditions.remove(condition::STALLED);
            }
            self.status.conditions.set(condition::READY, status, &first.reason, &first.message);
        }
        let (post_renderers, common) = (self.post_renderers.clone(), self.common.clone());
        self.set_text("observedPostRenderersDigest", &post_renderers);
        self.set_text("observedCommonMetadataDigest", &common);
    }

    /// Puts one condition in the place of another, as true, with its time.
    pub fn remediated_is_released(&mut self, message: &str) {
        if self.status.conditions.is_true(condition::REMEDIATED) {
            self.status.conditions.remove(condition::REMEDIATED);
            self.status.conditions.mark_true(condition::RELEASED, helm_reason::UPGRADE_SUCCEEDED, message);
        }
    }

    /// An event about a revision.
    pub fn tell(&mut self, severity: Severity, reason: &str, message: &str, about: About<'_>) {
        let metadata = [
            ("revision", about.revision),
            ("token", about.token),
            ("app-version", about.app_version),
            ("oci-digest", about.artifact),
        ];
        self.events.push(Event::new(severity, reason, message, &self.meta, HELM_GROUP, &metadata));
    }
    /// An event about the resource alone.
    pub fn tell_plain(&mut self, severity: Severity, reason: &str, message: &str) {
        self.events.push(Event::new(severity, reason, message, &self.meta, HELM_GROUP, &[]));
    }

    /// Ends the run: `observed` says whether the generation was dealt with.
    pub fn end(&mut self, observed: bool) {
        if let Some(at) = self.meta.requested_at.clone() {
            self.status.set("lastHandledReconcileAt", at);
        }
        if observed {
            self.status.set("observedGeneration", self.meta.generation);
        }
    }
    /// The change of the status since it was last written.
    pub fn take_patch(&mut self) -> Option<StatusPatch> {
        match self.history.is_empty() {
            true => self.status.remove("history"),
            false => self.status.set("history", self.history.to_value()),
        }
        self.status.take_patch()
    }
    /// The events since they were last taken.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

/// What an event is about: a chart's version, the digest of values, the application's version, the
/// digest of the chart's artifact.
#[derive(Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub revision: &'a str,
    pub token: &'a str,
    pub app_version: &'a str,
    pub artifact: &'a str,
}

impl<'a> About<'a> {
    /// A remembered revision.
    pub fn of(snapshot: &'a Snapshot) -> About<'a> {
        About {
            revision: snapshot.chart_version(),
            token: snapshot.config_digest(),
            app_version: snapshot.app_version(),
            artifact: snapshot.artifact(),
        }
    }
}
