//! Bad input, from Git to the status: what is said, to the letter, and that nothing is lost by it.
//!
//! Every world has a Kustomization `apps` that was well before the bad input came, and two neighbours
//! that go on: `beside` from the same repository and `away` from another one.

use std::sync::{Arc, LazyLock, Mutex};

use belay_object::{Condition, ConditionStatus};
use belay_testkit::git_server::{ServedRepo, TestRepo};

use super::world::*;

const WIDGETS: &str = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: apps}\n";

/// A world where all was well, and how it stood.
struct Well {
    w: World,
    /// The other repository.
    good: TestRepo,
    /// Uid, version and value of the maps of `apps`.
    stood: Vec<(String, String, Option<String>)>,
    inventory: Vec<String>,
}

impl Well {
    /// `apps` of the maps `a` and `b` from the folder `app`, `beside` of `c` from `beside`, both of the
    /// repository `repo`; `away` of `d` from `away` of the repository `good`.
    async fn new() -> Well {
        Well::with(&[]).await
    }
    async fn with(more: &[(&str, &str)]) -> Well {
        let mut w = World::empty().await;
        let mut files = vec![("app/a.yaml", map("a", "one")), ("app/b.yaml", map("b", "one"))];
        files.push(("beside/c.yaml", map("c", "one")));
        let mut files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
        files.extend(more);
        let revision = w.commit(&files);
        let (good, url) = w.git.another("good.git").expect("git serves two");
        w.apply(&w.repository(""));
        w.apply(&repository("good", &url, ""));
        w.apply(&kustomization("apps", "app", ""));
        w.apply(&kustomization("beside", "beside", ""));
        w.apply(&kustomization("away", "away", "").replace("name: repo}", "name: good}"));
        w.start().await;
        let mut well = Well { w, good, stood: Vec::new(), inventory: Vec::new() };
        well.away_goes_on("one").await;
        well.w.ready("apps", &revision).await;
        well.w.ready("beside", &revision).await;
        well.stood = well.stands();
        well.inventory = well.w.inventory("apps");
        assert!(well.inventory.len() >= 2);
        well
    }

    fn stands(&self) -> Vec<(String, String, Option<String>)> {
        let one = |name: &&str| {
            let object = self.w.the(MAPS, name);
            (object.uid().to_owned(), object.resource_version().to_owned(), self.w.data(name, "key"))
        };
        ["a", "b"].iter().map(one).collect()
    }
    /// Nothing of what was applied before was lost, written to or forgotten.
    fn nothing_is_lost(&self) {
        assert_eq!(self.stands(), self.stood, "{}", self.w.story());
        let inventory = self.w.inventory("apps");
        let lost: Vec<_> = self.inventory.iter().filter(|id| !inventory.contains(id)).collect();
        assert!(lost.is_empty(), "{lost:?} left the inventory\n{}", self.w.story());
    }

    /// Commits to the other repository; its Kustomization gets it.
    async fn away_goes_on(&self, value: &str) {
        let file = map("d", value);
        let id = self.good.commit("main", "on", &[("away/d.yaml", Some(&file))]).expect("git commits");
        self.w.ask(REPOSITORY, "good");
        self.w.ready("away", &format!("main@sha1:{id}")).await;
        assert_eq!(self.w.data("d", "key").as_deref(), Some(value));
    }
    /// Commits to the neighbour in the same repository; it gets it.
    async fn beside_goes_on(&self, value: &str) {
        assert!(is_ready(&self.w, KUSTOMIZATION, "beside"));
        let revision = self.w.push(&[("beside/c.yaml", &map("c", value))]).await;
        self.w.ready("beside", &revision).await;
        assert_eq!(self.w.data("c", "key").as_deref(), Some(value));
    }

    /// A commit that the source takes and `apps` refuses: `message` in the status and in the event, the
    /// neighbours go on, nothing is lost, and `heal` makes all well.
    async fn refuses(self, bad: &[(&str, Option<&str>)], reason: &str, message: &str, heal: &[(&str, Option<&str>)]) {
        let revision = self.w.push_changes(bad).await;
        self.fails_at(&revision, reason, message).await;
        self.heals(heal).await;
    }
    async fn fails_at(&self, revision: &str, reason: &str, message: &str) {
        let said = self.w.failed_at("apps", revision, reason).await;
        check(&masked_text(&said), message);
        self.nothing_is_lost();
        self.w.ready("beside", revision).await;
        self.beside_goes_on("two").await;
        self.away_goes_on("two").await;
        self.nothing_is_lost();
        let event = format!("Warning {reason} {}", message.trim());
        let events = self.w.events(KUSTOMIZATION, "apps");
        assert!(events.iter().any(|e| e.trim() == event), "{event:?} is not among\n{}", events.join("\n"));
    }
    async fn heals(&self, heal: &[(&str, Option<&str>)]) {
        let healed = self.w.push_changes(heal).await;
        self.w.ready("apps", &healed).await;
        self.w.ready("beside", &healed).await;
        self.nothing_is_lost();
    }

    /// The GitRepository `repo` fails with a message; nothing else does, and nothing is lost.
    async fn source_fails(&self, reason: &str, message: &str) {
        let said = self.w.failed(REPOSITORY, "repo", reason).await;
        check(&masked_text(&said), message);
        self.away_goes_on("two").await;
        self.nothing_is_lost();
        for name in ["apps", "beside"] {
            assert!(is_ready(&self.w, KUSTOMIZATION, name), "what was applied stays applied\n{}", self.w.story());
        }
        let event = format!("Warning {reason} {}", message.trim());
        let events = self.w.events(REPOSITORY, "repo");
        assert!(events.iter().any(|e| e.trim() == event), "{event:?} is not among\n{}", events.join("\n"));
    }
    /// The source is put right: the next commit gets through.
    async fn source_heals(&self, patch: &str) {
        let revision = self.w.commit(&[("beside/c.yaml", &map("c", "healed"))]);
        self.w.patch(REPOSITORY, "repo", patch);
        self.w.ready("beside", &revision).await;
        self.w.ready("apps", &revision).await;
        self.nothing_is_lost();
    }
}

fn is_ready(w: &World, kind: Kind, name: &str) -> bool {
    Condition::find(&w.the(kind, name), "Ready").is_some_and(|c| c.status == ConditionStatus::True)
}

// Sources.

#[tokio::test]
async fn an_unreachable_repository() {
    let well = Well::new().await;
    let url = well.w.git.url();
    // Port 1 of loopback: nobody listens there.
    well.w.patch(REPOSITORY, "repo", "{spec: {url: 'http://127.0.0.1:1/repo.git'}}");
    let message = "failed to checkout and determine revision: unable to clone 'http://HOST/repo.git': \
                   tcp connect error: Connection refused (os error 111)";
    well.source_fails("GitOperationFailed", message).await;
    well.source_heals(&format!("{{spec: {{url: '{url}'}}}}")).await;
}

#[tokio::test]
async fn a_repository_that_is_not_there() {
    let well = Well::new().await;
    let url = well.w.git.url();
    well.w.patch(REPOSITORY, "repo", &format!("{{spec: {{url: '{}'}}}}", url.replace("repo.git", "none.git")));
    let message = "failed to checkout and determine revision: unable to clone 'http://HOST/none.git': \
                   repository not found";
    well.source_fails("GitOperationFailed", message).await;
    well.source_heals(&format!("{{spec: {{url: '{url}'}}}}")).await;
}

/// Everything that any world of this process logs at any level.
static LOG: LazyLock<Arc<Mutex<Vec<u8>>>> = LazyLock::new(|| {
    let log = Arc::new(Mutex::new(Vec::new()));
    let to = log.clone();
    struct To(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for To {
        fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(data);
            Ok(data.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let writer = move || To(to.clone());
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
    subscriber.with_writer(writer).init();
    log
});

#[tokio::test]
async fn wrong_credentials() {
    const PASSWORD: &str = "hunter2-and-some-more";
    const RIGHT: &str = "correct-horse-battery";
    let log = LOG.clone();
    let locked =
        ServedRepo::start_with("locked.git", |o| o.basic = Some(("robin".into(), RIGHT.into()))).await.unwrap();
    let id = locked.repo().commit("main", "locked", &[("app/a.yaml", Some(&map("a", "one")))]).unwrap();
    let well = Well::new().await;
    let w = &well.w;
    let secret = |password: &str| {
        format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: login, namespace: apps}}, stringData: {{username: robin, password: {password}}}}}"
        )
    };
    let said = |reason: &'static str| w.failed(REPOSITORY, "locked", reason);
    let denied = "failed to checkout and determine revision: unable to clone 'http://HOST/locked.git': \
                  authentication required";
    // None at all.
    w.apply(&repository("locked", &locked.url(), ""));
    w.apply(&kustomization("locked", "app", "").replace("name: repo}", "name: locked}"));
    check(&masked_text(&said("GitOperationFailed").await), denied);
    // A Secret that is not there.
    w.apply(&repository("locked", &locked.url(), "secretRef: {name: login}"));
    let missing = "failed to get secret 'apps/login': secrets \"login\" not found";
    check(&said("AuthenticationFailed").await, missing);
    // The wrong password.
    w.apply(&secret(PASSWORD));
    w.reconcile(REPOSITORY, "locked").await;
    check(&masked_text(&said("GitOperationFailed").await), denied);
    // A password in the URL, where everyone sees it: it is not used, and never repeated.
    let with_password = locked.url().replace("http://", &format!("http://robin:{PASSWORD}@"));
    w.apply(&repository("locked", &with_password, ""));
    let unused = "; the user and password in spec.url are not used: put them into a Secret that spec.secretRef names";
    w.until("the URL is judged", || {
        let said = Condition::find(&w.the(REPOSITORY, "locked"), "Ready")?.message;
        (masked_text(&said) == format!("{denied}{unused}")).then_some(())
    })
    .await;
    // Half a login.
    w.apply(&format!("{{apiVersion: v1, kind: Secret, metadata: {{name: half, namespace: apps}}, stringData: {{password: {PASSWORD}}}}}"));
    w.apply(&repository("locked", &locked.url(), "secretRef: {name: half}"));
    check(&said("AuthenticationFailed").await, "secret 'apps/half' has 'password' but no 'username'");

    well.away_goes_on("two").await;
    well.beside_goes_on("two").await;
    well.nothing_is_lost();
    assert!(!is_ready(w, KUSTOMIZATION, "locked"));

    // The right one heals it.
    w.apply(&secret(RIGHT));
    w.apply(&repository("locked", &locked.url(), "secretRef: {name: login}"));
    w.ready("locked", &format!("main@sha1:{id}")).await;
    w.quiet().await;

    // INV-NET: neither password, plain or encoded, is anywhere but in the Secrets.
    use base64::Engine;
    let encoded = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    let mut told: Vec<String> = ["gitrepositories", "kustomizations"]
        .iter()
        .flat_map(|plural| {
            let group = if *plural == "kustomizations" { KUSTOMIZATION.0 } else { REPOSITORY.0 };
            w.user.list(group.split('/').next().unwrap(), plural, "")
        })
        .map(|stored| belay_yaml::to_yaml(stored.object().value()))
        .collect();
    told.extend(w.user.list("", "events", "").iter().map(|stored| belay_yaml::to_yaml(stored.object().value())));
    told.push(String::from_utf8_lossy(&log.lock().unwrap()).into_owned());
    assert!(told.last().is_some_and(|log| log.contains("authentication required")), "the log tells of it");
    for password in [PASSWORD, RIGHT] {
        for spelling in [password.to_owned(), encoded(password.to_owned()), encoded(format!("robin:{password}"))] {
            for text in &told {
                let at = text.find(&spelling);
                assert!(at.is_none(), "{spelling} is told: {}", &text[at.unwrap().saturating_sub(300)..][..300]);
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_branch() {
    let well = Well::new().await;
    well.w.patch(REPOSITORY, "repo", "{spec: {ref: {branch: nope}}}");
    let message = "failed to checkout and determine revision: unable to clone 'http://HOST/repo.git': \
                   couldn't find remote ref \"refs/heads/nope\"";
    well.source_fails("GitOperationFailed", message).await;
    well.source_heals("{spec: {ref: {branch: main}}}").await;
}

#[tokio::test]
async fn a_repository_without_a_commit() {
    let well = Well::new().await;
    let (_, empty) = well.w.git.another("empty.git").unwrap();
    let url = well.w.git.url();
    well.w.patch(REPOSITORY, "repo", &format!("{{spec: {{url: '{empty}'}}}}"));
    well.source_fails("EmptyGitRepository", "git repository is empty").await;
    well.source_heals(&format!("{{spec: {{url: '{url}'}}}}")).await;
}

#[tokio::test]
async fn a_force_pushed_branch() {
    let well = Well::with(&[("app/e.yaml", &map("e", "one"))]).await;
    let git = well.w.git.repo();
    // Another history without `e`, and the old one is gone from the server for good.
    let old = git.git(&["rev-parse", "main"]).unwrap();
    git.git(&["update-ref", "-d", "refs/heads/main"]).unwrap();
    let files = [("app/a.yaml", map("a", "one")), ("app/b.yaml", map("b", "one")), ("beside/c.yaml", map("c", "two"))];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (*path, text.as_str())).collect();
    let revision = well.w.commit(&files);
    git.git(&["reflog", "expire", "--expire=now", "--all"]).unwrap();
    git.git(&["gc", "--quiet", "--prune=now"]).unwrap();
    assert!(git.git(&["cat-file", "-e", &old]).is_err());
    well.w.fetched(&revision).await;
    well.w.ready("apps", &revision).await;
    well.w.ready("beside", &revision).await;
    assert!(!well.w.has(MAPS, "e"), "what the new history does not have is pruned");
    assert_eq!(well.w.data("c", "key").as_deref(), Some("two"));
    assert_eq!(well.stands(), well.stood);
    check(&well.w.events(REPOSITORY, "repo").join("\n"), "Normal NewArtifact stored artifact for commit 'change'");
    well.away_goes_on("two").await;
}

// Trees.

#[tokio::test]
async fn a_directory_without_manifests() {
    let well = Well::new().await;
    let gone = [("app/a.yaml", None), ("app/b.yaml", None), ("app/README.md", Some("nothing here\n"))];
    let (a, b) = (map("a", "one"), map("b", "one"));
    let back = [("app/a.yaml", Some(&*a)), ("app/b.yaml", Some(&*b))];
    let message = "nothing was rendered, so nothing is pruned: the 2 objects of the inventory stay; \
                   if they are to go, delete them, or the resource that owns them";
    well.refuses(&gone, "PruneFailed", message, &back).await;
}

#[tokio::test]
async fn a_directory_that_never_had_manifests_is_applied_as_nothing() {
    let well = Well::with(&[("empty/README.md", "nothing here\n")]).await;
    well.w.apply(&kustomization("empty", "empty", ""));
    let revision = well.w.the(REPOSITORY, "repo").str_at(&["status", "artifact", "revision"]).unwrap().to_owned();
    well.w.ready("empty", &revision).await;
    assert!(well.w.inventory("empty").is_empty());
}

#[tokio::test]
async fn a_path_that_does_not_exist() {
    let well = Well::new().await;
    let (a, b) = (map("a", "one"), map("b", "one"));
    let gone = [("app/a.yaml", None), ("app/b.yaml", None), ("moved/a.yaml", Some(&*a)), ("moved/b.yaml", Some(&*b))];
    let back = [("app/a.yaml", Some(&*a)), ("app/b.yaml", Some(&*b))];
    let message = "kustomization path not found: app: no such directory";
    well.refuses(&gone, "ArtifactFailed", message, &back).await;
}

#[tokio::test]
async fn malformed_yaml() {
    let well = Well::new().await;
    let a = map("a", "one");
    let bad = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n name: twice\n";
    let message = "failed to decode Kubernetes YAML from app/a.yaml: yaml: line 5: did not find expected key";
    // Another file is gone in the same commit: it must not be pruned.
    let b = map("b", "one");
    let changes = [("app/a.yaml", Some(bad)), ("app/b.yaml", None)];
    well.refuses(&changes, "BuildFailed", message, &[("app/a.yaml", Some(&a)), ("app/b.yaml", Some(&b))]).await;
}

#[tokio::test]
async fn duplicate_objects() {
    let well = Well::new().await;
    let again = map("a", "two");
    let message = "app/z.yaml:1: merging resources from './z.yaml': may not add resource with an already registered id: \
                   ConfigMap.v1.[noGrp]/a.apps; the first one stands in app/a.yaml:1; drop one of them, or give it another name or namespace";
    well.refuses(&[("app/z.yaml", Some(&again))], "BuildFailed", message, &[("app/z.yaml", None)]).await;
}

#[tokio::test]
async fn an_object_without_a_name() {
    let well = Well::new().await;
    let bad = "apiVersion: v1\nkind: ConfigMap\nmetadata: {namespace: apps}\n";
    let message = "app/z.yaml:1: accumulating resources from './z.yaml': missing metadata.name in object \
                   {{v1 ConfigMap} {{ apps} map[] map[]}}; each object needs apiVersion, kind and metadata.name";
    well.refuses(&[("app/z.yaml", Some(bad))], "BuildFailed", message, &[("app/z.yaml", None)]).await;
}

#[tokio::test]
async fn an_encrypted_secret() {
    let well = Well::new().await;
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: apps}\ndata: {a: RU5D}\nsops: {mac: x}\n";
    let message =
        "Secret/apps/s is SOPS encrypted, configuring decryption is required for this secret to be reconciled";
    well.refuses(&[("app/s.yaml", Some(secret))], "ReconciliationFailed", message, &[("app/s.yaml", None)]).await;
}

#[tokio::test]
async fn an_unknown_kind() {
    let well = Well::new().await;
    let message = "Widget/apps/w dry-run failed: no matches for kind \"Widget\" in version \"example.com/v1\"; \
                   is its CustomResourceDefinition installed? (in app/w.yaml:1)";
    let a = map("a", "two");
    let old = map("a", "one");
    let changes = [("app/w.yaml", Some(WIDGETS)), ("app/a.yaml", Some(&*a)), ("app/b.yaml", None)];
    let b = map("b", "one");
    let back = [("app/w.yaml", None), ("app/a.yaml", Some(&*old)), ("app/b.yaml", Some(&*b))];
    well.refuses(&changes, "ReconciliationFailed", message, &back).await;
}

#[tokio::test]
async fn a_symlink_out_of_the_tree() {
    for target in ["/etc/passwd", "../../../../etc/passwd"] {
        let well = Well::new().await;
        let git = well.w.git.repo();
        let blob = git.blob(target.as_bytes()).unwrap();
        let id = git.commit_entries("main", "link", &format!("120000 {blob}\tapp/z.yaml\n")).unwrap();
        let revision = format!("main@sha1:{id}");
        well.w.fetched(&revision).await;
        let message = "app/z.yaml: a symlink leads out of the source";
        well.fails_at(&revision, "BuildFailed", message).await;
        well.heals(&[("app/z.yaml", None)]).await;
    }
}

#[tokio::test]
async fn a_path_that_leads_out_of_the_tree() {
    let well = Well::new().await;
    well.w.patch(KUSTOMIZATION, "apps", "{spec: {path: ../../etc}}");
    let said = well.w.failed(KUSTOMIZATION, "apps", "ArtifactFailed").await;
    check(&said, "path \"../../etc\" leads out of the source");
    well.nothing_is_lost();
    well.beside_goes_on("two").await;
}

#[tokio::test]
async fn a_yaml_bomb() {
    let well = Well::new().await;
    let mut bomb = String::from(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: z, namespace: apps}\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\n",
    );
    for i in 1..10 {
        let list = vec![format!("*a{}", i - 1); 10].join(",");
        bomb.push_str(&format!("a{i}: &a{i} [{list}]\n"));
    }
    let message =
        "failed to decode Kubernetes YAML from app/z.yaml: yaml: line 4: document contains excessive aliasing";
    well.refuses(&[("app/z.yaml", Some(&bomb))], "BuildFailed", message, &[("app/z.yaml", None)]).await;
}

#[tokio::test]
async fn a_file_of_100_mb() {
    let well = Well::new().await;
    // Beside the manifests it hurts nobody: Flux clones such a repository as well.
    let line = format!("# {}\n", "x".repeat(1021));
    let large = line.repeat(100 << 10);
    assert_eq!(large.len(), 100 << 20);
    let revision = well.w.push(&[("app/model.bin", &large), ("beside/c.yaml", &map("c", "large"))]).await;
    well.w.ready("apps", &revision).await;
    well.w.ready("beside", &revision).await;
    well.nothing_is_lost();
    // Read as a manifest it is refused.
    let message = "app/z.yaml: larger than allowed: it has 104857600 bytes, the limit is 33554432";
    let git = well.w.git.repo();
    let blob = git.git(&["rev-parse", "main:app/model.bin"]).unwrap();
    let id = git.commit_entries("main", "large", &format!("100644 {blob}\tapp/z.yaml\n")).unwrap();
    let revision = format!("main@sha1:{id}");
    well.w.fetched(&revision).await;
    well.fails_at(&revision, "BuildFailed", message).await;
    well.heals(&[("app/z.yaml", None), ("app/model.bin", None)]).await;
}

// Clusters.

const JOB: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once, namespace: apps}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: main, image: 'IMAGE'}]\n";

#[tokio::test]
async fn a_changed_immutable_field() {
    let well = Well::with(&[("app/job.yaml", &JOB.replace("IMAGE", "shop/job:1"))]).await;
    let (a, old) = (map("a", "two"), map("a", "one"));
    let job = |n: u8| JOB.replace("IMAGE", &format!("shop/job:{n}"));
    let uid = well.w.the(("batch/v1", "Job"), "once").uid().to_owned();
    let message = "Job/apps/once dry-run failed (Invalid): Job.batch \"once\" is invalid: \
                   spec.template: Invalid value: VALUE: field is immutable (in app/job.yaml:1)";
    let revision = well.w.push(&[("app/job.yaml", &job(2)), ("app/a.yaml", &a)]).await;
    well.fails_at(&revision, "ReconciliationFailed", message).await;
    assert_eq!(well.w.the(("batch/v1", "Job"), "once").uid(), uid);
    well.heals(&[("app/job.yaml", Some(&job(1))), ("app/a.yaml", Some(&old))]).await;
    assert_eq!(well.w.the(("batch/v1", "Job"), "once").uid(), uid);
}

#[tokio::test]
async fn a_conflict_with_another_manager() {
    let marked = |name: &str, ssa: &str| {
        let with = format!("  annotations: {{kustomize.toolkit.fluxcd.io/ssa: {ssa}}}\n  namespace:");
        map(name, "git").replace("  namespace:", &with)
    };
    let (once, merge, ignore) = (marked("once", "IfNotPresent"), marked("merge", "Merge"), marked("ignore", "Ignore"));
    let plain = map("plain", "git");
    let files = [("more/plain.yaml", &*plain), ("more/once.yaml", &once), ("more/merge.yaml", &merge)];
    let well = Well::with(&[files[0], files[1], files[2], ("more/ignore.yaml", &ignore)]).await;
    let w = &well.w;
    // Another server-side manager was there first, with a value and a field of its own.
    for name in ["plain", "once", "merge", "ignore"] {
        w.apply_as("operator", &(map(name, "theirs") + "  own: theirs\n"));
    }
    w.apply(&kustomization("more", "more", ""));
    let revision = w.the(REPOSITORY, "repo").str_at(&["status", "artifact", "revision"]).unwrap().to_owned();
    w.ready("more", &revision).await;
    let stands = |name: &str| {
        let object = w.the(MAPS, name);
        let managers = object.at(&["metadata", "managedFields"]).unwrap().items().to_vec();
        let mut managers: Vec<_> = managers
            .iter()
            .filter(|e| e.at(&["fieldsV1", "f:data", "f:key"]).is_some())
            .filter_map(|e| e.str_at(&["manager"]))
            .collect();
        managers.sort_unstable();
        format!(
            "{name} {} {} of {}",
            object.str_at(&["data", "key"]).unwrap(),
            object.str_at(&["data", "own"]).unwrap_or("-"),
            managers.join(",")
        )
    };
    // Compat(flux 2.9): conflicts are forced; whoever is there is there at the same time with what is not in Git.
    check(
        &["plain", "once", "merge", "ignore"].map(stands).join("\n"),
        "plain git theirs of kustomize-controller\nonce theirs theirs of operator\n\
         merge git theirs of kustomize-controller\nignore theirs theirs of operator",
    );
    // The other one takes it back by force: that is drift, and is put right.
    w.apply_as("operator", &map("plain", "again"));
    w.until("plain is ours again", || w.data("plain", "key").filter(|v| v == "git")).await;
    well.beside_goes_on("two").await;
    well.away_goes_on("two").await;
    well.nothing_is_lost();
}

#[tokio::test]
async fn a_manager_that_is_overridden_loses_what_is_not_in_git() {
    let mut w = World::empty().await;
    w.settings.override_managers = vec!["operator".to_owned()];
    let revision = w.commit(&[("app/a.yaml", &map("a", "git"))]);
    for manager in ["operator", "other"] {
        w.apply_as(manager, &(map("a", "theirs") + &format!("  {manager}: own\n")));
    }
    w.apply(&w.repository(""));
    w.apply(&kustomization("apps", "app", ""));
    w.start().await;
    w.ready("apps", &revision).await;
    let data = w.the(MAPS, "a").get("data").unwrap().to_json();
    check(&data, r#"{"key":"git","other":"own"}"#);
}

#[tokio::test]
async fn a_namespace_that_is_being_deleted() {
    let well = Well::new().await;
    let w = &well.w;
    w.apply("{apiVersion: v1, kind: Namespace, metadata: {name: going}}");
    w.apply(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: holds, namespace: going, finalizers: [example.com/slow]}}",
    );
    w.delete(NAMESPACES, "going");
    w.until("it is going", || w.get(NAMESPACES, "", "going").filter(|n| n.is_deleting())).await;
    let into = map("z", "one").replace("namespace: apps", "namespace: going");
    let message = "ConfigMap/going/z dry-run failed (Forbidden): configmaps \"z\" is forbidden: unable to create new content in namespace going because it is being terminated (in app/z.yaml:1)";
    well.refuses(&[("app/z.yaml", Some(&into))], "ReconciliationFailed", message, &[("app/z.yaml", None)]).await;
}

#[tokio::test]
async fn a_circle_of_dependencies() {
    let well = Well::new().await;
    let w = &well.w;
    w.apply(&kustomization("first", "beside", "dependsOn: [{name: second}]"));
    w.apply(&kustomization("second", "beside", "dependsOn: [{name: third}]"));
    w.apply(&kustomization("third", "beside", "dependsOn: [{name: first}]"));
    for (name, on) in [("first", "second"), ("second", "third"), ("third", "first")] {
        let said = w.failed(KUSTOMIZATION, name, "DependencyNotReady").await;
        w.until("each is told of the next", || {
            let said = Condition::find(&w.the(KUSTOMIZATION, name), "Ready")?.message;
            said.contains("is not ready").then_some(())
        })
        .await;
        let said = Condition::find(&w.the(KUSTOMIZATION, name), "Ready").map(|c| c.message).unwrap_or(said);
        check(&said, &format!("dependency 'apps/{on}' is not ready"));
    }
    w.apply(&kustomization("self", "beside", "dependsOn: [{name: self}]"));
    check(&w.failed(KUSTOMIZATION, "self", "DependencyNotReady").await, "dependency 'apps/self' is not ready");
    w.quiet().await;
    well.beside_goes_on("two").await;
    well.away_goes_on("two").await;
    well.nothing_is_lost();
    // Cutting it lets all of them go.
    w.patch(KUSTOMIZATION, "third", "{spec: {dependsOn: null}}");
    let revision = w.the(REPOSITORY, "repo").str_at(&["status", "artifact", "revision"]).unwrap().to_owned();
    for name in ["third", "second", "first"] {
        w.ready(name, &revision).await;
    }
}
