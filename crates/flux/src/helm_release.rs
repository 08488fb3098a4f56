//! The controller of HelmReleases: read, get the chart and values, act, report.
//!
//! A run never waits: an operation that has to is kept and advanced when a watch wakes the release, and
//! after a restart goes on from its record. A run after which everything is as it was writes nothing.
//!
//! - [`state`] says what is to be done next, from the records and what the status remembers.
//! - [`next`] is the action that follows from it; [`actions`] begins it, [`outcome`] turns what came of it
//!   into the status.
//! - [`history`] is what is remembered; [`chart`], [`values`] and [`render`] make what is released.

mod actions;
mod chart;
mod deletion;
mod history;
mod next;
mod outcome;
pub(crate) mod render;
mod state;
#[cfg(test)]
mod tests;
pub(crate) mod values;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{Cluster, Resource};
use belay_controller::{Next, finalizer};
use belay_engine::Target;
use belay_engine::release::{Operation, Releases, Site};
use belay_health::Exprs;
use belay_helm::{Capabilities, Chart, TemplateCache};
use belay_object::{Condition, ConditionStatus, Map, Object, ObjectKey, Value};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::dependencies::{self, Held};
use crate::names::{self, FINALIZER, HELM_CHART, HELM_CONTROLLER, HELM_RELEASE, condition, helm_reason, reason};
use crate::report::{Artifact, HelmReleaseReport, Severity};
use crate::shared::{Name, Shared, now_text, status_manager};
use crate::sources::SourceName;
use crate::spec::{ChartSource, HelmRelease};
use crate::target::Targets;

use actions::Step;
pub(crate) use chart::LoadedCharts;
pub(crate) use history::{History, Snapshot, common_digest, post_renderers_digest};

/// How long what a cluster serves is taken to be the same, where no kind is missed.
const CAPABILITIES_AGE: Duration = Duration::from_secs(60);

/// The controller.
pub(crate) struct HelmReleases {
    pub shared: Arc<Shared>,
    pub releases: Arc<Releases>,
    pub targets: Targets,
    pub resource: Arc<Resource>,
    pub charts: LoadedCharts,
    pub templates: Arc<TemplateCache>,
    /// Runs that go on, by release.
    pub under_way: Mutex<HashMap<Name, UnderWay>>,
    pub capabilities: Mutex<HashMap<Arc<str>, (Instant, Capabilities)>>,
}

/// A run that waits for something.
pub(crate) struct UnderWay {
    uid: String,
    operation: Box<Operation>,
    /// What the run has done before.
    previous: Vec<Step>,
    /// What the operation was begun for; another chart or other values end its wait for health.
    wanted: String,
    /// Whether it takes a release away for good, not to remedy a failure.
    is_leaving: bool,
}

/// What is released.
pub(crate) struct Wanted {
    pub chart: Arc<Chart>,
    pub values: Map,
    /// Digest of the chart's artifact, where it came in one that has one.
    pub artifact: String,
    pub site: Site,
    pub exprs: Arc<Exprs>,
}

impl Wanted {
    fn digest(&self) -> String {
        let metadata = &self.chart.metadata;
        format!("{}@{} {} {}", metadata.name, metadata.version, history::values_digest(&self.values), self.artifact)
    }
}

/// How a run ends.
pub(crate) enum End {
    /// After the interval; the generation is dealt with.
    Interval,
    /// Nothing helps but a change; the generation is dealt with.
    Stalled,
    /// After this, with jitter; whether the generation is dealt with.
    After(Duration, bool),
    /// By the queue's back-off.
    Retry,
    /// An operation waits.
    Waiting(Duration),
}

pub(crate) fn key(name: &Name) -> ObjectKey {
    ObjectKey::new(names::HELM_GROUP, HELM_RELEASE.kind, &name.namespace, &name.name)
}

impl HelmReleases {
    /// One look at one HelmRelease.
    pub async fn reconcile(&self, name: Name) -> Next {
        if !self.shared.leadership.is_valid() {
            return Next::Done;
        }
        let Some(object) = self.shared.helm_release(&name) else {
            self.forget(&name);
            return Next::Done;
        };
        let spec = match HelmRelease::read(&object) {
            Ok(spec) => spec,
            Err(e) => {
                tracing::error!(release = ?name, error = %e, "the spec cannot be read");
                return Next::Done;
            }
        };
        if object.is_deleting() {
            return self.finalize(&object, &spec).await;
        }
        let object = match spec.meta.has_finalizer {
            true => object,
            false => {
                let manager = status_manager(&HELM_RELEASE);
                match finalizer::add(&self.shared.cluster, &self.resource, &object, FINALIZER, manager).await {
                    Ok(object) => Arc::new(object),
                    Err(e) if e.is_not_found() => return Next::Done,
                    Err(e) => return self.retry(&name, "adding the finalizer", &e),
                }
            }
        };
        let report = HelmReleaseReport::begin(&object, &spec, &now_text());
        Run { controller: self, object, spec, report, name, previous: Vec::new() }.go().await
    }

    pub fn forget(&self, name: &Name) {
        self.under_way.lock().remove(name);
        self.releases.forget(&key(name));
    }

    fn retry(&self, name: &Name, doing: &str, error: &belay_cluster::Error) -> Next {
        tracing::warn!(release = ?name, %error, "{doing} failed; tried again");
        Next::Retry
    }

    /// What charts may know of a cluster; asked anew now and then.
    async fn capabilities(&self, target: &Target) -> Result<Capabilities, belay_cluster::Error> {
        if let Some((at, known)) = self.capabilities.lock().get(&target.id)
            && at.elapsed() < CAPABILITIES_AGE
        {
            return Ok(known.clone());
        }
        let known = render::capabilities(&target.cluster).await?;
        self.capabilities.lock().insert(target.id.clone(), (Instant::now(), known.clone()));
        Ok(known)
    }

    async fn site(&self, spec: &HelmRelease, storage: &str) -> Result<Site, String> {
        let target = self.targets.reach(&spec.meta.namespace, spec.kube_config.as_ref(), &spec.service_account).await?;
        Ok(Site { target, storage: storage.to_owned(), manager: HELM_CONTROLLER.to_owned() })
    }
}

/// One run over one HelmRelease.
pub(crate) struct Run<'a> {
    pub controller: &'a HelmReleases,
    pub object: Arc<Object>,
    pub spec: HelmRelease,
    pub report: HelmReleaseReport,
    pub name: Name,
    /// What this run has done.
    pub previous: Vec<Step>,
}

impl Run<'_> {
    pub(crate) fn shared(&self) -> &Shared {
        &self.controller.shared
    }
    /// The operation that a run before has left to wait.
    fn take_under_way(&self, is_leaving: bool) -> Option<UnderWay> {
        let mut all = self.controller.under_way.lock();
        let is_it = all.get(&self.name).is_some_and(|u| u.is_leaving == is_leaving && u.uid == self.object.uid());
        if is_it { all.remove(&self.name) } else { None }
    }
    fn keep_under_way(&self, operation: Operation, wanted: String, is_leaving: bool) {
        let (uid, previous) = (self.object.uid().to_owned(), self.previous.clone());
        let under_way = UnderWay { uid, operation: Box::new(operation), previous, wanted, is_leaving };
        self.controller.under_way.lock().insert(self.name.clone(), under_way);
    }
    fn cluster(&self) -> &Cluster {
        &self.shared().cluster
    }

    async fn go(mut self) -> Next {
        if self.spec.suspend {
            self.report.end(false);
            return self.written(Next::Done).await;
        }
        let wanted = match self.prepare().await {
            Ok(wanted) => wanted,
            Err(end) => return self.end(end).await,
        };
        let end = self.act(&wanted).await;
        self.end(end).await
    }

    /// Everything that a release needs.
    async fn prepare(&mut self) -> Result<Wanted, End> {
        let exprs = match self.spec.health_check_exprs.is_empty() {
            true => Exprs::default(),
            false => Exprs::read(&self.spec.health_check_exprs).map_err(|e| self.terminal(&e.to_string()))?,
        };
        self.reconcile_chart().await?;
        self.dependencies()?;
        let (source, reference) = self.source()?;
        let values = match values::compose(self.cluster(), &self.spec).await {
            Ok(values) => values,
            Err(e) => {
                self.report.not_ready(helm_reason::VALUES_ERROR, &e.message);
                if !e.is_transient {
                    self.report.tell_plain(Severity::Error, helm_reason::VALUES_ERROR, &e.message);
                }
                return Err(End::Retry);
            }
        };
        self.report.obstacle_gone(&[helm_reason::VALUES_ERROR]);
        let (chart, artifact) = self.load(&source, &reference).await?;
        let site = match self.controller.site(&self.spec, &self.spec.storage_namespace).await {
            Ok(site) => site,
            Err(why) => {
                self.report.not_ready(helm_reason::REST_CLIENT_ERROR, &why);
                return Err(End::Retry);
            }
        };
        self.report.obstacle_gone(&[helm_reason::REST_CLIENT_ERROR]);
        Ok(Wanted { chart, values, artifact, site, exprs: Arc::new(exprs) })
    }

    fn terminal(&mut self, why: &str) -> End {
        let message = format!("Reconciliation failed terminally due to configuration error: {why}");
        self.report.not_ready(reason::INVALID_CEL_EXPRESSION, &message);
        self.report.stalled(reason::INVALID_CEL_EXPRESSION, &message);
        self.report.tell_plain(Severity::Error, reason::INVALID_CEL_EXPRESSION, why);
        End::Stalled
    }

    fn denied(&mut self, kind: &str, namespace: &str, name: &str) -> End {
        let why = format!("can't access '{kind}/{namespace}/{name}', cross-namespace references have been blocked");
        self.report.stalled(reason::ACCESS_DENIED, &why);
        self.report.not_ready(reason::ACCESS_DENIED, &why);
        self.report.tell_plain(Severity::Error, reason::ACCESS_DENIED, &why);
        End::Stalled
    }

    fn may_refer_to(&self, namespace: &str) -> bool {
        !self.shared().settings.no_cross_namespace_refs || namespace == self.spec.meta.namespace
    }

    /// Makes the HelmChart be as its template says, and takes away one that is not wanted any more.
    async fn reconcile_chart(&mut self) -> Result<(), End> {
        let wanted = match &self.spec.chart {
            ChartSource::Template(t) => Some((t.clone(), format!("{}/{}", t.namespace, self.spec.chart_name()))),
            ChartSource::Reference { .. } => None,
        };
        let known = self.report.text("helmChart").to_owned();
        let is_left = !known.is_empty() && wanted.as_ref().is_none_or(|(_, name)| *name != known);
        if is_left && let Err(e) = self.delete_chart(&known).await {
            tracing::warn!(release = ?self.name, error = %e, "failed to delete HelmChart '{known}'");
            return Err(End::Retry);
        }
        let Some((template, name)) = wanted else { return Ok(()) };
        if !self.may_refer_to(&template.namespace) {
            let chart = self.spec.chart_name();
            return Err(self.denied(HELM_CHART.kind, &template.namespace, &chart));
        }
        match chart::apply(self.shared(), &self.spec, &template).await {
            Ok(None) => {}
            Ok(Some(said)) => {
                let why = match said.starts_with("Created") {
                    true => helm_reason::HELM_CHART_CREATED,
                    false => helm_reason::HELM_CHART_CONFIGURED,
                };
                self.report.tell_plain(Severity::Trace, why, &said);
            }
            Err(e) => {
                self.report.tell_plain(
                    Severity::Trace,
                    "HelmChartSyncErr",
                    &format!("failed to run server-side apply: {e}"),
                );
                return Err(End::Retry);
            }
        }
        self.report.set("helmChart", name);
        Ok(())
    }

    pub(crate) async fn delete_chart(&mut self, known: &str) -> Result<(), belay_cluster::Error> {
        if let Some((namespace, name)) = known.split_once('/') {
            let deleted = chart::delete(self.shared(), &self.spec.meta, &Name::new(namespace, name)).await?;
            if deleted {
                let said = format!("deleted HelmChart '{known}'");
                self.report.tell_plain(Severity::Trace, helm_reason::HELM_CHART_DELETED, &said);
            }
        }
        self.report.remove("helmChart");
        Ok(())
    }

    fn dependencies(&mut self) -> Result<(), End> {
        for dependency in self.spec.depends_on.clone() {
            let name = Name::new(&dependency.namespace, &dependency.name);
            let held = match self.shared().helm_release(&name) {
                None => Err(Held::NotReady(format!(
                    "unable to get '{dependency}' dependency: helmreleases.helm.toolkit.fluxcd.io \"{}\" not found",
                    dependency.name
                ))),
                Some(found) if !dependency.ready_expr.is_empty() => {
                    dependencies::evaluate(&dependency, &found, &self.object)
                }
                Some(found) => {
                    let observed =
                        found.at(&["status", "observedGeneration"]).and_then(Value::as_i64).unwrap_or_default();
                    let ready = Condition::find(&found, condition::READY);
                    match ready.is_some_and(|c| c.status == ConditionStatus::True) && observed == found.generation() {
                        true => Ok(()),
                        false => Err(Held::NotReady(format!("dependency '{dependency}' is not ready"))),
                    }
                }
            };
            match held {
                Ok(()) => {}
                Err(Held::Expression(why)) => return Err(self.terminal(&why)),
                Err(Held::NotReady(why)) => {
                    self.report.not_ready(reason::DEPENDENCY_NOT_READY, &why);
                    self.report.tell_plain(Severity::Info, reason::DEPENDENCY_NOT_READY, &why);
                    return Err(End::After(self.shared().settings.requeue_dependency, false));
                }
            }
        }
        self.report.obstacle_gone(&[reason::DEPENDENCY_NOT_READY]);
        Ok(())
    }

    /// The source whose artifact is the chart.
    fn source(&mut self) -> Result<(Arc<Object>, SourceName), End> {
        let (kind, namespace, name) = match &self.spec.chart {
            ChartSource::Template(t) => (HELM_CHART.kind.to_owned(), t.namespace.clone(), self.spec.chart_name()),
            ChartSource::Reference { kind, namespace, name } => (kind.clone(), namespace.clone(), name.clone()),
        };
        if !self.may_refer_to(&namespace) {
            return Err(self.denied(&kind, &namespace, &name));
        }
        let reference = SourceName::of_kind(&kind, Name::new(&namespace, &name));
        let found = reference.and_then(|reference| Some((self.shared().source(&reference)?, reference)));
        let Some((source, reference)) = found else {
            // A HelmChart that was made a moment ago is about to be seen, and its coming wakes us.
            if matches!(self.spec.chart, ChartSource::Template(_)) {
                let message = format!("HelmChart '{namespace}/{name}' is not ready: does not have an artifact");
                self.report.not_ready(helm_reason::SOURCE_NOT_READY, &message);
                return Err(End::After(self.shared().settings.requeue_dependency, false));
            }
            let plural =
                format!("{}s.source.toolkit.fluxcd.io", kind.to_lowercase()).replace("repositorys", "repositories");
            let message = format!("could not get Source object: {plural} \"{name}\" not found");
            self.report.not_ready(reason::ARTIFACT_FAILED, &message);
            return Err(End::Retry);
        };
        self.report.obstacle_gone(&[reason::ACCESS_DENIED, reason::ARTIFACT_FAILED]);
        if let Err(why) = chart::check_ready(&source) {
            self.report.not_ready(helm_reason::SOURCE_NOT_READY, &why);
            return Err(End::After(self.shared().settings.requeue_dependency, false));
        }
        self.report.obstacle_gone(&[helm_reason::SOURCE_NOT_READY]);
        Ok((source, reference))
    }

    async fn load(&mut self, source: &Object, name: &SourceName) -> Result<(Arc<Chart>, String), End> {
        let artifact = source.at(&["status", "artifact"]).and_then(Artifact::read);
        let loaded = match &artifact {
            Some(artifact) => self.controller.charts.load(self.shared(), name, artifact).await,
            None => Err(chart::NoChart::Absent),
        };
        let chart = match loaded {
            Ok(chart) => chart,
            Err(chart::NoChart::Absent) => {
                let pause = self.shared().settings.requeue_dependency;
                let message = format!(
                    "Source not ready: artifact not found. Retrying in {}",
                    crate::duration::GoDuration::from_std(pause)
                );
                self.report.not_ready(reason::ARTIFACT_FAILED, &message);
                return Err(End::After(pause, false));
            }
            Err(chart::NoChart::Unreadable(why)) => {
                self.report.not_ready(reason::ARTIFACT_FAILED, &format!("Could not load chart: {why}"));
                self.report.tell_plain(Severity::Error, reason::ARTIFACT_FAILED, &why);
                return Err(End::Retry);
            }
        };
        self.report.obstacle_gone(&[reason::ARTIFACT_FAILED]);
        match chart::with_source_revision(&chart, source) {
            Ok((_, artifact)) if artifact.is_empty() => Ok((chart, artifact)),
            Ok((chart, artifact)) => Ok((Arc::new(chart), artifact)),
            Err(why) => {
                self.report.not_ready(helm_reason::CHART_MUTATE_ERROR, &why);
                Err(End::Retry)
            }
        }
    }

    /// Writes what is reported so far; events follow what they tell of.
    pub(crate) async fn write(&mut self) -> Result<(), belay_cluster::Error> {
        if let Some(patch) = self.report.take_patch() {
            let manager = status_manager(&HELM_RELEASE);
            self.shared().patch_status(&self.controller.resource, &self.object, patch, manager).await?;
        }
        let events = self.report.take_events();
        self.shared().tell(&self.object, HELM_CONTROLLER, events);
        Ok(())
    }

    async fn written(&mut self, next: Next) -> Next {
        match self.write().await {
            Ok(()) => next,
            Err(e) => self.controller.retry(&self.name, "writing the status", &e),
        }
    }

    async fn end(mut self, end: End) -> Next {
        let (next, observed) = match end {
            End::Waiting(left) => return self.written(Next::After(left)).await,
            End::Interval => (Next::After(self.shared().jittered(self.spec.interval)), true),
            End::Stalled => (Next::Done, true),
            End::After(pause, observed) => (Next::After(pause), observed),
            End::Retry => (Next::Retry, false),
        };
        self.report.at(&now_text());
        // What stands in the way is waited for: that is work to those who look.
        let is_ready = self.report.conditions().is_true(condition::READY);
        let is_told =
            self.report.conditions().has(condition::RECONCILING) || self.report.conditions().has(condition::STALLED);
        if !observed && !is_ready && !is_told {
            self.report.reconciling("Fulfilling prerequisites");
        }
        self.report.end(observed);
        self.written(next).await
    }
}
