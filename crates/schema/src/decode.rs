//! Reading a request's body as Go's decoder reads it: fields that stand twice, values of the wrong
//! type, fields that no type declares.
//!
//! Which defaults a built-in kind has is not known here, nor which of its fields are pointers: a
//! number `0` or a text `""` stays, though Go leaves some of them out.

mod read;
mod scalar;

pub use read::read_json;

use belay_object::{Map, Value};

use crate::error::{Error, ErrorKind};
use crate::node::{Format, Kind, Node, Schema};

#[cfg(test)]
mod tests;

/// Fits a value to a built-in type as decoding into its Go struct and encoding it again does. Gives the
/// paths of fields that the type does not declare, which are dropped. Dropped too are `null`s, empty
/// lists and empty maps of optional fields (not empty structs); quantities become canonical (`0.5` is
/// `500m`). Where a value has another JSON type than its field, the error is Go's:
/// `json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32`.
pub fn fit(value: &mut Value, schema: &Schema) -> Result<Vec<String>, Error> {
    let mut walk = Walk::default();
    walk.node(value, schema);
    match walk.error {
        Some(message) => Err(Error::new(ErrorKind::Type, message)),
        None => Ok(walk.unknown),
    }
}

/// Whether text is an RFC 3339 time.
pub(crate) fn is_time(text: &str) -> bool {
    scalar::time(text).is_ok()
}

/// Whether text is base64.
pub(crate) fn is_base64(text: &str) -> bool {
    scalar::base64(text).is_ok()
}

/// Where the decoder is.
#[derive(Default)]
struct Walk {
    /// With list positions and map keys, for unknown fields.
    path: String,
    /// Field names of structs alone, for wrong types.
    fields: String,
    /// The innermost struct.
    owner: &'static str,
    unknown: Vec<String>,
    /// The first value that does not fit.
    error: Option<String>,
}

impl Walk {
    fn node(&mut self, value: &mut Value, node: &Node) {
        match (node.kind, &mut *value) {
            (Kind::Any, _) => {}
            (Kind::Object, Value::Object(map)) => match (&node.additional, node.fields.is_empty()) {
                (Some(schema), true) => self.map(map, schema),
                // A free-form object.
                (None, true) => {}
                (_, false) => self.fields_of(map, node),
            },
            (Kind::Array, Value::Array(items)) => {
                let Some(schema) = &node.items else { return };
                let before = self.path.len();
                for (i, item) in items.iter_mut().enumerate() {
                    self.path.push_str(&format!("[{i}]"));
                    self.node(item, schema);
                    self.path.truncate(before);
                }
            }
            (_, Value::Null) => {}
            _ => {
                if let Err(fault) = scalar::fit(value, node) {
                    self.fault(fault, node);
                }
            }
        }
    }

    fn fields_of(&mut self, map: &mut Map, node: &Node) {
        let (path, fields, owner) = (self.path.len(), self.fields.len(), self.owner);
        if node.name.is_some() {
            self.owner = node.type_name();
        }
        map.retain(|name, value| {
            crate::prune::push_name(&mut self.path, name);
            let keep = match node.field(name) {
                Some(field) => {
                    crate::prune::push_name(&mut self.fields, name);
                    self.node(value, &field.node);
                    self.fields.truncate(fields);
                    field.required && !value.is_null() || !is_left_out(value, &field.node)
                }
                None => {
                    self.unknown.push(self.path.clone());
                    false
                }
            };
            self.path.truncate(path);
            keep
        });
        self.owner = owner;
    }

    fn map(&mut self, map: &mut Map, schema: &Schema) {
        let before = self.path.len();
        for (name, value) in map.iter_mut() {
            crate::prune::push_name(&mut self.path, name);
            self.node(value, schema);
            if value.is_null() && schema.kind == Kind::String && schema.format != Format::Byte {
                // Go's zero value of the type.
                *value = Value::from("");
            }
            self.path.truncate(before);
        }
    }

    fn fault(&mut self, fault: scalar::Fault, node: &Node) {
        if self.error.is_some() {
            return;
        }
        self.error = Some(match fault {
            scalar::Fault::Type(what) if self.fields.is_empty() => {
                format!("json: cannot unmarshal {what} into Go value of type {}", go_type(node))
            }
            scalar::Fault::Type(what) => format!(
                "json: cannot unmarshal {what} into Go struct field {}.{} of type {}",
                self.owner,
                self.fields,
                go_type(node)
            ),
            scalar::Fault::Other(message) => message,
        });
    }
}

/// What Go's encoder leaves out of an optional field.
fn is_left_out(value: &Value, node: &Node) -> bool {
    match value {
        Value::Null => node.kind != Kind::Any,
        Value::Array(items) => items.is_empty() && node.kind == Kind::Array,
        Value::Object(map) => {
            map.is_empty() && node.kind == Kind::Object && node.additional.is_some() && node.fields.is_empty()
        }
        _ => false,
    }
}

/// The Go type of a place, as error messages name it.
fn go_type(node: &Node) -> String {
    match node.kind {
        Kind::Object => match (node.name, &node.additional) {
            (Some(name), _) => {
                let mut words = name.rsplit('.');
                let (kind, package) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
                format!("{package}.{kind}")
            }
            (None, Some(schema)) => format!("map[string]{}", go_type(schema)),
            (None, None) => "map[string]interface {}".into(),
        },
        Kind::Array => format!("[]{}", node.items.as_ref().map_or("interface {}".into(), |items| go_type(items))),
        Kind::String if node.format == Format::Byte => "[]uint8".into(),
        Kind::String => "string".into(),
        Kind::Integer if node.format == Format::Int32 => "int32".into(),
        Kind::Integer => "int64".into(),
        Kind::Number => "float64".into(),
        Kind::Boolean => "bool".into(),
        Kind::IntOrString => "intstr.IntOrString".into(),
        Kind::Quantity => "resource.Quantity".into(),
        Kind::Any => "interface {}".into(),
    }
}
