//! A dependency and what is made of it.

use belay_object::{Object, from_json_str};

use super::*;

fn object(json: &str) -> Object {
    Object::new(from_json_str(json).unwrap()).unwrap()
}

fn own() -> Object {
    object(
        r#"{"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{"name":"apps","namespace":"shop","generation":3,
        "labels":{"version":"2"}},"spec":{"interval":"1m","prune":true,"path":"","sourceRef":{"kind":"GitRepository","name":"shop"}}}"#,
    )
}

fn dependency(status: &str, source: &str) -> Object {
    object(&format!(
        r#"{{"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{{"name":"infra","namespace":"shop","generation":2,
        "labels":{{"version":"2"}}}},"spec":{{"sourceRef":{{"kind":"GitRepository","name":"{source}"}}}},"status":{status}}}"#
    ))
}

fn check(found: &Object, expression: &str, expected: &str) {
    let own = own();
    let spec = Kustomization::read(&own).unwrap();
    let dependency = Dependency { namespace: "shop".into(), name: "infra".into(), ready_expr: expression.to_owned() };
    let answer = match check_one(&dependency, found, &own, &spec, "main@sha1:2") {
        Ok(()) => "ready".to_owned(),
        Err(Held::NotReady(message)) => format!("not yet: {message}"),
        Err(Held::Expression(message)) => format!("never: {message}"),
    };
    assert_eq!(answer, expected);
}

const READY: &str =
    r#"{"observedGeneration":2,"lastAppliedRevision":"main@sha1:2","conditions":[{"type":"Ready","status":"True"}]}"#;
const OLD: &str =
    r#"{"observedGeneration":2,"lastAppliedRevision":"main@sha1:1","conditions":[{"type":"Ready","status":"True"}]}"#;

#[test]
fn a_dependency_must_be_ready_for_its_generation() {
    check(&dependency(READY, "shop"), "", "ready");
    check(&dependency("{}", "shop"), "", "not yet: dependency 'shop/infra' is not ready");
    check(
        &dependency(r#"{"observedGeneration":1,"conditions":[{"type":"Ready","status":"True"}]}"#, "shop"),
        "",
        "not yet: dependency 'shop/infra' is not ready",
    );
    check(
        &dependency(r#"{"observedGeneration":2,"conditions":[{"type":"Ready","status":"False"}]}"#, "shop"),
        "",
        "not yet: dependency 'shop/infra' is not ready",
    );
}

#[test]
fn with_the_same_source_it_must_be_at_the_same_revision() {
    check(&dependency(OLD, "shop"), "", "not yet: dependency 'shop/infra' revision is not up to date");
    check(&dependency(OLD, "another"), "", "ready");
}

#[test]
fn an_expression_replaces_the_check() {
    check(&dependency("{}", "shop"), "self.metadata.labels['version'] == dep.metadata.labels['version']", "ready");
    check(&dependency("{}", "shop"), "dep.spec.sourceRef.name.split('').all(c, c != 'x')", "ready");
    check(
        &dependency(READY, "shop"),
        "dep.metadata.name == 'x'",
        "not yet: dependency 'shop/infra' is not ready according to readyExpr eval",
    );
}

#[test]
fn an_expression_that_never_works_is_told_apart() {
    let own = own();
    let spec = Kustomization::read(&own).unwrap();
    for expression in ["dep.metadata.name ==", "other.x == 1", "'text'"] {
        let dependency = Dependency { namespace: "shop".into(), name: "infra".into(), ready_expr: expression.into() };
        let found = dependency_object();
        let answer = check_one(&dependency, &found, &own, &spec, "r");
        assert!(matches!(answer, Err(Held::Expression(_))), "{expression}: {answer:?}");
    }
}

fn dependency_object() -> Object {
    dependency(READY, "shop")
}
