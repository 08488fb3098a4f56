//! Conditions and health.

use std::sync::Arc;

use belay_object::Object;

use super::set;
use crate::application_set::status::{SetStatus, conditions, failed, up_to_date};

fn text(status: &SetStatus) -> String {
    let line = |c: &crate::application_set::status::SetCondition| {
        format!("{} {} {} {} {}", c.last_transition_time, c.kind, c.status, c.reason, c.message)
    };
    let mut lines: Vec<String> = status.conditions.iter().map(line).collect();
    let health = status.health.status.map_or("-", |code| code.as_str());
    lines.push(format!("{health}: {}", status.health.message));
    lines.join("\n")
}

#[test]
fn conditions_follow_from_one_another_and_health_from_them() {
    let spec = set("{generators: [], template: {}}").spec;
    let mut status = SetStatus::default();
    status.tell(&spec, &[up_to_date()], true, "1");
    let good = "1 ErrorOccurred False ApplicationSetUpToDate All applications have been generated successfully\n\
        1 ParametersGenerated True ParametersGenerated Successfully generated parameters for all Applications\n\
        1 ResourcesUpToDate True ApplicationSetUpToDate All applications have been generated successfully\n\
        Healthy: All applications have been generated successfully";
    assert_eq!(text(&status), good);
    status.tell(&spec, &[up_to_date()], true, "2");
    assert_eq!(text(&status), good, "what is so still is so since then");
    status.tell(&spec, &[failed("ApplicationGenerationFromParamsError", "no")], false, "3");
    assert_eq!(
        text(&status),
        "3 ErrorOccurred True ApplicationGenerationFromParamsError no\n\
         3 ParametersGenerated False ErrorOccurred no\n\
         3 ResourcesUpToDate False ErrorOccurred no\n\
         Degraded: no"
    );
    status.tell(&spec, &[failed(conditions::VALIDATION_ERROR, "one")], true, "4");
    assert!(text(&status).contains("4 ParametersGenerated True"), "{}", text(&status));
}

#[test]
fn applications_are_listed_up_to_a_limit_and_counted() {
    let app = |name: &str| {
        let mut app = Object::of("argoproj.io/v1alpha1", "Application", "argocd", name);
        app.set(&["status", "sync", "status"], "Synced");
        app.set(&["status", "health", "status"], "Healthy");
        Arc::new(app)
    };
    let mut status = SetStatus::default();
    status.list(&[app("b"), app("a"), app("c")], 2);
    assert_eq!(
        status.to_value().to_json(),
        r#"{"resources":[{"group":"argoproj.io","health":{"status":"Healthy"},"kind":"Application","name":"a","namespace":"argocd","status":"Synced","version":"v1alpha1"},{"group":"argoproj.io","health":{"status":"Healthy"},"kind":"Application","name":"b","namespace":"argocd","status":"Synced","version":"v1alpha1"}],"resourcesCount":3}"#
    );
}
