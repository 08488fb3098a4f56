//! The HelmChart that a HelmRelease makes, and the chart in a source's stored artifact.

use std::collections::HashMap;
use std::sync::Arc;

use belay_cluster::{ApplyOptions, DeleteOptions, Resource};
use belay_helm::{Chart, Limits};
use belay_object::{Condition, ConditionStatus, Object, Value};
use belay_semver::Version;
use parking_lot::Mutex;

use crate::names::{self, HELM_CHART, HELM_CONTROLLER};
use crate::report::Artifact;
use crate::shared::{Name, Shared};
use crate::sources::SourceName;
use crate::spec::{ChartTemplate, HelmRelease, Meta};

/// Charts that are kept loaded. Charts have some 50 to 500 KiB.
const MAX_CHARTS: usize = 64;

/// Loaded charts by the digest of their artifact: a thousand releases of one chart hold it once.
#[derive(Default)]
pub(crate) struct LoadedCharts(Mutex<HashMap<String, Arc<Chart>>>);

/// Why there is no chart.
pub(crate) enum NoChart {
    /// The archive is not stored: its source is about to store it again.
    Absent,
    /// It cannot be loaded.
    Unreadable(String),
}

impl LoadedCharts {
    /// Loads the chart of a source's artifact.
    pub async fn load(&self, shared: &Shared, source: &SourceName, artifact: &Artifact) -> Result<Arc<Chart>, NoChart> {
        if let Some(chart) = self.0.lock().get(&artifact.digest) {
            return Ok(chart.clone());
        }
        let archive = shared.archive(source, artifact).await.map_err(NoChart::Unreadable)?.ok_or(NoChart::Absent)?;
        let load = move || belay_helm::load_archive(&archive, &Limits::default());
        let chart = tokio::task::spawn_blocking(load).await;
        let chart = chart.map_err(|e| NoChart::Unreadable(format!("loading stopped: {e}")))?;
        let chart = chart.map_err(|e| NoChart::Unreadable(e.to_string()))?;
        let chart = Arc::new(chart);
        let mut all = self.0.lock();
        if all.len() >= MAX_CHARTS {
            all.clear();
        }
        all.insert(artifact.digest.clone(), chart.clone());
        Ok(chart)
    }
}

/// Whether a source may be used, in Flux's words.
pub(crate) fn check_ready(source: &Object) -> Result<(), String> {
    let named =
        |why: &str| Err(format!("{} '{}/{}' is not ready: {why}", source.kind(), source.namespace(), source.name()));
    let has_artifact = source.at(&["status", "artifact"]).is_some_and(|a| !a.is_null());
    if source.kind() == names::EXTERNAL_ARTIFACT.kind {
        return if has_artifact { Ok(()) } else { named("does not have an artifact") };
    }
    let observed = source.at(&["status", "observedGeneration"]).and_then(Value::as_i64).unwrap_or_default();
    if observed != source.generation() {
        let ready = Condition::find(source, names::condition::READY).filter(|c| c.status == ConditionStatus::False);
        return named(
            &ready.map_or_else(|| "latest generation of object has not been reconciled".to_owned(), |c| c.message),
        );
    }
    if let Some(stalled) =
        Condition::find(source, names::condition::STALLED).filter(|c| c.status == ConditionStatus::True)
    {
        return named(&stalled.message);
    }
    if has_artifact { Ok(()) } else { named("does not have an artifact") }
}

/// The chart as the release sees it: its version tells the digest of a source that has one. Gives also
/// that digest.
pub(crate) fn with_source_revision(chart: &Chart, source: &Object) -> Result<(Chart, String), String> {
    let revision = source.str_at(&["status", "artifact", "revision"]).unwrap_or_default();
    let tells = match source.kind() {
        "OCIRepository" => true,
        "ExternalArtifact" => revision.contains(':'),
        _ => false,
    };
    if !tells {
        return Ok((chart.clone(), String::new()));
    }
    let version = Version::coerced(&chart.metadata.version)
        .map_err(|_| format!("invalid chart version {}", chart.metadata.version))?;
    let (tag, digest) = revision.split_once('@').map_or((None, revision), |(tag, digest)| (Some(tag), digest));
    let tagged = tag.and_then(|tag| Version::coerced(&tag.replace('_', "+")).ok());
    if let (Some(tag), Some(tagged)) = (tag, &tagged)
        && tagged.compare(&version).is_ne()
    {
        return Err(format!("artifact revision {tag} does not match chart version {}", chart.metadata.version));
    }
    let hex = digest.split_once(':').map(|(_, hex)| hex).and_then(|hex| hex.get(..12));
    let hex = hex.ok_or_else(|| format!("invalid artifact revision {revision}"))?;
    let mut chart = chart.clone();
    let told = version.with_metadata(hex).map_err(|e| e.to_string())?;
    chart.metadata.version = told.to_string();
    // Compat(flux 2.9): of a tag that is no version, the whole revision is told and signed.
    let told = if tagged.is_some() { digest } else { revision };
    Ok((chart, told.to_owned()))
}

/// The HelmChart of a template.
fn chart_object(spec: &HelmRelease, template: &ChartTemplate) -> Object {
    let mut chart = Object::of(&HELM_CHART.api_version(), HELM_CHART.kind, &template.namespace, &spec.chart_name());
    template.labels.iter().for_each(|(k, v)| chart.set_label(k, v));
    template.annotations.iter().for_each(|(k, v)| chart.set_annotation(k, v));
    super::render::mark(spec, &mut chart);
    chart.set(&["spec"], template.spec.clone());
    chart
}

/// Whether a HelmChart is as its template says already: then it is not applied.
fn is_as_wanted(live: &Object, wanted: &Object) -> bool {
    let has = |path: &[&str]| {
        let wanted = wanted.at(path).and_then(Value::as_object);
        wanted.is_none_or(|w| w.iter().all(|(k, v)| live.at(path).and_then(|l| l.get(k)) == Some(v)))
    };
    let fields = |o: &Object| o.at(&["spec"]).and_then(Value::as_object).map_or(0, belay_object::Map::len);
    has(&["spec"])
        && has(&["metadata", "labels"])
        && has(&["metadata", "annotations"])
        && fields(live) <= fields(wanted) + 1
}

/// What applying a HelmChart came to: the sentence for the event, where anything was done.
pub(crate) async fn apply(
    shared: &Shared,
    spec: &HelmRelease,
    template: &ChartTemplate,
) -> Result<Option<String>, belay_cluster::Error> {
    let wanted = chart_object(spec, template);
    let name = Name::new(&template.namespace, &spec.chart_name());
    let live = shared.source(&SourceName { kind: HELM_CHART.kind, name: name.clone() });
    if live.as_ref().is_some_and(|live| is_as_wanted(live, &wanted)) {
        return Ok(None);
    }
    let options = ApplyOptions { field_manager: HELM_CONTROLLER.to_owned(), force: true, ..ApplyOptions::default() };
    shared.cluster.apply(&Shared::resource(&HELM_CHART), &wanted, &options).await?;
    let done = if live.is_some() { "Configured" } else { "Created" };
    let (kind, source) = &template.source;
    Ok(Some(format!(
        "{done} HelmChart/{}/{} with SourceRef '{kind}/{}/{source}'",
        name.namespace, name.name, name.namespace
    )))
}

/// Deletes the HelmChart that a HelmRelease made, if it is still that HelmRelease's.
pub(crate) async fn delete(shared: &Shared, meta: &Meta, name: &Name) -> Result<bool, belay_cluster::Error> {
    let resource: Arc<Resource> = Shared::resource(&HELM_CHART);
    let Some(live) = shared.cluster.find(&resource, &name.namespace, &name.name).await? else { return Ok(false) };
    let label = |field: &str| live.label(&format!("{}/{field}", names::HELM_GROUP)).unwrap_or_default().to_owned();
    if label("name") != meta.name || label("namespace") != meta.namespace {
        return Ok(false);
    }
    let options = DeleteOptions { uid: live.uid().to_owned(), ..DeleteOptions::default() };
    match shared.cluster.delete(&resource, &name.namespace, &name.name, &options).await {
        Err(e) if !e.is_not_found() => Err(e),
        _ => Ok(true),
    }
}
