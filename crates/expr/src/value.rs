//! [`Val`]: a value of an evaluation. Objects and lists of a document are borrowed, not copied.

use std::sync::Arc;

use belay_object::{Map, Value};
use kube_cel::cel::Value as Cel;

use crate::time::{Duration, Timestamp};
use crate::{Error, ErrorKind};

/// A value bound to a name, or the result of an expression.
#[derive(Clone, Debug)]
pub struct Val<'a>(pub(crate) Repr<'a>);

#[derive(Clone, Debug)]
pub(crate) enum Repr<'a> {
    Null,
    Bool(bool),
    Int(i64),
    UInt(u64),
    Double(f64),
    Str(Arc<str>),
    /// Text of the document.
    Text(&'a str),
    Bytes(Arc<[u8]>),
    Duration(Duration),
    Timestamp(Timestamp),
    List(Arc<Vec<Val<'a>>>),
    /// A list of the document.
    Items(&'a [Value]),
    /// In the order in which it was written.
    Map(Arc<Vec<(Val<'a>, Val<'a>)>>),
    /// An object of the document.
    Fields(&'a Map),
    Type(&'static str),
    Optional(Option<Arc<Val<'a>>>),
    /// A quantity, a URL, an address: made and understood by extension functions alone.
    Foreign(Cel),
}

impl<'a> Val<'a> {
    /// A document's value.
    pub fn json(value: &'a Value) -> Val<'a> {
        Val(match value {
            Value::Null => Repr::Null,
            Value::Bool(b) => Repr::Bool(*b),
            Value::Int(i) => Repr::Int(*i),
            Value::UInt(u) => Repr::UInt(*u),
            Value::Float(f) => Repr::Double(*f),
            Value::Str(s) => Repr::Text(s),
            Value::Array(items) => Repr::Items(items),
            Value::Object(fields) => Repr::Fields(fields),
        })
    }
    /// `null`
    pub fn null() -> Val<'a> {
        Val(Repr::Null)
    }
    /// Text.
    pub fn text(text: &str) -> Val<'a> {
        Val(Repr::Str(text.into()))
    }
    /// A map with these names.
    pub fn map(fields: impl Iterator<Item = (&'a str, Val<'a>)>) -> Val<'a> {
        Val(Repr::Map(Arc::new(fields.map(|(name, value)| (Val(Repr::Text(name)), value)).collect())))
    }
    /// A list.
    pub fn list(items: impl Iterator<Item = Val<'a>>) -> Val<'a> {
        Val(Repr::List(Arc::new(items.collect())))
    }
    /// An optional value.
    pub fn optional(value: Option<Val<'a>>) -> Val<'a> {
        Val(Repr::Optional(value.map(Arc::new)))
    }
    /// A point in time from RFC 3339 text.
    pub fn timestamp(text: &str) -> Option<Val<'a>> {
        Timestamp::parse(text).map(|t| Val(Repr::Timestamp(t)))
    }
    /// A span of time from Go's form (`1h30m`).
    pub fn duration(text: &str) -> Option<Val<'a>> {
        Duration::parse(text).map(|d| Val(Repr::Duration(d)))
    }
    /// The boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self.0 {
            Repr::Bool(b) => Some(b),
            _ => None,
        }
    }
    /// The text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.0 {
            Repr::Str(s) => Some(s),
            Repr::Text(s) => Some(s),
            _ => None,
        }
    }
    /// As JSON; an error where it is nothing JSON has.
    pub fn to_value(&self) -> Result<Value, Error> {
        Ok(match &self.0 {
            Repr::Null => Value::Null,
            Repr::Bool(b) => Value::Bool(*b),
            Repr::Int(i) => Value::Int(*i),
            Repr::UInt(u) => Value::from(*u),
            Repr::Double(f) => Value::Float(*f),
            Repr::Str(s) => Value::from(&**s),
            Repr::Text(s) => Value::from(*s),
            Repr::Duration(d) => Value::from(d.to_text()),
            Repr::Timestamp(t) => Value::from(t.to_text()),
            Repr::List(items) => Value::Array(items.iter().map(Val::to_value).collect::<Result<_, _>>()?),
            Repr::Items(items) => Value::Array(items.iter().cloned().collect()),
            Repr::Map(entries) => {
                let mut map = Map::new();
                for (key, value) in entries.iter() {
                    map.insert(crate::functions::to_text(key)?, value.to_value()?);
                }
                Value::Object(map)
            }
            Repr::Fields(map) => Value::Object((*map).clone()),
            Repr::Optional(Some(value)) => value.to_value()?,
            Repr::Optional(None) => Value::Null,
            Repr::Bytes(_) | Repr::Type(_) | Repr::Foreign(_) => {
                return Err(Error::new(ErrorKind::Result, format!("a {} is no JSON value", self.type_name())));
            }
        })
    }
    pub(crate) fn type_name(&self) -> &'static str {
        match &self.0 {
            Repr::Null => "null_type",
            Repr::Bool(_) => "bool",
            Repr::Int(_) => "int",
            Repr::UInt(_) => "uint",
            Repr::Double(_) => "double",
            Repr::Str(_) | Repr::Text(_) => "string",
            Repr::Bytes(_) => "bytes",
            Repr::Duration(_) => "google.protobuf.Duration",
            Repr::Timestamp(_) => "google.protobuf.Timestamp",
            Repr::List(_) | Repr::Items(_) => "list",
            Repr::Map(_) | Repr::Fields(_) => "map",
            Repr::Type(_) => "type",
            Repr::Optional(_) => "optional_type",
            Repr::Foreign(_) => "opaque",
        }
    }
    /// How many items a list has.
    pub(crate) fn list_len(&self) -> Option<usize> {
        match &self.0 {
            Repr::List(items) => Some(items.len()),
            Repr::Items(items) => Some(items.len()),
            _ => None,
        }
    }
    pub(crate) fn list_item(&self, at: usize) -> Option<Val<'a>> {
        match &self.0 {
            Repr::List(items) => items.get(at).cloned(),
            Repr::Items(items) => items.get(at).map(Val::json),
            _ => None,
        }
    }
    pub(crate) fn map_len(&self) -> Option<usize> {
        match &self.0 {
            Repr::Map(entries) => Some(entries.len()),
            Repr::Fields(map) => Some(map.len()),
            _ => None,
        }
    }
    /// The keys of a map, or the items of a list: what a loop goes over.
    pub(crate) fn elements(&self) -> Option<Vec<Val<'a>>> {
        Some(match &self.0 {
            Repr::Map(entries) => entries.iter().map(|(k, _)| k.clone()).collect(),
            Repr::Fields(map) => map.keys().map(|k| Val(Repr::Text(k.as_str()))).collect(),
            Repr::List(items) => items.to_vec(),
            Repr::Items(items) => items.iter().map(Val::json).collect(),
            _ => return None,
        })
    }
    /// The value of a map's key; the error where it is no map.
    pub(crate) fn map_get(&self, key: &Val<'a>) -> Option<Option<Val<'a>>> {
        match &self.0 {
            Repr::Map(entries) => {
                Some(entries.iter().find(|(k, _)| crate::operators::equal(k, key)).map(|(_, v)| v.clone()))
            }
            Repr::Fields(map) => Some(key.as_str().and_then(|k| map.get(k)).map(Val::json)),
            _ => None,
        }
    }
    /// A field by name, which may be escaped.
    pub(crate) fn field(&self, name: &str) -> Option<Option<Val<'a>>> {
        let find = |name: &str| match &self.0 {
            Repr::Map(entries) => Some(entries.iter().find(|(k, _)| k.as_str() == Some(name)).map(|(_, v)| v.clone())),
            Repr::Fields(map) => Some(map.get(name).map(Val::json)),
            _ => None,
        };
        match find(name) {
            Some(None) if name.contains("__") => find(&crate::unescape_name(name)),
            found => found,
        }
    }
}
