//! CEL with Kubernetes' extension functions, jq, Lua and Go's `expr` over [`belay_object::Value`], with limits.
//!
//! [`Program`] is CEL, [`JqProgram`] jq, [`LuaScript`] Lua, [`ExprProgram`] the language of Go's `expr` library;
//! their failures are one [`Error`].
//!
//! A CEL [`Program`] is compiled once (and kept in a bounded cache by its text) and evaluated many
//! times. Whole numbers are CEL `int`s, as the Kubernetes API server binds them. Parsing and the
//! extension functions (strings, lists, sets, quantities, URLs, addresses, versions, formats) are the
//! `kube-cel` crate's; the evaluator is ours, because it counts what it does, borrows what it looks
//! at, and answers with an error where that crate has a wrong value. What an expression is for (a
//! custom resource's rule, a health check, a readiness test) is not known here.
#![warn(missing_docs)]

mod error;
mod evaluate;
mod exprlang;
mod foreign;
mod functions;
mod jq;
mod lua;
mod names;
mod operators;
mod program;
mod syntax;
mod time;
mod value;

pub use error::{Error, ErrorKind};
pub use exprlang::{ExprFunction, ExprLimits, ExprProgram, ExprScope, ExprValue, Named as ExprNamed, parse_time};
pub use jq::{JqLimits, JqProgram};
pub use lua::{LuaLimits, LuaScript};
pub use names::unescape_name;
pub use program::{Limits, Program};
pub use time::parse_duration;
pub use value::Val;

#[cfg(test)]
mod tests;
