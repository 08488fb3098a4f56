//! Fields that belong to somebody else: left out of drift, and out of what is applied.
//!
//! A rule names JSON pointers, and with a target the objects it holds for. On a differing field
//! that another manager has applied, ours is left out of the payload, so that the other keeps it;
//! where nobody else has applied it, the live value is applied, since leaving it out would make
//! the server remove it.

use belay_object::{LabelSelector, Map, Object, Value};
use regex::{Regex, RegexBuilder};

use crate::{Error, ErrorKind};

/// Limits on what a user may write: a rule costs one walk for each path and object.
const MAX_RULES: usize = 500;
const MAX_PATHS: usize = 1000;
/// Bytes of a compiled pattern.
const MAX_PATTERN_BYTES: usize = 1 << 20;

/// Which objects a rule holds for; an empty field holds for all. Group, version, kind, name and
/// namespace are regular expressions that must match the whole.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Target {
    /// API group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Name.
    pub name: String,
    /// Namespace.
    pub namespace: String,
    /// Selector of labels.
    pub labels: String,
    /// Selector of annotations.
    pub annotations: String,
}

struct Matcher {
    group: Option<Regex>,
    version: Option<Regex>,
    kind: Option<Regex>,
    name: Option<Regex>,
    namespace: Option<Regex>,
    labels: Option<LabelSelector>,
    annotations: Option<LabelSelector>,
}

impl Matcher {
    fn compile(target: &Target) -> Result<Matcher, Error> {
        let wrong = |what: &str, why: String| {
            Error::new(ErrorKind::IgnoreRule, format!("failed to create ignore rule selector: invalid {what}: {why}"))
        };
        let pattern = |what: &str, text: &str| {
            if text.is_empty() {
                return Ok(None);
            }
            RegexBuilder::new(&format!("^(?:{text})$"))
                .size_limit(MAX_PATTERN_BYTES)
                .build()
                .map(Some)
                .map_err(|e| wrong(&format!("{what} regex"), e.to_string()))
        };
        let selector = |what: &str, text: &str| {
            if text.is_empty() {
                return Ok(None);
            }
            LabelSelector::parse(text).map(Some).map_err(|e| wrong(&format!("{what} selector"), e.to_string()))
        };
        Ok(Matcher {
            group: pattern("group", &target.group)?,
            version: pattern("version", &target.version)?,
            kind: pattern("kind", &target.kind)?,
            name: pattern("name", &target.name)?,
            namespace: pattern("namespace", &target.namespace)?,
            labels: selector("label", &target.labels)?,
            annotations: selector("annotation", &target.annotations)?,
        })
    }
    fn matches(&self, object: &Object) -> bool {
        let kind = object.group_version_kind();
        [
            (&self.group, kind.group.as_str()),
            (&self.version, kind.version.as_str()),
            (&self.kind, kind.kind.as_str()),
            (&self.name, object.name()),
            (&self.namespace, object.namespace()),
        ]
        .into_iter()
        .all(|(pattern, text)| pattern.as_ref().is_none_or(|p| p.is_match(text)))
            && self.labels.as_ref().is_none_or(|s| s.matches(object.labels()))
            && self.annotations.as_ref().is_none_or(|s| s.matches(object.annotations()))
    }
}

/// Rules for fields that are not ours.
#[derive(Default)]
pub struct IgnoreRules {
    rules: Vec<(Option<Matcher>, Vec<String>)>,
}

/// What becomes of one differing field that is ignored.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Resolution {
    /// Left out of the payload.
    Strip(String),
    /// The live value is applied.
    Adopt(String, Value),
}

impl IgnoreRules {
    /// Compiles rules: paths, and the target where there is one.
    pub fn compile(rules: impl IntoIterator<Item = (Vec<String>, Option<Target>)>) -> Result<IgnoreRules, Error> {
        let mut compiled = IgnoreRules::default();
        for (paths, target) in rules {
            if compiled.rules.len() >= MAX_RULES || paths.len() > MAX_PATHS {
                return Err(Error::new(
                    ErrorKind::TooMany,
                    format!("more than {MAX_RULES} ignore rules, or {MAX_PATHS} paths in one"),
                ));
            }
            if let Some(path) = paths.iter().find(|p| !p.starts_with('/')) {
                return Err(Error::new(ErrorKind::IgnoreRule, format!("ignore path {path:?} is not a JSON pointer"))
                    .hint("a pointer begins with a slash: /spec/replicas"));
            }
            compiled.rules.push((target.as_ref().map(Matcher::compile).transpose()?, paths));
        }
        Ok(compiled)
    }
    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
    /// The paths of the rules that hold for an object.
    pub fn paths_for(&self, object: &Object) -> Vec<&str> {
        let matching = self.rules.iter().filter(|(matcher, _)| matcher.as_ref().is_none_or(|m| m.matches(object)));
        matching.flat_map(|(_, paths)| paths.iter().map(String::as_str)).collect()
    }
    fn paths<'a>(&'a self, object: &'a Object) -> impl Iterator<Item = &'a str> {
        self.rules
            .iter()
            .filter(|(matcher, _)| matcher.as_ref().is_none_or(|m| m.matches(object)))
            .flat_map(|(_, paths)| paths.iter().map(String::as_str))
    }
    /// Removes from `object` what the rules that hold for `of` ignore.
    pub(crate) fn strip(&self, of: &Object, object: &mut Object) {
        for path in self.paths(of) {
            remove_at(object.value_mut(), path);
        }
    }
    /// What becomes of the ignored fields in which the live object and the dry run differ.
    pub(crate) fn resolve(&self, live: &Object, dry_run: &Object, manager: &str) -> Vec<Resolution> {
        let mut resolutions = Vec::new();
        for path in self.paths(dry_run) {
            let (have, wanted) = (live.value().pointer(path), dry_run.value().pointer(path));
            if have == wanted {
                continue;
            }
            resolutions.push(match have {
                Some(value) if !applied_by_another(live, path, manager) => {
                    Resolution::Adopt(path.to_owned(), value.clone())
                }
                _ => Resolution::Strip(path.to_owned()),
            });
        }
        resolutions
    }
}

impl Resolution {
    pub(crate) fn apply(&self, payload: &mut Object) {
        match self {
            Resolution::Strip(path) => remove_at(payload.value_mut(), path),
            Resolution::Adopt(path, value) => {
                if let Some(place) = pointer_mut(payload.value_mut(), path) {
                    *place = value.clone();
                }
            }
        }
    }
}

fn tokens(pointer: &str) -> impl Iterator<Item = String> {
    pointer.strip_prefix('/').into_iter().flat_map(|p| p.split('/')).map(|t| t.replace("~1", "/").replace("~0", "~"))
}

fn pointer_mut<'a>(value: &'a mut Value, pointer: &str) -> Option<&'a mut Value> {
    tokens(pointer).try_fold(value, |value, token| match value {
        Value::Object(map) => map.get_mut(&token),
        Value::Array(items) => items.get_mut(token.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Removes what a pointer names; nothing where it is not there.
fn remove_at(value: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    let last = last.replace("~1", "/").replace("~0", "~");
    match pointer_mut(value, parent) {
        Some(Value::Object(map)) => {
            map.remove(&last);
        }
        Some(Value::Array(items)) => {
            if let Ok(i) = last.parse::<usize>()
                && i < items.len()
            {
                items.remove(i);
            }
        }
        _ => {}
    }
}

/// Whether another manager's apply entry holds the field.
fn applied_by_another(live: &Object, pointer: &str, manager: &str) -> bool {
    let entries: Vec<(&str, &Map)> = live
        .at(&["metadata", "managedFields"])
        .map_or(&[][..], Value::items)
        .iter()
        .filter(|e| {
            e.str_at(&["operation"]) == Some("Apply") && e.str_at(&["subresource"]).unwrap_or_default().is_empty()
        })
        .filter_map(|e| Some((e.str_at(&["manager"]).unwrap_or_default(), e.get("fieldsV1")?.as_object()?)))
        .collect();
    let Some(segments) = field_segments(live, pointer, &entries) else { return false };
    entries.iter().any(|(name, fields)| *name != manager && descend(fields, &segments).is_some())
}

/// The pointer in the form of managed fields; an index becomes the list's key that some entry
/// names for that item. `None` where there is no such form.
fn field_segments(live: &Object, pointer: &str, entries: &[(&str, &Map)]) -> Option<Vec<String>> {
    let mut segments: Vec<String> = Vec::new();
    let mut at = live.value();
    for token in tokens(pointer) {
        match at {
            Value::Array(items) => {
                let item = items.get(token.parse::<usize>().ok()?)?;
                let key = entries
                    .iter()
                    .filter_map(|(_, fields)| descend(fields, &segments)?.as_object())
                    .flat_map(Map::keys)
                    .find(|k| k.strip_prefix("k:").is_some_and(|json| is_key_of(json, item)))?;
                segments.push(key.as_str().to_owned());
                at = item;
            }
            _ => {
                at = at.get(&token)?;
                segments.push(format!("f:{token}"));
            }
        }
    }
    (!segments.is_empty()).then_some(segments)
}

fn is_key_of(json: &str, item: &Value) -> bool {
    let Ok(Value::Object(key)) = belay_object::from_json_str(json) else { return false };
    key.iter().all(|(name, value)| item.get(name) == Some(value))
}

fn descend<'a>(fields: &'a Map, segments: &[String]) -> Option<&'a Value> {
    let (first, rest) = segments.split_first()?;
    rest.iter().try_fold(fields.get(first)?, |v, segment| v.get(segment))
}
