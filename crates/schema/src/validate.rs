//! Validation of custom resources, in Kubernetes' words.
//!
//! The order of errors is that of the API server's validators: types, junctors, text, numbers, lists,
//! enumerations, fields; then embedded resources, lists with keys, and expressions at last.

mod expressions;
pub(crate) mod format;
mod junctors;
mod lists;
mod number;

use belay_object::{Map, Value};

use crate::error::{FieldError, FieldErrorKind};
use crate::node::{Format, Kind, ListType, Node, Schema};

#[cfg(test)]
mod tests;

/// At most this many errors are gathered.
const MAX_ERRORS: usize = 200;

/// Validates a custom resource against its schema and its expressions. `old` is what it replaces:
/// a part that did not change is not validated again (ratcheting), and transition rules compare with it.
/// `metadata` is not looked at beyond what the schema says of names.
pub fn validate(value: &Value, old: Option<&Value>, schema: &Schema) -> Vec<FieldError> {
    let mut walk = Walk::default();
    walk.node(value, old, schema, "");
    let mut errors = walk.errors;
    if old.is_none_or(|old| lists::check(old, schema).is_empty()) {
        errors.extend(lists::check(value, schema));
    }
    let blocking = errors.iter().any(|e| {
        matches!(
            e.kind,
            FieldErrorKind::NotSupported
                | FieldErrorKind::Required
                | FieldErrorKind::TooLong
                | FieldErrorKind::TooMany
                | FieldErrorKind::TypeInvalid
        )
    });
    if !expressions::has_any(schema) {
        return errors;
    }
    if blocking {
        let detail = "some validation rules were not checked because the object was invalid; \
                      correct the existing errors to complete validation";
        errors.push(FieldError::invalid("<nil>", Value::Null, detail));
    } else {
        errors.extend(expressions::check(value, old, schema));
    }
    errors
}

/// Validates a default, which stands at a path of a definition.
pub(crate) fn validate_part(value: &Value, schema: &Schema, path: &str) -> Vec<FieldError> {
    let mut walk = Walk::default();
    walk.node(value, None, schema, path);
    walk.errors
}

/// A walk over one value; of the branches of a junctor each has its own.
#[derive(Default)]
struct Walk {
    errors: Vec<FieldError>,
    /// How much was checked and held: of branches that all fail, the one that held most is told of.
    matched: usize,
}

impl Walk {
    fn fail(&mut self, error: FieldError) {
        if self.errors.len() < MAX_ERRORS {
            self.errors.push(error);
        }
    }
    fn invalid(&mut self, path: &str, value: impl Into<Value>, rule: String) {
        self.fail(FieldError::invalid(shown(path), value, format!("{path} in body {rule}")));
    }
    fn type_error(&mut self, path: &str, wanted: &str, found: &str) {
        let detail = format!("{path} in body must be of type {wanted}: {}", crate::error::quoted(found));
        self.fail(FieldError::with_value(FieldErrorKind::TypeInvalid, shown(path), found, detail));
    }

    fn node(&mut self, value: &Value, old: Option<&Value>, node: &Node, path: &str) {
        // What did not change was accepted before.
        if !path.is_empty() && old == Some(value) {
            return;
        }
        if value.is_null() {
            if !node.nullable && !type_words(node).is_empty() {
                self.type_error(path, type_words(node), "null");
            }
            self.enumeration(value, node, path);
            return;
        }
        if self.has_type(value, node, path) {
            self.matched += 2;
        }
        if let Some(rules) = &node.rules {
            self.junctors(value, rules, path);
        }
        match value {
            Value::Str(text) => self.text(text, node, path),
            Value::Int(_) | Value::UInt(_) | Value::Float(_) => number::check(self, value, node, path),
            Value::Array(items) => self.list(items, old, node, path),
            _ => {}
        }
        self.enumeration(value, node, path);
        if let Value::Object(map) = value {
            self.object(map, old, node, path);
        }
        self.matched += 1;
    }

    fn has_type(&mut self, value: &Value, node: &Node, path: &str) -> bool {
        let whole = |v: &Value| matches!(v, Value::Int(_) | Value::UInt(_)) || v.as_i64().is_some();
        let fits = match node.kind {
            Kind::Any => true,
            Kind::Object => matches!(value, Value::Object(_)),
            Kind::Array => matches!(value, Value::Array(_)),
            Kind::String => matches!(value, Value::Str(_)),
            Kind::Integer => whole(value),
            Kind::Number => value.as_f64().is_some(),
            Kind::Boolean => matches!(value, Value::Bool(_)),
            Kind::IntOrString | Kind::Quantity => matches!(value, Value::Str(_)) || whole(value),
        };
        if !fits {
            self.type_error(path, type_words(node), value.type_name());
        }
        fits
    }

    fn text(&mut self, text: &str, node: &Node, path: &str) {
        if let Some(rules) = &node.rules {
            let length = text.chars().count() as u64;
            if let Some(most) = rules.max_length.filter(|most| length > *most) {
                return self.fail(FieldError::too_long(shown(path), most));
            }
            if let Some(least) = rules.min_length.filter(|least| length < *least) {
                return self.invalid(path, text, format!("should be at least {least} chars long"));
            }
            if let Some((pattern, _)) = rules.pattern.as_ref().filter(|(_, compiled)| !compiled.is_match(text)) {
                return self.invalid(path, text, format!("should match '{pattern}'"));
            }
        }
        if let Some(name) = format::violated(node.format, text) {
            let detail = format!("{path} in body must be of type {name}: {}", crate::error::quoted(text));
            self.fail(FieldError::with_value(FieldErrorKind::TypeInvalid, shown(path), text, detail));
        }
    }

    fn list(&mut self, items: &[Value], old: Option<&Value>, node: &Node, path: &str) {
        if let Some(schema) = &node.items {
            let olds = lists::correlate(items, old.map_or(&[], Value::items), node);
            for (i, item) in items.iter().enumerate() {
                self.node(item, olds.get(i).copied().flatten(), schema, &format!("{path}[{i}]"));
            }
        }
        let Some(rules) = &node.rules else { return };
        if let Some(most) = rules.max_items.filter(|most| items.len() as u64 > *most) {
            self.fail(FieldError::too_many(shown(path), items.len(), most));
        }
        if let Some(least) = rules.min_items.filter(|least| (items.len() as u64) < *least) {
            self.invalid(path, items.len(), format!("should have at least {least} items"));
        }
        if rules.unique_items && items.iter().enumerate().any(|(i, item)| items[..i].contains(item)) {
            self.invalid(path, "", "shouldn't contain duplicates".into());
        }
    }

    fn enumeration(&mut self, value: &Value, node: &Node, path: &str) {
        if node.enumeration.is_empty() || node.enumeration.contains(value) {
            return;
        }
        let names: Vec<String> =
            node.enumeration.iter().map(|v| v.as_str().map_or_else(|| v.to_json(), str::to_owned)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.fail(FieldError::not_supported(shown(path), value.clone(), &names));
    }

    fn object(&mut self, map: &Map, old: Option<&Value>, node: &Node, path: &str) {
        let inside = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        if let Some(rules) = &node.rules {
            if let Some(least) = rules.min_properties.filter(|least| (map.len() as u64) < *least) {
                self.invalid(path, map.len(), format!("should have at least {least} properties"));
            }
            if let Some(most) = rules.max_properties.filter(|most| map.len() as u64 > *most) {
                self.fail(FieldError::too_many(shown(path), map.len(), most));
            }
        }
        if node.embedded {
            for name in ["apiVersion", "kind"] {
                match map.get(name) {
                    None => self.fail(FieldError::required(inside(name), "")),
                    Some(Value::Str(text)) if text.is_empty() => {
                        self.fail(FieldError::invalid(inside(name), "", "must not be empty"));
                    }
                    Some(Value::Str(_)) => {}
                    Some(other) => self.fail(FieldError::invalid(inside(name), other.clone(), "must be a string")),
                }
            }
        }
        for (name, value) in map.iter() {
            let schema = match node.field(name) {
                // A built-in type within a custom resource is metadata, which the server itself checks.
                Some(field) if field.node.name.is_some() => node.rules.as_ref().and_then(|r| r.metadata.as_ref()),
                Some(field) => Some(&field.node),
                None => node.additional.as_ref(),
            };
            match schema {
                Some(schema) => {
                    let old = old.filter(|_| !node.atomic).and_then(|o| o.get(name));
                    self.node(value, old, schema, &inside(name));
                }
                None if node.rules.as_ref().is_some_and(|r| r.closed) && node.field(name).is_none() => {
                    self.fail(FieldError::invalid(
                        shown(path),
                        name.as_str(),
                        format!("{path}.{name} in body is a forbidden property"),
                    ));
                }
                None => {}
            }
        }
        for name in node.rules.iter().flat_map(|r| r.required.iter()).filter(|name| !map.contains_key(name)) {
            self.fail(FieldError::required(inside(name), ""));
        }
    }
}

/// The path of an error; a whole object has none.
fn shown(path: &str) -> String {
    if path.is_empty() { "<nil>".into() } else { path.into() }
}

fn type_words(node: &Node) -> &'static str {
    match node.kind {
        Kind::Any => "",
        Kind::Object => "object",
        Kind::Array => "array",
        Kind::String => "string",
        Kind::Integer => "integer",
        Kind::Number => "number",
        Kind::Boolean => "boolean",
        Kind::IntOrString | Kind::Quantity => "integer,string",
    }
}

/// Whether text of this format is told apart from other text at all.
pub(crate) fn is_checked(format: Format) -> bool {
    !matches!(format, Format::None | Format::Int32 | Format::Int64)
}

/// Whether the items of a list are told apart by fields.
pub(crate) fn list_keys(node: &Node) -> Option<&[belay_object::Key]> {
    match &node.list {
        ListType::Map(keys) => Some(keys),
        ListType::Set | ListType::Atomic => None,
    }
}
