use std::time::Duration;

use belay_object::{Object, from_json_str};

use super::*;

fn app(sync_policy: &str, status: &str) -> Application {
    let text = format!(
        r#"{{"apiVersion":"argoproj.io/v1alpha1","kind":"Application","metadata":{{"name":"shop","namespace":"argocd"}},
           "spec":{{"project":"default","destination":{{"server":"https://x","namespace":"shop"}},
           "source":{{"repoURL":"https://git/x","path":"."}},"syncPolicy":{sync_policy}}},"status":{status}}}"#
    );
    Application::read(&Object::new(from_json_str(&text).unwrap()).unwrap()).unwrap()
}

/// An operation that ended: to revision `to`, with the phase and message.
fn ended(to: &str, phase: &str, attempts: i64) -> String {
    format!(
        r#"{{"operationState":{{"phase":"{phase}","message":"why","startedAt":"2026-01-01T00:00:00Z",
           "operation":{{"sync":{{"autoHealAttemptsCount":{attempts}}}}},
           "syncResult":{{"revision":"{to}","source":{{"repoURL":"https://git/x","path":"."}}}}}}}}"#
    )
}

/// `name:status`, a `-` in front of what is to be pruned.
fn resources(texts: &[&str]) -> Vec<ResourceStatus> {
    let one = |text: &&str| {
        let (name, status) = text.split_once(':').unwrap();
        ResourceStatus {
            kind: "ConfigMap".into(),
            name: name.trim_start_matches('-').into(),
            status: SyncCode::parse(status),
            requires_pruning: name.starts_with('-'),
            ..ResourceStatus::default()
        }
    };
    texts.iter().map(one).collect()
}

fn decided(app: &Application, found: &[&str], since: Option<u64>, has_changes: bool) -> Decision {
    let resources = resources(found);
    let out = resources.iter().any(|r| r.status == Some(SyncCode::OutOfSync));
    let status = if out { SyncCode::OutOfSync } else { SyncCode::Synced };
    let sync = SyncStatus { status: Some(status), revision: "new".into(), ..SyncStatus::default() };
    let since_operation = since.map(Duration::from_secs);
    decide(app, &Compared { sync: &sync, resources: &resources, has_changes, since_operation }, &HealPace::default())
}

fn told(decision: &Decision) -> String {
    match decision {
        Decision::Nothing => "nothing".into(),
        Decision::Later(pause) => format!("in {} s", pause.as_secs()),
        Decision::Refused(condition) => format!("{}: {}", condition.kind, condition.message),
        Decision::Sync(operation) => {
            let sync = operation.sync.as_ref().unwrap();
            let only: Vec<&str> = sync.resources.iter().map(|r| r.name.as_str()).collect();
            let prune = if sync.prune { " prune" } else { "" };
            format!(
                "sync {}{prune} [{}] x{} retry {}",
                sync.revision,
                only.join(" "),
                sync.self_heal_attempts,
                operation.retry.limit
            )
        }
    }
}

fn check(policy: &str, status: &str, found: &[&str], since: Option<u64>, expected: &str) {
    assert_eq!(told(&decided(&app(policy, status), found, since, true)), expected, "{policy} {status} {found:?}");
}

const HEALS: &str = r#"{"automated":{"selfHeal":true}}"#;

#[test]
fn only_what_is_automated_and_differs_is_synced() {
    check("{}", "{}", &["a:OutOfSync"], None, "nothing");
    check(r#"{"automated":{"enabled":false}}"#, "{}", &["a:OutOfSync"], None, "nothing");
    check(r#"{"automated":{}}"#, "{}", &["a:Synced"], None, "nothing");
    check(r#"{"automated":{}}"#, "{}", &["a:OutOfSync"], None, "sync new [] x0 retry 5");
    check(r#"{"automated":{},"retry":{"limit":2}}"#, "{}", &["a:OutOfSync"], None, "sync new [] x0 retry 2");
}

#[test]
fn prunes_alone_need_the_right_to_prune() {
    check(r#"{"automated":{}}"#, "{}", &["-a:OutOfSync", "b:Synced"], None, "nothing");
    check(r#"{"automated":{"prune":true}}"#, "{}", &["-a:OutOfSync", "b:Synced"], None, "sync new prune [] x0 retry 5");
}

#[test]
fn an_empty_source_wipes_out_nothing_by_itself() {
    let refused = "SyncError: Skipping sync attempt to [new]: auto-sync will wipe out all resources";
    check(r#"{"automated":{"prune":true}}"#, "{}", &["-a:OutOfSync", "-b:OutOfSync"], None, refused);
    let allowed = r#"{"automated":{"prune":true,"allowEmpty":true}}"#;
    check(allowed, "{}", &["-a:OutOfSync", "-b:OutOfSync"], None, "sync new prune [] x0 retry 5");
}

#[test]
fn a_revision_is_tried_once() {
    let automated = r#"{"automated":{}}"#;
    check(automated, &ended("old", "Succeeded", 0), &["a:OutOfSync"], None, "sync new [] x0 retry 5");
    check(automated, &ended("new", "Succeeded", 0), &["a:OutOfSync"], None, "nothing");
    let failed = "SyncError: Failed last sync attempt to [new]: why";
    check(automated, &ended("new", "Failed", 0), &["a:OutOfSync"], None, failed);
    check(HEALS, &ended("new", "Failed", 0), &["a:OutOfSync"], None, failed);
}

#[test]
fn a_commit_without_changes_is_not_tried_anew() {
    let app = app(r#"{"automated":{}}"#, &ended("old", "Succeeded", 0));
    assert_eq!(told(&decided(&app, &["a:OutOfSync"], None, false)), "nothing");
}

#[test]
fn repairs_touch_what_differs_after_a_growing_pause() {
    let done = |attempts| ended("new", "Succeeded", attempts);
    let found = ["a:OutOfSync", "b:Synced"];
    check(HEALS, &done(0), &found, Some(0), "sync new [a] x1 retry 5");
    check(HEALS, &done(1), &found, Some(0), "in 2 s");
    check(HEALS, &done(1), &found, Some(2), "sync new [a] x2 retry 5");
    check(HEALS, &done(3), &found, Some(0), "in 18 s");
    check(HEALS, &done(30), &found, Some(0), "in 300 s");
}
