//! What would take too long or too much ends with an error, and never the process.

use super::{context, data};
use crate::{Context, Environment, Error, Limits, Value, with_stack};

fn fails(text: &str, limits: Limits, expected: &str) {
    let result: Result<Vec<u8>, Error> = context(text, limits).and_then(|mut ctx| ctx.execute("t", &data()));
    let error = result.expect_err(text);
    assert!(error.is_limit() || error.kind() == crate::ErrorKind::Parse, "{error}");
    assert!(error.to_string().ends_with(expected), "{error}");
}

#[test]
fn steps_are_counted() {
    let limits = Limits { steps: 10_000, ..Limits::default() };
    fails("{{ range 1000000 }}{{ . }}{{ end }}", limits, "execution takes more than 10000 steps");
}

#[test]
fn output_and_what_functions_make_are_counted() {
    let limits = Limits { output_bytes: 1000, ..Limits::default() };
    fails("{{ range 1000 }}{{ . }}{{ end }}", limits, "output is larger than 1000 bytes");
    let limits = Limits { made_bytes: 1000, ..Limits::default() };
    fails("{{ range 1000 }}{{ $x := upper \"abcdef\" }}{{ end }}", limits, "functions make more than 1000 bytes");
}

#[test]
fn endless_recursion_ends_before_the_stack_does() {
    let deep = "templates and expressions are nested too deep";
    fails("{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}", Limits::default(), deep);
    fails("{{ define \"a\" }}{{ include \"a\" . }}{{ end }}{{ template \"a\" . }}", Limits::default(), deep);
    fails("{{ $d := .m }}{{ $_ := set $d \"x\" `{{ tpl .x . }}` }}{{ tpl $d.x $d }}", Limits::default(), deep);
    let limits = Limits { depth: 20, ..Limits::default() };
    let text = "{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}";
    fails(text, limits, "exceeded maximum template depth (20)");
}

#[test]
fn helm_s_thousand_nested_includes_fit_a_large_stack() {
    let text = "{{ define \"down\" }}{{ if gt . 0 }}{{ include \"down\" (add . -1) }}{{ end }}x{{ end }}{{ include \"down\" 1000 }}";
    let run = || context(text, Limits::default()).and_then(|mut ctx| ctx.execute("t", &data()));
    assert_eq!(with_stack(64 << 20, run).unwrap().unwrap().len(), 1001);
}

#[test]
fn deep_texts_are_refused() {
    fails(
        &format!("{{{{ {}1{} }}}}", "(".repeat(9_999), ")".repeat(9_999)),
        Limits::default(),
        "max expression depth exceeded",
    );
    let nested = format!("{}{}", "{{ if true }}".repeat(50_000), "{{ end }}".repeat(50_000));
    fails(&nested, Limits::default(), "actions are nested too deep");
    fails(
        &format!("{}{{{{ end }}}}", "{{ if true }}{{ else if true }}".repeat(50_000)),
        Limits::default(),
        "actions are nested too deep",
    );
}

#[test]
fn values_that_hold_themselves_are_printed_and_freed() {
    let out =
        context("{{ $_ := set .m \"self\" .m }}{{ .m }}", Limits::default()).unwrap().execute("t", &data()).unwrap();
    assert!(String::from_utf8_lossy(&out).contains("%!(DEPTH)"));
    let limits = Limits { made_bytes: u64::MAX, ..Limits::default() };
    let text = "{{ $l := list }}{{ range 200000 }}{{ $l = list $l }}{{ end }}{{ len $l }}";
    assert_eq!(context(text, limits).unwrap().execute("t", &data()).unwrap(), b"1");
}

#[test]
fn widths_are_go_s_and_no_more() {
    let out =
        context("{{ printf \"%100000001d|%.70000f\" 1 1.5 | len }}", Limits::default()).unwrap().execute("t", &data());
    // Go: `%!(NOVERB)` and the rest of the format as extra.
    assert_eq!(out.unwrap(), "%!(NOVERB)%!(EXTRA int=1, float64=1.5)".len().to_string().as_bytes());
    let text =
        "{{ $l := list (printf `%01000000d` 1) }}{{ range 40 }}{{ $l = list $l $l }}{{ end }}{{ $s := print $l }}";
    fails(text, Limits::default(), "printed text is longer than 67108864 bytes");
}

#[test]
fn the_caller_s_check_ends_an_execution() {
    let environment =
        Environment { check: Some(Box::new(|| Err("the deadline has passed".into()))), ..Environment::default() };
    let base = context("{{ range 100000 }}{{ . }}{{ end }}", Limits::default()).unwrap();
    let mut ctx = Context::new(base.set().clone(), base.functions().clone(), environment, Limits::default());
    let error = ctx.execute("t", &Value::Nil).unwrap_err();
    assert!(error.is_limit() && error.to_string().ends_with("the deadline has passed"), "{error}");
}
