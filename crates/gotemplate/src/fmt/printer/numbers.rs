//! Numbers by the verbs of numbers.

use super::super::number::format_float;
use super::super::quote::{is_print, quote_rune};
use super::{LOWER, Printer, UPPER};
use crate::value::Value;

impl Printer<'_> {
    pub(super) fn integer(&mut self, value: &Value, u: u64, signed: bool, verb: char) {
        match verb {
            'v' if self.flags.sharp_v && !signed => self.hex(u, true),
            'v' | 'd' => self.digits(u, 10, signed, verb, LOWER),
            'b' => self.digits(u, 2, signed, verb, LOWER),
            'o' | 'O' => self.digits(u, 8, signed, verb, LOWER),
            'x' => self.digits(u, 16, signed, verb, LOWER),
            'X' => self.digits(u, 16, signed, verb, UPPER),
            'c' => {
                let c = as_rune(u);
                self.pad(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            'q' => {
                let text = quote_rune(as_rune(u), self.flags.plus);
                self.pad(text.as_bytes());
            }
            'U' => self.unicode(u),
            _ => self.bad_verb(value, verb),
        }
    }

    /// Hexadecimal with or without `0x`.
    pub(super) fn hex(&mut self, u: u64, prefix: bool) {
        let sharp = std::mem::replace(&mut self.flags.sharp, prefix);
        self.digits(u, 16, false, 'v', LOWER);
        self.flags.sharp = sharp;
    }

    pub(super) fn digits(&mut self, u: u64, base: u64, signed: bool, verb: char, digits: &[u8; 17]) {
        let negative = signed && (u as i64) < 0;
        let mut u = if negative { u.wrapping_neg() } else { u };
        let mut least = 0;
        if let Some(precision) = self.flags.precision {
            least = precision;
            if precision == 0 && u == 0 {
                let zero = std::mem::replace(&mut self.flags.zero, false);
                self.pad_with(self.flags.width.unwrap_or_default());
                self.flags.zero = zero;
                return;
            }
        } else if let (true, false, Some(width)) = (self.flags.zero, self.flags.minus, self.flags.width) {
            let sign = usize::from(negative || self.flags.plus || self.flags.space);
            least = width.saturating_sub(sign);
        }
        // Written from the last digit to the first.
        let mut reversed = Vec::with_capacity(24.max(least + 4));
        loop {
            reversed.push(digits[(u % base) as usize]);
            u /= base;
            if u == 0 {
                break;
            }
        }
        while reversed.len() < least {
            reversed.push(b'0');
        }
        if self.flags.sharp {
            match base {
                2 => reversed.extend_from_slice(b"b0"),
                8 if reversed.last() != Some(&b'0') => reversed.push(b'0'),
                16 => reversed.extend_from_slice(&[digits[16], b'0']),
                _ => {}
            }
        }
        if verb == 'O' {
            reversed.extend_from_slice(b"o0");
        }
        if negative {
            reversed.push(b'-');
        } else if self.flags.plus {
            reversed.push(b'+');
        } else if self.flags.space {
            reversed.push(b' ');
        }
        reversed.reverse();
        self.pad_spaces(&reversed);
    }

    fn unicode(&mut self, u: u64) {
        let least = self.flags.precision.filter(|p| *p > 4).unwrap_or(4);
        let mut text = format!("U+{u:0least$X}");
        if self.flags.sharp
            && let Some(c) = u32::try_from(u).ok().and_then(char::from_u32).filter(|c| is_print(*c))
        {
            text.push_str(&format!(" '{c}'"));
        }
        self.pad_spaces(text.as_bytes());
    }

    pub(super) fn float_verb(&mut self, value: &Value, f: f64, verb: char) {
        match verb {
            'v' => self.float(f, 'g', None),
            'b' | 'g' | 'G' | 'x' | 'X' => self.float(f, verb, None),
            'f' | 'e' | 'E' => self.float(f, verb, Some(6)),
            'F' => self.float(f, 'f', Some(6)),
            _ => self.bad_verb(value, verb),
        }
    }

    fn float(&mut self, f: f64, verb: char, precision: Option<usize>) {
        let precision = self.flags.precision.or(precision);
        let mut number = format_float(f, verb, precision).into_bytes();
        if !matches!(number[0], b'-' | b'+') {
            number.insert(0, b'+');
        }
        if self.flags.space && number[0] == b'+' && !self.flags.plus {
            number[0] = b' ';
        }
        if matches!(number[1], b'I' | b'N') {
            let from = usize::from(number[1] == b'N' && !self.flags.space && !self.flags.plus);
            return self.pad_spaces(&number[from..]);
        }
        if self.flags.sharp && verb != 'b' {
            number = with_point(number, verb, precision);
        }
        if self.flags.plus || number[0] != b'+' {
            let width = self.flags.width.unwrap_or_default();
            if self.flags.zero && !self.flags.minus && width > number.len() {
                self.out.push(number[0]);
                self.pad_with(width - number.len());
                self.out.extend_from_slice(&number[1..]);
                return;
            }
            return self.pad(&number);
        }
        self.pad(&number[1..]);
    }

    pub(super) fn complex(&mut self, value: &Value, re: f64, im: f64, verb: char) {
        if !matches!(verb, 'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E') {
            return self.bad_verb(value, verb);
        }
        self.out.push(b'(');
        self.float_verb(value, re, verb);
        let plus = std::mem::replace(&mut self.flags.plus, true);
        self.float_verb(value, im, verb);
        self.flags.plus = plus;
        self.out.extend_from_slice(b"i)");
    }
}

fn as_rune(u: u64) -> char {
    u32::try_from(u).ok().and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// `%#g` and its like: a point, and zeros up to the precision.
fn with_point(number: Vec<u8>, verb: char, precision: Option<usize>) -> Vec<u8> {
    let mut digits = match verb {
        'g' | 'G' | 'x' => precision.unwrap_or(6) as i64,
        _ => 0,
    };
    let is_hex = matches!(verb, 'x' | 'X');
    let ends = |b: &u8| matches!(b, b'p' | b'P') || !is_hex && matches!(b, b'e' | b'E');
    let end = number.iter().position(ends).unwrap_or(number.len());
    let (mut head, tail) = (number[..end].to_vec(), &number[end..]);
    let mut has_point = false;
    let mut saw_nonzero = false;
    for byte in &head[1..] {
        match byte {
            b'.' => has_point = true,
            byte => {
                saw_nonzero |= *byte != b'0';
                digits -= i64::from(saw_nonzero);
            }
        }
    }
    if !has_point {
        if head.len() == 2 && head[1] == b'0' {
            digits -= 1;
        }
        head.push(b'.');
    }
    head.extend(std::iter::repeat_n(b'0', digits.max(0) as usize));
    head.extend_from_slice(tail);
    head
}
