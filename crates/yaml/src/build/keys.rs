//! Keys: what JSON wants to be a string, and how Go prints what is none.

use belay_object::{Key, Map, Value};

use super::{Builder, Built, Refusal};
use crate::Resolver;
use crate::node::{Content, NodeId};
use crate::resolve::Scalar;
use crate::write::float32_text;

/// How much of a value is printed in an error.
const MAX_PRINT_BYTES: usize = 512;

impl Builder<'_, '_> {
    /// The text of a key; `value` is for the error text.
    pub(super) fn key(&mut self, id: NodeId, value: NodeId) -> Built<Key> {
        self.count(id)?;
        match &self.tree.node(id).content {
            Content::Alias(target) => {
                let target = *target;
                self.within_alias(id, |builder| builder.key(target, value))
            }
            Content::Scalar { .. } => self.scalar_key(id, value),
            Content::Sequence(_) | Content::Mapping(_) => {
                let key = self.value(id)?;
                let mut text = String::new();
                go_syntax(&key, self.options.resolver, &mut text);
                Err(Refusal::yaml(id, format!("invalid map key: {text}")))
            }
        }
    }

    fn scalar_key(&mut self, id: NodeId, value: NodeId) -> Built<Key> {
        let resolved = self.resolve(id)?;
        let odd_tag = |tag: &str| !matches!(tag, "!" | "tag:yaml.org,2002:str");
        if self.options.resolver == Resolver::V3
            && (resolved != Scalar::Text || self.tree.node(id).tag.as_deref().is_some_and(odd_tag))
        {
            return Err(Refusal::json(id, "json: unsupported type: map[interface {}]interface {}"));
        }
        if resolved == Scalar::Text {
            let binary = self.tree.node(id).tag.as_deref() == Some("tag:yaml.org,2002:binary");
            return Ok(match binary {
                true => Key::new(self.binary(id)?.as_str().unwrap_or_default()),
                false => Key::new(self.text(id)),
            });
        }
        match resolved {
            Scalar::Bool(b) => Ok(Key::new(if b { "true" } else { "false" })),
            Scalar::Int(i) => Ok(Key::new(&i.to_string())),
            Scalar::Float(f) => Ok(Key::new(&float32_text(f as f32))),
            Scalar::UInt(u) => self.unsupported_key(id, value, "uint64", &format!("{u:#x}")),
            Scalar::Null => self.unsupported_key(id, value, "%!s(<nil>)", "<nil>"),
            Scalar::Text | Scalar::Time(_) => Ok(Key::new(self.text(id))),
        }
    }

    fn unsupported_key(&mut self, id: NodeId, value: NodeId, kind: &str, key: &str) -> Built<Key> {
        let mut printed = String::new();
        match self.value(value)? {
            Value::Null => printed.push_str("<nil>"),
            value => go_syntax(&value, Resolver::V2, &mut printed),
        }
        Err(Refusal::json(id, format!("unsupported map key of type: {kind}, key: {key}, value: {printed}")))
    }

    /// A key of goyaml.v2 as Go's `%#v` prints it.
    pub(super) fn go_key(&self, id: NodeId, name: &str) -> String {
        match self.resolve(id) {
            Ok(Scalar::Text | Scalar::Time(_)) | Err(_) => format!("{name:?}"),
            Ok(_) => name.to_owned(),
        }
    }
}

/// Prints a value as Go's `%#v` prints what its decoder made.
fn go_syntax(value: &Value, resolver: Resolver, out: &mut String) {
    if out.len() > MAX_PRINT_BYTES {
        return;
    }
    match value {
        Value::Null => out.push_str("interface {}(nil)"),
        Value::Str(text) => out.push_str(&format!("{text:?}")),
        Value::Array(items) => {
            out.push_str("[]interface {}{");
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                go_syntax(item, resolver, out);
            }
            out.push('}');
        }
        Value::Object(map) => go_map(map, resolver, out),
        other => out.push_str(&other.to_json()),
    }
}

fn go_map(map: &Map, resolver: Resolver, out: &mut String) {
    out.push_str(match resolver {
        Resolver::V2 => "map[interface {}]interface {}{",
        Resolver::V3 => "map[string]interface {}{",
    });
    for (i, (key, value)) in map.iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        out.push_str(&format!("{:?}:", key.as_str()));
        go_syntax(value, resolver, out);
    }
    out.push('}');
}
