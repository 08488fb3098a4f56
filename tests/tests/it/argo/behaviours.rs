//! Behaviours of Argo CD that are easily got wrong, by their number in section 10 of the contract: those that
//! need a cluster, a repository and a controller. The others stand beside the code; COMPATIBILITY.md lists them.

use belay_object::Object;

use super::world::*;

const DEPLOYMENTS: Kind = ("apps/v1", "Deployment");
const DEFINITIONS: Kind = ("apiextensions.k8s.io/v1", "CustomResourceDefinition");

fn annotated(name: &str, annotations: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  annotations: {{{annotations}}}\n")
}

fn job(name: &str, hook: &str) -> String {
    let name = if name.ends_with('-') { format!("generateName: {name}") } else { format!("name: {name}") };
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  {name}\n  annotations: {{argocd.argoproj.io/hook: {hook}}}\n\
         spec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{{name: c, image: busybox}}]\n"
    )
}

/// A Deployment that is never healthy.
fn paused(name: &str, wave: i64) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  annotations: {{argocd.argoproj.io/sync-wave: '{wave}'}}\n\
         spec:\n  paused: true\n  replicas: 1\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    \
         metadata: {{labels: {{app: {name}}}}}\n    spec: {{containers: [{{name: c, image: busybox}}]}}\n"
    )
}

fn app(world: &World) -> Object {
    world.get(APPLICATIONS, "one").expect("it is there")
}

fn text(world: &World, path: &[&str]) -> String {
    app(world).str_at(path).unwrap_or("-").to_owned()
}

/// How many syncs the history has.
fn syncs(world: &World) -> usize {
    app(world).at(&["status", "history"]).map_or(0, |history| history.items().len())
}

/// Syncs, and waits until that operation is over; gives its phase.
async fn sync(world: &World, operation: &str) -> String {
    let before = text(world, &["status", "operationState", "startedAt"]);
    world.sync("one", operation);
    world
        .until("the operation is over", || {
            let app = app(world);
            let state = app.at(&["status", "operationState"])?;
            let is_new = state.str_at(&["startedAt"]) != Some(&before);
            let is_over = app.get("operation").is_none() && state.str_at(&["phase"]) != Some("Running");
            let phase = state.str_at(&["phase"]).unwrap_or_default();
            (is_new && is_over).then(|| match phase {
                "Succeeded" => phase.to_owned(),
                _ => format!("{phase}: {} {:?}", state.str_at(&["message"]).unwrap_or_default(), results(world)),
            })
        })
        .await
}

/// `name phase` of each result of the last operation.
fn results(world: &World) -> Vec<String> {
    let app = app(world);
    let all = app.at(&["status", "operationState", "syncResult", "resources"]).map_or(&[][..], |r| r.items());
    let line = |r: &belay_object::Value| {
        let text = |name: &str| r.str_at(&[name]).unwrap_or("-").to_owned();
        format!("{} {} {}", text("name"), text("status"), text("message"))
    };
    all.iter().map(line).collect()
}

/// argo.md 10.3
#[tokio::test(flavor = "multi_thread")]
async fn definitions_are_created_and_never_deleted() {
    let definition = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: things.example.com}\n\
        spec:\n  group: example.com\n  scope: Namespaced\n  names: {kind: Thing, plural: things, singular: thing}\n  versions:\n  \
        - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}\n";
    let thing = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: it}\n";
    let world = World::with_files(&[
        ("app/d.yaml", definition.into()),
        ("app/t.yaml", thing.into()),
        ("app/a.yaml", map("a", "1")),
    ])
    .await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    assert_eq!(sync(&world, "{}").await, "Succeeded");
    world.is("one", "Synced Healthy").await;
    let found = world.get(DEFINITIONS, "things.example.com").expect("it is made");
    assert_eq!(found.annotation("argocd.argoproj.io/tracking-id"), None);
    world.push(&[("app/d.yaml", None), ("app/t.yaml", None)]).await;
    world.is("one", "OutOfSync").await;
    assert_eq!(sync(&world, "{prune: true}").await, "Succeeded");
    world.is("one", "Synced").await;
    assert!(world.get(DEFINITIONS, "things.example.com").is_some(), "not by a prune");
    world.delete(APPLICATIONS, "one");
    world.is("one", "gone").await;
    assert!(world.get(DEFINITIONS, "things.example.com").is_some(), "not by a cascade");
}

/// argo.md 10.4
#[tokio::test(flavor = "multi_thread")]
async fn one_wave_succeeds_without_health_and_two_wait_for_it() {
    let world = World::with_files(&[("app/web.yaml", paused("web", 0))]).await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    assert_eq!(sync(&world, "{}").await, "Succeeded");
    world.is("one", "Synced Suspended Succeeded: successfully synced (all tasks run)").await;
    world.push(&[("app/late.yaml", Some(&annotated("late", "argocd.argoproj.io/sync-wave: '1'")))]).await;
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    world.is("one", "OutOfSync Suspended Running: waiting for healthy state of apps/Deployment/web").await;
    assert!(world.get(MAPS, "late").is_none());
    // What is live is told while the operation runs.
    world.patch(DEPLOYMENTS, "web", "{spec: {paused: false}}");
    world.is("one", "Synced Healthy Succeeded").await;
    assert!(world.get(MAPS, "late").is_some());
}

/// argo.md 10.5
#[tokio::test(flavor = "multi_thread")]
async fn hooks_and_history_are_for_whole_syncs() {
    let world = World::with_files(&[
        ("app/a.yaml", map("a", "1")),
        ("app/b.yaml", map("b", "1")),
        ("app/h.yaml", job("h", "PreSync")),
    ])
    .await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    let ran = || results(&world).iter().any(|line| line.starts_with("h "));
    for (operation, hooks, history) in [
        ("{resources: [{kind: ConfigMap, name: a}]}", false, 0),
        ("{dryRun: true}", true, 0),
        ("{syncStrategy: {apply: {}}}", false, 1),
        ("{}", true, 2),
    ] {
        assert_eq!(sync(&world, operation).await, "Succeeded", "{operation}");
        assert_eq!((ran(), syncs(&world)), (hooks, history), "{operation}");
    }
    // A repair is partial: no hooks, no history.
    world.patch(APPLICATIONS, "one", "{spec: {syncPolicy: {automated: {selfHeal: true}}}}");
    world.patch(MAPS, "a", "{data: {key: theirs}}");
    world.until("it is healed", || (world.data("a", "key")? == "1").then_some(())).await;
    world.is("one", "Synced Healthy Succeeded").await;
    assert_eq!((ran(), syncs(&world)), (false, 2));
}

/// argo.md 10.6
#[tokio::test(flavor = "multi_thread")]
async fn prunes_mirror_the_waves_and_what_refuses_stays() {
    let wave = |name: &str, wave: i64| annotated(name, &format!("argocd.argoproj.io/sync-wave: '{wave}'"));
    let world = World::with_files(&[
        ("app/first.yaml", wave("first", 0)),
        ("app/last.yaml", wave("last", 5)),
        ("app/kept.yaml", annotated("kept", "argocd.argoproj.io/sync-options: Prune=false")),
        ("app/stays.yaml", map("stays", "1")),
    ])
    .await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    assert_eq!(sync(&world, "{}").await, "Succeeded");
    // The last is held, so the first must wait for it.
    let held = Object::of("v1", "ConfigMap", "shop", "last");
    let finalizer = |list: &str| {
        belay_yaml::parse_value(&format!("{{metadata: {{finalizers: {list}}}}}"), &belay_yaml::Options::v2())
    };
    world.user.merge_patch(&held, "", &finalizer("[example.com/hold]").unwrap()).unwrap();
    world.push(&[("app/first.yaml", None), ("app/last.yaml", None), ("app/kept.yaml", None)]).await;
    world.is("one", "OutOfSync").await;
    world.sync("one", "{prune: true}");
    // What leaves is progressing: how healthy the Application is goes by when that is seen.
    let waits = "Running: waiting for deletion of /ConfigMap/last";
    world.until(waits, || world.state("one").ends_with(waits).then_some(())).await;
    assert!(world.get(MAPS, "first").is_some_and(|first| !first.is_deleting()));
    world.user.merge_patch(&held, "", &finalizer("null").unwrap()).unwrap();
    world.is("one", "OutOfSync Healthy Succeeded").await;
    assert!(world.get(MAPS, "first").is_none() && world.get(MAPS, "kept").is_some());
    assert!(results(&world).iter().any(|line| line == "kept PruneSkipped ignored (no prune)"), "{:?}", results(&world));
}

/// argo.md 1.1, `tagPrefix`: of several things in one repository each has versions of its own.
#[tokio::test(flavor = "multi_thread")]
async fn versions_are_looked_for_among_tags_that_begin_so() {
    let world = World::with_files(&[("app/a.yaml", map("a", "1"))]).await;
    let tag = |name: &str, value: &str| {
        let commit = world.commit(&[("app/a.yaml", &map("a", value))]);
        world.git.repo().tag(name, &commit).unwrap();
        commit
    };
    let first = tag("web/1.0.0", "first");
    tag("2.0.0", "another thing's");
    world.apply(&application("one", &world.git.url(), "app", "syncPolicy: {automated: {}}"));
    world.patch(APPLICATIONS, "one", "{spec: {source: {tagPrefix: web/, targetRevision: '*'}}}");
    world.at("one", &first).await;
    let second = tag("web/1.1.0", "second");
    world.controllers.as_ref().unwrap().look_at_sources().await;
    world.at("one", &second).await;
    world.until("it is applied", || (world.data("a", "key")? == "second").then_some(())).await;
}

/// argo.md 10.7
#[tokio::test(flavor = "multi_thread")]
async fn objects_of_hooks_have_names_of_their_operation() {
    let world = World::with_files(&[("app/a.yaml", map("a", "1")), ("app/h.yaml", job("h-", "PostSync"))]).await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    assert_eq!(sync(&world, "{}").await, "Succeeded");
    let state = app(&world).at(&["status", "operationState"]).cloned().unwrap();
    let started: i64 = {
        let text = state.str_at(&["startedAt"]).unwrap();
        // Seconds since 1970 of a date of this century.
        let number = |range: std::ops::Range<usize>| text[range].parse::<i64>().unwrap();
        let (y, m, d) = (number(0..4), number(5..7), number(8..10));
        let (y, m) = if m > 2 { (y, m - 3) } else { (y - 1, m + 9) };
        let days = y * 365 + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + d - 1 - 719_468;
        days * 86_400 + number(11..13) * 3600 + number(14..16) * 60 + number(17..19)
    };
    let revision = state.str_at(&["syncResult", "revision"]).unwrap();
    assert!(world.get(JOBS, &format!("h-{}-postsync-{started}", &revision[..7])).is_some(), "{:?}", results(&world));
}

/// argo.md 10.8, 10.9
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_running_with_a_time_of_its_end() {
    let wrong = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {'not a key': x}\n";
    let world = World::with_files(&[("app/a.yaml", wrong)]).await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    // Anybody may ask for an operation by writing it down.
    let operation = "{operation: {sync: {}, retry: {limit: 1, backoff: {duration: 1s}}}}";
    world.patch(APPLICATIONS, "one", operation);
    let state = |path: &[&str]| text(&world, &[&["status", "operationState"][..], path].concat());
    world
        .until("it is to be tried again", || (state(&["message"]).contains("Retrying attempt #1 at ")).then_some(()))
        .await;
    assert_eq!(state(&["phase"]), "Running");
    assert_ne!(state(&["finishedAt"]), "-");
    assert_eq!(app(&world).at(&["status", "operationState", "retryCount"]).and_then(|n| n.as_i64()), Some(1));
    assert!(app(&world).get("operation").is_some(), "it is not over");
    world.is("one", "OutOfSync Missing Failed").await;
    assert!(state(&["message"]).ends_with("(retried 1 times)."), "{}", state(&["message"]));
    world.until("the wish goes when it is over", || app(&world).get("operation").is_none().then_some(())).await;
}

/// argo.md 10.8: an attempt is a whole one.
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_is_tried_again_runs_its_hooks_again() {
    let thing = "apiVersion: example.com/v1\nkind: Thing\nmetadata:\n  name: it\n  annotations: {argocd.argoproj.io/sync-options: SkipDryRunOnMissingResource=true}\n";
    let world = World::with_files(&[("app/h.yaml", job("h", "PreSync")), ("app/t.yaml", thing.into())]).await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    let operation = "{operation: {sync: {}, retry: {limit: 5, backoff: {duration: 1s, factor: 1}}}}";
    world.patch(APPLICATIONS, "one", operation);
    let first = world.until("the hook has run", || Some(world.get(JOBS, "h")?.uid().to_owned())).await;
    let state = |field: &str| text(&world, &["status", "operationState", field]);
    world.until("it is to be tried again", || state("message").contains("Retrying").then_some(())).await;
    world.until("the hook runs again", || (world.get(JOBS, "h")?.uid() != first).then_some(())).await;
    world.apply(
        "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: things.example.com}, \
         spec: {group: example.com, scope: Namespaced, names: {kind: Thing, plural: things, singular: thing}, \
         versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: \
         {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}}",
    );
    world.is("one", "Synced Healthy Succeeded").await;
}

/// argo.md 10.10
#[tokio::test(flavor = "multi_thread")]
async fn a_revision_that_failed_is_not_tried_again_by_itself() {
    let wrong = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {'not a key': x}\n";
    let world = World::with_files(&[("app/a.yaml", wrong)]).await;
    world.application("one", "app", "syncPolicy: {automated: {}, retry: {limit: 0}}");
    world.is("one", "OutOfSync Missing Failed").await;
    let started = text(&world, &["status", "operationState", "startedAt"]);
    world.told("one", "SyncError", "Failed last sync attempt to [").await;
    assert_eq!(text(&world, &["status", "operationState", "startedAt"]), started);
    world.push(&[("app/a.yaml", Some(&map("a", "1")))]).await;
    world.is("one", "Synced Healthy Succeeded").await;
}

/// argo.md 10.11
#[tokio::test(flavor = "multi_thread")]
async fn an_empty_source_wipes_out_nothing() {
    let world = World::with_files(&[("app/a.yaml", map("a", "1")), ("app/keep.txt", "not a manifest".into())]).await;
    world.application("one", "app", "syncPolicy: {automated: {prune: true}}");
    world.is("one", "Synced Healthy Succeeded").await;
    world.push(&[("app/a.yaml", None)]).await;
    world.told("one", "SyncError", "auto-sync will wipe out all resources").await;
    world.is("one", "OutOfSync Healthy Succeeded").await;
    assert!(world.get(MAPS, "a").is_some());
    world.patch(APPLICATIONS, "one", "{spec: {syncPolicy: {automated: {allowEmpty: true}}}}");
    world.push(&[("app/keep.txt", Some("changed"))]).await;
    world.until("it is said to be meant", || world.get(MAPS, "a").is_none().then_some(())).await;
}

/// argo.md 10.19
#[tokio::test(flavor = "multi_thread")]
async fn what_servers_write_in_another_way_is_no_difference() {
    let files = [
        (
            "app/web.yaml",
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, creationTimestamp: null}\nspec:\n  replicas: 1\n  \
            selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}, creationTimestamp: null}\n    spec:\n      \
            containers:\n      - name: c\n        image: busybox\n        ports: [{containerPort: 80}]\n        \
            resources: {limits: {cpu: 1000m, memory: 1024Mi}}\nstatus: {replicas: 7}\n",
        ),
        (
            "app/svc.yaml",
            "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec:\n  selector: {app: web}\n  ports: [{port: 80, targetPort: 80}]\n",
        ),
        ("app/secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {key: value}\n"),
        ("app/role.yaml", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r}\nrules: []\n"),
    ];
    let world = World::with_files(&files).await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    assert_eq!(sync(&world, "{}").await, "Succeeded");
    world.is("one", "Synced Healthy").await;
    // Asked anew, from nothing that is remembered.
    world.patch(APPLICATIONS, "one", "{metadata: {annotations: {argocd.argoproj.io/refresh: hard}}}");
    world
        .until("it is compared", || app(&world).annotation("argocd.argoproj.io/refresh").is_none().then_some(()))
        .await;
    world.is("one", "Synced Healthy").await;
}

/// argo.md 10.24
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_is_answered_by_taking_its_annotation_off() {
    let world = World::with_files(&[("app/a.yaml", map("a", "1"))]).await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    let second = world.commit(&[("app/a.yaml", &map("a", "2"))]);
    for how in ["normal", "hard"] {
        world.patch(
            APPLICATIONS,
            "one",
            &format!("{{metadata: {{annotations: {{argocd.argoproj.io/refresh: {how}}}}}}}"),
        );
        world
            .until("it is answered", || app(&world).annotation("argocd.argoproj.io/refresh").is_none().then_some(()))
            .await;
        assert_eq!(text(&world, &["status", "sync", "revision"]), second, "the repository was asked");
    }
    // Also where there is nothing to compare with.
    world.patch(
        APPLICATIONS,
        "one",
        "{spec: {project: nobody}, metadata: {annotations: {argocd.argoproj.io/refresh: normal}}}",
    );
    world
        .until("it is answered", || app(&world).annotation("argocd.argoproj.io/refresh").is_none().then_some(()))
        .await;
    world.is("one", "Unknown Unknown").await;
}

/// argo.md 10.25
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_elsewhere_moves_the_revision_and_syncs_nothing() {
    let world = World::with_files(&[("app/a.yaml", map("a", "1")), ("other/b.yaml", map("b", "1"))]).await;
    world.application("one", "app", "syncPolicy: {automated: {prune: true, selfHeal: true}}");
    world.is("one", "Synced Healthy Succeeded").await;
    let started = text(&world, &["status", "operationState", "startedAt"]);
    let second = world.push(&[("other/b.yaml", Some(&map("b", "2")))]).await;
    world.at("one", &second).await;
    world.is("one", "Synced Healthy Succeeded").await;
    assert_eq!(text(&world, &["status", "operationState", "startedAt"]), started);
}

/// argo.md 10.29
#[tokio::test(flavor = "multi_thread")]
async fn a_rollback_is_of_the_source_of_then_and_leaves_it_out_of_sync() {
    let world = World::with_files(&[("app/a.yaml", map("a", "1")), ("app/h.yaml", job("h", "PreSync"))]).await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    assert_eq!(sync(&world, "{}").await, "Succeeded");
    let first = app(&world).at(&["status", "history"]).unwrap().items()[0].clone();
    world.push(&[("app/a.yaml", Some(&map("a", "2")))]).await;
    world.is("one", "OutOfSync").await;
    assert_eq!(sync(&world, "{}").await, "Succeeded");
    let (revision, source) = (first.str_at(&["revision"]).unwrap(), first.at(&["source"]).unwrap().to_json());
    let operation = format!("{{revision: {revision}, source: {source}, syncStrategy: {{apply: {{}}}}}}");
    assert_eq!(sync(&world, &operation).await, "Succeeded");
    assert_eq!(world.data("a", "key").as_deref(), Some("1"));
    world.is("one", "OutOfSync Healthy Succeeded").await;
    assert_eq!(syncs(&world), 3);
    assert!(!results(&world).iter().any(|line| line.starts_with("h ")), "no hooks");
}

/// argo.md 10.30
#[tokio::test(flavor = "multi_thread")]
async fn without_a_finalizer_objects_stay_and_an_unknown_cluster_holds_nothing_up() {
    let world = World::with_files(&[("app/a.yaml", map("a", "1"))]).await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    assert_eq!(sync(&world, "{}").await, "Succeeded");
    world.patch(APPLICATIONS, "one", "{metadata: {finalizers: null}}");
    world.delete(APPLICATIONS, "one");
    world.is("one", "gone").await;
    assert!(world.get(MAPS, "a").is_some());
    world.application("one", "app", "");
    world.patch(APPLICATIONS, "one", "{spec: {destination: {server: 'https://nowhere.example.com'}}}");
    world.is("one", "Unknown").await;
    world.delete(APPLICATIONS, "one");
    world.is("one", "gone").await;
    assert!(world.get(MAPS, "a").is_some());
}

/// argo.md 10.30
#[tokio::test(flavor = "multi_thread")]
async fn an_application_of_itself_is_none_of_what_it_deletes() {
    let itself = |url: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: one\n  namespace: argocd\n  \
             finalizers: [resources-finalizer.argocd.argoproj.io]\nspec:\n  project: default\n  \
             source: {{repoURL: '{url}', path: app, targetRevision: HEAD}}\n  \
             destination: {{server: 'https://kubernetes.default.svc', namespace: shop}}\n"
        )
    };
    let world = World::with_files(&[("app/a.yaml", map("a", "1"))]).await;
    let text = itself(&world.git.url());
    world.push(&[("app/one.yaml", Some(&text))]).await;
    world.apply(&text);
    world.is("one", "OutOfSync").await;
    assert_eq!(sync(&world, "{}").await, "Succeeded");
    world.is("one", "Synced Healthy").await;
    world.delete(APPLICATIONS, "one");
    world.is("one", "gone").await;
    assert!(world.get(MAPS, "a").is_none());
}

/// argo.md 2.5, `RespectIgnoreDifferences`
#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_count_is_overwritten_unless_it_is_respected() {
    let world = World::with_files(&[(
        "app/a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {key: '1', theirs: x}\n",
    )])
    .await;
    world.application("one", "app", "ignoreDifferences: [{kind: ConfigMap, jsonPointers: [/data/theirs]}]");
    world.is("one", "OutOfSync").await;
    assert_eq!(sync(&world, "{}").await, "Succeeded");
    world.patch(MAPS, "a", "{data: {theirs: live}}");
    world.is("one", "Synced").await;
    assert_eq!(sync(&world, "{syncOptions: ['RespectIgnoreDifferences=true']}").await, "Succeeded");
    assert_eq!(world.data("a", "theirs").as_deref(), Some("live"));
    assert_eq!(sync(&world, "{}").await, "Succeeded");
    assert_eq!(world.data("a", "theirs").as_deref(), Some("x"));
}

/// argo.md 2.7: a change of the namespace's metadata is a difference of the Application.
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_bears_the_metadata_that_the_policy_says() {
    let world = World::with_files(&[("app/a.yaml", map("a", "1"))]).await;
    let policy = |value: &str| {
        format!(
            "{{spec: {{syncPolicy: {{syncOptions: ['CreateNamespace=true'], \
             managedNamespaceMetadata: {{labels: {{team: {value}}}, annotations: {{note: {value}}}}}}}, destination: {{namespace: fresh}}}}}}"
        )
    };
    world.application("one", "app", "");
    world.patch(APPLICATIONS, "one", &policy("red"));
    world.is("one", "OutOfSync").await;
    let options = "{syncOptions: ['CreateNamespace=true']}";
    assert_eq!(sync(&world, options).await, "Succeeded");
    world.is("one", "Synced").await;
    let label = || world.get(("v1", "Namespace"), "fresh").and_then(|n| n.label("team").map(str::to_owned));
    assert_eq!(label().as_deref(), Some("red"));
    world.patch(APPLICATIONS, "one", &policy("blue"));
    world.is("one", "OutOfSync").await;
    assert_eq!(sync(&world, options).await, "Succeeded");
    world.is("one", "Synced").await;
    assert_eq!(label().as_deref(), Some("blue"));
    // The namespace is nobody's: it stays.
    world.delete(APPLICATIONS, "one");
    world.is("one", "gone").await;
    assert!(world.get(("v1", "Namespace"), "fresh").is_some_and(|n| !n.is_deleting()));
}

/// argo.md 10.33
#[tokio::test(flavor = "multi_thread")]
async fn objects_that_belong_to_nobody_are_told_where_the_project_wants_it() {
    let world = World::with_files(&[("app/a.yaml", map("a", "1"))]).await;
    world.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: lost, namespace: shop}}");
    world.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: kube-root-ca.crt, namespace: shop}}");
    let told = || world.condition("one", "OrphanedResourceWarning");
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    assert_eq!(sync(&world, "{}").await, "Succeeded");
    assert_eq!(told(), None);
    let project = ("argoproj.io/v1alpha1", "AppProject");
    world.patch(project, "default", "{spec: {orphanedResources: {}}}");
    world.until("it is told", || (told()? == "Application has 1 orphaned resources").then_some(())).await;
    world.patch(project, "default", "{spec: {orphanedResources: {ignore: [{kind: ConfigMap, name: lost}]}}}");
    world.until("it does not count", || told().is_none().then_some(())).await;
}
