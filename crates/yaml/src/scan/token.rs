//! What the scanner gives: tokens with their places, and faults.

use std::borrow::Cow;

use crate::{Options, Resolver};

/// A place in the text; line and column count from 0, the column in characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Mark {
    pub(crate) pos: usize,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// Who found a fault: Go counts the lines of the two differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Finder {
    Reader,
    Scanner,
    Parser,
    /// A bound of ours, not of the grammar.
    Limit,
}

/// What is wrong with the text, with libyaml's two places.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    pub(crate) finder: Finder,
    pub(crate) message: Cow<'static, str>,
    /// Where the thing that was being read starts; the default where there is none.
    pub(crate) context: Mark,
    pub(crate) problem: Mark,
}

/// How a scalar is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In `'`.
    SingleQuoted,
    /// In `"`.
    DoubleQuoted,
    /// Behind `|`.
    Literal,
    /// Behind `>`.
    Folded,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Token<'a> {
    StreamEnd,
    Version { major: u8, minor: u8 },
    TagDirective { handle: &'a str, prefix: String },
    DocumentStart,
    DocumentEnd,
    BlockSequenceStart,
    BlockMappingStart,
    BlockEnd,
    FlowSequenceStart,
    FlowSequenceEnd,
    FlowMappingStart,
    FlowMappingEnd,
    BlockEntry,
    FlowEntry,
    Key,
    Value,
    Alias(&'a str),
    Anchor(&'a str),
    Tag { handle: &'a str, suffix: String },
    Scalar { text: Cow<'a, str>, style: Style },
}

#[derive(Clone, Debug)]
pub(crate) struct Spanned<'a> {
    pub(crate) token: Token<'a>,
    pub(crate) start: Mark,
    pub(crate) end: Mark,
}

/// How a text is scanned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// Collections nested deeper are refused.
    pub(crate) max_depth: usize,
    pub(crate) lookahead: usize,
    pub(crate) keep_comments: bool,
}

impl Settings {
    pub(crate) fn new(options: &Options) -> Settings {
        let lookahead = if options.resolver == Resolver::V3 { 2 } else { 0 };
        Settings { max_depth: options.limits.max_depth, lookahead, keep_comments: false }
    }
}

pub(super) static END: Spanned<'static> = Spanned {
    token: Token::StreamEnd,
    start: Mark { pos: 0, line: 0, column: 0 },
    end: Mark { pos: 0, line: 0, column: 0 },
};
