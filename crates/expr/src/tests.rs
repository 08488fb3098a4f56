//! The language as custom resources and health checks use it.

use belay_object::{Value, from_json_str};

use crate::{ErrorKind, Limits, Program, unescape_name};

fn run(expression: &str, bindings: &str) -> String {
    let bound = from_json_str(bindings).expect("bindings");
    let names: Vec<(&str, &Value)> = bound.as_object().expect("a map").iter().map(|(k, v)| (k.as_str(), v)).collect();
    match Program::compile(expression).and_then(|p| p.evaluate(&names, &Limits::default())) {
        Ok(value) => value.to_json(),
        Err(e) => format!("{:?}: {e}", e.kind),
    }
}

fn check(expression: &str, bindings: &str, expected: &str) {
    assert_eq!(run(expression, bindings), expected, "{expression} with {bindings}");
}

#[test]
fn whole_numbers_are_ints() {
    check("a + 1", r#"{"a":2}"#, "3");
    check("a.b == 3", r#"{"a":{"b":3}}"#, "true");
    check("a == 1.0 && a != 2u", r#"{"a":1}"#, "true");
    check("a / 0", r#"{"a":1}"#, "Evaluation: division by zero");
    check("a * 2", r#"{"a":9223372036854775807}"#, "Evaluation: integer overflow");
}

#[test]
fn absent_fields_are_errors_and_has_asks_for_them() {
    check("has(self.a) && self.a > 1", r#"{"self":{}}"#, "false");
    check("self.a > 1", r#"{"self":{}}"#, "Evaluation: no such key: a");
    check("self.a.b", r#"{"self":{"a":"text"}}"#, "Evaluation: no such overload");
    check("has(self.a.b)", r#"{"self":{"a":"text"}}"#, "Evaluation: no such overload");
    check("!has(self.a) || self.a == null", r#"{"self":{"a":null}}"#, "true");
    check("other", "{}", "Evaluation: undeclared reference to 'other'");
}

#[test]
fn what_decides_absorbs_errors_on_the_other_side() {
    check("self.a > 1 || true", r#"{"self":{}}"#, "true");
    check("true || self.a > 1", r#"{"self":{}}"#, "true");
    check("self.a > 1 && false", r#"{"self":{}}"#, "false");
    check("self.a > 1 || false", r#"{"self":{}}"#, "Evaluation: no such key: a");
    check("[1, 0].exists(x, 1 / x == 1)", "{}", "true");
    check("[0, 1].all(x, 1 / x == 2)", "{}", "false");
}

#[test]
fn loops() {
    let self_ = r#"{"self":{"items":[{"name":"a","n":1},{"name":"b","n":2}],"map":{"x":1,"y":2}}}"#;
    check("self.items.all(i, i.n > 0)", self_, "true");
    check("self.items.exists_one(i, i.n == 2)", self_, "true");
    check("self.items.filter(i, i.n > 1).map(i, i.name)", self_, r#"["b"]"#);
    check("self.items.map(i, i.n > 1, i.n * 2)", self_, "[4]");
    check("self.map.all(k, self.map[k] < 3)", self_, "true");
    check("'x' in self.map && !('z' in self.map) && 2 in [1, 2]", self_, "true");
    check("self.items.map(i, self.items.map(j, i.n * j.n))", self_, "[[1,2],[2,4]]");
    check("self.items[5]", self_, "Evaluation: index out of bounds: 5");
    check("self.map['z']", self_, "Evaluation: no such key: z");
}

#[test]
fn texts_times_and_conversions() {
    check("'abc'.startsWith('ab') && 'abc'.contains('b') && 'abc'.endsWith('c')", "{}", "true");
    check("size('abc') + size([1]) + {'a': 1}.size()", "{}", "5");
    check(r"'a-1'.matches('^[a-z]-\\d$')", "{}", "true");
    check(
        "'x'.matches('(')",
        "{}",
        "Evaluation: error parsing regexp: regex parse error:     (     ^ error: unclosed group",
    );
    check("duration('1h30m') > duration('60m')", "{}", "true");
    check("duration(self) < duration('1m')", r#"{"self":"59.5s"}"#, "true");
    check("duration('x')", "{}", "Evaluation: invalid duration: x");
    check("timestamp('2026-02-28T23:30:00Z') + duration('1h')", "{}", r#""2026-03-01T00:30:00Z""#);
    check("timestamp('2026-03-01T00:00:00+01:00').getDayOfMonth()", "{}", "27");
    check("timestamp('2026-01-01T00:00:10Z') - timestamp('2026-01-01T00:00:00Z') == duration('10s')", "{}", "true");
    check("string(1) + string(true) + string(1.5)", "{}", r#""1true1.5""#);
    check("int('12') + int(3.9)", "{}", "15");
    check("type(1) == int && type('a') == string && dyn(1) == 1", "{}", "true");
    check("1 > 2 ? 'a' : 'b'", "{}", r#""b""#);
    check("'a' + 1", "{}", "Evaluation: no such overload");
}

#[test]
fn optionals() {
    check("self.?a.?b.orValue('none')", r#"{"self":{"a":{}}}"#, r#""none""#);
    check("self.?a.orValue(0) + 1", r#"{"self":{"a":2}}"#, "3");
    check("self.?a.hasValue()", r#"{"self":{}}"#, "false");
    check("self[?'a'].optMap(x, x + 1).orValue(0)", r#"{"self":{"a":2}}"#, "3");
    check("optional.of(1).value() == 1 && !optional.none().hasValue()", "{}", "true");
    check("optional.none().value()", "{}", "Evaluation: optional.none() dereference");
    check("cel.bind(x, 2, x * x)", "{}", "4");
}

#[test]
fn extension_libraries_of_kubernetes() {
    check("quantity('1Gi').isGreaterThan(quantity('500Mi'))", "{}", "true");
    check("quantity('1').compareTo(quantity('1000m'))", "{}", "0");
    check("isQuantity(self)", r#"{"self":"1x"}"#, "false");
    check("url('https://a.io:80/x').getHost()", "{}", r#""a.io:80""#);
    check("isURL('nope')", "{}", "false");
    check("['a', 'b'].join('-') + 'A'.lowerAscii() + 'a,b'.split(',')[1]", "{}", r#""a-bab""#);
    check("'a b'.replace(' ', '_').substring(1)", "{}", r#""_b""#);
    check("[3, 1, 2].sort() == [1, 2, 3] && [1, 2].isSorted() && [1, 2].sum() == 3", "{}", "true");
    check("sets.contains([1, 2], [1])", "{}", "true");
    check("'%s has %d'.format(['x', 2])", "{}", r#""x has 2""#);
    check("ip('10.0.0.1').family() == 4 && cidr('10.0.0.0/8').containsIP('10.1.1.1')", "{}", "true");
    check("isSemver('1.2.3') && semver('1.2.3').major() == 1", "{}", "true");
    check("!format.dns1123Label().validate('a-b').hasValue()", "{}", "true");
    check("math.greatest(1, 3)", "{}", "3");
}

#[test]
fn what_is_not_supported_is_refused_when_compiled() {
    let kind = |text: &str| Program::compile(text).map(drop).map_err(|e| e.kind);
    assert_eq!(kind("self.nope(1)"), Err(ErrorKind::Unsupported));
    assert_eq!(kind("nope(self)"), Err(ErrorKind::Unsupported));
    assert_eq!(kind("self."), Err(ErrorKind::Syntax));
    assert_eq!(kind("a b"), Err(ErrorKind::Syntax));
    assert_eq!(kind(""), Err(ErrorKind::Syntax));
    assert_eq!(kind(&"1+".repeat(5_000)), Err(ErrorKind::TooLarge));
    assert_eq!(kind(&format!("{}1{}", "(".repeat(400), ")".repeat(400))), Err(ErrorKind::TooLarge));
    assert_eq!(kind(&"a ".repeat(20_000)), Err(ErrorKind::TooLarge));
}

#[test]
fn work_is_limited() {
    let items: Value = (0..2_000_i64).map(Value::from).collect();
    let program = Program::compile("l.all(a, l.all(b, l.all(c, a + b + c >= 0)))").expect("compiles");
    let error = program.holds(&[("l", &items)], &Limits::default()).expect_err("too much");
    assert_eq!(error.kind, ErrorKind::Budget);
    let program = Program::compile("l.map(a, l).map(x, x + x)").expect("compiles");
    let limits = Limits { steps: 100_000_000, size: 1_000_000 };
    assert_eq!(program.evaluate(&[("l", &items)], &limits).expect_err("too much").kind, ErrorKind::Budget);
    // Gathering is linear.
    let program = Program::compile("size(l.map(a, a + 1)) == 2000").expect("compiles");
    assert_eq!(program.holds(&[("l", &items)], &Limits { steps: 50_000, size: 10_000 }), Ok(true));
}

#[test]
fn a_program_knows_what_it_refers_to() {
    let program = Program::compile("self.spec.a > 0 && self.items.all(i, i.x == oldSelf.y)").expect("compiles");
    assert_eq!(program.variables().collect::<Vec<_>>(), ["oldSelf", "self"]);
    let chains: Vec<String> = program.selections().map(|c| c.join(".")).collect();
    assert!(chains.contains(&"self.spec.a".to_owned()) && chains.contains(&"oldSelf.y".to_owned()), "{chains:?}");
    assert!(!chains.iter().any(|c| c.starts_with("i.")), "{chains:?}");
    assert!(Program::compile("size(a)").expect("compiles").is_never_boolean());
    assert!(!Program::compile("a").expect("compiles").is_never_boolean());
}

#[test]
fn health_expressions_of_flux() {
    let ready = r#"{"status":{"observedGeneration":2,"conditions":[{"type":"Ready","status":"True"}]},"metadata":{"generation":2}}"#;
    let current = "has(status.conditions) && status.conditions.filter(e, e.type == 'Ready').all(e, e.status == 'True')";
    check(current, ready, "true");
    check("status.observedGeneration == metadata.generation", ready, "true");
    check("status.conditions.exists(e, e.type == 'Stalled' && e.status == 'True')", ready, "false");
    check(
        "dep.metadata.labels['app/version'] == self.metadata.labels['app/version']",
        r#"{"dep":{"metadata":{"labels":{"app/version":"1"}}},"self":{"metadata":{"labels":{"app/version":"1"}}}}"#,
        "true",
    );
}

#[test]
fn names_that_are_no_identifiers_are_escaped() {
    assert_eq!(unescape_name("a__dot__b__dash__c"), "a.b-c");
    assert_eq!(unescape_name("__namespace__"), "namespace");
    check("self.a__dash__b + self.__namespace__", r#"{"self":{"a-b":1,"namespace":2}}"#, "3");
}

#[test]
fn garbage_is_refused_and_nothing_panics() {
    const PIECES: [&str; 44] = [
        "self",
        ".a",
        ".b",
        "[0]",
        "['x']",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        "?",
        "&&",
        "||",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        "==",
        "<",
        " in ",
        "1",
        "1u",
        "0x1F",
        "1.5e3",
        "'t'",
        "\"u\"",
        "b'x'",
        "r'\\d'",
        "true",
        "null",
        "has(",
        ".all(x, ",
        ".map(y, ",
        ".matches(",
        ".?a",
        "size(",
        "duration('1s')",
        "quantity(",
        "\u{e9}\u{1F600}",
    ];
    let value = from_json_str(r#"{"a":{"b":[1,"x",null]},"b":2}"#).expect("JSON");
    let mut seed: u64 = 0x5eed;
    let mut roll = |sides: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % sides as u64) as usize
    };
    let mut compiled = 0;
    for _ in 0..2_000 {
        let count = 1 + roll(9);
        let text: String = (0..count).map(|_| PIECES[roll(PIECES.len())]).collect();
        if let Ok(program) = Program::compile(&text) {
            compiled += 1;
            let _ = program.evaluate(&[("self", &value)], &Limits { steps: 10_000, size: 100_000 });
        }
    }
    assert!(compiled > 20, "{compiled}");
}

#[test]
fn the_deepest_expressions_that_are_taken_do_not_overflow_the_stack() {
    let nested =
        |open: &str, middle: &str, close: &str, n: usize| format!("{}{middle}{}", open.repeat(n), close.repeat(n));
    let longest = |make: &dyn Fn(usize) -> String| {
        let texts: Vec<String> = [40, 90, 120, 190, 240].into_iter().map(make).collect();
        for text in &texts {
            if let Ok(program) = Program::compile(text) {
                let _ = program.evaluate(&[("a", &Value::from(1))], &Limits::default());
            }
        }
    };
    longest(&|n| nested("(", "a", ")", n));
    longest(&|n| nested("[", "a", "]", n));
    longest(&|n| nested("{1: ", "a", "}", n));
    longest(&|n| nested("!", "true", "", n));
    longest(&|n| nested("- ", "a", "", n));
    longest(&|n| nested("a + ", "a", "", n));
    longest(&|n| nested("true ? a : ", "a", "", n));
    longest(&|n| nested("[1].all(x, ", "true", ")", n));
    longest(&|n| nested("a", "", ".b", n));
    longest(&|n| nested("a && ", "a", "", n * 8));
    longest(&|n| nested("a, ", "a", "", n * 8));
    longest(&|n| nested("a ? b : ", "a", "", n * 8));
    longest(&|n| nested("a : b ? ", "a", "", n * 8));
    longest(&|n| nested("a && (", "a", ")", n * 8));
    longest(&|n| nested("[a, [", "a", "]]", n * 8));
}
