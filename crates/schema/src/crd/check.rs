//! Whether a schema is structural: every place has a type, what restricts values declares none.

use belay_object::{Map, Value};

use crate::error::FieldError;
use crate::node::{Node, Schema};

const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
/// A definition nests at most this deep; its JSON cannot nest deeper either.
const MAX_DEPTH: usize = 64;

#[derive(Clone, Copy, PartialEq)]
enum Level {
    Root,
    Item,
    Field,
}

/// Checks a schema. Errors are those of the API server, structural ones first, each kind sorted.
pub(crate) fn check(schema: &Value, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    structural(schema, Level::Root, path, 0, &mut errors);
    errors.sort_by_cached_key(ToString::to_string);
    let mut others = Vec::new();
    if schema["nullable"].as_bool() == Some(true) {
        others.push(FieldError::forbidden(format!("{path}.nullable"), "nullable cannot be true at the root"));
    }
    openapi(schema, path, 0, &mut others);
    errors.extend(others);
    errors
}

fn property(path: &str, name: &str) -> String {
    format!("{path}.properties[{name}]")
}

fn flag(schema: &Value, name: &str) -> bool {
    schema[name].as_bool().unwrap_or_default()
}

const PRESERVE: &str = "x-kubernetes-preserve-unknown-fields";
const EMBEDDED: &str = "x-kubernetes-embedded-resource";
const INT_OR_STRING: &str = "x-kubernetes-int-or-string";

fn structural(schema: &Value, level: Level, path: &str, depth: usize, errors: &mut Vec<FieldError>) {
    if depth > MAX_DEPTH {
        errors.push(FieldError::forbidden(path, "the schema nests too deeply"));
        return;
    }
    let kind = schema.str_at(&["type"]).unwrap_or_default();
    let (int_or_string, preserve, embedded) =
        (flag(schema, INT_OR_STRING), flag(schema, PRESERVE), flag(schema, EMBEDDED));
    match schema.get("items") {
        Some(items) => structural(items, Level::Item, &format!("{path}.items"), depth + 1, errors),
        None if kind == "array" => errors.push(FieldError::required(format!("{path}.items"), "must be specified")),
        None => {}
    }
    let properties = schema["properties"].as_object();
    for (name, value) in properties.into_iter().flat_map(Map::iter) {
        // What the root says of metadata is only a restriction, not a structure.
        if name.as_str() == "metadata" && level == Level::Root {
            root_metadata(value, &property(path, name), errors);
        } else {
            structural(value, Level::Field, &property(path, name), depth + 1, errors);
        }
    }
    if let Some(additional) = schema.get("additionalProperties") {
        let path = format!("{path}.additionalProperties");
        if level == Level::Root {
            errors.push(FieldError::forbidden(&path, "must not be used at the root"));
        }
        if embedded {
            errors.push(FieldError::forbidden(&path, "must not be used if x-kubernetes-embedded-resource is set"));
        }
        if matches!(additional, Value::Object(_)) {
            structural(additional, Level::Field, &path, depth + 1, errors);
        }
    }
    let must_be_false = |name: &str, errors: &mut Vec<FieldError>| {
        let detail = "must be false if x-kubernetes-int-or-string is true";
        errors.push(FieldError::invalid(format!("{path}.{name}"), true, detail));
    };
    if int_or_string && preserve {
        must_be_false(PRESERVE, errors);
    }
    if int_or_string && embedded {
        must_be_false(EMBEDDED, errors);
    }
    let type_path = format!("{path}.type");
    if embedded && kind != "object" {
        let detail = "must be object if x-kubernetes-embedded-resource is true";
        errors.push(if kind.is_empty() {
            FieldError::required(&type_path, detail)
        } else {
            FieldError::invalid(&type_path, kind, detail)
        });
    } else if kind.is_empty() && !int_or_string && !preserve {
        let detail = match level {
            Level::Root => "must not be empty at the root",
            Level::Item => "must not be empty for specified array items",
            Level::Field => "must not be empty for specified object fields",
        };
        errors.push(FieldError::required(&type_path, detail));
    }
    if level == Level::Root && !kind.is_empty() && kind != "object" {
        errors.push(FieldError::invalid(&type_path, kind, "must be object at the root"));
    }
    if level == Level::Root || embedded {
        for name in ["kind", "apiVersion"] {
            let Some(value) = properties.and_then(|p| p.get(name)) else { continue };
            let found = value.str_at(&["type"]).unwrap_or_default();
            if found != "string" {
                errors.push(FieldError::invalid(format!("{}.type", property(path, name)), found, "must be string"));
            }
        }
    }
    if embedded && !preserve && properties.is_none_or(Map::is_empty) {
        let detail =
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
        errors.push(FieldError::required(format!("{path}.properties"), detail));
    }
    value_validation(schema, schema, path, depth, skipped_any_of(schema), errors);
}

fn root_metadata(schema: &Value, path: &str, errors: &mut Vec<FieldError>) {
    if schema.str_at(&["type"]) != Some("object") {
        let found = schema.str_at(&["type"]).unwrap_or_default();
        errors.push(FieldError::invalid(format!("{path}.type"), found, "must be object"));
    }
    let allowed = schema["properties"]
        .as_object()
        .is_none_or(|p| p.keys().all(|k| matches!(k.as_str(), "name" | "generateName")));
    let others = schema
        .as_object()
        .is_some_and(|m| m.keys().any(|k| !matches!(k.as_str(), "type" | "properties" | "description" | "default")));
    if !allowed || others {
        let detail = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        errors.push(FieldError::forbidden(path, detail));
    }
}

/// `anyOf: [{type: integer}, {type: string}]` of an int-or-string is allowed to name types, directly or
/// as the first of `allOf`.
fn skipped_any_of(schema: &Value) -> (bool, bool) {
    let pattern = |s: &Value| {
        let kinds: Vec<_> =
            s["anyOf"].items().iter().map(|k| (k.str_at(&["type"]), k.as_object().map_or(0, Map::len))).collect();
        kinds == [(Some("integer"), 1), (Some("string"), 1)]
    };
    (pattern(schema), schema["allOf"].items().first().is_some_and(pattern))
}

/// Checks what stands under the junctors of `rules`, whose structure is `main`.
fn value_validation(
    rules: &Value,
    main: &Value,
    path: &str,
    depth: usize,
    skip: (bool, bool),
    errors: &mut Vec<FieldError>,
) {
    if depth > MAX_DEPTH {
        return;
    }
    for junctor in ["anyOf", "allOf", "oneOf"] {
        if junctor == "anyOf" && skip.0 {
            continue;
        }
        for (i, nested) in rules[junctor].items().iter().enumerate() {
            let skip_types = junctor == "allOf" && skip.1 && i == 0;
            nested_validation(nested, Some(main), &format!("{path}.{junctor}[{i}]"), depth + 1, skip_types, errors);
        }
    }
    if let Some(nested) = rules.get("not") {
        nested_validation(nested, Some(main), &format!("{path}.not"), depth + 1, false, errors);
    }
    if let Some(pattern) = rules.str_at(&["pattern"])
        && let Err(e) = super::pattern::compiled(pattern)
    {
        let why = e.to_string().replace('\n', " ");
        let detail = format!("must be a valid regular expression, but isn't: {why}");
        errors.push(FieldError::invalid(format!("{path}.pattern"), pattern, detail));
    }
}

fn nested_validation(
    nested: &Value,
    main: Option<&Value>,
    path: &str,
    depth: usize,
    skip: bool,
    errors: &mut Vec<FieldError>,
) {
    const FORBIDDEN: [(&str, &str); 12] = [
        ("type", "must be empty to be structural"),
        ("additionalProperties", "must be undefined to be structural"),
        ("default", "must be undefined to be structural"),
        ("title", "must be empty to be structural"),
        ("description", "must be empty to be structural"),
        ("nullable", "must be false to be structural"),
        (PRESERVE, "must be false to be structural"),
        (EMBEDDED, "must be false to be structural"),
        (INT_OR_STRING, "must be false to be structural"),
        ("x-kubernetes-list-map-keys", "must be empty to be structural"),
        ("x-kubernetes-list-type", "must be undefined to be structural"),
        ("x-kubernetes-map-type", "must be undefined to be structural"),
    ];
    for (name, detail) in FORBIDDEN {
        let stands = match nested.get(name) {
            None | Some(Value::Null | Value::Bool(false)) => false,
            Some(Value::Str(text)) => !text.is_empty(),
            Some(Value::Array(items)) => !items.is_empty(),
            Some(_) => true,
        };
        if stands {
            errors.push(FieldError::forbidden(format!("{path}.{name}"), detail));
        }
    }
    if !nested["x-kubernetes-validations"].items().is_empty() {
        errors
            .push(FieldError::forbidden(format!("{path}.x-kubernetes-validations"), "must be empty to be structural"));
    }
    value_validation(nested, main.unwrap_or(&Value::Null), path, depth, (skip, false), errors);
    for (name, value) in nested["properties"].as_object().into_iter().flat_map(Map::iter) {
        let here = property(path, name);
        if name.as_str() == "metadata" {
            errors.push(FieldError::forbidden(&here, "must not be specified in a nested context"));
        }
        let declared = main.and_then(|m| m["properties"].get(name));
        if declared.is_none() {
            // The place in the main schema: the nested path without its junctors.
            let detail = format!("because it is defined in {here}");
            errors.push(FieldError::required(without_junctors(&here), detail));
        }
        nested_validation(value, declared, &here, depth + 1, false, errors);
    }
    if let Some(items) = nested.get("items") {
        let here = format!("{path}.items");
        let declared = main.and_then(|m| m.get("items"));
        if declared.is_none() {
            errors.push(FieldError::required(without_junctors(&here), format!("because it is defined in {here}")));
        }
        nested_validation(items, declared, &here, depth + 1, false, errors);
    }
}

fn without_junctors(path: &str) -> String {
    let kept: Vec<&str> = path
        .split('.')
        .filter(|part| {
            let word = part.split('[').next().unwrap_or_default();
            *part != "not" && !(matches!(word, "anyOf" | "allOf" | "oneOf") && part.len() > word.len())
        })
        .collect();
    kept.join(".")
}

/// What OpenAPI allows and definitions do not, at every node.
fn openapi(schema: &Value, path: &str, depth: usize, errors: &mut Vec<FieldError>) {
    if depth > MAX_DEPTH {
        return;
    }
    let at = |name: &str| format!("{path}.{name}");
    let kind = schema.str_at(&["type"]).unwrap_or_default();
    if !kind.is_empty() && !TYPES.contains(&kind) {
        errors.push(FieldError::not_supported(at("type"), kind, &TYPES));
    }
    for name in ["id", "additionalItems", "patternProperties", "definitions", "dependencies", "$ref"] {
        if schema.get(name).is_some_and(|v| !v.is_null()) {
            errors.push(FieldError::forbidden(at(name), format!("{name} is not supported")));
        }
    }
    if matches!(schema.get("items"), Some(Value::Array(_))) {
        errors.push(FieldError::forbidden(at("items"), "items must be a schema object and not an array"));
    }
    if flag(schema, "uniqueItems") {
        let detail = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
        errors.push(FieldError::forbidden(at("uniqueItems"), detail));
    }
    let properties = schema["properties"].as_object().filter(|p| !p.is_empty());
    if properties.is_some() && matches!(schema.get("additionalProperties"), Some(Value::Object(_) | Value::Bool(false)))
    {
        let detail = "additionalProperties and properties are mutual exclusive";
        errors.push(FieldError::forbidden(at("additionalProperties"), detail));
    }
    for (name, value) in properties.into_iter().flat_map(Map::iter) {
        openapi(value, &property(path, name), depth + 1, errors);
    }
    for name in ["additionalProperties", "not", "items"] {
        if let Some(value @ Value::Object(_)) = schema.get(name) {
            openapi(value, &at(name), depth + 1, errors);
        }
    }
    for name in ["allOf", "oneOf", "anyOf"] {
        for (i, value) in schema[name].items().iter().enumerate() {
            openapi(value, &format!("{path}.{name}[{i}]"), depth + 1, errors);
        }
    }
    if schema[PRESERVE].as_bool() == Some(false) {
        errors.push(FieldError::invalid(at(PRESERVE), false, "must be true or undefined"));
    }
    if let Some(map_type) = schema.str_at(&["x-kubernetes-map-type"]) {
        must_be_type(kind, "object", "x-kubernetes-map-type", path, errors);
        if !["atomic", "granular"].contains(&map_type) {
            errors.push(FieldError::not_supported(at("x-kubernetes-map-type"), map_type, &["atomic", "granular"]));
        }
    }
    list_type(schema, kind, path, errors);
}

fn must_be_type(kind: &str, wanted: &str, by: &str, path: &str, errors: &mut Vec<FieldError>) {
    let detail = format!("must be {wanted} if {by} is specified");
    if kind.is_empty() {
        errors.push(FieldError::required(format!("{path}.type"), detail));
    } else if kind != wanted {
        errors.push(FieldError::invalid(format!("{path}.type"), kind, detail));
    }
}

fn list_type(schema: &Value, kind: &str, path: &str, errors: &mut Vec<FieldError>) {
    const TYPE: &str = "x-kubernetes-list-type";
    const KEYS: &str = "x-kubernetes-list-map-keys";
    let at = |name: &str| format!("{path}.{name}");
    let list = schema.str_at(&[TYPE]);
    let keys = schema[KEYS].items();
    let items = schema.get("items");
    if let Some(list) = list {
        must_be_type(kind, "array", TYPE, path, errors);
        if !["atomic", "set", "map"].contains(&list) {
            errors.push(FieldError::not_supported(at(TYPE), list, &["atomic", "set", "map"]));
        }
    }
    if list == Some("set")
        && let Some(items) = items
    {
        let detail = "must be atomic as item of a list with x-kubernetes-list-type=set";
        match items.str_at(&["type"]) {
            Some("array") if items.str_at(&[TYPE]).is_some_and(|t| t != "atomic") => {
                errors.push(FieldError::invalid(format!("{path}.items.{TYPE}"), items[TYPE].clone(), detail));
            }
            Some("object") if items.str_at(&["x-kubernetes-map-type"]) != Some("atomic") => {
                errors.push(FieldError::invalid(format!("{path}.items.x-kubernetes-map-type"), Value::Null, detail));
            }
            _ => {}
        }
    }
    if !keys.is_empty() {
        let detail = "must be map if x-kubernetes-list-map-keys is non-empty";
        match list {
            None => errors.push(FieldError::required(at(TYPE), detail)),
            Some("map") => {}
            Some(other) => errors.push(FieldError::invalid(at(TYPE), other, detail)),
        }
    }
    if list != Some("map") {
        return;
    }
    if keys.is_empty() {
        errors.push(FieldError::required(at(KEYS), "must not be empty if x-kubernetes-list-type is map"));
    }
    let Some(items) = items else {
        errors.push(FieldError::required(at("items"), "must have a schema if x-kubernetes-list-type is map"));
        return;
    };
    let item_kind = items.str_at(&["type"]).unwrap_or_default();
    if item_kind != "object" {
        let detail = "must be object if parent array's x-kubernetes-list-type is map";
        errors.push(FieldError::invalid(format!("{path}.items.type"), item_kind, detail));
        return;
    }
    for (i, key) in keys.iter().enumerate() {
        let name = key.as_str().unwrap_or_default();
        match items["properties"].get(name) {
            Some(field) if matches!(field.str_at(&["type"]), Some("array" | "object")) => {
                let detail = "must be a scalar type if parent array's x-kubernetes-list-type is map";
                let here = format!("{}.type", property(&format!("{path}.items"), name));
                errors.push(FieldError::invalid(here, item_kind, detail));
            }
            Some(field) => {
                let required = items["required"].items().contains(key);
                if !required && field.get("default").is_none() {
                    let here = format!("{}.default", property(&format!("{path}.items"), name));
                    let detail = "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
                    errors.push(FieldError::required(here, detail));
                }
            }
            None => {
                let detail = "entries must all be names of item properties";
                errors.push(FieldError::invalid(at(KEYS), schema[KEYS].clone(), detail));
            }
        }
        if keys[..i].contains(key) {
            errors.push(FieldError::invalid(at(KEYS), schema[KEYS].clone(), "must not contain duplicate entries"));
        }
    }
}

/// Checks that defaults are valid and hold nothing that would be pruned.
pub(crate) fn check_defaults(schema: &Value, compiled: &Schema, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    defaults(schema, compiled, path, &mut errors);
    errors
}

fn defaults(schema: &Value, node: &Node, path: &str, errors: &mut Vec<FieldError>) {
    for field in node.fields.iter().filter(|f| f.node.name.is_none()) {
        let Some(json) = schema["properties"].get(&field.name) else { continue };
        let here = property(path, &field.name);
        if let Some(default) = &field.node.default {
            let here = format!("{here}.default");
            let mut pruned = default.clone();
            if !crate::prune::prune_part(&mut pruned, &field.node).is_empty() {
                errors.push(FieldError::invalid(&here, default.clone(), "must not have unknown fields"));
            }
            errors.extend(crate::validate::validate_part(default, &field.node, &here));
        }
        defaults(json, &field.node, &here, errors);
    }
    if let (Some(items), Some(json)) = (&node.items, schema.get("items")) {
        defaults(json, items, &format!("{path}.items"), errors);
    }
}
