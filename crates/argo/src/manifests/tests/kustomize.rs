//! Kustomizations and what a source changes in them.

use super::*;

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web, labels: {app: web}}\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec: {containers: [{name: web, image: 'nginx:1'}]}\n";
const KUSTOMIZATION: &str = "resources: [web.yaml]\nimages: [{name: nginx, newTag: '2'}]\nlabels: [{pairs: {x: z}}]\n";

/// What stands at pointers of the only object.
fn check_fields(options: &str, expected: &[(&str, &str)]) {
    let yaml = format!("{{path: d, kustomize: {{{options}}}}}");
    let component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnamePrefix: comp-\n";
    let files = files(&[
        ("d/web.yaml", DEPLOYMENT),
        ("d/kustomization.yaml", KUSTOMIZATION),
        ("d/patch.yaml", "- {op: replace, path: /spec/replicas, value: 9}\n"),
        ("comp/kustomization.yaml", component),
    ]);
    let result = renderer().render(&source(&yaml), &files, &References::new(), &app());
    let manifests = result.unwrap_or_else(|error| panic!("{options}: {error}"));
    let object = manifests.objects()[0].object.value();
    for (pointer, expected) in expected {
        let found = object.pointer(pointer).map_or("none".to_owned(), |value| value.to_json());
        assert_eq!(found, *expected, "{options}: {pointer}");
    }
}

#[test]
fn a_source_changes_the_kustomization_as_the_program_edits_it() {
    const NAME: &str = "/metadata/name";
    const IMAGE: &str = "/spec/template/spec/containers/0/image";
    check_fields("", &[(NAME, r#""web""#), (IMAGE, r#""nginx:2""#), ("/spec/replicas", "1")]);
    check_fields("namePrefix: a-, nameSuffix: -b", &[(NAME, r#""a-web-b""#)]);
    check_fields("namespace: other", &[("/metadata/namespace", r#""other""#)]);
    check_fields("images: ['nginx=quay.io/nginx:3']", &[(IMAGE, r#""quay.io/nginx:3""#)]);
    check_fields("images: ['nginx=quay.io/nginx:*']", &[(IMAGE, r#""quay.io/nginx:2""#)]);
    check_fields("images: ['nginx:$ARGOCD_APP_REVISION_SHORT']", &[(IMAGE, r#""nginx:0123456""#)]);
    check_fields("replicas: [{name: web, count: 3}]", &[("/spec/replicas", "3")]);
    check_fields("replicas: [{name: web, count: '4'}]", &[("/spec/replicas", "4")]);
    check_fields("components: [../comp]", &[(NAME, r#""comp-web""#)]);
    check_fields("components: [../comp, ../gone], ignoreMissingComponents: true", &[(NAME, r#""comp-web""#)]);
    check_fields(
        "patches: [{target: {kind: Deployment}, patch: '- {op: add, path: /metadata/labels/p, value: q}'}, {path: patch.yaml, target: {name: web}}]",
        &[("/metadata/labels/p", r#""q""#), ("/spec/replicas", "9")],
    );
    check_fields(
        "patches: [{patch: '{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 5}}'}]",
        &[("/spec/replicas", "5")],
    );
}

#[test]
fn labels_and_annotations_of_a_source_are_added() {
    const LABELS: &str = "/metadata/labels";
    const SELECTOR: &str = "/spec/selector/matchLabels";
    const TEMPLATE: &str = "/spec/template/metadata/labels";
    check_fields(
        "commonLabels: {env: $ARGOCD_APP_NAME}",
        &[
            (LABELS, r#"{"app":"web","env":"team_shop","x":"z"}"#),
            (SELECTOR, r#"{"app":"web","env":"team_shop"}"#),
            (TEMPLATE, r#"{"app":"web","env":"team_shop"}"#),
        ],
    );
    check_fields(
        "commonLabels: {env: e}, labelWithoutSelector: true",
        &[
            (LABELS, r#"{"app":"web","env":"e","x":"z"}"#),
            (SELECTOR, r#"{"app":"web"}"#),
            (TEMPLATE, r#"{"app":"web"}"#),
        ],
    );
    check_fields(
        "commonLabels: {env: e}, labelWithoutSelector: true, labelIncludeTemplates: true",
        &[(SELECTOR, r#"{"app":"web"}"#), (TEMPLATE, r#"{"app":"web","env":"e"}"#)],
    );
    check_fields(
        "commonLabels: {x: new}, labelWithoutSelector: true, forceCommonLabels: true",
        &[(LABELS, r#"{"app":"web","x":"new"}"#)],
    );
    check_fields(
        "commonAnnotations: {a: $ARGOCD_APP_NAME}",
        &[("/metadata/annotations", r#"{"a":"$ARGOCD_APP_NAME"}"#)],
    );
    check_fields(
        "commonAnnotations: {a: $ARGOCD_APP_NAME}, commonAnnotationsEnvsubst: true",
        &[("/metadata/annotations", r#"{"a":"team_shop"}"#)],
    );
}

#[test]
fn what_cannot_be_built_says_where_and_why() {
    let files = [("d/web.yaml", DEPLOYMENT), ("d/kustomization.yaml", KUSTOMIZATION)];
    for (options, expected) in [
        (
            "commonLabels: {x: new}, labelWithoutSelector: true",
            "Build: `kustomize build` failed: d/kustomization.yaml: label x already in kustomization file. Use --force to override.",
        ),
        ("replicas: [{name: web, count: many}]", "Build: expected integer value for count. Received: many"),
    ] {
        check(&format!("{{path: d, kustomize: {{{options}}}}}"), &files, &[expected]);
    }
    let broken = [("d/kustomization.yaml", "resources: [gone.yaml]\n")];
    let result = renderer().render(&source("path: d"), &super::files(&broken), &References::new(), &app());
    assert!(shown(&result).starts_with("Build: `kustomize build` failed: d/kustomization.yaml"), "{}", shown(&result));
}

#[test]
fn build_options_of_the_settings_count() {
    let with = |options: &str| {
        let settings = ToolSettings { kustomize_build_options: options.into(), ..ToolSettings::default() };
        AppContext { settings: Arc::new(settings), ..app() }
    };
    let one = config_map("one");
    let outside = [("d/kustomization.yaml", "resources: [../a.yaml]\n"), ("a.yaml", one.as_str())];
    let refused = renderer().render(&source("path: d"), &files(&outside), &References::new(), &with(""));
    assert!(refused.is_err(), "{}", shown(&refused));
    for options in
        ["--load-restrictor LoadRestrictionsNone", "--load-restrictor=LoadRestrictionsNone --enable-alpha-plugins"]
    {
        check_for(&with(options), "path: d", &outside, &["Kustomize", "ConfigMap/one a.yaml:1"]);
    }
    let chart = [
        ("d/kustomization.yaml", "helmCharts: [{name: c, releaseName: r}]\n"),
        ("d/charts/c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n"),
        (
            "d/charts/c/templates/a.yaml",
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: '{{ .Release.Name }}'}\ndata: {v: '{{ .Capabilities.KubeVersion.Version }}'}\n",
        ),
    ];
    let refused = renderer().render(&source("path: d"), &files(&chart), &References::new(), &with(""));
    assert!(shown(&refused).contains("--enable-helm"), "{}", shown(&refused));
    check_for(
        &with("--enable-helm"),
        "path: d",
        &chart,
        &["Kustomize", "ConfigMap/r {\"v\":\"v1.33.2\"} d/kustomization.yaml"],
    );
    check_for(
        &with("--frobnicate"),
        "path: d",
        &outside,
        &["Build: unknown flag: --frobnicate in kustomize.buildOptions \"--frobnicate\""],
    );
}
