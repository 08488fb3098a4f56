//! Patterns as Argo CD's users write them: gobwas globs, Go's `filepath.Match`, and lists of globs
//! and `/regular expressions/`.
//!
//! A pattern is compiled once and matched many times, in time that grows with the pattern's length
//! times the text's, never with a power of it: both texts may be a stranger's. What a pattern is
//! matched against, and what a leading `!` means there, is for the caller.
//!
//! gobwas 0.2.3 has slips that are not followed: `?` matches an empty text there, and a star beside
//! an empty alternative misses texts that it should match.

mod list;
mod machine;
mod parse;

use machine::Machine;

use crate::{Error, Result};

pub use list::{NameList, PatternList};

/// Longest pattern, in bytes. The machine of a pattern has at most that many instructions, each of
/// 16 bytes and one bit of state.
const MAX_BYTES: usize = 4096;

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Glob(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// Whatever the text.
    Anything,
    /// Exactly this.
    Literal(Box<str>),
    /// These in order, with anything between, the first at the start and the last at the end.
    Pieces(Box<[Box<str>]>),
    Machine(Box<Machine>),
}

impl Glob {
    /// Reads a gobwas glob without separator: `*` crosses everything, as in role policies.
    pub fn new(pattern: &str) -> Result<Glob> {
        Glob::compile(pattern, None)
    }

    /// Reads a gobwas glob in which `*` and `?` stop at `separator` and `**` does not.
    pub fn with_separator(pattern: &str, separator: char) -> Result<Glob> {
        Glob::compile(pattern, Some(separator))
    }

    /// Reads a pattern of Go's `filepath.Match` on Unix.
    pub fn of_path(pattern: &str) -> Result<Glob> {
        check_length(pattern)?;
        parse::path(pattern).map(Glob::of).map_err(|why| wrong(pattern, why))
    }

    fn compile(pattern: &str, separator: Option<char>) -> Result<Glob> {
        check_length(pattern)?;
        parse::gobwas(pattern, separator).map(Glob::of).map_err(|why| wrong(pattern, why))
    }

    fn of(parsed: parse::Parsed) -> Glob {
        Glob(match parsed {
            parse::Parsed::Pieces(pieces) => match &pieces[..] {
                [one] => Kind::Literal(one.as_str().into()),
                [first, last] if first.is_empty() && last.is_empty() => Kind::Anything,
                _ => Kind::Pieces(pieces.into_iter().map(String::into_boxed_str).collect()),
            },
            parse::Parsed::Machine(machine) => Kind::Machine(Box::new(machine)),
        })
    }

    /// Whether the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        match &self.0 {
            Kind::Anything => true,
            Kind::Literal(literal) => **literal == *text,
            Kind::Pieces(pieces) => pieces_match(pieces, text),
            Kind::Machine(machine) => machine.matches(text),
        }
    }

    /// The one text that matches, if there is only one.
    pub fn literal(&self) -> Option<&str> {
        match &self.0 {
            Kind::Literal(literal) => Some(literal),
            Kind::Anything | Kind::Pieces(_) | Kind::Machine(_) => None,
        }
    }
}

/// Each piece is taken at the first place where it fits: with stars that cross everything, a later
/// place never helps.
fn pieces_match(pieces: &[Box<str>], text: &str) -> bool {
    let [first, middle @ .., last] = pieces else { return false };
    let Some(mut rest) = text.strip_prefix(&**first) else { return false };
    for piece in middle {
        match rest.find(&**piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(&**last)
}

fn check_length(pattern: &str) -> Result<()> {
    if pattern.len() > MAX_BYTES {
        return Err(Error::invalid(format!("a pattern is longer than {MAX_BYTES} bytes")));
    }
    Ok(())
}

fn wrong(pattern: &str, why: &str) -> Error {
    Error::invalid(format!("pattern {pattern:?}: {why}"))
}

#[cfg(test)]
mod tests;
