//! Paths and who may follow them.

use super::*;

#[tokio::test]
async fn inv_api_4_an_object_is_reached_in_its_own_scope_only() {
    let server = server();
    post(&server, CONFIG_MAPS, &config_map("a", "1")).await.check(201, &[]);
    for path in [
        "/api/v1/configmaps/a",
        "/api/v1/namespaces/shop/namespaces/shop",
        "/api/v1/namespaces/shop/nodes",
        "/apis/apps/v1/namespaces/shop/configmaps/a",
        "/apis//v1/namespaces/shop/configmaps/a",
        "/api/v1/namespaces/default%2F..%2Fshop/configmaps/a",
        "/api/v1/namespaces/shop/configmaps/..%2Fconfigmaps%2Fa",
    ] {
        assert_eq!(get(&server, path).await.status, 404, "{path}");
    }
    post(&server, "/api/v1/configmaps", &config_map("b", "1")).await.check(405, &[]);
    get(&server, "/api/v1/configmaps").await.check(200, &[("/items/0/metadata/name", "a")]);
}

#[tokio::test]
async fn inv_api_5_over_a_socket_nobody_is_trusted() {
    let server = server().untrusted();
    get(&server, "/healthz").await.check(200, &[]);
    get(&server, "/version").await.check(200, &[]);
    get(&server, CONFIG_MAPS).await.check(403, &[("/reason", "Forbidden")]);
    get(&server, "/debug/belay/requests").await.check(403, &[]);
    get(&server, "/openapi/v2").await.check(403, &[]);
    let wrong = [("authorization", "Bearer wrong")];
    call(&server, "GET", "/healthz", &wrong, "").await.check(401, &[]);
    let right = format!("Bearer {}", server.token());
    call(&server, "GET", CONFIG_MAPS, &[("authorization", &right)], "").await.check(200, &[]);
}

#[tokio::test]
async fn an_impersonated_user_has_that_users_rights() {
    let server = server();
    let jane = [("impersonate-user", "jane"), ("content-type", "application/json")];
    call(&server, "POST", CONFIG_MAPS, &jane, &config_map("a", "1")).await.check(403, &[]);
    let watch = format!("{CONFIG_MAPS}?watch=1");
    call(&server, "GET", &watch, &jane, "").await.check(403, &[]);
    let groups_alone = [("impersonate-group", "system:masters")];
    assert_ne!(call(&server, "GET", CONFIG_MAPS, &groups_alone, "").await.status, 200);
}

#[tokio::test]
async fn the_same_resource_is_counted_by_verb_and_agent() {
    let server = server();
    server.audit().reset();
    let agent = [("user-agent", "belay/1.0")];
    for _ in 0..3 {
        call(&server, "GET", CONFIG_MAPS, &agent, "").await;
    }
    call(&server, "GET", &format!("{CONFIG_MAPS}/a"), &agent, "").await;
    let figures = get(&server, "/debug/belay/requests").await;
    figures.check(200, &[("/total", "4"), ("/requests/1/count", "3"), ("/requests/1/verb", "list")]);
    delete(&server, "/debug/belay/requests", "").await.check(200, &[("/total", "0")]);
}

#[tokio::test]
async fn events_of_both_groups_are_the_same_objects() {
    let server = server();
    let body = r#"{"apiVersion":"v1","kind":"Event","metadata":{"name":"e"},"involvedObject":{"kind":"Pod","name":"p","namespace":"shop"},"reason":"Ready","message":"it is","type":"Normal"}"#;
    post(&server, "/api/v1/namespaces/shop/events", body).await.check(201, &[]);
    let other = get(&server, "/apis/events.k8s.io/v1/namespaces/shop/events/e").await;
    other.check(200, &[("/apiVersion", "events.k8s.io/v1"), ("/regarding/name", "p"), ("/note", "it is")]);
}

#[tokio::test]
async fn autoscalers_are_served_in_both_versions() {
    let server = server();
    let body = r#"{"apiVersion":"autoscaling/v1","kind":"HorizontalPodAutoscaler","metadata":{"name":"h"},"spec":{"maxReplicas":3,"targetCPUUtilizationPercentage":50,"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"a"}}}"#;
    let v1 = "/apis/autoscaling/v1/namespaces/shop/horizontalpodautoscalers";
    post(&server, v1, body).await.check(201, &[("/apiVersion", "autoscaling/v1")]);
    get(&server, "/apis/autoscaling/v2/namespaces/shop/horizontalpodautoscalers/h")
        .await
        .check(200, &[("/apiVersion", "autoscaling/v2"), ("/spec/metrics/0/resource/target/averageUtilization", "50")]);
    get(&server, &format!("{v1}/h")).await.check(200, &[("/spec/targetCPUUtilizationPercentage", "50")]);
}
