//! The screens of an introduction to Argo CD, as an Application's status and as commands: what is missing shows at
//! once, a sync heals it, a drifted field is shown with who wrote it, a rollback goes back, a window forbids, an
//! exclusion hides. And what two systems claim neither of them applies.

use belay_argo::controller::Mirrors;
use belay_argo::controller::preview::Preview;
use belay_argo::spec::Application;
use belay_cluster::Cluster;

use super::world::*;

const SERVICE: &str =
    "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  selector: {app: web}\n  ports: [{port: 80}]\n";

fn deployment(replicas: i64) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  replicas: {replicas}\n  \
         selector: {{matchLabels: {{app: web}}}}\n  template:\n    metadata: {{labels: {{app: web}}}}\n    \
         spec: {{containers: [{{name: web, image: 'web:1'}}]}}\n"
    )
}

const SERVICES: Kind = ("v1", "Service");
const DEPLOYMENTS: Kind = ("apps/v1", "Deployment");

async fn shop(policy: &str) -> World {
    let world = World::with_files(&[("app/service.yaml", SERVICE), ("app/web.yaml", &deployment(2))]).await;
    world.application("one", "app", policy);
    if policy.is_empty() {
        world.is("one", "OutOfSync Missing").await;
        world.sync("one", "{}");
    }
    world.is("one", "Synced Healthy Succeeded").await;
    world
}

/// `Service web OutOfSync` of each object in the status that is not in sync.
fn differing(world: &World) -> Vec<String> {
    let app = world.get(APPLICATIONS, "one").unwrap();
    let all = app.at(&["status", "resources"]).map_or(Vec::new(), |r| r.items().to_vec());
    let text = |r: &belay_object::Value, name: &str| r.str_at(&[name]).unwrap_or_default().to_owned();
    let differs = all.iter().filter(|r| text(r, "status") != "Synced");
    differs.map(|r| format!("{} {} {}", text(r, "kind"), text(r, "name"), text(r, "status"))).collect()
}

/// The differences of an Application, as `belay app diff` finds them: pointer, manager.
async fn drift(world: &World) -> Vec<String> {
    let cluster = Cluster::from_service("looked at", world.server.clone());
    let folder = tempfile::tempdir().unwrap();
    let outside = || belay_helm::Outside { now_unix_ns: 0, random: None, check: None, lookup: None };
    let mirrors = Mirrors::open(folder.path(), belay_net::Egress::default()).unwrap();
    let preview = Preview::open(cluster, "argocd", mirrors, outside).await.unwrap();
    let app = Application::read(&world.get(APPLICATIONS, "one").unwrap()).unwrap();
    let at = preview.destination(&app).await.unwrap();
    let desired = preview.render(&app, &at, &app.spec.sources(), &[]).await.unwrap();
    let compared = preview.compare(&app, &at, desired).await.unwrap();
    let all = compared.resources.iter().flat_map(|r| r.differences.iter());
    all.map(|d| format!("{} by {}", d.pointer, d.manager.as_deref().unwrap_or("us"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_deleted_by_hand_shows_and_a_sync_heals_it() {
    let world = shop("").await;
    world.delete(SERVICES, "web");
    world.is("one", "OutOfSync Healthy").await;
    assert_eq!(differing(&world), ["Service web OutOfSync"]);
    assert!(world.get(SERVICES, "web").is_none(), "nothing is healed without being asked");
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
    assert!(world.get(SERVICES, "web").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drifted_field_is_shown_with_who_wrote_it() {
    let world = shop("").await;
    world.patch(DEPLOYMENTS, "web", "{spec: {replicas: 5}}");
    world.is("one", "OutOfSync").await;
    assert_eq!(differing(&world), ["Deployment web OutOfSync"]);
    assert_eq!(drift(&world).await, ["/spec/replicas by kubectl-edit"]);
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
    assert_eq!(drift(&world).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_goes_back_and_leaves_the_application_out_of_sync() {
    let world = shop("").await;
    let second = world.push(&[("app/web.yaml", Some(&deployment(3)))]).await;
    world.at("one", &second).await;
    world.sync("one", "{}");
    let replicas = |world: &World| world.get(DEPLOYMENTS, "web")?.at(&["spec", "replicas"])?.as_i64();
    world.until("three", || (replicas(&world)? == 3).then_some(())).await;
    world.is("one", "Synced Healthy Succeeded").await;
    let app = world.get(APPLICATIONS, "one").unwrap();
    let first = app.at(&["status", "history"]).unwrap().items()[0].clone();
    let source = first.get("source").unwrap().to_json();
    let revision = first.str_at(&["revision"]).unwrap();
    world.sync("one", &format!("{{revision: {revision}, source: {source}, syncStrategy: {{apply: {{}}}}}}"));
    world.until("two again", || (replicas(&world)? == 2).then_some(())).await;
    world.is("one", "OutOfSync Healthy Succeeded").await;
    assert_eq!(differing(&world), ["Deployment web OutOfSync"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_forbids_what_would_heal_by_itself() {
    let world = shop("syncPolicy: {automated: {selfHeal: true}}").await;
    let window = "{spec: {syncWindows: [{kind: deny, schedule: '* * * * *', duration: 1h, applications: ['*']}]}}";
    world.patch(("argoproj.io/v1alpha1", "AppProject"), "default", window);
    // A sync by hand is held too, which shows that the window is known by now.
    world.sync("one", "{}");
    world.until("the window holds", || world.state("one").contains("blocked by sync window").then_some(())).await;
    world.delete(SERVICES, "web");
    world.until("it shows", || (differing(&world) == ["Service web OutOfSync"]).then_some(())).await;
    assert!(world.get(SERVICES, "web").is_none());
    world.patch(("argoproj.io/v1alpha1", "AppProject"), "default", "{spec: {syncWindows: null}}");
    world.until("it is healed", || world.get(SERVICES, "web")).await;
    world.is("one", "Synced Healthy Succeeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_to_be_ignored_is_no_difference() {
    let ignore = "ignoreDifferences: [{group: apps, kind: Deployment, jsonPointers: [/spec/replicas]}]";
    let world = shop(&format!("syncPolicy: {{automated: {{}}}}, {ignore}")).await;
    world.patch(DEPLOYMENTS, "web", "{spec: {replicas: 5}}");
    // The Service is looked at after the Deployment was changed.
    world.delete(SERVICES, "web");
    world.is("one", "OutOfSync").await;
    assert_eq!(differing(&world), ["Service web OutOfSync"]);
    assert_eq!(drift(&world).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_system_keeps_is_refused_and_told() {
    let mut world =
        World::stopped(&[("app/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {key: ours}\n")])
            .await;
    let keeper = |o: &belay_object::Object| o.label("kept-by").map(|who| format!("Kustomization flux-system/{who}"));
    world.settings.claimed_elsewhere = belay_engine::Elsewhere::new(std::sync::Arc::new(keeper));
    world.start().await;
    world.apply("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop, labels: {kept-by: apps}}\ndata: {key: theirs}\n");
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    world.is("one", "OutOfSync Healthy Failed").await;
    assert_eq!(world.data("a", "key").as_deref(), Some("theirs"), "it is left alone");
    let app = world.get(APPLICATIONS, "one").unwrap();
    let results = app.at(&["status", "operationState", "syncResult", "resources"]).unwrap().items().to_vec();
    let message = results[0].str_at(&["message"]).unwrap();
    assert!(message.contains("ConfigMap/shop/a is kept by Kustomization flux-system/apps"), "{message}");
    // Let go by the other, it is taken.
    world.patch(MAPS, "a", "{metadata: {labels: {kept-by: null}}}");
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
    assert_eq!(world.data("a", "key").as_deref(), Some("ours"));
}
