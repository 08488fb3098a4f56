//! Kustomizations and Applications on one cluster, beside one another: each keeps its own, and an object that both
//! claim is refused by whoever comes second, told, and taken over when the first lets go.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use belay_cluster::Cluster;
use belay_controller::Leadership;
use belay_engine::{Elsewhere, Keeper};
use belay_object::{Condition, Object};

use super::world::*;

/// Each system's keeper, known from when it runs, as the binary hands them over.
#[derive(Default)]
struct Keepers {
    flux: OnceLock<Keeper>,
    argocd: OnceLock<Keeper>,
}

fn map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: shop}}\ndata: {{key: {value}}}\n")
}

/// A world with both systems; Flux's part is kept by the caller.
async fn both(files: &[(&str, &str)]) -> (World, belay_flux::Controllers, tempfile::TempDir) {
    let mut world = World::stopped(files).await;
    let definitions = belay_flux::crds::crds("flux-system", "v0");
    world.put(&definitions);
    world.apply("{apiVersion: v1, kind: Namespace, metadata: {name: flux-system}}");
    world
        .until("Flux's definitions are served", || {
            let group = "kustomize.toolkit.fluxcd.io";
            world.server.registry().by_kind(group, "v1", "Kustomization").map(|_| ())
        })
        .await;
    let keepers = Arc::new(Keepers::default());
    let (of_argocd, of_flux) = (keepers.clone(), keepers.clone());
    world.settings.claimed_elsewhere = Elsewhere::new(Arc::new(move |object| (of_flux.flux.get()?)(object)));
    world.start().await;
    let keeper = world.controllers.as_ref().unwrap().keeper();
    assert!(keepers.argocd.set(keeper).is_ok());
    let folder = tempfile::tempdir().unwrap();
    let claimed = Elsewhere::new(Arc::new(move |object: &Object| (of_argocd.argocd.get()?)(object)));
    let flux = belay_flux::Controllers::start(belay_flux::Options {
        cluster: Cluster::from_service("embedded", world.server.clone()),
        settings: belay_flux::Settings { claimed_elsewhere: claimed, ..belay_flux::Settings::default() },
        leadership: Leadership::unopposed(),
        storage: folder.path().to_owned(),
        artifacts: ([127, 0, 0, 1], 0).into(),
        advertised: String::new(),
        egress: belay_net::Egress::default(),
    });
    let flux = flux.await.unwrap_or_else(|e| panic!("Flux's controllers start: {e}"));
    assert!(keepers.flux.set(flux.keeper()).is_ok());
    (world, flux, folder)
}

fn kustomization(world: &World) {
    world.apply(&format!(
        "{{apiVersion: source.toolkit.fluxcd.io/v1, kind: GitRepository, metadata: {{name: shop, namespace: flux-system}}, \
         spec: {{interval: 1h, url: '{}', ref: {{branch: main}}}}}}\n---\n\
         {{apiVersion: kustomize.toolkit.fluxcd.io/v1, kind: Kustomization, metadata: {{name: shop, namespace: flux-system}}, \
         spec: {{interval: 1h, retryInterval: 1s, prune: false, path: ./flux, sourceRef: {{kind: GitRepository, name: shop}}}}}}",
        world.git.url()
    ));
}

/// `True: message` of the Kustomization's condition Ready.
fn ready(world: &World) -> Option<String> {
    let found = world.user.get("kustomize.toolkit.fluxcd.io", "kustomizations", "flux-system", "shop")?;
    let ready = Condition::find(found.object(), "Ready")?;
    Some(format!("{}: {}", ready.status.as_str(), ready.message))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_both_claim_is_refused_by_the_second_and_taken_over_when_the_first_lets_go() {
    let (a, b, shared) = (map("a", "flux"), map("b", "argocd"), map("shared", "flux"));
    let theirs = map("shared", "argocd");
    let files = [
        ("flux/a.yaml", a.as_str()),
        ("flux/shared.yaml", &shared),
        ("own/b.yaml", &b),
        ("app/b.yaml", &b),
        ("app/shared.yaml", &theirs),
    ];
    let (world, flux, _folder) = both(&files).await;
    kustomization(&world);
    world.until("the Kustomization is ready", || ready(&world)?.starts_with("True").then_some(())).await;
    // What nobody else claims is synced beside it.
    world.application("own", "own", "syncPolicy: {automated: {}}");
    world.is("own", "Synced Healthy Succeeded").await;
    world.delete(APPLICATIONS, "own");
    world.is("own", "gone").await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    // That is told before a sync is asked for.
    let app = world.get(APPLICATIONS, "one").unwrap();
    let told = app.at(&["status", "conditions"]).map(|c| c.to_json()).unwrap_or_default();
    assert!(told.contains("SharedResourceWarning") && told.contains("is kept by Kustomization"), "{told}");
    world.sync("one", "{}");
    world.is("one", "OutOfSync Healthy Failed").await;
    let app = world.get(APPLICATIONS, "one").unwrap();
    let results = app.at(&["status", "operationState", "syncResult", "resources"]).unwrap().to_json();
    assert!(results.contains("ConfigMap/shop/shared is kept by Kustomization flux-system/shop"), "{results}");
    assert_eq!(world.data("shared", "key").as_deref(), Some("flux"));
    // The Kustomization goes and leaves what it made: the Application takes it as it is.
    let uid = world.get(MAPS, "shared").unwrap().uid().to_owned();
    let gone = Object::of("kustomize.toolkit.fluxcd.io/v1", "Kustomization", "flux-system", "shop");
    world.user.delete(&gone, &belay_apiserver::handle::Delete::default()).unwrap();
    world.until("the Kustomization is gone", || ready(&world).is_none().then_some(())).await;
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
    assert_eq!(world.data("shared", "key").as_deref(), Some("argocd"));
    assert_eq!(world.get(MAPS, "shared").unwrap().uid(), uid, "it is not made anew");
    // Come back, it is the second, and told so.
    kustomization(&world);
    let message = world.until("the Kustomization is told", || ready(&world).filter(|m| m.starts_with("False"))).await;
    assert!(message.contains("ConfigMap/shop/shared is kept by Application argocd/one"), "{message}");
    assert_eq!(world.data("shared", "key").as_deref(), Some("argocd"));
    flux.stop(Duration::from_secs(5)).await;
}
