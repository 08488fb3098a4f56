//! OpenAPI v3 JSON into nodes: the part that built-in types and custom resource definitions share.

use std::sync::{Arc, OnceLock};

use belay_object::{Key, Map, Value};

use crate::node::{Field, Format, Kind, Link, ListType, Node, Schema};
use crate::types::{Definition, Types};

const REFERENCE: &str = "#/components/schemas/";

/// Compiles one node of a built-in definition. The table is our own, so what it does not contain is not looked for.
pub(crate) fn built_in_node(json: &Value) -> Node {
    let mut node = shared(json);
    let required: Vec<&str> = json["required"].items().iter().filter_map(Value::as_str).collect();
    if let Some(properties) = json["properties"].as_object() {
        node.fields = fields(properties, &required, built_in_schema);
    }
    node.items = json.get("items").map(built_in_schema);
    node.additional = json.get("additionalProperties").map(built_in_schema);
    node
}

/// A node by reference where it is a bare reference, its own node otherwise.
fn built_in_schema(json: &Value) -> Schema {
    if let Some(name) = json.str_at(&["$ref"]) {
        return named(name);
    }
    let Some(target) = json["allOf"].items().first().and_then(|r| r.str_at(&["$ref"])) else {
        return Schema::own(built_in_node(json));
    };
    // What stands beside the reference belongs to the place, not to the type.
    match definition(target) {
        Some(target) => Schema(Link::Placed(Arc::new(Placed { target, place: shared(json), merged: OnceLock::new() }))),
        None => Schema::any(),
    }
}

/// A reference to a built-in type with what its place says. Merged when it is first looked at, for
/// types refer to themselves.
pub(crate) struct Placed {
    target: &'static Definition,
    place: Node,
    merged: OnceLock<Node>,
}

impl Placed {
    pub(crate) fn node(&self) -> &Node {
        self.merged.get_or_init(|| {
            let (target, place) = (self.target.node(), &self.place);
            Node {
                name: target.name,
                kind: target.kind,
                format: target.format,
                fields: target
                    .fields
                    .iter()
                    .map(|f| Field {
                        name: f.name.clone(),
                        path: f.path.clone(),
                        node: f.node.clone(),
                        required: f.required,
                    })
                    .collect(),
                additional: target.additional.clone(),
                items: target.items.clone(),
                list: target.list.clone(),
                atomic: target.atomic || place.atomic,
                preserve_unknown: target.preserve_unknown,
                default: place.default.clone(),
                patch_merge: place.patch_merge,
                patch_retain_keys: place.patch_retain_keys,
                patch_replace: place.patch_replace,
                ..Node::default()
            }
        })
    }
}

fn named(reference: &str) -> Schema {
    definition(reference).map_or_else(Schema::any, |d| Schema(Link::Named(d)))
}

fn definition(reference: &str) -> Option<&'static Definition> {
    Types::builtin().definition(reference.strip_prefix(REFERENCE).unwrap_or(reference))
}

/// Compiles the properties of an object.
pub(crate) fn fields(properties: &Map, required: &[&str], compile: impl Fn(&Value) -> Schema) -> Box<[Field]> {
    properties
        .iter()
        .map(|(name, json)| Field {
            path: Key::new(&format!("f:{name}")),
            node: compile(json),
            required: required.contains(&name.as_str()),
            name: name.clone(),
        })
        .collect()
}

/// What a node says of itself, children left out.
pub(crate) fn shared(json: &Value) -> Node {
    let mut node = Node { kind: kind(json), format: format(json.str_at(&["format"])), ..Node::default() };
    node.nullable = json["nullable"].as_bool().unwrap_or_default();
    node.preserve_unknown = json["x-kubernetes-preserve-unknown-fields"].as_bool().unwrap_or_default();
    node.embedded = json["x-kubernetes-embedded-resource"].as_bool().unwrap_or_default();
    node.atomic = json.str_at(&["x-kubernetes-map-type"]) == Some("atomic");
    node.default = json.get("default").cloned();
    node.enumeration = json["enum"].items().to_vec().into();
    let strategy = json.str_at(&["x-kubernetes-patch-strategy"]).unwrap_or_default();
    node.patch_merge = strategy.split(',').any(|s| s == "merge");
    node.patch_retain_keys = strategy.split(',').any(|s| s == "retainKeys");
    node.patch_replace = strategy == "replace";
    node.patch_merge_key = json.str_at(&["x-kubernetes-patch-merge-key"]).map(Key::new);
    node.list = match json.str_at(&["x-kubernetes-list-type"]) {
        Some("set") => ListType::Set,
        Some("map") => ListType::Map(
            json["x-kubernetes-list-map-keys"].items().iter().filter_map(Value::as_str).map(Key::new).collect(),
        ),
        // Only `atomic` is left.
        Some(_) => ListType::Atomic,
        None if node.patch_merge && node.kind == Kind::Array => match &node.patch_merge_key {
            Some(key) => ListType::Map([key.clone()].into()),
            None => ListType::Set,
        },
        None => ListType::Atomic,
    };
    node
}

fn kind(json: &Value) -> Kind {
    if json["x-kubernetes-int-or-string"].as_bool() == Some(true) || json.str_at(&["format"]) == Some("int-or-string") {
        return Kind::IntOrString;
    }
    match json.str_at(&["type"]) {
        Some("object") => Kind::Object,
        Some("array") => Kind::Array,
        Some("string") => Kind::String,
        Some("integer") => Kind::Integer,
        Some("number") => Kind::Number,
        Some("boolean") => Kind::Boolean,
        _ if json["oneOf"].items().iter().any(|t| t.str_at(&["type"]) == Some("number")) => Kind::Quantity,
        _ => Kind::Any,
    }
}

fn format(format: Option<&str>) -> Format {
    match format {
        Some("int32") => Format::Int32,
        Some("int64") => Format::Int64,
        Some("byte") => Format::Byte,
        Some("date-time") => Format::DateTime,
        _ => Format::None,
    }
}
