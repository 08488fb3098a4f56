//! A world for one test: an API server, a repository, and controllers that can be started, stopped
//! and cut off.
//!
//! What a test waits for is a look at the store with a deadline; nothing is timed. Intervals are long,
//! so that whatever happens was caused by the test.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use belay_apiserver::{Server, StoreHandle, controllers, handle};
use belay_cluster::Cluster;
use belay_controller::Leadership;
use belay_flux::{Controllers, Settings};
use belay_object::{Condition, ConditionStatus, Object, Value};
use belay_testkit::git_server::ServedRepo;
use belay_testkit::wire::Wire;
use regex::Regex;
use tokio::time::Instant;

/// How long anything may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// How long no request makes quiet.
const CALM: Duration = Duration::from_millis(150);

pub const REPOSITORY: (&str, &str) = ("source.toolkit.fluxcd.io/v1", "GitRepository");
pub const KUSTOMIZATION: (&str, &str) = ("kustomize.toolkit.fluxcd.io/v1", "Kustomization");
pub const HELM_RELEASE: (&str, &str) = ("helm.toolkit.fluxcd.io/v2", "HelmRelease");
pub const HELM_CHART: (&str, &str) = ("source.toolkit.fluxcd.io/v1", "HelmChart");
pub const SECRETS: (&str, &str) = ("v1", "Secret");
pub const MAPS: (&str, &str) = ("v1", "ConfigMap");
pub const DEPLOYMENTS: (&str, &str) = ("apps/v1", "Deployment");
pub const NAMESPACES: (&str, &str) = ("v1", "Namespace");

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
    tokens: AtomicU64,
}

/// The definitions that the controllers follow, made once for all tests.
static DEFINITIONS: LazyLock<Vec<Object>> = LazyLock::new(|| {
    let mut all = belay_flux::crds::crds("flux-system", "v0");
    all.retain(|d| {
        let name = d.name();
        name.ends_with(".source.toolkit.fluxcd.io") || name == "kustomizations.kustomize.toolkit.fluxcd.io"
    });
    assert_eq!(all.len(), 7);
    all
});

/// The definitions of Helm's kinds.
static HELM_DEFINITIONS: LazyLock<Vec<Object>> = LazyLock::new(|| {
    let mut all = belay_flux::crds::crds("flux-system", "v0");
    all.retain(|d| d.name() == "helmreleases.helm.toolkit.fluxcd.io");
    all
});

impl World {
    /// A cluster with the definitions and the namespace `apps`, a served empty repository, and no
    /// controllers yet.
    pub async fn empty() -> World {
        let simulated = controllers::Options { pod_ready_after: Duration::ZERO, ..Default::default() };
        let options = belay_apiserver::Options { controllers: Some(simulated), ..Default::default() };
        let server = Server::new(options);
        let user = server.handle("kubectl");
        for definition in DEFINITIONS.iter() {
            user.apply(definition, true).expect("the definitions are taken");
        }
        let world = World {
            git: ServedRepo::start("repo.git").await.expect("git serves"),
            user,
            server,
            wire: Wire::default(),
            controllers: None,
            settings: Settings { interval_jitter_percent: 0, ..Settings::default() },
            storage: tempfile::tempdir().expect("a temporary folder"),
            tokens: AtomicU64::new(0),
        };
        world.apply("{apiVersion: v1, kind: Namespace, metadata: {name: apps}}");
        let definition = |name: &str| world.get(("apiextensions.k8s.io/v1", "CustomResourceDefinition"), "", name);
        let is_established =
            |d: &Object| Condition::find(d, "Established").is_some_and(|c| c.status == ConditionStatus::True);
        for wanted in DEFINITIONS.iter() {
            world.until("the definitions are established", || definition(wanted.name()).filter(is_established)).await;
        }
        world
    }

    /// An [`World::empty`] with `repo` following the branch `main`, to which these files are
    /// committed, and running controllers.
    pub async fn with_files(files: &[(&str, &str)]) -> World {
        let mut world = World::empty().await;
        world.commit(files);
        world.apply(&world.repository(""));
        world.start().await;
        world
    }

    /// An [`World::with_files`] whose cluster has the definitions of Helm's kinds too.
    pub async fn with_helm(files: &[(&str, &str)]) -> World {
        let mut world = World::empty().await;
        for definition in HELM_DEFINITIONS.iter() {
            world.apply_object(definition);
        }
        for definition in HELM_DEFINITIONS.iter() {
            world
                .until("the definitions of Helm are established", || {
                    world.get(("apiextensions.k8s.io/v1", "CustomResourceDefinition"), "", definition.name()).filter(
                        |d| Condition::find(d, "Established").is_some_and(|c| c.status == ConditionStatus::True),
                    )
                })
                .await;
        }
        world.commit(files);
        world.apply(&world.repository(""));
        world.start().await;
        world
    }

    /// The manifest of the GitRepository `repo`; `more` is lines of its spec.
    pub fn repository(&self, more: &str) -> String {
        repository("repo", &self.git.url(), more)
    }

    /// Starts the controllers on a new wire, as a new process on the same disk.
    pub async fn start(&mut self) {
        self.wire = Wire::default();
        self.start_on_wire().await;
    }
    /// Starts the controllers on the wire as it is, which may have been armed.
    pub async fn start_on_wire(&mut self) {
        self.controllers = Some(self.try_start().await.unwrap_or_else(|e| panic!("the controllers start: {e}")));
    }
    pub async fn try_start(&self) -> Result<Controllers, belay_flux::StartError> {
        let cluster = Cluster::from_service("embedded", self.wire.to(self.server.clone()));
        Controllers::start(belay_flux::Options {
            cluster: cluster.with_timeout(Duration::from_secs(2)),
            settings: self.settings.clone(),
            leadership: Leadership::unopposed(),
            storage: self.storage.path().to_owned(),
            artifacts: ([127, 0, 0, 1], 0).into(),
            advertised: String::new(),
            egress: belay_net::Egress::default(),
        })
        .await
    }
    /// Ends the controllers in good order.
    pub async fn stop(&mut self) {
        if let Some(controllers) = self.controllers.take() {
            controllers.stop(Duration::from_secs(5)).await;
        }
    }
    /// Ends the controllers as a crash does: nothing that they still send arrives.
    pub fn crash(&mut self) {
        self.wire.cut();
        self.controllers = None;
    }

    /// Loses everything on the disk; the controllers must not run.
    pub fn empty_storage(&mut self) {
        assert!(self.controllers.is_none());
        self.storage = tempfile::tempdir().expect("a temporary folder");
    }
    /// Whether something is on the disk.
    pub fn storage_has(&self, path: &str) -> bool {
        self.storage.path().join(path).exists()
    }

    // Git.

    /// Commits files to `main`, without telling anybody; gives the revision.
    pub fn commit(&self, files: &[(&str, &str)]) -> String {
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(*text))).collect();
        self.commit_changes(&files)
    }
    /// Commits changes to `main`; `None` removes a file.
    pub fn commit_changes(&self, files: &[(&str, Option<&str>)]) -> String {
        let id = self.git.repo().commit("main", "change", files).expect("git commits");
        format!("main@sha1:{id}")
    }
    /// Commits, and waits until the GitRepository has it.
    pub async fn push(&self, files: &[(&str, &str)]) -> String {
        let files: Vec<_> = files.iter().map(|(path, text)| (*path, Some(*text))).collect();
        self.push_changes(&files).await
    }
    /// As [`World::push`]; `None` removes a file.
    pub async fn push_changes(&self, files: &[(&str, Option<&str>)]) -> String {
        let revision = self.commit_changes(files);
        self.fetched(&revision).await;
        revision
    }
    /// Asks for a fetch, and waits until the GitRepository has the revision.
    pub async fn fetched(&self, revision: &str) {
        self.ask(REPOSITORY, "repo");
        self.until(&format!("repo has {revision}"), || {
            self.get(REPOSITORY, "apps", "repo")
                .filter(|r| r.str_at(&["status", "artifact", "revision"]) == Some(revision))
        })
        .await;
    }

    // The cluster, as its user.

    /// Applies manifests as the user.
    pub fn apply(&self, yaml: &str) {
        self.apply_as("kubectl", yaml);
    }
    fn apply_object(&self, object: &Object) {
        self.user.apply(object, true).unwrap_or_else(|e| panic!("{}: {e:?}", object.key()));
    }
    /// Applies manifests under another field manager.
    pub fn apply_as(&self, manager: &str, yaml: &str) {
        for object in objects(yaml) {
            let applied = self.user.with_manager(manager).apply(&object, true);
            applied.unwrap_or_else(|e| panic!("{}: {e:?}", object.key()));
        }
    }
    /// Merges a patch into an object as the user.
    pub fn patch(&self, kind: Kind, name: &str, patch: &str) {
        self.patch_as("kubectl-edit", kind, name, patch);
    }
    pub fn patch_as(&self, manager: &str, kind: Kind, name: &str, patch: &str) {
        let what = Object::of(kind.0, kind.1, namespace_of(kind), name);
        let patched = self.user.with_manager(manager).merge_patch(&what, "", &value(patch));
        patched.unwrap_or_else(|e| panic!("{name}: {e:?}"));
    }
    /// Merges a patch into the status of an object, as its controller.
    pub fn patch_status(&self, kind: Kind, name: &str, patch: &str) {
        let what = Object::of(kind.0, kind.1, namespace_of(kind), name);
        let patched = self.user.with_manager("producer").merge_patch(&what, "status", &value(patch));
        patched.unwrap_or_else(|e| panic!("{name}: {e:?}"));
    }
    /// Deletes an object as the user.
    pub fn delete(&self, kind: Kind, name: &str) {
        let what = Object::of(kind.0, kind.1, namespace_of(kind), name);
        self.user.delete(&what, &handle::Delete::default()).unwrap_or_else(|e| panic!("{name}: {e:?}"));
    }
    /// An object as it is.
    pub fn get(&self, kind: Kind, namespace: &str, name: &str) -> Option<Object> {
        let gvk = belay_object::GroupVersionKind::from_api_version(kind.0, kind.1);
        let registry = self.server.registry();
        let resource = registry.by_kind(&gvk.group, &gvk.version, &gvk.kind)?;
        self.user.get(&resource.group, &resource.plural, namespace, name).map(|s| s.object().clone())
    }
    /// An object of the namespace `apps`, which must be there.
    pub fn the(&self, kind: Kind, name: &str) -> Object {
        self.get(kind, namespace_of(kind), name)
            .unwrap_or_else(|| panic!("{} {name} is not there\n{}", kind.1, self.story()))
    }
    /// Whether an object of the namespace `apps` is there.
    pub fn has(&self, kind: Kind, name: &str) -> bool {
        self.get(kind, namespace_of(kind), name).is_some()
    }
    /// A key of a ConfigMap's data.
    pub fn data(&self, name: &str, key: &str) -> Option<String> {
        Some(self.get(MAPS, "apps", name)?.str_at(&["data", key])?.to_owned())
    }
    /// Asks for a reconciliation; gives the token that will stand in the status at its end.
    pub fn ask(&self, kind: Kind, name: &str) -> String {
        let token = format!("token-{}", self.tokens.fetch_add(1, Ordering::Relaxed));
        let patch = format!("{{metadata: {{annotations: {{reconcile.fluxcd.io/requestedAt: {token}}}}}}}");
        self.patch_as("flux", kind, name, &patch);
        token
    }
    /// Asks for a reconciliation, and waits for its end.
    pub async fn reconcile(&self, kind: Kind, name: &str) {
        let token = self.ask(kind, name);
        self.until(&format!("{name} has handled {token}"), || {
            let object = self.get(kind, "apps", name)?;
            (object.str_at(&["status", "lastHandledReconcileAt"]) == Some(&token)).then_some(())
        })
        .await;
    }
    /// The ids of the inventory of a Kustomization.
    pub fn inventory(&self, name: &str) -> Vec<String> {
        let Some(object) = self.get(KUSTOMIZATION, "apps", name) else { return Vec::new() };
        let entries = object.at(&["status", "inventory", "entries"]).map_or(&[][..], Value::items);
        let mut ids: Vec<String> = entries.iter().filter_map(|e| Some(e.str_at(&["id"])?.to_owned())).collect();
        ids.sort();
        ids
    }
    /// The events about an object of `apps`, oldest first: type, reason, message.
    pub fn events(&self, kind: Kind, name: &str) -> Vec<String> {
        let mut events: Vec<_> = self.user.list("", "events", "apps");
        events.retain(|e| {
            let about = |field: &str| e.object().str_at(&["involvedObject", field]).unwrap_or_default().to_owned();
            about("kind") == kind.1 && about("name") == name
        });
        events.sort_by_key(|e| e.version());
        let line = |o: &Object| {
            let text = |field: &str| o.str_at(&[field]).unwrap_or_default().to_owned();
            masked_text(&format!("{} {} {}", text("type"), text("reason"), text("message")))
        };
        events.iter().map(|e| line(e.object())).collect()
    }
    /// The status of an object with everything masked that differs between runs.
    pub fn status(&self, kind: Kind, name: &str) -> String {
        let object = self.the(kind, name);
        masked_text(&belay_yaml::to_yaml(object.get("status").unwrap_or(&Value::Null)))
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
    /// Waits until a Kustomization is ready at a revision.
    pub async fn ready(&self, name: &str, revision: &str) {
        self.until(&format!("{name} is ready at {revision}"), || {
            let object = self.get(KUSTOMIZATION, "apps", name)?;
            let ready = Condition::find(&object, "Ready")?;
            let observed = object.at(&["status", "observedGeneration"])?.as_i64()?;
            (ready.status == ConditionStatus::True
                && ready.observed_generation == object.generation()
                && observed == object.generation()
                && object.str_at(&["status", "lastAppliedRevision"]) == Some(revision))
            .then_some(())
        })
        .await;
    }
    /// Waits until an object is not ready for a reason; gives the message.
    pub async fn failed(&self, kind: Kind, name: &str, reason: &str) -> String {
        self.until(&format!("{name} fails with {reason}"), || {
            let object = self.get(kind, "apps", name)?;
            let ready = Condition::find(&object, "Ready")?;
            let now = ready.status == ConditionStatus::False
                && ready.reason == reason
                && ready.observed_generation == object.generation();
            now.then_some(ready.message)
        })
        .await
    }
    /// Waits until a Kustomization failed at a revision for a reason; gives the message.
    pub async fn failed_at(&self, name: &str, revision: &str, reason: &str) -> String {
        self.until(&format!("{name} has attempted {revision}"), || {
            let object = self.get(KUSTOMIZATION, "apps", name)?;
            (object.str_at(&["status", "lastAttemptedRevision"]) == Some(revision)).then_some(())
        })
        .await;
        self.failed(KUSTOMIZATION, name, reason).await
    }
    /// Waits until the controllers send nothing any more.
    pub async fn quiet(&self) {
        let deadline = Instant::now() + PATIENCE;
        let mut count = self.wire.count();
        loop {
            tokio::time::sleep(CALM).await;
            let now = self.wire.count();
            if now == count {
                return;
            }
            assert!(Instant::now() < deadline, "never quiet: {:?}", self.wire.log(count));
            count = now;
        }
    }
    /// Everything of ours that is there: for messages of failed tests.
    pub fn story(&self) -> String {
        let mut text = String::new();
        for (group, plural) in
            ["gitrepositories", "ocirepositories", "buckets", "helmrepositories", "helmcharts", "externalartifacts"]
                .map(|plural| ("source.toolkit.fluxcd.io", plural))
                .into_iter()
                .chain([("kustomize.toolkit.fluxcd.io", "kustomizations"), ("helm.toolkit.fluxcd.io", "helmreleases")])
        {
            for stored in self.user.list(group, plural, "") {
                let object = stored.object();
                text += &format!(
                    "--- {}\n{}",
                    object.key(),
                    belay_yaml::to_yaml(object.get("status").unwrap_or(&Value::Null))
                );
            }
        }
        let log = self.wire.log(0);
        text + &format!("--- last requests\n{}", log[log.len().saturating_sub(15)..].join("\n"))
    }
}

fn namespace_of(kind: Kind) -> &'static str {
    match kind.1 {
        "Namespace" | "CustomResourceDefinition" | "ClusterRole" | "ClusterRoleBinding" => "",
        _ => "apps",
    }
}

/// The manifest of a GitRepository in `apps`; `more` is lines of its spec.
pub fn repository(name: &str, url: &str, more: &str) -> String {
    let more = more.replace('\n', "\n  ");
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: GitRepository\nmetadata: {{name: {name}, namespace: apps}}\n\
         spec:\n  url: {url}\n  interval: 1h\n  ref: {{branch: main}}\n  {more}\n"
    )
}

/// The manifest of a Kustomization in `apps` of a path of `repo`, that prunes and looks at nothing
/// again for an hour; `more` is lines of its spec.
pub fn kustomization(name: &str, path: &str, more: &str) -> String {
    let more = more.replace('\n', "\n  ");
    let prune = if more.contains("prune:") { "" } else { "prune: true" };
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: {name}, namespace: apps}}\n\
         spec:\n  interval: 1h\n  path: {path}\n  sourceRef: {{kind: GitRepository, name: repo}}\n  {prune}\n  {more}\n"
    )
}

/// A ConfigMap in `apps` with one key.
pub fn map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  namespace: apps\ndata:\n  key: {value}\n")
}

/// A Deployment in `apps` with one container.
pub fn deployment(name: &str, image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: apps\nspec:\n  replicas: 1\n  \
         selector:\n    matchLabels: {{app: {name}}}\n  template:\n    metadata:\n      labels: {{app: {name}}}\n    \
         spec:\n      containers:\n      - name: main\n        image: {image}\n"
    )
}

pub fn objects(yaml: &str) -> Vec<Object> {
    let documents =
        belay_yaml::parse_documents(yaml, &belay_yaml::Options::v2()).unwrap_or_else(|e| panic!("{e}\n{yaml}"));
    documents.into_iter().map(|v| Object::new(v).expect("a manifest is a map")).collect()
}

fn value(yaml: &str) -> Value {
    belay_yaml::parse_value(yaml, &belay_yaml::Options::v2()).unwrap_or_else(|e| panic!("{e}\n{yaml}"))
}

/// Takes out of a text what differs from run to run.
pub fn masked_text(text: &str) -> String {
    static MASKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        [
            (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
            (r"sha1:[0-9a-f]{40}", "sha1:COMMIT"),
            (r"/[0-9a-f]{40}\.tar\.gz", "/COMMIT.tar.gz"),
            (r"sha256:[0-9a-f]{64}", "sha256:DIGEST"),
            (r"\b[0-9a-f]{64}\b", "HEX"),
            (r"127\.0\.0\.1:\d+", "HOST"),
            (r"(in|after) [0-9.]+(ms|µs|ns|s)\b", "$1 DURATION"),
            (r"lastReconciledDuration: \S+", "lastReconciledDuration: DURATION"),
            (r"size: \d+", "size: SIZE"),
            (r"token-\d+", "TOKEN"),
            (r"Invalid value: \{.*\}: ", "Invalid value: VALUE: "),
        ]
        .map(|(pattern, with)| (Regex::new(pattern).expect("a constant"), with))
        .into()
    });
    let mut text = text.to_owned();
    for (pattern, with) in MASKS.iter() {
        text = pattern.replace_all(&text, *with).into_owned();
    }
    text
}

/// Compares texts line by line, and shows both where they differ.
#[track_caller]
pub fn check(found: &str, expected: &str) {
    assert!(found.trim() == expected.trim(), "found:\n{found}\nexpected:\n{expected}");
}
