//! Which tool renders a source, what files beside it say, and what is remembered.

use belay_render::MemoCounts;

use super::*;

const CHART: &str = "apiVersion: v2\nname: c\nversion: 0.1.0\n";

#[test]
fn the_tool_is_what_the_directory_holds_unless_the_source_names_one() {
    let one = config_map("one");
    let manifest = ("d/a.yaml", one.as_str());
    let kustomization = ("d/kustomization.yml", "resources: [a.yaml]\n");
    let chart = ("d/Chart.yaml", CHART);
    let template = ("d/templates/a.yaml", one.as_str());
    check("path: d", &[manifest], &["Directory", "ConfigMap/one d/a.yaml:1"]);
    check("path: d", &[manifest, kustomization], &["Kustomize", "ConfigMap/one d/a.yaml:1"]);
    check("path: d", &[chart, template], &["Helm", "ConfigMap/one d/templates/a.yaml"]);
    // A kustomization goes before a chart.
    check("path: d", &[manifest, kustomization, chart], &["Kustomize", "ConfigMap/one d/a.yaml:1"]);
    check(
        "{path: d, helm: {}}",
        &[manifest, kustomization, chart, template],
        &["Helm", "ConfigMap/one d/templates/a.yaml"],
    );
    check("{path: d, directory: {}}", &[manifest, ("d/Chart.yaml", CHART)], &["Directory", "ConfigMap/one d/a.yaml:1"]);
    check(
        "{path: d, helm: {}, directory: {}, kustomize: {}}",
        &[manifest],
        &["Build: multiple application sources defined: Kustomize,Helm,Directory"],
    );
    check(
        "{path: d, plugin: {name: cue}}",
        &[manifest],
        &[
            "Build: could not find cmp-server plugin with name \"cue\" supporting the given repository: config management plugins are not run",
        ],
    );
}

#[test]
fn a_tool_that_is_turned_off_leaves_a_directory() {
    let one = config_map("one");
    let files = [("d/a.yaml", one.as_str()), ("d/kustomization.yaml", "resources: []\n"), ("d/Chart.yaml", CHART)];
    let with = |settings: ToolSettings| AppContext { settings: Arc::new(settings), ..app() };
    let no_kustomize = ToolSettings { kustomize_enabled: false, ..ToolSettings::default() };
    let neither = ToolSettings { helm_enabled: false, ..no_kustomize.clone() };
    check_for(&with(no_kustomize), "path: d", &files, &["Helm"]);
    check_for(&with(neither.clone()), "path: d", &files, &["Directory", "ConfigMap/one d/a.yaml:1"]);
    check_for(&with(neither), "{path: d, helm: {}}", &files, &["Directory", "ConfigMap/one d/a.yaml:1"]);
}

/// INV-FS-1
#[test]
fn a_path_is_a_directory_of_the_repository() {
    let one = config_map("one");
    let files = [("d/a.yaml", one.as_str()), ("link", "-> d"), ("out", "-> ../..")];
    for (path, expected) in [
        ("gone", "NoDirectory: gone: app path does not exist"),
        ("d/a.yaml", "NoDirectory: d/a.yaml: app path is not a directory"),
        ("/d", "NoDirectory: /d: app path is absolute"),
        ("d/../../x", "NoDirectory: d/../../x: app path outside root"),
        ("./d/", "Directory\nConfigMap/one d/a.yaml:1"),
        ("link", "Directory\nConfigMap/one d/a.yaml:1"),
    ] {
        check(&format!("path: {path}"), &files, &[expected]);
    }
    let error = renderer().render(&source("path: out"), &super::files(&files), &References::new(), &app());
    assert!(shown(&error).contains("leads out of the source"), "{}", shown(&error));
}

#[test]
fn files_beside_a_source_change_how_it_is_rendered_and_nothing_else() {
    let (one, two) = (config_map("one"), config_map("two"));
    let files = [
        ("d/a.yaml", one.as_str()),
        ("d/kustomization.yaml", "resources: [a.yaml]\n"),
        ("d/.argocd-source.yaml", "kustomize: {namePrefix: all-, nameSuffix: -x}\npath: elsewhere\n"),
        ("d/.argocd-source-team_shop.yaml", "kustomize: {namePrefix: mine-}\n"),
        ("d/.argocd-source-other.yaml", "kustomize: {namePrefix: other-}\n"),
        ("elsewhere/b.yaml", two.as_str()),
    ];
    check("path: d", &files, &["Kustomize", "ConfigMap/mine-one-x d/a.yaml:1"]);
    check("{path: d, kustomize: {nameSuffix: -own}}", &files, &["Kustomize", "ConfigMap/mine-one-x d/a.yaml:1"]);
    let wrong = [("d/a.yaml", one.as_str()), ("d/.argocd-source.yaml", "helm: {parameters: 7}\n")];
    check(
        "path: d",
        &wrong,
        &[
            "Build: error while parsing source parameters: d/.argocd-source.yaml: Source.helm.parameters: expected a list, found integer",
        ],
    );
}

#[test]
fn a_source_for_its_files_alone_renders_nothing() {
    check("{ref: values, repoURL: https://example.com/x}", &[("a.yaml", "no: manifest")], &["Directory"]);
    let one = config_map("one");
    check("{ref: values, path: d}", &[("d/a.yaml", &one)], &["Directory", "ConfigMap/one d/a.yaml:1"]);
}

#[test]
fn all_sources_are_rendered_in_order_and_an_error_says_which() {
    let (one, two) = (config_map("one"), config_map("two"));
    let given = files(&[("a/x.yaml", &one), ("b/x.yaml", &two)]);
    let sources = |paths: &[&str]| -> Vec<(Source, SourceFiles)> {
        paths.iter().map(|path| (source(&format!("path: {path}")), given.clone())).collect()
    };
    let all = renderer().render_all(&sources(&["b", "a"]), &app()).expect("renders");
    let names: Vec<&str> = all.iter().flat_map(Manifests::objects).map(|o| o.object.name()).collect();
    assert_eq!(names, ["two", "one"]);
    let error = renderer().render_all(&sources(&["b", "gone"]), &app()).expect_err("one is not there");
    assert_eq!(error.to_string(), "failed to generate manifest for source 2 of 2: gone: app path does not exist");
}

#[test]
fn a_commit_that_touches_no_read_costs_no_render() {
    let one = config_map("one");
    let base = [("d/a.yaml", one.as_str()), ("e/b.yaml", "x: y\n")];
    let render = |renderer: &Renderer, yaml: &str, given: &[(&str, &str)], revision: &str| {
        let files = SourceFiles { revision: revision.into(), ..files(given) };
        renderer.render(&source(yaml), &files, &References::new(), &app()).expect("renders");
        let MemoCounts { renders, hits, .. } = renderer.memo.counts();
        (renders, hits)
    };
    let plain = renderer();
    assert_eq!(render(&plain, "path: d", &base, "a"), (1, 0));
    assert_eq!(render(&plain, "path: d", &[base[0], ("e/b.yaml", "z")], "b"), (1, 1));
    assert_eq!(render(&plain, "path: d", &[base[0], ("d/.argocd-source.yaml", "{}")], "c"), (2, 1));

    // A source that asks for the revision is rendered for each.
    let labelled =
        "{path: d, kustomize: {commonAnnotations: {at: $ARGOCD_APP_REVISION}, commonAnnotationsEnvsubst: true}}";
    let built = [base[0], ("d/kustomization.yaml", "resources: [a.yaml]\n")];
    let asking = renderer();
    assert_eq!(render(&asking, labelled, &built, "a"), (1, 0));
    assert_eq!(render(&asking, labelled, &built, "a"), (1, 1));
    assert_eq!(render(&asking, labelled, &built, "b"), (2, 1));

    // So is one whose repository asks for it, each time.
    let hidden = renderer();
    let overridden =
        [built[0], built[1], ("d/.argocd-source.yaml", "kustomize: {commonLabels: {r: $ARGOCD_APP_REVISION_SHORT}}\n")];
    assert_eq!(render(&hidden, "path: d", &overridden, "a"), (1, 0));
    assert_eq!(render(&hidden, "path: d", &overridden, "a"), (2, 0));
}

#[test]
fn versions_of_kubernetes_lose_what_providers_add() {
    for (text, expected) in [("v1.33.2-gke.1", "1.33.2"), ("1.33", "1.33"), ("v1.33+", "1.33"), ("", "")] {
        assert_eq!(bare_kube_version(text).expect(text), expected, "{text}");
    }
    assert!(bare_kube_version("v1").is_err() && bare_kube_version("x").is_err());
}
