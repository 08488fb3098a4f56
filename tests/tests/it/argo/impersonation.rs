//! Syncs as a service account of the project's: everything that is written in the destination is written by that
//! one; the Application itself, and what is looked at, is ours.

use super::world::*;

const SHOP: &str = "system:serviceaccount:shop:syncer";

fn job(name: &str, hook: &str) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n  annotations: {{argocd.argoproj.io/hook: {hook}}}\n\
         spec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers: [{{name: c, image: busybox}}]\n"
    )
}

/// Turns it on, with these entries in the default project; `more` is other settings.
async fn turn_on(world: &World, accounts: &str, more: &str) {
    world.apply(&format!(
        "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: argocd-cm, namespace: argocd, \
         labels: {{app.kubernetes.io/part-of: argocd}}}}, data: {{timeout.reconciliation: 0s, \
         application.sync.impersonation.enabled: 'true'{more}}}}}"
    ));
    let project = ("argoproj.io/v1alpha1", "AppProject");
    world.patch(project, "default", &format!("{{spec: {{destinationServiceAccounts: {accounts}}}}}"));
}

/// Lets a user do everything in `shop`.
fn permit(world: &World, user: &str) {
    world.apply(
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: all, namespace: shop}, \
         rules: [{apiGroups: ['*'], resources: ['*'], verbs: ['*']}]}",
    );
    world.apply(&format!(
        "{{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {{name: all, namespace: shop}}, \
         roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: all}}, \
         subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: '{user}'}}]}}"
    ));
}

/// Syncs until that ends so. An operation goes by the settings and the project that were seen when it began: watches
/// of different kinds tell of changes in any order, so one that is asked for right behind a change may not know it.
async fn syncs_to(world: &World, state: &str) {
    let ending = state.splitn(3, ' ').nth(2).expect("a phase behind two words");
    let over = || {
        let app = world.get(APPLICATIONS, "one")?;
        let phase = app.str_at(&["status", "operationState", "phase"])?;
        (app.get("operation").is_none() && phase != "Running").then_some(())
    };
    for _ in 0..100 {
        world.sync("one", "{}");
        world.until("the operation is over", over).await;
        if world.state("one").contains(ending) {
            break;
        }
    }
    world.is("one", state).await;
}

/// Requests that write outside the control plane's namespace, by whom: `PATCH /api/v1/... as user`.
fn writes(world: &World, from: usize) -> Vec<String> {
    let is_write = |line: &String| ["PATCH ", "POST ", "PUT ", "DELETE "].iter().any(|verb| line.starts_with(verb));
    let is_ours = |line: &String| line.contains("/namespaces/argocd/");
    let is_look = |line: &String| line.contains("dryRun") && !line.contains(" as ");
    let all = world.wire.log(from).into_iter();
    all.filter(|line| is_write(line) && !is_ours(line) && !is_look(line)).collect()
}

/// INV-AUTHZ-6, INV-AUTHN-2
#[tokio::test(flavor = "multi_thread")]
async fn everything_that_a_sync_writes_is_written_as_the_projects_service_account() {
    let files = [("app/a.yaml", map("a", "1")), ("app/b.yaml", map("b", "1")), ("app/h.yaml", job("h", "PreSync"))];
    let mut world = World::stopped(&files).await;
    turn_on(
        &world,
        "[{server: '*', namespace: other, defaultServiceAccount: nobody}, \
                      {server: 'https://kubernetes.*', namespace: sh*, defaultServiceAccount: syncer}]",
        "",
    )
    .await;
    world.start().await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    world.sync("one", "{}");
    // What that one may not do is not done.
    world.is("one", "OutOfSync Missing Failed: one or more objects failed to apply (dry run)").await;
    permit(&world, SHOP);
    world.sync("one", "{}");
    world.is("one", "Synced Healthy Succeeded").await;
    world.push(&[("app/b.yaml", None)]).await;
    world.is("one", "OutOfSync").await;
    world.sync("one", "{prune: true}");
    world.is("one", "Synced Healthy Succeeded").await;
    world.delete(APPLICATIONS, "one");
    world.is("one", "gone").await;
    let all = writes(&world, 0);
    let of = |verb: &str, what: &str| all.iter().any(|line| line.starts_with(verb) && line.contains(what));
    assert!(of("PATCH", "/configmaps/a") && of("PATCH", "/jobs/h"), "{all:?}");
    assert!(of("DELETE", "/configmaps/b") && of("DELETE", "/configmaps/a"), "{all:?}");
    for line in &all {
        assert!(line.ends_with(&format!(" as {SHOP}")), "{line}");
    }
    let own = world.wire.log(0).into_iter().filter(|line| line.contains("/namespaces/argocd/"));
    assert!(own.into_iter().all(|line| !line.contains(" as ")), "an Application is written as ourselves");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_account_nothing_is_written_unless_the_settings_allow_it() {
    let mut world = World::stopped(&[("app/a.yaml", &map("a", "1"))]).await;
    turn_on(&world, "[{server: '*', namespace: other, defaultServiceAccount: nobody}]", "").await;
    world.start().await;
    world.application("one", "app", "");
    world.is("one", "OutOfSync").await;
    let none =
        "no matching service account found for destination server https://kubernetes.default.svc and namespace shop";
    syncs_to(&world, &format!("OutOfSync Missing Error: {none}")).await;
    turn_on(&world, "[{server: '*', namespace: shop, defaultServiceAccount: 'wrong*'}]", "").await;
    let wrong =
        "failed to derive service account to impersonate: default service account contains invalid chars 'wrong*'";
    syncs_to(&world, &format!("OutOfSync Missing Error: {wrong}")).await;
    assert!(world.get(MAPS, "a").is_none() && writes(&world, 0).is_empty());
    // With its namespace it is that one's.
    permit(&world, "system:serviceaccount:tenants:shop");
    turn_on(&world, "[{server: '*', namespace: shop, defaultServiceAccount: 'tenants:shop'}]", "").await;
    syncs_to(&world, "Synced Healthy Succeeded").await;
    let all = writes(&world, 0);
    assert!(
        !all.is_empty() && all.iter().all(|line| line.ends_with(" as system:serviceaccount:tenants:shop")),
        "{all:?}"
    );
    turn_on(&world, "[]", ", application.sync.impersonation.enforced: 'false'").await;
    world.patch(MAPS, "a", "{data: {key: theirs}}");
    world.is("one", "OutOfSync").await;
    syncs_to(&world, "Synced Healthy Succeeded").await;
    assert_eq!(world.data("a", "key").as_deref(), Some("1"));
}
