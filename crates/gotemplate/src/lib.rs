//! Go's `text/template` and Sprig, bit for bit.
//!
//! [`parse`] turns a text into a [`Parsed`] (compiled templates that any number of threads may
//! share); a [`Set`] holds templates by name; a [`Context`] executes one of a set over a [`Value`]
//! and is what a [`Function`] is given, so that functions like Helm's `include` and `tpl` can run
//! templates themselves. [`fmt`] is Go's package of that name over these values.
//!
//! There is no environment, clock, network or randomness here but what the [`Environment`] gives.
//! Steps, nesting, output and memory are limited by [`Limits`].
//!
//! What this crate deliberately does not know: Helm, charts, files.
#![warn(missing_docs)]

mod builtin;
mod context;
mod error;
mod exec;
pub mod fmt;
mod function;
mod parse;
mod set;
pub mod sprig;
mod stack;
mod value;

pub use context::{Context, Environment, Limits, MissingKey};
pub use error::{Error, ErrorKind, Place};
pub use function::{Function, Functions, Param, Signature};
pub use parse::{Parsed, parse, parse_shared};
pub use set::{Set, Template};
pub use stack::with_stack;
pub use value::{Elem, Kind, List, Map, MapMethod, Object, Str, Type, Value, lossy};

#[cfg(test)]
mod tests;
