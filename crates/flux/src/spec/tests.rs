//! A resource as it stands and what it means.

use belay_object::{Object, from_json_str};
use belay_plan::Inventory;

use super::*;
use crate::duration::GoDuration;

fn object(kind: &str, spec: &str) -> Object {
    let json = format!(
        r#"{{"apiVersion":"x/v1","kind":"{kind}","metadata":{{"name":"n","namespace":"ns","generation":2,"uid":"u",
        "finalizers":["finalizers.fluxcd.io"],"annotations":{{"reconcile.fluxcd.io/requestedAt":"t1","event.toolkit.fluxcd.io/env":"prod"}}}},
        "spec":{spec}}}"#
    );
    Object::new(from_json_str(&json).unwrap_or_else(|e| panic!("{json}: {e}"))).unwrap()
}

fn git(more: &str) -> Result<GitRepository, SpecError> {
    GitRepository::read(&object(
        "GitRepository",
        &format!(r#"{{"url":"https://example.com/r","interval":"1m"{more}}}"#),
    ))
}

fn ks(more: &str) -> Result<Kustomization, SpecError> {
    Kustomization::read(&object(
        "Kustomization",
        &format!(r#"{{"interval":"10m","prune":true,"sourceRef":{{"kind":"GitRepository","name":"src"}}{more}}}"#),
    ))
}

#[test]
fn a_git_reference_is_the_first_of_commit_name_semver_tag_branch() {
    let check = |fields: &str, expected: GitReference| {
        assert_eq!(git(&format!(r#","ref":{{{fields}}}"#)).unwrap().reference, expected, "{fields}");
    };
    let commit = |branch: Option<&str>| GitReference::Commit { commit: "c0".into(), branch: branch.map(Into::into) };
    check(r#""branch":"b","tag":"t","semver":"1.x","name":"refs/x","commit":"c0""#, commit(Some("b")));
    check(r#""commit":"c0","branch":"""#, commit(None));
    check(r#""branch":"b","tag":"t","semver":"1.x","name":"refs/x""#, GitReference::Name("refs/x".into()));
    check(r#""branch":"b","tag":"t","semver":"1.x""#, GitReference::Semver("1.x".into()));
    check(r#""branch":"b","tag":"t""#, GitReference::Tag("t".into()));
    check(r#""branch":"b""#, GitReference::Branch("b".into()));
    check("", GitReference::Branch("master".into()));
    assert_eq!(git("").unwrap().reference, GitReference::Branch("master".into()));
}

#[test]
fn a_git_repository_has_its_defaults() {
    let spec = git(r#","include":[{"repository":{"name":"other"}}],"verify":{"secretRef":{"name":"keys"}}"#).unwrap();
    assert_eq!(spec.timeout, GoDuration::from_secs(60));
    assert_eq!(spec.provider, Provider::Generic);
    assert_eq!(spec.include, [Include { repository: "other".into(), from: String::new(), to: "other".into() }]);
    assert_eq!(spec.verify.unwrap().mode, VerificationMode::Head);
    assert_eq!(spec.meta.requested_at.as_deref(), Some("t1"));
    assert_eq!(spec.meta.event_metadata, [("env".to_owned(), "prod".to_owned())]);
    assert!(spec.meta.has_finalizer && spec.meta.is_requested("t0") && !spec.meta.is_requested("t1"));
}

#[test]
fn times_of_a_kustomization_follow_from_its_interval() {
    let times = |more: &str| {
        let spec = ks(more).unwrap();
        format!("{} {} {}", spec.interval, spec.retry_interval, spec.timeout)
    };
    assert_eq!(times(""), "10m0s 10m0s 9m30s");
    assert_eq!(times(r#","interval":"10s""#), "10s 10s 30s");
    assert_eq!(times(r#","timeout":"5s","retryInterval":"1m""#), "10m0s 1m0s 30s");
    assert_eq!(times(r#","timeout":"1h""#), "10m0s 10m0s 1h0m0s");
}

#[test]
fn references_take_the_namespace_of_the_kustomization() {
    let spec = ks(
        r#","dependsOn":[{"name":"a"},{"name":"b","namespace":"other","readyExpr":"true"}],
           "healthChecks":[{"kind":"Deployment","name":"d","namespace":"x"},{"apiVersion":"v1","kind":"Pod","name":"p"}]"#,
    )
    .unwrap();
    let dependencies: Vec<String> = spec.depends_on.iter().map(|d| d.to_string()).collect();
    assert_eq!(dependencies, ["ns/a", "other/b"]);
    assert_eq!((spec.source.namespace.as_str(), spec.source.to_string()), ("ns", "GitRepository/src".to_owned()));
    let checks: Vec<String> = spec.health_checks.iter().map(|k| format!("{} {k}", k.kind)).collect();
    assert_eq!(checks, ["Deployment.apps Deployment/x/d", "Pod Pod/p"]);
    let far = ks(r#","sourceRef":{"kind":"Bucket","name":"b","namespace":"far"}"#).unwrap();
    assert_eq!(far.source.to_string(), "Bucket/far/b");
}

#[test]
fn what_is_deleted_with_a_kustomization() {
    let owned = Inventory::read(&from_json_str(r#"{"entries":[{"id":"a_b__C","v":"v1"}]}"#).unwrap()).unwrap();
    let deletes = |more: &str| ks(more).unwrap().deletes_objects(&owned);
    assert!(deletes(""));
    assert!(!deletes(r#","prune":false"#));
    assert!(deletes(r#","prune":false,"deletionPolicy":"Delete""#));
    assert!(deletes(r#","prune":false,"deletionPolicy":"WaitForTermination""#));
    assert!(!deletes(r#","deletionPolicy":"Orphan""#));
    assert!(!deletes(r#","suspend":true,"deletionPolicy":"Delete""#));
    assert!(!ks("").unwrap().deletes_objects(&Inventory::new()));
}

#[test]
fn errors_name_the_field() {
    let check =
        |error: Option<SpecError>, expected: &str| assert_eq!(error.map(|e| e.to_string()).as_deref(), Some(expected));
    check(git(r#","interval":"soon""#).err(), r#"spec.interval: "soon" is not a duration such as 1m30s"#);
    check(git(r#","url":"""#).err(), "spec.url: is required");
    check(git(r#","include":[{"toPath":"x"}]"#).err(), "spec.include[0].repository: is required");
    check(git(r#","suspend":"yes""#).err(), "spec.suspend: is of type string, not a boolean");
    check(ks(r#","sourceRef":{"kind":"GitRepository"}"#).err(), "spec.sourceRef.name: is required");
    check(ks(r#","patches":[{"patch":1}]"#).err(), "spec.patches[0].patch: is of type integer, not a string");
    check(
        ks(r#","postBuild":{"substituteFrom":[{"kind":"Pod","name":"x"}]}"#).err(),
        r#"spec.postBuild.substituteFrom[0].kind: "Pod" is none of Secret, ConfigMap"#,
    );
    check(ks(r#","kubeConfig":{}"#).err(), "spec.kubeConfig: needs exactly one of secretRef and configMapRef");
    check(
        ks(r#","commonMetadata":{"labels":{"a":1}}"#).err(),
        "spec.commonMetadata.labels.a: is of type integer, not a string",
    );
}

#[test]
fn a_damaged_inventory_is_an_error_and_not_an_empty_one() {
    let mut object = object("Kustomization", "{}");
    object.set(&["status", "inventory"], from_json_str(r#"{"entries":[{"id":"broken","v":"v1"}]}"#).unwrap());
    let error = KustomizationStatus::read(&object).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"status.inventory: inventory id "broken" is not <namespace>_<name>_<group>_<kind>"#
    );
    object.remove(&["status"]);
    assert!(!KustomizationStatus::read(&object).unwrap().has_inventory);
}
