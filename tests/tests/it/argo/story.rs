//! What an Application goes through in its life.

use super::world::*;

fn map(name: &str, value: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{key: {value:?}}}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_is_compared_synced_changed_and_deleted() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1")), ("app/b.yaml", &map("b", "1"))]).await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync Missing").await;
    assert!(world.get(MAPS, "a").is_none(), "nothing is applied without being asked");
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded: successfully synced (all tasks run)").await;
    assert_eq!(world.data("a", "key").as_deref(), Some("1"));
    let tracking = world.get(MAPS, "a").and_then(|o| o.annotation("argocd.argoproj.io/tracking-id").map(str::to_owned));
    assert_eq!(tracking.as_deref(), Some("one:/ConfigMap:shop/a"));
    // A commit is seen, and not applied by itself.
    let second = world.push(&[("app/a.yaml", Some(&map("a", "2"))), ("app/b.yaml", None)]).await;
    world.at("one", &second).await;
    world.is("one", "OutOfSync").await;
    assert_eq!(world.data("a", "key").as_deref(), Some("1"));
    // A sync without prune leaves what left the source, and stays out of sync for it.
    world.sync("one", "{}");
    world.until("a is applied", || (world.data("a", "key")? == "2").then_some(())).await;
    world.is("one", "OutOfSync Healthy Succeeded").await;
    assert!(world.get(MAPS, "b").is_some());
    world.sync("one", "{prune: true}");
    world.is("one", "Synced Healthy Succeeded").await;
    assert!(world.get(MAPS, "b").is_none());
    // Somebody's change shows, and a sync takes it back.
    world.patch(MAPS, "a", "{data: {key: theirs}}");
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
    assert_eq!(world.data("a", "key").as_deref(), Some("2"));
    let app = world.get(APPLICATIONS, "one").unwrap();
    assert_eq!(app.at(&["status", "history"]).unwrap().items().len(), 4);
    world.delete(APPLICATIONS, "one");
    world.is("one", "gone").await;
    assert!(world.get(MAPS, "a").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_automated_application_follows_heals_and_prunes() {
    let world = World::with_files(&[("app/a.yaml", &map("a", "1")), ("app/b.yaml", &map("b", "1"))]).await;
    world.application("one", "app", "syncPolicy: {automated: {prune: true, selfHeal: true}}");
    world.is("one", "Synced Healthy Succeeded").await;
    world.push(&[("app/a.yaml", Some(&map("a", "2"))), ("app/b.yaml", None)]).await;
    world.until("the commit is applied", || (world.data("a", "key")? == "2").then_some(())).await;
    world.until("what left is pruned", || world.get(MAPS, "b").is_none().then_some(())).await;
    world.is("one", "Synced Healthy Succeeded").await;
    world.patch(MAPS, "a", "{data: {key: theirs}}");
    world.until("it is healed", || (world.data("a", "key")? == "2").then_some(())).await;
    world.delete(MAPS, "a");
    world.until("it is made again", || world.data("a", "key")).await;
    world.is("one", "Synced Healthy Succeeded").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hooks_and_waves_run_in_order() {
    let hook = |name: &str, phase: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n  annotations: {{argocd.argoproj.io/hook: {phase}}}\n\
             spec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{{name: c, image: busybox}}]\n"
        )
    };
    let wave = |name: &str, wave: i64| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n  annotations: {{argocd.argoproj.io/sync-wave: '{wave}'}}\n"
        )
    };
    let files = [
        ("app/before.yaml", hook("before", "PreSync")),
        ("app/after.yaml", hook("after", "PostSync")),
        ("app/first.yaml", wave("first", -1)),
        ("app/last.yaml", wave("last", 2)),
    ];
    let world = World::with_files(&files).await;
    world.synced("one", "app").await;
    let version = |kind: Kind, name: &str| {
        let object = world.get(kind, name).unwrap_or_else(|| panic!("{name} is there"));
        object.str_at(&["metadata", "uid"]).unwrap().to_owned()
    };
    let app = world.get(APPLICATIONS, "one").unwrap();
    let results = app.at(&["status", "operationState", "syncResult", "resources"]).unwrap().items().to_vec();
    let told: Vec<String> = results
        .iter()
        .map(|r| {
            let text = |name: &str| r.str_at(&[name]).unwrap_or("-").to_owned();
            format!("{} {} {} {}", text("name"), text("syncPhase"), text("hookType"), text("hookPhase"))
        })
        .collect();
    let expected = [
        "before PreSync PreSync Succeeded",
        "first Sync - Succeeded",
        "last Sync - Succeeded",
        "after PostSync PostSync Succeeded",
    ];
    assert_eq!(told, expected);
    // A second sync makes the hooks' objects anew.
    let first = version(JOBS, "before");
    world.sync("one", "{}");
    world.until("the hook runs again", || (world.get(JOBS, "before")?.uid() != first).then_some(())).await;
    world.is("one", "Synced Healthy Succeeded").await;
}
