//! [`Sent`]: what was told already, as an annotation keeps it.

use std::collections::BTreeMap;

use belay_object::{Map, Value};

use crate::Destination;

/// The most that are remembered: the newest.
// Compat(notifications-engine 0.5): notifiedHistoryMaxSize
const MOST: usize = 100;
/// The longest annotation that is read: Kubernetes allows 256 KiB for all of an object.
const MAX_TEXT: usize = 256 << 10;

/// Keys of what was sent, and when in seconds since 1970.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent(BTreeMap<String, i64>);

impl Sent {
    /// From the text of an annotation; what is none is empty.
    pub fn read(text: &str) -> Sent {
        if text.len() > MAX_TEXT {
            return Sent::default();
        }
        let value = belay_object::from_json_str(text).unwrap_or(Value::Null);
        let Some(fields) = value.as_object() else { return Sent::default() };
        let entries: Option<BTreeMap<String, i64>> =
            fields.iter().map(|(key, at)| Some((key.to_string(), at.as_i64()?))).collect();
        Sent(entries.unwrap_or_default())
    }
    /// The text of the annotation: the newest hundred; `None` where there is nothing to remember.
    pub fn to_text(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let mut entries: Vec<(&String, &i64)> = self.0.iter().collect();
        entries.sort_by_key(|(key, at)| (std::cmp::Reverse(**at), key.as_str()));
        entries.truncate(MOST);
        let fields: Map = entries.into_iter().map(|(key, at)| (key.as_str(), Value::Int(*at))).collect();
        Some(Value::Object(fields).to_json())
    }
    /// Whether this was sent.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }
    /// Notes what was sent.
    pub fn add(&mut self, key: &str, at_unix_s: i64) {
        self.0.entry(key.to_owned()).or_insert(at_unix_s);
    }
    /// Forgets it: it may be sent again.
    pub fn remove(&mut self, key: &str) -> bool {
        self.0.remove(key).is_some()
    }
}

/// The key of a message: of a condition of a trigger, to a destination, once for a value of what it is once for.
// Compat(notifications-engine 0.5): other controllers read these keys.
pub(crate) fn key(once_for: &str, trigger: &str, condition: &str, to: &Destination) -> String {
    let key = format!("{trigger}:{condition}:{}:{}", to.service, to.recipient);
    if once_for.is_empty() { key } else { format!("{once_for}:{key}") }
}
