//! Parameters put into texts, and what becomes of a template.

use super::{Outside, set, yaml};
use crate::application_set::generate::{Outcome, applications};
use crate::application_set::params::Params;
use crate::application_set::templates::Templates;

fn filled(go: bool, options: &[&str], params: &str, text: &str) -> String {
    let options: Vec<String> = options.iter().map(|o| (*o).to_owned()).collect();
    let templates = match Templates::new(go, &options, 0) {
        Ok(templates) => templates,
        Err(why) => return format!("error: {why}"),
    };
    let params = Params::new(yaml(params).as_object().expect("a map").clone());
    templates.with(&params).text(text).unwrap_or_else(|why| format!("error: {why}"))
}

/// argo.md 10.26: what is no parameter stays as it is written.
#[test]
fn names_that_are_no_parameters_stay() {
    let check = |text: &str, expected: &str| assert_eq!(filled(false, &[], "{a: x, n: 1, '': e}", text), expected);
    check("{{a}}-{{ a }}-{{b}}", "x-x-{{b}}");
    check("{{ b }} {{n}} {{}}", "{{ b }} {{n}} {{}}");
    check("no braces", "no braces");
    check("{{a", "{{a");
    check("}} {{", "}} {{");
    check("{{\na}}", "{{\na}}");
    check("{{a}} {{\na}}", "x x");
    check("{{a}} {{", "error: {{ without }} in \"{{a}} {{\"");
}

#[test]
fn go_templates_have_sprig_and_a_few_more() {
    let check =
        |text: &str, expected: &str| assert_eq!(filled(true, &[], "{a: X y.z, n: 2, l: [1, {b: c}]}", text), expected);
    check("{{.a | lower | replace \" \" \"-\"}} {{.n}}", "x-y.z 2");
    check("{{normalize .a}} {{normalize \"--A_b.\"}}", "x-y.z a-b");
    check(
        "{{slugify .a}} {{slugify 3 .a}} {{slugify 6 true \"feat/a-long-name\"}} {{slugify 6 false \"feat/a-long-name\"}}",
        "x-y-z x-y feat-a feat-a",
    );
    check("{{slugify 5 true \"one-two-three\"}} {{slugify}}", "one ");
    check("{{toYaml .l}}", "- 1\n- b: c");
    check("{{(fromYaml \"a: {b: 1}\").a.b}} {{index (fromYamlArray \"[x, w]\") 1}}", "1 w");
    check("{{.none}} {{with .none}}no{{else}}yes{{end}}", "<no value> yes");
    check("{{env \"HOME\"}}", "error: template: base:1: function \"env\" not defined");
    assert_eq!(filled(true, &["missingkey=zero"], "{a: x}", "{{.b}}"), "<no value>");
    assert_eq!(
        filled(true, &["missingkey=error"], "{a: x}", "{{.b}}"),
        "error: template: base:1:2: executing \"base\" at <.b>: map has no entry for key \"b\""
    );
    assert_eq!(
        filled(true, &["what=ever"], "{}", ""),
        "error: goTemplateOptions: \"what=ever\" is no option of Go templates"
    );
    // What would run for ever is stopped.
    assert!(
        filled(true, &[], "{}", "{{range until 100000}}{{range until 100000}}{{end}}{{end}}").starts_with("error: ")
    );
}

fn app(more: &str, template: &str) -> String {
    let spec = format!("{{generators: [{{list: {{elements: [{{n: a, k: key}}]}}}}], template: {template}{more}}}");
    match applications(&set(&spec), &Outside::default(), 0) {
        Outcome::Applications(all) => {
            let app = all.first().expect("one");
            let mut value = app.value().clone();
            value.remove(&["apiVersion"]);
            value.remove(&["kind"]);
            value.to_json()
        }
        Outcome::Failed(failure) => failure.message,
        Outcome::Wants(_) => "wants".to_owned(),
    }
}

/// argo.md 10.26: the namespace of a template does not count.
#[test]
fn a_template_becomes_an_application_beside_its_set() {
    let template = "{metadata: {name: '{{n}}', namespace: elsewhere, labels: {'l-{{k}}': '{{n}}'}, generateName: x}, \
        spec: {source: {repoURL: r, path: p, helm: {valuesObject: {'{{k}}': [1, '{{n}}'], gone: null}}}, destination: {server: s}}}";
    let expected = r#"{"metadata":{"finalizers":["resources-finalizer.argocd.argoproj.io"],"labels":{"l-key":"a"},"name":"a","namespace":"argocd"},"spec":{"destination":{"server":"s"},"project":"default","source":{"helm":{"valuesObject":{"key":[1,"a"]}},"path":"p","repoURL":"r"}}}"#;
    assert_eq!(app("", template), expected);
    let kept = app(", syncPolicy: {preserveResourcesOnDeletion: true}", template);
    assert!(!kept.contains("finalizers"), "{kept}");
    let own = app("", "{metadata: {name: x, finalizers: [mine.io/f]}, spec: {source: {repoURL: r}}}");
    assert!(own.contains(r#""finalizers":["mine.io/f"]"#), "{own}");
    assert_eq!(
        app("", "{metadata: {name: x}, spec: {source: {repoURL: 7}}}"),
        "spec.template.spec.source.repoURL: expected a string, found integer"
    );
    assert_eq!(
        app("", "{metadata: {name: x, labels: {a: 7}}, spec: {}}"),
        "spec.template.metadata.labels.a: expected a string, found integer"
    );
}

/// argo.md 5.3: without parameters the template is taken as it is.
#[test]
fn without_parameters_nothing_is_put_in() {
    let spec =
        "{generators: [{list: {elements: [{}]}}], template: {metadata: {name: '{{n}}'}, spec: {source: {repoURL: r}}}}";
    let Outcome::Applications(all) = applications(&set(spec), &Outside::default(), 0) else { panic!("it works") };
    assert_eq!(all[0].name(), "{{n}}");
    assert_eq!(all[0].finalizers().count(), 0);
}

#[test]
fn a_patch_changes_what_a_template_cannot() {
    let template = "{metadata: {name: a}, spec: {project: p, source: {repoURL: r, path: x}, destination: {server: s}}}";
    let patched = |patch: &str| app(&format!(", goTemplate: true, templatePatch: {patch}"), template);
    let spec = |text: &str| text.split_once(r#""spec":"#).map(|(_, spec)| spec.to_owned()).unwrap_or(text.to_owned());
    assert_eq!(
        spec(&patched(
            "'{spec: {project: other, syncPolicy: {automated: {prune: {{eq .n \"a\"}}}}, source: {path: null}}}'"
        )),
        r#"{"destination":{"server":"s"},"project":"p","source":{"repoURL":"r"},"syncPolicy":{"automated":{"prune":true}}}}"#
    );
    assert_eq!(spec(&patched("'{{if false}}x{{end}}'")), spec(&app("", template)));
    assert_eq!(
        spec(&patched("'{spec: {source: {$patch: replace, repoURL: q}}}'")),
        r#"{"destination":{"server":"s"},"project":"p","source":{"repoURL":"q"}}}"#
    );
    let finalizers = patched("'{metadata: {finalizers: [mine.io/f], annotations: {a: b}, name: q}}'");
    assert_eq!(
        finalizers.split_once(r#","spec""#).map(|(metadata, _)| metadata.to_owned()).unwrap_or_default(),
        r#"{"metadata":{"annotations":{"a":"b"},"finalizers":["resources-finalizer.argocd.argoproj.io","mine.io/f"],"name":"q","namespace":"argocd"}"#
    );
    assert_eq!(
        patched("'{spec: {source: {path: 7}}}'"),
        "spec.templatePatch: spec.source.path: expected a string, found integer"
    );
    assert_eq!(patched("'just words'"), "spec.templatePatch: expected a map, found string");
}
