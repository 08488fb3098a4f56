//! What stands in the namespace of an Application and is nobody's.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::Result;
use belay_access::project::Project;
use belay_argo::resource_tree::{Forest, Managed, Node, Orphans, is_orphan, kinds};
use belay_argo::spec::Application;
use belay_cluster::ListOptions;
use belay_object::ObjectKey;
use futures::stream::{self, StreamExt};

use super::look::Look;
use super::tree::listed;
use crate::plane::Plane;

/// Kinds that are listed at once.
const CONCURRENCY: usize = 16;

/// The keys of those objects, in order. A project that does not look for them has none.
pub async fn orphans(plane: &Plane, app: &Application) -> Result<Vec<ObjectKey>> {
    let argo = match plane {
        Plane::Cluster(argo) => argo,
        Plane::Server(through) => {
            let mut found: Vec<ObjectKey> =
                listed(&through.tree(app).await?, "orphanedNodes").into_iter().map(|node| node.key).collect();
            found.sort();
            return Ok(found);
        }
    };
    let project = plane.find_project(app.spec.project()).await?;
    let Some(project) = project.map(|object| Project::read(&object)).transpose()? else { return Ok(Vec::new()) };
    let namespace = app.spec.destination.namespace.as_str();
    if project.orphaned_resources().is_none() || namespace.is_empty() {
        return Ok(Vec::new());
    }
    let look = Look::at(argo, app).await?;
    let (config, cluster) = (look.preview.config(), &look.at.cluster);
    let catalog = cluster.catalog().await?;
    let wanted = kinds(&catalog, config, &look.at.server).filter(|kind| kind.namespaced);
    let lists = stream::iter(wanted).map(|kind| async move {
        // Who may not see a kind sees the others.
        cluster.list(kind, namespace, &ListOptions::default()).await.map(|list| list.items).unwrap_or_default()
    });
    let objects = lists.buffer_unordered(CONCURRENCY).concat().await;
    let node = |object: &belay_object::Object| {
        let owner = config.tracking.owner_of(object).map(|owner| owner.app).unwrap_or_default();
        Arc::new(Node::of(object, &owner, None, &[]))
    };
    let live: Vec<Arc<Node>> = objects.iter().map(node).collect();
    let managed: Vec<Managed> = app
        .status
        .resources
        .iter()
        .map(|r| Managed {
            key: ObjectKey::new(&r.group, &r.kind, &r.namespace, &r.name),
            version: r.version.as_str().into(),
        })
        .collect();
    let own: HashSet<&ObjectKey> = managed.iter().map(|one| &one.key).collect();
    let tells = |node: &Node| is_orphan(node, &project, namespace, &own);
    let found = Forest::new(live).tree(&managed, Some(&Orphans { namespace, tells: &tells }), &|_| true);
    let mut keys: Vec<ObjectKey> = found.orphaned.iter().map(|node| node.key.clone()).collect();
    keys.sort();
    Ok(keys)
}
