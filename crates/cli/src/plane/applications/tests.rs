use belay_argo::spec::SyncResource;
use belay_object::json_patch;
use belay_yaml::{Options, parse_value};

use super::*;

fn app(spec: &str, labels: &str) -> Object {
    let text = format!(
        "{{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {{name: one, namespace: argocd{labels}}}, spec: {spec}}}"
    );
    Object::new(parse_value(&text, &Options::v2()).unwrap()).unwrap()
}

#[test]
fn a_change_is_a_patch_that_fails_where_something_else_was_written() {
    let before = app("{project: a, source: {repoURL: r}}", "");
    let after = app("{project: b, source: {repoURL: r}}", ", labels: {x: y}");
    let steps = steps(&before, &after);
    let mut value = before.value().clone();
    json_patch(&mut value, &steps).unwrap();
    assert_eq!(value, *after.value());
    // What controllers write in the meantime is no obstacle; another spec is one.
    let mut synced = before.clone();
    synced.set(&["status", "sync", "status"], "Synced");
    json_patch(synced.value_mut(), &steps).unwrap();
    let mut other = app("{project: c, source: {repoURL: r}}", "").into_value();
    assert!(json_patch(&mut other, &steps).is_err());
    assert_eq!(super::steps(&before, &before).to_json(), "[]");
}

#[test]
fn a_label_that_is_taken_away_is_removed() {
    let before = app("{project: a}", ", labels: {x: y}");
    let mut after = before.clone();
    after.remove(&["metadata", "labels"]);
    let mut value = before.value().clone();
    json_patch(&mut value, &steps(&before, &after)).unwrap();
    assert_eq!(value, *after.value());
}

#[test]
fn a_sync_is_asked_for_alike_either_way() {
    let id = AppId { namespace: String::new(), name: "one".into() };
    let check = |spec: &str, request: SyncRequest, operation: &str, message: &str| {
        let app = read(&app(spec, "")).unwrap();
        assert_eq!(request.operation(&app).to_value().get("sync").unwrap().to_json(), operation);
        assert_eq!(request.message(&id, &app).to_json(), message);
    };
    check(
        "{project: p, source: {repoURL: r}, syncPolicy: {syncOptions: [A=1]}}",
        SyncRequest { revisions: vec!["v1".into()], prune: true, ..SyncRequest::default() },
        r#"{"prune":true,"revision":"v1","syncOptions":["A=1"],"syncStrategy":{}}"#,
        r#"{"appNamespace":"","dryRun":false,"name":"one","project":"p","prune":true,"revision":"v1","strategy":{}}"#,
    );
    let one = SyncResource { kind: "ConfigMap".into(), name: "a".into(), ..SyncResource::default() };
    check(
        "{sources: [{repoURL: a}, {repoURL: b}]}",
        SyncRequest {
            revisions: vec![String::new(), "v2".into()],
            resources: vec![one],
            options: Some(vec!["Replace=true".into()]),
            ..SyncRequest::default()
        },
        r#"{"resources":[{"kind":"ConfigMap","name":"a"}],"revisions":["","v2"],"syncOptions":["Replace=true"],"syncStrategy":{}}"#,
        r#"{"appNamespace":"","dryRun":false,"name":"one","project":"default","prune":false,"resources":[{"kind":"ConfigMap","name":"a"}],"revisions":["v2"],"sourcePositions":[2],"strategy":{},"syncOptions":{"items":["Replace=true"]}}"#,
    );
}
