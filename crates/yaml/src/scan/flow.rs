//! Quoted and plain scalars, which may go on over lines: a line break between words is a space,
//! empty lines between are newlines.

use std::borrow::Cow;

use super::{Mark, Scanned, Scanner, Style, Token};

/// Blanks and breaks between two words of a scalar.
#[derive(Default)]
struct Gap {
    blanks: String,
    /// The first break; empty where there is none.
    first: &'static str,
    others: String,
}

impl Gap {
    /// Appends what the gap stands for, and empties it.
    fn fold_into(&mut self, text: &mut String) {
        match self.first {
            "" => text.push_str(&self.blanks),
            "\n" if self.others.is_empty() => text.push(' '),
            "\n" => text.push_str(&self.others),
            first => {
                text.push_str(first);
                text.push_str(&self.others);
            }
        }
        self.blanks.clear();
        self.others.clear();
        self.first = "";
    }
}

impl<'a> Scanner<'a> {
    pub(super) fn quoted_scalar(&mut self, single: bool) -> Scanned<Token<'a>> {
        let start = self.mark;
        let quote = self.at(0);
        self.skip();
        let style = if single { Style::SingleQuoted } else { Style::DoubleQuoted };
        if let Some(text) = self.simple_quoted(quote) {
            return Ok(Token::Scalar { text: Cow::Borrowed(text), style });
        }
        let mut text = String::new();
        let mut gap = Gap::default();
        loop {
            if self.document_indicator().is_some() {
                return Err(self.fault(start, "found unexpected document indicator"));
            }
            if self.is_end() {
                return Err(self.fault(start, "found unexpected end of stream"));
            }
            let escaped_break = self.quoted_words(quote, &mut text, start)?;
            if self.at(0) == quote {
                break;
            }
            self.gap(&mut gap, escaped_break);
            if escaped_break {
                text.push_str(&std::mem::take(&mut gap.others));
            } else {
                gap.fold_into(&mut text);
            }
        }
        self.skip();
        Ok(Token::Scalar { text: text.into(), style })
    }

    /// A quoted text on one line without escapes; moves behind it.
    fn simple_quoted(&mut self, quote: u8) -> Option<&'a str> {
        let from = self.mark.pos;
        let stop = |b: u8| b == quote || matches!(b, b'\\' | b'\n' | b'\r' | 0xC2 | 0xE2);
        let length = self.bytes[from..].iter().position(|&b| stop(b))?;
        if self.bytes[from + length] != quote || self.bytes.get(from + length + 1) == Some(&quote) {
            return None;
        }
        let text = &self.text[from..from + length];
        self.mark.pos += length + 1;
        self.mark.column += text.chars().count() + 1;
        Some(text)
    }

    /// Reads up to a blank, a break, the quote or the end; says whether it met `\` and a break.
    fn quoted_words(&mut self, quote: u8, text: &mut String, start: Mark) -> Scanned<bool> {
        while !self.is_blank_or_end(0) {
            let c = self.at(0);
            if c == quote {
                if quote == b'"' || self.at(1) != b'\'' {
                    return Ok(false);
                }
                text.push('\'');
                self.skip();
                self.skip();
            } else if c == b'\\' && quote == b'"' {
                if self.is_break(1) {
                    self.skip();
                    self.skip_line();
                    return Ok(true);
                }
                self.escape(text, start)?;
            } else {
                let from = self.mark.pos;
                self.skip();
                text.push_str(&self.text[from..self.mark.pos]);
            }
        }
        Ok(false)
    }

    fn escape(&mut self, text: &mut String, start: Mark) -> Scanned<()> {
        let (c, digits) = match self.at(1) {
            b'0' => ('\0', 0),
            b'a' => ('\u{7}', 0),
            b'b' => ('\u{8}', 0),
            b't' | b'\t' => ('\t', 0),
            b'n' => ('\n', 0),
            b'v' => ('\u{B}', 0),
            b'f' => ('\u{C}', 0),
            b'r' => ('\r', 0),
            b'e' => ('\u{1B}', 0),
            b' ' => (' ', 0),
            b'"' => ('"', 0),
            b'\'' => ('\'', 0),
            b'\\' => ('\\', 0),
            b'N' => ('\u{85}', 0),
            b'_' => ('\u{A0}', 0),
            b'L' => ('\u{2028}', 0),
            b'P' => ('\u{2029}', 0),
            b'x' => ('\0', 2),
            b'u' => ('\0', 4),
            b'U' => ('\0', 8),
            _ => return Err(self.fault(start, "found unknown escape character")),
        };
        self.skip();
        self.skip();
        if digits == 0 {
            text.push(c);
            return Ok(());
        }
        let mut code = 0_u32;
        for n in 0..digits {
            let Some(digit) = char::from(self.at(n)).to_digit(16) else {
                return Err(self.fault(start, "did not find expected hexdecimal number"));
            };
            code = code.wrapping_mul(16) + digit;
        }
        let Some(c) = char::from_u32(code) else {
            return Err(self.fault(start, "found invalid Unicode character escape code"));
        };
        text.push(c);
        (0..digits).for_each(|_| self.skip());
        Ok(())
    }

    /// Reads blanks and breaks; blanks behind a break mean nothing.
    fn gap(&mut self, gap: &mut Gap, after_break: bool) {
        let mut broken = after_break;
        loop {
            if self.is_blank() {
                if !broken {
                    gap.blanks.push(char::from(self.at(0)));
                }
                self.skip();
            } else if self.is_break(0) {
                let text = self.skip_line();
                if broken {
                    gap.others.push_str(text);
                } else {
                    gap.blanks.clear();
                    gap.first = text;
                    broken = true;
                }
            } else {
                return;
            }
        }
    }

    /// Gives the token and where its last word ends.
    pub(super) fn plain_scalar(&mut self) -> Scanned<(Token<'a>, Mark)> {
        let start = self.mark;
        let indent = self.indent + 1;
        let mut end = start;
        // The first line is borrowed; a second one makes a copy.
        let mut text: Cow<'a, str> = Cow::Borrowed("");
        let mut gap = Gap::default();
        loop {
            if self.document_indicator().is_some() || self.at(0) == b'#' {
                break;
            }
            let from = self.mark.pos;
            self.plain_word();
            if self.mark.pos > from {
                let joined = if gap.first.is_empty() && matches!(text, Cow::Borrowed(_)) {
                    Cow::Borrowed(&self.text[start.pos..self.mark.pos])
                } else {
                    let mut owned = text.into_owned();
                    gap.fold_into(&mut owned);
                    owned.push_str(&self.text[from..self.mark.pos]);
                    Cow::Owned(owned)
                };
                text = joined;
                gap = Gap::default();
                end = self.mark;
            }
            if !self.is_blank() && !self.is_break(0) {
                break;
            }
            self.plain_gap(&mut gap, indent, start)?;
            if !self.in_flow() && (self.mark.column as isize) < indent {
                break;
            }
        }
        if !gap.first.is_empty() {
            self.simple_key_allowed = true;
        }
        Ok((Token::Scalar { text, style: Style::Plain }, end))
    }

    fn plain_word(&mut self) {
        while !self.is_blank_or_end(0) {
            match self.at(0) {
                b':' if self.is_blank_or_end(1) => return,
                b',' | b'?' | b'[' | b']' | b'{' | b'}' if self.in_flow() => return,
                _ => self.skip(),
            }
        }
    }

    /// As `gap`, but a tab must not stand for indentation.
    fn plain_gap(&mut self, gap: &mut Gap, indent: isize, start: Mark) -> Scanned<()> {
        let mut broken = false;
        loop {
            if self.is_blank() {
                if broken && (self.mark.column as isize) < indent && self.at(0) == b'\t' {
                    return Err(self.fault(start, "found a tab character that violates indentation"));
                }
                if !broken {
                    gap.blanks.push(char::from(self.at(0)));
                }
                self.skip();
            } else if self.is_break(0) {
                let text = self.skip_line();
                if broken {
                    gap.others.push_str(text);
                } else {
                    gap.blanks.clear();
                    gap.first = text;
                    broken = true;
                }
            } else {
                return Ok(());
            }
        }
    }
}
