use super::*;

fn check(object: &str, expected: &str) {
    let object = Object::new(belay_object::from_json_str(object).unwrap()).unwrap();
    assert_eq!(masked(&object).value().to_json(), expected);
}

#[test]
fn values_of_secrets_are_not_shown_and_nothing_else_is_hidden() {
    check(
        r#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"p":"aHVudGVyMg=="},"stringData":{"q":"hunter2"}}"#,
        r#"{"apiVersion":"v1","data":{"p":"*****"},"kind":"Secret","metadata":{"name":"s"},"stringData":{"q":"*****"}}"#,
    );
    let map = r#"{"apiVersion":"v1","data":{"p":"x"},"kind":"ConfigMap","metadata":{"name":"s"}}"#;
    check(map, map);
    let foreign = r#"{"apiVersion":"example.com/v1","data":{"p":"x"},"kind":"Secret","metadata":{"name":"s"}}"#;
    check(foreign, foreign);
}
