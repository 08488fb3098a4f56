//! What the configuration (`argocd-cm`) says about kinds.
//!
//! Two forms, which may stand side by side: one map under `resource.customizations`, and a key for
//! each, `resource.customizations.health.<group>_<Kind>`. The keys win.

use std::collections::BTreeMap;
use std::fmt;

use belay_expr::{LuaLimits, LuaScript};
use belay_object::{GroupKind, Object, Value};
use belay_yaml::{Options, parse_value};

use super::actions::Actions;
use super::{Health, Status, builtin, families, pending_deletion};

const PREFIX: &str = "resource.customizations";
/// Ten times the kinds of the largest cluster that we know.
const MAX_OVERRIDES: usize = 10_000;

/// What is wrong with the configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// A text is no YAML, or not of the form that its key asks for.
    Form,
    /// A key names no kind, or nothing that can be customized.
    Key,
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

/// Fields of a kind that a comparison leaves out.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IgnoreRule {
    /// RFC 6901 pointers; one to nothing is none.
    pub json_pointers: Vec<String>,
    /// jq expressions of paths.
    pub jq_path_expressions: Vec<String>,
    /// Managers whose fields are left out.
    pub managers: Vec<String>,
}
impl IgnoreRule {
    /// Whether it leaves out nothing.
    pub fn is_empty(&self) -> bool {
        self.json_pointers.is_empty() && self.jq_path_expressions.is_empty() && self.managers.is_empty()
    }
}

/// A field of a custom resource that has a built-in type, and is compared as such.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownTypeField {
    /// `spec.template.spec`
    pub field: String,
    /// `core/v1/PodSpec`
    pub kind: String,
}

/// What is said about the kinds that a pattern matches.
#[derive(Debug, Default)]
struct Override {
    /// Absent, compiled, or why it cannot be: that is told where an object asks.
    health: Option<Result<LuaScript, String>>,
    actions: Option<Actions>,
    ignore_differences: IgnoreRule,
    ignore_resource_updates: IgnoreRule,
    known_type_fields: Vec<KnownTypeField>,
}

/// All of it, compiled once.
#[derive(Debug, Default)]
pub struct Customizations {
    /// By `group/Kind`, or `Kind` in the core group; `*` stands for any text.
    overrides: BTreeMap<String, Override>,
}

impl Customizations {
    /// Reads the keys that begin with `resource.customizations`; others are left alone.
    pub fn read(config: &BTreeMap<String, String>) -> Result<Customizations, Error> {
        let mut read = Customizations::default();
        if let Some(text) = config.get(PREFIX).filter(|t| !t.is_empty()) {
            let whole = yaml(PREFIX, text)?;
            for (pattern, entry) in whole.as_object().into_iter().flat_map(|m| m.iter()) {
                read.read_entry(pattern.as_str(), entry)?;
            }
        }
        for (key, value) in config {
            let Some(rest) = key.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('.')) else { continue };
            // `resource.customizations.something` without a kind is nobody's.
            let Some((what, kind)) = rest.split_once('.') else { continue };
            read.read_key(key, what, kind, value)?;
        }
        match read.overrides.len() > MAX_OVERRIDES {
            true => Err(Error::new(ErrorKind::TooMany, format!("{PREFIX}: more than {MAX_OVERRIDES} kinds"))),
            false => Ok(read),
        }
    }

    fn read_entry(&mut self, pattern: &str, entry: &Value) -> Result<(), Error> {
        let place = |what: &str| format!("{PREFIX}: {pattern}: {what}");
        let text = |name: &str| match entry.get(name) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::Str(s)) => Ok(&**s),
            Some(other) => {
                let message = format!("{} is of type {}, not a string", place(name), other.type_name());
                Err(Error::new(ErrorKind::Form, message))
            }
        };
        let (health, actions) = (text("health.lua")?, text("actions")?);
        let (differences, updates) = (text("ignoreDifferences")?, text("ignoreResourceUpdates")?);
        let known = known_type_fields(&place("knownTypeFields"), entry.get("knownTypeFields"))?;
        let actions = (!actions.is_empty()).then(|| Actions::read(&place("actions"), actions)).transpose()?;
        let ignore = |what: &str, text: &str| ignore_rule(&place(what), text);
        self.overrides.insert(
            pattern.to_owned(),
            Override {
                health: script(health),
                actions,
                ignore_differences: ignore("ignoreDifferences", differences)?,
                ignore_resource_updates: ignore("ignoreResourceUpdates", updates)?,
                known_type_fields: known,
            },
        );
        Ok(())
    }

    fn read_key(&mut self, key: &str, what: &str, kind: &str, value: &str) -> Result<(), Error> {
        let pattern = match kind.split('_').collect::<Vec<_>>()[..] {
            ["all"] => "*/*".to_owned(),
            [kind] if !kind.is_empty() => kind.to_owned(),
            [group, kind] => format!("{group}/{kind}"),
            _ => {
                // Compat(argo 3.5): the text.
                let message = format!(
                    "group kind should be in format `resource.customizations.<type>.<group_kind>` or resource.customizations.<type>.<kind>`, got group kind: '{kind}'"
                );
                return Err(Error::new(ErrorKind::Key, message));
            }
        };
        let entry = self.overrides.entry(pattern).or_default();
        match what {
            "health" => entry.health = script(value),
            // All libraries that scripts may have, they always have.
            "useOpenLibs" => {}
            "actions" => entry.actions = Some(Actions::read(key, value)?),
            "ignoreDifferences" => entry.ignore_differences = ignore_rule(key, value)?,
            "ignoreResourceUpdates" => entry.ignore_resource_updates = ignore_rule(key, value)?,
            "knownTypeFields" => entry.known_type_fields = known_type_fields(key, Some(&yaml(key, value)?))?,
            other => {
                let message = format!("resource customization type {other} not supported");
                return Err(Error::new(ErrorKind::Key, message));
            }
        }
        Ok(())
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

    /// What comparisons of a kind leave out, by each entry that matches it.
    pub fn ignore_differences(&self, group: &str, kind: &str) -> Vec<&IgnoreRule> {
        self.matching(group, kind).map(|o| &o.ignore_differences).filter(|r| !r.is_empty()).collect()
    }
    /// What may change in an object of a kind without its application being looked at again.
    pub fn ignore_resource_updates(&self, group: &str, kind: &str) -> Vec<&IgnoreRule> {
        self.matching(group, kind).map(|o| &o.ignore_resource_updates).filter(|r| !r.is_empty()).collect()
    }
    /// The fields of a kind that have built-in types.
    pub fn known_type_fields(&self, group: &str, kind: &str) -> &[KnownTypeField] {
        let name = key_of(&GroupKind::new(group, kind));
        self.overrides.get(&name).map_or(&[], |o| &o.known_type_fields)
    }

    fn matching(&self, group: &str, kind: &str) -> impl Iterator<Item = &Override> {
        self.overrides.iter().filter_map(move |(pattern, o)| {
            let (g, k) = pattern.split_once('/').unwrap_or(("", pattern));
            (matches(g, group) && matches(k, kind)).then_some(o)
        })
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

fn ignore_rule(place: &str, text: &str) -> Result<IgnoreRule, Error> {
    let value = yaml(place, text)?;
    if !matches!(value, Value::Null | Value::Object(_)) {
        return Err(Error::new(ErrorKind::Form, format!("{place}: is of type {}, not a map", value.type_name())));
    }
    let list = |name: &str| -> Result<Vec<String>, Error> {
        let wrong = || Error::new(ErrorKind::Form, format!("{place}: {name} is not a list of strings"));
        match value.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                items.iter().map(|v| v.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
            }
            Some(_) => Err(wrong()),
        }
    };
    Ok(IgnoreRule {
        json_pointers: list("jsonPointers")?,
        jq_path_expressions: list("jqPathExpressions")?,
        managers: list("managedFieldsManagers")?,
    })
}

fn known_type_fields(place: &str, value: Option<&Value>) -> Result<Vec<KnownTypeField>, Error> {
    let items = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(other) => {
            let message = format!("{place}: is of type {}, not a list", other.type_name());
            return Err(Error::new(ErrorKind::Form, message));
        }
    };
    let field = |item: &Value, name: &str| {
        item.str_at(&[name])
            .map(str::to_owned)
            .ok_or_else(|| Error::new(ErrorKind::Form, format!("{place}: an entry has no {name}")))
    };
    items.iter().map(|item| Ok(KnownTypeField { field: field(item, "field")?, kind: field(item, "type")? })).collect()
}
