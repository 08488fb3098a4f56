//! OpenAPI v2: one document of everything, in JSON and in protobuf.

use std::sync::OnceLock;

use belay_object::{Map, Value, from_json_str, object};
use belay_schema::Types;
use bytes::Bytes;

use super::protobuf::{self, Message};
use super::{custom, paths};
use crate::resource::Registry;

const REFS: &str = "#/definitions/";
const MAX_DEPTH: usize = 100;

/// What both forms are made of.
struct Parts {
    /// Path to operations by method.
    paths: Vec<(String, Map)>,
    definitions: Vec<(String, Value)>,
}

/// The built-in part, in both forms.
struct BuiltIn {
    json_paths: String,
    json_definitions: String,
    protobuf: Vec<u8>,
}

fn built_in(registry: &Registry) -> &'static BuiltIn {
    static MADE: OnceLock<BuiltIn> = OnceLock::new();
    MADE.get_or_init(|| {
        let definitions = Types::builtin().definitions().iter();
        let definitions = definitions.map(|d| {
            let schema = from_json_str(d.json()).unwrap_or_default();
            (d.name().to_owned(), downgrade(&schema, 0))
        });
        let parts = Parts { paths: paths_of(registry, false), definitions: definitions.collect() };
        BuiltIn {
            json_paths: json_fields(parts.paths.iter().map(|(k, v)| (k, Value::from(v.clone())))),
            json_definitions: json_fields(parts.definitions.iter().map(|(k, v)| (k, v.clone()))),
            protobuf: encode(&parts),
        }
    })
}

fn custom_parts(registry: &Registry) -> Parts {
    let customs = registry.resources().filter(|r| r.custom.is_some());
    let schemas = customs.flat_map(|r| custom::schemas(r, REFS));
    Parts {
        paths: paths_of(registry, true),
        definitions: schemas.map(|(name, schema)| (name, downgrade(&schema, 0))).collect(),
    }
}

fn paths_of(registry: &Registry, is_custom: bool) -> Vec<(String, Map)> {
    let groups = registry.groups().iter().flat_map(|g| g.versions.iter().map(move |(v, of)| (g, v, of)));
    let wanted = groups.filter(|(_, _, of)| of.iter().any(|r| r.custom.is_some()) == is_custom);
    let all = wanted.flat_map(|(group, version, _)| paths::of(registry, &group.name, version));
    all.map(|path| (path.text, path.operations.iter().map(|o| (o.method, o.v2())).collect())).collect()
}

fn json_fields<'a>(fields: impl Iterator<Item = (&'a String, Value)>) -> String {
    let fields: Vec<String> = fields.map(|(k, v)| format!("{}:{}", Value::from(k).to_json(), v.to_json())).collect();
    fields.join(",")
}

/// The JSON form.
pub(super) fn json(registry: &Registry) -> Bytes {
    let fixed = built_in(registry);
    let parts = custom_parts(registry);
    let info = object! { "title" => "Kubernetes", "version" => "v1.36.2" }.to_json();
    let join = |a: &str, b: String| if b.is_empty() { a.to_owned() } else { format!("{a},{b}") };
    let paths = join(&fixed.json_paths, json_fields(parts.paths.iter().map(|(k, v)| (k, Value::from(v.clone())))));
    let definitions = join(&fixed.json_definitions, json_fields(parts.definitions.iter().map(|(k, v)| (k, v.clone()))));
    Bytes::from(format!(
        "{{\"swagger\":\"2.0\",\"info\":{info},\"paths\":{{{paths}}},\"definitions\":{{{definitions}}}}}"
    ))
}

/// The protobuf form.
pub(super) fn protobuf(registry: &Registry) -> Bytes {
    let mut document = Message::default();
    document.text(1, "2.0");
    let mut info = Message::default();
    info.text(1, "Kubernetes");
    info.text(2, "v1.36.2");
    document.message(2, &info);
    document.0.extend_from_slice(&built_in(registry).protobuf);
    document.0.extend(encode(&custom_parts(registry)));
    Bytes::from(document.0)
}

/// The document's `paths` and `definitions` fields.
fn encode(parts: &Parts) -> Vec<u8> {
    let mut document = Message::default();
    let mut paths = Message::default();
    for (text, operations) in &parts.paths {
        paths.message(2, &protobuf::named(text, &protobuf::path_item(operations)));
    }
    document.message(8, &paths);
    let mut definitions = Message::default();
    for (name, schema) in &parts.definitions {
        definitions.message(1, &protobuf::named(name, &protobuf::schema(schema)));
    }
    document.message(9, &definitions);
    document.0
}

/// A v3 schema as v2 can say it: references stand alone, alternatives are left out, nothing is nullable.
fn downgrade(schema: &Value, depth: usize) -> Value {
    const PLAIN: [&str; 20] = [
        "type",
        "format",
        "title",
        "description",
        "pattern",
        "multipleOf",
        "maximum",
        "minimum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "maxLength",
        "minLength",
        "maxItems",
        "minItems",
        "maxProperties",
        "minProperties",
        "uniqueItems",
        "required",
        "enum",
        "readOnly",
    ];
    let Some(map) = schema.as_object().filter(|_| depth < MAX_DEPTH) else { return Value::object() };
    let mut out = Map::new();
    let reference = map.str("$ref").or_else(|| map.get("allOf")?.items().first()?.str_at(&["$ref"]));
    if let Some(name) = reference.and_then(|r| r.rsplit('/').next()) {
        out.insert("$ref", format!("{REFS}{name}"));
    }
    for (key, value) in map.iter() {
        let is_extension = key.starts_with("x-") && key.as_str() != "x-kubernetes-validations";
        if is_extension || PLAIN.contains(&key.as_str()) {
            out.insert(key.clone(), value.clone());
        }
    }
    let any = map.get("x-kubernetes-int-or-string").is_some()
        || map.get("x-kubernetes-preserve-unknown-fields").and_then(Value::as_bool) == Some(true)
        || map.get("nullable").and_then(Value::as_bool) == Some(true);
    if any && depth > 0 {
        // v2 clients take a schema without a type for "anything".
        ["type", "format", "required"].iter().for_each(|k| drop(out.remove(k)));
        return Value::Object(out);
    }
    match map.str("format") {
        Some("int-or-string") => drop(out.insert("type", "string")),
        _ if map.contains_key("oneOf") && !map.contains_key("properties") => drop(out.insert("type", "string")),
        _ => {}
    }
    if let Some(Value::Object(properties)) = map.get("properties") {
        let properties: Map = properties.iter().map(|(k, v)| (k.clone(), downgrade(v, depth + 1))).collect();
        out.insert("properties", properties);
    }
    if let Some(items) = map.get("items") {
        out.insert("items", downgrade(items, depth + 1));
    }
    match map.get("additionalProperties") {
        Some(Value::Bool(allowed)) => drop(out.insert("additionalProperties", *allowed)),
        Some(inner) => drop(out.insert("additionalProperties", downgrade(inner, depth + 1))),
        None => {}
    }
    Value::Object(out)
}
