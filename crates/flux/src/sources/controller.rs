//! The controller of all these kinds: read, look, store, report.

use std::sync::Arc;
use std::time::Duration;

use belay_cluster::Resource;
use belay_controller::{Next, finalizer};
use belay_object::{Object, Value};
use belay_source::artifact::Draft;
use belay_source::{Error, Fetched};
use belay_tree::Tree;

use super::SourceName;
use crate::duration::GoDuration;
use crate::names::{self, FINALIZER, SOURCE_CONTROLLER, reason};
use crate::report::{self, Artifact, FailureClass, FailureOf, InitialPatch, SourceOutcome, SourceReport, Told};
use crate::shared::{Shared, now_text};
use crate::spec::{Bucket, HelmChart, HelmRepository, Meta, OciRepository, SpecError};

/// The controller.
pub(crate) struct Sources {
    pub shared: Arc<Shared>,
}

/// The spec of one of the kinds.
enum Spec {
    Oci(OciRepository),
    Repository(HelmRepository),
    Chart(HelmChart),
    Bucket(Bucket),
}

impl Spec {
    fn read(kind: &str, object: &Object) -> Option<Result<Spec, SpecError>> {
        match kind {
            kind if kind == names::OCI_REPOSITORY.kind => Some(OciRepository::read(object).map(Spec::Oci)),
            kind if kind == names::HELM_REPOSITORY.kind => Some(HelmRepository::read(object).map(Spec::Repository)),
            kind if kind == names::BUCKET.kind => Some(Bucket::read(object).map(Spec::Bucket)),
            kind if kind == names::HELM_CHART.kind => Some(HelmChart::read(object).map(Spec::Chart)),
            _ => None,
        }
    }
    fn meta(&self) -> &Meta {
        match self {
            Spec::Oci(spec) => &spec.meta,
            Spec::Repository(spec) => &spec.meta,
            Spec::Chart(spec) => &spec.meta,
            Spec::Bucket(spec) => &spec.meta,
        }
    }
    fn interval(&self) -> GoDuration {
        match self {
            Spec::Oci(spec) => spec.interval,
            Spec::Repository(spec) => spec.interval,
            Spec::Chart(spec) => spec.interval,
            Spec::Bucket(spec) => spec.interval,
        }
    }
    fn suspend(&self) -> bool {
        match self {
            Spec::Oci(spec) => spec.suspend,
            Spec::Repository(spec) => spec.suspend,
            Spec::Chart(spec) => spec.suspend,
            Spec::Bucket(spec) => spec.suspend,
        }
    }
}

/// What a look found.
pub(super) enum Got {
    /// What is stored is what there is.
    Same(Told),
    /// Something new, or the same by other rules.
    New(Box<New>),
}

/// What is to be stored.
pub(super) struct New {
    /// Its revision.
    pub revision: String,
    /// The file's name, with its suffix.
    pub file: String,
    /// What it is.
    pub content: Content,
    /// What is told of it in the artifact.
    pub metadata: Vec<(String, String)>,
    /// Other fields of the status.
    pub observed: Vec<(&'static str, Option<Value>)>,
    /// The fixed name that leads to it.
    pub fixed: &'static str,
    /// What is said.
    pub told: Told,
}

/// What is stored.
pub(super) enum Content {
    /// An archive of these files.
    Tree(Arc<dyn Tree>),
    /// These bytes.
    Bytes(bytes::Bytes),
    /// What was written already.
    Draft(Draft),
}

/// A failure as it is reported.
pub(super) fn fail(of: FailureOf, reason: &str, message: impl Into<String>, class: FailureClass) -> SourceOutcome {
    SourceOutcome::Failed { of, reason: reason.to_owned(), message: message.into(), class }
}

/// A failure of fetching that is tried again.
pub(super) fn fetch_failed(reason: &str, message: impl Into<String>) -> SourceOutcome {
    fail(FailureOf::Fetch, reason, message, FailureClass::Generic)
}

impl Sources {
    /// One look at one source.
    pub async fn reconcile(&self, source: SourceName) -> Next {
        let shared = &self.shared;
        if !shared.leadership.is_valid() {
            return Next::Done;
        }
        let Some(object) = shared.source(&source) else {
            shared.trees.remove(&source);
            return Next::Done;
        };
        let spec = match Spec::read(source.kind, &object) {
            // Its producer looks after it.
            None => return Next::Done,
            Some(Ok(spec)) => spec,
            Some(Err(e)) => {
                tracing::error!(source = ?source, error = %e, "the spec cannot be read");
                return Next::Done;
            }
        };
        let Some(kind) = super::KINDS.iter().find(|k| k.kind == source.kind) else { return Next::Done };
        let resource = Shared::resource(kind);
        if object.is_deleting() {
            return self.finalize(&source, &object, &resource).await;
        }
        if matches!(&spec, Spec::Repository(spec) if spec.is_registry) {
            return self.leave_static(&source, &object, &spec, &resource).await;
        }
        let object = match spec.meta().has_finalizer {
            true => object,
            false => match finalizer::add(&shared.cluster, &resource, &object, FINALIZER, SOURCE_CONTROLLER).await {
                Ok(object) => Arc::new(object),
                Err(e) if e.is_not_found() => return Next::Done,
                Err(e) => return retry(&source, "adding the finalizer", &e),
            },
        };
        Look { controller: self, source, object, spec, resource }.go().await
    }

    /// A HelmRepository that is a registry lists nothing: it has neither status nor finalizer, nor an
    /// artifact from a time when it was none. Compat(flux 2.9).
    async fn leave_static(&self, source: &SourceName, object: &Object, spec: &Spec, resource: &Resource) -> Next {
        if spec.suspend() {
            return Next::Done;
        }
        let status = object.get("status").and_then(Value::as_object);
        if spec.meta().has_finalizer {
            let next = self.finalize(source, object, resource).await;
            if !matches!(next, Next::Done) {
                return next;
            }
        }
        let fields: Vec<_> = status.into_iter().flat_map(|s| s.keys()).collect();
        if fields.is_empty() {
            return Next::Done;
        }
        let mut patch = Value::object();
        for field in fields {
            patch.set(&["status", field], Value::Null);
        }
        match self.shared.patch_status(resource, object, patch, SOURCE_CONTROLLER).await {
            Ok(()) => Next::Done,
            Err(e) => retry(source, "emptying the status", &e),
        }
    }

    async fn finalize(&self, source: &SourceName, object: &Object, resource: &Resource) -> Next {
        self.shared.trees.remove(source);
        let (store, of) = (self.shared.artifacts.store.clone(), source.clone());
        let removing = move || store.remove(&of.kind.to_lowercase(), &of.name.namespace, &of.name.name);
        if let Ok(Err(e)) = tokio::task::spawn_blocking(removing).await {
            tracing::warn!(source = ?source, error = %e, "the artifacts could not be removed");
        }
        match finalizer::remove(&self.shared.cluster, resource, object, FINALIZER, SOURCE_CONTROLLER).await {
            Ok(_) => Next::Done,
            Err(e) if e.is_not_found() => Next::Done,
            Err(e) => retry(source, "removing the finalizer", &e),
        }
    }
}

/// One look.
struct Look<'a> {
    controller: &'a Sources,
    source: SourceName,
    object: Arc<Object>,
    spec: Spec,
    resource: Arc<Resource>,
}

impl Look<'_> {
    async fn go(self) -> Next {
        let shared = &self.controller.shared;
        let mut report = SourceReport::begin(&self.object, self.spec.meta(), &now_text());
        if self.spec.suspend() {
            return self.end(report, SourceOutcome::Suspended).await;
        }
        if report.start() == InitialPatch::Needed
            && let Err(next) = self.write(&mut report).await
        {
            return next;
        }
        let had = report.artifact();
        let is_stored = self.check_storage(&mut report).await;
        let outcome = match self.look(&mut report).await {
            Ok(Got::Same(told)) => SourceOutcome::UpToDate { told },
            Ok(Got::New(new)) => self.store(*new).await.unwrap_or_else(storage_failure),
            Err(outcome) => outcome,
        };
        let is_new = matches!(outcome, SourceOutcome::Stored { .. });
        let next = self.end(report, outcome).await;
        // Consumers wait for what had gone; of other news the watch tells them.
        if is_new && had.is_some() && !is_stored {
            shared.wake_users(&self.source);
        }
        next
    }

    async fn look(&self, report: &mut SourceReport) -> Result<Got, SourceOutcome> {
        match &self.spec {
            Spec::Oci(spec) => self.controller.look_at_oci(spec, report).await,
            Spec::Repository(spec) => self.controller.look_at_index(spec, report).await,
            Spec::Chart(spec) => self.controller.look_at_chart(spec, report).await,
            Spec::Bucket(spec) => self.controller.look_at_bucket(spec, report).await,
        }
    }

    /// Whether the artifact that the status tells is in the store; what is damaged is removed.
    async fn check_storage(&self, report: &mut SourceReport) -> bool {
        let Some(artifact) = report.artifact() else {
            report.no_artifact(false);
            return false;
        };
        let store = self.controller.shared.artifacts.store.clone();
        let stored = belay_source::Artifact {
            path: artifact.path.clone(),
            revision: artifact.revision.clone(),
            digest: artifact.digest.clone(),
            size: 0,
            written_s: 0,
        };
        let intact = tokio::task::spawn_blocking(move || store.verify(&stored)).await;
        let intact = matches!(intact, Ok(Ok(true)));
        if intact {
            // The address may be another than before the last start.
            let advertised = &self.controller.shared.artifacts.advertised;
            let folder = artifact.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            let fixed = report.field("url").as_str().and_then(|u| u.rsplit_once('/')).map(|(_, name)| name.to_owned());
            let fixed = fixed.map(|name| format!("{advertised}/{folder}/{name}")).unwrap_or_default();
            report.served_at(&format!("{advertised}/{}", artifact.path), &fixed);
        } else {
            report.no_artifact(true);
        }
        intact
    }

    async fn store(&self, new: New) -> Result<SourceOutcome, Error> {
        let shared = &self.controller.shared;
        let (store, source) = (shared.artifacts.store.clone(), self.source.clone());
        let New { revision, file, content, metadata, observed, fixed, told } = new;
        let keep = move || -> Result<(belay_source::Artifact, String), Error> {
            let (kind, name) = (source.kind.to_lowercase(), &source.name);
            let stored = match content {
                Content::Tree(tree) => {
                    let fetched = Fetched { revision, tree, commit: None, verified: None };
                    let file = file.strip_suffix(".tar.gz").unwrap_or(&file);
                    store.put(&kind, &name.namespace, &name.name, file, &fetched)?
                }
                Content::Bytes(bytes) => {
                    let mut draft = store.begin(&kind, &name.namespace, &name.name)?;
                    draft.write(&bytes)?;
                    store.finish(draft, &file, &revision)?
                }
                Content::Draft(draft) => store.finish(draft, &file, &revision)?,
            };
            let link = store.link(&stored, fixed)?;
            Ok((stored, link))
        };
        let stopped = |e| Error::new(belay_source::ErrorKind::Storage, format!("archiving stopped: {e}"));
        let (stored, link) = tokio::task::spawn_blocking(keep).await.map_err(stopped)??;
        let advertised = &shared.artifacts.advertised;
        let artifact = Artifact {
            url: format!("{advertised}/{}", stored.path),
            revision: stored.revision,
            digest: stored.digest,
            path: stored.path,
            last_update_time: now_text(),
            size_bytes: i64::try_from(stored.size).ok(),
            metadata,
        };
        let url = format!("{advertised}/{link}");
        Ok(SourceOutcome::Stored { artifact: Box::new(artifact), url, observed, told })
    }

    async fn end(&self, mut report: SourceReport, outcome: SourceOutcome) -> Next {
        let shared = &self.controller.shared;
        let next = report.end(outcome, &now_text());
        if let Err(next) = self.write(&mut report).await {
            return next;
        }
        shared.tell(&self.object, SOURCE_CONTROLLER, report.take_events());
        match next {
            report::Next::Interval => Next::After(shared.jittered(self.spec.interval())),
            report::Next::After(delay) => Next::After(delay.to_std()),
            report::Next::Now => Next::After(Duration::ZERO),
            report::Next::Backoff => Next::Retry,
            report::Next::OnChange => Next::Done,
        }
    }

    async fn write(&self, report: &mut SourceReport) -> Result<(), Next> {
        let Some(patch) = report.take_patch() else { return Ok(()) };
        let shared = &self.controller.shared;
        let written = shared.patch_status(&self.resource, &self.object, patch, SOURCE_CONTROLLER).await;
        written.map_err(|e| retry(&self.source, "writing the status", &e))
    }
}

fn retry(source: &SourceName, doing: &str, error: &belay_cluster::Error) -> Next {
    tracing::warn!(source = ?source, %error, "{doing} failed; tried again");
    Next::Retry
}

fn storage_failure(error: Error) -> SourceOutcome {
    let message = format!("unable to archive artifact to storage: {error}");
    fail(FailureOf::Storage, reason::ARCHIVE_OPERATION_FAILED, message, FailureClass::Generic)
}
