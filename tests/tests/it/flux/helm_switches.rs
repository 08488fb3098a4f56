//! What the switches of a HelmRelease's actions do, each as far as somebody can see it in the cluster.

use belay_helm::release::ApplyMethod;
use belay_object::Value;

use super::releases::*;
use super::world::*;

const CHART: (&str, &str) = ("charts/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n");
const VALUES: (&str, &str) = ("charts/shop/values.yaml", "key: one\nimage: shop:1\n");
const CONFIG: (&str, &str) = (
    "charts/shop/templates/config.yaml",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop-config}\ndata: {key: '{{ .Values.key }}'}\n",
);
const WEB: (&str, &str) = (
    "charts/shop/templates/web.yaml",
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: shop}}\n  \
     template:\n    metadata: {labels: {app: shop}}\n    spec: {containers: [{name: main, image: '{{ .Values.image }}'}]}\n",
);

async fn installed(files: &[(&str, &str)], more: &str) -> World {
    let w = World::with_helm(&[&[CHART, VALUES, CONFIG], files].concat()).await;
    w.apply(&helm_release("shop", more));
    ready_at(&w, "shop", 1).await;
    w
}

/// Who owns the fields of an object, and how: `manager operation`.
fn managers(w: &World, kind: Kind, name: &str) -> Vec<String> {
    let object = w.the(kind, name);
    let fields = object.at(&["metadata", "managedFields"]).map_or(&[][..], Value::items);
    let text = |f: &Value, field: &str| f.str_at(&[field]).unwrap_or_default().to_owned();
    fields
        .iter()
        .filter(|f| text(f, "subresource").is_empty())
        .map(|f| format!("{} {}", text(f, "manager"), text(f, "operation")))
        .collect()
}

#[tokio::test]
async fn the_server_or_the_client_applies_as_it_is_switched() {
    let w = installed(&[], "install: {serverSideApply: false}").await;
    assert_eq!(managers(&w, MAPS, "shop-config"), ["helm-controller Update"]);
    assert_eq!(records(&w, "shop")[0].apply_method, Some(ApplyMethod::ClientSide));
    // By itself the next one goes on in the way of the one before.
    w.push(&[("charts/shop/values.yaml", "key: two\n")]).await;
    ready_at(&w, "shop", 2).await;
    assert_eq!(records(&w, "shop")[1].apply_method, Some(ApplyMethod::ClientSide));
    assert_eq!(managers(&w, MAPS, "shop-config"), ["helm-controller Update"]);
    // What others set stays where the client patches from revision to revision.
    w.patch_as("somebody", MAPS, "shop-config", "{data: {other: theirs}}");
    w.patch(HELM_RELEASE, "shop", "{spec: {upgrade: {serverSideApply: enabled}, values: {key: three}}}");
    ready_at(&w, "shop", 3).await;
    assert_eq!(records(&w, "shop")[2].apply_method, Some(ApplyMethod::ServerSide));
    let mut all = managers(&w, MAPS, "shop-config");
    all.sort();
    assert_eq!(all, ["helm-controller Apply", "somebody Update"], "no field is owned twice");
    assert_eq!(w.data("shop-config", "other").as_deref(), Some("theirs"));
    w.patch(HELM_RELEASE, "shop", "{spec: {upgrade: {serverSideApply: disabled}, values: {key: four}}}");
    ready_at(&w, "shop", 4).await;
    assert_eq!(records(&w, "shop")[3].apply_method, Some(ApplyMethod::ClientSide));
    assert_eq!(
        (w.data("shop-config", "key"), w.data("shop-config", "other")),
        (Some("four".into()), Some("theirs".into()))
    );
}

#[tokio::test]
async fn force_replaces_where_the_client_applies() {
    let w = installed(&[], "install: {serverSideApply: false}").await;
    w.patch_as("somebody", MAPS, "shop-config", "{data: {other: theirs}}");
    w.patch(HELM_RELEASE, "shop", "{spec: {upgrade: {force: true}, values: {key: two}}}");
    ready_at(&w, "shop", 2).await;
    assert_eq!((w.data("shop-config", "key"), w.data("shop-config", "other")), (Some("two".into()), None));
}

const BROKEN: &str = "image: shop:broken\n";
const ADDED: (&str, &str) =
    ("charts/shop/templates/added.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: added}\n");

async fn fails_to_upgrade(more: &str) -> World {
    let w = installed(&[WEB], more).await;
    w.push(&[("charts/shop/values.yaml", BROKEN), ADDED]).await;
    w.failed(HELM_RELEASE, "shop", "UpgradeFailed").await;
    assert_eq!(statuses(&w, "shop"), ["v1 deployed", "v2 failed"]);
    w
}

#[tokio::test]
async fn what_a_failed_upgrade_made_goes_if_that_is_asked_for() {
    let w = fails_to_upgrade("upgrade: {timeout: 1s, cleanupOnFail: true}").await;
    assert!(!w.has(MAPS, "added"));
    assert!(w.has(MAPS, "shop-config"), "what was there before stays");
    let w = fails_to_upgrade("upgrade: {timeout: 1s}").await;
    assert!(w.has(MAPS, "added"));
}

#[tokio::test]
async fn waiting_has_two_names_and_can_be_switched_off() {
    for strategy in ["poller", "legacy"] {
        let w = fails_to_upgrade(&format!("waitStrategy: {{name: {strategy}}}\nupgrade: {{timeout: 1s}}")).await;
        let why = condition(&w, "shop", "Released").expect("it is told").message;
        assert!(why.ends_with("timeout waiting for: [Deployment/apps/shop status: 'InProgress']"), "{strategy}: {why}");
    }
    let w = installed(&[WEB], "upgrade: {disableWait: true}").await;
    w.push(&[("charts/shop/values.yaml", BROKEN)]).await;
    ready_at(&w, "shop", 2).await;
}

#[tokio::test]
async fn helm_3_waited_for_no_resource_of_others() {
    let crd = definition("First");
    let crate_of = |ready: &str| {
        format!(
            "apiVersion: example.com/v1\nkind: Crate\nmetadata: {{name: big}}\nstatus: {{conditions: [{{type: Ready, status: '{ready}'}}]}}\n"
        )
    };
    let (unready, ready) = (crate_of("False"), crate_of("True"));
    let crate_yaml = "charts/shop/templates/crate.yaml";
    let files = [CHART, VALUES, CONFIG, ("charts/shop/crds/crate.yaml", crd.as_str()), (crate_yaml, unready.as_str())];
    let w = World::with_helm(&files).await;
    w.apply(&helm_release("shop", "timeout: 1s"));
    w.failed(HELM_RELEASE, "shop", "InstallFailed").await;
    let why = condition(&w, "shop", "Released").expect("it is told").message;
    assert!(why.ends_with("timeout waiting for: [Crate/apps/big status: 'InProgress']"), "{why}");
    w.patch(HELM_RELEASE, "shop", "{spec: {waitStrategy: {name: legacy}}}");
    ready_at(&w, "shop", 2).await;
    // By its own health it is waited for.
    w.patch(HELM_RELEASE, "shop", "{spec: {waitStrategy: {name: poller}, values: {key: two}}}");
    w.failed(HELM_RELEASE, "shop", "UpgradeFailed").await;
    w.push(&[(crate_yaml, &ready)]).await;
    ready_at(&w, "shop", 4).await;
}

#[tokio::test]
async fn what_a_release_would_change_is_known_before() {
    let w = installed(&[ADDED], "valuesFrom: [{kind: ConfigMap, name: more, optional: true}]").await;
    w.apply(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: more, namespace: apps}, data: {values.yaml: 'key: two'}}",
    );
    let cluster = belay_cluster::Cluster::from_service("embedded", w.wire.to(w.server.clone()));
    let files = [CHART, VALUES, CONFIG].map(|(path, text)| (path.trim_start_matches("charts/shop/"), text));
    let tree = belay_tree::MemoryTree::from_files(files).expect("the paths are clean");
    let load =
        || belay_helm::load(&tree, &belay_tree::TreePath::root(), &belay_helm::Limits::default()).expect("a chart");
    let object = w.the(HELM_RELEASE, "shop");
    let before = (statuses(&w, "shop"), w.the(MAPS, "shop-config").resource_version().to_owned());
    let preview = belay_flux::preview::release(Some(&cluster), &object, load()).await.expect("it renders");
    assert_eq!((preview.record.version, preview.record.config.get("key").and_then(Value::as_str)), (2, Some("two")));
    let names = |objects: &[belay_object::Object]| objects.iter().map(|o| o.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(
        (names(&preview.change.apply), names(&preview.change.delete)),
        (vec!["shop-config".into()], vec!["added".into()])
    );
    assert_eq!(preview.change.apply[0].label("helm.toolkit.fluxcd.io/name"), Some("shop"));
    assert_eq!(
        before,
        (statuses(&w, "shop"), w.the(MAPS, "shop-config").resource_version().to_owned()),
        "nothing is touched"
    );
    // Without a cluster nothing is known of what is there.
    let preview = belay_flux::preview::release(None, &object, load()).await.expect("it renders");
    assert_eq!((preview.record.version, preview.change.delete.len()), (1, 0));
}

const DEFINITIONS: Kind = ("apiextensions.k8s.io/v1", "CustomResourceDefinition");

fn definition(column: &str) -> String {
    format!(
        "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {{name: crates.example.com}}\nspec:\n  \
         group: example.com\n  scope: Namespaced\n  names: {{kind: Crate, plural: crates}}\n  versions:\n  - name: v1\n    \
         served: true\n    storage: true\n    additionalPrinterColumns: [{{name: {column}, type: string, jsonPath: .spec.size}}]\n    \
         schema: {{openAPIV3Schema: {{type: object, x-kubernetes-preserve-unknown-fields: true}}}}\n"
    )
}

fn column(w: &World) -> Option<String> {
    let definition = w.get(DEFINITIONS, "", "crates.example.com")?;
    definition.value().pointer("/spec/versions/0/additionalPrinterColumns/0/name")?.as_str().map(str::to_owned)
}

#[tokio::test]
async fn definitions_come_before_what_is_of_their_kind_and_change_by_policy() {
    let (first, second) = (definition("First"), definition("Second"));
    let crd = "charts/shop/crds/crate.yaml";
    let of_kind =
        ("charts/shop/templates/crate.yaml", "apiVersion: example.com/v1\nkind: Crate\nmetadata: {name: big}\n");
    // Skip: nothing is made, so what is of the kind cannot be.
    let w = World::with_helm(&[CHART, VALUES, CONFIG, (crd, &first), of_kind]).await;
    w.apply(&helm_release("shop", "install: {crds: Skip}"));
    let why = w.failed(HELM_RELEASE, "shop", "InstallFailed").await;
    assert!(why.contains("no matches for kind \"Crate\" in version \"example.com/v1\""), "{why}");
    assert!(why.ends_with("ensure CRDs are installed first"), "{why}");
    assert_eq!(column(&w), None);
    // Create, which is what nothing said means: made and labelled, and not changed again.
    w.patch(HELM_RELEASE, "shop", "{spec: {install: {crds: Create}}}");
    ready_at(&w, "shop", 1).await;
    assert!(w.has(("example.com/v1", "Crate"), "big"));
    let live = w.get(DEFINITIONS, "", "crates.example.com").expect("it is there");
    assert_eq!(live.label("helm.toolkit.fluxcd.io/name"), Some("shop"));
    w.push(&[(crd, &second)]).await;
    ready_at(&w, "shop", 2).await;
    assert_eq!(column(&w).as_deref(), Some("First"));
    // CreateReplace changes it.
    w.patch(HELM_RELEASE, "shop", "{spec: {upgrade: {crds: CreateReplace}, values: {key: two}}}");
    ready_at(&w, "shop", 3).await;
    assert_eq!(column(&w).as_deref(), Some("Second"));
    // Taken away, the release leaves them.
    w.delete(HELM_RELEASE, "shop");
    w.until("the release is gone", || (!w.has(HELM_RELEASE, "shop")).then_some(())).await;
    assert!(!w.has(("example.com/v1", "Crate"), "big"));
    assert_eq!(column(&w).as_deref(), Some("Second"));
}

#[tokio::test]
async fn releases_are_followed_from_when_their_definition_comes() {
    let w = World::with_files(&[CHART, VALUES, CONFIG]).await;
    w.quiet().await;
    for definition in belay_flux::crds::crds("flux-system", "v0") {
        if definition.name() == "helmreleases.helm.toolkit.fluxcd.io" {
            w.user.apply(&definition, true).expect("it is taken");
        }
    }
    w.until("the definition is served", || {
        let gvk = belay_object::GroupVersionKind::from_api_version(HELM_RELEASE.0, HELM_RELEASE.1);
        w.server.registry().by_kind(&gvk.group, &gvk.version, &gvk.kind).map(|_| ())
    })
    .await;
    w.apply(&helm_release("shop", ""));
    ready_at(&w, "shop", 1).await;
    w.push(&[("charts/shop/values.yaml", "key: two\n")]).await;
    ready_at(&w, "shop", 2).await;
    assert_eq!(w.data("shop-config", "key").as_deref(), Some("two"));
}
