//! The controller of GitRepositories: read, fetch, keep the tree, store the archive, report.

use std::sync::Arc;
use std::time::Duration;

use belay_cluster::Resource;
use belay_controller::{Next, finalizer};
use belay_net::RemoteUrl;
use belay_object::{Object, Value};
use belay_source::{ArtifactStore, Error, ErrorKind, Fetched, Include, Repositories};
use belay_tree::TreePath;

use crate::duration::GoDuration;
use crate::git_spec::{self, Secrets, fetch_failure};
use crate::names::{FINALIZER, GIT_REPOSITORY, SOURCE_CONTROLLER, reason};
use crate::report::{self, Artifact, FailureClass, FailureOf, GitOutcome, GitRepositoryReport, InitialPatch};
use crate::shared::{Name, Shared, now_text, status_manager};
use crate::sources::SourceName;
use crate::spec::{GitRepository, VerificationMode};

/// The controller.
pub(crate) struct GitRepositories {
    pub shared: Arc<Shared>,
    pub repositories: Arc<Repositories>,
    pub store: Arc<ArtifactStore>,
    /// Where the store is served: `http://host`, without a slash at the end.
    pub advertised: String,
    pub resource: Arc<Resource>,
}

/// How old a listing of a remote's refs may be to count for another object of the same repository:
/// those that are due together share one.
const SHARED_LISTING: Duration = Duration::from_secs(2);
/// How soon a missing include is looked for again.
const INCLUDE_RETRY: GoDuration = GoDuration::from_secs(30);

impl GitRepositories {
    /// One look at one GitRepository.
    pub async fn reconcile(&self, name: Name) -> Next {
        let shared = &self.shared;
        if !shared.leadership.is_valid() {
            return Next::Done;
        }
        let Some(object) = shared.repository(&name) else {
            shared.fetched.remove(&name);
            return Next::Done;
        };
        let spec = match GitRepository::read(&object) {
            Ok(spec) => spec,
            Err(e) => {
                tracing::error!(repository = ?name, error = %e, "the spec cannot be read");
                return Next::Done;
            }
        };
        if object.is_deleting() {
            return self.finalize(&object, &name).await;
        }
        let object = match spec.meta.has_finalizer {
            true => object,
            false => match finalizer::add(
                &shared.cluster,
                &self.resource,
                &object,
                FINALIZER,
                status_manager(&GIT_REPOSITORY),
            )
            .await
            {
                Ok(object) => Arc::new(object),
                Err(e) if e.is_not_found() => return Next::Done,
                Err(e) => return retry(&name, "adding the finalizer", &e),
            },
        };
        let mut report = GitRepositoryReport::begin(&object, &spec, &now_text());
        let mut waking = false;
        let outcome = if spec.suspend {
            GitOutcome::Suspended
        } else {
            if report.start() == InitialPatch::Needed
                && let Err(next) = self.write(&object, &mut report).await
            {
                return next;
            }
            match self.fetch(&object, &spec, &mut report).await {
                Ok((outcome, new)) => {
                    waking = new;
                    outcome
                }
                Err(outcome) => outcome,
            }
        };
        let next = report.end(&outcome, &now_text());
        if let Err(next) = self.write(&object, &mut report).await {
            return next;
        }
        let mut events = report.take_events();
        // A look that finds nothing new says nothing: a steady cluster costs no request.
        if matches!(outcome, GitOutcome::NoChange { .. }) {
            events.retain(|e| e.severity != report::Severity::Trace);
        }
        shared.tell(&object, SOURCE_CONTROLLER, events);
        if waking {
            shared.wake_users(&SourceName::git(name.clone()));
            shared.references.includers(&name).into_iter().for_each(|n| shared.source_queue.add(n));
        }
        match next {
            report::Next::Interval => Next::After(shared.jittered(spec.interval)),
            report::Next::After(delay) => Next::After(delay.to_std()),
            report::Next::Now => Next::After(Duration::ZERO),
            report::Next::Backoff => Next::Retry,
            report::Next::OnChange => Next::Done,
        }
    }

    async fn finalize(&self, object: &Object, name: &Name) -> Next {
        self.shared.fetched.remove(name);
        let (store, name_of) = (self.store.clone(), name.clone());
        let removed =
            tokio::task::spawn_blocking(move || store.remove("gitrepository", &name_of.namespace, &name_of.name));
        if let Ok(Err(e)) = removed.await {
            tracing::warn!(repository = ?name, error = %e, "the archives could not be removed");
        }
        match finalizer::remove(
            &self.shared.cluster,
            &self.resource,
            object,
            FINALIZER,
            status_manager(&GIT_REPOSITORY),
        )
        .await
        {
            Ok(_) => Next::Done,
            Err(e) if e.is_not_found() => Next::Done,
            Err(e) => retry(name, "removing the finalizer", &e),
        }
    }

    async fn write(&self, object: &Object, report: &mut GitRepositoryReport) -> Result<(), Next> {
        let Some(patch) = report.take_patch() else { return Ok(()) };
        let written = self.shared.patch_status(&self.resource, object, patch, status_manager(&GIT_REPOSITORY)).await;
        written.map_err(|e| retry(&Name::of(object), "writing the status", &e))
    }

    /// Fetches, and stores what is new. Gives also whether consumers have something new to look at.
    async fn fetch(
        &self,
        object: &Object,
        spec: &GitRepository,
        report: &mut GitRepositoryReport,
    ) -> Result<(GitOutcome, bool), GitOutcome> {
        let secrets = self.secrets(spec).await?;
        let (include, included) = self.include(spec)?;
        let git = git_spec::lower(spec, &secrets, include)?;
        let fetched = self.repositories.fetch(&git, max_age(object, spec)).await.map_err(|e| failure(spec, &e))?;
        report.fetched();
        match (&spec.verify, &fetched.verified) {
            (Some(verify), Some(good)) => told_verified(report, verify.mode, &fetched, good),
            _ => report.not_verified(),
        }
        let name = Name::of(object);
        let revision = fetched.revision.clone();
        let subject = fetched.commit.as_ref().map(|c| c.subject().to_owned()).unwrap_or_default();
        let same = report.artifact().is_some_and(|a| a.revision == revision) && observed(object, spec, &included);
        if same {
            // After a start the tree is new to this process though the revision is not.
            let is_new = self.shared.fetched.get(&name).is_none();
            self.shared.fetched.put(name, fetched);
            return Ok((GitOutcome::NoChange { revision }, is_new));
        }
        report.new_revision(&revision);
        let stored = self.store(object, &fetched).await.map_err(storage_failure)?;
        self.shared.fetched.put(name, fetched);
        Ok((GitOutcome::Stored { artifact: Box::new(stored), subject, included }, true))
    }

    async fn store(&self, object: &Object, fetched: &Fetched) -> Result<Artifact, Error> {
        let (store, fetched_here) = (self.store.clone(), fetched.clone());
        let (namespace, name) = (object.namespace().to_owned(), object.name().to_owned());
        let file = fetched.commit.as_ref().map(|c| c.id.clone()).unwrap_or_default();
        let put =
            tokio::task::spawn_blocking(move || store.put("gitrepository", &namespace, &name, &file, &fetched_here));
        let stored = put.await.map_err(|e| Error::new(ErrorKind::Storage, format!("archiving stopped: {e}")))??;
        Ok(Artifact {
            url: format!("{}/{}", self.advertised, stored.path),
            revision: stored.revision,
            digest: stored.digest,
            path: stored.path,
            last_update_time: now_text(),
            size_bytes: i64::try_from(stored.size).ok(),
            metadata: Vec::new(),
        })
    }

    async fn secrets(&self, spec: &GitRepository) -> Result<Secrets, GitOutcome> {
        let read = async |name: Option<&String>, reason: &str| -> Result<Option<Object>, GitOutcome> {
            let Some(name) = name else { return Ok(None) };
            let secrets = Resource::known("", "v1", "Secret", "secrets", true);
            let found = self.shared.cluster.get(&secrets, &spec.meta.namespace, name).await;
            found.map(Some).map_err(|e| {
                let message = match e.is_not_found() {
                    true => {
                        format!("failed to get secret '{}/{name}': secrets \"{name}\" not found", spec.meta.namespace)
                    }
                    false => format!("failed to get secret '{}/{name}': {e}", spec.meta.namespace),
                };
                fetch_failure(reason, message, FailureClass::Generic)
            })
        };
        Ok(Secrets {
            auth: read(spec.secret.as_ref(), reason::AUTHENTICATION_FAILED).await?,
            proxy: read(spec.proxy_secret.as_ref(), reason::AUTHENTICATION_FAILED).await?,
            keys: read(spec.verify.as_ref().map(|v| &v.secret), reason::VERIFICATION_ERROR).await?,
        })
    }

    /// The trees to include, and their artifacts as the status tells them.
    fn include(&self, spec: &GitRepository) -> Result<(Vec<Include>, Vec<Artifact>), GitOutcome> {
        let mut trees = Vec::new();
        let mut artifacts = Vec::new();
        for include in &spec.include {
            let unavailable = |reason: &str, message: String, class| GitOutcome::Failed {
                of: FailureOf::Include,
                reason: reason.to_owned(),
                message,
                class,
            };
            let name = Name::new(&spec.meta.namespace, &include.repository);
            let object = self.shared.repositories.object(&name.namespace, &name.name).ok_or_else(|| {
                let message = format!("could not get resource for include '{}': not found", include.repository);
                unavailable(reason::NOT_FOUND, message, FailureClass::Waiting(INCLUDE_RETRY))
            })?;
            let artifact = object.at(&["status", "artifact"]).and_then(Artifact::read);
            let (Some(artifact), Some(fetched)) = (artifact, self.shared.fetched.get(&name)) else {
                let message = format!("no artifact available for include '{}'", include.repository);
                return Err(unavailable(reason::NO_ARTIFACT, message, FailureClass::Waiting(INCLUDE_RETRY)));
            };
            let path = |text: &str| {
                TreePath::clean(text)
                    .map_err(|e| unavailable(reason::ILLEGAL_PATH, e.to_string(), FailureClass::Stalling))
            };
            trees.push(Include { tree: fetched.tree.clone(), from: path(&include.from)?, to: path(&include.to)? });
            artifacts.push(artifact);
        }
        Ok((trees, artifacts))
    }
}

/// How old a listing of refs may be. Who asks for a look has just pushed, and who changed an object
/// that was looked at before (resumed it, say) wants no older answer either: the next look is an
/// interval away.
fn max_age(object: &Object, spec: &GitRepository) -> Duration {
    let status = |field: &str| object.at(&["status", field]);
    let handled = status("lastHandledReconcileAt").and_then(Value::as_str).unwrap_or_default();
    let observed = status("observedGeneration").and_then(Value::as_i64).unwrap_or_default();
    let changed = observed > 0 && observed != object.generation();
    if changed || spec.meta.is_requested(handled) { Duration::ZERO } else { SHARED_LISTING }
}

fn retry(name: &Name, doing: &str, error: &belay_cluster::Error) -> Next {
    tracing::warn!(repository = ?name, %error, "{doing} failed; tried again");
    Next::Retry
}

fn told_verified(
    report: &mut GitRepositoryReport,
    mode: VerificationMode,
    fetched: &Fetched,
    good: &belay_source::Verified,
) {
    let tag = good.tag.as_ref().map(|(tag, key)| (tag.as_str(), key.as_str()));
    let commit = good.commit_key.as_deref().map(|key| (fetched.revision.as_str(), key));
    report.verified(mode, tag, commit);
}

/// Whether the stored artifact was made by the same rules, so that the same revision needs no other.
fn observed(object: &Object, spec: &GitRepository, included: &[Artifact]) -> bool {
    let status = |field: &str| object.at(&["status", field]).filter(|v| !v.is_null());
    let texts = |field: &str| -> Vec<&str> {
        status(field).map_or(&[][..], Value::items).iter().filter_map(Value::as_str).collect()
    };
    let revisions = |field: &str| -> Vec<String> {
        let all = status(field).map_or(&[][..], Value::items).iter();
        all.filter_map(|v| Some(v.str_at(&["revision"])?.to_owned())).collect()
    };
    status("observedIgnore").and_then(Value::as_str) == spec.ignore.as_deref()
        && status("observedRecurseSubmodules").and_then(Value::as_bool).unwrap_or_default() == spec.recurse_submodules
        && texts("observedSparseCheckout") == spec.sparse_checkout
        && revisions("includedArtifacts") == included.iter().map(|a| a.revision.clone()).collect::<Vec<_>>()
        && status("observedInclude").map_or(&[][..], Value::items)
            == object.at(&["spec", "include"]).map_or(&[][..], Value::items)
}

fn storage_failure(error: Error) -> GitOutcome {
    GitOutcome::Failed {
        of: FailureOf::Storage,
        reason: reason::ARCHIVE_OPERATION_FAILED.to_owned(),
        message: format!("unable to archive artifact to storage: {error}"),
        class: FailureClass::Generic,
    }
}

/// What a failed fetch is told as. Compat(flux 2.9): reasons and beginnings of messages.
fn failure(spec: &GitRepository, error: &Error) -> GitOutcome {
    let message = error.to_string();
    match error.kind() {
        ErrorKind::Spec => fetch_failure(reason::GIT_OPERATION_FAILED, message, FailureClass::Stalling),
        ErrorKind::Credentials => fetch_failure(reason::AUTHENTICATION_FAILED, message, FailureClass::Generic),
        ErrorKind::EmptyRepository => {
            fetch_failure(reason::EMPTY_GIT_REPOSITORY, "git repository is empty", FailureClass::Generic)
        }
        ErrorKind::Verification => {
            let why = match spec.verify.as_ref().map(|v| v.mode) {
                Some(VerificationMode::Tag) => reason::INVALID_TAG_SIGNATURE,
                _ => reason::INVALID_COMMIT_SIGNATURE,
            };
            GitOutcome::Failed {
                of: FailureOf::Verification,
                reason: why.to_owned(),
                message,
                class: FailureClass::Generic,
            }
        }
        ErrorKind::Storage => storage_failure(error.clone()),
        kind => {
            let hint = if kind == ErrorKind::Unauthenticated { unused_login(spec) } else { "" };
            fetch_failure(
                reason::GIT_OPERATION_FAILED,
                format!("failed to checkout and determine revision: {message}{hint}"),
                FailureClass::Generic,
            )
        }
    }
}

/// What to do about a login that stands in the URL, where everyone who may read the resource sees it: it
/// is not used.
fn unused_login(spec: &GitRepository) -> &'static str {
    match RemoteUrl::parse_with_userinfo(&spec.url) {
        Ok((_, Some(_))) => {
            "; the user and password in spec.url are not used: put them into a Secret that spec.secretRef names"
        }
        _ => "",
    }
}
