use std::sync::Arc;

use belay_object::object;
use belay_tree::{File, MemoryTree, Tree, TreePath};

use super::*;

pub(crate) fn path(text: &str) -> TreePath {
    TreePath::new(text).expect(text)
}

pub(crate) fn tree(files: &[(&str, &str)]) -> Arc<dyn Tree> {
    let mut builder = MemoryTree::builder();
    for (name, content) in files {
        match content.strip_prefix("-> ") {
            Some(target) => builder.symlink(&path(name), target).expect(name),
            None => builder.text(&path(name), content).expect(name),
        };
    }
    Arc::new(builder.build())
}

pub(crate) fn config_map(name: &str) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\n")
}

/// One line an object: its key, where it came from; then warnings; or the error.
fn shown(result: &Result<Arc<Rendered>, Error>) -> String {
    match result {
        Err(error) => format!("{:?}: {error}", error.kind()),
        Ok(rendered) => {
            let origin = |o: &RenderedObject| o.origin.as_ref().map_or("?".into(), ToString::to_string);
            let objects = rendered.objects.iter().map(|o| format!("{} {}", o.object.key(), origin(o)));
            let warnings = rendered.warnings.iter().map(|w| format!("warning: {w}"));
            objects.chain(warnings).collect::<Vec<_>>().join("\n")
        }
    }
}

fn check(files: &[(&str, &str)], spec: &RenderSpec, expected: &str) {
    assert_eq!(shown(&Memo::default().render(spec, &tree(files))), expected);
}

fn at(dir: &str) -> RenderSpec {
    RenderSpec { dir: TreePath::clean(dir).expect(dir), ..RenderSpec::default() }
}

#[test]
fn a_kustomization_is_built_and_objects_know_their_place() {
    let two = format!("# head\n{}---\n---\n\n{}", config_map("one"), config_map("two"));
    check(
        &[
            ("apps/kustomization.yaml", "resources: [../base, a.yaml]\n"),
            ("apps/a.yaml", &two),
            ("base/kustomization.yml", "resources: [b.yaml]\n"),
            ("base/b.yaml", &config_map("three")),
        ],
        &at("apps"),
        "ConfigMap/three base/b.yaml:1\nConfigMap/one apps/a.yaml:2\nConfigMap/two apps/a.yaml:9",
    );
}

#[test]
fn a_plain_directory_is_walked_as_flux_walks_it() {
    let one = config_map("one");
    let (two, three, four, five) = (config_map("two"), config_map("three"), config_map("four"), config_map("five"));
    check(
        &[
            ("d/z.yml", &one),
            ("d/a.yaml", &two),
            ("d/a/b.yaml", &three),
            ("d/own/kustomization.yaml", "resources: [x.yaml]\n"),
            ("d/own/x.yaml", &four),
            ("d/own/sub/not-listed.yaml", "no: object\n"),
            ("d/link.yaml", "-> ../outside-dir.yaml"),
            ("d/dir-link", "-> ../other"),
            ("d/UPPER.YAML", "left: out\n"),
            ("d/readme.md", "text"),
            ("d/empty.yaml", "# nothing\n"),
            ("outside-dir.yaml", &five),
            ("other/never.yaml", "never: read\n"),
        ],
        &at("./d/"),
        "ConfigMap/three d/a/b.yaml:1\nConfigMap/two d/a.yaml:1\nConfigMap/five outside-dir.yaml:1\nConfigMap/four d/own/x.yaml:1\nConfigMap/one d/z.yml:1\nwarning: d/UPPER.YAML is left out: only .yaml and .yml files are read",
    );
}

#[test]
fn an_empty_directory_renders_nothing() {
    check(&[("d/readme.md", "text")], &at("d"), "");
    check(&[("d/kustomization.yaml", "")], &at("d"), "");
    check(&[("d/readme.md", "text")], &RenderSpec { namespace: Some("x".into()), ..at("d") }, "");
}

#[test]
fn a_directory_that_is_not_there_is_no_empty_one() {
    check(&[("a.yaml", "")], &at("gone"), "NoDirectory: kustomization path not found: gone: no such directory");
    check(&[("a.yaml", "")], &at("a.yaml"), "NoDirectory: kustomization path not found: a.yaml: no such directory");
    check(&[("d", "-> real"), ("real/a.yaml", &config_map("x"))], &at("d"), "ConfigMap/x real/a.yaml:1");
}

#[test]
fn fields_of_the_spec_are_laid_over_the_kustomization() {
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        image: nginx:1\n      - name: side\n        image: redis:1\n";
    let files = [
        (
            "kustomization.yaml",
            "namespace: old\nnamePrefix: old-\nunknown: field\nresources: [d.yaml]\nimages: [{name: nginx, newName: mine, newTag: '2'}]\n",
        ),
        ("d.yaml", deployment),
        (
            "comp/kustomization.yaml",
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nlabels: [{pairs: {c: d}}]\n",
        ),
    ];
    let spec = RenderSpec {
        namespace: Some("new".into()),
        name_prefix: Some("p-".into()),
        name_suffix: Some("-s".into()),
        patches: vec![Patch {
            patch: "- op: add\n  path: /metadata/annotations\n  value: {a: b}\n".into(),
            target: object! { "kind" => "Deployment" },
        }],
        images: vec![
            Image { name: "nginx".into(), digest: Some("sha256:1".into()), ..Image::default() },
            Image { name: "redis".into(), new_tag: Some("3".into()), ..Image::default() },
        ],
        components: vec!["comp".into(), "missing".into()],
        ignore_missing_components: true,
        ..at("")
    };
    let rendered = Memo::default().render(&spec, &tree(&files)).expect("renders");
    let object = &rendered.objects[0].object;
    assert_eq!((object.namespace(), object.name()), ("new", "p-web-s"));
    assert_eq!((object.annotation("a"), object.label("c")), (Some("b"), Some("d")));
    let image = |i: usize| object.value().pointer(&format!("/spec/template/spec/containers/{i}/image")).cloned();
    assert_eq!(image(0).expect("image").as_str(), Some("mine@sha256:1"));
    assert_eq!(image(1).expect("image").as_str(), Some("redis:3"));

    let strict = RenderSpec { ignore_missing_components: false, ..spec.clone() };
    let error = Memo::default().render(&strict, &tree(&files)).expect_err("a component is missing");
    assert!(error.to_string().contains("missing"), "{error}");
    let remote = RenderSpec { components: vec!["https://example.com/x".into()], ..spec };
    check(&files, &remote, "Build: component path 'https://example.com/x' must be local and relative");
}

#[test]
fn invalid_manifests_are_named_with_file_and_line() {
    let one = config_map("one");
    check(
        &[("a.yaml", &one), ("b.yaml", "a: 1\nb: c: d\n")],
        &at(""),
        "Build: failed to decode Kubernetes YAML from b.yaml: yaml: line 2: mapping values are not allowed in this context",
    );
    for (file, wanted) in [
        ("kind: ConfigMap\nmetadata:\n  name: x\n", "has no apiVersion"),
        ("---\napiVersion: v1\nmetadata:\n  name: x\n", "missing kind"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n", "missing metadata.name"),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  generateName: x\n", "missing metadata.name"),
    ] {
        let error = Memo::default().render(&at(""), &tree(&[("a.yaml", &one), ("b.yaml", file)]));
        let error = error.expect_err(wanted).to_string();
        assert!(error.contains(wanted) && error.contains("b.yaml"), "{error}");
    }
}

/// INV-REN-5: two objects of one identity are an error that names both files.
#[test]
fn an_object_that_stands_twice_names_both_files() {
    let one = config_map("one");
    let error = Memo::default().render(&at(""), &tree(&[("a.yaml", &one), ("b.yaml", &format!("\n{one}"))]));
    let error = error.expect_err("twice").to_string();
    assert!(error.contains("a.yaml") && error.contains("b.yaml"), "{error}");
    let deployment = |version: &str| format!("apiVersion: apps/{version}\nkind: Deployment\nmetadata:\n  name: x\n");
    check(
        &[("a.yaml", &deployment("v1")), ("b.yaml", &deployment("v1beta1"))],
        &at(""),
        "Build: b.yaml:1: Deployment/x stands twice; the first one stands in a.yaml:1",
    );
}

/// INV-FS-2: nothing outside the tree is read.
#[test]
fn links_out_of_the_tree_are_refused() {
    for target in ["-> /etc/passwd", "-> ../../etc/passwd"] {
        let error = Memo::default().render(&at("d"), &tree(&[("d/a.yaml", target)])).expect_err(target);
        assert_eq!(error.kind(), ErrorKind::Build, "{error}");
        assert!(error.to_string().contains("leads out of the source"), "{error}");
    }
    let error = Memo::default().render(&at("d"), &tree(&[("d/kustomization.yaml", "resources: [../../x]\n")]));
    assert!(error.is_err());
}

/// INV-RES-1, INV-RES-2: neither size nor growth stops the process.
#[test]
fn bombs_and_giants_are_refused() {
    let laughs: String = (1..9)
        .map(|i| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(",")))
        .fold(String::from("a0: &a0 [x]\n"), |all, line| all + &line);
    let error = Memo::default().render(&at(""), &tree(&[("a.yaml", &laughs)])).expect_err("a bomb");
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert!(error.to_string().contains("a.yaml: yaml: line"), "{error}");

    let mut builder = MemoryTree::builder();
    builder.file(&path("a.yaml"), File::new(vec![b'#'; 100 << 20])).expect("a large file");
    let large: Arc<dyn Tree> = Arc::new(builder.build());
    let error = Memo::default().render(&at(""), &large).expect_err("a giant");
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
}
