//! Post-build substitution: `${variables}` in built objects.
//!
//! An object is written as YAML, substituted as text, and read again. Types can change by that:
//! `port: ${port}` becomes a number. Only `${...}` is a variable; `$name` is text, and `$$` is a
//! dollar sign wherever it stands.
//!
//! Compat(flux 2.9): the dialect is that of fluxcd/pkg/envsubst, with its order of checks and its
//! errors. Since 2.9 a variable that is not set and has no default is an error.

mod eval;
mod glob;
mod template;

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_object::{Object, Value};
use belay_yaml::{Options, parse_value, to_yaml};

use crate::names;
use crate::spec::Variables;

pub use eval::substitute_text;

/// The most that one object may become, in bytes: ten times what a cluster takes.
pub(crate) const MAX_OUTPUT_BYTES: usize = 16 << 20;

/// Why a substitution failed; the text is Flux's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubstituteError(pub(crate) String);

impl fmt::Display for SubstituteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for SubstituteError {}

/// Variables and their values. Values can come from Secrets: they are never printed.
#[derive(Clone, Default)]
pub struct VariableSet {
    values: BTreeMap<String, String>,
    always: bool,
    strict: bool,
}

impl fmt::Debug for VariableSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VariableSet")
            .field("names", &self.values.keys().collect::<Vec<_>>())
            .field("always", &self.always)
            .field("strict", &self.strict)
            .finish()
    }
}

impl VariableSet {
    /// Begins a set. Objects are added in the order of `substituteFrom`, then what is written in
    /// the spec.
    pub fn new(spec: &Variables, strict: bool) -> VariableSet {
        VariableSet { values: BTreeMap::new(), always: spec.always, strict }
    }
    /// Sets one variable. Line breaks are taken out of values.
    pub fn insert(&mut self, name: &str, value: &str) {
        self.values.insert(name.to_owned(), value.replace('\n', ""));
    }
    /// Adds a ConfigMap's data.
    pub fn add_config_map(&mut self, object: &Object) {
        for (name, value) in object.get("data").and_then(Value::as_object).into_iter().flat_map(|m| m.iter()) {
            self.insert(name, value.as_str().unwrap_or_default());
        }
    }
    /// Adds a Secret's data.
    pub fn add_secret(&mut self, object: &Object) -> Result<(), SubstituteError> {
        for (name, value) in object.get("data").and_then(Value::as_object).into_iter().flat_map(|m| m.iter()) {
            let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).map_err(|_| {
                SubstituteError(format!("substitute from 'Secret/{}' error: data.{name} is not base64", object.name()))
            })?;
            self.insert(name, &String::from_utf8_lossy(&bytes));
        }
        Ok(())
    }
    /// Adds what is written in the spec.
    pub fn add_inline(&mut self, spec: &Variables) {
        for (name, value) in &spec.inline {
            self.insert(name, value);
        }
    }
    /// Whether substitution runs at all.
    pub fn is_wanted(&self) -> bool {
        self.always || !self.values.is_empty()
    }
    /// The value of a variable, `None` where it is missing and that is an error.
    fn get(&self, name: &str) -> Option<&str> {
        match self.values.get(name) {
            Some(value) => Some(value),
            None if self.strict => None,
            None => Some(""),
        }
    }
    /// What goes into the key of a memoised render: everything that can change the outcome.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        let mode = [("=always", self.always), ("=strict", self.strict)];
        mode.into_iter()
            .filter(|(_, on)| *on)
            .map(|(name, _)| (name, ""))
            .chain(self.values.iter().map(|(k, v)| (k.as_str(), v.as_str())))
    }
}

/// The error of a source of variables that could not be read.
pub fn missing_source(secret: bool, name: &str, error: &str) -> SubstituteError {
    let kind = if secret { "Secret" } else { "ConfigMap" };
    SubstituteError(format!("substitute from '{kind}/{name}' error: {error}"))
}

/// Substitutes in one object. Gives `None` where the object stays as it is.
pub fn substitute(object: &Object, variables: &VariableSet) -> Result<Option<Object>, SubstituteError> {
    let off = |value: Option<&str>| value == Some(names::DISABLED);
    if off(object.label(names::SUBSTITUTE)) || off(object.annotation(names::SUBSTITUTE)) || !variables.is_wanted() {
        return Ok(None);
    }
    substituted(object, variables)
        .map_err(|e| SubstituteError(format!("post build failed for '{}/{}': {e}", gvk_text(object), object.name())))
}

fn substituted(object: &Object, variables: &VariableSet) -> Result<Option<Object>, SubstituteError> {
    let wrong = |what: &str, why: String| SubstituteError(format!("envsubst error: {what}: {why}"));
    if let Some(name) = variables.values.keys().find(|name| !is_name(name)) {
        return Err(SubstituteError(format!(
            "envsubst error: '{name}' var name is invalid, must match '^[_[:alpha:]][_[:alpha:][:digit:]]*$'"
        )));
    }
    let text = to_yaml(object.value());
    if !text.contains('$') {
        return Ok(None);
    }
    let text = substitute_text(&text, &|name| variables.get(name))
        .map_err(|e| wrong("variable substitution failed", e.to_string()))?;
    let value = parse_value(&text, &Options::v2()).map_err(|e| wrong("YAMLToJSON", e.to_string()))?;
    match Object::new(value) {
        Ok(object) => Ok(Some(object)),
        Err(value) => {
            Err(SubstituteError(format!("UnmarshalJSON: the result is of type {}, not an object", value.type_name())))
        }
    }
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b == b'_' || b.is_ascii_alphabetic())
        && bytes.all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

/// `Deployment.v1.apps`, as kustomize names kinds in its messages.
fn gvk_text(object: &Object) -> String {
    let kind = object.group_version_kind();
    let or = |text: &str, none: &'static str| if text.is_empty() { none.to_owned() } else { text.to_owned() };
    format!("{}.{}.{}", or(&kind.kind, "[noKind]"), or(&kind.version, "[noVer]"), or(&kind.group, "[noGrp]"))
}

#[cfg(test)]
mod tests;
