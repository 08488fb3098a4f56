//! What the server serves, and what it means that a kind is missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use belay_object::{GroupKind, GroupVersionKind};

use super::fake::{Reply, Sent, cluster, ok, status};
use crate::{ErrorKind, Identity};

const CORE: &str = r#"{"kind":"APIGroupDiscoveryList","items":[{"metadata":{},"versions":[{"version":"v1","freshness":"Current","resources":[
 {"resource":"pods","responseKind":{"group":"","version":"v1","kind":"Pod"},"scope":"Namespaced","singularResource":"pod","verbs":["get","list"],"shortNames":["po"],"subresources":[{"subresource":"log"}]},
 {"resource":"namespaces","responseKind":{"group":"","version":"v1","kind":"Namespace"},"scope":"Cluster","singularResource":"namespace","verbs":["get"],"shortNames":["ns"]}]}]}]}"#;
const GROUPS: &str = r#"{"kind":"APIGroupDiscoveryList","items":[
 {"metadata":{"name":"autoscaling"},"versions":[
  {"version":"v2","resources":[{"resource":"horizontalpodautoscalers","responseKind":{"kind":"HorizontalPodAutoscaler"},"scope":"Namespaced","singularResource":"horizontalpodautoscaler","verbs":["get"],"shortNames":["hpa"]}]},
  {"version":"v1","resources":[{"resource":"horizontalpodautoscalers","responseKind":{"kind":"HorizontalPodAutoscaler"},"scope":"Namespaced","singularResource":"horizontalpodautoscaler","verbs":["get"]}]}]},
 {"metadata":{"name":"metrics.k8s.io"},"versions":[{"version":"v1beta1","freshness":"Stale"}]}]}"#;
const WITH_WIDGET: &str = r#"{"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"example.com"},"versions":[{"version":"v1","resources":[{"resource":"widgets","responseKind":{"kind":"Widget"},"scope":"Namespaced","verbs":["get"]}]}]}]}"#;

fn aggregated(_: usize, sent: &Sent) -> Reply {
    if sent.line.ends_with("/api") { ok(CORE) } else { ok(GROUPS) }
}

#[tokio::test]
async fn kinds_are_found_with_two_requests_and_then_none() {
    let (cluster, notes) = cluster(aggregated);
    let pod = cluster.resolve(&GroupKind::new("", "Pod")).await.unwrap();
    assert_eq!((&*pod.plural, &*pod.version, pod.namespaced), ("pods", "v1", true));
    assert!(pod.supports("list") && !pod.supports("watch") && pod.has_subresource("log"));
    let namespace = cluster.resolve(&GroupKind::new("", "Namespace")).await.unwrap();
    assert!(!namespace.namespaced);
    let kind = GroupKind::new("autoscaling", "HorizontalPodAutoscaler");
    assert_eq!(&*cluster.resolve(&kind).await.unwrap().version, "v2");
    let old = GroupVersionKind::new("autoscaling", "v1", "HorizontalPodAutoscaler");
    assert_eq!(&*cluster.resolve_version(&old).await.unwrap().version, "v1");
    assert_eq!(notes.lines(), ["GET /api", "GET /apis"]);
    assert!(notes.all()[0].header("accept").contains("g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"));
}

#[tokio::test]
async fn names_are_understood_as_users_write_them() {
    let (cluster, _) = cluster(aggregated);
    let catalog = cluster.catalog().await.unwrap();
    let found = |name: &str| catalog.find_name(name).map(|r| format!("{}/{}", r.qualified_plural(), r.version));
    for name in ["pod", "pods", "Pod", "po", "PO"] {
        assert_eq!(found(name).as_deref(), Some("pods/v1"), "{name}");
    }
    let hpa = "horizontalpodautoscalers";
    assert_eq!(found("hpa").unwrap(), format!("{hpa}.autoscaling/v2"));
    assert_eq!(found(&format!("{hpa}.v1.autoscaling")).unwrap(), format!("{hpa}.autoscaling/v1"));
    assert_eq!(found("horizontalpodautoscaler.autoscaling").unwrap(), format!("{hpa}.autoscaling/v2"));
    assert_eq!((found("nothing"), found("pods.apps")), (None, None));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_appears_is_found_and_misses_are_not_asked_without_end() {
    let there = Arc::new(AtomicBool::new(false));
    let flag = there.clone();
    let (cluster, notes) = cluster(move |_, sent| match sent.line.ends_with("/api") {
        true => ok(CORE),
        false if flag.load(Ordering::Relaxed) => ok(WITH_WIDGET),
        false => ok(GROUPS),
    });
    let widget = GroupKind::new("example.com", "Widget");
    let error = cluster.resolve(&widget).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownKind);
    assert_eq!(
        error.to_string(),
        "resolve on fake: no matches for kind \"Widget\" in group \"example.com\"; is its CustomResourceDefinition installed?"
    );
    for _ in 0..100 {
        assert!(cluster.resolve(&widget).await.is_err());
    }
    assert_eq!(notes.lines().len(), 2);
    there.store(true, Ordering::Relaxed);
    // A definition was applied: found at once.
    cluster.invalidate_discovery();
    assert!(cluster.resolve(&widget).await.is_ok());
    assert_eq!(notes.lines().len(), 4);
    // Without news a miss is asked for again after a while.
    there.store(false, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(cluster.resolve(&GroupKind::new("example.com", "Gadget")).await.is_err());
    assert_eq!(notes.lines().len(), 6);
}

#[tokio::test]
async fn many_that_wait_for_discovery_share_one_asking() {
    let (cluster, notes) = cluster(aggregated);
    let all = (0..50).map(|_| async { cluster.resolve(&GroupKind::new("", "Pod")).await.is_ok() });
    assert!(futures::future::join_all(all).await.into_iter().all(|found| found));
    assert_eq!(notes.lines().len(), 2);
}

/// INV-REN-6: a group that cannot be asked says nothing about its kinds.
#[tokio::test]
async fn a_group_that_is_down_is_no_unknown_kind() {
    let (cluster, _) = cluster(aggregated);
    let error = cluster.resolve(&GroupKind::new("metrics.k8s.io", "PodMetrics")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let error =
        cluster.resolve_version(&GroupVersionKind::new("autoscaling", "v2beta1", "HorizontalPodAutoscaler")).await;
    let error = error.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnknownKind);
    assert!(error.message().ends_with("is served as v2, v1"), "{error}");
}

#[tokio::test]
async fn an_old_server_is_asked_group_by_group() {
    let (cluster, _) = cluster(|_, sent| match sent.line.as_str() {
        "GET /api" => ok(r#"{"kind":"APIVersions","versions":["v1"]}"#),
        "GET /api/v1" => ok(
            r#"{"kind":"APIResourceList","resources":[{"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["get"]},{"name":"pods/log","kind":"Pod","verbs":["get"]}]}"#,
        ),
        "GET /apis" => ok(
            r#"{"kind":"APIGroupList","groups":[{"name":"apps","versions":[{"version":"v1beta1"},{"version":"v1"}],"preferredVersion":{"version":"v1"}},{"name":"broken","versions":[{"version":"v1"}],"preferredVersion":{"version":"v1"}}]}"#,
        ),
        "GET /apis/apps/v1" | "GET /apis/apps/v1beta1" => ok(
            r#"{"kind":"APIResourceList","resources":[{"name":"deployments","singularName":"","namespaced":true,"kind":"Deployment","verbs":["get"],"shortNames":["deploy"]}]}"#,
        ),
        "GET /apis/broken/v1" => status(403, "Forbidden"),
        other => panic!("unexpected {other}"),
    });
    let pod = cluster.resolve(&GroupKind::new("", "Pod")).await.unwrap();
    assert!(pod.has_subresource("log"));
    assert_eq!(&*cluster.resolve(&GroupKind::new("apps", "Deployment")).await.unwrap().version, "v1");
    assert_eq!(cluster.catalog().await.unwrap().resources().len(), 3);
    let error = cluster.resolve(&GroupKind::new("broken", "Thing")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn discovery_is_asked_as_ourselves_whoever_wants_to_know() {
    let (cluster, notes) = cluster(aggregated);
    let tenant = cluster.impersonate(&Identity::user("tenant").unwrap()).unwrap();
    tenant.resolve(&GroupKind::new("", "Pod")).await.unwrap();
    assert!(notes.all().iter().all(|s| s.header("impersonate-user").is_empty()));
}
