//! Reading fields by path, with errors that name them.

use belay_object::{Map, Value};

use super::SpecError;
use crate::duration::GoDuration;

/// No list in a spec is longer: what does not fit a cluster's object is not read either.
const MAX_ITEMS: usize = 10_000;

/// One value of a spec, and where it stands.
#[derive(Clone)]
pub(crate) struct Field<'a> {
    path: String,
    value: Option<&'a Value>,
}

impl<'a> Field<'a> {
    pub(crate) fn root(path: &str, value: Option<&'a Value>) -> Field<'a> {
        Field { path: path.to_owned(), value: value.filter(|v| !v.is_null()) }
    }
    pub(crate) fn at(&self, name: &str) -> Field<'a> {
        let value = self.value.and_then(|v| v.get(name)).filter(|v| !v.is_null());
        Field { path: format!("{}.{name}", self.path), value }
    }
    pub(crate) fn wrong(&self, message: impl Into<String>) -> SpecError {
        SpecError { field: self.path.clone(), message: message.into() }
    }
    fn wrong_type(&self, value: &Value, wanted: &str) -> SpecError {
        self.wrong(format!("is of type {}, not {wanted}", value.type_name()))
    }
    pub(crate) fn map(&self) -> Result<Option<&'a Map>, SpecError> {
        match self.value {
            None => Ok(None),
            Some(Value::Object(map)) => Ok(Some(map)),
            Some(other) => Err(self.wrong_type(other, "an object")),
        }
    }
    /// A text; absent reads as empty, as it does in Flux.
    pub(crate) fn text(&self) -> Result<String, SpecError> {
        Ok(self.optional_text()?.unwrap_or_default())
    }
    pub(crate) fn optional_text(&self) -> Result<Option<String>, SpecError> {
        match self.value {
            None => Ok(None),
            Some(Value::Str(s)) => Ok(Some(s.to_string())),
            Some(other) => Err(self.wrong_type(other, "a string")),
        }
    }
    pub(crate) fn required_text(&self) -> Result<String, SpecError> {
        match self.optional_text()? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(self.wrong("is required")),
        }
    }
    pub(crate) fn flag(&self) -> Result<bool, SpecError> {
        match self.value {
            None => Ok(false),
            Some(Value::Bool(b)) => Ok(*b),
            Some(other) => Err(self.wrong_type(other, "a boolean")),
        }
    }
    pub(crate) fn number(&self) -> Result<Option<i64>, SpecError> {
        match self.value {
            None => Ok(None),
            Some(value) => value.as_i64().map(Some).ok_or_else(|| self.wrong_type(value, "an integer")),
        }
    }
    pub(crate) fn duration(&self) -> Result<Option<GoDuration>, SpecError> {
        let Some(text) = self.optional_text()? else { return Ok(None) };
        match GoDuration::parse(&text) {
            Some(duration) => Ok(Some(duration)),
            None => Err(self.wrong(format!("{text:?} is not a duration such as 1m30s"))),
        }
    }
    pub(crate) fn list(&self) -> Result<Vec<Field<'a>>, SpecError> {
        match self.value {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) if items.len() > MAX_ITEMS => {
                Err(self.wrong(format!("has more than {MAX_ITEMS} items")))
            }
            Some(Value::Array(items)) => Ok(items
                .iter()
                .enumerate()
                .map(|(i, v)| Field::root(&format!("{}[{i}]", self.path), Some(v)))
                .collect()),
            Some(other) => Err(self.wrong_type(other, "a list")),
        }
    }
    pub(crate) fn texts(&self) -> Result<Vec<String>, SpecError> {
        self.list()?.iter().map(Field::text).collect()
    }
    /// A map of texts, in order of names.
    pub(crate) fn text_map(&self) -> Result<Vec<(String, String)>, SpecError> {
        let Some(map) = self.map()? else { return Ok(Vec::new()) };
        map.keys().map(|name| Ok((name.to_string(), self.at(name).text()?))).collect()
    }
    /// The `name` of a reference; `None` where there is no reference.
    pub(crate) fn reference(&self) -> Result<Option<String>, SpecError> {
        match self.map()? {
            None => Ok(None),
            Some(_) => self.at("name").required_text().map(Some),
        }
    }
    pub(crate) fn value(&self) -> Option<&'a Value> {
        self.value
    }
}
