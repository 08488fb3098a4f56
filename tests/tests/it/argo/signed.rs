//! Which commits are trusted: signatures of commits, tags and histories, by what a project says.

use belay_argo::controller::Mirrors;
use belay_argo::controller::preview::Preview;
use belay_argo::spec::Application;
use belay_cluster::Cluster;
use belay_object::Object;

use super::world::*;

const PROJECTS: Kind = ("argoproj.io/v1alpha1", "AppProject");

/// A project that wants commits signed gets no others, whatever else is in order.
#[tokio::test(flavor = "multi_thread")]
async fn commits_that_a_project_does_not_trust_are_no_source() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    world.patch(PROJECTS, "default", "{spec: {signatureKeys: [{keyID: 4AEE18F83AFDEB23}]}}");
    world.application("one", "app", "syncPolicy: {automated: {}}");
    world.told("one", "ComparisonError", "none of the keys that it names is in argocd-gpg-keys-cm").await;
    world.sync("one", "{}");
    world.is("one", "Unknown Unknown Error: ComparisonError: Failed to load target state: ").await;
    assert!(world.get(MAPS, "a").is_none());
    world.patch(PROJECTS, "default", "{spec: {signatureKeys: null}}");
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
}

macro_rules! signed {
    ($name:literal) => {
        include_str!(concat!("../../../../crates/source/src/git/verify/testdata/history/", $name))
    };
}

/// argo.md 1.2, `sourceIntegrity`: of a history, of a tag; and who only looks is told the same.
#[tokio::test(flavor = "multi_thread")]
async fn histories_are_trusted_up_to_their_seals() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    let repo = world.git.repo();
    repo.commit("scratch", "its tree is that of all", &[("a.yaml", Some("x: 1\n"))]).unwrap();
    let put = |kind: &str, name: &str, data: &str| {
        let id = repo.git_with(&["hash-object", "-w", "-t", kind, "--stdin"], &[], data.as_bytes()).unwrap();
        repo.set_ref(name, &id).unwrap();
    };
    put("commit", "refs/heads/unsigned", signed!("unsigned"));
    put("commit", "refs/heads/seal", signed!("seal"));
    put("commit", "refs/heads/signed", signed!("signed"));
    put("commit", "refs/heads/unsigned-on-signed", signed!("unsigned-on-signed"));
    put("commit", "refs/heads/signed-on-unsigned", signed!("signed-on-unsigned"));
    put("tag", "refs/tags/v1.0.0", signed!("tag"));
    let mut keys = Object::of("v1", "ConfigMap", "argocd", "argocd-gpg-keys-cm");
    keys.set_label("app.kubernetes.io/part-of", "argocd");
    keys.set(&["data", "566D414BE08743E6"], signed!("robin.asc"));
    world.put(&[keys]);
    let mode = |mode: &str| {
        let policy = format!("{{repos: [{{url: '*'}}], gpg: {{mode: {mode}, keys: ['566D414BE08743E6']}}}}");
        world.patch(PROJECTS, "default", &format!("{{spec: {{sourceIntegrity: {{git: {{policies: [{policy}]}}}}}}}}"));
    };
    let storage = tempfile::tempdir().unwrap();
    let preview = async || {
        let cluster = Cluster::from_service("embedded", world.wire.to(world.server.clone()));
        let mirrors = Mirrors::open(storage.path(), belay_net::Egress::default()).unwrap();
        let outside = || belay_helm::Outside { now_unix_ns: 0, random: None, check: None, lookup: None };
        let preview = Preview::open(cluster, "argocd", mirrors, outside).await.unwrap();
        let app = Application::read(&world.get(APPLICATIONS, "one").unwrap()).unwrap();
        let at = preview.destination(&app).await.unwrap();
        preview.render(&app, &at, &app.spec.sources(), &[]).await.map(|desired| desired.objects.len())
    };
    mode("head");
    world.application("one", "app", "");
    let follow = |revision: &str| {
        let source = format!("{{spec: {{source: {{path: ., targetRevision: {revision}}}}}}}");
        world.patch(APPLICATIONS, "one", &source);
    };
    follow("signed-on-unsigned");
    world.is("one", "Synced").await;
    assert_eq!(preview().await, Ok(0));
    // All that stands before it counts now, and is told with its author.
    mode("strict");
    let unsigned = "GIT/GPG: Failed verifying revision ffcb70fc2b079d2d9eb80c81d076e2efc0325272 by \
                    'Robin <robin@example.org>': unsigned (key_id=)";
    let told = world.told("one", "ComparisonError", unsigned).await;
    assert_eq!(told, format!("Failed to load target state: {unsigned}"));
    assert_eq!(preview().await, Err(unsigned.to_owned()));
    // What is not signed stands behind a seal.
    follow("signed");
    world.is("one", "Synced").await;
    assert_eq!(preview().await, Ok(0));
    // Of a tag its signature counts, and stays counted when the Application is only compared again.
    follow("v1.0.0");
    world.told("one", "ComparisonError", "438de304c1fcb71e4f52ad492a51a2922597832a").await;
    mode("head");
    world.is("one", "Synced").await;
    world.patch(PROJECTS, "default", "{spec: {description: another}}");
    world.quiet().await;
    assert!(world.state("one").starts_with("Synced"), "{}", world.state("one"));
    assert_eq!(preview().await, Ok(0));
}
