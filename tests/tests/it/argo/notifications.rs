//! Notifications (argo.md 3.9): from what becomes of an Application to a receiver on loopback.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use belay_object::Object;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::world::*;

const NOTIFIED: &str = "notified.notifications.argoproj.io";
/// What the catalog's condition is known by.
const SUCCEEDED: &str = "on-sync-succeeded:[0].IwKhHw9Hu8IE3z5Y8CQE4vReLYs:hook:";

/// A receiver: what it was told, and what it answers. The status 0 never answers.
struct Receiver {
    url: String,
    told: Arc<parking_lot::Mutex<Vec<String>>>,
    status: Arc<AtomicU16>,
}

impl Receiver {
    async fn start() -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback");
        let url = format!("http://{}", listener.local_addr().expect("it listens"));
        let (told, status) = (Arc::<parking_lot::Mutex<Vec<String>>>::default(), Arc::new(AtomicU16::new(200)));
        let (list, answer) = (told.clone(), status.clone());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (list, answer) = (list.clone(), answer.clone());
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !is_whole(&request) {
                        let mut piece = [0; 4096];
                        match stream.read(&mut piece).await {
                            Ok(length @ 1..) => request.extend_from_slice(&piece[..length]),
                            _ => return,
                        }
                    }
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let status = answer.load(Ordering::Relaxed);
                    list.lock().push(text);
                    if status == 0 {
                        std::future::pending::<()>().await;
                    }
                    // It tells what it was shown: nobody must write that down.
                    let body = format!("you said {}", String::from_utf8_lossy(&request).replace("\r\n", " "));
                    let head =
                        format!("HTTP/1.1 {status} It\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
                    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                });
            }
        });
        Receiver { url, told, status }
    }
    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }
    /// The lines that it was told: the bodies.
    fn bodies(&self) -> Vec<String> {
        let body =
            |request: &String| request.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
        self.told.lock().iter().map(body).collect()
    }
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// The config map and the secret, with the catalog's trigger and templates of one line.
const CONFIGURED: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-notifications-cm, namespace: argocd}
data:
  service.webhook.hook: |
    url: URL
    headers: [{name: X-Token, value: $token}]
    retryMax: 1
    retryWaitMin: 10ms
  service.webhook.other: 'url: URL/other'
  template.app-sync-succeeded: |
    webhook:
      hook:
        method: POST
        path: /{{.app.metadata.name}}
        body: >-
          {{.app.metadata.name}} at {{.app.status.operationState.syncResult.revision}} by
          {{(call .repo.GetCommitMetadata .app.status.sync.revision).Author}}
  template.plain: |
    message: "{{.app.metadata.name}} is synced to {{.app.status.sync.revision}}"
  template.unknown: |
    message: "{{.app.metadata.name}} is unknown"
  trigger.on-plain: |
    - send: [plain]
      when: app.status.operationState?.phase == 'Succeeded'
  trigger.on-sync-succeeded: |
    - oncePer: app.status.operationState?.syncResult?.revision
      send: [app-sync-succeeded]
      when: app.status.operationState != nil and app.status.operationState.phase in ['Succeeded']
  trigger.on-deployed: |
    - oncePer: app.status.operationState?.syncResult?.revision
      send: [plain]
      when: app.status.operationState != nil and app.status.operationState.phase in ['Succeeded'] and
        app.status.health.status == 'Healthy' and
        (!time.Parse(app.status.health.lastTransitionTime).Add(1 * time.Minute).Before(time.Parse(app.status.operationState.finishedAt))
        or time.Parse(app.status.health.lastTransitionTime).Before(time.Parse(app.status.operationState.startedAt)))
  trigger.on-out-of-sync: |
    - send: [unknown]
      when: app.status.sync.status == 'OutOfSync'
---
apiVersion: v1
kind: Secret
metadata: {name: argocd-notifications-secret, namespace: argocd}
stringData: {token: sesame-open-42}
"#;

fn configured(receiver: &Receiver) -> String {
    CONFIGURED.replace("URL", &receiver.url)
}

/// Has the hook told of syncs of an Application.
fn subscribe(world: &World, name: &str, trigger: &str, service: &str) {
    let annotation = format!("notifications.argoproj.io/subscribe.{trigger}.{service}");
    world.patch(APPLICATIONS, name, &format!("{{metadata: {{annotations: {{{annotation}: ''}}}}}}"));
}

fn app(world: &World, name: &str) -> Object {
    world.get(APPLICATIONS, name).expect("it is there")
}

/// What the annotation says was told.
fn noted(world: &World, name: &str) -> String {
    app(world, name).annotation(NOTIFIED).unwrap_or_default().to_owned()
}

async fn is_told(world: &World, receiver: &Receiver, count: usize) {
    let what = format!("{count} messages, not {:?}", receiver.bodies());
    world.until(&what, || (receiver.bodies().len() >= count).then_some(())).await;
}

/// argo.md 10.14
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_is_told_once_and_again_with_a_new_revision() {
    let receiver = Receiver::start().await;
    let world = World::with_files(&[("app/a.yaml", map("a", "1"))]).await;
    world.apply(&configured(&receiver));
    world.application("one", "app", "");
    subscribe(&world, "one", "on-sync-succeeded", "hook");
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
    is_told(&world, &receiver, 1).await;
    let first = app(&world, "one").str_at(&["status", "sync", "revision"]).expect("it has one").to_owned();
    let request = receiver.told.lock()[0].clone();
    assert!(request.starts_with("POST /one HTTP/1.1\r\n"), "{request}");
    assert!(request.to_lowercase().contains("x-token: sesame-open-42\r\n"), "{request}");
    let body = receiver.bodies()[0].clone();
    assert!(body.starts_with(&format!("one at {first} by ")) && body.contains('@'), "{body}");
    world
        .until("it is noted", || noted(&world, "one").contains(&format!("\"{first}:{SUCCEEDED}\":")).then_some(()))
        .await;
    // The same revision once more, and a restart: nothing more is told.
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
    world.quiet().await;
    let mut world = world;
    world.controllers = None;
    world.start().await;
    world.quiet().await;
    assert_eq!(receiver.bodies().len(), 1, "{:?}", receiver.bodies());
    let second = world.push(&[("app/a.yaml", Some(&map("a", "2")))]).await;
    world.at("one", &second).await;
    world.sync("one", "{}");
    is_told(&world, &receiver, 2).await;
    assert!(receiver.bodies()[1].starts_with(&format!("one at {second} by ")), "{:?}", receiver.bodies());
    world.until("both are noted", || noted(&world, "one").contains(&second).then_some(())).await;
    assert!(noted(&world, "one").contains(&first));
    let metrics = world.controllers.as_ref().expect("it runs").metrics().text();
    let line =
        "argocd_notifications_deliveries_total{trigger=\"on-sync-succeeded\",service=\"hook\",succeeded=\"true\"} 1\n";
    assert!(metrics.contains(line), "{metrics}");
}

/// argo.md 10.14
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_of_a_status_from_before_the_operation() {
    let receiver = Receiver::start().await;
    let world = World::with_files(&[("app/a.yaml", map("a", "1"))]).await;
    world.apply(&configured(&receiver));
    for name in ["stale", "fresh"] {
        world.application(name, "app", "");
        world.patch(APPLICATIONS, name, "{metadata: {annotations: {argocd.argoproj.io/skip-reconcile: 'true'}}}");
    }
    world.quiet().await;
    // Both are written by somebody else from here on.
    let status = |reconciled: &str| {
        format!(
            "{{status: {{sync: {{status: Synced, revision: abc}}, reconciledAt: '2030-01-01T00:00:0{reconciled}Z', \
             operationState: {{phase: Succeeded, message: done, startedAt: '2030-01-01T00:00:00Z', \
             finishedAt: '2030-01-01T00:00:05Z', operation: {{}}, \
             syncResult: {{revision: abc, source: {{repoURL: x}}}}}}}}}}"
        )
    };
    world.patch(APPLICATIONS, "stale", &status("4"));
    world.patch(APPLICATIONS, "fresh", &status("5"));
    for name in ["stale", "fresh"] {
        world.patch(
            APPLICATIONS,
            name,
            "{metadata: {annotations: {notifications.argoproj.io/subscribe.on-plain.other: ''}}}",
        );
    }
    is_told(&world, &receiver, 1).await;
    world.quiet().await;
    assert_eq!(receiver.bodies(), ["fresh is synced to abc"]);
    assert_eq!(noted(&world, "stale"), "");
    world.patch(APPLICATIONS, "stale", &status("6"));
    is_told(&world, &receiver, 2).await;
    assert_eq!(receiver.bodies()[1], "stale is synced to abc");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_fails_holds_up_nothing_and_is_told_in_the_end() {
    let receiver = Receiver::start().await;
    receiver.answers(0);
    let world = World::with_files(&[("app/a.yaml", map("a", "1")), ("two/b.yaml", map("b", "1"))]).await;
    world.apply(&configured(&receiver));
    world.application("one", "app", "");
    subscribe(&world, "one", "on-sync-succeeded", "hook");
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    is_told(&world, &receiver, 1).await;
    // It hangs: all else goes on.
    world.synced("two", "two").await;
    subscribe(&world, "two", "on-sync-succeeded", "hook");
    is_told(&world, &receiver, 2).await;
    assert_eq!(noted(&world, "one"), "", "what was not taken is not noted");
    receiver.answers(500);
    world.apply(&map_of_other_service(&receiver));
    world
        .until("another service is told", || receiver.bodies().iter().any(|b| b == "two is unknown").then_some(()))
        .await;
}

/// A subscription by default of another service.
fn map_of_other_service(receiver: &Receiver) -> String {
    let more = "data:\n  subscriptions: '[{recipients: [other], triggers: [on-two], selector: \"!none\"}]'\n  \
        trigger.on-two: '[{send: [unknown], when: app.metadata.name == \"two\"}]'\n";
    configured(receiver).replacen("data:\n", more, 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_refused_is_tried_again_and_no_credential_is_written_down() {
    let receiver = Receiver::start().await;
    receiver.answers(403);
    let world = World::with_files(&[("app/a.yaml", map("a", "1"))]).await;
    world.apply(&configured(&receiver));
    world.application("one", "app", "");
    subscribe(&world, "one", "on-sync-succeeded", "hook");
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    is_told(&world, &receiver, 2).await;
    receiver.answers(200);
    world.until("it is noted", || noted(&world, "one").contains(SUCCEEDED).then_some(())).await;
    world.quiet().await;
    let events: Vec<String> =
        world.user.list("", "events", "argocd").iter().map(|e| e.object().value().to_json()).collect();
    for text in events.iter().chain([&app(&world, "one").value().to_json()]) {
        assert!(!text.contains("sesame-open-42"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_note_that_cannot_be_written_sends_nothing_twice() {
    let receiver = Receiver::start().await;
    let world = World::with_files(&[("app/a.yaml", map("a", "1"))]).await;
    world.apply(&configured(&receiver));
    world.application("one", "app", "");
    subscribe(&world, "one", "on-sync-succeeded", "hook");
    world.is("one", "OutOfSync").await;
    world.wire.refuse("fieldManager=argocd-notifications", 500);
    world.sync("one", "{}");
    is_told(&world, &receiver, 1).await;
    world.is("one", "Synced Healthy Succeeded").await;
    // Changes wake it, and it tries to write again and again.
    let refused = || world.wire.log(0).iter().filter(|line| line.contains("fieldManager=argocd-notifications")).count();
    for info in ["a", "b", "c"] {
        world.patch(APPLICATIONS, "one", &format!("{{spec: {{info: [{{name: x, value: {info}}}]}}}}"));
    }
    world.until("it was tried more than once", || (refused() > 2).then_some(())).await;
    assert_eq!(noted(&world, "one"), "");
    world.wire.refuse_none();
    world.until("it is noted", || noted(&world, "one").contains(SUCCEEDED).then_some(())).await;
    assert_eq!(receiver.bodies().len(), 1, "{:?}", receiver.bodies());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_that_is_met_anew_is_told_anew() {
    let receiver = Receiver::start().await;
    let world = World::with_files(&[("app/a.yaml", map("a", "1"))]).await;
    world.apply(&configured(&receiver));
    // By the project's annotation.
    let project = Object::of("argoproj.io/v1alpha1", "AppProject", "argocd", "default");
    let annotation = "{metadata: {annotations: {notifications.argoproj.io/subscribe.on-out-of-sync.other: ''}}}";
    let patch = belay_yaml::parse_value(annotation, &belay_yaml::Options::v2()).expect("YAML");
    world.user.merge_patch(&project, "", &patch).expect("it is patched");
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    is_told(&world, &receiver, 1).await;
    world.until("it is noted", || noted(&world, "one").contains("on-out-of-sync").then_some(())).await;
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
    world.until("it is forgotten", || app(&world, "one").annotation(NOTIFIED).is_none().then_some(())).await;
    world.push(&[("app/a.yaml", Some(&map("a", "2")))]).await;
    is_told(&world, &receiver, 2).await;
    assert_eq!(receiver.bodies(), ["one is unknown", "one is unknown"]);
}

/// argo.md 10.13
#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_is_told_when_it_is_healthy() {
    let receiver = Receiver::start().await;
    let web = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  paused: true\n  replicas: 1\n  \
        selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    \
        spec: {containers: [{name: c, image: busybox}]}\n";
    let world = World::with_files(&[("app/web.yaml", web)]).await;
    world.apply(&configured(&receiver));
    world.application("one", "app", "");
    subscribe(&world, "one", "on-deployed", "other");
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    world.is("one", "Synced Suspended Succeeded").await;
    world.quiet().await;
    assert_eq!(receiver.bodies(), [""; 0], "it is synced, and not healthy");
    world.patch(("apps/v1", "Deployment"), "web", "{spec: {paused: false}}");
    is_told(&world, &receiver, 1).await;
    // Time passes nothing on: it is told once.
    world.until("it is noted", || noted(&world, "one").contains("on-deployed").then_some(())).await;
    world.quiet().await;
    assert_eq!(receiver.bodies().len(), 1, "{:?}", receiver.bodies());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_told_while_another_controller_tells() {
    let receiver = Receiver::start().await;
    let world = World::with_files(&[("app/a.yaml", map("a", "1"))]).await;
    let name = "argocd-notifications-controller";
    world.apply(&format!(
        "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: {name}, namespace: argocd, labels: \
         {{app.kubernetes.io/name: {name}}}}}, spec: {{replicas: 1, paused: true, selector: {{matchLabels: {{a: b}}}}, \
         template: {{metadata: {{labels: {{a: b}}}}, spec: {{containers: [{{name: c, image: busybox}}]}}}}}}}}"
    ));
    world.apply(&configured(&receiver));
    world.application("one", "app", "");
    subscribe(&world, "one", "on-plain", "other");
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
    world.quiet().await;
    assert_eq!(receiver.bodies(), [""; 0]);
    let theirs = Object::of("apps/v1", "Deployment", "argocd", name);
    let patch = belay_yaml::parse_value("{spec: {replicas: 0}}", &belay_yaml::Options::v2()).expect("YAML");
    world.user.merge_patch(&theirs, "", &patch).expect("it is patched");
    is_told(&world, &receiver, 1).await;
    assert!(receiver.bodies()[0].starts_with("one is synced to "));
}
