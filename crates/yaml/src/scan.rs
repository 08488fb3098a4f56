//! From text to tokens, with the grammar and the error texts of libyaml, on which both of Go's
//! libraries stand.
//!
//! libyaml reads YAML 1.1 with a few limits of its own: a simple key ends on its line and within
//! 1,024 characters, a tab may not indent, NEL, LS and PS are line breaks. Keys are found late: when
//! a `:` follows, `Key` (and `BlockMappingStart`) is put into the queue before what the key was.
//! The parser over these tokens is `parse.rs`.

mod block;
mod flow;
mod key;
mod tag;
mod token;

use std::collections::VecDeque;

use crate::node::Comment;

use key::SimpleKey;
use token::END;
pub use token::Style;
pub(crate) use token::{Fault, Finder, Mark, Settings, Spanned, Token};

pub(crate) struct Scanner<'a> {
    text: &'a str,
    bytes: &'a [u8],
    mark: Mark,
    tokens: VecDeque<Spanned<'a>>,
    /// How many tokens were handed out.
    taken: usize,
    ended: bool,
    /// Columns of the open block collections; -1 is outside of all.
    indent: isize,
    indents: Vec<isize>,
    simple_key_allowed: bool,
    /// One for the block context and one for each open flow collection.
    simple_keys: Vec<SimpleKey>,
    max_depth: usize,
    /// How many tokens are read beyond the next one. yaml.v3 reads two, to place comments: so it
    /// finds faults that stand behind the end of a document.
    lookahead: usize,
    /// Comments seen, where they were asked for.
    pub(crate) comments: Option<Vec<Comment>>,
}

type Scanned<T> = Result<T, Fault>;

impl<'a> Scanner<'a> {
    /// Starts on a text.
    pub(crate) fn new(text: &'a str, settings: &Settings) -> Scanned<Scanner<'a>> {
        refuse_control_characters(text)?;
        let mut scanner = Scanner {
            text,
            bytes: text.as_bytes(),
            mark: Mark::default(),
            tokens: VecDeque::new(),
            taken: 0,
            ended: false,
            indent: -1,
            indents: Vec::new(),
            simple_key_allowed: true,
            simple_keys: vec![SimpleKey::default()],
            max_depth: settings.max_depth,
            lookahead: settings.lookahead,
            comments: settings.keep_comments.then(Vec::new),
        };
        if text.starts_with('\u{FEFF}') {
            scanner.mark.pos = '\u{FEFF}'.len_utf8();
        }
        Ok(scanner)
    }

    /// The next token, without taking it.
    pub(crate) fn peek(&mut self) -> Scanned<&Spanned<'a>> {
        self.fill()?;
        Ok(self.tokens.front().unwrap_or(&END))
    }

    /// Takes the next token.
    pub(crate) fn take(&mut self) -> Scanned<Spanned<'a>> {
        self.fill()?;
        self.taken += 1;
        Ok(self.tokens.pop_front().unwrap_or_else(|| END.clone()))
    }

    /// Scans until the first token in the queue is sure to be first: no key can come before it.
    fn fill(&mut self) -> Scanned<()> {
        while !self.ended {
            if self.tokens.len() > self.lookahead {
                let Some(level) = self.simple_keys.iter().position(|k| k.possible && k.number == self.taken) else {
                    break;
                };
                if !self.key_is_valid(level)? {
                    break;
                }
            }
            self.next_token()?;
        }
        Ok(())
    }

    fn next_token(&mut self) -> Scanned<()> {
        self.skip_to_token();
        self.unroll_indent(self.mark.column as isize);
        let start = self.mark;
        let (c, next) = (self.at(0), self.at(1));
        if self.is_end() {
            return self.stream_end();
        }
        if start.column == 0 {
            if c == b'%' {
                self.unroll_indent(-1);
                self.remove_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.directive()?;
                self.push(token, start);
                return Ok(());
            }
            if let Some(token) = self.document_indicator() {
                self.unroll_indent(-1);
                self.remove_simple_key()?;
                self.simple_key_allowed = false;
                (0..3).for_each(|_| self.skip());
                self.push(token, start);
                return Ok(());
            }
        }
        let in_flow = self.in_flow();
        match c {
            b'[' => self.flow_start(Token::FlowSequenceStart),
            b'{' => self.flow_start(Token::FlowMappingStart),
            b']' => self.flow_end(Token::FlowSequenceEnd),
            b'}' => self.flow_end(Token::FlowMappingEnd),
            b',' => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                self.indicator(Token::FlowEntry)
            }
            b'-' if self.is_blank_or_end(1) => self.block_entry(),
            b'?' if in_flow || self.is_blank_or_end(1) => self.key(),
            b':' if in_flow || self.is_blank_or_end(1) => self.value(),
            b'*' | b'&' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.anchor()?;
                self.push(token, start);
                Ok(())
            }
            b'!' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.tag()?;
                self.push(token, start);
                Ok(())
            }
            b'|' | b'>' if !in_flow => {
                self.remove_simple_key()?;
                self.simple_key_allowed = true;
                let token = self.block_scalar(c == b'|')?;
                self.push(token.0, start);
                self.end_last_at(token.1);
                Ok(())
            }
            b'\'' | b'"' => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let token = self.quoted_scalar(c == b'\'')?;
                self.push(token, start);
                Ok(())
            }
            _ if self.may_start_plain(c, next) => {
                self.save_simple_key()?;
                self.simple_key_allowed = false;
                let (token, end) = self.plain_scalar()?;
                self.push(token, start);
                self.end_last_at(end);
                Ok(())
            }
            _ => Err(self.fault(start, "found character that cannot start any token")),
        }
    }

    fn may_start_plain(&self, c: u8, next: u8) -> bool {
        match c {
            b'-' => next != b' ' && next != b'\t',
            b'?' | b':' => !self.in_flow() && !self.is_blank_or_end(1),
            b',' | b'[' | b']' | b'{' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%' | b'@'
            | b'`' => false,
            _ => !self.is_blank_or_end(0),
        }
    }

    /// The byte `n` further on; 0 beyond the end (the text itself holds no NUL).
    fn at(&self, n: usize) -> u8 {
        self.bytes.get(self.mark.pos + n).copied().unwrap_or(0)
    }
    fn is_end(&self) -> bool {
        self.mark.pos >= self.bytes.len()
    }
    fn in_flow(&self) -> bool {
        self.simple_keys.len() > 1
    }
    fn is_blank(&self) -> bool {
        matches!(self.at(0), b' ' | b'\t')
    }
    fn is_break(&self, n: usize) -> bool {
        match self.at(n) {
            b'\n' | b'\r' => true,
            0xC2 => self.at(n + 1) == 0x85,
            0xE2 => self.at(n + 1) == 0x80 && matches!(self.at(n + 2), 0xA8 | 0xA9),
            _ => false,
        }
    }
    fn is_break_or_end(&self) -> bool {
        self.is_end() || self.is_break(0)
    }
    fn is_blank_or_end(&self, n: usize) -> bool {
        matches!(self.at(n), b' ' | b'\t' | 0) || self.is_break(n)
    }

    /// Moves over one character that is no line break.
    fn skip(&mut self) {
        self.mark.pos += char_width(self.at(0));
        self.mark.column += 1;
    }
    /// Moves over a line break and says what it stands for: CR, LF, CRLF and NEL are a newline.
    fn skip_line(&mut self) -> &'static str {
        let (width, text) = match (self.at(0), self.at(1), self.at(2)) {
            (b'\r', b'\n', _) => (2, "\n"),
            (b'\r' | b'\n', ..) => (1, "\n"),
            (0xC2, ..) => (2, "\n"),
            (0xE2, _, 0xA8) => (3, "\u{2028}"),
            (0xE2, ..) => (3, "\u{2029}"),
            _ => return "",
        };
        self.mark.pos += width;
        self.mark.line += 1;
        self.mark.column = 0;
        text
    }

    fn fault(&self, context: Mark, message: &'static str) -> Fault {
        Fault { finder: Finder::Scanner, message: message.into(), context, problem: self.mark }
    }

    fn push(&mut self, token: Token<'a>, start: Mark) {
        self.tokens.push_back(Spanned { token, start, end: self.mark });
    }
    /// Blanks and breaks behind a scalar are read with it, but are no part of it.
    fn end_last_at(&mut self, end: Mark) {
        if let Some(last) = self.tokens.back_mut() {
            last.end = end;
        }
    }
    /// Takes a token of one character.
    fn indicator(&mut self, token: Token<'a>) -> Scanned<()> {
        let start = self.mark;
        self.skip();
        self.push(token, start);
        Ok(())
    }

    fn document_indicator(&self) -> Option<Token<'a>> {
        if self.mark.column != 0 || !self.is_blank_or_end(3) {
            return None;
        }
        match (self.at(0), self.at(1), self.at(2)) {
            (b'-', b'-', b'-') => Some(Token::DocumentStart),
            (b'.', b'.', b'.') => Some(Token::DocumentEnd),
            _ => None,
        }
    }

    /// Moves over blanks, comments and line breaks.
    fn skip_to_token(&mut self) {
        loop {
            while self.at(0) == b' ' || (self.at(0) == b'\t' && (self.in_flow() || !self.simple_key_allowed)) {
                self.skip();
            }
            let commented = self.at(0) == b'#';
            if commented {
                self.comment();
            }
            if !self.is_break(0) {
                return;
            }
            self.skip_line();
            if !self.in_flow() {
                self.simple_key_allowed = true;
            }
            // yaml.v3 reads comments on following lines together, whatever indents them.
            if commented && self.lookahead > 0 {
                self.skip_blanks_before_comment();
            }
        }
    }

    fn skip_blanks_before_comment(&mut self) {
        let blanks = self.bytes[self.mark.pos..].iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        if self.at(blanks) == b'#' {
            (0..blanks).for_each(|_| self.skip());
        }
    }

    fn comment(&mut self) {
        let start = self.mark;
        while !self.is_break_or_end() {
            self.skip();
        }
        if let Some(comments) = &mut self.comments {
            comments.push(Comment { span: start.pos..self.mark.pos, line: start.line + 1, column: start.column + 1 });
        }
    }

    fn stream_end(&mut self) -> Scanned<()> {
        if self.mark.column != 0 {
            self.mark.column = 0;
            self.mark.line += 1;
        }
        self.unroll_indent(-1);
        self.remove_simple_key()?;
        self.simple_key_allowed = false;
        self.push(Token::StreamEnd, self.mark);
        self.ended = true;
        Ok(())
    }

    pub(crate) fn too_deep(&self) -> Fault {
        let message = format!("exceeded max depth of {}", self.max_depth).into();
        Fault { finder: Finder::Limit, message, context: self.mark, problem: self.mark }
    }

    /// `*name` or `&name`.
    fn anchor(&mut self) -> Scanned<Token<'a>> {
        let (start, is_alias) = (self.mark, self.at(0) == b'*');
        self.skip();
        let name = self.word();
        let ends =
            self.is_blank_or_end(0) || matches!(self.at(0), b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`');
        if name.is_empty() || !ends {
            return Err(self.fault(start, "did not find expected alphabetic or numeric character"));
        }
        Ok(if is_alias { Token::Alias(name) } else { Token::Anchor(name) })
    }

    /// Letters, digits, `_` and `-`.
    fn word(&mut self) -> &'a str {
        let start = self.mark.pos;
        while self.at(0).is_ascii_alphanumeric() || matches!(self.at(0), b'_' | b'-') {
            self.skip();
        }
        &self.text[start..self.mark.pos]
    }
}

/// How many bytes the character has that starts with this one.
fn char_width(first: u8) -> usize {
    match first {
        0..=0x7F => 1,
        0x80..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xFF => 4,
    }
}

/// Refuses what YAML does not allow in a text at all.
fn refuse_control_characters(text: &str) -> Scanned<()> {
    let suspicious = |b: u8| (b < b' ' && !matches!(b, b'\t' | b'\n' | b'\r')) || matches!(b, 0x7F | 0xC2 | 0xEF);
    if !text.bytes().any(suspicious) {
        return Ok(());
    }
    let allowed =
        |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{A0}'..='\u{FFFD}' | '\u{10000}'..);
    let Some((pos, _)) = text.char_indices().find(|(_, c)| !allowed(*c)) else { return Ok(()) };
    let before = &text[..pos];
    let line_start = before.rfind('\n').map_or(0, |i| i + 1);
    let problem = Mark { pos, line: before.matches('\n').count(), column: before[line_start..].chars().count() };
    let message = "control characters are not allowed".into();
    Err(Fault { finder: Finder::Reader, message, context: Mark::default(), problem })
}
