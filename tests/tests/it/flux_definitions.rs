//! The definitions of Flux's kinds against the mechanical listing of those that Flux 2.9 installs:
//! every path, type, constraint, rule and column, and nothing more.

use std::fs;
use std::path::PathBuf;

use belay_object::{Object, Value};

/// The listing's sections: `group kind`, and the lines of each.
fn listing() -> Option<Vec<(String, Vec<String>)>> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/contracts/flux-crd-fields.md");
    let Ok(text) = fs::read_to_string(file) else {
        eprintln!("skipped: shared/contracts is not beside the repository");
        return None;
    };
    let section = |part: &str| {
        let (head, body) = part.split_once('\n')?;
        let lines = body.split("```").nth(1)?.trim_matches('\n').lines().map(str::to_owned).collect();
        Some((head.to_owned(), lines))
    };
    Some(text.split("\n## ").skip(1).filter_map(section).collect())
}

/// A definition in the listing's form.
fn listed(definition: &Object) -> Vec<String> {
    let version = definition.value().pointer("/spec/versions/0").expect("a version");
    let mut lines = vec![format!("version {}", text(&version["name"]))];
    for column in version["additionalPrinterColumns"].items() {
        let priority = column["priority"].as_i64().unwrap_or_default();
        let [name, path, kind] = ["name", "jsonPath", "type"].map(|f| text(&column[f]));
        lines.push(format!(" col {name} {path} {kind} prio {priority}"));
    }
    let schema = &version["schema"]["openAPIV3Schema"];
    for (name, field) in schema["properties"].as_object().expect("properties").iter() {
        if !matches!(name.as_str(), "apiVersion" | "kind" | "metadata") {
            list(name, field, false, &mut lines);
        }
    }
    lines
}

fn list(path: &str, schema: &Value, required: bool, lines: &mut Vec<String>) {
    let mut line = format!("{path} | {}", kind(schema));
    let constraints = constraints(schema, required);
    if !constraints.is_empty() {
        line += &format!(" | {}", constraints.join(" "));
    }
    lines.push(line);
    let (inner, path) = match () {
        () if !schema["items"].is_null() => (&schema["items"], format!("{path}[]")),
        () if !schema["additionalProperties"].is_null() => (&schema["additionalProperties"], format!("{path}{{}}")),
        () => (schema, path.to_owned()),
    };
    if path == "status.conditions[]" {
        return;
    }
    let wanted = inner["required"].items();
    for (name, field) in inner["properties"].as_object().into_iter().flat_map(|m| m.iter()) {
        let required = wanted.iter().any(|w| w.as_str() == Some(name));
        list(&format!("{path}.{name}"), field, required, lines);
    }
}

fn kind(schema: &Value) -> String {
    if schema["x-kubernetes-preserve-unknown-fields"].as_bool() == Some(true) {
        return "(any)".to_owned();
    }
    if !schema["items"].is_null() {
        return format!("[]{}", kind(&schema["items"]));
    }
    if !schema["additionalProperties"].is_null() {
        return format!("map[string]{}", kind(&schema["additionalProperties"]));
    }
    text(&schema["type"])
}

fn constraints(schema: &Value, required: bool) -> Vec<String> {
    let mut all = Vec::new();
    if required {
        all.push("req".to_owned());
    }
    for (field, name) in [("default", "def"), ("enum", "enum")] {
        if !schema[field].is_null() {
            all.push(format!("{name}={}", literal(&schema[field])));
        }
    }
    for field in ["pattern", "format", "minLength", "maxLength", "minItems", "maxItems"] {
        match &schema[field] {
            Value::Null => {}
            Value::Str(s) => all.push(format!("{field}={s}")),
            other => all.push(format!("{field}={other}")),
        }
    }
    for (field, name) in [
        ("x-kubernetes-list-type", "list-type"),
        ("x-kubernetes-list-map-keys", "list-map-keys"),
        ("x-kubernetes-map-type", "map-type"),
    ] {
        match &schema[field] {
            Value::Null => {}
            Value::Str(s) => all.push(format!("{name}={s}")),
            other => all.push(format!("{name}={}", literal(other))),
        }
    }
    for rule in schema["x-kubernetes-validations"].items() {
        all.push(format!("CEL{{{}}}", text(&rule["rule"])));
    }
    if !schema["items"]["enum"].is_null() {
        all.push(format!("items(enum={})", literal(&schema["items"]["enum"])));
    }
    all
}

/// A value as the listing writes it.
fn literal(value: &Value) -> String {
    match value {
        Value::Bool(b) => if *b { "True" } else { "False" }.to_owned(),
        Value::Str(s) => format!("'{}'", s.replace('\\', "\\\\")),
        Value::Array(items) => format!("[{}]", items.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let fields: Vec<String> = map.iter().map(|(k, v)| format!("'{k}': {}", literal(v))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_json(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn definitions_are_field_for_field_those_of_flux() {
    let Some(sections) = listing() else { return };
    let ours = belay_flux::crds::crds("flux-system", "v2.9.4");
    assert_eq!(ours.len(), sections.len());
    for (head, expected) in sections {
        let (group, kind) = head.split_once(' ').expect("group and kind");
        let definition = ours
            .iter()
            .find(|o| o.str_at(&["spec", "group"]) == Some(group) && o.str_at(&["spec", "names", "kind"]) == Some(kind))
            .unwrap_or_else(|| panic!("{head} is not defined"));
        let listed = listed(definition);
        let missing: Vec<_> = expected.iter().filter(|l| !listed.contains(l)).collect();
        let more: Vec<_> = listed.iter().filter(|l| !expected.contains(l)).collect();
        assert!(missing.is_empty() && more.is_empty(), "{head}\nmissing: {missing:#?}\nmore: {more:#?}");
    }
}
