//! A sync of an Application with hooks and waves, and its deletion with hooks.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex};

use belay_cluster::{Cluster, DeleteOptions, FollowEvent, FollowOptions, ListOptions, Patch, Resource, WriteOptions};
use belay_object::{Object, Value, object};
use belay_testkit::git_server::ServedRepo;
use tokio::task::JoinSet;

use super::place::Place;
use super::proxy::When;
use crate::argo::sweep::{job, wave};
use crate::argo::world::{PARAMETERS, application};
use crate::flux::world::masked_text;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Story {
    /// A commit changes two waves, adds one object and removes another.
    Sync,
    /// The Application goes with what it made.
    Delete,
}

/// One run of a story with at most one kill; whether it came to that, and the state at the end.
pub async fn one(belay: &Path, story: Story, kill: Option<(usize, When)>) -> (bool, String) {
    let git = ServedRepo::start("repo.git").await.expect("git serves");
    let commit = |files: &[(&str, Option<String>)]| {
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, text.as_deref())).collect();
        git.repo().commit("main", "change", &files).expect("git commits")
    };
    let place = Place::new(belay, true).await;
    let app = One(&place);
    for namespace in ["argocd", "shop"] {
        place.apply_all(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}")).await;
    }
    for object in belay_argo::install::objects("argocd") {
        place.apply(&object).await;
    }
    place.apply_all(PARAMETERS).await;
    place.apply_all("{apiVersion: v1, kind: ConfigMap, metadata: {name: bystander, namespace: shop}}").await;
    commit(&[
        ("app/before.yaml", Some(job("before", "PreSync"))),
        ("app/after.yaml", Some(job("after", "PostSync"))),
        ("app/leave.yaml", Some(job("leave", "PreDelete"))),
        ("app/left.yaml", Some(job("left", "PostDelete"))),
        ("app/one.yaml", Some(wave("one", 1, "1"))),
        ("app/two.yaml", Some(wave("two", 2, "1"))),
        ("app/old.yaml", Some(wave("old", 1, "1"))),
    ]);
    place.apply_all(&application("one", &git.url(), "app", "")).await;
    place.run().await;
    app.is("OutOfSync").await;
    app.sync().await;
    app.is("Synced Healthy Succeeded").await;
    if story == Story::Sync {
        commit(&[
            ("app/one.yaml", Some(wave("one", 1, "2"))),
            ("app/two.yaml", Some(wave("two", 2, "2"))),
            ("app/new.yaml", Some(wave("new", 2, "2"))),
            ("app/old.yaml", None),
        ]);
        app.annotate("argocd.argoproj.io/refresh", "normal").await;
        app.is("OutOfSync Healthy Succeeded").await;
    }
    place.proxy.quiet().await;
    let deeds = Deeds::follow(&place.cluster).await;
    place.proxy.arm(kill);
    let begun = app.started().await;
    match story {
        Story::Sync => app.sync().await,
        Story::Delete => app.delete().await,
    }
    let struck = tokio::select! {
        () = place.proxy.killed() => true,
        () = app.over(story, &begun) => place.proxy.has_killed(),
    };
    if struck {
        place.run().await;
    }
    app.over(story, &begun).await;
    let state = format!("{}\n{}", deeds.told(), app.state().await);
    place.proxy.end().await;
    (struck, state)
}

/// The Application of the story.
struct One<'a>(&'a Place);

impl One<'_> {
    async fn find(&self, kind: &str, namespace: &str, name: &str) -> Option<Object> {
        let resource = self.0.resource(kind).await;
        self.0.cluster.find(&resource, namespace, name).await.unwrap_or_else(|e| panic!("{name}: {e}"))
    }
    async fn merge(&self, patch: Value) {
        let resource = self.0.resource("Application").await;
        let options = WriteOptions { field_manager: "kubectl-edit".to_owned(), ..WriteOptions::default() };
        let patched = self.0.cluster.patch(&resource, "argocd", "one", &Patch::Merge(patch), &options).await;
        patched.unwrap_or_else(|e| panic!("{e}"));
    }
    async fn sync(&self) {
        self.merge(object! { "operation" => object! {
            "initiatedBy" => object! { "username" => "me" },
            "sync" => object! { "prune" => true },
        } })
        .await;
    }
    async fn annotate(&self, name: &str, value: &str) {
        self.merge(object! { "metadata" => object! { "annotations" => object! { name => value } } }).await;
    }
    async fn delete(&self) {
        let resource = self.0.resource("Application").await;
        let deleted = self.0.cluster.delete(&resource, "argocd", "one", &DeleteOptions::default()).await;
        deleted.unwrap_or_else(|e| panic!("{e}"));
    }
    /// When the last operation began.
    async fn started(&self) -> String {
        let app = self.find("Application", "argocd", "one").await.expect("it is there");
        app.str_at(&["status", "operationState", "startedAt"]).unwrap_or_default().to_owned()
    }
    /// Waits for `Synced Healthy Succeeded`, or a beginning of it.
    async fn is(&self, wanted: &str) {
        self.0
            .until(wanted, async || {
                let app = self.find("Application", "argocd", "one").await?;
                told(&app).starts_with(wanted).then_some(())
            })
            .await;
    }
    /// What was asked for is done, and no more requests.
    async fn over(&self, story: Story, begun: &str) {
        self.0
            .until(&format!("{story:?} is over"), async || {
                let app = self.find("Application", "argocd", "one").await;
                match (story, app) {
                    (Story::Delete, app) => app.is_none().then_some(()),
                    (Story::Sync, app) => {
                        let app = app?;
                        let is_new = app.str_at(&["status", "operationState", "startedAt"]) != Some(begun);
                        (is_new && told(&app).starts_with("Synced Healthy Succeeded")).then_some(())
                    }
                }
            })
            .await;
        self.0.proxy.quiet().await;
    }
    /// All that must be the same whether somebody was killed or not.
    async fn state(&self) -> String {
        let mut text = String::new();
        for kind in ["ConfigMap", "Job"] {
            let resource = self.0.resource(kind).await;
            let list = self.0.cluster.list(&resource, "shop", &ListOptions::default()).await;
            for found in list.unwrap_or_else(|e| panic!("{e}")).items {
                let managers = found.at(&["metadata", "managedFields"]).map_or(&[][..], Value::items).iter();
                let managers: HashSet<_> = managers.filter_map(|e| e.str_at(&["manager"])).collect();
                let is_ours = managers.contains("argocd-controller");
                let data = found.get("data").unwrap_or(&Value::Null).to_json();
                text.push_str(&format!("{kind} {} {data} {is_ours}\n", found.name()));
            }
        }
        let Some(app) = self.find("Application", "argocd", "one").await else { return text + "no Application\n" };
        text.push_str(&format!("Application {}\n", told(&app)));
        let history = app.at(&["status", "history"]).map_or(0, |h| h.items().len());
        text.push_str(&format!("  history: {history}\n"));
        for path in [&["resources"][..], &["operationState", "message"], &["operationState", "syncResult", "resources"]]
        {
            let at: Vec<&str> = ["status"].iter().chain(path).copied().collect();
            let mut items: Vec<String> = match app.at(&at) {
                Some(Value::Array(items)) => items.iter().map(lasting).collect(),
                other => vec![other.unwrap_or(&Value::Null).to_json()],
            };
            items.sort();
            text.push_str(&format!("  {}: {}\n", path.join("."), masked_text(&items.join("\n    "))));
        }
        text
    }
}

/// A result without what tells which try it was: what a killed process had applied is applied again, unchanged.
fn lasting(result: &Value) -> String {
    let mut result = result.clone();
    if result.str_at(&["hookType"]).is_none() {
        result.remove(&["message"]);
    }
    result.to_json()
}

/// `Synced Healthy Succeeded`
fn told(app: &Object) -> String {
    let text = |path: &[&str]| app.str_at(path).unwrap_or("-").to_owned();
    let (sync, health) = (text(&["status", "sync", "status"]), text(&["status", "health", "status"]));
    format!("{sync} {health} {}", text(&["status", "operationState", "phase"]))
}

/// What was made (`+`), changed (`~`) and deleted (`-`) of Jobs and ConfigMaps, each with its version: watches of two
/// kinds have no order among each other.
struct Deeds {
    seen: Arc<Mutex<Vec<(u64, String)>>>,
    _follows: JoinSet<()>,
}

impl Deeds {
    /// Counts from here on.
    async fn follow(cluster: &Cluster) -> Deeds {
        let (seen, mut follows) = (Arc::<Mutex<Vec<(u64, String)>>>::default(), JoinSet::new());
        let resources = [
            Resource::known("batch", "v1", "Job", "jobs", true),
            Resource::known("", "v1", "ConfigMap", "configmaps", true),
        ];
        for resource in resources {
            let mut follow = cluster.follow(&resource, "shop", FollowOptions::default());
            let mut known = HashSet::new();
            loop {
                match follow.next().await {
                    FollowEvent::Applied(object) => known.extend(marks(&object)),
                    FollowEvent::Synced => break,
                    _ => {}
                }
            }
            let seen = seen.clone();
            follows.spawn(async move {
                loop {
                    let (sign, object) = match follow.next().await {
                        FollowEvent::Deleted(object) => ('-', object),
                        FollowEvent::Applied(object) => {
                            let [is_new, is_other] = marks(&object).map(|mark| known.insert(mark));
                            match (is_new, is_other) {
                                (true, _) => ('+', object),
                                (false, true) => ('~', object),
                                (false, false) => continue,
                            }
                        }
                        _ => continue,
                    };
                    let version = object.resource_version().parse().expect("versions are numbers");
                    seen.lock().expect("nobody panics with it").push((version, format!("{sign}{}", object.name())));
                }
            });
        }
        Deeds { seen, _follows: follows }
    }
    /// In order, with what has no order among each other (one wave, what a hook made) sorted.
    fn told(&self) -> String {
        const TOGETHER: [&[&str]; 3] =
            [&["+new", "~two"], &["-one", "-two"], &["-leave", "-left", "-after", "-before"]];
        let mut seen = self.seen.lock().expect("nobody panics with it").clone();
        seen.sort();
        let mut deeds: Vec<String> = seen.into_iter().map(|(_, deed)| deed).collect();
        let group = |deed: &String| TOGETHER.iter().position(|group| group.contains(&deed.as_str()));
        deeds.chunk_by_mut(|a, b| group(a).is_some() && group(a) == group(b)).for_each(|chunk| chunk.sort());
        deeds.join(" ")
    }
}

/// What tells an object, and what tells its content.
fn marks(object: &Object) -> [String; 2] {
    let data = object.get("data").map(Value::to_json).unwrap_or_default();
    [object.uid().to_owned(), format!("{} {data}", object.uid())]
}
