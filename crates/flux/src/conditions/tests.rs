//! A list of conditions after some marks.

use belay_object::{Object, from_json_str};

use super::*;

fn object(conditions: &str) -> Object {
    let json = format!(r#"{{"metadata":{{"generation":3}},"status":{{"conditions":{conditions}}}}}"#);
    Object::new(from_json_str(&json).unwrap()).unwrap()
}

/// `Type=Status/Reason@time#generation` of each.
fn shown(conditions: &Conditions) -> String {
    let one = |c: &Condition| {
        format!("{}={}/{}@{}#{}", c.kind, c.status.as_str(), c.reason, c.last_transition_time, c.observed_generation)
    };
    conditions.all().iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_state_that_stays_keeps_its_time_and_gets_the_generation() {
    let mut conditions = Conditions::of(
        &object(
            r#"[{"type":"Ready","status":"True","reason":"A","message":"m","lastTransitionTime":"t0","observedGeneration":1}]"#,
        ),
        "t1",
    );
    conditions.mark_true("Ready", "A", "m");
    assert_eq!(shown(&conditions), "Ready=True/A@t0#3");
    conditions.mark_true("Ready", "A", "n");
    assert_eq!(shown(&conditions), "Ready=True/A@t1#3");
    conditions.at("t2");
    conditions.mark_false("Ready", "A", "n");
    assert_eq!(shown(&conditions), "Ready=False/A@t2#3");
}

#[test]
fn stalled_reconciling_and_ready_come_first_and_the_first_two_exclude_each_other() {
    let mut conditions = Conditions::of(&object("[]"), "t");
    conditions.mark_true("Healthy", "H", "");
    conditions.mark_true("ArtifactInStorage", "S", "");
    conditions.mark_true("Ready", "R", "");
    conditions.mark_reconciling("P", "");
    let order = |c: &Conditions| c.all().iter().map(|c| c.kind.clone()).collect::<Vec<_>>().join(" ");
    assert_eq!(order(&conditions), "Reconciling Ready ArtifactInStorage Healthy");
    assert!(!conditions.is_ready());
    conditions.mark_stalled("X", "");
    assert_eq!(order(&conditions), "Stalled Ready ArtifactInStorage Healthy");
    conditions.mark_reconciling("P", "");
    conditions.remove("Reconciling");
    assert_eq!(order(&conditions), "Ready ArtifactInStorage Healthy");
    assert!(conditions.is_ready());
}

#[test]
fn a_message_is_cut_to_what_a_server_takes() {
    let mut conditions = Conditions::of(&object("[]"), "t");
    conditions.mark_true("Ready", "R", &"\u{fc}".repeat(20_000));
    let message = &conditions.get("Ready").unwrap().message;
    assert_eq!(message.len(), 32_767);
    assert!(message.ends_with("\u{fc}..."));
}
