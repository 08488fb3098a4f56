//! Policy rules: what one allows, and whether some cover others. Rules are read as they are stored.

use belay_object::{Value, object};

use crate::plugin::Attributes;

fn texts<'a>(rule: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    rule.get(field).map_or(&[][..], Value::items).iter().filter_map(Value::as_str)
}

fn has(rule: &Value, field: &str, wanted: &str) -> bool {
    texts(rule, field).any(|t| t == "*" || t == wanted)
}

/// Whether a rule allows what is asked.
pub fn allows(rule: &Value, asked: &Attributes<'_>) -> bool {
    if !has(rule, "verbs", asked.verb) {
        return false;
    }
    if asked.resource.is_empty() {
        return texts(rule, "nonResourceURLs").any(|url| covers_url(url, asked.path));
    }
    has(rule, "apiGroups", asked.group)
        && texts(rule, "resources").any(|r| covers_resource(r, asked.resource, asked.subresource))
        && (texts(rule, "resourceNames").next().is_none() || texts(rule, "resourceNames").any(|n| n == asked.name))
}

/// `*` covers every path, `/api/*` all below `/api/`.
fn covers_url(pattern: &str, path: &str) -> bool {
    pattern == "*" || pattern == path || pattern.strip_suffix('*').is_some_and(|prefix| path.starts_with(prefix))
}

/// `*` covers all, `*/scale` that subresource of all, `pods/log` one.
fn covers_resource(pattern: &str, resource: &str, subresource: &str) -> bool {
    if pattern == "*" {
        return true;
    }
    match pattern.split_once('/') {
        Some((of, sub)) => !subresource.is_empty() && sub == subresource && (of == "*" || of == resource),
        None => subresource.is_empty() && pattern == resource,
    }
}

/// The parts of `wanted` that no rule of `owned` covers, each with one verb, group, resource, name or path; parts that
/// differ in their verb alone are united.
pub fn missing(owned: &[Value], wanted: &[Value]) -> Vec<Value> {
    let mut missing: Vec<Value> = Vec::new();
    for part in wanted.iter().flat_map(parts) {
        if owned.iter().any(|rule| covers(rule, &part)) {
            continue;
        }
        let same = |m: &&mut Value| {
            ["apiGroups", "resources", "resourceNames", "nonResourceURLs"].iter().all(|f| m.get(f) == part.get(f))
        };
        match missing.iter_mut().find(same) {
            Some(known) => {
                if let Some(verbs) = known.get_mut("verbs").and_then(Value::as_array_mut) {
                    verbs.extend(part["verbs"].items().iter().cloned());
                }
            }
            None => missing.push(part),
        }
    }
    missing
}

fn parts(rule: &Value) -> Vec<Value> {
    let mut parts = Vec::new();
    for verb in texts(rule, "verbs") {
        for group in texts(rule, "apiGroups") {
            for resource in texts(rule, "resources") {
                let part = |name: Option<&str>| {
                    let mut part = object! {
                        "apiGroups" => vec![group], "resources" => vec![resource], "verbs" => vec![verb],
                    };
                    if let Some(name) = name {
                        part.set(&["resourceNames"], vec![name]);
                    }
                    part
                };
                let names: Vec<&str> = texts(rule, "resourceNames").collect();
                match names.as_slice() {
                    [] => parts.push(part(None)),
                    names => parts.extend(names.iter().map(|n| part(Some(n)))),
                }
            }
        }
        let urls = texts(rule, "nonResourceURLs");
        parts.extend(urls.map(|url| object! { "nonResourceURLs" => vec![url], "verbs" => vec![verb] }));
    }
    parts
}

/// Whether one rule covers one part.
fn covers(rule: &Value, part: &Value) -> bool {
    let only = |field: &str| texts(part, field).next();
    if !only("verbs").is_some_and(|v| has(rule, "verbs", v)) {
        return false;
    }
    if let Some(url) = only("nonResourceURLs") {
        return texts(rule, "nonResourceURLs").any(|pattern| pattern == url || covers_url(pattern, url));
    }
    let (Some(group), Some(resource)) = (only("apiGroups"), only("resources")) else { return false };
    let covers_one = |pattern: &str| {
        pattern == "*"
            || pattern == resource
            || resource.split_once('/').is_some_and(|(_, sub)| pattern.strip_prefix("*/") == Some(sub))
    };
    has(rule, "apiGroups", group)
        && texts(rule, "resources").any(covers_one)
        && match only("resourceNames") {
            None => texts(rule, "resourceNames").next().is_none(),
            Some(name) => {
                texts(rule, "resourceNames").next().is_none() || texts(rule, "resourceNames").any(|n| n == name)
            }
        }
}

/// `{APIGroups:["*"], Resources:["*"], Verbs:["*"]}`
pub fn shown(rule: &Value) -> String {
    let fields = [
        ("apiGroups", "APIGroups"),
        ("resources", "Resources"),
        ("nonResourceURLs", "NonResourceURLs"),
        ("resourceNames", "ResourceNames"),
        ("verbs", "Verbs"),
    ];
    let list = |field: &str| texts(rule, field).map(|t| format!("{t:?}")).collect::<Vec<_>>().join(" ");
    let shown = fields.iter().filter(|(field, _)| texts(rule, field).next().is_some());
    let parts: Vec<String> = shown.map(|(field, name)| format!("{name}:[{}]", list(field))).collect();
    format!("{{{}}}", parts.join(", "))
}
