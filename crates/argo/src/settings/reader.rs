//! Reads keys of a config map and of a secret; what cannot be read is told of and the default counts.

use std::collections::BTreeMap;

use base64::Engine as _;
use belay_object::{GoDuration, Map, Object, Value};

/// The data of one config map.
pub(crate) struct Reader<'a> {
    data: Option<&'a Map>,
    place: &'static str,
    pub warnings: Vec<String>,
}

impl<'a> Reader<'a> {
    pub fn new(object: Option<&'a Object>, place: &'static str) -> Reader<'a> {
        let data = object.and_then(|object| object.get("data")).and_then(Value::as_object);
        Reader { data, place, warnings: Vec::new() }
    }

    /// The text of a key, if the key is there.
    pub fn given(&self, key: &str) -> Option<&'a str> {
        self.data.and_then(|data| data.str(key))
    }
    /// The text of a key, empty where it is not there.
    pub fn text(&self, key: &str) -> &'a str {
        self.given(key).unwrap_or_default()
    }
    pub fn owned(&self, key: &str) -> String {
        self.text(key).to_owned()
    }
    /// All keys with their texts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.data.into_iter().flat_map(Map::iter).filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
    }
    /// The keys that begin with this, without it.
    pub fn under(&self, front: &str) -> BTreeMap<String, String> {
        self.iter().filter_map(|(key, text)| Some((key.strip_prefix(front)?.to_owned(), text.to_owned()))).collect()
    }

    /// Tells of a key whose text is wrong.
    pub fn warn(&mut self, key: &str, why: &str) {
        let text: String = self.text(key).chars().take(100).collect();
        self.warnings.push(format!("{}: {key}: {text:?} {why}", self.place));
    }
    /// Tells of a key whose text may be a secret.
    pub fn warn_without_value(&mut self, key: &str, why: &str) {
        self.warnings.push(format!("{}: {key} {why}", self.place));
    }

    /// Only `true` is.
    pub fn is_true(&mut self, key: &str) -> bool {
        let text = self.text(key);
        if !matches!(text, "" | "true" | "false") {
            self.warn(key, "is neither true nor false: it counts as false");
        }
        text == "true"
    }
    /// Only `false` is not.
    pub fn not_false(&mut self, key: &str) -> bool {
        let text = self.text(key);
        if !matches!(text, "" | "true" | "false") {
            self.warn(key, "is neither true nor false: it counts as true");
        }
        text != "false"
    }
    /// As Go's `strconv.ParseBool` reads it.
    pub fn flag(&mut self, key: &str, default: bool) -> bool {
        match self.text(key) {
            "" => default,
            text => parse_bool(text).unwrap_or_else(|| {
                self.warn(key, &format!("is neither true nor false: {default} is used"));
                default
            }),
        }
    }
    pub fn number(&mut self, key: &str, default: i64) -> i64 {
        match self.text(key).trim() {
            "" => default,
            text => text.parse().unwrap_or_else(|_| {
                self.warn(key, &format!("is no whole number: {default} is used"));
                default
            }),
        }
    }
    /// `1h30m`, `90`, which is seconds, or `2d`.
    pub fn duration(&mut self, key: &str, default: GoDuration) -> GoDuration {
        let text = self.text(key).trim();
        if text.is_empty() {
            return default;
        }
        let days = || text.strip_suffix('d')?.parse::<i64>().ok()?.checked_mul(86_400).map(GoDuration::from_secs);
        let seconds = || text.parse().ok().map(GoDuration::from_secs);
        GoDuration::parse(text).or_else(days).or_else(seconds).unwrap_or_else(|| {
            self.warn(key, &format!("is no duration: {default} is used"));
            default
        })
    }
    /// A duration that is not below zero.
    pub fn pause(&mut self, key: &str, default: GoDuration) -> GoDuration {
        let found = self.duration(key, default);
        if found < GoDuration::default() {
            self.warn(key, &format!("is below zero: {default} is used"));
            return default;
        }
        found
    }
    /// A size as Kubernetes writes quantities: `10M`, `1Gi`, `1000`.
    pub fn bytes(&mut self, key: &str, default: u64) -> u64 {
        let text = self.text(key).trim();
        if text.is_empty() {
            return default;
        }
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let unit: Option<u64> = match &text[digits..] {
            "" => Some(1),
            "k" | "K" => Some(1_000),
            "M" => Some(1_000_000),
            "G" => Some(1_000_000_000),
            "Ki" => Some(1 << 10),
            "Mi" => Some(1 << 20),
            "Gi" => Some(1 << 30),
            _ => None,
        };
        let size = unit.and_then(|unit| text[..digits].parse::<u64>().ok()?.checked_mul(unit));
        size.unwrap_or_else(|| {
            self.warn(key, &format!("is no size: {default} is used"));
            default
        })
    }
    /// Texts between commas, blanks around them dropped.
    pub fn list(&self, key: &str) -> Vec<String> {
        split(self.text(key))
    }
    pub fn list_or(&self, key: &str, default: &[&str]) -> Vec<String> {
        let list = self.list(key);
        if list.is_empty() { default.iter().map(|text| (*text).to_owned()).collect() } else { list }
    }
    /// The YAML of a key.
    pub fn yaml(&mut self, key: &str) -> Option<Value> {
        let text = self.given(key).filter(|text| !text.trim().is_empty())?;
        match belay_yaml::parse_value(text, &belay_yaml::Options::v2()) {
            Ok(value) => Some(value).filter(|value| !value.is_null()),
            Err(why) => {
                self.warnings.push(format!("{}: {key}: {why}", self.place));
                None
            }
        }
    }
    /// A list of texts in YAML.
    pub fn yaml_texts(&mut self, key: &str) -> Vec<String> {
        texts(self.yaml(key).as_ref())
    }
}

/// The texts of a list.
pub(crate) fn texts(value: Option<&Value>) -> Vec<String> {
    value.map_or(&[][..], Value::items).iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

pub(crate) fn split(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// Go's `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// A value of a secret, as it is.
pub(crate) fn secret_bytes(secret: Option<&Object>, key: &str) -> Option<Vec<u8>> {
    let secret = secret?;
    if let Some(text) = secret.str_at(&["stringData", key]) {
        return Some(text.as_bytes().to_vec());
    }
    base64::engine::general_purpose::STANDARD.decode(secret.str_at(&["data", key])?).ok()
}

/// A value of a secret as text; what is no UTF-8 is not there.
pub(crate) fn secret_text(secret: Option<&Object>, key: &str) -> Option<String> {
    String::from_utf8(secret_bytes(secret, key)?).ok()
}
