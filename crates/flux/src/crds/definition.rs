//! From a kind's source to its definition.

use belay_object::{Object, Value, object};

use super::source::{Column, Field, Kind, json};
use crate::names;

const DURATION: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$";
const SHORT_DURATION: &str = r"^([0-9]+(\.[0-9]+)?(ms|s|m))+$";

/// Makes the object.
pub(crate) fn definition(kind: &Kind) -> Object {
    let mut crd = Object::of(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        "",
        &format!("{}.{}", kind.plural, kind.group),
    );
    // Substitution must not touch the texts of a definition that stands in somebody's Git.
    crd.set_annotation(names::SUBSTITUTE, names::DISABLED);
    let mut names = object! {
        "kind" => kind.kind.as_str(),
        "listKind" => format!("{}List", kind.kind),
        "plural" => kind.plural.as_str(),
        "singular" => kind.kind.to_ascii_lowercase(),
        "categories" => ["all", "fluxcd", kind.category.as_str()],
    };
    if !kind.short.is_empty() {
        names.set(&["shortNames"], kind.short.iter().collect::<Value>());
    }
    crd.set(&["spec", "group"], kind.group.as_str());
    crd.set(&["spec", "names"], names);
    crd.set(&["spec", "scope"], "Namespaced");
    crd.set(&["spec", "versions"], [version(kind)]);
    crd
}

fn version(kind: &Kind) -> Value {
    let mut version = object! {
        "name" => kind.version.as_str(),
        "served" => true,
        "storage" => true,
        "additionalPrinterColumns" => kind.columns.iter().map(column).collect::<Value>(),
        "schema" => object! { "openAPIV3Schema" => root(kind) },
    };
    // Kinds without a status in their source have no status subresource either.
    if kind.fields.iter().any(|f| f.name == "status") {
        version.set(&["subresources"], object! { "status" => object! {} });
    }
    version
}

fn column(column: &Column) -> Value {
    let date = column.path == ".metadata.creationTimestamp";
    let mut value = object! {
        "name" => column.name.as_str(),
        "jsonPath" => column.path.as_str(),
        "type" => if date { "date" } else { "string" },
    };
    if column.wide {
        value.set(&["priority"], 1);
    }
    value
}

fn root(kind: &Kind) -> Value {
    let mut schema = object! {
        "type" => "object",
        "description" => kind.about.as_str(),
        "properties" => object! {
            "apiVersion" => object! { "type" => "string", "description" => "API group and version of this object." },
            "kind" => object! { "type" => "string", "description" => "Kind of this object." },
            "metadata" => object! { "type" => "object" },
        },
    };
    for field in &kind.fields {
        schema.set(&["properties", &field.name], schema_of(field));
    }
    schema
}

/// Sources are constants that tests read in full, so that the depth is that of the deepest field
/// written there.
fn schema_of(field: &Field) -> Value {
    let mut schema = typed(&field.kind, field);
    if !field.about.is_empty() {
        schema.set(&["description"], field.about.as_str());
    }
    for (name, value) in &field.constraints {
        constrain(&mut schema, name, value);
    }
    schema
}

fn typed(kind: &str, field: &Field) -> Value {
    if let Some(item) = kind.strip_prefix("[]") {
        return object! { "type" => "array", "items" => typed(item, field) };
    }
    if let Some(item) = kind.strip_prefix("{}") {
        return object! { "type" => "object", "additionalProperties" => typed(item, field) };
    }
    match kind {
        "any" => object! { "x-kubernetes-preserve-unknown-fields" => true },
        "duration" => object! { "type" => "string", "pattern" => DURATION },
        "short-duration" => object! { "type" => "string", "pattern" => SHORT_DURATION },
        "object" => object_schema(field),
        other => object! { "type" => other },
    }
}

fn object_schema(field: &Field) -> Value {
    let mut schema = object! { "type" => "object" };
    for inner in &field.fields {
        schema.set(&["properties", &inner.name], schema_of(inner));
    }
    let required: Value = field.fields.iter().filter(|f| f.required).map(|f| f.name.as_str()).collect();
    if !required.items().is_empty() {
        schema.set(&["required"], required);
    }
    if !field.rules.is_empty() {
        let rules: Value = field
            .rules
            .iter()
            .map(|(rule, message)| object! { "rule" => rule.as_str(), "message" => message.as_str() })
            .collect();
        schema.set(&["x-kubernetes-validations"], rules);
    }
    schema
}

fn constrain(schema: &mut Value, name: &str, value: &str) {
    let list = |text: &str| text.split(',').collect::<Value>();
    match name {
        "def" => schema.set(&["default"], json(value).unwrap_or_default()),
        "enum" => schema.set(&["enum"], list(value)),
        "itemenum" => schema.set(&["items", "enum"], list(value)),
        "keys" => schema.set(&["x-kubernetes-list-map-keys"], list(value)),
        "list-type" => schema.set(&["x-kubernetes-list-type"], value),
        "map-type" => schema.set(&["x-kubernetes-map-type"], value),
        "minLength" | "maxLength" | "minItems" | "maxItems" | "minimum" => {
            schema.set(&[name], json(value).unwrap_or_default());
        }
        other => schema.set(&[other], value),
    }
}
