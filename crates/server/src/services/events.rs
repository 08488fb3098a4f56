//! What Kubernetes says of Applications, their objects, and projects.

use belay_argo::names::projects;
use belay_cluster::{Cluster, ListOptions, Resource};
use belay_object::Object;

use crate::Error;
use crate::answer::Answer;
use crate::call::Call;
use crate::message;
use crate::services::applications::named;
use crate::services::trees;

/// Of an Application, or of one object in its tree.
pub(crate) async fn of_application(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "get").await?;
    let (name, uid) = (call.query("resourceName"), call.query("resourceUID"));
    if name.is_empty() && uid.is_empty() {
        let app = &target.object;
        return about(&call.api.options.cluster, app.namespace(), app.name(), app.uid()).await;
    }
    let namespace = call.query("resourceNamespace");
    let (place, tree) = trees::of(&call, &target).await?;
    let mut all = tree.nodes.iter().chain(&tree.orphaned);
    let found = all.any(|node| *node.uid == *uid && *node.key.name == *name && *node.key.namespace == *namespace);
    if !found || uid.is_empty() {
        let words = format!("{name} not found as part of application {}", target.app.name);
        return Err(Error::invalid(words));
    }
    about(&place.acting, namespace, name, uid).await
}

/// Of a project.
pub(crate) async fn of_project(call: Call) -> Result<Answer, Error> {
    let name = call.path("name");
    call.require("projects", "get", name)?;
    let (cluster, namespace) = (&call.api.options.cluster, call.api.options.namespace.as_str());
    let project: Object = cluster.get(&projects(), namespace, name).await?;
    about(cluster, namespace, name, project.uid()).await
}

async fn about(cluster: &Cluster, namespace: &str, name: &str, uid: &str) -> Result<Answer, Error> {
    // A selector is made of these: a comma in one of them would begin another.
    if [namespace, name, uid].iter().any(|text| text.contains([',', '=', '!', '\\'])) {
        return Err(Error::invalid("names and uids of objects have no such characters"));
    }
    let events = Resource::known("", "v1", "Event", "events", true);
    let mut fields = format!("involvedObject.name={name},involvedObject.uid={uid}");
    if !namespace.is_empty() {
        fields.push_str(&format!(",involvedObject.namespace={namespace}"));
    }
    let found = cluster.list(&events, namespace, &ListOptions { fields, ..ListOptions::default() }).await?;
    let event = |event: Object| {
        let mut value = event.into_value();
        for path in [&["apiVersion"][..], &["kind"], &["metadata", "managedFields"]] {
            value.remove(path);
        }
        value
    };
    let mut list = message::list(found.items.into_iter().map(event).collect());
    list.set(&["metadata", "resourceVersion"], found.resource_version);
    Ok(list.into())
}
