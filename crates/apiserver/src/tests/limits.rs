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
