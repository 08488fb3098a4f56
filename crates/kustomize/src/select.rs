//! Selectors: which resources a patch or replacement is for.
//!
//! Parts are regular expressions that must match the whole; most are plain names and are compared
//! as such, without a regex being compiled.

use belay_object::{LabelSelector, Map, Value};
use regex::Regex;

use crate::error::{Error, Result};
use crate::id::{Gvk, Id};
use crate::kustomization::Selector;
use crate::pattern;
use crate::resource::Resource;
use crate::scalar::text;
use crate::set::Resources;

/// One part of a selector.
#[derive(Debug)]
enum Pattern {
    Any,
    Text(Box<str>),
    Regex(Box<Regex>),
}

impl Pattern {
    fn new(pattern: &str) -> Result<Pattern> {
        if pattern.is_empty() {
            return Ok(Pattern::Any);
        }
        if pattern::is_literal(pattern) {
            return Ok(Pattern::Text(pattern.into()));
        }
        let regex = pattern::compile(&format!("^(?:{pattern})$")).ok_or_else(|| {
            Error::transform(format!("error parsing regexp: `^(?:{pattern})$`"))
                .hint("what a target names are regular expressions of the whole text: web-.* for all that begin so")
        })?;
        Ok(Pattern::Regex(Box::new(regex)))
    }
    fn matches(&self, found: &str) -> bool {
        match self {
            Pattern::Any => true,
            Pattern::Text(text) => **text == *found,
            Pattern::Regex(regex) => regex.is_match(found),
        }
    }
}

/// A selector ready to be matched.
#[derive(Debug)]
pub(crate) struct Matcher {
    group: Pattern,
    version: Pattern,
    kind: Pattern,
    name: Pattern,
    namespace: Pattern,
    labels: LabelSelector,
    annotations: LabelSelector,
    /// Whether any of group, version, kind, name, namespace is given.
    has_id: bool,
    /// Whether labels or annotations are given.
    has_selectors: bool,
}

impl Matcher {
    pub(crate) fn new(selector: &Selector) -> Result<Matcher> {
        let labels = |text: &str| {
            LabelSelector::parse(text).map_err(|e| {
                Error::transform(e.to_string()).hint("selectors are written so: app=web,tier!=db,env in (a,b)")
            })
        };
        Ok(Matcher {
            group: Pattern::new(&selector.group)?,
            version: Pattern::new(&selector.version)?,
            kind: Pattern::new(&selector.kind)?,
            name: Pattern::new(&selector.name)?,
            namespace: Pattern::new(&selector.namespace)?,
            labels: labels(&selector.label_selector)?,
            annotations: labels(&selector.annotation_selector)?,
            has_id: !selector.has_no_id(),
            has_selectors: !selector.label_selector.is_empty() || !selector.annotation_selector.is_empty(),
        })
    }

    fn matches_gvk(&self, gvk: &Gvk) -> bool {
        self.group.matches(&gvk.group) && self.version.matches(&gvk.version) && self.kind.matches(&gvk.kind)
    }

    /// Whether labels and annotations are as wanted.
    pub(crate) fn matches_selectors(&self, object: &Value) -> bool {
        selects(&self.labels, object, "labels") && selects(&self.annotations, object, "annotations")
    }

    /// Whether an id is as wanted, its namespace as written.
    pub(crate) fn matches_id(&self, id: &Id) -> bool {
        self.matches_gvk(&id.gvk) && self.name.matches(&id.name) && self.namespace.matches(&id.namespace)
    }

    pub(crate) fn has_id(&self) -> bool {
        self.has_id
    }
    pub(crate) fn has_selectors(&self) -> bool {
        self.has_selectors
    }

    /// Whether a patch with this target is for a resource: original or current name and namespace.
    fn matches(&self, resource: &Resource) -> bool {
        let current = resource.id();
        if !self.matches_gvk(&current.gvk) {
            return false;
        }
        let original = resource.original_id();
        let either = |pattern: &Pattern, a: &str, b: &str| pattern.matches(a) || pattern.matches(b);
        either(&self.name, &original.name, &current.name)
            && either(&self.namespace, original.effective_namespace(), current.effective_namespace())
            && self.matches_selectors(resource.value())
    }

    /// The positions of the resources that a patch with this target is for, in order.
    pub(crate) fn select(&self, resources: &Resources) -> Vec<usize> {
        match &self.name {
            Pattern::Text(name) => {
                resources.named(name).iter().copied().filter(|&i| self.matches(&resources[i])).collect()
            }
            _ => (0..resources.len()).filter(|&i| self.matches(&resources[i])).collect(),
        }
    }
}

/// Label selectors compare texts, whatever a label's type is.
fn selects(selector: &LabelSelector, object: &Value, field: &str) -> bool {
    if selector.is_empty() {
        return true;
    }
    let found = object.at(&["metadata", field]).and_then(Value::as_object);
    match found {
        Some(map) if map.values().any(|value| value.as_str().is_none()) => {
            let texts: Map = map.iter().map(|(key, value)| (key.clone(), Value::from(&*text(value)))).collect();
            selector.matches(Some(&texts))
        }
        found => selector.matches(found),
    }
}
