//! Object and expected health, as text.

use belay_object::{Object, Value, from_json_str};
use jiff::Timestamp;

use super::*;

fn now() -> Timestamp {
    "2026-01-01T00:00:20Z".parse().unwrap()
}

fn object(json: &str) -> Object {
    Object::new(from_json_str(json).unwrap_or_else(|e| panic!("{json}: {e}"))).unwrap()
}

/// `head` is `apiVersion Kind`; `body` the other fields.
fn of(head: &str, body: &str) -> Object {
    let (api_version, kind) = head.split_once(' ').unwrap();
    let mut object = object(&format!("{{{body}}}"));
    object.set(&["apiVersion"], api_version);
    object.set(&["kind"], kind);
    object
}

fn check(head: &str, body: &str, expected: &str) {
    assert_eq!(super::check(&of(head, body), now()).to_string(), expected, "{head} {body}");
}

#[test]
fn generic_rules_come_before_those_of_a_kind() {
    check(
        "apps/v1 Deployment",
        r#""metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z","generation":2},"status":{"observedGeneration":1}"#,
        "Terminating: Resource scheduled for deletion",
    );
    check(
        "v1 ConfigMap",
        r#""metadata":{"generation":2},"status":{"observedGeneration":-1}"#,
        "InProgress: ConfigMap generation is 2, but latest observed generation is -1",
    );
    check(
        "v1 Secret",
        r#""status":{"conditions":[{"type":"Reconciling","status":"True","message":"at it"}]}"#,
        "InProgress: at it",
    );
    check(
        "v1 Secret",
        r#""status":{"conditions":[{"type":"Stalled","status":"True","message":"no way"}]}"#,
        "Failed: no way",
    );
    check(
        "v1 Secret",
        r#""status":{"conditions":[{"type":"Stalled","status":"False"}]}"#,
        "Current: Resource is always ready",
    );
    check("v1 Secret", r#""status":{"conditions":7}"#, "Unknown: status.conditions is of type integer, not a list");
}

#[test]
fn a_flux_object_that_was_never_reconciled_is_in_progress() {
    check(
        "kustomize.toolkit.fluxcd.io/v1 Kustomization",
        r#""metadata":{"generation":1},"status":{"observedGeneration":-1}"#,
        "InProgress: Kustomization generation is 1, but latest observed generation is -1",
    );
}

#[test]
fn ready_false_is_progress() {
    let ready =
        |status: &str| format!(r#""status":{{"conditions":[{{"type":"Ready","status":"{status}","message":"so"}}]}}"#);
    check("example.com/v1 Thing", &ready("True"), "Current: Resource is Ready");
    check("example.com/v1 Thing", &ready("False"), "InProgress: so");
    check("example.com/v1 Thing", &ready("Unknown"), "InProgress: so");
    check("example.com/v1 Thing", "", "Current: Resource is current");
}

#[test]
fn deployments() {
    let deployment = |spec: &str, status: &str| {
        of("apps/v1 Deployment", &format!(r#""spec":{{"progressDeadlineSeconds":600{spec}}},"status":{{{status}}}"#))
    };
    for (spec, status, expected) in [
        ("", "", "InProgress: Replicas: 0/1"),
        ("", r#""replicas":1"#, "InProgress: Updated: 0/1"),
        ("", r#""replicas":2,"updatedReplicas":1"#, "InProgress: Pending termination: 1"),
        ("", r#""replicas":1,"updatedReplicas":1"#, "InProgress: Available: 0/1"),
        (
            r#","replicas":0"#,
            r#""conditions":[{"type":"Available","status":"True"},{"type":"Progressing","status":"True","reason":"NewReplicaSetAvailable"}]"#,
            "Current: Deployment is available. Replicas: 0",
        ),
        (
            "",
            r#""replicas":1,"updatedReplicas":1,"availableReplicas":1,"readyReplicas":1,"conditions":[{"type":"Available","status":"True"}]"#,
            "InProgress: ReplicaSet not Available",
        ),
        (
            "",
            r#""conditions":[{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded"}]"#,
            "Failed: Progress deadline exceeded",
        ),
    ] {
        assert_eq!(super::check(&deployment(spec, status), now()).to_string(), expected, "{spec} {status}");
    }
}

#[test]
fn other_workloads() {
    check(
        "apps/v1 StatefulSet",
        r#""spec":{"updateStrategy":{"type":"OnDelete"}}"#,
        "Current: StatefulSet is using the ondelete update strategy",
    );
    check(
        "apps/v1 StatefulSet",
        r#""spec":{"replicas":3,"updateStrategy":{"rollingUpdate":{"partition":2}}},"status":{"replicas":3,"readyReplicas":3,"updatedReplicas":1}"#,
        "Current: Partition rollout complete. updated: 1",
    );
    check(
        "apps/v1 StatefulSet",
        r#""status":{"replicas":1,"readyReplicas":1,"currentReplicas":1,"currentRevision":"a","updateRevision":"b"}"#,
        "InProgress: Waiting for updated revision to match current",
    );
    check(
        "apps/v1 DaemonSet",
        r#""metadata":{"generation":1}"#,
        "InProgress: DaemonSet status.observedGeneration not found",
    );
    check(
        "apps/v1 DaemonSet",
        r#""metadata":{"generation":1},"status":{"observedGeneration":1,"desiredNumberScheduled":0}"#,
        "Current: All replicas scheduled as expected. Replicas: 0",
    );
    check(
        "apps/v1 ReplicaSet",
        r#""status":{"conditions":[{"type":"ReplicaFailure","status":"True"}]}"#,
        "InProgress: Replica Failure condition. Check Pods",
    );
    check(
        "apps/v1 ReplicaSet",
        r#""spec":{"replicas":2},"status":{"fullyLabeledReplicas":1}"#,
        "InProgress: Labelled: 1/2",
    );
}

#[test]
fn pods_that_ended_badly_are_current_and_crashing_ones_failed() {
    check("v1 Pod", r#""status":{"phase":"Failed"}"#, "Current: Pod has completed, but not successfully");
    check(
        "v1 Pod",
        r#""status":{"phase":"Running","containerStatuses":[{"name":"a","state":{"waiting":{"reason":"CrashLoopBackOff"}}},{"name":"b","state":{"running":{}}}]}"#,
        "Failed: Containers in CrashLoop state: a",
    );
    check("v1 Pod", r#""status":{"phase":"Running"}"#, "InProgress: Pod is running but is not Ready");
    check("v1 Pod", r#""status":{"phase":"Odd"}"#, "Unknown: unknown phase Odd");
}

#[test]
fn a_pod_without_a_node_fails_after_fifteen_seconds() {
    let pod = |created: &str| {
        of(
            "v1 Pod",
            &format!(
                r#""metadata":{{"creationTimestamp":"{created}"}},"status":{{"phase":"Pending","conditions":[{{"type":"PodScheduled","status":"False","reason":"Unschedulable"}}]}}"#
            ),
        )
    };
    let waiting = super::check(&pod("2026-01-01T00:00:10Z"), now());
    assert_eq!(waiting.to_string(), "InProgress: Pod has not been scheduled");
    assert_eq!(waiting.recheck_at, Some("2026-01-01T00:00:25Z".parse().unwrap()));
    assert_eq!(super::check(&pod("2026-01-01T00:00:05Z"), now()).to_string(), "Failed: Pod could not be scheduled");
}

#[test]
fn a_job_is_current_when_complete_for_flux_and_when_started_for_kstatus() {
    let running = of("batch/v1 Job", r#""status":{"startTime":"2026-01-01T00:00:00Z","active":1}"#);
    assert_eq!(
        super::check(&running, now()).to_string(),
        "InProgress: Job in progress. success:0, active: 1, failed: 0"
    );
    assert_eq!(kstatus(&running, now()).to_string(), "Current: Job in progress. success:0, active: 1, failed: 0");
    check("batch/v1 Job", r#""spec":{"parallelism":2}"#, "InProgress: Job not started. active: 0/2");
    check("batch/v1 Job", r#""spec":{"suspend":true}"#, "Current: Job is suspended");
    check(
        "batch/v1 Job",
        r#""spec":{"completions":3},"status":{"succeeded":3,"conditions":[{"type":"Complete","status":"True"}]}"#,
        "Current: Job Completed. succeeded: 3/3",
    );
    check(
        "batch/v1 Job",
        r#""status":{"failed":1,"conditions":[{"type":"Failed","status":"True"}]}"#,
        "Failed: Job Failed. failed: 1/1",
    );
    assert!(is_job_with_ttl(&of("batch/v1 Job", r#""spec":{"ttlSecondsAfterFinished":0}"#)));
    assert!(!is_job_with_ttl(&of("batch/v1 Job", "")));
}

#[test]
fn services_claims_and_definitions() {
    check(
        "v1 Service",
        r#""spec":{"type":"LoadBalancer"}"#,
        "InProgress: ClusterIP not set. Service type: LoadBalancer",
    );
    check("v1 Service", r#""spec":{"type":"LoadBalancer","clusterIP":"10.0.0.1"}"#, "Current: Service is ready");
    check(
        "v1 PersistentVolumeClaim",
        r#""status":{"phase":"Pending"}"#,
        "InProgress: PVC is not Bound. phase: Pending",
    );
    let crd = "apiextensions.k8s.io/v1 CustomResourceDefinition";
    check(crd, "", "InProgress: Install in progress");
    check(crd, r#""status":{"conditions":[{"type":"Established","status":"True"}]}"#, "Current: CRD is established");
    check(
        crd,
        r#""status":{"conditions":[{"type":"NamesAccepted","status":"False","message":"taken"}]}"#,
        "Failed: taken",
    );
}

#[test]
fn a_failed_pod_fails_the_set_that_waits_for_it() {
    let crashing = of(
        "v1 Pod",
        r#""status":{"phase":"Running","containerStatuses":[{"name":"a","state":{"waiting":{"reason":"CrashLoopBackOff"}}}]}"#,
    );
    let mut leaving = crashing.clone();
    leaving.set(&["metadata", "deletionTimestamp"], "2026-01-01T00:00:00Z");
    let homeless = of(
        "v1 Pod",
        r#""status":{"phase":"Pending","conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable"}]}"#,
    );
    let waiting = || Health::new(Status::InProgress, "Ready: 0/1");
    assert_eq!(
        of_pod_controller(waiting(), [&crashing, &leaving, &homeless], now()).to_string(),
        "Failed: 1 pods have failed"
    );
    assert_eq!(of_pod_controller(waiting(), [&leaving, &homeless], now()).to_string(), "InProgress: Ready: 0/1");
    let current = Health::new(Status::Current, "all there");
    assert_eq!(of_pod_controller(current, [&crashing], now()).to_string(), "Current: all there");
}

fn exprs(entries: &str) -> Result<Exprs, Error> {
    Exprs::read(from_json_str(entries).unwrap_or(Value::Null).items())
}

fn check_expr(body: &str, expected: &str) {
    let exprs = exprs(
        r#"[{"apiVersion":"example.com/v1","kind":"Thing","inProgress":"status.phase == 'Busy'","failed":"status.phase == 'Broken'",
            "current":"status.phase == 'Done'"},{"apiVersion":"example.com/v1","current":"metadata.name == 'x'"}]"#,
    )
    .unwrap();
    let health = exprs.check(&of("example.com/v2 Thing", body)).unwrap();
    assert_eq!(health.status.to_string(), expected, "{body}");
}

#[test]
fn expressions_are_asked_in_progress_first_then_failed_then_current() {
    check_expr(r#""status":{"phase":"Busy"}"#, "InProgress");
    check_expr(r#""status":{"phase":"Broken"}"#, "Failed");
    check_expr(r#""status":{"phase":"Done"}"#, "Current");
    check_expr(r#""status":{"phase":"Odd"}"#, "InProgress");
    check_expr(r#""metadata":{"generation":2},"status":{"phase":"Done","observedGeneration":1}"#, "InProgress");
    check_expr(r#""metadata":{"deletionTimestamp":"2026-01-01T00:00:00Z"},"status":{"phase":"Done"}"#, "Current");
    check_expr("", "Unknown");
}

#[test]
fn a_rule_without_a_kind_holds_for_the_rest_of_its_group() {
    let exprs = exprs(r#"[{"apiVersion":"example.com/v1","current":"metadata.name == 'x'"}]"#).unwrap();
    let other = of("example.com/v1 Other", r#""metadata":{"name":"x"}"#);
    assert_eq!(exprs.check(&other).map(|h| h.status), Some(Status::Current));
    assert!(exprs.check(&of("apps/v1 Deployment", "")).is_none());
}

#[test]
fn rules_that_cannot_be_used_say_which() {
    let message = |entries: &str| exprs(entries).err().map(|e| e.to_string()).unwrap_or_default();
    assert_eq!(
        message(
            r#"[{"apiVersion":"a.b/v1","kind":"K","current":"true"},{"apiVersion":"a.b/v2","kind":"K","current":"true"}]"#
        ),
        "duplicate custom health check for GroupKind K.a.b at healthchecks[1]"
    );
    assert_eq!(
        message(r#"[{"apiVersion":"a.b/v1","kind":"K"}]"#),
        "failed to create custom status evaluator for healthchecks[0]: expression Current not specified"
    );
    let syntax = message(r#"[{"apiVersion":"a.b/v1","kind":"K","current":"true &&"}]"#);
    assert!(
        syntax.starts_with(
            "failed to create custom status evaluator for healthchecks[0]: failed to parse the expression Current: failed to parse the CEL expression 'true &&': "
        ),
        "{syntax}"
    );
}

#[test]
fn the_sentence_about_a_wait_gives_the_text_of_errors_alone() {
    let key = ObjectKey::new("apps", "Deployment", "shop", "cart");
    assert_eq!(
        wait_entry(&key, &Health::new(Status::InProgress, "Ready: 0/1")),
        "Deployment/shop/cart status: 'InProgress'"
    );
    assert_eq!(
        wait_entry(&key, &Health::new(Status::Unknown, "forbidden")),
        "Deployment/shop/cart status: 'Unknown': forbidden"
    );
}
