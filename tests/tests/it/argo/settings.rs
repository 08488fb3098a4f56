//! What the settings say of kinds, and of how long things may take, as an Application sees it.

use std::time::Duration;

use belay_object::Object;
use belay_source::git_http::Fault;

use super::world::*;

/// Sets keys of `argocd-cm`, and waits until they are in force.
async fn set(world: &World, data: &str) {
    world.apply(&format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: argocd-cm, namespace: argocd, \
         labels: {{app.kubernetes.io/part-of: argocd}}}}, data: {{timeout.reconciliation: 0s, {data}}}}}"
    ));
    // A change of the configuration waits for others.
    tokio::time::sleep(Duration::from_millis(400)).await;
    world.quiet().await;
}

const CANARY: &str = "apiVersion: example.com/v1\nkind: Canary\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      \
                      containers:\n      - {name: c, image: busybox, resources: {requests: {cpu: 1000m, memory: 1024Mi}}}\n";

/// argo.md 2.7: another writer puts the same amounts in other words.
#[tokio::test(flavor = "multi_thread")]
async fn fields_of_known_types_are_compared_as_their_types() {
    let world = World::with_files(&[("app/c.yaml", CANARY)]).await;
    world.define("Canary", "canaries");
    world.synced("one", "app").await;
    let live = Object::of("example.com/v1", "Canary", "shop", "web");
    let theirs = "{spec: {template: {spec: {containers: [{name: c, image: busybox, \
                  resources: {requests: {cpu: '1', memory: 1Gi}}}]}}}}";
    let theirs = belay_yaml::parse_value(theirs, &belay_yaml::Options::v2()).unwrap();
    world.user.with_manager("canary-controller").merge_patch(&live, "", &theirs).unwrap();
    world.is("one", "OutOfSync").await;
    // The settings are in force without a restart, and what was known before is not believed.
    let known = "resource.customizations.knownTypeFields.example.com_Canary: \
                 '[{field: spec.template.spec, type: core/v1/PodSpec}]'";
    set(&world, known).await;
    world.is("one", "Synced").await;
    let other = theirs.to_json().replace("1Gi", "2Gi");
    let other = belay_object::from_json_str(&other).unwrap();
    world.user.with_manager("canary-controller").merge_patch(&live, "", &other).unwrap();
    world.is("one", "OutOfSync").await;
}

/// argo.md 2.7, `ignoreResourceUpdates`
#[tokio::test(flavor = "multi_thread")]
async fn changes_that_do_not_count_wake_nobody() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    world.synced("one", "app").await;
    set(&world, "resource.customizations.ignoreResourceUpdates.ConfigMap: 'jsonPointers: [/data]'").await;
    world.patch(MAPS, "a", "{data: {key: theirs}}");
    world.quiet().await;
    assert!(world.state("one").starts_with("Synced"), "{}", world.state("one"));
    // Whoever asks is told.
    world.patch(APPLICATIONS, "one", "{metadata: {annotations: {argocd.argoproj.io/refresh: normal}}}");
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
    // Another field of it counts.
    world.patch(MAPS, "a", "{metadata: {labels: {is: theirs}}, data: {key: theirs}}");
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
    set(
        &world,
        "resource.ignoreResourceUpdatesEnabled: 'false', \
         resource.customizations.ignoreResourceUpdates.ConfigMap: 'jsonPointers: [/data]'",
    )
    .await;
    world.patch(MAPS, "a", "{data: {key: theirs}}");
    world.is("one", "OutOfSync").await;
}

/// argo.md 2.1: times are in force without a restart, and nobody says that something is to be looked at.
#[tokio::test(flavor = "multi_thread")]
async fn repositories_are_looked_at_and_all_is_compared_anew_when_it_is_time() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    let timers = |data: &str| {
        let patch = format!("{{data: {{timeout.reconciliation.jitter: 0s, {data}}}}}");
        let patch = belay_yaml::parse_value(&patch, &belay_yaml::Options::v2()).unwrap();
        world.user.merge_patch(&Object::of("v1", "ConfigMap", "argocd", "argocd-cm"), "", &patch).unwrap();
    };
    timers("timeout.reconciliation: 1s");
    let commit = world.commit(&[("app/a.yaml", &map("a", "2"))]);
    world.at("one", &commit).await;
    timers("timeout.reconciliation: 0s, timeout.hard.reconciliation: 1s");
    let compared = || Some(world.get(APPLICATIONS, "one")?.str_at(&["status", "reconciledAt"])?.to_owned());
    for _ in 0..2 {
        let before = compared();
        world.until("it is compared again", || (compared() != before).then_some(())).await;
    }
    // Off again, it stays as it is.
    timers("timeout.hard.reconciliation: 0s");
    tokio::time::sleep(Duration::from_millis(400)).await;
    world.quiet().await;
    let before = compared();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(compared(), before);
}

/// The control plane's map is gone for a moment: nothing that it said is forgotten.
#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_gone_are_not_settings_that_say_nothing() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    world.application("one", "app", "syncPolicy: {automated: {selfHeal: true}}");
    world.is("one", "Synced Healthy Succeeded").await;
    set(&world, "resource.customizations.ignoreDifferences.ConfigMap: 'jsonPointers: [/data]'").await;
    let settings = Object::of("v1", "ConfigMap", "argocd", "argocd-cm");
    world.user.delete(&settings, &Default::default()).unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    world.quiet().await;
    world.patch(MAPS, "a", "{data: {key: theirs}}");
    world.patch(APPLICATIONS, "one", "{metadata: {annotations: {argocd.argoproj.io/refresh: hard}}}");
    let answered = || world.get(APPLICATIONS, "one")?.annotation("argocd.argoproj.io/refresh").is_none().then_some(());
    world.until("it is compared", answered).await;
    world.quiet().await;
    assert_eq!(world.data("a", "key").as_deref(), Some("theirs"));
    assert!(world.state("one").starts_with("Synced"), "{}", world.state("one"));
}

/// argo.md 2.1, `controller.repo.error.grace.period.seconds`
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_fails_for_a_moment_changes_nothing() {
    let mut world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    let grace = async |world: &World, seconds: &str| {
        let patch = format!("{{data: {{controller.repo.error.grace.period.seconds: '{seconds}'}}}}");
        let patch = belay_yaml::parse_value(&patch, &belay_yaml::Options::v2()).unwrap();
        let parameters = Object::of("v1", "ConfigMap", "argocd", "argocd-cmd-params-cm");
        world.user.merge_patch(&parameters, "", &patch).unwrap();
        tokio::time::sleep(Duration::from_millis(400)).await;
    };
    world.synced("one", "app").await;
    // The process begins anew, with nothing fetched yet, and the repository does not answer.
    world.wire.cut();
    world.controllers = None;
    world.git.faults().inject("repo.git", 0, usize::MAX, Fault::Status(503));
    world.start().await;
    world.quiet().await;
    assert!(world.state("one").starts_with("Synced Healthy"), "{}", world.state("one"));
    assert_eq!(world.condition("one", "ComparisonError"), None);
    // Who asks for what is there now is told.
    world.patch(APPLICATIONS, "one", "{metadata: {annotations: {argocd.argoproj.io/refresh: normal}}}");
    world.told("one", "ComparisonError", "Failed to load target state: ").await;
    // Without patience it is told at once, and stays told whatever happens.
    grace(&world, "0").await;
    world.patch(MAPS, "a", "{data: {key: theirs}}");
    world.quiet().await;
    world.told("one", "ComparisonError", "Failed to load target state: ").await;
    assert!(world.get(MAPS, "a").is_some());
}

/// Clients wait for a comparison behind the end of an operation; while a failing repository is forgiven, there was none.
#[tokio::test(flavor = "multi_thread")]
async fn an_operation_that_cannot_read_its_repository_keeps_nobody_waiting() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    world.apply(&application("lost", "http://127.0.0.1:9/nobody.git", "app", ""));
    world.told("lost", "ComparisonError", "127.0.0.1:9").await;
    // Times are told in seconds.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    world.sync("lost", "{}");
    let times = || {
        let app = world.get(APPLICATIONS, "lost")?;
        let looked = app.str_at(&["status", "reconciledAt"])?.to_owned();
        Some((looked, app.str_at(&["status", "operationState", "finishedAt"])?.to_owned()))
    };
    world.until("a look behind the operation", || times().filter(|(looked, ended)| looked >= ended)).await;
    assert!(world.state("lost").contains("Error: ComparisonError"), "{}", world.state("lost"));
}

/// argo.md 3.2, `reposerver.git.request.timeout`: listing refs is over long before a fetch would be.
#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_tells_no_refs_in_time_is_told() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1"))]).await;
    let patch = belay_yaml::parse_value("{data: {reposerver.git.request.timeout: 1s}}", &belay_yaml::Options::v2());
    let parameters = Object::of("v1", "ConfigMap", "argocd", "argocd-cmd-params-cm");
    world.user.merge_patch(&parameters, "", &patch.unwrap()).unwrap();
    tokio::time::sleep(Duration::from_millis(400)).await;
    world.git.faults().inject("repo.git", 0, usize::MAX, Fault::Hang);
    world.application("one", "app", "");
    world.told("one", "ComparisonError", "context deadline exceeded").await;
    world.git.faults().clear();
    world.is("one", "OutOfSync").await;
}
