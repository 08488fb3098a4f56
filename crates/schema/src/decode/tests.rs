//! Decoding, in Go's words.

use belay_object::{GroupVersionKind, from_json_str};

use super::{fit, read_json};
use crate::Types;

fn check(kind: (&str, &str), text: &str, expected: Result<(&str, &[&str]), &str>) {
    let schema = Types::builtin().get(&GroupVersionKind::from_api_version(kind.0, kind.1)).expect("a built-in kind");
    let mut value = from_json_str(text).expect("JSON");
    let result = fit(&mut value, &schema);
    match (result, expected) {
        (Ok(unknown), Ok((json, names))) => {
            assert_eq!(value.to_json(), json);
            assert_eq!(unknown, names);
        }
        (Err(e), Err(message)) => assert_eq!(e.message, message),
        (result, _) => panic!("{text}: {result:?}"),
    }
}

const DEPLOYMENT: (&str, &str) = ("apps/v1", "Deployment");
const CONFIG_MAP: (&str, &str) = ("v1", "ConfigMap");

#[test]
fn unknown_fields_are_dropped_and_told() {
    check(
        DEPLOYMENT,
        r#"{"kind":"Deployment","spec":{"bogus":1,"template":{"spec":{"containers":[{"name":"c","imag":"x"}]}}},"x":{}}"#,
        Ok((
            r#"{"kind":"Deployment","spec":{"template":{"spec":{"containers":[{"name":"c"}]}}}}"#,
            &["spec.bogus", "spec.template.spec.containers[0].imag", "x"],
        )),
    );
}

#[test]
fn what_go_leaves_out_is_left_out() {
    check(
        CONFIG_MAP,
        r#"{"data":{},"metadata":{"creationTimestamp":null,"labels":{}}}"#,
        Ok((r#"{"metadata":{}}"#, &[])),
    );
    check(
        DEPLOYMENT,
        r#"{"spec":{"selector":null,"template":{"spec":{"volumes":[{"name":"v","emptyDir":{}}]}}}}"#,
        Ok((r#"{"spec":{"template":{"spec":{"volumes":[{"emptyDir":{},"name":"v"}]}}}}"#, &[])),
    );
}

#[test]
fn values_of_the_wrong_type_fail_in_the_words_of_go() {
    let fail = |kind, text, message| check(kind, text, Err(message));
    fail(
        DEPLOYMENT,
        r#"{"spec":{"replicas":"three"}}"#,
        "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
    );
    fail(
        DEPLOYMENT,
        r#"{"spec":{"replicas":1.5}}"#,
        "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32",
    );
    fail(
        DEPLOYMENT,
        r#"{"spec":{"template":{"spec":{"containers":[{"name":1}]}}}}"#,
        "json: cannot unmarshal number into Go struct field Container.spec.template.spec.containers.name of type string",
    );
    fail(
        DEPLOYMENT,
        r#"{"spec":{"template":{"spec":{"containers":{}}}}}"#,
        "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers of type []v1.Container",
    );
    fail(
        DEPLOYMENT,
        r#"{"spec":[]}"#,
        "json: cannot unmarshal array into Go struct field Deployment.spec of type v1.DeploymentSpec",
    );
    fail(
        CONFIG_MAP,
        r#"{"data":{"a":true}}"#,
        "json: cannot unmarshal bool into Go struct field ConfigMap.data of type string",
    );
    fail(
        CONFIG_MAP,
        r#"{"metadata":{"labels":"x"}}"#,
        "json: cannot unmarshal string into Go struct field ObjectMeta.metadata.labels of type map[string]string",
    );
    fail(
        CONFIG_MAP,
        r#"{"metadata":{"creationTimestamp":"now"}}"#,
        r#"parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now" as "2006""#,
    );
    fail(("v1", "Secret"), r#"{"data":{"a":"!"}}"#, "illegal base64 data at input byte 0");
}

#[test]
fn quantities_become_canonical() {
    for (text, expected) in [
        ("0.5", "500m"),
        ("1000m", "1"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("100Ki", "100Ki"),
        ("512", "512"),
        ("2000", "2k"),
        ("1e3", "1e3"),
        ("1000Ki", "1000Ki"),
        ("0.1Ki", "102400m"),
        ("-1.50", "-1500m"),
        ("0", "0"),
        ("0.0000000001", "1n"),
    ] {
        assert_eq!(crate::quantity::canonical(text).as_deref(), Ok(expected), "{text}");
    }
    for text in ["", "x", "1.2.3", "1Xi", "--1", "1e"] {
        assert!(crate::quantity::canonical(text).is_err(), "{text}");
    }
}

#[test]
fn fields_that_stand_twice_are_told_by_path() {
    let (value, twice) =
        read_json(br#"{"data":{"a":"1","a":"2"},"items":[{"x":1},{"x":1,"y":{"z":1,"z":2},"x":3}]}"#).expect("JSON");
    assert_eq!(value.to_json(), r#"{"data":{"a":"2"},"items":[{"x":1},{"x":3,"y":{"z":2}}]}"#);
    assert_eq!(twice, ["data.a", "items[1].y.z", "items[1].x"]);
    assert!(read_json(b"{").is_err());
    assert!(read_json(b"{} x").is_err());
    assert!(read_json("[".repeat(10_000).as_bytes()).is_err(), "nesting is limited");
}
