//! Regular expressions of the user, with limits: a kustomization may hold thousands.

use regex::{Regex, RegexBuilder};

/// The most that one compiled expression may take. A selector as people write them takes a few KiB.
const COMPILED_BYTES: usize = 256 << 10;
/// The most that matching one may remember.
const CACHE_BYTES: usize = 64 << 10;

/// Compiles an expression; `None` where it is none, or too large.
pub(crate) fn compile(pattern: &str) -> Option<Regex> {
    RegexBuilder::new(pattern).size_limit(COMPILED_BYTES).dfa_size_limit(CACHE_BYTES).build().ok()
}

/// Whether a text means itself as an expression.
pub(crate) fn is_literal(pattern: &str) -> bool {
    pattern.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/' | b':'))
}

/// An expression to be found anywhere in a text.
pub(crate) enum Search<'a> {
    Literal(&'a str),
    Regex(Box<Regex>),
}

impl<'a> Search<'a> {
    pub(crate) fn new(pattern: &'a str) -> Option<Search<'a>> {
        match is_literal(pattern) {
            true => Some(Search::Literal(pattern)),
            false => Some(Search::Regex(Box::new(compile(pattern)?))),
        }
    }
    pub(crate) fn finds(&self, text: &str) -> bool {
        match self {
            Search::Literal(literal) => text.contains(literal),
            Search::Regex(regex) => regex.is_match(text),
        }
    }
}
