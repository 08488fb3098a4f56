//! Live views: sharing, summaries, changes, and what a restart takes away.

use std::sync::Arc;
use std::time::Duration;

use belay_object::Object;
use parking_lot::Mutex;

use super::fake::{cluster, status};
use super::follow::{Scripts, bookmark, event};
use crate::{Change, CrView, Entry, ErrorKind, Resource, Summarize, Uid, ViewScope, Views};

const PATIENCE: Duration = Duration::from_secs(60);
const LINGER: Duration = Duration::from_secs(30);

fn config_maps() -> Arc<Resource> {
    Resource::known("", "v1", "ConfigMap", "configmaps", true)
}

/// Keeps the first letter of the name; `skip` is of no interest.
struct FirstLetter;
impl Summarize for FirstLetter {
    type Summary = char;
    fn summarize(&self, _: &Resource, object: Object) -> Option<char> {
        object.name().chars().next().filter(|_| object.name() != "skip")
    }
}

/// Changes in short: `+a`, `~a`, `-a`.
fn noted<S: 'static>(views: &Views<impl Summarize<Summary = S>>) -> Arc<Mutex<Vec<String>>> {
    let notes = Arc::new(Mutex::new(Vec::new()));
    let kept = notes.clone();
    views.on_change(move |change: &Change<S>| {
        let sign = match (&change.before, &change.after) {
            (None, _) => '+',
            (Some(_), Some(_)) => '~',
            (Some(_), None) => '-',
        };
        kept.lock().push(format!("{sign}{}", change.key.name));
    });
    notes
}

async fn settle() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

#[tokio::test(start_paused = true)]
async fn views_of_one_kind_share_one_watch_that_ends_after_the_last() {
    let scripts = Scripts::default();
    let server = scripts.clone();
    let (cluster, notes) = cluster(move |_, _| server.stream(&[event("ADDED", "a", 3), bookmark(5, true)]));
    let views = Views::new(cluster, FirstLetter, LINGER);
    assert_eq!(notes.lines().len(), 0);
    let first = views.view(&config_maps(), &ViewScope::default());
    let second = views.view(&config_maps(), &ViewScope::default());
    let other = views.view(&config_maps(), &ViewScope::labelled("x=y"));
    first.synced(PATIENCE).await.unwrap();
    other.synced(PATIENCE).await.unwrap();
    assert_eq!((second.len(), second.get("shop", "a").unwrap().summary), (1, 'a'));
    assert_eq!((notes.lines().len(), notes.count("labelSelector=x%3Dy")), (2, 1));
    drop((first, second));
    tokio::time::sleep(LINGER / 2).await;
    let again = views.view(&config_maps(), &ViewScope::default());
    tokio::time::sleep(LINGER * 2).await;
    // Interest came back in time: the watch went on, and no request was sent.
    assert!(again.is_synced());
    assert_eq!(notes.lines().len(), 2);
    drop(again);
    tokio::time::sleep(LINGER * 2).await;
    assert_eq!(views.watched().len(), 1);
    let fresh = views.view(&config_maps(), &ViewScope::default());
    assert!(!fresh.is_synced());
    fresh.synced(PATIENCE).await.unwrap();
    assert_eq!(notes.lines().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn only_changes_of_interest_are_told() {
    let scripts = Scripts::default();
    let server = scripts.clone();
    let (cluster, _) = cluster(move |_, _| server.stream(&[event("ADDED", "a", 3), bookmark(5, true)]));
    let views = Views::new(cluster, FirstLetter, LINGER);
    let told = noted(&views);
    let view = views.view(&config_maps(), &ViewScope::default());
    view.synced(PATIENCE).await.unwrap();
    // Nothing but the version is new.
    scripts.send(event("MODIFIED", "a", 6));
    scripts.send(event("ADDED", "skip", 7));
    scripts.send(event("ADDED", "b", 8));
    scripts.send(event("MODIFIED", "a", 9).replace("\"uid\":\"u-a\"", "\"uid\":\"u-new\""));
    scripts
        .send(event("MODIFIED", "b", 10).replace("\"uid\"", "\"deletionTimestamp\":\"2026-01-01T00:00:00Z\",\"uid\""));
    scripts.send(event("DELETED", "b", 11));
    scripts.send(event("DELETED", "never-seen", 12));
    settle().await;
    assert_eq!(*told.lock(), ["+a", "+b", "~a", "~b", "-b"]);
    let entry = view.get("shop", "a").unwrap();
    assert_eq!((entry.uid.to_string().as_str(), &*entry.resource_version), ("u-new", "9"));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_after_a_restart_is_gone() {
    let scripts = Scripts::default();
    let server = scripts.clone();
    let (cluster, _) = cluster(move |n, _| match n {
        0 => server.stream(&[event("ADDED", "a", 3), event("ADDED", "b", 4), bookmark(5, true)]),
        1 => status(410, "Expired"),
        _ => server.stream(&[event("ADDED", "b", 4), event("ADDED", "c", 40), bookmark(41, true)]),
    });
    let views = Views::new(cluster, FirstLetter, LINGER);
    let told = noted(&views);
    let view = views.view(&config_maps(), &ViewScope::default());
    view.synced(PATIENCE).await.unwrap();
    scripts.end();
    let seen = view.wait_for(PATIENCE, |view| view.get("shop", "a").is_none().then(|| view.len())).await;
    assert_eq!(seen, Some(2));
    assert_eq!(*told.lock(), ["+a", "+b", "+c", "-a"]);
    assert!(view.is_synced());
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_at_once_and_trouble_that_may_pass_is_waited_for() {
    let (forbidden, _) = cluster(|_, _| status(403, "Forbidden"));
    let views = Views::new(forbidden, FirstLetter, LINGER);
    let view = views.view(&config_maps(), &ViewScope::default());
    assert_eq!(view.synced(PATIENCE).await.unwrap_err().kind(), ErrorKind::Forbidden);
    let scripts = Scripts::default();
    let (flaky, _) = cluster(move |n, _| match n < 12 {
        true => status(500, "InternalError"),
        false => scripts.stream(&[bookmark(5, true)]),
    });
    let views = Views::new(flaky, FirstLetter, LINGER);
    let view = views.view(&config_maps(), &ViewScope::default());
    view.synced(Duration::from_secs(600)).await.unwrap();
    assert!(view.trouble().is_none());
}

#[tokio::test(start_paused = true)]
async fn own_kinds_are_kept_whole_but_for_managed_fields() {
    let scripts = Scripts::default();
    let (cluster, _) = cluster(move |_, _| {
        let whole =
            event("ADDED", "a", 3).replace("\"uid\"", "\"managedFields\":[{}],\"labels\":{\"x\":\"y\"},\"uid\"");
        scripts.stream(&[whole, bookmark(5, true)])
    });
    let views = Views::of_whole_objects(cluster, LINGER);
    let view: CrView = views.view(&config_maps(), &ViewScope::default());
    view.synced(PATIENCE).await.unwrap();
    let object = view.object("shop", "a").unwrap();
    assert_eq!(object.label("x"), Some("y"));
    assert!(object.at(&["metadata", "managedFields"]).is_none());
    assert_eq!(view.objects().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_is_seen_makes_discovery_ask_again() {
    let scripts = Scripts::default();
    let server = scripts.clone();
    let (cluster, notes) = cluster(move |_, sent| match sent.line.contains("watch=true") {
        true => server.stream(&[bookmark(5, true)]),
        false => super::fake::ok(r#"{"kind":"APIGroupDiscoveryList","items":[]}"#),
    });
    cluster.catalog().await.unwrap();
    let definitions =
        Resource::known("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false);
    let views = Views::new(cluster.clone(), FirstLetter, LINGER);
    let view = views.view(&definitions, &ViewScope::default());
    view.synced(PATIENCE).await.unwrap();
    cluster.catalog().await.unwrap();
    assert_eq!(notes.count("GET /apis"), 1 + 1);
    scripts.send(event("ADDED", "widgets", 6));
    settle().await;
    cluster.catalog().await.unwrap();
    assert_eq!(notes.lines().iter().filter(|l| *l == "GET /apis").count(), 2);
}

#[test]
fn a_uid_is_small_and_reads_as_it_was_written() {
    for text in ["0b1f6a2e-3c4d-4e5f-8a9b-0c1d2e3f4a5b", "0B1F6A2E-3C4D-4E5F-8A9B-0C1D2E3F4A5B", "u-1", ""] {
        assert_eq!(Uid::new(text).to_string(), text);
    }
    // A name of 30 bytes beside it and a summary of 100 stay within the 300 bytes planned.
    assert!(size_of::<Entry<()>>() <= 64, "{}", size_of::<Entry<()>>());
}
