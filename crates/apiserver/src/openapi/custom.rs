//! The schemas of custom resources, from their definitions.

use belay_object::{Value, object};

use crate::resource::Resource;

const METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const LIST_METADATA: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// `dev.test.widgets.v1.Widget`: the group's parts turned round, as Go packages are named.
pub(super) fn schema_name(resource: &Resource, kind: &str) -> String {
    let mut parts: Vec<&str> = resource.group.split('.').rev().collect();
    parts.push(&resource.version);
    parts.push(kind);
    parts.join(".")
}

/// The schemas of a resource and of its list, each with its name. `refs` is where schemas stand in the document
/// (`#/components/schemas/`).
pub(super) fn schemas(resource: &Resource, refs: &str) -> Vec<(String, Value)> {
    let Some(custom) = &resource.custom else { return Vec::new() };
    let text = |detail: &str| object! { "type" => "string", "description" => detail };
    let reference = |name: &str| object! { "$ref" => format!("{refs}{name}") };
    let kind = |kind: &str| {
        vec![object! { "group" => resource.group.as_str(), "kind" => kind, "version" => resource.version.as_str() }]
    };
    let mut schema = custom.open_api_schema().cloned().unwrap_or_else(|| object! { "type" => "object" });
    let preserves = schema.get("x-kubernetes-preserve-unknown-fields").and_then(Value::as_bool) == Some(true);
    if !preserves || schema.get("properties").is_some() {
        schema.set(
            &["properties", "apiVersion"],
            text("The version of this kind's schema that the object is written in."),
        );
        schema.set(&["properties", "kind"], text("What the object is."));
        schema.set(&["properties", "metadata"], reference(METADATA));
    }
    schema.set(&["x-kubernetes-group-version-kind"], kind(&resource.kind));
    let name = schema_name(resource, &resource.kind);
    let items = object! { "type" => "array", "items" => reference(&name) };
    let list = object! {
        "type" => "object",
        "required" => vec!["items"],
        "properties" => object! {
            "apiVersion" => object! { "type" => "string" },
            "kind" => object! { "type" => "string" },
            "metadata" => reference(LIST_METADATA),
            "items" => items,
        },
        "x-kubernetes-group-version-kind" => kind(&resource.list_kind),
    };
    vec![(name, schema), (schema_name(resource, &resource.list_kind), list)]
}
