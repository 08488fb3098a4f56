//! [`Function`]: what a template may call, with a Go signature; [`Functions`]: those by name.
//!
//! Go checks arguments against a function's parameter types before it calls it, and says so at the
//! argument ("wrong type for value; expected string; got float64"). So does the executor, from the
//! [`Signature`]: a body is only called with values that fit.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::context::Context;
use crate::error::Error;
use crate::value::Value;

/// The Go type of a parameter, and what a body gets for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Param {
    /// `interface {}`: any value.
    Any,
    /// `bool`: [`Value::Bool`].
    Bool,
    /// `int`: [`Value::Int`].
    Int,
    /// `int64`: [`Value::Int64`].
    Int64,
    /// `uint32`: [`Value::Uint32`].
    Uint32,
    /// `float64`: [`Value::Float`].
    Float64,
    /// `string`: [`Value::Str`].
    String,
    /// `[]interface {}`: [`Value::List`], the nil one for nil.
    List,
    /// `[]string`: [`Value::List`], the nil one for nil.
    Strings,
    /// `map[string]interface {}`: [`Value::Map`] of exactly that type, the nil one for nil.
    Map,
    /// A type with methods, by the name that its objects have: [`Value::Object`]. Pointers (`*`)
    /// take nil too.
    Object(&'static str),
}

impl Param {
    /// As Go prints the type.
    pub fn name(self) -> &'static str {
        match self {
            Param::Any => "interface {}",
            Param::Bool => "bool",
            Param::Int => "int",
            Param::Int64 => "int64",
            Param::Uint32 => "uint32",
            Param::Float64 => "float64",
            Param::String => "string",
            Param::List => "[]interface {}",
            Param::Strings => "[]string",
            Param::Map => "map[string]interface {}",
            Param::Object(name) => name,
        }
    }
}

/// What a function or method takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The fixed parameters.
    pub params: &'static [Param],
    /// The type of any number of further arguments (`...T`).
    pub rest: Option<Param>,
}

impl Signature {
    /// Exactly these parameters.
    pub const fn fixed(params: &'static [Param]) -> Signature {
        Signature { params, rest: None }
    }
    /// These parameters and any number of `rest`.
    pub const fn variadic(params: &'static [Param], rest: Param) -> Signature {
        Signature { params, rest: Some(rest) }
    }
    /// The type of the argument at `index`; the last parameter's beyond the end.
    pub(crate) fn param(&self, index: usize) -> Param {
        self.params.get(index).copied().or(self.rest).unwrap_or(Param::Any)
    }
}

type Body = dyn Fn(&mut Context, &[Value]) -> Result<Value, Error> + Send + Sync;

/// A function that templates can call. Cheap to clone.
#[derive(Clone)]
pub struct Function(Arc<Inner>);

struct Inner {
    name: Box<str>,
    signature: Signature,
    body: Box<Body>,
}

impl Function {
    /// A function of these parameters. `body` gets exactly as many arguments, each of its type.
    pub fn new(
        name: &str,
        params: &'static [Param],
        body: impl Fn(&mut Context, &[Value]) -> Result<Value, Error> + Send + Sync + 'static,
    ) -> Function {
        Function::with_signature(name, Signature::fixed(params), body)
    }
    /// A function of these parameters and any number of `rest`. `body` gets at least as many
    /// arguments as `params` has.
    pub fn variadic(
        name: &str,
        params: &'static [Param],
        rest: Param,
        body: impl Fn(&mut Context, &[Value]) -> Result<Value, Error> + Send + Sync + 'static,
    ) -> Function {
        Function::with_signature(name, Signature::variadic(params, rest), body)
    }
    fn with_signature(
        name: &str,
        signature: Signature,
        body: impl Fn(&mut Context, &[Value]) -> Result<Value, Error> + Send + Sync + 'static,
    ) -> Function {
        Function(Arc::new(Inner { name: name.into(), signature, body: Box::new(body) }))
    }
    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }
    /// What it takes.
    pub fn signature(&self) -> &Signature {
        &self.0.signature
    }
    /// Calls it; `args` must fit the signature.
    pub fn call(&self, ctx: &mut Context, args: &[Value]) -> Result<Value, Error> {
        (self.0.body)(ctx, args)
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({})", self.name())
    }
}

/// Functions by name. Go's own (`and`, `index`, `printf`, ...) are always there; one of the same
/// name here goes before them.
#[derive(Clone, Debug, Default)]
pub struct Functions(HashMap<Box<str>, Function, foldhash::fast::RandomState>);

impl Functions {
    /// None but Go's own.
    pub fn new() -> Functions {
        Functions::default()
    }
    /// Adds a function under its name; it replaces one of the same name.
    pub fn add(&mut self, function: Function) {
        self.0.insert(function.name().into(), function);
    }
    /// Adds a function under another name.
    pub fn add_as(&mut self, name: &str, function: Function) {
        self.0.insert(name.into(), function);
    }
    /// Removes a function.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }
    /// The function of a name; Go's own are not among them.
    pub fn get(&self, name: &str) -> Option<&Function> {
        self.0.get(name)
    }
    /// The names, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(|k| &**k)
    }
}
