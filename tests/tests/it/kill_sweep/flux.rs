//! An apply and a prune of a Kustomization.

use std::path::Path;

use belay_cluster::{ListOptions, Patch, WriteOptions};
use belay_object::{Condition, Object, Value, object};
use belay_testkit::git_server::ServedRepo;

use super::place::Place;
use super::proxy::When;
use crate::flux::world::{kustomization, map, masked_text, repository};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Story {
    /// From nothing.
    Apply,
    /// One object changed, one removed, one added.
    Prune,
}

/// One run of a story with at most one kill; whether it came to that, and the state at the end.
pub async fn one(belay: &Path, story: Story, kill: Option<(usize, When)>) -> (bool, String) {
    let git = ServedRepo::start("repo.git").await.expect("git serves");
    let commit = |files: &[(&str, Option<&str>)]| {
        let id = git.repo().commit("main", "change", files).expect("git commits");
        format!("main@sha1:{id}")
    };
    let place = Place::new(belay, false).await;
    let needed = |d: &Object| ["gitrepositories.", "kustomizations."].iter().any(|name| d.name().starts_with(name));
    for definition in belay_flux::crds::crds("flux-system", "v0").iter().filter(|d| needed(d)) {
        place.apply(definition).await;
    }
    place.apply_all("{apiVersion: v1, kind: Namespace, metadata: {name: apps}}").await;
    place.apply_all(&map("bystander", "mine")).await;
    let (a, b, c, changed) = (map("a", "one"), map("b", "one"), map("c", "one"), map("a", "two"));
    let mut revision = commit(&[("app/a.yaml", Some(&a)), ("app/b.yaml", Some(&b))]);
    place.apply_all(&repository("repo", &git.url(), "")).await;
    place.apply_all(&kustomization("apps", "app", "retryInterval: 1s")).await;
    if story == Story::Apply {
        place.proxy.arm(kill);
    }
    place.run().await;
    if story == Story::Prune {
        place.ready(&revision).await;
        place.proxy.quiet().await;
        place.proxy.arm(kill);
        revision = commit(&[("app/a.yaml", Some(&changed)), ("app/b.yaml", None), ("app/c.yaml", Some(&c))]);
        place.ask().await;
    }
    let struck = tokio::select! {
        () = place.proxy.killed() => true,
        () = place.over(&revision) => place.proxy.has_killed(),
    };
    if struck {
        place.tracked(&format!("{story:?} {kill:?}")).await;
        place.run().await;
    }
    place.over(&revision).await;
    place.tracked(&format!("{story:?} {kill:?}")).await;
    let state = place.state().await;
    place.proxy.end().await;
    (struck, state)
}

impl Place {
    async fn ask(&self) {
        let resource = self.resource("GitRepository").await;
        let patch =
            object! { "metadata" => object! { "annotations" => object! { "reconcile.fluxcd.io/requestedAt" => "1" } } };
        let options = WriteOptions { field_manager: "flux".to_owned(), ..WriteOptions::default() };
        let asked = self.cluster.patch(&resource, "apps", "repo", &Patch::Merge(patch), &options).await;
        asked.unwrap_or_else(|e| panic!("{e}"));
    }
    async fn kustomization(&self) -> Object {
        let resource = self.resource("Kustomization").await;
        self.cluster.get(&resource, "apps", "apps").await.unwrap_or_else(|e| panic!("{e}"))
    }
    async fn maps(&self) -> Vec<Object> {
        let resource = self.resource("ConfigMap").await;
        let list =
            self.cluster.list(&resource, "apps", &ListOptions::default()).await.unwrap_or_else(|e| panic!("{e}"));
        list.items
    }
    async fn ready(&self, revision: &str) {
        let is_ready = async || {
            let object = self.kustomization().await;
            let is_ready = Condition::find(&object, "Ready").is_some_and(|c| c.status.as_str() == "True");
            (is_ready && object.str_at(&["status", "lastAppliedRevision"]) == Some(revision)).then_some(())
        };
        self.until(&format!("ready at {revision}"), is_ready).await;
    }
    /// Ready, and no more requests.
    async fn over(&self, revision: &str) {
        self.ready(revision).await;
        self.proxy.quiet().await;
    }

    /// What carries our labels stands in the inventory.
    async fn tracked(&self, when: &str) {
        let maps = self.maps().await;
        let inventory = self.kustomization().await.at(&["status", "inventory"]).map(Value::to_json).unwrap_or_default();
        for map in maps.iter().filter(|m| m.label("kustomize.toolkit.fluxcd.io/name").is_some()) {
            let id = format!("apps_{}__ConfigMap", map.name());
            assert!(inventory.contains(&id), "{when}: {id} is applied and untracked: {inventory}");
        }
    }
    /// All that must be the same whether somebody was killed or not.
    async fn state(&self) -> String {
        let mut text = String::new();
        for map in self.maps().await {
            let managers = map.at(&["metadata", "managedFields"]).map_or(&[][..], Value::items).iter();
            let managers: Vec<_> = managers.filter_map(|e| e.str_at(&["manager"])).collect();
            let labels = map.at(&["metadata", "labels"]).unwrap_or(&Value::Null).to_json();
            let data = map.get("data").unwrap_or(&Value::Null).to_json();
            text.push_str(&format!("ConfigMap {} {data} {labels} {}\n", map.name(), managers.join(",")));
        }
        let object = self.kustomization().await;
        let finalizers: Vec<_> = object.finalizers().collect();
        text.push_str(&format!("Kustomization {}\n", finalizers.join(",")));
        for field in ["conditions", "inventory", "lastAppliedRevision", "lastAttemptedRevision", "observedGeneration"] {
            let value = object.at(&["status", field]).unwrap_or(&Value::Null).to_json();
            text.push_str(&format!("  {field}: {}\n", masked_text(&value)));
        }
        text
    }
}
