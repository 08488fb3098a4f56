//! Deleting: finalizers, preconditions, propagation, collections.

use super::*;

fn held(name: &str) -> String {
    format!(r#"{{"metadata":{{"name":"{name}","finalizers":["x.io/hold"]}}}}"#)
}

#[tokio::test]
async fn inv_api_6_a_finalizer_holds_an_object_until_it_is_taken_away() {
    let server = server();
    let uri = format!("{CONFIG_MAPS}/a");
    post(&server, CONFIG_MAPS, &held("a")).await.check(201, &[]);
    let marked = delete(&server, &uri, "").await;
    marked.check(200, &[("/kind", "ConfigMap"), ("/metadata/deletionGracePeriodSeconds", "0")]);
    let again = delete(&server, &uri, "").await;
    assert_eq!(again.at("/metadata/deletionTimestamp"), marked.at("/metadata/deletionTimestamp"));
    let more = r#"{"metadata":{"finalizers":["x.io/hold","x.io/more"]}}"#;
    merge(&server, &uri, more).await.check(422, &[("/details/causes/0/field", "metadata.finalizers")]);
    merge(&server, &uri, r#"{"data":{"still":"patchable"}}"#).await.check(200, &[]);
    merge(&server, &uri, r#"{"metadata":{"finalizers":null}}"#).await.check(200, &[]);
    get(&server, &uri).await.check(404, &[]);
}

#[tokio::test]
async fn the_last_finalizers_end_is_seen_as_a_deletion() {
    let server = server();
    post(&server, CONFIG_MAPS, &held("a")).await.check(201, &[]);
    let mut watch = Lines::open(&server, &format!("{CONFIG_MAPS}?watch=1&resourceVersion=0")).await;
    let uri = format!("{CONFIG_MAPS}/a");
    delete(&server, &uri, "").await;
    merge(&server, &uri, r#"{"metadata":{"finalizers":null}}"#).await.check(200, &[]);
    assert_eq!(watch.names(3).await, ["ADDED a", "MODIFIED a", "DELETED a"]);
}

#[tokio::test]
async fn preconditions_keep_what_is_not_meant() {
    let server = server();
    let created = post(&server, CONFIG_MAPS, &config_map("a", "1")).await;
    let uri = format!("{CONFIG_MAPS}/a");
    let stale = r#"{"preconditions":{"resourceVersion":"1"}}"#;
    delete(&server, &uri, stale).await.check(409, &[("/reason", "Conflict")]);
    let other = r#"{"preconditions":{"uid":"other"}}"#;
    delete(&server, &uri, other).await.check(409, &[("/reason", "Conflict")]);
    let right = format!(r#"{{"preconditions":{{"uid":"{}"}}}}"#, created.at("/metadata/uid"));
    delete(&server, &uri, &right).await.check(200, &[("/status", "Success")]);
}

#[tokio::test]
async fn propagation_is_kept_as_a_finalizer() {
    let server = server();
    for (policy, finalizer) in [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")] {
        let name = policy.to_lowercase();
        post(&server, CONFIG_MAPS, &config_map(&name, "1")).await.check(201, &[]);
        let body = format!(r#"{{"propagationPolicy":"{policy}"}}"#);
        let uri = format!("{CONFIG_MAPS}/{name}");
        delete(&server, &uri, &body).await.check(200, &[("/metadata/finalizers/0", finalizer)]);
        let background = r#"{"propagationPolicy":"Background"}"#;
        delete(&server, &uri, background).await.check(200, &[("/status", "Success")]);
    }
    delete(&server, &format!("{CONFIG_MAPS}/x?propagationPolicy=Sideways"), "").await.check(422, &[]);
}

#[tokio::test]
async fn a_collection_is_deleted_by_its_labels() {
    let server = server();
    for (name, app) in [("a", "x"), ("b", "y"), ("c", "x")] {
        let body = format!(r#"{{"metadata":{{"name":"{name}","labels":{{"app":"{app}"}}}}}}"#);
        post(&server, CONFIG_MAPS, &body).await.check(201, &[]);
    }
    delete(&server, &format!("{CONFIG_MAPS}?labelSelector=app%3Dx"), "").await.check(200, &[]);
    get(&server, CONFIG_MAPS).await.check(200, &[("/items/0/metadata/name", "b"), ("/items/1", "absent")]);
    delete(&server, "/api/v1/configmaps", "").await.check(405, &[]);
}

#[tokio::test]
async fn the_namespaces_of_the_cluster_stay() {
    let server = server();
    delete(&server, "/api/v1/namespaces/kube-system", "").await.check(403, &[("/reason", "Forbidden")]);
    let shop = delete(&server, "/api/v1/namespaces/shop", "").await;
    shop.check(200, &[("/status/phase", "Terminating"), ("/spec/finalizers", "[\"kubernetes\"]")]);
    post(&server, CONFIG_MAPS, &config_map("late", "1"))
        .await
        .check(403, &[("/details/causes/0/reason", "NamespaceTerminating")]);
    let mut finalized = shop.body.clone();
    finalized.remove(&["spec", "finalizers"]);
    put(&server, "/api/v1/namespaces/shop/finalize", &finalized.to_json()).await.check(200, &[]);
    get(&server, "/api/v1/namespaces/shop").await.check(404, &[]);
}
