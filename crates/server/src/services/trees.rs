//! The tree of an Application's objects.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use belay_access::Project;
use belay_argo::resource_tree::{Managed, Node, Orphans, Tree, is_orphan};
use belay_health::argo::{Health, Status};
use belay_object::{Object, ObjectKey, Value};
use tokio::time::timeout;

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;
use crate::nodes::Watched;
use crate::places::{self, Place};
use crate::rights::Target;
use crate::services::applications::named;

/// How long an Application waits for the health of its resources: it is told in time, whatever its cluster does.
const HEALTH_PATIENCE: Duration = Duration::from_secs(2);

/// The tree.
pub(crate) async fn get(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "get").await?;
    let (_, tree) = of(&call, &target).await?;
    Ok(narrowed(tree, &call).to_value().into())
}

/// An Application with the health of its resources, where its status says that the tree has it; as it is stored
/// where that is not known. Compat(argo 3.5)
pub(crate) async fn with_health(call: &Call, target: &Target) -> Value {
    let (status, mut told) = (&target.app.status, target.object.value().clone());
    if status.resource_health_source != "appTree" || status.resources.is_empty() {
        return told;
    }
    let Ok(Ok((_, tree))) = timeout(HEALTH_PATIENCE, of(call, target)).await else { return told };
    let health = tree.nodes.iter().filter_map(|node| Some((&node.key, node.to_value().remove(&["health"])?)));
    let mut health: HashMap<&ObjectKey, Value> = health.collect();
    let items = told.get_mut("status").and_then(|status| status.get_mut("resources")).and_then(Value::as_array_mut);
    for item in items.into_iter().flatten() {
        let text = |field: &str| item.str_at(&[field]).unwrap_or_default();
        let key = ObjectKey::new(text("group"), text("kind"), text("namespace"), text("name"));
        match health.remove(&key) {
            Some(health) => item.set(&["health"], health),
            None => drop(item.remove(&["health"])),
        }
    }
    told
}

/// The tree of an Application, and the cluster that it stands in.
pub(crate) async fn of(call: &Call, target: &Target) -> Result<(Place, Tree), Error> {
    let place = places::of(call, &target.app, &target.project).await?;
    let watched = call.api.nodes.of(&call.at, &place).await?;
    let tree = put_together(&target.object, &target.project, &place, &watched);
    Ok((place, tree))
}

/// The tree as the nodes stand now. What the project does not permit is not shown, whoever owns it, and
/// nothing below it (AUTHZ-5): an object may name an owner in another namespace.
pub(crate) fn put_together(object: &Object, project: &Project, place: &Place, watched: &Watched) -> Tree {
    let managed = managed(object);
    let namespace = object.str_at(&["spec", "destination", "namespace"]).unwrap_or_default();
    let own: HashSet<&ObjectKey> = managed.iter().map(|one| &one.key).collect();
    let permits = |node: &Node| {
        let (group, kind) = (node.key.kind.group.as_str(), node.key.kind.kind.as_str());
        let namespaced = !node.key.namespace.is_empty();
        own.contains(&node.key)
            || project.permits_kind(group, kind, namespaced, &node.key.name)
                && (!namespaced || place.is_permitted(project, &node.key.namespace))
    };
    let tells = |node: &Node| is_orphan(node, project, namespace, &own) && permits(node);
    let orphans = Orphans { namespace, tells: &tells };
    let mut tree = watched.forest().tree(&managed, Some(&orphans), &permits);
    // What cannot be read may be there: it is not told as missing.
    let unread = watched.unread();
    for node in tree.nodes.iter_mut().filter(|node| node.uid.is_empty() && unread.contains(&node.key.kind)) {
        Arc::make_mut(node).health = Some(Box::new(Health::new(Status::Unknown, "the kind cannot be read")));
    }
    tree
}

/// What the status says that an Application manages. Hooks that are there are part of it.
pub(crate) fn managed(object: &Object) -> Vec<Managed> {
    let items = object.at(&["status", "resources"]).map_or(&[][..], Value::items);
    let one = |item: &Value| {
        let text = |field: &str| item.str_at(&[field]).unwrap_or_default();
        (!text("kind").is_empty()).then(|| Managed {
            key: ObjectKey::new(text("group"), text("kind"), text("namespace"), text("name")),
            version: text("version").into(),
        })
    };
    items.iter().filter_map(one).collect()
}

/// Only the nodes that the query names.
fn narrowed(mut tree: Tree, call: &Call) -> Tree {
    let fits = |node: &Arc<Node>| {
        let same = |field: &str, text: &str| call.query(field).is_empty() || call.query(field) == text;
        same("namespace", &node.key.namespace)
            && same("name", &node.key.name)
            && same("version", &node.version)
            && same("group", &node.key.kind.group)
            && same("kind", &node.key.kind.kind)
    };
    tree.nodes.retain(fits);
    tree.orphaned.retain(fits);
    tree
}
