//! The grammar of `--set` and its kin: `a.b=1,c[0].d=x,e={x,y}`.

use belay_object::{Map, Value};

use crate::go::quote;

/// How the text after `=` is read.
pub enum SetKind<'a> {
    /// `--set`: integers, booleans and null get their types.
    Typed,
    /// `--set-string`: always text.
    Strings,
    /// `--set-json`: JSON.
    Json,
    /// `--set-file`: the name of a file, whose content is the value.
    Files(&'a dyn Fn(&str) -> Result<String, String>),
    /// `--set-literal`: all that is left, as it is.
    Literal,
}

/// Largest index.
const MAX_INDEX: usize = 65_536;
/// Most names in a path.
const MAX_NAMES: usize = 30;
/// Most indexes right behind each other (`a[0][0]`), and most keys within each other where indexes
/// stand between (`a[0].b[0].c`): Helm limits neither. Bounds the recursion.
const MAX_INDEXES: usize = 100;

/// Reads one text into `values`, over what is there. What was read before an error stays.
pub fn set(text: &str, values: &mut Map, kind: &SetKind<'_>) -> Result<(), String> {
    let mut parser = Parser { text, at: 0, kind, depth: 0 };
    loop {
        match parser.key(values, 0) {
            Ok(()) => {}
            Err(Fault::End) => return Ok(()),
            Err(Fault::Text(text)) => return Err(text),
        }
    }
}

enum Fault {
    /// The text ended, which is an error only where something was begun.
    End,
    Text(String),
}

type Parse<T> = Result<T, Fault>;

fn fault<T>(text: impl Into<String>) -> Parse<T> {
    Err(Fault::Text(text.into()))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Keys being read within each other.
    depth: usize,
    kind: &'a SetKind<'a>,
}

/// What Go says of a value that is no map, no list.
fn not_a(value: &Value, wanted: &str) -> String {
    let found = match value {
        Value::Null => "nil",
        Value::Bool(_) => "bool",
        Value::Int(_) => "int64",
        Value::UInt(_) => "uint64",
        Value::Float(_) => "float64",
        Value::Str(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    };
    format!("unable to parse key: interface conversion: interface {{}} is {found}, not {wanted}")
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.text[self.at..].chars().next()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// Reads up to one of `stop`, which is taken; `None` where the text ends first.
    fn until(&mut self, stop: &[char]) -> (String, Option<char>) {
        let mut out = String::new();
        while let Some(c) = self.next() {
            if stop.contains(&c) {
                return (out, Some(c));
            }
            if c == '\\' && !matches!(self.kind, SetKind::Literal) {
                out.extend(self.next());
            } else {
                out.push(c);
            }
        }
        (out, None)
    }

    fn key(&mut self, data: &mut Map, names: usize) -> Parse<()> {
        if self.depth > MAX_INDEXES {
            return fault(format!("more than {MAX_INDEXES} keys within each other"));
        }
        self.depth += 1;
        let result = self.key_within(data, names);
        self.depth -= 1;
        result
    }

    fn key_within(&mut self, data: &mut Map, names: usize) -> Parse<()> {
        let stop: &[char] =
            if matches!(self.kind, SetKind::Literal) { &['=', '[', '.'] } else { &['=', '[', ',', '.'] };
        let (key, last) = self.until(stop);
        match last {
            None if key.is_empty() => Err(Fault::End),
            None => fault(format!("key {} has no value", quote(&key))),
            Some('[') => {
                let index = self.index()?;
                let mut list = match take(data, &key) {
                    None => Vec::new(),
                    Some(Value::Array(list)) => list.into_iter().collect(),
                    Some(other) => {
                        let text = not_a(&other, "[]interface {}");
                        put(data, &key, other);
                        return fault(text);
                    }
                };
                let result = self.item(&mut list, index, names, 1);
                put(data, &key, Value::from(list));
                result
            }
            Some('=') => self.value_of_key(data, &key),
            Some(',') => {
                put(data, &key, Value::from(""));
                fault(format!("key {} has no value (cannot end with ,)", quote(&key)))
            }
            Some(_) => self.inner_key(data, &key, names),
        }
    }

    fn inner_key(&mut self, data: &mut Map, key: &str, names: usize) -> Parse<()> {
        if names + 1 > MAX_NAMES {
            return fault(format!(
                "value name nested level is greater than maximum supported nested level of {MAX_NAMES}"
            ));
        }
        let (mut inner, existed) = match take(data, key) {
            None => (Map::new(), false),
            Some(Value::Object(map)) => (map, true),
            Some(other) => {
                let text = not_a(&other, "map[string]interface {}");
                put(data, key, other);
                return fault(text);
            }
        };
        let result = self.key(&mut inner, names + 1);
        let is_empty = inner.is_empty();
        if existed || !is_empty {
            put(data, key, Value::Object(inner));
        }
        match result {
            Ok(()) if is_empty => fault(format!("key map {} has no value", quote(key))),
            result => result,
        }
    }

    fn value_of_key(&mut self, data: &mut Map, key: &str) -> Parse<()> {
        match self.kind {
            SetKind::Literal => {
                let rest = self.text[self.at..].to_owned();
                self.at = self.text.len();
                put(data, key, Value::from(rest));
                Ok(())
            }
            SetKind::Json => {
                let value = self.json()?;
                put(data, key, value);
                self.rest_is_empty();
                Ok(())
            }
            SetKind::Typed | SetKind::Strings | SetKind::Files(_) => match self.list()? {
                Some(list) => {
                    put(data, key, list);
                    Ok(())
                }
                None if self.at == self.text.len() => {
                    put(data, key, Value::from(""));
                    Err(Fault::End)
                }
                None => {
                    let (text, _) = self.until(&[',']);
                    let value = self.typed(text)?;
                    put(data, key, value);
                    Ok(())
                }
            },
        }
    }

    fn index(&mut self) -> Parse<i64> {
        let (text, last) = self.until(&[']']);
        if last.is_none() {
            return fault("error parsing index: EOF");
        }
        let digits = text.strip_prefix(['+', '-']).unwrap_or(&text);
        let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        text.parse().map_err(|_| {
            let why = if is_number { "value out of range" } else { "invalid syntax" };
            Fault::Text(format!("error parsing index: strconv.Atoi: parsing {}: {why}", quote(&text)))
        })
    }

    /// Reads what follows `[index]` into `list`.
    fn item(&mut self, list: &mut Vec<Value>, index: i64, names: usize, indexes: usize) -> Parse<()> {
        let Ok(i) = usize::try_from(index) else {
            return fault(format!("negative {index} index not allowed"));
        };
        if indexes > MAX_INDEXES {
            return fault(format!("more than {MAX_INDEXES} indexes in a row"));
        }
        let (key, last) = self.until(&['[', '.', '=']);
        if !key.is_empty() {
            return fault(format!("unexpected data at end of array index: {}", quote(&key)));
        }
        match last {
            None => Err(Fault::End),
            Some('=') => {
                let value = self.value_of_item()?;
                set_index(list, i, value)
            }
            Some('[') => {
                let next = self.index()?;
                let mut inner = match list.get(i) {
                    None | Some(Value::Null) => Vec::new(),
                    Some(Value::Array(inner)) => inner.iter().cloned().collect(),
                    Some(other) => return fault(not_a(other, "[]interface {}")),
                };
                self.item(&mut inner, next, names, indexes + 1)?;
                set_index(list, i, Value::from(inner))
            }
            Some(_) => {
                let mut inner = match list.get_mut(i) {
                    Some(Value::Object(map)) => std::mem::take(map),
                    Some(other) => {
                        *other = Value::object();
                        Map::new()
                    }
                    None => Map::new(),
                };
                let result = self.key(&mut inner, names);
                match (result, list.get_mut(i)) {
                    (Ok(()), _) => set_index(list, i, Value::Object(inner)),
                    (Err(e), Some(place)) => {
                        *place = Value::Object(inner);
                        Err(e)
                    }
                    (Err(e), None) => Err(e),
                }
            }
        }
    }

    fn value_of_item(&mut self) -> Parse<Value> {
        match self.kind {
            SetKind::Literal => {
                let rest = self.text[self.at..].to_owned();
                self.at = self.text.len();
                Ok(Value::from(rest))
            }
            SetKind::Json => {
                let value = self.json()?;
                self.rest_is_empty();
                Ok(value)
            }
            SetKind::Typed | SetKind::Strings | SetKind::Files(_) => match self.list()? {
                Some(list) => Ok(list),
                None if self.at == self.text.len() => Ok(Value::from("")),
                None => {
                    let (text, _) = self.until(&[',']);
                    self.typed(text)
                }
            },
        }
    }

    /// Reads `{a,b}`; `None` where no list begins.
    fn list(&mut self) -> Parse<Option<Value>> {
        if !self.text[self.at..].starts_with('{') {
            return Ok(None);
        }
        self.at += 1;
        let mut list = Vec::new();
        loop {
            let (text, last) = self.until(&[',', '}']);
            match last {
                None => return fault("list must terminate with '}'"),
                Some('}') => {
                    if self.text[self.at..].starts_with(',') {
                        self.at += 1;
                    }
                    list.push(self.typed(text)?);
                    return Ok(Some(Value::from(list)));
                }
                Some(_) => list.push(self.typed(text)?),
            }
        }
    }

    fn typed(&self, text: String) -> Parse<Value> {
        match self.kind {
            SetKind::Typed => Ok(typed(text)),
            SetKind::Files(read) => read(&text).map(Value::from).map_err(Fault::Text),
            SetKind::Strings | SetKind::Json | SetKind::Literal => Ok(Value::from(text)),
        }
    }

    /// Skips blanks and one comma; says whether there was nothing else.
    fn rest_is_empty(&mut self) -> bool {
        while let Some(c) = self.next() {
            if c == ',' {
                return true;
            }
            if !c.is_whitespace() {
                self.at -= c.len_utf8();
                return false;
            }
        }
        true
    }

    /// Reads one JSON value; null where there is none.
    fn json(&mut self) -> Parse<Value> {
        if self.rest_is_empty() {
            return Ok(Value::Null);
        }
        let rest = &self.text[self.at..];
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
        match stream.next() {
            Some(Ok(mut value)) => {
                self.at += stream.byte_offset();
                crate::go::floats(&mut value);
                Ok(value)
            }
            Some(Err(e)) if e.is_eof() => fault("unexpected EOF"),
            Some(Err(e)) => {
                let wrong = rest.chars().next().filter(|c| !"{[\"-0123456789tfn".contains(*c));
                let told = wrong.map(|c| format!("invalid character {c:?} looking for beginning of value"));
                fault(told.unwrap_or_else(|| e.to_string()))
            }
            None => Ok(Value::Null),
        }
    }
}

fn set_index(list: &mut Vec<Value>, i: usize, value: Value) -> Parse<()> {
    if i > MAX_INDEX {
        return fault(format!("index of {i} is greater than maximum supported index of {MAX_INDEX}"));
    }
    if list.len() <= i {
        list.resize(i + 1, Value::Null);
    }
    list[i] = value;
    Ok(())
}

fn take(data: &mut Map, key: &str) -> Option<Value> {
    data.remove(key)
}

/// A value without a name is dropped.
fn put(data: &mut Map, key: &str, value: Value) {
    if !key.is_empty() {
        data.insert(key, value);
    }
}

fn typed(text: String) -> Value {
    let is = |word: &str| text.eq_ignore_ascii_case(word);
    if is("true") || is("false") {
        return Value::Bool(is("true"));
    }
    if is("null") {
        return Value::Null;
    }
    if text == "0" {
        return Value::Int(0);
    }
    if !text.starts_with('0')
        && let Ok(number) = text.parse::<i64>()
    {
        return Value::Int(number);
    }
    Value::from(text)
}
