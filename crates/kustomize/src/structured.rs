//! Texts that hold JSON or YAML: a replacement can change a field in them.
//!
//! JSON is written anew, as Go does: keys sorted, compact, or indented where the text was. YAML is
//! laid out anew with its comments, order and styles ([`write`]); where a field has to be made, or a
//! list or map to be put in, its keys are sorted and comments are lost.

mod write;

use std::collections::HashMap;

use belay_object::Value;
use belay_yaml::{Content, NodeId, NodeTree, Options, Style, parse_nodes, parse_value, to_yaml};

use crate::error::Result;
use crate::growth::Growth;
use crate::path::{Make, Place, lookup, visit};
use crate::scalar::{is_scalar, put_text, text};
use crate::transform::hash::go_json;

/// Puts a value where a path goes on into a text. Gives whether it did: if not, the path is to be
/// followed as it stands.
pub(crate) fn replace_in_text(
    object: &mut Value,
    path: &[String],
    value: &Value,
    make: Make,
    growth: &Growth,
) -> Result<bool> {
    if path.len() < 2 {
        return Ok(false);
    }
    let holds_text = |end: &usize| matches!(lookup(object, &path[..*end]), Ok(Some(found)) if is_scalar(found));
    let Some(end) = (1..path.len()).find(holds_text) else { return Ok(false) };
    let Ok(Some(Value::Str(old))) = lookup(object, &path[..end]) else { return Ok(false) };
    let Some(new) = replaced(old, &path[end..], value, make) else { return Ok(false) };
    growth.spend(new.len())?;
    let changed = visit(object, &path[..end], Make::Nothing, &mut |place| {
        *place.value = Value::from(new.as_str());
        Ok(())
    });
    Ok(changed.is_ok_and(|count| count > 0))
}

fn replaced(old: &str, path: &[String], value: &Value, make: Make) -> Option<String> {
    let mut parsed = parse_value(old, &Options::v3()).ok()?;
    let mut is_plain_change = is_scalar(value);
    let before = parsed.clone();
    let count = visit(&mut parsed, path, make, &mut |Place { value: place, is_new }| {
        is_plain_change &= !is_new && is_scalar(place);
        match (is_new, &*place) {
            (false, Value::Object(_) | Value::Array(_)) => *place = value.clone(),
            (true, _) => *place = if is_scalar(value) { crate::scalar::plain(&text(value)) } else { value.clone() },
            (false, _) => put_text(place, &text(value)).map_err(crate::error::Error::transform)?,
        }
        Ok(())
    });
    if count.ok()? == 0 {
        return None;
    }
    let trimmed = old.trim();
    if trimmed.starts_with(['{', '[']) {
        let is_indented = old.contains('\n') && old.contains("  ");
        return Some(if is_indented { indented_json(&parsed) } else { go_json(&parsed) });
    }
    if is_plain_change && let Some(edited) = edited(old, &before, &parsed) {
        return Some(edited.trim().to_owned());
    }
    Some(to_yaml(&parsed).trim().to_owned())
}

/// JSON as Go's `MarshalIndent` writes it with two spaces.
fn indented_json(value: &Value) -> String {
    let pretty = value.to_json_pretty();
    // Escapes of the compact form are the same text in both.
    pretty.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// The text with the scalars that differ replaced.
fn edited(old: &str, before: &Value, after: &Value) -> Option<String> {
    let trees = parse_nodes(old, &Options::v3()).ok()?;
    let tree = trees.first()?;
    let mut edits = HashMap::new();
    collect_edits(tree, tree.root()?, before, after, &mut edits)?;
    write::write(old, tree, &edits)
}

/// Recursion is bounded by the depth that the reader allows.
fn collect_edits(
    tree: &NodeTree<'_>,
    id: NodeId,
    before: &Value,
    after: &Value,
    edits: &mut HashMap<NodeId, String>,
) -> Option<()> {
    if before == after {
        return Some(());
    }
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, before) in a.iter() {
                collect_edits(tree, tree.field(id, key)?, before, b.get(key)?, edits)?;
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for (i, (before, after)) in a.iter().zip(b).enumerate() {
                collect_edits(tree, tree.item(id, i)?, before, after, edits)?;
            }
        }
        (_, after) => {
            let Content::Scalar { style, .. } = &tree.node(id).content else { return None };
            edits.insert(id, written(after, *style)?);
        }
    }
    Some(())
}

/// A scalar in the style of the one before it; a plain text that would mean something else is quoted.
fn written(value: &Value, style: Style) -> Option<String> {
    match (style, value) {
        (Style::Plain, Value::Str(_)) => {
            Some(to_yaml(value).trim_end_matches('\n').to_owned()).filter(|text| !text.contains('\n'))
        }
        _ => write::scalar(&text(value), style),
    }
}
