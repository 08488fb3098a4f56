//! What a project permits an Application: its source, its destination, and the times of its syncs.

use std::sync::Arc;

use belay_access::project::Project;

use super::application::Turn;
use super::world::World;
use crate::spec::{AppCondition, Application, conditions, validate};

impl Turn<'_> {
    pub(super) fn is_window_open(&self, is_manual: bool) -> bool {
        self.window(is_manual, None).is_none()
    }

    /// Why a sync may not run now; `None` where it may.
    fn window(&self, is_manual: bool, started: Option<jiff::Timestamp>) -> Option<String> {
        let app = &self.draft.app;
        let target = belay_access::windows::Target {
            application: &app.name,
            namespace: &app.spec.destination.namespace,
            server: &app.spec.destination.server,
            cluster: &app.spec.destination.name,
        };
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
    if !project.permits_namespace(&app.namespace, &world.settings.namespace) {
        let message = format!(
            "application '{}' in namespace '{}' is not permitted to use project '{name}'",
            app.name, app.namespace
        );
        return Err(unknown(message));
    }
    Ok(Arc::new(project))
}

/// What is wrong with where an Application comes from and goes to.
pub(super) fn permissions(world: &World, app: &Application, project: &Project) -> Vec<AppCondition> {
    let mut found = validate::sources(&app.spec, &|source| project.permits_source(&source.repo_url));
    let destination = &app.spec.destination;
    match world.destinations.server(&world.config(), destination) {
        Err(why) => found.push(AppCondition::new(conditions::INVALID_SPEC_ERROR, why)),
        Ok(server) => {
            if !project.permits_destination(&server, &destination.name, &destination.namespace) {
                // Compat(argo-cd 3.5)
                let message = format!(
                    "application destination server '{server}' and namespace '{}' do not match any of the allowed destinations in project '{}'",
                    destination.namespace,
                    app.spec.project()
                );
                found.push(AppCondition::new(conditions::INVALID_SPEC_ERROR, message));
            }
        }
    }
    found
}
