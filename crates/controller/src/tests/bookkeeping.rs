//! Finalizers, conditions and status: as few writes as there are changes.

use std::sync::Arc;

use belay_cluster::{ErrorKind, Resource};
use belay_object::{Condition, ConditionStatus, Object, Value, from_json_str};
use jiff::Timestamp;

use super::fake::Fake;
use crate::conditions::{self, Transition};
use crate::{finalizer, status};

const PATH: &str = "/apis/example.com/v1/namespaces/shop/widgets/a";

fn widgets() -> Arc<Resource> {
    Resource::known("example.com", "v1", "Widget", "widgets", true)
}
fn object(text: &str) -> Object {
    Object::new(from_json_str(text).unwrap()).unwrap()
}
/// A fake that has one widget with these finalizers (a JSON list).
fn with(finalizers: &str) -> (Fake, Object) {
    let fake = Fake::default();
    let list = if finalizers.is_empty() { String::new() } else { format!(r#","finalizers":{finalizers}"#) };
    let text = format!(
        r#"{{"apiVersion":"example.com/v1","kind":"Widget","metadata":{{"name":"a","namespace":"shop","uid":"u","resourceVersion":"1"{list}}}}}"#
    );
    let widget = object(&text);
    fake.0.lock().objects.insert(PATH.into(), widget.value().clone());
    fake.0.lock().version = 1;
    (fake, widget)
}
fn finalizers(fake: &Fake) -> Vec<String> {
    let stored = fake.object(PATH);
    stored
        .at(&["metadata", "finalizers"])
        .map_or(&[][..], Value::items)
        .iter()
        .map(|v| v.as_str().unwrap().into())
        .collect()
}

#[tokio::test]
async fn a_finalizer_is_added_once_and_removed_once() {
    for (before, after) in [("", vec!["ours"]), (r#"["theirs"]"#, vec!["theirs", "ours"])] {
        let (fake, widget) = with(before);
        let added = finalizer::add(&fake.cluster(), &widgets(), &widget, "ours", "a-controller").await.unwrap();
        assert_eq!(finalizers(&fake), after);
        let requests = fake.log().len();
        finalizer::add(&fake.cluster(), &widgets(), &added, "ours", "a-controller").await.unwrap();
        assert_eq!(fake.log().len(), requests);
        let removed = finalizer::remove(&fake.cluster(), &widgets(), &added, "ours", "a-controller").await.unwrap();
        assert_eq!(finalizers(&fake), after[..after.len() - 1]);
        finalizer::remove(&fake.cluster(), &widgets(), &removed, "ours", "a-controller").await.unwrap();
        assert_eq!(fake.log().len(), requests + 1);
    }
}

#[tokio::test]
async fn another_controllers_finalizer_is_never_lost() {
    // What we read is old: meanwhile others changed the list.
    for (read, live, after) in
        [("", r#"["theirs"]"#, vec!["theirs", "ours"]), (r#"["x"]"#, r#"["x","theirs"]"#, vec!["x", "theirs", "ours"])]
    {
        let (_, old) = with(read);
        let (fake, _) = with(live);
        fake.0.lock().objects.get_mut(PATH).unwrap().set(&["metadata", "resourceVersion"], "7");
        finalizer::add(&fake.cluster(), &widgets(), &old, "ours", "a-controller").await.unwrap();
        assert_eq!(finalizers(&fake), after);
    }
    let (_, old) = with(r#"["ours","theirs"]"#);
    let (fake, _) = with(r#"["new","theirs","ours"]"#);
    finalizer::remove(&fake.cluster(), &widgets(), &old, "ours", "a-controller").await.unwrap();
    assert_eq!(finalizers(&fake), ["new", "theirs"]);
}

#[tokio::test]
async fn an_object_that_was_replaced_is_not_touched() {
    let (fake, old) = with(r#"["ours"]"#);
    fake.0.lock().objects.get_mut(PATH).unwrap().set(&["metadata", "uid"], "another");
    let error = finalizer::remove(&fake.cluster(), &widgets(), &old, "ours", "a-controller").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(finalizers(&fake), ["ours"]);
    let mut new = old.clone();
    new.set(&["status", "x"], 1);
    let error = status::patch(&fake.cluster(), &widgets(), &old, &new, "us").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
}

/// INV-ACT-11
#[tokio::test]
async fn status_is_written_only_where_it_changed() {
    let (fake, widget) = with("");
    let cluster = fake.cluster();
    assert!(status::patch(&cluster, &widgets(), &widget, &widget, "us").await.unwrap().is_none());
    assert_eq!(fake.log().len(), 0);
    let mut ready = widget.clone();
    ready.set(&["status", "phase"], "Ready");
    ready.set(&["status", "old"], 1);
    let written = status::patch(&cluster, &widgets(), &widget, &ready, "us").await.unwrap().unwrap();
    assert_eq!(fake.log(), [format!("PATCH {PATH}/status")]);
    let mut next = written.clone();
    next.remove(&["status", "old"]);
    let patch = status::patch_between(&written, &next).unwrap();
    assert_eq!(patch.to_json(), r#"{"metadata":{"uid":"u"},"status":{"old":null}}"#);
}

fn ready(status: ConditionStatus, reason: &str, generation: i64) -> Condition {
    Condition {
        kind: "Ready".into(),
        status,
        reason: reason.into(),
        message: String::new(),
        observed_generation: generation,
        last_transition_time: String::new(),
    }
}

#[test]
fn the_transition_time_moves_as_the_rule_says() {
    let at = |second: i64| Timestamp::from_second(second).unwrap();
    for (rule, times) in [
        (Transition::Status, ["1970-01-01T00:00:01Z", "1970-01-01T00:00:01Z", "1970-01-01T00:00:03Z"]),
        (Transition::State, ["1970-01-01T00:00:01Z", "1970-01-01T00:00:02Z", "1970-01-01T00:00:03Z"]),
    ] {
        let mut all = Vec::new();
        assert!(conditions::set(&mut all, ready(ConditionStatus::Unknown, "A", 1), rule, at(1)));
        assert_eq!(all[0].last_transition_time, times[0]);
        assert!(conditions::set(&mut all, ready(ConditionStatus::Unknown, "B", 1), rule, at(2)));
        assert_eq!(all[0].last_transition_time, times[1]);
        assert!(conditions::set(&mut all, ready(ConditionStatus::True, "B", 1), rule, at(3)));
        assert!(!conditions::set(&mut all, ready(ConditionStatus::True, "B", 1), rule, at(4)));
        assert_eq!(all[0].last_transition_time, times[2]);
    }
}

#[test]
fn ready_stands_first_and_an_empty_list_is_no_field() {
    let mut all = Vec::new();
    for kind in ["Stalled", "Ready", "Healthy"] {
        let condition = Condition { kind: kind.into(), ..ready(ConditionStatus::True, "R", 1) };
        conditions::set(&mut all, condition, Transition::State, Timestamp::UNIX_EPOCH);
    }
    let kinds: Vec<&str> = all.iter().map(|c| c.kind.as_str()).collect();
    assert_eq!(kinds, ["Ready", "Healthy", "Stalled"]);
    let mut widget = object(r#"{"metadata":{"name":"a"}}"#);
    conditions::write(&mut widget, &all);
    assert_eq!(Condition::all(&widget), all);
    assert!(conditions::remove(&mut all, "Ready") && !conditions::remove(&mut all, "Ready"));
    conditions::write(&mut widget, &[]);
    assert_eq!(widget.at(&["status", "conditions"]), None);
}
