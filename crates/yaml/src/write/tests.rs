use belay_object::from_json_str;

use super::*;

fn check(json: &str, expected: &str) {
    let value = from_json_str(json).expect(json);
    assert_eq!(to_yaml(&value), expected, "{json}");
}

#[test]
fn collections_are_laid_out_as_goyaml_does() {
    check("null", "null\n");
    check("{}", "{}\n");
    check("[]", "[]\n");
    check(r#"{"a":[1,{"b":2,"c":[]}],"d":{}}"#, "a:\n- 1\n- b: 2\n  c: []\nd: {}\n");
    check(r#"[[1,[2]],[],{"a":{"b":null}}]"#, "- - 1\n  - - 2\n- []\n- a:\n    b: null\n");
}

#[test]
fn keys_come_in_natural_order() {
    check(
        r#"{"b10":0,"b9":0,"B":0,"a_b":0,"a-b":0,"a.b":0,"aB":0,"ab":0,"a1b":0,"a01b":0}"#,
        "B: 0\na-b: 0\na.b: 0\na_b: 0\na1b: 0\na01b: 0\naB: 0\nab: 0\nb9: 0\nb10: 0\n",
    );
    check(r#"{"101":0,"11":0,"é":0,"z":0,"a":0,"":0}"#, "\"\": 0\n\"11\": 0\n\"101\": 0\na: 0\nz: 0\né: 0\n");
}

#[test]
fn an_order_with_a_circle_does_not_stop_the_writer() {
    // `9` < `21.` < `2a-` < `9`
    let value = from_json_str(r#"{"9":0,"21.":0,"2a-":0,"2":0,"2a":0,"19":0,"3-":0}"#).expect("json");
    assert_eq!(to_yaml(&value).lines().count(), 7);
}

#[test]
fn numbers_are_written_as_go_prints_them() {
    check(
        "[1.0,1e3,1e20,1e21,1e-7,0.0001,1234567.5,123456.5,18446744073709551615,-0.0,1152921504606846976.0]",
        "- 1\n- 1000\n- 1e+20\n- 1e+21\n- 1e-07\n- 0.0001\n- 1.2345675e+06\n- 123456.5\n- 18446744073709551615\n- 0\n- 1152921504606847000\n",
    );
}

#[test]
fn strings_are_quoted_where_goyaml_quotes_them() {
    for (input, expected) in [
        ("a b", "a b"),
        ("", "\"\""),
        ("yes", "\"yes\""),
        ("1e3", "\"1e3\""),
        ("1:20", "\"1:20\""),
        ("2020-01-01", "\"2020-01-01\""),
        ("a: b", "'a: b'"),
        ("it's: b", "'it''s: b'"),
        ("#a", "'#a'"),
        ("a#b", "a#b"),
        ("{{ a }}", "'{{ a }}'"),
        ("--", "--"),
        ("---", "'---'"),
        (" a", "' a'"),
        ("a\tb", "\"a\\tb\""),
        ("é漢", "é漢"),
        ("😀", "\"\\U0001F600\""),
        ("\u{FEFF}a", "\"\\uFEFF\\x61\""),
        ("a\u{85} b", "a b"),
        ("a\u{2028}b", "'a\u{2028}  b'"),
    ] {
        assert_eq!(to_yaml(&Value::from(input)), format!("{expected}\n"), "{input:?}");
    }
}

#[test]
fn lines_become_block_literals() {
    check(r#"{"a":"x\ny\n"}"#, "a: |\n  x\n  y\n");
    check(r#"{"a":"x\n\ny"}"#, "a: |-\n  x\n\n  y\n");
    check(r#"["x\n\n",1]"#, "- |+\n  x\n\n- 1\n");
    check(r#"{"a":" x\n"}"#, "a: |2\n   x\n");
    check(r#"["\n"]"#, "- |2+\n\n");
    check(r#"["x \ny"]"#, "- \"x \\ny\"\n");
}

#[test]
fn long_scalars_fold_at_spaces_beyond_column_80() {
    let words = "word ".repeat(30);
    let folded = to_yaml(&Value::from(words.trim_end()));
    let lines: Vec<&str> = folded.lines().collect();
    assert_eq!((lines.len(), lines[0].len(), lines[1].len()), (2, 84, 66));
    assert!(lines[1].starts_with("  word"));
}

#[test]
fn keys_that_are_long_or_of_lines_stand_behind_a_question_mark() {
    let key = "k".repeat(129);
    check(&format!(r#"{{"{key}":["a"]}}"#), &format!("? {key}\n: - a\n"));
    check(r#"{"a\nb":{"c":1}}"#, "? |-\n  a\n  b\n: c: 1\n");
}

#[test]
fn documents_are_joined_by_separators() {
    let values = [Value::from("a"), Value::from("x\n\n")];
    assert_eq!(to_yaml_documents(&values), "a\n---\n|+\n  x\n\n");
}

#[test]
fn pretty_lists_are_indented_below_their_keys() {
    let value = belay_object::from_json_str(r#"{"a":[1,{"b":["c",["d"]]}],"e":"f"}"#).expect("it is JSON");
    let expected = "a:\n  - 1\n  - b:\n      - c\n      - - d\ne: f\n";
    assert_eq!(crate::to_yaml_pretty(&value), expected);
}
#[test]
fn pretty_texts_are_written_as_the_newer_library_has_them() {
    let check = |json: &str, expected: &str| {
        let value = belay_object::from_json_str(json).expect("it is JSON");
        assert_eq!(crate::to_yaml_pretty(&value), expected);
    };
    check(r#"{"k":"a\tb","l":"a\tb\nc\n"}"#, "k: \"a\\tb\"\nl: |\n  a\tb\n  c\n");
    check(
        r#"["yes","n","on","0o7","0777","2001-01-01","1:20","~","1e3"]"#,
        "- \"yes\"\n- \"n\"\n- \"on\"\n- \"0o7\"\n- \"0777\"\n- \"2001-01-01\"\n- \"1:20\"\n- \"~\"\n- \"1e3\"\n",
    );
    check(r#"{"a1b":1,"a1-":2,"a-b":3,"aB":4}"#, "a-b: 3\na1b: 1\na1-: 2\naB: 4\n");
    let long = "word ".repeat(30);
    check(&format!(r#"{{"k":"{}"}}"#, long.trim_end()), &format!("k: {}\n", long.trim_end()));
    let two = [Value::from("a"), Value::from("x\n\n")];
    assert_eq!(crate::to_yaml_pretty_documents(&two), "a\n---\n|+\n  x\n\n");
}
