//! [`Printer`]: one value by one verb, with flags. Numbers are `numbers`' matter.

mod numbers;

use std::rc::Rc;

use super::quote::{can_backquote, quote_with};
use crate::parse::decode;
use crate::value::{Elem, Kind, List, MAX_DEPTH, Map, Object, Value};

/// What stands between `%` and the verb.
#[derive(Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) minus: bool,
    pub(super) plus: bool,
    pub(super) sharp: bool,
    pub(super) space: bool,
    pub(super) zero: bool,
    /// `%+v`
    pub(super) plus_v: bool,
    /// `%#v`
    pub(super) sharp_v: bool,
    pub(super) width: Option<usize>,
    pub(super) precision: Option<usize>,
}

/// Prints values into a buffer.
pub(super) struct Printer<'o> {
    pub(super) out: &'o mut Vec<u8>,
    pub(super) flags: Flags,
    /// Within `%!v(...)`, where methods are not called.
    erroring: bool,
    /// Where the buffer may end; see [`MAX_BYTES`].
    end: usize,
}

const LOWER: &[u8; 17] = b"0123456789abcdefx";
const UPPER: &[u8; 17] = b"0123456789ABCDEFX";
/// The longest text that is printed. A value of a few items can be printed as long as one likes: by
/// widths, or as a list that holds another one twice, which holds another one twice.
pub(super) const MAX_BYTES: usize = 64 << 20;
/// Printed where Go prints an address.
const ADDRESS: u64 = 0xc000_000000;

impl<'o> Printer<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>) -> Printer<'o> {
        let end = out.len().saturating_add(MAX_BYTES);
        Printer { out, flags: Flags::default(), erroring: false, end }
    }
    /// Whether so many bytes more are too many; what is printed is incomplete then, and longer than
    /// [`MAX_BYTES`], so that callers see it.
    pub(super) fn is_full(&mut self, more: usize) -> bool {
        if self.out.len() + more > self.end {
            self.out.resize(self.end + 1, b' ');
            return true;
        }
        false
    }

    /// Prints an argument.
    pub(super) fn print_arg(&mut self, value: &Value, verb: char) {
        match (value, verb) {
            (Value::Nil, 'v' | 'T') => self.pad(b"<nil>"),
            (Value::Nil, _) => self.bad_verb(value, verb),
            (_, 'T') => self.string(value.type_name().as_bytes()),
            (Value::Bytes(_) | Value::List(_) | Value::Map(_) | Value::Func(_), 'p') => self.address(value, 'p'),
            (Value::Bytes(b), 'v' | 'd') => self.bytes(b, verb, "[]byte"),
            _ => self.value(value, verb, 0),
        }
    }

    /// Prints a value at a depth within the argument.
    fn value(&mut self, value: &Value, verb: char, depth: usize) {
        if self.is_full(0) {
            return;
        }
        if depth > MAX_DEPTH {
            // Go would end the process for a value that holds itself.
            self.out.extend_from_slice(b"%!(DEPTH)");
            return;
        }
        match value {
            Value::Nil => self.out.extend_from_slice(b"<nil>"),
            Value::Bool(b) if matches!(verb, 't' | 'v') => self.pad(if *b { b"true" } else { b"false" }),
            Value::Bool(_) => self.bad_verb(value, verb),
            Value::Int(i) | Value::Int64(i) => self.integer(value, *i as u64, true, verb),
            Value::Int32(i) => self.integer(value, i64::from(*i) as u64, true, verb),
            Value::Uint8(i) => self.integer(value, (*i).into(), false, verb),
            Value::Uint32(i) => self.integer(value, (*i).into(), false, verb),
            Value::Uint64(i) => self.integer(value, *i, false, verb),
            Value::Float(f) => self.float_verb(value, *f, verb),
            Value::Complex(re, im) => self.complex(value, *re, *im, verb),
            Value::Str(s) => self.string_verb(value, s, verb),
            Value::Bytes(b) if matches!(verb, 's' | 'q' | 'x' | 'X') => self.bytes(b, verb, "[]uint8"),
            Value::Bytes(b) => {
                let items: Vec<Value> = b.iter().map(|b| Value::Uint8(*b)).collect();
                self.slice("[]uint8", false, &items, Elem::Int, verb, depth);
            }
            Value::List(l) => self.list(l, verb, depth),
            Value::Map(m) => self.map(m, verb, depth),
            Value::Object(o) => self.object(o, verb, depth),
            Value::Func(_) => self.address(value, verb),
        }
    }

    /// `%!verb(type=value)`
    pub(super) fn bad_verb(&mut self, value: &Value, verb: char) {
        self.out.extend_from_slice(b"%!");
        self.rune(verb);
        self.out.push(b'(');
        if value.is_nil() {
            self.out.extend_from_slice(b"<nil>");
        } else {
            self.out.extend_from_slice(value.type_name().as_bytes());
            self.out.push(b'=');
            let erroring = std::mem::replace(&mut self.erroring, true);
            self.print_arg(value, 'v');
            self.erroring = erroring;
        }
        self.out.push(b')');
    }

    pub(super) fn rune(&mut self, c: char) {
        self.out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    fn pad_with(&mut self, count: usize) {
        if self.is_full(count) {
            return;
        }
        let zero = self.flags.zero && !self.flags.minus;
        self.out.resize(self.out.len() + count, if zero { b'0' } else { b' ' });
    }

    /// Writes bytes, padded to the width, which counts runes.
    fn pad(&mut self, s: &[u8]) {
        let Some(width) = self.flags.width.filter(|w| *w > 0) else {
            self.out.extend_from_slice(s);
            return;
        };
        let padding = width.saturating_sub(count_runes(s));
        if self.flags.minus {
            self.out.extend_from_slice(s);
            self.pad_with(padding);
        } else {
            self.pad_with(padding);
            self.out.extend_from_slice(s);
        }
    }

    fn pad_spaces(&mut self, s: &[u8]) {
        let zero = std::mem::replace(&mut self.flags.zero, false);
        self.pad(s);
        self.flags.zero = zero;
    }

    fn string_verb(&mut self, value: &Value, s: &[u8], verb: char) {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(s),
            'v' | 's' => self.string(s),
            'x' => self.hex_string(s, LOWER),
            'X' => self.hex_string(s, UPPER),
            'q' => self.quoted(s),
            _ => self.bad_verb(value, verb),
        }
    }

    fn string(&mut self, s: &[u8]) {
        let s = self.truncated(s);
        self.pad(s);
    }

    /// Cut to the precision, which counts runes.
    fn truncated<'s>(&self, s: &'s [u8]) -> &'s [u8] {
        let Some(precision) = self.flags.precision else { return s };
        let mut end = 0;
        for _ in 0..precision {
            let Some((_, width)) = decode(&s[end..]) else { break };
            end += width;
        }
        &s[..end]
    }

    fn quoted(&mut self, s: &[u8]) {
        let s = self.truncated(s);
        if self.flags.sharp && can_backquote(s) {
            let text = [b"`", s, b"`"].concat();
            return self.pad(&text);
        }
        let text = quote_with(s, '"', self.flags.plus);
        self.pad(text.as_bytes());
    }

    fn hex_string(&mut self, s: &[u8], digits: &[u8; 17]) {
        let s = &s[..s.len().min(self.flags.precision.unwrap_or(usize::MAX))];
        let prefix = [b'0', digits[16]];
        let mut text = Vec::with_capacity(2 * s.len());
        for (i, byte) in s.iter().enumerate() {
            if self.flags.space && i > 0 {
                text.push(b' ');
            }
            if self.flags.sharp && (i == 0 || self.flags.space) {
                text.extend_from_slice(&prefix);
            }
            text.extend_from_slice(&[digits[(byte >> 4) as usize], digits[(byte & 15) as usize]]);
        }
        self.pad(&text);
    }

    fn bytes(&mut self, b: &[u8], verb: char, type_name: &str) {
        match verb {
            's' => self.string(b),
            'x' => self.hex_string(b, LOWER),
            'X' => self.hex_string(b, UPPER),
            'q' => self.quoted(b),
            _ if self.flags.sharp_v => {
                self.out.extend_from_slice(type_name.as_bytes());
                self.out.push(b'{');
                for (i, byte) in b.iter().enumerate() {
                    if i > 0 {
                        self.out.extend_from_slice(b", ");
                    }
                    self.hex((*byte).into(), true);
                }
                self.out.push(b'}');
            }
            _ => {
                self.out.push(b'[');
                for (i, byte) in b.iter().enumerate() {
                    if i > 0 {
                        self.out.push(b' ');
                    }
                    self.digits((*byte).into(), 10, false, verb, LOWER);
                }
                self.out.push(b']');
            }
        }
    }

    fn list(&mut self, list: &List, verb: char, depth: usize) {
        self.slice(list.type_of().name, list.is_nil(), list, list.type_of().elem, verb, depth);
    }

    fn slice(&mut self, name: &str, nil: bool, items: &[Value], elem: Elem, verb: char, depth: usize) {
        if self.flags.sharp_v {
            self.out.extend_from_slice(name.as_bytes());
            if nil {
                self.out.extend_from_slice(b"(nil)");
                return;
            }
        }
        self.out.push(if self.flags.sharp_v { b'{' } else { b'[' });
        for (i, item) in items.iter().enumerate() {
            self.separator(i);
            self.element(item, elem, verb, depth);
        }
        self.out.push(if self.flags.sharp_v { b'}' } else { b']' });
    }

    fn map(&mut self, map: &Map, verb: char, depth: usize) {
        let of = map.type_of();
        if self.flags.sharp_v {
            self.out.extend_from_slice(of.name.as_bytes());
            if map.is_nil() {
                self.out.extend_from_slice(b"(nil)");
                return;
            }
            self.out.push(b'{');
        } else {
            self.out.extend_from_slice(b"map[");
        }
        for (i, (key, value)) in map.entries().into_iter().enumerate() {
            self.separator(i);
            self.value(&Value::Str(key), verb, depth + 1);
            self.out.push(b':');
            self.element(&value, of.elem, verb, depth);
        }
        self.out.push(if self.flags.sharp_v { b'}' } else { b']' });
    }

    fn separator(&mut self, index: usize) {
        if index > 0 {
            self.out.extend_from_slice(if self.flags.sharp_v { b", " } else { b" " });
        }
    }

    /// What a slice, map or struct holds.
    fn element(&mut self, value: &Value, elem: Elem, verb: char, depth: usize) {
        if value.is_nil() && self.flags.sharp_v {
            self.out.extend_from_slice(elem.name().as_bytes());
            self.out.extend_from_slice(b"(nil)");
            return;
        }
        self.value(value, verb, depth + 1);
    }

    fn object(&mut self, object: &Rc<dyn Object>, verb: char, depth: usize) {
        if !self.erroring
            && !self.flags.sharp_v
            && matches!(verb, 'v' | 's' | 'x' | 'X' | 'q')
            && let Some(text) = object.text()
        {
            let value = Value::Object(Rc::clone(object));
            return self.string_verb(&value, text.as_bytes(), verb);
        }
        if let Some(plain) = object.underlying() {
            return match &plain {
                Value::List(l) => self.slice(object.type_name(), l.is_nil(), l, l.type_of().elem, verb, depth),
                _ => self.value(&plain, verb, depth),
            };
        }
        let is_pointer = object.kind() == Kind::Ptr;
        if is_pointer && depth > 0 {
            return self.address(&Value::Object(Rc::clone(object)), verb);
        }
        if is_pointer {
            self.out.push(b'&');
        }
        if self.flags.sharp_v {
            self.out.extend_from_slice(object.type_name().trim_start_matches('*').as_bytes());
        }
        self.out.push(b'{');
        for (i, (name, value)) in object.fields().into_iter().enumerate() {
            self.separator(i);
            if self.flags.plus_v || self.flags.sharp_v {
                self.out.extend_from_slice(name.as_bytes());
                self.out.push(b':');
            }
            self.element(&value, Elem::Any, verb, depth);
        }
        self.out.push(b'}');
    }

    fn address(&mut self, value: &Value, verb: char) {
        match verb {
            'v' if self.flags.sharp_v => {
                self.out.push(b'(');
                self.out.extend_from_slice(value.type_name().as_bytes());
                self.out.extend_from_slice(b")(");
                self.hex(ADDRESS, true);
                self.out.push(b')');
            }
            'v' | 'p' => self.hex(ADDRESS, !self.flags.sharp),
            'b' | 'o' | 'd' | 'x' | 'X' => self.integer(value, ADDRESS, false, verb),
            _ => self.bad_verb(value, verb),
        }
    }
}

fn count_runes(mut s: &[u8]) -> usize {
    if s.is_ascii() {
        return s.len();
    }
    let mut count = 0;
    while let Some((_, width)) = decode(s) {
        s = &s[width..];
        count += 1;
    }
    count
}
