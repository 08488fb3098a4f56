use belay_object::{Object, Value};
use belay_schema::crd;

use super::*;

const SCHEMA: &str = "/spec/versions/0/schema/openAPIV3Schema";

fn find(name: &str) -> Object {
    crds().into_iter().find(|crd| crd.name() == name).expect(name)
}

fn check(name: &str, pointer: &str, expected: &str) {
    let found = find(name);
    let found = found.value().pointer(pointer).map_or("none".to_owned(), Value::to_json);
    assert_eq!(found, expected, "{name}{pointer}");
}

/// Contract 10.1: a status subresource would silently drop what others write.
#[test]
fn an_application_has_no_status_subresource() {
    for name in ["applications.argoproj.io", "appprojects.argoproj.io"] {
        check(name, "/spec/versions/0/subresources", "none");
        check(name, &format!("{SCHEMA}/required"), r#"["spec"]"#);
    }
}

/// argo.md 1.3
#[test]
fn an_application_set_has_a_status_subresource() {
    check("applicationsets.argoproj.io", "/spec/versions/0/subresources", r#"{"status":{}}"#);
    check("applicationsets.argoproj.io", "/spec/names/shortNames", r#"["appset","appsets"]"#);
    check("applicationsets.argoproj.io", &format!("{SCHEMA}/properties/spec/required"), r#"["generators","template"]"#);
}

#[test]
fn names_and_columns_are_those_of_argo_cd() {
    check(
        "applications.argoproj.io",
        "/spec/names",
        r#"{"kind":"Application","listKind":"ApplicationList","plural":"applications","shortNames":["app","apps"],"singular":"application"}"#,
    );
    check(
        "applications.argoproj.io",
        "/spec/versions/0/additionalPrinterColumns",
        r#"[{"jsonPath":".status.sync.status","name":"Sync Status","type":"string"},{"jsonPath":".status.health.status","name":"Health Status","type":"string"},{"jsonPath":".status.sync.revision","name":"Revision","priority":10,"type":"string"},{"jsonPath":".spec.project","name":"Project","priority":10,"type":"string"}]"#,
    );
    check(
        "appprojects.argoproj.io",
        "/metadata/labels",
        r#"{"app.kubernetes.io/name":"appprojects.argoproj.io","app.kubernetes.io/part-of":"argocd"}"#,
    );
    check("appprojects.argoproj.io", "/spec/names/shortNames", r#"["appproj","appprojs"]"#);
}

#[test]
fn servers_take_the_schemas() {
    for object in crds() {
        let schema = object.value().pointer(SCHEMA).expect("a schema");
        if let Err(errors) = crd::compile(schema, "spec") {
            panic!("{}: {errors:?}", object.name());
        }
    }
}

/// Every field of the types has its place in the schema: what is written is not pruned away.
#[test]
fn every_field_that_is_written_is_in_the_schema() {
    fn walk(value: &Value, schema: &Value, path: &str) {
        if schema.get("x-kubernetes-preserve-unknown-fields").is_some() {
            return;
        }
        match value {
            Value::Object(map) => {
                for (name, value) in map.iter() {
                    let inner = schema.at(&["properties", name]).or_else(|| schema.get("additionalProperties"));
                    walk(
                        value,
                        inner.unwrap_or_else(|| panic!("{path}.{name} is not in the schema")),
                        &format!("{path}.{name}"),
                    );
                }
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, &schema["items"], &format!("{path}[]"))),
            _ => {}
        }
    }
    let crd = find("applications.argoproj.io");
    let schema = crd.value().pointer(&format!("{SCHEMA}/properties")).expect("properties");
    let read = |yaml: &str| belay_yaml::parse_value(yaml, &belay_yaml::Options::v2()).expect(yaml);
    for (field, yaml) in [
        ("spec", crate::spec::tests::FULL),
        ("status", crate::spec::tests::STATUS),
        ("operation", crate::spec::tests::OPERATION),
    ] {
        walk(&read(yaml), &schema[field], field);
    }
}

#[test]
fn every_field_is_described() {
    fn walk(schema: &Value, path: &str) {
        for (name, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|m| m.iter()) {
            let path = format!("{path}.{name}");
            let is_told = inner.str_at(&["description"]).is_some() || path == ".metadata" || name == "items";
            assert!(is_told, "{path} is not described");
            walk(inner, &path);
            walk(&inner["items"], &format!("{path}[]"));
            walk(&inner["additionalProperties"], &format!("{path}{{}}"));
        }
    }
    for object in crds() {
        walk(object.value().pointer(SCHEMA).expect("a schema"), "");
    }
}
