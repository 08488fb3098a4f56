//! What goes over the wire, what comes back, and what is tried again.

use std::sync::Arc;
use std::time::Duration;

use belay_object::{Object, object};
use tokio::time::Instant;

use super::fake::{Reply, Sent, cluster, json, ok, status};
use crate::{
    ApplyOptions, DeleteOptions, ErrorKind, Fence, Identity, ListOptions, LogOptions, Patch, Propagation, Resource,
    Verb, WriteOptions,
};

fn config_maps() -> Arc<Resource> {
    Resource::known("", "v1", "ConfigMap", "configmaps", true)
}
fn deployments() -> Arc<Resource> {
    Resource::known("apps", "v1", "Deployment", "deployments", true)
}
fn named(namespace: &str, name: &str) -> Object {
    Object::new(json(&format!(r#"{{"metadata":{{"namespace":"{namespace}","name":"{name}"}}}}"#))).unwrap()
}
fn echo(_: usize, _: &Sent) -> Reply {
    ok(r#"{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"shop"}}"#)
}

#[tokio::test]
async fn requests_stand_under_their_documented_paths() {
    let (cluster, notes) = cluster(echo);
    let maps = config_maps();
    let roles = Resource::known("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false);
    cluster.get(&maps, "shop", "a").await.unwrap();
    cluster.get(&roles, "ignored", "system:admin").await.unwrap();
    cluster.create(&deployments(), &named("shop", "a"), &WriteOptions::default()).await.unwrap();
    let apply = ApplyOptions { field_manager: "a b&c".into(), force: true, dry_run: true, ..Default::default() };
    cluster.apply(&deployments(), &named("shop", "a"), &apply).await.unwrap();
    cluster.apply_status(&deployments(), &named("shop", "a"), &apply).await.unwrap();
    cluster.replace(&maps, &named("shop", "a"), &WriteOptions::default()).await.unwrap();
    let patch = Patch::Merge(object! { "data" => object! {} });
    cluster.patch_status(&deployments(), "shop", "a", &patch, &WriteOptions::default()).await.unwrap();
    let logs = LogOptions { container: "web".into(), tail_lines: Some(5), ..Default::default() };
    cluster.logs("shop", "pod", &logs).await.unwrap();
    assert_eq!(
        notes.lines(),
        [
            "GET /api/v1/namespaces/shop/configmaps/a",
            "GET /apis/rbac.authorization.k8s.io/v1/clusterroles/system:admin",
            "POST /apis/apps/v1/namespaces/shop/deployments",
            "PATCH /apis/apps/v1/namespaces/shop/deployments/a?fieldManager=a%20b%26c&force=true&dryRun=All",
            "PATCH /apis/apps/v1/namespaces/shop/deployments/a/status?fieldManager=a%20b%26c&force=true&dryRun=All",
            "PUT /api/v1/namespaces/shop/configmaps/a",
            "PATCH /apis/apps/v1/namespaces/shop/deployments/a/status",
            "GET /api/v1/namespaces/shop/pods/pod/log?container=web&tailLines=5",
        ]
    );
    let sent = notes.all();
    assert_eq!(sent[3].header("content-type"), "application/apply-patch+yaml");
    assert_eq!(sent[6].header("content-type"), "application/merge-patch+json");
    assert_eq!(cluster.counters().of(Verb::Apply, "deployments.apps"), 2);
    assert_eq!((cluster.counters().total(), cluster.counters().writes()), (8, 5));
}

#[tokio::test]
async fn a_name_cannot_step_out_of_its_path() {
    let (cluster, notes) = cluster(echo);
    for name in ["", ".", "..", "a/b", "a%2fb"] {
        let error = cluster.get(&config_maps(), "shop", name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{name:?}");
        assert_eq!(cluster.get(&config_maps(), name, "a").await.unwrap_err().kind(), ErrorKind::Config, "{name:?}");
    }
    cluster.get(&config_maps(), "shop", "a?b#c d").await.unwrap();
    assert_eq!(notes.lines(), ["GET /api/v1/namespaces/shop/configmaps/a%3Fb%23c%20d"]);
    let error = cluster.create(&config_maps(), &named("", "a"), &WriteOptions::default()).await.unwrap_err();
    assert_eq!(error.message(), r#"ConfigMap "a" is namespaced and its metadata names no namespace"#);
}

#[tokio::test]
async fn a_delete_carries_its_preconditions() {
    let (cluster, notes) = cluster(|n, _| match n {
        0 => ok(r#"{"kind":"Status","status":"Success"}"#),
        _ => ok(r#"{"kind":"ConfigMap","metadata":{"name":"a","deletionTimestamp":"2026-01-01T00:00:00Z"}}"#),
    });
    let options = DeleteOptions {
        uid: "u1".into(),
        resource_version: "7".into(),
        propagation: Some(Propagation::Background),
        ..Default::default()
    };
    assert!(cluster.delete(&config_maps(), "shop", "a", &options).await.unwrap().is_none());
    let remains = cluster.delete(&config_maps(), "shop", "a", &DeleteOptions::default()).await.unwrap();
    assert!(remains.unwrap().is_deleting());
    assert_eq!(
        notes.all()[0].body,
        json(
            r#"{"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":"u1","resourceVersion":"7"},"propagationPolicy":"Background"}"#
        )
    );
}

#[tokio::test]
async fn a_list_follows_its_pages_and_completes_its_items() {
    let (cluster, notes) = cluster(|_, sent| match sent.line.contains("continue=") {
        false => ok(
            r#"{"kind":"ConfigMapList","metadata":{"resourceVersion":"9","continue":"t/1="},"items":[{"metadata":{"name":"a","namespace":"shop"}}]}"#,
        ),
        true => ok(
            r#"{"kind":"ConfigMapList","metadata":{"resourceVersion":"9"},"items":[{"metadata":{"name":"b","namespace":"shop"}}]}"#,
        ),
    });
    let options = ListOptions { labels: "app in (a,b)".into(), resource_version: "0".into(), ..Default::default() };
    let list = cluster.list(&config_maps(), "", &options).await.unwrap();
    let keys: Vec<String> = list.items.iter().map(|o| o.key().to_string()).collect();
    assert_eq!(keys, ["ConfigMap/shop/a", "ConfigMap/shop/b"]);
    assert_eq!((list.resource_version.as_str(), list.items[0].api_version()), ("9", "v1"));
    assert_eq!(
        notes.lines(),
        [
            "GET /api/v1/configmaps?labelSelector=app%20in%20%28a%2Cb%29&limit=500&resourceVersion=0",
            "GET /api/v1/configmaps?labelSelector=app%20in%20%28a%2Cb%29&limit=500&continue=t%2F1%3D",
        ]
    );
}

#[tokio::test]
async fn a_list_whose_token_expired_is_read_again_as_a_whole() {
    let (cluster, notes) = cluster(|n, _| match n {
        0 => ok(
            r#"{"kind":"ConfigMapList","metadata":{"resourceVersion":"9","continue":"t"},"items":[{"metadata":{"name":"old"}}]}"#,
        ),
        1 => status(410, "Expired"),
        _ => {
            ok(r#"{"kind":"ConfigMapList","metadata":{"resourceVersion":"12"},"items":[{"metadata":{"name":"new"}}]}"#)
        }
    });
    let list = cluster.list(&config_maps(), "shop", &ListOptions::default()).await.unwrap();
    assert_eq!((list.items.len(), list.items[0].name(), list.resource_version.as_str()), (1, "new", "12"));
    assert_eq!(notes.lines()[2], "GET /api/v1/namespaces/shop/configmaps");
}

#[tokio::test]
async fn metadata_alone_comes_under_the_kinds_own_name() {
    let (cluster, notes) = cluster(|_, _| {
        ok(
            r#"{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1","metadata":{},"items":[{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{"name":"a","namespace":"shop"}}]}"#,
        )
    });
    let list = cluster.list_metadata(&deployments(), "shop", &ListOptions::default()).await.unwrap();
    assert_eq!((list.items[0].api_version(), list.items[0].kind()), ("apps/v1", "Deployment"));
    assert!(notes.all()[0].header("accept").starts_with("application/json;as=PartialObjectMetadataList;"));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_has_its_kind_and_the_servers_own_words() {
    let cases = [
        (404, "NotFound", ErrorKind::NotFound),
        (409, "AlreadyExists", ErrorKind::AlreadyExists),
        (409, "Conflict", ErrorKind::Conflict),
        (422, "Invalid", ErrorKind::Invalid),
        (400, "BadRequest", ErrorKind::BadRequest),
        (401, "Unauthorized", ErrorKind::Unauthorized),
        (403, "Forbidden", ErrorKind::Forbidden),
        (405, "MethodNotAllowed", ErrorKind::MethodNotAllowed),
        (410, "Expired", ErrorKind::Gone),
        (413, "RequestEntityTooLarge", ErrorKind::TooLarge),
        (429, "TooManyRequests", ErrorKind::TooManyRequests { retry_after: None }),
        (500, "InternalError", ErrorKind::Internal),
        (500, "ServerTimeout", ErrorKind::ServerTimeout),
        (503, "ServiceUnavailable", ErrorKind::Unavailable),
        (504, "Timeout", ErrorKind::ServerTimeout),
    ];
    for (code, reason, kind) in cases {
        let (cluster, _) = cluster(move |_, _| status(code, reason));
        let error = cluster.get(&config_maps(), "shop", "a").await.unwrap_err();
        assert_eq!((error.kind(), error.reason()), (kind, reason));
        assert!(error.to_string().starts_with(&format!("get ConfigMap/shop/a on fake: {reason} said")), "{error}");
    }
}

#[tokio::test]
async fn a_path_that_is_not_served_is_no_absent_object() {
    for reply in [
        || Reply::Text(404, "404 page not found\n"),
        || {
            ok_status(
                r#"{"kind":"Status","code":404,"reason":"NotFound","message":"the server could not find the requested resource","details":{}}"#,
            )
        },
    ] {
        let (cluster, _) = cluster(move |_, _| reply());
        let error = cluster.find(&deployments(), "shop", "a").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownKind);
    }
    let (cluster, _) = cluster(|_, _| status(404, "NotFound"));
    assert!(cluster.find(&deployments(), "shop", "a").await.unwrap().is_none());
}

fn ok_status(text: &str) -> Reply {
    Reply::Json(404, json(text))
}

#[tokio::test]
async fn a_field_conflict_names_its_fields() {
    let (cluster, _) = cluster(|_, _| {
        Reply::Json(
            409,
            json(
                r#"{"kind":"Status","code":409,"reason":"Conflict","message":"Apply failed with 1 conflict: conflict with \"two\": .data.k","details":{"causes":[{"reason":"FieldManagerConflict","field":".data.k","message":"conflict with \"two\""}]}}"#,
            ),
        )
    });
    let options = ApplyOptions { field_manager: "one".into(), ..Default::default() };
    let error = cluster.apply(&config_maps(), &named("shop", "a"), &options).await.unwrap_err();
    assert!(error.is_field_conflict());
    assert_eq!(error.status().unwrap().causes[0].field, ".data.k");
}

/// How many requests one call costs where the first `bad` answers are `reply`, and what comes of it.
async fn tries(verb: Verb, bad: usize, reply: fn() -> Reply) -> (usize, Result<Object, ErrorKind>) {
    let (cluster, notes) = cluster(move |n, sent| if n < bad { reply() } else { echo(n, sent) });
    let maps = config_maps();
    let result = match verb {
        Verb::Create => cluster.create(&maps, &named("shop", "a"), &WriteOptions::default()).await,
        Verb::Apply => {
            let options = ApplyOptions { field_manager: "m".into(), ..Default::default() };
            cluster.apply(&maps, &named("shop", "a"), &options).await
        }
        _ => cluster.get(&maps, "shop", "a").await,
    };
    (notes.lines().len(), result.map_err(|e| e.kind()))
}

#[tokio::test(start_paused = true)]
async fn what_does_no_harm_is_tried_again() {
    let unavailable: fn() -> Reply = || status(503, "ServiceUnavailable");
    let reset: fn() -> Reply = || Reply::Reset;
    let hang: fn() -> Reply = || Reply::Hang;
    for reply in [unavailable, reset, hang] {
        for verb in [Verb::Get, Verb::Apply] {
            let (count, result) = tries(verb, 1, reply).await;
            assert_eq!((count, result.is_ok()), (2, true), "{verb:?}");
        }
        // A create may have reached the server: whether it did is for the caller to find out.
        let (count, result) = tries(Verb::Create, 1, reply).await;
        assert_eq!((count, result.is_ok()), (1, false));
    }
    // 429 means that nothing was done.
    assert_eq!(tries(Verb::Create, 2, || Reply::RetryAfter(429, 1)).await.0, 3);
    // What the object itself causes is not tried again.
    assert_eq!(tries(Verb::Get, 9, || status(422, "Invalid")).await, (1, Err(ErrorKind::Invalid)));
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_for_as_long_as_the_server_says() {
    let began = Instant::now();
    assert_eq!(tries(Verb::Get, 1, || Reply::RetryAfter(429, 7)).await.0, 2);
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(7) && took < Duration::from_secs(9), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_request_ends_at_its_deadline() {
    let (cluster, notes) = cluster(|_, _| Reply::Hang);
    let began = Instant::now();
    let error = cluster.with_timeout(Duration::from_secs(2)).get(&config_maps(), "shop", "a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(error.to_string(), "get ConfigMap/shop/a on fake: no answer within 2 s");
    assert!(began.elapsed() <= Duration::from_secs(7) && notes.lines().len() >= 2);
}

#[tokio::test]
async fn impersonation_stands_on_every_request_of_its_cluster_alone() {
    let (cluster, notes) = cluster(echo);
    let identity = Identity::service_account("shop", "deployer").unwrap().with_groups(["a".into(), "b".into()]);
    let identity = identity.with_uid("u").with_extra("Scopes/x", "y");
    let tenant = cluster.impersonate(&identity).unwrap();
    tenant.get(&config_maps(), "shop", "a").await.unwrap();
    tenant.delete(&config_maps(), "shop", "a", &DeleteOptions::default()).await.unwrap();
    cluster.get(&config_maps(), "shop", "a").await.unwrap();
    let sent = notes.all();
    for request in &sent[..2] {
        assert_eq!(request.header("impersonate-user"), "system:serviceaccount:shop:deployer");
        let groups: Vec<_> = request.headers.get_all("impersonate-group").iter().collect();
        assert_eq!(groups, ["a", "b"]);
        assert_eq!(request.header("impersonate-uid"), "u");
        assert_eq!(request.header("impersonate-extra-scopes%2fx"), "y");
    }
    assert_eq!(sent[2].header("impersonate-user"), "");
    assert!(tenant.is_same_server(&cluster));
}

/// INV-AUTHN-2
#[test]
fn an_empty_user_is_never_our_own() {
    for user in ["", "  "] {
        assert_eq!(Identity::user(user).unwrap_err().kind(), ErrorKind::Config);
    }
    assert!(Identity::service_account("", "a").is_err() && Identity::service_account("a", "").is_err());
    assert!(Identity::user("a\nb").unwrap().headers().is_err());
}

#[tokio::test]
async fn a_log_comes_line_by_line() {
    let (cluster, _) = cluster(|_, _| Reply::Text(200, "one\n\nthree"));
    let mut log = cluster.logs("shop", "pod", &LogOptions::default()).await.unwrap();
    let mut lines = Vec::new();
    while let Some(line) = log.next_line().await.unwrap() {
        lines.push(line);
    }
    assert_eq!(lines, ["one", "", "three"]);
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_the_limit_wait_and_urgent_ones_do_not() {
    let (cluster, notes) = cluster(|_, sent| match sent.line.contains("/held/") {
        true => Reply::Hang,
        false => echo(0, sent),
    });
    let limit = cluster.limiter().limit();
    for _ in 0..limit {
        let cluster = cluster.clone();
        tokio::spawn(async move { cluster.get(&config_maps(), "held", "a").await });
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    let waiting = tokio::spawn({
        let cluster = cluster.clone();
        async move { cluster.get(&config_maps(), "shop", "a").await }
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!((cluster.limiter().waiting(), notes.count("/shop/")), (1, 0));
    cluster.urgent().get(&config_maps(), "shop", "lease").await.unwrap();
    assert_eq!(notes.count("/shop/"), 1);
    // The held ones time out and make room.
    waiting.await.unwrap().unwrap();
}

/// INV-ACT-8: also the second try of a write asks the fence.
#[tokio::test(start_paused = true)]
async fn a_fence_that_closes_stops_writes_and_not_reads() {
    struct Closing(std::sync::atomic::AtomicI32);
    impl Fence for Closing {
        fn check(&self) -> Result<(), String> {
            let left = self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
            (left > 0).then_some(()).ok_or_else(|| "the lease is lost".to_owned())
        }
    }
    let (cluster, notes) = cluster(|_, sent| match sent.line.starts_with("GET") {
        true => echo(0, sent),
        false => Reply::RetryAfter(429, 1),
    });
    let cluster = cluster.fenced(Arc::new(Closing(2.into())));
    let options = ApplyOptions { field_manager: "m".into(), ..Default::default() };
    let error = cluster.apply(&config_maps(), &named("shop", "a"), &options).await.unwrap_err();
    assert_eq!((error.kind(), notes.lines().len()), (ErrorKind::Fenced, 2));
    assert_eq!(error.to_string(), "apply ConfigMap/shop/a on fake: the lease is lost");
    cluster.get(&config_maps(), "shop", "a").await.unwrap();
}
