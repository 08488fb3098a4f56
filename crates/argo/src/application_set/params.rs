//! One set of parameters: a map of anything, or with `{{name}}` templates a flat one of texts.
//!
//! Templates can tell Go's `map[string]string` from `map[string]interface {}` (a key that is not there is an empty
//! text in the first, and functions take one or the other), so that it is kept which maps are which.

use std::collections::BTreeSet;

use belay_gotemplate as gt;
use belay_object::{Map, Value};

/// One set of parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params {
    /// By name.
    pub fields: Map,
    /// Where maps of texts and lists of texts stand, by the names that lead there. Items of a list are `[]`.
    texts: BTreeSet<Vec<String>>,
}

/// How deep parameters may nest; YAML and JSON are read no deeper.
const MAX_DEPTH: usize = 256;

impl Params {
    /// Parameters of these fields.
    pub fn new(fields: Map) -> Params {
        Params { fields, texts: BTreeSet::new() }
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }
    /// Sets one.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.fields.insert(name, value);
    }
    /// Says that what stands at a path is a map, or a list, of texts.
    pub fn of_texts(&mut self, path: &[&str]) {
        self.texts.insert(path.iter().map(|name| (*name).to_owned()).collect());
    }
    /// All of them as one parameter `name`, a list.
    pub fn listed(name: &str, all: Vec<Params>) -> Params {
        let mut texts = BTreeSet::new();
        for params in &all {
            let below =
                |path: &Vec<String>| [name.to_owned(), "[]".to_owned()].into_iter().chain(path.clone()).collect();
            texts.extend(params.texts.iter().map(below));
        }
        let list: Value = all.into_iter().map(|params| Value::Object(params.fields)).collect();
        Params { fields: [(name, list)].into_iter().collect(), texts }
    }

    /// As texts, the names of nested ones joined by dots; what selectors look at.
    pub fn flat(&self) -> Map {
        let mut out = Map::new();
        self.flatten(&Value::Object(self.fields.clone()), &mut Vec::new(), &mut out);
        out
    }
    fn flatten(&self, value: &Value, path: &mut Vec<String>, out: &mut Map) {
        let is_text_list = matches!(value, Value::Array(_)) && self.texts.contains(path);
        match value {
            Value::Object(map) if path.len() < MAX_DEPTH => {
                for (name, value) in map.iter() {
                    path.push(name.to_string());
                    self.flatten(value, path, out);
                    path.pop();
                }
            }
            Value::Array(items) if !is_text_list && path.len() < MAX_DEPTH => {
                for (i, value) in items.iter().enumerate() {
                    path.push(i.to_string());
                    self.flatten(value, path, out);
                    path.pop();
                }
            }
            value => {
                out.insert(path.join(".").as_str(), printed(value));
            }
        }
    }

    /// These changed by others, map by map; those go first.
    pub fn overridden(mut self, by: &Params) -> Params {
        lay_over(&mut self.fields, &by.fields, 0);
        self.texts.extend(by.texts.iter().cloned());
        self
    }
    /// These and others, all as texts. The error is of one that both have, and differently.
    pub fn joined(&self, with: &Params) -> Result<Params, String> {
        let text = |(name, value): (&belay_object::Key, &Value)| (name.clone(), Value::from(printed(value)));
        let mut fields: Map = self.fields.iter().map(text).collect();
        for (name, value) in with.fields.iter().map(text) {
            if let Some(known) = fields.get(&name)
                && *known != value
            {
                let (a, b) = (known.as_str().unwrap_or_default(), value.as_str().unwrap_or_default());
                return Err(format!(
                    "both generators have the parameter {name}, with different values: {a:?} and {b:?}"
                ));
            }
            fields.insert(name, value);
        }
        Ok(Params::new(fields))
    }

    /// As Go templates see them.
    pub fn to_template(&self) -> gt::Value {
        self.value(&Value::Object(self.fields.clone()), &mut Vec::new())
    }
    fn value(&self, value: &Value, path: &mut Vec<String>) -> gt::Value {
        let is_of_texts = self.texts.contains(path);
        match value {
            Value::Object(map) if path.len() < MAX_DEPTH => {
                let mut entries = Vec::with_capacity(map.len());
                for (name, value) in map.iter() {
                    path.push(name.to_string());
                    entries.push((name.as_str(), self.value(value, path)));
                    path.pop();
                }
                let of = if is_of_texts { gt::Type::STRING_MAP } else { gt::Type::MAP };
                gt::Value::Map(gt::Map::from_entries(of, entries))
            }
            Value::Array(items) if path.len() < MAX_DEPTH => {
                path.push("[]".to_owned());
                let items = items.iter().map(|item| self.value(item, path)).collect();
                path.pop();
                match is_of_texts {
                    true => gt::Value::List(gt::List::of(gt::Type::STRINGS, items)),
                    false => gt::Value::list(items),
                }
            }
            value => gt::Value::from_object(value),
        }
    }
}

/// As Go's `%v` prints it: numbers are of 64 bits with a point, as JSON's are in Go.
pub fn printed(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Null => "<nil>".to_owned(),
        value => gt::fmt::to_string(&gt::Value::from_object(value)).to_string_lossy().into_owned(),
    }
}

/// What stands in `over` goes first, maps field by field; an empty list says nothing.
fn lay_over(under: &mut Map, over: &Map, depth: usize) {
    for (name, value) in over.iter() {
        match (under.get_mut(name), value) {
            (Some(Value::Object(under)), Value::Object(over)) if depth < MAX_DEPTH => {
                lay_over(under, over, depth + 1);
            }
            (Some(Value::Array(_)), Value::Array(items)) if items.is_empty() => {}
            _ => {
                under.insert(name.as_str(), value.clone());
            }
        }
    }
}

/// A template filled up with what another one has and it has not. Compat(argo-cd 3.5): what is empty, zero or false
/// has not been said.
pub fn filled(own: &Value, with: &Value) -> Value {
    let mut result = own.clone();
    fill(&mut result, with, 0);
    result
}

fn fill(own: &mut Value, with: &Value, depth: usize) {
    let is_empty = match own {
        Value::Null => true,
        Value::Bool(is) => !*is,
        Value::Int(number) => *number == 0,
        Value::UInt(_) => false,
        Value::Float(number) => *number == 0.0,
        Value::Str(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
    };
    match (own, with) {
        (_, Value::Null) => {}
        (own, with) if is_empty => *own = with.clone(),
        (Value::Object(own), Value::Object(with)) if depth < MAX_DEPTH => {
            for (name, value) in with.iter() {
                // Values of charts are one text to Go: not a map to fill.
                if value.is_null() || name.as_str() == "valuesObject" && own.contains_key(name) {
                    continue;
                }
                fill(own.entry(name), value, depth + 1);
            }
        }
        _ => {}
    }
}
