//! Projects that are deleted go when no Application belongs to them any more, and not before.

use std::sync::Arc;
use std::time::Duration;

use belay_access::project::Project;
use belay_cluster::{Patch, WriteOptions};
use belay_object::{Object, Value, object};
use tokio::sync::Notify;

use super::deletion::CASCADE;
use super::world::{COMPONENT, World};
use crate::names::projects;

/// When it is tried again to let one go.
const LATER: Duration = Duration::from_secs(5);

/// Whether a project is deleted and waits.
pub(super) fn is_leaving(project: &Object) -> bool {
    project.is_deleting() && project.finalizers().any(|finalizer| finalizer == CASCADE)
}

/// Lets projects go, whenever one may.
pub(super) async fn release(world: Arc<World>, changed: Arc<Notify>) {
    loop {
        let mut failed = false;
        for project in world.projects.objects().into_iter().filter(|project| is_leaving(project)) {
            if !is_used(&world, &project)
                && let Err(error) = let_go(&world, &project).await
            {
                tracing::warn!(project = project.name(), %error, "the project could not be let go");
                failed = true;
            }
        }
        match failed {
            true => tokio::time::sleep(LATER).await,
            false => changed.notified().await,
        }
    }
}

/// Whether an Application that is followed, and may, belongs to it. Compat(argo-cd 3.5)
fn is_used(world: &World, object: &Object) -> bool {
    let home = &world.settings.namespace;
    // What cannot be read is taken for used.
    let Ok(project) = Project::read(object) else { return true };
    world.applications.objects().iter().any(|app| {
        let of = app.str_at(&["spec", "project"]).filter(|name| !name.is_empty()).unwrap_or("default");
        let namespace = app.namespace();
        of == project.name() && world.follows(namespace) && project.permits_namespace(namespace, home)
    })
}

async fn let_go(world: &World, project: &Object) -> belay_cluster::Result<()> {
    let left: Value = project.finalizers().filter(|finalizer| *finalizer != CASCADE).map(Value::from).collect();
    let version = project.resource_version();
    let patch = object! { "metadata" => object! { "finalizers" => left, "resourceVersion" => version } };
    let options = WriteOptions { field_manager: COMPONENT.to_owned(), ..WriteOptions::default() };
    let (namespace, name) = (project.namespace(), project.name());
    match world.cluster.patch(&projects(), namespace, name, &Patch::Merge(patch), &options).await {
        // Somebody was quicker: the watch tells of it.
        Err(e) if e.is_not_found() || e.kind() == belay_cluster::ErrorKind::Conflict => Ok(()),
        done => done.map(drop),
    }
}
