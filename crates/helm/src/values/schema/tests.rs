use belay_object::from_json_str;

use super::validate;

/// Validates on a stack as large as that of a render.
fn failure(schema: &str, values: &str) -> Option<String> {
    let values = from_json_str(values).expect("it is JSON");
    belay_gotemplate::with_stack(64 << 20, || validate(schema.as_bytes(), &values).err()).expect("there are threads")
}

fn check(schema: &str, values: &str, expected: &str) {
    let found = failure(schema, values).unwrap_or_default();
    assert_eq!(found, expected, "{schema} on {values}");
}

#[test]
fn types_and_bounds_are_told_in_the_librarys_words() {
    check(r#"{"type":"object","properties":{"a":{"type":"integer"}}}"#, r#"{"a":1.0}"#, "");
    check(r#"{"properties":{"a":{"type":"integer"}}}"#, r#"{"a":"x"}"#, "- at '/a': got string, want integer\n");
    check(
        r#"{"properties":{"a":{"type":["null","string"]}}}"#,
        r#"{"a":1}"#,
        "- at '/a': got number, want null or string\n",
    );
    check(
        r#"{"properties":{"a":{"minimum":5,"multipleOf":2}}}"#,
        r#"{"a":3}"#,
        "- at '/a': minimum: got 3, want 5\n- at '/a': multipleOf: got 3, want 2\n",
    );
    check(
        r#"{"$schema":"http://json-schema.org/draft-04/schema#","properties":{"a":{"maximum":5,"exclusiveMaximum":true}}}"#,
        r#"{"a":5}"#,
        "- at '/a': exclusiveMaximum: got 5, want 5\n",
    );
    check(
        r#"{"properties":{"a":{"minLength":2,"pattern":"^x"}}}"#,
        r#"{"a":"y"}"#,
        "- at '/a': minLength: got 1, want 2\n- at '/a': 'y' does not match pattern '^x'\n",
    );
    check(
        r#"{"properties":{"a":{"enum":["x",1,null]}}}"#,
        r#"{"a":"y"}"#,
        "- at '/a': value must be one of 'x', 1, <nil>\n",
    );
    check(r#"{"properties":{"a":{"const":"x"}}}"#, r#"{"a":"y"}"#, "- at '/a': value must be 'x'\n");
}

#[test]
fn objects_and_lists_are_checked() {
    check(r#"{"required":["a"]}"#, "{}", "- at '': missing property 'a'\n");
    check(r#"{"required":["a","b"]}"#, "{}", "- at '': missing properties 'a', 'b'\n");
    check(
        r#"{"additionalProperties":false,"properties":{"a":{}}}"#,
        r#"{"a":1,"b":1,"c":1}"#,
        "- at '': additional properties 'b', 'c' not allowed\n",
    );
    check(
        r#"{"patternProperties":{"^x":{"type":"string"}},"additionalProperties":{"type":"number"}}"#,
        r#"{"xa":"s","b":"s"}"#,
        "- at '/b': got string, want number\n",
    );
    check(
        r#"{"propertyNames":{"pattern":"^a"}}"#,
        r#"{"b":1}"#,
        "- at '': invalid propertyName 'b'\n  - at '': 'b' does not match pattern '^a'\n",
    );
    check(r#"{"dependentRequired":{"a":["b"]}}"#, r#"{"a":1}"#, "- at '': properties 'b' required, if 'a' exists\n");
    check(
        r#"{"properties":{"a":{"uniqueItems":true,"maxItems":1}}}"#,
        r#"{"a":[1,{"b":2},{"b":2}]}"#,
        "- at '/a': maxItems: got 3, want 1\n- at '/a': items at 1 and 2 are equal\n",
    );
    check(
        r#"{"properties":{"a":{"prefixItems":[{"type":"string"}],"items":false}}}"#,
        r#"{"a":["x",1]}"#,
        "- at '/a/0': false schema\n",
    );
    check(
        r#"{"properties":{"a":{"contains":{"type":"string"}}}}"#,
        r#"{"a":[1]}"#,
        "- at '/a': no items match contains schema\n  - at '/a/0': got number, want string\n",
    );
    check(r#"{"properties":{"a/b":{"type":"string"}}}"#, r#"{"a/b":1}"#, "- at '/a~1b': got number, want string\n");
}

#[test]
fn combinations_hold_their_causes() {
    let either = r#"{"properties":{"a":{"anyOf":[{"type":"string"},{"type":"array"}]}}}"#;
    check(either, r#"{"a":"x"}"#, "");
    check(
        either,
        r#"{"a":1}"#,
        "- at '/a': 'anyOf' failed\n  - at '/a': got number, want string\n  - at '/a': got number, want array\n",
    );
    check(
        r#"{"properties":{"a":{"oneOf":[{"type":"number"},{"minimum":1}]}}}"#,
        r#"{"a":1}"#,
        "- at '/a': 'oneOf' failed, subschemas 0, 1 matched\n",
    );
    check(r#"{"not":{"required":["a"]}}"#, r#"{"a":1}"#, "- at '': 'not' failed\n");
    check(
        r#"{"if":{"required":["a"]},"then":{"required":["b"]},"else":{"required":["c"]}}"#,
        r#"{"a":1}"#,
        "- at '': missing property 'b'\n",
    );
    check(
        r#"{"allOf":[{"properties":{"a":{}}}],"unevaluatedProperties":false}"#,
        r#"{"a":1,"b":1}"#,
        "- at '/b': false schema\n",
    );
}

#[test]
fn references_lead_within_the_document_only() {
    let schema = r##"{"$defs":{"n":{"type":"string"}},"properties":{"a":{"$ref":"#/$defs/n"},"b":{"$ref":"#n2"}},"$comment":"","allOf":[{"$anchor":"n2","minProperties":0}]}"##;
    check(schema, r#"{"a":1}"#, "- at '/a': got number, want string\n");
    let tree = r##"{"type":"object","properties":{"child":{"$ref":"#"}},"additionalProperties":false}"##;
    check(tree, r#"{"child":{"child":{"x":1}}}"#, "- at '/child/child': additional properties 'x' not allowed\n");
    check(r#"{"$id":"https://x.y/z.json","properties":{"a":{"$ref":"z.json"}}}"#, r#"{"a":{}}"#, "");
    check(
        r##"{"properties":{"a":{"$ref":"#/nowhere"}}}"##,
        "{}",
        "json-pointer in 'file:///values.schema.json#/nowhere' not found",
    );
    check(
        r#"{"properties":{"a":{"$ref":"https://x.y/s.json"}}}"#,
        "{}",
        "failing loading \"https://x.y/s.json\": HTTP request failed for https://x.y/s.json: schemas are not fetched from the network",
    );
    check(r#"{"properties":{"a":{"$ref":"urn:x:y"}}}"#, r#"{"a":1}"#, "");
    check(
        r#"{"pattern":"("}"#,
        "{}",
        "invalid regex '(' at 'file:///values.schema.json#/pattern': error parsing regexp",
    );
    check("{", "{}", "unexpected end of JSON input");
}

#[test]
fn a_schema_that_runs_in_circles_ends() {
    check(r##"{"$ref":"#"}"##, "{}", "- at '': the schema is too large or refers to itself\n");
    let doubling = r##"{"$defs":{"x":{"allOf":[{"$ref":"#/$defs/x"},{"$ref":"#/$defs/x"}]}},"$ref":"#/$defs/x"}"##;
    let schema = from_json_str(doubling).expect("it is JSON");
    let document = super::document::Document::new(&schema).expect("it is whole");
    let run = || super::validate::run(&document, &schema, 10_000).is_some();
    assert!(belay_gotemplate::with_stack(64 << 20, run).expect("there are threads"));
}

#[test]
fn formats_are_asserted_up_to_draft_7() {
    let with = |draft: &str, format: &str| {
        format!(r#"{{"$schema":"http://json-schema.org/{draft}","properties":{{"a":{{"format":"{format}"}}}}}}"#)
    };
    check(&with("draft/2020-12/schema", "ipv4"), r#"{"a":"x"}"#, "");
    for (format, good, bad) in [
        ("ipv4", "1.2.3.4", "1.2.3"),
        ("ipv6", "::1", "1.2.3.4"),
        ("hostname", "a.b-c", "-a"),
        ("email", "a@b.c", "a.b"),
        ("uri", "http://a/b", "a/b"),
        ("uri-reference", "a/b", "a\\\\b"),
        ("date", "2024-02-29", "2023-02-29"),
        ("date-time", "2024-02-29T12:00:00.5+01:00", "2024-02-29 12:00:00Z"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123e4567"),
        ("json-pointer", "/a~1b", "a"),
    ] {
        check(&with("draft-07/schema#", format), &format!(r#"{{"a":"{good}"}}"#), "");
        let values = from_json_str(&format!(r#"{{"a":"{bad}"}}"#)).expect("it is JSON");
        let error = validate(with("draft-07/schema#", format).as_bytes(), &values).expect_err("it is refused");
        assert!(error.contains(&format!(" is not valid {format}: ")), "{error}");
    }
}
