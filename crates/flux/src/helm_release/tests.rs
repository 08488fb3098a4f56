//! What needs no cluster: digests, histories, names.

use belay_helm::release::Release;
use belay_object::{Map, Object, Value};

use super::history::{History, Snapshot, common_digest, post_renderers_digest, sha256, values_digest};
use crate::spec::HelmRelease;

fn value(yaml: &str) -> Value {
    belay_yaml::parse_value(yaml, &belay_yaml::Options::v2()).unwrap()
}

fn map(yaml: &str) -> Map {
    value(yaml).as_object().cloned().unwrap_or_default()
}

#[test]
fn digests_of_values_are_those_of_flux() {
    // fluxcd/pkg chartutil, TestDigestValues.
    let check =
        |yaml: &str, expected: &str| assert_eq!(values_digest(&map(yaml)), format!("sha256:{expected}"), "{yaml}");
    check("{}", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check(
        "{replicas: 3, image: {tag: latest, repository: nginx}, ports: [{protocol: TCP, port: 8080}, {port: 9090, protocol: UDP}]}",
        "fcdc2b0de1581a3633ada4afee3f918f6eaa5b5ab38c3fef03d5b48d3f85d9f6",
    );
    check(
        "{replicas: 3, test: {632bd80235a05f4192aefade: value1, 632bd80ddf416cf32fd50679: value2, 632bd817c559818a52307da2: value3, 632bd82398e71231a98004b6: value4}}",
        "8a980fcbeadd6f05818f07e8aec14070c22250ca3d96af1fcd5f93b3e85b4d70",
    );
}

/// A record as Helm writes one.
const RECORD: &str = r#"{"name":"shop","info":{"first_deployed":"2026-08-01T10:00:00.123456789Z","last_deployed":"2026-08-01T10:00:00.123456789Z","description":"Install complete","status":"deployed"},"chart":{"metadata":{"name":"shop","version":"1.0.0","apiVersion":"v2","appVersion":"7"},"lock":null,"templates":null,"values":null,"schema":null,"schemamodtime":"0001-01-01T00:00:00Z","files":null},"config":{"text":"<a&b>"},"manifest":"---\n# Source: shop/templates/a.yaml\nkind: A\n","hooks":[{"name":"h","kind":"Job","path":"shop/templates/h.yaml","manifest":"kind: Job\n","events":["pre-install"],"last_run":{"phase":"Succeeded","event":"pre-install"}},{"name":"t","kind":"Pod","path":"p","manifest":"m","events":["test"],"last_run":{"phase":""}}],"version":1,"namespace":"apps","apply_method":"ssa"}"#;

#[test]
fn what_is_signed_of_a_record_is_what_flux_signs() {
    let record = Release::from_json(RECORD.as_bytes()).unwrap();
    let signed = String::from_utf8(record.identity_json("").unwrap()).unwrap();
    // Fields and order of helm-controller's Observation: no tests, nothing that Helm does not know, and
    // the escapes of Go's encoder.
    let expected = concat!(
        r#"{"name":"shop","version":1,"info":{"first_deployed":"2026-08-01T10:00:00.123456789Z","last_deployed":"2026-08-01T10:00:00.123456789Z","description":"Install complete","status":"deployed"},"#,
        r#""chartMetadata":{"name":"shop","version":"1.0.0","apiVersion":"v2","appVersion":"7"},"config":{"text":"\u003ca\u0026b\u003e"},"#,
        r##""manifest":"---\n# Source: shop/templates/a.yaml\nkind: A\n","##,
        r#""hooks":[{"name":"h","kind":"Job","path":"shop/templates/h.yaml","manifest":"kind: Job\n","events":["pre-install"],"last_run":{"phase":"Succeeded"}}],"namespace":"apps"}"#,
        "\n"
    );
    assert_eq!(signed, expected);
    let snapshot = Snapshot::of(&record, "install", "");
    assert_eq!(snapshot.digest(), sha256(expected));
    assert_eq!((snapshot.full_name().as_str(), snapshot.chart().as_str()), ("apps/shop.v1", "shop@1.0.0"));
    assert!(snapshot.holds(&record));
    let mut changed = record.clone();
    changed.manifest.push(' ');
    assert!(!snapshot.holds(&changed));
    // People run tests by hand: that changes nothing.
    let mut tested = record;
    tested.hooks[1].last_run.phase = "Failed".into();
    assert!(snapshot.holds(&tested));
}

#[test]
fn digests_of_post_renderers_have_the_order_of_flux() {
    let renderers =
        value("[{kustomize: {images: [{name: a, newTag: '1'}], patches: [{patch: x, target: {kind: B, name: c}}]}}]");
    let expected = r#"[{"kustomize":{"patches":[{"patch":"x","target":{"kind":"B","name":"c"}}],"images":[{"name":"a","newTag":"1"}]}}]"#;
    assert_eq!(post_renderers_digest(&renderers), sha256(format!("{expected}\n")));
    assert_eq!(post_renderers_digest(&Value::Null), "");
    let common = value("{labels: {a: b}, annotations: {c: d}}");
    assert_eq!(common_digest(&common), sha256("{\"annotations\":{\"c\":\"d\"},\"labels\":{\"a\":\"b\"}}\n"));
}

fn history(lines: &[&str]) -> History {
    let one = |line: &&str| {
        let (version, status) = line.split_once(' ').unwrap();
        value(&format!("{{apiVersion: v2, name: shop, namespace: apps, version: {version}, status: {status}}}"))
    };
    History::read(&lines.iter().map(one).collect())
}

#[test]
fn history_is_cut_behind_what_was_well() {
    let check = |lines: &[&str], expected: &[&str]| {
        let mut cut = history(lines);
        cut.truncate(false);
        assert_eq!(cut, history(expected), "{lines:?}");
    };
    check(&["1 superseded"], &["1 superseded"]);
    check(&["1 superseded", "2 superseded", "3 deployed"], &["3 deployed", "2 superseded"]);
    check(&["1 superseded", "2 failed", "3 failed"], &["3 failed", "2 failed", "1 superseded"]);
    check(
        &["1 failed", "2 failed", "3 failed", "4 failed", "5 failed", "6 failed"],
        &["6 failed", "5 failed", "4 failed", "3 failed", "2 failed"],
    );
    assert_eq!(history(&["1 superseded", "2 failed", "3 failed"]).previous(false).map(|s| s.version()), Some(1));
    assert!(history(&["1 failed", "2 failed"]).previous(false).is_none());
}

fn spec(yaml: &str) -> HelmRelease {
    let yaml = format!(
        "{{metadata: {{name: shop, namespace: apps}}, spec: {{interval: 1m, chartRef: {{kind: HelmChart, name: x}}, {yaml}}}}}"
    );
    HelmRelease::read(&Object::new(value(&yaml)).unwrap()).unwrap()
}

#[test]
fn names_of_releases_are_as_flux_makes_them() {
    let check = |yaml: &str, name: &str, namespace: &str, storage: &str| {
        let spec = spec(yaml);
        assert_eq!(
            (spec.release_name.as_str(), spec.namespace.as_str(), spec.storage_namespace.as_str()),
            (name, namespace, storage)
        );
    };
    check("", "shop", "apps", "apps");
    check("targetNamespace: prod", "prod-shop", "prod", "apps");
    check("targetNamespace: prod, releaseName: x, storageNamespace: s", "x", "prod", "s");
    let long = spec(&format!("targetNamespace: {}", "n".repeat(60))).release_name;
    assert_eq!(long.len(), 53);
    assert!(long.starts_with(&format!("{}-", "n".repeat(40))), "{long}");
}

#[test]
fn remediation_has_the_defaults_of_flux() {
    let plain = spec("");
    assert!(plain.install.remediation.uninstalls && !plain.install.remediation.remediates_last);
    assert!(!plain.upgrade.remediation.uninstalls && !plain.upgrade.remediation.remediates_last);
    assert!(plain.install.remediation.is_exhausted(1) && !plain.install.remediation.is_exhausted(0));
    let retried = spec("upgrade: {remediation: {retries: 2}}").upgrade.remediation;
    assert!(retried.remediates_last && !retried.is_exhausted(2) && retried.is_exhausted(3));
    let endless = spec("install: {remediation: {retries: -1}}").install.remediation;
    assert!(!endless.is_exhausted(1000));
    assert_eq!(
        spec("install: {strategy: {name: RetryOnFailure}}").install.retry_interval.map(|i| i.to_string()).as_deref(),
        Some("5m0s")
    );
    assert_eq!((plain.install.server_side_apply.as_str(), plain.upgrade.server_side_apply.as_str()), ("true", "auto"));
}
