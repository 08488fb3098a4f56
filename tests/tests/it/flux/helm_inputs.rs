//! Charts, archives and registries that no honest producer makes: each is told in the condition of
//! its HelmRelease, and the release beside goes on.

use belay_oci::Keychain;
use belay_oci::serve::{Access, Registry};
use bytes::Bytes;

use super::charts::{Files, index};
use super::releases::*;
use super::shelf::*;
use super::world::*;

const REPOSITORY_YAML: &str = "reconcileStrategy: Revision\n    sourceRef: {kind: GitRepository, name: repo}";
/// A chart of one ConfigMap, `shop-config`.
pub const GOOD: [(&str, &str); 3] = [
    ("charts/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"),
    ("charts/shop/values.yaml", "key: one\n"),
    (
        "charts/shop/templates/config.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop-config}\ndata: {key: '{{ .Values.key }}'}\n",
    ),
];

/// The release `shop` goes from what it is to a new revision.
async fn shop_goes_on(w: &World, revision: u32) {
    let key = format!("at {revision}");
    w.push(&[("charts/shop/values.yaml", &format!("key: {key}\n"))]).await;
    ready_at(w, "shop", revision).await;
    assert_eq!(w.data("shop-config", "key"), Some(key));
}

/// One chart of Git that cannot be released: its name, the file that is bad, values.
struct Bad {
    name: &'static str,
    file: (&'static str, &'static str),
    values: &'static str,
}

const BAD: [Bad; 9] = [
    Bad {
        name: "include-itself",
        file: ("templates/a.yaml", "# first\n{{ define \"x\" }}{{ include \"x\" . }}{{ end }}\n{{ include \"x\" . }}"),
        values: "",
    },
    Bad {
        name: "template-itself",
        file: ("templates/a.yaml", "{{ define \"x\" }}{{ template \"x\" . }}{{ end }}\n{{ template \"x\" . }}"),
        values: "",
    },
    Bad {
        name: "tpl-itself",
        file: ("templates/a.yaml", "{{ tpl .Values.x . }}"),
        values: "x: '{{ tpl .Values.x . }}'",
    },
    Bad { name: "repeated", file: ("templates/a.yaml", "a: {{ repeat 2000000000 \"x\" }}"), values: "" },
    Bad {
        name: "doubled",
        file: ("templates/a.yaml", "{{ $x := \"12345678\" }}\n{{ range until 40 }}{{ $x = print $x $x }}{{ end }}"),
        values: "",
    },
    Bad { name: "counted", file: ("templates/a.yaml", "{{ range until 2000000000 }}{{ . }}{{ end }}"), values: "" },
    Bad {
        name: "schema",
        file: (
            "values.schema.json",
            r#"{"type": "object", "properties": {"port": {"type": "integer"}, "name": {"minLength": 3}}}"#,
        ),
        values: "port: http\nname: x",
    },
    Bad { name: "no-yaml", file: ("templates/a.yaml", "a: 1\nkind: [\n"), values: "" },
    Bad { name: "wanting", file: ("templates/a.yaml", "\n{{ required \"give a host\" .Values.host }}"), values: "" },
];

/// What the conditions of [`BAD`] say.
const TOLD_OF_TEMPLATES: &str = r#"
include-itself: Helm install failed for release apps/include-itself with chart include-itself@VERSION: template: include-itself/templates/a.yaml:3:3: executing "include-itself/templates/a.yaml" at <include "x" .>: error calling include: template: include-itself/templates/a.yaml:2:19: executing "x" at <include "x" .>: error calling include: template: include-itself/templates/a.yaml:2:19: executing "x" at <include "x" .>: error calling include: template: include-itself/templates/a.yaml:2:19: executing "x" at <include "x" .>: error calling include: template: include-itself/templates/a.yaml:2:19: executing "x" at <include "x" .>: [995 more calls]: error calling include: template: include-itself/templates/a.yaml:2:19: executing "x" at <include "x" .>: error calling include: template: include-itself/templates/a.yaml:2:19: executing "x" at <include "x" .>: error calling include: rendering template has a nested reference name: x: unable to execute template
template-itself: Helm install failed for release apps/template-itself with chart template-itself@VERSION: template-itself/templates/a.yaml:1:28
  executing "x" at <{{template "x" .}}>:
    exceeded maximum template depth (100000)
tpl-itself: Helm install failed for release apps/tpl-itself with chart tpl-itself@VERSION: tpl-itself/templates/a.yaml:1:3
  executing "tpl-itself/templates/a.yaml" at <tpl .Values.x .>:
    template: gotpl: templates and expressions are nested too deep
repeated: Helm install failed for release apps/repeated with chart repeated@VERSION: template: repeated/templates/a.yaml:1:6: executing "repeated/templates/a.yaml" at <repeat 2000000000 "x">: error calling repeat: a value of 2000000000 bytes is larger than the limit of 67108864
doubled: Helm install failed for release apps/doubled with chart doubled@VERSION: template: doubled/templates/a.yaml:2:28: executing "doubled/templates/a.yaml" at <print $x $x>: error calling print: printed text is longer than 67108864 bytes
counted: Helm install failed for release apps/counted with chart counted@VERSION: template: counted/templates/a.yaml:1:9: executing "counted/templates/a.yaml" at <until 2000000000>: error calling until: a value of 48000000000 bytes is larger than the limit of 67108864
schema: Helm install failed for release apps/schema with chart schema@VERSION: values don't meet the specifications of the schema(s) in the following chart(s):
schema:
- at '/name': minLength: got 1, want 3
- at '/port': got string, want integer
no-yaml: Helm install failed for release apps/no-yaml with chart no-yaml@VERSION: YAML parse error on no-yaml/templates/a.yaml: error converting YAML to JSON: yaml: line 2: did not find expected node content
wanting: Helm install failed for release apps/wanting with chart wanting@VERSION: execution error at (wanting/templates/a.yaml:2:3): give a host
"#;

#[tokio::test]
async fn templates_and_values_that_cannot_be_are_told_with_their_place() {
    let mut files: Vec<(String, String)> = GOOD.map(|(path, text)| (path.to_owned(), text.to_owned())).into();
    for bad in &BAD {
        let name = bad.name;
        files.push((format!("charts/{name}/Chart.yaml"), format!("apiVersion: v2\nname: {name}\nversion: 1.0.0\n")));
        files.push((format!("charts/{name}/{}", bad.file.0), bad.file.1.to_owned()));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let w = World::with_helm(&files).await;
    for bad in &BAD {
        let chart = format!("chart:\n  spec:\n    chart: charts/{}\n    {REPOSITORY_YAML}", bad.name);
        w.apply(&release_of(bad.name, &chart, &format!("values:\n  {}", bad.values.replace('\n', "\n  "))));
    }
    w.apply(&helm_release("shop", ""));
    ready_at(&w, "shop", 1).await;
    let mut told = String::new();
    for bad in &BAD {
        let message = w.failed(HELM_RELEASE, bad.name, "InstallFailed").await;
        told += &format!("{}: {}\n", bad.name, masked(&message));
        assert!(records(&w, bad.name).is_empty(), "{}: nothing was stored", bad.name);
    }
    check(&told, TOLD_OF_TEMPLATES);
    shop_goes_on(&w, 2).await;
}

fn masked(message: &str) -> String {
    let version = regex::Regex::new(r"@1\.0\.0\+[0-9a-f]{12}").expect("a constant");
    masked_text(&version.replace_all(message, "@VERSION"))
}

const TOLD_OF_ARCHIVES: &str = r#"
torn: HelmChart 'apps/apps-torn' is not ready: chart package error: failed to load chart metadata from written chart: charts/torn-1.0.0.tgz: the chart archive is corrupt: incomplete deflate stream
page: HelmChart 'apps/apps-page' is not ready: chart package error: failed to load chart metadata from written chart: charts/page-1.0.0.tgz: the chart archive is corrupt: gzip: invalid header
above: HelmChart 'apps/apps-above' is not ready: chart package error: failed to load chart metadata from written chart: charts/above-1.0.0.tgz: chart illegally references parent directory: "above/../../../etc/x"
absolute: HelmChart 'apps/apps-absolute' is not ready: chart package error: failed to load chart metadata from written chart: charts/absolute-1.0.0.tgz: chart illegally contains absolute paths: "absolute//etc/x"
large: HelmChart 'apps/apps-large' is not ready: chart package error: failed to load chart metadata from written chart: charts/large-1.0.0.tgz: decompressed chart is larger than the maximum size 104857600
many: HelmChart 'apps/apps-many' is not ready: chart package error: failed to load chart metadata from written chart: charts/many-1.0.0.tgz: decompressed chart is larger than the maximum size 104857600
bare: HelmChart 'apps/apps-bare' is not ready: chart package error: failed to load chart metadata from written chart: charts/bare-1.0.0.tgz: Chart.yaml file is missing
missing: Helm install failed for release apps/missing with chart missing@1.0.0: an error occurred while checking for chart dependencies. You may need to run 'helm dependency build' to fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: gone
"#;

#[tokio::test]
async fn archives_that_no_honest_repository_has_are_told_one_by_one() {
    let w = World::with_helm(&GOOD).await;
    let files = Files::start("").await;
    let many: Vec<String> = (0..30).map(|i| format!("many/templates/{i}.yaml")).collect();
    let missing = "apiVersion: v2\nname: missing\nversion: 1.0.0\ndependencies: [{name: gone, version: '1', repository: 'https://example.com'}]\n";
    let cases: [(&str, Vec<u8>, &str); 8] = [
        ("torn", chart("torn", "1.0.0", &[])[..120].to_vec(), "SourceNotReady"),
        ("page", b"<html>not found</html>".to_vec(), "SourceNotReady"),
        ("above", forged(tar::EntryType::Regular, "above/../../../etc/x", ""), "SourceNotReady"),
        ("absolute", forged(tar::EntryType::Regular, "absolute//etc/x", ""), "SourceNotReady"),
        ("large", bomb_of(&["large/templates/a.yaml".to_owned()], 200), "SourceNotReady"),
        ("many", bomb_of(&many, 4), "SourceNotReady"),
        ("bare", archive(&[("bare/templates/a.yaml", "")]), "SourceNotReady"),
        ("missing", chart("missing", "1.0.0", &[("Chart.yaml", missing)]), "InstallFailed"),
    ];
    let entries: Vec<(&str, &str, &str)> = cases.iter().map(|(name, ..)| (*name, "1.0.0", "")).collect();
    files.put("/index.yaml", index(&entries));
    for (name, archive, _) in &cases {
        files.put(&format!("/charts/{name}-1.0.0.tgz"), archive.clone());
        w.apply(&release_of(name, &of_repository(name, "1.0.0"), ""));
    }
    w.apply(&helm_repository(&files.url, ""));
    w.apply(&helm_release("shop", ""));
    ready_at(&w, "shop", 1).await;
    let mut told = String::new();
    for (name, _, reason) in &cases {
        w.until("the source was looked at", || {
            let condition = condition(&w, name, "Ready")?;
            let is_told = ["does not have an artifact", "has not been reconciled"]
                .iter()
                .all(|e| !condition.message.ends_with(e));
            (is_told && condition.reason == *reason).then_some(())
        })
        .await;
        told += &format!("{name}: {}\n", masked(&w.failed(HELM_RELEASE, name, reason).await));
    }
    check(&told, TOLD_OF_ARCHIVES);
    shop_goes_on(&w, 2).await;
    // A good archive in the place of a bad one heals it.
    files.put("/charts/torn-1.0.0.tgz", chart("torn", "1.0.0", &[]));
    w.ask(HELM_CHART, "apps-torn");
    ready_at(&w, "torn", 1).await;
}

#[tokio::test]
async fn a_registry_that_is_busy_or_lies_is_told_and_recovers() {
    let w = World::with_helm(&GOOD).await;
    w.apply(&helm_release("shop", ""));
    ready_at(&w, "shop", 1).await;
    let registry = Registry::start(Access::Open, 100).await.expect("it serves");
    let at = client(&registry, "charts/web", Keychain::anonymous());
    let digest = push_chart(&at, "1.0.0", chart("web", "1.0.0", &[])).await;
    let manifest = at.manifest(&digest).await.expect("it is there").manifest;
    let evil = chart("web", "1.0.0", &[("values.yaml", "key: evil\n")]);
    registry.lie(&digest, Some(Bytes::from(manifest.to_bytes().to_ascii_uppercase())));
    // Busy for longer than anybody waits: told, and tried again without being asked to.
    registry.refuse(2, 3600);
    w.apply(&helm_repository(&registry.url("charts"), "type: oci"));
    w.apply(&release_of("web", &of_repository("web", "1.0.0"), ""));
    let host = registry.host();
    let before = "HelmChart 'apps/apps-web' is not ready: chart pull error: failed to ";
    let busy = "get chart version for remote reference: HOST: manifest HOST/charts/web:1.0.0: 429 Too Many Requests (asks to wait 3600 s)";
    let name = format!("HOST/charts/web@{digest}");
    let lie = format!("download chart for remote reference: manifest {name}: the 408 bytes that came have digest ");
    for told in [busy, &lie] {
        not_ready(&w, "web", &format!("{before}{}", told.replace("HOST", &host))).await;
    }
    shop_goes_on(&w, 2).await;
    // An honest manifest, a content that is not its own; and busy for a moment, which nobody is told.
    registry.lie(&digest, None);
    registry.lie(&manifest.layers[0].digest, Some(Bytes::from(evil)));
    registry.refuse(1, 1);
    w.ask(HELM_CHART, "apps-web");
    let lie = format!("download chart for remote reference: blob {host}/charts/web@{}: ", manifest.layers[0].digest);
    not_ready(&w, "web", &format!("{before}{lie}")).await;
    assert!(!w.has(MAPS, "web-config"));
    shop_goes_on(&w, 3).await;
    registry.lie(&manifest.layers[0].digest, None);
    w.ask(HELM_CHART, "apps-web");
    ready_at(&w, "web", 1).await;
    assert_eq!(w.data("web-config", "key").as_deref(), Some("one"));
}

/// Waits until a release is told to have no source, in a message that begins with these words.
async fn not_ready(w: &World, name: &str, words: &str) {
    w.until(&format!("{name} is told {words:?}"), || {
        let ready = condition(w, name, "Ready")?;
        (ready.reason == "SourceNotReady" && ready.message.starts_with(words)).then_some(())
    })
    .await;
}
