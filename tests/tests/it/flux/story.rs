//! The story: a commit becomes the state of a cluster, and the cluster stays so.

use super::world::*;

#[tokio::test]
async fn a_commit_becomes_the_state_of_the_cluster() {
    let w = World::with_files(&[("app/a.yaml", &map("a", "one")), ("app/b.yaml", &map("b", "one"))]).await;
    w.apply(&kustomization("apps", "./app", ""));
    let first = format!("main@sha1:{}", w.git.repo().git(&["rev-parse", "main"]).unwrap());
    w.ready("apps", &first).await;
    assert_eq!(w.data("a", "key").as_deref(), Some("one"));
    assert_eq!(w.inventory("apps"), ["apps_a__ConfigMap", "apps_b__ConfigMap"]);
    let a = w.the(MAPS, "a");
    assert_eq!(a.label("kustomize.toolkit.fluxcd.io/name"), Some("apps"));
    assert_eq!(a.label("kustomize.toolkit.fluxcd.io/namespace"), Some("apps"));
    let b = w.the(MAPS, "b");

    let second = w.push(&[("app/a.yaml", &map("a", "two"))]).await;
    w.ready("apps", &second).await;
    assert_eq!(w.data("a", "key").as_deref(), Some("two"));
    assert_eq!(w.the(MAPS, "a").uid(), a.uid());
    assert_eq!(w.the(MAPS, "b").resource_version(), b.resource_version(), "what did not change is not written");
}

#[tokio::test]
async fn drift_is_put_right_by_itself() {
    let w = World::with_files(&[("app/a.yaml", &map("a", "one")), ("app/b.yaml", &map("b", "one"))]).await;
    w.apply(&kustomization("apps", "app", ""));
    w.until("b is there", || w.get(MAPS, "apps", "b")).await;
    w.quiet().await;

    let uid = w.the(MAPS, "a").uid().to_owned();
    w.delete(MAPS, "a");
    w.until("a is back", || w.get(MAPS, "apps", "a").filter(|a| a.uid() != uid)).await;
    w.quiet().await;

    w.patch(MAPS, "b", "{data: {key: edited}}");
    w.until("b is as it was", || w.data("b", "key").filter(|v| v == "one")).await;
    w.quiet().await;

    // What somebody else adds is theirs.
    w.patch(MAPS, "b", "{data: {theirs: stays}}");
    w.quiet().await;
    assert_eq!(w.data("b", "theirs").as_deref(), Some("stays"));

    w.patch(MAPS, "a", "{metadata: {labels: {kustomize.toolkit.fluxcd.io/name: null}}}");
    w.until("the owner's label is back", || {
        w.get(MAPS, "apps", "a").filter(|a| a.label("kustomize.toolkit.fluxcd.io/name").is_some())
    })
    .await;
}

#[tokio::test]
async fn a_removed_manifest_is_pruned_and_nothing_else() {
    let w = World::with_files(&[("app/a.yaml", &map("a", "one")), ("app/b.yaml", &map("b", "one"))]).await;
    w.apply(&map("bystander", "mine"));
    w.apply(&kustomization("apps", "app", ""));
    w.until("b is there", || w.get(MAPS, "apps", "b")).await;
    // An object that copied our labels is not ours: INV-ACT-4.
    w.apply(&map("copy", "mine"));
    w.patch(
        MAPS,
        "copy",
        "{metadata: {labels: {kustomize.toolkit.fluxcd.io/name: apps, kustomize.toolkit.fluxcd.io/namespace: apps}}}",
    );
    let a = w.the(MAPS, "a");

    let revision = w.push_changes(&[("app/b.yaml", None)]).await;
    w.ready("apps", &revision).await;
    assert!(!w.has(MAPS, "b") && w.has(MAPS, "bystander") && w.has(MAPS, "copy"));
    assert_eq!(w.inventory("apps"), ["apps_a__ConfigMap"]);
    assert_eq!(w.the(MAPS, "a").resource_version(), a.resource_version());
}

#[tokio::test]
async fn without_prune_what_leaves_git_stays_and_is_forgotten() {
    let w = World::with_files(&[("app/a.yaml", &map("a", "one")), ("app/b.yaml", &map("b", "one"))]).await;
    w.apply(&kustomization("apps", "app", "prune: false"));
    w.until("b is there", || w.get(MAPS, "apps", "b")).await;
    let revision = w.push_changes(&[("app/b.yaml", None)]).await;
    w.ready("apps", &revision).await;
    assert!(w.has(MAPS, "b"));
    assert_eq!(w.inventory("apps"), ["apps_a__ConfigMap"]);
}

#[tokio::test]
async fn a_broken_manifest_touches_nothing_and_its_revert_heals() {
    let w = World::with_files(&[("app/a.yaml", &map("a", "one")), ("app/b.yaml", &map("b", "one"))]).await;
    w.apply(&kustomization("apps", "app", ""));
    w.until("b is there", || w.get(MAPS, "apps", "b")).await;
    let (a, b) = (w.the(MAPS, "a"), w.the(MAPS, "b"));

    let broken = w
        .push_changes(&[
            ("app/a.yaml", Some("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n name: twice\n")),
            ("app/b.yaml", None),
        ])
        .await;
    let message = w.failed_at("apps", &broken, "BuildFailed").await;
    assert!(message.contains("app/a.yaml") && message.contains("line 5"), "{message}");
    assert_eq!(w.the(MAPS, "a").resource_version(), a.resource_version());
    assert_eq!(w.the(MAPS, "b").resource_version(), b.resource_version());
    assert_eq!(w.inventory("apps"), ["apps_a__ConfigMap", "apps_b__ConfigMap"]);

    let healed = w.push(&[("app/a.yaml", &map("a", "one")), ("app/b.yaml", &map("b", "one"))]).await;
    w.ready("apps", &healed).await;
    assert_eq!(w.the(MAPS, "a").resource_version(), a.resource_version());
    assert_eq!(w.the(MAPS, "b").uid(), b.uid());
}

#[tokio::test]
async fn suspend_holds_everything_and_resume_catches_up() {
    let w = World::with_files(&[("app/a.yaml", &map("a", "one")), ("app/b.yaml", &map("b", "one"))]).await;
    w.apply(&kustomization("apps", "app", ""));
    w.until("b is there", || w.get(MAPS, "apps", "b")).await;
    w.quiet().await;
    w.patch(KUSTOMIZATION, "apps", "{spec: {suspend: true}}");
    w.quiet().await;

    let revision = w.push_changes(&[("app/a.yaml", Some(&map("a", "two"))), ("app/b.yaml", None)]).await;
    w.patch(MAPS, "a", "{data: {key: edited}}");
    // A request is answered even so.
    w.reconcile(KUSTOMIZATION, "apps").await;
    w.quiet().await;
    assert_eq!(w.data("a", "key").as_deref(), Some("edited"));
    assert!(w.has(MAPS, "b"));

    w.patch(KUSTOMIZATION, "apps", "{spec: {suspend: false}}");
    w.ready("apps", &revision).await;
    assert_eq!(w.data("a", "key").as_deref(), Some("two"));
    assert!(!w.has(MAPS, "b"));
}

#[tokio::test]
async fn a_suspended_source_holds_its_revision() {
    let w = World::with_files(&[("app/a.yaml", &map("a", "one"))]).await;
    w.apply(&kustomization("apps", "app", ""));
    w.until("a is there", || w.get(MAPS, "apps", "a")).await;
    w.patch(REPOSITORY, "repo", "{spec: {suspend: true}}");
    let next = w.commit(&[("app/a.yaml", &map("a", "two"))]);
    w.reconcile(REPOSITORY, "repo").await;
    w.quiet().await;
    assert_eq!(w.data("a", "key").as_deref(), Some("one"));
    w.patch(REPOSITORY, "repo", "{spec: {suspend: false}}");
    w.ready("apps", &next).await;
    assert_eq!(w.data("a", "key").as_deref(), Some("two"));
}

#[tokio::test]
async fn a_restart_changes_nothing_and_writes_nothing() {
    let mut w = World::with_files(&[
        ("app/a.yaml", &map("a", "one")),
        ("app/b.yaml", &map("b", "one")),
        ("other/c.yaml", &map("c", "one")),
    ])
    .await;
    w.apply(&kustomization("apps", "app", "wait: true"));
    w.apply(&kustomization("other", "other", "dependsOn: [{name: apps}]"));
    w.until("c is there", || w.get(MAPS, "apps", "c")).await;
    w.quiet().await;
    let version = w.server.store().version();
    for _ in 0..2 {
        w.stop().await;
        w.start().await;
        w.until("all is looked at again", || (w.controllers.as_ref()?.memo().counts().renders >= 2).then_some(()))
            .await;
        w.quiet().await;
        let writes: Vec<_> =
            w.wire.log(0).into_iter().filter(|r| !r.starts_with("GET") && !r.contains("dryRun=All")).collect();
        assert!(writes.is_empty(), "{writes:?}");
        assert_eq!(w.server.store().version(), version);
    }
}

#[tokio::test]
async fn a_steady_cluster_costs_no_request() {
    let files: Vec<_> = (0..8).map(|n| (format!("app-{n}/a.yaml"), map(&format!("a-{n}"), "one"))).collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let w = World::with_files(&files).await;
    for n in 0..8 {
        w.apply(&kustomization(&format!("app-{n}"), &format!("app-{n}"), "wait: true"));
    }
    for n in 0..8 {
        w.until("the last map", || w.get(MAPS, "apps", &format!("a-{n}"))).await;
    }
    w.quiet().await;
    let (sent, renders) = (w.wire.count(), w.controllers.as_ref().unwrap().memo().counts().renders);
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    assert_eq!(w.wire.log(sent), Vec::<String>::new());

    // One commit that touches one of them renders one of them, and writes to one of them.
    let revision = w.push(&[("app-3/a.yaml", &map("a-3", "two"))]).await;
    for n in 0..8 {
        w.ready(&format!("app-{n}"), &revision).await;
    }
    w.quiet().await;
    assert_eq!(w.controllers.as_ref().unwrap().memo().counts().renders, renders + 1);
    let applied: Vec<_> = w.wire.log(sent).into_iter().filter(|r| r.contains("/configmaps/")).collect();
    assert!(!applied.is_empty() && applied.iter().all(|r| r.contains("/a-3")), "{applied:?}");
}
