//! Flow collections on one line: `[a, "b"]`, `{cpu: 1, memory: 2Gi}`.

use std::borrow::Cow;

use belay_object::{Key, Map, Value};
use thin_vec::ThinVec;

use super::Reader;
use super::scalar::unescaped;

use crate::Duplicates;
use crate::resolve::{self, Scalar};

impl<'a> Reader<'a> {
    /// Reads the collection that starts at `at`; gives the place behind it.
    pub(super) fn flow(&mut self, at: usize) -> Option<(Value, usize)> {
        self.enter()?;
        let found = if self.byte(at) == b'[' { self.flow_sequence(at) } else { self.flow_mapping(at) };
        self.depth -= 1;
        found
    }

    fn blanks(&self, mut at: usize) -> usize {
        while self.byte(at) == b' ' {
            at += 1;
        }
        at
    }

    fn flow_sequence(&mut self, at: usize) -> Option<(Value, usize)> {
        let mut items = ThinVec::new();
        let mut at = self.blanks(at + 1);
        if self.byte(at) == b']' {
            return Some((Value::Array(items), at + 1));
        }
        loop {
            let (item, end) = self.flow_node(at)?;
            if !self.silent {
                items.push(item);
            }
            at = self.blanks(end);
            match self.byte(at) {
                b',' => at = self.blanks(at + 1),
                b']' => return Some((Value::Array(items), at + 1)),
                _ => return None,
            }
        }
    }

    fn flow_mapping(&mut self, at: usize) -> Option<(Value, usize)> {
        let mut fields: ThinVec<(Key, Value)> = ThinVec::new();
        let mut at = self.blanks(at + 1);
        if self.byte(at) == b'}' {
            return Some((Value::object(), at + 1));
        }
        loop {
            let (text, plain, end) = self.flow_text(at)?;
            if self.byte(end) != b':' || self.byte(end + 1) != b' ' {
                return None;
            }
            if plain && resolve::scalar(&text, self.options.resolver, true) != Scalar::Text {
                return None;
            }
            let (value, end) = self.flow_node(self.blanks(end + 1))?;
            if !self.silent {
                fields.push((self.names.key(&text), value));
            }
            at = self.blanks(end);
            match self.byte(at) {
                b',' => at = self.blanks(at + 1),
                b'}' => break,
                _ => return None,
            }
        }
        let (map, any_equal) = Map::from_fields(fields);
        if any_equal && self.options.duplicates == Duplicates::Refuse {
            return None;
        }
        Some((Value::Object(map), at + 1))
    }

    fn flow_node(&mut self, at: usize) -> Option<(Value, usize)> {
        if matches!(self.byte(at), b'[' | b'{') {
            return self.flow(at);
        }
        let (text, plain, end) = self.flow_text(at)?;
        // A colon makes a map of one field.
        if self.byte(self.blanks(end)) == b':' {
            return None;
        }
        let value = if plain { self.resolved(&text)? } else { self.text_value(&text) };
        Some((value, end))
    }

    /// Reads a scalar; says whether it is plain, and the place behind it.
    fn flow_text(&self, at: usize) -> Option<(Cow<'a, str>, bool, usize)> {
        let quote = self.byte(at);
        if quote != b'"' && quote != b'\'' {
            let length = self.bytes[at..].iter().position(|b| !is_plain(*b))?;
            // Blanks within and what may end it otherwise are left to others.
            let ends = matches!(self.byte(at + length), b',' | b']' | b'}' | b':');
            let starts = !matches!(quote, b'-' | b'*') || (quote == b'-' && length > 1);
            return (length > 0 && ends && starts).then(|| (self.text[at..at + length].into(), true, at + length));
        }
        let mut end = at + 1;
        loop {
            end += memchr::memchr3(quote, b'\\', b'\n', &self.bytes[end..])?;
            match self.bytes[end] {
                b'\n' => return None,
                b'\\' if quote == b'"' => end += 2,
                b'\\' => end += 1,
                _ => break,
            }
            self.bytes.get(end)?;
        }
        // A doubled quote is left to others.
        if self.byte(end + 1) == quote {
            return None;
        }
        let raw = &self.text[at + 1..end];
        let text = if quote == b'"' { unescaped(raw)?.into() } else { raw.into() };
        Some((text, false, end + 1))
    }
}

fn is_plain(b: u8) -> bool {
    b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'/' | b'$' | b'+' | b'=' | b'*' | b'(' | b')')
}
