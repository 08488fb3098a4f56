//! Files, options and the expected result, as text.

use belay_tree::MemoryTree;

use super::*;

fn path(text: &str) -> TreePath {
    TreePath::new(text).unwrap()
}

fn tree(files: &[(&str, &str)]) -> MemoryTree {
    MemoryTree::from_files(files.iter().map(|(name, text)| (*name, text.as_bytes().to_vec()))).unwrap()
}

fn answer_of(files: &[(&str, &str)], options: &Options, limits: &Limits) -> String {
    match evaluate(&tree(files), &path("app/main.jsonnet"), options, limits) {
        Ok(values) => values.iter().map(Value::to_json).collect::<Vec<_>>().join(" "),
        Err(e) => format!("{:?}: {e}", e.kind),
    }
}

fn check(program: &str, expected: &str) {
    let answer = answer_of(&[("app/main.jsonnet", program)], &Options::default(), &Limits::default());
    assert_eq!(answer, expected, "{program}");
}

#[test]
fn objects_come_out() {
    check("{a: 1 + 1, b:: 2, c: $.b}", r#"{"a":2,"c":2}"#);
    check("[{a: x} for x in [1, 2] if x > 1]", r#"{"a":2}"#);
    check("[{a: [x, y]} for x in [1, 2] for y in [3]]", r#"{"a":[1,3]} {"a":[2,3]}"#);
    check("[null, {a: 1}]", r#"{"a":1}"#);
    check("[]", "");
    check("function(a=1, b={}) {a: a}", r#"{"a":1}"#);
    check("1", "Output: app/main.jsonnet: gives a value of type integer, not an object or an array of objects");
    check(
        "[[{}]]",
        "Output: app/main.jsonnet: gives an array with a value of type array, not an object or an array of objects",
    );
}

#[test]
fn functions_in_every_form_do_what_they_say() {
    check("local f(x) = x + 1, g = function(x) if x then 1 else 2; {a: f(1), b: g(false)}", r#"{"a":2,"b":2}"#);
    check("{f(x):: x, g(x, y=2):: {z: y}, a: self.f(3), b: self.g(1).z}", r#"{"a":3,"b":2}"#);
    check(
        "local a = [1, 2, 3, 4]; {a: a[(1):(3)], b: a[(0)], c: {[(x)]: 1 for x in ['k']}}",
        r#"{"a":[2,3],"b":1,"c":{"k":1}}"#,
    );
    check("{assert (true) : 'no', a: assert (1 == 1) : 'no'; 2}", r#"{"a":2}"#);
    check(
        "{a: std.map(function(x) x * 2, std.range(1, 3)), b: std.repeat('ab', 2), c: std.makeArray(2, function(i) i)}",
        r#"{"a":[2,4,6],"b":"abab","c":[0,1]}"#,
    );
    check("{a: if 'x' in {x: 1} then 'yes' else 'no', b: |||\n  f(x) = 1\n||| }", r#"{"a":"yes","b":"f(x) = 1\n"}"#);
    check("local f(n) = if n == 0 then 0 else f(n - 1) tailstrict; {a: f(400)}", r#"{"a":0}"#);
    check("{a: std.thisFile, b: std.manifestYamlDoc({x: [1]})}", r#"{"a":"app/main.jsonnet","b":"\"x\":\n- 1"}"#);
    check("{a: std.foldl(function(a, b) a + b, std.range(1, 2000), 0)}", r#"{"a":2001000}"#);
}

#[test]
fn imports_come_from_the_tree() {
    let files = [
        (
            "app/main.jsonnet",
            "{a: (import 'x.libsonnet').a, b: (import 'lib.libsonnet').b, c: importstr '../text', d: importbin 'bin'}",
        ),
        ("app/x.libsonnet", "{a: 1}"),
        ("app/bin", "ab"),
        ("vendor/lib.libsonnet", "{b: import 'next.libsonnet'}"),
        ("vendor/next.libsonnet", "'vendor'"),
        ("first/lib.libsonnet", "{b: 'first'}"),
        ("text", "hello"),
    ];
    let options = Options { libs: vec![path("first"), path("vendor")], ..Options::default() };
    assert_eq!(answer_of(&files, &options, &Limits::default()), r#"{"a":1,"b":"vendor","c":"hello","d":[97,98]}"#);
    let import = |text: &str| {
        let main = format!("{{\n  a: {text}}}");
        answer_of(&[("app/main.jsonnet", main.as_str()), ("app/bad", "{\n  a: }")], &options, &Limits::default())
    };
    assert!(
        import("import '../../etc/passwd'")
            .starts_with("Import: app/main.jsonnet:2:6: cannot import \"../../etc/passwd\": ")
    );
    assert!(
        import("import '/etc/passwd'").starts_with("Import: app/main.jsonnet:2:6: cannot import \"/etc/passwd\": ")
    );
    assert!(import("import 'none'").starts_with("Import: app/main.jsonnet:2:6: cannot import \"none\": no such file"));
    assert!(
        import("import 'bad'")
            .starts_with("Syntax: app/main.jsonnet:2:6: cannot import \"bad\": app/bad:2:6: unexpected")
    );
    assert!(import("import 'main.jsonnet'").starts_with("Budget: "));
}

#[test]
fn values_are_given() {
    let mut options = Options::default();
    options.ext_vars.insert("text".into(), Given::Text("x'y".into()));
    options.ext_vars.insert("code".into(), Given::Code("[1, 2]".into()));
    options.tlas.insert("name".into(), Given::Text("shop".into()));
    options.tlas.insert("n".into(), Given::Code("1 + 1".into()));
    let answer = |main: &str| answer_of(&[("app/main.jsonnet", main)], &options, &Limits::default());
    assert_eq!(
        answer("function(name, n=1) {a: name, b: n, c: std.extVar('text'), d: std.extVar('code')}"),
        r#"{"a":"shop","b":2,"c":"x'y","d":[1,2]}"#
    );
    assert_eq!(answer("{a: 1}"), r#"{"a":1}"#);
    assert!(answer("function(n) {}").contains("there is no parameter name"));
    assert!(answer("function(name, n, more) {}").contains("missing argument: more"));
    assert!(answer("{a: std.extVar('none')}").contains("external variable not given: none"));
}

#[test]
fn errors_tell_file_line_column_and_stack() {
    check(
        "local f(x) =\n  x.none;\n{a: f({})}",
        "Evaluation: app/main.jsonnet:2:3: field does not exist: none\n  app/main.jsonnet:3:5: in the call of f",
    );
    check("{\n  a: error 'no'}", "Evaluation: app/main.jsonnet:2:6: no");
    check("{a: b}", "Syntax: app/main.jsonnet:1:5: unknown variable: b");
    check("{a: 'x", "Syntax: app/main.jsonnet:1:5: the string has no end");
}

/// INV-RES: a program that would run or nest for ever ends with an error.
#[test]
fn a_program_without_end_ends() {
    let limits = Limits { steps: 200_000, time: Duration::from_secs(5), ..Limits::default() };
    for program in [
        "local f(x) = f(x + 1) tailstrict; {a: f(0)}",
        "local f(x) = f(x); {a: f(0)}",
        "local f(n) = if n < 2 then n else f(n - 1) + f(n - 2); {a: f(60)}",
        "local o = {a: o}; o",
        "local o = {a: self.b, b: self.a}; o",
        "local o = {n: 1, r: (o {n: super.n + 1}).r}; o",
        "local r = std.range(1, 1000); {a: std.length([1 for a in r for b in r for c in r for d in r])}",
        "{a: std.range(1, 1e12)}",
        "{a: std.makeArray(1e12, function(i) i)}",
        "{a: std.repeat('a', 1e12)}",
        "{a: std.foldl(function(a, b) [a], std.range(1, 100000), 0)}",
        "{a: std.length(std.foldl(function(a, b) a + a, std.range(1, 20), 'x')) + std.foldl(function(a, b) a, std.range(1, 1000000), 0)}",
    ] {
        let answer = answer_of(&[("app/main.jsonnet", program)], &Options::default(), &limits);
        assert!(answer.starts_with("Budget: ") || answer.starts_with("Evaluation: "), "{program}: {answer}");
    }
}

/// It takes no step of ours: only the time ends it, and its thread is left to itself.
#[test]
fn a_result_that_is_large_by_sharing_ends_with_the_time() {
    let mut program = "local a0 = [1, 1];".to_owned();
    for i in 1..40 {
        program.push_str(&format!("local a{i} = [a{}, a{}];", i - 1, i - 1));
    }
    program.push_str("{a: a22}");
    let limits = Limits { time: Duration::from_millis(200), ..Limits::default() };
    let answer = answer_of(&[("app/main.jsonnet", &program)], &Options::default(), &limits);
    assert!(answer.starts_with("Budget: app/main.jsonnet: evaluation takes more than"), "{answer}");
}

#[test]
fn text_that_nests_without_end_is_no_crash() {
    for program in [
        "(".repeat(100_000),
        "[".repeat(100_000),
        "{a:".repeat(100_000),
        "!".repeat(100_000),
        "! ".repeat(100_000),
        "if ".repeat(100_000),
        "local a=1;".repeat(40_000),
        "function(x) ".repeat(40_000),
        format!("{}1", "1+".repeat(100_000)),
        format!("{}1", "1+".repeat(40_000)),
        format!("{{a: {}}}", "error ".repeat(40_000)),
        format!("{{a: x{}}}", ".a".repeat(40_000)),
        format!("{{a: {}{}}}", "[".repeat(400), "]".repeat(400)),
        format!("{{a: {}1}}", "1+".repeat(4_000)),
        "local a=1;".repeat(1_500),
        "if true then ".repeat(1_500),
        format!("{{a: x{}}}", ".a".repeat(2_000)),
    ] {
        let answer = answer_of(&[("app/main.jsonnet", &program)], &Options::default(), &Limits::default());
        assert!(!answer.is_empty(), "{}", &program[..100]);
    }
}

#[test]
fn large_results_are_refused() {
    let limits = Limits { output_bytes: 100, ..Limits::default() };
    let answer = answer_of(&[("app/main.jsonnet", "{a: std.repeat('x', 200)}")], &Options::default(), &limits);
    assert_eq!(answer, "Budget: app/main.jsonnet: gives 209 bytes, more than 100");
}
