//! The status and events of an OCIRepository, Bucket, HelmRepository or HelmChart.
//!
//! They share one form: negative conditions that are there only while true, `ArtifactInStorage` with
//! the message of success, and `Ready` derived from them. What differs is the words, which their
//! controllers bring along. GitRepository has a report of its own, with includes and modes.

use belay_object::{Condition, Object, Value};

use super::{Artifact, Event, FailureClass, FailureOf, InitialPatch, Next, Severity, Status, StatusPatch};
use crate::names::{self, SOURCE_GROUP, condition, reason};
use crate::spec::Meta;

/// What a source says when all is well.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Told {
    /// The reason of `ArtifactInStorage` and `Ready`.
    pub reason: &'static str,
    /// Their message.
    pub state: String,
    /// The message of the event about a new artifact.
    pub event: String,
}

/// How a run ended.
#[derive(Clone, PartialEq, Debug)]
pub enum SourceOutcome {
    /// A new artifact was stored.
    Stored {
        /// It.
        artifact: Box<Artifact>,
        /// Where its fixed name leads.
        url: String,
        /// Other fields of the status; `None` takes one away.
        observed: Vec<(&'static str, Option<Value>)>,
        /// What is said.
        told: Told,
    },
    /// What is stored is what there is.
    UpToDate {
        /// What is said.
        told: Told,
    },
    /// It is suspended: nothing was done.
    Suspended,
    /// It failed.
    Failed {
        /// Told by which condition.
        of: FailureOf,
        /// A word for machines.
        reason: String,
        /// Why.
        message: String,
        /// What follows.
        class: FailureClass,
    },
}

/// A source's status while a run goes on.
pub struct SourceReport {
    meta: Meta,
    status: Status,
    before: Vec<Condition>,
    old_digest: Option<String>,
    events: Vec<Event>,
}

/// Conditions that are there only while something is wrong.
const NEGATIVE: [&str; 6] = [
    condition::STORAGE_OPERATION_FAILED,
    condition::FETCH_FAILED,
    condition::BUILD_FAILED,
    condition::ARTIFACT_OUTDATED,
    condition::STALLED,
    condition::RECONCILING,
];
/// All that `Ready` is derived from, in the order in which they are told.
const SUMMARIZED: [&str; 8] = [
    condition::STORAGE_OPERATION_FAILED,
    condition::FETCH_FAILED,
    condition::BUILD_FAILED,
    condition::ARTIFACT_OUTDATED,
    condition::ARTIFACT_IN_STORAGE,
    condition::SOURCE_VERIFIED,
    condition::STALLED,
    condition::RECONCILING,
];
const FAILURES: [&str; 3] = [condition::FETCH_FAILED, condition::BUILD_FAILED, condition::STORAGE_OPERATION_FAILED];

impl SourceReport {
    /// Begins with the object as it was read; `now` is RFC 3339 to the second.
    pub fn begin(object: &Object, meta: &Meta, now: &str) -> SourceReport {
        let status = Status::of(object, now);
        SourceReport {
            meta: meta.clone(),
            before: status.conditions.all().to_vec(),
            old_digest: status.get("artifact").str_at(&["digest"]).map(str::to_owned),
            status,
            events: Vec::new(),
        }
    }
    /// The stored artifact; `None` where there is none.
    pub fn artifact(&self) -> Option<Artifact> {
        Artifact::read(self.status.get("artifact"))
    }
    /// A field of the status as it stands.
    pub fn field(&self, name: &str) -> &Value {
        self.status.get(name)
    }
    /// Says that work begins. Not called for a suspended object.
    pub fn start(&mut self) -> InitialPatch {
        self.progressing(false, "reconciliation in progress");
        let observed = self.status.get("observedGeneration").as_i64().unwrap_or_default();
        let requested = self.meta.requested_at.as_deref().unwrap_or_default();
        let patch = if self.meta.generation != observed {
            let message = format!("processing object: new generation {observed} -> {}", self.meta.generation);
            self.progressing(false, &message);
            InitialPatch::Needed
        } else if requested != self.status.text("lastHandledReconcileAt") {
            InitialPatch::Needed
        } else {
            InitialPatch::NotNeeded
        };
        let conditions = &mut self.status.conditions;
        conditions.remove(condition::STORAGE_OPERATION_FAILED);
        if conditions.is_false(condition::SOURCE_VERIFIED) {
            conditions.remove(condition::SOURCE_VERIFIED);
        }
        patch
    }
    /// Says that no artifact is stored, either not yet or, `disappeared`, not any more.
    pub fn no_artifact(&mut self, disappeared: bool) {
        self.status.remove("artifact");
        self.status.remove("url");
        let message = if disappeared { "building artifact: disappeared from storage" } else { "building artifact" };
        self.progressing(true, message);
        self.status.conditions.remove(condition::ARTIFACT_IN_STORAGE);
    }
    /// Says where things are served now.
    pub fn served_at(&mut self, artifact: &str, fixed: &str) {
        if self.status.get("artifact").as_object().is_some() {
            self.status.status.set(&["artifact", "url"], artifact);
            if !fixed.is_empty() {
                self.status.set("url", fixed);
            }
        }
    }
    /// Says that the source could be read.
    pub fn fetched(&mut self) {
        self.status.conditions.remove(condition::FETCH_FAILED);
        self.status.conditions.remove(condition::BUILD_FAILED);
    }
    /// Whether the signature of this generation's revision was found good already.
    pub fn is_verified(&self) -> bool {
        let conditions = &self.status.conditions;
        conditions.is_true(condition::SOURCE_VERIFIED)
            && conditions.get(condition::SOURCE_VERIFIED).map(|c| c.observed_generation) == Some(self.meta.generation)
    }
    /// Says that a signature is good.
    pub fn verified(&mut self, message: &str) {
        self.status.conditions.mark_true(condition::SOURCE_VERIFIED, reason::SUCCEEDED, message);
    }
    /// Says that no signature is asked for.
    pub fn not_verified(&mut self) {
        self.status.conditions.remove(condition::SOURCE_VERIFIED);
    }
    /// Notes which revision of its own source a chart is built from.
    pub fn of_source(&mut self, revision: &str) {
        self.status.set("observedSourceArtifactRevision", revision);
    }
    /// Says what is new and being built.
    pub fn building(&mut self, reason: &str, message: &str) {
        if self.artifact().is_some() {
            self.status.conditions.mark_true(condition::ARTIFACT_OUTDATED, reason, message);
        }
        self.progressing(true, &format!("building artifact: {message}"));
    }
    /// Ends the run.
    pub fn end(&mut self, outcome: SourceOutcome, now: &str) -> Next {
        self.status.conditions.at(now);
        let next = match outcome {
            SourceOutcome::Stored { artifact, url, observed, told } => {
                self.status.set("artifact", artifact.to_value());
                self.status.set("url", url);
                for (field, value) in observed {
                    match value {
                        Some(value) => self.status.set(field, value),
                        None => self.status.remove(field),
                    }
                }
                self.succeeded(&told);
                Next::Interval
            }
            SourceOutcome::UpToDate { told } => {
                self.succeeded(&told);
                Next::Interval
            }
            SourceOutcome::Suspended => {
                self.retrying();
                self.observed();
                self.status.conditions.remove(condition::STALLED);
                Next::OnChange
            }
            SourceOutcome::Failed { of, reason, message, class } => self.failed(of, &reason, &message, class),
        };
        if let Some(at) = self.meta.requested_at.clone() {
            self.status.set("lastHandledReconcileAt", at);
        }
        self.summarize();
        next
    }

    fn succeeded(&mut self, told: &Told) {
        let conditions = &mut self.status.conditions;
        for gone in FAILURES.iter().chain(&[condition::ARTIFACT_OUTDATED, condition::RECONCILING, condition::STALLED]) {
            conditions.remove(gone);
        }
        conditions.mark_true(condition::ARTIFACT_IN_STORAGE, told.reason, &told.state);
        self.observed();
        self.tell(told);
    }

    /// A new artifact is told, and that it works again after a failure; nothing else is.
    fn tell(&mut self, told: &Told) {
        let Some(artifact) = self.artifact() else { return };
        let failed_before = self.before.iter().any(|c| FAILURES.contains(&c.kind.as_str()));
        let what = if self.old_digest.as_deref() != Some(&artifact.digest) {
            // Compat(flux 2.9): charts tell their own reason.
            if told.reason == reason::SUCCEEDED { "NewArtifact" } else { told.reason }
        } else if failed_before {
            told.reason
        } else {
            return;
        };
        let metadata = [("revision", artifact.revision.as_str()), ("digest", artifact.digest.as_str())];
        self.event(Severity::Info, what, told.event.clone(), &metadata);
    }

    fn failed(&mut self, of: FailureOf, reason: &str, message: &str, class: FailureClass) -> Next {
        let conditions = &mut self.status.conditions;
        // What failed before is not what fails: each look gets to one stage.
        match of {
            FailureOf::Fetch => conditions.remove(condition::BUILD_FAILED),
            FailureOf::Build | FailureOf::Verification => conditions.remove(condition::FETCH_FAILED),
            FailureOf::Storage | FailureOf::Include | FailureOf::Nothing => {}
        }
        match of {
            FailureOf::Fetch => conditions.mark_true(condition::FETCH_FAILED, reason, message),
            FailureOf::Storage => conditions.mark_true(condition::STORAGE_OPERATION_FAILED, reason, message),
            FailureOf::Build => {
                conditions.mark_true(condition::BUILD_FAILED, reason, message);
                // Compat(flux 2.9): the signature of a chart is told by both.
                if reason == names::reason::CHART_VERIFICATION_ERROR {
                    conditions.mark_false(condition::SOURCE_VERIFIED, names::reason::VERIFICATION_ERROR, message);
                }
            }
            FailureOf::Verification => conditions.mark_false(condition::SOURCE_VERIFIED, reason, message),
            FailureOf::Include | FailureOf::Nothing => {}
        }
        self.retrying();
        match class {
            FailureClass::Stalling => {
                self.event(Severity::Error, reason, message.to_owned(), &[]);
                self.status.conditions.mark_stalled(reason, message);
                self.observed();
                Next::OnChange
            }
            FailureClass::Waiting(after) => {
                self.event(Severity::Trace, reason, message.to_owned(), &[]);
                self.status.conditions.remove(condition::STALLED);
                Next::After(after)
            }
            FailureClass::Generic => {
                self.event(Severity::Error, reason, message.to_owned(), &[]);
                self.status.conditions.remove(condition::STALLED);
                Next::Backoff
            }
        }
    }

    fn retrying(&mut self) {
        if self.status.conditions.is_true(condition::RECONCILING) {
            self.status.conditions.set_reason(condition::RECONCILING, reason::PROGRESSING_WITH_RETRY);
        }
    }
    /// An object without conditions has not been observed.
    fn observed(&mut self) {
        if !self.status.conditions.all().is_empty() {
            self.status.set("observedGeneration", self.meta.generation);
        }
    }
    /// `Ready` follows only where it does not say anything yet, or where the artifact changes.
    fn progressing(&mut self, drift: bool, message: &str) {
        let conditions = &mut self.status.conditions;
        conditions.mark_reconciling(reason::PROGRESSING, message);
        if drift || !conditions.has(condition::READY) || conditions.is_unknown(condition::READY) {
            conditions.mark_unknown(condition::READY, reason::PROGRESSING, message);
        }
    }

    fn summarize(&mut self) {
        let conditions = &mut self.status.conditions;
        super::summarize(conditions, &SUMMARIZED, &NEGATIVE);
    }

    fn event(&mut self, severity: Severity, reason: &str, message: String, metadata: &[(&str, &str)]) {
        self.events.push(Event::new(severity, reason, message, &self.meta, SOURCE_GROUP, metadata));
    }
    /// The change of the status since the last patch taken; `None` where there is none.
    pub fn take_patch(&mut self) -> Option<StatusPatch> {
        self.status.take_patch()
    }
    /// The events since they were last taken.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}
