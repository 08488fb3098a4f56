//! What templates fail with: Go's words and positions.

use super::{check, context, data};
use crate::{ErrorKind, Limits};

#[test]
fn parsing_fails_with_the_line() {
    check("{{ if .t }}x", "template: t:1: unexpected EOF");
    check("a\n{{ nope }}", "template: t:2: function \"nope\" not defined");
    check("{{ $x }}", "template: t:1: undefined variable \"$x\"");
    check("{{ if }}x{{ end }}", "template: t:1: missing value for if");
    check("{{ end }}", "template: t:1: unexpected {{end}}");
    check("{{ .s", "template: t:1: unclosed action");
    check("\n{{ .s\n", "template: t:3: unclosed action started at t:2");
    check("{{ (.s }}", "template: t:1: unclosed left paren");
    check("{{ .s | 3 }}", "template: t:1: non executable command in pipeline stage 2");
    check("{{ break }}", "template: t:1: {{break}} outside {{range}}");
    check("{{ range .l }}{{ end }", "template: t:1: unexpected \"}\" in end");
    check("{{ 08 }}", "template: t:1: integer overflow: \"08\"");
    check("{{ a-b }}", "template: t:1: bad character U+002D '-'");
    check("{{ \"x\".y }}", "template: t:1: unexpected . after term \"\\\"x\\\"\"");
    check(
        "{{ define \"a\" }}x{{ end }}{{ define \"a\" }}y{{ end }}",
        "template: t:1: template: multiple definition of template \"a\"",
    );
    check("{{ if .t }}{{ define \"x\" }}{{ end }}{{ end }}", "template: t:1: unexpected <define> in command");
    check("{{/* a", "template: t:1: unclosed comment");
}

#[test]
fn fields_of_what_has_none_are_errors_at_their_position() {
    check("\n {{ .nope.x }}", "\n <no value>");
    check("\n {{ .n.x }}", "template: t:2:6: executing \"t\" at <.n.x>: nil pointer evaluating interface {}.x");
    check("{{ .s.x }}", "template: t:1:5: executing \"t\" at <.s.x>: can't evaluate field x in type interface {}");
    check(
        "{{ $v := .s }}{{ $v.x }}",
        "template: t:1:19: executing \"t\" at <$v.x>: can't evaluate field x in type string",
    );
    check("{{ (.n).x }}{{ ((.nope).x).y }}", "<no value><no value>");
    check(
        "{{ .person.Nope }}",
        "template: t:1:10: executing \"t\" at <.person.Nope>: can't evaluate field Nope in type interface {}",
    );
}

#[test]
fn arguments_must_fit_the_function() {
    check(
        "{{ upper .i }}",
        "template: t:1:9: executing \"t\" at <.i>: wrong type for value; expected string; got float64",
    );
    check("{{ upper 3 }}", "template: t:1:9: executing \"t\" at <3>: expected string; found 3");
    check("{{ upper .nope }}", "template: t:1:9: executing \"t\" at <.nope>: invalid value; expected string");
    check("{{ upper nil }}", "template: t:1:9: executing \"t\" at <nil>: cannot assign nil to string");
    check("{{ upper }}", "template: t:1:3: executing \"t\" at <upper>: wrong number of args for upper: want 1 got 0");
    check(
        "{{ and }}",
        "template: t:1:3: executing \"t\" at <and>: wrong number of args for and: want at least 1 got 0",
    );
    check("{{ add 1.5 2 }}", "template: t:1:7: executing \"t\" at <1.5>: expected integer; found 1.5");
    check(
        "{{ count .l }}",
        "template: t:1:9: executing \"t\" at <.l>: wrong type for value; expected map[string]interface {}; got []interface {}",
    );
    check("{{ .s \"x\" }}", "template: t:1:3: executing \"t\" at <.s>: s is not a method but has arguments");
    check("{{ 1 2 }}", "template: t:1:3: executing \"t\" at <1>: can't give argument to non-function 1");
    check("{{ nil }}", "template: t:1:3: executing \"t\" at <nil>: nil is not a command");
}

#[test]
fn calls_that_fail_name_the_function() {
    check("{{ fail \"boom\" }}", "template: t:1:3: executing \"t\" at <fail \"boom\">: error calling fail: boom");
    check("{{ .person.Fail }}", "template: t:1:10: executing \"t\" at <.person.Fail>: error calling Fail: no luck");
    check(
        "{{ index .l 9 }}",
        "template: t:1:3: executing \"t\" at <index .l 9>: error calling index: index out of range: 9",
    );
    check(
        "{{ eq .i 3 }}",
        "template: t:1:3: executing \"t\" at <eq .i 3>: error calling eq: incompatible types for comparison: float64 and int",
    );
    check(
        "{{ lt true false }}",
        "template: t:1:3: executing \"t\" at <lt true false>: error calling lt: invalid type for comparison",
    );
    check(
        "{{ call .s }}",
        "template: t:1:3: executing \"t\" at <call .s>: error calling call: non-function .s of type string",
    );
    check(
        "{{ len nil }}",
        "template: t:1:3: executing \"t\" at <len nil>: error calling len: reflect: call of reflect.Value.Type on zero Value",
    );
}

#[test]
fn ranges_fail_over_what_has_no_items() {
    check("{{ range .i }}{{ end }}", "template: t:1:9: executing \"t\" at <.i>: range can't iterate over 3");
    check(
        "{{ range $i, $e := 3 }}{{ end }}",
        "template: t:1:19: executing \"t\" at <3>: can't use 3 to iterate over more than one variable",
    );
    check(
        "{{ range .person }}{{ end }}",
        "template: t:1:9: executing \"t\" at <.person>: range can't iterate over {Ann}",
    );
    check("{{ $y = 1 }}", "template: t:1:8: executing \"t\" at <1>: undefined variable: $y");
    check(
        "{{ template \"no\" . }}",
        "template: t:1:12: executing \"t\" at <{{template \"no\" .}}>: template \"no\" not defined",
    );
}

#[test]
fn errors_of_nested_templates_are_a_chain() {
    let text = "{{ define \"a\" }}{{ fail \"boom\" }}{{ end }}{{ include \"a\" . }}";
    let error = context(text, Limits::default()).unwrap().execute("t", &data()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "template: t:1:45: executing \"t\" at <include \"a\" .>: error calling include: \
         template: t:1:19: executing \"a\" at <fail \"boom\">: error calling fail: boom"
    );
    assert_eq!(error.kind(), ErrorKind::Exec);
    assert_eq!(error.place().unwrap().location, "t:1:45");
    let call = error.cause().unwrap();
    assert_eq!(call.function(), Some("include"));
    assert_eq!(call.cause().unwrap().place().unwrap().template, "a");
    assert_eq!(error.root().to_string(), "boom");
    check(
        "{{ include \"no\" . }}",
        "template: t:1:3: executing \"t\" at <include \"no\" .>: error calling include: template: no template \"no\" associated with template \"t\"",
    );
}
