//! Charts, and where their values come from.

use belay_object::Value;

use super::*;

const CHART: (&str, &str) = ("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 0.1.0\n");
/// Shows all that a render may depend on.
const TEMPLATE: (&str, &str) = (
    "c/templates/a.yaml",
    "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n  namespace: {{ .Release.Namespace }}\ndata:\n  {{- range $k, $v := .Values }}\n  {{ $k }}: {{ $v | toJson | quote }}\n  {{- end }}\n",
);
const VALUES: (&str, &str) = ("c/values.yaml", "a: chart\n");

/// The data of the first object, or the error.
fn check_values_of(yaml: &str, given: &[(&str, &str)], references: &References, app: &AppContext, expected: &str) {
    let mut all = vec![CHART, TEMPLATE, VALUES];
    all.extend_from_slice(given);
    let yaml = format!("{{path: c, helm: {{{yaml}}}}}");
    let found = match renderer().render(&source(&yaml), &files(&all), references, app) {
        Err(error) => error.to_string(),
        Ok(manifests) => {
            let data =
                manifests.objects()[0].object.get("data").and_then(Value::as_object).cloned().unwrap_or_default();
            data.iter().map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default())).collect::<Vec<_>>().join(" ")
        }
    };
    assert_eq!(found, expected, "{yaml}");
}

fn check_values(yaml: &str, given: &[(&str, &str)], expected: &str) {
    check_values_of(yaml, given, &References::new(), &app(), expected);
}

/// Contract 4.2: the precedence.
#[test]
fn later_values_go_before_earlier_ones() {
    let files = [("c/one.yaml", "a: one\nb: one\nc: one\nd: one\n"), ("c/two.yaml", "b: two\nc: two\nd: two\n")];
    check_values("", &files, r#"a="chart""#);
    check_values("valueFiles: [one.yaml, two.yaml]", &files, r#"a="one" b="two" c="two" d="two""#);
    check_values("valueFiles: [two.yaml, one.yaml]", &files, r#"a="one" b="one" c="one" d="one""#);
    check_values("valueFiles: [one.yaml], values: 'c: text'", &files, r#"a="one" b="one" c="text" d="one""#);
    check_values("values: 'c: text', valuesObject: {d: object}", &files, r#"a="chart" d="object""#);
    check_values("valuesObject: {a: object}, parameters: [{name: a, value: set}]", &files, r#"a="set""#);
}

#[test]
fn parameters_pass_the_grammar_of_set() {
    for (parameters, expected) in [
        ("{name: a, value: 'x,y'}", r#"a="x,y""#),
        ("{name: a, value: 'x\\,y'}", r#"a="x,y""#),
        ("{name: a, value: '{x,y}'}", r#"a=["x","y"]"#),
        ("{name: a, value: '1'}", "a=1"),
        ("{name: a, value: 'true'}", "a=true"),
        ("{name: a, value: '1', forceString: true}", r#"a="1""#),
        ("{name: 'm.n[0]', value: x}", r#"a="chart" m={"n":["x"]}"#),
        ("{name: a, value: '$ARGOCD_APP_NAME/${ARGOCD_APP_REVISION_SHORT}'}", r#"a="team_shop/0123456""#),
        ("{name: a, value: first}, {name: a, value: last}", r#"a="last""#),
    ] {
        check_values(&format!("parameters: [{parameters}]"), &[], expected);
    }
}

#[test]
fn file_parameters_are_contents() {
    let files = [("c/x,y=z.txt", "a, b\n"), ("etc/root.txt", "root")];
    check_values("fileParameters: [{name: a, path: 'x,y=z.txt'}]", &files, r#"a="a, b\n""#);
    check_values("fileParameters: [{name: a, path: /etc/root.txt}]", &files, r#"a="root""#);
    check_values("fileParameters: [{name: a, path: gone.txt}]", &files, "open c/gone.txt: no such file or directory");
}

#[test]
fn values_files_are_relative_to_the_chart_or_to_the_root() {
    let files = [("c/env/prod.yaml", "a: relative\n"), ("prod.yaml", "a: root\n")];
    check_values("valueFiles: [env/prod.yaml]", &files, r#"a="relative""#);
    check_values("valueFiles: [/prod.yaml]", &files, r#"a="root""#);
    check_values("valueFiles: [../prod.yaml]", &files, r#"a="root""#);
    check_values("valueFiles: ['env/$ARGOCD_APP_NAMESPACE.yaml']", &files, r#"a="relative""#);
    check_values(
        "valueFiles: [gone.yaml]",
        &files,
        "error resolving helm value files: open c/gone.yaml: no such file or directory",
    );
    check_values("valueFiles: [gone.yaml, env/prod.yaml], ignoreMissingValueFiles: true", &files, r#"a="relative""#);
}

/// INV-FS-1, INV-FS-2
#[test]
fn values_files_never_lead_out() {
    let link = [("v/link.yaml", "-> ../../../etc/passwd")];
    check_values(
        "valueFiles: [../../x.yaml]",
        &[],
        "error resolving helm value files: error resolving value file path: file '../../x.yaml' resolved to outside repository root",
    );
    for name in ["/v/link.yaml", "'/v/*k.yaml'"] {
        let yaml = format!("{{path: c, helm: {{valueFiles: [{name}]}}}}");
        let result = renderer().render(&source(&yaml), &files(&[CHART, TEMPLATE, link[0]]), &References::new(), &app());
        let text = shown(&result);
        assert!(text.contains("leads out of the source") || text.contains("outside repository root"), "{text}");
    }
}

#[test]
fn globs_stand_for_files_in_order_and_what_is_named_outright_keeps_its_place() {
    let files = [
        ("c/envs/a.yaml", "a: a\nb: a\n"),
        ("c/envs/z.yaml", "a: z\nb: z\n"),
        ("c/envs/nested/c.yaml", "a: c\nc: c\n"),
        ("c/envs/x.txt", "a: never"),
    ];
    check_values("valueFiles: ['envs/*.yaml']", &files, r#"a="z" b="z""#);
    check_values("valueFiles: ['envs/*.yaml', envs/a.yaml]", &files, r#"a="a" b="a""#);
    check_values("valueFiles: [envs/z.yaml, 'envs/*.yaml']", &files, r#"a="a" b="a""#);
    // Files of a directory come before those of directories in it.
    check_values("valueFiles: ['envs/**/*.yaml']", &files, r#"a="c" b="z" c="c""#);
    check_values("valueFiles: ['**/nested/?.yaml']", &files, r#"a="c" c="c""#);
    check_values(
        "valueFiles: ['none/*.yaml']",
        &files,
        "error resolving helm value files: values file glob \"none/*.yaml\" matched no files",
    );
    check_values("valueFiles: ['none/*.yaml'], ignoreMissingValueFiles: true", &files, r#"a="chart""#);
}

#[test]
fn values_files_of_another_source_are_named_by_its_reference() {
    let values = super::files(&[("prod/values.yaml", "a: other\n"), ("prod/b.yaml", "b: other\n")]);
    let references: References = [("values".to_owned(), values)].into_iter().collect();
    let check = |yaml: &str, expected: &str| check_values_of(yaml, &[], &references, &app(), expected);
    check("valueFiles: [$values/prod/values.yaml]", r#"a="other""#);
    check("valueFiles: ['$values/$ARGOCD_APP_NAMESPACE/*.yaml']", r#"a="other" b="other""#);
    check("fileParameters: [{name: a, path: $values/prod/b.yaml}]", r#"a="b: other\n""#);
    check(
        "valueFiles: [$wrong/x.yaml]",
        "error resolving helm value files: error resolving value file path: source referenced \"$wrong\", which is not one of the available sources ($values)",
    );
    check(
        "valueFiles: [$values/../x.yaml]",
        "error resolving helm value files: error resolving value file path: file '../x.yaml' resolved to outside repository root",
    );
    check_values(
        "valueFiles: [$values/x.yaml]",
        &[],
        "error resolving helm value files: source referenced \"$values\", but no source has a 'ref' field defined",
    );
}

#[test]
fn values_files_at_urls_are_what_the_caller_fetched() {
    let url = "https://example.com/v.yaml";
    let remote: BTreeMap<String, File> = [(url.to_owned(), File::new(&b"a: remote\n"[..]))].into_iter().collect();
    let fetched = AppContext { remote_files: Arc::new(remote), ..app() };
    let yaml = format!("valueFiles: ['{url}']");
    check_values_of(&yaml, &[], &References::new(), &fetched, r#"a="remote""#);
    check_values(
        &yaml,
        &[],
        "error resolving helm value files: values file https://example.com/v.yaml was not fetched: put it into the repository, or into another source",
    );
    check_values(
        "valueFiles: ['s3://bucket/v.yaml']",
        &[],
        "error resolving helm value files: error resolving value file path: the URL scheme 's3' is not allowed",
    );
}

#[test]
fn the_release_is_named_for_the_application_unless_the_source_names_it() {
    let given = [CHART, TEMPLATE];
    check("path: c", &given, &["Helm", "ConfigMap/prod/shop c/templates/a.yaml"]);
    check("{path: c, helm: {releaseName: r, namespace: nm}}", &given, &["Helm", "ConfigMap/nm/r c/templates/a.yaml"]);
    let nowhere = AppContext { destination_namespace: String::new(), ..app() };
    check_for(&nowhere, "path: c", &given, &["Helm", "ConfigMap/default/shop c/templates/a.yaml"]);
    let result =
        renderer().render(&source("{path: c, helm: {releaseName: a_b}}"), &files(&given), &References::new(), &app());
    assert!(shown(&result).contains("invalid release name"), "{}", shown(&result));
}

#[test]
fn a_chart_sees_the_destination_unless_the_source_says_otherwise() {
    let template = (
        "c/templates/a.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata:\n  v: {{ .Capabilities.KubeVersion.Version }}\n  w: {{ .Capabilities.APIVersions.Has \"example.com/v1/Widget\" | quote }}\n  o: {{ .Capabilities.APIVersions.Has \"other/v1\" | quote }}\n  u: {{ .Release.IsUpgrade | quote }}\n  l: {{ lookup \"v1\" \"Secret\" \"a\" \"b\" | len | quote }}\n",
    );
    check(
        "path: c",
        &[CHART, template],
        &["Helm", r#"ConfigMap/x {"l":"0","o":"false","u":"false","v":"v1.33.2","w":"true"} c/templates/a.yaml"#],
    );
    check(
        "{path: c, helm: {kubeVersion: 1.30.0, apiVersions: [other/v1]}}",
        &[CHART, template],
        &["Helm", r#"ConfigMap/x {"l":"0","o":"true","u":"false","v":"v1.30.0","w":"false"} c/templates/a.yaml"#],
    );
}

#[test]
fn crds_and_hooks_come_along_and_tests_go_when_asked() {
    let crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: w}\n---\n# none\n";
    let hook = |name: &str, event: &str| {
        format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, annotations: {{helm.sh/hook: {event}}}}}\n")
    };
    let (pre, test) = (hook("pre", "pre-install"), hook("test", "test"));
    let given = [
        CHART,
        ("c/crds/w.yaml", crd),
        ("c/templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"),
        ("c/templates/pre.yaml", &pre),
        ("c/templates/test.yaml", &test),
    ];
    let (c, x) = ("CustomResourceDefinition/w c/crds/w.yaml", "ConfigMap/x c/templates/a.yaml");
    let (p, t) = ("Pod/pre c/templates/pre.yaml", "Pod/test c/templates/test.yaml");
    check("path: c", &given, &["Helm", c, x, p, t]);
    check("{path: c, helm: {skipCrds: true, skipTests: true}}", &given, &["Helm", x, p]);
}

#[test]
fn values_meet_the_schema_unless_it_is_skipped() {
    let schema = ("c/values.schema.json", r#"{"type":"object","properties":{"a":{"type":"integer"}}}"#);
    let yaml = "{path: c}";
    let result =
        renderer().render(&source(yaml), &files(&[CHART, TEMPLATE, VALUES, schema]), &References::new(), &app());
    assert!(shown(&result).contains("values don't meet the specifications of the schema"), "{}", shown(&result));
    check_values("skipSchemaValidation: true", &[schema], r#"a="chart""#);
}

#[test]
fn dependencies_stand_in_charts_in_the_repository_or_are_fetched() {
    let chart = |repository: &str| {
        format!(
            "apiVersion: v2\nname: c\nversion: 0.1.0\ndependencies:\n- {{name: sub, version: 1.x, repository: '{repository}', condition: sub.enabled}}\n"
        )
    };
    let sub = "apiVersion: v2\nname: sub\nversion: 1.2.0\n";
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: sub}\n";
    let remote = chart("https://example.com/charts");
    check(
        "path: c",
        &[("c/Chart.yaml", &remote), ("c/charts/sub/Chart.yaml", sub), ("c/charts/sub/templates/a.yaml", manifest)],
        &["Helm", "ConfigMap/sub c/charts/sub/templates/a.yaml"],
    );
    let local = chart("file://../sub");
    let beside = [("c/Chart.yaml", local.as_str()), ("sub/Chart.yaml", sub), ("sub/templates/a.yaml", manifest)];
    check("path: c", &beside, &["Helm", "ConfigMap/sub c/charts/sub/templates/a.yaml"]);
    check("{path: c, helm: {valuesObject: {sub: {enabled: false}}}}", &[("c/Chart.yaml", &remote)], &["Helm"]);
    let result =
        renderer().render(&source("path: c"), &files(&[("c/Chart.yaml", &remote)]), &References::new(), &app());
    let text = shown(&result);
    assert!(text.contains("found in Chart.yaml, but missing in charts/ directory: sub"), "{text}");

    struct Asked;
    impl Dependencies for Asked {
        fn fetch(&self, chart: &WantedChart) -> Result<Arc<dyn Tree>, String> {
            Err(format!("asked for {} {} of {}", chart.name, chart.version, chart.repository))
        }
    }
    let fetching = Renderer::new(Memo::default(), Outside::default).fetching(Arc::new(Asked));
    let lock = "dependencies:\n- {name: sub, version: 1.2.0, repository: https://example.com/charts}\n";
    let given = files(&[("c/Chart.yaml", &remote), ("c/Chart.lock", lock)]);
    let result = fetching.render(&source("path: c"), &given, &References::new(), &app());
    assert_eq!(
        shown(&result),
        "Build: error building helm chart dependencies: sub 1.2.0: asked for sub 1.2.0 of https://example.com/charts"
    );
}

#[test]
fn a_chart_of_a_repository_is_the_whole_tree() {
    let given =
        [("Chart.yaml", CHART.1), ("templates/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n")];
    check("{chart: c, targetRevision: 1.0.0}", &given, &["Helm", "ConfigMap/x templates/a.yaml"]);
}

#[test]
fn what_templates_write_is_held_to_be_objects() {
    let given = [CHART, ("c/templates/a.yaml", "just: text\n")];
    check(
        "path: c",
        &given,
        &["Build: c/templates/a.yaml: failed to unmarshal manifest: Object 'Kind' is missing in '{\"just\":\"text\"}'"],
    );
    let failing = [CHART, ("c/templates/a.yaml", "{{ fail \"no\" }}")];
    let result = renderer().render(&source("path: c"), &files(&failing), &References::new(), &app());
    assert!(shown(&result).starts_with("Build: `helm template .` failed: "), "{}", shown(&result));
}
