//! Whole builds in memory.

mod limits;
mod mistakes;

use std::sync::Arc;

use belay_tree::{MemoryTree, Recorded, TreePath};

use crate::{
    BuildOptions, Built, Compatibility, Error, ErrorKind, HelmRenderer, HelmRequest, Image, Limits, LoadRestrictor,
    Overlay, Patch, Remote, RemoteBase, Reorder, RepositoryUrl, Selector, build,
};

/// Makes a tree of `path: content` pairs.
fn tree(files: &[(&str, &str)]) -> MemoryTree {
    MemoryTree::from_files(files.iter().copied()).expect("the paths are clean")
}

fn build_at(dir: &str, files: &[(&str, &str)], options: &BuildOptions) -> Result<Built, Error> {
    build(&tree(files), &TreePath::new(dir).expect("the path is clean"), options)
}

/// Builds directory `app` and compares the YAML.
fn check(files: &[(&str, &str)], expected: &str) {
    let built = build_at("app", files, &BuildOptions::default()).expect("the build is fine");
    assert_eq!(built.to_yaml(), expected);
}

/// Builds directory `app`, which must fail with a text and kind.
fn check_error(files: &[(&str, &str)], kind: ErrorKind, text: &str) -> Error {
    let error = build_at("app", files, &BuildOptions::default()).expect_err("the build fails");
    assert!(error.message().contains(text), "{error}");
    assert_eq!(error.kind(), kind, "{error}");
    error
}

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata: {a: b}\n";

#[test]
fn overlay_renames_a_base_and_references_follow() {
    check(
        &[
            ("base/kustomization.yaml", "resources: [pod.yaml]\nconfigMapGenerator:\n- {name: cfg, literals: [a=b]}\n"),
            (
                "base/pod.yaml",
                "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n  - name: c\n    envFrom:\n    \
                 - configMapRef: {name: cfg}\n",
            ),
            ("app/kustomization.yaml", "resources: [../base]\nnamePrefix: p-\nnamespace: shop\n"),
        ],
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p-web\n  namespace: shop\nspec:\n  containers:\n  - envFrom:\n    \
         - configMapRef:\n        name: p-cfg-t757gk2bmf\n    name: c\n---\napiVersion: v1\ndata:\n  a: b\nkind: \
         ConfigMap\nmetadata:\n  name: p-cfg-t757gk2bmf\n  namespace: shop\n"
            .replace("t757gk2bmf", &hash_of_a_b())
            .as_str(),
    );
}

/// The hash of a config map that holds `a: b`, as a build gives it.
fn hash_of_a_b() -> String {
    let files = [("app/kustomization.yaml", "configMapGenerator:\n- {name: x, literals: [a=b]}\n")];
    let built = build_at("app", &files, &BuildOptions::default()).expect("the build is fine");
    let name = built.objects[0].name();
    assert_eq!(name, "x-4h2mbtbbt6", "the hash of kustomize 5.8.1");
    name.trim_start_matches("x-").to_owned()
}

#[test]
fn component_patches_what_its_parent_has() {
    check(
        &[
            ("app/kustomization.yaml", "resources: [r.yaml]\ncomponents: [../comp]\nnameSuffix: -s\n"),
            ("app/r.yaml", CONFIG_MAP),
            (
                "comp/kustomization.yaml",
                "kind: Component\npatches:\n- patch: |-\n    {apiVersion: v1, kind: ConfigMap, metadata: {name: cm}, \
                 data: {c: d}}\n",
            ),
        ],
        "apiVersion: v1\ndata:\n  a: b\n  c: d\nkind: ConfigMap\nmetadata:\n  name: cm-s\n",
    );
}

#[test]
fn legacy_order_puts_namespaces_first_and_webhooks_last() {
    let files = [
        ("app/kustomization.yaml", "resources: [r.yaml]\n"),
        (
            "app/r.yaml",
            "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingWebhookConfiguration\nmetadata: {name: w}\n\
             ---\napiVersion: v1\nkind: Service\nmetadata: {name: s}\n---\napiVersion: v1\nkind: Namespace\nmetadata: \
             {name: n}\n",
        ),
    ];
    let kinds = |reorder| {
        let options = BuildOptions { reorder, ..BuildOptions::default() };
        let built = build_at("app", &files, &options).expect("the build is fine");
        built.objects.iter().map(|object| object.kind().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(kinds(Reorder::None), ["ValidatingWebhookConfiguration", "Service", "Namespace"]);
    assert_eq!(kinds(Reorder::Legacy), ["Namespace", "Service", "ValidatingWebhookConfiguration"]);
}

#[test]
fn objects_know_their_file_document_and_line() {
    let files = [
        ("app/kustomization.yaml", "resources: [r.yaml]\nconfigMapGenerator: [{name: g}]\n"),
        (
            "app/r.yaml",
            "# first\n---\n\napiVersion: v1\nkind: A\nmetadata: {name: a}\n---\napiVersion: v1\nkind: B\nmetadata: {name: b}\n",
        ),
    ];
    let built = build_at("app", &files, &BuildOptions::default()).expect("the build is fine");
    let origins: Vec<String> = built
        .origins
        .iter()
        .flatten()
        .map(|origin| format!("{}#{}:{}", origin.path, origin.document, origin.line))
        .collect();
    assert_eq!(origins, ["app/r.yaml#1:4", "app/r.yaml#2:8", "app/kustomization.yaml#0:0"]);
}

#[test]
fn broken_manifest_is_told_with_file_and_line() {
    let files = [("app/kustomization.yaml", "resources: [r.yaml]\n"), ("app/r.yaml", "a: b\nc: [\n")];
    let error = check_error(&files, ErrorKind::Resource, "MalformedYAMLError");
    let at = error.location().expect("the place is known");
    assert_eq!(at.path.as_str(), "app/r.yaml");
    assert!(at.line.is_some());
    assert!(error.to_string().starts_with("app/r.yaml:"), "{error}");
}

#[test]
fn object_without_name_is_told_with_file_and_line() {
    let files = [
        ("app/kustomization.yaml", "resources: [r.yaml]\n"),
        ("app/r.yaml", "---\napiVersion: batch/v1\nkind: Job\nmetadata: {generateName: x-}\n"),
    ];
    let error =
        check_error(&files, ErrorKind::Resource, "missing metadata.name in object {{batch/v1 Job} {{ } map[] map[]}}");
    assert_eq!(error.location().map(ToString::to_string).as_deref(), Some("app/r.yaml:2"));
}

#[test]
fn object_twice_names_both_places() {
    let twice = format!("{CONFIG_MAP}---\n{CONFIG_MAP}");
    let files = [("app/kustomization.yaml", "resources: [r.yaml]\n"), ("app/r.yaml", &twice)];
    let error = check_error(
        &files,
        ErrorKind::Resource,
        "may not add resource with an already registered id: ConfigMap.v1.[noGrp]/cm.[noNs]",
    );
    assert_eq!(error.location().map(ToString::to_string).as_deref(), Some("app/r.yaml:6"));
    assert!(error.hints().iter().any(|hint| hint.ends_with("app/r.yaml:1")), "{:?}", error.hints());
}

#[test]
fn kustomization_mistakes_are_told_in_go_s_words() {
    for (text, expected) in [
        ("resourcez: []", "invalid Kustomization: json: unknown field \"resourcez\""),
        (
            "resources: a",
            "invalid Kustomization: json: cannot unmarshal string into Go struct field Kustomization.resources of type []string",
        ),
        (
            "images: [{name: 1}]",
            "invalid Kustomization: json: cannot unmarshal number into Go struct field Image.images.name of type string",
        ),
        (
            "patches: [{target: {kind: [a]}}]",
            "invalid Kustomization: json: cannot unmarshal array into Go struct field \
             Selector.patches.target.ResId.Gvk.kind of type string",
        ),
        ("namespace: n", "cannot unmarshal bool into Go struct field Kustomization.namespace of type string"),
        ("kind: Kustomization", "kustomization.yaml is empty"),
        ("{}", "kustomization.yaml is empty"),
        ("kind: Foo\nresources: [a]", "kind should be Kustomization or Component"),
    ] {
        check_error(&[("app/kustomization.yaml", text)], ErrorKind::Kustomization, expected);
    }
}

#[test]
fn kustomization_mistakes_have_a_line() {
    let text = "resources: [a]\nimages:\n- name: a\n- name: b\n  newTag: 1\n";
    let error = check_error(&[("app/kustomization.yaml", text)], ErrorKind::Kustomization, "Image.images.newTag");
    assert_eq!(error.location().map(ToString::to_string).as_deref(), Some("app/kustomization.yaml:5"));
    let error = check_error(&[("app/kustomization.yaml", "a: b\nc: {\n")], ErrorKind::Kustomization, "yaml: line");
    assert!(error.location().is_some_and(|at| at.line.is_some()));
}

#[test]
fn inv_fs_1_files_outside_of_the_kustomization_are_refused_unless_allowed() {
    let files = [("app/kustomization.yaml", "resources: [../r.yaml]\n"), ("r.yaml", CONFIG_MAP)];
    check_error(&files, ErrorKind::Security, "security; file '/r.yaml' is not in or below '/app'");
    let options = BuildOptions { load_restrictor: LoadRestrictor::None, ..BuildOptions::default() };
    assert_eq!(build_at("app", &files, &options).expect("it is allowed").objects.len(), 1);
}

#[test]
fn inv_fs_3_what_is_outside_of_the_tree_is_not_told_of() {
    for path in ["../../etc/passwd", "/etc/passwd", "../../no/such/file"] {
        for load_restrictor in [LoadRestrictor::RootOnly, LoadRestrictor::None] {
            let kustomization = format!("resources: [{path}]\n");
            let options = BuildOptions { load_restrictor, ..BuildOptions::default() };
            let error = build_at("app", &[("app/kustomization.yaml", &kustomization)], &options).expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Security, "{error}");
            assert!(!error.message().contains("no such file"), "{error}");
        }
    }
}

#[test]
fn inv_fs_2_symlinks_out_of_the_kustomization_are_refused() {
    let mut builder = MemoryTree::builder();
    let path = |text: &str| TreePath::new(text).expect("the path is clean");
    builder.text(&path("app/kustomization.yaml"), "resources: [l.yaml]\n").expect("a file");
    builder.text(&path("secret.yaml"), CONFIG_MAP).expect("a file");
    builder.symlink(&path("app/l.yaml"), "../secret.yaml").expect("a link");
    let error = build(&builder.build(), &path("app"), &BuildOptions::default()).expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Security, "{error}");
}

#[test]
fn res_4_cycles_of_any_length_are_found() {
    check_error(&[("app/kustomization.yaml", "resources: [.]\n")], ErrorKind::Cycle, "cycle detected");
    let files = [
        ("app/kustomization.yaml", "resources: [../b]\n"),
        ("b/kustomization.yaml", "resources: [../c]\n"),
        ("c/kustomization.yaml", "resources: [../app]\n"),
    ];
    check_error(&files, ErrorKind::Cycle, "candidate root '/app' contains visited root '/app'");
    let files =
        [("app/kustomization.yaml", "generators: [../b]\n"), ("b/kustomization.yaml", "components: [../app]\n")];
    check_error(&files, ErrorKind::Cycle, "cycle detected");
}

#[test]
fn res_4_builds_have_limits() {
    let limited = |limits: Limits| {
        let files = [
            ("app/kustomization.yaml", "resources: [../b, ../c]\n"),
            ("b/kustomization.yaml", "resources: [../d]\n"),
            ("c/kustomization.yaml", "configMapGenerator: [{name: x}, {name: z}]\nnamePrefix: c-\n"),
            ("d/kustomization.yaml", "configMapGenerator: [{name: x}]\n"),
        ];
        build_at("app", &files, &BuildOptions { limits, ..BuildOptions::default() }).map_err(|error| error.kind())
    };
    assert_eq!(limited(Limits::default()).map(|built| built.objects.len()), Ok(3));
    for limits in [
        Limits { files: 3, ..Limits::default() },
        Limits { bytes: 40, ..Limits::default() },
        Limits { depth: 1, ..Limits::default() },
        Limits { objects: 2, ..Limits::default() },
        Limits { transformers: 0, ..Limits::default() },
    ] {
        assert_eq!(limited(limits).err(), Some(ErrorKind::Limit), "{limits:?}");
    }
}

#[test]
fn overlay_of_the_caller_changes_the_root_as_flux_does() {
    let overlay = Overlay {
        namespace: Some("target".into()),
        name_prefix: Some("f-".into()),
        patches: vec![Patch {
            patch: "- {op: add, path: /metadata/labels, value: {by: flux}}".into(),
            target: Some(Selector { kind: "Pod".into(), ..Selector::default() }),
            ..Patch::default()
        }],
        images: vec![Image { name: "nginx".into(), new_tag: "2".into(), ..Image::default() }],
        ..Overlay::default()
    };
    let files = [
        ("app/kustomization.yaml", "resources: [r.yaml]\nnamespace: own\nimages: [{name: nginx, newTag: \"1\"}]\n"),
        (
            "app/r.yaml",
            "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, image: nginx}]}\n",
        ),
    ];
    let options = BuildOptions { overlay: Some(overlay), ..BuildOptions::default() };
    let built = build_at("app", &files, &options).expect("the build is fine");
    assert_eq!(
        built.to_yaml(),
        "apiVersion: v1\nkind: Pod\nmetadata:\n  labels:\n    by: flux\n  name: f-p\n  namespace: target\nspec:\n  \
         containers:\n  - image: nginx:2\n    name: c\n"
    );
}

#[test]
fn directory_without_a_kustomization_takes_the_generated_one() {
    let generated = belay_yaml::parse_value("resources: [r.yaml]", &belay_yaml::Options::v2()).expect("it is YAML");
    let overlay = Overlay { generated: Some(generated), ..Overlay::default() };
    let options = BuildOptions { overlay: Some(overlay), ..BuildOptions::default() };
    let built = build_at("app", &[("app/r.yaml", CONFIG_MAP)], &options).expect("the build is fine");
    assert_eq!(built.objects.len(), 1);
    check_error(&[("app/r.yaml", CONFIG_MAP)], ErrorKind::NotFound, "unable to find one of 'kustomization.yaml'");
}

struct Renderer;
impl HelmRenderer for Renderer {
    fn render(&self, request: &HelmRequest<'_>) -> Result<String, String> {
        assert_eq!((request.chart_home, request.dir.as_str()), ("charts", "app"));
        Ok(format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: x, namespace: {}}}\n", request.chart.namespace))
    }
}

#[test]
fn charts_are_rendered_by_the_caller_or_refused() {
    let files =
        [("app/kustomization.yaml", "namespace: shop\nnamePrefix: p-\nhelmCharts: [{name: chart, releaseName: r}]\n")];
    check_error(&files, ErrorKind::Unsupported, "must specify --enable-helm");
    let options = BuildOptions { helm: Some(Arc::new(Renderer)), ..BuildOptions::default() };
    let built = build_at("app", &files, &options).expect("the build is fine");
    assert_eq!(built.to_yaml(), "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p-x\n  namespace: shop\n");
}

struct Fetcher;
impl Remote for Fetcher {
    fn fetch_base(&self, url: &RepositoryUrl) -> Result<RemoteBase, String> {
        assert_eq!((url.clone_url().as_str(), url.reference.as_str()), ("https://github.com/org/repo", "v1"));
        let files = [("dir/kustomization.yaml", "resources: [r.yaml]"), ("dir/r.yaml", CONFIG_MAP)];
        Ok(RemoteBase { tree: Arc::new(tree(&files)), dir: TreePath::new(&url.directory).expect("it is clean") })
    }
    fn fetch_file(&self, url: &str) -> Result<Vec<u8>, String> {
        Err(format!("no file at {url}"))
    }
}

#[test]
fn remote_bases_are_fetched_by_the_caller_or_refused() {
    let files = [("app/kustomization.yaml", "resources: ['https://github.com/org/repo/dir?ref=v1']\n")];
    check_error(&files, ErrorKind::Unsupported, "cannot be fetched here");
    let options = BuildOptions { remote: Some(Arc::new(Fetcher)), ..BuildOptions::default() };
    assert_eq!(build_at("app", &files, &options).expect("the build is fine").objects.len(), 1);
}

#[test]
fn programs_are_never_run() {
    let function = "apiVersion: example.com/v1\nkind: Fn\nmetadata:\n  name: f\n  annotations:\n    \
                    config.kubernetes.io/function: 'exec: {path: ./x}'\n";
    let files = [
        ("app/kustomization.yaml", "transformers: [f.yaml]\nresources: [r.yaml]\n"),
        ("app/f.yaml", function),
        ("app/r.yaml", CONFIG_MAP),
    ];
    check_error(&files, ErrorKind::Unsupported, "external plugins disabled; unable to load external plugin 'Fn'");
}

#[test]
fn reads_of_a_build_hold_until_a_file_of_it_changes() {
    let files = [("app/kustomization.yaml", "resources: [r.yaml]\n"), ("app/r.yaml", CONFIG_MAP), ("other.txt", "1")];
    let recorded = Recorded::new(tree(&files));
    build(&recorded, &TreePath::new("app").expect("clean"), &BuildOptions::default()).expect("the build is fine");
    let log = recorded.finish();
    let with = |path: &str, content: &'static str| {
        let changed: Vec<(&str, &str)> =
            files.iter().map(|(p, c)| (*p, if *p == path { content } else { *c })).collect();
        log.still_holds(&tree(&changed))
    };
    assert!(with("other.txt", "2"));
    assert!(!with("app/r.yaml", "x: y\n"));
    let mut added = files.to_vec();
    added.push(("app/Kustomization", "resources: []\n"));
    assert!(!log.still_holds(&tree(&added)), "a second kustomization file would be an error");
}

#[test]
fn annotations_come_out_as_texts_as_they_were_written() {
    check(
        &[
            ("app/kustomization.yaml", "resources: [r.yaml]\n"),
            (
                "app/r.yaml",
                "apiVersion: v1\nkind: A\nmetadata:\n  name: a\n  annotations:\n    a: 1.10\n    b: 0x1F\n    c: 2020-01-01\n    \
                 d: ~\n    e:\n    internal.config.kubernetes.io/index: \"0\"\n",
            ),
        ],
        "apiVersion: v1\nkind: A\nmetadata:\n  annotations:\n    a: \"1.10\"\n    b: \"0x1F\"\n    c: \"2020-01-01\"\n    d: \
         \"~\"\n    e: \"\"\n  name: a\n",
    );
}

#[test]
fn what_comes_behind_5_8_1_is_there_for_those_who_ask() {
    let stateful_set = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: s}\nspec:\n  volumeClaimTemplates:\n  - \
                        metadata: {name: v}\n";
    let files = |claims: &'static str| [("app/kustomization.yaml", claims), ("app/r.yaml", stateful_set)];
    let labelled = |files: &[(&str, &str)], compatibility| {
        let options = BuildOptions { compatibility, ..BuildOptions::default() };
        build_at("app", files, &options).map(|built| built.to_yaml().contains("a: b\n      name: v"))
    };
    let old = files("resources: [r.yaml]\nlabels: [{pairs: {a: b}, includeTemplates: true}]\n");
    assert_eq!(labelled(&old, Compatibility::V5_8_1), Ok(true));
    assert_eq!(labelled(&old, Compatibility::Next), Ok(false));
    let new = files("resources: [r.yaml]\nlabels: [{pairs: {a: b}, includeVolumeClaimTemplates: true}]\n");
    assert_eq!(labelled(&new, Compatibility::Next), Ok(true));
    let error = labelled(&new, Compatibility::V5_8_1).expect_err("5.8.1 has no such field");
    assert_eq!(
        error.to_string(),
        "app/kustomization.yaml:2: invalid Kustomization: json: unknown field \"includeVolumeClaimTemplates\""
    );
    assert!(error.hints()[0].contains("--compatibility next"));
}

#[test]
fn deprecated_fields_warn_and_work() {
    let files = [
        ("app/kustomization.yaml", "bases: [../base]\ncommonLabels: {a: b}\n"),
        ("base/kustomization.yaml", "resources: [r.yaml]\n"),
        ("base/r.yaml", CONFIG_MAP),
    ];
    let built = build_at("app", &files, &BuildOptions::default()).expect("the build is fine");
    assert_eq!(built.objects[0].label("a"), Some("b"));
    assert_eq!(
        built.warnings,
        [
            "# Warning: 'bases' is deprecated. Please use 'resources' instead. Run 'kustomize edit fix' to update your \
             Kustomization automatically.",
            "# Warning: 'commonLabels' is deprecated. Please use 'labels' instead. Run 'kustomize edit fix' to update \
             your Kustomization automatically.",
        ]
    );
}

#[test]
fn texts_that_hold_yaml_are_changed_with_their_comments() {
    let files = [
        (
            "app/kustomization.yaml",
            "resources: [r.yaml]\nreplacements:\n- sourceValue: new\n  targets:\n  - select: {kind: ConfigMap}\n    \
             fieldPaths: [data.y.a.b]\n",
        ),
        (
            "app/r.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: cm}\ndata:\n  y: |\n    a: # why\n        b: 'old'\n    l:\n      - x\n",
        ),
    ];
    check(
        &files,
        "apiVersion: v1\ndata:\n  \"y\": |-\n    a: # why\n      b: 'new'\n    l:\n    - x\nkind: ConfigMap\nmetadata:\n  name: cm\n",
    );
}

#[test]
fn two_thousand_objects_are_not_compared_with_each_other() {
    // Each object is patched by its name, renamed and referred to: a quadratic step would show.
    let mut manifests = String::new();
    let mut patches = String::new();
    for i in 0..1_000 {
        manifests.push_str(&format!(
            "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: s{i}}}\n---\napiVersion: v1\nkind: ServiceAccount\n\
             metadata: {{name: a{i}}}\nimagePullSecrets: [{{name: s{i}}}]\n"
        ));
        patches.push_str(&format!(
            "- patch: '{{apiVersion: v1, kind: Secret, metadata: {{name: s{i}, labels: {{n: \"{i}\"}}}}}}'\n"
        ));
    }
    let kustomization = format!("resources: [r.yaml]\nnameSuffix: -x\npatches:\n{patches}");
    let files = [("app/kustomization.yaml", kustomization.as_str()), ("app/r.yaml", &manifests)];
    let built = build_at("app", &files, &BuildOptions::default()).expect("the build is fine");
    assert_eq!(built.objects.len(), 2_000);
    assert_eq!(
        built.objects[1_999].at(&["imagePullSecrets"]).map(ToString::to_string).as_deref(),
        Some("[{\"name\":\"s999-x\"}]")
    );
    assert_eq!(built.objects[1_998].label("n"), Some("999"));
}
