//! Versions, history, snapshots.

use std::sync::Arc;

use belay_object::Object;

use super::*;

fn store(max_events: usize) -> Store {
    Store::new(HistoryLimits { max_events, max_bytes: 1 << 20 })
}
fn object(name: &str, value: i64) -> Object {
    let mut object = Object::of("v1", "ConfigMap", "n", name);
    object.set(&["data", "v"], value);
    object
}
fn names(list: &List) -> Vec<String> {
    list.items.iter().map(|s| format!("{}={}", s.name(), s.at(&["data", "v"]).unwrap().to_json())).collect()
}
fn everything<'a>() -> ListOptions<'a> {
    ListOptions { namespace: "n", at: None, after: None, limit: 0, select: &|_| true }
}

#[test]
fn inv_api_2_a_write_against_a_stale_version_is_refused_and_shows_the_live_object() {
    let table = store(10).table("", "configmaps");
    let first = table.insert("n/a", object("a", 1), None).unwrap();
    let second = table.replace("n/a", first.version(), object("a", 2)).unwrap();
    let stale = table.replace("n/a", first.version(), object("a", 3)).unwrap_err();
    assert_eq!(stale.0.unwrap().version(), second.version());
    assert!(table.remove("n/a", first.version(), None).is_err());
    assert!(table.remove("n/b", 1, None).unwrap_err().0.is_none());
}

#[test]
fn inv_api_2_a_page_goes_on_in_the_snapshot_that_its_first_page_saw() {
    let table = store(100).table("", "configmaps");
    for name in ["a", "b", "c", "d"] {
        table.insert(&format!("n/{name}"), object(name, 1), None).unwrap();
    }
    let first = table.list(&ListOptions { limit: 2, ..everything() }).unwrap();
    assert_eq!(names(&first), ["a=1", "b=1"]);
    assert_eq!((first.next.as_deref(), first.remaining), (Some("n/b"), 2));
    let c = table.get("n/c").unwrap();
    table.replace("n/c", c.version(), object("c", 2)).unwrap();
    let d = table.get("n/d").unwrap();
    table.remove("n/d", d.version(), None).unwrap();
    table.insert("n/e", object("e", 1), None).unwrap();
    let rest =
        table.list(&ListOptions { at: Some(first.version), after: first.next.as_deref(), ..everything() }).unwrap();
    assert_eq!(names(&rest), ["c=1", "d=1"]);
    assert_eq!(names(&table.list(&everything()).unwrap()), ["a=1", "b=1", "c=2", "e=1"]);
}

#[test]
fn a_snapshot_older_than_the_history_is_gone() {
    let table = store(2).table("", "configmaps");
    let first = table.insert("n/a", object("a", 1), None).unwrap();
    for name in ["b", "c", "d"] {
        table.insert(&format!("n/{name}"), object(name, 1), None).unwrap();
    }
    assert!(table.list(&ListOptions { at: Some(first.version()), ..everything() }).is_err());
}

#[test]
fn inv_api_1_a_watcher_sees_every_event_once_in_order_and_can_resume_anywhere() {
    let table = store(100).table("", "configmaps");
    let mut watcher = table.watch(FIRST_VERSION).unwrap();
    let a = table.insert("n/a", object("a", 1), None).unwrap();
    let b = table.replace("n/a", a.version(), object("a", 2)).unwrap();
    let c = table.remove("n/a", b.version(), None).unwrap();
    let kinds = |events: &[Arc<Event>]| events.iter().map(|e| (e.kind, e.version())).collect::<Vec<_>>();
    let all = [(EventKind::Added, a.version()), (EventKind::Modified, b.version()), (EventKind::Deleted, c.version())];
    assert_eq!(kinds(&watcher.poll().unwrap()), all);
    assert!(watcher.poll().unwrap().is_empty());
    for (seen, from) in [FIRST_VERSION, a.version(), b.version(), c.version()].into_iter().enumerate() {
        assert_eq!(kinds(&table.watch(from).unwrap().poll().unwrap()), all[seen..]);
    }
}

#[test]
fn a_watcher_that_falls_behind_the_history_is_told_so() {
    let table = store(2).table("", "configmaps");
    let mut watcher = table.watch(FIRST_VERSION).unwrap();
    for name in ["a", "b", "c"] {
        table.insert(&format!("n/{name}"), object(name, 1), None).unwrap();
    }
    assert!(watcher.poll().is_err());
    assert!(table.watch(FIRST_VERSION).is_err());
}

#[test]
fn nothing_is_created_in_a_namespace_that_is_absent_or_ends() {
    let store = store(10);
    let namespaces = store.table("", "namespaces");
    let table = store.table("", "configmaps");
    let missing = table.insert("n/a", object("a", 1), Some(&namespaces)).unwrap_err();
    assert!(matches!(missing, InsertError::NoNamespace));
    let live = namespaces.insert("n", Object::of("v1", "Namespace", "", "n"), None).unwrap();
    table.insert("n/a", object("a", 1), Some(&namespaces)).unwrap();
    let mut ending = live.object().clone();
    ending.set(&["metadata", "deletionTimestamp"], "2026-01-01T00:00:00Z");
    namespaces.replace("n", live.version(), ending).unwrap();
    let ends = table.insert("n/b", object("b", 1), Some(&namespaces)).unwrap_err();
    assert!(matches!(ends, InsertError::NamespaceEnds));
}
