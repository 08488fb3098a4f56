//! Label and field selectors, from their text and from their object form.

use std::fmt;

use crate::{Map, Object, Value};

/// A selector that could not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct SelectorError(pub String);

impl fmt::Display for SelectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for SelectorError {}

/// One condition on labels.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Requirement {
    /// The label has one of these values.
    In(String, Vec<String>),
    /// The label is absent or has none of these values.
    NotIn(String, Vec<String>),
    /// The label is there.
    Exists(String),
    /// The label is absent.
    NotExists(String),
    /// The label is a whole number greater than this.
    Greater(String, i64),
    /// The label is a whole number less than this.
    Less(String, i64),
}

/// Conditions on labels that must all hold; empty selects everything.
#[derive(Clone, Debug, PartialEq, Eq, Default, Hash)]
pub struct LabelSelector(pub Vec<Requirement>);

impl Requirement {
    fn matches(&self, labels: Option<&Map>) -> bool {
        let get = |k: &str| labels.and_then(|m| m.str(k));
        let number = |k: &str| get(k).and_then(|v| v.parse::<i64>().ok());
        match self {
            Requirement::In(k, values) => get(k).is_some_and(|v| values.iter().any(|x| x == v)),
            Requirement::NotIn(k, values) => get(k).is_none_or(|v| !values.iter().any(|x| x == v)),
            Requirement::Exists(k) => get(k).is_some(),
            Requirement::NotExists(k) => get(k).is_none(),
            Requirement::Greater(k, n) => number(k).is_some_and(|v| v > *n),
            Requirement::Less(k, n) => number(k).is_some_and(|v| v < *n),
        }
    }
}

impl LabelSelector {
    /// Reads the text form: `a=b,c!=d,e in (f,g),h notin (i),j,!k,l>1`.
    pub fn parse(text: &str) -> Result<LabelSelector, SelectorError> {
        let mut requirements = Vec::new();
        for part in split_outside_parentheses(text) {
            let part = part.trim();
            if part.is_empty() {
                if text.trim().is_empty() {
                    continue;
                }
                return Err(SelectorError(format!(
                    "unable to parse requirement: found '', expected: identifier in {text:?}"
                )));
            }
            requirements.push(parse_requirement(part)?);
        }
        Ok(LabelSelector(requirements))
    }
    /// Reads the object form: `{matchLabels, matchExpressions}`.
    pub fn from_value(value: &Value) -> Result<LabelSelector, SelectorError> {
        let mut requirements = Vec::new();
        for (k, v) in value.get("matchLabels").and_then(Value::as_object).into_iter().flat_map(Map::iter) {
            requirements.push(Requirement::In(k.to_string(), vec![v.as_str().unwrap_or_default().to_owned()]));
        }
        for e in value.get("matchExpressions").map_or(&[][..], Value::items) {
            let key = e.str_at(&["key"]).unwrap_or_default().to_owned();
            let values = || -> Vec<String> {
                e.get("values").map_or(&[][..], Value::items).iter().filter_map(Value::as_str).map(Into::into).collect()
            };
            requirements.push(match e.str_at(&["operator"]).unwrap_or_default() {
                "In" => Requirement::In(key, values()),
                "NotIn" => Requirement::NotIn(key, values()),
                "Exists" => Requirement::Exists(key),
                "DoesNotExist" => Requirement::NotExists(key),
                other => return Err(SelectorError(format!("{other:?} is not a valid label selector operator"))),
            });
        }
        Ok(LabelSelector(requirements))
    }
    /// Whether these labels (`metadata.labels`) are selected.
    pub fn matches(&self, labels: Option<&Map>) -> bool {
        self.0.iter().all(|r| r.matches(labels))
    }
    /// Whether everything is selected.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn split_outside_parentheses(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0usize, 0);
    for (i, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..i]);
                start = i + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn parse_requirement(part: &str) -> Result<Requirement, SelectorError> {
    let bad = || SelectorError(format!("unable to parse requirement: {part:?}"));
    let name = |s: &str| -> Result<String, SelectorError> {
        let s = s.trim();
        let fine = !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
        fine.then(|| s.to_owned()).ok_or_else(bad)
    };
    if let Some(k) = part.strip_prefix('!') {
        return Ok(Requirement::NotExists(name(k)?));
    }
    if let Some(inner) = part.strip_suffix(')') {
        let (head, values) = inner.split_once('(').ok_or_else(bad)?;
        let values = values.split(',').map(|v| v.trim().to_owned()).collect();
        let (k, operator) = head.trim().rsplit_once(char::is_whitespace).ok_or_else(bad)?;
        return match operator {
            "in" => Ok(Requirement::In(name(k)?, values)),
            "notin" => Ok(Requirement::NotIn(name(k)?, values)),
            _ => Err(bad()),
        };
    }
    if let Some((k, v)) = part.split_once("!=") {
        return Ok(Requirement::NotIn(name(k)?, vec![v.trim().to_owned()]));
    }
    if let Some((k, v)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Ok(Requirement::In(name(k)?, vec![v.trim().to_owned()]));
    }
    if let Some((k, v)) = part.split_once('>') {
        return Ok(Requirement::Greater(name(k)?, v.trim().parse().map_err(|_| bad())?));
    }
    if let Some((k, v)) = part.split_once('<') {
        return Ok(Requirement::Less(name(k)?, v.trim().parse().map_err(|_| bad())?));
    }
    Ok(Requirement::Exists(name(part)?))
}

/// Conditions on fields that must all hold (`metadata.name=a,status.phase!=Failed`).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct FieldSelector(pub Vec<FieldRequirement>);

/// One condition of a [`FieldSelector`]: path, whether equal is wanted, value.
pub type FieldRequirement = (String, bool, String);

impl FieldSelector {
    /// Reads the text form. Which fields may be selected on is for the caller to say.
    pub fn parse(text: &str) -> Result<FieldSelector, SelectorError> {
        let mut requirements = Vec::new();
        for part in text.split(',').filter(|p| !p.is_empty()) {
            let (path, equal, value) = if let Some((p, v)) = part.split_once("!=") {
                (p, false, v)
            } else if let Some((p, v)) = part.split_once("==").or_else(|| part.split_once('=')) {
                (p, true, v)
            } else {
                return Err(SelectorError(format!("invalid selector: '{text}'; can't understand '{part}'")));
            };
            requirements.push((path.to_owned(), equal, value.to_owned()));
        }
        Ok(FieldSelector(requirements))
    }
    /// Whether an object is selected; an absent field counts as empty text.
    pub fn matches(&self, object: &Object) -> bool {
        self.0.iter().all(|(path, equal, wanted)| {
            let path: Vec<&str> = path.split('.').collect();
            let found = match object.at(&path) {
                Some(Value::Str(s)) => s.to_string(),
                None | Some(Value::Null) => String::new(),
                Some(other) => other.to_json(),
            };
            (found == *wanted) == *equal
        })
    }
    /// The name wanted, where `metadata.name=` is among the conditions.
    pub fn name(&self) -> Option<&str> {
        self.0.iter().find(|(p, equal, _)| *equal && p == "metadata.name").map(|(_, _, v)| v.as_str())
    }
}
