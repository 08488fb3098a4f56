//! Argo CD's own example applications, each as its form asks: synced, and then healthy.
//!
//! They are read in place from `../shared`; where that is absent they are skipped and counted.

use std::path::{Path, PathBuf};

use super::world::*;

/// Those that need nothing from elsewhere and no kind of others: path, and what the source says besides.
const EXAMPLES: &[(&str, &str)] = &[
    ("guestbook", ""),
    ("kustomize-guestbook", ""),
    ("helm-guestbook", "helm: {releaseName: helm-guestbook}"),
    ("jsonnet-guestbook", ""),
    ("jsonnet-guestbook-tla", "directory: {jsonnet: {tlas: [{name: replicas, value: '2', code: true}]}}"),
    ("helm-hooks", ""),
    ("pre-post-sync", ""),
    ("sync-waves", ""),
    ("sock-shop", ""),
];

/// A sync as clients ask for it: with the options of the spec.
const SYNC: &str = "{syncOptions: [CreateNamespace=true]}";

fn examples() -> Option<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/repos/argocd-example-apps");
    if !dir.is_dir() {
        println!("skipped: {} example applications: {} is not there", EXAMPLES.len(), dir.display());
        return None;
    }
    Some(dir)
}

/// All files below a folder: path and text.
fn files(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push((name, std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// The examples in a repository, and a controller.
async fn world() -> Option<World> {
    Some(World::with_files(&files(&examples()?)).await)
}

/// Applies an Application of one path, with a namespace of its own that the sync makes.
fn apply(world: &World, name: &str, path: &str, source: &str, policy: &str) {
    let comma = |text: &str| if text.is_empty() { String::new() } else { format!(", {text}") };
    let url = world.git.url();
    world.apply(&format!(
        "{{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {{name: {name}, namespace: argocd, \
         finalizers: [resources-finalizer.argocd.argoproj.io]}}, spec: {{project: default, \
         source: {{repoURL: '{url}', path: '{path}', targetRevision: HEAD{}}}, \
         destination: {{server: 'https://kubernetes.default.svc', namespace: {name}}}, \
         syncPolicy: {{syncOptions: [CreateNamespace=true]{}}}}}}}",
        comma(source),
        comma(policy)
    ));
}

fn braced(source: &str) -> String {
    if source.is_empty() { String::new() } else { format!("{{{source}}}") }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_synced_by_hand_and_becomes_healthy() {
    let Some(world) = world().await else { return };
    for (path, source) in EXAMPLES {
        apply(&world, path, path, source, "");
        world.is(path, "OutOfSync").await;
        world.sync(path, SYNC);
    }
    for (path, _) in EXAMPLES {
        world.is(path, "Synced Healthy Succeeded: successfully synced").await;
    }
    // Deleted again, with all that they made.
    for (path, _) in EXAMPLES {
        world.delete(APPLICATIONS, path);
    }
    for (path, _) in EXAMPLES {
        world.is(path, "gone").await;
        assert!(world.user.list("", "services", path).is_empty(), "{path}: its services are gone");
        assert!(world.user.list("apps", "deployments", path).is_empty(), "{path}: its deployments are gone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_example_is_synced_by_itself() {
    let Some(world) = world().await else { return };
    for (path, source) in EXAMPLES {
        apply(&world, path, path, source, "automated: {prune: true, selfHeal: true}");
    }
    for (path, _) in EXAMPLES {
        world.is(path, "Synced Healthy Succeeded: successfully synced").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_of_apps_makes_its_children_which_sync_themselves() {
    let Some(world) = world().await else { return };
    let url = world.git.url();
    let names: Vec<String> = EXAMPLES
        .iter()
        .map(|(name, source)| {
            format!("{{name: {name}{}{}}}", if source.is_empty() { "" } else { ", tool: " }, braced(source))
        })
        .collect();
    let values = format!(
        "helm: {{valuesObject: {{config: {{spec: {{source: {{repoURL: '{url}', targetRevision: main}}}}}}, \
         applications: [{}]}}}}",
        names.join(", ")
    );
    apply(&world, "apps", "apps", &values, "");
    world.is("apps", "OutOfSync").await;
    world.sync("apps", SYNC);
    world.is("apps", "Synced").await;
    for (name, _) in EXAMPLES {
        world.is(&format!("example.{name}"), "Synced Healthy Succeeded").await;
    }
    world.is("apps", "Synced Healthy Succeeded").await;
    world.delete(APPLICATIONS, "apps");
    world.is("apps", "gone").await;
    for (name, _) in EXAMPLES {
        world.is(&format!("example.{name}"), "gone").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_the_cluster_does_not_serve_is_named() {
    let Some(world) = world().await else { return };
    apply(&world, "blue-green", "blue-green", "helm: {releaseName: blue-green}", "");
    world.is("blue-green", "OutOfSync").await;
    world.sync("blue-green", SYNC);
    world.is("blue-green", "OutOfSync Missing Failed").await;
    let state = world.state("blue-green");
    assert!(state.contains("Rollout"), "{state}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_with_its_dependencies_in_it_is_synced() {
    let world = World::with_files(&[
        (
            "shop/Chart.yaml",
            "apiVersion: v2\nname: shop\nversion: 0.1.0\ndependencies:\n- {name: cache, version: 1.0.0, repository: 'file://charts/cache'}\n",
        ),
        ("shop/values.yaml", "cache: {size: large}\n"),
        (
            "shop/templates/map.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\ndata: {key: shop}\n",
        ),
        ("shop/charts/cache/Chart.yaml", "apiVersion: v2\nname: cache\nversion: 1.0.0\n"),
        ("shop/charts/cache/values.yaml", "size: small\n"),
        (
            "shop/charts/cache/templates/map.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cache}\ndata: {key: '{{ .Values.size }}'}\n",
        ),
    ])
    .await;
    world.application("one", "shop", "syncPolicy: {automated: {}}");
    world.is("one", "Synced Healthy Succeeded").await;
    assert_eq!(world.data("cache", "key").as_deref(), Some("large"));
    assert_eq!(world.data("one", "key").as_deref(), Some("shop"));
}
