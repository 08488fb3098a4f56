//! Lists merged three ways, item by item: the local items in their order, then what the update adds.
//!
//! Lists as they should be, every item with its one key and no two alike, are merged in linear time; all
//! others take kyaml's steps one by one, with the same parts as strategic merges.

use std::collections::{HashMap, HashSet};

use belay_object::Value;

use super::{Sides, Walk};
use crate::error::Result;
use crate::merge::Known;
use crate::merge::list::{
    Item, Lists, Values, is_empty_map, is_found_by, join_values, narrow, present_keys, values_of,
};
use crate::scalar::{is_null, is_scalar, text};

type Index<'v> = HashMap<Box<str>, &'v Value>;

impl Walk<'_> {
    /// Merges lists, the others being those of the original and of the update.
    pub(super) fn lists(
        &self,
        local: Vec<Value>,
        others: [&[Value]; 2],
        keys: &[Box<str>],
        known: Option<Known<'_>>,
    ) -> Result<Value> {
        if let [] | [_] = keys {
            let key = keys.first().map_or("", |key| key);
            let [original, update] = others.map(|items| index(items, key));
            if let (Some(_), Some(original), Some(update)) = (index(&local, key), original, update) {
                return self.by_place(local, others, [&original, &update], key, known);
            }
        }
        let primitive: [Box<str>; 1] = ["".into()];
        let keys = if keys.is_empty() { &primitive[..] } else { keys };
        self.step_by_step(local, others, keys, known)
    }

    fn by_place(
        &self,
        local: Vec<Value>,
        others: [&[Value]; 2],
        [original, update]: [&Index<'_>; 2],
        key: &str,
        known: Option<Known<'_>>,
    ) -> Result<Value> {
        let mut merged = Vec::with_capacity(local.len() + others[1].len());
        let mut done: HashSet<Box<str>> = HashSet::with_capacity(local.len());
        let added = others.into_iter().flatten().map(|item| (None, item));
        let names = local.iter().map(|item| name(item, key)).chain(added.clone().map(|(_, item)| name(item, key)));
        let names: Vec<Box<str>> = names.map(Option::unwrap_or_default).collect();
        let items = local.into_iter().map(Some).chain(added.map(|(none, _)| none));
        for (name, local) in names.into_iter().zip(items) {
            if local.is_none() && done.contains(&name) {
                continue;
            }
            let sides = Sides { local, original: original.get(&name).copied(), update: update.get(&name).copied() };
            let value_of_key = sides.all().into_iter().flatten().find_map(|item| item.get(key)).cloned();
            if let Some(mut item) = self.value(sides, known)?
                && !is_empty_map(&item)
            {
                fill(&mut item, key, value_of_key);
                merged.push(item);
            }
            done.insert(name);
        }
        Ok(Value::Array(merged.into_iter().collect()))
    }

    fn step_by_step(
        &self,
        local: Vec<Value>,
        others: [&[Value]; 2],
        keys: &[Box<str>],
        known: Option<Known<'_>>,
    ) -> Result<Value> {
        let mut all = all_values(local.iter().chain(others.into_iter().flatten()), keys);
        let mut lists = Lists::of(local);
        if all.is_empty() {
            let order = lists.target.clone();
            return Ok(lists.collect(order));
        }
        if keys.len() > 1 {
            join_values(&mut all);
        }
        let present = present_keys(&all, keys.len());
        let valid: Vec<&str> = keys.iter().zip(&present).filter(|(_, p)| **p).map(|(k, _)| &**k).collect();
        let mut order: Vec<Item> = Vec::new();
        for values in &all {
            let values: Vec<&str> =
                values.iter().zip(&present).filter(|(v, p)| **p || !v.is_empty()).map(|(v, _)| v.as_str()).collect();
            let narrowed = narrow(&valid, &values);
            let ours = lists.target.iter().copied().find(|item| is_found_by(&lists.items[*item], &narrowed));
            let [original, update] = others.map(|items| items.iter().find(|item| is_found_by(item, &narrowed)));
            let local = ours.map(|item| std::mem::take(&mut lists.items[item]));
            let sides = Sides { local, original, update };
            let of_keys: Vec<Option<Value>> = valid
                .iter()
                .map(|key| sides.all().into_iter().flatten().find_map(|item| item.get(key)).cloned())
                .collect();
            match self.value(sides, known)?.filter(|item| !is_null(item) && !is_empty_map(item)) {
                Some(mut item) => {
                    valid.iter().zip(of_keys).for_each(|(key, value)| fill(&mut item, key, value));
                    let place = ours.unwrap_or(lists.items.len());
                    match lists.items.get_mut(place) {
                        Some(old) => *old = item,
                        None => lists.items.push(item),
                    }
                    lists.set(&mut order, Some(place), &valid, &values)?;
                }
                None => {
                    let mut target = std::mem::take(&mut lists.target);
                    lists.set(&mut target, None, &valid, &values)?;
                    lists.target = target;
                }
            }
        }
        let target = std::mem::take(&mut lists.target);
        let order = lists.append(target, &order, &valid)?;
        Ok(lists.collect(order))
    }
}

/// What an item is found by; nothing where it is not as it should be.
fn name(item: &Value, key: &str) -> Option<Box<str>> {
    let value = if key.is_empty() { item } else { item.get(key)? };
    Some(text(value)).filter(|name| is_scalar(value) && !name.is_empty()).map(|name| Box::from(&*name))
}

/// The items by name, if each has one and no two have the same.
fn index<'v>(items: &'v [Value], key: &str) -> Option<Index<'v>> {
    let mut index = HashMap::with_capacity(items.len());
    for item in items {
        index.insert(name(item, key)?, item).is_none().then_some(())?;
    }
    Some(index)
}

/// Gives an item the key by which it was found, where the merge took it away.
fn fill(item: &mut Value, key: &str, value: Option<Value>) {
    if let (Value::Object(map), Some(value)) = (item, value)
        && !map.contains_key(key)
        && !is_null(&value)
    {
        map.insert(key, value);
    }
}

/// The values of each item's keys, each combination once.
fn all_values<'v>(items: impl Iterator<Item = &'v Value>, keys: &[Box<str>]) -> Vec<Values> {
    let mut seen = HashSet::new();
    let is_primitive = keys.iter().all(|key| key.is_empty());
    let of = |item| if is_primitive { vec![text(item).into_owned()] } else { values_of(item, keys) };
    items.map(of).filter(|values| seen.insert(values.clone())).collect()
}
