//! What nobody means to send: it is refused, and never a failure of the server.

use http::Method;

use super::world::World;

const BODIES: &[&str] = &[
    "",
    "{",
    "[]",
    "\"x\"",
    "3",
    r#"{"metadata":[],"spec":{}}"#,
    r#"{"metadata":{"name":"../x","namespace":"a/b"},"spec":{"project":"default"}}"#,
    r#"{"metadata":{"name":"A_B"},"spec":{"source":{"repoURL":"https://x.example","path":"."},"destination":{"server":"https://kubernetes.default.svc"}}}"#,
    r#"{"metadata":{"name":"one"},"spec":{"project":3,"source":[],"destination":"x"}}"#,
    r#"{"project":{"metadata":{"name":"a b"},"spec":{"roles":3}},"role":"x"}"#,
    r#"{"project":{"metadata":{"name":"team"},"spec":{"syncWindows":[{"kind":"allow","schedule":"nonsense","duration":"1h"}]}}}"#,
    r#"{"repo":"not an address\u0000","url":"\u0000","server":"::","config":{"bearerToken":3},"items":[{"serverName":3}]}"#,
    r#"{"patch":"[{\"op\":\"remove\",\"path\":\"/metadata\"}]","patchType":"json","keyData":"x","newPassword":"x"}"#,
    r#"{"id":"x","expiresIn":9223372036854775807,"manifests":[3],"sourcePositions":[-1],"strategy":3,"retryStrategy":[]}"#,
];

const NAMES: &[&str] = &["one", "..%2Fx", "A_B%00,="];

const QUERIES: &[&str] =
    &["", "?limit=-1&fields=-,,.&revision=%00&resourceName=a,b&resourceUID=%3D&kind=%2F&version=..&group=%20"];

#[tokio::test(flavor = "multi_thread")]
async fn inv_res_7_no_request_is_a_failure_of_ours() {
    let mut world = World::with("", "").await;
    world.options.disable_auth = true;
    let client = world.router();
    for name in ["one", "default"] {
        world.application(name, "default", "");
    }
    world.seen(&client, "/api/v1/applications/one", |answer| answer.status == 200).await;
    let mut failed = Vec::new();
    // Each wrong password is waited for.
    for (method, path, _) in belay_server::listing().into_iter().filter(|(_, path, _)| !path.ends_with("/session")) {
        let is_get = method == "GET";
        for name in if path.contains('{') { NAMES } else { &NAMES[..1] } {
            let path: String = path
                .split('/')
                .map(|part| if part.starts_with('{') { *name } else { part })
                .collect::<Vec<_>>()
                .join("/");
            for query in QUERIES {
                for body in if is_get { &BODIES[..1] } else { BODIES } {
                    let method: Method = method.parse().unwrap();
                    let status = client.open(method.clone(), &format!("{path}{query}"), body, &[]).await.status;
                    if status == 500 {
                        failed.push(format!("{method} {path}{query} {body}"));
                    }
                }
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}
