//! Objects that move between Kustomizations are handed over: never deleted, whoever runs first and
//! whatever is wrong with the one that takes them (ACT-7). And what is deleted was recorded before (ACT-1).

use std::time::Duration;

use super::world::*;

/// A world whose Kustomizations look soon at what they wait for.
async fn world(files: &[(&str, &str)]) -> World {
    let mut w = World::empty().await;
    w.settings.requeue_dependency = Duration::from_millis(100);
    w.commit(files);
    w.apply(&w.repository(""));
    w.start().await;
    w
}

fn head(w: &World) -> String {
    format!("main@sha1:{}", w.git.repo().git(&["rev-parse", "main"]).unwrap())
}

/// Waits until an object carries a Kustomization's label.
async fn owned_by(w: &World, name: &str, owner: &str) {
    w.until(&format!("{owner} owns {name}"), || {
        w.get(MAPS, "apps", name).filter(|o| o.label("kustomize.toolkit.fluxcd.io/name") == Some(owner))
    })
    .await;
}

async fn lists(w: &World, kustomization: &str, ids: &[&str]) {
    w.until(&format!("{kustomization} lists {ids:?}"), || (w.inventory(kustomization) == ids).then_some(())).await;
}

#[tokio::test]
async fn an_object_that_moves_to_another_kustomization_is_handed_over() {
    let w = world(&[
        ("left/a.yaml", &map("a", "one")),
        ("left/stays.yaml", &map("left", "one")),
        ("right/stays.yaml", &map("right", "one")),
    ])
    .await;
    w.apply(&kustomization("left", "left", ""));
    w.apply(&kustomization("right", "right", ""));
    w.until("both are there", || w.get(MAPS, "apps", "a").and(w.get(MAPS, "apps", "right"))).await;
    w.quiet().await;
    let uid = w.the(MAPS, "a").uid().to_owned();
    // To and fro, in one commit each; whoever runs first, it is never deleted.
    for (from, to) in [("left", "right"), ("right", "left"), ("left", "right"), ("right", "left")] {
        let (old, new) = (format!("{from}/a.yaml"), format!("{to}/a.yaml"));
        let text = map("a", to);
        let revision = w.push_changes(&[(&old, None), (&new, Some(&text))]).await;
        w.ready("left", &revision).await;
        w.ready("right", &revision).await;
        owned_by(&w, "a", to).await;
        assert_eq!(w.the(MAPS, "a").uid(), uid, "never deleted");
        assert_eq!(w.data("a", "key").as_deref(), Some(to));
        let (own, other) = (format!("apps_{to}__ConfigMap"), format!("apps_{from}__ConfigMap"));
        lists(&w, to, &["apps_a__ConfigMap", &own]).await;
        lists(&w, from, &[&other]).await;
    }
}

#[tokio::test]
async fn nothing_is_deleted_while_it_is_not_known_what_a_broken_neighbour_takes_over() {
    let files = [
        ("left/a.yaml", &*map("a", "one")),
        ("left/gone.yaml", &*map("gone", "one")),
        ("left/stays.yaml", &*map("left", "one")),
        ("right/stays.yaml", &*map("right", "one")),
    ];
    let w = world(&files).await;
    w.apply(&kustomization("left", "left", ""));
    w.apply(&kustomization("right", "right", ""));
    w.ready("left", &head(&w)).await;
    w.ready("right", &head(&w)).await;
    let uid = w.the(MAPS, "a").uid().to_owned();
    // `a` moves, `gone` goes; what should take `a` over is broken by the same commit.
    let a = map("a", "two");
    let changes = [
        ("left/a.yaml", None),
        ("left/gone.yaml", None),
        ("right/a.yaml", Some(&*a)),
        ("right/z.yaml", Some("kind: [\n")),
    ];
    let broken = w.push_changes(&changes).await;
    w.failed_at("right", &broken, "BuildFailed").await;
    w.ready("left", &broken).await;
    lists(&w, "left", &["apps_a__ConfigMap", "apps_gone__ConfigMap", "apps_left__ConfigMap"]).await;
    assert!(w.has(MAPS, "gone"));
    assert_eq!(w.the(MAPS, "a").uid(), uid);
    let told = w.events(KUSTOMIZATION, "left").join("\n");
    let why = "failed to decode Kubernetes YAML from right/z.yaml: yaml: line 2: did not find expected node content";
    for name in ["a", "gone"] {
        let held = format!(
            "ConfigMap/apps/{name} stays until it is known whether Kustomization/apps/right takes it over: {why}"
        );
        assert!(told.contains(&held), "{told}");
    }
    // A restart does not forget that.
    let mut w = w;
    w.stop().await;
    w.start().await;
    w.reconcile(KUSTOMIZATION, "left").await;
    assert!(w.has(MAPS, "gone"));
    let healed = w.push_changes(&[("right/z.yaml", None)]).await;
    w.ready("right", &healed).await;
    lists(&w, "left", &["apps_left__ConfigMap"]).await;
    lists(&w, "right", &["apps_a__ConfigMap", "apps_right__ConfigMap"]).await;
    assert_eq!(w.the(MAPS, "a").uid(), uid, "never deleted");
    assert_eq!(w.data("a", "key").as_deref(), Some("two"));
    assert!(!w.has(MAPS, "gone"), "what nobody takes over is deleted when that is known");
}

#[tokio::test]
async fn an_object_is_handed_to_a_kustomization_that_comes_with_the_same_commit() {
    let left = kustomization("left", "left", "");
    let stays = map("left", "one");
    let w =
        world(&[("clusters/left.yaml", &left), ("left/a.yaml", &map("a", "one")), ("left/stays.yaml", &stays)]).await;
    w.apply(&kustomization("root", "clusters", ""));
    w.ready("left", &head(&w)).await;
    w.ready("root", &head(&w)).await;
    let uid = w.the(MAPS, "a").uid().to_owned();
    // The one that renders the new Kustomization is held back, so that the old one runs first.
    w.patch(KUSTOMIZATION, "root", "{spec: {dependsOn: [{name: nobody}]}}");
    w.failed(KUSTOMIZATION, "root", "DependencyNotReady").await;
    let (a, right) = (map("a", "two"), kustomization("right", "right", ""));
    let moves = [("left/a.yaml", None), ("right/a.yaml", Some(&*a)), ("clusters/right.yaml", Some(&*right))];
    let revision = w.push_changes(&moves).await;
    w.ready("left", &revision).await;
    assert!(!w.has(KUSTOMIZATION, "right"));
    assert_eq!(w.the(MAPS, "a").uid(), uid);
    w.patch(KUSTOMIZATION, "root", "{spec: {dependsOn: null}}");
    w.ready("right", &revision).await;
    owned_by(&w, "a", "right").await;
    lists(&w, "left", &["apps_left__ConfigMap"]).await;
    assert_eq!(w.the(MAPS, "a").uid(), uid, "never deleted");
    assert_eq!(w.data("a", "key").as_deref(), Some("two"));
}

#[tokio::test]
async fn a_kustomization_that_gets_another_name_keeps_its_objects() {
    let left = kustomization("left", "app", "");
    let w = world(&[("clusters/ks.yaml", &left), ("app/a.yaml", &map("a", "one"))]).await;
    w.apply(&kustomization("root", "clusters", ""));
    w.ready("left", &head(&w)).await;
    w.ready("root", &head(&w)).await;
    let uid = w.the(MAPS, "a").uid().to_owned();
    let revision = w.push(&[("clusters/ks.yaml", &kustomization("right", "app", ""))]).await;
    w.ready("root", &revision).await;
    w.ready("right", &revision).await;
    w.until("the old name is gone", || (!w.has(KUSTOMIZATION, "left")).then_some(())).await;
    owned_by(&w, "a", "right").await;
    assert_eq!(w.the(MAPS, "a").uid(), uid, "never deleted");
}

#[tokio::test]
async fn what_is_deleted_was_recorded_before() {
    let w = world(&[("app/a.yaml", &map("a", "one")), ("app/b.yaml", &map("b", "one"))]).await;
    w.apply(&kustomization("apps", "app", ""));
    w.ready("apps", &head(&w)).await;
    w.quiet().await;
    assert_eq!(w.the(KUSTOMIZATION, "apps").annotation("belay.dev/deletions"), None);
    let b = w.the(MAPS, "b");
    let from = w.wire.count();
    let revision = w.push_changes(&[("app/b.yaml", None)]).await;
    w.ready("apps", &revision).await;
    let record = w.the(KUSTOMIZATION, "apps");
    let record = belay_object::from_json_str(record.annotation("belay.dev/deletions").unwrap()).unwrap();
    assert_eq!(record.str_at(&["revision"]), Some(&*revision));
    let objects = record.at(&["objects"]).unwrap().items();
    assert_eq!(objects.len(), 1);
    let field = |name: &str| objects[0].str_at(&[name]).unwrap_or_default();
    assert_eq!(
        [field("id"), field("uid"), field("reason"), field("owner")],
        ["apps_b__ConfigMap", b.uid(), "Pruned", "apps/apps"]
    );
    let log = w.wire.log(from);
    let at = |start: &str| log.iter().position(|line| line.starts_with(start)).unwrap_or_else(|| panic!("{log:#?}"));
    let patched = at("PATCH /apis/kustomize.toolkit.fluxcd.io/v1/namespaces/apps/kustomizations/apps?");
    assert!(patched < at("DELETE /api/v1/namespaces/apps/configmaps/b"), "{log:#?}");
}

#[tokio::test]
async fn a_deletion_waits_for_a_new_neighbour_that_is_broken_and_not_for_an_old_one() {
    let w = world(&[("left/a.yaml", &map("a", "one")), ("old/b.yaml", &map("b", "one")), ("new/a.yaml", "kind: [\n")])
        .await;
    w.apply(&kustomization("left", "left", ""));
    w.apply(&kustomization("old", "old", ""));
    w.ready("left", &head(&w)).await;
    w.ready("old", &head(&w)).await;
    let uid = w.the(MAPS, "a").uid().to_owned();
    w.apply(&kustomization("new", "new", ""));
    w.failed(KUSTOMIZATION, "new", "BuildFailed").await;
    w.delete(KUSTOMIZATION, "left");
    // It looks again and again, and writes nothing.
    let from = w.wire.count();
    w.until("it looks", || (w.wire.log(from).iter().filter(|l| l.contains("configmaps/a")).count() > 2).then_some(()))
        .await;
    let log = w.wire.log(from);
    assert!(!log.iter().any(|l| l.starts_with("DELETE") || l.contains("kustomizations/left")), "{log:#?}");
    assert!(w.has(KUSTOMIZATION, "left") && w.has(MAPS, "a"));
    // The new one was to take `a` over, and does: only then does the old owner go.
    let text = map("a", "two");
    let revision = w.push_changes(&[("new/a.yaml", Some(&text)), ("old/b.yaml", Some("kind: [\n"))]).await;
    w.ready("new", &revision).await;
    w.until("left is gone", || (!w.has(KUSTOMIZATION, "left")).then_some(())).await;
    assert_eq!(w.the(MAPS, "a").uid(), uid, "never deleted");
    // What broke later has what it has: it does not hold anybody up.
    w.failed_at("old", &revision, "BuildFailed").await;
    w.delete(KUSTOMIZATION, "new");
    w.until("new is gone with its object", || (!w.has(KUSTOMIZATION, "new") && !w.has(MAPS, "a")).then_some(())).await;
}
