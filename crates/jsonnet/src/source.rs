//! A text with a step of ours at the beginning of every function and inner loop, and the way back
//! from a place in it to the place in what was written.
//!
//! `local f(x) = body` becomes `local f(x) = assert __belay_step(); body`. What counts as a body is
//! told by the tokens alone; where a token is taken for the beginning of one and is none, an
//! assertion that holds stands before some other expression, which changes nothing.

use rsjsonnet_lang::arena::Arena;
use rsjsonnet_lang::interner::StrInterner;
use rsjsonnet_lang::lexer::Lexer;
use rsjsonnet_lang::span::SpanManager;
use rsjsonnet_lang::token::{STokenKind as S, TokenKind};

use crate::{Error, ErrorKind};

/// The name of the native function that counts.
pub(crate) const STEP: &str = "belay_step";

/// Four times the largest library file that we know.
const MAX_TEXT_BYTES: usize = 8 << 20;
/// How many brackets may be open at once.
const MAX_BRACKETS: usize = 512;
/// How many words and operators may stand in one another: the parser and what comes behind it
/// recurse for each.
const MAX_NESTED: usize = 10_000;

/// Before every text. The functions of the library that make something as large as a number says
/// are given a bound on that number.
const PREFIX: &str = concat!(
    "local __belay_std = std; ",
    "local __belay_step = __belay_std.native(\"belay_step\"); ",
    "local __belay_sized(count, size) = ",
    "if __belay_std.isNumber(count) && count * size > 4000000 ",
    "then error \"a value of \" + count + \" items is larger than allowed\" else count; ",
    "local std = __belay_std + { ",
    "range(from, to):: __belay_std.range(from, if __belay_std.isNumber(from) && __belay_std.isNumber(to) ",
    "then from + __belay_sized(to - from, 1) else to), ",
    "makeArray(sz, func):: __belay_std.makeArray(__belay_sized(sz, 1), func), ",
    "repeat(what, count):: __belay_std.repeat(what, __belay_sized(count, ",
    "if __belay_std.isString(what) || __belay_std.isArray(what) then __belay_std.length(what) else 1)) }; ",
);
/// How many characters of operators may follow one another: the interpreter takes the square of it
/// to tell them apart. Longer than any line that is drawn in a comment.
const MAX_OPERATOR_RUN: usize = 512;
const INSERTED: &str = " assert __belay_step(); ";

/// A text as it is evaluated.
pub(crate) struct Source {
    written: Vec<u8>,
    evaluated: Vec<u8>,
    /// Where, in what is evaluated, something of ours ends, and how much of ours stands before.
    inserted: Vec<(usize, usize)>,
}

impl Source {
    pub(crate) fn new(name: &str, written: &[u8]) -> Result<Source, Error> {
        if written.len() > MAX_TEXT_BYTES {
            let message = format!("{name}: has {} bytes, more than {MAX_TEXT_BYTES}", written.len());
            return Err(Error::new(ErrorKind::Budget, message));
        }
        let places = match places(written) {
            Ok(places) => places,
            Err(message) => return Err(Error::new(ErrorKind::Budget, format!("{name}: {message}"))),
        };
        let mut evaluated = Vec::with_capacity(written.len() + PREFIX.len() + places.len() * INSERTED.len());
        evaluated.extend_from_slice(PREFIX.as_bytes());
        let mut inserted = vec![(evaluated.len(), PREFIX.len())];
        let (mut from, mut ours) = (0, PREFIX.len());
        for at in places {
            evaluated.extend_from_slice(&written[from..at]);
            evaluated.extend_from_slice(INSERTED.as_bytes());
            from = at;
            ours += INSERTED.len();
            inserted.push((evaluated.len(), ours));
        }
        evaluated.extend_from_slice(&written[from..]);
        Ok(Source { written: written.to_vec(), evaluated, inserted })
    }

    pub(crate) fn evaluated(&self) -> &[u8] {
        &self.evaluated
    }

    /// Line and column, from 1, in what was written; `None` for a place in what is ours.
    pub(crate) fn place(&self, at: usize) -> Option<(usize, usize)> {
        let last = self.inserted.partition_point(|(end, _)| *end <= at).checked_sub(1)?;
        let at = (at - self.inserted[last].1).min(self.written.len());
        let before = &self.written[..at];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        let start = before.iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
        Some((line, 1 + String::from_utf8_lossy(&before[start..]).chars().count()))
    }
}

/// Where steps are put in. A text that is no sequence of tokens has no place: loading it says why.
fn places(written: &[u8]) -> Result<Vec<usize>, String> {
    let runs = written.split(|b| !b"!$:~+-&|^=<>*%".contains(b));
    if runs.map(<[u8]>::len).max().is_some_and(|longest| longest > MAX_OPERATOR_RUN) {
        return Err(format!("has more than {MAX_OPERATOR_RUN} characters of operators in a row"));
    }
    let (arena, syntax, interner) = (Arena::new(), Arena::new(), StrInterner::new());
    let mut spans = SpanManager::new();
    let (context, _) = spans.insert_source_context(written.len());
    let lexer = Lexer::new(&arena, &syntax, &interner, &mut spans, context, written);
    let Ok(tokens) = lexer.lex_to_eof(false) else { return Ok(Vec::new()) };
    let kind = |at: usize| match tokens.get(at).map(|t| t.kind) {
        Some(TokenKind::Simple(simple)) => Some(simple),
        _ => None,
    };
    let mut ends = Vec::new();
    // For each open bracket: which, whether it holds a function's parameters, what nested before it,
    // and what every part of it between commas nests in: what stands before a semicolon.
    let mut open: Vec<(S, bool, usize, usize)> = Vec::new();
    let (mut nested, mut base) = (0, 0);
    for at in 0..tokens.len() {
        let Some(simple) = kind(at) else { continue };
        match simple {
            S::LeftParen | S::LeftBracket | S::LeftBrace => {
                let is_function = simple == S::LeftParen && at > 0 && kind(at - 1) == Some(S::Function);
                open.push((simple, is_function, nested, base));
                base = nested;
                if open.len() > MAX_BRACKETS {
                    return Err(format!("nests more than {MAX_BRACKETS} brackets deep"));
                }
            }
            S::RightParen | S::RightBracket | S::RightBrace => {
                let closed = open.pop();
                // A call or an index nests what it is of.
                (nested, base) = closed.map_or((nested, base), |(_, _, before, base)| (before + 1, base));
                if simple == S::RightParen {
                    let in_brackets = open.last().is_some_and(|(kind, _, _, _)| *kind == S::LeftBracket);
                    match kind(at + 1) {
                        _ if closed.is_some_and(|(_, is_function, _, _)| is_function) => ends.push(at),
                        Some(S::Eq) => ends.push(at + 1),
                        Some(S::Colon | S::ColonColon | S::ColonColonColon) if !in_brackets => ends.push(at + 1),
                        _ => {}
                    }
                }
            }
            S::In => {
                if at >= 2 && kind(at - 2) == Some(S::For) {
                    ends.push(at);
                }
                nested += 1;
            }
            S::Comma => nested = base,
            S::Semicolon => {
                nested += 1;
                base = nested;
            }
            S::Colon | S::ColonColon | S::ColonColonColon => {}
            _ => nested += 1,
        }
        if nested > MAX_NESTED {
            return Err(format!("has more than {MAX_NESTED} words and operators in one expression"));
        }
    }
    Ok(ends.into_iter().map(|at| spans.get_span(tokens[at].span).2).collect())
}
