//! What keeps an Application within its bounds, and one's trouble from being another's: projects, clusters that
//! are looked at in part, definitions that cannot be read, pauses between waves.

use belay_object::Object;

use super::world::*;

const PROJECTS: Kind = ("argoproj.io/v1alpha1", "AppProject");

fn in_namespace(world: &World, namespace: &str, name: &str) -> Option<Object> {
    world.user.get("", "configmaps", namespace, name).map(|stored| stored.object().clone())
}

/// A project that permits these destinations and everything else.
fn project(world: &World, destinations: &str, more: &str) {
    world.apply(&format!(
        "{{apiVersion: argoproj.io/v1alpha1, kind: AppProject, metadata: {{name: team, namespace: argocd}}, spec: {{\
         sourceRepos: ['*'], clusterResourceWhitelist: [{{group: '*', kind: '*'}}], destinations: {destinations}{more}}}}}"
    ));
}

fn message(world: &World, name: &str) -> String {
    let app = world.get(APPLICATIONS, name).expect("it is there");
    app.str_at(&["status", "operationState", "message"]).unwrap_or_default().to_owned()
}

/// INV-AUTHZ-5
#[tokio::test(flavor = "multi_thread")]
async fn an_application_reaches_no_namespace_that_its_project_does_not_permit() {
    let files = [("app/a.yaml", map("a", "1")), ("app/b.yaml", map_in("other", "b"))];
    let world = World::with_files(&files).await;
    world.namespace("other");
    let one = "{server: '*', namespace: shop}";
    project(&world, &format!("[{one}]"), "");
    world.application("one", "app", "");
    world.patch(APPLICATIONS, "one", "{spec: {project: team}}");
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    world.is("one", "OutOfSync Missing Failed").await;
    let told = message(&world, "one");
    assert!(told.ends_with("not valid: namespace other is not permitted in project 'team'"), "{told}");
    assert!(in_namespace(&world, "other", "b").is_none() && world.get(MAPS, "a").is_none());
    project(&world, &format!("[{one}, {{server: '*', namespace: other}}]"), "");
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
    // What it may no longer touch is neither seen nor pruned, nor deleted with it.
    world.push(&[("app/b.yaml", None)]).await;
    world.is("one", "OutOfSync").await;
    project(&world, &format!("[{one}]"), "");
    world.is("one", "Synced").await;
    world.delete(APPLICATIONS, "one");
    world.is("one", "gone").await;
    assert!(world.get(MAPS, "a").is_none());
    assert!(in_namespace(&world, "other", "b").is_some());
    let kept = world.until("it is told", || world.events("one", "ResourceKept").pop()).await;
    assert_eq!(kept, "ConfigMap/other/b is left in the cluster: project team does not permit it");
}

/// INV-AUTHZ-4
#[tokio::test(flavor = "multi_thread")]
async fn a_project_of_its_own_clusters_permits_no_other() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    project(&world, "[{server: '*', namespace: '*'}]", ", permitOnlyProjectScopedClusters: true");
    world.application("one", "app", "syncPolicy: {automated: {}}");
    world.patch(APPLICATIONS, "one", "{spec: {project: team}}");
    world.told("one", "InvalidSpecError", "do not match any of the allowed destinations in project 'team'").await;
    assert!(world.get(MAPS, "a").is_none());
    world.apply(
        "{apiVersion: v1, kind: Secret, metadata: {name: here, namespace: argocd, labels: {argocd.argoproj.io/secret-type: cluster}}, \
         stringData: {name: here, server: 'https://kubernetes.default.svc', project: team}}",
    );
    world.is("one", "Synced Healthy Succeeded").await;
}

const CLUSTER: &str = "{apiVersion: v1, kind: Secret, metadata: {name: here, namespace: argocd, \
                       labels: {argocd.argoproj.io/secret-type: cluster}}, stringData: {name: here, \
                       server: 'https://kubernetes.default.svc', MORE}}";

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_some_namespaces_is_looked_after_in_those_alone() {
    let extra = "apiVersion: v1\nkind: Namespace\nmetadata: {name: extra}\n";
    let mut world = World::stopped(&[
        ("app/a.yaml", &*map("a", "1")),
        ("wide/n.yaml", extra),
        ("far/b.yaml", &map_in("other", "b")),
    ])
    .await;
    world.namespace("other");
    world.apply(&CLUSTER.replace("MORE", "namespaces: shop"));
    world.start().await;
    for name in ["app", "wide", "far"] {
        world.application(name, name, "syncPolicy: {automated: {}}");
    }
    world.is("app", "Synced Healthy Succeeded").await;
    let wide = world.told("wide", "ComparisonError", "Namespace").await;
    let sentence =
        "Failed to load live state: cluster level Namespace \"extra\" can not be managed when in namespaced mode";
    assert_eq!(wide, sentence);
    let far = world.told("far", "ComparisonError", "ConfigMap").await;
    assert_eq!(far, "Failed to load live state: namespace \"other\" for ConfigMap \"b\" is not managed");
    assert!(in_namespace(&world, "other", "b").is_none());
    // The secret says otherwise: no restart is needed.
    world.apply(&CLUSTER.replace("MORE", "namespaces: 'shop,other', clusterResources: 'true'"));
    world.is("wide", "Synced Healthy Succeeded").await;
    world.is("far", "Synced Healthy Succeeded").await;
    // At rest nothing is asked again and again.
    world.quiet().await;
}

const THING: &str = "apiVersion: example.com/v1\nkind: Thing\nmetadata: {name: it}\n";

/// argo-cd #20828: one definition that cannot be read is no trouble of those who have nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_cannot_be_read_holds_up_only_who_has_it() {
    let mut world = World::with_files(&[("app/t.yaml", THING), ("other/b.yaml", &map("b", "1"))]).await;
    world.define("Thing", "things");
    world.application("one", "app", "syncPolicy: {automated: {}}");
    world.application("two", "other", "syncPolicy: {automated: {}}");
    world.is("one", "Synced Healthy Succeeded").await;
    world.is("two", "Synced Healthy Succeeded").await;
    let wire = belay_testkit::wire::Wire::default();
    wire.refuse("/apis/example.com/v1/things?", 500);
    world.wire.cut();
    world.controllers = None;
    world.start_on(wire).await;
    world.told("one", "ComparisonError", "failed to load initial state of resource things.example.com").await;
    world.push(&[("other/b.yaml", Some(&map("b", "next")))]).await;
    world.until("the other goes on", || (world.data("b", "key")? == "next").then_some(())).await;
    // One that has nothing of it goes; one that may have something waits.
    world.delete(APPLICATIONS, "two");
    world.is("two", "gone").await;
    assert!(world.get(MAPS, "b").is_none());
    world.delete(APPLICATIONS, "one");
    world.told("one", "DeletionError", "things.example.com").await;
    world.wire.refuse_none();
    world.is("one", "gone").await;
    assert!(world.user.get("example.com", "things", "shop", "it").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_comes_later_ends_no_operation() {
    let world = two_waves().await;
    world.sync("one", "{}");
    world.until("the first wave is applied", || world.get(MAPS, "a")).await;
    // Its list never answers well: it stays on its way, then is a trouble.
    world.wire.refuse("/apis/example.com/v1/things?", 500);
    world.define("Thing", "things");
    world
        .until("it is listed", || world.wire.log(0).iter().any(|line| line.contains("/v1/things?")).then_some(()))
        .await;
    world.patch(MAPS, "a", "{data: {key: theirs}}");
    world.until("it is compared", || (out_of_sync(&world, "a")).then_some(())).await;
    assert!(world.state("one").contains("Running"), "{}", world.state("one"));
}

/// An Application of two waves with an hour between them.
async fn two_waves() -> World {
    let late = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: late\n  annotations: {argocd.argoproj.io/sync-wave: '1'}\n";
    let mut world = World::stopped(&[("app/a.yaml", &*map("a", "1")), ("app/late.yaml", late)]).await;
    let patch = "{data: {controller.sync.wave.delay.seconds: '3600'}}";
    let patch = belay_yaml::parse_value(patch, &belay_yaml::Options::v2()).expect("YAML");
    let parameters = Object::of("v1", "ConfigMap", "argocd", "argocd-cmd-params-cm");
    world.user.merge_patch(&parameters, "", &patch).expect("it is there");
    world.start().await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    world
}

fn out_of_sync(world: &World, name: &str) -> bool {
    let app = world.get(APPLICATIONS, "one").expect("it is there");
    let all = app.at(&["status", "resources"]).map_or(&[][..], |r| r.items());
    all.iter().any(|r| r.str_at(&["name"]) == Some(name) && r.str_at(&["status"]) == Some("OutOfSync"))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_meanwhile_the_pause_between_two_waves_is_kept() {
    let world = two_waves().await;
    world.quiet().await;
    world.sync("one", "{}");
    world.until("the first wave is applied", || world.get(MAPS, "a")).await;
    world.quiet().await;
    for value in ["theirs", "others"] {
        world.patch(MAPS, "a", &format!("{{data: {{key: {value}}}}}"));
        world.quiet().await;
    }
    assert!(out_of_sync(&world, "a"), "it was looked at");
    assert!(world.get(MAPS, "late").is_none(), "the next wave waits");
    // Nobody has to wait for it to end.
    world.patch(APPLICATIONS, "one", "{status: {operationState: {phase: Terminating}}}");
    world.is("one", "OutOfSync Healthy Failed: Operation terminated").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_is_to_end_ends_in_any_sync_window() {
    let world = two_waves().await;
    world.sync("one", "{}");
    world.until("the first wave is applied", || world.get(MAPS, "a")).await;
    world.quiet().await;
    world.patch(
        PROJECTS,
        "default",
        "{spec: {syncWindows: [{kind: deny, schedule: '* * * * *', duration: 1h, applications: ['*']}]}}",
    );
    world.quiet().await;
    world.patch(APPLICATIONS, "one", "{status: {operationState: {phase: Terminating}}}");
    world.is("one", "OutOfSync Healthy Failed: Operation terminated").await;
}

/// INV-ACT-4
#[tokio::test(flavor = "multi_thread")]
async fn a_hook_takes_no_object_of_another_application() {
    let job = |more: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: h\n  annotations: {{{more}}}\nspec:\n  template:\n    spec:\n      \
             restartPolicy: Never\n      containers: [{{name: c, image: busybox}}]\n"
        )
    };
    let world = World::with_files(&[
        ("theirs/h.yaml", &job("")),
        ("app/a.yaml", &map("a", "1")),
        ("app/h.yaml", &job("argocd.argoproj.io/hook: PreSync")),
    ])
    .await;
    world.application("two", "theirs", "syncPolicy: {automated: {}}");
    world.is("two", "Synced Healthy Succeeded").await;
    let theirs = world.get(JOBS, "h").expect("it is there").uid().to_owned();
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    world.until("the sync fails", || world.state("one").contains(" Failed: ").then_some(())).await;
    assert_eq!(world.get(JOBS, "h").map(|job| job.uid().to_owned()), Some(theirs));
    assert!(world.get(MAPS, "a").is_none(), "nothing comes after a hook that could not run");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_asked_of_one_that_is_left_alone_is_done_when_it_is_looked_after_again() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    world.synced("one", "app").await;
    for word in ["'true'", "'1'"] {
        let skip = |word: &str| format!("{{metadata: {{annotations: {{argocd.argoproj.io/skip-reconcile: {word}}}}}}}");
        world.patch(APPLICATIONS, "one", &skip(word));
        world.quiet().await;
        world.patch(MAPS, "a", "{data: {key: theirs}}");
        world.quiet().await;
        assert!(world.state("one").starts_with("Synced"), "{word}: {}", world.state("one"));
        world.patch(APPLICATIONS, "one", &skip("null"));
        world.is("one", "OutOfSync").await;
        world.sync("one", "{}");
        world.is("one", "Synced Healthy Succeeded").await;
    }
    // So do all of a cluster whose secret says it.
    let skip = "{apiVersion: v1, kind: Secret, metadata: {name: here, namespace: argocd, \
                labels: {argocd.argoproj.io/secret-type: cluster}, annotations: {argocd.argoproj.io/skip-reconcile: WORD}}, \
                stringData: {name: here, server: 'https://kubernetes.default.svc'}}";
    world.apply(&skip.replace("WORD", "'true'"));
    // A change of the configuration waits for others.
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    world.quiet().await;
    world.patch(MAPS, "a", "{data: {key: theirs}}");
    world.quiet().await;
    assert!(world.state("one").starts_with("Synced"), "{}", world.state("one"));
    world.apply(&skip.replace("WORD", "'false'"));
    world.is("one", "OutOfSync").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_of_one_whose_rules_cannot_be_read_ends_with_the_reason() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    world.patch(
        APPLICATIONS,
        "one",
        "{spec: {ignoreDifferences: [{kind: ConfigMap, jqPathExpressions: ['.data[']}]}, operation: {sync: {}}}",
    );
    world.is("one", "Unknown Unknown Error: InvalidSpecError: ").await;
    world.until("the wish goes", || world.get(APPLICATIONS, "one")?.get("operation").is_none().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_and_a_sync_asked_for_at_once_are_written_at_once() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    world.quiet().await;
    world.patch(
        APPLICATIONS,
        "one",
        "{metadata: {annotations: {argocd.argoproj.io/refresh: normal}}, operation: {sync: {}}}",
    );
    world.is("one", "Synced Healthy Succeeded").await;
    // A write that is refused is made again, and told again.
    let told = || -> i64 {
        let all = world.user.list("", "events", "argocd");
        let ends = all.iter().map(|e| e.object()).filter(|e| e.str_at(&["reason"]) == Some("OperationCompleted"));
        ends.map(|e| e.at(&["count"]).and_then(|n| n.as_i64()).unwrap_or(1)).sum()
    };
    world.until("it is told", || (told() > 0).then_some(())).await;
    world.quiet().await;
    assert_eq!(told(), 1);
}

/// argo.md 2.5, `managedNamespaceMetadata`
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_whose_metadata_is_kept_is_no_leftover() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    world.application("one", "app", "");
    world.patch(
        APPLICATIONS,
        "one",
        "{spec: {destination: {namespace: made}, syncPolicy: {automated: {prune: true, selfHeal: true}, \
         syncOptions: ['CreateNamespace=true'], managedNamespaceMetadata: {labels: {is: kept}}}}}",
    );
    world.is("one", "Synced Healthy Succeeded").await;
    // Somebody puts the Application's mark on it.
    let made = Object::of("v1", "Namespace", "", "made");
    let mark = "{metadata: {annotations: {argocd.argoproj.io/tracking-id: 'one:/Namespace:made/made'}}}";
    let mark = belay_yaml::parse_value(mark, &belay_yaml::Options::v2()).expect("YAML");
    world.user.merge_patch(&made, "", &mark).expect("it is there");
    world.quiet().await;
    world.is("one", "Synced Healthy Succeeded").await;
    let found = world.user.get("", "namespaces", "", "made").expect("it is there");
    assert!(!found.object().is_deleting());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_differences_outlives_a_source_that_cannot_be_rendered() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    world.synced("one", "app").await;
    world.quiet().await;
    let before = world.wire.count();
    world.push(&[("app/c.yaml", Some("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [\n"))]).await;
    world.told("one", "ComparisonError", "c.yaml").await;
    world.push(&[("app/c.yaml", None)]).await;
    world.is("one", "Synced Healthy").await;
    let tried: Vec<String> = world.wire.log(before).into_iter().filter(|line| line.contains("dryRun")).collect();
    assert_eq!(tried, Vec::<String>::new(), "nothing of it has changed");
}

/// Two clusters of one name: which is meant is not known, so nothing is left behind.
#[tokio::test(flavor = "multi_thread")]
async fn an_application_of_a_cluster_that_cannot_be_told_does_not_go() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    world.application("one", "app", "");
    world.patch(APPLICATIONS, "one", "{spec: {destination: {server: null, name: in-cluster}}}");
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
    for name in ["far", "near"] {
        world.apply(&format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: {name}, namespace: argocd, labels: {{argocd.argoproj.io/secret-type: cluster}}}}, \
             stringData: {{name: in-cluster, server: 'https://{name}.example.com'}}}}"
        ));
    }
    world.told("one", "InvalidSpecError", "there are 2 clusters with the same name").await;
    world.delete(APPLICATIONS, "one");
    world.told("one", "DeletionError", "there are 2 clusters with the same name").await;
    for name in ["far", "near"] {
        let secret = Object::of("v1", "Secret", "argocd", name);
        world.user.delete(&secret, &Default::default()).expect("it is there");
    }
    world.is("one", "gone").await;
    assert!(world.get(MAPS, "a").is_none(), "its objects go with it");
}

/// What is to be made anew, and is held: whoever works on it has others to work on.
#[tokio::test(flavor = "multi_thread")]
async fn objects_that_do_not_go_hold_up_no_other_application() {
    let fixed = |name: &str, value: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  finalizers: [example.com/hold]\n  \
             annotations: {{argocd.argoproj.io/sync-options: Force=true}}\nimmutable: true\ndata: {{key: {value:?}}}\n"
        )
    };
    let names: Vec<String> = (0..6).map(|i| format!("held-{i}")).collect();
    let mut files = vec![("other/b.yaml".to_owned(), map("b", "1"))];
    files.extend(names.iter().map(|name| (format!("{name}/a.yaml"), fixed(name, "1"))));
    let world = World::with_files(&files).await;
    world.application("two", "other", "syncPolicy: {automated: {}}");
    for name in &names {
        world.application(name, name, "syncPolicy: {automated: {}}");
        world.is(name, "Synced Healthy Succeeded").await;
    }
    let changed: Vec<(String, String)> =
        names.iter().map(|name| (format!("{name}/a.yaml"), fixed(name, "2"))).collect();
    let changed: Vec<(&str, Option<&str>)> =
        changed.iter().map(|(path, text)| (path.as_str(), Some(&**text))).collect();
    world.push(&changed).await;
    for name in &names {
        let state = format!("Running: waiting for deletion of /ConfigMap/{name}");
        world.until(&format!("{name} waits"), || world.state(name).ends_with(&state).then_some(())).await;
    }
    world.push(&[("other/b.yaml", Some(&map("b", "next")))]).await;
    world.until("the other goes on", || (world.data("b", "key")? == "next").then_some(())).await;
    // Let go of, each is made anew.
    for name in &names {
        let free = belay_yaml::parse_value("{metadata: {finalizers: null}}", &belay_yaml::Options::v2()).expect("YAML");
        world.user.merge_patch(&Object::of("v1", "ConfigMap", "shop", name), "", &free).expect("it is there");
    }
    for name in &names {
        world.is(name, "Synced Healthy Succeeded").await;
        assert_eq!(world.data(name, "key").as_deref(), Some("2"));
    }
}

/// argo.md 1.2: a project with the finalizer goes behind the last Application that belongs to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_is_deleted_waits_for_its_applications() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    project(&world, "[{server: '*', namespace: '*'}]", "");
    world.patch(PROJECTS, "team", "{metadata: {finalizers: [resources-finalizer.argocd.argoproj.io]}}");
    world.application("one", "app", "");
    world.patch(APPLICATIONS, "one", "{spec: {project: team}}");
    world.is("one", "OutOfSync").await;
    world.delete(PROJECTS, "team");
    world.quiet().await;
    assert!(world.get(PROJECTS, "team").is_some_and(|team| team.is_deleting()));
    world.patch(APPLICATIONS, "one", "{spec: {project: default}}");
    world.until("the project is gone", || world.get(PROJECTS, "team").is_none().then_some(())).await;
}

/// argo.md 1.2, `globalProjects`
#[tokio::test(flavor = "multi_thread")]
async fn what_a_global_project_forbids_is_forbidden_in_those_that_it_adds_to() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    let rules = |spec: &str| {
        world.apply(&format!(
            "{{apiVersion: argoproj.io/v1alpha1, kind: AppProject, metadata: {{name: rules, namespace: argocd}}, spec: {spec}}}"
        ));
    };
    rules("{namespaceResourceBlacklist: [{group: '', kind: ConfigMap}]}");
    let settings = "{data: {globalProjects: '[{projectName: rules, labelSelector: {matchLabels: {tier: strict}}}]'}}";
    let settings = belay_yaml::parse_value(settings, &belay_yaml::Options::v2()).unwrap();
    world.user.merge_patch(&Object::of("v1", "ConfigMap", "argocd", "argocd-cm"), "", &settings).unwrap();
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    let of_object = |status: &str| {
        let app = world.get(APPLICATIONS, "one")?;
        let first = app.at(&["status", "resources"])?.items().first()?.clone();
        (first.str_at(&["status"]) == Some(status)).then_some(())
    };
    // Its labels choose a project, whenever they come.
    world.patch(PROJECTS, "default", "{metadata: {labels: {tier: strict}}}");
    world.until("the kind is not permitted", || of_object("Unknown")).await;
    world.sync("one", "{}");
    let refused = "Failed: one or more synchronization tasks are not valid: resource :ConfigMap is not permitted in \
                   project default";
    world.until("it is refused", || world.state("one").ends_with(refused).then_some(())).await;
    assert!(world.get(MAPS, "a").is_none());
    rules("{}");
    world.until("the kind is permitted", || of_object("OutOfSync")).await;
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
}

/// argo.md 1.1, `operation.sync.manifests`
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_of_given_manifests_is_of_those() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    let given = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"key":"mine"}}"#;
    world.sync("one", &format!("{{manifests: ['{given}']}}"));
    world.is("one", "OutOfSync Healthy Succeeded").await;
    assert_eq!(world.data("a", "key").as_deref(), Some("mine"));
    world.sync("one", "{manifests: ['{']}");
    world.is("one", "OutOfSync Healthy Error: ComparisonError: Failed to load local manifests: ").await;
    assert_eq!(world.data("a", "key").as_deref(), Some("mine"));
}
