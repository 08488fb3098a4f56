//! Strategic merge as kustomize does it: kyaml's walk over two trees, not the API server's patch.
//!
//! The patch wins; `null` and `$patch: delete` remove, `$patch: replace` replaces. Lists are
//! replaced whole unless the schema says that they merge ([`list`]). Where the target has nothing,
//! the patch's part is taken and walked along itself, which removes its nulls and directives. Parts
//! of the target that the patch does not speak of are walked too: a null written as nothing goes.
//!
//! Recursion is bounded by the nesting that the YAML and JSON readers allow.

mod list;
pub(crate) mod three;

use belay_object::{Map, Value};

use crate::error::{Error, Result};
use crate::fieldspec::wrong_kind;
use crate::scalar::{is_blank, is_null, text};
use crate::schema::{Field, Schemas, TypeId};

/// Applies a strategic merge patch; `None` where the patch deletes the whole.
pub(crate) fn strategic_merge(target: Value, patch: Value, schemas: &Schemas) -> Result<Option<Value>> {
    let merge = Merge { schemas };
    merge.both(Some(target), Some(patch), None)
}

/// A scalar in the place of another takes its style: what replaces a text in quotes is one too.
/// Only texts that cannot do without quotes are known to have had them.
fn in_the_style_of(old: &Value, new: Value) -> Value {
    match (old, &new) {
        (_, Value::Str(_)) => new,
        (Value::Str(quoted), _) if belay_yaml::to_yaml(&Value::Str(quoted.clone())).starts_with(['"', '\'', '|']) => {
            Value::from(&*text(&new))
        }
        _ => new,
    }
}

struct Merge<'a> {
    schemas: &'a Schemas,
}

/// What the schema says of the value at hand.
#[derive(Clone, Copy)]
struct Known<'a> {
    /// The type of a map, or of a list's items.
    target: Option<TypeId>,
    merge_keys: Option<&'a [Box<str>]>,
}

impl<'a> From<&'a Field> for Known<'a> {
    fn from(field: &'a Field) -> Known<'a> {
        Known { target: field.target, merge_keys: field.merge_keys.as_deref() }
    }
}

/// What a merge gives; `None` where it is removed.
type Merged = Option<Value>;

/// What `$patch` asks for.
#[derive(Clone, Copy, PartialEq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

const DIRECTIVE: &str = "$patch";

fn read_directive(value: &Value) -> Result<Directive> {
    Ok(match &*text(value) {
        "merge" => Directive::Merge,
        "replace" => Directive::Replace,
        "delete" => Directive::Delete,
        other => return Err(Error::transform(format!("unknown patch strategy '{other}'"))),
    })
}

/// Takes the directive out of a map.
fn take_directive(map: &mut Map) -> Result<Directive> {
    let Some(value) = map.get(DIRECTIVE) else { return Ok(Directive::Merge) };
    let directive = read_directive(value)?;
    map.remove(DIRECTIVE);
    Ok(directive)
}

/// Takes the directive out of a list: a first item that holds nothing else.
fn take_list_directive(items: &mut Vec<Value>) -> Result<Directive> {
    let Some(item) = items.iter().filter_map(Value::as_object).find(|m| m.contains_key(DIRECTIVE)) else {
        return Ok(Directive::Merge);
    };
    if item.len() > 1 {
        return Ok(Directive::Merge);
    }
    let directive = read_directive(item.get(DIRECTIVE).unwrap_or(&Value::Null))?;
    let wanted = text(item.get(DIRECTIVE).unwrap_or(&Value::Null)).into_owned();
    items.retain(|item| !crate::scalar::is_empty(item) && item.get(DIRECTIVE).is_none_or(|v| text(v) != wanted));
    Ok(directive)
}

#[derive(PartialEq)]
enum Shape {
    Map,
    List,
    Scalar,
}

fn shape(value: &Value) -> Shape {
    match value {
        Value::Object(_) => Shape::Map,
        Value::Array(_) => Shape::List,
        _ => Shape::Scalar,
    }
}

impl Merge<'_> {
    /// What the schema says; where it says nothing, an object inside another speaks for itself.
    fn known<'k, const N: usize>(&self, known: Option<Known<'k>>, values: [Option<&Value>; N]) -> Option<Known<'k>> {
        if known.is_some() {
            return known;
        }
        values.into_iter().flatten().find_map(|value| {
            let map = value.as_object()?;
            let (kind, version) = (text(map.get("kind")?), text(map.get("apiVersion")?));
            let target = self.schemas.of_kind(&version, &kind)?;
            Some(Known { target: Some(target), merge_keys: None })
        })
    }

    fn field(&self, known: Option<Known<'_>>, name: &str) -> Option<Known<'_>> {
        Some(self.schemas.field(known?.target?, name)?.into())
    }

    /// Merges the patch's value into the target's.
    fn both(&self, target: Option<Value>, patch: Option<Value>, known: Option<Known<'_>>) -> Result<Merged> {
        let known = self.known(known, [target.as_ref(), patch.as_ref()]);
        let target_null = target.as_ref().is_none_or(is_null);
        let patch_null = patch.as_ref().is_none_or(is_null);
        if target_null && patch_null {
            return Ok(match target {
                Some(null) if patch.is_none() && !is_blank(&null) => Some(null),
                _ => None,
            });
        }
        if target_null {
            let value = patch.map(|patch| self.along_itself(patch, known, true)).transpose()?.flatten();
            return Ok(value);
        }
        let (Some(mut target), patch) = (target, patch) else { return Ok(None) };
        let Some(patch) = patch else {
            return Ok(self.alone(&mut target, known)?.then_some(target));
        };
        if patch_null {
            return Ok(None);
        }
        if shape(&target) != shape(&patch) {
            return Err(wrong_kind(crate::fieldspec::node_kind(&target), &patch));
        }
        match (target, patch) {
            (Value::Object(target), Value::Object(mut patch)) => match take_directive(&mut patch)? {
                Directive::Delete => Ok(None),
                Directive::Replace => Ok(Some(Value::Object(self.map_along_itself(patch, known)?))),
                Directive::Merge => Ok(Some(Value::Object(self.maps(target, patch, known)?))),
            },
            (Value::Array(target), Value::Array(patch)) => {
                let Some(keys) = known.and_then(|k| k.merge_keys) else {
                    return Ok(Some(Value::Array(patch)));
                };
                let mut patch = patch.into_iter().collect();
                let item = known.and_then(|k| k.target);
                match take_list_directive(&mut patch)? {
                    Directive::Delete => Ok(None),
                    Directive::Replace => Ok(Some(self.lists(patch, list::Other::Same, keys, item)?)),
                    Directive::Merge => {
                        let target = target.into_iter().collect();
                        Ok(Some(self.lists(target, list::Other::Patch(patch), keys, item)?))
                    }
                }
            }
            (target, scalar) => Ok(Some(in_the_style_of(&target, scalar))),
        }
    }

    /// Merges two maps field by field; both are sorted.
    fn maps(&self, target: Map, patch: Map, known: Option<Known<'_>>) -> Result<Map> {
        let mut merged = Map::with_capacity(target.len().max(patch.len()));
        let mut target = target.into_iter().peekable();
        let mut patch = patch.into_iter().peekable();
        loop {
            let order = match (target.peek(), patch.peek()) {
                (None, None) => return Ok(merged),
                (Some(_), None) => std::cmp::Ordering::Less,
                (None, Some(_)) => std::cmp::Ordering::Greater,
                (Some((a, _)), Some((b, _))) => a.as_str().cmp(b.as_str()),
            };
            let (ours, theirs) = match order {
                std::cmp::Ordering::Less => (target.next(), None),
                std::cmp::Ordering::Greater => (None, patch.next()),
                std::cmp::Ordering::Equal => (target.next(), patch.next()),
            };
            let Some(name) = ours.as_ref().or(theirs.as_ref()).map(|(name, _)| name.clone()) else {
                return Ok(merged);
            };
            let known = self.field(known, &name);
            if let Some(value) = self.both(ours.map(|(_, v)| v), theirs.map(|(_, v)| v), known)? {
                merged.insert(name, value);
            }
        }
    }

    /// Walks a part of the target of which the patch does not speak; whether it stays.
    fn alone(&self, value: &mut Value, known: Option<Known<'_>>) -> Result<bool> {
        let known = self.known(known, [Some(value), None]);
        match value {
            Value::Object(map) => {
                let mut failed = None;
                map.retain(|name, value| {
                    failed.is_some()
                        || self.alone(value, self.field(known, name)).unwrap_or_else(|error| {
                            failed = Some(error);
                            true
                        })
                });
                failed.map_or(Ok(true), Err)
            }
            Value::Array(items) => {
                let Some(keys) = known.and_then(|k| k.merge_keys) else { return Ok(true) };
                let items = std::mem::take(items).into_iter().collect();
                *value = self.lists(items, list::Other::None, keys, known.and_then(|k| k.target))?;
                Ok(true)
            }
            other => Ok(!is_blank(other)),
        }
    }

    /// Walks a part of the patch that is taken whole; `None` where it removes itself. A directive
    /// that is not known is an error except at the top.
    fn along_itself(&self, value: Value, known: Option<Known<'_>>, top: bool) -> Result<Option<Value>> {
        let known = self.known(known, [Some(&value), None]);
        match value {
            Value::Object(mut map) => {
                let directive = match take_directive(&mut map) {
                    Ok(directive) => directive,
                    Err(_) if top => Directive::Merge,
                    Err(error) => return Err(error),
                };
                if directive == Directive::Delete {
                    return Ok(None);
                }
                Ok(Some(Value::Object(self.map_along_itself(map, known)?)))
            }
            Value::Array(items) => {
                let Some(keys) = known.and_then(|k| k.merge_keys) else { return Ok(Some(Value::Array(items))) };
                let mut items = items.into_iter().collect();
                if !top && take_list_directive(&mut items)? == Directive::Delete {
                    return Ok(None);
                }
                Ok(Some(self.lists(items, list::Other::Same, keys, known.and_then(|k| k.target))?))
            }
            other if is_null(&other) => Ok(None),
            scalar => Ok(Some(scalar)),
        }
    }

    fn map_along_itself(&self, map: Map, known: Option<Known<'_>>) -> Result<Map> {
        let mut walked = Map::with_capacity(map.len());
        for (name, value) in map {
            let known = self.field(known, &name);
            if let Some(value) = self.along_itself(value, known, false)? {
                walked.insert(name, value);
            }
        }
        Ok(walked)
    }
}

#[cfg(test)]
mod tests;
