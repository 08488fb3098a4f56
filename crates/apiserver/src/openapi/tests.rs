//! Checks of the documents: what kubectl looks for is there, in both forms.

use belay_object::{Value, from_json};

use super::document;
use crate::server::{Options, Server};

fn json(path: &str) -> Value {
    let server = Server::new(Options::default());
    let found = document(&server.registry(), path, "", "application/json").expect("there");
    from_json(&found.body).expect("JSON")
}

fn check(value: &Value, path: &[&str], expected: &str) {
    assert_eq!(value.at(path).map(Value::to_json).unwrap_or_else(|| "<absent>".into()), expected, "{path:?}");
}

#[test]
fn the_index_links_each_group_version_by_its_hash() {
    let index = json("/openapi/v3");
    let link = index.str_at(&["paths", "apis/apps/v1", "serverRelativeURL"]).expect("linked");
    assert!(link.starts_with("/openapi/v3/apis/apps/v1?hash=") && link.len() == 30 + 64, "{link}");
    assert!(index.at(&["paths", "api/v1"]).is_some());
}

#[test]
fn a_group_version_has_paths_kinds_and_all_that_is_referred_to() {
    let apps = json("/openapi/v3/apis/apps/v1");
    let patch = ["paths", "/apis/apps/v1/namespaces/{namespace}/deployments/{name}", "patch"];
    check(
        &apps,
        &[patch[0], patch[1], patch[2], "x-kubernetes-group-version-kind"],
        r#"{"group":"apps","kind":"Deployment","version":"v1"}"#,
    );
    let parameters = apps.at(&[patch[0], patch[1], patch[2], "parameters"]).expect("parameters").items();
    assert!(parameters.iter().any(|p| p.str_at(&["name"]) == Some("fieldValidation")));
    let schemas = apps.at(&["components", "schemas"]).and_then(Value::as_object).expect("schemas");
    for name in ["io.k8s.api.apps.v1.DeploymentList", "io.k8s.api.core.v1.Container", "io.k8s.api.autoscaling.v1.Scale"]
    {
        assert!(schemas.contains_key(name), "{name}");
    }
    assert!(!schemas.contains_key("io.k8s.api.core.v1.Secret"), "nothing of apps refers to it");
    for schema in schemas.values() {
        for part in schema.to_json().split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap_or_default();
            assert!(schemas.contains_key(name), "{name} is referred to");
        }
    }
}

#[test]
fn v2_says_what_v3_says_without_alternatives() {
    let v2 = json("/openapi/v2");
    check(&v2, &["swagger"], "\"2.0\"");
    check(
        &v2,
        &["definitions", "io.k8s.apimachinery.pkg.util.intstr.IntOrString"],
        r#"{"format":"int-or-string","type":"string"}"#,
    );
    check(
        &v2,
        &["definitions", "io.k8s.api.apps.v1.DeploymentSpec", "properties", "strategy"],
        r##"{"$ref":"#/definitions/io.k8s.api.apps.v1.DeploymentStrategy","x-kubernetes-patch-strategy":"retainKeys"}"##,
    );
}

#[test]
fn v2_comes_in_protobuf_where_asked_for() {
    let server = Server::new(Options::default());
    let accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
    let found = document(&server.registry(), "/openapi/v2", "", accept).expect("there");
    assert_eq!(found.content_type, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
    assert_eq!(&found.body[..5], b"\x0a\x032.0");
    let name = b"io.k8s.api.apps.v1.Deployment";
    assert!(found.body.windows(name.len()).any(|w| w == name));
}

#[test]
fn there_is_no_document_of_what_is_not_served() {
    let server = Server::new(Options::default());
    for path in ["/openapi/v3/apis/none/v1", "/openapi/v4", "/openapi"] {
        assert!(document(&server.registry(), path, "", "").is_none(), "{path}");
    }
}

#[test]
fn a_custom_resource_takes_no_strategic_merge_patch() {
    let server = Server::new(Options::default());
    let definition = r#"{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition",
        "metadata":{"name":"widgets.test.dev"},"spec":{"group":"test.dev","scope":"Namespaced",
        "names":{"kind":"Widget","plural":"widgets"},"versions":[{"name":"v1","served":true,"storage":true,
        "schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object"}}}}}]}}"#;
    let definition = belay_object::from_json_str(definition).expect("JSON");
    server.handle("tester").create(belay_object::Object::new(definition).expect("an object")).expect("created");
    let found = document(&server.registry(), "/openapi/v3/apis/test.dev/v1", "", "").expect("there");
    let found = from_json(&found.body).expect("JSON");
    let at = ["paths", "/apis/test.dev/v1/namespaces/{namespace}/widgets/{name}", "patch", "requestBody", "content"];
    let content = found.at(&at).and_then(Value::as_object).expect("media types");
    assert!(content.contains_key("application/merge-patch+json"));
    assert!(!content.contains_key("application/strategic-merge-patch+json"));
    check(&found, &["components", "schemas", "dev.test.v1.Widget", "properties", "spec"], r#"{"type":"object"}"#);
}
