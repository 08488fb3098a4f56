//! The built-in types and field sets.

use belay_object::{GroupVersionKind, from_json_str};

use crate::{FieldSet, Kind, ListType, Types};

#[test]
fn a_built_in_kind_is_found_and_compiled_when_looked_at() {
    let schema = Types::builtin().get(&GroupVersionKind::new("apps", "v1", "Deployment")).expect("Deployment");
    let spec = schema.child("spec").expect("spec");
    assert_eq!(spec.type_name(), "DeploymentSpec");
    let containers =
        spec.child("template").and_then(|t| t.child("spec")?.child("containers").cloned()).expect("containers");
    assert_eq!(containers.kind, Kind::Array);
    assert_eq!(containers.list, ListType::Map(["name".into()].into()));
    assert!(Types::builtin().get(&GroupVersionKind::new("", "v1", "Nothing")).is_none());
}

#[test]
fn a_field_set_reads_and_writes_fields_v1() {
    let text = r#"{"f:a":{},"f:b":{".":{},"k:{\"name\":\"c\"}":{".":{},"f:name":{}},"v:1":{}},"f:c":{"f:d":{}}}"#;
    let set = FieldSet::parse(&from_json_str(text).expect("JSON"));
    assert_eq!(set.to_value().to_json(), text);
    assert_eq!(set.paths(), [".a", ".b", ".b[name=\"c\"]", ".b[=1]", ".b[name=\"c\"].name", ".c.d"]);
    assert!(set.difference(&set).is_empty());
    assert_eq!(set.union(&set), set);
    assert_eq!(set.intersection(&set), set);
}
