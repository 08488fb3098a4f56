//! The hash of a generated object's content, which becomes the end of its name.

use belay_object::{Map, Value};
use sha2::{Digest, Sha256};

use crate::error::Result;
use crate::resource::Resource;
use crate::scalar::text;
use crate::set::Resources;

/// Renames the resources that want a hash.
pub(crate) fn run(resources: &mut Resources) -> Result<()> {
    for i in 0..resources.len() {
        if resources[i].needs_hash {
            let name = format!("{}-{}", resources[i].name(), of(&resources[i]));
            let resource = resources.get_mut(i);
            resource.store_previous();
            resource.set_name(&name);
            resources.renamed(i);
        }
    }
    Ok(())
}

/// The hash: ten letters of the content's SHA-256.
fn of(resource: &Resource) -> String {
    let content = content(resource.value());
    let digest = Sha256::digest(content.as_bytes());
    let hex = digest.iter().take(5).flat_map(|byte| [byte >> 4, byte & 15]);
    // Letters that cannot form words: kubectl's encoding.
    hex.map(|digit| char::from(b"gh2k456789mbcdtf"[usize::from(digit)])).collect()
}

/// What is hashed: JSON as Go writes it, with data that is absent as empty text.
fn content(object: &Value) -> String {
    let kind = object.get("kind").map(text).unwrap_or_default();
    let field = |name: &str| match object.get(name) {
        None => Value::from(""),
        Some(map @ Value::Object(_)) => map.clone(),
        Some(Value::Array(_)) => Value::Null,
        Some(scalar) => Value::from(&*text(scalar)),
    };
    let mut hashed = Map::new();
    let optional = match &*kind {
        "ConfigMap" => "binaryData",
        "Secret" => {
            hashed.insert("type", field("type"));
            "stringData"
        }
        // Of no use to kustomize's users: its hash of other kinds depends on how the YAML was written.
        _ => return go_json(object),
    };
    hashed.insert("kind", &*kind);
    // kustomize looks for a field called "metadata/name", which no object has.
    hashed.insert("name", "");
    hashed.insert("data", field("data"));
    if let Some(map @ Value::Object(_)) = object.get(optional) {
        hashed.insert(optional, map.clone());
    }
    go_json(&Value::Object(hashed))
}

/// JSON with the escapes of Go's encoder.
pub(crate) fn go_json(value: &Value) -> String {
    let json = value.to_json();
    if !json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) && !json.contains("\\u00") {
        return json;
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    let mut rest = json.as_str();
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                escaped.push_str(&format!("\\u{:04x}", c as u32));
                c.len_utf8()
            }
            '\\' if rest.starts_with("\\u0008") || rest.starts_with("\\u000c") => {
                escaped.push_str(if rest.starts_with("\\u0008") { "\\b" } else { "\\f" });
                6
            }
            '\\' => {
                escaped.push_str(&rest[..2]);
                2
            }
            c => {
                escaped.push(c);
                c.len_utf8()
            }
        };
        rest = &rest[taken..];
    }
    escaped
}
