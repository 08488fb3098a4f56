//! The rules of a Kustomization: order, health, force, rights, substitution, marks, ownership, and
//! what happens when it is deleted.

use super::world::*;

#[tokio::test]
async fn a_dependent_waits_for_the_revision_of_what_it_depends_on() {
    let w = World::with_files(&[("base/a.yaml", &map("a", "one")), ("top/b.yaml", &map("b", "one"))]).await;
    w.apply(&kustomization("top", "top", "dependsOn: [{name: base}]"));
    let message = w.failed(KUSTOMIZATION, "top", "DependencyNotReady").await;
    assert!(message.contains("'apps/base' not found"), "{message}");
    assert!(!w.has(MAPS, "b"));
    w.apply(&kustomization("base", "base", ""));
    w.until("b follows a", || w.get(MAPS, "apps", "b")).await;

    // The base cannot have the next revision, so the top does not get it either.
    let broken = w.push(&[("base/a.yaml", "kind: [\n"), ("top/b.yaml", &map("b", "two"))]).await;
    w.failed_at("base", &broken, "BuildFailed").await;
    let message = w.failed(KUSTOMIZATION, "top", "DependencyNotReady").await;
    assert!(message.contains("'apps/base' is not ready"), "{message}");
    assert_eq!(w.data("b", "key").as_deref(), Some("one"));
    let healed = w.push(&[("base/a.yaml", &map("a", "two"))]).await;
    w.ready("top", &healed).await;
    assert_eq!(w.data("b", "key").as_deref(), Some("two"));
}

#[tokio::test]
async fn a_circle_of_dependencies_is_told_and_applies_nothing() {
    let w = World::with_files(&[("a/a.yaml", &map("a", "one")), ("b/b.yaml", &map("b", "one"))]).await;
    w.apply(&kustomization("first", "a", "dependsOn: [{name: second}]"));
    w.apply(&kustomization("second", "b", "dependsOn: [{name: first}]"));
    let first = w.failed(KUSTOMIZATION, "first", "DependencyNotReady").await;
    let second = w.failed(KUSTOMIZATION, "second", "DependencyNotReady").await;
    assert!(first.contains("'apps/second'") && second.contains("'apps/first'"), "{first} {second}");
    w.quiet().await;
    assert!(!w.has(MAPS, "a") && !w.has(MAPS, "b"));
}

#[tokio::test]
async fn a_dependency_s_own_expression_replaces_the_check() {
    let w = World::with_files(&[("base/a.yaml", &map("a", "one")), ("top/b.yaml", &map("b", "one"))]).await;
    let ready = "dependsOn:\n- name: base\n  readyExpr: dep.metadata.labels['go'] == 'yes'";
    w.apply(&kustomization("base", "base", ""));
    w.patch(KUSTOMIZATION, "base", "{metadata: {labels: {go: 'no'}}}");
    w.apply(&kustomization("top", "top", ready));
    let message = w.failed(KUSTOMIZATION, "top", "DependencyNotReady").await;
    assert!(message.contains("readyExpr"), "{message}");
    w.patch(KUSTOMIZATION, "base", "{metadata: {labels: {go: 'yes'}}}");
    w.reconcile(KUSTOMIZATION, "top").await;
    assert!(w.has(MAPS, "b"));
}

#[tokio::test]
async fn a_rollout_is_waited_for_and_a_broken_image_fails_and_heals() {
    let w = World::with_files(&[("app/web.yaml", &deployment("web", "shop/web:1"))]).await;
    // The time is that of the wait for health; Flux gives no run less than 30 s, whatever is written.
    w.apply(&kustomization("apps", "app", "wait: true\ntimeout: 2s\nretryInterval: 1h"));
    let first = w
        .until("a revision", || Some(w.the(REPOSITORY, "repo").str_at(&["status", "artifact", "revision"])?.to_owned()))
        .await;
    w.ready("apps", &first).await;
    let available =
        |n| w.the(DEPLOYMENTS, "web").at(&["status", "availableReplicas"]).and_then(|v| v.as_i64()) == Some(n);
    assert!(available(1), "ready means that it runs");
    assert!(w.status(KUSTOMIZATION, "apps").contains("Health check passed in DURATION"));

    let broken = w.push(&[("app/web.yaml", &deployment("web", "shop/web:broken"))]).await;
    let message = w.failed_at("apps", &broken, "HealthCheckFailed").await;
    assert!(message.contains("timeout waiting for: [Deployment/apps/web status: 'InProgress'"), "{message}");
    let healthy = belay_object::Condition::find(&w.the(KUSTOMIZATION, "apps"), "Healthy").unwrap();
    assert_eq!(healthy.status.as_str(), "False");

    let healed = w.push(&[("app/web.yaml", &deployment("web", "shop/web:2"))]).await;
    w.ready("apps", &healed).await;
    assert!(available(1));
}

#[tokio::test]
async fn listed_objects_are_waited_for_whoever_made_them() {
    let w = World::with_files(&[("app/a.yaml", &map("a", "one"))]).await;
    w.apply(&kustomization(
        "apps",
        "app",
        "timeout: 20s\nhealthChecks: [{apiVersion: apps/v1, kind: Deployment, name: theirs, namespace: apps}]",
    ));
    w.until("a is there and not enough", || w.get(MAPS, "apps", "a")).await;
    w.until("the wait is told", || {
        w.status(KUSTOMIZATION, "apps").contains("Running health checks for revision").then_some(())
    })
    .await;
    w.apply(&deployment("theirs", "their/image:1"));
    let revision = w.the(REPOSITORY, "repo").str_at(&["status", "artifact", "revision"]).unwrap().to_owned();
    w.ready("apps", &revision).await;
}

#[tokio::test]
async fn health_may_be_defined_by_expressions() {
    let widgets = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"#;
    let widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: w, namespace: apps}\nspec: {size: 1}\n";
    let w = World::with_files(&[("app/crd.yaml", widgets), ("app/w.yaml", widget)]).await;
    w.apply(&kustomization(
        "apps",
        "app",
        "wait: true\ntimeout: 20s\nhealthCheckExprs:\n- apiVersion: example.com/v1\n  kind: Widget\n  current: has(status.phase) && status.phase == 'Done'",
    ));
    let kind = ("example.com/v1", "Widget");
    w.until("the widget is there", || w.get(kind, "apps", "w")).await;
    w.quiet().await;
    assert!(!w.status(KUSTOMIZATION, "apps").contains("Applied revision"));
    w.patch_as("widget-controller", kind, "w", "{status: {phase: Busy}}");
    w.quiet().await;
    assert!(!w.status(KUSTOMIZATION, "apps").contains("Applied revision"));
    w.patch_as("widget-controller", kind, "w", "{status: {phase: Done}}");
    let revision = w.the(REPOSITORY, "repo").str_at(&["status", "artifact", "revision"]).unwrap().to_owned();
    w.ready("apps", &revision).await;
    assert_eq!(
        w.inventory("apps"),
        ["_widgets.example.com_apiextensions.k8s.io_CustomResourceDefinition", "apps_w_example.com_Widget"]
    );
}

const JOB: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: once, namespace: apps}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{name: main, image: 'IMAGE'}]\n";

#[tokio::test]
async fn an_immutable_field_is_refused_and_forced_where_that_is_asked_for() {
    let jobs = ("batch/v1", "Job");
    let w =
        World::with_files(&[("app/a.yaml", &map("a", "one")), ("app/job.yaml", &JOB.replace("IMAGE", "shop/job:1"))])
            .await;
    w.apply(&kustomization("apps", "app", ""));
    w.until("the job is there", || w.get(jobs, "apps", "once")).await;
    w.quiet().await;
    let uid = w.the(jobs, "once").uid().to_owned();

    let changed =
        w.push(&[("app/a.yaml", &map("a", "two")), ("app/job.yaml", &JOB.replace("IMAGE", "shop/job:2"))]).await;
    let message = w.failed_at("apps", &changed, "ReconciliationFailed").await;
    assert!(
        message.contains("Job/apps/once") && message.contains("immutable") && message.contains("app/job.yaml"),
        "{message}"
    );
    assert_eq!(w.the(jobs, "once").uid(), uid);
    assert_eq!(w.data("a", "key").as_deref(), Some("one"), "what is refused keeps its stage from being written");

    w.patch(KUSTOMIZATION, "apps", "{spec: {force: true}}");
    w.ready("apps", &changed).await;
    assert_ne!(w.the(jobs, "once").uid(), uid);
    assert_eq!(w.data("a", "key").as_deref(), Some("two"));
}

#[tokio::test]
async fn one_object_may_ask_to_be_forced() {
    let jobs = ("batch/v1", "Job");
    let job = |image: &str| {
        let marked =
            "metadata: {name: once, namespace: apps, annotations: {kustomize.toolkit.fluxcd.io/force: Enabled}}";
        JOB.replace("metadata: {name: once, namespace: apps}", marked).replace("IMAGE", image)
    };
    let w = World::with_files(&[("app/job.yaml", &job("shop/job:1"))]).await;
    w.apply(&kustomization("apps", "app", ""));
    w.until("the job is there", || w.get(jobs, "apps", "once")).await;
    w.quiet().await;
    let uid = w.the(jobs, "once").uid().to_owned();
    let changed = w.push(&[("app/job.yaml", &job("shop/job:2"))]).await;
    w.ready("apps", &changed).await;
    assert_ne!(w.the(jobs, "once").uid(), uid);
}

#[tokio::test]
async fn a_tenant_acts_with_its_own_rights() {
    let w = World::with_files(&[("app/a.yaml", &map("a", "one"))]).await;
    w.apply(&kustomization("apps", "app", "serviceAccountName: deployer"));
    let message = w.failed(KUSTOMIZATION, "apps", "ReconciliationFailed").await;
    assert!(
        message.contains("ConfigMap/apps/a")
            && message.contains("system:serviceaccount:apps:deployer")
            && message.contains("forbidden")
            && message.contains("app/a.yaml"),
        "{message}"
    );
    assert!(!w.has(MAPS, "a"));
    w.apply(
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: maps, namespace: apps}\n\
         rules: [{apiGroups: [''], resources: [configmaps], verbs: ['*']}]\n---\n\
         apiVersion: rbac.authorization.k8s.io/v1\nkind: RoleBinding\nmetadata: {name: maps, namespace: apps}\n\
         roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: maps}\n\
         subjects: [{kind: ServiceAccount, name: deployer, namespace: apps}]\n",
    );
    w.reconcile(KUSTOMIZATION, "apps").await;
    assert_eq!(w.data("a", "key").as_deref(), Some("one"));
}

#[tokio::test]
async fn variables_are_put_in_after_the_build() {
    let w = World::with_files(&[(
        "app/a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: apps}\ndata:\n  key: ${colour}-${size:=big}\n  kept: $${colour}\n",
    )])
    .await;
    w.apply(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: vars, namespace: apps}, data: {colour: red, size: small}}",
    );
    let post = "postBuild:\n  substitute: {size: large}\n  substituteFrom: [{kind: ConfigMap, name: vars}, {kind: Secret, name: none, optional: true}]";
    w.apply(&kustomization("apps", "app", post));
    w.until("a is there", || w.get(MAPS, "apps", "a")).await;
    assert_eq!(w.data("a", "key").as_deref(), Some("red-large"));
    assert_eq!(w.data("a", "kept").as_deref(), Some("${colour}"));
    w.quiet().await;

    // A changed variable is seen by the next run, without a commit.
    w.patch(MAPS, "vars", "{data: {colour: blue}}");
    w.reconcile(KUSTOMIZATION, "apps").await;
    assert_eq!(w.data("a", "key").as_deref(), Some("blue-large"));
    w.patch(MAPS, "vars", "{data: {colour: null}}");
    w.reconcile(KUSTOMIZATION, "apps").await;
    let message = w.failed(KUSTOMIZATION, "apps", "BuildFailed").await;
    assert!(message.contains("colour"), "{message}");
    assert_eq!(w.data("a", "key").as_deref(), Some("blue-large"));
}

#[tokio::test]
async fn marks_keep_objects_from_being_pruned_or_touched() {
    let marked = |name: &str, mark: &str| {
        map(name, "one")
            .replace("  namespace:", &format!("  annotations: {{kustomize.toolkit.fluxcd.io/{mark}}}\n  namespace:"))
    };
    let w = World::with_files(&[
        ("app/plain.yaml", &map("plain", "one")),
        ("app/kept.yaml", &marked("kept", "prune: Disabled")),
        ("app/left.yaml", &marked("left", "reconcile: disabled")),
        ("app/once.yaml", &marked("once", "ssa: IfNotPresent")),
    ])
    .await;
    w.apply(&map("left", "mine"));
    w.apply(&kustomization("apps", "app", ""));
    w.until("all are there", || {
        w.get(MAPS, "apps", "once").and(w.get(MAPS, "apps", "kept")).and(w.get(MAPS, "apps", "plain"))
    })
    .await;
    w.quiet().await;
    assert_eq!(w.data("left", "key").as_deref(), Some("mine"));
    assert_eq!(
        w.inventory("apps"),
        ["apps_kept__ConfigMap", "apps_left__ConfigMap", "apps_once__ConfigMap", "apps_plain__ConfigMap"]
    );
    w.patch(MAPS, "once", "{data: {key: edited}}");
    w.quiet().await;
    assert_eq!(w.data("once", "key").as_deref(), Some("edited"));

    // A live object that says so is left alone from then on.
    w.patch(MAPS, "plain", "{metadata: {annotations: {kustomize.toolkit.fluxcd.io/reconcile: disabled}}}");
    w.quiet().await;
    w.patch(MAPS, "plain", "{data: {key: edited}}");
    w.quiet().await;
    assert_eq!(w.data("plain", "key").as_deref(), Some("edited"));
    w.reconcile(KUSTOMIZATION, "apps").await;
    assert_eq!(w.data("plain", "key").as_deref(), Some("edited"));

    let revision = w.push_changes(&[("app/kept.yaml", None), ("app/left.yaml", None), ("app/plain.yaml", None)]).await;
    w.ready("apps", &revision).await;
    assert!(w.has(MAPS, "kept") && w.has(MAPS, "left") && w.has(MAPS, "plain"));
    assert_eq!(w.inventory("apps"), ["apps_once__ConfigMap"]);
}

#[tokio::test]
async fn what_kubectl_managed_is_taken_over() {
    let w = World::empty().await;
    w.user
        .with_manager("kubectl-client-side-apply")
        .create(objects(&(map("a", "one") + "  extra: gone\n")).remove(0))
        .unwrap();
    w.patch(MAPS, "a", "{metadata: {annotations: {kubectl.kubernetes.io/last-applied-configuration: '{}'}}}");
    w.apply_as(
        "somebody",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: apps}, data: {theirs: stays}}",
    );
    let uid = w.the(MAPS, "a").uid().to_owned();
    w.commit(&[("app/a.yaml", &map("a", "two"))]);
    w.apply(&w.repository(""));
    w.apply(&kustomization("apps", "app", ""));
    let mut w = w;
    w.start().await;
    w.until("a is ours", || w.data("a", "key").filter(|v| v == "two")).await;
    w.quiet().await;
    let a = w.the(MAPS, "a");
    assert_eq!(a.uid(), uid);
    assert_eq!(a.str_at(&["data", "extra"]), None, "a field that is not in Git goes with its manager");
    assert_eq!(a.str_at(&["data", "theirs"]), Some("stays"));
    assert_eq!(a.annotation("kubectl.kubernetes.io/last-applied-configuration"), None);
    let managers: Vec<_> =
        a.at(&["metadata", "managedFields"]).unwrap().items().iter().filter_map(|e| e.str_at(&["manager"])).collect();
    assert!(!managers.iter().any(|m| m.starts_with("kubectl")), "{managers:?}");
}

/// Deletes the Kustomization of two maps under a policy, and gives what is left of them.
async fn left_after_deletion(spec: &str, prepare: impl FnOnce(&World)) -> Vec<&'static str> {
    let w = World::with_files(&[("app/a.yaml", &map("a", "one")), ("app/b.yaml", &map("b", "one"))]).await;
    w.apply(&kustomization("apps", "app", spec));
    w.until("both are there", || w.get(MAPS, "apps", "a").and(w.get(MAPS, "apps", "b"))).await;
    w.quiet().await;
    prepare(&w);
    w.quiet().await;
    w.delete(KUSTOMIZATION, "apps");
    w.until("the Kustomization is gone", || (!w.has(KUSTOMIZATION, "apps")).then_some(())).await;
    ["a", "b"].into_iter().filter(|name| w.has(MAPS, name)).collect()
}

#[tokio::test]
async fn deletion_does_what_its_policy_says() {
    let none: [&str; 0] = [];
    assert_eq!(left_after_deletion("", |_| {}).await, none);
    assert_eq!(left_after_deletion("prune: false", |_| {}).await, ["a", "b"]);
    assert_eq!(left_after_deletion("prune: false\ndeletionPolicy: Delete", |_| {}).await, none);
    assert_eq!(left_after_deletion("deletionPolicy: WaitForTermination", |_| {}).await, none);
    assert_eq!(left_after_deletion("deletionPolicy: Orphan", |_| {}).await, ["a", "b"]);
    let suspended = |w: &World| w.patch(KUSTOMIZATION, "apps", "{spec: {suspend: true}}");
    assert_eq!(left_after_deletion("", suspended).await, ["a", "b"]);
    // What somebody else owns by now is theirs.
    let taken = |w: &World| {
        w.patch(MAPS, "a", "{metadata: {labels: {kustomize.toolkit.fluxcd.io/name: other}, annotations: {kustomize.toolkit.fluxcd.io/reconcile: disabled}}}")
    };
    assert_eq!(left_after_deletion("", taken).await, ["a"]);
}

#[tokio::test]
async fn a_deletion_that_waits_ends_when_the_objects_are_gone() {
    let w = World::with_files(&[("app/a.yaml", &map("a", "one"))]).await;
    w.apply(&kustomization("apps", "app", "deletionPolicy: WaitForTermination\ntimeout: 20s"));
    w.until("a is there", || w.get(MAPS, "apps", "a")).await;
    w.patch(MAPS, "a", "{metadata: {finalizers: [example.com/slow]}}");
    w.quiet().await;
    w.delete(KUSTOMIZATION, "apps");
    w.until("a is being deleted", || w.get(MAPS, "apps", "a").filter(|a| a.is_deleting())).await;
    assert!(w.has(KUSTOMIZATION, "apps"));
    w.patch(MAPS, "a", "{metadata: {finalizers: null}}");
    w.until("all is gone", || (!w.has(KUSTOMIZATION, "apps") && !w.has(MAPS, "a")).then_some(())).await;
}

#[tokio::test]
async fn namespaces_come_first_and_go_last_and_hold_back_for_others() {
    let files = [
        ("app/ns.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n".to_owned()),
        ("app/a.yaml", map("a", "one").replace("namespace: apps", "namespace: shop")),
    ];
    let w = World::with_files(&[(files[0].0, &files[0].1), (files[1].0, &files[1].1)]).await;
    w.apply(&kustomization("apps", "app", ""));
    w.until("the map in its namespace", || w.get(MAPS, "shop", "a")).await;
    w.quiet().await;
    // INV-ACT-3: what somebody put into the namespace keeps it.
    w.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: foreign, namespace: shop}}");
    let revision =
        w.push_changes(&[("app/ns.yaml", None), ("app/a.yaml", None), ("app/b.yaml", Some(&map("b", "one")))]).await;
    w.ready("apps", &revision).await;
    w.until("the map is gone", || w.get(MAPS, "shop", "a").is_none().then_some(())).await;
    assert!(w.get(NAMESPACES, "", "shop").is_some_and(|n| !n.is_deleting()));
    assert!(w.get(MAPS, "shop", "foreign").is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watched_config_wakes_who_reads_it() {
    let world = World::with_files(&[("deploy/map.yaml", &map("shop", "${greeting}"))]).await;
    let vars = |label: &str, greeting: &str| {
        format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: vars, namespace: apps, labels: {{{label}}}}}, \
             data: {{greeting: {greeting}}}}}"
        )
    };
    let watched = "reconcile.fluxcd.io/watch: Enabled";
    world.apply(&vars(watched, "hello"));
    let reads = "postBuild: {substituteFrom: [{kind: ConfigMap, name: vars}]}";
    world.apply(&kustomization("shop", "./deploy", reads));
    world.until("the first value is applied", || (world.data("shop", "key")? == "hello").then_some(())).await;
    world.apply(&vars(watched, "bye"));
    world.until("the change is applied", || (world.data("shop", "key")? == "bye").then_some(())).await;

    // Without the label nothing is watched: the next reconciliation reads it.
    world.apply(&vars("", "again"));
    world.quiet().await;
    world.apply(&vars("", "later"));
    world.quiet().await;
    assert_ne!(world.data("shop", "key").as_deref(), Some("later"));
    world.reconcile(KUSTOMIZATION, "shop").await;
    assert_eq!(world.data("shop", "key").as_deref(), Some("later"));
}
