//! The language as custom resources and health checks use it.

use belay_object::from_json_str;

use crate::{Limits, Program};

fn check(expression: &str, bindings: &str, expected: &str) {
    let bound = from_json_str(bindings).expect("bindings");
    let names: Vec<(&str, &belay_object::Value)> =
        bound.as_object().expect("a map").iter().map(|(k, v)| (k.as_str(), v)).collect();
    let got = match Program::compile(expression).and_then(|p| p.evaluate(&names, &Limits::default())) {
        Ok(value) => value.to_json(),
        Err(e) => format!("{:?}: {e}", e.kind),
    };
    assert_eq!(got, expected, "{expression} with {bindings}");
}

#[test]
fn whole_numbers_are_ints() {
    check("a + 1", r#"{"a":2}"#, "3");
    check("a.b == 3", r#"{"a":{"b":3}}"#, "true");
}
