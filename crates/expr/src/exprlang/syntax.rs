//! The tree of an expression.

use regex::Regex;

use super::builtins::Builtin;

/// One node. *Invariant*: no deeper than `parse::MAX_DEPTH`, so that walking and dropping it recursively is safe.
#[derive(Debug)]
pub(super) enum Node {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Box<str>),
    Name(Box<str>),
    Not(Box<Node>),
    Negative(Box<Node>),
    /// `+x`
    Positive(Box<Node>),
    Binary(Op, Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Coalesce(Box<Node>, Box<Node>),
    /// `in` a list of nothing but texts, which the library looks up as a set: what is no text fails.
    InTexts(Box<Node>, Vec<Box<str>>),
    /// `matches` of an expression known when it is compiled.
    Matches(Box<Node>, Regex),
    /// Where a `?.` within stops when it meets nil.
    Chain(Box<Node>),
    Member {
        of: Box<Node>,
        key: Box<Node>,
        optional: bool,
    },
    Slice {
        of: Box<Node>,
        from: Option<Box<Node>>,
        to: Option<Box<Node>>,
    },
    Call(Box<Node>, Vec<Node>),
    Builtin(Builtin, Vec<Node>),
    /// `#`, `#acc`, `#index` in a predicate.
    Pointer(Pointer),
    If(Box<Node>, Box<Node>, Box<Node>),
    Let(Box<str>, Box<Node>, Box<Node>),
    Sequence(Vec<Node>),
    Array(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// What a pointer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pointer {
    Element,
    Index,
    Accumulated,
}

/// Operators of two values that are both evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    More,
    MoreOrEqual,
    In,
    Matches,
    Contains,
    StartsWith,
    EndsWith,
    Range,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
}

impl Op {
    /// As it is written.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Op::Equal => "==",
            Op::NotEqual => "!=",
            Op::Less => "<",
            Op::LessOrEqual => "<=",
            Op::More => ">",
            Op::MoreOrEqual => ">=",
            Op::In => "in",
            Op::Matches => "matches",
            Op::Contains => "contains",
            Op::StartsWith => "startsWith",
            Op::EndsWith => "endsWith",
            Op::Range => "..",
            Op::Add => "+",
            Op::Subtract => "-",
            Op::Multiply => "*",
            Op::Divide => "/",
            Op::Modulo => "%",
            Op::Power => "**",
        }
    }
}
