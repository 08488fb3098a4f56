//! The status and events of a GitRepository.
//!
//! `Ready` is derived from the other conditions: the first of those that say something is wrong,
//! then that an artifact is stored.

use belay_object::{Condition, Object, Value, object};

use super::{Event, Next, Severity, Status, StatusPatch};
use crate::duration::GoDuration;
use crate::names::{ORIGIN_REVISION, SOURCE_GROUP, condition, reason};
use crate::spec::{GitRepository, Include, Meta, VerificationMode};

/// A stored artifact, as `status.artifact` tells it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Artifact {
    /// `main@sha1:<hex>`.
    pub revision: String,
    /// `sha256:<hex>` of the file.
    pub digest: String,
    /// Path in the storage.
    pub path: String,
    /// Where it is served.
    pub url: String,
    /// When it was stored, RFC 3339 to the second.
    pub last_update_time: String,
    /// Bytes.
    pub size_bytes: Option<i64>,
    /// What else is told of it.
    pub metadata: Vec<(String, String)>,
}

impl Artifact {
    /// Reads one; `None` where there is none.
    pub fn read(value: &Value) -> Option<Artifact> {
        value.as_object()?;
        let text = |name: &str| value.str_at(&[name]).unwrap_or_default().to_owned();
        let metadata = value.get("metadata").and_then(Value::as_object);
        Some(Artifact {
            revision: text("revision"),
            digest: text("digest"),
            path: text("path"),
            url: text("url"),
            last_update_time: text("lastUpdateTime"),
            size_bytes: value.get("size").and_then(Value::as_i64),
            metadata: metadata
                .into_iter()
                .flat_map(|m| m.iter())
                .filter_map(|(k, v)| Some((k.to_string(), v.as_str()?.to_owned())))
                .collect(),
        })
    }
    /// The revision that it was made from, where it was made from something else; empty otherwise.
    pub fn origin(&self) -> &str {
        let found = self.metadata.iter().find(|(key, _)| key == ORIGIN_REVISION);
        found.map_or("", |(_, value)| value)
    }
    /// Writes it.
    pub fn to_value(&self) -> Value {
        let mut value = object! {
            "revision" => self.revision.as_str(),
            "digest" => self.digest.as_str(),
            "path" => self.path.as_str(),
            "url" => self.url.as_str(),
            "lastUpdateTime" => self.last_update_time.as_str(),
        };
        if let Some(size) = self.size_bytes {
            value.set(&["size"], size);
        }
        for (key, text) in &self.metadata {
            value.set(&["metadata", key], text.as_str());
        }
        value
    }
}

/// Which condition a failure is told by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailureOf {
    /// The source could not be fetched.
    Fetch,
    /// The artifact could not be stored.
    Storage,
    /// An included artifact is missing.
    Include,
    /// A signature is not good.
    Verification,
    /// A chart could not be built.
    Build,
    /// None: the failure is in the event alone.
    Nothing,
}

/// What follows from a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailureClass {
    /// It is tried again by back-off.
    Generic,
    /// It is looked at again after this.
    Waiting(GoDuration),
    /// Nothing is tried until the object changes.
    Stalling,
}

/// How a run ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GitOutcome {
    /// A new artifact was stored.
    Stored {
        /// It.
        artifact: Box<Artifact>,
        /// The first line of the commit's message.
        subject: String,
        /// The artifacts copied in, in the order of `include`.
        included: Vec<Artifact>,
    },
    /// The commit was fetched and its artifact is stored already.
    UpToDate {
        /// Its revision.
        revision: String,
        /// The first line of the commit's message.
        subject: String,
    },
    /// The remote still names the same commit: nothing was fetched.
    NoChange {
        /// Its revision.
        revision: String,
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

/// Whether the status is to be written before the work begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InitialPatch {
    /// The spec is new, or somebody has asked.
    Needed,
    /// It can wait for the end.
    NotNeeded,
}

/// A GitRepository's status while a run goes on.
pub struct GitRepositoryReport {
    meta: Meta,
    status: Status,
    before: Vec<Condition>,
    old_digest: Option<String>,
    ignore: Option<String>,
    include: Vec<Include>,
    include_written: Value,
    recurse_submodules: bool,
    sparse_checkout: Vec<String>,
    events: Vec<Event>,
}

/// Conditions that are there only while something is wrong, in the order in which they are told.
const NEGATIVE: [&str; 6] = [
    condition::STORAGE_OPERATION_FAILED,
    condition::FETCH_FAILED,
    condition::INCLUDE_UNAVAILABLE,
    condition::ARTIFACT_OUTDATED,
    condition::STALLED,
    condition::RECONCILING,
];
/// All that `Ready` is derived from, in the order in which they are told.
const SUMMARIZED: [&str; 8] = [
    condition::STORAGE_OPERATION_FAILED,
    condition::FETCH_FAILED,
    condition::INCLUDE_UNAVAILABLE,
    condition::ARTIFACT_OUTDATED,
    condition::ARTIFACT_IN_STORAGE,
    condition::SOURCE_VERIFIED,
    condition::STALLED,
    condition::RECONCILING,
];
const FAILURES: [&str; 3] =
    [condition::FETCH_FAILED, condition::INCLUDE_UNAVAILABLE, condition::STORAGE_OPERATION_FAILED];

impl GitRepositoryReport {
    /// Begins with the object as it was read; `now` is RFC 3339 to the second.
    pub fn begin(object: &Object, spec: &GitRepository, now: &str) -> GitRepositoryReport {
        let status = Status::of(object, now);
        GitRepositoryReport {
            meta: spec.meta.clone(),
            before: status.conditions.all().to_vec(),
            old_digest: status.get("artifact").str_at(&["digest"]).map(str::to_owned),
            status,
            ignore: spec.ignore.clone(),
            include: spec.include.clone(),
            include_written: object.at(&["spec", "include"]).cloned().unwrap_or_default(),
            recurse_submodules: spec.recurse_submodules,
            sparse_checkout: spec.sparse_checkout.clone(),
            events: Vec::new(),
        }
    }
    /// The stored artifact; `None` where there is none.
    pub fn artifact(&self) -> Option<Artifact> {
        Artifact::read(self.status.get("artifact"))
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
        let message = if disappeared { "building artifact: disappeared from storage" } else { "building artifact" };
        self.progressing(true, message);
        self.status.conditions.remove(condition::ARTIFACT_IN_STORAGE);
    }
    /// Says that the stored file is not what it should be.
    pub fn artifact_damaged(&mut self, why: &str) {
        let message = format!("failed to verify integrity of artifact: {why}");
        self.event(Severity::Error, "ArtifactVerificationFailed", message, &[]);
    }
    /// Says where the artifact is served now.
    pub fn served_at(&mut self, url: &str) {
        if self.status.get("artifact").as_object().is_some() {
            self.status.status.set(&["artifact", "url"], url);
        }
    }
    /// Says that included artifacts are others than before.
    pub fn includes_differ(&mut self) {
        let message = "included artifacts differ from last observed includes";
        if !self.status.get("includedArtifacts").is_null() {
            self.status.conditions.mark_true(condition::ARTIFACT_OUTDATED, reason::INCLUDE_CHANGE, message);
        }
        self.progressing(true, &format!("building artifact: {message}"));
    }
    /// Says that the source was fetched.
    pub fn fetched(&mut self) {
        self.status.conditions.remove(condition::FETCH_FAILED);
        self.status.conditions.remove(condition::INCLUDE_UNAVAILABLE);
        self.status.conditions.remove(condition::ARTIFACT_OUTDATED);
    }
    /// Says that signatures are good: the tag and the commit that were checked, each with its key.
    pub fn verified(&mut self, mode: VerificationMode, tag: Option<(&str, &str)>, commit: Option<(&str, &str)>) {
        let mut message = "verified signature of".to_owned();
        if let Some((tag, key)) = tag {
            message += &format!("\n\t- tag '{tag}' with key '{key}'");
        }
        if let Some((commit, key)) = commit {
            message += &format!("\n\t- commit '{commit}' with key '{key}'");
        }
        self.status.set("sourceVerificationMode", mode.as_str());
        self.status.conditions.mark_true(condition::SOURCE_VERIFIED, reason::SUCCEEDED, &message);
        self.event(Severity::Trace, reason::SUCCEEDED, message, &[]);
    }
    /// Says that no signature is asked for.
    pub fn not_verified(&mut self) {
        self.status.remove("sourceVerificationMode");
        self.status.conditions.remove(condition::SOURCE_VERIFIED);
    }
    /// Says that the source has a revision that is not stored.
    pub fn new_revision(&mut self, revision: &str) {
        let message = format!("new upstream revision '{revision}'");
        if self.artifact().is_some() {
            self.status.conditions.mark_true(condition::ARTIFACT_OUTDATED, reason::NEW_REVISION, &message);
        }
        self.progressing(true, &format!("building artifact: {message}"));
    }
    /// Ends the run.
    pub fn end(&mut self, outcome: &GitOutcome, now: &str) -> Next {
        self.status.conditions.at(now);
        let next = match outcome {
            GitOutcome::Stored { artifact, subject, included } => {
                self.store(artifact, included);
                self.succeeded(&artifact.revision, &short(subject));
                Next::Interval
            }
            GitOutcome::UpToDate { revision, subject } => {
                let message = format!("artifact up-to-date with remote revision: '{revision}'");
                self.event(Severity::Trace, reason::ARTIFACT_UP_TO_DATE, message, &[]);
                self.succeeded(revision, &short(subject));
                Next::Interval
            }
            GitOutcome::NoChange { revision } => {
                let message = format!("no changes since last reconciliation: observed revision '{revision}'");
                self.succeeded(revision, revision);
                self.event(Severity::Trace, reason::GIT_OPERATION_SUCCEEDED, message, &[]);
                Next::Interval
            }
            GitOutcome::Suspended => {
                self.retrying();
                self.observed();
                self.status.conditions.remove(condition::STALLED);
                Next::OnChange
            }
            GitOutcome::Failed { of, reason, message, class } => self.failed(*of, reason, message, *class),
        };
        if let Some(at) = self.meta.requested_at.clone() {
            self.status.set("lastHandledReconcileAt", at);
        }
        self.summarize();
        next
    }

    fn store(&mut self, artifact: &Artifact, included: &[Artifact]) {
        self.status.set("artifact", artifact.to_value());
        let included: Value = included.iter().map(Artifact::to_value).collect();
        self.set_or_remove("includedArtifacts", included);
        match &self.ignore {
            Some(ignore) => self.status.set("observedIgnore", ignore.as_str()),
            None => self.status.remove("observedIgnore"),
        }
        if self.recurse_submodules {
            self.status.set("observedRecurseSubmodules", true);
        } else {
            self.status.remove("observedRecurseSubmodules");
        }
        let include =
            if self.include.is_empty() { Value::Array(Default::default()) } else { self.include_written.clone() };
        self.set_or_remove("observedInclude", include);
        let sparse: Value = self.sparse_checkout.iter().collect();
        self.set_or_remove("observedSparseCheckout", sparse);
        self.status.conditions.remove(condition::STORAGE_OPERATION_FAILED);
    }
    fn set_or_remove(&mut self, field: &str, list: Value) {
        if list.items().is_empty() {
            self.status.remove(field);
        } else {
            self.status.set(field, list);
        }
    }

    fn succeeded(&mut self, revision: &str, subject: &str) {
        let conditions = &mut self.status.conditions;
        for gone in [
            condition::FETCH_FAILED,
            condition::INCLUDE_UNAVAILABLE,
            condition::ARTIFACT_OUTDATED,
            condition::RECONCILING,
            condition::STALLED,
        ] {
            conditions.remove(gone);
        }
        let message = format!("stored artifact for revision '{revision}'");
        conditions.mark_true(condition::ARTIFACT_IN_STORAGE, reason::SUCCEEDED, &message);
        self.observed();
        self.tell(subject);
    }

    /// A new artifact is told, and that it works again after a failure; nothing else is.
    fn tell(&mut self, subject: &str) {
        let Some(artifact) = self.artifact() else { return };
        let failed_before = self.before.iter().any(|c| FAILURES.contains(&c.kind.as_str()));
        let fails = FAILURES.iter().any(|kind| self.status.conditions.has(kind));
        let what = if self.old_digest.as_deref() != Some(&artifact.digest) {
            "NewArtifact"
        } else if failed_before && !fails {
            reason::SUCCEEDED
        } else {
            return;
        };
        let message = format!("stored artifact for commit '{subject}'");
        self.event(Severity::Info, what, message, &[("revision", &artifact.revision), ("digest", &artifact.digest)]);
    }

    fn failed(&mut self, of: FailureOf, reason: &str, message: &str, class: FailureClass) -> Next {
        let conditions = &mut self.status.conditions;
        match of {
            FailureOf::Fetch => conditions.mark_true(condition::FETCH_FAILED, reason, message),
            FailureOf::Storage => conditions.mark_true(condition::STORAGE_OPERATION_FAILED, reason, message),
            FailureOf::Include => conditions.mark_true(condition::INCLUDE_UNAVAILABLE, reason, message),
            FailureOf::Verification => conditions.mark_false(condition::SOURCE_VERIFIED, reason, message),
            FailureOf::Build | FailureOf::Nothing => {}
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
        super::summarize(&mut self.status.conditions, &SUMMARIZED, &NEGATIVE);
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
    /// The status as it will stand.
    pub fn status(&self) -> Value {
        self.status.value()
    }
}

/// A subject's first fifty characters.
fn short(subject: &str) -> String {
    const MAX: usize = 50;
    let first = subject.lines().next().unwrap_or_default();
    match first.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}...", &first[..end]),
        None => first.to_owned(),
    }
}
