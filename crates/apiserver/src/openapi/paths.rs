//! The paths of resources and what can be done on them, as far as clients look: verbs, kinds, and the query
//! parameters by which kubectl tells what a server can.

use belay_object::{GroupVersionKind, Map, Value, object};

use crate::resource::{Registry, Resource};

/// One path: its text and its operations.
pub(super) struct Path {
    pub text: String,
    pub operations: Vec<Operation>,
}

/// One operation of a path.
pub(super) struct Operation {
    pub method: &'static str,
    /// `list`
    action: &'static str,
    group: String,
    version: String,
    kind: String,
    /// Whether it is on a custom resource.
    custom: bool,
}

/// All paths of a group version.
pub(super) fn of(registry: &Registry, group: &str, version: &str) -> Vec<Path> {
    let resources = registry.resources().filter(|r| r.group == group && r.version == version);
    resources.flat_map(|r| of_resource(r)).collect()
}

/// `/apis/apps/v1`
pub(super) fn root(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

fn of_resource(resource: &Resource) -> Vec<Path> {
    let root = root(&resource.group, &resource.version);
    let base = if resource.namespaced { format!("{root}/namespaces/{{namespace}}") } else { root.clone() };
    let collection = format!("{base}/{}", resource.plural);
    let mut paths = Vec::new();
    let mut add = |text: String, verbs: &[String], known: &[(&str, &'static str, &'static str)], kind: [&str; 3]| {
        let served = known.iter().filter(|(verb, ..)| verbs.iter().any(|v| v == verb));
        let operation = |(_, method, action): &(&str, &'static str, &'static str)| Operation {
            method,
            action,
            group: kind[0].into(),
            version: kind[1].into(),
            kind: kind[2].into(),
            custom: resource.custom.is_some(),
        };
        let operations: Vec<Operation> = served.map(operation).collect();
        if !operations.is_empty() {
            paths.push(Path { text, operations });
        }
    };
    let own = [resource.group.as_str(), resource.version.as_str(), resource.kind.as_str()];
    let on_collection =
        [("list", "get", "list"), ("create", "post", "post"), ("deletecollection", "delete", "deletecollection")];
    let on_object =
        [("get", "get", "get"), ("update", "put", "put"), ("patch", "patch", "patch"), ("delete", "delete", "delete")];
    add(collection.clone(), &resource.verbs, &on_collection, own);
    add(format!("{collection}/{{name}}"), &resource.verbs, &on_object, own);
    if resource.namespaced {
        add(format!("{root}/{}", resource.plural), &resource.verbs, &on_collection[..1], own);
    }
    for sub in &resource.subresources {
        let kind = match (sub.group.as_str(), sub.version.as_str()) {
            ("", "") => [own[0], own[1], sub.kind.as_str()],
            (group, version) => [group, version, sub.kind.as_str()],
        };
        let on_part = [on_object[0], on_object[1], on_object[2], on_object[3], ("create", "post", "post")];
        add(format!("{collection}/{{name}}/{}", sub.name), &sub.verbs, &on_part, kind);
    }
    paths
}

impl Operation {
    /// The kind it takes or gives.
    pub(super) fn group_version_kind(&self) -> GroupVersionKind {
        GroupVersionKind::new(&self.group, &self.version, &self.kind)
    }
    fn kind(&self) -> Value {
        object! { "group" => self.group.as_str(), "kind" => self.kind.as_str(), "version" => self.version.as_str() }
    }
    /// The query parameters that change what the operation does.
    fn parameters(&self) -> &'static [&'static str] {
        match self.action {
            "patch" => &["pretty", "dryRun", "fieldManager", "fieldValidation", "force"],
            "post" | "put" => &["pretty", "dryRun", "fieldManager", "fieldValidation"],
            "delete" => &["pretty", "dryRun", "gracePeriodSeconds", "orphanDependents", "propagationPolicy"],
            "list" => &["pretty", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion", "watch"],
            _ => &["pretty"],
        }
    }
    fn media_types(&self) -> &'static [&'static str] {
        match self.action {
            // kubectl chooses the patch it sends by this list.
            "patch" if self.custom => {
                &["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"]
            }
            "patch" => &[
                "application/json-patch+json",
                "application/merge-patch+json",
                "application/strategic-merge-patch+json",
                "application/apply-patch+yaml",
            ],
            "post" | "put" => &["application/json", "application/yaml"],
            _ => &[],
        }
    }
    /// As v3 has it.
    pub(super) fn v3(&self) -> Value {
        let parameter = |name: &&str| {
            let kind = parameter_type(name);
            object! { "name" => *name, "in" => "query", "schema" => object! { "type" => kind, "uniqueItems" => true } }
        };
        let mut operation = object! {
            "parameters" => self.parameters().iter().map(parameter).collect::<Value>(),
            "responses" => object! { "200" => object! { "description" => "OK" } },
            "x-kubernetes-action" => self.action,
            "x-kubernetes-group-version-kind" => self.kind(),
        };
        if !self.media_types().is_empty() {
            let content: Map = self.media_types().iter().map(|t| (*t, object! { "schema" => object! {} })).collect();
            operation.set(&["requestBody"], object! { "content" => content });
        }
        operation
    }
    /// As v2 has it.
    pub(super) fn v2(&self) -> Value {
        let parameter = |name: &&str| {
            object! { "name" => *name, "in" => "query", "type" => parameter_type(name), "uniqueItems" => true }
        };
        let mut operation = object! {
            "parameters" => self.parameters().iter().map(parameter).collect::<Value>(),
            "responses" => object! { "200" => object! { "description" => "OK" } },
            "x-kubernetes-action" => self.action,
            "x-kubernetes-group-version-kind" => self.kind(),
        };
        if !self.media_types().is_empty() {
            operation.set(&["consumes"], self.media_types().iter().copied().collect::<Value>());
        }
        operation
    }
}

fn parameter_type(name: &str) -> &'static str {
    match name {
        "force" | "watch" | "orphanDependents" => "boolean",
        "limit" | "gracePeriodSeconds" => "integer",
        _ => "string",
    }
}
