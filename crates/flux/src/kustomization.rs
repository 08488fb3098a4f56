//! The controller of Kustomizations: read, lower, advance, report.
//!
//! A run never waits for health: the engine wakes the Kustomization when what it waits for changes.
//! A run after which everything is as it was writes nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use belay_cluster::Resource;
use belay_controller::{Next, finalizer};
use belay_engine::{App, Claimant, Done, Engine, FailureKind, PostRender, Verdict};
use belay_object::{Condition, ConditionStatus, Object};
use belay_plan::Inventory;
use belay_source::Fetched;
use belay_tree::DigestBuilder;
use parking_lot::Mutex;

use crate::dependencies;
use crate::duration::GoDuration;
use crate::journal::{DeletionJournal, StatusJournal};
use crate::lower::{self, LowerError};
use crate::names::{FINALIZER, KUSTOMIZATION, KUSTOMIZE_CONTROLLER};
use crate::report::{self, FailureStage, HealthWait, KustomizationReport, StatusPatch, apply_failure, health_failure};
use crate::shared::{Name, Shared, now_text, status_manager};
use crate::sources::SourceName;
use crate::spec::{DeletionPolicy, Kustomization, KustomizationStatus};
use crate::substitute;
use crate::target::Targets;
use crate::variables;

/// The controller.
pub(crate) struct Kustomizations {
    pub shared: Arc<Shared>,
    pub engine: Arc<Engine>,
    pub targets: Targets,
    pub resource: Arc<Resource>,
}

impl Kustomizations {
    /// One look at one Kustomization.
    pub async fn reconcile(&self, name: Name) -> Next {
        if !self.shared.leadership.is_valid() {
            return Next::Done;
        }
        let Some(object) = self.shared.kustomization(&name) else {
            self.engine.forget(&key(&name));
            return Next::Done;
        };
        let spec = match Kustomization::read(&object) {
            Ok(spec) => spec,
            Err(e) => {
                tracing::error!(kustomization = ?name, error = %e, "the spec cannot be read");
                return Next::Done;
            }
        };
        if object.is_deleting() {
            return self.finalize(&object, &spec).await;
        }
        let object = match spec.meta.has_finalizer {
            true => object,
            false => match finalizer::add(
                &self.shared.cluster,
                &self.resource,
                &object,
                FINALIZER,
                status_manager(&KUSTOMIZATION),
            )
            .await
            {
                Ok(object) => Arc::new(object),
                Err(e) if e.is_not_found() => return Next::Done,
                Err(e) => return self.retry(&name, "adding the finalizer", &e),
            },
        };
        let status = match KustomizationStatus::read(&object) {
            Ok(status) => status,
            Err(e) => {
                tracing::error!(kustomization = ?name, error = %e, "the status cannot be read: nothing is done until it can");
                return Next::Done;
            }
        };
        Run { controller: self, object, spec, status, started: Instant::now() }.go().await
    }

    fn retry(&self, name: &Name, doing: &str, error: &belay_cluster::Error) -> Next {
        tracing::warn!(kustomization = ?name, %error, "{doing} failed; tried again");
        Next::Retry
    }

    /// Deletes what a deleted Kustomization owns, as its policy says, and lets it go.
    async fn finalize(&self, object: &Object, spec: &Kustomization) -> Next {
        let name = Name::of(object);
        if !spec.meta.has_finalizer {
            return Next::Done;
        }
        let status = match KustomizationStatus::read(object) {
            Ok(status) => status,
            Err(e) => {
                tracing::error!(kustomization = ?name, error = %e, "the inventory cannot be read: nothing is deleted, and the finalizer stays");
                return Next::Done;
            }
        };
        if spec.deletes_objects(&status.inventory)
            && let Err(next) = self.delete_objects(object, spec, &status.inventory).await
        {
            return next;
        }
        match finalizer::remove(&self.shared.cluster, &self.resource, object, FINALIZER, status_manager(&KUSTOMIZATION))
            .await
        {
            Ok(_) => {}
            Err(e) if e.is_not_found() => {}
            Err(e) => return self.retry(&name, "removing the finalizer", &e),
        }
        self.engine.forget(&key(&name));
        Next::Done
    }

    async fn delete_objects(&self, object: &Object, spec: &Kustomization, inventory: &Inventory) -> Result<(), Next> {
        let name = Name::of(object);
        let tell = |events| self.shared.tell(object, KUSTOMIZE_CONTROLLER, events);
        let refuse = |why: String| {
            tracing::error!(kustomization = ?name, error = %why, "objects of a deleted Kustomization are not deleted");
            tell(report::finalizer_events(object, Err(())));
            Next::Retry
        };
        let target = self.targets.of(spec).await.map_err(refuse)?;
        let policy = lower::policy(spec, &self.shared.settings).map_err(|e| refuse(format!("{e:?}")))?;
        let journal = DeletionJournal { controller: self, object };
        let pruned = self.engine.delete_all(&lower::key(object), &target, inventory, &policy, &journal, self).await;
        if !pruned.errors.is_empty() {
            return Err(refuse(pruned.errors.join("; ")));
        }
        // Without its finalizer nobody would delete what turns out not to be taken over.
        if let Some((key, claimant)) = pruned.moving.iter().find(|(_, c)| matches!(c, Claimant::Unclear(..))) {
            tracing::warn!(kustomization = ?name, "the deletion waits: {key} stays until {claimant}");
            return Err(Next::After(self.shared.settings.requeue_dependency));
        }
        let waited = spec.deletion_policy != DeletionPolicy::WaitForTermination
            || self.await_termination(&target, &pruned.deleted, spec.timeout.to_std()).await;
        tell(report::finalizer_events(object, Ok((&pruned.changes, waited))));
        Ok(())
    }

    /// Waits until deleted objects are gone. Compat(flux 2.9): when time is up the finalizer goes all
    /// the same.
    async fn await_termination(
        &self,
        target: &belay_engine::Target,
        deleted: &[belay_plan::InventoryEntry],
        timeout: Duration,
    ) -> bool {
        let deadline = Instant::now() + timeout;
        for entry in deleted {
            let Ok(resource) = target.cluster.resolve(&entry.key.kind).await else { continue };
            loop {
                match target.acting.find(&resource, &entry.key.namespace, &entry.key.name).await {
                    Ok(None) => break,
                    _ if Instant::now() >= deadline => return false,
                    _ => tokio::time::sleep(Duration::from_secs(2)).await,
                }
            }
        }
        true
    }
}

fn key(name: &Name) -> belay_object::ObjectKey {
    belay_object::ObjectKey {
        kind: lower::kustomization_kind(),
        namespace: name.namespace.clone(),
        name: name.name.clone(),
    }
}

/// One run over one Kustomization.
pub(crate) struct Run<'a> {
    pub controller: &'a Kustomizations,
    pub object: Arc<Object>,
    pub spec: Kustomization,
    pub status: KustomizationStatus,
    pub started: Instant,
}

/// Something stands before the engine: how the run ends.
pub(crate) enum Stop {
    /// Reported as this.
    Verdict(report::Verdict),
    /// Not reported: come back when woken.
    Quietly(Next),
}

impl Run<'_> {
    fn shared(&self) -> &Shared {
        &self.controller.shared
    }

    async fn go(self) -> Next {
        let report = Mutex::new(KustomizationReport::begin(&self.object, &self.spec, &now_text()));
        if self.spec.suspend {
            return self.end(report, report::Verdict::Suspended, false).await;
        }
        match self.prepare(&report).await {
            Ok(app) => {
                let journal = StatusJournal { run: &self, report: &report };
                let (done, verdict) =
                    self.controller.engine.advance(&app, &self.status.inventory, &journal, self.controller).await;
                self.conclude(report, done, verdict).await
            }
            Err(Stop::Verdict(verdict)) => self.end(report, verdict, true).await,
            Err(Stop::Quietly(next)) => next,
        }
    }

    /// Everything that the engine needs.
    async fn prepare(&self, report: &Mutex<KustomizationReport>) -> Result<App, Stop> {
        let (spec, shared) = (&self.spec, self.shared());
        let stop = |v| Stop::Verdict(v);
        let source = &spec.source;
        if shared.settings.no_cross_namespace_refs && source.namespace != spec.meta.namespace {
            return Err(stop(report::Verdict::AccessDenied(format!(
                "can't access '{}/{}/{}', cross-namespace references have been blocked",
                source.kind, source.namespace, source.name
            ))));
        }
        let name = Name::new(&source.namespace, &source.name);
        let Some(source) = SourceName::applicable(&source.kind, name) else {
            return Err(stop(report::Verdict::SourceUnreadable(format!(
                "source '{}' kind not supported",
                source.name
            ))));
        };
        let Some(object) = shared.source(&source) else {
            return Err(stop(report::Verdict::SourceNotFound(format!(
                "{}.source.toolkit.fluxcd.io \"{}\" not found",
                source.plural(),
                source.name.name
            ))));
        };
        let Some(artifact) = object.at(&["status", "artifact"]).and_then(report::Artifact::read) else {
            return Err(stop(report::Verdict::NoArtifact));
        };
        // After a start the tree is fetched anew; its coming wakes us.
        let fetched = match shared.tree(&source, &artifact).await {
            Ok(Some(fetched)) => fetched,
            Ok(None) => return Err(Stop::Quietly(Next::After(shared.settings.requeue_dependency))),
            Err(why) => return Err(self.failed(FailureStage::Artifact, why)),
        };
        let revision = artifact.revision.as_str();
        report.lock().of_revision(revision, artifact.origin());
        dependencies::check(&self.object, spec, revision, |d| shared.kustomization(&Name::new(&d.namespace, &d.name)))
            .map_err(|held| match held {
                dependencies::Held::NotReady(why) => stop(report::Verdict::DependencyNotReady(why)),
                dependencies::Held::Expression(why) => stop(report::Verdict::InvalidExpression(why)),
            })?;
        self.lower(&fetched).await
    }

    /// The App, from what the source has.
    async fn lower(&self, fetched: &Fetched) -> Result<App, Stop> {
        if self.spec.decryption {
            return Err(self.failed(
                FailureStage::Build,
                "spec.decryption is set, and this version does not decrypt: nothing is applied, so that no encrypted value reaches the cluster",
            ));
        }
        self.lower_claim(fetched).await
    }

    /// The App as others see it, who only want to know which objects are its own: values that are
    /// encrypted do not matter to them.
    pub async fn lower_claim(&self, fetched: &Fetched) -> Result<App, Stop> {
        let (spec, shared) = (&self.spec, self.shared());
        let post = self.post_render().await?;
        let target = self.controller.targets.of(spec).await.map_err(|why| self.failed(FailureStage::Apply, why))?;
        lower::app(&self.object, spec, fetched, target, post, &shared.settings).map_err(|e| match e {
            LowerError::Path(why) => self.failed(FailureStage::Artifact, why),
            LowerError::Build(why) => self.failed(FailureStage::Build, why),
            LowerError::Expression(why) => Stop::Verdict(report::Verdict::InvalidExpression(why)),
        })
    }

    fn failed(&self, stage: FailureStage, message: impl Into<String>) -> Stop {
        Stop::Verdict(report::Verdict::Failed(report::Failure { stage, message: message.into(), digest: None }))
    }

    /// Post-build substitution as a function over each object, where it is asked for.
    async fn post_render(&self) -> Result<Option<PostRender>, Stop> {
        let Some(spec) = &self.spec.post_build else { return Ok(None) };
        let strict = self.shared().settings.strict_substitution;
        let variables = variables::read(&self.shared().cluster, &self.spec.meta.namespace, spec, strict)
            .await
            .map_err(|why| self.failed(FailureStage::Build, why.to_string()))?;
        if !variables.is_wanted() {
            return Ok(None);
        }
        let mut digest = DigestBuilder::new("belay flux variables 1");
        for (name, value) in variables.entries() {
            digest.part(name).part(value);
        }
        let apply = move |object: Object| match substitute::substitute(&object, &variables) {
            Ok(substituted) => Ok(substituted.unwrap_or(object)),
            Err(e) => Err(e.to_string()),
        };
        Ok(Some(PostRender { digest: digest.finish(), apply: Arc::new(apply) }))
    }

    /// Turns what the engine says into the status and events.
    async fn conclude(&self, report: Mutex<KustomizationReport>, done: Done, verdict: Verdict) -> Next {
        let changed = done.applied.has_changes() || !done.pruned.is_empty();
        for (object, claimant) in &done.moving {
            tracing::info!(kustomization = %self.spec.owner().name, "{object} stays until {claimant}");
        }
        for kept in &done.kept {
            tracing::info!(kustomization = %self.spec.owner().name, "{kept}");
        }
        let settled = matches!(verdict, Verdict::Settled { .. });
        // Nobody wakes us when it becomes clear what others take over.
        let unclear = done.moving.iter().any(|(_, claimant)| matches!(claimant, Claimant::Unclear(..)));
        let look = Next::After(self.shared().settings.requeue_dependency);
        if settled && !changed && self.is_reported(&done) {
            return if unclear { look } else { self.next(report::Next::Interval) };
        }
        {
            let report = &mut *report.lock();
            if !matches!(verdict, Verdict::Settled { .. }) || changed {
                report.progress(report::Progress::Building, &now_text());
            }
            if !matches!(&verdict, Verdict::Failed(f) if f.kind == FailureKind::Apply) {
                report.applied(&done.applied);
            }
            report.pruned(&done.pruned);
            // What is certainly taken over is so within moments.
            let held = done.moving.iter().filter(|(_, claimant)| matches!(claimant, Claimant::Unclear(..)));
            let held: Vec<String> = held.map(|(object, claimant)| format!("{object} stays until {claimant}")).collect();
            report.held_back(&held);
            // A build that failed changed nothing: where there was no inventory there is none.
            if !matches!(&verdict, Verdict::Failed(f) if f.kind.is_before_apply()) {
                report.set_inventory(&done.inventory);
            }
        }
        let verdict = match verdict {
            Verdict::Settled { waited } => {
                let report = &mut *report.lock();
                report.progress(report::Progress::Building, &now_text());
                if self.spec.wait || !self.spec.health_checks.is_empty() {
                    report.healthy(GoDuration::from_std(waited.unwrap_or_default()), changed, &now_text());
                } else {
                    report.no_health_checks();
                }
                report::Verdict::Ready { digest: done.digest }
            }
            Verdict::Waiting { left, .. } => {
                report.lock().progress(report::Progress::HealthChecks, &now_text());
                if let Err(next) = self.write(&report).await {
                    return next;
                }
                return Next::After(left);
            }
            Verdict::Failed(failure) => report::Verdict::Failed(self.failure(&report, failure, &done)),
        };
        let next = self.end(report, verdict, true).await;
        if settled && unclear && matches!(next, Next::After(_)) { look } else { next }
    }

    /// Whether the status says already what would be written: then nothing is.
    fn is_reported(&self, done: &Done) -> bool {
        let ready = Condition::find(&self.object, "Ready")
            .is_some_and(|c| c.status == ConditionStatus::True && c.observed_generation == self.object.generation());
        let health = Condition::find(&self.object, "Healthy").is_none_or(|c| c.status == ConditionStatus::True);
        let source = &self.spec.source;
        let source = SourceName::applicable(&source.kind, Name::new(&source.namespace, &source.name));
        let object = source.and_then(|source| self.shared().source(&source));
        let revision = object.as_ref().and_then(|r| r.str_at(&["status", "artifact", "revision"]));
        ready
            && health
            && !self.spec.meta.is_requested(&self.status.last_handled_reconcile_at)
            && Some(self.status.last_applied_revision.as_str()) == revision
            && self.status.inventory == done.inventory
    }

    fn failure(
        &self,
        report: &Mutex<KustomizationReport>,
        failure: belay_engine::Failure,
        done: &Done,
    ) -> report::Failure {
        let digest = Some(done.digest.clone()).filter(|d| !d.is_empty());
        let (stage, message) = match failure.kind {
            // Compat(flux 2.9): each stage that Flux fails in has a reason of its own.
            FailureKind::NoDirectory => (FailureStage::Artifact, failure.message),
            FailureKind::Render => (FailureStage::Build, failure.message),
            FailureKind::Unfit => (FailureStage::Apply, failure.message),
            FailureKind::Apply => (FailureStage::Apply, apply_failure(&failure.message, &done.applied)),
            FailureKind::Journal => (FailureStage::Apply, failure.message),
            FailureKind::Prune => (FailureStage::Prune, failure.message),
            FailureKind::Health { pending, after, timed_out } => {
                let how = if timed_out { HealthWait::TimedOut } else { HealthWait::FailedEarly };
                let all: Vec<_> = pending.into_iter().map(|p| (p.key, p.health)).collect();
                return report.lock().unhealthy(&health_failure(how, &all), GoDuration::from_std(after), &done.digest);
            }
        };
        report::Failure { stage, message, digest }
    }

    /// Ends the run in the status. `tell` says whether its events are recorded.
    async fn end(&self, report: Mutex<KustomizationReport>, verdict: report::Verdict, tell: bool) -> Next {
        let settings = &self.shared().settings;
        let took = GoDuration::from_std(self.started.elapsed());
        let dependency = GoDuration::from_std(settings.requeue_dependency);
        let next = report.lock().end(&verdict, took, dependency, &now_text());
        if let Err(next) = self.write(&report).await {
            return next;
        }
        if tell {
            let events = report.lock().take_events();
            self.shared().tell(&self.object, KUSTOMIZE_CONTROLLER, events);
        }
        self.next(next)
    }

    fn next(&self, next: report::Next) -> Next {
        match next {
            report::Next::Interval => Next::After(self.shared().jittered(self.spec.interval)),
            report::Next::After(delay) => Next::After(delay.to_std()),
            report::Next::Now => Next::After(Duration::ZERO),
            report::Next::Backoff => Next::Retry,
            report::Next::OnChange => Next::Done,
        }
    }

    async fn write(&self, report: &Mutex<KustomizationReport>) -> Result<(), Next> {
        let patch = report.lock().take_patch();
        let Some(patch) = patch else { return Ok(()) };
        self.write_patch(patch)
            .await
            .map_err(|e| self.controller.retry(&Name::of(&self.object), "writing the status", &e))
    }

    /// Patches the status.
    pub async fn write_patch(&self, patch: StatusPatch) -> belay_cluster::Result<()> {
        self.shared().patch_status(&self.controller.resource, &self.object, patch, status_manager(&KUSTOMIZATION)).await
    }
}
