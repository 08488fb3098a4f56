use std::sync::Arc;

use belay_object::{Map, Value, from_json_str, object};
use belay_tree::{MemoryTree, TreePath};

use super::{Lookup, Outside, ReleaseInfo, RenderOptions, TemplateCache, render, render_files};
use crate::{Capabilities, Chart, Error, ErrorKind, Limits, load};

const YAML: &str = "apiVersion: v2\nname: c\nversion: 1.2.3\nannotations: {a: b}\n";

fn chart(files: &[(&str, &str)]) -> Chart {
    let files = [("Chart.yaml", YAML)].into_iter().chain(files.iter().copied());
    let tree = MemoryTree::from_files(files).expect("the paths are clean");
    load(&tree, &TreePath::root(), &Limits::default()).expect("it loads")
}

fn rendered(chart: &Chart, values: &str, limits: &Limits, outside: Outside) -> Result<super::Rendered, Error> {
    let values = from_json_str(values).expect("it is JSON").as_object().cloned().unwrap_or_default();
    let release = ReleaseInfo { name: "r".into(), namespace: "n".into(), revision: 1, is_upgrade: false };
    let options = RenderOptions {
        release: &release,
        capabilities: &Capabilities::offline(),
        limits,
        cache: None,
        skip_schema: false,
        sub_notes: false,
    };
    render(chart, &values, &options, outside)
}

/// What one template writes, or the error. The text is put behind `#`, so that any is YAML.
fn check_in(files: &[(&str, &str)], template: &str, values: &str, expected: &str) {
    let text = format!("# {template}");
    let files: Vec<(&str, &str)> = files.iter().copied().chain([("templates/t.yaml", text.as_str())]).collect();
    let found = rendered(&chart(&files), values, &Limits::default(), Outside::default());
    let found = match &found {
        Ok(rendered) => rendered.manifests.iter().find(|m| m.path == "c/templates/t.yaml").map_or("", |m| &m.content),
        Err(e) => e.message(),
    };
    assert_eq!(found.trim_start_matches("# "), expected, "{template}");
}

fn check(template: &str, expected: &str) {
    check_in(&[], template, "{}", expected);
}

#[test]
fn built_in_objects_have_helms_names_and_types() {
    check("{{ .Chart.Name }} {{ .Chart.IsRoot }} {{ .Chart.Annotations.a }} {{ .Chart.Nope }}", "c true b ");
    check(
        "{{ .Release.Name }} {{ .Release.IsInstall }} {{ .Release.Service }} {{ .Release.Revision }}",
        "r true Helm 1",
    );
    check("{{ .Template.Name }} {{ .Template.BasePath }}", "c/templates/t.yaml c/templates");
    check("{{ .Capabilities.KubeVersion }} {{ .Capabilities.KubeVersion.Minor }}", "v1.36.0 36");
    check(
        r#"{{ .Capabilities.APIVersions.Has "apps/v1" }} {{ .Capabilities.APIVersions.Has "apps/v1/Deployment" }}"#,
        "true false",
    );
    check_in(
        &[],
        r#"{{ printf "%T %T %T %T" . .Values .Files .Capabilities }}"#,
        "{}",
        "common.Values common.Values engine.files *common.Capabilities",
    );
    check_in(&[], r#"{{ printf "%T" .Values.a }} {{ .Values.AsMap | len }}"#, r#"{"a": 1}"#, "int64 1");
}

#[test]
fn files_are_read_globbed_and_encoded() {
    let files = [("conf/a.txt", "one\ntwo\n"), ("conf/b.yaml", "k: v"), ("other", "x")];
    check_in(&files, r#"{{ .Files.Get "conf/a.txt" | quote }} {{ .Files.Get "nope" }}"#, "{}", r#""one\ntwo\n" "#);
    check_in(
        &files,
        r#"{{ range $n, $_ := .Files.Glob "conf/*" }}{{ $n }} {{ end }}"#,
        "{}",
        "conf/a.txt conf/b.yaml ",
    );
    check_in(
        &files,
        r#"{{ (.Files.Glob "conf/b*").AsConfig }} {{ (.Files.Glob "other").AsSecrets }}"#,
        "{}",
        "b.yaml: 'k: v' other: eA==",
    );
    check_in(&files, r#"{{ range .Files.Lines "conf/a.txt" }}[{{ . }}]{{ end }}"#, "{}", "[one][two]");
}

#[test]
fn of_two_definitions_the_parents_and_the_first_in_order_win() {
    let files = [
        ("templates/_a.tpl", r#"{{ define "x" }}first{{ end }}"#),
        ("templates/_b.tpl", r#"{{ define "x" }}second{{ end }}"#),
        ("charts/s/Chart.yaml", "apiVersion: v2\nname: s\nversion: 1.0.0\n"),
        (
            "charts/s/templates/_s.tpl",
            r#"{{ define "x" }}sub-chart's{{ end }}{{ define "y" }}of {{ .Chart.Name }}{{ end }}"#,
        ),
    ];
    check_in(&files, r#"{{ include "x" . }} {{ include "y" .Subcharts.s }}"#, "{}", "first of s");
}

#[test]
fn missing_values_print_nothing_and_text_within_tpl_stays_inside() {
    check("[{{ .Values.nope }}] [{{ tpl \"{{ .Values.nope }}\" . }}]", "[] []");
    check(r#"{{ tpl "{{ define \"z\" }}in{{ end }}{{ include \"z\" . }}" . }}"#, "in");
    check(
        r#"{{ include "z" . }}"#,
        "c/templates/t.yaml:1:5\n  executing \"c/templates/t.yaml\" at <include \"z\" .>:\n    error calling include:\ntemplate: no template \"z\" associated with template \"gotpl\"",
    );
}

#[test]
fn errors_have_helms_forms() {
    check(r#"{{ fail "a: b" }}"#, "execution error at (c/templates/t.yaml:1:5): a: b");
    check(r#"{{ required "need" .Values.x }}"#, "execution error at (c/templates/t.yaml:1:5): need");
    check(r#"{{ tpl "{{ fail \"inner\" }}" . }}"#, "execution error at (c/templates/t.yaml:1:5): inner");
    check(
        "{{ .Values.x.y }}",
        "c/templates/t.yaml:1:12\n  executing \"c/templates/t.yaml\" at <.Values.x.y>:\n    nil pointer evaluating interface {}.y",
    );
    check("{{ nope }}", "parse error at (c/templates/t.yaml:1): function \"nope\" not defined");
    check(
        "{{ index (list) 3 }}",
        "template: c/templates/t.yaml:1:5: executing \"c/templates/t.yaml\" at <index (list) 3>: error calling index: index out of range: 3",
    );
    check_in(
        &[("templates/_h.tpl", "{{ define \"h\" }}\n{{ .a.b }}{{ end }}")],
        r#"{{ include "h" (dict) }}"#,
        "{}",
        "c/templates/t.yaml:1:5\n  executing \"c/templates/t.yaml\" at <include \"h\" (dict)>:\n    error calling include:\nc/templates/_h.tpl:2:5\n  executing \"h\" at <.a.b>:\n    nil pointer evaluating interface {}.b",
    );
}

#[test]
fn formats_are_written_and_read() {
    check(
        r#"{{ dict "a" (list 1 "<") | toJson }} {{ fromYaml "a: [1]" }} {{ fromYaml "- a" }}"#,
        "{\"a\":[1,\"\\u003c\"]} map[a:[1]] map[Error:error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}]",
    );
    check(
        r#"{{ fromJsonArray "[1" }} {{ fromJson "{\"a\" 1}" }}"#,
        "[unexpected end of JSON input] map[Error:invalid character '1' after object key]",
    );
    check(
        r#"{{ dict "t" (dict "l" (list 1 "x")) "f" 1.0 "b" true | toToml | quote }}"#,
        r#""b = true\nf = 1.0\n\n[t]\n  l = [1, \"x\"]\n""#,
    );
    check(
        r#"{{ (fromToml "[[a]]\nb.c = 'x'\n[[a]]\nd = {e = [1, 2.5], f = \"\"\"\nz\"\"\"} # end\n") | toJson }}"#,
        r#"{"a":[{"b":{"c":"x"}},{"d":{"e":[1,2.5],"f":"z"}}]}"#,
    );
    check(r#"{{ fromToml "a = " }}"#, "map[Error:toml: line 1: unexpected EOF; expected value]");
    check(r#"{{ toYamlPretty (dict "a" (list "b")) | quote }}"#, r#""a:\n  - b""#);
}

#[test]
fn notes_are_those_of_the_chart() {
    let chart = chart(&[
        ("templates/NOTES.txt", "hello {{ .Release.Name }}"),
        ("charts/s/Chart.yaml", "apiVersion: v2\nname: s\nversion: 1.0.0\n"),
        ("charts/s/templates/NOTES.txt", "sub"),
    ]);
    let rendered = rendered(&chart, "{}", &Limits::default(), Outside::default()).expect("it renders");
    assert_eq!((rendered.notes.as_str(), rendered.manifests.len()), ("hello r", 0));
}

#[test]
fn of_a_library_chart_only_definitions_are_used() {
    let files = [
        ("charts/l/Chart.yaml", "apiVersion: v2\nname: l\nversion: 1.0.0\ntype: library\n"),
        ("charts/l/templates/_l.tpl", r#"{{ define "l" }}from l{{ end }}"#),
        ("charts/l/templates/x.yaml", "{{ fail \"not rendered\" }}"),
    ];
    check_in(&files, r#"{{ include "l" . }}"#, "{}", "from l");
}

#[test]
fn values_that_break_a_schema_are_refused_with_the_charts_name() {
    let files = [("values.schema.json", r#"{"properties":{"a":{"type":"string"}}}"#)];
    check_in(
        &files,
        "",
        r#"{"a": 1}"#,
        "values don't meet the specifications of the schema(s) in the following chart(s):\nc:\n- at '/a': got number, want string\n",
    );
}

struct Cluster;

impl Lookup for Cluster {
    fn lookup(&self, api_version: &str, kind: &str, namespace: &str, name: &str) -> Result<Value, String> {
        match name {
            "broken" => Err("the cluster is away".into()),
            _ => Ok(object! { "kind" => kind, "at" => format!("{api_version}/{namespace}/{name}"), "n" => 3 }),
        }
    }
}

#[test]
fn lookup_asks_what_it_is_given() {
    check(r#"{{ lookup "v1" "Secret" "n" "s" }}"#, "map[]");
    let look = |template: &str| {
        let outside = Outside { lookup: Some(Arc::new(Cluster)), ..Outside::default() };
        let chart = chart(&[("templates/t.yaml", &format!("# {template}"))]);
        match rendered(&chart, "{}", &Limits::default(), outside) {
            Ok(rendered) => rendered.manifests[0].content.clone(),
            Err(e) => e.to_string(),
        }
    };
    assert_eq!(
        look(r#"{{ (lookup "v1" "Secret" "n" "s").at }} {{ (lookup "v1" "X" "" "").n | kindOf }}"#),
        "# v1/n/s int64"
    );
    assert!(look(r#"{{ lookup "v1" "Secret" "n" "broken" }}"#).ends_with("error calling lookup: the cluster is away"));
}

#[test]
fn an_endless_recursion_is_told_with_its_name() {
    let files = [("templates/_h.tpl", r#"{{ define "h" }}{{ include "h" . }}{{ end }}"#)];
    let files: Vec<(&str, &str)> = files.into_iter().chain([("templates/t.yaml", r#"{{ include "h" . }}"#)]).collect();
    let error = rendered(&chart(&files), "{}", &Limits::default(), Outside::default()).expect_err("it is endless");
    assert!(
        error.to_string().ends_with("rendering template has a nested reference name: h: unable to execute template"),
        "{:.300}",
        error.to_string()
    );
}

#[test]
fn steps_output_and_time_are_limited() {
    let check = |template: &str, limits: Limits, outside: Outside, expected: &str| {
        let error = rendered(&chart(&[("templates/t.yaml", template)]), "{}", &limits, outside).expect_err("it is cut");
        assert_eq!(error.kind(), ErrorKind::Limit, "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    };
    let small = Limits { template_steps: 10_000, output_bytes: 10_000, ..Limits::default() };
    let forever = "{{ range 1000000 }}{{ range 1000000 }}{{ end }}{{ end }}";
    check(forever, small, Outside::default(), "steps");
    check("{{ range until 2000 }}0123456789{{ end }}", small, Outside::default(), "bytes");
    let outside = Outside { check: Some(Box::new(|| Err("deadline exceeded".into()))), ..Outside::default() };
    check(forever, Limits::default(), outside, "deadline exceeded");
    let twice = [("templates/a.yaml", "{{ repeat 6000 \"x\" }}"), ("templates/b.yaml", "{{ repeat 6000 \"x\" }}")];
    let error = rendered(&chart(&twice), "{}", &small, Outside::default()).expect_err("it is cut");
    assert!(error.to_string().contains("more than 10000 bytes"), "{error}");
}

#[test]
fn a_cache_gives_the_same_and_parses_once() {
    let chart =
        chart(&[("templates/_h.tpl", "{{ define \"h\" }}x{{ end }}"), ("templates/t.yaml", "{{ include \"h\" . }}")]);
    let cache = TemplateCache::default();
    let release = ReleaseInfo { name: "r".into(), namespace: "n".into(), revision: 1, is_upgrade: true };
    let options = RenderOptions {
        release: &release,
        capabilities: &Capabilities::offline(),
        limits: &Limits::default(),
        cache: Some(&cache),
        skip_schema: false,
        sub_notes: false,
    };
    let once = render_files(&chart, &Map::new(), &options, Outside::default()).expect("it renders");
    assert_eq!(cache.len(), 2);
    let again = render_files(&chart, &Map::new(), &options, Outside::default()).expect("it renders");
    assert_eq!((once, cache.len()), (again, 2));
    // A cache that is too small for all holds none, and changes nothing.
    let options = RenderOptions { cache: Some(&TemplateCache::new(1)), ..options };
    assert!(render_files(&chart, &Map::new(), &options, Outside::default()).is_ok());
}
