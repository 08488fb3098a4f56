//! What templates print.

use super::{MissingKey, check, run};

#[test]
fn text_stands_as_it_is_and_trim_markers_cut_space() {
    check("a \n {{- \"b\" }}\n{{ \"c\" -}} \n d", "ab\ncd");
    check("a {{- /* gone */ -}} b", "ab");
    check("a {{/* stays apart */}} b", "a  b");
    check("{{- 3 -}} x {{- -4 }}{{-3}}", "3x-4-3");
    check("}} { {", "}} { {");
}

#[test]
fn literals_are_those_of_go() {
    check(
        "{{ 1 }} {{ -1 }} {{ 1e3 }} {{ 0x1F }} {{ 0b11 }} {{ 0o17 }} {{ 017 }} {{ 1_000 }} {{ .5 }}",
        "1 -1 1000 31 3 15 15 1000 0.5",
    );
    check("{{ 'a' }} {{ '\\n' }} {{ '漢' }} {{ 1i }} {{ 0x1p4 }}", "97 10 28450 (0+1i) 16");
    check("{{ \"\\x41\\u00e9\\t\\\"\" }} {{ `raw \\n` }}", "Aé\t\" raw \\n");
    check("{{ true }} {{ false }}", "true false");
}

#[test]
fn pipelines_pass_their_value_last() {
    check("{{ .s | upper | printf \"%s-%s\" \"x\" }}", "x-HELLO");
    check("{{ 4 | .person.Sum 1 2 }} {{ \"hi\" | .person.Greet }}", "7 hi Ann");
    check("{{ (index .m \"c\").d }} {{ (list 1 2 | len) }}", "deep 2");
}

#[test]
fn variables_live_until_the_end_of_their_block() {
    check("{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ end }}{{ $x }}", "2");
    check("{{ $x := 1 }}{{ if true }}{{ $x := 2 }}{{ $x }}{{ end }}{{ $x }}", "21");
    check("{{ $i := 0 }}{{ $e := 0 }}{{ range $i, $e = .l }}{{ end }}{{ $i }}{{ $e }}", "2b");
    check("{{ with $x := .m }}{{ $x.a }}{{ $.s }}{{ end }}", "1hello");
}

#[test]
fn control_structures_choose_by_go_s_truth() {
    check("{{ if .e }}1{{ else if .n }}2{{ else if .el }}3{{ else if 0.0 }}4{{ else }}5{{ end }}", "5");
    check("{{ with .nope }}x{{ else with .s }}{{ . }}{{ end }}", "hello");
    check("{{ if .person }}{{ if .t }}{{ if .strings }}y{{ end }}{{ end }}{{ end }}", "y");
    check("{{ if and true (not .e) (or .n \"x\") }}y{{ end }}", "y");
}

#[test]
fn ranges_go_in_key_order_and_stop_when_told() {
    check("{{ range $k, $v := .m }}{{ $k }}={{ $v }};{{ end }}", "a=1;b=2;c=map[d:deep];");
    check("{{ range $i, $e := .l }}{{ $i }}{{ $e }}{{ end }}", "0c1a2b");
    check(
        "{{ range 3 }}{{ . }}{{ end }}{{ range $i := .byte }}{{ if eq $i 2 }}{{ break }}{{ end }}{{ $i }}{{ end }}",
        "01201",
    );
    check("{{ range .l }}{{ if eq . \"a\" }}{{ continue }}{{ end }}{{ . }}{{ end }}", "cb");
    check("{{ range .el }}x{{ else }}none{{ end }}{{ range .n }}x{{ else }}nil{{ end }}", "nonenil");
    check("{{ range .l }}{{ range $.l }}{{ break }}{{ end }}{{ . }}{{ end }}", "cab");
}

#[test]
fn templates_are_defined_once_and_called_by_name() {
    check("{{ define \"a\" }}<{{ . }}>{{ end }}{{ template \"a\" .s }}{{ template \"a\" }}", "<hello><<no value>>");
    check("{{ block \"b\" .s }}b:{{ . }}{{ end }}{{ template \"b\" 1 }}", "b:hellob:1");
    check("{{ define \"a\" }}x{{ end }}{{ define \"a\" }} {{ end }}{{ template \"a\" }}", "x");
    check(
        "{{ define \"down\" }}{{ if gt . 0 }}{{ . }}{{ template \"down\" (add . -1) }}{{ end }}{{ end }}{{ template \"down\" 3 }}",
        "321",
    );
}

#[test]
fn missing_keys_are_what_the_option_says() {
    for (option, expected) in [
        (MissingKey::Invalid, "<no value>|<no value>|<no value>"),
        (MissingKey::Zero, "<no value>|<no value>|<no value>"),
    ] {
        assert_eq!(run("{{ .nope }}|{{ .m.nope }}|{{ .n }}", option).unwrap(), expected);
    }
    assert_eq!(run("{{ .labels.nope }}|", MissingKey::Zero).unwrap(), "|");
    let error = run("{{ .m.nope }}", MissingKey::Error).unwrap_err().to_string();
    assert_eq!(error, "template: t:1:5: executing \"t\" at <.m.nope>: map has no entry for key \"nope\"");
}

#[test]
fn numbers_print_as_go_prints_their_type() {
    check("{{ .million }} {{ .i }} {{ .f }} {{ .int }} {{ .int64 }} {{ .byte }}", "1e+06 3 1.5 42 -9 200");
    check("{{ printf \"%T %T %T %T %T\" .i .int .int64 .byte 'a' }}", "float64 int int64 uint8 int");
    check("{{ printf \"%d\" .i }} {{ printf \"%s\" .int }}", "%!d(float64=3) %!s(int=42)");
}

#[test]
fn comparisons_hold_between_equal_kinds() {
    check(
        "{{ eq .i 3.0 }} {{ eq \"a\" \"b\" \"a\" }} {{ eq .int64 -9 }} {{ eq 200 .byte }} {{ lt .int64 .byte }}",
        "true true true true true",
    );
    check(
        "{{ eq .n nil }} {{ eq .nope nil }} {{ eq .nothing nil }} {{ ne .nope \"x\" }} {{ eq .person .person }}",
        "true true true true true",
    );
    check("{{ le 2 2 }} {{ gt 1.5 1.0 }} {{ ge \"b\" \"a\" }} {{ lt 2 1 }}", "true true true false");
}

#[test]
fn index_slice_and_len_take_things_apart() {
    check(
        "{{ index .l 1 }} {{ index .m \"c\" \"d\" }} {{ index .m \"nope\" }} {{ index .s 1 }} {{ index .bytes 0 }}",
        "a deep <no value> 101 104",
    );
    check("{{ slice .l 1 }} {{ slice .s 1 3 }} {{ slice .bytes 1 }}", "[a b] el [105]");
    check("{{ len .l }} {{ len .m }} {{ len \"é\" }} {{ len .nothing }}", "3 3 2 0");
}

#[test]
fn escapers_write_for_html_javascript_and_urls() {
    check("{{ html \"<a b='c'>&\\\"\" }}", "&lt;a b=&#39;c&#39;&gt;&amp;&#34;");
    check("{{ js \"<a='b'>&\\\"\\n\\u00a0é\" }}", "\\u003Ca\\u003D\\'b\\'\\u003E\\u0026\\\"\\u000A\\u00A0é");
    check("{{ urlquery \"a b&c=d/é~\" }}", "a+b%26c%3Dd%2F%C3%A9~");
    check("{{ html nil 1 2 }}", "&lt;no value&gt;1 2");
}

#[test]
fn methods_and_fields_of_objects_are_reached_by_name() {
    check("{{ .person.Name }} {{ .person.Greet \"hi\" }} {{ .person.Sum 1 2 3 }}", "Ann hi Ann 6");
    check("{{ .person }} {{ print .person }}", "{Ann} &{Ann}");
}

#[test]
fn maps_are_shared_by_all_that_hold_them() {
    check("{{ $m := .m }}{{ $_ := set $m \"z\" 9 }}{{ .m.z }} {{ count .m }}", "9 4");
    check("{{ range $k, $v := .m }}{{ $_ := set $.m \"new\" 1 }}{{ $k }}{{ end }}{{ count .m }}", "abc4");
}

#[test]
fn functions_can_execute_templates_and_texts() {
    check("{{ define \"a\" }}[{{ . }}]{{ end }}{{ include \"a\" .s | upper }}", "[HELLO]");
    check(
        "{{ define \"a\" }}A{{ end }}{{ tpl `{{ define \"a\" }}B{{ end }}{{ include \"a\" . }}` . }}{{ include \"a\" . }}",
        "BA",
    );
    check("{{ range 3 }}{{ tpl \"{{ . }}\" . }}{{ end }}", "012");
}

#[test]
fn an_inner_text_that_is_empty_writes_nothing() {
    check(r#"{{ tpl "a{{ tpl \"\" . }}b" . }}"#, "ab");
}

#[test]
fn methods_of_a_map_type_go_before_entries() {
    use crate::*;
    use std::sync::Arc;
    const SIZE: MapMethod = MapMethod {
        name: "Size",
        signature: Signature::fixed(&[Param::Int]),
        call: |_, map, args| Ok(Value::Int(map.len() as i64 + args[0].as_int().unwrap_or(0))),
    };
    const SIZED: &Type = &Type::with_methods("main.Sized", Elem::Any, &[SIZE]);
    let map = Map::from_entries(SIZED, [("Size", Value::Nil), ("a", "b".into())]);
    let parsed = parse("t", "{{ .Size 40 }} {{ .a }} {{ .m.Size }}", &Functions::new()).expect("it parses");
    let mut set = Set::named("t");
    set.add(&parsed);
    let mut context = Context::new(set, Arc::new(Functions::new()), Environment::default(), Limits::default());
    map.insert("m", Value::Map(Map::new()));
    let out = context.execute("t", &Value::Map(map)).expect("it runs");
    assert_eq!(String::from_utf8_lossy(&out), "43 b <no value>");
}
