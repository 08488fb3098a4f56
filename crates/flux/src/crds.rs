//! The custom resource definitions of Flux's kinds.
//!
//! The facts stand in the `.crd` files beside this one, a line for each field, in the form of
//! [`belay_schema::source`]. They are what Flux v2.9 installs, field for field: types, defaults,
//! patterns, rules, columns. The words are our own.

use belay_object::Object;
use belay_schema::source::{Shapes, definition};

use crate::names;

/// The sources: shapes first.
const SHARED: &str = include_str!("crds/shared.crd");
const KINDS: [&str; 15] = [
    include_str!("crds/git_repository.crd"),
    include_str!("crds/oci_repository.crd"),
    include_str!("crds/bucket.crd"),
    include_str!("crds/helm_repository.crd"),
    include_str!("crds/helm_chart.crd"),
    include_str!("crds/external_artifact.crd"),
    include_str!("crds/artifact_generator.crd"),
    include_str!("crds/kustomization.crd"),
    include_str!("crds/helm_release.crd"),
    include_str!("crds/receiver.crd"),
    include_str!("crds/provider.crd"),
    include_str!("crds/alert.crd"),
    include_str!("crds/image_repository.crd"),
    include_str!("crds/image_policy.crd"),
    include_str!("crds/image_update_automation.crd"),
];

/// All definitions, with the labels by which an installation is found: its namespace and version.
pub fn crds(namespace: &str, version: &str) -> Vec<Object> {
    let shapes = Shapes::read(SHARED).expect("the sources are compiled in, and tests read them all");
    KINDS
        .iter()
        .map(|text| {
            let mut object = definition(text, &shapes).expect("the sources are compiled in, and tests read them all");
            // Substitution must not touch the texts of a definition that stands in somebody's Git.
            object.set_annotation(names::SUBSTITUTE, names::DISABLED);
            let group = object.str_at(&["spec", "group"]).unwrap_or_default().to_owned();
            object.set_label(names::COMPONENT, component(&group));
            object.set_label(names::INSTANCE, namespace);
            object.set_label(names::PART_OF.0, names::PART_OF.1);
            object.set_label(names::VERSION, version);
            object
        })
        .collect()
}

/// The controller of Flux that serves a group, by whose name the group's objects are labelled.
fn component(group: &str) -> &'static str {
    match group {
        "source.toolkit.fluxcd.io" => "source-controller",
        "source.extensions.fluxcd.io" => "source-watcher",
        "kustomize.toolkit.fluxcd.io" => "kustomize-controller",
        "helm.toolkit.fluxcd.io" => "helm-controller",
        "notification.toolkit.fluxcd.io" => "notification-controller",
        _ => "image-reflector-controller",
    }
}

#[cfg(test)]
mod tests;
