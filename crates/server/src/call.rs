//! One request: who asks, what they said, and how things stood when they did.

use std::sync::Arc;

use belay_object::{Value, from_json};
use bytes::Bytes;
use http::HeaderMap;

use crate::Error;
use crate::api::Api;
use crate::identity::Caller;
use crate::snapshot::Snapshot;

/// One request.
pub(crate) struct Call {
    /// What all requests share.
    pub api: Arc<Api>,
    /// The configuration when it came.
    pub at: Arc<Snapshot>,
    /// Who asks.
    pub caller: Caller,
    /// Parts of the path, decoded.
    pub parameters: Vec<(String, String)>,
    /// The query, decoded.
    pub query: Vec<(String, String)>,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// More are no query of anybody's.
const MAX_PAIRS: usize = 2000;

impl Call {
    /// A part of the path.
    pub fn path(&self, name: &str) -> &str {
        self.parameters.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }
    /// A field of the query, empty where it is not there.
    pub fn query(&self, name: &str) -> &str {
        self.query.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }
    /// All values of a field of the query.
    pub fn query_all(&self, name: &str) -> Vec<&str> {
        self.query.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }
    /// Whether a field of the query is there.
    pub fn has_query(&self, name: &str) -> bool {
        self.query.iter().any(|(n, _)| n == name)
    }
    /// A field that is true or false; `None` where it is not there.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Error> {
        match self.query(name) {
            "" => Ok(None),
            "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(Some(true)),
            "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(Some(false)),
            other => Err(self.mismatch(name, other)),
        }
    }
    /// A whole number; `None` where it is not there.
    pub fn number(&self, name: &str) -> Result<Option<i64>, Error> {
        match self.query(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| self.mismatch(name, text)),
        }
    }
    fn mismatch(&self, name: &str, text: &str) -> Error {
        let text: String = text.chars().take(100).collect();
        Error::invalid(format!("parameter {name:?}: invalid value {text:?}"))
    }
    /// The body as a value; nothing where it is empty. No message quotes it.
    pub fn value(&self) -> Result<Value, Error> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        from_json(&self.body).map_err(|_| Error::invalid("the body is no JSON"))
    }
    /// The body as a message.
    pub fn message(&self) -> Result<Value, Error> {
        match self.value()? {
            Value::Null => Ok(Value::object()),
            value if value.as_object().is_some() => Ok(value),
            other => Err(Error::invalid(format!("the body is {}, not an object", other.type_name()))),
        }
    }
}

/// A text field of a message; empty where it is not there.
pub(crate) fn text<'a>(message: &'a Value, field: &str) -> &'a str {
    message.str_at(&[field]).unwrap_or_default()
}

/// A flag of a message; false where it is not there.
pub(crate) fn is_true(message: &Value, field: &str) -> bool {
    message.get(field).and_then(Value::as_bool).unwrap_or(false)
}

/// A number of a message, which clients of JSON may write as a text.
pub(crate) fn integer(message: &Value, field: &str) -> i64 {
    let value = message.get(field);
    value.and_then(|v| v.as_i64().or_else(|| v.as_str()?.parse().ok())).unwrap_or_default()
}

/// The texts of a list in a message.
pub(crate) fn texts(message: &Value, field: &str) -> Vec<String> {
    let items = message.get(field).map_or(&[][..], Value::items);
    items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The pairs of a query.
pub(crate) fn parse_query(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).take(MAX_PAIRS);
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    };
    pairs.map(pair).collect()
}

/// `%41+b` as `A b`; what is no UTF-8 is replaced.
pub(crate) fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while let Some(byte) = bytes.get(i) {
        let escaped = || {
            // `from_str_radix` takes a sign, too.
            let digits = text.get(i + 1..i + 3).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
            u8::from_str_radix(digits, 16).ok()
        };
        match (byte, escaped()) {
            (b'%', Some(byte)) => {
                out.push(byte);
                i += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(*byte),
        }
        i += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}
