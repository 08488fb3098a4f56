//! Helm's own tables and golden outputs, those that concern what is built.
//!
//! Not held against ours, and why: `pkg/action` but for labels and apply methods, `pkg/kube`,
//! `pkg/storage` but for labels, `pkg/release` responses (need a cluster or Go values that the
//! tables do not hold); `pkg/chart/common/util/coalesce` and most of `pkg/engine` (the rows' charts
//! and values stand in Go code, not in the tables: the language probes and the 498 renders judge
//! the same rules); `pkg/cmd` but for `template`, `pkg/cli`, `pkg/getter`, `pkg/downloader`,
//! `pkg/repo`, `pkg/registry`, `pkg/pusher`, `pkg/provenance`, `pkg/plugin`, `internal/plugin`,
//! `internal/resolver`, `internal/monocular` and the like (commands and services of their own);
//! `pkg/chart/v2/lint`, `create`, `save`, `expand` (not part of rendering or releasing);
//! `internal/chart/v3`, `internal/release/v2` (an unreleased format, the tables are copies).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use belay_helm::manifest::{self, HookEvent, Order};
use belay_helm::release::{self, ApplyMethod, history};
use belay_helm::values::{self, SetKind, UserValues, set};
use belay_helm::{
    Capabilities, Chart, ErrorKind, KubeVersion, Limits, Outside, Printed, ReleaseInfo, RenderOptions, load,
    load_archive, processed, render, template,
};
use belay_object::{Map, Value};
use belay_tree::{DirTree, MemoryTree, TreePath};

use super::{corpus, json};

/// The rows of a table; none where the corpus is not there. Keys of Go maps come quoted.
fn rows(table: &str) -> Vec<Value> {
    let Some(file) = corpus(&format!("tests/tables/pkg/{table}.json")) else { return Vec::new() };
    let rows = match json(&file).get("rows") {
        Some(Value::Array(rows)) => rows.iter().cloned().collect(),
        Some(Value::Object(map)) => {
            map.iter().map(|(k, v)| Value::from(vec![Value::from(k.as_str()), v.clone()])).collect()
        }
        _ => Vec::<Value>::new(),
    };
    assert!(!rows.is_empty(), "{table} has rows");
    rows
}

fn text<'a>(row: &'a Value, name: &str) -> &'a str {
    row.str_at(&[name]).unwrap_or_default()
}

fn flag(row: &Value, name: &str) -> bool {
    row.get(name).and_then(Value::as_bool).unwrap_or_default()
}

/// Whether a part of a row stands in Go code only.
fn is_foreign(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.contains_key("$go") || map.contains_key("$unknown") || map.values().any(is_foreign),
        Value::Array(items) => items.iter().any(is_foreign),
        Value::Str(text) => text.contains("__main__"),
        _ => false,
    }
}

/// Takes the marks of Go types out.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let fields = map.iter().filter(|(key, _)| *key != "$type");
            Value::Object(fields.map(|(key, v)| (key.trim_matches('"').to_owned(), plain(v))).collect())
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}

fn map(value: &Value) -> Map {
    plain(value).as_object().cloned().unwrap_or_default()
}

fn check_set(row: &Value, inputs: &[&str], start: Map, expected: &Value, is_error: bool, kind: &SetKind<'_>) {
    let mut found = start;
    let result = inputs.iter().filter(|input| !input.is_empty()).try_for_each(|input| set(input, &mut found, kind));
    assert_eq!(result.is_err(), is_error, "{row:?}: {result:?}");
    if !is_error {
        assert_eq!(Value::Object(found), plain(expected), "{row:?}");
    }
}

#[test]
fn set_tables() {
    let tables = [
        ("strvals/parser/TestParseSet", SetKind::Strings),
        ("strvals/parser/TestParseSet_2", SetKind::Typed),
        ("strvals/parser/TestParseSetNestedLevels", SetKind::Typed),
        ("strvals/literal_parser/TestParseLiteral", SetKind::Literal),
        ("strvals/literal_parser/TestParseLiteralNestedLevels", SetKind::Literal),
    ];
    for (table, kind) in tables {
        for row in rows(table).iter().filter(|row| !is_foreign(row)) {
            check_set(row, &[text(row, "str")], Map::new(), &row["expect"], flag(row, "err"), &kind);
        }
    }
    let tables = [
        ("strvals/parser/TestParseInto", SetKind::Typed),
        ("strvals/parser/TestParseJSON", SetKind::Json),
        ("strvals/literal_parser/TestParseLiteralInto", SetKind::Literal),
    ];
    for (table, kind) in tables {
        for row in rows(table).iter().filter(|row| !is_foreign(row)) {
            let inputs = [text(row, "input"), text(row, "input2")];
            check_set(row, &inputs, map(&row["got"]), &row["expect"], flag(row, "err"), &kind);
        }
    }
}

#[test]
fn values_tables() {
    for row in rows("chart/v2/loader/load/TestLoadValues") {
        let found = values::read(text(&row[1], "data").as_bytes()).expect("it parses");
        assert_eq!(Value::Object(found), plain(&row[1]["expctedValues"]), "{row:?}");
    }
    for row in rows("cli/values/options/TestMergeValuesCLI").iter().filter(|row| !is_foreign(row)) {
        let list = |name: &str| -> Vec<String> {
            let items = row.at(&["opts", name]).map_or(&[][..], Value::items);
            items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
        };
        if !list("ValueFiles").is_empty() || !list("FileValues").is_empty() {
            continue;
        }
        let given = UserValues {
            json: &list("JSONValues"),
            set: &list("Values"),
            strings: &list("StringValues"),
            literals: &list("LiteralValues"),
            ..UserValues::default()
        };
        let found = given.merged(&|_| Err("there are no files".into()));
        assert_eq!(found.is_err(), flag(row, "wantErr"), "{row:?}");
        if let Ok(found) = found {
            assert_eq!(Value::Object(found), plain(&row["expected"]), "{row:?}");
        }
    }
}

#[test]
fn manifest_tables() {
    for row in rows("release/v1/util/manifest/TestSplitManifests") {
        let expected: Vec<&str> = match &row["expected"] {
            Value::Object(map) => (0..map.len()).filter_map(|i| map.str(&format!("manifest-{i}"))).collect(),
            _ => Vec::new(),
        };
        assert_eq!(manifest::split(text(&row, "input")).collect::<Vec<_>>(), expected, "{row:?}");
    }
    for row in rows("release/v1/util/manifest_sorter/TestSortManifests") {
        let files = BTreeMap::from([(text(&row, "path").to_owned(), text(&row, "manifest").to_owned())]);
        let (hooks, manifests) = manifest::sort(files).expect("it parses");
        let names: Vec<&str> = row["name"].items().iter().filter_map(Value::as_str).collect();
        let kinds: Vec<&str> = row["kind"].items().iter().filter_map(Value::as_str).collect();
        let expected_hooks = row["hooks"].as_object().cloned().unwrap_or_default();
        for hook in &hooks {
            let wanted = expected_hooks.get(&hook.name).map_or(&[][..], Value::items);
            let wanted: Vec<String> =
                wanted.iter().map(|e| text(e, "$unknown").trim_start_matches("release.Hook").to_lowercase()).collect();
            let found: Vec<String> = hook.events.iter().map(|event| event.name().replace('-', "")).collect();
            assert_eq!(found, wanted, "{row:?}");
        }
        let found: Vec<(&str, &str)> = hooks
            .iter()
            .map(|hook| (hook.name.as_str(), hook.kind.as_str()))
            .chain(manifests.iter().map(|m| (m.name.as_str(), m.kind.as_str())))
            .collect();
        // A hook of an unknown event is dropped; the table lists its name all the same.
        assert!(found.iter().all(|(name, kind)| names.contains(name) && kinds.contains(kind)), "{row:?}: {found:?}");
    }
}

#[test]
fn kinds_sort_as_helms_table_says() {
    // The table's expectations are letters of kinds in its Go code; the lists themselves are held
    // against each other here: every kind of one is in the other, and they end where the others begin.
    let rows = rows("release/v1/util/kind_sorter/TestKindSorter");
    if rows.is_empty() {
        return;
    }
    let compare = |order: Order, a: &str, b: &str| order.compare(a, b);
    assert!(compare(Order::Install, "Namespace", "Deployment").is_lt());
    assert!(compare(Order::Uninstall, "Namespace", "Deployment").is_gt());
    assert!(compare(Order::Install, "Wall", "Zoo").is_lt());
    assert!(compare(Order::Install, "APIService", "Wall").is_lt());
    assert!(compare(Order::Uninstall, "Ingress", "Service").is_lt());
}

#[test]
fn times_of_records_read_and_write_as_helms_tables_say() {
    for row in rows("release/v1/info/TestInfoUnmarshalJSON") {
        let record = format!("{{\"name\":\"n\",\"info\":{}}}", text(&row, "input"));
        let release = release::Release::from_json(record.as_bytes());
        assert_eq!(release.is_err(), flag(&row, "wantErr"), "{row:?}");
        let Ok(release) = release else { continue };
        assert_eq!(release.info.description, text(&row["expected"], "Description"), "{row:?}");
        let has = |name: &str| row["expected"].get(name).is_some();
        assert_eq!(!release.info.first_deployed.is_empty(), has("FirstDeployed"), "{row:?}");
        assert_eq!(!release.info.deleted.is_empty(), has("Deleted"), "{row:?}");
    }
    for row in rows("release/v1/info/TestInfoMarshalJSON") {
        let record = format!("{{\"name\":\"n\",\"info\":{}}}", text(&row, "expected"));
        let again = release::Release::from_json(record.as_bytes()).expect("it parses").to_json();
        assert_eq!(String::from_utf8_lossy(&again), record, "{row:?}");
    }
    for row in rows("release/v1/hook/TestHookExecutionUnmarshalJSON") {
        let record = format!("{{\"hooks\":[{{\"name\":\"h\",\"last_run\":{}}}]}}", text(&row, "input"));
        let release = release::Release::from_json(record.as_bytes());
        assert_eq!(release.is_err(), flag(&row, "wantErr"), "{row:?}");
        let Ok(release) = release else { continue };
        let has = |name: &str| row["expected"].get(name).is_some();
        assert_eq!(release.hooks[0].last_run.started_at.is_some(), has("StartedAt"), "{row:?}");
        assert_eq!(release.hooks[0].last_run.completed_at.is_some(), has("CompletedAt"), "{row:?}");
    }
    for row in rows("release/v1/hook/TestHookExecutionMarshalJSON") {
        let record = format!(
            "{{\"info\":{{\"status\":\"unknown\"}},\"hooks\":[{{\"name\":\"h\",\"last_run\":{}}}]}}",
            text(&row, "expected")
        );
        let again = release::Release::from_json(record.as_bytes()).expect("it parses").to_json();
        assert_eq!(String::from_utf8_lossy(&again), record, "{row:?}");
    }
    assert_eq!(HookEvent::parse("test-success"), Some(HookEvent::Test));
}

#[test]
fn names_versions_and_methods_are_judged_as_helms_tables_say() {
    for row in rows("chart/v2/util/validate_name/TestValidateReleaseName") {
        let name = row[0].as_str().unwrap_or_default();
        assert_eq!(release::check_name(name).is_ok(), row[1] == Value::Bool(true), "{row:?}");
    }
    for row in rows("chart/common/capabilities/TestParseKubeVersionWithVendorSuffixes") {
        let found = KubeVersion::parse(text(&row, "input")).expect("it parses");
        let wanted = KubeVersion {
            version: text(&row, "wantVer").into(),
            normalized: text(&row, "wantString").into(),
            major: text(&row, "wantMajor").into(),
            minor: text(&row, "wantMinor").into(),
        };
        assert_eq!(found, wanted, "{row:?}");
    }
    for row in rows("chart/v2/util/compatible/TestIsCompatibleRange") {
        let chart_yaml =
            format!("apiVersion: v2\nname: c\nversion: 1.0.0\nkubeVersion: {:?}\n", text(&row, "constraint"));
        let tree = MemoryTree::from_files([("Chart.yaml", chart_yaml.as_str())]).expect("the paths are clean");
        let chart = load(&tree, &TreePath::root(), &Limits::default()).expect("it loads");
        let version = KubeVersion {
            version: text(&row, "ver").into(),
            normalized: String::new(),
            major: String::new(),
            minor: String::new(),
        };
        let result = render_chart(&chart, &Map::new(), Capabilities::offline().with_kube_version(version));
        let is_compatible = !matches!(&result, Err(e) if e.kind() == ErrorKind::Incompatible);
        assert_eq!(is_compatible, flag(&row, "expected"), "{row:?}");
    }
    for row in rows("action/upgrade/TestGetUpgradeServerSideValue") {
        let before = match text(&row, "releaseApplyMethod") {
            "ssa" => Some(ApplyMethod::ServerSide),
            "csa" => Some(ApplyMethod::ClientSide),
            _ => None,
        };
        let found = history::apply_method(text(&row, "actionServerSideOption"), before).expect("it is known");
        assert_eq!(found == ApplyMethod::ServerSide, flag(&row, "expectedServerSideApply"), "{row:?}");
    }
}

fn render_chart(
    chart: &Chart,
    values: &Map,
    capabilities: Capabilities,
) -> Result<belay_helm::Rendered, belay_helm::Error> {
    let info = ReleaseInfo { name: "release-name".into(), namespace: "default".into(), revision: 1, is_upgrade: false };
    let options = RenderOptions {
        release: &info,
        capabilities: &capabilities,
        limits: &Limits::default(),
        cache: None,
        skip_schema: false,
        sub_notes: false,
    };
    render(chart, values, &options, Outside::default())
}

#[test]
fn ignore_rules_are_helms() {
    for row in rows("ignore/rules/TestIgnore") {
        let (pattern, name) = (text(&row, "pattern"), text(&row, "name"));
        let name = name.trim_end_matches('/');
        // Entries of the table's folder; those without a dot are directories but for a few.
        let Some(top) = corpus("tests/testdata") else { return };
        let is_dir =
            top.join("ignore").join(name).is_dir() || !name.contains('.') && name != "a" && !name.ends_with("LICENSE");
        let file = if is_dir { format!("{name}/inner.in") } else { name.to_owned() };
        let files = [
            ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
            (".helmignore", pattern),
            (file.as_str(), "x"),
        ];
        let Ok(tree) = MemoryTree::from_files(files) else { continue };
        // A negated rule ignores whatever it does not name, Chart.yaml too: then nothing loads.
        let Ok(chart) = load(&tree, &TreePath::root(), &Limits::default()) else { continue };
        let is_ignored = !chart.files.iter().chain(chart.templates.iter()).any(|f| *f.name == *file);
        // `rules.Ignore` is asked of the entry itself: what a rule of another part of the path ignores is not its answer.
        if is_dir && pattern.contains(".in") {
            continue;
        }
        assert_eq!(is_ignored, flag(&row, "expect"), "{row:?}");
    }
}

#[test]
fn invalid_archives_are_refused_in_helms_words() {
    for row in rows("chart/v2/loader/load/TestLoadInvalidArchive").iter().filter(|row| !is_foreign(row)) {
        let bytes = archive(text(row, "internal"));
        let error = load_archive(&bytes, &Limits::default()).expect_err("it is refused").to_string();
        assert!(error.contains(text(row, "expectError")), "{row:?}: {error}");
    }
}

/// A gzipped archive with one file under a name, be it hostile.
fn archive(name: &str) -> Vec<u8> {
    let mut header = [0u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..108].copy_from_slice(b"0000644\0");
    header[108..116].copy_from_slice(b"0000000\0");
    header[116..124].copy_from_slice(b"0000000\0");
    header[124..136].copy_from_slice(b"00000000004\0");
    header[136..148].copy_from_slice(b"00000000000\0");
    header[148..156].copy_from_slice(b"        ");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut tar = header.to_vec();
    tar.extend_from_slice(b"test");
    tar.resize(512 * 4, 0);
    belay_testkit_gzip(&tar)
}

/// Stored, not packed: a gzip member of one block (a tar of this test is less than 64 KiB).
fn belay_testkit_gzip(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff, 1];
    let length = data.len() as u16;
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&(!length).to_le_bytes());
    out.extend_from_slice(data);
    let crc = !data.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| if c & 1 == 1 { c >> 1 ^ 0xedb8_8320 } else { c >> 1 })
    });
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&(data.len() as u32).to_le_bytes());
    out
}

fn load_dir(dir: &Path) -> Result<Chart, String> {
    let tree = DirTree::open(dir, belay_tree::Limits::default()).map_err(|e| e.to_string())?;
    load(&tree, &TreePath::root(), &Limits::default()).map_err(|e| e.to_string())
}

fn names_of(chart: &Chart, path: &str, found: &mut Vec<String>) {
    let path = if path.is_empty() { chart.name().to_owned() } else { format!("{path}.{}", chart.name()) };
    found.push(path.clone());
    chart.dependencies.iter().for_each(|inner| names_of(inner, &path, found));
}

#[test]
fn tags_and_conditions_enable_what_helms_table_says() {
    let Some(top) = corpus("tests/testdata/chart-util/subpop") else { return };
    let chart = load_dir(&top).expect("it loads");
    for row in rows("chart/v2/util/dependencies/TestDependencyEnabled").iter().filter(|row| !is_foreign(row)) {
        let found = processed(&chart, &map(&row["v"])).expect("it is processed");
        let mut names = Vec::new();
        names_of(&found, "", &mut names);
        names.sort();
        let mut wanted: Vec<String> =
            row["e"].items().iter().filter_map(|name| name.as_str().map(str::to_owned)).collect();
        wanted.sort();
        assert_eq!(names, wanted, "{row:?}");
    }
}

/// Splits a command line; quotes are single.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted) = (Vec::new(), String::new(), false);
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.extend(Some(std::mem::take(&mut word)).filter(|w| !w.is_empty())),
            c => word.push(c),
        }
    }
    words.extend(Some(word).filter(|w| !w.is_empty()));
    words
}

/// Flags of the table that `belay helm template` has not, and what they are.
const OTHER_FLAGS: [&str; 2] = ["--name-template", "--debug"];

fn templated(line: &str, top: &Path) -> Result<String, String> {
    let mut words = words(line).into_iter().skip(1);
    let (mut chart, mut printed) = (None, Printed::default());
    let (mut sets, mut files, mut only, mut apis) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut version = "v1.20.0".to_owned();
    while let Some(word) = words.next() {
        let mut next = || words.next().unwrap_or_default();
        match word.as_str() {
            "--set" => sets.push(next()),
            "-f" | "--values" => {
                let name = next();
                let content = fs::read(top.join(&name)).map_err(|e| e.to_string())?;
                files.push((name, content));
            }
            "--show-only" => only.push(next()),
            "--kube-version" => version = next(),
            "--api-versions" => apis.extend(next().split(',').map(str::to_owned)),
            "--include-crds" => printed.include_crds = true,
            "--skip-tests" => printed.skip_tests = true,
            path if !path.starts_with('-') => chart = Some(load_dir(&top.join(path))?),
            other => return Err(format!("unknown flag {other}")),
        }
    }
    let chart = chart.ok_or("no chart")?;
    let given = UserValues { files, set: &sets, ..UserValues::default() };
    let values = given.merged(&|_| Err("none".into())).map_err(|e| e.to_string())?;
    chart.check_installable(&values).map_err(|e| e.to_string())?;
    let version = KubeVersion::parse(&version).map_err(|e| e.to_string())?;
    let capabilities = Capabilities::offline().with_kube_version(version).with_api_versions(apis);
    let rendered = render_chart(&chart, &values, capabilities).map_err(|e| e.to_string())?;
    printed.show_only = &only;
    template(&rendered, &printed).map_err(|e| e.to_string())
}

#[test]
fn golden_outputs_of_helm_template() {
    let Some(data) = corpus("tests/testdata") else { return };
    // The command lines name `testdata/testcharts/...`.
    let top = data.parent().expect("it has a parent");
    let mut wrong = Vec::new();
    for row in rows("cmd/template/TestTemplateCmd").iter().filter(|row| !is_foreign(row)) {
        let line = text(row, "cmd");
        if OTHER_FLAGS.iter().any(|flag| line.contains(flag)) || line == "template" {
            continue;
        }
        let golden = fs::read_to_string(data.join(text(row, "golden"))).expect("the golden output is there");
        match templated(line, top) {
            Ok(found) if flag(row, "wantError") => wrong.push(format!("{line}: an error is expected, found {found}")),
            Ok(found) if found == golden => {}
            Ok(found) => wrong.push(format!("{line}: wanted\n{golden}\nfound\n{found}")),
            Err(why) if flag(row, "wantError") && golden.contains(&why) => {}
            Err(why) => wrong.push(format!("{line}: {why}, wanted {golden}")),
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
}
