//! The language's own functions. Those of Kubernetes' extension libraries are in [`crate::foreign`].

use std::cell::RefCell;
use std::collections::HashMap;

use kube_cel::cel::common::ast::{CallExpr, Expr};
use regex::{Regex, RegexBuilder};

use crate::evaluate::{Evaluation, Fault, Outcome, fault};
use crate::operators::no_overload;
use crate::time::{Duration, Timestamp};
use crate::value::{Repr, Val};
use crate::{Error, ErrorKind, foreign};

/// Functions that this evaluator has itself, for checks at compile time.
pub(crate) const OWN: &[&str] = &[
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "string",
    "int",
    "uint",
    "double",
    "bool",
    "bytes",
    "type",
    "dyn",
    "duration",
    "timestamp",
    "getFullYear",
    "getMonth",
    "getDayOfYear",
    "getDayOfMonth",
    "getDate",
    "getDayOfWeek",
    "getHours",
    "getMinutes",
    "getSeconds",
    "getMilliseconds",
    "hasValue",
    "value",
    "or",
    "orValue",
    "optMap",
    "optFlatMap",
    "optional.of",
    "optional.none",
    "optional.ofNonZeroValue",
    "cel.bind",
];

pub(crate) fn type_named(name: &str) -> Option<Val<'static>> {
    const TYPES: [&str; 12] = [
        "bool",
        "int",
        "uint",
        "double",
        "string",
        "bytes",
        "list",
        "map",
        "null_type",
        "type",
        "optional_type",
        "dyn",
    ];
    TYPES.iter().find(|t| **t == name).map(|t| Val(Repr::Type(t)))
}

/// The name of a call whose target is a library (`math.ceil`), not a value.
fn library_call(run: &Evaluation, call: &CallExpr) -> Option<String> {
    match &call.target.as_ref()?.expr {
        Expr::Ident(library) if run.variable(library).is_none() => {
            let name = format!("{library}.{}", call.func_name);
            (OWN.contains(&name.as_str()) || foreign::KNOWN.contains(&name.as_str())).then_some(name)
        }
        _ => None,
    }
}

pub(crate) fn call<'a>(run: &mut Evaluation<'a>, call: &'a CallExpr) -> Outcome<'a> {
    if let Some(name) = library_call(run, call) {
        if name == "cel.bind" {
            let [variable, value, body] = call.args.as_slice() else { return Err(no_overload()) };
            let Expr::Ident(variable) = &variable.expr else { return Err(no_overload()) };
            let value = run.run(value)?;
            return run.with(variable, value, body);
        }
        let args = arguments(run, call)?;
        return match (name.as_str(), args.as_slice()) {
            ("optional.of", [value]) => Ok(Val::optional(Some(value.clone()))),
            ("optional.none", []) => Ok(Val::optional(None)),
            ("optional.ofNonZeroValue", [value]) => Ok(Val::optional((!is_zero(value)).then(|| value.clone()))),
            _ => foreign::call(run, &name, None, args),
        };
    }
    let Some(target) = &call.target else {
        let args = arguments(run, call)?;
        return global(run, &call.func_name, args);
    };
    let target = run.run(target)?;
    if let ("optMap" | "optFlatMap", [variable, body]) = (call.func_name.as_str(), call.args.as_slice()) {
        let (Repr::Optional(inner), Expr::Ident(variable)) = (&target.0, &variable.expr) else {
            return Err(no_overload());
        };
        let Some(inner) = inner else { return Ok(Val::optional(None)) };
        let result = run.with(variable, (**inner).clone(), body)?;
        return Ok(if call.func_name == "optMap" { Val::optional(Some(result)) } else { result });
    }
    if let ("orValue" | "or", [other]) = (call.func_name.as_str(), call.args.as_slice()) {
        let Repr::Optional(inner) = &target.0 else { return Err(no_overload()) };
        return match inner {
            Some(value) if call.func_name == "orValue" => Ok((**value).clone()),
            Some(_) => Ok(target),
            None => run.run(other),
        };
    }
    let args = arguments(run, call)?;
    method(run, &call.func_name, target, args)
}

fn arguments<'a>(run: &mut Evaluation<'a>, call: &'a CallExpr) -> Result<Vec<Val<'a>>, Fault> {
    call.args.iter().map(|arg| run.run(arg)).collect()
}

fn global<'a>(run: &mut Evaluation<'a>, name: &str, args: Vec<Val<'a>>) -> Outcome<'a> {
    match (name, args.as_slice()) {
        ("size", [value]) => size(value),
        ("matches", [text, pattern]) => matches(run, text, pattern),
        ("dyn", [value]) => Ok(value.clone()),
        ("type", [value]) => Ok(Val(Repr::Type(value.type_name()))),
        ("string", [value]) if !matches!(value.0, Repr::Foreign(_)) => Ok(Val::text(&to_text(value)?)),
        ("int" | "uint" | "double" | "bool" | "bytes", [value]) => convert(name, value),
        ("duration", [value]) => match (&value.0, value.as_str()) {
            (Repr::Duration(_), _) => Ok(value.clone()),
            (_, Some(text)) => Duration::parse(text)
                .map(|d| Val(Repr::Duration(d)))
                .ok_or_else(|| fault(format!("invalid duration: {text}"))),
            _ => Err(no_overload()),
        },
        ("timestamp", [value]) => match (&value.0, value.as_str()) {
            (Repr::Timestamp(_), _) => Ok(value.clone()),
            (Repr::Int(seconds), _) => Ok(Val(Repr::Timestamp(Timestamp::of_seconds(*seconds)))),
            (_, Some(text)) => Timestamp::parse(text)
                .map(|t| Val(Repr::Timestamp(t)))
                .ok_or_else(|| fault(format!("invalid timestamp: {text}"))),
            _ => Err(no_overload()),
        },
        _ => foreign::call(run, name, None, args),
    }
}

fn method<'a>(run: &mut Evaluation<'a>, name: &str, target: Val<'a>, args: Vec<Val<'a>>) -> Outcome<'a> {
    if let Some(text) = target.as_str()
        && let [argument] = args.as_slice()
        && let Some(part) = argument.as_str()
    {
        run.spend(text.len() / 64)?;
        match name {
            "contains" => return Ok(Val(Repr::Bool(text.contains(part)))),
            "startsWith" => return Ok(Val(Repr::Bool(text.starts_with(part)))),
            "endsWith" => return Ok(Val(Repr::Bool(text.ends_with(part)))),
            "matches" => return matches(run, &target, argument),
            _ => {}
        }
    }
    match (name, &target.0, args.as_slice()) {
        ("size", _, []) => size(&target),
        ("hasValue", Repr::Optional(inner), []) => Ok(Val(Repr::Bool(inner.is_some()))),
        ("value", Repr::Optional(inner), []) => {
            inner.as_ref().map(|v| (**v).clone()).ok_or_else(|| fault("optional.none() dereference"))
        }
        (part, Repr::Timestamp(time), []) if part.starts_with("get") => {
            time.part(part).map(|n| Val(Repr::Int(n))).ok_or_else(no_overload)
        }
        (part, Repr::Duration(span), []) if part.starts_with("get") => {
            span.part(part).map(|n| Val(Repr::Int(n))).ok_or_else(no_overload)
        }
        (part, Repr::Timestamp(_), [_]) if part.starts_with("get") => Err(fault("time zones are not supported")),
        _ => foreign::call(run, name, Some(target), args),
    }
}

fn size<'a>(value: &Val<'a>) -> Outcome<'a> {
    let n = match (&value.0, value.as_str()) {
        (_, Some(text)) => text.chars().count(),
        (Repr::Bytes(b), _) => b.len(),
        _ => value.list_len().or(value.map_len()).ok_or_else(no_overload)?,
    };
    Ok(Val(Repr::Int(n as i64)))
}

fn is_zero(value: &Val) -> bool {
    match &value.0 {
        Repr::Null | Repr::Bool(false) | Repr::Int(0) | Repr::UInt(0) | Repr::Optional(None) => true,
        Repr::Double(d) => *d == 0.0,
        _ => value.as_str().is_some_and(str::is_empty) || value.list_len() == Some(0) || value.map_len() == Some(0),
    }
}

fn convert<'a>(to: &str, value: &Val<'a>) -> Outcome<'a> {
    let range = || fault("range error");
    let text = value.as_str();
    let parse = |what: &str| fault(format!("type conversion error from 'string' to '{what}'"));
    Ok(Val(match (to, &value.0) {
        ("int", Repr::Int(_)) | ("uint", Repr::UInt(_)) | ("double", Repr::Double(_)) | ("bool", Repr::Bool(_)) => {
            value.0.clone()
        }
        ("bytes", Repr::Bytes(_)) => value.0.clone(),
        ("int", Repr::UInt(u)) => Repr::Int(i64::try_from(*u).map_err(|_| range())?),
        ("int", Repr::Double(d)) if d.abs() < 9.2e18 => Repr::Int(*d as i64),
        ("int" | "uint", Repr::Double(d)) if *d >= 0.0 && *d < 1.8e19 && to == "uint" => Repr::UInt(*d as u64),
        ("int" | "uint", Repr::Double(_)) => return Err(range()),
        ("int", Repr::Timestamp(t)) => Repr::Int(t.seconds()),
        ("uint", Repr::Int(i)) => Repr::UInt(u64::try_from(*i).map_err(|_| range())?),
        ("double", Repr::Int(i)) => Repr::Double(*i as f64),
        ("double", Repr::UInt(u)) => Repr::Double(*u as f64),
        _ => match (to, text) {
            ("int", Some(t)) => Repr::Int(t.parse().map_err(|_| parse("int"))?),
            ("uint", Some(t)) => Repr::UInt(t.parse().map_err(|_| parse("uint"))?),
            ("double", Some(t)) => Repr::Double(t.parse().map_err(|_| parse("double"))?),
            ("bool", Some("true" | "True" | "TRUE" | "t" | "1")) => Repr::Bool(true),
            ("bool", Some("false" | "False" | "FALSE" | "f" | "0")) => Repr::Bool(false),
            ("bool", Some(_)) => return Err(parse("bool")),
            ("bytes", Some(t)) => Repr::Bytes(t.as_bytes().into()),
            _ => return Err(no_overload()),
        },
    }))
}

/// `string(value)`.
pub(crate) fn to_text(value: &Val) -> Result<String, Error> {
    Ok(match &value.0 {
        Repr::Str(s) => s.to_string(),
        Repr::Text(s) => (*s).to_owned(),
        Repr::Bool(b) => b.to_string(),
        Repr::Int(i) => i.to_string(),
        Repr::UInt(u) => u.to_string(),
        Repr::Double(d) => belay_object::Value::Float(*d).to_json(),
        Repr::Duration(d) => d.to_text(),
        Repr::Timestamp(t) => t.to_text(),
        Repr::Type(name) => (*name).to_owned(),
        Repr::Bytes(b) => String::from_utf8(b.to_vec())
            .map_err(|_| Error::new(ErrorKind::Evaluation, "invalid UTF-8 in bytes, cannot convert to string"))?,
        _ => return Err(Error::new(ErrorKind::Evaluation, "no such overload")),
    })
}

/// Patterns kept by each thread.
const MAX_PATTERNS: usize = 64;
const MAX_PATTERN_BYTES: usize = 1 << 20;

fn matches<'a>(run: &mut Evaluation<'a>, text: &Val<'a>, pattern: &Val<'a>) -> Outcome<'a> {
    thread_local! {
        static PATTERNS: RefCell<HashMap<String, Regex>> = RefCell::default();
    }
    let (Some(text), Some(pattern)) = (text.as_str(), pattern.as_str()) else { return Err(no_overload()) };
    run.spend(1 + text.len() * (1 + pattern.len() / 16) / 64)?;
    let found = PATTERNS.with_borrow_mut(|kept| {
        if !kept.contains_key(pattern) {
            let compiled = RegexBuilder::new(pattern)
                .size_limit(MAX_PATTERN_BYTES)
                .build()
                .map_err(|e| fault(format!("error parsing regexp: {}", e.to_string().replace('\n', " "))))?;
            if kept.len() >= MAX_PATTERNS {
                kept.clear();
            }
            kept.insert(pattern.to_owned(), compiled);
        }
        Ok::<bool, Fault>(kept.get(pattern).is_some_and(|regex| regex.is_match(text)))
    })?;
    Ok(Val(Repr::Bool(found)))
}
