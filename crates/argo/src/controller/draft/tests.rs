use std::sync::Arc;

use belay_object::Object;

use super::*;
use crate::spec::conditions;

fn object(yaml: &str) -> Arc<Object> {
    let value = belay_yaml::parse_value(yaml, &belay_yaml::Options::v2()).unwrap();
    Arc::new(Object::new(value).unwrap())
}

/// The patch that a draft comes to, as YAML.
fn patch(draft: &Draft) -> String {
    let Some(mut patch) = draft.patch(&draft.before) else { return String::new() };
    assert_eq!(patch.str_at(&["metadata", "uid"]), Some("u"), "never written on another of the name");
    patch.remove(&["metadata", "uid"]);
    if patch.at(&["metadata"]).and_then(Value::as_object).is_some_and(|m| m.iter().next().is_none()) {
        patch.remove(&["metadata"]);
    }
    belay_yaml::to_yaml(&patch)
}

const APP: &str = "
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: one
  namespace: argocd
  uid: u
  resourceVersion: '7'
  finalizers: [a, b]
  annotations: {argocd.argoproj.io/refresh: normal}
spec: {project: 5}
operation: {sync: {revision: abc}}
status:
  future: {kept: true}
  history: [{id: 1, revision: old, deployedAt: '2026-01-01T00:00:00Z', source: {repoURL: r}, initiatedBy: {}}]
  operationState: {phase: Succeeded, startedAt: '2026-01-01T00:00:00Z', operation: {}}
  sync: {status: Synced, revision: old, comparedTo: {source: {repoURL: r}, destination: {}}}
  reconciledAt: 17
";

#[test]
fn of_an_unreadable_spec_only_the_state_is_written() {
    let mut draft = Draft::of_unreadable(object(APP));
    assert_eq!(patch(&draft), "");
    draft.app.status.sync.status = Some(crate::spec::SyncCode::Unknown);
    let condition = AppCondition::new(conditions::INVALID_SPEC_ERROR, "spec.project: expected a string");
    draft.set_conditions(&[conditions::INVALID_SPEC_ERROR], vec![condition]);
    draft.app.status.conditions[0].last_transition_time = "now".into();
    let expected = "status:\n  conditions:\n  - lastTransitionTime: now\n    message: 'spec.project: expected a string'\n    \
                    type: InvalidSpecError\n  sync:\n    status: Unknown\n";
    assert_eq!(patch(&draft), expected);
}

#[test]
fn what_a_turn_did_not_change_is_not_written() {
    let app = object(&APP.replace("project: 5", "project: p"));
    let mut draft = Draft::new(app.clone(), Application::read(&app).unwrap());
    assert_eq!(patch(&draft), "");
    draft.drops_operation = true;
    draft.app.status.reconciled_at = "2026-01-02T00:00:00Z".into();
    assert_eq!(patch(&draft), "operation: null\nstatus:\n  reconciledAt: \"2026-01-02T00:00:00Z\"\n");
}

/// argo.md 10.24
#[test]
fn a_refresh_that_was_asked_for_meanwhile_is_not_taken_off() {
    let app = object(&APP.replace("project: 5", "project: p"));
    let mut draft = Draft::new(app.clone(), Application::read(&app).unwrap());
    draft.drops_refresh = true;
    let expected = "metadata:\n  annotations:\n    argocd.argoproj.io/refresh: null\n  resourceVersion: \"7\"\n";
    assert_eq!(patch(&draft), expected);
}

/// argo.md 10.13
#[test]
fn the_time_of_a_health_moves_with_its_word_alone() {
    let app = object(&APP.replace("project: 5", "project: p"));
    let mut draft = Draft::new(app.clone(), Application::read(&app).unwrap());
    let health = |code| HealthStatus { status: Some(code), ..HealthStatus::default() };
    draft.app.status.health =
        HealthStatus { last_transition_time: "then".into(), ..health(crate::spec::HealthCode::Healthy) };
    draft.set_health(health(crate::spec::HealthCode::Healthy));
    assert_eq!(draft.app.status.health.last_transition_time, "then");
    draft.set_health(health(crate::spec::HealthCode::Degraded));
    assert_ne!(draft.app.status.health.last_transition_time, "then");
}

#[test]
fn a_condition_stands_once_and_keeps_its_time() {
    let text = APP.replace("project: 5", "project: p").replace(
        "  reconciledAt: 17",
        "  conditions: [{type: InvalidSpecError, message: wrong, lastTransitionTime: then}]",
    );
    let app = object(&text);
    let mut draft = Draft::new(app.clone(), Application::read(&app).unwrap());
    let wrong = || vec![AppCondition::new(conditions::INVALID_SPEC_ERROR, "wrong")];
    // Each turn begins by asking whether it may work on it at all, and may compare several times.
    draft.set_conditions(&[conditions::INVALID_SPEC_ERROR], Vec::new());
    for _ in 0..2 {
        draft.set_conditions(&[conditions::COMPARISON_ERROR], wrong());
    }
    let told: Vec<_> = draft.app.status.conditions.iter().map(|c| (&*c.message, &*c.last_transition_time)).collect();
    assert_eq!(told, [("wrong", "then")]);
}

#[test]
fn a_list_counts_only_for_what_was_read_and_our_own_records_of_an_operation_change_nothing_of_it() {
    let app = object(&APP.replace("project: 5", "project: p"));
    let mut draft = Draft::new(app.clone(), Application::read(&app).unwrap());
    draft.drops_refresh = true;
    let version = |newest: &Object| {
        let patch = draft.patch(newest).unwrap();
        patch.str_at(&["metadata", "resourceVersion"]).map(str::to_owned)
    };
    assert_eq!(version(&app).as_deref(), Some("7"));
    let mut recorded = (*app).clone();
    recorded.set(&["metadata", "resourceVersion"], "9");
    assert_eq!(version(&recorded).as_deref(), Some("9"));
    recorded.set_annotation("argocd.argoproj.io/refresh", "hard");
    assert_eq!(version(&recorded).as_deref(), Some("7"), "somebody asked again: the server is to refuse it");
}
