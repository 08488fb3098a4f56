//! What is done to live Applications.

use std::collections::BTreeSet;
use std::sync::Arc;

use belay_object::Object;

use super::{set, yaml};
use crate::application_set::plan::{Action, Rules, plan};
use crate::application_set::spec::Policy;

fn app(text: &str) -> Object {
    let mut value = yaml(text);
    value.set(&["apiVersion"], "argoproj.io/v1alpha1");
    value.set(&["kind"], "Application");
    value.set(&["metadata", "namespace"], "argocd");
    Object::new(value).expect("an object")
}

const OURS: &str = "ownerReferences: [{apiVersion: argoproj.io/v1alpha1, kind: ApplicationSet, name: set, uid: u-1, \
    controller: true, blockOwnerDeletion: true}]";
const SPEC: &str = "spec: {project: default, source: {repoURL: r, path: x}, destination: {server: s}}";

fn planned(more: &str, policy: &str, generated: &[&str], live: &[&str]) -> String {
    let set = set(&format!("{{generators: [], template: {{}}{more}}}"));
    let policy = Policy::effective(&set.spec, Policy::parse(policy).expect("a policy"), true);
    let rules = Rules::new(&set, policy, &["kept.io/a".to_owned()], &[]).expect("rules");
    let generated: Vec<Object> = generated.iter().map(|text| app(text)).collect();
    let live: Vec<Arc<Object>> = live.iter().map(|text| Arc::new(app(text))).collect();
    let held: BTreeSet<String> = ["held".to_owned()].into();
    let line = |action: &Action| match action {
        Action::Create(app) => format!(
            "create {} of {}",
            app.name(),
            app.at(&["metadata", "ownerReferences"]).map_or(0, |r| r.items().len())
        ),
        Action::Update { live, patch } => format!("update {} {}", live.name(), patch.to_json()),
        Action::Delete { live } => format!("delete {}", live.name()),
        Action::Refused { why, .. } => format!("refused: {why}"),
    };
    let actions = plan(&set, &generated, &held, &live, &rules);
    actions.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn generated(name: &str) -> String {
    format!("{{metadata: {{name: {name}}}, {SPEC}}}")
}

fn live(name: &str, more: &str) -> String {
    format!("{{metadata: {{name: {name}, uid: l, resourceVersion: '7', {OURS}{more}}}, {SPEC}}}")
}

#[test]
fn what_is_missing_is_made_and_what_left_is_deleted() {
    let (a, b, held) = (generated("a"), generated("b"), generated("held"));
    let all =
        [live("b", ""), live("old", ""), live("held", ""), live("going", ", deletionTimestamp: x, finalizers: [f]")];
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let theirs = "{metadata: {name: theirs, uid: t}, spec: {}}";
    let of = |policy: &str| planned("", policy, &[&a, &b, &held], &[&all[..], &[theirs]].concat());
    assert_eq!(of("sync"), "create a of 1\ndelete old");
    assert_eq!(of("create-update"), "create a of 1");
    assert_eq!(of("create-delete"), "create a of 1\ndelete old");
    assert_eq!(planned("", "sync", &[], &all), "delete b\ndelete held\ndelete old");
    // One of the same name that was before it may be taken, and is not deleted.
    let before = OURS.replace("u-1", "u-0");
    let stale = format!("{{metadata: {{name: a, uid: l, {before}}}, {SPEC}}}");
    let taken = planned("", "sync", &[&a], &[&stale]);
    assert!(taken.starts_with("update a ") && taken.contains(r#""uid":"u-1""#), "{taken}");
    assert_eq!(planned("", "sync", &[], &[&stale]), "");
}

#[test]
fn an_application_of_another_set_is_refused_and_one_of_nobody_taken() {
    let a = generated("a");
    let other = OURS.replace("name: set", "name: other").replace("u-1", "u-2");
    let theirs = format!("{{metadata: {{name: a, uid: l, {other}}}, {SPEC}}}");
    let expected = "refused: Object argocd/a is already owned by another ApplicationSet controller other";
    assert_eq!(planned("", "sync", &[&a], &[&theirs]), expected);
    let nobodys = format!("{{metadata: {{name: a, uid: l}}, {SPEC}}}");
    let taken = planned("", "sync", &[&a], &[&nobodys]);
    assert!(taken.starts_with(r#"update a {"metadata":{"ownerReferences":[{"#), "{taken}");
}

/// argo.md 10.26: the preserved annotations.
#[test]
fn what_others_write_on_an_application_stays() {
    let wanted = "{metadata: {name: a, labels: {l: new}, finalizers: [resources-finalizer.argocd.argoproj.io]}, spec: {project: default, source: {repoURL: r, path: y}, destination: {server: s}}}";
    let annotations = "annotations: {mine: '1', notified.notifications.argoproj.io: n, argocd.argoproj.io/refresh: hard, \
        argocd.argoproj.io/hydrate: normal, kept.io/a: k, own/b: o}";
    let there = live(
        "a",
        &format!(
            ", {annotations}, labels: {{l: old, x: y}}, finalizers: [post-delete-finalizer.argocd.argoproj.io/cleanup, other/f]"
        ),
    );
    let of = |more: &str| planned(more, "sync", &[wanted], &[&there]);
    assert_eq!(
        of(", preservedFields: {annotations: [own/b], labels: [x]}"),
        r#"update a {"metadata":{"annotations":{"mine":null},"finalizers":["resources-finalizer.argocd.argoproj.io","post-delete-finalizer.argocd.argoproj.io/cleanup"],"labels":{"l":"new"}},"spec":{"source":{"path":"y"}}}"#
    );
    assert!(of("").contains(r#""own/b":null"#));
    assert_eq!(of(", syncPolicy: {applicationsSync: create-only}"), "");
}

#[test]
fn differences_that_do_not_count_are_left() {
    let wanted = "{metadata: {name: a}, spec: {project: default, source: {repoURL: r, path: x, targetRevision: main}, destination: {server: s}, syncPolicy: {automated: {}}}}";
    let there = format!(
        "{{metadata: {{name: a, uid: l, {OURS}}}, spec: {{project: default, source: {{repoURL: r, path: x, targetRevision: test}}, destination: {{server: s}}}}}}"
    );
    let of = |rule: &str| planned(&format!(", ignoreApplicationDifferences: [{rule}]"), "sync", &[wanted], &[&there]);
    let both = r#"update a {"spec":{"source":{"targetRevision":"main"},"syncPolicy":{"automated":{}}}}"#;
    assert_eq!(of("{name: b, jsonPointers: [/spec/source/targetRevision]}"), both);
    assert_eq!(
        of("{jsonPointers: [/spec/source/targetRevision]}"),
        r#"update a {"spec":{"syncPolicy":{"automated":{}}}}"#
    );
    assert_eq!(of("{name: a, jqPathExpressions: [.spec.source.targetRevision], jsonPointers: [/spec/syncPolicy]}"), "");
    // A comparison takes what says nothing for nothing.
    let nothing = format!(
        "{{metadata: {{name: a, uid: l, {OURS}}}, spec: {{project: '', source: {{repoURL: r, path: x, directory: {{}}}}, destination: {{server: s}}, syncPolicy: {{}}}}}}"
    );
    assert_eq!(planned("", "sync", &[&generated("a")], &[&nothing]), "");
}

#[test]
fn the_controllers_policy_goes_first_unless_it_may_be_overridden() {
    let of = |own: &str, controller: &str, may: bool| {
        let own = yaml(&format!("{{syncPolicy: {{applicationsSync: {own}}}}}"));
        let spec = crate::application_set::SetSpec::read(&own).expect("a spec");
        let policy = Policy::effective(&spec, Policy::parse(controller).expect("a policy"), may);
        (policy.updates, policy.deletes)
    };
    assert_eq!(of("create-only", "", true), (false, false));
    assert_eq!(of("create-only", "create-delete", false), (false, true));
    assert_eq!(of("''", "create-update", true), (true, false));
    assert_eq!(of("what", "", true), (false, false), "a word that nobody knows deletes nothing");
    assert_eq!(Policy::parse("what"), None);
}
