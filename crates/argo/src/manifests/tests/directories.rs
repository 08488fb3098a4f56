//! Directories of manifests.

use super::*;

#[test]
fn files_are_taken_in_the_order_of_a_walk() {
    let [a, b, c, d] = ["a", "b", "c", "d"].map(config_map);
    let files = [
        ("d/z.yml", a.as_str()),
        ("d/a.yaml", b.as_str()),
        ("d/a/nested.yaml", c.as_str()),
        ("d/.hidden/x.yaml", d.as_str()),
        ("d/UPPER.YAML", "never: read"),
        ("d/readme.md", "text"),
        ("e.yaml", "never: read"),
    ];
    check("path: d", &files, &["Directory", "ConfigMap/b d/a.yaml:1", "ConfigMap/a d/z.yml:1"]);
    check(
        "{path: d, directory: {recurse: true}}",
        &files,
        &[
            "Directory",
            "ConfigMap/d d/.hidden/x.yaml:1",
            "ConfigMap/c d/a/nested.yaml:1",
            "ConfigMap/b d/a.yaml:1",
            "ConfigMap/a d/z.yml:1",
        ],
    );
}

#[test]
fn globs_are_of_paths_from_the_source_and_exclude_goes_first() {
    let [a, b, c] = ["a", "b", "c"].map(config_map);
    let files = [("d/a.yaml", a.as_str()), ("d/sub/b.yaml", b.as_str()), ("d/sub/c.yaml.sealed", c.as_str())];
    for (options, expected) in [
        ("recurse: true, include: '*.yaml'", "ConfigMap/a d/a.yaml:1\nConfigMap/b d/sub/b.yaml:1"),
        ("recurse: true, include: 'sub/*'", "ConfigMap/b d/sub/b.yaml:1"),
        ("recurse: true, include: '{a,x}.yaml'", "ConfigMap/a d/a.yaml:1"),
        ("recurse: true, exclude: 'sub/*'", "ConfigMap/a d/a.yaml:1"),
        ("recurse: true, include: '*', exclude: 'a*'", "ConfigMap/b d/sub/b.yaml:1"),
        ("recurse: true, include: '*.sealed', disableExtensionFilter: true", "ConfigMap/c d/sub/c.yaml.sealed:1"),
    ] {
        check(&format!("{{path: d, directory: {{{options}}}}}"), &files, &["Directory", expected]);
    }
    let result = renderer().render(
        &source("{path: d, directory: {include: '[x'}}"),
        &super::files(&files),
        &References::new(),
        &app(),
    );
    let text = shown(&result);
    assert!(text.starts_with("Directory\nwarning: ") && text.contains("[x"), "{text}");
}

/// Contract 10.22: what is not a manifest is passed over, unless it looks like one.
#[test]
fn files_of_others_are_passed_over_unless_they_look_like_manifests() {
    let one = config_map("one");
    check(
        "path: d",
        &[
            ("d/a.yaml", &one),
            ("d/values.yaml", "replicas: 1\n"),
            ("d/list.yaml", "- a\n"),
            ("d/bad.yaml", "a: b: c\n"),
        ],
        &["Directory", "ConfigMap/one d/a.yaml:1"],
    );
    check(
        "path: d",
        &[("d/bad.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: a: b\n")],
        &[
            "Build: Failed to unmarshal \"bad.yaml\": failed to unmarshal manifest: error converting YAML to JSON: yaml: line 3: mapping values are not allowed in this context (d/bad.yaml:3)",
        ],
    );
    // A good one before it says that it is a file of manifests.
    check(
        "path: d",
        &[("d/two.yaml", &format!("{one}---\nreplicas: 1\n"))],
        &[
            "Build: Failed to unmarshal \"two.yaml\": failed to unmarshal manifest: Object 'Kind' is missing in '{\"replicas\":1}' (d/two.yaml:6)",
        ],
    );
    check(
        "path: d",
        &[("d/two.yaml", &format!("# head\n---\n{one}---\na: b: c\n"))],
        &[
            "Build: Failed to unmarshal \"two.yaml\": failed to unmarshal manifest: error converting YAML to JSON: yaml: line 8: mapping values are not allowed in this context (d/two.yaml:8)",
        ],
    );
    // One behind a document that is none is not seen.
    check("path: d", &[("d/two.yaml", "replicas: 1\n---\nx: y\n")], &["Directory"]);
}

#[test]
fn a_file_that_asks_to_be_passed_over_is() {
    let one = format!("# +argocd:skip-file-rendering\n{}", config_map("one"));
    check("path: d", &[("d/a.yaml", &one)], &["Directory"]);
}

#[test]
fn lists_are_expanded_and_empty_documents_dropped() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n";
    let one = config_map("one");
    check(
        "path: d",
        &[("d/a.yaml", list), ("d/b.yaml", &format!("---\n# nothing\n---\nnull\n---\n{one}---\n"))],
        &["Directory", "ConfigMap/a d/a.yaml:1", "Secret/b d/a.yaml:1", "ConfigMap/one d/b.yaml:6"],
    );
    check("path: d", &[("d/a.yaml", "apiVersion: v1\nkind: ConfigMapList\nitems: null\n")], &["Directory"]);
    check("path: d", &[("d/a.yaml", "apiVersion: v1\nkind: ConfigMapList\nitems: []\n")], &["Directory"]);
}

#[test]
fn json_holds_one_object() {
    let one = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"}}"#;
    check("path: d", &[("d/a.json", one)], &["Directory", "ConfigMap/one d/a.json:1"]);
    check(
        "path: d",
        &[("d/a.json", &format!("{one}{one}"))],
        &["Build: Found multiple objects in \"a.json\". Only single objects are allowed in JSON files. (d/a.json)"],
    );
    check("path: d", &[("d/manifest.json", r#"{"schemaVersion":2,"config":{},"layers":[]}"#)], &["Directory"]);
    check(
        "path: d",
        &[("d/package.json", r#"{"name":"x"}"#)],
        &[
            "Build: Failed to unmarshal \"package.json\": Object 'Kind' is missing in '{\"name\":\"x\"}' (d/package.json)",
        ],
    );
}

/// INV-RES-1
#[test]
fn the_sum_of_all_files_is_bounded() {
    let one = config_map("one");
    let settings = ToolSettings { max_directory_bytes: one.len() as u64 * 2 - 1, ..ToolSettings::default() };
    let app = AppContext { settings: Arc::new(settings), ..app() };
    let files = [("d/a.yaml", one.as_str()), ("d/b.yaml", one.as_str())];
    check_for(&app, "path: d", &files[..1], &["Directory", "ConfigMap/one d/a.yaml:1"]);
    let expected = format!(
        "Limit: failed to get potentially valid manifests: exceeded max combined manifest file size ({} bytes)",
        one.len() * 2 - 1
    );
    check_for(&app, "path: d", &files, &[&expected]);
}

/// INV-FS-2: what is outside the repository is not read.
#[test]
fn links_are_followed_within_the_repository() {
    let one = config_map("one");
    let files = [("d/a.yaml", "-> ../shared/one.yaml"), ("shared/one.yaml", one.as_str())];
    check("path: d", &files, &["Directory", "ConfigMap/one d/a.yaml:1"]);
    check(
        "path: d",
        &[("d/a.yaml", "-> /etc/passwd")],
        &[
            "Build: failed to get potentially valid manifests: invalid manifest file \"a.yaml\": illegal filepath in symlink at \"a.yaml\"",
        ],
    );
    check(
        "path: d",
        &[("d/a.yaml", "-> gone.yaml"), ("d/b.yaml", "-> ../shared"), ("shared/x", "")],
        &[
            "Directory",
            "warning: skipping manifest file \"a.yaml\": destination of symlink \"a.yaml\" is missing",
            "warning: skipping manifest file \"b.yaml\": ignoring symlink at \"b.yaml\" to non-regular file",
        ],
    );
}

#[test]
fn jsonnet_gives_an_object_or_several() {
    let one = r#"{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "one"}}"#;
    check("path: d", &[("d/a.jsonnet", one)], &["Directory", "ConfigMap/one d/a.jsonnet"]);
    check("path: d", &[("d/a.jsonnet", &format!("[{one}, null]"))], &["Directory", "ConfigMap/one d/a.jsonnet"]);
    // Libraries are no manifests by their name.
    let files = [
        ("d/a.jsonnet", r#"(import "p.libsonnet") + (import "l.libsonnet")"#),
        ("d/p.libsonnet", one),
        ("lib/l.libsonnet", "{data: {a: 'b'}}"),
    ];
    check(
        "{path: d, directory: {jsonnet: {libs: [lib]}}}",
        &files,
        &["Directory", r#"ConfigMap/one {"a":"b"} d/a.jsonnet"#],
    );
    check(
        "{path: d, directory: {jsonnet: {libs: [../x]}}}",
        &files,
        &["Build: Failed to evaluate jsonnet \"a.jsonnet\": file '../x' resolved to outside repository root"],
    );
    let off = ToolSettings { jsonnet_enabled: false, ..ToolSettings::default() };
    check_for(&AppContext { settings: Arc::new(off), ..app() }, "path: d", &[("d/a.jsonnet", one)], &["Directory"]);
}

#[test]
fn jsonnet_is_given_variables_and_arguments() {
    let file = "function(t, n=1) {apiVersion: 'v1', kind: 'ConfigMap', metadata: {name: 'x'}, data: {t: t, n: std.toString(n), e: std.extVar('e')}}";
    check(
        "{path: d, directory: {jsonnet: {tlas: [{name: t, value: $ARGOCD_APP_NAME}, {name: 'n', value: 1 + 2, code: true}], extVars: [{name: e, value: ext}]}}}",
        &[("d/a.jsonnet", file)],
        &["Directory", r#"ConfigMap/x {"e":"ext","n":"3","t":"team_shop"} d/a.jsonnet"#],
    );
    let result = renderer().render(
        &source("path: d"),
        &super::files(&[("d/a.jsonnet", "{a: error 'no'}")]),
        &References::new(),
        &app(),
    );
    let text = shown(&result);
    assert!(text.starts_with("Build: Failed to evaluate jsonnet \"a.jsonnet\": ") && text.contains("no"), "{text}");
}
