//! Field specs: a path and the kinds for which it holds, and the walk along it.
//!
//! A path is names joined by `/` (`\/` is a slash in a name). Lists on the way are entered
//! implicitly; `name[]` says that the field is a list. With `create` what is missing is made.

use std::sync::Arc;

use belay_object::Value;

use crate::error::{Error, Result};
use crate::growth::check_depth;
use crate::id::{Gvk, Id, split_api_version};
use crate::scalar::{is_null, text};

/// A path and the kinds for which it holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FieldSpec {
    pub(crate) gvk: Gvk,
    pub(crate) path: Arc<str>,
    pub(crate) create: bool,
    parts: Arc<[Part]>,
}

#[derive(Clone, Debug, PartialEq)]
struct Part {
    name: Box<str>,
    is_list: bool,
}

/// What a walk may make at the end of its path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Create {
    /// Nothing: missing fields are passed over whatever the field spec says.
    Never,
    /// A scalar, handed to the setter as null.
    Scalar,
    /// A map.
    Map,
}

impl FieldSpec {
    pub(crate) fn new(gvk: Gvk, path: &str, create: bool) -> FieldSpec {
        let part = |part: &str| match part.strip_suffix("[]") {
            Some(name) => Part { name: name.into(), is_list: true },
            None => Part { name: part.into(), is_list: false },
        };
        // Hundreds are made for each build, hardly one with a backslash.
        let parts = match path.contains('\\') {
            true => split_path(path, '/').iter().map(|name| part(name)).collect(),
            false => path.strip_prefix('/').unwrap_or(path).split('/').map(part).collect(),
        };
        FieldSpec { gvk, path: path.into(), create, parts }
    }

    /// Whether the spec holds for an object of this kind.
    pub(crate) fn holds_for(&self, object: &Value) -> bool {
        let field = |name: &str| object.get(name).map(text).unwrap_or_default();
        if !self.gvk.kind.is_empty() && *self.gvk.kind != *field("kind") {
            return false;
        }
        if self.gvk.group.is_empty() && self.gvk.version.is_empty() {
            return true;
        }
        let api_version = field("apiVersion");
        let (group, version) = split_api_version(&api_version);
        (self.gvk.group.is_empty() || *self.gvk.group == *group)
            && (self.gvk.version.is_empty() || *self.gvk.version == *version)
    }

    /// Whether anything stands where the path may lead: without that nothing need be copied.
    pub(crate) fn may_reach(&self, object: &Value, create: Create) -> bool {
        let creates = self.create && create != Create::Never;
        reaches(object, &self.parts, creates)
    }

    /// Calls `set` for each place that the path leads to in an object for which it holds. The place
    /// may be null: present as null, or just made.
    pub(crate) fn visit(
        &self,
        object: &mut Value,
        create: Create,
        set: &mut dyn FnMut(&mut Value) -> Result<()>,
    ) -> Result<()> {
        if !self.holds_for(object) {
            return Ok(());
        }
        self.visit_unchecked(object, create, set)
    }

    /// As [`FieldSpec::visit`] without a look at the object's kind.
    pub(crate) fn visit_unchecked(
        &self,
        object: &mut Value,
        create: Create,
        set: &mut dyn FnMut(&mut Value) -> Result<()>,
    ) -> Result<()> {
        check_depth(self.parts.len())?;
        walk(self, object, &self.parts, create, set).map_err(|error| {
            error.wrap(format_args!("considering field '{}' of object {}", self.path, plain_id(object)))
        })
    }
}

/// The id of an object as error texts name it.
fn plain_id(object: &Value) -> Id {
    let field = |path: &[&str]| object.at(path).map(text).unwrap_or_default().into_owned();
    Id {
        gvk: Gvk::of(&field(&["apiVersion"]), &field(&["kind"])),
        name: field(&["metadata", "name"]).into(),
        namespace: field(&["metadata", "namespace"]).into(),
        cluster: false,
    }
}

fn reaches(value: &Value, parts: &[Part], creates: bool) -> bool {
    match value {
        // Only kinds without the field create it, and lists are never made.
        Value::Object(map) => match parts.split_first() {
            None => true,
            Some((part, rest)) => match map.get(&part.name) {
                Some(next) => reaches(next, rest, creates),
                None => creates && !part.is_list,
            },
        },
        Value::Array(list) => parts.is_empty() || list.iter().any(|item| reaches(item, parts, creates)),
        // A scalar in the way is an error that the walk tells.
        _ => true,
    }
}

fn walk(
    spec: &FieldSpec,
    value: &mut Value,
    parts: &[Part],
    create: Create,
    set: &mut dyn FnMut(&mut Value) -> Result<()>,
) -> Result<()> {
    let Some((part, rest)) = parts.split_first() else {
        return set(value);
    };
    match value {
        Value::Array(list) => {
            for item in list.iter_mut() {
                walk(spec, item, parts, create, set).map_err(|error| {
                    let left: Vec<&str> = parts.iter().map(|p| &*p.name).collect();
                    error.wrap(format_args!("visit traversal on path: [{}]", left.join(" ")))
                })?;
            }
            Ok(())
        }
        Value::Object(map) => {
            if part.name.is_empty() {
                return Err(Error::transform("cannot set or create an empty field name"));
            }
            let creates = spec.create && create != Create::Never && !part.is_list;
            if !creates && !map.contains_key(&part.name) {
                return Ok(());
            }
            let last = rest.is_empty();
            let field = map.entry(&part.name);
            if is_null(field) {
                if part.is_list {
                    *field = Value::Array(Default::default());
                } else if creates && !(last && create == Create::Scalar) {
                    *field = Value::object();
                } else if creates {
                    *field = Value::Null;
                }
            }
            walk(spec, field, rest, create, set)
        }
        other if is_null(other) => Ok(()),
        _ => Err(Error::transform("expected sequence or mapping node")),
    }
}

/// Splits a path; a separator after a backslash belongs to the name, a leading one is dropped.
pub(crate) fn split_path(path: &str, separator: char) -> Vec<String> {
    let mut parts: Vec<&str> = path.split(separator).collect();
    if parts.len() > 1 && parts[0].is_empty() {
        parts.remove(0);
    }
    let mut result: Vec<String> = Vec::with_capacity(parts.len());
    for part in parts {
        match result.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push(separator);
                last.push_str(part);
            }
            _ => result.push(part.to_owned()),
        }
    }
    result
}

/// The error of a setter that finds another kind of value than it can set.
pub(crate) fn wrong_kind(expected: &str, found: &Value) -> Error {
    Error::transform(format!(
        "wrong node kind: expected {expected} but got {}: node contents:\n{}",
        node_kind(found),
        belay_yaml::to_yaml(found)
    ))
}

/// The name of a value's YAML node kind.
pub(crate) fn node_kind(value: &Value) -> &'static str {
    match value {
        Value::Object(_) => "MappingNode",
        Value::Array(_) => "SequenceNode",
        _ => "ScalarNode",
    }
}

/// Merges field specs: one that is there already is kept, unless they disagree on `create`.
pub(crate) fn merge_specs(into: &mut Vec<FieldSpec>, from: &[FieldSpec]) -> Result<()> {
    for spec in from {
        match into.iter().find(|old| old.path == spec.path && old.gvk.is_selected_by(&spec.gvk)) {
            Some(old) if old.create != spec.create => return Err(Error::kustomization("conflicting fieldspecs")),
            Some(_) => {}
            None => into.push(spec.clone()),
        }
    }
    Ok(())
}

impl FieldSpec {
    /// Whether any place that the path leads to in an object fits. Nothing is made on the way; a
    /// path that cannot be walked counts, so that walking it tells the error.
    pub(crate) fn any(&self, object: &Value, fits: &dyn Fn(&Value) -> bool) -> bool {
        any(object, &self.parts, fits)
    }
}

fn any(value: &Value, parts: &[Part], fits: &dyn Fn(&Value) -> bool) -> bool {
    let Some((part, rest)) = parts.split_first() else { return fits(value) };
    match value {
        Value::Object(map) => map.get(&part.name).is_some_and(|field| any(field, rest, fits)),
        Value::Array(items) => items.iter().any(|item| any(item, parts, fits)),
        other => !is_null(other),
    }
}
