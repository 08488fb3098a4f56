//! Texts that hold JSON or YAML: a replacement can change a field in them.
//!
//! JSON is written anew, as Go does: keys sorted, compact, or indented where the text was. YAML is
//! changed in place, so that comments and order stay; where a field has to be made, or a list or map
//! to be put in, it is written anew.

use std::ops::Range;

use belay_object::Value;
use belay_yaml::{Content, NodeId, NodeTree, Options, Style, parse_nodes, parse_value, to_yaml};

use crate::path::{Make, Place, lookup, visit};
use crate::scalar::{is_scalar, put_text, text};
use crate::transform::hash::go_json;

/// Puts a value where a path goes on into a text. Gives whether it did: if not, the path is to be
/// followed as it stands.
pub(crate) fn replace_in_text(object: &mut Value, path: &[String], value: &Value, make: Make) -> bool {
    if path.len() < 2 {
        return false;
    }
    let holds_text = |end: &usize| matches!(lookup(object, &path[..*end]), Ok(Some(found)) if is_scalar(found));
    let Some(end) = (1..path.len()).find(holds_text) else { return false };
    let Ok(Some(Value::Str(old))) = lookup(object, &path[..end]) else { return false };
    let Some(new) = replaced(old, &path[end..], value, make) else { return false };
    let changed = visit(object, &path[..end], Make::Nothing, &mut |place| {
        *place.value = Value::from(new.as_str());
        Ok(())
    });
    changed.is_ok_and(|count| count > 0)
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
    if is_plain_change && let Some(edited) = edited_in_place(old, &before, &parsed) {
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

/// The text with the scalars that differ written in the place of the old ones.
fn edited_in_place(old: &str, before: &Value, after: &Value) -> Option<String> {
    let trees = parse_nodes(old, &Options::v3()).ok()?;
    let tree = trees.first()?;
    let mut edits = Vec::new();
    collect_edits(tree, tree.root()?, before, after, &mut edits)?;
    edits.sort_by_key(|(span, _): &(Range<usize>, String)| std::cmp::Reverse(span.start));
    let mut text = old.to_owned();
    for (span, new) in edits {
        text.replace_range(span, &new);
    }
    Some(text)
}

/// Recursion is bounded by the depth that the reader allows.
fn collect_edits(
    tree: &NodeTree<'_>,
    id: NodeId,
    before: &Value,
    after: &Value,
    edits: &mut Vec<(Range<usize>, String)>,
) -> Option<()> {
    if before == after {
        return Some(());
    }
    match (before, after) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, before) in a.iter() {
                let after = b.get(key)?;
                if before != after {
                    collect_edits(tree, tree.field(id, key)?, before, after, edits)?;
                }
            }
            Some(())
        }
        (Value::Array(a), Value::Array(b)) => {
            for (i, (before, after)) in a.iter().zip(b).enumerate() {
                collect_edits(tree, tree.item(id, i)?, before, after, edits)?;
            }
            Some(())
        }
        (_, after) => {
            let node = tree.node(id);
            let Content::Scalar { style, .. } = &node.content else { return None };
            edits.push((node.span.clone(), written(after, *style)?));
            Some(())
        }
    }
}

/// A scalar as yaml.v3 writes it in the style of the one before it.
fn written(value: &Value, style: Style) -> Option<String> {
    let content = text(value);
    if content.contains('\n') {
        return None;
    }
    match (style, value) {
        (Style::SingleQuoted, _) => Some(format!("'{}'", content.replace('\'', "''"))),
        (Style::DoubleQuoted, _) => Some(Value::from(&*content).to_json()),
        (Style::Plain, Value::Str(_)) => {
            Some(to_yaml(value).trim_end_matches('\n').to_owned()).filter(|t| !t.contains('\n'))
        }
        (Style::Plain, _) => Some(content.into_owned()),
        (Style::Literal | Style::Folded, _) => None,
    }
}
