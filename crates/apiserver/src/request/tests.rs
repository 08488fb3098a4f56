//! Paths and queries.

use super::*;

#[track_caller]
fn check(path: &str, expected: &str) {
    let found = match Target::parse(path) {
        None => "nowhere".to_owned(),
        Some(Target::Resource(p)) => {
            format!("{}|{}|{}|{}|{}|{}", p.group, p.version, p.namespace, p.resource, p.name, p.subresource)
        }
        Some(other) => format!("{other:?}"),
    };
    assert_eq!(found, expected, "{path}");
}

#[test]
fn paths_are_read_by_their_segments() {
    check("/api", "Root { core: true }");
    check("/apis/apps", "Group(\"apps\")");
    check("/apis/apps/v1/", "Version { group: \"apps\", version: \"v1\" }");
    check("/api/v1/namespaces", "|v1||namespaces||");
    check("/api/v1/namespaces/shop", "|v1||namespaces|shop|");
    check("/api/v1/namespaces/shop/status", "|v1||namespaces|shop|status");
    check("/api/v1/namespaces/shop/pods", "|v1|shop|pods||");
    check("/api/v1/namespaces/shop/pods/a/log", "|v1|shop|pods|a|log");
    check("/apis/apps/v1/deployments", "apps|v1||deployments||");
    check(
        "/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode",
        "rbac.authorization.k8s.io|v1||clusterroles|system:node|",
    );
    check("/healthz", "Plain");
}

#[test]
fn inv_api_4_a_segment_cannot_smuggle_another_path_in() {
    check("/api/v1/namespaces/a%2Fpods/pods", "nowhere");
    check("/api/v1/namespaces/../pods", "nowhere");
    check("/api/v1/namespaces/%2e%2e/pods", "nowhere");
    check("/api/v1/namespaces//pods", "nowhere");
    check("/api/v1/pods/a%00b", "nowhere");
    check("/api/v1/pods/a%5Cb", "nowhere");
}

#[test]
fn a_query_is_decoded() {
    let query = Query::parse("labelSelector=app+in+(a%2Cb)&watch=1&limit=x&dryRun=All&dryRun=None");
    assert_eq!(query.get("labelSelector"), "app in (a,b)");
    assert!(query.flag("watch"));
    assert!(query.number("limit").is_err());
    assert_eq!(query.all("dryRun").collect::<Vec<_>>(), ["All", "None"]);
}
