//! Program, document and expected outputs, as text.

use belay_object::from_json_str;

use super::*;

fn document(json: &str) -> Value {
    from_json_str(json).unwrap_or_else(|e| panic!("{json}: {e}"))
}

/// Outputs separated by a blank, or `error: ` and its text.
fn answer(program: &str, json: &str) -> String {
    let result = JqProgram::compile(program).and_then(|p| p.run(&document(json), &JqLimits::default()));
    match result {
        Ok(values) => values.iter().map(Value::to_json).collect::<Vec<_>>().join(" "),
        Err(e) => format!("{:?}: {e}", e.kind),
    }
}

fn check(program: &str, json: &str, expected: &str) {
    assert_eq!(answer(program, json), expected, "{program} of {json}");
}

fn check_deleted(program: &str, json: &str, expected: &str) {
    let deleted = JqProgram::compile(program).and_then(|p| p.delete_paths(&document(json), &JqLimits::default()));
    let text = deleted.map_or_else(|e| format!("{:?}: {e}", e.kind), |v| v.to_json());
    assert_eq!(text, expected, "del({program}) of {json}");
}

const POD: &str = r#"{"spec":{"containers":[{"name":"a","image":"x"},{"name":"b","image":"y"}]}}"#;

#[test]
fn ignored_fields_are_deleted() {
    check_deleted(".spec.containers[].image", POD, r#"{"spec":{"containers":[{"name":"a"},{"name":"b"}]}}"#);
    check_deleted(
        r#".spec.containers[] | select(.name == "a")"#,
        POD,
        r#"{"spec":{"containers":[{"image":"y","name":"b"}]}}"#,
    );
    check_deleted(
        r#".webhooks[]?.clientConfig.caBundle"#,
        r#"{"webhooks":[{"clientConfig":{"caBundle":"c","url":"u"}},{"clientConfig":{}}]}"#,
        r#"{"webhooks":[{"clientConfig":{"url":"u"}},{"clientConfig":{}}]}"#,
    );
    check_deleted(".a.b.c", r#"{"a":null}"#, r#"{"a":null}"#);
    check_deleted(".webhooks[].x", "{}", "Evaluation: cannot iterate over: null (null)");
    check_deleted(".webhooks[]?.x", "{}", "{}");
}

#[test]
fn places_do_not_move_before_their_turn() {
    check_deleted(".[0,1]", "[1,2,3]", "[3]");
    check_deleted(".[0,0]", "[1,2,3]", "[2,3]");
    check_deleted(".[] | select(. > 1)", "[1,2,3]", "[1]");
    check_deleted(".[1:]", "[1,2,3]", "[1]");
    check_deleted(".. | select(. == 2)", r#"{"a":[1,2,{"b":2}]}"#, r#"{"a":[1,{}]}"#);
    check_deleted(".a # of a comment", r#"{"a":1,"b":2}"#, r#"{"b":2}"#);
    check_deleted("first(.[])", "[1,2,3]", "[2,3]");
    check_deleted(
        "to_entries[0].key",
        r#"{"a":1}"#,
        "Evaluation: invalid path expression with input object ({\"a\":1})",
    );
}

#[test]
fn programs_give_what_gojq_gives() {
    check(".a + 1", r#"{"a":9223372036854775807}"#, "9223372036854776000");
    check("[.[] | . * 2]", "[1,2.5]", "[2,5]");
    check("map(select(.x)) | length", r#"[{"x":true},{"x":false},{}]"#, "1");
    check(r#"to_entries | map("\(.key)=\(.value)") | join(",")"#, r#"{"b":2,"a":1}"#, r#""a=1,b=2""#);
    check("with_entries(.value += 1)", r#"{"a":1}"#, r#"{"a":2}"#);
    check(r#"ltrimstr("a")"#, "7", "7");
    check(r#"ltrimstr("a")"#, r#""ab""#, r#""b""#);
    check(r#"test("^a.c$"), [match("b").offset], sub("b"; "x")"#, r#""abc""#, r#"true [1] "axc""#);
    check("[paths]", r#"{"a":[1]}"#, r#"[["a"],["a",0]]"#);
    check(
        "sort, unique, (map(type) | group_by(.) | map(length))",
        r#"[3,"a",null,3]"#,
        r#"[null,3,3,"a"] [null,3,"a"] [1,2,1]"#,
    );
    check(r#".[] as [$a, {b: $c}] | "\($a) \($c)""#, r#"[[1,{"b":2}]]"#, r#""1 2""#);
    check("reduce .[] as $x (0; . + $x)", "[1,2,3]", "6");
    check("[limit(3; range(10))], first(range(5; 10)), isempty(empty)", "null", "[0,1,2] 5 true");
    check(r#"try error("x") catch ., (.a? // "none")"#, "[]", r#""x" "none""#);
    check("fromjson | .a", r#""{\"a\":[1]}""#, "[1]");
    check("tojson, (1/3 | tostring | length > 5)", r#"{"b":1,"a":[null,1.5]}"#, r#""{\"a\":[null,1.5],\"b\":1}" true"#);
    check("IN(1, 2), ([.] | toarray)", "2", "true [2]");
    check(r#"splits("a"), (.[1:3]), ascii_upcase"#, r#""bac""#, r#""b" "c" "ac" "BAC""#);
    check("walk(if type == \"number\" then . + 1 else . end)", r#"{"a":[1,{"b":2}]}"#, r#"{"a":[2,{"b":3}]}"#);
    check("indices(1), index(1), (.[-1:] | .[0]), contains([2])", "[1,2,1]", "[0,2] 0 1 true");
    check("@base64, (@base64 | @base64d)", r#""hé""#, r#""aMOp" "hé""#);
    check(r#"@csv"#, r#"[1,"a\"b",null,true]"#, r#""1,\"a\"\"b\",,true""#);
    check(". * {a: {c: 2}}", r#"{"a":{"b":1}}"#, r#"{"a":{"b":1,"c":2}}"#);
    check("[.[] | tonumber]", r#"["1","2.5"]"#, "[1,2.5]");
}

#[test]
fn errors_tell_the_place() {
    check(".a[", "1", "Syntax: the jq expression is not well formed at its end: expected closing bracket");
    check(".a | foo(1)", "1", "Syntax: function not defined: foo/1");
    check("$x", "1", "Syntax: variable not defined: $x");
    check(".a", "[1]", "Evaluation: cannot index array ([1]) with a");
}

#[test]
fn a_program_reaches_nothing_outside() {
    for program in ["env", "$ENV", "now", "input", "inputs", "input_filename", "localtime", "$__prog_args"] {
        let error = JqProgram::compile(program).map(|_| ()).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Syntax, "{program}: {error}");
    }
    for program in ["include \"a\"; .", "import \"/etc/passwd\" as $x; ."] {
        assert!(JqProgram::compile(program).is_err(), "{program}");
    }
    check("halt", "1", "Evaluation: halt is not allowed here");
    check("debug", "1", "1");
}

/// INV-RES: a program that would run, grow or nest for ever ends with an error, and cannot catch it.
#[test]
fn a_program_without_end_ends() {
    for program in [
        "def f: f; f",
        "def f: try error catch f; f",
        "def f: 1 + f; f",
        "[repeat(1)]",
        "last(range(1e18))",
        "[range(1e18)]",
        "until(false; .)",
        "reduce range(1e9) as $i (0; . + 1)",
        "reduce range(100) as $i ([1]; . + .)",
        "reduce range(100) as $i (\"a\"; . + .)",
        "reduce range(100) as $i (1; [., .])",
        "reduce range(1e6) as $i (1; [.])",
        "reduce range(1e6) as $i (1; {a: .})",
        "\"a\" * 1e12",
        "[limit(1e9; repeat(\"a\"))]",
        ".[1e9] = 1",
        "first(repeat(empty))",
        "[combinations(30)]",
        "def f: [f]; f",
        "def f($n): f($n + 1); f(0)",
        "def f: (., 1) | f; f",
        "[recurse(. + 1)]",
        "reduce range(1e6) as $i (0; [[[[.]]]]) | tojson",
        "(\"[\" * 100000) | fromjson",
        "[range(2000)] | . - (map(. + 1)) | repeat([range(1000)] - [range(1000)])",
    ] {
        let input = document("[0,1]");
        let result = JqProgram::compile(program)
            .and_then(|p| p.run(&input, &JqLimits { steps: 100_000, ..JqLimits::default() }));
        let error = result.map(|_| ()).expect_err(program);
        assert!(matches!(error.kind, ErrorKind::Budget | ErrorKind::Evaluation), "{program}: {error}");
    }
}

#[test]
fn text_that_nests_without_end_is_no_crash() {
    for program in ["(".repeat(8000), "[".repeat(8000), "- ".repeat(4000), "try ".repeat(2000), "if ".repeat(2000)] {
        assert!(JqProgram::compile(&program).is_err());
    }
    let nested = format!("{}1{}", "[".repeat(3000), "]".repeat(3000));
    assert_eq!(answer(&nested, "1"), "Budget: the jq expression nests more than allowed");
    assert!(matches!(JqProgram::compile(&"1+".repeat(9000)), Err(e) if e.kind == ErrorKind::TooLarge));
}

#[test]
fn programs_are_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    let program = JqProgram::compile(".a").unwrap();
    shared(&program);
    assert!(program.is_plain);
    assert!(!JqProgram::compile("def f: .; f").unwrap().is_plain);
}

#[test]
fn a_program_ends_when_its_time_is_up() {
    let program = JqProgram::compile("reduce range(1e5) as $i (0; . + 1)").unwrap();
    let run = |limits: JqLimits| program.run(&document("{}"), &limits).map(|all| all.len()).map_err(|e| e.to_string());
    assert_eq!(run(JqLimits { time: Duration::MAX, ..JqLimits::default() }), Ok(1));
    let none = JqLimits { time: Duration::ZERO, ..JqLimits::default() };
    assert_eq!(run(none), Err("the jq expression runs longer than allowed".to_owned()));
    // A longer time is more steps, too.
    let long = JqProgram::compile("reduce range(1e6) as $i (0; . + 1)").unwrap();
    let steps = |limits: JqLimits| {
        let limits = JqLimits { time: Duration::MAX, ..limits };
        long.run(&document("{}"), &limits).map(|all| all.len()).map_err(|e| e.to_string())
    };
    let too_many = Err("the jq expression takes more than allowed".to_owned());
    assert_eq!(steps(JqLimits::within(Duration::from_millis(20))), too_many);
    assert_eq!(steps(JqLimits::within(Duration::from_secs(30))), Ok(1));
}

#[test]
fn a_program_has_what_it_can_come_to_call_and_nothing_else() {
    assert!(functions::callable(".spec.list[]?.name").definitions.is_empty());
    let names = |text| functions::callable(text).definitions.iter().map(|d| d.name).collect::<Vec<_>>();
    assert_eq!(names(".a | map(select(.b))"), ["empty", "select", "map"]);
    for definition in functions::all_definitions() {
        let arguments = vec!["."; definition.args.len()].join("; ");
        let call =
            if arguments.is_empty() { definition.name.to_owned() } else { format!("{}({arguments})", definition.name) };
        if let Err(e) = JqProgram::compile(&call) {
            let left_out = functions::LEFT_OUT.iter().any(|name| e.to_string().contains(name));
            assert!(left_out, "{call}: {e}");
        }
    }
}
