//! Which objects of a cluster are part of trees, and which of those are nobody's.

use std::collections::HashSet;
use std::sync::Arc;

use belay_access::Project;
use belay_cluster::{Catalog, Resource};
use belay_object::ObjectKey;

use super::Node;
use crate::controller::Config;

/// Kinds that change all the time and are part of no tree.
const NEVER: [(&str, &str); 4] =
    [("events.k8s.io", "*"), ("metrics.k8s.io", "*"), ("", "Event"), ("coordination.k8s.io", "Lease")];

/// The kinds that are part of trees, each in the version that the server prefers.
pub fn kinds<'a>(catalog: &'a Catalog, config: &'a Config, server: &'a str) -> impl Iterator<Item = &'a Arc<Resource>> {
    let preferred = |resource: &&Arc<Resource>| {
        catalog.find(&resource.group_kind(), None).is_some_and(|first| Arc::ptr_eq(first, resource))
    };
    let fits = move |resource: &&Arc<Resource>| {
        let (group, kind) = (resource.group.as_str(), resource.kind.as_str());
        resource.supports("list")
            && resource.supports("watch")
            && !NEVER.iter().any(|(g, k)| *g == group && (*k == "*" || *k == kind))
            && !config.excludes(group, kind, server)
    };
    catalog.resources().iter().filter(preferred).filter(fits)
}

/// Whether an object that nobody owns or tracks is told of with an Application of this namespace: the project
/// looks for such, permits the kind, and does not leave it out. `own` is what the Application manages.
pub fn is_orphan(node: &Node, project: &Project, namespace: &str, own: &HashSet<&ObjectKey>) -> bool {
    let (group, kind) = (node.key.kind.group.as_str(), node.key.kind.kind.as_str());
    project.orphaned_resources().is_some_and(|rules| {
        !namespace.is_empty()
            && *node.key.namespace == *namespace
            && !own.contains(&node.key)
            && project.permits_kind(group, kind, true, &node.key.name)
            && !rules.ignores(group, kind, &node.key.namespace, &node.key.name)
    })
}
