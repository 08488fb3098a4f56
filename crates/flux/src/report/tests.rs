//! Runs, and the status and events that they leave.

use belay_health::{Health, Status as HealthStatus};
use belay_object::{Object, ObjectKey, Value, from_json_str};
use belay_plan::{Change, ChangeKind, ChangeSet, Inventory, InventoryEntry, parse_inventory_id};

use super::*;
use crate::spec::{GitRepository, Kustomization};

mod git;

fn ks(spec: &str, status: &str) -> Object {
    let json = format!(
        r#"{{"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{{"name":"shop","namespace":"ns","generation":2,
        "annotations":{{"reconcile.fluxcd.io/requestedAt":"ask"}}}},
        "spec":{{"interval":"10m","retryInterval":"2m","timeout":"5m","prune":true,"sourceRef":{{"kind":"GitRepository","name":"s"}}{spec}}},"status":{status}}}"#
    );
    Object::new(from_json_str(&json).unwrap_or_else(|e| panic!("{json}: {e}"))).unwrap()
}

fn begin(object: &Object) -> KustomizationReport {
    KustomizationReport::begin(object, &Kustomization::read(object).unwrap(), "t0")
}

fn seconds(n: i64) -> GoDuration {
    GoDuration::from_secs(n)
}

fn conditions(status: &Value) -> String {
    let line = |c: &Value| {
        let text = |name: &str| c.str_at(&[name]).unwrap_or_default().to_owned();
        format!("{}={} {}: {}", text("type"), text("status"), text("reason"), text("message"))
    };
    status["conditions"].items().iter().map(line).collect::<Vec<_>>().join("\n")
}

fn events(events: &[Event]) -> String {
    let line = |e: &Event| {
        let metadata: Vec<String> =
            e.metadata.iter().map(|(k, v)| format!("{}={v}", k.rsplit('/').next().unwrap_or_default())).collect();
        format!("{} {}: {} [{}]", e.severity.event_type(), e.reason, e.message, metadata.join(" "))
    };
    events.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn changes(all: &[(&str, ChangeKind)]) -> ChangeSet {
    all.iter()
        .map(|(id, kind)| {
            Change::new(InventoryEntry { key: parse_inventory_id(id).unwrap(), version: "v1".into() }, *kind)
        })
        .collect()
}

const FRESH: &str = r#"{"observedGeneration":-1}"#;

#[test]
fn a_run_that_goes_well_tells_its_steps_and_ends_ready() {
    let object = ks("", FRESH);
    let mut report = begin(&object);
    report.of_revision("main@sha1:1", "");
    report.progress(Progress::Fetching, "t1");
    assert_eq!(
        conditions(&report.status()),
        "Reconciling=True Progressing: Fetching manifests for revision main@sha1:1 with a timeout of 5m0s\n\
         Ready=Unknown Progressing: Reconciliation in progress"
    );
    assert_eq!(report.status()["lastHandledReconcileAt"], Value::Null);
    report.progress(Progress::Building, "t2");
    assert_eq!(report.status()["lastAttemptedRevision"].as_str(), Some("main@sha1:1"));
    report.progress(Progress::DetectingDrift, "t3");
    let done = changes(&[("ns_a__ConfigMap", ChangeKind::Created), ("ns_b__ConfigMap", ChangeKind::Unchanged)]);
    report.set_inventory(&done.inventory());
    report.applied(&done);
    report.pruned(&changes(&[("ns_c__ConfigMap", ChangeKind::Deleted)]));
    report.no_health_checks();
    let next = report.end(&Verdict::Ready { digest: "sha256:d".into() }, seconds(3), seconds(30), "t4");
    assert_eq!(next, Next::Interval);
    assert_eq!(conditions(&report.status()), "Ready=True ReconciliationSucceeded: Applied revision: main@sha1:1");
    assert_eq!(
        events(&report.take_events()),
        "Normal Progressing: ConfigMap/ns/a created [revision=main@sha1:1]\n\
         Normal Progressing: ConfigMap/ns/c deleted [revision=main@sha1:1]\n\
         Normal ReconciliationSucceeded: Reconciliation finished in 3s, next run in 10m0s [commit_status=update revision=main@sha1:1]"
    );
    let mut status = report.status();
    status.remove(&["conditions"]);
    assert_eq!(
        status.to_json(),
        r#"{"history":[{"digest":"sha256:d","firstReconciled":"t4","lastReconciled":"t4","lastReconciledDuration":"3s","lastReconciledStatus":"ReconciliationSucceeded","metadata":{"revision":"main@sha1:1"},"totalReconciliations":1}],"inventory":{"entries":[{"id":"ns_a__ConfigMap","v":"v1"},{"id":"ns_b__ConfigMap","v":"v1"}]},"lastAppliedRevision":"main@sha1:1","lastAttemptedRevision":"main@sha1:1","lastHandledReconcileAt":"ask","observedGeneration":2}"#
    );
}

#[test]
fn a_failed_run_is_not_observed_and_tries_again() {
    let object = ks("", FRESH);
    let mut report = begin(&object);
    report.of_revision("main@sha1:1", "");
    report.progress(Progress::Fetching, "t1");
    report.progress(Progress::Building, "t1");
    let failure = Failure { stage: FailureStage::Build, message: "kustomize build failed: no".into(), digest: None };
    assert_eq!(report.end(&Verdict::Failed(failure), seconds(1), seconds(30), "t2"), Next::After(seconds(120)));
    assert_eq!(
        conditions(&report.status()),
        "Reconciling=True ProgressingWithRetry: Building manifests for revision main@sha1:1 with a timeout of 5m0s\n\
         Ready=False BuildFailed: kustomize build failed: no"
    );
    assert_eq!(report.status()["observedGeneration"].as_i64(), Some(-1));
    assert_eq!(report.status()["lastHandledReconcileAt"].as_str(), Some("ask"));
    assert_eq!(report.status()["history"], Value::Null);
    assert_eq!(events(&report.take_events()), "Warning BuildFailed: kustomize build failed: no [revision=main@sha1:1]");
}

#[test]
fn failures_after_the_build_are_part_of_the_history() {
    for (stage, why) in [
        (FailureStage::Apply, "ReconciliationFailed"),
        (FailureStage::Prune, "PruneFailed"),
        (FailureStage::Health, "HealthCheckFailed"),
    ] {
        let object = ks("", FRESH);
        let mut report = begin(&object);
        report.of_revision("r", "");
        let failure = Failure { stage, message: "m".into(), digest: Some("sha256:d".into()) };
        report.end(&Verdict::Failed(failure), seconds(1), seconds(30), "t");
        assert_eq!(report.status()["history"][0]["lastReconciledStatus"].as_str(), Some(why));
        assert_eq!(conditions(&report.status()), format!("Ready=False {why}: m"));
    }
}

#[test]
fn health_is_told_when_it_comes_back_or_with_a_change_of_a_new_revision() {
    let healthy = r#"{"lastAppliedRevision":"r1","conditions":[{"type":"Healthy","status":"True","reason":"Succeeded","message":"x"}]}"#;
    let told = |status: &str, revision: &str, changed: bool| {
        let object = ks("", status);
        let mut report = begin(&object);
        report.of_revision(revision, "");
        report.progress(Progress::HealthChecks, "t1");
        report.healthy(seconds(5), changed, "t2");
        events(&report.take_events())
    };
    let passed = |revision: &str| format!("Normal info: Health check passed in 5s [revision={revision}]");
    assert_eq!(told(FRESH, "r1", false), passed("r1"));
    assert_eq!(told(healthy, "r1", true), "");
    assert_eq!(told(healthy, "r2", false), "");
    assert_eq!(told(healthy, "r2", true), passed("r2"));
}

#[test]
fn bad_health_is_told_in_both_conditions() {
    let object = ks("", FRESH);
    let mut report = begin(&object);
    report.of_revision("r", "");
    report.progress(Progress::Fetching, "t");
    report.progress(Progress::HealthChecks, "t");
    assert!(
        conditions(&report.status())
            .ends_with("Healthy=Unknown Progressing: Running health checks for revision r with a timeout of 5m0s")
    );
    let all = [
        (ObjectKey::new("apps", "Deployment", "ns", "a"), Health::new(HealthStatus::InProgress, "Ready: 0/1")),
        (ObjectKey::new("apps", "Deployment", "ns", "b"), Health::new(HealthStatus::Failed, "stuck")),
        (ObjectKey::new("", "ConfigMap", "ns", "c"), Health::new(HealthStatus::Current, "")),
    ];
    assert_eq!(
        health_failure(HealthWait::FailedEarly, &all),
        "failed early due to stalled resources: [Deployment/ns/b status: 'Failed']"
    );
    let why = health_failure(HealthWait::TimedOut, &all);
    assert_eq!(why, "timeout waiting for: [Deployment/ns/a status: 'InProgress', Deployment/ns/b status: 'Failed']");
    let failure = report.unhealthy(&why, seconds(300), "sha256:d");
    report.end(&Verdict::Failed(failure), seconds(301), seconds(30), "t");
    assert_eq!(
        conditions(&report.status()),
        format!(
            "Reconciling=True ProgressingWithRetry: Running health checks for revision r with a timeout of 5m0s\n\
             Ready=False HealthCheckFailed: health check failed after 5m0s: {why}\nHealthy=False HealthCheckFailed: {why}"
        )
    );
}

fn ended(verdict: Verdict, status: &str) -> (Next, KustomizationReport) {
    let object = ks("", status);
    let mut report = begin(&object);
    report.of_revision("r", "");
    let next = report.end(&verdict, seconds(1), seconds(30), "t");
    (next, report)
}

#[test]
fn what_is_waited_for_says_how_long() {
    let (next, report) = ended(Verdict::NoArtifact, FRESH);
    assert_eq!(next, Next::After(seconds(30)));
    assert_eq!(conditions(&report.status()), "Ready=False ArtifactFailed: Source artifact not found, retrying in 30s");
    let (next, mut report) = ended(Verdict::DependencyNotReady("dependency 'ns/a' is not ready".into()), FRESH);
    assert_eq!(next, Next::After(seconds(30)));
    assert_eq!(conditions(&report.status()), "Ready=False DependencyNotReady: dependency 'ns/a' is not ready");
    assert_eq!(
        events(&report.take_events()),
        "Normal DependencyNotReady: Dependencies do not meet ready condition, retrying in 30s [revision=r]"
    );
    let (next, report) = ended(Verdict::SourceNotFound("gitrepositories \"s\" not found".into()), FRESH);
    assert_eq!(next, Next::After(seconds(120)));
    assert_eq!(conditions(&report.status()), "Ready=False ArtifactFailed: gitrepositories \"s\" not found");
}

#[test]
fn what_can_never_be_is_stalled() {
    let (next, mut report) = ended(Verdict::InvalidExpression("bad".into()), FRESH);
    assert_eq!(next, Next::OnChange);
    let message = "Reconciliation failed terminally due to configuration error: bad";
    assert_eq!(
        conditions(&report.status()),
        format!("Stalled=True InvalidCELExpression: {message}\nReady=False InvalidCELExpression: {message}")
    );
    assert_eq!(report.status()["observedGeneration"].as_i64(), Some(2));
    assert_eq!(events(&report.take_events()), format!("Warning InvalidCELExpression: {message} [revision=r]"));
    let (next, mut report) = ended(Verdict::AccessDenied("no".into()), FRESH);
    assert_eq!(next, Next::OnChange);
    assert_eq!(conditions(&report.status()), "Stalled=True AccessDenied: no\nReady=False AccessDenied: no");
    assert_eq!(report.status()["observedGeneration"].as_i64(), Some(-1));
    assert_eq!(events(&report.take_events()), "Warning AccessDenied: no []");
}

#[test]
fn a_suspended_kustomization_answers_requests_and_is_observed_if_ready() {
    let ready = r#"{"observedGeneration":1,"conditions":[{"type":"Ready","status":"True","reason":"ReconciliationSucceeded","message":"m","lastTransitionTime":"t"}]}"#;
    let object = ks(r#","suspend":true"#, ready);
    let mut report = begin(&object);
    assert_eq!(report.end(&Verdict::Suspended, seconds(0), seconds(30), "t"), Next::OnChange);
    let patch = report.take_patch().unwrap();
    assert_eq!(patch.to_json(), r#"{"status":{"lastHandledReconcileAt":"ask","observedGeneration":2}}"#);
    assert!(report.take_events().is_empty());
    assert!(report.take_patch().is_none());
}

#[test]
fn a_canceled_wait_comes_back_at_once() {
    let (next, mut report) = ended(Verdict::HealthCanceled("GitRepository/ns/s".into()), FRESH);
    assert_eq!(next, Next::Now);
    assert_eq!(
        conditions(&report.status()),
        "Ready=False HealthCheckCanceled: New reconciliation triggered by GitRepository/ns/s"
    );
    assert_eq!(
        events(&report.take_events()),
        "Normal HealthCheckCanceled: Health checks canceled due to new reconciliation triggered by GitRepository/ns/s [revision=r]"
    );
}

#[test]
fn the_origin_of_a_revision_is_kept_while_there_is_one() {
    let object = ks("", r#"{"lastAppliedOriginRevision":"old"}"#);
    let mut report = begin(&object);
    report.of_revision("latest@sha256:1", "main@sha1:1");
    report.end(&Verdict::Ready { digest: "d".into() }, seconds(1), seconds(30), "t");
    let status = report.status();
    assert_eq!(status["lastAppliedOriginRevision"].as_str(), Some("main@sha1:1"));
    assert_eq!(
        status["history"][0]["metadata"].to_json(),
        r#"{"originRevision":"main@sha1:1","revision":"latest@sha256:1"}"#
    );
    let mut report = begin(&object);
    report.of_revision("r", "");
    report.end(&Verdict::Ready { digest: "d".into() }, seconds(1), seconds(30), "t");
    assert_eq!(report.status()["lastAppliedOriginRevision"], Value::Null);
}

#[test]
fn a_partly_refused_apply_tells_what_was_changed_before() {
    let done = changes(&[("ns_a__ConfigMap", ChangeKind::Created), ("ns_b__ConfigMap", ChangeKind::Unchanged)]);
    assert_eq!(apply_failure("no", &done), "no\nConfigMap/ns/a created\n");
    assert_eq!(apply_failure("no", &ChangeSet::new()), "no\n");
}

#[test]
fn the_end_of_a_kustomization_tells_what_was_deleted() {
    let object = ks(
        "",
        r#"{"lastAppliedRevision":"r","conditions":[{"type":"Ready","status":"True","reason":"ReconciliationSucceeded"}]}"#,
    );
    let gone = changes(&[("ns_a__ConfigMap", ChangeKind::Deleted), ("ns_b__ConfigMap", ChangeKind::Skipped)]);
    assert_eq!(
        events(&finalizer_events(&object, Ok((&gone, false)))),
        "Normal ReconciliationSucceeded: ConfigMap/ns/a deleted\nConfigMap/ns/b skipped [revision=r]\n\
         Warning ReconciliationSucceeded: failed to wait for resources termination [revision=r]"
    );
    assert_eq!(
        events(&finalizer_events(&object, Err(()))),
        "Warning ReconciliationSucceeded: pruning for deleted resource failed [revision=r]"
    );
    assert!(finalizer_events(&object, Ok((&ChangeSet::new(), true))).is_empty());
    let owned: Inventory = gone.changes().iter().map(|c| c.entry.clone()).collect();
    let keys: Vec<ObjectKey> = owned.entries().iter().map(|e| e.key.clone()).collect();
    assert_eq!(unreachable_account(&keys), "unable to prune objects: \nConfigMap/ns/a\nConfigMap/ns/b");
}
