//! Charts of repositories over HTTP, charts and artifacts of registries.

use std::collections::BTreeMap;

use belay_net::Secret;
use belay_oci::serve::{Access, Registry};
use belay_oci::{Client, ContentDigest, Credentials, Keychain, Manifest, Tag};
use bytes::Bytes;

use super::world::*;
use crate::flux::charts::{Files, index};
use crate::flux::shelf::{archive, chart, client, push_chart};

/// An Application of one source, into `shop`.
fn application(name: &str, source: &str) -> String {
    format!(
        "{{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {{name: {name}, namespace: argocd}}, spec: {{\
         project: default, source: {{{source}}}, syncPolicy: {{automated: {{}}}}, \
         destination: {{server: 'https://kubernetes.default.svc', namespace: shop}}}}}}"
    )
}

fn secret(name: &str, data: &str) -> String {
    format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: {name}, namespace: argocd, \
         labels: {{argocd.argoproj.io/secret-type: repository}}}}, stringData: {{{data}}}}}"
    )
}

/// Pushes an image of layers of files; gives the digest of its manifest.
async fn push_layers(to: &Client, tag: &str, archives: Vec<Vec<u8>>) -> ContentDigest {
    let config = to.push_blob("application/vnd.oci.empty.v1+json", Bytes::from_static(b"{}")).await.unwrap();
    let mut layers = Vec::new();
    for archive in archives {
        let pushed = to.push_blob("application/vnd.oci.image.layer.v1.tar+gzip", Bytes::from(archive)).await;
        layers.push(pushed.unwrap());
    }
    to.push_manifest(&Tag::parse(tag).unwrap(), &Manifest::new(config, layers, BTreeMap::new())).await.unwrap()
}

async fn look(world: &World) {
    world.controllers.as_ref().unwrap().look_at_sources().await;
}

/// argo.md 10.21: the release is named after the Application.
#[tokio::test(flavor = "multi_thread")]
async fn a_chart_comes_from_a_repositorys_index_and_follows_its_range() {
    let world = World::with_files(&[("README.md", "none")]).await;
    // `me` and `good`.
    let files = Files::start("Basic bWU6Z29vZA==").await;
    files.put("/index.yaml", index(&[("web", "1.0.0", ""), ("web", "2.0.0", "")]));
    files.put("/charts/web-1.0.0.tgz", chart("web", "1.0.0", &[]));
    files.put("/charts/web-1.1.0.tgz", chart("web", "1.1.0", &[]));
    world.apply(&application("one", &format!("repoURL: '{}', chart: web, targetRevision: 1.x", files.url)));
    world.told("one", "ComparisonError", "401").await;
    world.apply(&secret("repo", &format!("type: helm, url: '{}', username: me, password: good", files.url)));
    world.is("one", "Synced Healthy Succeeded").await;
    world.at("one", "1.0.0").await;
    assert_eq!(world.data("one-config", "chart").as_deref(), Some("1.0.0"));
    assert_eq!(world.data("one-config", "key").as_deref(), Some("one"));
    files.put("/index.yaml", index(&[("web", "1.0.0", ""), ("web", "1.1.0", ""), ("web", "2.0.0", "")]));
    look(&world).await;
    world.at("one", "1.1.0").await;
    world.until("it is applied", || (world.data("one-config", "chart")? == "1.1.0").then_some(())).await;
    // A version that is not there leaves what is.
    world.patch(APPLICATIONS, "one", "{spec: {source: {targetRevision: 7.x}}}");
    world.told("one", "ComparisonError", "no 'web' chart with version matching '7.x' found").await;
    assert_eq!(world.data("one-config", "chart").as_deref(), Some("1.1.0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_that_is_not_what_the_index_says_is_refused() {
    let world = World::with_files(&[("README.md", "none")]).await;
    let files = Files::start("").await;
    files.put("/index.yaml", index(&[("web", "1.0.0", &"0".repeat(64))]));
    files.put("/charts/web-1.0.0.tgz", chart("web", "1.0.0", &[]));
    world.apply(&application("one", &format!("repoURL: '{}', chart: web, targetRevision: 1.0.0", files.url)));
    world.told("one", "ComparisonError", "the index says sha256:0000").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_comes_from_a_registry() {
    let world = World::with_files(&[("README.md", "none")]).await;
    let registry = Registry::start(Access::Bearer("me".into(), "good".into()), 100).await.expect("it serves");
    let me = Credentials::Basic("me".into(), Secret::new("good".into()));
    let to = client(&registry, "charts/web", Keychain::single(&registry.host(), me));
    push_chart(&to, "1.0.0", chart("web", "1.0.0", &[])).await;
    push_chart(&to, "2.0.0", chart("web", "2.0.0", &[])).await;
    // Compat(argo-cd 3.5): a registry is named without a scheme, and said to be one.
    let url = format!("{}/charts", registry.host());
    world.apply(&secret("repo", &format!("type: helm, url: '{url}', enableOCI: 'true', username: me, password: good")));
    world.apply(&application("one", &format!("repoURL: '{url}', chart: web, targetRevision: 1.x")));
    world.is("one", "Synced Healthy Succeeded").await;
    world.at("one", "1.0.0").await;
    assert_eq!(world.data("one-config", "chart").as_deref(), Some("1.0.0"));
    push_chart(&to, "1.2.0", chart("web", "1.2.0", &[])).await;
    look(&world).await;
    world.at("one", "1.2.0").await;
    world.is("one", "Synced Healthy Succeeded").await;
    // Compared again with what is known, it is known what the version means.
    let compare_again = async |text: &str| {
        let project = ("argoproj.io/v1alpha1", "AppProject");
        world.patch(project, "default", &format!("{{spec: {{description: {text}}}}}"));
        world.quiet().await;
    };
    compare_again("once").await;
    // A tag that is moved is another chart, though it is told alike (INV-REN-2).
    push_chart(&to, "1.2.0", chart("web", "1.2.0", &[("values.yaml", "key: two\n")])).await;
    world.patch(APPLICATIONS, "one", "{metadata: {annotations: {argocd.argoproj.io/refresh: normal}}}");
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
    assert_eq!(world.data("one-config", "key").as_deref(), Some("two"));
    compare_again("twice").await;
    assert!(world.state("one").starts_with("Synced"), "{}", world.state("one"));
    // What changes in the cluster asks nobody for what is known.
    let asked = registry.log().len();
    world.patch(MAPS, "one-config", "{data: {key: theirs}}");
    world.is("one", "OutOfSync").await;
    assert_eq!(registry.log().len(), asked);
}

/// argo.md 4.7
#[tokio::test(flavor = "multi_thread")]
async fn an_artifact_is_followed_by_its_tag_and_told_by_its_digest() {
    let world = World::with_files(&[("README.md", "none")]).await;
    let registry = Registry::start(Access::Open, 100).await.expect("it serves");
    let to = client(&registry, "org/app", Keychain::anonymous());
    let map =
        |value: &str| format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}, data: {{key: {value:?}}}}}");
    let push = async |tag: &str, value: &str| {
        let layer = archive(&[("deploy/a.yaml", &map(value)), ("other/b.yaml", "not: looked at\n")]);
        push_layers(&to, tag, vec![layer]).await
    };
    let first = push("latest", "1").await;
    let url = registry.url("org/app");
    world.apply(&application("one", &format!("repoURL: '{url}', targetRevision: latest, path: deploy")));
    world.is("one", "Synced Healthy Succeeded").await;
    world.at("one", first.as_str()).await;
    assert_eq!(world.data("a", "key").as_deref(), Some("1"));
    let second = push("latest", "2").await;
    look(&world).await;
    world.at("one", second.as_str()).await;
    world.until("it is applied", || (world.data("a", "key")? == "2").then_some(())).await;
    // A digest stays what it is.
    world.patch(APPLICATIONS, "one", &format!("{{spec: {{source: {{targetRevision: '{first}'}}}}}}"));
    world.at("one", first.as_str()).await;
    world.until("it is applied", || (world.data("a", "key")? == "1").then_some(())).await;
    // An artifact has one layer.
    let layer = |text: &str| archive(&[("a.yaml", text)]);
    push_layers(&to, "two", vec![layer("a: 1\n"), layer("b: 2\n")]).await;
    world.patch(APPLICATIONS, "one", "{spec: {source: {targetRevision: two}}}");
    world.told("one", "ComparisonError", "expected only a single oci content layer, got 2").await;
    assert_eq!(world.data("a", "key").as_deref(), Some("1"));
}

/// argo.md 10.21: what a chart of Git depends on and does not hold comes from where it says.
#[tokio::test(flavor = "multi_thread")]
async fn a_chart_of_git_is_completed_from_a_repository_and_takes_values_from_a_url() {
    let files = Files::start("").await;
    files.put("/index.yaml", index(&[("web", "1.0.0", ""), ("web", "1.1.0", "")]));
    files.put("/charts/web-1.1.0.tgz", chart("web", "1.1.0", &[]));
    files.put("/more.yaml", "web: {key: from a url}\n");
    let about = format!(
        "apiVersion: v2\nname: umbrella\nversion: 0.1.0\ndependencies: [{{name: web, version: 1.x, repository: '{}'}}]\n",
        files.url
    );
    let world =
        World::with_files(&[("umbrella/Chart.yaml", &*about), ("umbrella/values.yaml", "web: {key: own}\n")]).await;
    let source = format!(
        "repoURL: '{}', path: umbrella, targetRevision: HEAD, helm: {{valueFiles: ['{}/more.yaml']}}",
        world.git.url(),
        files.url
    );
    world.apply(&application("one", &source));
    world.is("one", "Synced Healthy Succeeded").await;
    assert_eq!(world.data("one-config", "chart").as_deref(), Some("1.1.0"));
    assert_eq!(world.data("one-config", "key").as_deref(), Some("from a url"));
}
