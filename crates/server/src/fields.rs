//! `fields=`: which fields of an answer are wanted.
//!
//! `a.b,c` keeps these, `-a.b,c` takes them away. A list is gone through as if it were not there:
//! `items.metadata.name` is the name of each item.

use std::collections::BTreeMap;

use belay_object::{Map, Value};

/// Which fields are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    tree: Tree,
    exclude: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tree {
    /// All of it.
    whole: bool,
    under: BTreeMap<String, Tree>,
}

/// A query is a few KiB; this many are more than any object has.
const MAX_FIELDS: usize = 500;
/// As deep as values are read.
const MAX_DEPTH: usize = 64;

impl Fields {
    /// Reads the query; `None` where it says nothing.
    pub fn parse(text: &str) -> Option<Fields> {
        if text.is_empty() {
            return None;
        }
        let (text, exclude) = match text.strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let mut fields = Fields { exclude, ..Fields::default() };
        for path in text.split(',').filter(|path| !path.is_empty()).take(MAX_FIELDS) {
            let mut at = &mut fields.tree;
            for part in path.split('.').take(MAX_DEPTH) {
                at = at.under.entry(part.to_owned()).or_default();
            }
            at.whole = true;
        }
        Some(fields)
    }

    /// What is wanted of a value.
    pub fn of(&self, value: &Value) -> Value {
        if self.exclude { without(value, &self.tree) } else { only(value, &self.tree) }
    }

    /// What is wanted of one item of a list, where the fields are those of the list.
    pub fn of_item(&self, item: &Value) -> Value {
        match self.tree.under.get("items") {
            Some(tree) if self.exclude => without(item, tree),
            Some(tree) => only(item, tree),
            None if self.exclude => item.clone(),
            None => Value::Null,
        }
    }

    /// Whether something of items is wanted at all.
    pub fn wants_items(&self) -> bool {
        self.exclude || self.tree.under.contains_key("items")
    }
}

fn only(value: &Value, tree: &Tree) -> Value {
    if tree.whole {
        return value.clone();
    }
    match value {
        Value::Array(items) => items.iter().map(|item| only(item, tree)).collect(),
        Value::Object(map) => {
            let kept = tree.under.iter().filter_map(|(name, under)| {
                let found = map.get(name)?;
                Some((name.as_str(), only(found, under)))
            });
            Value::Object(kept.filter(|(_, value)| !value.is_null()).collect::<Map>())
        }
        // Something is wanted of what has no fields.
        _ => Value::Null,
    }
}

fn without(value: &Value, tree: &Tree) -> Value {
    match value {
        Value::Array(items) => items.iter().map(|item| without(item, tree)).collect(),
        Value::Object(map) => {
            let kept = map.iter().filter_map(|(name, value)| match tree.under.get(name.as_str()) {
                Some(under) if under.whole => None,
                Some(under) => Some((name.clone(), without(value, under))),
                None => Some((name.clone(), value.clone())),
            });
            Value::Object(kept.collect::<Map>())
        }
        other => other.clone(),
    }
}
