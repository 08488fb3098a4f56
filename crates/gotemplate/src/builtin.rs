//! Go's own functions: those that every template has without asking.

mod compare;
mod escape;
mod index;

use crate::error::Error;
use crate::exec::Operand;
use crate::fmt;
use crate::value::Value;

pub(crate) use index::prepare;

/// One of Go's own functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builtin {
    And,
    Call,
    Eq,
    Ge,
    Gt,
    Html,
    Index,
    Js,
    Le,
    Len,
    Lt,
    Ne,
    Not,
    Or,
    Print,
    Printf,
    Println,
    Slice,
    Urlquery,
}

/// How many arguments a builtin takes.
pub(crate) enum Arity {
    Exactly(usize),
    AtLeast(usize),
}

impl Builtin {
    pub(crate) fn of(name: &str) -> Option<Builtin> {
        Some(match name {
            "and" => Builtin::And,
            "call" => Builtin::Call,
            "eq" => Builtin::Eq,
            "ge" => Builtin::Ge,
            "gt" => Builtin::Gt,
            "html" => Builtin::Html,
            "index" => Builtin::Index,
            "js" => Builtin::Js,
            "le" => Builtin::Le,
            "len" => Builtin::Len,
            "lt" => Builtin::Lt,
            "ne" => Builtin::Ne,
            "not" => Builtin::Not,
            "or" => Builtin::Or,
            "print" => Builtin::Print,
            "printf" => Builtin::Printf,
            "println" => Builtin::Println,
            "slice" => Builtin::Slice,
            "urlquery" => Builtin::Urlquery,
            _ => return None,
        })
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Builtin::And => "and",
            Builtin::Call => "call",
            Builtin::Eq => "eq",
            Builtin::Ge => "ge",
            Builtin::Gt => "gt",
            Builtin::Html => "html",
            Builtin::Index => "index",
            Builtin::Js => "js",
            Builtin::Le => "le",
            Builtin::Len => "len",
            Builtin::Lt => "lt",
            Builtin::Ne => "ne",
            Builtin::Not => "not",
            Builtin::Or => "or",
            Builtin::Print => "print",
            Builtin::Printf => "printf",
            Builtin::Println => "println",
            Builtin::Slice => "slice",
            Builtin::Urlquery => "urlquery",
        }
    }

    pub(crate) fn arity(self) -> Arity {
        match self {
            Builtin::And | Builtin::Call | Builtin::Eq | Builtin::Index | Builtin::Or | Builtin::Slice => {
                Arity::AtLeast(1)
            }
            Builtin::Printf => Arity::AtLeast(1),
            Builtin::Html | Builtin::Js | Builtin::Print | Builtin::Println | Builtin::Urlquery => Arity::AtLeast(0),
            Builtin::Len | Builtin::Not => Arity::Exactly(1),
            Builtin::Ge | Builtin::Gt | Builtin::Le | Builtin::Lt | Builtin::Ne => Arity::Exactly(2),
        }
    }

    /// Calls it. `and`, `or` and `call` are the executor's own.
    pub(crate) fn call(self, args: &[Operand]) -> Result<Operand, Error> {
        let value: Value = match self {
            Builtin::Eq => compare::equal(args)?.into(),
            Builtin::Ne => (!compare::equal(args)?).into(),
            Builtin::Lt => compare::less(args)?.into(),
            Builtin::Le => compare::less_or_equal(args)?.into(),
            Builtin::Gt => (!compare::less_or_equal(args)?).into(),
            Builtin::Ge => (!compare::less(args)?).into(),
            Builtin::Index => return index::index(args),
            Builtin::Slice => index::slice(args)?,
            Builtin::Len => index::length(&args[0])?,
            Builtin::Not => (!args[0].value.truth()).into(),
            Builtin::Print => fmt::sprint(&values(args)).into(),
            Builtin::Println => fmt::sprintln(&values(args)).into(),
            Builtin::Printf => {
                let format = args[0].value.as_str().cloned().unwrap_or_default();
                fmt::sprintf(&format, &values(&args[1..])).into()
            }
            Builtin::Html => escape::html(&escape::text(&values(args))).into(),
            Builtin::Js => escape::js(&escape::text(&values(args))).into(),
            Builtin::Urlquery => escape::url_query(&escape::text(&values(args))).into(),
            Builtin::And | Builtin::Or | Builtin::Call => {
                return Err(Error::new(format!("{} is called by the executor", self.name())));
            }
        };
        if value.as_str().is_some_and(|s| s.len() > fmt::MAX_BYTES) {
            return Err(Error::limit(format!("printed text is longer than {} bytes", fmt::MAX_BYTES)));
        }
        Ok(Operand::plain(value))
    }
}

fn values(args: &[Operand]) -> Vec<Value> {
    args.iter().map(|a| a.value.clone()).collect()
}
