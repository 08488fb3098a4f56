//! The story of a commit against any cluster: the one that `BELAY_TEST_KUBECONFIG` names
//! (`make test-cluster`), or else the embedded API server.
//!
//! It stays in a namespace of its own and removes what it made. The definitions that it needs are
//! applied and stay, as an installed Flux's would.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{ApplyOptions, Cluster, DeleteOptions, KubeconfigFlags, Patch, Resource, WriteOptions};
use belay_controller::Leadership;
use belay_flux::{Controllers, Settings};
use belay_object::{Condition, ConditionStatus, Object, Value, object};
use belay_testkit::git_server::ServedRepo;
use tokio::time::Instant;

use crate::flux::world::{kustomization, map, objects, repository};

const PATIENCE: Duration = Duration::from_secs(90);
const NAMESPACE: &str = "belay-scenarios";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_becomes_the_state_of_the_cluster() {
    let place = Place::new().await;
    place.apply(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {NAMESPACE}}}}}")).await;
    let git = ServedRepo::start("repo.git").await.expect("git serves");
    let commit = |files: &[(&str, Option<&str>)]| git.repo().commit("main", "change", files).expect("git commits");

    // What is committed is applied.
    let (first, second) = (here(&map("first", "one")), here(&map("second", "two")));
    let revision = commit(&[("deploy/first.yaml", Some(&first)), ("deploy/second.yaml", Some(&second))]);
    let controllers = place.start().await;
    place.apply(&here(&repository("repo", &git.url(), "")).replace("1h", "1s")).await;
    place.apply(&here(&kustomization("story", "./deploy", "wait: true"))).await;
    place.applied(&revision).await;
    assert_eq!(place.data("first").await.as_deref(), Some("one"));
    let uid = place.the("first").await.expect("it was applied").uid().to_owned();

    // What is changed in the cluster is put right, without a commit.
    place.patch("ConfigMap", "first", object! { "data" => object! { "key" => "drifted" } }).await;
    place.until("the drift is repaired", async || (place.data("first").await? == "one").then_some(())).await;
    place.delete("ConfigMap", "second").await;
    place.until("the deleted object is back", async || place.data("second").await).await;

    // What is changed in Git is changed, what left Git is pruned, and nothing else is touched.
    let changed = here(&map("first", "more"));
    let revision = commit(&[("deploy/first.yaml", Some(&changed)), ("deploy/second.yaml", None)]);
    place.applied(&revision).await;
    assert_eq!(place.data("first").await.as_deref(), Some("more"));
    assert_eq!(place.the("first").await.expect("it stays").uid(), uid, "it was changed in place");
    place.until("what left Git is pruned", async || place.the("second").await.is_none().then_some(())).await;

    // A Kustomization takes with it what it made.
    place.delete("Kustomization", "story").await;
    place.until("all of it is gone", async || place.the("first").await.is_none().then_some(())).await;
    place.delete("GitRepository", "repo").await;
    controllers.stop(Duration::from_secs(5)).await;
    place.delete("Namespace", NAMESPACE).await;
}

/// A manifest moved from the namespace of the other scenarios to that of this one.
fn here(yaml: &str) -> String {
    yaml.replace("namespace: apps", &format!("namespace: {NAMESPACE}"))
}

/// A cluster, and where the controllers keep their files.
struct Place {
    cluster: Cluster,
    storage: tempfile::TempDir,
}

impl Place {
    async fn new() -> Place {
        let cluster = match std::env::var_os("BELAY_TEST_KUBECONFIG") {
            Some(file) => {
                let flags = KubeconfigFlags { kubeconfig: Some(PathBuf::from(file)), ..Default::default() };
                Cluster::from_kubeconfig(&flags).await.unwrap_or_else(|e| panic!("{e}"))
            }
            None => {
                let options = belay_apiserver::Options { controllers: Some(Default::default()), ..Default::default() };
                Cluster::from_service("embedded", belay_apiserver::Server::new(options))
            }
        };
        let place = Place { cluster, storage: tempfile::tempdir().expect("a temporary folder") };
        for definition in belay_flux::crds::crds("flux-system", "v0") {
            place.apply_object(&definition).await;
        }
        for kind in ["GitRepository", "Kustomization"] {
            place.until(&format!("{kind} is served"), async || place.resource(kind).await).await;
        }
        place
    }

    async fn start(&self) -> Controllers {
        let started = Controllers::start(belay_flux::Options {
            cluster: self.cluster.clone(),
            settings: Settings { namespace: NAMESPACE.to_owned(), ..Settings::default() },
            leadership: Leadership::unopposed(),
            storage: self.storage.path().to_owned(),
            artifacts: ([127, 0, 0, 1], 0).into(),
            advertised: String::new(),
            egress: belay_net::Egress::default(),
        });
        started.await.unwrap_or_else(|e| panic!("the controllers start: {e}"))
    }

    async fn resource(&self, kind: &str) -> Option<Arc<Resource>> {
        self.cluster.invalidate_discovery();
        let catalog = self.cluster.catalog().await.ok()?;
        catalog.resources().iter().find(|r| r.kind == kind).cloned()
    }
    async fn known(&self, kind: &str) -> Arc<Resource> {
        let catalog = self.cluster.catalog().await.unwrap_or_else(|e| panic!("{e}"));
        let found = catalog.resources().iter().find(|r| r.kind == kind);
        found.unwrap_or_else(|| panic!("the cluster has no {kind}")).clone()
    }
    async fn apply(&self, yaml: &str) {
        for object in objects(yaml) {
            self.apply_object(&object).await;
        }
    }
    async fn apply_object(&self, object: &Object) {
        let resource = self.known(object.kind()).await;
        let options = ApplyOptions { field_manager: "kubectl".to_owned(), force: true, ..ApplyOptions::default() };
        self.cluster.apply(&resource, object, &options).await.unwrap_or_else(|e| panic!("{}: {e}", object.key()));
    }
    async fn patch(&self, kind: &str, name: &str, patch: Value) {
        let resource = self.known(kind).await;
        let options = WriteOptions { field_manager: "kubectl-edit".to_owned(), ..WriteOptions::default() };
        let patched = self.cluster.patch(&resource, NAMESPACE, name, &Patch::Merge(patch), &options).await;
        patched.unwrap_or_else(|e| panic!("{kind} {name}: {e}"));
    }
    async fn delete(&self, kind: &str, name: &str) {
        let resource = self.known(kind).await;
        let namespace = if resource.namespaced { NAMESPACE } else { "" };
        let deleted = self.cluster.delete(&resource, namespace, name, &DeleteOptions::default()).await;
        deleted.unwrap_or_else(|e| panic!("{kind} {name}: {e}"));
    }
    /// A ConfigMap, if it is there.
    async fn the(&self, name: &str) -> Option<Object> {
        let resource = self.known("ConfigMap").await;
        self.cluster.find(&resource, NAMESPACE, name).await.unwrap_or_else(|e| panic!("{name}: {e}"))
    }
    async fn data(&self, name: &str) -> Option<String> {
        Some(self.the(name).await?.str_at(&["data", "key"])?.to_owned())
    }
    /// Waits until the Kustomization is ready at a commit.
    async fn applied(&self, commit: &str) {
        let resource = self.known("Kustomization").await;
        self.until(&format!("{commit} is applied"), async || {
            let object = self.cluster.find(&resource, NAMESPACE, "story").await.ok()??;
            let ready = Condition::find(&object, "Ready")?;
            let revision = object.str_at(&["status", "lastAppliedRevision"])?;
            (ready.status == ConditionStatus::True && revision.ends_with(commit)).then_some(())
        })
        .await;
    }
    async fn until<T>(&self, what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(Instant::now() < deadline, "not in time: {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
