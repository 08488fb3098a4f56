//! The source hydrator: dry sources rendered into branches, and synced from there.

use super::world::{APPLICATIONS, World, map};
use belay_object::{Object, Value};

const ENABLED: &str = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cmd-params-cm, namespace: argocd, labels: {app.kubernetes.io/part-of: argocd}}
data: {hydrator.enabled: 'true', controller.sync.wave.delay.seconds: '0', controller.self.heal.backoff.timeout.seconds: '1'}
";

const AUTOMATED: &str = "syncPolicy: {automated: {}}";

impl World {
    /// A world with the hydrator enabled, credentials to write with, and these files on `main`.
    async fn hydrating(files: &[(&str, String)]) -> World {
        let mut world = World::stopped(files).await;
        world.apply(ENABLED);
        world.apply(&format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: write, namespace: argocd, labels: \
             {{argocd.argoproj.io/secret-type: repository-write}}}}, stringData: {{url: '{}', username: belay, password: s3cr3t-canary}}}}",
            world.git.url()
        ));
        world.start().await;
        world
    }
    /// Applies an Application that is hydrated from a folder of `main` into a folder of `env/dev`.
    fn hydrated(&self, name: &str, from: &str, to: &str, more: &str) {
        let url = self.git.url();
        self.apply(&format!(
            "{{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {{name: {name}, namespace: argocd}}, spec: {{\
             project: default, destination: {{server: 'https://kubernetes.default.svc', namespace: shop}}, sourceHydrator: {{\
             drySource: {{repoURL: '{url}', targetRevision: main, path: {from}}}, \
             syncSource: {{targetBranch: env/dev, path: {to}}}}}, {more}}}}}"
        ));
    }
    /// `Phase dry hydrated: message` of an Application's hydration, its commits named by what they are.
    fn hydration(&self, name: &str) -> String {
        let Some(app) = self.get(APPLICATIONS, name) else { return "gone".into() };
        let of = |field: &str| {
            app.str_at(&["status", "sourceHydrator", "currentOperation", field]).unwrap_or_default().to_owned()
        };
        let (dry, hydrated) = (of("drySHA"), of("hydratedSHA"));
        let named = |sha: &str, name: &str| {
            if sha.is_empty() {
                "-"
            } else if sha == self.rev(name) {
                "newest"
            } else {
                "older"
            }
            .to_owned()
        };
        let text =
            format!("{} {} {}: {}", of("phase"), named(&dry, "main"), named(&hydrated, "env/dev"), of("message"));
        text.trim_end_matches(": ").to_owned()
    }
    async fn is_hydrated(&self, name: &str, expected: &str) {
        self.until(&format!("{name} is hydrated: {expected}"), || (self.hydration(name) == expected).then_some(()))
            .await;
    }
    fn rev(&self, name: &str) -> String {
        self.run(&["rev-parse", "--verify", "--quiet", name])
    }
    fn run(&self, arguments: &[&str]) -> String {
        self.git.repo().git(arguments).unwrap_or_default()
    }
    /// The dry commit that the note of a branch's tip names.
    fn noted(&self, branch: &str) -> String {
        let text = self.run(&["notes", "--ref=hydrator.metadata", "show", branch]);
        let sha = text.strip_prefix("{\"drySha\":\"").and_then(|rest| rest.strip_suffix("\"}")).unwrap_or(&text);
        if sha == self.rev("main") { "newest".to_owned() } else { sha.to_owned() }
    }
    fn commits(&self, branch: &str) -> usize {
        self.run(&["rev-list", branch]).lines().count()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_commit_is_hydrated_once_and_synced() {
    let world = World::hydrating(&[("app/cm.yaml", map("one", "1"))]).await;
    world.hydrated("shop", "app", "dev", AUTOMATED);
    world.is_hydrated("shop", "Hydrated newest newest").await;
    world.is("shop", "Synced Healthy Succeeded").await;
    assert_eq!(world.data("one", "key").as_deref(), Some("1"));
    let first = world.rev("main");
    assert_eq!(
        world.run(&["log", "--reverse", "--format=%s|%an <%ae>", "env/dev"]),
        format!(
            "Initial commit for env/dev|Argo CD <argo-cd@example.com>\n{}: change|Argo CD <argo-cd@example.com>",
            &first[..7]
        )
    );
    assert_eq!(
        world.run(&["show", "--format=", "--name-only", "env/dev"]),
        ".gitattributes\ndev/README.md\ndev/hydrator.metadata\ndev/manifest.yaml\nhydrator.metadata"
    );
    let manifest = "apiVersion: v1\ndata:\n  key: \"1\"\nkind: ConfigMap\nmetadata:\n  name: one";
    assert_eq!(world.run(&["show", "env/dev:dev/manifest.yaml"]), manifest, "without tracking, without a namespace");
    assert!(world.run(&["show", "env/dev:hydrator.metadata"]).contains(&format!("\"drySha\": \"{first}\"")));
    assert_eq!(world.run(&["fsck", "--strict"]), "");
    assert_eq!(world.noted("env/dev"), "newest");

    world.push(&[("app/cm.yaml", Some(&map("one", "2")))]).await;
    world.until("the change is there", || (world.data("one", "key")? == "2").then_some(())).await;
    world.is_hydrated("shop", "Hydrated newest newest").await;
    world.is("shop", "Synced Healthy Succeeded").await;
    assert_eq!((world.commits("env/dev"), world.noted("env/dev").as_str()), (3, "newest"));
    world.quiet().await;
    assert_eq!(world.commits("env/dev"), 3, "once is enough");
    let app = world.get(APPLICATIONS, "shop").expect("it is there");
    let last = |field| app.str_at(&["status", "sourceHydrator", "lastSuccessfulOperation", field]);
    assert_eq!((last("drySHA"), last("hydratedSHA")), (Some(&*world.rev("main")), Some(&*world.rev("env/dev"))));
    let compared = app.str_at(&["status", "sourceHydrator", "lastComparedDryRevision"]);
    assert_eq!(compared, Some(&*world.rev("main")));
}

#[tokio::test(flavor = "multi_thread")]
async fn behaviour_34_without_a_change_of_manifests_there_is_a_note_and_no_commit() {
    let world = World::hydrating(&[("app/cm.yaml", map("one", "1"))]).await;
    world.hydrated("shop", "app", "dev", AUTOMATED);
    world.is_hydrated("shop", "Hydrated newest newest").await;
    let before = (world.rev("env/dev"), world.run(&["show", "env/dev:hydrator.metadata"]));
    world.push(&[("docs/why", Some("because"))]).await;
    world.until("the note follows", || (world.noted("env/dev") == "newest").then_some(())).await;
    world.is_hydrated("shop", "Hydrated newest newest").await;
    let after = (world.rev("env/dev"), world.run(&["show", "env/dev:hydrator.metadata"]));
    assert_eq!(before, after, "the branch is as it was");
    assert_eq!(world.run(&["for-each-ref", "--format=%(refname)", "refs/notes"]), "refs/notes/hydrator.metadata");
}

#[tokio::test(flavor = "multi_thread")]
async fn applications_of_one_group_come_with_one_commit() {
    let world = World::hydrating(&[("a/cm.yaml", map("one", "1")), ("b/cm.yaml", map("two", "1"))]).await;
    world.hydrated("one", "a", "one", AUTOMATED);
    world.hydrated("two", "b", "two", AUTOMATED);
    for name in ["one", "two"] {
        world.is_hydrated(name, "Hydrated newest newest").await;
        world.is(name, "Synced Healthy Succeeded").await;
    }
    // The second may have come when the first was under way; from here on both are there.
    let before = world.commits("env/dev");
    world.push(&[("a/cm.yaml", Some(&map("one", "2"))), ("b/cm.yaml", Some(&map("two", "2")))]).await;
    for name in ["one", "two"] {
        world.until(&format!("{name} is changed"), || (world.data(name, "key")? == "2").then_some(())).await;
        world.is_hydrated(name, "Hydrated newest newest").await;
    }
    world.quiet().await;
    assert_eq!(world.commits("env/dev"), before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_rendered_stops_its_group() {
    let world = World::hydrating(&[("a/cm.yaml", map("one", "1")), ("b/cm.yaml", map("two", "1"))]).await;
    world.hydrated("one", "a", "one", AUTOMATED);
    world.hydrated("two", "b", "two", AUTOMATED);
    world.is_hydrated("one", "Hydrated newest newest").await;
    world.is_hydrated("two", "Hydrated newest newest").await;
    let before = world.rev("env/dev");
    world
        .push(&[
            ("a/cm.yaml", Some(&map("one", "2"))),
            ("b/cm.yaml", Some("apiVersion: v1\nkind: ConfigMap\nmetadata: [")),
        ])
        .await;
    let generic = "Failed newest -: Failed to hydrate: cannot hydrate because application argocd/two has an error";
    world.is_hydrated("one", generic).await;
    let words = "Failed to hydrate: failed to get manifests: failed to get repo objects for app \"argocd/two\": ";
    let is_told = |told: &str| told.contains(words) && told.contains("b/cm.yaml");
    world.until("two is told what is wrong", || is_told(&world.hydration("two")).then_some(())).await;
    assert_eq!(world.rev("env/dev"), before);
    assert_eq!(world.data("one", "key").as_deref(), Some("1"), "nothing of it is synced");
    // What mends it needs no waiting.
    world.push(&[("b/cm.yaml", Some(&map("two", "2")))]).await;
    for name in ["one", "two"] {
        world.is_hydrated(name, "Hydrated newest newest").await;
        world.until(&format!("{name} is changed"), || (world.data(name, "key")? == "2").then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_project_does_not_permit_is_not_hydrated() {
    let world = World::hydrating(&[("a/cm.yaml", map("one", "1"))]).await;
    world.apply(
        "{apiVersion: argoproj.io/v1alpha1, kind: AppProject, metadata: {name: default, namespace: argocd}, spec: \
         {sourceRepos: ['https://elsewhere/x'], destinations: [{server: '*', namespace: '*'}]}}",
    );
    world.hydrated("one", "a", "one", AUTOMATED);
    let url = world.git.url();
    let told = format!("Failed - -: Failed to hydrate: application repo {url} is not permitted in project 'default'");
    world.is_hydrated("one", &told).await;
    assert_eq!(world.rev("env/dev"), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_branch_that_moved_meanwhile_is_written_at_its_new_tip() {
    let world = World::hydrating(&[("app/cm.yaml", map("one", "1"))]).await;
    world.hydrated("shop", "app", "dev", AUTOMATED);
    world.is_hydrated("shop", "Hydrated newest newest").await;
    // Somebody commits to the branch between our look and our push, once.
    let hook = world.git.repo().path().join("hooks/pre-receive");
    std::fs::create_dir_all(hook.parent().expect("a folder")).expect("made");
    let script = "#!/bin/sh\n\
        test -e raced && exit 0\n\
        touch raced\n\
        unset GIT_QUARANTINE_PATH GIT_OBJECT_DIRECTORY GIT_ALTERNATE_OBJECT_DIRECTORIES\n\
        export GIT_AUTHOR_NAME=Kim GIT_AUTHOR_EMAIL=k@example.org GIT_COMMITTER_NAME=Kim GIT_COMMITTER_EMAIL=k@example.org\n\
        git update-ref refs/heads/env/dev $(git commit-tree -m theirs -p env/dev 'env/dev^{tree}')\n";
    std::fs::write(&hook, script).expect("written");
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(&hook, std::fs::Permissions::from_mode(0o755)).expect("may run");
    let id = world.push(&[("app/cm.yaml", Some(&map("one", "2")))]).await;
    world.is_hydrated("shop", "Hydrated newest newest").await;
    let subjects = world.run(&["log", "--format=%s", "-2", "env/dev"]);
    assert_eq!(subjects, format!("{}: change\ntheirs", &id[..7]));
    assert_eq!(world.noted("env/dev"), "newest");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_to_hydrate_is_answered_by_taking_it_off() {
    let world = World::hydrating(&[("app/cm.yaml", map("one", "1"))]).await;
    world.hydrated("shop", "app", "dev", AUTOMATED);
    world.is_hydrated("shop", "Hydrated newest newest").await;
    let asked = |app: &Object| app.annotation("argocd.argoproj.io/hydrate").map(str::to_owned);
    for word in ["normal", "hard"] {
        // What nobody was told of is found when somebody asks.
        let id = world.commit(&[("app/cm.yaml", map("one", word))]);
        world.patch(APPLICATIONS, "shop", &format!(
            "{{metadata: {{annotations: {{argocd.argoproj.io/hydrate: {word}, argocd.argoproj.io/hydrate-timestamp: '{id}'}}}}}}"
        ));
        world.until("it is answered", || asked(&world.get(APPLICATIONS, "shop")?).is_none().then_some(())).await;
        world.is_hydrated("shop", "Hydrated newest newest").await;
        world.until("it is synced", || (world.data("one", "key")? == word).then_some(())).await;
    }
    let app = world.get(APPLICATIONS, "shop").expect("it is there");
    assert_eq!(app.annotation("argocd.argoproj.io/hydrate-timestamp"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hydration_that_a_process_left_is_done_by_the_next() {
    let mut world = World::stopped(&[("app/cm.yaml", map("one", "1"))]).await;
    world.apply(ENABLED);
    world.hydrated("shop", "app", "dev", AUTOMATED);
    world.patch(
        APPLICATIONS,
        "shop",
        "{status: {sourceHydrator: {currentOperation: {phase: Hydrating, message: '', startedAt: '2025-01-01T00:00:00Z', \
         sourceHydrator: {drySource: {repoURL: x, targetRevision: main, path: app}, \
         syncSource: {targetBranch: env/dev, path: dev}}}}}}",
    );
    world.start().await;
    world.is_hydrated("shop", "Hydrated newest newest").await;
    let app = world.get(APPLICATIONS, "shop").expect("it is there");
    let started = app.str_at(&["status", "sourceHydrator", "currentOperation", "startedAt"]);
    assert_eq!(started, Some("2025-01-01T00:00:00Z"), "it is the same hydration");
    // One that had pushed already, and was killed before it could say so, makes no second commit.
    let before = (world.rev("env/dev"), world.rev("refs/notes/hydrator.metadata"));
    world.controllers.take().expect("it runs").stop(std::time::Duration::from_secs(10)).await;
    world.patch(
        APPLICATIONS,
        "shop",
        "{status: {sourceHydrator: {lastSuccessfulOperation: null, currentOperation: {phase: Hydrating, hydratedSHA: null}}}}",
    );
    world.start().await;
    world.is_hydrated("shop", "Hydrated newest newest").await;
    assert_eq!((world.rev("env/dev"), world.rev("refs/notes/hydrator.metadata")), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_staged_waits_for_who_brings_it_over() {
    let world = World::hydrating(&[("app/cm.yaml", map("one", "1"))]).await;
    world.hydrated("shop", "app", "dev", AUTOMATED);
    let staged = "{spec: {sourceHydrator: {hydrateTo: {targetBranch: env/dev-next}}}}";
    world.is_hydrated("shop", "Hydrated newest newest").await;
    world.patch(APPLICATIONS, "shop", staged);
    world.patch(APPLICATIONS, "shop", "{spec: {sourceHydrator: {syncSource: {path: new}}}}");
    world
        .until("it is staged", || (!world.run(&["show", "env/dev-next:new/manifest.yaml"]).is_empty()).then_some(()))
        .await;
    let told = " - waiting for an external process to update env/dev from env/dev-next";
    world.told("shop", "ComparisonError", told).await;
    // The staging branch begins at the one that is synced, so that it can be merged.
    world.run(&["update-ref", "refs/heads/env/dev", "env/dev-next"]);
    world.controllers.as_ref().expect("it runs").look_at_sources().await;
    world.is("shop", "Synced Healthy Succeeded").await;
    assert_eq!(world.commits("env/dev"), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_is_not_enabled_the_branch_is_synced_as_it_is() {
    let world = World::with_files(&[("app/cm.yaml", map("one", "dry"))]).await;
    let manifest = map("one", "branch");
    world
        .git
        .repo()
        .commit("env/dev", "by hand", &[("dev/manifest.yaml", Some(manifest.as_str()))])
        .expect("git commits");
    world.hydrated("shop", "app", "dev", AUTOMATED);
    world.is("shop", "Synced Healthy Succeeded").await;
    assert_eq!(world.data("one", "key").as_deref(), Some("branch"));
    let app = world.get(APPLICATIONS, "shop").expect("it is there");
    assert_eq!(app.at(&["status", "sourceHydrator"]).unwrap_or(&Value::Null), &Value::Null);
    assert_eq!(world.commits("env/dev"), 1);
}
