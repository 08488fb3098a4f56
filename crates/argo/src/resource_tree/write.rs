//! Trees as the messages that clients read. Compat(argo 3.5): what is empty is left out.

use belay_object::{ObjectKey, Value, object};

use super::{Network, Node, Parent, Tree};

impl Tree {
    /// The message `ApplicationTree`.
    pub fn to_value(&self) -> Value {
        let mut value = Value::object();
        for (field, nodes) in [("nodes", &self.nodes), ("orphanedNodes", &self.orphaned)] {
            if !nodes.is_empty() {
                value.set(&[field], nodes.iter().map(|node| node.to_value()).collect::<Value>());
            }
        }
        value
    }
}

impl Node {
    /// The message `ResourceNode`.
    pub fn to_value(&self) -> Value {
        let mut value = reference(&self.key);
        let mut text = |field: &str, text: &str| {
            if !text.is_empty() {
                value.set(&[field], text);
            }
        };
        text("version", &self.version);
        text("uid", &self.uid);
        text("resourceVersion", &self.resource_version);
        text("createdAt", &self.created_at);
        if !self.parents.is_empty() {
            value.set(&["parentRefs"], self.parents.iter().map(|p| parent(p, self)).collect::<Value>());
        } else if let Some(implied) = self.implied.as_ref().filter(|key| key.kind.kind != "StatefulSet") {
            value.set(&["parentRefs"], Value::from([reference(implied)]));
        }
        if !self.info.is_empty() {
            let item = |(name, text): &(Box<str>, Box<str>)| object! { "name" => &**name, "value" => &**text };
            value.set(&["info"], self.info.iter().map(item).collect::<Value>());
        }
        if !self.images.is_empty() {
            value.set(&["images"], self.images.iter().map(|image| &**image).collect::<Value>());
        }
        if let Some(health) = &self.health {
            let mut told = object! { "status" => health.status.as_str() };
            if !health.message.is_empty() {
                told.set(&["message"], health.message.as_str());
            }
            value.set(&["health"], told);
        }
        if let Some(network) = &self.network {
            value.set(&["networkingInfo"], network.to_value());
        }
        value
    }
}

impl Network {
    fn to_value(&self) -> Value {
        let mut value = Value::object();
        for (field, map) in [("targetLabels", &self.target_labels), ("labels", &self.labels)] {
            if !map.is_empty() {
                value.set(&[field], map.clone());
            }
        }
        if !self.targets.is_empty() {
            value.set(&["targetRefs"], self.targets.iter().map(reference).collect::<Value>());
        }
        if !self.ingress.is_empty() {
            value.set(&["ingress"], self.ingress.iter().cloned().collect::<Value>());
        }
        if !self.urls.is_empty() {
            value.set(&["externalURLs"], self.urls.iter().map(String::as_str).collect::<Value>());
        }
        value
    }
}

/// The message `ResourceRef`.
fn reference(key: &ObjectKey) -> Value {
    let mut value = Value::object();
    for (field, text) in [
        ("group", key.kind.group.as_str()),
        ("kind", key.kind.kind.as_str()),
        ("namespace", &*key.namespace),
        ("name", &*key.name),
    ] {
        if !text.is_empty() {
            value.set(&[field], text);
        }
    }
    value
}

/// Owners stand in the namespace of what they own, or in none.
fn parent(parent: &Parent, node: &Node) -> Value {
    let key = ObjectKey::new(&parent.kind.group, &parent.kind.kind, &node.key.namespace, &parent.name);
    let mut value = reference(&key);
    if parent.kind.kind == "Node" && parent.kind.group.is_empty() {
        value.remove(&["namespace"]);
    }
    value.set(&["version"], parent.kind.version.as_str());
    value.set(&["uid"], &*parent.uid);
    value
}
