//! Lists whose items are patched one by one, found by the values of their merge keys.
//!
//! The result holds the patch's items first, in the patch's order, then the rest of the target's.
//! What happens to items without keys, with some of several keys, or twice the same follows from
//! kyaml's steps, which are kept here one by one. Items are handled by number, because in those
//! steps one item can stand in two lists and a change to it shows in both.

use std::collections::{HashMap, HashSet};

use belay_object::Value;

use super::{DIRECTIVE, Directive, Known, Merge, take_directive};
use crate::error::Result;
use crate::fieldspec::wrong_kind;
use crate::scalar::{is_empty, is_null, is_scalar, text};
use crate::schema::TypeId;

/// What the list is merged with.
pub(super) enum Other {
    /// Nothing: the patch does not speak of it.
    None,
    /// The patch's list.
    Patch(Vec<Value>),
    /// Itself: it is the patch's, where the target has none.
    Same,
}

pub(super) type Item = usize;
/// The values of the keys of one item; an absent one is empty.
pub(super) type Values = Vec<String>;

pub(super) struct Lists {
    pub(super) items: Vec<Value>,
    pub(super) target: Vec<Item>,
    /// `None` where it is the target's list itself or there is none.
    patch: Option<Vec<Item>>,
    is_same: bool,
}

impl Merge<'_> {
    pub(super) fn lists(
        &self,
        target: Vec<Value>,
        other: Other,
        keys: &[Box<str>],
        item: Option<TypeId>,
    ) -> Result<Value> {
        let mut items = target;
        let target: Vec<Item> = (0..items.len()).collect();
        let (patch, is_same) = match other {
            Other::None => (None, false),
            Other::Same => (None, true),
            Other::Patch(patch) => {
                let start = items.len();
                items.extend(patch);
                (Some((start..items.len()).collect()), false)
            }
        };
        let mut lists = Lists { items, target, patch, is_same };
        // Items get the schema of what the list holds, which is known (if only to say nothing).
        let known = item.map(|target| Known { target: Some(target), merge_keys: None });
        let primitive: [Box<str>; 1] = ["".into()];
        let (keys, values) =
            if keys.is_empty() { (&primitive[..], lists.primitive_values()) } else { (keys, lists.key_values(keys)) };
        let order = lists.merge(self, keys, values, known)?;
        Ok(lists.collect(order))
    }
}

impl Lists {
    /// A target's list alone.
    pub(super) fn of(items: Vec<Value>) -> Lists {
        Lists { target: (0..items.len()).collect(), items, patch: None, is_same: false }
    }

    /// The lists in the order in which their items are looked at: the patch's first.
    fn sources(&self) -> impl Iterator<Item = &Vec<Item>> {
        self.patch.iter().chain([&self.target])
    }

    /// The values of each item's keys, each combination once.
    fn key_values(&self, keys: &[Box<str>]) -> Vec<Values> {
        let mut seen = HashSet::new();
        let of = |item: &Item| values_of(&self.items[*item], keys);
        self.sources().flatten().map(of).filter(|values| seen.insert(values.clone())).collect()
    }

    fn primitive_values(&self) -> Vec<Values> {
        let mut seen = HashSet::new();
        let of = |item: &Item| vec![text(&self.items[*item]).into_owned()];
        self.sources().flatten().map(of).filter(|values| seen.insert(values.clone())).collect()
    }

    /// Merges item by item and gives the order of the result.
    fn merge(
        &mut self,
        merge: &Merge<'_>,
        keys: &[Box<str>],
        mut all: Vec<Values>,
        known: Option<Known<'_>>,
    ) -> Result<Vec<Item>> {
        if let [key] = keys
            && let Some(places) = self.places(key)
        {
            return self.merge_by_place(merge, key, &places, known);
        }
        if keys.len() > 1 {
            join_values(&mut all);
        }
        let present = present_keys(&all, keys.len());
        let valid: Vec<&str> = keys.iter().zip(&present).filter(|(_, p)| **p).map(|(k, _)| &**k).collect();
        let mut order: Vec<Item> = Vec::with_capacity(self.items.len());
        if all.is_empty() {
            return Ok(std::mem::take(&mut self.target));
        }
        for values in &all {
            let values: Vec<&str> =
                values.iter().zip(&present).filter(|(v, p)| **p || !v.is_empty()).map(|(v, _)| v.as_str()).collect();
            let (ours, theirs) = self.find(&valid, &values);
            match self.merge_item(merge, ours, theirs, known)? {
                Some(item) if !is_null(&self.items[item]) && !is_empty_map(&self.items[item]) => {
                    self.fill_keys(item, &valid, &values);
                    self.set(&mut order, Some(item), &valid, &values)?;
                }
                _ => {
                    let mut target = std::mem::take(&mut self.target);
                    self.set(&mut target, None, &valid, &values)?;
                    self.target = target;
                }
            }
        }
        let target = std::mem::take(&mut self.target);
        self.append(order, &target, &valid)
    }

    /// Where each of the target's items stands, if the lists are as they should be: every item is
    /// a map with the key, no two of one list have the same, none has a directive. The steps below
    /// then come to the same as [`Lists::merge_by_place`], which takes linear time.
    fn places(&self, key: &str) -> Option<HashMap<Box<str>, Item>> {
        let name = |item: &Item| {
            let map = self.items[*item].as_object()?;
            let name = map.get(key).filter(|value| is_scalar(value) && !map.contains_key(DIRECTIVE))?;
            Some(text(name)).filter(|name| !name.is_empty()).map(|name| Box::from(&*name))
        };
        let mut seen = HashSet::new();
        for item in self.patch.iter().flatten() {
            seen.insert(name(item)?).then_some(())?;
        }
        let mut places = HashMap::with_capacity(self.target.len());
        for item in &self.target {
            places.insert(name(item)?, *item).is_none().then_some(())?;
        }
        Some(places)
    }

    fn merge_by_place(
        &mut self,
        merge: &Merge<'_>,
        key: &str,
        places: &HashMap<Box<str>, Item>,
        known: Option<Known<'_>>,
    ) -> Result<Vec<Item>> {
        let mut order = Vec::with_capacity(self.items.len());
        let mut done = HashSet::new();
        for theirs in self.patch.take().into_iter().flatten() {
            let ours = self.items[theirs].get(key).and_then(|name| places.get(&*text(name))).copied();
            done.extend(ours);
            order.extend(self.merge_item(merge, ours, Some(theirs), known)?);
        }
        for ours in std::mem::take(&mut self.target) {
            if !done.contains(&ours) {
                let theirs = self.is_same.then_some(ours);
                order.extend(self.merge_item(merge, Some(ours), theirs, known)?);
            }
        }
        Ok(order)
    }

    /// The items with these key values: the target's and the patch's. Keys without a value are
    /// not looked at.
    fn find(&self, keys: &[&str], values: &[&str]) -> (Option<Item>, Option<Item>) {
        let narrowed = narrow(keys, values);
        let fits = |item: &&Item| is_found_by(&self.items[**item], &narrowed);
        let ours = self.target.iter().find(fits).copied();
        let theirs = if self.is_same { ours } else { self.patch.iter().flatten().find(fits).copied() };
        (ours, theirs)
    }

    /// Merges one pair; gives the item that then holds the result, `None` where it is removed.
    fn merge_item(
        &mut self,
        merge: &Merge<'_>,
        ours: Option<Item>,
        theirs: Option<Item>,
        known: Option<Known<'_>>,
    ) -> Result<Option<Item>> {
        // A directive counts once: an item that is come across again has none.
        let mut directive = Directive::Merge;
        if let Some(Value::Object(map)) = theirs.map(|theirs| &mut self.items[theirs]) {
            directive = match take_directive(map) {
                Err(_) if ours.is_none() => Directive::Merge,
                read => read?,
            };
        }
        if directive == Directive::Delete {
            return Ok(None);
        }
        let (item, value) = match (ours, theirs) {
            (None, None) => return Ok(None),
            (Some(ours), None) => {
                let mut value = std::mem::take(&mut self.items[ours]);
                let stays = merge.alone(&mut value, known)?;
                (ours, stays.then_some(value))
            }
            (Some(ours), Some(theirs))
                if ours != theirs
                    && directive == Directive::Merge
                    && matches!(self.items[theirs], Value::Object(_)) =>
            {
                let patch = self.items[theirs].clone();
                let target = std::mem::take(&mut self.items[ours]);
                (ours, merge.both(Some(target), Some(patch), known)?)
            }
            (_, Some(theirs)) => {
                let value = std::mem::take(&mut self.items[theirs]);
                (theirs, merge.along_itself(value, known, ours.is_none())?)
            }
        };
        Ok(value.map(|value| {
            self.items[item] = value;
            item
        }))
    }

    /// Gives an item the key values by which it was found, where it lacks them.
    fn fill_keys(&mut self, item: Item, keys: &[&str], values: &[&str]) {
        if let Value::Object(map) = &mut self.items[item] {
            for (key, value) in keys.iter().zip(values) {
                if !map.contains_key(key) && !value.is_empty() {
                    map.insert(*key, *value);
                }
            }
        }
    }

    /// Puts an item in the place of every item with these key values, or at the end; removes them
    /// where there is no item to put.
    pub(super) fn set(&self, list: &mut Vec<Item>, item: Option<Item>, keys: &[&str], values: &[&str]) -> Result<()> {
        let by_key =
            keys.first().is_some_and(|key| !key.is_empty()) && values.first().is_some_and(|value| !value.is_empty());
        let mut found_any = false;
        let mut result = Vec::with_capacity(list.len() + 1);
        for &old in list.iter() {
            let value = &self.items[old];
            if is_null(value) || is_empty_map(value) {
                continue;
            }
            if !matches!(value, Value::Object(_)) && by_key {
                result.push(old);
                continue;
            }
            let mut fits = false;
            for (i, key) in keys.iter().enumerate() {
                if let Some(wanted) = values.get(i) {
                    fits = field_fits(value, key, wanted)?;
                }
                if !fits {
                    break;
                }
            }
            if fits {
                found_any = true;
                result.extend(item);
            } else if !values.is_empty() {
                result.push(old);
            }
        }
        *list = result;
        if let Some(item) = item.filter(|item| !found_any && !is_null(&self.items[*item])) {
            list.push(item);
        }
        Ok(())
    }

    /// Appends items to others, each in the place of one with its keys.
    pub(super) fn append(&self, mut order: Vec<Item>, more: &[Item], keys: &[&str]) -> Result<Vec<Item>> {
        for &item in more {
            let value = &self.items[item];
            if keys.first().is_none_or(|key| key.is_empty()) {
                self.set(&mut order, Some(item), &[""], &[&*text(value)])?;
                continue;
            }
            let mut values = Vec::with_capacity(keys.len());
            for key in keys {
                let found = match value {
                    Value::Object(map) => map.get(key),
                    other if is_null(other) => None,
                    other => return Err(wrong_kind("MappingNode", other)),
                };
                match found {
                    Some(found) => values.push(text(found)),
                    None => order.push(item),
                }
            }
            let values: Vec<&str> = values.iter().map(|v| &**v).collect();
            if keys.len() > 1 {
                self.set(&mut order, None, keys, &values)?;
            }
            self.set(&mut order, Some(item), keys, &values)?;
        }
        Ok(order)
    }

    /// The items in order as a list. An item can stand in it twice.
    pub(super) fn collect(mut self, order: Vec<Item>) -> Value {
        let mut left = vec![0u32; self.items.len()];
        order.iter().for_each(|item| left[*item] += 1);
        let items = order.into_iter().map(|item| {
            left[item] -= 1;
            if left[item] == 0 { std::mem::take(&mut self.items[item]) } else { self.items[item].clone() }
        });
        Value::Array(items.collect())
    }
}

/// The values of an item's keys.
pub(super) fn values_of(item: &Value, keys: &[Box<str>]) -> Values {
    let value = |key: &str| item.get(key).filter(|v| !is_empty(v)).map(text);
    keys.iter().map(|key| value(key).unwrap_or_default().into_owned()).collect()
}

/// The keys that an item is found by: those with a value, or all where none has one.
pub(super) fn narrow<'a>(keys: &[&'a str], values: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    let all = || keys.iter().copied().zip(values.iter().copied());
    let with_value: Vec<_> = all().filter(|(_, value)| !value.is_empty()).collect();
    if with_value.is_empty() { all().collect() } else { with_value }
}

/// Whether an item has these values.
pub(super) fn is_found_by(item: &Value, keys: &[(&str, &str)]) -> bool {
    keys.iter().all(|(key, value)| match item {
        scalar if key.is_empty() => text(scalar) == *value,
        Value::Object(map) => map.get(key).is_some_and(|found| text(found) == *value),
        _ => false,
    })
}

pub(super) fn is_empty_map(value: &Value) -> bool {
    value.as_object().is_some_and(|map| map.is_empty())
}

/// Whether an item has a field with this value, or at all where the value is empty.
fn field_fits(item: &Value, key: &str, wanted: &str) -> Result<bool> {
    if key.is_empty() {
        return match item {
            Value::Object(_) | Value::Array(_) => Err(wrong_kind("ScalarNode", item)),
            scalar => Ok(text(scalar) == wanted),
        };
    }
    match item {
        Value::Object(map) => Ok(map.get(key).is_some_and(|found| wanted.is_empty() || text(found) == wanted)),
        other => Err(wrong_kind("MappingNode", other)),
    }
}

/// Which keys have a value in any item; all where none has.
pub(super) fn present_keys(all: &[Values], keys: usize) -> Vec<bool> {
    let mut present = vec![false; keys];
    for values in all {
        for (i, value) in values.iter().enumerate() {
            present[i] |= !value.is_empty();
        }
    }
    if present.contains(&true) { present } else { vec![true; keys] }
}

/// Gives combinations that agree where both have a value the values of both. The same combination
/// can then stand several times.
pub(super) fn join_values(all: &mut [Values]) {
    for i in 0..all.len() {
        let ours = all[i].clone();
        for j in 0..all.len() {
            if let Some(joined) = join(&ours, &all[j]) {
                all[i] = joined.clone();
                all[j] = joined;
            }
        }
    }
}

fn join(a: &Values, b: &Values) -> Option<Values> {
    let mut agree = false;
    let mut joined = Vec::with_capacity(a.len());
    for (a, b) in a.iter().zip(b) {
        if a == b {
            agree = true;
        } else if !a.is_empty() && !b.is_empty() {
            return None;
        }
        joined.push(if a.is_empty() { b.clone() } else { a.clone() });
    }
    agree.then_some(joined)
}
