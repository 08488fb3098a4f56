//! Text to tokens.

use crate::{Error, ErrorKind};

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Name(Box<str>),
    Int(i64),
    Float(f64),
    Str(Box<str>),
    /// A sign, a bracket, or a word that is an operator.
    Op(&'static str),
    End,
}

/// Words that are operators.
const WORDS: [&str; 11] =
    ["not", "in", "or", "and", "matches", "contains", "startsWith", "endsWith", "let", "if", "else"];

/// Signs, longer ones first.
const SIGNS: [&str; 35] = [
    "?.", "??", "||", "::", "&&", "==", "!=", "<=", ">=", "**", "..", "?", "|", ":", "(", "[", "{", ")", "]", "}", ",",
    ";", "%", "+", "-", "^", "!", "=", "*", "<", ">", ".", "/", "#", "&",
];

fn wrong(at: usize, why: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Syntax, format!("at byte {at}: {why}"))
}

/// A character of names.
pub(super) fn is_name(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphanumeric()
}

/// All tokens with where they begin; the last is [`Token::End`].
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, Error> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let rest = &text[at..];
        if c.is_whitespace() {
            at += c.len_utf8();
        } else if rest.starts_with("//") {
            at += rest.find('\n').map_or(rest.len(), |end| end + 1);
        } else if rest.starts_with("/*") {
            at += rest.find("*/").ok_or_else(|| wrong(at, "the comment has no end"))? + 2;
        } else if c == '\'' || c == '"' {
            let (value, length) = quoted(rest, c, at)?;
            all.push((Token::Str(value.into()), at));
            at += length;
        } else if c == '`' {
            let end = rest[1..].find('`').ok_or_else(|| wrong(at, "the text has no end"))?;
            all.push((Token::Str(rest[1..=end].into()), at));
            at += end + 2;
        } else if matches!(c, 'b' | 'B') && rest[1..].starts_with(['\'', '"']) {
            return Err(Error::new(ErrorKind::Unsupported, "bytes (b'...') are not supported"));
        } else if c.is_ascii_digit() || (c == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            let length = number_length(rest);
            all.push((number(&rest[..length], at)?, at));
            at += length;
        } else if is_name(c) {
            let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            let word = &rest[..length];
            let operator = WORDS.iter().find(|w| **w == word);
            all.push((operator.map_or_else(|| Token::Name(word.into()), |w| Token::Op(w)), at));
            at += length;
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| wrong(at, format!("unexpected character {c:?}")))?;
            all.push((Token::Op(sign), at));
            at += sign.len();
        }
    }
    all.push((Token::End, at));
    Ok(all)
}

/// How long a number is; `1..2` is a range.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize, more: &str| {
        let is_digit = |b: &u8| b.is_ascii_digit() || more.as_bytes().contains(b);
        from + bytes[from..].iter().take_while(|b| is_digit(b)).count()
    };
    if bytes[0] == b'0' && bytes.get(1).is_some_and(|b| b"xXoObB".contains(b)) {
        return digits(2, "abcdefABCDEF_");
    }
    let mut end = digits(0, "_");
    if bytes.get(end) == Some(&b'.') && bytes.get(end + 1) != Some(&b'.') {
        end = digits(end + 1, "_");
    }
    if bytes.get(end).is_some_and(|b| b"eE".contains(b)) {
        let sign = bytes.get(end + 1).is_some_and(|b| b"+-".contains(b));
        end = digits(end + 1 + usize::from(sign), "_");
    }
    // A letter behind a number belongs to it, and is what is wrong.
    end + text[end..].find(|c| !is_name(c)).unwrap_or(text.len() - end)
}

fn number(text: &str, at: usize) -> Result<Token, Error> {
    let digits = text.replace('_', "").to_ascii_lowercase();
    let radix = |prefix: &str, radix: u32| {
        let rest = digits.strip_prefix(prefix)?;
        Some(i64::from_str_radix(rest, radix).map(Token::Int).map_err(|_| ()))
    };
    let read = radix("0x", 16).or_else(|| radix("0o", 8)).or_else(|| radix("0b", 2)).unwrap_or_else(|| {
        if digits.contains(['.', 'e']) {
            digits.parse::<f64>().ok().filter(|f| f.is_finite()).map(Token::Float).ok_or(())
        } else {
            digits.parse().map(Token::Int).map_err(|_| ())
        }
    });
    read.map_err(|()| wrong(at, format!("{text:?} is no number")))
}

/// A quoted text and its length with the quotes.
fn quoted(text: &str, quote: char, at: usize) -> Result<(String, usize), Error> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    let no_end = || wrong(at, "the text has no end");
    while let Some((i, c)) = chars.next() {
        match c {
            c if c == quote => return Ok((out, i + 1)),
            '\n' => return Err(no_end()),
            '\\' => {
                let (_, escape) = chars.next().ok_or_else(no_end)?;
                let mut hex = |count: usize, radix: u32, first: Option<char>| {
                    let mut digits: String = first.into_iter().collect();
                    digits.extend(chars.by_ref().take(count).map(|(_, c)| c));
                    let code = u32::from_str_radix(&digits, radix).ok().and_then(char::from_u32);
                    code.ok_or_else(|| wrong(at + i, "an escape is no character"))
                };
                out.push(match escape {
                    'a' => '\u{7}',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'v' => '\u{b}',
                    '\\' | '\'' | '"' | '`' | '?' => escape,
                    'x' | 'X' => hex(2, 16, None)?,
                    'u' => hex(4, 16, None)?,
                    'U' => hex(8, 16, None)?,
                    '0'..='3' => hex(2, 8, Some(escape))?,
                    other => return Err(wrong(at + i, format!("\\{other} is no escape"))),
                });
            }
            c => out.push(c),
        }
    }
    Err(no_end())
}
