//! Defaults, pruning and validation of custom resources, on the recorded definition and Flux's rules.

use belay_object::{Value, from_json_str};

use crate::{Schema, crd, default_values, prune, validate};

const WIDGET: &str = r#"{"type":"object","properties":{"spec":{"type":"object","required":["size"],"properties":{"size":{"type":"integer","minimum":1,"maximum":10},"color":{"type":"string","enum":["red","blue"],"default":"red"},"name":{"type":"string","pattern":"^[a-z]+$","maxLength":5},"port":{"x-kubernetes-int-or-string":true},"free":{"type":"object","x-kubernetes-preserve-unknown-fields":true},"items":{"type":"array","x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["id"],"items":{"type":"object","required":["id"],"properties":{"id":{"type":"string"},"v":{"type":"string"}}}},"tags":{"type":"array","x-kubernetes-list-type":"set","items":{"type":"string"}},"atoms":{"type":"array","items":{"type":"string"}}},"x-kubernetes-validations":[{"rule":"self.size != 7","message":"seven is bad luck"},{"rule":"!has(oldSelf.name) || has(self.name)","message":"name may not be removed"}]},"status":{"type":"object","properties":{"phase":{"type":"string"}}}}}"#;

fn compile(schema: &str) -> Schema {
    crd::compile(&from_json_str(schema).expect("JSON"), "schema").expect("a structural schema")
}

fn widget(spec: &str) -> Value {
    from_json_str(&format!(
        r#"{{"apiVersion":"t/v1","kind":"Widget","metadata":{{"name":"a","labels":{{"x":"y"}}}},"spec":{spec}}}"#
    ))
    .expect("JSON")
}

fn check(schema: &Schema, spec: &str, old: Option<&str>, expected: &[&str]) {
    let old = old.map(widget);
    let errors: Vec<String> = validate(&widget(spec), old.as_ref(), schema).iter().map(ToString::to_string).collect();
    assert_eq!(errors, expected, "{spec}");
}

const UNCHECKED: &str = "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation";

#[test]
fn unknown_fields_are_pruned_and_defaults_filled_in() {
    let schema = compile(WIDGET);
    let mut value = widget(
        r#"{"size":3,"unknown":1,"free":{"any":{"thing":[1]}},"port":"http","name":null,"items":[{"id":"1","z":2}]}"#,
    );
    assert_eq!(prune(&mut value, &schema), ["spec.items[0].z", "spec.unknown"]);
    default_values(&mut value, &schema);
    assert_eq!(
        value["spec"].to_json(),
        r#"{"color":"red","free":{"any":{"thing":[1]}},"items":[{"id":"1"}],"port":"http","size":3}"#
    );
    assert_eq!(value["metadata"].to_json(), r#"{"labels":{"x":"y"},"name":"a"}"#);
    assert!(validate(&value, None, &schema).is_empty());
}

#[test]
fn errors_are_those_of_the_api_server() {
    let schema = compile(WIDGET);
    check(
        &schema,
        r#"{"size":99}"#,
        None,
        &["spec.size: Invalid value: 99: spec.size in body should be less than or equal to 10"],
    );
    check(&schema, r#"{"size":7}"#, None, &["spec: Invalid value: seven is bad luck"]);
    check(&schema, "{}", None, &["spec.size: Required value", UNCHECKED]);
    check(
        &schema,
        r#"{"size":"x"}"#,
        None,
        &[r#"spec.size: Invalid value: "string": spec.size in body must be of type integer: "string""#, UNCHECKED],
    );
    check(
        &schema,
        r#"{"size":1,"color":"green","name":"TOOLONG"}"#,
        None,
        &[
            r#"spec.color: Unsupported value: "green": supported values: "red", "blue""#,
            "spec.name: Too long: may not be more than 5 bytes",
            UNCHECKED,
        ],
    );
    check(
        &schema,
        r#"{"size":1,"items":[{"id":"1"},{"id":"1"}]}"#,
        None,
        &[r#"spec.items[1]: Duplicate value: {"id":"1"}"#],
    );
    check(&schema, r#"{"size":1,"tags":["a","b","a"]}"#, None, &[r#"spec.tags[2]: Duplicate value: "a""#]);
    check(
        &schema,
        r#"{"size":1,"name":"ABC"}"#,
        None,
        &[r#"spec.name: Invalid value: "ABC": spec.name in body should match '^[a-z]+$'"#],
    );
    check(
        &schema,
        r#"{"size":1,"port":true}"#,
        None,
        &[
            r#"spec.port: Invalid value: "boolean": spec.port in body must be of type integer,string: "boolean""#,
            UNCHECKED,
        ],
    );
    check(
        &schema,
        "[]",
        None,
        &[r#"spec: Invalid value: "array": spec in body must be of type object: "array""#, UNCHECKED],
    );
}

#[test]
fn rules_compare_with_the_old_value_and_pass_what_did_not_change() {
    let schema = compile(WIDGET);
    check(
        &schema,
        r#"{"size":1}"#,
        Some(r#"{"size":1,"name":"abc"}"#),
        &["spec: Invalid value: name may not be removed"],
    );
    check(&schema, r#"{"size":1}"#, None, &[]);
    // What was stored before the rule is left alone until it changes.
    check(&schema, r#"{"size":99,"color":"blue"}"#, Some(r#"{"size":99,"color":"red"}"#), &[]);
    check(&schema, r#"{"size":7}"#, Some(r#"{"size":7}"#), &[]);
    check(&schema, r#"{"size":7,"color":"blue"}"#, Some(r#"{"size":7}"#), &["spec: Invalid value: seven is bad luck"]);
    check(
        &schema,
        r#"{"size":1,"items":[{"id":"b","v":1},{"id":"a","v":1}]}"#,
        Some(r#"{"size":2,"items":[{"id":"a","v":1}]}"#),
        &[
            r#"spec.items[0].v: Invalid value: "integer": spec.items[0].v in body must be of type string: "integer""#,
            UNCHECKED,
        ],
    );
}

fn of(property: &str) -> Schema {
    compile(&format!(
        r#"{{"type":"object","properties":{{"spec":{{"type":"object","properties":{{"a":{property}}}}}}}}}"#
    ))
}

#[test]
fn numbers_lists_maps_and_formats() {
    let check =
        |property: &str, a: &str, expected: &[&str]| check(&of(property), &format!(r#"{{"a":{a}}}"#), None, expected);
    check(
        r#"{"type":"number","minimum":1.5,"exclusiveMinimum":true}"#,
        "1.5",
        &["spec.a: Invalid value: 1.5: spec.a in body should be greater than 1.5"],
    );
    check(
        r#"{"type":"integer","multipleOf":3}"#,
        "4",
        &["spec.a: Invalid value: 4: spec.a in body should be a multiple of 3"],
    );
    check(
        r#"{"type":"array","maxItems":1,"items":{"type":"string"}}"#,
        r#"["a","b"]"#,
        &["spec.a: Too many: 2: must have at most 1 item"],
    );
    check(
        r#"{"type":"array","minItems":1,"items":{"type":"string"}}"#,
        "[]",
        &["spec.a: Invalid value: 0: spec.a in body should have at least 1 items"],
    );
    check(
        r#"{"type":"object","minProperties":1,"additionalProperties":{"type":"string"}}"#,
        "{}",
        &["spec.a: Invalid value: 0: spec.a in body should have at least 1 properties"],
    );
    check(
        r#"{"type":"string","minLength":2}"#,
        r#""x""#,
        &[r#"spec.a: Invalid value: "x": spec.a in body should be at least 2 chars long"#],
    );
    check(
        r#"{"type":"string","format":"ipv4"}"#,
        r#""x""#,
        &[r#"spec.a: Invalid value: "x": spec.a in body must be of type ipv4: "x""#],
    );
    check(r#"{"type":"string","format":"date-time"}"#, r#""2026-01-01T00:00:00Z""#, &[]);
    check(r#"{"type":"string","format":"cidr"}"#, r#""10.0.0.0/8""#, &[]);
    check(r#"{"type":"string","nullable":true}"#, "null", &[]);
    check(
        r#"{"type":"string"}"#,
        "null",
        &[r#"spec.a: Invalid value: "null": spec.a in body must be of type string: "null""#],
    );
    check(
        r#"{"type":"object","additionalProperties":{"type":"integer"}}"#,
        r#"{"x":"y"}"#,
        &[r#"spec.a.x: Invalid value: "string": spec.a.x in body must be of type integer: "string""#],
    );
    check(
        r#"{"type":"object","properties":{"x":{"type":"string"},"y":{"type":"string"}},"oneOf":[{"required":["x"]},{"required":["y"]}]}"#,
        r#"{"x":"1","y":"2"}"#,
        &[
            r#"<nil>: Invalid value: "": "spec.a" must validate one and only one schema (oneOf). Found 2 valid alternatives"#,
        ],
    );
    check(
        r#"{"type":"object","properties":{"x":{"type":"string"}},"anyOf":[{"required":["x"]}]}"#,
        "{}",
        &[
            r#"<nil>: Invalid value: "": "spec.a" must validate at least one schema (anyOf)"#,
            "spec.a.x: Required value",
        ],
    );
    check(
        r#"{"type":"object","x-kubernetes-embedded-resource":true,"x-kubernetes-preserve-unknown-fields":true}"#,
        r#"{"kind":"X","spec":{}}"#,
        &["spec.a.apiVersion: Required value"],
    );
}

#[test]
fn messages_paths_and_optional_old_values_of_rules() {
    let check = |rule: &str, a: &str, old: Option<&str>, expected: &[&str]| {
        let schema = of(&format!(
            r#"{{"type":"object","properties":{{"n":{{"type":"integer"}},"d":{{"type":"string","format":"duration"}}}},"x-kubernetes-validations":[{rule}]}}"#
        ));
        let old = old.map(|o| format!(r#"{{"a":{o}}}"#));
        super::tests::check(&schema, &format!(r#"{{"a":{a}}}"#), old.as_deref(), expected);
    };
    check(
        r#"{"rule":"self.n < 3","messageExpression":"'n is ' + string(self.n)","fieldPath":".n","reason":"FieldValueForbidden"}"#,
        r#"{"n":4}"#,
        None,
        &["spec.a.n: Forbidden: n is 4"],
    );
    check(r#"{"rule":"self.n < 3"}"#, r#"{"n":4}"#, None, &["spec.a: Invalid value: failed rule: self.n < 3"]);
    check(
        r#"{"rule":"self.n < 3"}"#,
        "{}",
        None,
        &[r#"spec.a: Invalid value: "object": no such key: n evaluating rule: self.n < 3"#],
    );
    check(
        r#"{"rule":"oldSelf.hasValue() || self.n == 0","optionalOldSelf":true,"message":"starts at 0"}"#,
        r#"{"n":1}"#,
        None,
        &["spec.a: Invalid value: starts at 0"],
    );
    check(
        r#"{"rule":"oldSelf.orValue(self).n <= self.n","optionalOldSelf":true}"#,
        r#"{"n":1}"#,
        Some(r#"{"n":0}"#),
        &[],
    );
    check(
        r#"{"rule":"self.d <= duration('1m')","message":"too long"}"#,
        r#"{"d":"2m"}"#,
        None,
        &["spec.a: Invalid value: too long"],
    );
    check(
        r#"{"rule":"oldSelf.n <= self.n","message":"only grows"}"#,
        r#"{"n":1}"#,
        Some(r#"{"n":2}"#),
        &["spec.a: Invalid value: only grows"],
    );
}

/// Each rule of Flux's definitions, with a `self` that holds to it and one that does not.
#[test]
fn the_rules_of_flux_compile_and_decide() {
    let rules = include_str!("flux_rules.txt");
    let mut count = 0;
    for line in rules.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let mut parts = line.split(" ## ");
        let (Some(rule), Some(good), Some(bad)) = (parts.next(), parts.next(), parts.next()) else { panic!("{line}") };
        let program = belay_expr::Program::compile(rule).unwrap_or_else(|e| panic!("{rule}: {e}"));
        assert_eq!(program.variables().collect::<Vec<_>>(), ["self"], "{rule}");
        for (json, expected) in [(good, true), (bad, false)] {
            let value = from_json_str(json).expect("JSON");
            let held = program.holds(&[("self", &value)], &belay_expr::Limits::default());
            assert_eq!(held, Ok(expected), "{rule} on {json}");
        }
        count += 1;
    }
    assert_eq!(count, 22);
}
