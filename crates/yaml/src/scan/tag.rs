//! Tags (`!!str`, `!mine`, `!<uri>`) and the directives `%YAML` and `%TAG`.

use super::{Mark, Scanned, Scanner, Token};

impl<'a> Scanner<'a> {
    pub(super) fn directive(&mut self) -> Scanned<Token<'a>> {
        let start = self.mark;
        self.skip();
        let name = self.word();
        if name.is_empty() {
            return Err(self.fault(start, "could not find expected directive name"));
        }
        if !self.is_blank_or_end(0) {
            return Err(self.fault(start, "found unexpected non-alphabetical character"));
        }
        let token = match name {
            "YAML" => self.version(start)?,
            "TAG" => self.tag_directive(start)?,
            _ => return Err(self.fault(start, "found unknown directive name")),
        };
        self.skip_blanks();
        if self.at(0) == b'#' {
            self.comment();
        }
        if !self.is_break_or_end() {
            return Err(self.fault(start, "did not find expected comment or line break"));
        }
        self.skip_line();
        Ok(token)
    }

    pub(super) fn skip_blanks(&mut self) {
        while self.is_blank() {
            self.skip();
        }
    }

    fn version(&mut self, start: Mark) -> Scanned<Token<'a>> {
        self.skip_blanks();
        let major = self.version_number(start)?;
        if self.at(0) != b'.' {
            return Err(self.fault(start, "did not find expected digit or '.' character"));
        }
        self.skip();
        let minor = self.version_number(start)?;
        Ok(Token::Version { major, minor })
    }

    fn version_number(&mut self, start: Mark) -> Scanned<u8> {
        let (mut value, mut length) = (0, 0);
        while self.at(0).is_ascii_digit() {
            length += 1;
            if length > 2 {
                return Err(self.fault(start, "found extremely long version number"));
            }
            value = value * 10 + (self.at(0) - b'0');
            self.skip();
        }
        if length == 0 {
            return Err(self.fault(start, "did not find expected version number"));
        }
        Ok(value)
    }

    fn tag_directive(&mut self, start: Mark) -> Scanned<Token<'a>> {
        self.skip_blanks();
        let handle = self.tag_handle(true, start)?;
        if !self.is_blank() {
            return Err(self.fault(start, "did not find expected whitespace"));
        }
        self.skip_blanks();
        let prefix = self.tag_uri("", start)?;
        if !self.is_blank_or_end(0) {
            return Err(self.fault(start, "did not find expected whitespace or line break"));
        }
        Ok(Token::TagDirective { handle, prefix })
    }

    /// An empty handle means that the suffix is the whole tag.
    pub(super) fn tag(&mut self) -> Scanned<Token<'a>> {
        let start = self.mark;
        let (handle, suffix) = if self.at(1) == b'<' {
            self.skip();
            self.skip();
            let uri = self.tag_uri("", start)?;
            if self.at(0) != b'>' {
                return Err(self.fault(start, "did not find the expected '>'"));
            }
            self.skip();
            ("", uri)
        } else {
            let handle = self.tag_handle(false, start)?;
            if handle.len() > 1 && handle.ends_with('!') {
                (handle, self.tag_uri("", start)?)
            } else {
                // `!mine` is the handle `!` and a suffix; `!` alone is a tag.
                match self.tag_uri(handle, start)? {
                    suffix if suffix.is_empty() => ("", String::from("!")),
                    suffix => ("!", suffix),
                }
            }
        };
        if !self.is_blank_or_end(0) {
            return Err(self.fault(start, "did not find expected whitespace or line break"));
        }
        Ok(Token::Tag { handle, suffix })
    }

    fn tag_handle(&mut self, directive: bool, start: Mark) -> Scanned<&'a str> {
        if self.at(0) != b'!' {
            return Err(self.fault(start, "did not find expected '!'"));
        }
        let from = self.mark.pos;
        self.skip();
        self.word();
        if self.at(0) == b'!' {
            self.skip();
        } else if directive && self.mark.pos - from > 1 {
            return Err(self.fault(start, "did not find expected '!'"));
        }
        Ok(&self.text[from..self.mark.pos])
    }

    /// A URI; `head` is a handle that turned out to be its beginning, its `!` left out.
    fn tag_uri(&mut self, head: &str, start: Mark) -> Scanned<String> {
        let mut uri: Vec<u8> = head.bytes().skip(1).collect();
        let mut any = !head.is_empty();
        loop {
            match self.at(0) {
                b'%' => self.uri_escape(&mut uri, start)?,
                c if c.is_ascii_alphanumeric() || b"_-;/?:@&=+$,.!~*'()[]".contains(&c) => {
                    uri.push(c);
                    self.skip();
                }
                _ => break,
            }
            any = true;
        }
        if !any {
            return Err(self.fault(start, "did not find expected tag URI"));
        }
        Ok(String::from_utf8_lossy(&uri).into_owned())
    }

    /// The escapes (`%C3%A9`) of one character.
    fn uri_escape(&mut self, uri: &mut Vec<u8>, start: Mark) -> Scanned<()> {
        let mut left = 0;
        loop {
            let hex = |b: u8| char::from(b).to_digit(16);
            let (b'%', Some(high), Some(low)) = (self.at(0), hex(self.at(1)), hex(self.at(2))) else {
                return Err(self.fault(start, "did not find URI escaped octet"));
            };
            let octet = (high * 16 + low) as u8;
            if left == 0 {
                left = match octet {
                    0..=0x7F => 1,
                    0xC0..=0xDF => 2,
                    0xE0..=0xEF => 3,
                    0xF0..=0xF7 => 4,
                    _ => return Err(self.fault(start, "found an incorrect leading UTF-8 octet")),
                };
            } else if octet & 0xC0 != 0x80 {
                return Err(self.fault(start, "found an incorrect trailing UTF-8 octet"));
            }
            uri.push(octet);
            (0..3).for_each(|_| self.skip());
            left -= 1;
            if left == 0 {
                return Ok(());
            }
        }
    }
}
