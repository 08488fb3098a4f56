//! ApplicationSets at work: what they generate is synced, what leaves them goes, and nothing goes by accident.

use belay_object::{Object, Value};
use belay_testkit::wire::Wire;

use super::world::*;

/// An ApplicationSet `set` whose Applications put folders into `shop` and sync by themselves; `more` is fields of its
/// spec.
fn set(world: &World, generators: &str, name: &str, path: &str, more: &str) {
    let url = world.git.url();
    let comma = if more.is_empty() { "" } else { ", " };
    let labels = if generators == ENVIRONMENTS { "{env: '{{env}}'}" } else { "{}" };
    world.apply(&format!(
        "{{apiVersion: argoproj.io/v1alpha1, kind: ApplicationSet, metadata: {{name: set, namespace: argocd}}, \
         spec: {{generators: {}, template: {{metadata: {{name: '{name}', labels: {labels}, \
         annotations: {{env: '{{{{env}}}}'}}}}, \
         spec: {{project: default, source: {{repoURL: '{url}', path: '{path}', targetRevision: HEAD}}, \
         destination: {{server: 'https://kubernetes.default.svc', namespace: shop}}, \
         syncPolicy: {{automated: {{prune: true, selfHeal: true}}}}}}}}{comma}{more}}}}}",
        generators.replace("'URL'", &format!("'{url}'"))
    ));
}

fn list(names: &[&str]) -> String {
    let elements: Vec<String> = names.iter().map(|name| format!("{{name: {name}}}")).collect();
    format!("[{{list: {{elements: [{}]}}}}]", elements.join(", "))
}

fn names(world: &World) -> String {
    let all = world.user.list("argoproj.io", "applications", "argocd");
    let mut names: Vec<String> = all.iter().map(|app| app.object().name().to_owned()).collect();
    names.sort();
    names.join(" ")
}

async fn there_are(world: &World, expected: &str) {
    let what = format!("the Applications are {expected:?}");
    world.until(&what, || (names(world) == expected).then_some(())).await;
}

/// `status reason: message` of a condition.
fn told(world: &World, kind: &str) -> Option<String> {
    let set = world.get(SETS, "set")?;
    let all = set.at(&["status", "conditions"])?.items().to_vec();
    let found = all.iter().find(|c| c.str_at(&["type"]) == Some(kind))?;
    let text = |field: &str| found.str_at(&[field]).unwrap_or("-").to_owned();
    Some(format!("{} {}: {}", text("status"), text("reason"), text("message")))
}

async fn tells(world: &World, kind: &str, text: &str) -> String {
    let what = format!("{kind} says {text:?}");
    world.until(&what, || told(world, kind).filter(|told| told.contains(text))).await
}

fn files() -> [(&'static str, String); 3] {
    [("a/m.yaml", map("of-a", "1")), ("b/m.yaml", map("of-b", "1")), ("c/m.yaml", map("of-c", "1"))]
}

/// argo.md 10.26
#[tokio::test(flavor = "multi_thread")]
async fn a_list_makes_applications_and_what_leaves_it_goes_with_its_objects() {
    let world = World::with_files(&files()).await;
    set(&world, &list(&["a", "b"]), "{{name}}", "{{name}}", "");
    for name in ["a", "b"] {
        world.is(name, "Synced Healthy Succeeded").await;
    }
    let app = world.get(APPLICATIONS, "a").expect("it is there");
    assert_eq!(app.annotation("env"), Some("{{env}}"), "what is no parameter stays");
    let owner = &app.at(&["metadata", "ownerReferences"]).expect("an owner").items()[0];
    assert_eq!((owner.str_at(&["kind"]), owner.str_at(&["name"])), (Some("ApplicationSet"), Some("set")));
    tells(&world, "ResourcesUpToDate", "True ApplicationSetUpToDate").await;
    world
        .until("the set is healthy and lists both", || {
            let set = world.get(SETS, "set")?;
            let all = set.at(&["status", "resources"])?.items();
            let good = all.iter().all(|one| one.str_at(&["health", "status"]) == Some("Healthy"));
            (good && all.len() == 2 && set.str_at(&["status", "health", "status"]) == Some("Healthy")).then_some(())
        })
        .await;
    // What people do to an Application is put back, but for what is kept.
    world.patch(
        APPLICATIONS,
        "a",
        "{metadata: {annotations: {mine: x, notified.notifications.argoproj.io: at}}, spec: {source: {path: c}}}",
    );
    world
        .until("it is put back", || {
            let app = world.get(APPLICATIONS, "a")?;
            let path = app.str_at(&["spec", "source", "path"]);
            (path == Some("a") && app.annotation("mine").is_none()).then_some(())
        })
        .await;
    let app = world.get(APPLICATIONS, "a").expect("it is there");
    assert_eq!(app.annotation("notified.notifications.argoproj.io"), Some("at"));
    set(&world, &list(&["a"]), "{{name}}", "{{name}}", "");
    there_are(&world, "a").await;
    world.until("its objects went with it", || world.get(MAPS, "of-b").is_none().then_some(())).await;
    assert!(world.get(MAPS, "of-a").is_some());
    world.quiet().await;
}

/// argo.md 10.26: an error deletes nothing, emptiness deletes all.
#[tokio::test(flavor = "multi_thread")]
async fn a_generator_that_fails_deletes_nothing_and_an_empty_one_all() {
    let world = World::with_files(&files()).await;
    let directories = "{git: {repoURL: 'URL', revision: HEAD, directories: [{path: '*'}]}}";
    let plain = format!("[{directories}]");
    set(&world, &plain, "{{path.basename}}", "{{path}}", "");
    there_are(&world, "a b c").await;
    for name in ["a", "b", "c"] {
        world.is(name, "Synced Healthy Succeeded").await;
    }
    let failing = [
        (format!("[{}]", directories.replace("HEAD", "gone")), "ApplicationGenerationFromParamsError: spec.generators"),
        (format!("[{directories}, {{scmProvider: {{}}}}]"), "the generator scmProvider is not supported"),
        ("[{list: {elements: [{name: {deep: 1}}]}}]".to_owned(), "without goTemplate a parameter is a string"),
        ("[{selector: {}}]".to_owned(), "no generator that is known"),
    ];
    for (generators, why) in failing {
        set(&world, &generators, "{{path.basename}}", "{{path}}", "");
        let why = match why.starts_with("Application") {
            true => "gone",
            false => why,
        };
        tells(&world, "ErrorOccurred", why).await;
        assert!(told(&world, "ParametersGenerated").expect("told").starts_with("False ErrorOccurred"));
        world.quiet().await;
        assert_eq!(names(&world), "a b c");
    }
    // A secret of a cluster that cannot be read may describe any.
    world.apply(
        "{apiVersion: v1, kind: Secret, metadata: {name: far, namespace: argocd, labels: {argocd.argoproj.io/secret-type: cluster}}, \
         stringData: {name: far, config: '{}'}}",
    );
    world.quiet().await;
    set(&world, "[{clusters: {}}]", "{{name}}", "a", "");
    tells(&world, "ErrorOccurred", "cannot be read").await;
    world.quiet().await;
    assert_eq!(names(&world), "a b c");
    set(&world, &plain, "{{path.basename}}", "{{path}}", "");
    tells(&world, "ErrorOccurred", "False").await;
    assert_eq!(names(&world), "a b c");
    // Files that really are gone.
    world.push(&[("a/m.yaml", None), ("c/m.yaml", None)]).await;
    there_are(&world, "b").await;
    world.push(&[("b/m.yaml", None), ("top.yaml", Some("a: 1"))]).await;
    there_are(&world, "").await;
    for name in ["of-a", "of-b", "of-c"] {
        world.until("its objects are gone", || world.get(MAPS, name).is_none().then_some(())).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_cannot_be_is_left_as_it_is_and_the_others_go_on() {
    let world = World::with_files(&files()).await;
    set(&world, &list(&["a", "b"]), "{{name}}", "{{name}}", "");
    world.is("b", "Synced Healthy Succeeded").await;
    let both = "[{list: {elements: [{name: a, cluster: 'https://kubernetes.default.svc'}, {name: c, cluster: 'https://kubernetes.default.svc'}, \
        {name: b, cluster: 'https://nowhere'}]}}]";
    let patch =
        ", template: {metadata: {}, spec: {project: '', destination: {server: '{{cluster}}', namespace: shop}}}";
    set(&world, &both.replace("]}}]", &format!("]{patch}}}}}]")), "{{name}}", "{{name}}", "");
    tells(&world, "ErrorOccurred", "application destination spec is invalid").await;
    there_are(&world, "a b c").await;
    let b = world.get(APPLICATIONS, "b").expect("it is there");
    assert_eq!(b.str_at(&["spec", "destination", "server"]), Some("https://kubernetes.default.svc"));
    world.is("b", "Synced Healthy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_come_and_go_with_their_secrets() {
    let world = World::with_files(&files()).await;
    set(&world, "[{clusters: {values: {env: '{{metadata.labels.env}}'}}}]", "on-{{nameNormalized}}", "a", "");
    there_are(&world, "on-in-cluster").await;
    world.apply(
        "{apiVersion: v1, kind: Secret, metadata: {name: far, namespace: argocd, labels: {argocd.argoproj.io/secret-type: cluster, env: dev}}, \
         stringData: {name: Far_1, server: 'https://far', config: '{}'}}",
    );
    there_are(&world, "on-far-1 on-in-cluster").await;
    world.user.delete(&Object::of("v1", "Secret", "argocd", "far"), &Default::default()).expect("it is there");
    there_are(&world, "on-in-cluster").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn policies_hold_for_changes_deletions_and_the_end() {
    let world = World::with_files(&files()).await;
    let only = "syncPolicy: {applicationsSync: create-only}";
    set(&world, &list(&["a", "b"]), "{{name}}", "{{name}}", only);
    world.is("b", "Synced Healthy Succeeded").await;
    set(&world, &list(&["a", "c"]), "{{name}}", "c", only);
    there_are(&world, "a b c").await;
    world.quiet().await;
    let path = |name: &str| {
        world.get(APPLICATIONS, name).and_then(|app| app.str_at(&["spec", "source", "path"]).map(str::to_owned))
    };
    assert_eq!((path("a"), path("c")), (Some("a".into()), Some("c".into())));
    // Its Applications outlive it.
    world.patch(SETS, "set", "{metadata: {finalizers: [resources-finalizer.argocd.argoproj.io]}}");
    world.quiet().await;
    world.delete(SETS, "set");
    world.until("the set is gone", || world.get(SETS, "set").is_none().then_some(())).await;
    world.quiet().await;
    assert_eq!(names(&world), "a b c");
    assert_eq!(
        world
            .get(APPLICATIONS, "a")
            .and_then(|app| app.at(&["metadata", "ownerReferences"]).cloned())
            .map_or(0, |o| o.items().len()),
        0
    );
}

const STEPS: &str = "strategy: {type: RollingSync, rollingSync: {steps: [\
    {matchExpressions: [{key: env, operator: In, values: [dev]}]}, {matchExpressions: [{key: env, operator: In, values: [prod]}]}]}";

fn stepwise(world: &World) {
    world.apply(
        &PARAMETERS.replace(
            "data: {controller",
            "data: {applicationsetcontroller.enable.progressive.syncs: 'true', controller",
        ),
    );
}

const ENVIRONMENTS: &str = "[{list: {elements: [{name: a, env: dev}, {name: b, env: prod}, {name: c, env: other}]}}]";

fn rollout(world: &World) -> String {
    let Some(set) = world.get(SETS, "set") else { return "gone".into() };
    let all = set.at(&["status", "applicationStatus"]).map_or(&[][..], Value::items);
    let one = |s: &Value| {
        let text = |field: &str| s.str_at(&[field]).unwrap_or("-").to_owned();
        format!("{}@{} {}", text("application"), text("step"), text("status"))
    };
    all.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn paused(name: &str, is: bool) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\n\
         spec:\n  paused: {is}\n  replicas: 1\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    \
         metadata: {{labels: {{app: {name}}}}}\n    spec: {{containers: [{{name: c, image: busybox}}]}}\n"
    )
}

/// argo.md 10.27
#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_goes_step_by_step_and_turns_automated_off() {
    let files = [("a/m.yaml", paused("a", true)), ("b/m.yaml", map("of-b", "1")), ("c/m.yaml", map("of-c", "1"))];
    let world = World::with_files(&files).await;
    stepwise(&world);
    world.quiet().await;
    set(&world, ENVIRONMENTS, "{{name}}", "{{name}}", &format!("{STEPS}}}"));
    // The first is synced, and is not healthy: the second waits.
    world
        .until("the first is on its way", || {
            (rollout(&world) == "a@1 Progressing, b@2 Waiting, c@-1 Waiting").then_some(())
        })
        .await;
    world.quiet().await;
    assert_eq!(rollout(&world), "a@1 Progressing, b@2 Waiting, c@-1 Waiting");
    assert!(world.get(MAPS, "of-b").is_none() && world.get(MAPS, "of-c").is_none());
    assert_eq!(
        told(&world, "RolloutProgressing").as_deref(),
        Some("True ApplicationSetModified: ApplicationSet is performing rollout of step 1")
    );
    let app = world.get(APPLICATIONS, "b").expect("it is there");
    assert_eq!(
        app.at(&["spec", "syncPolicy", "automated"]).expect("automated").to_json(),
        r#"{"enabled":false,"prune":true,"selfHeal":true}"#
    );
    world.push(&[("a/m.yaml", Some(&paused("a", false)))]).await;
    world
        .until("all steps are done", || (rollout(&world) == "a@1 Healthy, b@2 Healthy, c@-1 Waiting").then_some(()))
        .await;
    assert!(world.get(MAPS, "of-b").is_some() && world.get(MAPS, "of-c").is_none());
    tells(&world, "RolloutProgressing", "False ApplicationSetRolloutComplete").await;
    tells(&world, "InvalidRolloutConfig", "False ApplicationSetValidRolloutConfig").await;
    // Each was synced by an operation of the rollout, and at rest nothing is asked for again.
    let by = world.get(APPLICATIONS, "b").and_then(|app| {
        app.str_at(&["status", "operationState", "operation", "initiatedBy", "username"]).map(str::to_owned)
    });
    assert_eq!(by.as_deref(), Some("applicationset-controller"));
    world.quiet().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn applications_go_in_reverse_before_their_set() {
    let world = World::with_files(&files()).await;
    stepwise(&world);
    world.quiet().await;
    set(&world, ENVIRONMENTS, "{{name}}", "{{name}}", &format!("{STEPS}, deletionOrder: Reverse}}"));
    world.until("all steps are done", || rollout(&world).starts_with("a@1 Healthy, b@2 Healthy").then_some(())).await;
    // What holds the last holds the first.
    world.patch(MAPS, "of-b", "{metadata: {finalizers: [tests.example.com/held]}}");
    world.delete(SETS, "set");
    world.until("its objects go", || world.get(MAPS, "of-b").filter(|map| map.is_deleting())).await;
    world.quiet().await;
    assert!(world.get(SETS, "set").is_some() && world.get(MAPS, "of-a").is_some());
    world.patch(MAPS, "of-b", "{metadata: {finalizers: null}}");
    world.until("all are gone", || (names(&world).is_empty() && world.get(SETS, "set").is_none()).then_some(())).await;
    world.until("their objects are gone", || world.get(MAPS, "of-a").is_none().then_some(())).await;
}

/// Whatever request is the last of a process, the next one brings the same end about.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_anywhere_leaves_nothing_undone_or_done_twice() {
    let mut n = 0;
    loop {
        n += 2;
        let mut world = World::stopped(&files()).await;
        stepwise(&world);
        set(&world, ENVIRONMENTS, "{{name}}", "{{name}}", &format!("{STEPS}}}"));
        let wire = Wire::default();
        world.start_on(wire.clone()).await;
        let done = || rollout(&world).starts_with("a@1 Healthy, b@2 Healthy");
        world.until("some requests are sent, or all is done", || (wire.count() >= n || done()).then_some(())).await;
        let was_done = done();
        world.wire.cut();
        world.controllers = None;
        world.start().await;
        world
            .until("all steps are done", || rollout(&world).starts_with("a@1 Healthy, b@2 Healthy").then_some(()))
            .await;
        there_are(&world, "a b c").await;
        for name in ["a", "b"] {
            world.is(name, "Synced Healthy Succeeded").await;
            let syncs =
                world.get(APPLICATIONS, name).and_then(|app| app.at(&["status", "history"]).map(|h| h.items().len()));
            assert_eq!(syncs, Some(1), "{name} is synced once, request {n}");
        }
        if was_done || n > 120 {
            break;
        }
        n += 10;
    }
}

/// Two controllers would undo one another's work.
#[tokio::test(flavor = "multi_thread")]
async fn argo_cds_own_controller_is_waited_for() {
    let world = World::with_files(&files()).await;
    let rival = |replicas: u32| {
        world.apply(&format!(
            "{{apiVersion: apps/v1, kind: Deployment, metadata: {{name: theirs, namespace: argocd, \
             labels: {{app.kubernetes.io/name: argocd-applicationset-controller}}}}, spec: {{replicas: {replicas}, \
             selector: {{matchLabels: {{app: x}}}}, template: {{metadata: {{labels: {{app: x}}}}, \
             spec: {{containers: [{{name: c, image: busybox}}]}}}}}}}}"
        ));
    };
    rival(1);
    world.quiet().await;
    set(&world, &list(&["a"]), "{{name}}", "{{name}}", "");
    world.quiet().await;
    assert_eq!(names(&world), "");
    rival(0);
    world.is("a", "Synced Healthy Succeeded").await;
}
