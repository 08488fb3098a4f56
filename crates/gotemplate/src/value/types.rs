//! Go's types as far as templates meet them: [`Kind`] (`reflect.Kind`), [`Type`] of a slice or map
//! and [`Elem`], what it holds.

use super::{List, Map, Str, Value};
use crate::context::Context;
use crate::error::Error;
use crate::function::Signature;

/// Go's `reflect.Kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No value.
    Invalid,
    /// `bool`
    Bool,
    /// `int`
    Int,
    /// `int32`
    Int32,
    /// `int64`
    Int64,
    /// `uint8`
    Uint8,
    /// `uint32`
    Uint32,
    /// `uint64`
    Uint64,
    /// `float64`
    Float64,
    /// `complex128`
    Complex128,
    /// `string`
    String,
    /// `slice`
    Slice,
    /// `map`
    Map,
    /// `ptr`
    Ptr,
    /// `struct`
    Struct,
    /// `func`
    Func,
}

impl Kind {
    /// As Go prints it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Invalid => "invalid",
            Kind::Bool => "bool",
            Kind::Int => "int",
            Kind::Int32 => "int32",
            Kind::Int64 => "int64",
            Kind::Uint8 => "uint8",
            Kind::Uint32 => "uint32",
            Kind::Uint64 => "uint64",
            Kind::Float64 => "float64",
            Kind::Complex128 => "complex128",
            Kind::String => "string",
            Kind::Slice => "slice",
            Kind::Map => "map",
            Kind::Ptr => "ptr",
            Kind::Struct => "struct",
            Kind::Func => "func",
        }
    }
}

/// The type of a slice or of a map from strings.
#[derive(Debug)]
pub struct Type {
    /// As `%T` prints it.
    pub name: &'static str,
    /// What it holds.
    pub elem: Elem,
    /// Whether the type has a name of its own, as `common.Values` has. Such a value can be passed
    /// where the plain type is wanted, and is of the plain type then.
    pub named: bool,
    /// The methods of a named map type; each goes before an entry of its name.
    pub methods: &'static [MapMethod],
}

/// A method of a named map type.
#[derive(Debug)]
pub struct MapMethod {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub signature: Signature,
    /// Calls it; the arguments fit the signature.
    pub call: fn(&mut Context, &Map, &[Value]) -> Result<Value, Error>,
}

/// The type of a slice's or map's elements.
#[derive(Clone, Copy, Debug)]
pub enum Elem {
    /// `interface {}`
    Any,
    /// `bool`
    Bool,
    /// `string`
    String,
    /// `int`
    Int,
    /// `int64`
    Int64,
    /// `float64`
    Float64,
    /// `[]uint8`
    Bytes,
    /// A slice.
    List(&'static Type),
    /// A map.
    Map(&'static Type),
    /// A type with methods, by its name.
    Object(&'static str),
}

impl Type {
    /// `[]interface {}`
    pub const LIST: &'static Type = &Type::of("[]interface {}", Elem::Any);
    /// `[]string`
    pub const STRINGS: &'static Type = &Type::of("[]string", Elem::String);
    /// `[]int`
    pub const INTS: &'static Type = &Type::of("[]int", Elem::Int);
    /// `[]map[string]interface {}`
    pub const MAPS: &'static Type = &Type::of("[]map[string]interface {}", Elem::Map(Type::MAP));
    /// `[][]interface {}`
    pub const LISTS: &'static Type = &Type::of("[][]interface {}", Elem::List(Type::LIST));
    /// `map[string]interface {}`
    pub const MAP: &'static Type = &Type::of("map[string]interface {}", Elem::Any);
    /// `map[string]string`
    pub const STRING_MAP: &'static Type = &Type::of("map[string]string", Elem::String);

    /// A type without a name of its own.
    pub const fn of(name: &'static str, elem: Elem) -> Type {
        Type { name, elem, named: false, methods: &[] }
    }
    /// A type with a name of its own (`type Values map[string]interface {}`).
    pub const fn named(name: &'static str, elem: Elem) -> Type {
        Type { name, elem, named: true, methods: &[] }
    }
    /// A map type with a name and methods of its own.
    pub const fn with_methods(name: &'static str, elem: Elem, methods: &'static [MapMethod]) -> Type {
        Type { name, elem, named: true, methods }
    }
}

impl Elem {
    /// As `%T` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Elem::Any => "interface {}",
            Elem::Bool => "bool",
            Elem::String => "string",
            Elem::Int => "int",
            Elem::Int64 => "int64",
            Elem::Float64 => "float64",
            Elem::Bytes => "[]uint8",
            Elem::List(t) | Elem::Map(t) => t.name,
            Elem::Object(name) => name,
        }
    }
    /// Go's zero value of the type.
    pub fn zero(self) -> Value {
        match self {
            Elem::Any | Elem::Object(_) => Value::Nil,
            Elem::Bool => Value::Bool(false),
            Elem::String => Value::Str(Str::default()),
            Elem::Int => Value::Int(0),
            Elem::Int64 => Value::Int64(0),
            Elem::Float64 => Value::Float(0.0),
            Elem::Bytes => Value::Bytes(Str::default()),
            Elem::List(t) => Value::List(List::nil(t)),
            Elem::Map(t) => Value::Map(Map::nil(t)),
        }
    }
}
