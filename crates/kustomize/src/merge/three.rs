//! Three-way merge, as kyaml's `merge3`: what an update changed of an original is carried over to a local
//! copy that was changed too.
//!
//! It is for those who keep a copy of what somebody else publishes (a package, a base, a generated
//! manifest), change it, and want the next version with their changes kept. No build uses it. Where both
//! sides changed the same scalar or the same list without keys, the update wins; lists whose items have
//! keys are merged item by item ([`list`]).
//!
//! It deliberately works on values: comments and styles, and schemas that stand in comments, are no part
//! of them. Recursion is bounded by the nesting that the YAML and JSON readers allow.

mod list;

use belay_object::{Map, Value};

use super::{Known, Merge, Shape, in_the_style_of, shape};
use crate::error::{Error, Result};
use crate::fieldspec::{node_kind, wrong_kind};
use crate::options::Compatibility;
use crate::scalar::{is_null, text};
use crate::schema::Schemas;

/// How lists are merged of which no schema says anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownLists {
    /// As a whole.
    #[default]
    Whole,
    /// Item by item where each item has a `name`.
    ByName,
}

/// Merges one object three ways; an absent side is an object that is not there. `None` where nothing is
/// left of it.
pub fn merge3(
    local: Option<Value>,
    original: Option<&Value>,
    update: Option<&Value>,
    unknown_lists: UnknownLists,
) -> Result<Option<Value>> {
    let schemas = Schemas::built_in(Compatibility::V5_8_1);
    let walk = Walk { merge: Merge { schemas: &schemas }, unknown_lists };
    walk.value(Sides { local, original, update }, None)
}

struct Walk<'a> {
    merge: Merge<'a>,
    unknown_lists: UnknownLists,
}

/// A value in the three versions. Absent and null differ: who writes null clears what the others have.
struct Sides<'v> {
    local: Option<Value>,
    original: Option<&'v Value>,
    update: Option<&'v Value>,
}

impl Sides<'_> {
    fn all(&self) -> [Option<&Value>; 3] {
        [self.local.as_ref(), self.original, self.update]
    }
    /// Whether the local copy or the update writes null.
    fn is_cleared(&self) -> bool {
        self.local.as_ref().is_some_and(is_null) || self.update.is_some_and(is_null)
    }
    /// What the values are that are not null; none where there are none.
    fn shape(&self) -> Result<Option<Shape>> {
        let mut present = self.all().into_iter().flatten().filter(|value| !is_null(value));
        let Some(first) = present.next() else { return Ok(None) };
        match present.find(|value| shape(value) != shape(first)) {
            Some(other) => Err(wrong_kind(node_kind(first), other)),
            None => Ok(Some(shape(first))),
        }
    }
    /// What comes of a value that is taken whole, given whether original and update are the same.
    fn whole(self, is_same: impl FnOnce(&Value, &Value) -> bool) -> Option<Value> {
        if self.is_cleared() {
            return None;
        }
        let there = |value: Option<&Value>| value.is_some_and(|value| !is_null(value));
        match (self.original.filter(|v| there(Some(v))), self.update) {
            (None, None) => self.local,
            (Some(original), Some(update)) if is_same(original, update) => self.local,
            // Added, removed or changed by the update.
            (_, update) => update.cloned(),
        }
    }
}

impl Walk<'_> {
    fn value(&self, sides: Sides<'_>, known: Option<Known<'_>>) -> Result<Option<Value>> {
        let known = self.merge.known(known, sides.all());
        match sides.shape()? {
            None | Some(Shape::Map) => self.map(sides, known),
            Some(Shape::Scalar) => Ok(sides.whole(|original, update| text(original) == text(update))),
            Some(Shape::List) => match self.keys(&sides, known)? {
                Some(keys) => self.list(sides, &keys, known),
                None => Ok(sides.whole(|original, update| original == update)),
            },
        }
    }

    fn map(&self, sides: Sides<'_>, known: Option<Known<'_>>) -> Result<Option<Value>> {
        if sides.is_cleared() || (sides.local.is_none() && sides.update.is_none()) {
            return Ok(None);
        }
        let mut names: Vec<_> =
            sides.all().into_iter().flatten().filter_map(Value::as_object).flat_map(Map::keys).cloned().collect();
        names.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        names.dedup();
        let local = match sides.local {
            Some(Value::Object(map)) => map,
            _ => Map::default(),
        };
        let mut merged = Map::with_capacity(names.len());
        let mut local = local.into_iter().peekable();
        for name in names {
            let ours = local.next_if(|(ours, _)| *ours == name).map(|(_, value)| value);
            let style = ours.as_ref().filter(|ours| shape(ours) == Shape::Scalar).cloned();
            let [original, update] = [sides.original, sides.update].map(|side| side.and_then(|map| map.get(&name)));
            let field = Sides { local: ours, original, update };
            if let Some(value) = self.value(field, self.merge.field(known, &name))? {
                let value = match style {
                    Some(old) => in_the_style_of(&old, value),
                    None => value,
                };
                merged.insert(name, value);
            }
        }
        Ok(Some(Value::Object(merged)))
    }

    /// The keys that a list's items are found by, none where they are scalars; `None` where the list is
    /// taken whole.
    fn keys(&self, sides: &Sides<'_>, known: Option<Known<'_>>) -> Result<Option<Vec<Box<str>>>> {
        if let Some(known) = known {
            return Ok(known.merge_keys.map(<[_]>::to_vec));
        }
        let named = |list: &&Value| list.items().iter().all(|item| item.get(NAME).is_some());
        let mut lists = sides.all().into_iter().flatten().filter(|value| !is_null(value));
        if self.unknown_lists == UnknownLists::Whole || !lists.clone().any(|list| named(&list)) {
            return Ok(None);
        }
        if lists.any(|list| !named(&list)) {
            return Err(Error::transform("some items of the lists that are to be merged have no name"));
        }
        Ok(Some(vec![NAME.into()]))
    }

    fn list(&self, sides: Sides<'_>, keys: &[Box<str>], known: Option<Known<'_>>) -> Result<Option<Value>> {
        if sides.update.is_none_or(is_null) && !sides.original.is_none_or(is_null) {
            return Ok(None);
        }
        let original = sides.original.map_or(&[][..], Value::items);
        let update = sides.update.map_or(&[][..], Value::items);
        let local = match sides.local {
            Some(Value::Array(items)) => items.into_iter().collect(),
            _ => Vec::new(),
        };
        let known = known.and_then(|known| known.target).map(|target| Known { target: Some(target), merge_keys: None });
        self.lists(local, [original, update], keys, known).map(Some)
    }
}

/// The key of lists of which no schema says anything.
const NAME: &str = "name";

#[cfg(test)]
mod tests;
