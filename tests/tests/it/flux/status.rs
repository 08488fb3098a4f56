//! What is written back, whole: status, history, inventory, conditions and events, as Flux 2.9 writes
//! them. Times, durations, digests and commits are masked.

use super::world::*;

#[tokio::test]
async fn a_new_resource_says_that_nobody_looked_at_it() {
    let w = World::empty().await;
    w.apply(&w.repository(""));
    w.apply(&kustomization("apps", "app", ""));
    check(&w.status(REPOSITORY, "repo"), "observedGeneration: -1");
    check(&w.status(KUSTOMIZATION, "apps"), "observedGeneration: -1");
}

#[tokio::test]
async fn a_success_is_written_as_flux_writes_it() {
    let w = World::with_files(&[("app/a.yaml", &map("a", "one"))]).await;
    w.apply(&kustomization("apps", "app", ""));
    w.until("a is there", || w.get(MAPS, "apps", "a")).await;
    w.quiet().await;
    check(
        &w.status(REPOSITORY, "repo"),
        r#"
artifact:
  digest: sha256:DIGEST
  lastUpdateTime: "TIME"
  path: gitrepository/apps/repo/COMMIT.tar.gz
  revision: main@sha1:COMMIT
  size: SIZE
  url: http://HOST/gitrepository/apps/repo/COMMIT.tar.gz
conditions:
- lastTransitionTime: "TIME"
  message: stored artifact for revision 'main@sha1:COMMIT'
  observedGeneration: 1
  reason: Succeeded
  status: "True"
  type: Ready
- lastTransitionTime: "TIME"
  message: stored artifact for revision 'main@sha1:COMMIT'
  observedGeneration: 1
  reason: Succeeded
  status: "True"
  type: ArtifactInStorage
observedGeneration: 1
"#,
    );
    check(
        &w.status(KUSTOMIZATION, "apps"),
        r#"
conditions:
- lastTransitionTime: "TIME"
  message: 'Applied revision: main@sha1:COMMIT'
  observedGeneration: 1
  reason: ReconciliationSucceeded
  status: "True"
  type: Ready
history:
- digest: sha256:DIGEST
  firstReconciled: "TIME"
  lastReconciled: "TIME"
  lastReconciledDuration: DURATION
  lastReconciledStatus: ReconciliationSucceeded
  metadata:
    revision: main@sha1:COMMIT
  totalReconciliations: 1
inventory:
  entries:
  - id: apps_a__ConfigMap
    v: v1
lastAppliedRevision: main@sha1:COMMIT
lastAttemptedRevision: main@sha1:COMMIT
observedGeneration: 1
"#,
    );
    check(&w.events(REPOSITORY, "repo").join("\n"), "Normal NewArtifact stored artifact for commit 'change'");
    check(
        &w.events(KUSTOMIZATION, "apps").join("\n"),
        "Normal Progressing ConfigMap/apps/a created\n\
         Normal ReconciliationSucceeded Reconciliation finished in DURATION, next run in 1h0m0s",
    );
    let repository = w.the(REPOSITORY, "repo");
    assert_eq!(repository.finalizers().collect::<Vec<_>>(), ["finalizers.fluxcd.io"]);
    assert_eq!(w.the(KUSTOMIZATION, "apps").finalizers().collect::<Vec<_>>(), ["finalizers.fluxcd.io"]);
}

#[tokio::test]
async fn a_failed_build_is_written_as_flux_writes_it() {
    let w = World::with_files(&[("app/a.yaml", "apiVersion: v1\nkind: ConfigMap\n")]).await;
    w.apply(&kustomization("apps", "app", "retryInterval: 90s"));
    w.failed(KUSTOMIZATION, "apps", "BuildFailed").await;
    w.quiet().await;
    let status = w.status(KUSTOMIZATION, "apps");
    // Not advanced: to kstatus it is in progress, not failed.
    assert!(status.contains("observedGeneration: -1"), "{status}");
    assert!(status.contains("reason: ProgressingWithRetry\n  status: \"True\"\n  type: Reconciling"), "{status}");
    assert!(status.contains("reason: BuildFailed\n  status: \"False\"\n  type: Ready"), "{status}");
    assert!(
        status.contains("lastAttemptedRevision: main@sha1:COMMIT") && !status.contains("lastAppliedRevision"),
        "{status}"
    );
    assert!(!status.contains("inventory"), "{status}");
    let events = w.events(KUSTOMIZATION, "apps");
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].starts_with("Warning BuildFailed "), "{events:?}");
}

#[tokio::test]
async fn history_tells_what_was_applied_and_how_often() {
    let w = World::with_files(&[("app/a.yaml", &map("a", "one"))]).await;
    w.apply(&kustomization("apps", "app", ""));
    w.until("a is there", || w.get(MAPS, "apps", "a")).await;
    w.quiet().await;
    let again = w.push(&[("elsewhere.yaml", "x: y\n")]).await;
    w.ready("apps", &again).await;
    let other = w.push(&[("app/a.yaml", &map("a", "two"))]).await;
    w.ready("apps", &other).await;
    w.quiet().await;
    let history: Vec<(String, i64)> = w
        .the(KUSTOMIZATION, "apps")
        .at(&["status", "history"])
        .unwrap()
        .items()
        .iter()
        .map(|h| {
            let revision = h.str_at(&["metadata", "revision"]).unwrap().to_owned();
            (revision, h.at(&["totalReconciliations"]).unwrap().as_i64().unwrap())
        })
        .collect();
    assert_eq!(history, [(other, 1), (again, 2)]);
}

#[tokio::test]
async fn a_request_is_answered_at_its_end() {
    let w = World::with_files(&[("app/a.yaml", &map("a", "one"))]).await;
    w.apply(&kustomization("apps", "app", ""));
    w.until("a is there", || w.get(MAPS, "apps", "a")).await;
    w.quiet().await;
    w.reconcile(KUSTOMIZATION, "apps").await;
    w.reconcile(REPOSITORY, "repo").await;
    w.quiet().await;
    assert!(w.status(KUSTOMIZATION, "apps").contains("lastHandledReconcileAt: TOKEN"));
    let status = w.status(REPOSITORY, "repo");
    assert!(status.contains("lastHandledReconcileAt: TOKEN"), "{status}");
}

/// Compat(flux 2.9): the field managers of finalizers.
#[tokio::test]
async fn finalizers_are_of_flux_s_field_managers() {
    let w = World::with_files(&[("app/a.yaml", &map("a", "one"))]).await;
    w.apply(&kustomization("apps", "app", ""));
    w.until("a is there", || w.get(MAPS, "apps", "a")).await;
    w.quiet().await;
    for (kind, name, manager) in
        [(KUSTOMIZATION, "apps", "gotk-kustomize-controller"), (REPOSITORY, "repo", "source-controller")]
    {
        let object = w.the(kind, name);
        let managed = object.at(&["metadata", "managedFields"]).unwrap().items();
        let owner = managed.iter().find(|e| e.at(&["fieldsV1", "f:metadata", "f:finalizers"]).is_some()).unwrap();
        assert_eq!(owner.str_at(&["manager"]), Some(manager));
    }
}

#[tokio::test]
async fn an_inventory_that_says_something_else_of_the_same_objects_is_put_right() {
    let mut w = World::with_files(&[("app/a.yaml", &map("a", "one"))]).await;
    w.apply(&kustomization("apps", "app", ""));
    w.until("a is there", || w.get(MAPS, "apps", "a")).await;
    w.quiet().await;
    w.stop().await;
    // As somebody left it who applied the object in an older version.
    let old = belay_yaml::parse_value(
        "{status: {inventory: {entries: [{id: apps_a__ConfigMap, v: v1beta1}]}}}",
        &belay_yaml::Options::v2(),
    );
    let object = w.the(KUSTOMIZATION, "apps");
    w.user.with_manager("before").merge_patch(&object, "status", &old.unwrap()).unwrap();
    w.start().await;
    w.until("the version is that of Git", || {
        let entries = w.the(KUSTOMIZATION, "apps").at(&["status", "inventory", "entries"])?.to_json();
        (entries == r#"[{"id":"apps_a__ConfigMap","v":"v1"}]"#).then_some(())
    })
    .await;
}
