//! What a user may do to one object: restart, pause, scale, ...
//!
//! Actions are the configuration's scripts, or built in ([`builtin`]). Running one changes nothing:
//! it gives the objects that are to be created or patched.

mod builtin;

use std::collections::BTreeMap;

use belay_expr::{LuaLimits, LuaScript};
use belay_object::{Object, Value};

use super::customizations::{lua_type, yaml};
use super::{Customizations, Error, ErrorKind};

/// Something that may be done.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Action {
    /// `restart`
    pub name: String,
    /// Whether it makes no sense just now.
    pub disabled: bool,
    /// For people; empty where the name is good enough.
    pub display_name: String,
    /// The class of its icon; may be empty.
    pub icon_class: String,
    /// The names of its parameters.
    pub params: Vec<String>,
}

/// How an object is to be written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// It is new.
    Create,
    /// It is there; the difference is to be applied.
    Patch,
}

/// What is to be written, as a whole object.
#[derive(Clone, PartialEq, Debug)]
pub struct Effect {
    /// How.
    pub operation: Operation,
    /// What.
    pub object: Object,
}

/// What the configuration says of the actions of a kind.
#[derive(Debug, Default)]
pub(super) struct Actions {
    merges_builtin: bool,
    discovery: Option<Result<LuaScript, String>>,
    definitions: BTreeMap<String, Result<LuaScript, String>>,
}

impl Actions {
    pub(super) fn read(place: &str, text: &str) -> Result<Actions, Error> {
        let value = yaml(place, text)?;
        let wrong = |what: &str| Error::new(ErrorKind::Form, format!("{place}: {what}"));
        let compile = |text: &str| LuaScript::compile(text).map_err(|e| e.to_string());
        let mut definitions = BTreeMap::new();
        for entry in value.get("definitions").map_or(&[][..], Value::items) {
            let name = entry.str_at(&["name"]).ok_or_else(|| wrong("a definition has no name"))?;
            // The first of a name counts.
            let script = compile(entry.str_at(&["action.lua"]).unwrap_or_default());
            definitions.entry(name.to_owned()).or_insert(script);
        }
        Ok(Actions {
            merges_builtin: value.get("mergeBuiltinActions").and_then(Value::as_bool).unwrap_or(false),
            discovery: Some(compile(value.str_at(&["discovery.lua"]).unwrap_or_default())),
            definitions,
        })
    }
}

impl Customizations {
    /// What may be done to an object, by name.
    pub fn actions(&self, object: &Object, now_s: i64) -> Result<Vec<Action>, Error> {
        let kind = object.group_kind();
        let configured = self.actions_of(&kind);
        let mut found: BTreeMap<String, Action> = BTreeMap::new();
        if let Some(discovery) = configured.and_then(|a| a.discovery.as_ref()) {
            for action in discover(&call(discovery, object, &[], now_s)?)? {
                found.insert(action.name.clone(), action);
            }
        }
        if configured.is_none_or(|a| a.merges_builtin) {
            for action in builtin::actions(object) {
                found.entry(action.name.clone()).or_insert(action);
            }
        }
        Ok(found.into_values().collect())
    }

    /// What an action writes. Whether it is disabled is not asked.
    pub fn run_action(
        &self,
        object: &Object,
        name: &str,
        params: &[(String, String)],
        now_s: i64,
    ) -> Result<Vec<Effect>, Error> {
        let kind = object.group_kind();
        if let Some(script) = self.actions_of(&kind).and_then(|a| a.definitions.get(name)) {
            return effects(object, call(script, object, params, now_s)?);
        }
        match builtin::run(object, name, params, now_s) {
            Some(outcome) => outcome.map_err(|message| Error::new(ErrorKind::Script, message)),
            None => Err(Error::new(ErrorKind::NoAction, format!("{kind} has no action {name:?}"))),
        }
    }
}

fn call(
    script: &Result<LuaScript, String>,
    object: &Object,
    params: &[(String, String)],
    now_s: i64,
) -> Result<Value, Error> {
    let failed = |message: String| Error::new(ErrorKind::Script, message);
    let script = script.as_ref().map_err(|e| failed(e.clone()))?;
    let params = Value::Object(params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect());
    let globals = [("obj", object.value()), ("actionParams", &params)];
    let result = script.call(&globals, now_s, &LuaLimits::default()).map_err(|e| failed(e.to_string()))?;
    match result {
        Value::Array(_) | Value::Object(_) => Ok(result),
        other => Err(failed(format!("expect table output from Lua script, not {}", lua_type(&other)))),
    }
}

/// Compat(argo 3.5): an empty table says that an action is there, and no more.
fn discover(result: &Value) -> Result<Vec<Action>, Error> {
    let Some(named) = result.as_object() else {
        return match result.items() {
            [] => Ok(Vec::new()),
            _ => Err(Error::new(ErrorKind::Script, "the discovery script gives a list, not actions by name")),
        };
    };
    let action = |name: &str, entry: &Value| {
        let text = |field: &str| entry.str_at(&[field]).unwrap_or_default().to_owned();
        let params = entry.get("params").map_or(&[][..], Value::items);
        Action {
            name: entry.str_at(&["name"]).unwrap_or(name).to_owned(),
            disabled: entry.get("disabled").and_then(Value::as_bool).unwrap_or(false),
            display_name: text("displayName"),
            icon_class: text("iconClass"),
            params: params.iter().filter_map(|p| p.str_at(&["name"]).map(str::to_owned)).collect(),
        }
    };
    Ok(named.iter().map(|(name, entry)| action(name.as_str(), entry)).collect())
}

/// A script gives the changed object, or a list of objects with what is to be done with each.
fn effects(object: &Object, result: Value) -> Result<Vec<Effect>, Error> {
    let failed = |message: String| Error::new(ErrorKind::Script, message);
    let of = |operation: Operation, mut value: Value| {
        if operation == Operation::Patch {
            restore_empty(&mut value, object.value());
        }
        let object = Object::new(value).map_err(|_| failed("the script gives no object".to_owned()))?;
        Ok(Effect { operation, object })
    };
    let Value::Array(items) = result else { return Ok(vec![of(Operation::Patch, result)?]) };
    items
        .into_iter()
        .map(|mut item| {
            let operation = match item.str_at(&["operation"]) {
                Some("create") => Operation::Create,
                Some("patch") => Operation::Patch,
                other => return Err(failed(format!("unsupported operation: {:?}", other.unwrap_or_default()))),
            };
            let resource = item.remove(&["resource"]).unwrap_or_default();
            of(operation, resource)
        })
        .collect()
}

/// Lua has one empty table, which comes back as a list: where the object had a map, it is one. The
/// depth is that of the object.
fn restore_empty(new: &mut Value, old: &Value) {
    match (&mut *new, old) {
        (Value::Object(new), Value::Object(old)) => {
            for (key, value) in new.iter_mut() {
                if let Some(old) = old.get(key.as_str()) {
                    restore_empty(value, old);
                }
            }
        }
        (Value::Array(items), Value::Object(_)) if items.is_empty() => *new = Value::object(),
        (Value::Array(items), Value::Array(old)) => {
            for (value, old) in items.iter_mut().zip(old.iter()) {
                restore_empty(value, old);
            }
        }
        _ => {}
    }
}
