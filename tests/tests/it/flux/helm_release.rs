//! Helm releases from a chart in Git: their life, their failures, and what a crash leaves of them.

use belay_helm::release::ApplyMethod;
use belay_object::{Condition, Object, Value};
use belay_testkit::wire::Trouble;

use super::releases::*;
use super::sweep::swept;
use super::world::*;

const CHART: &str = "apiVersion: v2\nname: shop\nversion: 1.0.0\nappVersion: '7'\n";
const VALUES: &str = "key: one\nimage: shop:1\n";
const CONFIG: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-config\n\
                      data:\n  key: {{ .Values.key | quote }}\n  revision: {{ .Release.Revision | quote }}\n";
const WEB: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {{ .Release.Name }}\nspec:\n  replicas: 1\n  \
                   selector:\n    matchLabels: {app: shop}\n  template:\n    metadata:\n      labels: {app: shop}\n    \
                   spec:\n      containers:\n      - name: main\n        image: {{ .Values.image }}\n";

fn chart() -> Vec<(&'static str, &'static str)> {
    vec![
        ("charts/shop/Chart.yaml", CHART),
        ("charts/shop/values.yaml", VALUES),
        ("charts/shop/templates/config.yaml", CONFIG),
        ("charts/shop/templates/web.yaml", WEB),
    ]
}

async fn installed(more: &str) -> World {
    let w = World::with_helm(&chart()).await;
    w.apply(&helm_release("shop", more));
    ready_at(&w, "shop", 1).await;
    w
}

#[tokio::test]
async fn a_release_lives_from_install_to_uninstall() {
    let mut w = installed("").await;
    assert_eq!(w.data("shop-config", "key").as_deref(), Some("one"));
    let live = w.the(MAPS, "shop-config");
    assert_eq!(live.label("app.kubernetes.io/managed-by"), Some("Helm"));
    assert_eq!(live.label("helm.toolkit.fluxcd.io/name"), Some("shop"));
    assert_eq!(live.annotation("meta.helm.sh/release-name"), Some("shop"));
    let record = &records(&w, "shop")[0];
    assert_eq!(record.apply_method, Some(ApplyMethod::ServerSide));
    assert_eq!(record.info.description, "Install complete");
    let status = w.the(HELM_RELEASE, "shop");
    assert_eq!(status.str_at(&["status", "helmChart"]), Some("apps/apps-shop"));
    assert_eq!(status.str_at(&["status", "storageNamespace"]), Some("apps"));
    let told = condition(&w, "shop", "Released").expect("it is released");
    assert_eq!(told.reason, "InstallSucceeded");
    assert!(
        told.message.starts_with("Helm install succeeded for release apps/shop.v1 with chart shop@1.0.0+"),
        "{}",
        told.message
    );
    let ids: Vec<_> = status
        .at(&["status", "inventory", "entries"])
        .map_or(&[][..], Value::items)
        .iter()
        .filter_map(|e| e.str_at(&["id"]))
        .collect();
    assert_eq!(ids, ["apps_shop-config__ConfigMap", "apps_shop_apps_Deployment"]);

    // A commit upgrades it.
    w.push(&[("charts/shop/values.yaml", "key: two\nimage: shop:1\n")]).await;
    ready_at(&w, "shop", 2).await;
    assert_eq!(w.data("shop-config", "key").as_deref(), Some("two"));
    assert_eq!(statuses(&w, "shop"), ["v1 superseded", "v2 deployed"]);

    // So does another value; what leaves the chart leaves the cluster.
    w.patch(HELM_RELEASE, "shop", "{spec: {values: {key: three}}}");
    ready_at(&w, "shop", 3).await;
    assert_eq!(w.data("shop-config", "key").as_deref(), Some("three"));
    w.push_changes(&[("charts/shop/templates/config.yaml", None)]).await;
    ready_at(&w, "shop", 4).await;
    assert!(!w.has(MAPS, "shop-config"));

    // Steady: no request. A restart upgrades nothing.
    w.quiet().await;
    w.stop().await;
    w.start().await;
    w.reconcile(HELM_RELEASE, "shop").await;
    assert_eq!(records(&w, "shop").last().map(|r| r.version), Some(4));

    // Deleted, it leaves nothing.
    w.delete(HELM_RELEASE, "shop");
    w.until("the release is gone", || (!w.has(HELM_RELEASE, "shop") && !w.has(DEPLOYMENTS, "shop")).then_some(()))
        .await;
    w.until("its HelmChart is gone", || (!w.has(HELM_CHART, "apps-shop")).then_some(())).await;
    assert!(records(&w, "shop").is_empty());
}

#[tokio::test]
async fn a_failing_upgrade_is_rolled_back_and_not_ready() {
    let w = installed("upgrade: {timeout: 1s, remediation: {retries: 0, remediateLastFailure: true}}").await;
    w.push(&[("charts/shop/values.yaml", "key: two\nimage: shop:broken\n")]).await;
    let message = w.failed(HELM_RELEASE, "shop", "RollbackSucceeded").await;
    assert_eq!(masked(&message), "Helm rollback to previous release apps/shop.v1 with chart shop@VERSION succeeded");
    assert_eq!(statuses(&w, "shop"), ["v1 superseded", "v2 failed", "v3 deployed"]);
    assert_eq!(w.data("shop-config", "key").as_deref(), Some("one"));
    let released = condition(&w, "shop", "Released").expect("it tells of the upgrade");
    assert_eq!(
        masked(&released.message),
        "Helm upgrade failed for release apps/shop with chart shop@VERSION: timeout waiting for: [Deployment/apps/shop status: 'InProgress']"
    );
    assert_eq!(
        condition(&w, "shop", "Stalled").map(|c| c.message).as_deref(),
        Some("Failed to upgrade after 1 attempt(s)")
    );
    // The next commit makes it well.
    w.push(&[("charts/shop/values.yaml", "key: three\nimage: shop:1\n")]).await;
    ready_at(&w, "shop", 4).await;
    assert_eq!(w.data("shop-config", "key").as_deref(), Some("three"));
    assert!(condition(&w, "shop", "Remediated").is_none() && condition(&w, "shop", "Stalled").is_none());
}

fn masked(text: &str) -> String {
    let version = regex::Regex::new(r"shop@1\.0\.0\+[0-9a-f]{12}").expect("a constant");
    masked_text(&version.replace_all(text, "shop@VERSION"))
}

#[tokio::test]
async fn drift_is_set_right_where_it_is_minded() {
    let w = installed("driftDetection: {mode: enabled}").await;
    w.quiet().await;
    w.patch_as("somebody", MAPS, "shop-config", "{data: {key: other}}");
    w.until("the drift is set right", || (w.data("shop-config", "key").as_deref() == Some("one")).then_some(())).await;
    w.delete(MAPS, "shop-config");
    w.until("the object is back", || w.has(MAPS, "shop-config").then_some(())).await;
    w.until("the events tell", || {
        let events = w.events(HELM_RELEASE, "shop");
        events
            .iter()
            .any(|e| e.contains("DriftCorrected") && e.contains("ConfigMap/apps/shop-config created"))
            .then_some(())
    })
    .await;
    let events = w.events(HELM_RELEASE, "shop").join("\n");
    assert!(events.contains("ConfigMap/apps/shop-config changed (0 additions, 1 changes, 0 removals)"), "{events}");
    assert_eq!(statuses(&w, "shop"), ["v1 deployed"], "nothing was upgraded");
    // Nobody minds where it is not asked for.
    w.patch(HELM_RELEASE, "shop", "{spec: {driftDetection: {mode: disabled}}}");
    ready(&w, "shop").await;
}

/// A Job that is a hook.
fn hook(name: &str, events: &str, weight: i32) -> String {
    format!(
        "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: {name}\n  annotations:\n    helm.sh/hook: {events}\n    \
         helm.sh/hook-weight: \"{weight}\"\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      \
         containers:\n      - {{name: main, image: 'hook:1'}}\n"
    )
}

/// How often Jobs were begun, by name, in the order of their beginning.
fn begun_jobs(w: &World) -> Vec<String> {
    let mut pods: Vec<(u64, String)> = w
        .user
        .list("", "events", "apps")
        .iter()
        .filter(|e| {
            let text = |path: &[&str]| e.object().str_at(path).unwrap_or_default().to_owned();
            text(&["involvedObject", "kind"]) == "Job" && text(&["reason"]) == "SuccessfulCreate"
        })
        .map(|e| (e.version(), e.object().str_at(&["involvedObject", "name"]).unwrap_or_default().to_owned()))
        .collect();
    pods.sort();
    pods.into_iter().map(|(_, name)| name).collect()
}

fn with_hooks() -> Vec<(&'static str, String)> {
    let mut files: Vec<(&'static str, String)> = chart().into_iter().map(|(p, t)| (p, t.to_owned())).collect();
    files.push(("charts/shop/templates/second.yaml", hook("second", "pre-install", 5)));
    files.push(("charts/shop/templates/first.yaml", hook("first", "pre-install", -5)));
    files.push(("charts/shop/templates/third.yaml", hook("third", "post-install", 0)));
    files
}

#[tokio::test]
async fn hooks_run_once_and_in_order_wherever_the_process_dies() {
    swept(12, |nth| async move {
        let files = with_hooks();
        let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (*p, t.as_str())).collect();
        let mut w = World::with_helm(&files).await;
        w.until("the repository is there", || w.the(REPOSITORY, "repo").at(&["status", "artifact"]).map(|_| ())).await;
        w.quiet().await;
        let trouble = if nth % 2 == 0 { Trouble::CrashAfter } else { Trouble::CrashBefore };
        w.wire.arm(nth, trouble);
        w.apply(&helm_release("shop", ""));
        tokio::select! {
            () = w.wire.struck() => {}
            () = ready_at(&w, "shop", 1) => {}
        }
        let struck = w.wire.has_struck();
        if struck {
            w.crash();
            w.start().await;
        }
        ready_at(&w, "shop", 1).await;
        let when = format!("{trouble:?} at {nth}");
        assert_eq!(begun_jobs(&w), ["first", "second", "third"], "{when}");
        assert_eq!(statuses(&w, "shop"), ["v1 deployed"], "{when}");
        w.stop().await;
        struck
    })
    .await;
}

async fn sweep(trouble: Trouble) {
    let crashes = matches!(trouble, Trouble::CrashBefore | Trouble::CrashAfter);
    swept(8, |nth| async move {
        let mut w = installed("").await;
        w.quiet().await;
        w.wire.arm(nth, trouble);
        w.commit(&[("charts/shop/values.yaml", "key: two\nimage: shop:2\n")]);
        w.ask(REPOSITORY, "repo");
        tokio::select! {
            () = w.wire.struck() => {}
            () = ready_at(&w, "shop", 2) => {}
        }
        let struck = w.wire.has_struck();
        if crashes && struck {
            w.crash();
            w.start().await;
        }
        let when = format!("{trouble:?} at {nth}");
        ready_at(&w, "shop", 2).await;
        assert_eq!(statuses(&w, "shop"), ["v1 superseded", "v2 deployed"], "{when}");
        assert_eq!(w.data("shop-config", "key").as_deref(), Some("two"), "{when}");
        w.stop().await;
        struck
    })
    .await;
}

#[tokio::test]
async fn an_upgrade_outlives_a_process_that_dies_after_any_request() {
    sweep(Trouble::CrashAfter).await;
}

#[tokio::test]
async fn an_upgrade_outlives_any_request_that_fails_in_the_server() {
    sweep(Trouble::Status(500)).await;
}

#[tokio::test]
async fn an_upgrade_outlives_any_connection_that_breaks_after_the_request() {
    sweep(Trouble::DropAfter).await;
}

#[tokio::test]
async fn a_release_that_somebody_else_made_is_taken_over_without_an_upgrade() {
    let mut w = installed("").await;
    // What helm-controller would have left: its record and its status, and no process of ours that knows of it.
    let uid = |o: Object| o.uid().to_owned();
    let before = [uid(w.the(MAPS, "shop-config")), uid(w.the(DEPLOYMENTS, "shop"))];
    w.stop().await;
    let version = w.the(SECRETS, "sh.helm.release.v1.shop.v1").resource_version().to_owned();
    w.start().await;
    w.reconcile(HELM_RELEASE, "shop").await;
    ready_at(&w, "shop", 1).await;
    assert_eq!(w.the(SECRETS, "sh.helm.release.v1.shop.v1").resource_version(), version);
    assert_eq!(before, [uid(w.the(MAPS, "shop-config")), uid(w.the(DEPLOYMENTS, "shop"))]);
}

#[tokio::test]
async fn what_cannot_be_released_is_told_and_others_go_on() {
    let mut files = chart();
    files.push(("charts/bad/Chart.yaml", "apiVersion: v2\nname: bad\nversion: 1.0.0\n"));
    files
        .push(("charts/bad/templates/a.yaml", "{{ define \"x\" }}{{ include \"x\" . }}{{ end }}{{ include \"x\" . }}"));
    files.push(("charts/schema/Chart.yaml", "apiVersion: v2\nname: schema\nversion: 1.0.0\n"));
    files.push(("charts/schema/values.schema.json", "{\"type\": \"object\", \"required\": [\"port\"]}"));
    files.push((
        "charts/missing/Chart.yaml",
        "apiVersion: v2\nname: missing\nversion: 1.0.0\ndependencies: [{name: gone, version: '1', repository: ''}]\n",
    ));
    let w = World::with_helm(&files).await;
    for name in ["bad", "schema", "missing"] {
        w.apply(&helm_release(name, "").replace("charts/shop", &format!("charts/{name}")));
    }
    w.apply(&helm_release("shop", ""));
    w.apply(&helm_release("values", "valuesFrom: [{kind: ConfigMap, name: absent}]"));
    w.apply(&helm_release("dependent", "dependsOn: [{name: bad}]"));
    ready_at(&w, "shop", 1).await;
    let recursion = w.failed(HELM_RELEASE, "bad", "InstallFailed").await;
    assert!(recursion.contains("Helm install failed for release apps/bad with chart bad@"), "{recursion}");
    let schema = w.failed(HELM_RELEASE, "schema", "InstallFailed").await;
    assert!(schema.contains("values don't meet the specifications of the schema(s)"), "{schema}");
    let missing = w
        .until("the missing dependency is told", || {
            Condition::find(&w.get(HELM_CHART, "apps", "apps-missing")?, "BuildFailed")
        })
        .await;
    assert!(missing.message.contains("failed to add local dependency 'gone'"), "{}", missing.message);
    w.failed(HELM_RELEASE, "missing", "SourceNotReady").await;
    let values = w.failed(HELM_RELEASE, "values", "ValuesError").await;
    assert_eq!(
        values,
        "could not resolve ConfigMap chart values reference 'apps/absent' with key 'values.yaml': configmaps \"absent\" not found"
    );
    let held = w.failed(HELM_RELEASE, "dependent", "DependencyNotReady").await;
    assert_eq!(held, "dependency 'apps/bad' is not ready");
    assert!(records(&w, "bad").is_empty(), "nothing was stored");
}
