use super::*;

fn json(text: &str) -> Value {
    from_json_str(text).expect(text)
}

#[test]
fn json_is_written_as_go_writes_it() {
    for (input, output) in [
        (r#"{"b":1,"a":[true,null]}"#, r#"{"a":[true,null],"b":1}"#),
        ("1e21", "1e+21"),
        ("1.5e300", "1.5e+300"),
        ("1e-7", "1e-7"),
        ("1.0", "1"),
        ("0.1", "0.1"),
        ("18446744073709551615", "18446744073709551615"),
        ("123456789012345678901234567890", "1.2345678901234568e+29"),
        (r#""a\u0001\n\"""#, r#""a\u0001\n\"""#),
    ] {
        assert_eq!(json(input).to_json(), output, "{input}");
    }
}

#[test]
fn a_value_is_small() {
    assert_eq!(size_of::<Value>(), 24);
    assert_eq!(size_of::<(Key, Value)>(), 40);
}

#[test]
fn labels_are_selected_as_kubectl_selects() {
    let labels = json(r#"{"a":"1","env":"prod"}"#);
    let labels = labels.as_object();
    for (text, wanted) in [
        ("", true),
        ("a=1", true),
        ("a==2", false),
        ("a!=2", true),
        ("b!=2", true),
        ("env in (dev, prod)", true),
        ("env notin (dev)", true),
        ("!b,a", true),
        ("a>0", true),
        ("a<1", false),
    ] {
        assert_eq!(LabelSelector::parse(text).expect(text).matches(labels), wanted, "{text}");
    }
    assert!(LabelSelector::parse("a=1,,b").is_err());
    assert!(LabelSelector::parse("a in 1").is_err());
}

#[test]
fn json_patch_changes_all_or_nothing() {
    let check = |doc: &str, patch: &str, wanted: Result<&str, &str>| {
        let mut v = json(doc);
        match (json_patch(&mut v, &json(patch)), wanted) {
            (Ok(()), Ok(text)) => assert_eq!(v.to_json(), text),
            (Err(e), Err(text)) => {
                assert!(e.to_string().contains(text), "{e}");
                assert_eq!(v, json(doc));
            }
            (got, wanted) => panic!("{got:?} where {wanted:?} was expected"),
        }
    };
    check(
        r#"{"a":[1,3]}"#,
        r#"[{"op":"add","path":"/a/1","value":2},{"op":"add","path":"/a/-","value":4}]"#,
        Ok(r#"{"a":[1,2,3,4]}"#),
    );
    check(r#"{"a":{"x/y":1}}"#, r#"[{"op":"remove","path":"/a/x~1y"}]"#, Ok(r#"{"a":{}}"#));
    check(
        r#"{"a":1}"#,
        r#"[{"op":"move","from":"/a","path":"/b"},{"op":"copy","from":"/b","path":"/c"}]"#,
        Ok(r#"{"b":1,"c":1}"#),
    );
    check(r#"{"a":1}"#, r#"[{"op":"replace","path":"/a","value":2},{"op":"test","path":"/a","value":1}]"#, Err("/a"));
    check(r#"{"a":1}"#, r#"[{"op":"remove","path":"/b"}]"#, Err("/b"));
}

#[test]
fn merge_patch_between_two_values_turns_one_into_the_other() {
    for (from, to) in [(r#"{"a":1,"b":{"c":2,"d":3}}"#, r#"{"b":{"c":4},"e":[1]}"#), ("{}", r#"{"a":{}}"#), ("1", "{}")]
    {
        let (mut v, to) = (json(from), json(to));
        let patch = merge_patch_between(&v, &to).expect("they differ");
        merge_patch(&mut v, &patch);
        assert_eq!(v, to);
    }
    assert!(merge_patch_between(&json("{}"), &json("{}")).is_none());
}

#[test]
fn of_two_equal_fields_the_last_counts() {
    let fields = |names: &[&str]| names.iter().enumerate().map(|(i, n)| (Key::new(n), Value::from(i))).collect();
    for (names, wanted, any_equal) in [
        (&["b", "a"][..], r#"{"a":1,"b":0}"#, false),
        (&["a", "b", "a"], r#"{"a":2,"b":1}"#, true),
        (&["a", "a"], r#"{"a":1}"#, true),
        (&[], "{}", false),
    ] {
        let (map, equal) = Map::from_fields(fields(names));
        assert_eq!((Value::from(map).to_json().as_str(), equal), (wanted, any_equal), "{names:?}");
    }
}

#[test]
fn copies_of_a_document_into_itself_are_bounded() {
    let grow = |op: &str, n: usize| -> Value {
        let one = json(&format!(r#"{{"op":"{op}","from":"","path":"/a"}}"#));
        std::iter::repeat_n(one, n).collect()
    };
    let mut document = json(r#"{"b":[1,2,3]}"#);
    let refused = json_patch(&mut document, &grow("copy", 100_000)).expect_err("too many operations");
    assert!(refused.to_string().contains("operations"), "{refused}");
    let refused = json_patch(&mut document, &grow("copy", 200)).expect_err("too deep");
    assert!(refused.to_string().contains("levels"), "{refused}");
    let wide: Vec<String> = (0..200).map(|i| format!(r#"{{"op":"copy","from":"/b","path":"/c{i}"}}"#)).collect();
    let mut document = json(&format!(r#"{{"b":[{}0]}}"#, "0,".repeat(2_000)));
    let refused = json_patch(&mut document, &json(&format!("[{}]", wide.join(",")))).expect_err("too much");
    assert!(refused.to_string().contains("copies"), "{refused}");
}
