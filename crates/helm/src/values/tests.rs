use belay_object::{Map, Value, from_json_str};

use super::{SetKind, UserValues, read, set};

fn check_set(text: &str, start: &str, expected: &str) {
    let mut values = match from_json_str(start).expect("it is JSON") {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    let result = set(text, &mut values, &SetKind::Typed);
    let found = result.err().unwrap_or_else(|| Value::Object(values).to_json());
    assert_eq!(found, expected, "{text}");
}

#[test]
fn set_writes_paths_lists_and_typed_values() {
    check_set("a.b=1,c[1].d=x,e={x,2}", "{}", r#"{"a":{"b":1},"c":[null,{"d":"x"}],"e":["x",2]}"#);
    check_set(r"a\.b=c\,d,z=", "{}", r#"{"a.b":"c,d","z":""}"#);
    check_set(
        "a=0123,b=1.5,c=TRUE,d=Null,e=99999999999999999999",
        "{}",
        r#"{"a":"0123","b":"1.5","c":true,"d":null,"e":"99999999999999999999"}"#,
    );
    check_set("a[0][1]=x", r#"{"a":[["y"]]}"#, r#"{"a":[["y","x"]]}"#);
    check_set("a[0].b=1", r#"{"a":["text"]}"#, r#"{"a":[{"b":1}]}"#);
    check_set(
        "a.b=1",
        r#"{"a":"text"}"#,
        "unable to parse key: interface conversion: interface {} is string, not map[string]interface {}",
    );
}

#[test]
fn set_is_bounded() {
    check_set(
        &format!("{}=1", ["a"; 40].join(".")),
        "{}",
        "value name nested level is greater than maximum supported nested level of 30",
    );
    check_set("a[65537]=1", "{}", "index of 65537 is greater than maximum supported index of 65536");
    check_set(&format!("a{}=1", "[0]".repeat(5_000)), "{}", "more than 100 indexes in a row");
    check_set(&format!("{}x=1", "a[0].".repeat(5_000)), "{}", "more than 100 keys within each other");
}

#[test]
fn values_of_several_documents_merge() {
    let found = read(b"a: {b: 1, c: 2}\nd: [1]\n---\n# nothing\n---\na: {c: null}\nd: [2, 3]\n").expect("it parses");
    assert_eq!(Value::Object(found).to_json(), r#"{"a":{"b":1,"c":null},"d":[2,3]}"#);
}

#[test]
fn values_meet_in_helms_order() {
    let list = |text: &str| vec![text.to_owned()];
    let given = UserValues {
        files: vec![("f.yaml".into(), b"a: file\nb: file\nc: {x: 1, z: 2}\n".to_vec())],
        json: &list(r#"{"b": "json", "c": {"z": [1]}}"#),
        set: &list("d=set,e=set"),
        strings: &list("e=1"),
        from_files: &list("f=name"),
        literals: &list("g=a,b={c}"),
    };
    let found = given.merged(&|name| Ok(format!("content of {name}"))).expect("they merge");
    assert_eq!(
        Value::Object(found).to_json(),
        r#"{"a":"file","b":"json","c":{"x":1,"z":[1]},"d":"set","e":"1","f":"content of name","g":"a,b={c}"}"#
    );
}

#[test]
fn what_does_not_parse_is_told_with_its_flag() {
    let list = |text: &str| vec![text.to_owned()];
    let check = |given: UserValues<'_>, expected: &str| {
        assert_eq!(given.merged(&|_| Err("gone".into())).expect_err("it fails").to_string(), expected);
    };
    check(UserValues { set: &list("a"), ..UserValues::default() }, "failed parsing --set data: key \"a\" has no value");
    check(UserValues { json: &list("{a"), ..UserValues::default() }, "failed parsing --set-json data JSON: {a");
    check(UserValues { json: &list("a=x"), ..UserValues::default() }, "failed parsing --set-json data a=x");
    check(UserValues { from_files: &list("a=b"), ..UserValues::default() }, "failed parsing --set-file data: gone");
    check(
        UserValues { files: vec![("f".into(), b"a: b: c".to_vec())], ..UserValues::default() },
        "failed to parse f: cannot unmarshal yaml document: error converting YAML to JSON: yaml: mapping values are not \
         allowed in this context",
    );
}
