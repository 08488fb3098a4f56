//! Releases that Helm itself made: their records, as Helm 3 and 4 wrote them from a chart of our own, are
//! taken over with what Flux would have remembered of them, and without.
//!
//! The digests in the fixtures were computed by helm-controller's own code.

use belay_helm::release::{self, ApplyMethod, Release, Status, Stored, change};
use belay_object::{Object, Value};
use sha2::Digest as _;

use super::charts::{Files, index};
use super::helm_inputs::GOOD;
use super::releases::*;
use super::shelf::*;
use super::world::*;

/// A record of Helm's: its Secret, and the snapshot that helm-controller makes of it.
struct Fixture {
    secret: Object,
    snapshot: Value,
    release: Release,
}

impl Fixture {
    fn read(text: &str) -> Fixture {
        let documents = belay_yaml::parse_documents(text, &belay_yaml::Options::v2()).expect("it is YAML");
        let [secret, snapshot] = documents.try_into().expect("two documents");
        let secret = Object::new(secret).expect("an object");
        let release = release::read_secret(&secret).expect("it reads").expect("it is a record");
        Fixture { secret, snapshot, release }
    }
    fn three() -> Fixture {
        Fixture::read(include_str!("helm_records/three.v1.yaml"))
    }
    fn four_before() -> Fixture {
        Fixture::read(include_str!("helm_records/four.v1.yaml"))
    }
    fn four() -> Fixture {
        Fixture::read(include_str!("helm_records/four.v2.yaml"))
    }
}

#[test]
fn digests_are_those_of_helm_controller() {
    for fixture in [Fixture::three(), Fixture::four_before(), Fixture::four()] {
        let signed = fixture.release.identity_json("").expect("it is written");
        let hex: String = sha2::Sha256::digest(&signed).iter().map(|b| format!("{b:02x}")).collect();
        let wanted = fixture.snapshot.str_at(&["digest"]).expect("a digest");
        assert_eq!(format!("sha256:{hex}"), wanted, "{}", String::from_utf8_lossy(&signed));
    }
}

#[test]
fn a_record_of_helm_4_is_written_as_it_was_read() {
    for fixture in [Fixture::four_before(), Fixture::four()] {
        let again = Release::from_json(&fixture.release.to_json()).expect("it reads");
        assert_eq!(again.to_json(), fixture.release.to_json());
        assert_eq!(fixture.release.apply_method, Some(ApplyMethod::ServerSide));
        assert!(fixture.release.hooks.iter().any(|h| !h.last_run.phase.is_empty()));
    }
}

/// The values with which both were installed.
const VALUES: &str = "values: {key: two, count: 3, ratio: 0.5, big: 12345678901, 'true': true, list: [a, 1, {b: c}], nested: {text: '<&>'}}";

/// The chart of which both are, in another version.
fn shop(version: &str, image: &str) -> Vec<u8> {
    let recorded = Fixture::four().release.chart.expect("it has a chart").chart().expect("it reads");
    let text = |data: &[u8]| String::from_utf8_lossy(data).into_owned();
    let mut files: Vec<(String, String)> =
        recorded.templates.iter().map(|f| (f.name.to_string(), text(&f.data))).collect();
    files.push(("values.yaml".into(), format!("key: one\nimage: {image}\nreplicas: 1\n")));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    chart("shop", version, &files)
}

/// A cluster in which Helm installed a release, and a repository that has its chart; no HelmRelease yet.
async fn installed_by_helm(records: &[&Fixture]) -> (World, Files) {
    let w = World::with_helm(&[("README.md", "the chart comes from a repository")]).await;
    let files = Files::start("").await;
    files.put("/index.yaml", index(&[("shop", "1.0.0", "")]));
    files.put("/charts/shop-1.0.0.tgz", shop("1.0.0", "shop:1"));
    w.apply(&helm_repository(&files.url, ""));
    let newest = &records.last().expect("one at least").release;
    for mut object in change::objects(&newest.manifest).expect("it parses") {
        object.set(&["metadata", "namespace"], "apps");
        object.set_label("app.kubernetes.io/managed-by", "Helm");
        object.set_annotation("meta.helm.sh/release-name", &newest.name);
        object.set_annotation("meta.helm.sh/release-namespace", "apps");
        w.user.with_manager("helm").apply(&object, true).expect("it is taken");
    }
    for record in records {
        w.user.with_manager("helm").apply(&record.secret, true).expect("it is taken");
    }
    (w, files)
}

/// Everything of a release and what tells whether it was touched.
fn touched(w: &World, name: &str) -> Vec<String> {
    let records = w.user.list("", "secrets", "apps").into_iter().map(|s| s.object().clone());
    let objects = [w.the(MAPS, &format!("{name}-config")), w.the(DEPLOYMENTS, name)];
    let line = |o: Object| {
        // Its controllers write the Deployment's status.
        let version = if o.kind() == "Deployment" { String::new() } else { o.resource_version().to_owned() };
        format!("{} {} {} {version}", o.key(), o.uid(), o.generation())
    };
    records.chain(objects).map(line).collect()
}

async fn taken_over_without_an_upgrade(name: &str, records: &[&Fixture], method: Option<ApplyMethod>) {
    let (w, files) = installed_by_helm(records).await;
    let newest = records.last().expect("one at least");
    w.apply(&release_of(name, &of_repository("shop", "1.x"), &format!("{VALUES}\nsuspend: true")));
    let mut snapshot = newest.snapshot.clone();
    snapshot.set(&["action"], "upgrade");
    let history = Value::from(vec![snapshot]).to_json();
    w.patch_status(HELM_RELEASE, name, &format!("{{status: {{storageNamespace: apps, history: {history}}}}}"));
    w.quiet().await;
    let before = touched(&w, name);
    w.patch(HELM_RELEASE, name, "{spec: {suspend: false}}");
    ready(&w, name).await;
    w.reconcile(HELM_RELEASE, name).await;
    w.quiet().await;
    assert_eq!(touched(&w, name), before, "nothing was touched");
    let told = condition(&w, name, "Ready").expect("it is ready");
    let revision = newest.release.version;
    assert_eq!(
        format!("{}: {}", told.reason, told.message),
        format!("UpgradeSucceeded: Helm upgrade succeeded for release apps/{name}.v{revision} with chart shop@1.0.0")
    );
    // From here on it is ours: the next chart upgrades it in place, by the means of before.
    let uids =
        |w: &World| [w.the(MAPS, &format!("{name}-config")), w.the(DEPLOYMENTS, name)].map(|o| o.uid().to_owned());
    let old = uids(&w);
    files.put("/index.yaml", index(&[("shop", "1.0.0", ""), ("shop", "1.1.0", "")]));
    files.put("/charts/shop-1.1.0.tgz", shop("1.1.0", "shop:2"));
    w.ask(("source.toolkit.fluxcd.io/v1", "HelmRepository"), "charts");
    ready_at(&w, name, revision + 1).await;
    assert_eq!(uids(&w), old, "nothing was made anew");
    let record = self::records(&w, name).pop().expect("there is one");
    assert_eq!((record.apply_method, &record.info.first_deployed), (method, &newest.release.info.first_deployed));
    let image = w.the(DEPLOYMENTS, name).value().pointer("/spec/template/spec/containers/0/image").cloned();
    assert_eq!(image, Some(Value::from("shop:2")));
}

#[tokio::test]
async fn a_release_of_helm_3_is_taken_over_without_an_upgrade() {
    taken_over_without_an_upgrade("three", &[&Fixture::three()], Some(ApplyMethod::ClientSide)).await;
}

#[tokio::test]
async fn a_release_of_helm_4_is_taken_over_without_an_upgrade() {
    let records = [&Fixture::four_before(), &Fixture::four()];
    taken_over_without_an_upgrade("four", &records, Some(ApplyMethod::ServerSide)).await;
}

#[tokio::test]
async fn a_release_that_nobody_remembers_is_adopted_by_one_upgrade() {
    // Compat(flux 2.9): an existing release without a history in the status is upgraded, once.
    let (w, _files) = installed_by_helm(&[&Fixture::three()]).await;
    let old = [w.the(MAPS, "three-config"), w.the(DEPLOYMENTS, "three")].map(|o| o.uid().to_owned());
    w.apply(&release_of("three", &of_repository("shop", "1.x"), VALUES));
    ready_at(&w, "three", 2).await;
    w.reconcile(HELM_RELEASE, "three").await;
    assert_eq!(statuses(&w, "three"), ["v1 superseded", "v2 deployed"]);
    let new = [w.the(MAPS, "three-config"), w.the(DEPLOYMENTS, "three")];
    assert_eq!(new.each_ref().map(|o| o.uid().to_owned()), old, "nothing was made anew");
    assert!(new.iter().all(|o| o.label("helm.toolkit.fluxcd.io/name") == Some("three")));
}

#[tokio::test]
async fn what_somebody_does_by_helm_is_brought_back() {
    let w = World::with_helm(&GOOD).await;
    w.apply(&helm_release("shop", ""));
    ready_at(&w, "shop", 1).await;
    // `helm rollback shop 1`
    let mut first = records(&w, "shop").remove(0);
    let mut second = first.clone();
    second.version = 2;
    first.info.status = Status::Superseded;
    second.set_status(Status::Deployed, "Rollback to 1");
    for record in [&first, &second] {
        let secret = release::secret(record, "apps", Stored::Modified(1_700_000_000));
        w.user.with_manager("helm").apply(&secret, true).expect("it is taken");
    }
    w.reconcile(HELM_RELEASE, "shop").await;
    ready_at(&w, "shop", 3).await;
    assert_eq!(statuses(&w, "shop"), ["v1 superseded", "v2 superseded", "v3 deployed"]);
    // `helm uninstall shop`
    for version in 1..=3 {
        w.delete(SECRETS, &format!("sh.helm.release.v1.shop.v{version}"));
    }
    w.delete(MAPS, "shop-config");
    w.reconcile(HELM_RELEASE, "shop").await;
    ready_at(&w, "shop", 1).await;
    assert!(w.has(MAPS, "shop-config"));
}
