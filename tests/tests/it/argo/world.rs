//! A world for one test: an API server, a repository, and the controller of Applications, which can be
//! started, stopped and cut off.
//!
//! What a test waits for is a look at the store with a deadline; nothing is timed. Repositories are looked
//! at when a test says so.

use std::time::Duration;

use belay_apiserver::{Server, StoreHandle, controllers, handle};
use belay_argo::controller::{Controllers, Mirrors, Options, Settings};
use belay_cluster::Cluster;
use belay_controller::Leadership;
use belay_object::{Object, Value};
use belay_testkit::git_server::ServedRepo;
use belay_testkit::wire::Wire;
use tokio::time::Instant;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

pub const APPLICATIONS: (&str, &str) = ("argoproj.io/v1alpha1", "Application");
pub const SETS: (&str, &str) = ("argoproj.io/v1alpha1", "ApplicationSet");
pub const MAPS: (&str, &str) = ("v1", "ConfigMap");
pub const JOBS: (&str, &str) = ("batch/v1", "Job");

/// A kind: `apiVersion` and `kind`.
pub type Kind = (&'static str, &'static str);

pub struct World {
    pub server: Server,
    pub git: ServedRepo,
    /// The user at the keyboard.
    pub user: StoreHandle,
    pub wire: Wire,
    pub controllers: Option<Controllers>,
    pub settings: Settings,
    storage: tempfile::TempDir,
}

/// Repositories are looked at when a test says so, and nothing pauses.
pub const PARAMETERS: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
data: {timeout.reconciliation: 0s}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cmd-params-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
data: {controller.sync.wave.delay.seconds: '0', controller.self.heal.backoff.timeout.seconds: '1'}
";

/// The manifest of a ConfigMap that says one thing.
pub fn map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{key: {value:?}}}\n")
}

/// The manifest of a ConfigMap of a namespace.
pub fn map_in(namespace: &str, name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}, namespace: {namespace}}}\n")
}

/// The manifest of an Application of a folder, with more fields of its spec.
pub fn application(name: &str, url: &str, path: &str, more: &str) -> String {
    let comma = if more.is_empty() { "" } else { ", " };
    format!(
        "{{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {{name: {name}, namespace: argocd, \
         finalizers: [resources-finalizer.argocd.argoproj.io]}}, spec: {{project: default, \
         source: {{repoURL: '{url}', path: '{path}', targetRevision: HEAD}}, \
         destination: {{server: 'https://kubernetes.default.svc', namespace: shop}}{comma}{more}}}}}"
    )
}

impl World {
    /// A cluster with the definitions, the default project and the namespaces `argocd` and `shop`, a served
    /// repository with these files on `main`, and a running controller.
    pub async fn with_files(files: &[(impl AsRef<str>, impl AsRef<str>)]) -> World {
        let mut world = World::stopped(files).await;
        world.start().await;
        world
    }

    /// The same without a controller.
    pub async fn stopped(files: &[(impl AsRef<str>, impl AsRef<str>)]) -> World {
        let simulated = controllers::Options { pod_ready_after: Duration::ZERO, ..Default::default() };
        let options = belay_apiserver::Options { controllers: Some(simulated), ..Default::default() };
        let server = Server::new(options);
        let user = server.handle("kubectl");
        let settings = Settings { concurrent: 4, ..Settings::new("argocd") };
        let world = World {
            git: ServedRepo::start("repo.git").await.expect("git serves"),
            user,
            server,
            wire: Wire::default(),
            controllers: None,
            settings,
            storage: tempfile::tempdir().expect("a temporary folder"),
        };
        for namespace in ["argocd", "shop"] {
            world.namespace(namespace);
        }
        let (definitions, objects): (Vec<Object>, Vec<Object>) =
            belay_argo::install::objects("argocd").into_iter().partition(|o| o.kind() == "CustomResourceDefinition");
        world.put(&definitions);
        world
            .until("the definitions are served", || {
                let served = |kind| world.server.registry().by_kind("argoproj.io", "v1alpha1", kind).is_some();
                (served("AppProject") && served("Application") && served("ApplicationSet")).then_some(())
            })
            .await;
        world.put(&objects);
        world.apply(PARAMETERS);
        world.commit(files);
        world
    }

    /// Starts the controller on a new wire, as a new process on the same disk.
    pub async fn start(&mut self) {
        self.start_on(Wire::default()).await;
    }

    /// The same on a wire that is there.
    pub async fn start_on(&mut self, wire: Wire) {
        self.wire = wire;
        let cluster = Cluster::from_service("embedded", self.wire.to(self.server.clone()));
        let options = Options {
            cluster: cluster.with_timeout(Duration::from_secs(2)),
            settings: self.settings.clone(),
            leadership: Leadership::unopposed(),
            mirrors: Mirrors::open(self.storage.path(), belay_net::Egress::default()).expect("mirrors"),
            views: None,
            outside: || belay_helm::Outside { now_unix_ns: 0, random: None, check: None, lookup: None },
        };
        let started = Controllers::start(options).await;
        self.controllers = Some(started.unwrap_or_else(|e| panic!("the controller starts: {e}")));
    }
    // Git.

    /// Commits files to `main`, without telling anybody; gives the commit's id.
    pub fn commit(&self, files: &[(impl AsRef<str>, impl AsRef<str>)]) -> String {
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_ref(), Some(text.as_ref()))).collect();
        self.git.repo().commit("main", "change", &files).expect("git commits")
    }
    /// Commits, and has the repositories looked at.
    pub async fn push(&self, files: &[(&str, Option<&str>)]) -> String {
        let id = self.git.repo().commit("main", "change", files).expect("git commits");
        self.controllers.as_ref().expect("the controller runs").look_at_sources().await;
        id
    }

    // The cluster, as its user.

    /// Applies manifests as the user.
    pub fn apply(&self, yaml: &str) {
        let documents = belay_yaml::parse_documents(yaml, &belay_yaml::Options::v2()).expect("YAML");
        let objects: Vec<Object> = documents.into_iter().map(|d| Object::new(d).expect("an object")).collect();
        self.put(&objects);
    }
    /// Applies objects as the user.
    pub fn put(&self, objects: &[Object]) {
        for object in objects {
            self.user.apply(object, true).unwrap_or_else(|e| panic!("{}: {e:?}", object.key()));
        }
    }
    /// Applies an Application in `argocd` that puts a path of the repository into `shop`; `more` is fields of
    /// its spec, in flow style.
    pub fn application(&self, name: &str, path: &str, more: &str) {
        self.apply(&application(name, &self.git.url(), path, more));
    }
    /// Makes a namespace as the user.
    pub fn namespace(&self, name: &str) {
        self.apply(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {name}}}}}"));
    }
    /// Defines a kind of `example.com/v1` in which anything may stand.
    pub fn define(&self, kind: &str, plural: &str) {
        let singular = kind.to_lowercase();
        self.apply(&format!(
            "{{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {{name: {plural}.example.com}}, \
             spec: {{group: example.com, scope: Namespaced, names: {{kind: {kind}, plural: {plural}, singular: {singular}}}, \
             versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: \
             {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}}}]}}}}"
        ));
    }
    /// Applies an Application and syncs it.
    pub async fn synced(&self, name: &str, path: &str) {
        self.application(name, path, "");
        self.is(name, "OutOfSync").await;
        self.sync(name, "{}");
        self.is(name, "Synced Healthy Succeeded").await;
    }
    /// Merges a patch into an object as the user.
    pub fn patch(&self, kind: Kind, name: &str, patch: &str) {
        let what = Object::of(kind.0, kind.1, namespace_of(kind), name);
        let patch = belay_yaml::parse_value(patch, &belay_yaml::Options::v2()).expect("YAML");
        let patched = self.user.with_manager("kubectl-edit").merge_patch(&what, "", &patch);
        patched.unwrap_or_else(|e| panic!("{name}: {e:?}"));
    }
    /// Deletes an object as the user.
    pub fn delete(&self, kind: Kind, name: &str) {
        let what = Object::of(kind.0, kind.1, namespace_of(kind), name);
        self.user.delete(&what, &handle::Delete::default()).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    }
    /// An object as it is.
    pub fn get(&self, kind: Kind, name: &str) -> Option<Object> {
        let gvk = belay_object::GroupVersionKind::from_api_version(kind.0, kind.1);
        let registry = self.server.registry();
        let resource = registry.by_kind(&gvk.group, &gvk.version, &gvk.kind)?;
        self.user.get(&resource.group, &resource.plural, namespace_of(kind), name).map(|s| s.object().clone())
    }
    /// A key of a ConfigMap's data.
    pub fn data(&self, name: &str, key: &str) -> Option<String> {
        Some(self.get(MAPS, name)?.str_at(&["data", key])?.to_owned())
    }
    /// A sync, asked for as any client does.
    pub fn sync(&self, name: &str, operation: &str) {
        self.patch(APPLICATIONS, name, &format!("{{operation: {{initiatedBy: {{username: me}}, sync: {operation}}}}}"));
    }
    /// `Synced Healthy Succeeded: message` of an Application.
    pub fn state(&self, name: &str) -> String {
        let Some(app) = self.get(APPLICATIONS, name) else { return "gone".into() };
        let text = |path: &[&str]| app.str_at(path).unwrap_or("-").to_owned();
        let (sync, health) = (text(&["status", "sync", "status"]), text(&["status", "health", "status"]));
        let phase = text(&["status", "operationState", "phase"]);
        let message = app.str_at(&["status", "operationState", "message"]).unwrap_or_default();
        format!("{sync} {health} {phase}: {message}").trim_end_matches(": ").to_owned()
    }

    /// The message of an Application's first condition of a type.
    pub fn condition(&self, name: &str, kind: &str) -> Option<String> {
        let app = self.get(APPLICATIONS, name)?;
        let all = app.at(&["status", "conditions"])?.items().to_vec();
        let found = all.iter().find(|c| c.str_at(&["type"]) == Some(kind))?;
        Some(found.str_at(&["message"])?.to_owned())
    }
    /// The messages of an Application's events of a reason.
    pub fn events(&self, name: &str, reason: &str) -> Vec<String> {
        let all = self.user.list("", "events", "argocd");
        let of =
            |e: &Object| e.str_at(&["reason"]) == Some(reason) && e.str_at(&["involvedObject", "name"]) == Some(name);
        let messages = all.iter().map(|e| e.object()).filter(|e| of(e));
        messages.filter_map(|e| e.str_at(&["message"]).map(str::to_owned)).collect()
    }

    // Waiting.

    /// Waits until `look` gives something.
    pub async fn until<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            assert!(Instant::now() < deadline, "not in time: {what}\n{}", self.story());
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
    }
    /// Waits until the state of an Application begins so.
    pub async fn is(&self, name: &str, state: &str) {
        self.until(&format!("{name} is {state}"), || self.state(name).starts_with(state).then_some(())).await;
    }
    /// Waits until an Application was compared with a commit.
    pub async fn at(&self, name: &str, commit: &str) {
        self.until(&format!("{name} is at {commit}"), || {
            let app = self.get(APPLICATIONS, name)?;
            (app.str_at(&["status", "sync", "revision"]) == Some(commit)).then_some(())
        })
        .await;
    }
    /// Waits until the controller sends nothing.
    pub async fn quiet(&self) {
        let mut count = self.wire.count();
        loop {
            tokio::time::sleep(Duration::from_millis(150)).await;
            if self.wire.count() == count {
                return;
            }
            count = self.wire.count();
        }
    }
    /// Waits until the message of a condition holds a text; gives the message.
    pub async fn told(&self, name: &str, kind: &str, text: &str) -> String {
        let what = format!("{name} says {text:?} in {kind}");
        self.until(&what, || self.condition(name, kind).filter(|message| message.contains(text))).await
    }
    fn story(&self) -> String {
        let mut text = String::new();
        for plural in ["applications", "applicationsets"] {
            for found in self.user.list("argoproj.io", plural, "argocd") {
                let object = found.object();
                text.push_str(&format!("{}\n", object.key()));
                text.push_str(&belay_yaml::to_yaml(object.get("status").unwrap_or(&Value::Null)));
            }
        }
        // What is being deleted, and by whom it is held.
        for (group, plural) in [("batch", "jobs"), ("apps", "replicasets"), ("", "pods"), ("", "services")] {
            for found in self.user.list(group, plural, "") {
                let object = found.object();
                let held: Vec<&str> = object.finalizers().collect();
                if object.is_deleting() || !held.is_empty() {
                    text.push_str(&format!("{} deleting: {} held by {held:?}\n", object.key(), object.is_deleting()));
                }
            }
        }
        text
    }
}

fn namespace_of(kind: Kind) -> &'static str {
    match kind.1 {
        "Namespace" | "CustomResourceDefinition" => "",
        "Application" | "ApplicationSet" | "AppProject" => "argocd",
        _ => "shop",
    }
}
