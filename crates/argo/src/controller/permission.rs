//! What a project permits an Application: its source, its destination, the times of its syncs, and as whom they
//! are made.

use std::sync::Arc;

use belay_access::project::Project;
use belay_cluster::{Cluster, Identity};
use belay_object::Object;

use super::application::Turn;
use super::config::Config;
use super::destinations::Place;
use super::world::World;
use crate::clusters::ClusterEntry;
use crate::spec::{AppCondition, Application, Destination, conditions, validate};

/// Whether a project permits Applications in a namespace of a cluster.
fn permits_namespace(project: &Project, cluster: &ClusterEntry, namespace: &str) -> bool {
    let scoped = !project.only_scoped_clusters() || cluster.project == project.name();
    scoped && project.permits_destination(&cluster.server, &cluster.name, namespace)
}

/// What a project permits in one cluster.
#[derive(Clone)]
pub(crate) struct Permits {
    project: Arc<Project>,
    /// `None` where the destination is nowhere: then nothing of a namespace is permitted.
    cluster: Option<ClusterEntry>,
}

impl Permits {
    /// For the cluster of a destination.
    pub fn new(config: &Config, project: &Arc<Project>, destination: &Destination) -> Permits {
        let cluster = config.clusters.resolve(&destination.server, &destination.name).ok().cloned();
        Permits { project: project.clone(), cluster }
    }
    /// Whether objects of a kind and name may be.
    pub fn kind(&self, group: &str, kind: &str, namespaced: bool, name: &str) -> bool {
        self.project.permits_kind(group, kind, namespaced, name)
    }
    /// Whether objects may be in a namespace.
    pub fn namespace(&self, namespace: &str) -> bool {
        self.cluster.as_ref().is_some_and(|cluster| permits_namespace(&self.project, cluster, namespace))
    }
    /// Whether a live object may be touched (INV-AUTHZ-5): its kind, and the namespace in which it is.
    pub fn live(&self, live: &Object) -> bool {
        let (kind, namespace) = (live.group_kind(), live.namespace());
        self.kind(&kind.group, &kind.kind, !namespace.is_empty(), live.name())
            && (namespace.is_empty() || self.namespace(namespace))
    }
}

impl Turn<'_> {
    /// As whom objects are written in a cluster: a service account where the settings say so, and never ourselves
    /// instead of one (INV-AUTHZ-6). An error is the sentence about it.
    pub(super) fn acting(&self, place: &Place) -> Result<Cluster, String> {
        let impersonation = self.config.settings.impersonation;
        if !impersonation.enabled {
            return Ok(place.cluster.clone());
        }
        let app = &self.draft.app;
        let namespace = &app.spec.destination.namespace;
        // Compat(argo-cd 3.5): the sentences.
        let failed = |why: &str| format!("failed to derive service account to impersonate: {why}");
        let account = self.project.service_account(&place.server, namespace, &app.namespace);
        match account.map_err(|e| failed(e.message()))? {
            Some(user) => {
                let identity = Identity::user(&user).and_then(|identity| place.cluster.impersonate(&identity));
                identity.map_err(|e| failed(e.message()))
            }
            None if impersonation.enforced => Err(format!(
                "no matching service account found for destination server {} and namespace {namespace}",
                place.server
            )),
            None => Ok(place.cluster.clone()),
        }
    }

    pub(super) fn is_window_open(&self, is_manual: bool) -> bool {
        self.window(is_manual, None).is_none()
    }

    /// Why a sync may not run now; `None` where it may.
    fn window(&self, is_manual: bool, started: Option<jiff::Timestamp>) -> Option<String> {
        let target = self.draft.app.window_target();
        let windows = self.project.windows();
        let decision = belay_access::windows::allows(windows, &target, jiff::Timestamp::now(), is_manual, started);
        (!decision.allowed).then(|| decision.reason.to_string())
    }

    /// What is told of an operation that a sync window stops; `None` where none does.
    pub(crate) fn blocked_by_window(&self, state: &crate::spec::OperationState) -> Option<String> {
        let is_manual = !state.operation.initiated_by.automated;
        let started = state.started_at.parse().ok();
        self.window(is_manual, started)?;
        // Compat(argo-cd 3.5)
        Some("Sync operation blocked by sync window".to_owned())
    }
}

/// The project of an Application, or the condition about it.
pub(crate) fn project(world: &World, app: &Application) -> Result<Arc<Project>, AppCondition> {
    let name = app.spec.project();
    let unknown = |message: String| AppCondition::new(conditions::INVALID_SPEC_ERROR, message);
    let Some(object) = world.projects.object(&world.settings.namespace, name) else {
        // Compat(argo-cd 3.5)
        return Err(unknown(format!("Application referencing project {name} which does not exist")));
    };
    let project = Project::read(&object).map_err(|e| unknown(e.to_string()))?;
    let find = |name: &str| world.projects.object(&world.settings.namespace, name);
    let project = with_globals(&project, &world.config(), find).map_err(unknown)?;
    if !project.permits_namespace(&app.namespace, &world.settings.namespace) {
        let message = format!(
            "application '{}' in namespace '{}' is not permitted to use project '{name}'",
            app.name, app.namespace
        );
        return Err(unknown(message));
    }
    Ok(Arc::new(project))
}

/// A project with what global projects add to it, by the settings; `find` gives those that there are. One that is
/// there and cannot be read may forbid something: it is an error (INV-AUTHZ-5).
pub(super) fn with_globals(
    own: &Project,
    config: &Config,
    find: impl Fn(&str) -> Option<Arc<Object>>,
) -> Result<Project, String> {
    let adding = config.settings.global_projects.iter().filter(|global| global.adds_to(own.name(), own.labels()));
    let mut found = Vec::new();
    for object in adding.filter_map(|global| find(&global.project)) {
        found.push(Project::read(&object).map_err(|e| format!("global project {}: {e}", object.name()))?);
    }
    Ok(own.merge_globals(&found))
}

/// What is wrong with where an Application comes from and goes to.
pub(super) fn permissions(world: &World, app: &Application, project: &Project) -> Vec<AppCondition> {
    let mut found = validate::sources(&app.spec, &|source| project.permits_source(&source.repo_url));
    let destination = &app.spec.destination;
    match world.config().clusters.resolve(&destination.server, &destination.name) {
        Err(why) => found.push(AppCondition::new(conditions::INVALID_SPEC_ERROR, why)),
        Ok(cluster) => {
            if !permits_namespace(project, cluster, &destination.namespace) {
                // Compat(argo-cd 3.5)
                let message = format!(
                    "application destination server '{}' and namespace '{}' do not match any of the allowed destinations in project '{}'",
                    cluster.server,
                    destination.namespace,
                    app.spec.project()
                );
                found.push(AppCondition::new(conditions::INVALID_SPEC_ERROR, message));
            }
        }
    }
    found
}
