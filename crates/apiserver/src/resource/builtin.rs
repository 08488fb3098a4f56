//! The built-in resources, read from the recorded aggregated discovery document.

use std::sync::Arc;

use belay_object::{GroupVersionKind, Key, Value, from_json_str};
use belay_schema::{Schema, Types};

use super::{Group, Resets, Resource, Subresource};
use crate::plugin::{Generation, Plugins};
use crate::store::Store;

const DISCOVERY: &str = include_str!("../../data/discovery.json");

/// The kinds whose `metadata.generation` counts changes of the spec.
const COUNTED: &[(&str, &str)] = &[
    ("", "Pod"),
    ("", "PodTemplate"),
    ("", "ReplicationController"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "MutatingWebhookConfiguration"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding"),
    ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apps", "DaemonSet"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("batch", "CronJob"),
    ("batch", "Job"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
    ("networking.k8s.io", "Ingress"),
    ("networking.k8s.io", "IngressClass"),
    ("networking.k8s.io", "NetworkPolicy"),
    ("policy", "PodDisruptionBudget"),
    ("resource.k8s.io", "ResourceSlice"),
    ("scheduling.k8s.io", "PriorityClass"),
];

/// Whether a built-in kind shows `metadata.generation`.
fn counts_generation(group: &str, kind: &str) -> bool {
    COUNTED.contains(&(group, kind))
}

/// Reads them all; the core group first.
pub(crate) fn builtin_resources(store: &Store, plugins: &Plugins) -> Vec<Group> {
    let document = from_json_str(DISCOVERY).unwrap_or_default();
    ["/api", "/apis"]
        .into_iter()
        .flat_map(|root| document[root]["items"].items())
        .map(|group| read_group(store, plugins, group))
        .collect()
}

fn read_group(store: &Store, plugins: &Plugins, group: &Value) -> Group {
    let name = Key::new(group.str_at(&["metadata", "name"]).unwrap_or_default());
    let versions = group["versions"].items().iter().map(|version| {
        let label = Key::new(version.str_at(&["version"]).unwrap_or_default());
        let resources = version["resources"].items().iter();
        let resources = resources.map(|r| Arc::new(read_resource(store, plugins, &name, &label, r))).collect();
        (label, resources)
    });
    Group { versions: versions.collect(), name }
}

fn read_resource(store: &Store, plugins: &Plugins, group: &Key, version: &Key, resource: &Value) -> Resource {
    let text = |path: &[&str]| Key::new(resource.str_at(path).unwrap_or_default());
    let plural = text(&["resource"]);
    let kind = text(&["responseKind", "kind"]);
    // events.k8s.io is another face of the core group's events: one storage.
    let (storage_group, storage_version) = match (group.as_str(), plural.as_str()) {
        ("events.k8s.io", "events") => (Key::new(""), "v1"),
        ("autoscaling", "horizontalpodautoscalers") => (group.clone(), "v2"),
        _ => (group.clone(), version.as_str()),
    };
    let storage_api_version = GroupVersionKind::new(&storage_group, storage_version, "").api_version();
    let gvk = GroupVersionKind::new(group, version, &kind);
    let api_version = gvk.api_version();
    let subresources: Vec<Subresource> = resource["subresources"].items().iter().map(read_subresource).collect();
    let schema = Types::builtin().get(&gvk).unwrap_or_else(Schema::any);
    let has_status = subresources.iter().any(|s| s.name == "status");
    let logic = plugins.logic_of(group, &kind);
    let counts_generation = match logic.as_ref().map(|l| l.generation()).unwrap_or_default() {
        Generation::Table => counts_generation(group, &kind),
        Generation::Counted => true,
        Generation::None => false,
    };
    Resource {
        list_kind: Key::new(&format!("{kind}List")),
        singular: text(&["singularResource"]),
        namespaced: resource.str_at(&["scope"]) == Some("Namespaced"),
        verbs: texts(&resource["verbs"]),
        short_names: texts(&resource["shortNames"]),
        categories: texts(&resource["categories"]),
        subresources,
        resets: Resets::of(&schema, has_status),
        schema,
        counts_generation,
        api_version,
        storage_api_version,
        custom: None,
        logic,
        columns: plugins.columns_of(group, &kind),
        table: store.table(&storage_group, &plural),
        group: group.clone(),
        version: version.clone(),
        plural,
        kind,
    }
}

fn read_subresource(subresource: &Value) -> Subresource {
    let text = |path: &[&str]| Key::new(subresource.str_at(path).unwrap_or_default());
    Subresource {
        name: text(&["subresource"]),
        group: text(&["responseKind", "group"]),
        version: text(&["responseKind", "version"]),
        kind: text(&["responseKind", "kind"]),
        verbs: texts(&subresource["verbs"]),
    }
}

/// The strings of a list.
pub(crate) fn texts(list: &Value) -> Vec<String> {
    list.items().iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
