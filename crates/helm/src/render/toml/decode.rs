//! The reader: TOML 1.0 to maps, lists, strings, `int64`, `float64` and booleans. Dates and times
//! stay text. Error texts begin as BurntSushi's do; their words are ours.

use belay_gotemplate::{List, Map, Type, Value};

/// Deeper values are refused.
const MAX_DEPTH: usize = 200;

/// Reads a document.
pub(in crate::render) fn decode(text: &str) -> Result<Value, String> {
    let mut reader = Reader { text, at: 0 };
    let root = Map::new();
    let mut table = root.clone();
    loop {
        reader.skip_lines();
        let Some(c) = reader.peek() else { return Ok(Value::Map(root)) };
        if c == '[' {
            reader.at += 1;
            let is_list = reader.take('[');
            let path = reader.key_path(']')?;
            reader.expect(']')?;
            if is_list {
                reader.expect(']')?;
            }
            table = reader.open_table(&root, &path, is_list)?;
        } else {
            let path = reader.key_path('=')?;
            if !reader.take('=') {
                let found = reader.peek().map_or("unexpected EOF".to_owned(), |c| format!("unexpected '{c}'"));
                return Err(reader.told(&format!("{found}; expected key separator '='")));
            }
            let value = reader.value(0)?;
            reader.put(&table, &path, value)?;
        }
        reader.end_of_line()?;
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn told(&self, what: &str) -> String {
        let line = self.text[..self.at].bytes().filter(|b| *b == b'\n').count() + 1;
        format!("toml: line {line}: {what}")
    }
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }
    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }
    fn take(&mut self, c: char) -> bool {
        self.skip_blanks();
        let is = self.rest().starts_with(c);
        self.at += if is { c.len_utf8() } else { 0 };
        is
    }
    fn expect(&mut self, c: char) -> Result<(), String> {
        if self.take(c) { Ok(()) } else { Err(self.told(&format!("expected '{c}'"))) }
    }
    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
    }
    fn skip_comment(&mut self) {
        self.skip_blanks();
        if self.rest().starts_with('#') {
            self.at += self.rest().find('\n').unwrap_or(self.rest().len());
        }
    }
    fn skip_lines(&mut self) {
        loop {
            self.skip_comment();
            let rest = self.rest();
            match rest.strip_prefix("\r\n").or(rest.strip_prefix('\n')) {
                Some(after) => self.at += rest.len() - after.len(),
                None => return,
            }
        }
    }
    fn end_of_line(&mut self) -> Result<(), String> {
        self.skip_comment();
        if self.rest().is_empty() || self.rest().starts_with('\n') || self.rest().starts_with("\r\n") {
            return Ok(());
        }
        let found = self.peek().unwrap_or(' ');
        Err(self.told(&format!(
            "expected a top-level item to end with a newline, comment, or EOF, but got '{found}' instead"
        )))
    }

    /// `a."b c".d`
    fn key_path(&mut self, _end: char) -> Result<Vec<String>, String> {
        let mut path = Vec::new();
        loop {
            self.skip_blanks();
            let key = match self.peek() {
                Some(quote @ ('"' | '\'')) => {
                    self.at += 1;
                    self.string(quote)?
                }
                _ => {
                    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                    let length = self.rest().find(|c| !is_bare(c)).unwrap_or(self.rest().len());
                    let key = &self.rest()[..length];
                    if key.is_empty() {
                        return Err(self.told("expected a key"));
                    }
                    self.at += length;
                    key.to_owned()
                }
            };
            path.push(key);
            if path.len() > MAX_DEPTH {
                return Err(self.told("keys are nested too deep"));
            }
            if !self.take('.') {
                return Ok(path);
            }
        }
    }

    /// The table at a path, made where it is absent; of a list of tables the last.
    fn inner(&self, root: &Map, path: &[String]) -> Result<Map, String> {
        path.iter().try_fold(root.clone(), |map, key| match map.get(key.as_bytes()) {
            None => {
                let inner = Map::new();
                map.insert(key.as_str(), Value::Map(inner.clone()));
                Ok(inner)
            }
            Some(Value::Map(inner)) => Ok(inner),
            Some(Value::List(list)) => match list.last() {
                Some(Value::Map(inner)) => Ok(inner.clone()),
                _ => Err(self.told(&format!("Key '{key}' has already been defined."))),
            },
            Some(_) => Err(self.told(&format!("Key '{key}' has already been defined."))),
        })
    }

    fn open_table(&self, root: &Map, path: &[String], is_list: bool) -> Result<Map, String> {
        let Some((last, front)) = path.split_last() else { return Ok(root.clone()) };
        if !is_list {
            return self.inner(root, path);
        }
        let parent = self.inner(root, front)?;
        let table = Map::new();
        let mut items = match parent.get(last.as_bytes()) {
            None => Vec::new(),
            Some(Value::List(list)) => list.to_vec(),
            Some(_) => return Err(self.told(&format!("Key '{last}' has already been defined."))),
        };
        items.push(Value::Map(table.clone()));
        parent.insert(last.as_str(), Value::List(List::of(Type::MAPS, items)));
        Ok(table)
    }

    fn put(&self, table: &Map, path: &[String], value: Value) -> Result<(), String> {
        let Some((last, front)) = path.split_last() else { return Ok(()) };
        let table = self.inner(table, front)?;
        if table.contains_key(last.as_bytes()) {
            return Err(self.told(&format!("Key '{}' has already been defined.", path.join("."))));
        }
        table.insert(last.as_str(), value);
        Ok(())
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > MAX_DEPTH {
            return Err(self.told("values are nested too deep"));
        }
        self.skip_blanks();
        match self.peek() {
            None => Err(self.told("unexpected EOF; expected value")),
            Some(quote @ ('"' | '\'')) => {
                let triple: String = [quote; 3].iter().collect();
                if self.rest().starts_with(&triple) {
                    self.at += 3;
                    return self.long_string(quote).map(Value::from);
                }
                self.at += 1;
                self.string(quote).map(Value::from)
            }
            Some('[') => {
                self.at += 1;
                let mut items = Vec::new();
                loop {
                    self.skip_lines();
                    if self.take(']') {
                        return Ok(Value::list(items));
                    }
                    items.push(self.value(depth + 1)?);
                    self.skip_lines();
                    if !self.take(',') {
                        self.skip_lines();
                        self.expect(']')?;
                        return Ok(Value::list(items));
                    }
                }
            }
            Some('{') => {
                self.at += 1;
                let map = Map::new();
                if self.take('}') {
                    return Ok(Value::Map(map));
                }
                loop {
                    let path = self.key_path('=')?;
                    self.expect('=')?;
                    let value = self.value(depth + 1)?;
                    self.put(&map, &path, value)?;
                    if self.take('}') {
                        return Ok(Value::Map(map));
                    }
                    self.expect(',')?;
                }
            }
            Some(_) => self.word(),
        }
    }

    fn word(&mut self) -> Result<Value, String> {
        let end = self.rest().find([',', ']', '}', '\n', '#', '\r']).unwrap_or(self.rest().len());
        let word = self.rest()[..end].trim();
        let plain = word.replace('_', "");
        let radix = |prefix: &str, radix: u32| plain.strip_prefix(prefix).map(|d| i64::from_str_radix(d, radix));
        let value = match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "inf" | "+inf" => Value::Float(f64::INFINITY),
            "-inf" => Value::Float(f64::NEG_INFINITY),
            "nan" | "+nan" | "-nan" => Value::Float(f64::NAN),
            _ => match radix("0x", 16).or_else(|| radix("0o", 8)).or_else(|| radix("0b", 2)) {
                Some(Ok(number)) => Value::Int64(number),
                Some(Err(_)) => return Err(self.told(&format!("invalid number: {word:?}"))),
                None => self.number_or_time(word, &plain)?,
            },
        };
        self.at += end;
        Ok(value)
    }

    fn number_or_time(&self, word: &str, plain: &str) -> Result<Value, String> {
        let starts_well = word.starts_with(|c: char| c.is_ascii_digit() || c == '+' || c == '-');
        if starts_well && let Ok(number) = plain.parse::<i64>() {
            return Ok(Value::Int64(number));
        }
        if starts_well && let Ok(number) = plain.parse::<f64>() {
            return Ok(Value::Float(number));
        }
        let is_time = |c: char| c.is_ascii_digit() || "-:T.Z+ t".contains(c);
        if starts_well && word.len() >= 8 && word.chars().all(is_time) {
            return Ok(Value::str(word));
        }
        Err(self.told(&format!("expected value but found '{}' instead", word.chars().take(20).collect::<String>())))
    }

    /// The rest of a string on one line.
    fn string(&mut self, quote: char) -> Result<String, String> {
        let mut out = String::new();
        loop {
            let Some(c) = self.peek() else { return Err(self.told("unexpected EOF; expected '\"'")) };
            self.at += c.len_utf8();
            match c {
                c if c == quote => return Ok(out),
                '\n' => return Err(self.told("strings cannot contain newlines")),
                '\\' if quote == '"' => out.push(self.escape()?),
                c => out.push(c),
            }
        }
    }

    fn long_string(&mut self, quote: char) -> Result<String, String> {
        let rest = self.rest();
        let rest = rest.strip_prefix("\r\n").or(rest.strip_prefix('\n')).unwrap_or(rest);
        self.at = self.text.len() - rest.len();
        let triple: String = [quote; 3].iter().collect();
        let mut out = String::new();
        loop {
            if self.rest().starts_with(&triple) {
                self.at += 3;
                // Up to two more quotes belong to the text.
                for _ in 0..2 {
                    if self.rest().starts_with(quote) {
                        out.push(quote);
                        self.at += 1;
                    }
                }
                return Ok(out);
            }
            let Some(c) = self.peek() else { return Err(self.told("unexpected EOF; expected '\"\"\"'")) };
            self.at += c.len_utf8();
            if c != '\\' || quote != '"' {
                out.push(c);
                continue;
            }
            let rest = self.rest();
            if rest.trim_start_matches([' ', '\t', '\r']).starts_with('\n') {
                self.at = self.text.len() - rest.trim_start().len();
            } else {
                out.push(self.escape()?);
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        let Some(c) = self.peek() else { return Err(self.told("unexpected EOF in an escape")) };
        self.at += c.len_utf8();
        let digits = match c {
            'b' => return Ok('\u{8}'),
            't' => return Ok('\t'),
            'n' => return Ok('\n'),
            'f' => return Ok('\u{c}'),
            'r' => return Ok('\r'),
            'e' => return Ok('\u{1b}'),
            '"' | '\\' => return Ok(c),
            'x' => 2,
            'u' => 4,
            'U' => 8,
            c => return Err(self.told(&format!("invalid escape character '{c}'"))),
        };
        let code = self.rest().get(..digits).and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32);
        let code = code.ok_or_else(|| self.told("invalid escaped character"))?;
        self.at += digits;
        Ok(code)
    }
}
