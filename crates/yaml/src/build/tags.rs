//! Scalars under tags: `!!int "1"`, `!!binary`, and tags that nobody knows.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_object::Value;

use super::{Builder, Built, Refusal};
use crate::Resolver;
use crate::node::{Content, NodeId, Style};
use crate::resolve::{self, Scalar};

const PREFIX: &str = "tag:yaml.org,2002:";

impl Builder<'_, '_> {
    /// What a scalar node means. goyaml.v2 keeps a time as its text, whatever says that it is one.
    pub(super) fn resolve(&self, id: NodeId) -> Built<Scalar> {
        let node = self.tree.node(id);
        let Content::Scalar { text, style } = &node.content else { return Ok(Scalar::Text) };
        let resolver = self.options.resolver;
        let tag = match node.tag.as_deref() {
            Some("!") if resolver == Resolver::V3 => None,
            tag => tag,
        };
        let scalar = match tag {
            None if *style != Style::Plain => Scalar::Text,
            None => resolve::scalar(text, resolver, true),
            Some(tag) => self.tagged(id, tag, text)?,
        };
        Ok(match scalar {
            Scalar::Time(_) if resolver == Resolver::V2 => Scalar::Text,
            scalar => scalar,
        })
    }

    fn tagged(&self, id: NodeId, tag: &str, text: &str) -> Built<Scalar> {
        let short = match tag.strip_prefix(PREFIX) {
            Some(name @ ("int" | "float" | "bool" | "null" | "timestamp")) => format!("!!{name}"),
            _ => return Ok(Scalar::Text),
        };
        let scalar = resolve::scalar(text, self.options.resolver, short == "!!timestamp");
        match scalar {
            scalar if scalar.tag() == short => Ok(scalar),
            Scalar::Int(i) if short == "!!float" => Ok(Scalar::Float(i as f64)),
            scalar => Err(Refusal::yaml(id, format!("cannot decode {} `{text}` as a {short}", scalar.tag()))),
        }
    }

    /// The text that a `!!binary` scalar encodes; what is no UTF-8 is replaced byte by byte, as
    /// Go's JSON does.
    pub(super) fn binary(&self, id: NodeId) -> Built<Value> {
        let encoded: String = self.text(id).chars().filter(|c| !matches!(c, '\n' | '\r')).collect();
        let Ok(bytes) = STANDARD.decode(encoded) else {
            return Err(Refusal::yaml(id, "!!binary value contains invalid base64 data"));
        };
        let mut text = String::with_capacity(bytes.len());
        for chunk in bytes.utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(chunk.invalid().iter().map(|_| '\u{FFFD}'));
        }
        Ok(Value::from(text))
    }
}
