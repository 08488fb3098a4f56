//! What an installation's configuration says about kinds: scripts of their health, actions.
//!
//! The texts come from whoever reads the configuration; here they are compiled, once.

use std::collections::BTreeMap;
use std::fmt;

use belay_expr::{LuaLimits, LuaScript};
use belay_object::{GroupKind, Object, Value};
use belay_yaml::{Options, parse_value};

use super::actions::Actions;
use super::{Health, Status, builtin, families, pending_deletion};

/// Ten times the kinds of the largest cluster that we know.
const MAX_OVERRIDES: usize = 10_000;

/// What is wrong with the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// A text is no YAML, or not of the form that its key asks for.
    Form,
    /// More than is taken.
    TooMany,
    /// An action that the object's kind has not.
    NoAction,
    /// A script failed, or gave what it must not.
    Script,
}

/// A configuration that cannot be used, or an action that failed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}
impl Error {
    pub(super) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into() }
    }
    /// What branches are taken on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for Error {}

/// What is said about the kinds that a pattern matches.
#[derive(Debug, Default)]
struct Override {
    /// Absent, compiled, or why it cannot be: that is told where an object asks.
    health: Option<Result<LuaScript, String>>,
    actions: Option<Actions>,
}

/// All of it, compiled once.
#[derive(Debug, Default)]
pub struct Customizations {
    /// By `group/Kind`, or `Kind` in the core group; `*` stands for any text.
    overrides: BTreeMap<String, Override>,
}

impl Customizations {
    /// Compiles scripts: the pattern of kinds (`group/Kind`, `Kind` in the core group, `*` for any text), the
    /// script of their health, their actions as YAML; empty texts say nothing. What cannot be used is told and
    /// left out: it must not take the others with it.
    pub fn compile<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> (Customizations, Vec<Error>) {
        let (mut compiled, mut wrong) = (Customizations::default(), Vec::new());
        for (pattern, health, actions) in entries {
            if health.is_empty() && actions.is_empty() {
                continue;
            }
            if compiled.overrides.len() >= MAX_OVERRIDES {
                let message = format!("customizations of more than {MAX_OVERRIDES} kinds: the rest is left out");
                wrong.push(Error::new(ErrorKind::TooMany, message));
                break;
            }
            let actions = match (!actions.is_empty()).then(|| Actions::read(&format!("actions of {pattern}"), actions))
            {
                Some(Err(error)) => {
                    wrong.push(error);
                    None
                }
                Some(Ok(actions)) => Some(actions),
                None => None,
            };
            compiled.overrides.insert(pattern.to_owned(), Override { health: script(health), actions });
        }
        (compiled, wrong)
    }

    /// The health of an object that is there; `None` where its kind has none.
    pub fn health(&self, object: &Object, now_s: i64) -> Option<Health> {
        if let Some(pending) = pending_deletion(object) {
            return Some(pending);
        }
        match self.script(&object.group_kind()) {
            Some(Ok(script)) => by_script(script, object, now_s),
            Some(Err(e)) => Some(Health::new(Status::Unknown, e.as_str())),
            None => families::health(object).or_else(|| builtin::health(object)),
        }
    }

    /// The script of the kind itself, or of the first pattern that matches it.
    fn script(&self, kind: &GroupKind) -> Option<&Result<LuaScript, String>> {
        let name = key_of(kind);
        let exact = self.overrides.get(&name).and_then(|o| o.health.as_ref());
        let matching = || self.overrides.iter().filter(|(pattern, _)| matches(pattern, &name));
        exact.or_else(|| matching().find_map(|(_, o)| o.health.as_ref()))
    }

    /// What is said of the actions of a kind. Patterns do not count here.
    pub(super) fn actions_of(&self, kind: &GroupKind) -> Option<&Actions> {
        self.overrides.get(&key_of(kind))?.actions.as_ref()
    }
}

fn key_of(kind: &GroupKind) -> String {
    if kind.group.as_str().is_empty() { kind.kind.to_string() } else { format!("{}/{}", kind.group, kind.kind) }
}

/// Whether a pattern with `*` matches all of a text. Each star is tried once, from its latest place.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn script(text: &str) -> Option<Result<LuaScript, String>> {
    (!text.is_empty()).then(|| LuaScript::compile(text).map_err(|e| e.to_string()))
}

/// Compat(argo 3.5): nothing, or a result of another form, is no health; a status of another name is
/// unknown.
fn by_script(script: &LuaScript, object: &Object, now_s: i64) -> Option<Health> {
    let result = match script.call(&[("obj", object.value())], now_s, &LuaLimits::default()) {
        Ok(result) => result,
        Err(e) => return Some(Health::new(Status::Unknown, e.to_string())),
    };
    let optional = |name: &str| match result.get(name) {
        None | Some(Value::Null) => Some(""),
        Some(Value::Str(s)) => Some(&**s),
        Some(_) => None,
    };
    match &result {
        Value::Null | Value::Array(_) => None,
        Value::Object(_) => {
            let (status, message) = (optional("status")?, optional("message")?);
            Some(match Status::parse(status) {
                Some(status) => Health::new(status, message),
                None => Health::new(Status::Unknown, "Lua returned an invalid health status"),
            })
        }
        other => {
            let message = format!("expect table output from Lua script, not {}", lua_type(other));
            Some(Health::new(Status::Unknown, message))
        }
    }
}

pub(super) fn lua_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "nil",
        Value::Bool(_) => "boolean",
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => "number",
        Value::Str(_) => "string",
        Value::Array(_) | Value::Object(_) => "table",
    }
}

pub(super) fn yaml(place: &str, text: &str) -> Result<Value, Error> {
    parse_value(text, &Options::v2()).map_err(|e| Error::new(ErrorKind::Form, format!("{place}: {e}")))
}
