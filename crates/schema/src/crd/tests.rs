//! Definitions: which are structural, and what compiles.

use belay_object::from_json_str;

use super::compile;

const PATH: &str = "spec.validation.openAPIV3Schema";

fn check(schema: &str, expected: &[&str]) {
    let errors = match compile(&from_json_str(schema).expect("JSON"), PATH) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.iter().map(|e| e.to_string().replace(PATH, "~")).collect(),
    };
    assert_eq!(errors, expected, "{schema}");
}

fn of(property: &str) -> String {
    format!(r#"{{"type":"object","properties":{{"a":{property}}}}}"#)
}

#[test]
fn a_structural_schema_compiles() {
    check(r#"{"type":"object"}"#, &[]);
    check(r#"{"type":"object","x-kubernetes-preserve-unknown-fields":true}"#, &[]);
    check(&of(r#"{"x-kubernetes-int-or-string":true,"anyOf":[{"type":"integer"},{"type":"string"}]}"#), &[]);
    check(
        r#"{"type":"object","properties":{"metadata":{"type":"object","properties":{"name":{"type":"string","maxLength":5}}}}}"#,
        &[],
    );
}

#[test]
fn a_schema_that_is_not_structural_is_refused() {
    let types = r#"supported values: "array", "boolean", "integer", "number", "object", "string""#;
    check(&of(r#"{"type":"nonsense"}"#), &[&format!("~.properties[a].type: Unsupported value: \"nonsense\": {types}")]);
    check(&of("{}"), &["~.properties[a].type: Required value: must not be empty for specified object fields"]);
    check("{}", &["~.type: Required value: must not be empty at the root"]);
    check(r#"{"type":"string"}"#, &[r#"~.type: Invalid value: "string": must be object at the root"#]);
    check(&of(r#"{"type":"array"}"#), &["~.properties[a].items: Required value: must be specified"]);
    check(
        &of(r#"{"type":"object","anyOf":[{"properties":{"b":{"type":"string"}}}]}"#),
        &[
            "~.properties[a].anyOf[0].properties[b].type: Forbidden: must be empty to be structural",
            "~.properties[a].properties[b]: Required value: because it is defined in ~.properties[a].anyOf[0].properties[b]",
        ],
    );
    check(
        &of(r#"{"type":"object","properties":{"x":{"type":"string"}},"additionalProperties":{"type":"string"}}"#),
        &["~.properties[a].additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive"],
    );
    check(
        &of(
            r#"{"type":"array","x-kubernetes-list-type":"map","items":{"type":"object","properties":{"k":{"type":"string"}}}}"#,
        ),
        &[
            "~.properties[a].x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map",
        ],
    );
    check(&of(r##"{"$ref":"#/x","type":"object"}"##), &["~.properties[a].$ref: Forbidden: $ref is not supported"]);
    check(
        &of(r#"{"type":"string","x-kubernetes-preserve-unknown-fields":false}"#),
        &["~.properties[a].x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined"],
    );
}

#[test]
fn defaults_must_be_valid() {
    check(
        &of(r#"{"type":"integer","default":"x"}"#),
        &[
            r#"~.properties[a].default: Invalid value: "string": ~.properties[a].default in body must be of type integer: "string""#,
        ],
    );
    check(
        &of(r#"{"type":"object","properties":{"b":{"type":"string"}},"default":{"c":1}}"#),
        &[r#"~.properties[a].default: Invalid value: {"c":1}: must not have unknown fields"#],
    );
}

#[test]
fn expressions_must_compile_and_name_declared_fields() {
    let with = |rule: &str| {
        format!(
            r#"{{"type":"object","properties":{{"spec":{{"type":"object","properties":{{"a":{{"type":"string"}},"l":{{"type":"array","items":{{"type":"string","x-kubernetes-validations":[{{"rule":"self == oldSelf"}}]}}}}}},"x-kubernetes-validations":[{rule}]}}}}}}"#
        )
    };
    let errors = compile(&from_json_str(&with(r#"{"rule":"self.b == 'x'"}"#)).expect("JSON"), PATH).expect_err("wrong");
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert!(texts[0].contains("compilation failed: undefined field 'b'"), "{texts:?}");
    assert!(
        texts[1].contains("oldSelf cannot be used on the uncorrelatable portion of the schema within"),
        "{texts:?}"
    );
    let errors = compile(&from_json_str(&with(r#"{"rule":"self.a =="}"#)).expect("JSON"), PATH).expect_err("wrong");
    assert!(errors[0].to_string().contains("compilation failed: "), "{errors:?}");
}
