//! Which programs need no stack of their own: those without a way to recurse beyond their own text
//! and the document. Nearly every rule about a field to ignore is one.

use belay_object::Value;
use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::path::Part;

/// How deep the terms of such a program may nest.
const MAX_NESTED: usize = 24;
/// How deep the document may nest on which it runs.
const MAX_DEPTH: usize = 48;

/// Functions that call nothing but natives, or loop over no more than the items of a list.
const KNOWN: &[&str] = &[
    "select",
    "not",
    "has",
    "contains",
    "startswith",
    "endswith",
    "test",
    "length",
    "type",
    "tostring",
    "true",
    "false",
    "null",
    "empty",
    "keys",
    "first",
    "last",
    "any",
    "all",
    "map",
    "ltrimstr",
    "rtrimstr",
    "in",
    "inside",
    "index",
    "ascii_downcase",
    "ascii_upcase",
    "to_entries",
];

/// Whether a program is so; no text that cannot be parsed is.
pub(super) fn is_plain(text: &str) -> bool {
    jaq_core::load::parse(text, |p| p.term()).is_some_and(|term| term_is_plain(&term, MAX_NESTED))
}

fn term_is_plain(term: &Term<&str>, room: usize) -> bool {
    let Some(room) = room.checked_sub(1) else { return false };
    let plain = |t: &Term<&str>| term_is_plain(t, room);
    match term {
        Term::Id | Term::Num(_) => true,
        Term::Str(None, parts) => parts.iter().all(|p| !matches!(p, StrPart::Term(_))),
        Term::Arr(inner) => inner.as_deref().is_none_or(plain),
        Term::BinOp(l, BinaryOp::Pipe(None) | BinaryOp::Comma | BinaryOp::Alt, r)
        | Term::BinOp(l, BinaryOp::Or | BinaryOp::And | BinaryOp::Cmp(_) | BinaryOp::Math(_), r) => {
            plain(l) && plain(r)
        }
        Term::TryCatch(body, catch) => plain(body) && catch.as_deref().is_none_or(plain),
        Term::IfThenElse(branches, otherwise) => {
            branches.iter().all(|(a, b)| plain(a) && plain(b)) && otherwise.as_deref().is_none_or(plain)
        }
        Term::Call(name, arguments) => KNOWN.contains(name) && arguments.iter().all(plain),
        Term::Path(of, path) => {
            let part = |part: &Part<Term<&str>>| match part {
                Part::Index(i) => plain(i),
                Part::Range(a, b) => a.as_ref().is_none_or(plain) && b.as_ref().is_none_or(plain),
            };
            plain(of) && path.0.iter().all(|(p, _)| part(p))
        }
        _ => false,
    }
}

/// Whether a document nests little.
pub(super) fn is_shallow(document: &Value) -> bool {
    fn within(value: &Value, room: usize) -> bool {
        let Some(room) = room.checked_sub(1) else { return false };
        match value {
            Value::Array(items) => items.iter().all(|v| within(v, room)),
            Value::Object(fields) => fields.values().all(|v| within(v, room)),
            _ => true,
        }
    }
    within(document, MAX_DEPTH)
}
