//! [`Val`]: a jq value. Lists and objects are shared, copied when changed, and know how deep they
//! nest; what is made is counted.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use belay_object::Value;

use super::budget::{made, made_items, nested, spend};
use crate::{Error, ErrorKind};

/// How much of a value an error's text shows.
const SHOWN_BYTES: usize = 100;

/// A value of an evaluation.
#[derive(Clone, Debug)]
pub(super) enum Val {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Arc<str>),
    List(Arc<List>),
    Fields(Arc<Fields>),
}

/// The items of a list.
#[derive(Clone, Debug)]
pub(super) struct List {
    pub(super) items: Vec<Val>,
    depth: u32,
}

/// The fields of an object.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    pub(super) map: BTreeMap<Arc<str>, Val>,
    depth: u32,
}

impl Val {
    pub(super) fn text(text: &str) -> Val {
        made(text.len());
        Val::Str(text.into())
    }
    pub(super) fn owned_text(text: String) -> Val {
        made(text.len());
        Val::Str(text.into())
    }
    pub(super) fn list(items: Vec<Val>) -> Val {
        made_items(items.len());
        let depth = nested(1 + items.iter().map(Val::depth).max().unwrap_or(0));
        Val::List(Arc::new(List { items, depth }))
    }
    pub(super) fn fields(map: BTreeMap<Arc<str>, Val>) -> Val {
        made_items(map.len());
        let depth = nested(1 + map.values().map(Val::depth).max().unwrap_or(0));
        Val::Fields(Arc::new(Fields { map, depth }))
    }
    fn depth(&self) -> u32 {
        match self {
            Val::List(l) => l.depth,
            Val::Fields(f) => f.depth,
            _ => 0,
        }
    }
    pub(super) fn as_str(&self) -> Option<&str> {
        match self {
            Val::Str(s) => Some(s),
            _ => None,
        }
    }
    pub(super) fn as_items(&self) -> Option<&[Val]> {
        match self {
            Val::List(l) => Some(&l.items),
            _ => None,
        }
    }
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Val::Int(i) => Some(*i as f64),
            Val::Float(f) => Some(*f),
            _ => None,
        }
    }
    /// A position; jq cuts off what is behind the point.
    pub(super) fn position(&self) -> Option<i64> {
        match self {
            Val::Int(i) => Some(*i),
            Val::Float(f) if f.is_finite() => Some(f.floor() as i64),
            _ => None,
        }
    }
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Val::Null => "null",
            Val::Bool(_) => "boolean",
            Val::Int(_) | Val::Float(_) => "number",
            Val::Str(_) => "string",
            Val::List(_) => "array",
            Val::Fields(_) => "object",
        }
    }
    /// A document's value.
    pub(super) fn of(value: &Value, room: u32) -> Result<Val, Error> {
        let Some(room) = room.checked_sub(1) else {
            return Err(Error::new(ErrorKind::TooLarge, "the document nests deeper than the jq evaluator takes"));
        };
        Ok(match value {
            Value::Null => Val::Null,
            Value::Bool(b) => Val::Bool(*b),
            Value::Int(i) => Val::Int(*i),
            Value::UInt(u) => Val::Float(*u as f64),
            Value::Float(f) => Val::Float(*f),
            Value::Str(s) => Val::Str((&**s).into()),
            Value::Array(items) => Val::list(items.iter().map(|v| Val::of(v, room)).collect::<Result<_, _>>()?),
            Value::Object(fields) => Val::fields(
                fields.iter().map(|(k, v)| Ok((k.as_str().into(), Val::of(v, room)?))).collect::<Result<_, Error>>()?,
            ),
        })
    }
    /// As a document's value. Counts every node: a shared part becomes as many as it stands for.
    pub(super) fn to_value(&self) -> Value {
        made_items(1);
        match self {
            Val::Null => Value::Null,
            Val::Bool(b) => Value::Bool(*b),
            Val::Int(i) => Value::Int(*i),
            Val::Float(f) if f.is_nan() => Value::Null,
            Val::Float(f) if f.is_infinite() => Value::Float(f64::MAX.copysign(*f)),
            Val::Float(f) if f.fract() == 0.0 && f.abs() < 9.0e15 => Value::Int(*f as i64),
            Val::Float(f) => Value::Float(*f),
            Val::Str(s) => {
                made(s.len());
                Value::from(&**s)
            }
            Val::List(l) => l.items.iter().map(Val::to_value).collect(),
            Val::Fields(f) => {
                Value::Object(f.map.iter().map(|(k, v)| (belay_object::Key::new(k), v.to_value())).collect())
            }
        }
    }
    /// The items, copied where others hold them too.
    pub(super) fn into_items(list: Arc<List>) -> Vec<Val> {
        Arc::try_unwrap(list).map_or_else(
            |shared| {
                made_items(shared.items.len());
                shared.items.clone()
            },
            |own| own.items,
        )
    }
    pub(super) fn into_map(fields: Arc<Fields>) -> BTreeMap<Arc<str>, Val> {
        Arc::try_unwrap(fields).map_or_else(
            |shared| {
                made_items(shared.map.len());
                shared.map.clone()
            },
            |own| own.map,
        )
    }
    /// The fields, to change one of them in place; `changed` must be told of what is put in.
    pub(super) fn map_to_change(fields: &mut Arc<Fields>) -> &mut Fields {
        if Arc::get_mut(fields).is_none() {
            made_items(fields.map.len());
        }
        Arc::make_mut(fields)
    }
    pub(super) fn items_to_change(list: &mut Arc<List>) -> &mut List {
        if Arc::get_mut(list).is_none() {
            made_items(list.items.len());
        }
        Arc::make_mut(list)
    }
    fn rank(&self) -> u8 {
        match self {
            Val::Null => 0,
            Val::Bool(false) => 1,
            Val::Bool(true) => 2,
            Val::Int(_) | Val::Float(_) => 3,
            Val::Str(_) => 4,
            Val::List(_) => 5,
            Val::Fields(_) => 6,
        }
    }
}

impl List {
    /// Notes that this value is put into the list.
    pub(super) fn changed(&mut self, by: &Val) {
        made_items(1);
        self.depth = nested(self.depth.max(by.depth() + 1));
    }
}
impl Fields {
    /// Notes that this value is put into the object.
    pub(super) fn changed(&mut self, by: &Val) {
        made_items(1);
        self.depth = nested(self.depth.max(by.depth() + 1));
    }
}

/// jq's order of all values; two NaN are equal here, so that it is total.
impl Ord for Val {
    fn cmp(&self, other: &Val) -> Ordering {
        match (self, other) {
            (Val::Int(a), Val::Int(b)) => a.cmp(b),
            (Val::Str(a), Val::Str(b)) => {
                spend(a.len().min(b.len()) / 64);
                a.cmp(b)
            }
            (Val::List(a), Val::List(b)) => {
                spend(1 + a.items.len().min(b.items.len()));
                a.items.cmp(&b.items)
            }
            (Val::Fields(a), Val::Fields(b)) => {
                spend(1 + a.map.len().min(b.map.len()));
                a.map.keys().cmp(b.map.keys()).then_with(|| a.map.values().cmp(b.map.values()))
            }
            _ => match (self.number(), other.number()) {
                (Some(a), Some(b)) if a.is_nan() || b.is_nan() => b.is_nan().cmp(&a.is_nan()),
                (Some(a), Some(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
                _ => self.rank().cmp(&other.rank()),
            },
        }
    }
}
#[expect(clippy::non_canonical_partial_ord_impl, reason = "jq compares NaN otherwise than it sorts it")]
impl PartialOrd for Val {
    /// NaN is less than any number, itself included.
    fn partial_cmp(&self, other: &Val) -> Option<Ordering> {
        match (self, other.number()) {
            (Val::Float(a), Some(_)) if a.is_nan() => Some(Ordering::Less),
            _ => Some(self.cmp(other)),
        }
    }
}
impl PartialEq for Val {
    fn eq(&self, other: &Val) -> bool {
        self.partial_cmp(other) == Some(Ordering::Equal)
    }
}
impl Eq for Val {}

/// As an error's text shows it: a text as it is, all else with its type; cut off.
impl fmt::Display for Val {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Val::Str(s) if s.len() <= 10 * SHOWN_BYTES => return f.write_str(s),
            Val::List(l) if l.items.len() > SHOWN_BYTES => return write!(f, "array of {} items", l.items.len()),
            Val::Fields(m) if m.map.len() > SHOWN_BYTES => return write!(f, "object of {} fields", m.map.len()),
            Val::Str(s) if s.len() > SHOWN_BYTES => return write!(f, "string of {} bytes", s.len()),
            other => other.to_value().to_json(),
        };
        match text.char_indices().nth(SHOWN_BYTES) {
            Some((end, _)) => write!(f, "{} ({}...)", self.type_name(), &text[..end]),
            None => write!(f, "{} ({text})", self.type_name()),
        }
    }
}
