//! Text in, text out, as the reference evaluates it; and whole objects.

use belay_object::{Object, from_json_str};

use super::*;

fn value(name: &str) -> Option<&'static str> {
    Some(match name {
        "a" => "alpha",
        "empty" => "",
        "path" => "/usr/local/bin",
        "n" => "8080",
        "u" => "gr\u{fc}\u{df}e",
        "s" => "Hello World",
        _ => return None,
    })
}

fn check(text: &str, expected: &str) {
    let got = substitute_text(text, &value).unwrap_or_else(|e| format!("error: {e}"));
    assert_eq!(got, expected, "{text}");
}

#[test]
fn only_braces_make_a_variable() {
    check("no $a here", "no $a here");
    check("${a}", "alpha");
    check("a ${a} b ${n}}", "a alpha b 8080}");
    check("$${a} and $$a and $$$${a}", "${a} and $a and $${a}");
    check("$$$${a}", "$${a}");
    check("$$$${", "$${");
    check(r"\\ ${a} \\", r"\\ alpha \\");
}

#[test]
fn what_is_not_set_is_an_error_unless_there_is_a_default() {
    check("${missing}", r#"error: variable not set (strict mode): "missing""#);
    check("${missing^^}", r#"error: variable not set (strict mode): "missing""#);
    check("${#missing}", r#"error: variable not set (strict mode): "missing""#);
    check("${empty}", "");
    check("${missing:-x}${missing:=y}${missing=z}", "xyz");
    check("${empty:-x}${empty:=y}${empty=z}", "xyz");
    check("${a:-x}", "alpha");
    check("${missing:-}", "");
    check("${missing:-${a}-${n}}", "alpha-8080");
    check("${missing:-${other:-deep}}", "deep");
    check("${a:-${missing}}", r#"error: variable not set (strict mode): "missing""#);
}

#[test]
fn plus_and_question_mark_give_a_default_too() {
    check("${missing:+x}${missing:?y}", "xy");
    check("${a:+x}${a:?y}", "alphaalpha");
}

#[test]
fn lengths_cases_and_parts() {
    check("${#a} ${#u} ${#empty}", "5 7 0");
    check("${a^}${a^^}${s,}${s,,}", "AlphaALPHAhello Worldhello world");
    check("${u^^}", "GR\u{dc}\u{df}E");
    check("${a:0}|${a:2}|${a:-2}|${a:9}", "alpha|pha|alpha|");
    check("${a:1:2}|${a:1:99}|${a:9:1}|${a:x}|${a:1:x}", "lp|lpha||alpha|alpha");
    check("${a: -2}", "alpha");
    check("${a:3:-2}", r#"error: "a" has no characters from 3 to 1"#);
    check("${a:${missing:-2}}", "pha");
}

#[test]
fn patterns_cut_from_either_end() {
    check("${path#*/}|${path##*/}", "usr/local/bin|bin");
    check("${path%/*}|${path%%/*}", "/usr/local|");
    check("${a#al}|${a##*l}|${a%h?}|${a#x}", "pha|pha|alp|alpha");
    check("${a#[a-k]}|${a#[^a]}|${a#[}|${a#*}", "lpha|alpha|alpha|lpha");
}

#[test]
fn replacements() {
    check("${a/a/X}|${a//a/X}|${a/#al/X}|${a/%ha/X}|${a/#x/y}", "Xlpha|XlphX|Xpha|alpX|alpha");
    check(r"${path//\//_}|${path/\/usr/}", r"_usr_local_bin|/local/bin");
    check("${a/${a}/${n}}", "8080");
    check("${a//a//}", "lph");
}

#[test]
fn what_cannot_be_read_is_an_error() {
    for (text, expected) in [
        ("${", "unable to parse variable name"),
        ("${}", "unable to parse variable name"),
        ("${ a}", "unable to parse variable name"),
        ("${a", "missing closing brace"),
        ("${a-b}", "missing closing brace"),
        ("${a.b}", "missing closing brace"),
        ("${a:}", "unable to parse substitution within function"),
        ("${a:-x", "unable to parse substitution within function"),
        ("${a#}", "unable to parse substitution within function"),
        ("${a^x}", "bad substitution"),
        ("${#a.b}", "bad substitution"),
        ("${a:\u{fc}}", "bad substitution"),
    ] {
        check(text, &format!("error: {expected}"));
    }
    let deep = "${a:-".repeat(100);
    check(&deep, "error: variables are nested too deep");
}

fn object(json: &str) -> Object {
    Object::new(from_json_str(json).unwrap()).unwrap()
}

/// Substitutes in a ConfigMap-like object whose fields are `fields`.
fn check_object(metadata: &str, fields: &str, strict: bool, expected: &str) {
    let object = object(&format!(
        r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"cart"{metadata}}},"spec":{fields}}}"#
    ));
    let mut variables = VariableSet::new(&Variables::default(), strict);
    for (name, text) in [("port", "8080"), ("on", "true"), ("text", "a: b"), ("lines", "one\ntwo")] {
        variables.insert(name, text);
    }
    let got = match substitute(&object, &variables) {
        Ok(Some(object)) => object.get("spec").cloned().unwrap_or_default().to_json(),
        Ok(None) => "untouched".to_owned(),
        Err(e) => format!("error: {e}"),
    };
    assert_eq!(got, expected, "{fields}");
}

#[test]
fn types_change_where_text_becomes_something_else() {
    check_object("", r#"{"port":"${port}","on":"${on}"}"#, true, r#"{"on":true,"port":8080}"#);
    check_object("", r#"{"port":"x${port}"}"#, true, r#"{"port":"x8080"}"#);
    check_object("", r#"{"lines":"${lines}"}"#, true, r#"{"lines":"onetwo"}"#);
    check_object("", r#"{"plain":"$port"}"#, true, r#"{"plain":"$port"}"#);
    check_object("", r#"{"plain":1}"#, true, "untouched");
}

#[test]
fn marked_objects_are_left_alone_and_the_mark_is_exact() {
    let mark =
        |field: &str, value: &str| format!(r#","{field}":{{"kustomize.toolkit.fluxcd.io/substitute":"{value}"}}"#);
    for field in ["labels", "annotations"] {
        check_object(&mark(field, "disabled"), r#"{"port":"${port}"}"#, true, "untouched");
        check_object(&mark(field, "Disabled"), r#"{"port":"${port}"}"#, true, r#"{"port":8080}"#);
    }
}

#[test]
fn errors_name_the_object() {
    check_object(
        "",
        r#"{"a":"${missing}"}"#,
        true,
        r#"error: post build failed for 'Deployment.v1.apps/cart': envsubst error: variable substitution failed: variable not set (strict mode): "missing""#,
    );
    check_object("", r#"{"a":"${missing}"}"#, false, r#"{"a":null}"#);
}

#[test]
fn later_sources_win_and_what_is_written_in_the_spec_wins_over_all() {
    let spec = Variables { inline: vec![("c".into(), "inline".into())], ..Variables::default() };
    let mut variables = VariableSet::new(&spec, true);
    variables.add_config_map(&object(r#"{"kind":"ConfigMap","data":{"a":"1","b":"1","c":"1"}}"#));
    variables.add_secret(&object(r#"{"kind":"Secret","data":{"b":"Mgo=","c":"Mg=="}}"#)).unwrap();
    variables.add_inline(&spec);
    let all: Vec<(&str, &str)> = variables.entries().collect();
    assert_eq!(all, [("=strict", ""), ("a", "1"), ("b", "2"), ("c", "inline")]);
    assert_eq!(format!("{variables:?}"), r#"VariableSet { names: ["a", "b", "c"], always: false, strict: true }"#);
}

#[test]
fn names_must_be_names_and_nothing_runs_without_variables() {
    let mut variables = VariableSet::new(&Variables::default(), true);
    let thing = object(r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c"},"data":{"a":"${x}"}}"#);
    assert_eq!(substitute(&thing, &variables), Ok(None));
    let always = VariableSet::new(&Variables { always: true, ..Variables::default() }, true);
    assert!(substitute(&thing, &always).is_err());
    variables.insert("not-a-name", "1");
    assert_eq!(
        substitute(&thing, &variables).unwrap_err().to_string(),
        "post build failed for 'ConfigMap.v1.[noGrp]/c': envsubst error: 'not-a-name' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'"
    );
}
