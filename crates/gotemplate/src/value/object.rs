//! [`Object`]: a value of a type with fields and methods of its own.

use std::any::Any;

use super::{Kind, Value};
use crate::context::Context;
use crate::error::Error;
use crate::function::Signature;

/// A value with fields and methods: a Go struct, pointer, or named type with methods.
pub trait Object: Any {
    /// Its Go type as `%T` prints it, e.g. `*semver.Version`.
    fn type_name(&self) -> &str;
    /// Go's kind.
    fn kind(&self) -> Kind {
        self.underlying().map_or(Kind::Struct, |v| v.kind())
    }
    /// A struct's field.
    fn field(&self, _name: &str) -> Option<Value> {
        None
    }
    /// All fields of a struct in their order, for printing with `%v`.
    fn fields(&self) -> Vec<(&str, Value)> {
        Vec::new()
    }
    /// What a method takes; `None` where there is no such method.
    fn method(&self, _name: &str) -> Option<&Signature> {
        None
    }
    /// Calls a method that [`Object::method`] knows; `args` fit its signature.
    fn call(&self, _ctx: &mut Context, name: &str, _args: &[Value]) -> Result<Value, Error> {
        Err(Error::new(format!("no method {name}")))
    }
    /// What its `String()` or `Error()` method gives; `None` where Go's type has neither.
    fn text(&self) -> Option<String> {
        None
    }
    /// Of a named slice, map or scalar type: the plain value, for ranging, indexing and printing.
    fn underlying(&self) -> Option<Value> {
        None
    }
    /// What encoding/json makes of it.
    fn to_json(&self) -> belay_object::Value {
        self.text().map_or(belay_object::Value::Null, belay_object::Value::from)
    }
    /// `reflect.DeepEqual` with another object.
    fn equals(&self, _other: &dyn Object) -> bool {
        false
    }
}
