//! Small inputs that make much of little: each ends in an error that names its limit (RES-4).

use super::{CONFIG_MAP, build_at};
use crate::{BuildOptions, Error, ErrorKind, Limits};

/// Builds `app` with 1 MiB to grow; it must cross a limit whose text is given.
fn check_limit(files: &[(&str, &str)], text: &str) {
    let limits = Limits { growth: 1 << 20, steps: 1_000, ..Limits::default() };
    let error: Error = build_at("app", files, &BuildOptions { limits, ..BuildOptions::default() })
        .map(|built| built.to_yaml().len())
        .expect_err("a limit is crossed");
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert!(error.message().contains(text), "{error}");
}

/// A kustomization with one config map, and one field.
fn with(field: &str) -> [(&str, &str); 2] {
    [("app/kustomization.yaml", field), ("app/r.yaml", CONFIG_MAP)]
}

const GROWTH: &str = "add more than 1048576 bytes";
const NESTING: &str = "deep, of which 100 are allowed";

#[test]
fn json_patches_cannot_double_an_object_without_end() {
    let copies: String = (0..40)
        .map(|i| {
            format!("    - {{op: copy, from: /data, path: /copy{i}}}\n    - {{op: copy, from: '', path: /data/c{i}}}\n")
        })
        .collect();
    let text = format!("resources: [r.yaml]\npatches:\n- target: {{kind: ConfigMap}}\n  patch: |-\n{copies}");
    let copies: String = (0..40).map(|i| format!("    - {{op: copy, from: /data, path: /data/c{i}}}\n")).collect();
    let doubling = format!("resources: [r.yaml]\npatches:\n- target: {{kind: ConfigMap}}\n  patch: |-\n{copies}");
    check_limit(&with(&doubling), GROWTH);
    let error = build_at("app", &with(&text), &BuildOptions::default()).expect_err("the whole has no parent");
    assert!(error.message().contains("copy operation does not apply"), "{error}");
}

#[test]
fn json_patches_cannot_nest_an_object_without_end() {
    let path = |depth: usize| format!("/data{}", "/a".repeat(depth));
    let adds: String =
        (1..200).map(|depth| format!("    - {{op: add, path: {}, value: {{}}}}\n", path(depth))).collect();
    let text = format!("resources: [r.yaml]\npatches:\n- target: {{kind: ConfigMap}}\n  patch: |-\n{adds}");
    check_limit(&with(&text), NESTING);
    let moves: String = (0..9)
        .map(|i| {
            format!("    - {{op: copy, from: /data, path: /m{i}}}\n    - {{op: move, from: /m{i}, path: /data/x}}\n")
        })
        .collect();
    let text = format!("resources: [r.yaml]\npatches:\n- target: {{kind: ConfigMap}}\n  patch: |-\n{moves}");
    assert!(build_at("app", &with(&text), &BuildOptions::default()).is_ok(), "nine deep is fine");
}

#[test]
fn replacements_cannot_put_a_map_into_itself_without_end() {
    let one = "- source: {kind: ConfigMap, fieldPath: data}\n  targets:\n  - select: {kind: ConfigMap}\n    \
               fieldPaths: [data.x, data.y]\n    options: {create: true}\n";
    let text = format!("resources: [r.yaml]\nreplacements:\n{}", one.repeat(40));
    check_limit(&with(&text), GROWTH);
    let one = one.replace(", data.y", "");
    let text = format!("resources: [r.yaml]\nreplacements:\n{}", one.repeat(120));
    check_limit(&with(&text), NESTING);
}

#[test]
fn paths_of_fields_have_a_length() {
    let path = "a/".repeat(5_000) + "a";
    check_limit(
        &with(&format!(
            "resources: [r.yaml]\nlabels: [{{pairs: {{a: b}}, fields: [{{path: {path}, create: true}}]}}]\n"
        )),
        NESTING,
    );
    let path = path.replace('/', ".");
    check_limit(
        &with(&format!(
            "resources: [r.yaml]\nreplacements:\n- sourceValue: x\n  targets:\n  - {{select: {{kind: ConfigMap}}, \
             fieldPaths: [{path}], options: {{create: true}}}}\n"
        )),
        NESTING,
    );
}

#[test]
fn labels_patches_and_variables_of_many_objects_have_a_size() {
    let manifests: String =
        (0..500).map(|i| CONFIG_MAP.replace("name: cm", &format!("name: cm{i}")) + "---\n").collect();
    let long = "x".repeat(4_000);
    for field in [
        format!("commonAnnotations: {{a: {long}}}\n"),
        format!("namePrefix: {long}\n"),
        format!("patches: [{{target: {{kind: ConfigMap}}, patch: \"- {{op: add, path: /data/a, value: {long}}}\"}}]\n"),
        format!(
            "patches: [{{target: {{kind: ConfigMap}}, patch: \"{{apiVersion: v1, kind: ConfigMap, metadata: {{name: x}}, \
             data: {{b: {long}}}}}\"}}]\n"
        ),
    ] {
        let kustomization = format!("resources: [r.yaml]\n{field}");
        check_limit(&[("app/kustomization.yaml", &kustomization), ("app/r.yaml", &manifests)], GROWTH);
    }
    let prefixes: String = (0..3)
        .map(|i| format!("- '{{apiVersion: builtin, kind: HashTransformer, metadata: {{name: x{i}}}}}'\n"))
        .collect();
    let kustomization = format!("resources: [r.yaml]\ntransformers:\n{prefixes}");
    check_limit(
        &[("app/kustomization.yaml", &kustomization), ("app/r.yaml", &manifests)],
        "look at objects more than 1000 times",
    );
}

#[test]
fn variables_without_an_end_are_read_once() {
    // A search for the end from every beginning would take minutes.
    let text = "$(".repeat(200_000);
    let manifest = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: cm}}\ndata: {{a: '{text}'}}\n");
    let files = [
        (
            "app/kustomization.yaml",
            "resources: [r.yaml]\nconfigurations: [c.yaml]\nvars: [{name: V, objref: {apiVersion: v1, kind: ConfigMap, name: cm}}]\n",
        ),
        ("app/c.yaml", "varReference: [{path: data, kind: ConfigMap}]\n"),
        ("app/r.yaml", &manifest),
    ];
    let built = build_at("app", &files, &BuildOptions::default()).expect("the build is fine");
    assert_eq!(built.objects[0].at(&["data", "a"]).and_then(|v| v.as_str()).map(str::len), Some(text.len()));
}

#[test]
fn schemas_and_definitions_may_refer_to_themselves() {
    let schema = r##"{"definitions": {
        "l": {"type": "array", "items": {"type": "object", "properties": {"l": {"$ref": "#/definitions/l"}}}},
        "v1.K": {"type": "object", "properties": {"l": {"$ref": "#/definitions/l"}},
                 "x-kubernetes-group-version-kind": [{"group": "g", "version": "v1", "kind": "K"}]}}}"##;
    let files = [
        (
            "app/kustomization.yaml",
            "resources: [r.yaml]\nopenapi: {path: s.json}\npatches: [{patch: '{apiVersion: g/v1, kind: K, metadata: {name: k}, l: [{l: [{a: 1}]}]}'}]\n",
        ),
        ("app/s.json", schema),
        ("app/r.yaml", "apiVersion: g/v1\nkind: K\nmetadata: {name: k}\nl: [{l: [{b: 1}]}]\n"),
    ];
    assert!(build_at("app", &files, &BuildOptions::default()).is_ok());
    let own = r#""metadata": {}, "kind": {}, "apiVersion": {}"#;
    let branches: String = (0..8).map(|i| format!(r#", "p{i}": {{"$ref": "d.K"}}"#)).collect();
    let crds = format!(r#"{{"d.K": {{"Schema": {{"properties": {{{own}{branches}}}}}}}}}"#);
    let files = [
        ("app/kustomization.yaml", "resources: [r.yaml]\ncrds: [c.json]\n"),
        ("app/c.json", crds.as_str()),
        ("app/r.yaml", CONFIG_MAP),
    ];
    check_limit(&files, "leads to more than 100000 properties");
}

#[test]
fn regular_expressions_have_a_size() {
    let files = with(
        "resources: [r.yaml]\npatches: [{target: {name: '(a{999}){999}'}, patch: '- {op: remove, path: /data}'}]\n",
    );
    let error = build_at("app", &files, &BuildOptions::default()).expect_err("the expression is too large");
    assert!(error.message().contains("error parsing regexp"), "{error}");
}
