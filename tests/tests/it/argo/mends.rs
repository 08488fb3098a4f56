//! What goes wrong outside stays where it is wrong: it is told in Argo CD's condition, other Applications go on,
//! and nothing is deleted for it.

use super::world::*;

/// An Application that was synced, and another one beside it that is what it should be all the time.
async fn two() -> World {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1")), ("other/b.yaml", &map("b", "1"))]).await;
    world.application("one", "app", "syncPolicy: {automated: {prune: true, selfHeal: true}}");
    world.application("two", "other", "syncPolicy: {automated: {prune: true, selfHeal: true}}");
    world.is("one", "Synced Healthy Succeeded").await;
    world.is("two", "Synced Healthy Succeeded").await;
    world
}

/// The other Application follows its source, and what the first one made is still there.
async fn nobody_else_is_touched(world: &World) {
    world.push(&[("other/b.yaml", Some(&map("b", "next")))]).await;
    world.until("the other goes on", || (world.data("b", "key")? == "next").then_some(())).await;
    assert_eq!(world.data("a", "key").as_deref(), Some("1"), "nothing is deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_spec_is_told_and_what_was_noted_stays() {
    let world = two().await;
    let history = |world: &World| world.get(APPLICATIONS, "one").unwrap().at(&["status", "history"]).cloned();
    let state = |world: &World| world.get(APPLICATIONS, "one").unwrap().at(&["status", "operationState"]).cloned();
    let (past, last) = (history(&world), state(&world));
    // A definition that lets everything pass, as some clusters have it.
    world.patch(
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        "applications.argoproj.io",
        "{spec: {versions: [{name: v1alpha1, served: true, storage: true, schema: {openAPIV3Schema: \
         {type: object, x-kubernetes-preserve-unknown-fields: true}}}]}}",
    );
    let wrong = "{spec: {destination: {namespace: 5}}, operation: {sync: {revision: mine}}}";
    let wrong = belay_yaml::parse_value(wrong, &belay_yaml::Options::v2()).unwrap();
    let app = belay_object::Object::of("argoproj.io/v1alpha1", "Application", "argocd", "one");
    world.until("the definition is in force", || world.user.merge_patch(&app, "", &wrong).ok()).await;
    let message = world.told("one", "InvalidSpecError", "spec.destination.namespace").await;
    assert!(message.contains("expected a string"), "{message}");
    world.is("one", "Unknown Unknown Succeeded").await;
    nobody_else_is_touched(&world).await;
    assert_eq!((history(&world), state(&world)), (past, last));
    let app = world.get(APPLICATIONS, "one").unwrap();
    assert_eq!(app.str_at(&["operation", "sync", "revision"]), Some("mine"), "what the user asked for stays");
    // Written well again it goes on where it was.
    world.patch(APPLICATIONS, "one", "{spec: {destination: {namespace: shop}}, operation: null}");
    world.is("one", "Synced Healthy").await;
    assert_eq!(world.condition("one", "InvalidSpecError"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_not_there_is_told() {
    let world = two().await;
    world.patch(APPLICATIONS, "one", "{spec: {source: {repoURL: 'http://127.0.0.1:9/nobody.git'}}}");
    let message = world.told("one", "ComparisonError", "127.0.0.1:9").await;
    assert!(message.starts_with("Failed to load target state: "), "{message}");
    world.is("one", "Unknown").await;
    nobody_else_is_touched(&world).await;
    world.patch(APPLICATIONS, "one", &format!("{{spec: {{source: {{repoURL: '{}'}}}}}}", world.git.url()));
    world.is("one", "Synced Healthy").await;
    assert_eq!(world.condition("one", "ComparisonError"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_cannot_be_read_is_told_with_its_file() {
    let world = two().await;
    world.push(&[("app/c.yaml", Some("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: [\n"))]).await;
    let message = world.told("one", "ComparisonError", "c.yaml").await;
    assert!(message.starts_with("Failed to load target state: "), "{message}");
    world.is("one", "Unknown").await;
    nobody_else_is_touched(&world).await;
    world.push(&[("app/c.yaml", None)]).await;
    world.is("one", "Synced Healthy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_left_the_source_deletes_nothing() {
    let world = two().await;
    world.push(&[("app/a.yaml", None)]).await;
    world.told("one", "ComparisonError", "app path does not exist").await;
    nobody_else_is_touched(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_does_not_answer_is_told_and_holds_nobody_up() {
    let world = two().await;
    // More of them than there are workers.
    world.apply(
        "{apiVersion: v1, kind: Secret, metadata: {name: far, namespace: argocd, labels: {argocd.argoproj.io/secret-type: cluster}}, \
         stringData: {name: far, server: 'https://127.0.0.1:9', config: '{\"tlsClientConfig\":{\"insecure\":true}}'}}",
    );
    for i in 0..12 {
        world.application(&format!("far-{i}"), "app", "");
        world.patch(
            APPLICATIONS,
            &format!("far-{i}"),
            "{spec: {destination: {server: 'https://127.0.0.1:9', namespace: shop}}}",
        );
    }
    nobody_else_is_touched(&world).await;
    let message = world.told("far-3", "ComparisonError", "127.0.0.1:9").await;
    assert!(message.contains("failed to load initial state of resource"), "{message}");
    world.is("far-3", "Unknown Unknown").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_never_answers_holds_up_no_other() {
    let world = two().await;
    // It takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap();
    for i in 0..6 {
        world.application(&format!("silent-{i}"), "app", "");
        let url = format!("http://{address}/{i}.git");
        world.patch(APPLICATIONS, &format!("silent-{i}"), &format!("{{spec: {{source: {{repoURL: '{url}'}}}}}}"));
    }
    let listener = silent.try_clone().unwrap();
    let taking = tokio::task::spawn_blocking(move || listener.incoming().take(6).collect::<Vec<_>>());
    let _held = taking.await.unwrap();
    world.commit(&[("other/b.yaml", &map("b", "next"))]);
    tokio::select! {
        () = world.controllers.as_ref().unwrap().look_at_sources() => panic!("the silent ones answered"),
        () = world.until("the other goes on", || (world.data("b", "key")? == "next").then_some(())) => {}
    }
}

/// A ConfigMap whose data cannot be changed.
fn fixed(name: &str, value: &str, options: &str) -> String {
    format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  annotations: {{argocd.argoproj.io/sync-options: {options:?}}}\n\
         immutable: true\ndata: {{key: {value:?}}}\n"
    )
}

fn uid(world: &World, kind: Kind, name: &str) -> String {
    world.get(kind, name).unwrap_or_else(|| panic!("{name} is there")).uid().to_owned()
}

/// INV-ACT-1, INV-ACT-2
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_changed_is_made_anew_where_it_asks_for_that() {
    let world = World::with_files(&[("app/a.yaml", &fixed("a", "1", "Force=true"))]).await;
    world.synced("one", "app").await;
    let first = uid(&world, MAPS, "a");
    world.push(&[("app/a.yaml", Some(&fixed("a", "2", "Force=true")))]).await;
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
    assert_eq!(world.data("a", "key").as_deref(), Some("2"));
    assert_ne!(uid(&world, MAPS, "a"), first);
    // What no server would take costs nothing.
    let second = uid(&world, MAPS, "a");
    let wrong = fixed("a", "3", "Force=true").replace("key:", "'not a key':");
    world.push(&[("app/a.yaml", Some(&wrong))]).await;
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    let message = world.until("the sync fails", || failure(&world, "one")).await;
    assert!(message.contains("is not made anew, since it would be refused"), "{message}");
    assert_eq!(uid(&world, MAPS, "a"), second);
}

/// The message of an operation that failed.
fn failure(world: &World, name: &str) -> Option<String> {
    let state = world.state(name);
    let at = state.find(" Failed: ")?;
    Some(state[at + " Failed: ".len()..].to_owned())
}

/// INV-ACT-4
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_the_applications_is_never_made_anew() {
    let world = World::with_files(&[("app/a.yaml", &fixed("a", "1", "Force=true"))]).await;
    world.apply(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: shop}, immutable: true, data: {key: theirs}}",
    );
    let theirs = uid(&world, MAPS, "a");
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    let message = world.until("the sync fails", || failure(&world, "one")).await;
    assert!(message.contains("is not made anew: its labels name no owner"), "{message}");
    assert_eq!((uid(&world, MAPS, "a"), world.data("a", "key").as_deref()), (theirs, Some("theirs")));
}

const NAMESPACES: Kind = ("v1", "Namespace");

fn namespace(name: &str, label: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {name}\n  labels: {{is: {label:?}}}\n  \
         annotations: {{argocd.argoproj.io/sync-options: 'Force=true'}}\n"
    )
}

/// INV-ACT-3
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_is_never_deleted_to_be_made_anew() {
    let world = World::with_files(&[("app/n.yaml", &namespace("extra", "fine"))]).await;
    world.synced("one", "app").await;
    let first = uid(&world, NAMESPACES, "extra");
    world.push(&[("app/n.yaml", Some(&namespace("extra", "not a label")))]).await;
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    let message = world.until("the sync fails", || failure(&world, "one")).await;
    assert!(message.contains("is not made anew: what it holds would be gone"), "{message}");
    assert_eq!(uid(&world, NAMESPACES, "extra"), first);
}

/// The message of one object's result.
fn result(world: &World, app: &str, kind: &str) -> Option<String> {
    let app = world.get(APPLICATIONS, app)?;
    let all = app.at(&["status", "operationState", "syncResult", "resources"])?.items().to_vec();
    let found = all.iter().find(|r| r.str_at(&["kind"]) == Some(kind))?;
    Some(format!("{} {}", found.str_at(&["status"])?, found.str_at(&["message"])?))
}

/// INV-ACT-3
#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_that_holds_things_of_others_is_not_pruned() {
    let files = [
        ("app/n.yaml", namespace("extra", "fine")),
        ("app/a.yaml", map_in("extra", "ours")),
        ("app/b.yaml", map("b", "1")),
    ];
    let world = World::with_files(&files).await;
    world.synced("one", "app").await;
    world.apply(&map_in("extra", "theirs"));
    world.push(&[("app/n.yaml", None), ("app/a.yaml", None)]).await;
    world.is("one", "OutOfSync").await;
    world.sync("one", "{prune: true}");
    let told = world
        .until("it is told", || result(&world, "one", "Namespace").filter(|r| r.starts_with("PruneSkipped")))
        .await;
    assert!(told.contains("it holds objects of others: ConfigMap/extra/theirs"), "{told}");
    let there = |name: &str| world.user.get("", "configmaps", "extra", name).is_some();
    world.until("ours is pruned", || (!there("ours")).then_some(())).await;
    assert!(there("theirs"));
    // Once that is gone nothing keeps it.
    world.until("it is over", || world.get(APPLICATIONS, "one")?.get("operation").is_none().then_some(())).await;
    world.user.delete(&belay_object::Object::of("v1", "ConfigMap", "extra", "theirs"), &Default::default()).unwrap();
    world.sync("one", "{prune: true}");
    world.until("the namespace goes", || world.get(NAMESPACES, "extra").is_none().then_some(())).await;
}

/// INV-ACT-3, INV-ACT-9
#[tokio::test(flavor = "multi_thread")]
async fn an_application_goes_though_a_namespace_stays() {
    let world = World::with_files(&[
        ("app/n.yaml", &namespace("extra", "fine")),
        ("app/c.yaml", &namespace("argocd", "control-plane")),
        ("app/a.yaml", &map("a", "1")),
    ])
    .await;
    world.synced("one", "app").await;
    world.apply(&map_in("extra", "theirs"));
    world.delete(APPLICATIONS, "one");
    world.is("one", "gone").await;
    assert!(world.get(MAPS, "a").is_none());
    assert!(world.get(NAMESPACES, "argocd").is_some_and(|n| !n.is_deleting()), "the control plane's own stays");
    assert!(world.get(NAMESPACES, "extra").is_some_and(|n| !n.is_deleting()));
    let events = world.until("it is told", || {
        let events: Vec<String> = world
            .user
            .list("", "events", "argocd")
            .iter()
            .filter(|e| e.object().str_at(&["reason"]) == Some("ResourceKept"))
            .filter_map(|e| e.object().str_at(&["message"]).map(str::to_owned))
            .collect();
        (events.len() == 2).then_some(events)
    });
    let mut events = events.await;
    events.sort();
    assert!(events[0].contains("Namespace/argocd is left in the cluster: ignored (it is protected)"), "{events:?}");
    assert!(events[1].contains("it holds objects of others: ConfigMap/extra/theirs"), "{events:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_is_not_permitted_ends_with_the_reason() {
    let world = two().await;
    world.patch(APPLICATIONS, "one", "{spec: {project: nobody}, operation: {sync: {}}}");
    world
        .is(
            "one",
            "Unknown Unknown Error: InvalidSpecError: Application referencing project nobody which does not exist",
        )
        .await;
    world.until("the wish goes", || world.get(APPLICATIONS, "one")?.get("operation").is_none().then_some(())).await;
    nobody_else_is_touched(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_takes_what_was_pushed_just_before_it() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    world.synced("one", "app").await;
    // Nobody tells the controller of it.
    let pushed = world.commit(&[("app/a.yaml", &map("a", "2"))]);
    world.sync("one", "{}");
    world.at("one", &pushed).await;
    world.is("one", "Synced Healthy Succeeded").await;
    let app = world.get(APPLICATIONS, "one").unwrap();
    assert_eq!(app.str_at(&["status", "operationState", "syncResult", "revision"]), Some(pushed.as_str()));
    assert_eq!(world.get(MAPS, "a").unwrap().str_at(&["data", "key"]), Some("2"));
}
