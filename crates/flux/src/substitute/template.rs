//! Reading the dialect: text with `${...}` into nodes.
//!
//! The grammar is odd in places, and the places are kept: an offset after a colon must not begin
//! with a letter beyond ASCII, several slashes may stand between pattern and replacement, and only
//! the two arguments of a replacement know the backslash.

/// How deep `${}` may nest.
const MAX_DEPTH: usize = 64;

/// Text, or a variable with what is done to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Node {
    Text(String),
    Variable { name: String, operator: String, arguments: Vec<Node> },
}

const BAD_SUBSTITUTION: &str = "bad substitution";
const MISSING_BRACE: &str = "missing closing brace";
const BAD_NAME: &str = "unable to parse variable name";
const BAD_ARGUMENT: &str = "unable to parse substitution within function";
const BAD_DEFAULT: &str = "unable to parse default function";

/// Reads a text.
pub(crate) fn parse(text: &str) -> Result<Vec<Node>, &'static str> {
    let mut scanner = Scanner { text, at: 0 };
    let mut nodes = Vec::new();
    while scanner.peek().is_some() {
        if scanner.opens() {
            nodes.push(scanner.variable(0)?);
        } else {
            nodes.push(Node::Text(scanner.run(Escapes::Dollar, true, |_, _| true)));
        }
    }
    Ok(nodes)
}

#[derive(Clone, Copy, PartialEq)]
enum Escapes {
    None,
    /// `$$` is `$`.
    Dollar,
    /// Also `\/` is `/`, and `\\` is `\`.
    Backslash,
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }
    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }
    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }
    /// Takes `${`.
    fn opens(&mut self) -> bool {
        let found = self.rest().starts_with("${");
        if found {
            self.at += 2;
        }
        found
    }
    fn escaped(&self, escapes: Escapes) -> bool {
        let rest = self.rest();
        match escapes {
            Escapes::None => false,
            Escapes::Dollar => rest.starts_with("$$"),
            Escapes::Backslash => rest.starts_with("$$") || rest.starts_with("\\/") || rest.starts_with("\\\\"),
        }
    }
    /// Takes characters while they are accepted; `accept` is told the bytes taken with this one. A
    /// character that is escaped is taken in any case. With `nests`, `${` ends the run.
    fn run(&mut self, escapes: Escapes, nests: bool, accept: impl Fn(char, usize) -> bool) -> String {
        let mut taken = String::new();
        while let Some(c) = self.peek() {
            if nests && self.rest().starts_with("${") {
                break;
            }
            if self.escaped(escapes) {
                // Both characters of an escape are of one byte.
                taken.push_str(&self.rest()[1..2]);
                self.at += 2;
                continue;
            }
            if !accept(c, taken.len() + c.len_utf8()) {
                break;
            }
            taken.push(c);
            self.at += c.len_utf8();
        }
        taken
    }
    fn some(&mut self, error: &'static str, accept: impl Fn(char, usize) -> bool) -> Result<String, &'static str> {
        match self.run(Escapes::None, false, accept) {
            taken if taken.is_empty() => Err(error),
            taken => Ok(taken),
        }
    }
    fn closes(&mut self) -> Result<(), &'static str> {
        if self.eat('}') { Ok(()) } else { Err(BAD_SUBSTITUTION) }
    }

    /// What stands behind `${`.
    fn variable(&mut self, depth: usize) -> Result<Node, &'static str> {
        if depth >= MAX_DEPTH {
            return Err("variables are nested too deep");
        }
        let letter = |c: char, _: usize| c.is_alphabetic() || c.is_numeric() || c == '_';
        if self.eat('#') {
            let name = self.some(BAD_SUBSTITUTION, letter)?;
            self.closes()?;
            return Ok(Node::Variable { name, operator: "#".to_owned(), arguments: Vec::new() });
        }
        let name = self.some(BAD_NAME, letter)?;
        let (operator, arguments) = match self.peek() {
            Some(':') => self.colon(depth)?,
            Some('=') => self.default(depth, |c, i| c == '=' && i == 1)?,
            Some(',' | '^') => {
                let operator = self.some(BAD_SUBSTITUTION, |c, i| (c == ',' || c == '^') && i < 3)?;
                self.closes()?;
                (operator, Vec::new())
            }
            Some('/') => self.replacement(depth)?,
            Some(sign @ ('#' | '%')) => {
                let operator = self.some(BAD_SUBSTITUTION, |c, i| c == sign && i < 3)?;
                let pattern = self.argument(depth, Escapes::None, |c| c != '}')?;
                self.closes()?;
                (operator, vec![pattern])
            }
            _ if self.eat('}') => (String::new(), Vec::new()),
            _ => return Err(MISSING_BRACE),
        };
        Ok(Node::Variable { name, operator, arguments })
    }

    fn argument(
        &mut self,
        depth: usize,
        escapes: Escapes,
        accept: impl Fn(char) -> bool,
    ) -> Result<Node, &'static str> {
        if self.opens() {
            return self.variable(depth + 1);
        }
        match self.run(escapes, true, |c, _| accept(c)) {
            text if text.is_empty() => Err(BAD_ARGUMENT),
            text => Ok(Node::Text(text)),
        }
    }

    fn colon(&mut self, depth: usize) -> Result<(String, Vec<Node>), &'static str> {
        match self.rest()[1..].chars().next() {
            Some('=' | '-' | '?' | '+') => self.default(depth, |c, i| match i {
                1 => c == ':',
                2 => matches!(c, '=' | '-' | '?' | '+'),
                _ => false,
            }),
            Some(c) if c.is_ascii() => self.substring(depth),
            _ => Err(BAD_SUBSTITUTION),
        }
    }

    fn substring(&mut self, depth: usize) -> Result<(String, Vec<Node>), &'static str> {
        let operator = self.some(BAD_SUBSTITUTION, |c, i| c == ':' && i == 1)?;
        let mut arguments = vec![self.argument(depth, Escapes::None, |c| c != ':' && c != '}')?];
        if self.eat('}') {
            return Ok((operator, arguments));
        }
        self.some(BAD_SUBSTITUTION, |c, _| c == ':')?;
        arguments.push(self.argument(depth, Escapes::None, |c| c != '}')?);
        self.closes()?;
        Ok((operator, arguments))
    }

    fn replacement(&mut self, depth: usize) -> Result<(String, Vec<Node>), &'static str> {
        let operator = self.some(BAD_SUBSTITUTION, |c, i| match i {
            1 => c == '/',
            2 => matches!(c, '/' | '#' | '%'),
            _ => false,
        })?;
        let mut arguments = vec![self.argument(depth, Escapes::Backslash, |c| c != '/')?];
        self.some(BAD_SUBSTITUTION, |c, _| c == '/')?;
        if self.peek() != Some('}') {
            arguments.push(self.argument(depth, Escapes::Backslash, |c| c != '}')?);
        }
        self.closes()?;
        Ok((operator, arguments))
    }

    fn default(
        &mut self,
        depth: usize,
        accept: impl Fn(char, usize) -> bool,
    ) -> Result<(String, Vec<Node>), &'static str> {
        let operator = self.some(BAD_DEFAULT, accept)?;
        let mut arguments = Vec::new();
        while !self.eat('}') {
            arguments.push(self.argument(depth, Escapes::None, |c| c != '}')?);
        }
        Ok((operator, arguments))
    }
}
