//! A format string and its arguments.

use super::printer::{Flags, Printer};
use crate::parse::decode;
use crate::value::Value;

/// Go's limit for widths and precisions.
const LARGEST: i64 = 1_000_000;

/// Go's `fmt.Appendf`.
pub(super) fn format(out: &mut Vec<u8>, format: &[u8], args: &[Value]) {
    let mut state = Format { format, args, at: 0, arg: 0, reordered: false, good_index: true };
    let mut printer = Printer::new(out);
    while state.at < format.len() {
        let plain = memchr::memchr(b'%', &format[state.at..]).unwrap_or(format.len() - state.at);
        printer.out.extend_from_slice(&format[state.at..state.at + plain]);
        state.at += plain;
        if state.at >= format.len() {
            break;
        }
        state.at += 1;
        state.good_index = true;
        printer.flags = Flags::default();
        if printer.is_full(0) {
            return;
        }
        if !state.simple(&mut printer) && !state.full(&mut printer) {
            break;
        }
    }
    if !state.reordered && state.arg < args.len() {
        extra(&mut printer, &args[state.arg..]);
    }
}

fn extra(printer: &mut Printer<'_>, args: &[Value]) {
    printer.flags = Flags::default();
    printer.out.extend_from_slice(b"%!(EXTRA ");
    for (i, arg) in args.iter().enumerate() {
        if i > 0 {
            printer.out.extend_from_slice(b", ");
        }
        if arg.is_nil() {
            printer.out.extend_from_slice(b"<nil>");
        } else {
            printer.out.extend_from_slice(arg.type_name().as_bytes());
            printer.out.push(b'=');
            printer.print_arg(arg, 'v');
        }
    }
    printer.out.push(b')');
}

/// Where in the format and in the arguments we are.
struct Format<'a> {
    format: &'a [u8],
    args: &'a [Value],
    at: usize,
    arg: usize,
    reordered: bool,
    good_index: bool,
}

impl Format<'_> {
    fn byte(&self) -> Option<u8> {
        self.format.get(self.at).copied()
    }

    /// Flags, and the verb if it is a small letter that follows at once. Says whether it was.
    fn simple(&mut self, printer: &mut Printer<'_>) -> bool {
        while let Some(byte) = self.byte() {
            match byte {
                b'#' => printer.flags.sharp = true,
                b'0' => printer.flags.zero = true,
                b'+' => printer.flags.plus = true,
                b'-' => printer.flags.minus = true,
                b' ' => printer.flags.space = true,
                b'a'..=b'z' if self.arg < self.args.len() => {
                    self.at += 1;
                    self.print(printer, byte as char);
                    return true;
                }
                _ => return false,
            }
            self.at += 1;
        }
        false
    }

    /// Index, width, precision, verb. Says whether there is more.
    fn full(&mut self, printer: &mut Printer<'_>) -> bool {
        let mut after_index = self.index();
        if self.byte() == Some(b'*') {
            self.at += 1;
            let width = self.int_arg();
            if width.is_none() {
                printer.out.extend_from_slice(b"%!(BADWIDTH)");
            }
            if width.is_some_and(|w| w < 0) {
                printer.flags.minus = true;
                printer.flags.zero = false;
            }
            printer.flags.width = width.map(|w| w.unsigned_abs() as usize);
            after_index = false;
        } else {
            printer.flags.width = self.number();
            if after_index && printer.flags.width.is_some() {
                self.good_index = false;
            }
        }
        if self.byte() == Some(b'.') && self.at + 1 < self.format.len() {
            self.at += 1;
            if after_index {
                self.good_index = false;
            }
            after_index = self.index();
            if self.byte() == Some(b'*') {
                self.at += 1;
                let precision = self.int_arg().filter(|p| *p >= 0);
                if precision.is_none() {
                    printer.out.extend_from_slice(b"%!(BADPREC)");
                }
                printer.flags.precision = precision.map(|p| p as usize);
                after_index = false;
            } else {
                printer.flags.precision = Some(self.number().unwrap_or(0));
            }
        }
        if !after_index {
            self.index();
        }
        let Some((verb, width)) = decode(&self.format[self.at.min(self.format.len())..]) else {
            printer.out.extend_from_slice(b"%!(NOVERB)");
            return false;
        };
        self.at += width;
        if verb == '%' {
            printer.out.push(b'%');
        } else if !self.good_index {
            printer.out.extend_from_slice(b"%!");
            printer.rune(verb);
            printer.out.extend_from_slice(b"(BADINDEX)");
        } else if self.arg >= self.args.len() {
            printer.out.extend_from_slice(b"%!");
            printer.rune(verb);
            printer.out.extend_from_slice(b"(MISSING)");
        } else {
            self.print(printer, verb);
        }
        true
    }

    fn print(&mut self, printer: &mut Printer<'_>, verb: char) {
        let flags = &mut printer.flags;
        if matches!(verb, 'v' | 'w') {
            flags.sharp_v = std::mem::take(&mut flags.sharp);
            flags.plus_v = std::mem::take(&mut flags.plus);
        }
        let arg = &self.args[self.arg];
        // `%w` is for errors made of a format alone; of bytes each is refused.
        if verb == 'w' && !matches!(arg, Value::Bytes(_)) {
            printer.bad_verb(arg, verb);
        } else {
            printer.print_arg(arg, verb);
        }
        self.arg += 1;
    }

    /// A number; `None` where there is none or it is too large (then all of the format is taken).
    fn number(&mut self) -> Option<usize> {
        let (number, end) = parse_number(self.format, self.at, self.format.len());
        self.at = end;
        number
    }

    /// The next argument as a width or precision.
    fn int_arg(&mut self) -> Option<i64> {
        let arg = self.args.get(self.arg)?;
        self.arg += 1;
        arg.as_int().filter(|n| (-LARGEST..=LARGEST).contains(n))
    }

    /// `[3]`: makes the third argument the next one. Says whether there is an index.
    fn index(&mut self) -> bool {
        if self.byte() != Some(b'[') {
            return false;
        }
        self.reordered = true;
        let rest = &self.format[self.at..];
        let close = if rest.len() < 3 { None } else { memchr::memchr(b']', rest) };
        let Some(close) = close else {
            self.at += 1;
            self.good_index = false;
            return false;
        };
        let (number, end) = parse_number(rest, 1, close);
        self.at += close + 1;
        match number.filter(|_| end == close) {
            Some(n) if (1..=self.args.len()).contains(&n) => {
                self.arg = n - 1;
                true
            }
            other => {
                self.good_index = false;
                other.is_some()
            }
        }
    }
}

/// A number from `start` on, and where it ends; where it is too large, `None` and `end`.
fn parse_number(s: &[u8], start: usize, end: usize) -> (Option<usize>, usize) {
    let mut at = start;
    let mut number = None;
    while at < end && s[at].is_ascii_digit() {
        let so_far: usize = number.unwrap_or(0);
        if so_far as i64 > LARGEST {
            return (None, end);
        }
        number = Some(so_far * 10 + usize::from(s[at] - b'0'));
        at += 1;
    }
    (number, at.max(start))
}
