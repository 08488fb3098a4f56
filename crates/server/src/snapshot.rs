//! The control plane as it stood at one moment: settings, policy, projects, repositories, clusters.
//!
//! A [`Snapshot`] is a value, made anew when one of its objects has changed. [`Watches`] are the views
//! that it is made from, and those of Applications.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use belay_access::{MatchMode, Policy, Project, ProjectPolicy};
use belay_argo::controller::{Config, all_secrets};
use belay_argo::names::{PART_OF, SECRET_TYPE, applications, projects};
use belay_cluster::{CrSummary, CrView, Resource, ViewScope, Views};
use belay_object::Object;
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::Error;
use crate::revoked::{REVOKED, Revoked};

/// How long a request waits for the views to begin.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a request waits until what it wrote is seen by those that follow it.
const SHOWN_PATIENCE: Duration = Duration::from_secs(3);

/// A project, read.
pub(crate) struct ProjectEntry {
    /// As it stands in the cluster.
    pub object: Arc<Object>,
    /// Read.
    pub project: Project,
    /// What its roles may do.
    pub policy: ProjectPolicy,
    /// How the policy's patterns are read.
    mode: MatchMode,
    /// What of it could not be read.
    warnings: Vec<String>,
}

/// The control plane at one moment.
pub(crate) struct Snapshot {
    /// Settings, repositories, clusters, trust.
    pub config: Arc<Config>,
    /// Who may do what.
    pub policy: Policy,
    /// The projects by name.
    pub projects: BTreeMap<String, Arc<ProjectEntry>>,
    /// The tokens that were taken back.
    pub revoked: Revoked,
    /// The config maps, as they are.
    pub maps: Vec<Arc<Object>>,
    /// The secrets that belong to the installation.
    pub secrets: Vec<Arc<Object>>,
    /// What of all that could not be read.
    warnings: Vec<String>,
}

impl Snapshot {
    /// A config map by its name.
    pub fn map(&self, name: &str) -> Option<&Arc<Object>> {
        self.maps.iter().find(|map| map.name() == name)
    }
    /// A project with what global projects add to it.
    pub fn project(&self, name: &str) -> Option<Project> {
        let own = &self.projects.get(name)?.project;
        let globals = &self.config.settings.global_projects;
        let adds = |global: &&belay_argo::settings::GlobalProject| global.adds_to(name, own.labels());
        let found: Vec<&Project> =
            globals.iter().filter(adds).filter_map(|g| Some(&self.projects.get(&g.project)?.project)).collect();
        Some(own.merge_globals(found))
    }
}

/// The views that everything is read from.
pub(crate) struct Watches {
    /// Applications.
    pub applications: CrView,
    /// Projects of the control plane.
    pub projects: CrView,
    /// Config maps of the installation.
    pub maps: CrView,
    /// Secrets of the installation.
    pub settings: CrView,
    /// Secrets that describe repositories and clusters.
    pub described: CrView,
    changes: Arc<AtomicU64>,
    application_changes: broadcast::Sender<ApplicationChange>,
    known: Mutex<Option<(u64, Arc<Snapshot>)>>,
}

/// How an Application was and is; `None` where it was not or is no more.
pub(crate) type ApplicationChange = Arc<(Option<Arc<Object>>, Option<Arc<Object>>)>;
/// Tells of them.
pub(crate) type ApplicationChanges = broadcast::Receiver<ApplicationChange>;
/// Changes that a slow reader may be behind; then it is told how things are.
const MAX_BEHIND: usize = 2048;

/// The resource of secrets.
pub(crate) fn secrets() -> Arc<Resource> {
    Resource::known("", "v1", "Secret", "secrets", true)
}
/// The resource of config maps.
pub(crate) fn config_maps() -> Arc<Resource> {
    Resource::known("", "v1", "ConfigMap", "configmaps", true)
}

impl Watches {
    /// Begins to watch. Must be called inside a tokio runtime.
    pub fn start(views: &Views<CrSummary>, namespace: &str, of: &ViewScope) -> Watches {
        let home = ViewScope::in_namespace(namespace);
        let labelled = |labels: &str| ViewScope { labels: labels.to_owned(), ..home.clone() };
        let part_of = format!("{}={}", PART_OF.0, PART_OF.1);
        let changes = Arc::new(AtomicU64::new(1));
        let counted = changes.clone();
        let application_changes = broadcast::Sender::new(MAX_BEHIND);
        let told = application_changes.clone();
        views.on_change(move |change| match change.key.kind.kind.as_str() {
            "ConfigMap" | "Secret" | "AppProject" => drop(counted.fetch_add(1, Ordering::AcqRel)),
            "Application" => {
                let state =
                    |entry: &Option<belay_cluster::Entry<Arc<Object>>>| entry.as_ref().map(|e| e.summary.clone());
                // Nobody listening is no failure.
                let _ = told.send(Arc::new((state(&change.before), state(&change.after))));
            }
            _ => {}
        });
        Watches {
            applications: views.view(&applications(), of),
            projects: views.view(&projects(), &home),
            maps: views.view(&config_maps(), &labelled(&part_of)),
            settings: views.view(&secrets(), &labelled(&part_of)),
            described: views.view(&secrets(), &labelled(SECRET_TYPE)),
            changes,
            application_changes,
            known: Mutex::default(),
        }
    }

    /// How things stand.
    pub async fn snapshot(&self) -> Result<Arc<Snapshot>, Error> {
        for view in [&self.maps, &self.settings, &self.described, &self.projects] {
            view.synced(PATIENCE).await.map_err(unready)?;
        }
        // The number is read before the views: what changes meanwhile is read again.
        let now = self.changes.load(Ordering::Acquire);
        let mut known = self.known.lock();
        if let Some((at, snapshot)) = &*known
            && *at == now
        {
            return Ok(snapshot.clone());
        }
        let made = Arc::new(self.read(known.as_ref().map(|(_, snapshot)| &**snapshot)));
        *known = Some((now, made.clone()));
        Ok(made)
    }

    /// The Applications, once they are known.
    pub async fn applications(&self) -> Result<&CrView, Error> {
        self.applications.synced(PATIENCE).await.map_err(unready)?;
        Ok(&self.applications)
    }

    /// Changes of Applications from here on.
    pub fn application_changes(&self) -> ApplicationChanges {
        self.application_changes.subscribe()
    }

    /// Whether a snapshot is not the newest.
    pub fn is_old(&self, snapshot: &Arc<Snapshot>) -> bool {
        let known = self.known.lock();
        let newest = known.as_ref().is_some_and(|(_, known)| Arc::ptr_eq(known, snapshot));
        !newest || known.as_ref().is_some_and(|(at, _)| *at != self.changes.load(Ordering::Acquire))
    }

    /// Reads what has changed; what has not is as it was before.
    fn read(&self, before: Option<&Snapshot>) -> Snapshot {
        let secrets = all_secrets(self.settings.objects(), self.described.objects());
        let maps = self.maps.objects();
        let (config, mut warnings) = Config::read(&maps, &secrets, before.map(|b| &*b.config));
        let same = before.filter(|before| before.config.settings.policy == config.settings.policy);
        let policy = match same {
            Some(before) => before.policy.clone(),
            None => match Policy::compile(&config.settings.policy) {
                Ok((policy, told)) => {
                    warnings.extend(told);
                    policy
                }
                // One that cannot be read leaves the one before in force, never none (AUTHZ-9).
                Err(e) => {
                    warnings.push(e.to_string());
                    before.map_or_else(Policy::builtin, |b| b.policy.clone())
                }
            },
        };
        let mut projects = BTreeMap::new();
        for object in self.projects.objects() {
            let known = before.and_then(|before| before.projects.get(object.name()));
            let known = known.filter(|entry| Arc::ptr_eq(&entry.object, &object) && entry.mode == policy.mode());
            match known.map_or_else(|| project(object.clone(), policy.mode()), |entry| Ok(entry.clone())) {
                Ok(entry) => {
                    warnings.extend(entry.warnings.iter().cloned());
                    projects.insert(object.name().to_owned(), entry);
                }
                Err(why) => warnings.push(format!("project {}: {why}", object.name())),
            }
        }
        // What was told is not told again with every sign-in that is written down.
        let told = |warning: &String| before.is_some_and(|before| before.warnings.contains(warning));
        for warning in warnings.iter().filter(|warning| !told(warning)) {
            tracing::warn!("configuration: {warning}");
        }
        let revoked = Revoked::read(maps.iter().find(|map| map.name() == REVOKED).map(|map| &**map));
        Snapshot { config: Arc::new(config), policy, projects, revoked, maps, secrets, warnings }
    }
}

fn project(object: Arc<Object>, mode: MatchMode) -> Result<Arc<ProjectEntry>, String> {
    let project = Project::read(&object).map_err(|e| e.to_string())?;
    let (policy, warnings) = project.policy(mode);
    Ok(Arc::new(ProjectEntry { object, project, policy, mode, warnings }))
}

fn unready(error: belay_cluster::Error) -> Error {
    tracing::warn!(%error, "the API is not ready");
    Error::unavailable("the control plane's objects are not known yet: try again")
}

/// Waits until a view shows an object at least as new as this one: the requests that follow a write see it.
pub(crate) async fn shown(view: &CrView, written: &Object) {
    let number = |text: &str| text.parse::<u64>().unwrap_or_default();
    let version = number(written.resource_version());
    let is_there = |view: &CrView| {
        let entry = view.get(written.namespace(), written.name())?;
        (number(&entry.resource_version) >= version).then_some(())
    };
    view.wait_for(SHOWN_PATIENCE, is_there).await;
}

/// Waits until a view shows an object no more, or another one under its name.
pub(crate) async fn gone(view: &CrView, namespace: &str, name: &str, uid: &str) {
    let is_gone = |view: &CrView| match view.get(namespace, name) {
        Some(entry) if entry.uid.to_string() == uid => None,
        _ => Some(()),
    };
    view.wait_for(SHOWN_PATIENCE, is_gone).await;
}
