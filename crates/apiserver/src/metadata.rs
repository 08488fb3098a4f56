//! `metadata`: what every object's names, labels, annotations, owners and finalizers must be, in the
//! words of Kubernetes' validation.

use belay_object::{Map, Object, Value};

use crate::status::FieldError;

const MAX_ANNOTATION_BYTES: usize = 256 << 10;
const IMMUTABLE: &str = "field is immutable";

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', \
     and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start \
     and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an \
     alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
     '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and \
     must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
     validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";

fn too_long(max: usize) -> String {
    format!("must be no more than {max} characters")
}

/// What is wrong with a DNS label (`[a-z0-9]([-a-z0-9]*[a-z0-9])?`, at most 63).
pub fn dns_label(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > 63 {
        wrong.push(too_long(63));
    }
    if !is_label(text) {
        wrong.push(LABEL.into());
    }
    wrong
}

/// What is wrong with a DNS subdomain: labels joined by dots, at most 253.
pub fn dns_subdomain(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > 253 {
        wrong.push(too_long(253));
    }
    if !text.split('.').all(is_label) {
        wrong.push(SUBDOMAIN.into());
    }
    wrong
}

/// What is wrong with a name that only has to be one segment of a path.
pub fn path_segment(text: &str) -> Vec<String> {
    if text == "." || text == ".." {
        return vec![format!("may not be '{text}'")];
    }
    ['/', '%'].iter().filter(|c| text.contains(**c)).map(|c| format!("may not contain '{c}'")).collect()
}

fn is_label(text: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

fn is_label_value(text: &str) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
}

/// What is wrong with a name that may have a DNS prefix (`example.com/name`), such as a label's key.
pub fn qualified_name(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let name = match text.split('/').collect::<Vec<_>>().as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                wrong.push("prefix part must be non-empty".to_owned());
            } else {
                wrong.extend(dns_subdomain(prefix).into_iter().map(|w| format!("prefix part {w}")));
            }
            *name
        }
        _ => {
            let rest = QUALIFIED.trim_start_matches("name part must");
            return vec![format!(
                "a qualified name must{rest} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        wrong.push("name part must be non-empty".into());
    } else if name.len() > 63 {
        wrong.push("name part must be no more than 63 characters".into());
    }
    if !is_label_value(name) {
        wrong.push(QUALIFIED.into());
    }
    wrong
}

/// What is wrong with the value of a label.
pub fn label_value(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if text.len() > 63 {
        wrong.push(too_long(63));
    }
    if !text.is_empty() && !is_label_value(text) {
        wrong.push(LABEL_VALUE.into());
    }
    wrong
}

fn each(errors: &mut Vec<FieldError>, field: &str, value: &str, wrong: Vec<String>) {
    errors.extend(wrong.into_iter().map(|w| FieldError::invalid(field, &Value::from(value), w)));
}

/// Checks labels; also for pod templates and selectors.
pub fn validate_labels(labels: Option<&Map>, field: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    for (key, value) in labels.into_iter().flat_map(Map::iter) {
        each(&mut errors, field, key, qualified_name(key));
        let value = value.as_str().unwrap_or_default();
        each(&mut errors, field, value, label_value(value));
    }
    errors
}

/// Checks annotations.
pub fn validate_annotations(annotations: Option<&Map>, field: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut size = 0;
    for (key, value) in annotations.into_iter().flat_map(Map::iter) {
        each(&mut errors, field, key, qualified_name(&key.to_lowercase()));
        size += key.len() + value.as_str().map_or(0, str::len);
    }
    if size > MAX_ANNOTATION_BYTES {
        errors.push(FieldError::too_long(field, MAX_ANNOTATION_BYTES));
    }
    errors
}

/// Checks the metadata of a new object. `name_rule` says what is wrong with a name.
pub(crate) fn validate_create(
    object: &Object,
    namespaced: bool,
    name_rule: &dyn Fn(&str) -> Vec<String>,
) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let generate = object.str_at(&["metadata", "generateName"]).unwrap_or_default();
    if !generate.is_empty() {
        // The rule is made for whole names: what ends in a dash is a name once something follows.
        let whole = if generate.ends_with('-') { format!("{generate}a") } else { generate.to_owned() };
        each(&mut errors, "metadata.generateName", generate, name_rule(&whole));
    }
    if object.name().is_empty() {
        errors.push(FieldError::required("metadata.name", "name or generateName is required"));
    } else {
        each(&mut errors, "metadata.name", object.name(), name_rule(object.name()));
    }
    if namespaced {
        each(&mut errors, "metadata.namespace", object.namespace(), dns_label(object.namespace()));
    } else if !object.namespace().is_empty() {
        errors.push(FieldError::forbidden("metadata.namespace", "not allowed on this type"));
    }
    errors.extend(validate_parts(object));
    errors
}

fn validate_parts(object: &Object) -> Vec<FieldError> {
    let mut errors = validate_labels(object.labels(), "metadata.labels");
    errors.extend(validate_annotations(object.annotations(), "metadata.annotations"));
    errors.extend(validate_owners(object));
    for (i, finalizer) in object.finalizers().enumerate() {
        each(&mut errors, &format!("metadata.finalizers[{i}]"), finalizer, qualified_name(finalizer));
    }
    let has = |wanted: &str| object.finalizers().any(|f| f == wanted);
    if has("orphan") && has("foregroundDeletion") {
        let list = object.at(&["metadata", "finalizers"]).cloned().unwrap_or_default();
        let why = "finalizer orphan and foregroundDeletion cannot be both set";
        errors.push(FieldError::invalid("metadata.finalizers", &list, why));
    }
    errors
}

fn validate_owners(object: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut controllers = 0;
    for (i, owner) in object.at(&["metadata", "ownerReferences"]).map_or(&[][..], Value::items).iter().enumerate() {
        for (key, why) in [
            ("apiVersion", "version must not be empty"),
            ("kind", "must not be empty"),
            ("name", "must not be empty"),
            ("uid", "must not be empty"),
        ] {
            let text = owner.str_at(&[key]).unwrap_or_default();
            if text.is_empty() {
                errors.push(FieldError::invalid(
                    format!("metadata.ownerReferences[{i}].{key}"),
                    &Value::from(text),
                    why,
                ));
            }
        }
        controllers += usize::from(owner.get("controller").and_then(Value::as_bool) == Some(true));
    }
    if controllers > 1 {
        let list = object.at(&["metadata", "ownerReferences"]).cloned().unwrap_or_default();
        let why =
            "Only one reference can have Controller set to true. Found \"true\" in references for more than one owner";
        errors.push(FieldError::invalid("metadata.ownerReferences", &list, why));
    }
    errors
}

/// Checks the metadata of a change. What the system keeps has been carried over already.
pub(crate) fn validate_update(object: &Object, old: &Object) -> Vec<FieldError> {
    let mut errors = Vec::new();
    if object.uid() != old.uid() {
        // Kubernetes checks this in two places and says so twice.
        for _ in 0..2 {
            errors.push(FieldError::invalid("metadata.uid", &Value::from(object.uid()), IMMUTABLE));
        }
    }
    if old.is_deleting() {
        let new: Vec<String> =
            object.finalizers().filter(|f| !old.finalizers().any(|o| o == *f)).map(|f| format!("{f:?}")).collect();
        if !new.is_empty() {
            let why = format!(
                "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{}}}",
                new.join(", ")
            );
            errors.push(FieldError::forbidden("metadata.finalizers", why));
        }
    }
    errors.extend(validate_parts(object));
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_held_to_their_alphabets() {
        for (text, right) in
            [("a", true), ("a-b.c", true), ("Bad_Name", false), ("-a", false), ("a..b", false), ("", false)]
        {
            assert_eq!(dns_subdomain(text).is_empty(), right, "{text}");
        }
        for (text, right) in
            [("app", true), ("a.b/c", true), ("bad key!", false), ("/x", false), ("a/b/c", false), ("a/", false)]
        {
            assert_eq!(qualified_name(text).is_empty(), right, "{text}");
        }
        assert!(!dns_label(&"a".repeat(64)).is_empty());
        assert!(label_value("").is_empty() && !label_value("bad value!").is_empty());
        assert!(!path_segment("a/b").is_empty() && path_segment("system:node").is_empty());
    }
}
