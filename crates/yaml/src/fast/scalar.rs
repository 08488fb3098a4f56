//! Scalars of the fast reader, over lines where they go on.

use belay_object::Value;

use super::{Reader, may_be_no_text};
use crate::Resolver;
use crate::resolve::{self, Scalar};

impl<'a> Reader<'a> {
    /// Reads the scalar at `at`, which belongs to a collection in column `indent`, and moves to the
    /// next line with content.
    pub(super) fn scalar(&mut self, at: usize, indent: usize) -> Option<Value> {
        match self.byte(at) {
            b'"' => self.double_quoted(at),
            b'\'' => self.single_quoted(at),
            b'|' => self.block_scalar(at, indent, true),
            b'>' => self.block_scalar(at, indent, false),
            b'[' | b'{' => {
                let (value, end) = self.flow(at)?;
                self.rest(end, value)
            }
            b'-' | b'?' | b':' if matches!(self.byte(at + 1), b' ' | b'\n' | b'\t') => None,
            b'?' | b':' => None,
            b',' | b']' | b'}' | b'#' | b'&' | b'*' | b'!' | b'%' | b'@' | b'`' => None,
            _ => self.plain(at, indent),
        }
    }

    /// Ends the line behind a value.
    fn rest(&mut self, at: usize, value: Value) -> Option<Value> {
        self.end_line(at)?;
        self.next()?;
        Some(value)
    }

    /// The words of a plain scalar on one line, and whether a comment follows them.
    fn plain_line(&self, at: usize, end: usize) -> Option<(&'a str, bool)> {
        let line = &self.bytes[at..end];
        if self.tabs && memchr::memchr(b'\t', line).is_some() {
            return None;
        }
        for i in memchr::memchr2_iter(b':', b'#', line) {
            if line[i] == b':' {
                if matches!(line.get(i + 1), None | Some(b' ')) {
                    return None;
                }
            } else if i == 0 || line[i - 1] == b' ' {
                return Some((self.text[at..at + i].trim_end_matches(' '), true));
            }
        }
        Some((self.text[at..end].trim_end_matches(' '), false))
    }

    fn plain(&mut self, at: usize, indent: usize) -> Option<Value> {
        let end = self.line_end(at);
        let (first, commented) = self.plain_line(at, end)?;
        self.next_line = (end + 1).min(self.bytes.len());
        self.next()?;
        let goes_on = |reader: &Self| !reader.ended && reader.indent > indent;
        if !goes_on(self) {
            return self.resolved(first);
        }
        // Behind a comment there is no more of a scalar.
        if commented {
            return None;
        }
        let mut text = String::with_capacity(first.len() * 4);
        text.push_str(first);
        let mut line_before = end;
        while goes_on(self) {
            let between = &self.bytes[line_before..self.at];
            if memchr::memchr(b'#', between).is_some() {
                return None;
            }
            match memchr::memchr_iter(b'\n', between).count() {
                1 => text.push(' '),
                breaks => text.extend(std::iter::repeat_n('\n', breaks - 1)),
            }
            let end = self.line_end(self.at);
            let (words, commented) = self.plain_line(self.at, end)?;
            text.push_str(words);
            line_before = end;
            self.next_line = (end + 1).min(self.bytes.len());
            self.next()?;
            if commented && goes_on(self) {
                return None;
            }
        }
        self.resolved(&text)
    }

    pub(super) fn resolved(&self, text: &str) -> Option<Value> {
        if !text.bytes().next().is_some_and(may_be_no_text) {
            return Some(self.text_value(text));
        }
        let resolver = self.options.resolver;
        match resolve::scalar(text, resolver, true) {
            Scalar::Text => Some(Value::from(text)),
            Scalar::Null => Some(Value::Null),
            Scalar::Bool(b) => Some(Value::Bool(b)),
            Scalar::Int(i) => Some(Value::Int(i)),
            Scalar::UInt(u) => Some(Value::from(u)),
            Scalar::Float(f) => f.is_finite().then(|| resolve::float_value(f)),
            Scalar::Time(_) if resolver == Resolver::V2 => Some(Value::from(text)),
            Scalar::Time(time) => Some(Value::from(time)),
        }
    }

    /// A text as a value; nothing where it is only checked.
    pub(super) fn text_value(&self, text: &str) -> Value {
        if self.silent { Value::Null } else { Value::from(text) }
    }

    fn single_quoted(&mut self, at: usize) -> Option<Value> {
        let from = at + 1;
        let mut end = from;
        let mut doubled = false;
        loop {
            end += memchr::memchr(b'\'', &self.bytes[end..])?;
            if self.byte(end + 1) != b'\'' {
                break;
            }
            doubled = true;
            end += 2;
        }
        let folded = self.folded(&self.text[from..end])?;
        let value = match doubled {
            true if !self.silent => Value::from(folded.replace("''", "'")),
            _ => self.text_value(&folded),
        };
        self.rest(end + 1, value)
    }

    fn double_quoted(&mut self, at: usize) -> Option<Value> {
        let from = at + 1;
        let mut end = from;
        let mut escapes = false;
        loop {
            end += memchr::memchr2(b'"', b'\\', &self.bytes[end..])?;
            if self.bytes[end] == b'"' {
                break;
            }
            escapes = true;
            end += 2;
            self.bytes.get(end)?;
        }
        let raw = &self.text[from..end];
        let value = match escapes {
            true if self.tabs && raw.contains('\t') => return None,
            true => Value::from(unescaped(raw)?),
            false => self.text_value(&self.folded(raw)?),
        };
        self.rest(end + 1, value)
    }

    /// What quoted text over lines means: a break is a space, empty lines between are breaks.
    fn folded(&self, raw: &'a str) -> Option<std::borrow::Cow<'a, str>> {
        if memchr::memchr(b'\n', raw.as_bytes()).is_none() {
            return Some(raw.into());
        }
        if self.tabs && raw.contains('\t') {
            return None;
        }
        let mut lines = raw.split('\n').peekable();
        let mut text = String::with_capacity(raw.len());
        text.push_str(lines.next()?.trim_end_matches(' '));
        let mut breaks = 0;
        while let Some(line) = lines.next() {
            // A line of `---` is no part of any scalar.
            if line.starts_with("---") || line.starts_with("...") {
                return None;
            }
            breaks += 1;
            let is_last = lines.peek().is_none();
            let line = line.trim_start_matches(' ');
            if line.is_empty() && !is_last {
                continue;
            }
            match breaks {
                1 => text.push(' '),
                n => text.extend(std::iter::repeat_n('\n', n - 1)),
            }
            breaks = 0;
            text.push_str(if is_last { line } else { line.trim_end_matches(' ') });
        }
        Some(text.into())
    }

    fn block_scalar(&mut self, at: usize, indent: usize, literal: bool) -> Option<Value> {
        let (keep, header) = match self.byte(at + 1) {
            b'-' => (Some(false), at + 2),
            b'+' => (Some(true), at + 2),
            _ => (None, at + 1),
        };
        self.end_line(header)?;
        let column = self.content_column(self.next_line, indent)?;
        let mut text = String::new();
        let mut at = self.next_line;
        // Breaks read but not written yet: of them the first ends a line of content.
        let (mut breaks, mut any) = (0, false);
        while at < self.bytes.len() {
            let spaces = self.spaces(at, column);
            let from = at + spaces;
            let first = self.byte(from);
            if first == b'\n' {
                if from == self.bytes.len() {
                    // Spaces at the very end; whether they are a line depends on their number.
                    return None;
                }
                breaks += 1;
                at = from + 1;
                continue;
            }
            if spaces < column {
                if first == b'\t' {
                    return None;
                }
                break;
            }
            let end = self.line_end(from);
            // Lines indented further are not folded.
            if !literal && matches!(first, b' ' | b'\t') {
                return None;
            }
            if !self.silent {
                match (literal, any) {
                    (true, _) | (false, false) => text.extend(std::iter::repeat_n('\n', breaks)),
                    (false, true) if breaks == 1 => text.push(' '),
                    (false, true) => text.extend(std::iter::repeat_n('\n', breaks - 1)),
                }
                text.push_str(&self.text[from..end]);
            }
            any = true;
            breaks = usize::from(end < self.bytes.len());
            at = (end + 1).min(self.bytes.len());
        }
        let kept = match keep {
            Some(false) => 0,
            None => breaks.min(usize::from(any)),
            Some(true) => breaks,
        };
        self.next_line = at;
        self.next()?;
        if self.silent {
            return Some(Value::Null);
        }
        text.extend(std::iter::repeat_n('\n', kept));
        text.shrink_to_fit();
        Some(Value::from(text))
    }

    /// Spaces at the start of a line, at most so many.
    fn spaces(&self, at: usize, most: usize) -> usize {
        self.bytes[at..].iter().take(most).take_while(|b| **b == b' ').count()
    }

    /// The column of a block scalar's content: that of its first line that is not empty. Nothing
    /// where an empty line before is longer, or where there is no content.
    fn content_column(&self, mut at: usize, indent: usize) -> Option<usize> {
        let mut widest = 0;
        loop {
            let spaces = self.spaces(at, usize::MAX);
            match self.bytes.get(at + spaces)? {
                b'\n' => {
                    widest = widest.max(spaces);
                    at += spaces + 1;
                }
                b'\t' => return None,
                _ => return (spaces > indent && spaces >= widest).then_some(spaces),
            }
        }
    }
}

/// Undoes the escapes that people and emitters write, and folds lines; nothing where there are
/// other escapes.
pub(super) fn unescaped(raw: &str) -> Option<String> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    loop {
        let Some(i) = memchr::memchr2(b'\\', b'\n', rest.as_bytes()) else {
            text.push_str(rest);
            return Some(text);
        };
        let (words, next) = (&rest[..i], rest.as_bytes().get(i + 1).copied());
        if rest.as_bytes()[i] == b'\n' {
            text.push_str(words.trim_end_matches(' '));
            rest = fold_lines(&rest[i + 1..], &mut text, true)?;
            continue;
        }
        text.push_str(words);
        text.push(match next? {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'"' => '"',
            b'\\' => '\\',
            b' ' => ' ',
            b'\n' => {
                rest = fold_lines(&rest[i + 2..], &mut text, false)?;
                continue;
            }
            _ => return None,
        });
        rest = &rest[i + 2..];
    }
}

/// Goes over blanks and empty lines behind a break that is a space (`folds`) or, escaped, nothing.
fn fold_lines<'a>(rest: &'a str, text: &mut String, folds: bool) -> Option<&'a str> {
    let mut rest = rest;
    let mut empty_lines = 0;
    loop {
        // A line of `---` is no part of any scalar, and what tabs do is left to others.
        if rest.starts_with("---") || rest.starts_with("...") {
            return None;
        }
        rest = rest.trim_start_matches(' ');
        match rest.as_bytes().first() {
            Some(b'\n') => {
                empty_lines += 1;
                rest = &rest[1..];
            }
            Some(b'\t') => return None,
            _ => break,
        }
    }
    match empty_lines {
        0 if folds => text.push(' '),
        n => text.extend(std::iter::repeat_n('\n', n)),
    }
    Some(rest)
}
