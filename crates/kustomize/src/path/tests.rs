//! Field paths.

use belay_yaml::{Options, parse_value};

use super::{Make, Place, field_value, split, visit};

#[test]
fn paths_split_at_dots_outside_of_brackets() {
    for (path, parts) in [
        ("a.b", &["a", "b"][..]),
        (r"a\.b.c", &["a.b", "c"]),
        ("metadata.annotations.[config.kubernetes.io/x]", &["metadata", "annotations", "config.kubernetes.io/x"]),
        ("spec.[name=a.b].c", &["spec", "[name=a.b]", "c"]),
    ] {
        assert_eq!(split(path), parts, "{path}");
    }
}

/// Puts `X` where a path leads and gives the document, or the number of places where that is 0.
fn put(document: &str, path: &str, make: Make) -> String {
    let mut value = parse_value(document, &Options::v3()).expect("it is YAML");
    let set = &mut |Place { value, .. }: Place<'_>| {
        *value = "X".into();
        Ok(())
    };
    match visit(&mut value, &split(path), make, set) {
        Ok(0) => "nothing".into(),
        Ok(_) => value.to_json(),
        Err(error) => error.message().to_owned(),
    }
}

#[test]
fn places_are_found_or_made() {
    assert_eq!(put("{a: {b: 1}}", "a.b", Make::Nothing), r#"{"a":{"b":"X"}}"#);
    assert_eq!(put("{a: {}}", "a.b", Make::Nothing), "nothing");
    assert_eq!(put("{a: {}}", "a.b.c", Make::Scalar), r#"{"a":{"b":{"c":"X"}}}"#);
    assert_eq!(
        put("{l: [{n: a, v: 1}, {n: b, v: 1}]}", "l.[n=b].v", Make::Nothing),
        r#"{"l":[{"n":"a","v":1},{"n":"b","v":"X"}]}"#
    );
    assert_eq!(put("{l: [{v: 1}, {v: 2}]}", "l.*.v", Make::Nothing), r#"{"l":[{"v":"X"},{"v":"X"}]}"#);
    assert_eq!(put("{l: [1, 2]}", "l.1", Make::Nothing), r#"{"l":[1,"X"]}"#);
    assert_eq!(put("{l: [1]}", "l.3", Make::Nothing), "index 3 specified but only 1 elements found");
    assert_eq!(put("{l: []}", "l.[n=a].v", Make::Scalar), r#"{"l":[{"n":"a","v":"X"}]}"#);
}

#[test]
fn variables_may_index_a_name() {
    let value = parse_value("{spec: {ports: [{port: 80}]}}", &Options::v3()).expect("it is YAML");
    assert_eq!(field_value(&value, "spec.ports[0].port").and_then(belay_object::Value::as_i64), Some(80));
    assert!(field_value(&value, "spec.ports[1].port").is_none());
}
