//! Syncing step by step.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_object::{Object, Value};

use super::set;
use crate::application_set::ApplicationSet;
use crate::application_set::plan::Rules;
use crate::application_set::rolling::{Rollout, advance, last, prepare, turn_off};
use crate::application_set::spec::Policy;

const TWO_STEPS: &str = "[{matchExpressions: [{key: env, operator: In, values: [dev]}]}, \
    {matchExpressions: [{key: env, operator: In, values: [prod]}], maxUpdate: 1}]";

/// Applications of an ApplicationSet through a rollout, second by second.
struct Story {
    set: ApplicationSet,
    generated: Vec<Object>,
    live: BTreeMap<String, Object>,
    second: u32,
}

impl Story {
    /// Applications `name label`, of which the label is the environment; all are there and never were compared.
    fn new(steps: &str, apps: &[(&str, &str)]) -> Story {
        let spec = format!(
            "{{generators: [], template: {{}}, strategy: {{type: RollingSync, rollingSync: {{steps: {steps}}}}}}}"
        );
        let mut generated = Vec::new();
        for (name, env) in apps {
            let mut app = Object::of("argoproj.io/v1alpha1", "Application", "argocd", name);
            app.set_label("env", env);
            app.set(&["spec"], super::yaml("{project: default, source: {repoURL: r, path: p}, destination: {server: s}, syncPolicy: {automated: {prune: true}, syncOptions: [A=b]}}"));
            generated.push(app);
        }
        let live = generated.iter().map(|app| {
            let mut live = app.clone();
            turn_off(&mut live);
            (app.name().to_owned(), live)
        });
        Story { set: set(&spec), live: live.collect(), generated, second: 0 }
    }
    fn now(&self) -> String {
        format!("2026-01-01T00:00:{:02}Z", self.second)
    }
    fn turn(&mut self) -> Rollout {
        self.second += 1;
        let rules = Rules::new(&self.set, Policy::SYNC, &[], &[]).expect("rules");
        let live: Vec<Arc<Object>> = self.live.values().map(|app| Arc::new(app.clone())).collect();
        let steps = self.set.spec.rolling_sync().expect("steps").to_vec();
        let rollout = advance(&self.set, &steps, &self.generated, &live, &rules, &self.now());
        self.set.status.application_status = rollout.statuses.clone();
        rollout
    }
    /// `name:Status` of each, and which are due.
    fn told(&mut self) -> String {
        let rollout = self.turn();
        let all = rollout.statuses.iter().map(|s| format!("{}:{}@{}", s.application, s.status, s.step));
        let due: Vec<&str> = rollout.due.iter().map(String::as_str).collect();
        format!("{} due {}", all.collect::<Vec<_>>().join(" "), due.join(","))
    }
    /// Notes that an Application was compared.
    fn compared(&mut self, name: &str, revision: &str, sync: &str, health: &str) {
        self.second += 1;
        let now = self.now();
        let app = self.live.get_mut(name).expect(name);
        let source = app.at(&["spec", "source"]).cloned().unwrap_or_default();
        let destination = app.at(&["spec", "destination"]).cloned().unwrap_or_default();
        app.set(&["status", "sync", "status"], sync);
        app.set(&["status", "sync", "revision"], revision);
        app.set(&["status", "sync", "comparedTo", "source"], source);
        app.set(&["status", "sync", "comparedTo", "destination"], destination);
        app.set(&["status", "health", "status"], health);
        app.set(&["status", "reconciledAt"], now);
    }
    /// Notes that a sync of an Application runs, or is over.
    fn synced(&mut self, name: &str, revision: &str, phase: &str) {
        self.second += 1;
        let now = self.now();
        let app = self.live.get_mut(name).expect(name);
        app.set(&["status", "operationState"], Value::object());
        app.set(&["status", "operationState", "phase"], phase);
        app.set(&["status", "operationState", "startedAt"], now);
        app.set(&["status", "operationState", "operation", "initiatedBy", "username"], "applicationset-controller");
        app.set(&["status", "operationState", "syncResult", "revision"], revision);
    }
}

/// argo.md 10.27 and 5.6
#[test]
fn steps_open_one_behind_the_other_and_as_many_go_as_may() {
    let mut story = Story::new(TWO_STEPS, &[("d", "dev"), ("p", "prod"), ("q", "prod"), ("x", "none")]);
    // Nothing is known of any: the first step is open.
    assert_eq!(story.told(), "d:Pending@1 p:Waiting@2 q:Waiting@2 x:Waiting@-1 due d");
    for name in ["d", "p", "q", "x"] {
        story.compared(name, "1", "OutOfSync", "Missing");
    }
    assert_eq!(story.told(), "d:Pending@1 p:Waiting@2 q:Waiting@2 x:Waiting@-1 due d");
    story.synced("d", "1", "Running");
    story.compared("d", "1", "OutOfSync", "Missing");
    assert_eq!(story.told(), "d:Progressing@1 p:Waiting@2 q:Waiting@2 x:Waiting@-1 due ");
    story.compared("d", "1", "Synced", "Healthy");
    // One of the second at a time.
    assert_eq!(story.told(), "d:Healthy@1 p:Pending@2 q:Waiting@2 x:Waiting@-1 due p");
    story.synced("p", "1", "Succeeded");
    story.compared("p", "1", "Synced", "Progressing");
    assert_eq!(story.told(), "d:Healthy@1 p:Progressing@2 q:Waiting@2 x:Waiting@-1 due ");
    story.compared("p", "1", "Synced", "Healthy");
    let rollout = story.turn();
    let progress = &rollout.conditions[1];
    assert_eq!((&*progress.status, &*progress.message), ("True", "ApplicationSet is performing rollout of step 2"));
    story.synced("q", "1", "Succeeded");
    story.compared("q", "1", "Synced", "Healthy");
    story.turn();
    let rollout = story.turn();
    let progress = &rollout.conditions[1];
    // One of no step waits for ever, and holds nothing up.
    assert_eq!((&*progress.status, &*progress.message), ("False", "ApplicationSet Rollout has completed"));
    // A new commit begins anew.
    story.compared("d", "2", "OutOfSync", "Healthy");
    story.compared("p", "2", "OutOfSync", "Healthy");
    assert_eq!(story.told(), "d:Pending@1 p:Waiting@2 q:Healthy@2 x:Waiting@-1 due d");
    story.synced("d", "2", "Failed");
    story.compared("d", "2", "OutOfSync", "Healthy");
    assert_eq!(story.told(), "d:Progressing@1 p:Waiting@2 q:Healthy@2 x:Waiting@-1 due ");
    // What failed is not tried again by the rollout.
    assert_eq!(story.told(), "d:Progressing@1 p:Waiting@2 q:Healthy@2 x:Waiting@-1 due ");
}

/// argo.md 10.27: generated against live, `automated.enabled` does not count.
#[test]
fn automated_is_off_on_all_and_no_difference() {
    let mut story = Story::new(TWO_STEPS, &[("d", "dev"), ("p", "prod")]);
    for name in ["d", "p"] {
        story.compared(name, "1", "Synced", "Healthy");
    }
    assert_eq!(story.told(), "d:Healthy@1 p:Healthy@2 due ");
    assert_eq!(story.told(), "d:Healthy@1 p:Healthy@2 due ", "no difference is found in what was turned off");
    let mut app = story.generated[0].clone();
    prepare(&mut app, true, story.live.get("d"));
    assert_eq!(
        app.get("spec").expect("a spec").at(&["syncPolicy"]).expect("a policy").to_json(),
        r#"{"automated":{"enabled":false,"prune":true},"syncOptions":["A=b"]}"#
    );
    assert_eq!(
        app.get("operation").expect("an operation").to_json(),
        r#"{"info":[{"name":"Reason","value":"ApplicationSet RollingSync triggered a sync of this Application resource"}],"initiatedBy":{"automated":true,"username":"applicationset-controller"},"retry":{"limit":5},"sync":{"prune":true,"syncOptions":["A=b"]}}"#
    );
    // What runs already goes on, and one that is not there yet is made first.
    let mut busy = story.live["d"].clone();
    busy.set(&["status", "operationState", "phase"], "Running");
    for live in [Some(&busy), None] {
        let mut app = story.generated[0].clone();
        prepare(&mut app, true, live);
        assert!(app.get("operation").is_none());
    }
}

#[test]
fn what_was_compared_before_a_change_says_nothing_behind_it() {
    let mut story = Story::new(TWO_STEPS, &[("d", "dev"), ("p", "prod")]);
    for name in ["d", "p"] {
        story.compared(name, "1", "Synced", "Healthy");
    }
    assert_eq!(story.told(), "d:Healthy@1 p:Healthy@2 due ");
    for app in &mut story.generated {
        app.set(&["spec", "source", "path"], "other");
    }
    // All change at once; the second step stays closed though the cluster still says Synced of the first.
    assert_eq!(story.told(), "d:Pending@1 p:Waiting@2 due d");
    let generated = story.generated.clone();
    for mut app in generated {
        turn_off(&mut app);
        let live = story.live.get_mut(app.name()).expect("it is there");
        live.set(&["spec"], app.get("spec").cloned().expect("a spec"));
    }
    assert_eq!(story.told(), "d:Pending@1 p:Waiting@2 due d");
    story.compared("p", "1", "OutOfSync", "Healthy");
    assert_eq!(story.told(), "d:Pending@1 p:Waiting@2 due d");
}

#[test]
fn one_that_cannot_be_synced_is_told_and_holds_its_step() {
    let mut story = Story::new(TWO_STEPS, &[("d", "dev"), ("p", "prod")]);
    assert_eq!(story.told(), "d:Pending@1 p:Waiting@2 due d");
    story.compared("d", "1", "Unknown", "Unknown");
    let app = story.live.get_mut("d").expect("it is there");
    app.set(&["status", "conditions"], super::yaml("[{type: InvalidSpecError, message: no}]"));
    app.set(&["status", "sync", "revision"], Value::Null);
    assert_eq!(story.told(), "d:Progressing@1 p:Waiting@2 due ");
    assert_eq!(
        story.set.status.application_status[0].message,
        "Application resource has error and cannot sync, updating status to Progressing"
    );
}

#[test]
fn limits_are_shares_rounded_down_but_not_to_nothing() {
    let due = |limit: &str, apps: usize| {
        let names: Vec<String> = (0..apps).map(|i| format!("a{i}")).collect();
        let apps: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "dev")).collect();
        let mut story = Story::new(&format!("[{{maxUpdate: {limit}}}]"), &apps);
        let rollout = story.turn();
        (rollout.due.len(), rollout.conditions[0].message.clone())
    };
    let good = "Rolling Sync Configured correctly".to_owned();
    assert_eq!(due("null", 5), (5, good.clone()));
    assert_eq!(due("2", 5), (2, good.clone()));
    assert_eq!(due("0", 5), (0, good.clone()));
    assert_eq!(due("50%", 5), (2, good.clone()));
    assert_eq!(due("10%", 5), (1, good.clone()));
    assert_eq!(due("0%", 5), (0, good));
    assert_eq!(due("half", 5), (1, "Step 1 has an invalid maxUpdate value: half".to_owned()));
}

#[test]
fn what_is_wrong_with_steps_is_told() {
    let told = |steps: &str| {
        let mut story = Story::new(steps, &[("a", "dev"), ("b", "prod")]);
        let rollout = story.turn();
        let steps: Vec<&str> = rollout.statuses.iter().map(|s| s.step.as_str()).collect();
        format!("{} | {}", steps.join(" "), rollout.conditions[0].message)
    };
    let dev = "{matchExpressions: [{key: env, operator: In, values: [dev]}]}";
    let not_prod = "{matchExpressions: [{key: env, operator: NotIn, values: [prod]}]}";
    let unlabelled = "{matchExpressions: [{key: none, operator: NotIn, values: [x]}]}";
    let wrong = "{matchExpressions: [{key: env, operator: Exists}]}";
    assert_eq!(told(&format!("[{dev}, {not_prod}]")), "1 -1 | Application 'a' is selected by multiple steps: (1-2)");
    assert_eq!(
        told(&format!("[{unlabelled}, {unlabelled}]")),
        "1 1 | Applications 'a', 'b' are selected by multiple steps: [(1-2), (1-2)]"
    );
    assert_eq!(
        told(&format!("[{dev}, {wrong}]")),
        "1 -1 | Step 2 has invalid matchExpression operators: Exists. Supported Operators are 'In' and 'NotIn'"
    );
    let nobody = "{matchExpressions: [{key: env, operator: In, values: [x]}]}";
    assert_eq!(told(&format!("[{dev}, {nobody}]")), "1 -1 | Steps [2] have no applications matching their criteria");
}

#[test]
fn what_goes_in_reverse_goes_step_by_step_from_the_last() {
    let mut story = Story::new(TWO_STEPS, &[("d", "dev"), ("p", "prod"), ("q", "prod"), ("x", "none")]);
    let steps = story.set.spec.rolling_sync().expect("steps").to_vec();
    let mut seen = Vec::new();
    loop {
        let live: Vec<Arc<Object>> = story.live.values().map(|app| Arc::new(app.clone())).collect();
        let next = last(&steps, &live);
        if next.is_empty() {
            break;
        }
        seen.push(next.iter().map(|app| app.name().to_owned()).collect::<Vec<_>>().join(" "));
        next.iter().for_each(|app| drop(story.live.remove(app.name())));
    }
    assert_eq!(seen, ["p q", "d"]);
}
