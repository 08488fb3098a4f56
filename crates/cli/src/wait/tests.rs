use super::*;

fn object(conditions: &str, generation: i64) -> Object {
    let text = format!(
        r#"{{"apiVersion":"kustomize.toolkit.fluxcd.io/v1","kind":"Kustomization","metadata":{{"name":"shop","generation":{generation}}},"status":{{"observedGeneration":1,"conditions":[{conditions}]}}}}"#
    );
    Object::new(belay_object::from_json_str(&text).unwrap()).unwrap()
}

fn ready_is(status: &str, reason: &str) -> String {
    format!(
        r#"{{"type":"Ready","status":"{status}","reason":"{reason}","message":"why","observedGeneration":1,"lastTransitionTime":"2026-01-01T00:00:00Z"}}"#
    )
}

#[test]
fn a_failure_that_no_waiting_heals_ends_the_wait() {
    let check = |conditions: &str, expected: &str| {
        let got = match verdict(&object(conditions, 1), HEALING) {
            None => "waits".to_owned(),
            Some(Ok(())) => "ready".to_owned(),
            Some(Err(message)) => message,
        };
        assert_eq!(got, expected, "{conditions}");
    };
    check("", "waits");
    check(&ready_is("True", "ReconciliationSucceeded"), "ready");
    check(&ready_is("Unknown", "Progressing"), "waits");
    check(&ready_is("False", "BuildFailed"), "why");
    check(&ready_is("False", "HealthCheckFailed"), "why");
    check(&ready_is("False", "DependencyNotReady"), "waits");
    check(&ready_is("False", "GitOperationFailed"), "waits");
    let stalled = ready_is("True", "Stalled").replace("\"Ready\"", "\"Stalled\"");
    check(&format!("{},{stalled}", ready_is("False", "GitOperationFailed")), "why");
}

#[test]
fn a_status_selector_names_a_condition_and_what_it_is_or_is_not() {
    let object = object(&ready_is("False", "BuildFailed"), 1);
    let check = |selector: &str, expected: &str| {
        let got = matches_status(&object, selector).map(|b| b.to_string()).unwrap_or_else(|e| e.to_string());
        assert_eq!(got, expected, "{selector}");
    };
    check("ready=false", "true");
    check("Ready=False", "true");
    check("ready=true", "false");
    check("ready!=true", "true");
    check("healthy=true", "false");
    check("ready", "expected status selector in type=status format, but found: ready");
}

#[test]
fn who_waits_is_told_what_for() {
    let check = |conditions: &str, expected: &str| assert_eq!(said(&object(conditions, 1)), expected, "{conditions}");
    let reconciling =
        ready_is("True", "Progressing").replace("\"Ready\"", "\"Reconciling\"").replace("why", "health checks");
    check("", "no controller has looked at it: is `belay run` running?");
    check(&ready_is("Unknown", "Progressing"), "why");
    check(&format!("{},{reconciling}", ready_is("Unknown", "Progressing")), "health checks");
    check(&format!("{},{reconciling}", ready_is("False", "BuildFailed")), "why");
}
