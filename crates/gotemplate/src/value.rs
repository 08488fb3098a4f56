//! [`Value`]: what templates compute with, typed as Go types it.
//!
//! Clones are cheap: strings, lists, maps and objects are shared. Maps are shared *by reference*
//! and can be changed through any of their handles, as Go's are ([`Map`]); lists cannot.
//!
//! A value knows its Go type, because Go's texts and rules depend on it: `typeOf`, `%T`, which
//! numbers compare with which, what a nil slice prints.

mod bytes;
mod convert;
mod list;
mod map;
mod object;
mod types;

pub use bytes::{Str, lossy};
pub use list::List;
pub use map::Map;
pub use object::Object;
pub use types::{Elem, Kind, MapMethod, Type};

use std::rc::Rc;

use crate::function::Function;

/// How deep values may nest where they are walked (printed, copied, converted): far beyond what
/// people write, and safe on a thread's stack of 2 MiB.
pub const MAX_DEPTH: usize = 500;

/// How many items a walk over a value may meet: a list that holds another one twice, which holds
/// another one twice, and so on, has more than there are atoms.
pub(crate) const MAX_ITEMS: u32 = 10_000_000;

/// One value of a template.
#[derive(Clone, Default)]
pub enum Value {
    /// Go's untyped nil: an absent value, or an interface that holds nothing.
    #[default]
    Nil,
    /// `bool`
    Bool(bool),
    /// `int`, 64 bits wide
    Int(i64),
    /// `int64`
    Int64(i64),
    /// `int32`, also `rune`
    Int32(i32),
    /// `uint8`, also `byte`
    Uint8(u8),
    /// `uint32`
    Uint32(u32),
    /// `uint64`
    Uint64(u64),
    /// `float64`
    Float(f64),
    /// `complex128`, only ever from a literal like `1i`
    Complex(f64, f64),
    /// `string`: bytes, not necessarily UTF-8
    Str(Str),
    /// `[]uint8`, also `[]byte`
    Bytes(Str),
    /// A slice.
    List(List),
    /// A map from strings.
    Map(Map),
    /// A value with fields and methods.
    Object(Rc<dyn Object>),
    /// A function as a value, for `call`.
    Func(Function),
}

impl Value {
    /// A `string`.
    pub fn str(s: impl Into<Str>) -> Value {
        Value::Str(s.into())
    }
    /// A `[]interface {}`.
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(List::new(items))
    }
    /// An object.
    pub fn object(object: impl Object) -> Value {
        Value::Object(Rc::new(object))
    }
    /// Whether this is the untyped nil.
    pub fn is_nil(&self) -> bool {
        matches!(self, Value::Nil)
    }
    /// Go's `reflect.Kind`.
    pub fn kind(&self) -> Kind {
        match self {
            Value::Nil => Kind::Invalid,
            Value::Bool(_) => Kind::Bool,
            Value::Int(_) => Kind::Int,
            Value::Int64(_) => Kind::Int64,
            Value::Int32(_) => Kind::Int32,
            Value::Uint8(_) => Kind::Uint8,
            Value::Uint32(_) => Kind::Uint32,
            Value::Uint64(_) => Kind::Uint64,
            Value::Float(_) => Kind::Float64,
            Value::Complex(..) => Kind::Complex128,
            Value::Str(_) => Kind::String,
            Value::Bytes(_) | Value::List(_) => Kind::Slice,
            Value::Map(_) => Kind::Map,
            Value::Object(o) => o.kind(),
            Value::Func(_) => Kind::Func,
        }
    }
    /// The name of its Go type, as `%T` prints it: `map[string]interface {}`; `<nil>` of nil.
    pub fn type_name(&self) -> &str {
        match self {
            Value::Nil => "<nil>",
            Value::Bytes(_) => "[]uint8",
            Value::List(l) => l.type_of().name,
            Value::Map(m) => m.type_of().name,
            Value::Object(o) => o.type_name(),
            Value::Func(_) => "func(...interface {}) (interface {}, error)",
            _ => self.kind().name(),
        }
    }
    /// The same, of what a pointer points at.
    pub(crate) fn pointee_name(&self) -> &str {
        let name = self.type_name();
        name.strip_prefix('*').unwrap_or(name)
    }
    /// Go's truth: not the zero of its type, not empty; structs are true.
    pub fn truth(&self) -> bool {
        match self {
            Value::Nil => false,
            Value::Bool(b) => *b,
            Value::Int(i) | Value::Int64(i) => *i != 0,
            Value::Int32(i) => *i != 0,
            Value::Uint8(i) => *i != 0,
            Value::Uint32(i) => *i != 0,
            Value::Uint64(i) => *i != 0,
            Value::Float(f) => *f != 0.0,
            Value::Complex(re, im) => *re != 0.0 || *im != 0.0,
            Value::Str(s) | Value::Bytes(s) => !s.is_empty(),
            Value::List(l) => !l.is_empty(),
            Value::Map(m) => !m.is_empty(),
            Value::Object(o) => o.underlying().is_none_or(|v| v.truth()),
            Value::Func(_) => true,
        }
    }
    /// The bytes of a `string`.
    pub fn as_str(&self) -> Option<&Str> {
        match self {
            Value::Str(s) => Some(s),
            _ => None,
        }
    }
    /// The number of any of Go's signed or unsigned integers; `None` above `i64::MAX`.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(i) | Value::Int64(i) => Some(*i),
            Value::Int32(i) => Some((*i).into()),
            Value::Uint8(i) => Some((*i).into()),
            Value::Uint32(i) => Some((*i).into()),
            Value::Uint64(i) => i64::try_from(*i).ok(),
            _ => None,
        }
    }
    /// The map.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(m) => Some(m),
            _ => None,
        }
    }
    /// The list; of `[]byte` use [`Value::items`].
    pub fn as_list(&self) -> Option<&List> {
        match self {
            Value::List(l) => Some(l),
            _ => None,
        }
    }
    /// The items of any slice, copied out; `None` of what is no slice.
    pub fn items(&self) -> Option<Vec<Value>> {
        match self {
            Value::List(l) => Some(l.to_vec()),
            Value::Bytes(b) => Some(b.iter().map(|b| Value::Uint8(*b)).collect()),
            Value::Object(o) => o.underlying()?.items(),
            _ => None,
        }
    }
    /// The object as what it is.
    pub fn downcast<T: Object>(&self) -> Option<&T> {
        match self {
            Value::Object(o) => (&**o as &dyn std::any::Any).downcast_ref(),
            _ => None,
        }
    }
    /// Whether two values are equal as Go's `reflect.DeepEqual` has it: types too.
    pub fn deep_equal(&self, other: &Value) -> bool {
        deep_equal(self, other, 0, &mut MAX_ITEMS.clone())
    }
}

/// What is nested deeper or has more items than the limits is not equal.
fn deep_equal(a: &Value, b: &Value, depth: usize, items: &mut u32) -> bool {
    *items = items.saturating_sub(1);
    if depth > MAX_DEPTH || *items == 0 {
        return false;
    }
    match (a, b) {
        (Value::Nil, Value::Nil) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) | (Value::Int64(a), Value::Int64(b)) => a == b,
        (Value::Int32(a), Value::Int32(b)) => a == b,
        (Value::Uint8(a), Value::Uint8(b)) => a == b,
        (Value::Uint32(a), Value::Uint32(b)) => a == b,
        (Value::Uint64(a), Value::Uint64(b)) => a == b,
        (Value::Float(a), Value::Float(b)) => a == b,
        (Value::Complex(a, b), Value::Complex(c, d)) => a == c && b == d,
        (Value::Str(a), Value::Str(b)) | (Value::Bytes(a), Value::Bytes(b)) => a == b,
        (Value::List(a), Value::List(b)) => {
            a.type_of().name == b.type_of().name
                && a.is_nil() == b.is_nil()
                && a.len() == b.len()
                && a.iter().zip(b.iter()).all(|(a, b)| deep_equal(a, b, depth + 1, items))
        }
        (Value::Map(a), Value::Map(b)) if a.is_same(b) => a.type_of().name == b.type_of().name,
        (Value::Map(a), Value::Map(b)) => {
            if a.type_of().name != b.type_of().name || a.is_nil() != b.is_nil() || a.len() != b.len() {
                return false;
            }
            let (a, b) = (a.entries(), b.entries());
            a.iter().zip(&b).all(|((ka, a), (kb, b))| ka == kb && deep_equal(a, b, depth + 1, items))
        }
        (Value::Object(a), Value::Object(b)) => Rc::ptr_eq(a, b) || a.equals(&**b),
        _ => false,
    }
}

impl std::fmt::Debug for Value {
    /// As `%v` prints it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&crate::fmt::to_string(self).to_string_lossy())
    }
}
