//! What Go's `encoding/json` says of a text that is no JSON: clients show these words to people.
//!
//! It only explains texts that the reader has refused; it makes no values.

/// Deeper than the reader goes, so that depth is never what is found here.
const MAX_DEPTH: usize = 200;

/// The first syntax error; `None` where this finds none (or the text nests too deeply to look).
pub(super) fn explain(text: &[u8]) -> Option<String> {
    let mut scanner = Scanner { text, at: 0 };
    match scanner.document() {
        Err(Fault::At(found, context)) => Some(match found {
            Some(found) => format!("invalid character {} {context}", quoted(found)),
            None => "unexpected end of JSON input".into(),
        }),
        Err(Fault::TooDeep) | Ok(()) => None,
    }
}

enum Fault {
    At(Option<u8>, &'static str),
    TooDeep,
}

struct Scanner<'t> {
    text: &'t [u8],
    at: usize,
}

/// A byte as Go's `quoteChar` shows it.
fn quoted(byte: u8) -> String {
    match byte {
        b'\'' => "'\\''".into(),
        b'"' => "'\"'".into(),
        b'\n' => "'\\n'".into(),
        b'\r' => "'\\r'".into(),
        b'\t' => "'\\t'".into(),
        0x20..=0x7e => format!("'{}'", byte as char),
        0xa0..=0xff => format!("'{}'", byte as char),
        other => format!("'\\x{other:02x}'"),
    }
}

type Step = Result<(), Fault>;

impl Scanner<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.text.get(self.at).is_some_and(|b| b" \t\r\n".contains(b)) {
            self.at += 1;
        }
        self.text.get(self.at).copied()
    }
    fn next(&mut self) -> Option<u8> {
        let byte = self.text.get(self.at).copied();
        self.at += 1;
        byte
    }
    fn document(&mut self) -> Step {
        self.value(0)?;
        match self.peek() {
            None => Ok(()),
            found => Err(Fault::At(found, "after top-level value")),
        }
    }
    fn value(&mut self, depth: usize) -> Step {
        if depth > MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        match self.peek() {
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b'"') => self.string(),
            Some(b't') => self.word(b"true"),
            Some(b'f') => self.word(b"false"),
            Some(b'n') => self.word(b"null"),
            Some(b'-' | b'0'..=b'9') => self.number(),
            found => Err(Fault::At(found, "looking for beginning of value")),
        }
    }
    fn object(&mut self, depth: usize) -> Step {
        self.at += 1;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            match self.peek() {
                Some(b'"') => self.string()?,
                found => return Err(Fault::At(found, "looking for beginning of object key string")),
            }
            match self.peek() {
                Some(b':') => self.at += 1,
                found => return Err(Fault::At(found, "after object key")),
            }
            self.value(depth + 1)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                found => return Err(Fault::At(found, "after object key:value pair")),
            }
        }
    }
    fn array(&mut self, depth: usize) -> Step {
        self.at += 1;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.value(depth + 1)?;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                found => return Err(Fault::At(found, "after array element")),
            }
        }
    }
    fn string(&mut self) -> Step {
        self.at += 1;
        loop {
            match self.next() {
                Some(b'"') => return Ok(()),
                Some(b'\\') => match self.next() {
                    Some(b'u') => {
                        for _ in 0..4 {
                            match self.next() {
                                Some(b) if b.is_ascii_hexdigit() => {}
                                found => return Err(Fault::At(found, "in \\u hexadecimal character escape")),
                            }
                        }
                    }
                    Some(b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"') => {}
                    found => return Err(Fault::At(found, "in string escape code")),
                },
                Some(byte) if byte >= 0x20 => {}
                found => return Err(Fault::At(found, "in string literal")),
            }
        }
    }
    fn word(&mut self, word: &'static [u8]) -> Step {
        for (i, wanted) in word.iter().enumerate() {
            let found = self.next();
            if found != Some(*wanted) {
                return Err(Fault::At(
                    found,
                    WORDS.iter().find(|(w, at, _)| *w == word && *at == i).map_or("", |w| w.2),
                ));
            }
        }
        Ok(())
    }
    fn digits(&mut self) -> usize {
        let begin = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        self.at - begin
    }
    fn number(&mut self) -> Step {
        if self.text.get(self.at) == Some(&b'-') {
            self.at += 1;
        }
        let fault = |scanner: &Self, context| Err(Fault::At(scanner.text.get(scanner.at).copied(), context));
        match self.text.get(self.at) {
            Some(b'0') => self.at += 1,
            _ if self.digits() > 0 => {}
            _ => return fault(self, "in numeric literal"),
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return fault(self, "after decimal point in numeric literal");
            }
        }
        if matches!(self.text.get(self.at), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.text.get(self.at), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return fault(self, "in exponent of numeric literal");
            }
        }
        Ok(())
    }
}

/// Where a word breaks off: the word, the position, the context.
const WORDS: [(&[u8], usize, &str); 10] = [
    (b"true", 1, "in literal true (expecting 'r')"),
    (b"true", 2, "in literal true (expecting 'u')"),
    (b"true", 3, "in literal true (expecting 'e')"),
    (b"false", 1, "in literal false (expecting 'a')"),
    (b"false", 2, "in literal false (expecting 'l')"),
    (b"false", 3, "in literal false (expecting 's')"),
    (b"false", 4, "in literal false (expecting 'e')"),
    (b"null", 1, "in literal null (expecting 'u')"),
    (b"null", 2, "in literal null (expecting 'l')"),
    (b"null", 3, "in literal null (expecting 'l')"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syntax_errors_read_as_gos() {
        for (text, expected) in [
            ("{not json", "invalid character 'n' looking for beginning of object key string"),
            ("", "unexpected end of JSON input"),
            ("x", "invalid character 'x' looking for beginning of value"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"),
            ("[1,2", "unexpected end of JSON input"),
            ("[1 2]", "invalid character '2' after array element"),
            ("nul!", "invalid character '!' in literal null (expecting 'l')"),
            ("{} x", "invalid character 'x' after top-level value"),
            ("\"a\nb\"", "invalid character '\\n' in string literal"),
            ("-x", "invalid character 'x' in numeric literal"),
            ("{\"a\":1,}", "invalid character '}' looking for beginning of object key string"),
        ] {
            assert_eq!(explain(text.as_bytes()).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(explain(b"{\"a\":[1,-2.5e3,null,true,\"x\"]}"), None);
        assert_eq!(explain("[".repeat(100_000).as_bytes()), None);
    }
}
