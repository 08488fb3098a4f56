//! [`Value`] and [`Map`]: one JSON value, compactly.
//!
//! A value is 24 bytes; a field is 40 bytes with its key. Maps are sorted by key (byte order of the
//! name), which is also the order in which Go writes JSON maps.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Index;

use thin_vec::ThinVec;

use crate::Key;

/// One JSON value. Integers that fit are `Int`; those above `i64::MAX` that fit are `UInt`
/// (*Invariant*: a `UInt` is always greater than `i64::MAX`); all else numeric is `Float`.
#[derive(Clone, Default)]
pub enum Value {
    /// `null`
    #[default]
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number above `i64::MAX`.
    UInt(u64),
    /// Any other number.
    Float(f64),
    /// Text.
    Str(Box<str>),
    /// A list.
    Array(ThinVec<Value>),
    /// A map from field names to values.
    Object(Map),
}

/// The fields of an object, sorted by name, each name once.
#[derive(Clone, Default, PartialEq)]
pub struct Map(ThinVec<(Key, Value)>);

const NULL: Value = Value::Null;

impl Value {
    /// The empty object `{}`.
    pub fn object() -> Value {
        Value::Object(Map::new())
    }
    /// Whether this is `null`.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::Str(s) => Some(s),
            _ => None,
        }
    }
    /// The boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(b) => Some(*b),
            _ => None,
        }
    }
    /// The whole number; a float that is whole counts.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(i) => Some(*i),
            Value::Float(f) if f.fract() == 0.0 && f.abs() < 9.0e15 => Some(*f as i64),
            _ => None,
        }
    }
    /// Any number as a float.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Value::Int(i) => Some(*i as f64),
            Value::UInt(u) => Some(*u as f64),
            Value::Float(f) => Some(*f),
            _ => None,
        }
    }
    /// The list.
    pub fn as_array(&self) -> Option<&ThinVec<Value>> {
        match self {
            Value::Array(a) => Some(a),
            _ => None,
        }
    }
    /// The list, to change.
    pub fn as_array_mut(&mut self) -> Option<&mut ThinVec<Value>> {
        match self {
            Value::Array(a) => Some(a),
            _ => None,
        }
    }
    /// The fields.
    pub fn as_object(&self) -> Option<&Map> {
        match self {
            Value::Object(m) => Some(m),
            _ => None,
        }
    }
    /// The fields, to change.
    pub fn as_object_mut(&mut self) -> Option<&mut Map> {
        match self {
            Value::Object(m) => Some(m),
            _ => None,
        }
    }
    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Value] {
        self.as_array().map_or(&[], |a| a.as_slice())
    }
    /// The field of an object; `None` when absent or not an object.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_object()?.get(key)
    }
    /// The field of an object, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.as_object_mut()?.get_mut(key)
    }
    /// Follows field names down; `None` when one is absent.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(self, |v, k| v.get(k))
    }
    /// The string at a path of field names.
    pub fn str_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path)?.as_str()
    }
    /// Follows field names down, making objects where something is absent, null or not an object.
    pub fn at_or_insert(&mut self, path: &[&str]) -> &mut Value {
        let mut v = self;
        for key in path {
            v = v.object_or_insert().entry(key);
        }
        v
    }
    /// Sets what stands at a path of field names, making objects on the way.
    pub fn set(&mut self, path: &[&str], value: impl Into<Value>) {
        *self.at_or_insert(path) = value.into();
    }
    /// Removes what stands at a path of field names.
    pub fn remove(&mut self, path: &[&str]) -> Option<Value> {
        let (last, front) = path.split_last()?;
        let mut v = self;
        for key in front {
            v = v.get_mut(key)?;
        }
        v.as_object_mut()?.remove(last)
    }
    /// This as an object, replaced by `{}` where it is none.
    pub fn object_or_insert(&mut self) -> &mut Map {
        if !matches!(self, Value::Object(_)) {
            *self = Value::object();
        }
        match self {
            Value::Object(m) => m,
            _ => unreachable!("replaced above"),
        }
    }
    /// Looks up an RFC 6901 JSON pointer (`/spec/template/0`).
    pub fn pointer(&self, pointer: &str) -> Option<&Value> {
        if pointer.is_empty() {
            return Some(self);
        }
        let mut v = self;
        for token in pointer.strip_prefix('/')?.split('/') {
            let token = unescape_pointer(token);
            v = match v {
                Value::Object(m) => m.get(&token)?,
                Value::Array(a) => a.get(token.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(v)
    }
    /// The name of the JSON type, as Go's error texts say it.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Int(_) | Value::UInt(_) => "integer",
            Value::Float(_) => "number",
            Value::Str(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        }
    }
    /// Gives back memory that growing lists and maps hold in reserve, all the way down.
    pub fn shrink(&mut self) {
        match self {
            Value::Array(a) => {
                a.shrink_to_fit();
                a.iter_mut().for_each(Value::shrink);
            }
            Value::Object(m) => {
                m.0.shrink_to_fit();
                m.0.iter_mut().for_each(|(_, v)| v.shrink());
            }
            _ => {}
        }
    }
}

/// Decodes `~1` and `~0` of a JSON pointer's token.
pub(crate) fn unescape_pointer(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

impl Map {
    /// The empty map.
    pub fn new() -> Map {
        Map(ThinVec::new())
    }
    /// An empty map with room for `n` fields.
    pub fn with_capacity(n: usize) -> Map {
        Map(ThinVec::with_capacity(n))
    }
    /// Makes a map of fields in any order; of equal names the last counts. Says whether there were
    /// any. Sorting all at once takes O(n log n), where inserting one by one takes O(n^2).
    pub fn from_fields(mut fields: ThinVec<(Key, Value)>) -> (Map, bool) {
        if fields.windows(2).all(|pair| pair[0].0.as_str() < pair[1].0.as_str()) {
            return (Map(fields), false);
        }
        fields.sort_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        let count = fields.len();
        let mut kept: ThinVec<(Key, Value)> = ThinVec::with_capacity(count);
        for field in fields {
            match kept.last_mut() {
                Some(last) if last.0.as_str() == field.0.as_str() => *last = field,
                _ => kept.push(field),
            }
        }
        let map = Map(kept);
        let any_equal = map.len() < count;
        (map, any_equal)
    }
    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there are no fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    fn find(&self, key: &str) -> Result<usize, usize> {
        // Most inserts come in order: looking at the last first makes building O(n).
        match self.0.last() {
            None => return Err(0),
            Some((last, _)) => match last.as_str().cmp(key) {
                Ordering::Less => return Err(self.0.len()),
                Ordering::Equal => return Ok(self.0.len() - 1),
                Ordering::Greater => {}
            },
        }
        self.0.binary_search_by(|(k, _)| k.as_str().cmp(key))
    }
    /// The value of a field.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.find(key).ok().map(|i| &self.0[i].1)
    }
    /// The value of a field, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.find(key).ok().map(|i| &mut self.0[i].1)
    }
    /// Whether a field is there.
    pub fn contains_key(&self, key: &str) -> bool {
        self.find(key).is_ok()
    }
    /// Sets a field and gives what it was.
    pub fn insert(&mut self, key: impl Into<Key>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        match self.find(&key) {
            Ok(i) => Some(std::mem::replace(&mut self.0[i].1, value)),
            Err(i) => {
                self.0.insert(i, (key, value));
                None
            }
        }
    }
    /// The value of a field, `null` inserted where it is absent.
    pub fn entry(&mut self, key: &str) -> &mut Value {
        let i = match self.find(key) {
            Ok(i) => i,
            Err(i) => {
                self.0.insert(i, (Key::new(key), Value::Null));
                i
            }
        };
        &mut self.0[i].1
    }
    /// Removes a field and gives it.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.find(key).ok().map(|i| self.0.remove(i).1)
    }
    /// Keeps the fields for which `keep` holds.
    pub fn retain(&mut self, mut keep: impl FnMut(&Key, &mut Value) -> bool) {
        self.0.retain_mut(|(k, v)| keep(k, v));
    }
    /// The fields in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Key, &Value)> + ExactSizeIterator {
        self.0.iter().map(|(k, v)| (k, v))
    }
    /// The fields in order, values to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Key, &mut Value)> {
        self.0.iter_mut().map(|(k, v)| (&*k, v))
    }
    /// The names in order.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.0.iter().map(|(k, _)| k)
    }
    /// The values in order of their names.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().map(|(_, v)| v)
    }
    /// The string of a field.
    pub fn str(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }
}

impl IntoIterator for Map {
    type Item = (Key, Value);
    type IntoIter = thin_vec::IntoIter<(Key, Value)>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
/// A later field of the same name wins.
impl<K: Into<Key>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(fields: T) -> Map {
        Map::from_fields(fields.into_iter().map(|(k, v)| (k.into(), v.into())).collect()).0
    }
}
/// Panics where a position is out of bounds or the value is no list.
impl Index<usize> for Value {
    type Output = Value;
    fn index(&self, i: usize) -> &Value {
        &self.items()[i]
    }
}
/// Gives `null` where the field is absent.
impl Index<&str> for Value {
    type Output = Value;
    fn index(&self, key: &str) -> &Value {
        self.get(key).unwrap_or(&NULL)
    }
}

impl PartialEq for Value {
    /// Numbers compare by value across their forms, as JSON's do: `1` equals `1.0`.
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::UInt(a), Value::UInt(b)) => a == b,
            (Value::Str(a), Value::Str(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a == b,
            (Value::Object(a), Value::Object(b)) => a == b,
            (Value::Float(_), _) | (_, Value::Float(_)) => {
                matches!((self.as_f64(), other.as_f64()), (Some(a), Some(b)) if a == b)
            }
            _ => false,
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}
impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl From<bool> for Value {
    fn from(v: bool) -> Value {
        Value::Bool(v)
    }
}
impl From<i64> for Value {
    fn from(v: i64) -> Value {
        Value::Int(v)
    }
}
impl From<i32> for Value {
    fn from(v: i32) -> Value {
        Value::Int(v.into())
    }
}
impl From<u32> for Value {
    fn from(v: u32) -> Value {
        Value::Int(v.into())
    }
}
impl From<u64> for Value {
    fn from(v: u64) -> Value {
        i64::try_from(v).map_or(Value::UInt(v), Value::Int)
    }
}
impl From<usize> for Value {
    fn from(v: usize) -> Value {
        Value::from(v as u64)
    }
}
impl From<f64> for Value {
    fn from(v: f64) -> Value {
        Value::Float(v)
    }
}
impl From<&str> for Value {
    fn from(v: &str) -> Value {
        Value::Str(v.into())
    }
}
impl From<String> for Value {
    fn from(v: String) -> Value {
        Value::Str(v.into())
    }
}
impl From<&String> for Value {
    fn from(v: &String) -> Value {
        Value::Str(v.as_str().into())
    }
}
impl From<Box<str>> for Value {
    fn from(v: Box<str>) -> Value {
        Value::Str(v)
    }
}
impl From<Key> for Value {
    fn from(v: Key) -> Value {
        Value::Str(v.as_str().into())
    }
}
impl From<Map> for Value {
    fn from(v: Map) -> Value {
        Value::Object(v)
    }
}
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(v: Option<T>) -> Value {
        v.map_or(Value::Null, Into::into)
    }
}
impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(v: Vec<T>) -> Value {
        v.into_iter().collect()
    }
}
impl<T: Into<Value>, const N: usize> From<[T; N]> for Value {
    fn from(v: [T; N]) -> Value {
        v.into_iter().collect()
    }
}
impl<T: Into<Value>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Value {
        Value::Array(items.into_iter().map(Into::into).collect())
    }
}

/// Writes an object literal: `object! { "kind" => "Secret", "data" => object! {} }`.
#[macro_export]
macro_rules! object {
    () => { $crate::Value::Object($crate::Map::new()) };
    ($($key:expr => $value:expr),+ $(,)?) => {{
        let mut map = $crate::Map::new();
        $(map.insert($key, $value);)+
        $crate::Value::Object(map)
    }};
}
