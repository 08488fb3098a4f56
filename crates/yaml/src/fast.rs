//! A fast reader for the part of YAML that manifests are written in: block maps and lists, plain and
//! quoted scalars, block scalars. Four times as fast as scanner and tree.
//!
//! *Invariant*: where it gives a value, the scanner, the parser and the builder would give the same.
//! Whatever it is not sure of (anchors, tags, flow collections over lines, tabs, carriage returns,
//! complex keys, anything that looks like an error) it leaves to them by giving nothing. It works
//! line by line: `at` is the first character of a line that is neither empty nor a comment, and
//! `indent` its column.

mod flow;
mod scalar;

use belay_object::{Key, Map, Value};
use thin_vec::ThinVec;

use crate::resolve::{self, Scalar};
use crate::{Duplicates, Options};

/// Gives a document's value and how many lines stand before its first content.
pub(crate) fn value(text: &str, options: &Options) -> Option<(Value, usize)> {
    read(text, None, options)
}

/// Gives a document's value without those fields of its outermost map that are not asked for; names match in any
/// case. All of the text is read and checked the same.
pub(crate) fn outline(text: &str, wanted: &[&str], options: &Options) -> Option<Value> {
    // Of what is passed over nobody would find out that a key stands twice.
    if options.duplicates == Duplicates::Refuse {
        return None;
    }
    Some(read(text, Some(wanted), options)?.0)
}

fn read<'a>(text: &'a str, wanted: Option<&'a [&'a str]>, options: &'a Options) -> Option<(Value, usize)> {
    let tabs = plain_enough(text)?;
    let mut reader = Reader {
        text,
        bytes: text.as_bytes(),
        next_line: 0,
        at: 0,
        indent: 0,
        ended: false,
        tabs,
        depth: 0,
        options,
        fields: Vec::with_capacity(32),
        items: Vec::with_capacity(16),
        names: Names::default(),
        wanted,
        silent: false,
    };
    reader.next()?;
    reader.skip_separator()?;
    let lines = crate::split::lines(&text[..reader.at.min(text.len())]);
    if reader.ended {
        return Some((Value::Null, 0));
    }
    let value = reader.block(None)?;
    reader.ended.then_some((value, lines))
}

/// Nothing where the text holds a character that means more than itself; otherwise whether it
/// holds tabs.
fn plain_enough(text: &str) -> Option<bool> {
    /// So many bytes are looked at together.
    const STRIDE: usize = 64;
    let bytes = text.as_bytes();
    let mut tabs = false;
    for (n, chunk) in bytes.chunks(STRIDE).enumerate() {
        // Without branches, for the compiler to make it one instruction per many bytes.
        let usual = chunk.iter().fold(true, |usual, b| usual & ((b.wrapping_sub(b' ') <= b'~' - b' ') | (*b == b'\n')));
        if usual {
            continue;
        }
        for (i, &b) in chunk.iter().enumerate() {
            let behind = |more: usize| bytes.get(n * STRIDE + i + more);
            match b {
                b' '..=b'~' | b'\n' => {}
                b'\t' => tabs = true,
                // Control characters, byte order marks and the line breaks of YAML 1.1.
                0..=0x1F | 0x7F | 0xEF => return None,
                0xC2 if behind(1).is_none_or(|b| *b < 0xA0) => return None,
                0xE2 if behind(1) == Some(&0x80) && matches!(behind(2), Some(0xA8 | 0xA9)) => return None,
                _ => {}
            }
        }
    }
    Some(tabs)
}

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    /// Where the line behind the current one starts.
    next_line: usize,
    at: usize,
    indent: usize,
    ended: bool,
    tabs: bool,
    depth: usize,
    options: &'a Options,
    /// Fields of the open maps, innermost last: each map is cut off when it is complete.
    fields: Vec<(Key, Value)>,
    items: Vec<Value>,
    names: Names,
    /// The fields of the outermost map that are given, where not all are.
    wanted: Option<&'a [&'a str]>,
    /// Whether what is read is only checked: values are null then, and maps and lists are not filled.
    silent: bool,
}

impl<'a> Reader<'a> {
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(b'\n')
    }

    /// Moves to the next line with content.
    fn next(&mut self) -> Option<()> {
        let mut at = self.next_line;
        loop {
            let start = at;
            while self.bytes.get(at) == Some(&b' ') {
                at += 1;
            }
            match self.bytes.get(at) {
                None => {
                    (self.at, self.indent, self.ended, self.next_line) = (at, 0, true, at);
                    return Some(());
                }
                Some(b'\n') => at += 1,
                Some(b'#') => at = self.line_end(at) + 1,
                Some(b'\t') => return None,
                Some(_) => {
                    (self.at, self.indent) = (at, at - start);
                    return Some(());
                }
            }
            at = at.min(self.bytes.len());
        }
    }

    fn line_end(&self, at: usize) -> usize {
        memchr::memchr(b'\n', &self.bytes[at..]).map_or(self.bytes.len(), |i| at + i)
    }

    /// Goes over a `---` before the content.
    fn skip_separator(&mut self) -> Option<()> {
        if self.ended || self.indent > 0 || !self.bytes[self.at..].starts_with(b"---") {
            return Some(());
        }
        self.end_line(self.at + 3)?;
        self.next()
    }

    /// Ends a line behind what was read of it: only blanks and a comment may follow.
    fn end_line(&mut self, at: usize) -> Option<()> {
        let mut end = at;
        while self.byte(end) == b' ' {
            end += 1;
        }
        match self.byte(end) {
            b'\n' => {}
            b'#' if end > at => end = self.line_end(end),
            _ => return None,
        }
        self.next_line = (end + 1).min(self.bytes.len());
        Some(())
    }

    fn is_dash(&self, at: usize) -> bool {
        self.byte(at) == b'-' && matches!(self.byte(at + 1), b' ' | b'\n')
    }

    /// Reads the map, list or scalar that starts on this line and belongs to a collection in column
    /// `parent`.
    fn block(&mut self, parent: Option<usize>) -> Option<Value> {
        if self.is_dash(self.at) {
            return self.sequence(self.indent, false);
        }
        match (self.key(self.at), parent) {
            (Some((key, behind)), _) => self.mapping(self.indent, key, behind),
            (None, Some(parent)) => self.scalar(self.at, parent),
            (None, None) => None,
        }
    }

    fn enter(&mut self) -> Option<()> {
        self.depth += 1;
        (self.depth <= self.options.limits.max_depth).then_some(())
    }

    /// Reads a map in column `indent`, whose first key is read up to `behind` its colon.
    fn mapping(&mut self, indent: usize, first: &'a str, behind: usize) -> Option<Value> {
        self.enter()?;
        let start = self.fields.len();
        let (mut key, mut behind) = (first, behind);
        loop {
            let outer = self.silent;
            self.silent = outer || self.is_passed_over(key);
            let value = self.field_value(indent, behind)?;
            if !self.silent {
                self.fields.push((self.names.key(key), value));
            }
            self.silent = outer;
            if self.ended || self.indent < indent {
                break;
            }
            if self.indent > indent {
                return None;
            }
            (key, behind) = self.key(self.at)?;
        }
        self.depth -= 1;
        if self.silent {
            return Some(Value::Null);
        }
        let fields: ThinVec<(Key, Value)> = self.fields.drain(start..).collect();
        let (map, any_equal) = Map::from_fields(fields);
        if any_equal && self.options.duplicates == Duplicates::Refuse {
            return None;
        }
        Some(Value::Object(map))
    }

    /// Whether a key of the map that is read is one of the outermost map and not asked for.
    fn is_passed_over(&self, key: &str) -> bool {
        self.depth == 1 && self.wanted.is_some_and(|wanted| !wanted.iter().any(|name| name.eq_ignore_ascii_case(key)))
    }

    /// Reads what stands behind a colon, and moves to the next line with content.
    fn field_value(&mut self, indent: usize, behind: usize) -> Option<Value> {
        let mut at = behind;
        while self.byte(at) == b' ' {
            at += 1;
        }
        if !matches!(self.byte(at), b'\n' | b'#') {
            return self.scalar(at, indent);
        }
        self.end_line(behind)?;
        self.next()?;
        if self.ended || self.indent < indent {
            Some(Value::Null)
        } else if self.indent > indent {
            self.block(Some(indent))
        } else if self.is_dash(self.at) {
            self.sequence(indent, true)
        } else {
            Some(Value::Null)
        }
    }

    /// Reads a list in column `indent`; an `indentless` one stands in the column of its key.
    fn sequence(&mut self, indent: usize, indentless: bool) -> Option<Value> {
        self.enter()?;
        let start = self.items.len();
        loop {
            let item = self.item(indent)?;
            if !self.silent {
                self.items.push(item);
            }
            if self.ended || self.indent < indent {
                break;
            }
            if self.indent > indent {
                return None;
            }
            if !self.is_dash(self.at) {
                if indentless {
                    break;
                }
                return None;
            }
        }
        self.depth -= 1;
        if self.silent {
            return Some(Value::Null);
        }
        Some(Value::Array(self.items.drain(start..).collect()))
    }

    fn item(&mut self, indent: usize) -> Option<Value> {
        let mut at = self.at + 1;
        while self.byte(at) == b' ' {
            at += 1;
        }
        if matches!(self.byte(at), b'\n' | b'#') {
            self.end_line(self.at + 1)?;
            self.next()?;
            return if self.ended || self.indent <= indent { Some(Value::Null) } else { self.block(Some(indent)) };
        }
        let column = indent + at - self.at;
        if self.is_dash(at) {
            (self.at, self.indent) = (at, column);
            return self.sequence(column, false);
        }
        match self.key(at) {
            Some((key, behind)) => {
                (self.at, self.indent) = (at, column);
                self.mapping(column, key, behind)
            }
            None => self.scalar(at, indent),
        }
    }

    /// Reads a key and its colon; gives the key and the place behind the colon.
    fn key(&self, at: usize) -> Option<(&'a str, usize)> {
        /// A key may have 1,024 characters; few have more than these.
        const MAX_KEY_BYTES: usize = 256;
        let first = self.byte(at);
        if first == b'"' || first == b'\'' {
            let rest = &self.bytes[at + 1..(at + MAX_KEY_BYTES).min(self.bytes.len())];
            let length = rest.iter().position(|b| *b == first || *b == b'\\' || *b == b'\n')?;
            let end = at + 1 + length;
            if rest[length] != first || self.byte(end + 1) != b':' || !matches!(self.byte(end + 2), b' ' | b'\n') {
                return None;
            }
            return Some((&self.text[at + 1..end], end + 2));
        }
        if !first.is_ascii_alphanumeric() && !matches!(first, b'_' | b'.' | b'/' | b'$') {
            return None;
        }
        let rest = &self.bytes[at..(at + MAX_KEY_BYTES).min(self.bytes.len())];
        let mut end = at;
        loop {
            end += rest[end - at..].iter().position(|b| !KEY_BYTES[usize::from(*b)])?;
            if self.byte(end) != b':' {
                return None;
            }
            if matches!(self.byte(end + 1), b' ' | b'\n') {
                break;
            }
            end += 1;
        }
        let text = &self.text[at..end];
        if may_be_no_text(first) && resolve::scalar(text, self.options.resolver, true) != Scalar::Text {
            return None;
        }
        Some((text, end + 1))
    }
}

/// What a plain key may hold to be read here, besides colons.
const KEY_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut b = 0;
    while b < 256 {
        let c = b as u8;
        table[b] = c.is_ascii_alphanumeric() || matches!(c, b'_' | b'.' | b'/' | b'$' | b'-' | b'+' | b'@' | b'*');
        b += 1;
    }
    table
};

/// Whether a plain text that starts so may mean something else than text.
fn may_be_no_text(first: u8) -> bool {
    matches!(
        first,
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' | b'.' | b'0'..=b'9' | b'+' | b'-'
    )
}

/// Keys seen lately, so that most are made without asking the process's table of names.
struct Names([Option<Key>; Names::SLOTS]);

impl Default for Names {
    fn default() -> Names {
        Names([const { None }; Names::SLOTS])
    }
}

impl Names {
    const SLOTS: usize = 256;

    fn key(&mut self, text: &str) -> Key {
        let bytes = text.as_bytes();
        let pick = |i: usize| usize::from(bytes.get(i).copied().unwrap_or(0));
        let n = bytes.len();
        let slot = (n * 7 + pick(0) * 31 + pick(n / 2) * 17 + pick(n.saturating_sub(1)) * 13) % Names::SLOTS;
        match &self.0[slot] {
            Some(key) if key.as_str() == text => key.clone(),
            _ => {
                let key = Key::new(text);
                self.0[slot] = Some(key.clone());
                key
            }
        }
    }
}
