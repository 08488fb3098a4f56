//! From values to text.

use belay_object::Value;

/// Writes one value, byte for byte as `sigs.k8s.io/yaml`'s `Marshal` does; ends with a newline.
pub fn to_yaml(value: &Value) -> String {
    format!("{value}\n")
}

/// Writes values one after the other with `---` lines between, none before the first.
pub fn to_yaml_documents<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    values.into_iter().map(to_yaml).collect::<Vec<_>>().join("---\n")
}
