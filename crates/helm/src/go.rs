//! How Go decodes YAML into a struct: `sigs.k8s.io/yaml` over `encoding/json`.
//!
//! A number or boolean where a string is wanted becomes its text, names of fields match in any
//! case, null leaves a field as it is, and all else that does not fit is an error in Go's words.

use belay_object::{Map, Value};
use belay_yaml::Options;

/// Reads the first document as `sigs.k8s.io/yaml` does, errors in its words.
pub(crate) fn parse_yaml(text: &[u8]) -> Result<Value, String> {
    let Ok(text) = std::str::from_utf8(text) else {
        return Err("error converting YAML to JSON: yaml: control characters are not allowed".into());
    };
    belay_yaml::parse_value(text, &Options::v2()).map_err(|e| yaml_error(&e))
}

/// The same where no more than some fields of a map are looked at: the others are read and may be missing.
pub(crate) fn parse_outline(text: &str, wanted: &[&str]) -> Result<Value, String> {
    belay_yaml::parse_outline(text, wanted, &Options::v2()).map_err(|e| yaml_error(&e))
}

/// A YAML error as `sigs.k8s.io/yaml` wraps it.
pub(crate) fn yaml_error(error: &belay_yaml::YamlError) -> String {
    format!("error converting YAML to JSON: {}", error.go_text)
}

/// The text of a type mismatch as `sigs.k8s.io/yaml` wraps it.
pub(crate) fn mismatch(value: &Value, place: &str, wanted: &str) -> String {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => "number",
        Value::Str(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    format!(
        "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {found} into {place} of type {wanted}"
    )
}

/// A map being decoded into a Go struct.
pub(crate) struct Fields<'a> {
    map: &'a Map,
    /// `Metadata`, as Go's errors name the struct.
    type_name: &'static str,
}

impl<'a> Fields<'a> {
    /// The fields of `value`; none for null. `place` is what Go says of a value that is no object.
    pub(crate) fn of(value: &'a Value, type_name: &'static str, go_type: &str) -> Result<Option<Fields<'a>>, String> {
        match value {
            Value::Null => Ok(None),
            Value::Object(map) => Ok(Some(Fields { map, type_name })),
            other => Err(mismatch(other, "Go value", go_type)),
        }
    }

    /// The value of a field: the last of those whose names are equal but for case, unless null.
    pub(crate) fn get(&self, name: &str) -> Option<&'a Value> {
        let exact = self.map.get(name).filter(|value| !value.is_null());
        exact.or_else(|| {
            let mut same = self.map.iter().filter(|(key, value)| key.eq_ignore_ascii_case(name) && !value.is_null());
            same.next_back().map(|(_, value)| value)
        })
    }

    fn place(&self, name: &str) -> String {
        format!("Go struct field {}.{name}", self.type_name)
    }

    pub(crate) fn text(&self, name: &str) -> Result<String, String> {
        match self.get(name) {
            None => Ok(String::new()),
            Some(value) => scalar_text(value).ok_or_else(|| mismatch(value, &self.place(name), "string")),
        }
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, String> {
        match self.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(value) => Err(mismatch(value, &self.place(name), "bool")),
        }
    }

    pub(crate) fn list(&self, name: &str, go_type: &str) -> Result<Option<&'a [Value]>, String> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Array(items)) => Ok(Some(items)),
            Some(value) => Err(mismatch(value, &self.place(name), go_type)),
        }
    }

    pub(crate) fn texts(&self, name: &str) -> Result<Option<Vec<String>>, String> {
        let Some(items) = self.list(name, "[]string")? else { return Ok(None) };
        let text = |item: &Value| match item {
            Value::Null => Ok(String::new()),
            item => scalar_text(item).ok_or_else(|| mismatch(item, &self.place(name), "string")),
        };
        items.iter().map(text).collect::<Result<_, _>>().map(Some)
    }

    pub(crate) fn text_map(&self, name: &str) -> Result<Option<Vec<(String, String)>>, String> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let Value::Object(map) = value else {
            return Err(mismatch(value, &self.place(name), "map[string]string"));
        };
        let text = |(key, item): (&belay_object::Key, &Value)| match item {
            Value::Null => Ok((key.to_string(), String::new())),
            item => {
                let text = scalar_text(item).ok_or_else(|| mismatch(item, &self.place(name), "string"))?;
                Ok((key.to_string(), text))
            }
        };
        map.iter().map(text).collect::<Result<_, _>>().map(Some)
    }
}

/// A scalar where a string is wanted: numbers and booleans become their texts.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::Str(text) => Some(text.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Int(i) => Some(i.to_string()),
        Value::UInt(u) => Some(u.to_string()),
        Value::Float(f) => Some(float_g(*f)),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `strconv.FormatFloat(f, 'g', -1, 64)`: exponents below -4 and from 6 on are written as
/// such; always the shortest digits.
pub(crate) fn float_g(f: f64) -> String {
    if !f.is_finite() {
        return if f.is_nan() {
            "NaN".into()
        } else if f > 0.0 {
            "+Inf".into()
        } else {
            "-Inf".into()
        };
    }
    let scientific = format!("{f:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..6).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    format!("{f}")
}

/// Makes every number a float, as values that went through JSON are in Go.
pub(crate) fn floats(value: &mut Value) {
    match value {
        Value::Int(i) => *value = Value::Float(*i as f64),
        Value::UInt(u) => *value = Value::Float(*u as f64),
        Value::Array(items) => items.iter_mut().for_each(floats),
        Value::Object(map) => map.iter_mut().for_each(|(_, item)| floats(item)),
        Value::Null | Value::Bool(_) | Value::Float(_) | Value::Str(_) => {}
    }
}

/// `strconv.Quote` for the texts that errors quote.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// What Go's JSON errors call a value.
pub(crate) fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => "number",
        Value::Str(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// A type mismatch at the top, as `sigs.k8s.io/yaml` wraps it.
pub(crate) fn mismatch_of_value(value: &Value, wanted: &str) -> String {
    mismatch(value, "Go value", wanted)
}

/// Appends JSON as `json.Marshal` writes it: fields sorted, `<`, `>`, `&` and the line separators
/// escaped.
pub(crate) fn write_json(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Str(text) => write_json_text(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_json(item, out);
            }
            out.push(b']');
        }
        Value::Object(map) => {
            out.push(b'{');
            for (i, (key, item)) in map.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write_json_text(key, out);
                out.push(b':');
                write_json(item, out);
            }
            out.push(b'}');
        }
        scalar => scalar.write_json(out),
    }
}

/// Appends a JSON string as `json.Marshal` writes it.
pub(crate) fn write_json_text(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut start = 0;
    for (i, c) in text.char_indices() {
        let escaped = match c {
            '"' => "\\\"".to_owned(),
            '\\' => "\\\\".to_owned(),
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            '\t' => "\\t".to_owned(),
            '\u{8}' => "\\b".to_owned(),
            '\u{c}' => "\\f".to_owned(),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => format!("\\u{:04x}", c as u32),
            _ => continue,
        };
        out.extend_from_slice(&text.as_bytes()[start..i]);
        out.extend_from_slice(escaped.as_bytes());
        start = i + c.len_utf8();
    }
    out.extend_from_slice(&text.as_bytes()[start..]);
    out.push(b'"');
}

/// Reads JSON with the errors of `encoding/json`, as far as their words are known here.
pub(crate) fn parse_json(text: &str) -> Result<Value, String> {
    belay_object::from_json_str(text).map_err(|e| json_error(text).unwrap_or_else(|| e.to_string()))
}

/// What Go says of a JSON text that does not parse: where its own scanner stops.
fn json_error(text: &str) -> Option<String> {
    let mut scan = Scan { rest: text, open: Vec::new() };
    scan.run().err().flatten()
}

/// A scanner for the one purpose of finding the first wrong character.
struct Scan<'a> {
    rest: &'a str,
    open: Vec<u8>,
}

/// `Err(None)` where the text is fine as far as this scanner knows.
type Scanned = Result<(), Option<String>>;

impl Scan<'_> {
    fn wrong(&self, place: &str) -> Option<String> {
        match self.rest.chars().next() {
            None => Some("unexpected end of JSON input".into()),
            Some('\'') => Some(format!("invalid character '\\'' {place}")),
            Some('"') => Some(format!("invalid character '\"' {place}")),
            Some(c) => Some(format!("invalid character {c:?} {place}")),
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
    }

    fn take(&mut self, c: char) -> bool {
        self.skip_space();
        let after = self.rest.strip_prefix(c);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn run(&mut self) -> Scanned {
        loop {
            if !self.begin()? {
                continue;
            }
            loop {
                self.skip_space();
                match self.open.last().copied() {
                    None if self.rest.is_empty() => return Err(None),
                    None => return Err(self.wrong("after top-level value")),
                    Some(b'[') if self.take(',') => break,
                    Some(b'[') if self.take(']') => {}
                    Some(b'[') => return Err(self.wrong("after array element")),
                    Some(_) if self.take(',') => {
                        self.key()?;
                        break;
                    }
                    Some(_) if self.take('}') => {}
                    Some(_) => return Err(self.wrong("after object key:value pair")),
                }
                self.open.pop();
            }
        }
    }

    /// Reads the beginning of a value; says whether the whole of it.
    fn begin(&mut self) -> Result<bool, Option<String>> {
        self.skip_space();
        match self.rest.chars().next() {
            Some('[') => {
                self.rest = &self.rest[1..];
                if self.take(']') {
                    return Ok(true);
                }
                self.open.push(b'[');
                Ok(false)
            }
            Some('{') => {
                self.rest = &self.rest[1..];
                if self.take('}') {
                    return Ok(true);
                }
                self.open.push(b'{');
                self.key()?;
                Ok(false)
            }
            Some('"') => self.string().map(|()| true),
            Some('t') => self.literal("true"),
            Some('f') => self.literal("false"),
            Some('n') => self.literal("null"),
            Some('-' | '0'..='9') => {
                let number = |c: char| c.is_ascii_digit() || "+-.eE".contains(c);
                self.rest = self.rest.trim_start_matches(number);
                Ok(true)
            }
            _ => Err(self.wrong("looking for beginning of value")),
        }
    }

    fn key(&mut self) -> Scanned {
        self.skip_space();
        if !self.rest.starts_with('"') {
            return Err(self.wrong("looking for beginning of object key string"));
        }
        self.string()?;
        if self.take(':') { Ok(()) } else { Err(self.wrong("after object key")) }
    }

    fn literal(&mut self, word: &str) -> Result<bool, Option<String>> {
        for expected in word.chars() {
            match self.rest.strip_prefix(expected) {
                Some(rest) => self.rest = rest,
                None => return Err(self.wrong(&format!("in literal {word} (expecting {expected:?})"))),
            }
        }
        Ok(true)
    }

    fn string(&mut self) -> Scanned {
        let mut chars = self.rest[1..].char_indices();
        while let Some((i, c)) = chars.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[i + 2..];
                    return Ok(());
                }
                '\\' => {
                    let next = chars.next();
                    if let Some((i, c)) = next
                        && !"\"\\/bfnrtu".contains(c)
                    {
                        self.rest = &self.rest[i + 1..];
                        return Err(self.wrong("in string escape code"));
                    }
                }
                c if (c as u32) < 0x20 => {
                    self.rest = &self.rest[i + 1..];
                    return Err(self.wrong("in string literal"));
                }
                _ => {}
            }
        }
        self.rest = "";
        Err(self.wrong(""))
    }
}
