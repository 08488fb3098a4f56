//! The lexer: a text to tokens, as Go's `text/template/parse` splits it.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The text is wrong; the token's message says how. Nothing comes after it.
    Error,
    Eof,
    Bool,
    /// A printable ASCII character that is nothing else.
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Dot,
    Keyword(Keyword),
}

/// A word of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keyword {
    Block,
    Break,
    Continue,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl Keyword {
    fn of(word: &[u8]) -> Option<Keyword> {
        Some(match word {
            b"block" => Keyword::Block,
            b"break" => Keyword::Break,
            b"continue" => Keyword::Continue,
            b"define" => Keyword::Define,
            b"else" => Keyword::Else,
            b"end" => Keyword::End,
            b"if" => Keyword::If,
            b"nil" => Keyword::Nil,
            b"range" => Keyword::Range,
            b"template" => Keyword::Template,
            b"with" => Keyword::With,
            _ => return None,
        })
    }
}

/// A token: a range of the text, and the line on which it begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) line: u32,
}

/// The lexer's state.
pub(super) struct Lexer<'t> {
    text: &'t [u8],
    pos: usize,
    start: usize,
    line: u32,
    start_line: u32,
    parens: u32,
    inside_action: bool,
    /// Whether `break` and `continue` are words of the language: not where functions are so named.
    pub(super) break_is_keyword: bool,
    pub(super) continue_is_keyword: bool,
    /// What is wrong, once something is.
    pub(super) error: Option<(String, Token)>,
}

const LEFT: &[u8] = b"{{";
const RIGHT: &[u8] = b"}}";
const LEFT_COMMENT: &[u8] = b"/*";
const RIGHT_COMMENT: &[u8] = b"*/";
/// A trim marker is a minus and a space.
const MARKER: usize = 2;

pub(super) fn is_space(b: u8) -> bool {
    matches!(b, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_alphanumeric(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

/// The rune at the beginning of bytes, and its width; what is not UTF-8 is U+FFFD of width 1.
#[inline]
pub(crate) fn decode(bytes: &[u8]) -> Option<(char, usize)> {
    match *bytes.first()? {
        first if first.is_ascii() => Some((first as char, 1)),
        _ => decode_wide(bytes),
    }
}

#[cold]
fn decode_wide(bytes: &[u8]) -> Option<(char, usize)> {
    let chunk = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(chunk) {
        Ok(s) => s,
        Err(e) => std::str::from_utf8(&chunk[..e.valid_up_to()]).unwrap_or_default(),
    };
    Some(valid.chars().next().map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, c.len_utf8())))
}

/// Where `{{` is.
fn left_delim_in(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(LEFT[0], text).find(|at| text[*at..].starts_with(LEFT))
}

fn has_left_marker(s: &[u8]) -> bool {
    s.len() >= 2 && s[0] == b'-' && is_space(s[1])
}

fn has_right_marker(s: &[u8]) -> bool {
    s.len() >= 2 && is_space(s[0]) && s[1] == b'-'
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t [u8]) -> Lexer<'t> {
        Lexer {
            text,
            pos: 0,
            start: 0,
            line: 1,
            start_line: 1,
            parens: 0,
            inside_action: false,
            break_is_keyword: true,
            continue_is_keyword: true,
            error: None,
        }
    }

    /// The next token. After an error, the error again.
    pub(super) fn next(&mut self) -> Token {
        if let Some((_, token)) = &self.error {
            return *token;
        }
        if self.inside_action { self.inside_action() } else { self.text() }
    }

    fn rest(&self) -> &'t [u8] {
        &self.text[self.pos..]
    }
    fn peek(&self) -> Option<char> {
        decode(self.rest()).map(|(c, _)| c)
    }
    fn advance(&mut self) -> Option<char> {
        let (c, width) = decode(self.rest())?;
        self.pos += width;
        if c == '\n' {
            self.line += 1;
        }
        Some(c)
    }
    fn accept(&mut self, valid: &[u8]) -> bool {
        let accepted = self.rest().first().is_some_and(|b| valid.contains(b));
        self.pos += usize::from(accepted);
        accepted
    }
    fn accept_run(&mut self, valid: &[u8]) {
        while self.accept(valid) {}
    }
    /// Takes letters, digits and underscores.
    fn accept_alphanumeric(&mut self) {
        loop {
            self.pos += self.rest().iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count();
            match self.peek() {
                Some(c) if !c.is_ascii() && is_alphanumeric(c) => self.advance(),
                _ => return,
            };
        }
    }
    fn emit(&mut self, kind: Kind) -> Token {
        let token = Token { kind, start: self.start as u32, end: self.pos as u32, line: self.start_line };
        self.start = self.pos;
        self.start_line = self.line;
        token
    }
    /// Skips what is pending, counting its lines.
    fn ignore(&mut self) {
        self.count_lines();
        self.start = self.pos;
        self.start_line = self.line;
    }
    fn count_lines(&mut self) {
        let passed = &self.text[self.start..self.pos];
        // Spaces between words, most of the time.
        self.line += match passed.len() {
            0..16 => passed.iter().filter(|b| **b == b'\n').count() as u32,
            _ => memchr::memchr_iter(b'\n', passed).count() as u32,
        };
    }
    fn error(&mut self, message: impl Into<String>) -> Token {
        let token = self.emit(Kind::Error);
        self.error = Some((message.into(), token));
        token
    }

    /// Outside of actions.
    fn text(&mut self) -> Token {
        loop {
            let Some(at) = left_delim_in(self.rest()) else {
                self.pos = self.text.len();
                if self.pos > self.start {
                    self.count_lines();
                    return self.emit(Kind::Text);
                }
                return self.emit(Kind::Eof);
            };
            if at > 0 {
                let delim = self.pos + at;
                let before = &self.text[self.start..delim];
                let trimmed = if has_left_marker(&self.text[delim + LEFT.len()..]) {
                    before.len() - before.iter().rev().take_while(|b| is_space(**b)).count()
                } else {
                    before.len()
                };
                self.pos = self.start + trimmed;
                self.count_lines();
                let token = self.emit(Kind::Text);
                self.pos = delim;
                self.ignore();
                if trimmed > 0 {
                    return token;
                }
            }
            match self.left_delim() {
                Some(token) => return token,
                None => continue,
            }
        }
    }

    /// At `{{`. `None` after a comment.
    fn left_delim(&mut self) -> Option<Token> {
        self.pos += LEFT.len();
        let marker = if has_left_marker(self.rest()) { MARKER } else { 0 };
        if self.text[self.pos + marker..].starts_with(LEFT_COMMENT) {
            self.pos += marker;
            self.ignore();
            return self.comment();
        }
        let token = self.emit(Kind::LeftDelim);
        self.inside_action = true;
        self.pos += marker;
        self.ignore();
        self.parens = 0;
        Some(token)
    }

    /// At `/*`.
    fn comment(&mut self) -> Option<Token> {
        self.pos += LEFT_COMMENT.len();
        let Some(at) = memchr::memmem::find(self.rest(), RIGHT_COMMENT) else {
            return Some(self.error("unclosed comment"));
        };
        self.pos += at + RIGHT_COMMENT.len();
        let Some(trim) = self.right_delim_here() else {
            return Some(self.error("comment ends before closing delimiter"));
        };
        self.pos += RIGHT.len();
        if trim {
            self.pos += MARKER;
            self.skip_space();
        }
        self.ignore();
        None
    }

    fn skip_space(&mut self) {
        self.pos += self.rest().iter().take_while(|b| is_space(**b)).count();
    }

    /// Whether `}}` or ` -}}` is next, and if so whether it trims.
    fn right_delim_here(&self) -> Option<bool> {
        let rest = self.rest();
        if has_right_marker(rest) && rest[MARKER..].starts_with(RIGHT) {
            return Some(true);
        }
        rest.starts_with(RIGHT).then_some(false)
    }

    fn right_delim(&mut self, trim: bool) -> Token {
        if trim {
            self.pos += MARKER;
            self.ignore();
        }
        self.pos += RIGHT.len();
        let token = self.emit(Kind::RightDelim);
        if trim {
            self.skip_space();
            self.ignore();
        }
        self.inside_action = false;
        token
    }

    fn inside_action(&mut self) -> Token {
        if let Some(trim) = self.right_delim_here() {
            if self.parens == 0 {
                return self.right_delim(trim);
            }
            return self.error("unclosed left paren");
        }
        let Some(c) = self.peek() else { return self.error("unclosed action") };
        match c {
            ' ' | '\t' | '\r' | '\n' => return self.space(),
            '+' | '-' | '0'..='9' => return self.number(),
            '.' if self.text.get(self.pos + 1).is_some_and(u8::is_ascii_digit) => return self.number(),
            // A dot at the very end of the text is scanned as a number, as Go does.
            '.' if self.pos + 1 == self.text.len() => return self.number(),
            c if is_alphanumeric(c) => return self.identifier(),
            _ => self.advance(),
        };
        match c {
            '=' => self.emit(Kind::Assign),
            ':' => match self.advance() {
                Some('=') => self.emit(Kind::Declare),
                _ => self.error("expected :="),
            },
            '|' => self.emit(Kind::Pipe),
            '"' => self.quoted(b'"', Kind::String, "unterminated quoted string"),
            '\'' => self.quoted(b'\'', Kind::CharConstant, "unterminated character constant"),
            '`' => self.raw_quoted(),
            '$' => self.field_or_variable(Kind::Variable),
            '.' => self.field_or_variable(Kind::Field),
            '(' => {
                self.parens += 1;
                self.emit(Kind::LeftParen)
            }
            ')' if self.parens == 0 => self.error("unexpected right paren"),
            ')' => {
                self.parens -= 1;
                self.emit(Kind::RightParen)
            }
            c if c.is_ascii_graphic() => self.emit(Kind::Char),
            c => self.error(format!("unrecognized character in action: {}", crate::fmt::rune(c))),
        }
    }

    /// At spaces; of those before ` -}}` the last belongs to the delimiter.
    fn space(&mut self) -> Token {
        let count = self.rest().iter().take_while(|b| is_space(**b)).count();
        let end = self.pos + count;
        let before_last = &self.text[end - 1..];
        let trims = has_right_marker(before_last) && before_last[MARKER..].starts_with(RIGHT);
        if trims && count == 1 {
            return self.right_delim(true);
        }
        self.pos = end - usize::from(trims);
        self.count_lines();
        self.emit(Kind::Space)
    }

    fn identifier(&mut self) -> Token {
        self.accept_alphanumeric();
        if !self.at_terminator() {
            return self.bad_character();
        }
        let word = &self.text[self.start..self.pos];
        let kind = match Keyword::of(word) {
            Some(Keyword::Break) if !self.break_is_keyword => Kind::Identifier,
            Some(Keyword::Continue) if !self.continue_is_keyword => Kind::Identifier,
            Some(keyword) => Kind::Keyword(keyword),
            None if word == b"true" || word == b"false" => Kind::Bool,
            None => Kind::Identifier,
        };
        self.emit(kind)
    }

    /// After `.` or `$`.
    fn field_or_variable(&mut self, kind: Kind) -> Token {
        if self.at_terminator() {
            return self.emit(if kind == Kind::Field { Kind::Dot } else { kind });
        }
        self.accept_alphanumeric();
        if !self.at_terminator() {
            return self.bad_character();
        }
        self.emit(kind)
    }

    fn bad_character(&mut self) -> Token {
        let c = self.peek().map_or_else(|| "U+FFFFFFFFFFFFFFFF".to_owned(), crate::fmt::rune);
        self.error(format!("bad character {c}"))
    }

    /// Whether what comes next can stand after a name.
    fn at_terminator(&self) -> bool {
        let rest = self.rest();
        match rest.first() {
            None => true,
            Some(b' ' | b'\t' | b'\r' | b'\n' | b'.' | b',' | b'|' | b':' | b')' | b'(') => true,
            Some(_) => rest.starts_with(RIGHT),
        }
    }

    /// After the opening quote.
    fn quoted(&mut self, quote: u8, kind: Kind, unterminated: &str) -> Token {
        loop {
            let Some(at) = memchr::memchr3(quote, b'\\', b'\n', self.rest()) else {
                self.pos = self.text.len();
                return self.error(unterminated);
            };
            self.pos += at;
            match self.advance() {
                Some('\\') if !matches!(self.peek(), None | Some('\n')) => {
                    self.advance();
                }
                Some('\\' | '\n') => return self.error(unterminated),
                _ => return self.emit(kind),
            }
        }
    }

    fn raw_quoted(&mut self) -> Token {
        let rest = self.rest();
        let end = memchr::memchr(b'`', rest);
        let taken = &rest[..end.unwrap_or(rest.len())];
        self.line += memchr::memchr_iter(b'\n', taken).count() as u32;
        self.pos += taken.len();
        match end {
            None => self.error("unterminated raw quoted string"),
            Some(_) => {
                self.pos += 1;
                self.emit(Kind::RawString)
            }
        }
    }

    fn number(&mut self) -> Token {
        if !self.scan_number() {
            return self.bad_number();
        }
        if matches!(self.peek(), Some('+' | '-')) {
            if !self.scan_number() || self.text[self.pos - 1] != b'i' {
                return self.bad_number();
            }
            return self.emit(Kind::Complex);
        }
        self.emit(Kind::Number)
    }

    fn bad_number(&mut self) -> Token {
        let text = crate::fmt::quote(&self.text[self.start..self.pos]);
        self.error(format!("bad number syntax: {text}"))
    }

    /// Takes what looks like a number; the parser checks it.
    fn scan_number(&mut self) -> bool {
        self.accept(b"+-");
        let mut digits: &[u8] = b"0123456789_";
        if self.accept(b"0") {
            if self.accept(b"xX") {
                digits = b"0123456789abcdefABCDEF_";
            } else if self.accept(b"oO") {
                digits = b"01234567_";
            } else if self.accept(b"bB") {
                digits = b"01_";
            }
        }
        self.accept_run(digits);
        if self.accept(b".") {
            self.accept_run(digits);
        }
        let exponent: &[u8] = match digits.len() {
            11 => b"eE",
            23 => b"pP",
            _ => b"",
        };
        if self.accept(exponent) {
            self.accept(b"+-");
            self.accept_run(b"0123456789_");
        }
        self.accept(b"i");
        if self.peek().is_some_and(is_alphanumeric) {
            self.advance();
            return false;
        }
        true
    }
}
