//! Who may do what: the matrix, what is there and what is not, requests of other sites.

use http::Method;

use super::world::{Client, World};

const ACCOUNTS: &str = "accounts.none: apiKey, accounts.reader: apiKey, accounts.blue: apiKey, accounts.admin2: apiKey";
const POLICY: &str = "\
g, reader, role:readonly
g, admin2, role:admin
p, role:blue, applications, *, blue/*, allow
p, role:blue, logs, get, blue/*, allow
p, role:blue, projects, get, blue, allow
g, blue, role:blue
";

async fn people(world: &World) -> Vec<(&'static str, Client)> {
    let mut all = vec![("stranger", world.stranger())];
    for name in ["none", "reader", "blue", "admin2"] {
        all.push((name, world.account(name).await));
    }
    all
}

/// A request and the status for stranger, none, reader, blue, admin2.
#[rustfmt::skip]
const MATRIX: &[(&str, &str, [u16; 5])] = &[
    ("GET /api/v1/applications/b", "", [401, 403, 200, 200, 200]),
    ("GET /api/v1/applications/r", "", [401, 403, 200, 403, 200]),
    ("GET /api/v1/applications/none", "", [401, 403, 403, 403, 403]),
    ("GET /api/v1/applications/none?project=blue", "", [401, 403, 404, 404, 404]),
    ("GET /api/v1/applications/r?project=blue", "", [401, 403, 404, 404, 404]),
    ("GET /api/v1/applications/r/resource-tree", "", [401, 403, 200, 403, 200]),
    ("GET /api/v1/applications/r/managed-resources", "", [401, 403, 503, 403, 503]),
    ("GET /api/v1/applications/r/manifests", "", [401, 403, 503, 403, 503]),
    ("GET /api/v1/applications/r/events", "", [401, 403, 200, 403, 200]),
    ("GET /api/v1/applications/r/logs", "", [401, 403, 200, 403, 200]),
    ("GET /api/v1/applications/r/syncwindows", "", [401, 403, 200, 403, 200]),
    ("GET /api/v1/applications/r/revisions/abcdef1/metadata", "", [401, 403, 503, 403, 503]),
    ("GET /api/v1/applications/r/revisions/main/metadata", "", [401, 403, 400, 403, 400]),
    ("GET /api/v1/applications/r/revisions/1.0.0/chartdetails", "", [401, 403, 400, 403, 400]),
    ("GET /api/v1/applications/r/revisions/1.0.0/ocimetadata", "", [401, 403, 400, 403, 400]),
    ("GET /api/v1/applications/r/resource?kind=Secret&resourceName=s&namespace=shop&version=v1", "", [401, 403, 400, 403, 400]),
    ("GET /api/v1/applications/r/resource/actions?kind=Pod&resourceName=s&namespace=shop&version=v1", "", [401, 403, 400, 403, 400]),
    ("POST /api/v1/applications/r/resource/actions?kind=Pod&resourceName=s&namespace=shop&version=v1", "\"restart\"", [401, 403, 403, 403, 400]),
    ("POST /api/v1/applications/r/resource?kind=Pod&resourceName=s&namespace=shop&version=v1", "\"{}\"", [401, 403, 403, 403, 400]),
    ("DELETE /api/v1/applications/r/resource?kind=Pod&resourceName=s&namespace=shop&version=v1", "", [401, 403, 403, 403, 400]),
    ("PUT /api/v1/applications/r/spec", "{}", [401, 403, 403, 403, 400]),
    ("PATCH /api/v1/applications/r", r#"{"patch":"[]"}"#, [401, 403, 403, 403, 200]),
    ("POST /api/v1/applications/r/rollback", r#"{"id":7}"#, [401, 403, 403, 403, 400]),
    ("DELETE /api/v1/applications/r/operation", "", [401, 403, 403, 403, 400]),
    ("POST /api/v1/applications", r#"{"metadata":{"name":"x"},"spec":{"project":"red"}}"#, [401, 403, 403, 403, 400]),
    ("DELETE /api/v1/applications/none", "", [401, 403, 403, 403, 403]),
    ("GET /api/v1/projects/red", "", [401, 403, 200, 403, 200]),
    ("GET /api/v1/projects/none", "", [401, 403, 404, 403, 404]),
    ("GET /api/v1/projects/red/detailed", "", [401, 403, 200, 403, 200]),
    ("GET /api/v1/projects/red/syncwindows", "", [401, 403, 200, 403, 200]),
    ("POST /api/v1/projects", r#"{"project":{"metadata":{"name":"red"},"spec":{}}}"#, [401, 403, 403, 403, 400]),
    ("PUT /api/v1/projects/red", r#"{"project":{"metadata":{"name":"red"},"spec":{"sourceRepos":["!*"]}}}"#, [401, 403, 403, 403, 400]),
    ("DELETE /api/v1/projects/red", "", [401, 403, 403, 403, 400]),
    ("POST /api/v1/projects/red/roles/x/token", "{}", [401, 403, 403, 403, 404]),
    ("GET /api/v1/repositories", "", [401, 200, 200, 200, 200]),
    ("GET /api/v1/repositories/https%3A%2F%2Fgit.example%2Fnone", "", [401, 403, 403, 403, 403]),
    ("POST /api/v1/repositories", r#"{"repo":""}"#, [401, 400, 400, 400, 400]),
    ("POST /api/v1/repositories", r#"{"repo":"https://git.example/x","type":"git","project":"q"}"#, [401, 403, 403, 403, 200]),
    ("DELETE /api/v1/repositories/https%3A%2F%2Fgit.example%2Fnone", "", [401, 403, 403, 403, 403]),
    ("GET /api/v1/repositories/https%3A%2F%2Fgit.example%2Fnone/refs", "", [401, 403, 503, 403, 503]),
    ("GET /api/v1/repositories/https%3A%2F%2Fgit.example%2Fnone/oci-tags", "", [401, 403, 503, 403, 503]),
    ("GET /api/v1/repositories/https%3A%2F%2Fgit.example%2Fnone/helmcharts", "", [401, 403, 503, 403, 503]),
    ("GET /api/v1/repositories/https%3A%2F%2Fgit.example%2Fnone/apps?appProject=red&appName=r", "", [401, 403, 403, 403, 503]),
    ("POST /api/v1/repositories/https%3A%2F%2Fgit.example%2Fo%2Fr/appdetails", r#"{"appProject":"red","appName":"r","source":{"path":"r","targetRevision":"main"}}"#, [401, 403, 503, 403, 503]),
    ("POST /api/v1/repositories/https%3A%2F%2Fgit.example%2Fo%2Fr/appdetails", r#"{"appProject":"red","appName":"r","source":{"path":"secrets","targetRevision":"main"}}"#, [401, 403, 403, 403, 403]),
    ("POST /api/v1/repositories/https%3A%2F%2Fgit.example%2Fo%2Fr/appdetails", r#"{"appProject":"red","appName":"new","source":{"path":"r"}}"#, [401, 403, 403, 403, 503]),
    ("POST /api/v1/repositories/https%3A%2F%2Fgit.example%2Fo%2Fr/validate", "\"\"", [401, 403, 403, 403, 503]),
    ("POST /api/v1/write-repositories/https%3A%2F%2Fgit.example%2Fo%2Fr/validate", "\"\"", [401, 403, 403, 403, 503]),
    ("POST /api/v1/repocreds", r#"{"url":"https://git.example/o"}"#, [401, 403, 403, 403, 200]),
    ("GET /api/v1/clusters/https%3A%2F%2Fkubernetes.default.svc", "", [401, 403, 200, 403, 200]),
    ("GET /api/v1/clusters/https%3A%2F%2Fnone", "", [401, 403, 403, 403, 403]),
    ("DELETE /api/v1/clusters/in-cluster?id.type=name", "", [401, 403, 403, 403, 400]),
    ("POST /api/v1/clusters/in-cluster/rotate-auth?id.type=name", "{}", [401, 403, 403, 403, 400]),
    ("GET /api/v1/certificates", "", [401, 403, 200, 403, 200]),
    ("POST /api/v1/certificates", r#"{"items":[]}"#, [401, 403, 403, 403, 200]),
    ("DELETE /api/v1/certificates?hostNamePattern=none", "", [401, 403, 403, 403, 200]),
    ("GET /api/v1/gpgkeys", "", [401, 403, 200, 403, 200]),
    ("GET /api/v1/notifications/triggers", "", [401, 200, 200, 200, 200]),
    ("POST /api/v1/gpgkeys", "{}", [401, 403, 403, 403, 400]),
    ("DELETE /api/v1/gpgkeys?keyID=0", "", [401, 403, 403, 403, 404]),
    ("GET /api/v1/account/reader", "", [401, 403, 200, 403, 200]),
    ("POST /api/v1/account/reader/token", r#"{"id":"t"}"#, [401, 403, 200, 403, 400]),
    ("GET /api/v1/applicationsets", "", [401, 501, 501, 501, 501]),
];

#[tokio::test(flavor = "multi_thread")]
async fn inv_authz_1_each_operation_asks_for_its_right() {
    let world = World::with(ACCOUNTS, POLICY).await;
    world.project("blue", "");
    world.project("red", "");
    world.application("b", "blue", "");
    world.application("r", "red", "");
    let people = people(&world).await;
    world.seen(&people[4].1, "/api/v1/applications/r", |answer| answer.status == 200).await;
    world.seen(&people[4].1, "/api/v1/applications/b", |answer| answer.status == 200).await;
    let mut wrong = Vec::new();
    for (line, body, expected) in MATRIX {
        for ((name, client), expected) in people.iter().zip(expected) {
            let answer = client.ask(line, body).await;
            if answer.status != *expected {
                wrong.push(format!("{name}: {line}: {} instead of {expected}: {}", answer.status, answer.text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Lists are of what may be seen.
    let names = async |client: &Client| {
        let list = client.get("/api/v1/applications").await.value();
        let items = list.get("items").map_or(Vec::new(), |items| items.items().to_vec());
        items.iter().filter_map(|app| app.str_at(&["metadata", "name"]).map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(names(&people[1].1).await, Vec::<String>::new());
    assert_eq!(names(&people[3].1).await, ["b"]);
    assert_eq!(names(&people[4].1).await, ["b", "r"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_authz_2_what_is_not_there_and_what_is_not_permitted_are_one_answer() {
    let world = World::with(ACCOUNTS, POLICY).await;
    world.project("red", "");
    world.application("r", "red", "");
    let blue = world.account("blue").await;
    world.seen(&world.admin(), "/api/v1/applications/r", |answer| answer.status == 200).await;
    for rest in ["", "/resource-tree", "/events", "/logs", "/syncwindows", "/manifests", "?refresh=normal"] {
        let there = blue.get(&format!("/api/v1/applications/r{rest}")).await;
        let not = blue.get(&format!("/api/v1/applications/none{rest}")).await;
        assert_eq!((there.status, &there.text), (not.status, &not.text), "{rest}");
        let there = blue
            .get(&format!("/api/v1/applications/r{rest}{}project=red", if rest.contains('?') { "&" } else { "?" }))
            .await;
        let not = blue
            .get(&format!("/api/v1/applications/none{rest}{}project=red", if rest.contains('?') { "&" } else { "?" }))
            .await;
        assert_eq!((there.status, &there.text), (not.status, &not.text), "{rest}");
    }
    assert!(world.app("r").annotation("argocd.argoproj.io/refresh").is_none(), "nothing was asked for");
    // A namespace in which Applications may not stand, and one that is not there.
    let other = blue.get("/api/v1/applications/r?appNamespace=other").await;
    assert_eq!(other.told(), "403 7 permission denied");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_authn_7_requests_of_other_sites_are_not_taken() {
    let world = World::with(ACCOUNTS, "").await;
    let admin = world.admin();
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""] {
        for (method, path) in [
            (Method::POST, "/api/v1/applications"),
            (Method::PUT, "/api/v1/account/password"),
            (Method::PATCH, "/api/v1/applications/one"),
            (Method::DELETE, "/api/v1/projects/default"),
            (Method::POST, "/api/v1/session"),
        ] {
            let answer = admin.send(method.clone(), path, "{}", &[("content-type", kind)]).await;
            assert_eq!(
                (answer.status, answer.text.as_str()),
                (415, "Invalid content type\n"),
                "{method} {path} {kind}"
            );
        }
    }
    // A path that is there by another method changes nothing.
    assert_eq!(admin.get("/api/v1/applications/one/sync").await.status, 501);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_res_10_bodies_and_messages_have_limits() {
    let world = World::with(ACCOUNTS, "").await;
    let admin = world.admin();
    let large = format!("\"{}\"", "x".repeat(3 << 20));
    for line in ["POST /api/v1/applications", "POST /api/v1/session", "PUT /api/v1/projects/default"] {
        let answer = admin.ask(line, &large).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        assert!(answer.text.contains("too large"), "{}", answer.text);
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for body in ["{", "[]", "7", "\"x\"", deep.as_str(), "{\"metadata\":7}", "{\"metadata\":{\"name\":{}}}"] {
        for line in [
            "POST /api/v1/applications",
            "POST /api/v1/projects",
            "POST /api/v1/clusters",
            "POST /api/v1/repositories",
            "POST /api/v1/certificates",
        ] {
            let answer = admin.ask(line, body).await;
            assert!(
                (400..500).contains(&answer.status) || line.ends_with("certificates"),
                "{line} {}: {}",
                answer.status,
                answer.text
            );
        }
    }
}
