//! What both controllers share: the cluster, the live resources, the fetched trees, events.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use belay_cluster::{Cluster, CrSummary, CrView, Patch, Resource, Views, WriteOptions};
use belay_controller::{Event as RecordedEvent, EventKind, Involved, Leadership, Recorder, WorkQueue};
use belay_engine::Elsewhere;
use belay_object::{Object, Value};
use belay_source::Fetched;
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::configs::Config;
use crate::duration::GoDuration;
use crate::names::{self, Kind};
use crate::report::{Event, Severity};
use crate::sources::{Artifacts, Followed, SourceName, Trees};

/// Names one resource of a kind that is known from the context.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Name {
    /// Namespace.
    pub namespace: Box<str>,
    /// Name.
    pub name: Box<str>,
}

impl Name {
    /// The name of an object.
    pub fn of(object: &Object) -> Name {
        Name { namespace: object.namespace().into(), name: object.name().into() }
    }
    /// Makes one from texts.
    pub fn new(namespace: &str, name: &str) -> Name {
        Name { namespace: namespace.into(), name: name.into() }
    }
}

/// How the controllers behave: the flags of Flux's controllers that change what is done.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Kustomizations worked on at once. They hold no worker while waiting, so this bounds rendering
    /// and applying.
    pub concurrent: usize,
    /// How soon to look again at what is waited for (`--requeue-dependency`).
    pub requeue_dependency: Duration,
    /// Whether a reference into another namespace is refused (`--no-cross-namespace-refs`).
    pub no_cross_namespace_refs: bool,
    /// The account to act as where a Kustomization names none (`--default-service-account`).
    pub default_service_account: String,
    /// Whether undefined variables fail a build (gate StrictPostBuildSubstitutions).
    pub strict_substitution: bool,
    /// Managers whose fields are taken over besides kubectl's (`--override-manager`).
    pub override_managers: Vec<String>,
    /// Kinds with a stage of their own (`--custom-apply-stage-kinds`).
    pub custom_stage_kinds: Vec<belay_object::GroupKind>,
    /// Percent by which intervals vary (`--interval-jitter-percentage`).
    pub interval_jitter_percent: u32,
    /// Whether exec plugins in kubeconfigs of secrets may run (`--insecure-kubeconfig-exec`).
    pub kubeconfig_exec: bool,
    /// Whether such kubeconfigs may skip TLS verification (`--insecure-kubeconfig-tls`).
    pub kubeconfig_insecure_tls: bool,
    /// Only this namespace; all where empty (`--watch-all-namespaces`).
    pub namespace: String,
    /// Only resources with these labels (`--watch-label-selector`).
    pub label_selector: String,
    /// ConfigMaps and Secrets whose changes wake their readers (`--watch-configs-label-selector`).
    pub configs_label_selector: String,
    /// Who else keeps objects: those are refused.
    pub claimed_elsewhere: Elsewhere,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            concurrent: 32,
            requeue_dependency: Duration::from_secs(30),
            no_cross_namespace_refs: false,
            default_service_account: String::new(),
            strict_substitution: true,
            override_managers: Vec::new(),
            custom_stage_kinds: Vec::new(),
            interval_jitter_percent: 5,
            kubeconfig_exec: false,
            kubeconfig_insecure_tls: false,
            namespace: String::new(),
            label_selector: String::new(),
            configs_label_selector: names::WATCHED_CONFIGS.to_owned(),
            claimed_elsewhere: Elsewhere::default(),
        }
    }
}

/// What both controllers share.
pub(crate) struct Shared {
    pub cluster: Cluster,
    pub settings: Settings,
    pub leadership: Leadership,
    pub recorder: Recorder,
    pub views: Views<CrSummary>,
    pub repositories: CrView,
    pub kustomizations: CrView,
    pub written_repositories: belay_controller::Written<Name>,
    pub written_kustomizations: belay_controller::Written<Name>,
    pub fetched: FetchedSources,
    pub kustomization_queue: WorkQueue<Name>,
    pub source_queue: WorkQueue<Name>,
    pub references: References,
    /// The kinds of sources besides GitRepository.
    pub sources: Vec<Followed>,
    pub sources_queue: WorkQueue<SourceName>,
    pub artifacts: Artifacts,
    pub trees: Trees,
    pub outbound: Outbound,
    /// What Helm needs; unset while the definition of HelmReleases is not installed.
    pub helm: OnceLock<Helm>,
}

/// How connections leave this process.
pub(crate) struct Outbound {
    pub clients: belay_net::Clients,
    pub egress: belay_net::Egress,
    pub proxy: Option<belay_net::Proxy>,
}

/// The resources of Helm, and who waits for whom.
pub(crate) struct Helm {
    pub releases: CrView,
    pub written_releases: belay_controller::Written<Name>,
    pub release_queue: WorkQueue<Name>,
    pub references: HelmReferences,
}

/// Who refers to whom among Helm's resources.
#[derive(Default)]
pub(crate) struct HelmReferences(Mutex<HelmMaps>);

/// What a resource names: its source, what it depends on, what it reads.
type Named = (Option<SourceName>, Vec<Name>, Vec<Config>);

#[derive(Default)]
struct HelmMaps {
    /// By source: the HelmReleases of its chart.
    by_source: HashMap<SourceName, HashSet<Name>>,
    by_dependency: HashMap<Name, HashSet<Name>>,
    /// By ConfigMap or Secret: the HelmReleases that read it.
    by_config: HashMap<Config, HashSet<Name>>,
    of_release: HashMap<Name, Named>,
}

impl HelmReferences {
    /// Notes what a HelmRelease refers to; `None` where it is gone.
    pub fn set_release(&self, name: &Name, object: Option<&Object>) {
        let mut maps = self.0.lock();
        let maps = &mut *maps;
        if let Some((source, dependencies, configs)) = maps.of_release.remove(name) {
            source.iter().for_each(|s| drop_from(&mut maps.by_source, s, name));
            configs.iter().for_each(|c| drop_from(&mut maps.by_config, c, name));
            dependencies.iter().for_each(|d| drop_from(&mut maps.by_dependency, d, name));
        }
        let Some(object) = object else { return };
        let own = object.namespace();
        let place = |v: &Value| v.str_at(&["namespace"]).filter(|n| !n.is_empty()).unwrap_or(own).to_owned();
        let source = match object.at(&["spec", "chartRef"]).filter(|r| !r.is_null()) {
            Some(r) => {
                let name = Name::new(&place(r), r.str_at(&["name"]).unwrap_or_default());
                SourceName::of_kind(r.str_at(&["kind"]).unwrap_or_default(), name)
            }
            None => {
                let place = object.at(&["spec", "chart", "spec", "sourceRef"]).map_or(own.to_owned(), place);
                let chart = format!("{own}-{}", name.name);
                Some(SourceName { kind: names::HELM_CHART.kind, name: Name::new(&place, &chart) })
            }
        };
        let dependencies = object.at(&["spec", "dependsOn"]).map_or(&[][..], Value::items).iter();
        let dependencies: Vec<Name> =
            dependencies.map(|d| Name::new(&place(d), d.str_at(&["name"]).unwrap_or_default())).collect();
        if let Some(source) = &source {
            maps.by_source.entry(source.clone()).or_default().insert(name.clone());
        }
        for dependency in &dependencies {
            maps.by_dependency.entry(dependency.clone()).or_default().insert(name.clone());
        }
        let configs = Config::named_by(object);
        for config in &configs {
            maps.by_config.entry(config.clone()).or_default().insert(name.clone());
        }
        maps.of_release.insert(name.clone(), (source, dependencies, configs));
    }
    /// The HelmReleases of a source's chart.
    pub fn releases_of(&self, source: &SourceName) -> Vec<Name> {
        self.0.lock().by_source.get(source).into_iter().flatten().cloned().collect()
    }
    /// The HelmReleases that read a ConfigMap or Secret.
    pub fn readers(&self, config: &Config) -> Vec<Name> {
        self.0.lock().by_config.get(config).into_iter().flatten().cloned().collect()
    }
    /// The HelmReleases that depend on one.
    pub fn dependents(&self, dependency: &Name) -> Vec<Name> {
        self.0.lock().by_dependency.get(dependency).into_iter().flatten().cloned().collect()
    }
}

/// The trees of this process, by their resource: consumers read them and never unpack an archive.
#[derive(Default)]
pub(crate) struct FetchedSources(Mutex<HashMap<Name, Arc<Fetched>>>);

impl FetchedSources {
    pub fn get(&self, name: &Name) -> Option<Arc<Fetched>> {
        self.0.lock().get(name).cloned()
    }
    /// Keeps a tree; gives whether its revision is another than before.
    pub fn put(&self, name: Name, fetched: Fetched) -> bool {
        let new = fetched.revision.clone();
        self.0.lock().insert(name, Arc::new(fetched)).is_none_or(|old| old.revision != new)
    }
    pub fn remove(&self, name: &Name) {
        self.0.lock().remove(name);
    }
}

/// Who refers to whom: to wake in O(referrers).
#[derive(Default)]
pub(crate) struct References(Mutex<ReferenceMaps>);

#[derive(Default)]
struct ReferenceMaps {
    /// By source: the Kustomizations that apply it.
    by_source: HashMap<SourceName, HashSet<Name>>,
    /// By source: the HelmCharts that are built from it.
    charts: HashMap<SourceName, HashSet<Name>>,
    /// By Kustomization: those that depend on it.
    by_dependency: HashMap<Name, HashSet<Name>>,
    /// By ConfigMap or Secret: the Kustomizations that read it.
    by_config: HashMap<Config, HashSet<Name>>,
    /// By repository: the repositories that include it.
    by_include: HashMap<Name, HashSet<Name>>,
    /// What each Kustomization refers to, to take it back.
    of_kustomization: HashMap<Name, Named>,
    of_chart: HashMap<Name, SourceName>,
    of_repository: HashMap<Name, Vec<Name>>,
}

impl References {
    /// Notes what a Kustomization refers to; `None` where it is gone.
    pub fn set_kustomization(&self, name: &Name, object: Option<&Object>) {
        let mut maps = self.0.lock();
        let maps = &mut *maps;
        if let Some((source, dependencies, configs)) = maps.of_kustomization.remove(name) {
            if let Some(source) = source {
                drop_from(&mut maps.by_source, &source, name);
            }
            for dependency in dependencies {
                drop_from(&mut maps.by_dependency, &dependency, name);
            }
            for config in configs {
                drop_from(&mut maps.by_config, &config, name);
            }
        }
        let Some(object) = object else { return };
        let own = object.namespace();
        let read = |value: &Value| {
            let namespace = value.str_at(&["namespace"]).filter(|n| !n.is_empty()).unwrap_or(own);
            Name::new(namespace, value.str_at(&["name"]).unwrap_or_default())
        };
        let source = object.at(&["spec", "sourceRef"]);
        let source = source.and_then(|r| SourceName::of_kind(r.str_at(&["kind"]).unwrap_or_default(), read(r)));
        let dependencies: Vec<Name> =
            object.at(&["spec", "dependsOn"]).map_or(&[][..], Value::items).iter().map(read).collect();
        if let Some(source) = &source {
            maps.by_source.entry(source.clone()).or_default().insert(name.clone());
        }
        for dependency in &dependencies {
            maps.by_dependency.entry(dependency.clone()).or_default().insert(name.clone());
        }
        let configs = Config::named_by(object);
        for config in &configs {
            maps.by_config.entry(config.clone()).or_default().insert(name.clone());
        }
        maps.of_kustomization.insert(name.clone(), (source, dependencies, configs));
    }
    /// Notes what a repository includes; `None` where it is gone.
    pub fn set_repository(&self, name: &Name, object: Option<&Object>) {
        let mut maps = self.0.lock();
        let maps = &mut *maps;
        for included in maps.of_repository.remove(name).unwrap_or_default() {
            drop_from(&mut maps.by_include, &included, name);
        }
        let Some(object) = object else { return };
        let included: Vec<Name> = object
            .at(&["spec", "include"])
            .map_or(&[][..], Value::items)
            .iter()
            .filter_map(|i| i.str_at(&["repository", "name"]))
            .map(|included| Name::new(object.namespace(), included))
            .collect();
        for name_included in &included {
            maps.by_include.entry(name_included.clone()).or_default().insert(name.clone());
        }
        if !included.is_empty() {
            maps.of_repository.insert(name.clone(), included);
        }
    }
    /// Notes what a HelmChart is built from; `None` where it is gone.
    pub fn set_chart(&self, name: &Name, object: Option<&Object>) {
        let mut maps = self.0.lock();
        let maps = &mut *maps;
        if let Some(source) = maps.of_chart.remove(name) {
            drop_from(&mut maps.charts, &source, name);
        }
        let Some(reference) = object.and_then(|o| o.at(&["spec", "sourceRef"])) else { return };
        let of = Name::new(&name.namespace, reference.str_at(&["name"]).unwrap_or_default());
        let Some(source) = SourceName::of_kind(reference.str_at(&["kind"]).unwrap_or_default(), of) else { return };
        maps.charts.entry(source.clone()).or_default().insert(name.clone());
        maps.of_chart.insert(name.clone(), source);
    }
    /// The Kustomizations that apply a source.
    pub fn appliers(&self, source: &SourceName) -> Vec<Name> {
        self.0.lock().by_source.get(source).into_iter().flatten().cloned().collect()
    }
    /// The HelmCharts that are built from a source.
    pub fn charts(&self, source: &SourceName) -> Vec<Name> {
        self.0.lock().charts.get(source).into_iter().flatten().cloned().collect()
    }
    /// The Kustomizations that depend on one.
    pub fn dependents(&self, dependency: &Name) -> Vec<Name> {
        self.0.lock().by_dependency.get(dependency).into_iter().flatten().cloned().collect()
    }
    /// The Kustomizations that read a ConfigMap or Secret.
    pub fn readers(&self, config: &Config) -> Vec<Name> {
        self.0.lock().by_config.get(config).into_iter().flatten().cloned().collect()
    }
    /// The repositories that include one.
    pub fn includers(&self, repository: &Name) -> Vec<Name> {
        self.0.lock().by_include.get(repository).into_iter().flatten().cloned().collect()
    }
}

fn drop_from<K: Eq + Hash>(map: &mut HashMap<K, HashSet<Name>>, key: &K, name: &Name) {
    if let Some(names) = map.get_mut(key) {
        names.remove(name);
        if names.is_empty() {
            map.remove(key);
        }
    }
}

impl Shared {
    /// The resource of one of our kinds, without discovery: definitions serve one version each.
    pub fn resource(kind: &Kind) -> Arc<Resource> {
        Resource::known(kind.group, kind.version, kind.kind, kind.plural, true)
    }
    /// Records events about an object.
    pub fn tell(&self, object: &Object, component: &str, events: Vec<Event>) {
        for event in events {
            let kind = if event.severity.event_type() == "Warning" { EventKind::Warning } else { EventKind::Normal };
            // Compat(flux 2.9): the keys by which `logs` filters.
            let (namespace, name, message) = (object.namespace(), object.name(), event.message.as_str());
            match kind {
                EventKind::Warning => tracing::error!(controllerKind = object.kind(), namespace, name, "{message}"),
                EventKind::Normal => tracing::info!(controllerKind = object.kind(), namespace, name, "{message}"),
            }
            self.recorder.record(RecordedEvent {
                involved: Involved::of(object),
                kind,
                reason: event.reason,
                message: event.message,
                annotations: event.metadata,
                component: component.to_owned(),
                trace: event.severity == Severity::Trace,
                at: Timestamp::now(),
            });
        }
    }
    /// Patches an object's status. The uid stands in the patch: an object made anew is not touched.
    pub async fn patch_status(
        &self,
        resource: &Resource,
        object: &Object,
        mut patch: Value,
        manager: &str,
    ) -> belay_cluster::Result<()> {
        patch.set(&["metadata", "uid"], object.uid());
        let options = WriteOptions { field_manager: manager.to_owned(), ..WriteOptions::default() };
        let (namespace, name, patch) = (object.namespace(), object.name(), Patch::Merge(patch));
        match self.cluster.patch_status(resource, namespace, name, &patch, &options).await {
            Err(e) if e.is_not_found() => Ok(()),
            written => self.keep(resource, written?),
        }
    }
    /// As [`Shared::patch_status`], of all but the status; the object must be there.
    pub async fn patch_main(
        &self,
        resource: &Resource,
        object: &Object,
        mut patch: Value,
        manager: &str,
    ) -> belay_cluster::Result<()> {
        patch.set(&["metadata", "uid"], object.uid());
        let options = WriteOptions { field_manager: manager.to_owned(), ..WriteOptions::default() };
        let patched =
            self.cluster.patch(resource, object.namespace(), object.name(), &Patch::Merge(patch), &options).await?;
        self.keep(resource, patched)
    }
    fn keep(&self, resource: &Resource, written: Object) -> belay_cluster::Result<()> {
        let of = match (&*resource.kind, self.helm.get()) {
            (kind, _) if kind == names::KUSTOMIZATION.kind => &self.written_kustomizations,
            (kind, Some(helm)) if kind == names::HELM_RELEASE.kind => &helm.written_releases,
            (kind, _) => match self.sources.iter().find(|s| s.kind.kind == kind) {
                Some(followed) => &followed.written,
                None => &self.written_repositories,
            },
        };
        of.put(Name::of(&written), written);
        Ok(())
    }
    /// A Kustomization, at least as new as our last write.
    pub fn kustomization(&self, name: &Name) -> Option<Arc<Object>> {
        self.written_kustomizations.newer(name, self.kustomizations.object(&name.namespace, &name.name))
    }
    /// A GitRepository, at least as new as our last write.
    pub fn repository(&self, name: &Name) -> Option<Arc<Object>> {
        self.written_repositories.newer(name, self.repositories.object(&name.namespace, &name.name))
    }
    /// A source of any kind, at least as new as our last write.
    pub fn source(&self, source: &SourceName) -> Option<Arc<Object>> {
        let name = &source.name;
        if source.kind == names::GIT_REPOSITORY.kind {
            return self.repository(name);
        }
        let followed = self.sources.iter().find(|s| s.kind.kind == source.kind)?;
        followed.written.newer(name, followed.view.object(&name.namespace, &name.name))
    }
    /// Wakes all that use a source.
    pub fn wake_users(&self, source: &SourceName) {
        self.references.appliers(source).into_iter().for_each(|n| self.kustomization_queue.add(n));
        let charts = self.references.charts(source).into_iter();
        charts.for_each(|name| self.sources_queue.add(SourceName { kind: names::HELM_CHART.kind, name }));
        self.wake_releases(source);
    }
    /// Wakes the HelmReleases of a source's chart.
    pub fn wake_releases(&self, source: &SourceName) {
        let Some(helm) = self.helm.get() else { return };
        helm.references.releases_of(source).into_iter().for_each(|n| helm.release_queue.add(n));
    }
    /// A HelmRelease, at least as new as our last write.
    pub fn helm_release(&self, name: &Name) -> Option<Arc<Object>> {
        let helm = self.helm.get()?;
        helm.written_releases.newer(name, helm.releases.object(&name.namespace, &name.name))
    }
    /// An interval with jitter, so that a thousand resources made at once are not due at once.
    pub fn jittered(&self, interval: GoDuration) -> Duration {
        belay_cluster::jittered(interval.to_std(), self.settings.interval_jitter_percent)
    }
}

/// Now, RFC 3339 to the second.
pub(crate) fn now_text() -> String {
    belay_controller::conditions::time_text(Timestamp::now())
}

/// The field manager of the finalizer and status of a kind.
pub(crate) fn status_manager(kind: &Kind) -> &'static str {
    match kind.group {
        names::SOURCE_GROUP => names::SOURCE_CONTROLLER,
        names::HELM_GROUP => names::HELM_CONTROLLER,
        _ => names::KUSTOMIZE_STATUS_MANAGER,
    }
}
