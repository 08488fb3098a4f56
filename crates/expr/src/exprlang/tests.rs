//! Expressions and their answers: `answers.txt` is what Go's library (expr 1.17.8) answered over [`DOCUMENT`], at
//! half past eleven of the 14th of August 2023.

use belay_object::Value;

use super::*;

const DOCUMENT: &str = r#"{"metadata":{"name":"my-app","annotations":{"example.com/a":"1","b":"2"}},
    "spec":{"number":3,"real":1.5,"flag":true,"list":["a","b"]},
    "status":{"operationState":{"phase":"Succeeded","startedAt":"2023-08-14T10:00:00Z",
        "finishedAt":"2023-08-14T10:05:00Z","syncResult":{"revision":"abc"}},
      "sync":{"status":"Synced"},"health":{"status":"Healthy","lastTransitionTime":"2023-08-14T10:06:00Z"},
      "conditions":[{"type":"SyncError","message":"m1"},{"type":"ComparisonError","message":"m2"}]}}"#;

const NOW: i128 = 1_692_012_615_250_000_000;

/// What the library's check before evaluation refuses: text against number, `not` of what is no truth. Here such an
/// expression has the answer that it has where the types are known only when it runs.
const REFUSED_BEFORE: [&str; 9] = [
    "'a' in nil",
    "false or 'x'",
    "true == 'true'",
    "'5' == 5",
    "get(nil, 'x')",
    "first(nil)",
    "'hello'[0]",
    "app.spec.number contains 'x'",
    "any([1], 5)",
];

fn map<'a, const N: usize>(fields: [(&str, ExprValue<'a>); N]) -> ExprValue<'a> {
    ExprValue::map(fields.map(|(name, value)| (name.into(), value)))
}

fn scope(document: &Value) -> ExprScope<'_> {
    let text = |args: &[ExprValue<'_>], at: usize| args[at].as_str().unwrap_or_default().to_owned();
    let time = [
        ("Now", ExprValue::function(|_| Ok(ExprValue::Moment(NOW)))),
        (
            "Parse",
            ExprValue::function(move |args| {
                moments::parse(&text(args, 0)).map(ExprValue::Moment).ok_or_else(|| "no time".to_owned())
            }),
        ),
        ("Minute", ExprValue::Span(60_000_000_000)),
        ("Hour", ExprValue::Span(3_600_000_000_000)),
    ];
    let strings = [
        (
            "ReplaceAll",
            ExprValue::function(move |args| Ok(ExprValue::str(text(args, 0).replace(&text(args, 1), &text(args, 2))))),
        ),
        ("ToUpper", ExprValue::function(move |args| Ok(ExprValue::str(text(args, 0).to_uppercase())))),
    ];
    ExprScope {
        variables: vec![("app", ExprValue::json(document)), ("time", map(time)), ("strings", map(strings))],
        now_unix_ns: NOW,
        format: Some(|_, _| "2023-08-14".to_owned()),
    }
}

fn answer(text: &str) -> Result<String, Error> {
    let document = belay_object::from_json(DOCUMENT.as_bytes()).expect("JSON");
    let value = ExprProgram::compile(text)?.evaluate(&scope(&document), ExprLimits::default())?;
    let kind = match &value {
        ExprValue::Nil => "nil",
        ExprValue::Items(_) | ExprValue::List(_) => "list",
        ExprValue::Fields(_) | ExprValue::Map(_) => "map",
        other => other.type_name(),
    };
    Ok(format!("{kind} {}", value.to_text()))
}

fn check(text: &str, expected: &str) {
    let answer = answer(text).unwrap_or_else(|e| format!("{:?}: {e}", e.kind));
    assert_eq!(answer, expected, "{text}");
}

#[test]
fn expressions_are_answered_as_the_library_answers_them() {
    let mut lines = include_str!("answers.txt").lines();
    let (mut count, mut wrong) = (0, Vec::new());
    while let (Some(text), Some(expected)) = (lines.next(), lines.next()) {
        let expected = expected.trim_start();
        let answer = answer(text);
        let found = answer.as_deref().unwrap_or("error");
        count += 1;
        if found != expected && !REFUSED_BEFORE.contains(&text) {
            wrong.push(format!("{text}\n  expected {expected}\n  found    {found} {:?}", answer.as_ref().err()));
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 300, "{count} expressions");
}

#[test]
fn failures_are_told() {
    check("app.nothing.more", "Evaluation: cannot fetch more from <nil>");
    check("app.metadata.name > 1", "Evaluation: invalid operation: string > int");
    check("app.metadata.name.Format('x')", "Evaluation: invalid operation: int(string)");
    check("1 +", "Syntax: at byte 3: the expression ends too early");
    check("a b", "Syntax: at byte 2: unexpected \"b\"");
    check("b'x'", "Unsupported: bytes (b'...') are not supported");
    check("toJSON(1)", "Unsupported: the function toJSON is not supported");
    check(
        "app.metadata.name matches '('",
        "Syntax: at byte 29: \"(\" is no regular expression: regex parse error:\n    (\n    ^\nerror: unclosed group",
    );
}

#[test]
fn what_an_expression_may_cost_is_limited() {
    let failed = |text: &str| answer(text).expect_err("it is too much").kind;
    assert_eq!(failed("len(1..100000000)"), ErrorKind::Budget);
    assert_eq!(failed("map(1..2000, map(1..2000, #))"), ErrorKind::Budget);
    assert_eq!(failed("repeat('x', 100000000)"), ErrorKind::Evaluation);
    assert_eq!(failed("reduce(1..100, #acc + #acc, 'xxxxxxxxxxxxxxxx')"), ErrorKind::Budget);
    assert_eq!(failed("1..9223372036854775807"), ErrorKind::Budget);
    for open in ["(", "[", "-", "not ", "{'a': ", "1 ? ", "if true { ", "let a = ", "len(", "a[", "any([1], "] {
        assert_eq!(failed(&open.repeat(900)), ErrorKind::TooLarge, "{open}");
    }
    for chain in [" + 1", " ?? 1", " and a", ".b", "?.b", "[0]", " < 1", " | f()"] {
        assert_eq!(failed(&format!("a{}", chain.repeat(900))), ErrorKind::TooLarge, "{chain}");
    }
    assert_eq!(failed(&" ".repeat(20_000)), ErrorKind::TooLarge);
}

#[test]
fn any_text_is_answered_or_refused() {
    let pieces = [
        "a", ".", "?.", "[", "]", "(", ")", "{", "}", "#", "'x'", "1", "not", "in", "??", "|", ",", ":", "?", "any",
        "é",
    ];
    let mut state: u32 = 7;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..8 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            text.push_str(pieces[(state >> 16) as usize % pieces.len()]);
            text.push(' ');
        }
        let _ = answer(&text);
    }
}
