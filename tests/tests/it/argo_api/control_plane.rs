//! Projects, repositories, clusters, certificates and keys.

use belay_object::Object;

use super::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_made_changed_used_and_deleted() {
    let world = World::with("accounts.dev: apiKey", "p, dev, projects, *, *, allow").await;
    let admin = world.admin();
    let body = r#"{"project":{"metadata":{"name":"blue"},"spec":{"sourceRepos":["*"],"destinations":[{"server":"*","namespace":"*"}],
        "roles":[{"name":"ci","policies":["p, proj:blue:ci, applications, get, blue/*, allow"]}]}}}"#;
    assert_eq!(admin.post("/api/v1/projects", body).await.status, 200);
    assert_eq!(admin.post("/api/v1/projects", body).await.status, 200);
    let other = body.replace("applications, get", "applications, sync");
    assert_eq!(admin.post("/api/v1/projects", &other).await.status, 400);
    let wrong = body.replace("blue/*, allow", "red/*, allow");
    assert_eq!(admin.put("/api/v1/projects/blue", &wrong).await.status, 400);
    // A token of a role may what the role may, in its project.
    world.application("b", "blue", "");
    world.application("d", "default", "");
    world.seen(&admin, "/api/v1/applications/d", |answer| answer.status == 200).await;
    let given = admin.post("/api/v1/projects/blue/roles/ci/token", r#"{"id":"t1","expiresIn":3600}"#).await;
    assert_eq!(given.status, 200, "{}", given.text);
    let ci = world.stranger().with(&given.str_at(&["token"]));
    assert_eq!(ci.get("/api/v1/applications/b").await.status, 200);
    assert_eq!(ci.get("/api/v1/applications/d").await.status, 403);
    assert_eq!(ci.get("/api/v1/projects/blue").await.status, 200);
    assert_eq!(ci.get("/api/v1/session/userinfo").await.str_at(&["username"]), "proj:blue:ci");
    assert_eq!(admin.post("/api/v1/projects/blue/roles/ci/token", r#"{"id":"t1"}"#).await.status, 400);
    // A change of the project keeps its tokens.
    assert_eq!(admin.put("/api/v1/projects/blue", &other).await.status, 200);
    let project = world.get("argoproj.io", "appprojects", "argocd", "blue").unwrap();
    assert_eq!(project.at(&["status", "jwtTokensByRole", "ci", "items"]).unwrap().items().len(), 1);
    assert_eq!(ci.get("/api/v1/projects/blue").await.status, 200);
    assert_eq!(admin.delete("/api/v1/projects/blue/roles/ci/token/0?id=t1").await.status, 200);
    assert_eq!(ci.get("/api/v1/projects/blue").await.status, 401);
    // Who may change projects may not give them other clusters or repositories.
    let dev = world.account("dev").await;
    let narrowed = other.replace("[\"*\"]", "[\"https://git.example/o/*\"]");
    let told = dev.put("/api/v1/projects/blue", &narrowed).await.told();
    assert!(told.starts_with("403 7 permission denied: repositories, update"), "{told}");
    let away = other.replace("\"namespace\":\"*\"", "\"namespace\":\"elsewhere\"");
    let told = admin.put("/api/v1/projects/blue", &away).await.told();
    assert_eq!(told, "400 3 as a result of project update 1 applications destination became invalid");
    let told = admin.delete("/api/v1/projects/blue").await.told();
    assert_eq!(told, "400 3 project is referenced by 1 applications");
    let told = admin.delete("/api/v1/projects/default").await.told();
    assert_eq!(told, "400 3 name 'default' is reserved and cannot be deleted");
    assert_eq!(admin.delete("/api/v1/applications/b?cascade=false").await.status, 200);
    assert_eq!(admin.delete("/api/v1/projects/blue").await.status, 200);
    assert_eq!(admin.get("/api/v1/projects/blue").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_come_in_with_credentials_and_go_out_without() {
    let world = World::with("", "").await;
    let admin = world.admin();
    let body = r#"{"repo":"https://git.example/o/r","type":"git","name":"r","username":"u","password":"canary-1"}"#;
    let made = admin.post("/api/v1/repositories", body).await;
    assert_eq!(made.text, r#"{"name":"r","repo":"https://git.example/o/r","type":"git"}"#);
    assert_eq!(admin.post("/api/v1/repositories", body).await.status, 200);
    let other = body.replace("canary-1", "canary-2");
    assert_eq!(admin.post("/api/v1/repositories", &other).await.status, 400);
    assert_eq!(admin.post("/api/v1/repositories?upsert=true", &other).await.status, 200);
    let at = "/api/v1/repositories/https%3A%2F%2Fgit.example%2Fo%2Fr";
    let read = admin.get(at).await;
    assert_eq!(read.str_at(&["connectionState", "status"]), "Unknown");
    assert!(!read.text.contains("canary") && !read.text.contains("\"u\""), "{}", read.text);
    let update = r#"{"repo":"https://git.example/o/r","type":"git","username":"u2","password":"p2"}"#;
    assert_eq!(admin.put(at, update).await.status, 200);
    assert_eq!(admin.put(at, &update.replace("/o/r", "/o/x")).await.status, 400, "another address");
    let told = admin.get(&format!("{at}/refs")).await.told();
    assert!(told.starts_with("503 14 "), "{told}");
    assert_eq!(admin.delete(at).await.status, 200);
    assert_eq!(admin.get(at).await.status, 403);
    assert!(world.user.list("", "secrets", "argocd").iter().all(|s| !s.object().name().starts_with("repo-")));
    // By beginning of the address.
    let creds = r#"{"url":"https://git.example/o","username":"u","password":"canary"}"#;
    assert_eq!(admin.post("/api/v1/repocreds", creds).await.text, r#"{"url":"https://git.example/o"}"#);
    assert_eq!(admin.post("/api/v1/repositories", r#"{"repo":"https://git.example/o/r"}"#).await.status, 200);
    let inherits = admin.get(at).await.value();
    assert_eq!(inherits.get("inheritedCreds").unwrap().as_bool(), Some(true));
    assert_eq!(admin.delete("/api/v1/repocreds/https%3A%2F%2Fgit.example%2Fo").await.status, 200);
    assert_eq!(admin.delete("/api/v1/repocreds/https%3A%2F%2Fgit.example%2Fo").await.status, 404);
    // Those that are written to are others.
    assert_eq!(admin.post("/api/v1/write-repositories", body).await.status, 200);
    let list = admin.get("/api/v1/write-repositories").await.value();
    assert_eq!(list.get("items").unwrap().items().len(), 1);
    assert_eq!(admin.get("/api/v1/repositories").await.value().get("items").unwrap().items().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_are_told_without_how_they_are_reached() {
    let world = World::with("", "").await;
    let admin = world.admin();
    world.apply(
        "{apiVersion: v1, kind: Secret, metadata: {name: far, namespace: argocd, labels: {argocd.argoproj.io/secret-type: cluster, env: far}}, \
         stringData: {name: far, server: 'https://127.0.0.1:1', config: '{\"bearerToken\":\"canary\",\"tlsClientConfig\":{\"insecure\":true}}'}}",
    );
    let list = world.seen(&admin, "/api/v1/clusters", |answer| answer.text.contains("\"far\"")).await;
    assert!(!list.text.contains("canary"), "{}", list.text);
    let far = admin.get("/api/v1/clusters/far?id.type=name").await.value();
    assert_eq!(far.get("config").unwrap().to_json(), r#"{"tlsClientConfig":{"insecure":true}}"#);
    assert_eq!(far.str_at(&["connectionState", "status"]), Some("Failed"));
    assert_eq!(far.str_at(&["labels", "env"]), Some("far"));
    let own = admin.get("/api/v1/clusters/https%3A%2F%2Fkubernetes.default.svc").await.value();
    assert_eq!(own.str_at(&["info", "connectionState", "status"]), Some("Successful"));
    // A name alone is changed, and how it is reached stays.
    let path = "/api/v1/clusters/https%3A%2F%2F127.0.0.1%3A1?updatedFields=name";
    assert_eq!(admin.put(path, r#"{"server":"https://127.0.0.1:1","name":"farther"}"#).await.status, 200);
    let secret = world.get("", "secrets", "argocd", "far").unwrap();
    use base64::Engine as _;
    let config = base64::engine::general_purpose::STANDARD.decode(secret.str_at(&["data", "config"]).unwrap()).unwrap();
    assert!(String::from_utf8(config).unwrap().contains("canary"));
    // The right on one cluster is none on another's secret.
    assert_eq!(admin.put(path, r#"{"server":"https://kubernetes.default.svc","name":"x"}"#).await.status, 400);
    let told = admin
        .post("/api/v1/clusters", r#"{"server":"https://127.0.0.1:2","name":"new","config":{"bearerToken":"canary"}}"#)
        .await
        .told();
    assert_eq!(told, "400 3 the cluster does not answer: Network");
    assert_eq!(admin.post("/api/v1/clusters/farther/invalidate-cache?id.type=name", "{}").await.status, 200);
    assert_eq!(admin.delete("/api/v1/clusters/farther?id.type=name").await.status, 200);
    assert!(world.get("", "secrets", "argocd", "far").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_believed_of_hosts_is_kept() {
    let world = World::with("", "").await;
    let admin = world.admin();
    // `AAAA` in base64, as a client sends it.
    let body = r#"{"items":[{"serverName":"git.example","certType":"ssh","certSubType":"ssh-ed25519","certData":"QUFBQQ=="},
        {"serverName":"cd.example","certType":"https","certData":"LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="}]}"#;
    let made = admin.post("/api/v1/certificates", body).await;
    assert_eq!(made.value().get("items").unwrap().items().len(), 2, "{}", made.text);
    let hosts = world.get("", "configmaps", "argocd", "argocd-ssh-known-hosts-cm").unwrap();
    assert_eq!(hosts.str_at(&["data", "ssh_known_hosts"]), Some("git.example ssh-ed25519 AAAA\n"));
    let ssh = admin.get("/api/v1/certificates?certType=ssh").await.value();
    assert_eq!(ssh.get("items").unwrap().items().len(), 1);
    assert!(ssh.get("items").unwrap().items()[0].str_at(&["certInfo"]).unwrap().starts_with("SHA256:"));
    assert_eq!(admin.post("/api/v1/certificates", &body.replace("QUFBQQ==", "QUFBQg==")).await.status, 400);
    assert_eq!(admin.post("/api/v1/certificates?upsert=true", &body.replace("QUFBQQ==", "QUFBQg==")).await.status, 200);
    let forged = body.replace("\"git.example\"", "\"git.example ssh-rsa AAAA\\nevil\"");
    assert_eq!(admin.post("/api/v1/certificates", &forged).await.status, 400);
    assert_eq!(admin.delete("/api/v1/certificates?hostNamePattern=*.example&certType=https").await.status, 200);
    let all = admin.get("/api/v1/certificates").await.value();
    assert_eq!(all.get("items").unwrap().items().len(), 1);
    let certificates = Object::of("v1", "ConfigMap", "argocd", "argocd-tls-certs-cm");
    let kept = world.get("", "configmaps", "argocd", certificates.name()).unwrap();
    assert!(kept.at(&["data"]).is_none_or(|data| data.as_object().is_none_or(|data| data.is_empty())));
}
