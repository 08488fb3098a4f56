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

#[tokio::test(flavor = "multi_thread")]
async fn what_is_marked_among_host_keys_is_not_lost_to_those_that_are_added() {
    let world = World::with("", "").await;
    let map = Object::of("v1", "ConfigMap", "argocd", "argocd-ssh-known-hosts-cm");
    let lines = "# ours\n@revoked old.example ssh-ed25519 QkJCQg==\n@cert-authority *.example ssh-rsa Q0NDQw== the authority\nthere.example ssh-rsa RERERA== a comment\n";
    let mut patch = belay_object::Value::object();
    patch.set(&["data", "ssh_known_hosts"], lines);
    world.user.merge_patch(&map, "", &patch).unwrap();
    let admin = world.admin();
    let told = world.seen(&admin, "/api/v1/certificates", |answer| answer.text.contains("there.example")).await.value();
    assert_eq!(told.get("items").unwrap().items().len(), 1, "a marked key is no host's own: {}", told.to_json());
    let body = r#"{"items":[{"serverName":"git.example","certType":"ssh","certSubType":"ssh-ed25519","certData":"QUFBQQ=="}]}"#;
    assert_eq!(admin.post("/api/v1/certificates", body).await.status, 200);
    let kept = world.get("", "configmaps", "argocd", map.name()).unwrap();
    assert_eq!(
        kept.str_at(&["data", "ssh_known_hosts"]).unwrap(),
        "# ours\n@revoked old.example ssh-ed25519 QkJCQg==\n@cert-authority *.example ssh-rsa Q0NDQw== the authority\n\
         there.example ssh-rsa RERERA== a comment\ngit.example ssh-ed25519 AAAA\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_named_is_asked_for_its_own_repository_alone() {
    let world = World::with("", "").await;
    let admin = world.admin();
    world.project("blue", "");
    let at = "/api/v1/repositories/https%3A%2F%2Fgit.example%2Fo%2Fr";
    assert_eq!(admin.post("/api/v1/repositories", r#"{"repo":"https://git.example/o/r"}"#).await.status, 200);
    let count =
        || world.user.list("", "secrets", "argocd").iter().filter(|s| s.object().name().starts_with("repo-")).count();
    for line in ["GET", "DELETE"] {
        assert_eq!(admin.ask(&format!("{line} {at}?appProject=blue"), "").await.status, 403, "{line}");
    }
    assert_eq!(count(), 1, "that for all is not blue's");
    assert_eq!(
        admin.post("/api/v1/repositories", r#"{"repo":"https://git.example/o/r","project":"blue"}"#).await.status,
        200
    );
    assert_eq!(admin.get(&format!("{at}?appProject=blue")).await.str_at(&["project"]), "blue");
    assert_eq!(admin.get(at).await.str_at(&["project"]), "");
    assert_eq!(admin.delete(at).await.status, 200);
    // The only one that is left needs no name of its project.
    assert_eq!(admin.get(at).await.str_at(&["project"]), "blue");
    assert_eq!(
        admin.put(at, r#"{"type":"git","project":"blue","username":"u"}"#).await.status,
        200,
        "the path says which"
    );
    assert_eq!(admin.delete(at).await.status, 200);
    assert_eq!(count(), 0);
}

const FAR: &str = "{apiVersion: v1, kind: Secret, metadata: {name: far, namespace: argocd, finalizers: [example.com/keep], \
    labels: {argocd.argoproj.io/secret-type: cluster}}, \
    stringData: {name: far, server: 'https://127.0.0.1:1', config: '{\"bearerToken\":\"canary\",\"tlsClientConfig\":{\"insecure\":true}}'}}";

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_a_cluster_are_not_lost_and_what_is_not_said_stays() {
    let world = World::with("", "").await;
    let admin = world.admin();
    world.apply(FAR);
    let path = "/api/v1/clusters/https%3A%2F%2F127.0.0.1%3A1";
    world.seen(&admin, path, |answer| answer.status == 200).await;
    let ask = |fields: &str, body: &str| {
        let (admin, path, body) = (admin.clone(), format!("{path}?updatedFields={fields}"), body.to_owned());
        async move { admin.put(&path, &body).await }
    };
    for i in 0..5 {
        let (name, labels) = tokio::join!(
            ask("name", &format!("{{\"name\":\"n{i}\"}}")),
            ask("labels", &format!("{{\"labels\":{{\"env\":\"e{i}\"}}}}"))
        );
        let kept = admin.get(path).await.value();
        // Who was slower is told so; nobody is overwritten by what was known before.
        for (answer, is) in [
            (&name, kept.str_at(&["name"]) == Some(&format!("n{i}"))),
            (&labels, kept.str_at(&["labels", "env"]) == Some(&format!("e{i}"))),
        ] {
            assert!(answer.status == 409 || (answer.status == 200 && is), "{i}: {} {}", answer.text, kept.to_json());
        }
        assert!(name.status == 200 || labels.status == 200);
    }
    let secret = world.get("", "secrets", "argocd", "far").unwrap();
    assert_eq!(secret.finalizers().collect::<Vec<_>>(), ["example.com/keep"]);
    // What is there already and is the same needs no asking.
    let same = admin.get(path).await.value();
    let body = belay_object::object! {
        "server" => "https://127.0.0.1:1", "name" => same.str_at(&["name"]).unwrap(), "labels" => same.get("labels").cloned().unwrap_or_default(),
        "config" => belay_object::from_json_str(r#"{"bearerToken":"canary","tlsClientConfig":{"insecure":true}}"#).unwrap(),
    };
    let again = admin.post("/api/v1/clusters", &body.to_json()).await;
    assert_eq!(again.status, 200, "{}", again.text);
    let other = body.to_json().replace("canary", "other");
    assert_eq!(
        admin.post("/api/v1/clusters", &other).await.told(),
        "400 3 existing cluster spec is different; use upsert flag to force update"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_cluster_is_rotated_and_the_old_one_goes() {
    rotation(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_goes_on_though_who_asked_hangs_up() {
    rotation(true).await;
}

async fn rotation(hangs_up: bool) {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    let claims = r#"{"kubernetes.io/serviceaccount/namespace":"argocd","kubernetes.io/serviceaccount/secret.name":"argocd-manager-token-abcde","kubernetes.io/serviceaccount/service-account.name":"argocd-manager"}"#;
    let old = format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims));
    let options = belay_apiserver::Options { token: Some(old.clone()), ..Default::default() };
    let far = belay_apiserver::Server::new(options);
    let user = far.handle("kubectl");
    let apply = |yaml: &str| user.apply(&super::world::object(yaml), true).expect("it is taken");
    apply("{apiVersion: v1, kind: Namespace, metadata: {name: argocd}}");
    apply(
        "{apiVersion: v1, kind: ServiceAccount, metadata: {name: argocd-manager, namespace: argocd}, secrets: [{name: argocd-manager-token-abcde}]}",
    );
    apply(
        "{apiVersion: v1, kind: Secret, metadata: {name: argocd-manager-token-abcde, namespace: argocd, \
         annotations: {kubernetes.io/service-account.name: argocd-manager}}, type: kubernetes.io/service-account-token}",
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = far.serve(listener, Some(belay_apiserver::Tls::generate(&[]).unwrap())).unwrap();
    let world = World::with("accounts.dev: apiKey", "p, dev, clusters, get, *, allow").await;
    world.apply(&format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: far, namespace: argocd, labels: {{argocd.argoproj.io/secret-type: cluster}}}}, \
         stringData: {{name: far, server: '{}', config: '{{\"bearerToken\":\"{old}\",\"tlsClientConfig\":{{\"insecure\":true}}}}'}}}}",
        serving.url()
    ));
    let admin = world.admin();
    let path = "/api/v1/clusters/far/rotate-auth?id.type=name";
    let seen = world.seen(&admin, "/api/v1/clusters/far?id.type=name", |answer| answer.status == 200).await;
    assert_eq!(seen.str_at(&["connectionState", "status"]), "Successful", "{}", seen.text);
    assert_eq!(world.account("dev").await.post(path, "{}").await.told(), "403 7 permission denied");
    let told = admin.post(&path.replace("far", "in-cluster"), "{}").await.told();
    assert_eq!(told, "400 3 Cluster 'https://kubernetes.default.svc' does not use bearer token authentication");
    let asking = tokio::spawn({
        let admin = admin.clone();
        async move { admin.post(path, "{}").await }
    });
    let tokens = || user.list("", "secrets", "argocd").into_iter().map(|s| s.object().clone()).collect::<Vec<_>>();
    let fresh = super::world::until("a secret is asked for", || {
        tokens().into_iter().find(|s| s.name().starts_with("argocd-manager-token-") && !s.name().ends_with("-abcde"))
    })
    .await;
    assert_eq!(fresh.annotation("kubernetes.io/service-account.name"), Some("argocd-manager"));
    if hangs_up {
        asking.abort();
    }
    // What the cluster's own controller does.
    let reach = belay_cluster::Cluster::from_service("far", far.clone());
    let request =
        belay_object::from_json_str(r#"{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}"#)
            .unwrap();
    let minted = "/api/v1/namespaces/argocd/serviceaccounts/argocd-manager/token";
    let minted = reach.raw(http::Method::POST, minted, Some(&request)).await.unwrap();
    let new = minted.str_at(&["status", "token"]).unwrap().to_owned();
    let mut patch = belay_object::Value::object();
    patch.set(&["data", "token"], STANDARD.encode(&new));
    user.merge_patch(&fresh, "", &patch).unwrap();
    match asking.await {
        Ok(answer) => assert_eq!((answer.status, answer.text.as_str(), hangs_up), (200, "{}", false)),
        Err(_) => super::world::until("the old token goes", || (tokens().len() == 1).then_some(())).await,
    }
    let kept = world.get("", "secrets", "argocd", "far").unwrap();
    let config = STANDARD.decode(kept.str_at(&["data", "config"]).unwrap()).unwrap();
    let config = belay_object::from_json(&config).unwrap();
    assert_eq!(config.str_at(&["bearerToken"]), Some(new.as_str()));
    let names: Vec<String> =
        tokens().iter().map(|s| s.name().to_owned()).filter(|n| n.starts_with("argocd-manager")).collect();
    assert_eq!(names, [fresh.name()]);
    let account = user.get("", "serviceaccounts", "argocd", "argocd-manager").unwrap();
    assert_eq!(account.object().get("secrets").unwrap().to_json(), format!("[{{\"name\":\"{}\"}}]", fresh.name()));
    // A token that is none of a secret says so, and nothing is made.
    let told = admin.post(path, "{}").await.told();
    assert_eq!(told, "400 3 failed to parse service account token: it is no token of a secret");
    assert_eq!(tokens().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_what_notifications_are_configured_with_are_told() {
    let world = World::with("", "").await;
    let admin = world.admin();
    let names = async |what: &str| {
        let told = admin.get(&format!("/api/v1/notifications/{what}")).await;
        assert_eq!(told.status, 200, "{}", told.text);
        let items = told.value().get("items").map_or(Vec::new(), |items| items.items().to_vec());
        items.iter().filter_map(|item| Some(item.str_at(&["name"])?.to_owned())).collect::<Vec<String>>().join(" ")
    };
    assert_eq!(names("triggers").await, "");
    world.apply(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: argocd-notifications-cm, namespace: argocd}, data: \
         {service.slack: x, service.webhook.hook: x, template.b.c: x, template.a: x, trigger.t: x, defaultTriggers: x}}",
    );
    assert_eq!(names("services").await, "hook slack");
    assert_eq!(names("templates").await, "a b.c");
    assert_eq!(names("triggers").await, "t");
}
