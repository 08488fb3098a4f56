//! Helm's own functions of templates, over Go's and Sprig's.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use belay_gotemplate as gt;
use belay_gotemplate::{Context, Error, Function, Functions, List, Map, Param, Type, Value};
use belay_object as object;

use super::{Lookup, errors, toml};
use crate::go;

/// What the functions need of a render.
pub(super) struct RenderData {
    /// How often each name is being included right now.
    pub(super) included: RefCell<HashMap<Box<str>, u32>>,
    pub(super) lookup: Option<Arc<dyn Lookup>>,
}

/// Helm's limit on includes of one name within each other.
const MAX_NESTED: u32 = 1000;
/// The name of the template that all others belong to, which errors tell.
pub(super) const ROOT: &str = "gotpl";

/// All functions that a chart's templates have.
pub(super) fn all() -> &'static Arc<Functions> {
    static ALL: OnceLock<Arc<Functions>> = OnceLock::new();
    ALL.get_or_init(|| {
        let mut functions = Functions::new();
        gt::sprig::register(&mut functions);
        functions.remove("env");
        functions.remove("expandenv");
        own().into_iter().for_each(|function| functions.add(function));
        Arc::new(functions)
    })
}

type Args<'a> = &'a [Value];

fn own() -> Vec<Function> {
    use Param::{Any, String as Text};
    vec![
        Function::new("include", &[Text, Any], include),
        Function::new("tpl", &[Text, Any], tpl),
        Function::new("required", &[Text, Any], required),
        Function::new("fail", &[Text], |_, args| Err(marked(&text(args, 0)))),
        Function::new("lookup", &[Text, Text, Text, Text], lookup),
        Function::new("getHostByName", &[Text], |_, _| Ok(Value::str(""))),
        Function::new("toYaml", &[Any], |_, args| or_nothing(to_yaml(&args[0]))),
        Function::new("mustToYaml", &[Any], |_, args| to_yaml(&args[0]).map(Value::from)),
        Function::new("toYamlPretty", &[Any], |_, args| {
            let pretty = args[0].to_object().map(|value| belay_yaml::to_yaml_pretty(&value));
            or_nothing(pretty.map(without_newline))
        }),
        Function::new("fromYaml", &[Text], |_, args| Ok(from_yaml(&text(args, 0)))),
        Function::new("fromYamlArray", &[Text], |_, args| Ok(from_yaml_array(&text(args, 0)))),
        Function::new("toToml", &[Any], |_, args| Ok(Value::str(toml::encode(&args[0]).unwrap_or_else(|e| e)))),
        Function::new("mustToToml", &[Any], |_, args| toml::encode(&args[0]).map(Value::from).map_err(Error::new)),
        Function::new("fromToml", &[Text], |_, args| Ok(or_error(toml::decode(&text(args, 0))))),
        Function::new("toJson", &[Any], |_, args| or_nothing(to_json(&args[0]))),
        Function::new("mustToJson", &[Any], |_, args| to_json(&args[0]).map(Value::from)),
        Function::new("fromJson", &[Text], |_, args| Ok(from_json(&text(args, 0)))),
        Function::new("fromJsonArray", &[Text], |_, args| Ok(from_json_array(&text(args, 0)))),
    ]
}

/// The text of an argument that the signature makes one.
fn text(args: Args<'_>, i: usize) -> String {
    args.get(i).and_then(Value::as_str).map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
}

fn marked(message: &str) -> Error {
    Error::new(format!("{}{message}{}", errors::MARK.0, errors::MARK.1))
}

fn include(ctx: &mut Context, args: Args<'_>) -> Result<Value, Error> {
    let name = text(args, 0);
    let data = ctx.data::<RenderData>().ok_or_else(|| Error::new("include is for charts"))?;
    {
        let mut included = data.included.borrow_mut();
        let count = included.entry(name.as_str().into()).or_default();
        if *count > MAX_NESTED {
            let cause = Error::new("unable to execute template");
            return Err(Error::wrap(format!("rendering template has a nested reference name: {name}"), cause));
        }
        *count += 1;
    }
    let result = ctx.execute(&name, &args[1]);
    if let Some(count) = data.included.borrow_mut().get_mut(name.as_str()) {
        *count = count.saturating_sub(1);
    }
    result.map(Value::from)
}

fn tpl(ctx: &mut Context, args: Args<'_>) -> Result<Value, Error> {
    let template = text(args, 0);
    let out = ctx.execute_text(ROOT, &template, &args[1]).map_err(|e| {
        let quoted = gt::fmt::quote_str(&template);
        match e.kind() {
            gt::ErrorKind::Parse => Error::wrap(format!("cannot parse template {quoted}"), e),
            _ => Error::wrap(format!("error during tpl function execution for {quoted}"), e),
        }
    })?;
    const NO_VALUE: &[u8] = b"<no value>";
    if !out.windows(NO_VALUE.len()).any(|w| w == NO_VALUE) {
        return Ok(Value::from(out));
    }
    Ok(Value::str(super::without_no_value(String::from_utf8_lossy(&out).into_owned())))
}

fn required(_: &mut Context, args: Args<'_>) -> Result<Value, Error> {
    match &args[1] {
        Value::Nil => Err(marked(&text(args, 0))),
        Value::Str(s) if s.is_empty() => Err(marked(&text(args, 0))),
        value => Ok(value.clone()),
    }
}

fn lookup(ctx: &mut Context, args: Args<'_>) -> Result<Value, Error> {
    let data = ctx.data::<RenderData>().ok_or_else(|| Error::new("lookup is for charts"))?;
    let Some(lookup) = &data.lookup else { return Ok(Value::Map(Map::new())) };
    let found = lookup.lookup(&text(args, 0), &text(args, 1), &text(args, 2), &text(args, 3)).map_err(Error::new)?;
    // What comes from a cluster was decoded with integers as integers.
    Ok(crate::values::coalesce::from_object(&found))
}

fn without_newline(text: String) -> String {
    text.strip_suffix('\n').map(str::to_owned).unwrap_or(text)
}

fn to_yaml(value: &Value) -> Result<String, Error> {
    let told = |e: Error| if e.is_limit() { e } else { Error::new(format!("error marshaling into JSON: {e}")) };
    Ok(without_newline(belay_yaml::to_yaml(&value.to_object().map_err(told)?)))
}

fn to_json(value: &Value) -> Result<String, Error> {
    let value = value.to_object()?;
    let mut out = Vec::with_capacity(256);
    go::write_json(&value, &mut out);
    Ok(String::from_utf8(out).unwrap_or_default())
}

/// A text, or an empty one where it cannot be made; what is too large is refused.
fn or_nothing(result: Result<String, Error>) -> Result<Value, Error> {
    match result {
        Err(e) if e.is_limit() => Err(e),
        result => Ok(Value::str(result.unwrap_or_default())),
    }
}

/// A map, or one that tells the error.
fn or_error(result: Result<Value, String>) -> Value {
    result.unwrap_or_else(|e| Value::Map(Map::from_entries(Type::MAP, [("Error", Value::str(e))])))
}

/// A list, or one that holds the error.
fn or_error_item(result: Result<Value, String>) -> Value {
    result.unwrap_or_else(|e| Value::list(vec![Value::str(e)]))
}

const MAP: &str = "map[string]interface {}";
const LIST: &str = "[]interface {}";

fn as_map(value: &object::Value) -> Option<Value> {
    match value {
        object::Value::Null => Some(Value::Map(Map::nil(Type::MAP))),
        object::Value::Object(_) => Some(Value::from_object(value)),
        _ => None,
    }
}

fn as_list(value: &object::Value) -> Option<Value> {
    match value {
        object::Value::Null => Some(Value::List(List::nil(Type::LIST))),
        object::Value::Array(_) => Some(Value::from_object(value)),
        _ => None,
    }
}

fn from_yaml(text: &str) -> Value {
    or_error(go::parse_yaml(text.as_bytes()).and_then(|v| as_map(&v).ok_or_else(|| go::mismatch_of_value(&v, MAP))))
}

fn from_yaml_array(text: &str) -> Value {
    let read = go::parse_yaml(text.as_bytes());
    or_error_item(read.and_then(|v| as_list(&v).ok_or_else(|| go::mismatch_of_value(&v, LIST))))
}

fn from_json(text: &str) -> Value {
    let told = |v: &object::Value| format!("json: cannot unmarshal {} into Go value of type {MAP}", go::json_type(v));
    or_error(go::parse_json(text).and_then(|v| as_map(&v).ok_or_else(|| told(&v))))
}

fn from_json_array(text: &str) -> Value {
    let told = |v: &object::Value| format!("json: cannot unmarshal {} into Go value of type {LIST}", go::json_type(v));
    or_error_item(go::parse_json(text).and_then(|v| as_list(&v).ok_or_else(|| told(&v))))
}
