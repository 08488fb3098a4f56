//! INV-API-3: sizes, depths and counts.

use super::*;

#[tokio::test]
async fn inv_api_3_bodies_patches_and_depths_are_bounded() {
    let server = server();
    let uri = format!("{CONFIG_MAPS}/a");
    post(&server, CONFIG_MAPS, &config_map("a", "1")).await.check(201, &[]);
    let large = config_map("b", &"x".repeat(4 << 20));
    post(&server, CONFIG_MAPS, &large).await.check(413, &[("/reason", "RequestEntityTooLarge")]);
    let operations = vec![r#"{"op":"add","path":"/data/k","value":"1"}"#; 10_001].join(",");
    json_patch(&server, &uri, &format!("[{operations}]")).await.check(413, &[]);
    let deep = format!(r#"{{"metadata":{{"name":"d"}},"data":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    post(&server, CONFIG_MAPS, &deep).await.check(400, &[]);
    merge(&server, &uri, &deep).await.check(400, &[]);
    apply(&server, &uri, &deep).await.check(400, &[]);
}

#[tokio::test]
async fn inv_api_3_a_yaml_bomb_is_refused() {
    let server = server();
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for i in 1..10 {
        let before = i - 1;
        let list = vec![format!("*a{before}"); 10].join(",");
        bomb.push_str(&format!("a{i}: &a{i} [{list}]\n"));
    }
    apply(&server, &format!("{CONFIG_MAPS}/a"), &bomb).await.check(400, &[]);
}

#[tokio::test]
async fn inv_api_3_what_etcd_would_not_take_is_not_stored() {
    let server = server();
    let uri = "/apis/apps/v1/namespaces/shop/deployments";
    let env: Vec<String> = (0..20_000).map(|i| format!(r#"{{"name":"N{i}","value":"{}"}}"#, "v".repeat(64))).collect();
    let body = format!(
        r#"{{"metadata":{{"name":"d"}},"spec":{{"selector":{{"matchLabels":{{"a":"b"}}}},"template":{{"metadata":{{"labels":{{"a":"b"}}}},"spec":{{"containers":[{{"name":"c","image":"i","env":[{}]}}]}}}}}}}}"#,
        env.join(",")
    );
    post(&server, uri, &body).await.check(500, &[("/message", "etcdserver: request is too large")]);
}

#[tokio::test]
async fn field_managers_are_short_and_needed_for_an_apply() {
    let server = server();
    let long = format!("{CONFIG_MAPS}/a?fieldManager={}", "m".repeat(129));
    merge(&server, &long, "{}").await.check(422, &[("/details/kind", "PatchOptions")]);
    let none = format!("{CONFIG_MAPS}/a");
    let headers = [("content-type", "application/apply-patch+yaml")];
    call(&server, "PATCH", &none, &headers, &config_map("a", "1")).await.check(422, &[]);
}

#[tokio::test]
async fn inv_api_3_the_deepest_body_that_is_read_goes_all_the_way() {
    let server = server();
    let definition = r#"{"metadata":{"name":"anys.test.dev"},"spec":{"group":"test.dev","scope":"Namespaced","names":{"plural":"anys","kind":"Any"},
        "versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}}"#;
    post(&server, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", definition).await.check(201, &[]);
    let uri = "/apis/test.dev/v1/namespaces/shop/anys";
    let body = |depth: usize| {
        let (open, close) = (r#"{"a":"#.repeat(depth), "}".repeat(depth));
        format!(r#"{{"apiVersion":"test.dev/v1","kind":"Any","metadata":{{"name":"d"}},"x":{open}1{close}}}"#)
    };
    for depth in [90, 120, 126, 127, 128, 1000] {
        let status = apply(&server, &format!("{uri}/d"), &body(depth)).await.status;
        assert!(matches!(status, 200 | 201 | 400), "{depth}: {status}");
        let status = post(&server, uri, &body(depth).replace("\"d\"", &format!("\"p{depth}\""))).await.status;
        assert!(matches!(status, 201 | 400), "{depth}: {status}");
    }
}

#[tokio::test]
async fn inv_api_3_a_patch_cannot_multiply_what_it_copies() {
    let server = server();
    post(&server, CONFIG_MAPS, &config_map("a", "1")).await.check(201, &[]);
    let add = r#"{"op":"add","path":"/metadata/finalizers","value":["x.io/a"]}"#.to_owned();
    let copies = vec![r#"{"op":"copy","from":"/metadata/finalizers","path":"/metadata/finalizers/-"}"#; 60].join(",");
    json_patch(&server, &format!("{CONFIG_MAPS}/a"), &format!("[{add},{copies}]")).await.check(422, &[]);
}

#[tokio::test(start_paused = true)]
async fn inv_api_3_a_body_that_does_not_come_ends_the_request() {
    let server = server();
    let never = crate::Body::stream(futures::stream::pending());
    let request = Request::builder().method(Method::POST).uri(CONFIG_MAPS).body(never).unwrap();
    let response = server.answer(request).await;
    assert_eq!(response.status().as_u16(), 504);
    let text = response.into_body().collect().await.unwrap().to_bytes();
    assert!(String::from_utf8_lossy(&text).contains("the request's body did not come in time"), "{text:?}");
}

#[tokio::test]
async fn inv_api_3_what_is_counted_of_a_client_is_short() {
    let server = server();
    let agent = "a".repeat(5000);
    call(&server, "GET", CONFIG_MAPS, &[("user-agent", &agent)], "").await.check(200, &[]);
    let rows = server.audit().rows();
    assert!(
        rows.iter().any(|((.., agent), _)| agent.len() == 96) && rows.iter().all(|((.., agent), _)| agent.len() <= 96)
    );
}
