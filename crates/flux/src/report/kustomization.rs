//! The status and events of a Kustomization.
//!
//! `status.observedGeneration` advances only when it is ready, or can never be: a Kustomization
//! that fails is in progress to kstatus, not failed. `status.lastHandledReconcileAt` is written at
//! the end of a run, never before, since the command line takes its change as the end.

use belay_health::{Health, wait_entry};
use belay_object::{Object, ObjectKey};
use belay_plan::{ChangeSet, Inventory, Snapshot, upsert};

use super::{Event, Next, Severity, Status, StatusPatch};
use crate::duration::GoDuration;
use crate::names::{KUSTOMIZE_GROUP, condition, reason};
use crate::spec::{Kustomization, Meta};

/// What a run is at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Getting the artifact.
    Fetching,
    /// Building the manifests.
    Building,
    /// Comparing with the cluster, and applying.
    DetectingDrift,
    /// Waiting for health.
    HealthChecks,
}

/// Where a run failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailureStage {
    /// Getting the artifact, or the path in it.
    Artifact,
    /// Building, decrypting, substituting.
    Build,
    /// Reaching the cluster, applying.
    Apply,
    /// Pruning.
    Prune,
    /// Health.
    Health,
}

impl FailureStage {
    fn reason(self) -> &'static str {
        match self {
            FailureStage::Artifact => reason::ARTIFACT_FAILED,
            FailureStage::Build => reason::BUILD_FAILED,
            FailureStage::Apply => reason::RECONCILIATION_FAILED,
            FailureStage::Prune => reason::PRUNE_FAILED,
            FailureStage::Health => reason::HEALTH_CHECK_FAILED,
        }
    }
}

/// A run that failed and will be tried again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Where.
    pub stage: FailureStage,
    /// Why.
    pub message: String,
    /// The digest of what was rendered, where it came to that: the failure is then part of the
    /// history.
    pub digest: Option<String>,
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Applied, pruned, healthy.
    Ready {
        /// `sha256:<hex>` of what was rendered.
        digest: String,
    },
    /// It is suspended: nothing was done.
    Suspended,
    /// The source does not exist; the server's message.
    SourceNotFound(String),
    /// The source could not be read; why.
    SourceUnreadable(String),
    /// The source may not be used; why.
    AccessDenied(String),
    /// The source has no artifact yet.
    NoArtifact,
    /// The artifact is not stored any more.
    ArtifactGone,
    /// A dependency is not ready; which and why.
    DependencyNotReady(String),
    /// An expression can never be evaluated.
    InvalidExpression(String),
    /// A switch of the controller forbids it.
    FeatureGateDisabled(String),
    /// Waiting for health was given up because something newer came: `kind/namespace/name`.
    HealthCanceled(String),
    /// It failed.
    Failed(Failure),
}

/// A Kustomization's status while a run goes on.
pub struct KustomizationReport {
    meta: Meta,
    interval: GoDuration,
    retry_interval: GoDuration,
    timeout: GoDuration,
    suspended: bool,
    status: Status,
    revision: String,
    origin_revision: String,
    was_healthy: bool,
    is_new_revision: bool,
    events: Vec<Event>,
}

impl KustomizationReport {
    /// Begins with the object as it was read. `now` is RFC 3339 to the second.
    pub fn begin(object: &Object, spec: &Kustomization, now: &str) -> KustomizationReport {
        let status = Status::of(object, now);
        KustomizationReport {
            meta: spec.meta.clone(),
            interval: spec.interval,
            retry_interval: spec.retry_interval,
            timeout: spec.timeout,
            suspended: spec.suspend,
            was_healthy: status.conditions.is_true(condition::HEALTHY),
            is_new_revision: true,
            status,
            revision: String::new(),
            origin_revision: String::new(),
            events: Vec::new(),
        }
    }
    /// Says which revision the run is about.
    pub fn of_revision(&mut self, revision: &str, origin_revision: &str) {
        self.revision = revision.to_owned();
        self.origin_revision = origin_revision.to_owned();
        self.is_new_revision = self.status.text("lastAppliedRevision") != revision;
    }
    /// The revision that the run is about.
    pub fn revision(&self) -> &str {
        &self.revision
    }
    /// Says what the run is at, and since when.
    pub fn progress(&mut self, progress: Progress, now: &str) {
        self.status.conditions.at(now);
        let (revision, timeout) = (&self.revision, self.timeout);
        let message = match progress {
            Progress::Fetching => format!("Fetching manifests for revision {revision} with a timeout of {timeout}"),
            Progress::Building => format!("Building manifests for revision {revision} with a timeout of {timeout}"),
            Progress::DetectingDrift => format!("Detecting drift for revision {revision} with a timeout of {timeout}"),
            Progress::HealthChecks => {
                format!("Running health checks for revision {revision} with a timeout of {timeout}")
            }
        };
        let conditions = &mut self.status.conditions;
        match progress {
            Progress::Fetching => {
                conditions.mark_unknown(condition::READY, reason::PROGRESSING, "Reconciliation in progress");
            }
            Progress::Building => self.status.set("lastAttemptedRevision", self.revision.as_str()),
            Progress::DetectingDrift => {}
            Progress::HealthChecks => {
                conditions.mark_unknown(condition::HEALTHY, reason::PROGRESSING, &message);
            }
        }
        self.status.conditions.mark_reconciling(reason::PROGRESSING, &message);
    }
    /// Writes what is owned: with what is about to be applied before the apply, without what is
    /// confirmed to be deleted after the prune.
    pub fn set_inventory(&mut self, inventory: &Inventory) {
        self.status.set("inventory", inventory.to_value());
    }
    /// Tells what was applied, where anything changed.
    pub fn applied(&mut self, changes: &ChangeSet) {
        let lines = changes.changed_lines();
        if !lines.is_empty() {
            self.event(Severity::Info, lines, &[]);
        }
    }
    /// Tells what was pruned, where anything was to be.
    pub fn pruned(&mut self, changes: &ChangeSet) {
        if !changes.is_empty() {
            self.event(Severity::Info, changes.lines(), &[]);
        }
    }
    /// Tells what is not pruned yet, and until when, a sentence each.
    pub fn held_back(&mut self, sentences: &[String]) {
        if !sentences.is_empty() {
            self.event(Severity::Info, sentences.join("\n"), &[]);
        }
    }
    /// Says that nothing has to be healthy.
    pub fn no_health_checks(&mut self) {
        self.status.conditions.remove(condition::HEALTHY);
    }
    /// Says that health has come, after how long; `changed` is whether the run changed anything.
    pub fn healthy(&mut self, after: GoDuration, changed: bool, now: &str) {
        self.status.conditions.at(now);
        let message = format!("Health check passed in {after}");
        if !self.was_healthy || (self.is_new_revision && changed) {
            self.event(Severity::Info, message.clone(), &[]);
        }
        self.status.conditions.mark_true(condition::HEALTHY, reason::SUCCEEDED, &message);
    }
    /// Says that health has not come, and gives the failure: `why` is of [`health_failure`].
    pub fn unhealthy(&mut self, why: &str, after: GoDuration, digest: &str) -> Failure {
        self.status.conditions.mark_false(condition::HEALTHY, reason::HEALTH_CHECK_FAILED, why);
        Failure {
            stage: FailureStage::Health,
            message: format!("health check failed after {after}: {why}"),
            digest: Some(digest.to_owned()),
        }
    }
    /// Ends the run, `took` after its begin. `dependency_interval` is how soon to look again at what
    /// is waited for.
    pub fn end(&mut self, verdict: &Verdict, took: GoDuration, dependency_interval: GoDuration, now: &str) -> Next {
        self.status.conditions.at(now);
        let next = self.judge(verdict, took, dependency_interval, now);
        self.finish(took);
        next
    }

    fn judge(&mut self, verdict: &Verdict, took: GoDuration, dependency: GoDuration, now: &str) -> Next {
        match verdict {
            Verdict::Ready { digest } => {
                self.status.set("lastAppliedRevision", self.revision.as_str());
                match self.origin_revision.as_str() {
                    "" => self.status.remove("lastAppliedOriginRevision"),
                    origin => self.status.set("lastAppliedOriginRevision", origin),
                }
                let message = format!("Applied revision: {}", self.revision);
                self.status.conditions.mark_true(condition::READY, reason::RECONCILIATION_SUCCEEDED, &message);
                self.remember(digest, reason::RECONCILIATION_SUCCEEDED, took, now);
                Next::Interval
            }
            Verdict::Suspended => Next::OnChange,
            Verdict::SourceNotFound(message) => {
                self.not_ready(reason::ARTIFACT_FAILED, message);
                Next::After(self.retry_interval)
            }
            Verdict::SourceUnreadable(message) => {
                self.not_ready(reason::ARTIFACT_FAILED, message);
                Next::Backoff
            }
            Verdict::AccessDenied(message) => {
                self.not_ready(reason::ACCESS_DENIED, message);
                self.status.conditions.mark_stalled(reason::ACCESS_DENIED, message);
                self.plain_event(Severity::Error, message.clone());
                Next::OnChange
            }
            Verdict::NoArtifact => {
                let message = format!("Source artifact not found, retrying in {dependency}");
                self.not_ready(reason::ARTIFACT_FAILED, &message);
                Next::After(dependency)
            }
            Verdict::ArtifactGone => {
                let message = format!("Source is not ready, artifact not found, retrying in {dependency}");
                self.not_ready(reason::ARTIFACT_FAILED, &message);
                Next::After(dependency)
            }
            Verdict::DependencyNotReady(message) => {
                self.not_ready(reason::DEPENDENCY_NOT_READY, message);
                let message = format!("Dependencies do not meet ready condition, retrying in {dependency}");
                self.event(Severity::Info, message, &[]);
                Next::After(dependency)
            }
            Verdict::InvalidExpression(message) => {
                let message = format!("Reconciliation failed terminally due to configuration error: {message}");
                self.not_ready(reason::INVALID_CEL_EXPRESSION, &message);
                self.status.conditions.mark_stalled(reason::INVALID_CEL_EXPRESSION, &message);
                self.status.set("observedGeneration", self.meta.generation);
                self.event(Severity::Error, message, &[]);
                Next::OnChange
            }
            Verdict::FeatureGateDisabled(message) => {
                self.not_ready(reason::FEATURE_GATE_DISABLED, message);
                self.status.conditions.mark_stalled(reason::FEATURE_GATE_DISABLED, message);
                self.plain_event(Severity::Error, message.clone());
                Next::OnChange
            }
            Verdict::HealthCanceled(trigger) => {
                self.not_ready(reason::HEALTH_CHECK_CANCELED, &format!("New reconciliation triggered by {trigger}"));
                let message = format!("Health checks canceled due to new reconciliation triggered by {trigger}");
                self.event(Severity::Info, message, &[]);
                Next::Now
            }
            Verdict::Failed(failure) => {
                let why = failure.stage.reason();
                self.not_ready(why, &failure.message);
                if let Some(digest) = &failure.digest {
                    self.remember(digest, why, took, now);
                }
                self.event(Severity::Error, failure.message.clone(), &[]);
                Next::After(self.retry_interval)
            }
        }
    }

    fn finish(&mut self, took: GoDuration) {
        if let Some(at) = self.meta.requested_at.clone() {
            self.status.set("lastHandledReconcileAt", at);
        }
        let conditions = &mut self.status.conditions;
        if conditions.is_true(condition::READY) {
            conditions.remove(condition::RECONCILING);
            self.status.set("observedGeneration", self.meta.generation);
        } else if conditions.is_false(condition::READY) && conditions.has(condition::RECONCILING) {
            conditions.set_reason(condition::RECONCILING, reason::PROGRESSING_WITH_RETRY);
        }
        if !self.suspended && self.status.conditions.is_ready() {
            let message = format!("Reconciliation finished in {took}, next run in {}", self.interval);
            let (revision, origin) = (
                self.status.text("lastAppliedRevision").to_owned(),
                self.status.text("lastAppliedOriginRevision").to_owned(),
            );
            self.events.push(Event::new(
                Severity::Info,
                reason::RECONCILIATION_SUCCEEDED,
                message,
                &self.meta,
                KUSTOMIZE_GROUP,
                &[("revision", &revision), ("originRevision", &origin), ("commit_status", "update")],
            ));
        }
    }

    fn not_ready(&mut self, reason: &str, message: &str) {
        self.status.conditions.mark_false(condition::READY, reason, message);
    }
    fn remember(&mut self, digest: &str, status: &str, took: GoDuration, now: &str) {
        let mut metadata = vec![("revision".to_owned(), self.revision.clone())];
        if !self.origin_revision.is_empty() {
            metadata.push(("originRevision".to_owned(), self.origin_revision.clone()));
        }
        let snapshot = Snapshot {
            digest: digest.to_owned(),
            at: now.to_owned(),
            duration: took.to_string(),
            status: status.to_owned(),
            metadata,
        };
        let history = upsert(self.status.get("history"), &snapshot);
        self.status.set("history", history);
    }
    /// An event about the run's revision; its reason is that of `Ready` at the moment.
    fn event(&mut self, severity: Severity, message: String, more: &[(&str, &str)]) {
        let mut metadata = vec![("revision", self.revision.as_str()), ("originRevision", &self.origin_revision)];
        metadata.extend_from_slice(more);
        let event = Event::new(severity, self.ready_reason(severity), message, &self.meta, KUSTOMIZE_GROUP, &metadata);
        self.events.push(event);
    }
    fn plain_event(&mut self, severity: Severity, message: String) {
        let event = Event::new(severity, self.ready_reason(severity), message, &self.meta, KUSTOMIZE_GROUP, &[]);
        self.events.push(event);
    }
    fn ready_reason(&self, severity: Severity) -> &str {
        match self.status.conditions.get(condition::READY) {
            Some(c) if !c.reason.is_empty() => &c.reason,
            _ => severity.notification().unwrap_or("info"),
        }
    }
    /// The change of the status since the last patch taken; `None` where there is none.
    pub fn take_patch(&mut self) -> Option<StatusPatch> {
        self.status.take_patch()
    }
    /// The events since they were last taken.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
    /// The status as it will stand.
    pub fn status(&self) -> belay_object::Value {
        self.status.value()
    }
}

/// The message of a refused apply: the error, then what was changed before it.
pub fn apply_failure(error: &str, changes: &ChangeSet) -> String {
    let lines = changes.changed_lines();
    let end = if lines.is_empty() { "" } else { "\n" };
    format!("{error}\n{lines}{end}")
}

/// How waiting for health ended badly.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HealthWait {
    /// Something failed, so that the rest was not waited for.
    FailedEarly,
    /// Time ran out.
    TimedOut,
}

/// The sentence about a failed wait: those that failed, and after a timeout also those that are
/// not current.
pub fn health_failure(how: HealthWait, all: &[(ObjectKey, Health)]) -> String {
    let entries: Vec<String> = all
        .iter()
        .filter(|(_, h)| h.is_failed() || (how == HealthWait::TimedOut && !h.is_current()))
        .map(|(key, health)| wait_entry(key, health))
        .collect();
    let how = match how {
        HealthWait::FailedEarly => "failed early due to stalled resources",
        HealthWait::TimedOut => "timeout waiting for",
    };
    format!("{how}: [{}]", entries.join(", "))
}

/// The sentence about objects that are left behind because the account to act as is gone.
pub fn unreachable_account(objects: &[ObjectKey]) -> String {
    let lines: Vec<String> = objects.iter().map(ObjectKey::to_string).collect();
    format!("unable to prune objects: \n{}", lines.join("\n"))
}

/// The events of a deleted Kustomization whose objects were deleted: `Ok` with what was done, or
/// `Err` where a deletion failed. `waited` tells whether waiting for the end came to it.
pub fn finalizer_events(object: &Object, outcome: Result<(&ChangeSet, bool), ()>) -> Vec<Event> {
    let meta = Meta::read(object);
    let why = object
        .at(&["status", "conditions"])
        .map_or(&[][..], belay_object::Value::items)
        .iter()
        .find(|c| c.str_at(&["type"]) == Some(condition::READY))
        .and_then(|c| c.str_at(&["reason"]));
    let text = |name: &str| object.str_at(&["status", name]).unwrap_or_default();
    let metadata = [("revision", text("lastAppliedRevision")), ("originRevision", text("lastAppliedOriginRevision"))];
    let event = |severity: Severity, message: String| {
        let reason = why.unwrap_or(severity.notification().unwrap_or("info"));
        Event::new(severity, reason, message, &meta, KUSTOMIZE_GROUP, &metadata)
    };
    match outcome {
        Err(()) => vec![event(Severity::Error, "pruning for deleted resource failed".to_owned())],
        Ok((changes, _)) if changes.is_empty() => Vec::new(),
        Ok((changes, waited)) => {
            let mut events = vec![event(Severity::Info, changes.lines())];
            if !waited {
                events.push(event(Severity::Error, "failed to wait for resources termination".to_owned()));
            }
            events
        }
    }
}
