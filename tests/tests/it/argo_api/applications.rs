//! Applications: made, changed, listed, watched, synced, deleted. No controller runs here: what it would
//! write, the tests write.

use belay_object::{Object, Value};
use http::Method;

use super::world::{World, until};

const APP: &str = r#"{"metadata":{"name":"one"},"spec":{"project":"default","source":{"repoURL":"https://git.example/o/r","path":"a"},
    "destination":{"server":"https://kubernetes.default.svc","namespace":"shop"}}}"#;

fn of(name: &str) -> Object {
    Object::of("argoproj.io/v1alpha1", "Application", "argocd", name)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_made_changed_and_deleted() {
    let world = World::with("", "").await;
    let admin = world.admin();
    let made = admin.post("/api/v1/applications", APP).await;
    assert_eq!(made.status, 200, "{}", made.text);
    assert_eq!(admin.post("/api/v1/applications", APP).await.status, 200, "the same again is the answer");
    let other = APP.replace("\"path\":\"a\"", "\"path\":\"b\"");
    let told = admin.post("/api/v1/applications", &other).await.told();
    assert_eq!(told, "400 3 existing application spec is different, use upsert flag to force update");
    assert_eq!(admin.post("/api/v1/applications?upsert=true", &other).await.status, 200);
    assert_eq!(world.app("one").str_at(&["spec", "source", "path"]), Some("b"));
    for (change, words) in [
        (
            ("https://kubernetes.default.svc", "https://nowhere"),
            "application destination spec for two is invalid: error getting cluster by server",
        ),
        (
            ("\"path\":\"a\"", "\"path\":\"\""),
            "application spec for two is invalid: InvalidSpecError: spec.source.repoURL and either spec.source.path or spec.source.chart are required",
        ),
        (("\"default\"", "\"none\""), "error getting app project \"none\""),
    ] {
        let body = APP.replace("\"one\"", "\"two\"").replace(change.0, change.1);
        let told = admin.post("/api/v1/applications", &body).await.told();
        assert!(told.starts_with("400 3 ") && told.contains(words), "{told}");
    }
    // Patches.
    let json = r#"{"patch":"[{\"op\":\"replace\",\"path\":\"/spec/source/path\",\"value\":\"c\"}]"}"#;
    let patched = admin.ask("PATCH /api/v1/applications/one", json).await;
    assert_eq!(patched.str_at(&["spec", "source", "path"]), "c", "{}", patched.text);
    let merge =
        r#"{"patchType":"merge","patch":"{\"metadata\":{\"labels\":{\"a\":\"b\"}},\"operation\":{\"sync\":{}}}"}"#;
    assert_eq!(admin.ask("PATCH /api/v1/applications/one", merge).await.str_at(&["metadata", "labels", "a"]), "b");
    assert!(world.app("one").get("operation").is_none(), "a sync is asked for by its own operation");
    let told = admin.ask("PATCH /api/v1/applications/one", r#"{"patchType":"strange","patch":"{}"}"#).await.told();
    assert_eq!(told, "400 3 Patch type 'strange' is not supported");
    let moved = r#"{"patchType":"merge","patch":"{\"metadata\":{\"name\":\"two\"}}"}"#;
    assert_eq!(admin.ask("PATCH /api/v1/applications/one", moved).await.status, 400);
    // The spec alone, and all of it.
    let spec = r#"{"project":"default","source":{"repoURL":"https://git.example/o/r","path":"d"},"destination":{"name":"in-cluster","namespace":"shop"}}"#;
    assert_eq!(admin.put("/api/v1/applications/one/spec", spec).await.str_at(&["source", "path"]), "d");
    assert_eq!(world.app("one").label("a"), Some("b"));
    assert_eq!(admin.put("/api/v1/applications/one", APP).await.status, 200);
    assert_eq!(world.app("one").label("a"), None);
    // Deleting says first whether what it holds goes, too.
    let told = admin.delete("/api/v1/applications/one?cascade=false&propagationPolicy=background").await.told();
    assert_eq!(told, "400 3 cannot set propagation policy when cascading is disabled");
    assert_eq!(admin.delete("/api/v1/applications/one?propagationPolicy=none").await.status, 400);
    assert_eq!(admin.delete("/api/v1/applications/one?propagationPolicy=background").await.status, 200);
    let one = world.app("one");
    assert_eq!(one.finalizers().collect::<Vec<_>>(), ["resources-finalizer.argocd.argoproj.io/background"]);
    assert!(one.is_deleting());
    assert_eq!(admin.post("/api/v1/applications", &APP.replace("\"one\"", "\"two\"")).await.status, 200);
    assert_eq!(admin.delete("/api/v1/applications/two?cascade=false").await.status, 200);
    assert_eq!(admin.get("/api/v1/applications/two").await.told(), "403 7 permission denied");
    assert_eq!(admin.get("/api/v1/applications/two?project=default").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_chosen_counted_and_cut_here() {
    let world = World::with("", "").await;
    world.project("blue", "");
    for i in 0..30 {
        let project = if i % 3 == 0 { "blue" } else { "default" };
        let sync = if i % 2 == 0 { "Synced" } else { "OutOfSync" };
        world.application(
            &format!("app-{i:02}"),
            project,
            &format!("status: {{sync: {{status: {sync}}}, health: {{status: Healthy}}}}"),
        );
    }
    let admin = world.admin();
    world.seen(&admin, "/api/v1/applications/app-29", |answer| answer.status == 200).await;
    let names = async |query: &str| {
        let list = admin.get(&format!("/api/v1/applications?{query}")).await.value();
        let items = list.get("items").map_or(Vec::new(), |items| items.items().to_vec());
        items.iter().map(|app| app.str_at(&["metadata", "name"]).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names("").await.len(), 30);
    assert_eq!(names("projects=blue").await.len(), 10);
    assert_eq!(names("name=app-07").await, ["app-07"]);
    assert_eq!(names("selector=tier%3Dblue").await.len(), 10);
    assert_eq!(names("sync=OutOfSync&projects=blue&search=P-0").await, ["app-03", "app-09"]);
    assert_eq!(names("repo=https%3A%2F%2FGIT.example%2Fo%2Fr.git").await.len(), 30);
    assert_eq!(names("repo=https%3A%2F%2Fother").await.len(), 0);
    assert_eq!(admin.get("/api/v1/applications?selector=%3D%3D").await.status, 400);
    // Pages; what is on them is what is asked for.
    let page = "/api/v1/applications?limit=20&fields=items.metadata.name&stats=true";
    let first = admin.get(page).await.value();
    assert_eq!(first.get("items").unwrap().items().len(), 20);
    assert_eq!(first.get("items").unwrap().items()[0].to_json(), r#"{"metadata":{"name":"app-00"}}"#);
    assert_eq!(first.at(&["metadata", "remainingItemCount"]).unwrap().as_i64(), Some(10));
    let counted = first.get("stats").unwrap().to_json();
    assert_eq!(
        counted,
        r#"{"autoSync":0,"byHealthStatus":{"Healthy":30},"byProject":{"blue":10,"default":20},"bySyncStatus":{"OutOfSync":15,"Synced":15},"total":30}"#
    );
    let token = first.str_at(&["metadata", "continue"]).unwrap();
    // One that is deleted in between moves nothing.
    assert_eq!(admin.delete("/api/v1/applications/app-19?cascade=false").await.status, 200);
    let second = admin.get(&format!("{page}&continue={token}")).await.value();
    let names: Vec<&str> =
        second.get("items").unwrap().items().iter().filter_map(|i| i.str_at(&["metadata", "name"])).collect();
    assert_eq!((names.len(), names[0]), (10, "app-20"));
    assert!(second.at(&["metadata", "continue"]).is_none());
    assert_eq!(admin.get("/api/v1/applications?continue=%25").await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_is_asked_for_once_and_may_be_ended() {
    let world = World::with("", "").await;
    world.application("one", "default", "");
    let admin = world.admin();
    world.seen(&admin, "/api/v1/applications/one", |answer| answer.status == 200).await;
    let body = r#"{"prune":true,"dryRun":false,"revision":"v1","strategy":{"hook":{"force":true}},"syncOptions":{"items":["CreateNamespace=true"]},
        "resources":[{"kind":"ConfigMap","name":"a"}],"infos":[{"name":"why","value":"test"}],"retryStrategy":{"limit":3}}"#;
    let asked = admin.post("/api/v1/applications/one/sync", body).await;
    assert_eq!(asked.status, 200, "{}", asked.text);
    let operation = world.app("one").get("operation").unwrap().to_json();
    assert_eq!(
        operation,
        r#"{"info":[{"name":"why","value":"test"}],"initiatedBy":{"username":"admin"},"retry":{"limit":3},"sync":{"prune":true,"resources":[{"kind":"ConfigMap","name":"a"}],"revision":"v1","syncOptions":["CreateNamespace=true"],"syncStrategy":{"hook":{"force":true}}}}"#
    );
    let told = admin.post("/api/v1/applications/one/sync", "{}").await.told();
    assert_eq!(told, "400 9 another operation is already in progress");
    // What the controller makes of it, and its end.
    assert_eq!(admin.delete("/api/v1/applications/one/operation").await.status, 400);
    world.patch(
        &of("one"),
        "{status: {operationState: {phase: Running, startedAt: '2026-01-01T00:00:00Z', operation: {}}}}",
    );
    assert_eq!(admin.delete("/api/v1/applications/one/operation").await.status, 200);
    assert_eq!(world.app("one").str_at(&["status", "operationState", "phase"]), Some("Terminating"));
    world.patch(&of("one"), "{operation: null, status: {operationState: {phase: Failed}}}");
    // One that syncs by itself syncs to what it says.
    world.patch(&of("one"), "{spec: {syncPolicy: {automated: {}, syncOptions: [Replace=true]}}}");
    world.seen(&admin, "/api/v1/applications/one", |answer| answer.text.contains("automated")).await;
    let told = admin.post("/api/v1/applications/one/sync", r#"{"revision":"v2"}"#).await.told();
    assert_eq!(told, "400 9 Cannot sync to v2: auto-sync currently set to main");
    let told = admin.post("/api/v1/applications/one/sync", r#"{"manifests":["{}"]}"#).await.told();
    assert_eq!(told, "400 9 cannot use local sync when Automatic Sync Policy is enabled unless for dry run");
    let told = admin.post("/api/v1/applications/one/rollback", r#"{"id":1}"#).await.told();
    assert_eq!(told, "400 9 rollback cannot be initiated when auto-sync is enabled");
    world.patch(
        &Object::of("v1", "ConfigMap", "argocd", "argocd-cmd-params-cm"),
        "{data: {server.sync.replace.allowed: 'false'}}",
    );
    world.seen(&admin, "/api/v1/settings", |answer| !answer.text.contains("syncWithReplaceAllowed")).await;
    let told = admin.post("/api/v1/applications/one/sync", "{}").await.told();
    assert_eq!(told, "400 9 sync with replace was disabled on the API Server level via the server configuration");
    // Rolling back runs what the history has.
    world.patch(&of("one"), "{spec: {syncPolicy: null}, status: {history: [{id: 4, deployedAt: '2026-01-01T00:00:00Z', revision: abc, source: {repoURL: 'https://git.example/o/r', path: old}}, {id: 5, deployedAt: '2026-01-01T00:00:00Z', revision: old}]}}");
    world.seen(&admin, "/api/v1/applications/one", |answer| answer.text.contains("history")).await;
    let told = admin.post("/api/v1/applications/one/rollback", r#"{"id":1}"#).await.told();
    assert_eq!(told, "400 3 application one does not have deployment with id 1");
    assert_eq!(admin.post("/api/v1/applications/one/rollback", r#"{"id":5}"#).await.status, 400);
    assert_eq!(admin.post("/api/v1/applications/one/rollback", r#"{"id":"4","prune":true}"#).await.status, 200);
    let sync = world.app("one").at(&["operation", "sync"]).unwrap().to_json();
    assert_eq!(
        sync,
        r#"{"prune":true,"revision":"abc","source":{"path":"old","repoURL":"https://git.example/o/r"},"syncStrategy":{"apply":{}}}"#
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_window_and_missing_rights_stand_against_a_sync() {
    let config = "accounts.dev: apiKey, application.sync.requireOverridePrivilegeForRevisionSync: 'true'";
    let policy = "p, dev, applications, get, */*, allow\np, dev, applications, sync, */*, allow";
    let world = World::with(config, policy).await;
    world.project("closed", ", syncWindows: [{kind: deny, schedule: '* * * * *', duration: 1h, applications: ['*']}]");
    world.application("shut", "closed", "");
    world.application("open", "default", "");
    let dev = world.account("dev").await;
    for name in ["shut", "open"] {
        world.seen(&dev, &format!("/api/v1/applications/{name}"), |answer| answer.status == 200).await;
    }
    let told = dev.post("/api/v1/applications/shut/sync", "{}").await.told();
    assert_eq!(told, "403 7 cannot sync: blocked by sync window");
    let windows = dev.get("/api/v1/applications/shut/syncwindows").await.value();
    assert!(windows.get("canSync").is_none());
    assert_eq!(windows.get("activeWindows").unwrap().items().len(), 1);
    assert_eq!(dev.get("/api/v1/applications/open/syncwindows").await.text, r#"{"canSync":true}"#);
    for body in [r#"{"revision":"v1"}"#, r#"{"manifests":["{}"]}"#] {
        let told = dev.post("/api/v1/applications/open/sync", body).await.told();
        assert!(told.starts_with("403 7 permission denied: applications, override, default/open, sub: dev"), "{told}");
    }
    assert_eq!(dev.post("/api/v1/applications/open/sync", r#"{"revision":"main"}"#).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_streamed_to_who_may_see_them() {
    let world = World::with("accounts.dev: apiKey", "p, dev, applications, get, blue/*, allow").await;
    world.project("blue", "");
    world.application("b", "blue", "");
    world.application("r", "default", "");
    let (admin, dev) = (world.admin(), world.account("dev").await);
    world.seen(&admin, "/api/v1/applications/b", |answer| answer.status == 200).await;
    world.seen(&admin, "/api/v1/applications/r", |answer| answer.status == 200).await;
    let events = [("accept", "text/event-stream")];
    let mut all = admin.open(Method::GET, "/api/v1/stream/applications", "", &events).await;
    assert_eq!(all.headers.get("content-type").unwrap(), "text/event-stream");
    let mut some = dev.open(Method::GET, "/api/v1/stream/applications", "", &[]).await;
    assert_eq!(all.event().await, "ADDED b");
    assert_eq!(all.event().await, "ADDED r");
    assert_eq!(some.event().await, "ADDED b");
    world.patch(&of("r"), "{status: {health: {status: Degraded}}}");
    assert_eq!(all.event().await, "MODIFIED r");
    world.patch(&of("b"), "{status: {health: {status: Degraded}}}");
    assert_eq!(all.event().await, "MODIFIED b");
    assert_eq!(some.event().await, "MODIFIED b", "what may not be seen is silent");
    // One that moves out of sight is gone for who may not see it there.
    world.patch(&of("b"), "{spec: {project: default}}");
    assert_eq!(all.event().await, "MODIFIED b");
    assert_eq!(some.event().await, "DELETED b");
    assert_eq!(admin.delete("/api/v1/applications/r?cascade=false").await.status, 200);
    let last = all.event().await;
    assert!(last == "DELETED r", "{last}");
    // From a version on only what is newer, and of its fields what is asked for.
    let version = world.app("b").resource_version().to_owned();
    let path = format!(
        "/api/v1/stream/applications?resourceVersion={version}&fields=result.type,result.application.metadata.name"
    );
    let mut newer = admin.open(Method::GET, &path, "", &[]).await;
    world.patch(&of("b"), "{metadata: {labels: {x: z}}}");
    let message = newer.next().await.unwrap().to_json();
    assert_eq!(message, r#"{"result":{"application":{"metadata":{"name":"b"}},"type":"MODIFIED"}}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_waits_for_the_comparison() {
    let world = World::with("", "").await;
    world.application("one", "default", "");
    let admin = world.admin();
    world.seen(&admin, "/api/v1/applications/one", |answer| answer.status == 200).await;
    let asking = tokio::spawn({
        let admin = admin.clone();
        async move { admin.get("/api/v1/applications/one?refresh=hard").await }
    });
    until("it is asked for", || (world.app("one").annotation("argocd.argoproj.io/refresh")? == "hard").then_some(()))
        .await;
    assert!(!asking.is_finished());
    world.patch(
        &of("one"),
        "{metadata: {annotations: {argocd.argoproj.io/refresh: null}}, status: {reconciledAt: '2026-01-01T00:00:00Z'}}",
    );
    let answer = asking.await.unwrap();
    assert_eq!(answer.str_at(&["status", "reconciledAt"]), "2026-01-01T00:00:00Z");
}

#[tokio::test(flavor = "multi_thread")]
async fn badges_tell_how_things_are_of_one_namespace() {
    let world = World::with("statusbadge.enabled: 'true'", "").await;
    let status = "sync: {status: Synced, revision: x}, health: {status: Healthy}, \
                  operationState: {operation: {}, phase: Succeeded, \
                  startedAt: '2026-01-01T00:00:00Z', syncResult: {revision: '0123456789abcdef'}}";
    world.application("one", "default", &format!("status: {{{status}}}"));
    let stranger = world.stranger();
    world.seen(&stranger, "/api/badge?name=one", |answer| answer.text.contains(">Synced<")).await;
    for (query, told) in [
        ("name=one", &["Healthy", "Synced"][..]),
        ("name=one&revision=TRUE", &["Healthy", "Synced", "(0123456)"]),
        (
            "name=one&revision=true&keepFullRevision=true&showAppName=true",
            &["Healthy", "Synced", "(0123456789abcdef)", "one"],
        ),
        ("name=none", &["Not Found"]),
        ("project=default", &["Healthy", "Synced"]),
        ("project=none", &["Unknown", "Unknown"]),
        // Of one namespace alone, and nothing of where Applications may not stand.
        ("project=default&namespace=shop", &["Not Found"]),
        ("", &["Unknown", "Unknown"]),
    ] {
        let answer = stranger.get(&format!("/api/badge?{query}")).await;
        let texts = answer.text.split("</text>").filter_map(|part| Some(part.rsplit_once('>')?.1));
        let texts: Vec<&str> = texts.filter(|text| !text.trim().is_empty()).collect();
        assert_eq!(texts, told, "{query}");
    }
    for wrong in ["name=%3Cscript%3E&showAppName=true", "name=a..b", "namespace=", "project=a%2Fb", "name=-a"] {
        let answer = stranger.get(&format!("/api/badge?{wrong}")).await;
        assert_eq!((answer.status, answer.text.as_str()), (400, ""), "{wrong}");
    }
    // Where the settings give no leave nothing is told, whatever is asked.
    world.patch(&Object::of("v1", "ConfigMap", "argocd", "argocd-cm"), "{data: {statusbadge.enabled: 'false'}}");
    let is_silent = |answer: &super::world::Answer| answer.text.matches(">Unknown<").count() == 2;
    world.seen(&stranger, "/api/badge?name=one", is_silent).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_proves_itself_has_applications_compared() {
    let world = World::with("", "").await;
    world.application("one", "default", "");
    let stranger = world.stranger();
    world.seen(&world.admin(), "/api/v1/applications/one", |answer| answer.status == 200).await;
    let body =
        r#"{"ref":"refs/heads/main","repository":{"html_url":"https://git.example/o/r","default_branch":"main"}}"#;
    let refresh = || world.app("one").annotation("argocd.argoproj.io/refresh").map(str::to_owned);
    let push = async |headers: &[(&str, &str)]| stranger.send(Method::POST, "/api/webhook", body, headers).await.status;
    assert_eq!(push(&[]).await, 400, "nobody's event");
    assert_eq!(push(&[("x-github-event", "ping")]).await, 200);
    assert_eq!(refresh(), None);
    // With a secret, only who knows it.
    let mut secret = Value::object();
    secret.set(&["stringData", "webhook.github.secret"], "s3cret");
    world.user.merge_patch(&Object::of("v1", "Secret", "argocd", "argocd-secret"), "", &secret).unwrap();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while push(&[("x-github-event", "ping")]).await != 400 {
        assert!(tokio::time::Instant::now() < deadline);
    }
    assert_eq!(push(&[("x-github-event", "push"), ("x-hub-signature-256", "sha256=00")]).await, 400);
    assert_eq!(refresh(), None, "a push that proves nothing does nothing");
    // printf '%s' "$body" | openssl dgst -sha256 -hmac s3cret
    let signature = sign("s3cret", body);
    assert_eq!(push(&[("x-github-event", "push"), ("x-hub-signature-256", &signature)]).await, 200);
    until("it is asked for", || (refresh()? == "normal").then_some(())).await;
}

/// HMAC of RFC 2104 with SHA-256.
fn sign(key: &str, body: &str) -> String {
    use sha2::{Digest, Sha256};
    let mut block = [0u8; 64];
    block[..key.len()].copy_from_slice(key.as_bytes());
    let inner = Sha256::new().chain_update(block.map(|b| b ^ 0x36)).chain_update(body).finalize();
    let outer = Sha256::new().chain_update(block.map(|b| b ^ 0x5c)).chain_update(inner).finalize();
    let hex: String = outer.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}")
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_have_argo_cds_names_and_are_told_where_that_is_wanted() {
    let mut world = World::with("", "").await;
    world.application("one", "default", "status: {sync: {status: Synced}, health: {status: Healthy}}");
    assert_eq!(world.stranger().get("/metrics").await.status, 404, "inv_authn_8");
    world.tell_metrics();
    let stranger = world.stranger();
    let told = world.seen(&stranger, "/metrics", |answer| answer.text.contains("name=\"one\"")).await.text;
    let line = told.lines().find(|line| line.starts_with("argocd_app_info{")).unwrap();
    assert_eq!(
        line,
        "argocd_app_info{namespace=\"argocd\",name=\"one\",project=\"default\",autosync_enabled=\"false\",\
         repo=\"https://git.example/o/r\",dest_server=\"https://kubernetes.default.svc\",dest_namespace=\"shop\",\
         sync_status=\"Synced\",health_status=\"Healthy\",operation=\"\"} 1"
    );
    assert!(told.contains(
        "argocd_cluster_info{server=\"https://kubernetes.default.svc\",k8s_version=\"\",name=\"in-cluster\"} 1"
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_from_a_version_tells_what_went_and_what_was_missed() {
    let world = World::with("", "").await;
    for name in ["a", "b", "c"] {
        world.application(name, "default", "");
    }
    let admin = world.admin();
    world.seen(&admin, "/api/v1/applications", |answer| answer.text.matches("\"kind\"").count() == 3).await;
    let version = admin.get("/api/v1/applications").await.str_at(&["metadata", "resourceVersion"]);
    // Between the list and the stream.
    world.patch(&of("b"), "{metadata: {labels: {x: z}}}");
    world.seen(&admin, "/api/v1/applications/b", |answer| answer.text.contains("\"x\":\"z\"")).await;
    let path = format!("/api/v1/stream/applications?resourceVersion={version}");
    let mut stream = admin.open(Method::GET, &path, "", &[]).await;
    assert_eq!(stream.event().await, "MODIFIED b");
    // One of which nothing was told here goes; the reader has it from the list.
    assert_eq!(admin.delete("/api/v1/applications/c?cascade=false").await.status, 200);
    assert_eq!(stream.event().await, "DELETED c");
    world.patch(&of("a"), "{metadata: {labels: {x: z}}}");
    assert_eq!(stream.event().await, "MODIFIED a");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_authz_1_a_stream_of_an_application_ends_when_that_moves_out_of_sight() {
    let policy = "p, dev, applications, get, blue/*, allow\np, dev, logs, get, blue/*, allow";
    let world = World::with("accounts.dev: apiKey", policy).await;
    world.project("blue", "");
    world.application("one", "blue", "");
    let dev = world.account("dev").await;
    world.seen(&dev, "/api/v1/applications/one", |answer| answer.status == 200).await;
    let mut tree = dev.open(Method::GET, "/api/v1/stream/applications/one/resource-tree", "", &[]).await;
    assert!(tree.next().await.unwrap().get("result").is_some());
    world.patch(&of("one"), "{spec: {project: default}}");
    assert_eq!(tree.event().await, "error: permission denied");
    assert_eq!(tree.event().await, "end");
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_that_come_together_are_all_kept() {
    let world = World::with("", "").await;
    world.application("one", "default", "");
    let admin = world.admin();
    world.seen(&admin, "/api/v1/applications/one", |answer| answer.status == 200).await;
    let change = |i: usize| {
        let admin = admin.clone();
        async move {
            let patch = format!("{{\\\"metadata\\\":{{\\\"labels\\\":{{\\\"l{i}\\\":\\\"x\\\"}}}}}}");
            let body = format!("{{\"patchType\":\"merge\",\"patch\":\"{patch}\"}}");
            let spec = r#"{"project":"default","source":{"repoURL":"https://git.example/o/r","path":"d"},"destination":{"name":"in-cluster","namespace":"shop"}}"#;
            match i % 3 {
                0 => admin.put("/api/v1/applications/one/spec", spec).await,
                _ => admin.ask("PATCH /api/v1/applications/one", &body).await,
            }
        }
    };
    let answers = futures::future::join_all((0..9).map(change)).await;
    for answer in answers {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let one = world.app("one");
    for i in (0..9).filter(|i| i % 3 != 0) {
        assert_eq!(one.label(&format!("l{i}")), Some("x"), "{}", one.value().to_json());
    }
    assert_eq!(one.str_at(&["spec", "source", "path"]), Some("d"));
}
