//! The objects that a cluster has before anybody creates one.

use belay_object::{Object, object};

/// All of them, in an order in which each can be created: namespaces first.
pub fn objects() -> Vec<Object> {
    let namespaces = ["default", "kube-system", "kube-public", "kube-node-lease"];
    let namespaces = namespaces.iter().map(|name| Object::of("v1", "Namespace", "", name));
    let classes =
        [("system-cluster-critical", 2_000_000_000, "cluster"), ("system-node-critical", 2_000_001_000, "node")];
    let classes = classes.into_iter().map(|(name, value, scope)| {
        let mut class = Object::of("scheduling.k8s.io/v1", "PriorityClass", "", name);
        class.set(&["value"], value);
        let scope = match scope {
            "cluster" => "Used for system critical pods that must run in the cluster, but can be moved to another node if necessary.",
            _ => "Used for system critical pods that must not be moved from their current node.",
        };
        class.set(&["description"], scope);
        class
    });
    namespaces.chain(classes).chain(crate::rbac::bootstrap::objects()).chain([kubernetes()]).collect()
}

/// The Service of the API server itself.
fn kubernetes() -> Object {
    let mut service = Object::of("v1", "Service", "default", "kubernetes");
    service.set_label("component", "apiserver");
    service.set_label("provider", "kubernetes");
    let port = object! { "name" => "https", "protocol" => "TCP", "port" => 443, "targetPort" => 6443 };
    service.set(&["spec"], object! { "type" => "ClusterIP", "clusterIP" => "10.96.0.1", "ports" => vec![port] });
    service
}
