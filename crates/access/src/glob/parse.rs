//! Reads the two dialects of patterns. How they are matched is the machine's.

use super::machine::{Builder, Class, Machine};

/// How deep braces nest in a pattern that anybody means.
const MAX_DEPTH: usize = 32;

/// What a pattern came to.
pub(super) enum Parsed {
    /// Literals with stars between them that cross everything; never empty.
    Pieces(Vec<String>),
    Machine(Machine),
}

struct Reader<'a> {
    rest: std::str::Chars<'a>,
}

impl Reader<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }
    fn next(&mut self) -> Option<char> {
        self.rest.next()
    }
    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest.next();
        }
        found
    }
}

/// Compat(argo 3.5): gobwas/glob 0.2.3. A brace that is never closed ends with the pattern, a
/// backslash at the end is dropped, and `]`, `}` and `,` outside of their pairs are plain.
pub(super) fn gobwas(pattern: &str, separator: Option<char>) -> Result<Parsed, &'static str> {
    if let Some(pieces) = pieces(pattern, separator) {
        return Ok(Parsed::Pieces(pieces));
    }
    let mut reader = Reader { rest: pattern.chars() };
    let mut builder = Builder::new(separator);
    let mut depth = 0;
    while let Some(c) = reader.next() {
        match c {
            '*' if reader.take('*') => builder.any_run(true),
            '*' => builder.any_run(false),
            '?' => builder.any_one(),
            '[' => builder.class(gobwas_class(&mut reader)?),
            '{' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err("braces nest too deep");
                }
                builder.open();
            }
            ',' if depth > 0 => builder.alternative(),
            '}' if depth > 0 => {
                depth -= 1;
                builder.close();
            }
            '\\' => {
                if let Some(escaped) = reader.next() {
                    builder.literal(escaped);
                }
            }
            c => builder.literal(c),
        }
    }
    for _ in 0..depth {
        builder.close();
    }
    Ok(Parsed::Machine(builder.finish()))
}

/// The quick form, if the pattern has nothing but literals and stars that cross everything.
fn pieces(pattern: &str, separator: Option<char>) -> Option<Vec<String>> {
    let mut pieces = vec![String::new()];
    let mut reader = Reader { rest: pattern.chars() };
    while let Some(c) = reader.next() {
        match c {
            '*' => {
                let crosses = reader.take('*') || separator.is_none();
                if !crosses {
                    return None;
                }
                pieces.push(String::new());
            }
            '?' | '[' | '{' => return None,
            '\\' => pieces.last_mut()?.extend(reader.next()),
            c => pieces.last_mut()?.push(c),
        }
    }
    Some(pieces)
}

/// After `[`: `!` and then either one range or a list of characters, never both.
fn gobwas_class(reader: &mut Reader<'_>) -> Result<Class, &'static str> {
    const END: &str = "a class of characters is not closed";
    let mut class = Class { negated: reader.take('!'), ..Class::default() };
    let first = reader.peek().ok_or(END)?;
    let mut ahead = reader.rest.clone();
    ahead.next();
    if ahead.next() == Some('-') {
        reader.rest = ahead;
        let last = reader.next().ok_or(END)?;
        if reader.next().ok_or(END)? != ']' {
            return Err("a range of characters is followed by more than its end");
        }
        if last < first {
            return Err("a range of characters is upside down");
        }
        class.ranges.push((first, last));
        return Ok(class);
    }
    loop {
        match reader.next().ok_or(END)? {
            ']' => break,
            '\\' => {
                let escaped = reader.next().ok_or(END)?;
                class.ranges.push((escaped, escaped));
            }
            c => class.ranges.push((c, c)),
        }
    }
    if class.ranges.is_empty() {
        return Err("a class of characters is empty");
    }
    Ok(class)
}

/// Compat(go 1.26): path/filepath.Match.
pub(super) fn path(pattern: &str) -> Result<Parsed, &'static str> {
    if pattern == "*" {
        // Not `Anything`: a star stops at a slash.
        let mut builder = Builder::new(Some('/'));
        builder.any_run(false);
        return Ok(Parsed::Machine(builder.finish()));
    }
    if !pattern.contains(['*', '?', '[', '\\']) {
        return Ok(Parsed::Pieces(vec![pattern.to_owned()]));
    }
    let mut reader = Reader { rest: pattern.chars() };
    let mut builder = Builder::new(Some('/'));
    while let Some(c) = reader.next() {
        match c {
            '*' => builder.any_run(false),
            '?' => builder.any_one(),
            '[' => builder.class(path_class(&mut reader)?),
            '\\' => builder.literal(reader.next().ok_or("a backslash ends the pattern")?),
            c => builder.literal(c),
        }
    }
    Ok(Parsed::Machine(builder.finish()))
}

fn path_class(reader: &mut Reader<'_>) -> Result<Class, &'static str> {
    const END: &str = "a class of characters is not closed";
    let mut class = Class { negated: reader.take('^'), ..Class::default() };
    let one = |reader: &mut Reader<'_>| match reader.next().ok_or(END)? {
        '-' | ']' => Err("a class of characters has a misplaced '-' or ']'"),
        '\\' => reader.next().ok_or(END),
        c => Ok(c),
    };
    while class.ranges.is_empty() || !reader.take(']') {
        let first = one(reader)?;
        let last = if reader.take('-') { one(reader)? } else { first };
        reader.peek().ok_or(END)?;
        class.ranges.push((first, last));
    }
    Ok(class)
}
