//! The expression language of Go's `expr` library (expr-lang 1.17), which conditions of notifications are
//! written in: a parser and an evaluator of our own, with limits.
//!
//! - `lex`, `parse`: text to [`syntax`]; [`evaluate`]: that over a scope; [`operators`], [`builtins`],
//!   [`moments`]: what operators, built-in functions and the methods of times do; [`value`]: what is computed with.
//!
//! The crate `expr-lang` has no limits on steps or nesting and calls no methods of values, which conditions about
//! time need. What is not here (bytes, time zones, bit operations, JSON) is refused when it is compiled; it is never
//! answered otherwise than Go answers it. There is no type check before evaluation: what the library would refuse
//! there (`1 + 'a'`) fails when it is reached.

mod builtins;
mod evaluate;
mod lex;
mod moments;
mod operators;
mod parse;
mod syntax;
#[cfg(test)]
mod tests;
mod value;

pub use moments::parse as parse_time;
pub use value::{ExprFunction, ExprValue, Named};

use crate::{Error, ErrorKind};
use syntax::Node;

/// How much one evaluation may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExprLimits {
    /// Nodes evaluated, elements visited, and blocks of 16 bytes made.
    pub work: u64,
}

impl Default for ExprLimits {
    /// Conditions take some dozens; a million take some 50 ms.
    fn default() -> ExprLimits {
        ExprLimits { work: 1_000_000 }
    }
}

/// What an expression sees.
#[derive(Default)]
pub struct ExprScope<'a> {
    /// Values by name; any other name is nil.
    pub variables: Vec<(&'a str, ExprValue<'a>)>,
    /// What `now()` tells, in nanoseconds since 1970.
    pub now_unix_ns: i128,
    /// A time in one of Go's layouts: `Format` fails where there is none.
    pub format: Option<fn(i128, &str) -> String>,
}

/// A compiled expression.
#[derive(Debug)]
pub struct ExprProgram {
    node: Node,
}

/// The longest expression.
const MAX_TEXT: usize = 16 << 10;

impl ExprProgram {
    /// Compiles a text.
    pub fn compile(text: &str) -> Result<ExprProgram, Error> {
        if text.len() > MAX_TEXT {
            let message = format!("the expression is longer than {MAX_TEXT} bytes");
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        Ok(ExprProgram { node: parse::parse(text)? })
    }
    /// Evaluates it.
    pub fn evaluate<'a>(&self, scope: &ExprScope<'a>, limits: ExprLimits) -> Result<ExprValue<'a>, Error> {
        evaluate::evaluate(&self.node, scope, limits)
    }
}
