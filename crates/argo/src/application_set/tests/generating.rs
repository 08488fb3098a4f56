//! Generators: lists, clusters, files, and those made of others.

use super::{Outside, check, told, yaml};
use crate::application_set::generators::ClusterParams;
use crate::application_set::generators::globs::FileGlob;

const GO: &str = "goTemplate: true";

fn named(expected: &str, generators: &str) {
    check(&Outside::default(), generators, "{{name}}", "{{path}}", "", expected);
}

fn go(expected: &str, generators: &str, name: &str, path: &str) {
    check(&Outside::default(), generators, name, path, GO, expected);
}

fn cluster(name: &str, server: &str, labels: &str) -> ClusterParams {
    ClusterParams {
        name: name.into(),
        server: server.into(),
        labels: yaml(labels).as_object().expect("a map").clone(),
        ..ClusterParams::default()
    }
}

#[test]
fn lists_are_parameters_outright() {
    named("a x\nb {{path}}", "[{list: {elements: [{name: a, path: x}, {name: b}]}}]");
    named("a x\nb w", "[{list: {elements: [{name: a, path: x}], elementsYaml: '[{name: b, path: w}]'}}]");
    named(
        "ApplicationGenerationFromParamsError: spec.generators[0].list: elements[0].n: without goTemplate a parameter is a string, found integer",
        "[{list: {elements: [{name: a, n: 1}]}}]",
    );
    go("a-1 x.y", "[{list: {elements: [{n: 1, deep: {x: [x, y]}}]}}]", "a-{{.n}}", "{{join \".\" .deep.x}}");
    named("none", "[{list: {elements: []}}]");
}

/// argo.md 10.26: an error is not emptiness.
#[test]
fn one_generator_that_fails_fails_all_and_emptiness_is_none() {
    named(
        "ApplicationGenerationFromParamsError: spec.generators[1].merge: expected at least two generators, found 0",
        "[{list: {elements: [{name: a, path: x}]}}, {merge: {generators: [], mergeKeys: [a]}}]",
    );
    named("none", "[{list: {elements: []}}, {list: {}}]");
    let unknown = Outside { unknown: Some("the secret c cannot be read"), ..Outside::default() };
    let why = "ApplicationGenerationFromParamsError: spec.generators[0].clusters: the secret c cannot be read";
    check(&unknown, "[{clusters: {}}]", "{{name}}", "p", "", why);
    let broken = "RenderTemplateParamsError: spec.template: template: base:1:2: executing \"base\" at <fail \"no\">: error calling fail: no";
    go(broken, "[{list: {elements: [{name: a}]}}]", "{{fail \"no\"}}", "p");
}

#[test]
fn a_generator_that_is_not_known_is_refused_by_its_name() {
    for name in ["scmProvider", "pullRequest", "plugin", "clusterDecisionResource"] {
        let expected = format!(
            "ApplicationGenerationFromParamsError: spec.generators[0]: the generator {name} is not supported by this version"
        );
        named(&expected, &format!("[{{{name}: {{}}}}]"));
    }
    let expected = "ApplicationGenerationFromParamsError: spec.generators[0] holds no generator that is known";
    named(expected, "[{lists: {}}]");
    named(
        "ApplicationGenerationFromParamsError: spec.generators[0].list.elements: expected a list, found string",
        "[{list: {elements: a}}]",
    );
}

#[test]
fn clusters_are_those_of_secrets_and_our_own_last() {
    let outside = Outside {
        clusters: vec![
            cluster("West_1", "https://w", "{env: prod, argocd.argoproj.io/secret-type: cluster}"),
            cluster("east", "https://e", "{env: dev}"),
        ],
        ..Outside::default()
    };
    let names = |generators: &str, path: &str, more: &str, expected: &str| {
        let name = if more.is_empty() { "{{nameNormalized}}" } else { "{{.nameNormalized}}" };
        check(&outside, generators, name, path, more, expected);
    };
    let all = "west-1 prod\neast dev\nin-cluster {{metadata.labels.env}}";
    names("[{clusters: {}}]", "{{metadata.labels.env}}", "", all);
    // Without labels it fits no selector.
    names("[{clusters: {selector: {matchLabels: {env: dev}}}}]", "{{server}}", "", "east https://e");
    let values = "[{clusters: {selector: {matchExpressions: [{key: env, operator: Exists}]}, values: {a: '{{name}}-x', b: '{{values.a}}'}}}]";
    names(values, "{{values.a}} {{values.b}}", "", "west-1 West_1-x {{values.a}}\neast east-x {{values.a}}");
    let own = "[{clusters: {selector: {matchLabels: {argocd.argoproj.io/secret-type: cluster}}}}]";
    names(own, "{{index .metadata.labels \"none\"}}{{.metadata.labels.env}}", GO, "west-1 prod");
    let flat = "[{clusters: {flatList: true}}]";
    check(&outside, flat, "one", "{{range .clusters}}{{.name}} {{end}}", GO, "one West_1 east in-cluster ");
    // One that a secret describes is not there twice.
    let own = Outside { clusters: vec![cluster("here", "https://kubernetes.default.svc", "{}")], ..Outside::default() };
    check(&own, "[{clusters: {}}]", "{{name}}", "p", "", "here p");
}

const FILES: [(&str, &str); 6] = [
    ("apps/a/k.yaml", ""),
    ("apps/a/deep/k.yaml", ""),
    ("apps/B_x/config.json", r#"{"env": {"name": "dev"}, "n": 1000000}"#),
    ("apps/c/config.yaml", "- {env: {name: one}}\n- {env: {name: two}}\n"),
    (".hidden/x/k.yaml", ""),
    ("top.yaml", "env: {name: top}"),
];

#[test]
fn directories_are_by_globs_and_what_is_excluded_is_not() {
    let outside = Outside::with_files(&FILES);
    let find = |directories: &str, expected: &str| {
        let generators = format!("[{{git: {{repoURL: r, revision: HEAD, directories: {directories}}}}}]");
        check(&outside, &generators, "{{path.basenameNormalized}}", "{{path}} {{path[1]}}", "", expected);
    };
    find("[{path: apps/*}]", "b-x apps/B_x B_x\na apps/a a\nc apps/c c");
    find("[{path: apps/*}, {path: apps/a, exclude: true}]", "b-x apps/B_x B_x\nc apps/c c");
    find("[{path: apps/a, exclude: true}, {path: 'apps/[ab]'}]", "none");
    find("[{path: '*'}]", "apps apps {{path[1]}}");
    find("[{path: '*/*/*'}]", "deep apps/a/deep a");
    let hidden = Outside { hidden: true, ..Outside::with_files(&FILES) };
    let generators = "[{git: {repoURL: r, revision: HEAD, directories: [{path: '*'}]}}]";
    check(&hidden, generators, "{{path.basename}}", "x", "", ".hidden x\napps x");
    let prefixed = "[{git: {repoURL: r, revision: HEAD, pathParamPrefix: g, directories: [{path: apps/c}], values: {v: '{{.g.path.basename}}'}}}]";
    check(&outside, prefixed, "{{.values.v}}", "{{index .g.path.segments 0}}/{{.g.path.path}}", GO, "c apps/apps/c");
}

#[test]
fn files_are_parameters_of_what_stands_in_them() {
    let outside = Outside::with_files(&FILES);
    let git = |files: &str| format!("[{{git: {{repoURL: r, revision: HEAD, files: {files}}}}}]");
    let of = "{{env.name}}-{{path.basenameNormalized}}";
    let both = "dev-b-x config.json 1e+06\none-c config.yaml {{n}}\ntwo-c config.yaml {{n}}";
    check(&outside, &git("[{path: 'apps/**/config.*'}]"), of, "{{path.filename}} {{n}}", "", both);
    check(
        &outside,
        &git("[{path: 'apps/B_x/*'}]"),
        "{{.env.name}}",
        "{{.path.path}} {{.path.filenameNormalized}} {{.n}}",
        GO,
        "dev apps/B_x config.json 1e+06",
    );
    check(&outside, &git("[{path: top.yaml}]"), of, "{{path}}", "", "top- .");
    let left = git("[{path: '*config*'}, {path: 'apps/c', exclude: true}]");
    check(&outside, &left, of, "p", "", "dev-b-x p");
    let nothing = git("[{path: 'none/*.yaml'}]");
    check(&outside, &nothing, of, "p", "", "none");
    let broken = Outside::with_files(&[("a.yaml", "just words")]);
    let why = "ApplicationGenerationFromParamsError: spec.generators[0].git: a.yaml: expected a map or a list of maps, found just words";
    check(&broken, &git("[{path: a.yaml}]"), of, "p", "", why);
}

/// argo.md 10.26: `*` crosses `/` unless the newer globs are turned on.
#[test]
fn globs_of_files_are_greedy_by_default() {
    let check = |pattern: &str, path: &str, greedy: bool, new: bool| {
        let found = [false, true].map(|is_new| FileGlob::new(pattern, is_new).expect(pattern).matches(path));
        assert_eq!(found, [greedy, new], "{pattern} {path}");
    };
    check("apps/*/config.json", "apps/a/config.json", true, true);
    check("apps/*/config.json", "apps/a/b/config.json", true, false);
    check("apps/**/config.json", "apps/a/b/config.json", true, true);
    check("apps/**/config.json", "apps/config.json", false, true);
    check("**/config.json", "config.json", false, true);
    check("apps/*", "apps/a/b", true, false);
    check("apps/**", "apps/a/b", true, true);
    check("apps", "apps/a/b", true, false);
    check("apps/", "apps/a", true, false);
    check("app", "apps/a", false, false);
    check("a?c", "a/c", true, false);
    check("[!a-c]x", "dx", true, true);
    check("[!a-c]x", "bx", false, false);
    check("{a,b}/c", "b/c", false, true);
    check("a\\*", "a*", true, true);
    check("a\\*", "ab", false, false);
    for (pattern, is_new) in [("../x", true), ("/x", false), ("[a", true), ("{a", true), (":!x", false), ("", true)] {
        assert!(FileGlob::new(pattern, is_new).is_err(), "{pattern}");
    }
}

#[test]
fn files_that_are_not_here_are_wanted_all_at_once() {
    let outside = Outside::with_files(&FILES);
    let git = |repo: &str| format!("{{git: {{repoURL: {repo}, revision: v1, directories: [{{path: '*'}}]}}}}");
    let two = format!("[{}, {}, {{list: {{elements: 7}}}}]", git("a"), git("b"));
    check(&outside, &two, "n", "p", "", "wants a at v1\nwants b at v1");
    let matrix =
        format!("[{{matrix: {{generators: [{{list: {{elements: [{{u: x}}, {{u: y}}]}}}}, {}]}}}}]", git("'{{u}}'"));
    check(&outside, &matrix, "n", "p", "", "wants x at v1\nwants y at v1");
}

/// argo.md 10.26: the second generator of a matrix sees the parameters of the first.
#[test]
fn a_matrix_pairs_and_its_second_generator_sees_the_first() {
    let two = |first: &str, second: &str| format!("[{{matrix: {{generators: [{first}, {second}]}}}}]");
    let list = |elements: &str| format!("{{list: {{elements: {elements}}}}}");
    named("a x\na y\nb x\nb y", &two(&list("[{name: a}, {name: b}]"), &list("[{path: x}, {path: y}]")));
    named("a in-a\nb in-b", &two(&list("[{name: a}, {name: b}]"), &list("[{path: 'in-{{name}}'}]")));
    go(
        "a-1 in-a",
        &two(&list("[{n: a, o: {x: 1}}]"), &list("[{p: 'in-{{.n}}', o: {y: 2, x: 3}}]")),
        "{{.n}}-{{.o.x}}",
        "{{.p}}",
    );
    named("a x\na w", &two(&list("[{name: a, l: '[{path: x}, {path: w}]'}]"), "{list: {elementsYaml: '{{l}}'}}"));
    named(
        "ApplicationGenerationFromParamsError: spec.generators[0].matrix: both generators have the parameter name, with different values: \"a\" and \"b\"",
        &two(&list("[{name: a}]"), &list("[{name: b}]")),
    );
    named(
        "ApplicationGenerationFromParamsError: spec.generators[0].matrix: expected two generators, found 1",
        "[{matrix: {generators: [{list: {}}]}}]",
    );
    // Its `values` are put in twice: by the first generator, and by its own parameters.
    let outside = Outside { clusters: vec![cluster("c", "https://c", "{}")], ..Outside::default() };
    let values = "{clusters: {selector: {matchExpressions: [{key: x, operator: DoesNotExist}]}, values: {both: '{{.env}}', own: '{{.name}}-{{.env}}'}}}";
    let matrix = two(&list("[{env: dev}]"), values);
    check(&outside, &matrix, "{{.name}}", "{{.values.both}} {{.values.own}}", GO, "c dev c-<no value>");
}

#[test]
fn a_merge_lays_others_over_the_first() {
    let list = |elements: &str| format!("{{list: {{elements: {elements}}}}}");
    let merge =
        |keys: &str, all: &[&str]| format!("[{{merge: {{mergeKeys: {keys}, generators: [{}]}}}}]", all.join(", "));
    let base = list("[{name: a, path: x, k: '1'}, {name: b, path: y, k: '2'}]");
    named("a z\nb y", &merge("[k]", &[&base, &list("[{k: '1', path: z}, {k: '3', path: q}]")]));
    named("a z\nb q", &merge("[k]", &[&base, &list("[{k: '1', path: z}]"), &list("[{k: '2', path: q}]")]));
    named(
        "ApplicationGenerationFromParamsError: spec.generators[0].merge.generators[1]: two sets of parameters are the same by mergeKeys: {\"k\":\"1\"}",
        &merge("[k]", &[&base, &list("[{k: '1'}, {k: '1'}]")]),
    );
    go(
        "a 1 2",
        &merge("[n]", &[&list("[{n: a, o: {x: 1, y: 1}}]"), &list("[{n: a, o: {y: 2}}]")]),
        "{{.n}}",
        "{{.o.x}} {{.o.y}}",
    );
    // A matrix in a merge is as deep as they go.
    let matrix = format!("{{matrix: {{generators: [{}, {}]}}}}", list("[{name: a}]"), list("[{path: m}]"));
    named("a m", &merge("[name]", &[&matrix, &list("[{name: b}]")]));
    let deeper = format!("{{merge: {{mergeKeys: [name], generators: [{matrix}, {matrix}]}}}}");
    named(
        "ApplicationGenerationFromParamsError: spec.generators[0].matrix.generators[0].merge.generators[0]: a matrix or merge stands in at most one other",
        &format!("[{{matrix: {{generators: [{deeper}, {}]}}}}]", list("[{path: x}]")),
    );
}

/// argo.md 10.26: selectors count wherever they stand.
#[test]
fn selectors_take_parameters_wherever_they_stand() {
    let list = "list: {elements: [{name: a, path: x, env: {t: dev}}, {name: b, path: y, env: {t: prod}}]}";
    let prod = "selector: {matchLabels: {env.t: prod}}";
    go("b y", &format!("[{{{list}, {prod}}}]"), "{{.name}}", "{{.path}}");
    let more = format!("{GO}, applyNestedSelectors: false");
    let nested = format!("[{{matrix: {{generators: [{{{list}, {prod}}}, {{list: {{elements: [{{z: '1'}}]}}}}]}}}}]");
    check(&Outside::default(), &nested, "{{.name}}", "{{.z}}", &more, "b 1");
    let address = "[{list: {elements: [{name: a, url: 'https://x/y'}, {name: b, url: 'https://z'}]}, selector: {matchExpressions: [{key: url, operator: In, values: ['https://x/y']}]}}]";
    named("a {{path}}", address);
}

#[test]
fn a_template_of_a_generator_goes_first() {
    let spec = "{generators: [{list: {elements: [{name: a}], template: {metadata: {labels: {of: list}}, \
        spec: {source: {path: own}, project: ''}}}}], template: {metadata: {name: '{{name}}', labels: {of: set, also: set}}, \
        spec: {project: p, source: {repoURL: r, path: general}, destination: {server: s}}}}";
    assert_eq!(told(spec, &Outside::default()), "a own");
}
