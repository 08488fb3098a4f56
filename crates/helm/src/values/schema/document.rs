//! A schema's document: its draft, where its identifiers and anchors stand, what its references
//! lead to, its patterns compiled.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use belay_object::Value;
use regex::Regex;
use smallvec::SmallVec;

/// The address of a schema that references nothing but itself.
const ROOT: &str = "file:///values.schema.json";
/// Longest pattern once compiled.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// Where a schema holds schemas.
#[derive(Clone, Copy, PartialEq)]
enum Holds {
    ByName,
    InList,
    One,
}

/// How a keyword holds schemas, and its place among those that do.
fn holds(keyword: &str) -> Option<(u8, Holds)> {
    Some(match keyword {
        "properties" => (0, Holds::ByName),
        "patternProperties" => (1, Holds::ByName),
        "definitions" => (2, Holds::ByName),
        "$defs" => (3, Holds::ByName),
        "dependentSchemas" => (4, Holds::ByName),
        "dependencies" => (5, Holds::ByName),
        "allOf" => (6, Holds::InList),
        "anyOf" => (7, Holds::InList),
        "oneOf" => (8, Holds::InList),
        "prefixItems" => (9, Holds::InList),
        "not" => (11, Holds::One),
        "items" => (12, Holds::One),
        "additionalItems" => (13, Holds::One),
        "additionalProperties" => (14, Holds::One),
        "contains" => (15, Holds::One),
        "propertyNames" => (16, Holds::One),
        "if" => (17, Holds::One),
        "then" => (18, Holds::One),
        "else" => (19, Holds::One),
        "unevaluatedItems" => (20, Holds::One),
        "unevaluatedProperties" => (21, Holds::One),
        "contentSchema" => (22, Holds::One),
        "extends" => (23, Holds::One),
        _ => return None,
    })
}

/// The place of `items` where it is a list.
const ITEM_LIST: u8 = 10;

/// Accepts everything.
static ANYTHING: Value = Value::Bool(true);

pub(super) struct Document<'a> {
    pub(super) root: &'a Value,
    /// 4, 6, 7, 2019 or 2020.
    pub(super) draft: u16,
    /// Whether `unevaluated...` occurs at all.
    pub(super) tracks: bool,
    /// Schemas with an address of their own.
    resources: HashMap<String, &'a Value>,
    /// Anchors by address of their resource.
    anchors: HashMap<(String, String), &'a Value>,
    /// The address of the resource that a schema is in, by the schema's place in memory, where it is not the root's.
    bases: HashMap<usize, Arc<str>>,
    patterns: HashMap<String, Regex>,
}

fn place(value: &Value) -> usize {
    std::ptr::from_ref(value) as usize
}

impl<'a> Document<'a> {
    /// Looks through a schema.
    pub(super) fn new(root: &'a Value) -> Result<Document<'a>, String> {
        let draft = draft(root)?;
        let mut document = Document {
            root,
            draft,
            tracks: false,
            resources: HashMap::from([(ROOT.to_owned(), root)]),
            anchors: HashMap::new(),
            bases: HashMap::new(),
            patterns: HashMap::new(),
        };
        // Depth is that of the JSON, which its reader limits.
        document.index(root, &Arc::from(ROOT));
        document.check_reachable()?;
        Ok(document)
    }

    fn index(&mut self, schema: &'a Value, base: &Arc<str>) {
        let Some(fields) = schema.as_object() else { return };
        let mut base = Arc::clone(base);
        let has_siblings = self.draft >= 2019 || schema.get("$ref").is_none();
        let id = schema.get(if self.draft == 4 { "id" } else { "$id" }).and_then(Value::as_str);
        if let Some(id) = id.filter(|_| has_siblings) {
            let (address, fragment) = id.split_once('#').unwrap_or((id, ""));
            if !address.is_empty() {
                base = join(&base, address).into();
                self.resources.insert(base.to_string(), schema);
            }
            if !fragment.is_empty() {
                self.anchors.insert((base.to_string(), fragment.to_owned()), schema);
            }
        }
        for (keyword, value) in fields.iter() {
            match (keyword.as_str(), value.as_str()) {
                ("$anchor" | "$dynamicAnchor", Some(anchor)) => {
                    self.anchors.insert((base.to_string(), anchor.to_owned()), schema);
                }
                ("unevaluatedProperties" | "unevaluatedItems", _) => self.tracks = true,
                _ => {}
            }
        }
        for child in children(schema, true) {
            self.index(child, &base);
        }
        if *base != *ROOT {
            self.bases.insert(place(schema), base);
        }
    }

    /// Checks references and patterns of all that validation can come to.
    fn check_reachable(&mut self) -> Result<(), String> {
        let mut open = vec![self.root];
        let mut seen = HashSet::new();
        while let Some(schema) = open.pop() {
            if !seen.insert(place(schema)) {
                continue;
            }
            let Some(fields) = schema.as_object() else { continue };
            let refers = fields.keys().any(|keyword| keyword.starts_with('$'));
            let mut is_all = false;
            for keyword in ["$ref", "$recursiveRef", "$dynamicRef"].iter().filter(|_| refers) {
                if let Some(reference) = schema.get(keyword).and_then(Value::as_str) {
                    open.push(self.resolve(schema, reference)?);
                    is_all |= self.draft < 2019;
                }
            }
            if is_all {
                continue;
            }
            if let Some(pattern) = schema.get("pattern").and_then(Value::as_str) {
                self.compile("pattern", pattern)?;
            }
            for (pattern, _) in schema.get("patternProperties").and_then(Value::as_object).iter().flat_map(|m| m.iter())
            {
                self.compile("patternProperties", pattern)?;
            }
            open.extend(children(schema, false));
        }
        Ok(())
    }

    fn compile(&mut self, keyword: &str, pattern: &str) -> Result<(), String> {
        if self.patterns.contains_key(pattern) {
            return Ok(());
        }
        // ECMA's `\/` is no escape elsewhere; `\d` and its kin are ASCII there, as in Go.
        let translated = pattern.replace("\\/", "/").replace("\\d", "[0-9]");
        let translated = if translated.contains("[[0-9]") || pattern.contains("[\\d") || pattern.contains("\\d]") {
            pattern.replace("\\/", "/")
        } else {
            translated
        };
        let built = regex::RegexBuilder::new(&translated).size_limit(MAX_REGEX_BYTES).build();
        let regex = built.map_err(|_| {
            let at = format!("{ROOT}#/{keyword}");
            format!("invalid regex {} at {}: error parsing regexp", quote(pattern), quote(&at))
        })?;
        self.patterns.insert(pattern.to_owned(), regex);
        Ok(())
    }

    /// The compiled pattern; all that can be reached are.
    pub(super) fn pattern(&self, pattern: &str) -> Option<&Regex> {
        self.patterns.get(pattern)
    }

    /// What a reference in a schema leads to.
    pub(super) fn resolve(&self, schema: &Value, reference: &str) -> Result<&'a Value, String> {
        let base = self.bases.get(&place(schema)).map_or(ROOT, |base| base);
        let (address, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let address = if address.is_empty() { base.to_owned() } else { join(base, address) };
        let Some(resource) = self.resources.get(&address) else {
            return foreign(&address);
        };
        let fragment = percent_decoded(fragment);
        if fragment.is_empty() {
            return Ok(resource);
        }
        if fragment.starts_with('/') {
            let found = resource.pointer(&fragment);
            return found
                .ok_or_else(|| format!("json-pointer in {} not found", quote(&format!("{address}#{fragment}"))));
        }
        let found = self.anchors.get(&(address.clone(), fragment.clone())).copied();
        found.ok_or_else(|| format!("anchor in {} not found", quote(&format!("{address}#{fragment}"))))
    }
}

/// What stands in another document.
fn foreign<'a>(address: &str) -> Result<&'a Value, String> {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    if address.starts_with("urn:") || rest.is_some_and(|rest| rest.starts_with("json-schema.org/")) {
        return Ok(&ANYTHING);
    }
    let why = match address.split_once(':').map(|(scheme, _)| scheme) {
        Some("http" | "https") => {
            format!("HTTP request failed for {address}: schemas are not fetched from the network")
        }
        Some("file") => format!("open {}: no such file or directory", address.trim_start_matches("file://")),
        _ => format!("no URLLoader registered for {}", quote(address)),
    };
    Err(format!("failing loading {}: {why}", crate::go::quote(address)))
}

fn draft(root: &Value) -> Result<u16, String> {
    let Some(address) = root.get("$schema").and_then(Value::as_str) else { return Ok(2020) };
    let plain = address.trim_end_matches('#');
    let rest = plain.strip_prefix("https://").or_else(|| plain.strip_prefix("http://")).unwrap_or(plain);
    match rest {
        "json-schema.org/draft-04/schema" => Ok(4),
        "json-schema.org/draft-06/schema" => Ok(6),
        "json-schema.org/draft-07/schema" => Ok(7),
        "json-schema.org/draft/2019-09/schema" => Ok(2019),
        "json-schema.org/draft/2020-12/schema" | "json-schema.org/schema" => Ok(2020),
        _ => foreign(address).map(|_| 2020),
    }
}

/// The schemas right within a schema, by the places of their keywords; definitions only where they are wanted.
fn children(schema: &Value, with_definitions: bool) -> impl Iterator<Item = &Value> {
    let mut found = SmallVec::<[(u8, Holds, &Value); 8]>::new();
    for (keyword, value) in schema.as_object().iter().flat_map(|fields| fields.iter()) {
        match holds(keyword) {
            Some((_, Holds::ByName)) if !with_definitions && matches!(keyword.as_str(), "definitions" | "$defs") => {}
            Some(_) if keyword == "items" && matches!(value, Value::Array(_)) => {
                found.push((ITEM_LIST, Holds::InList, value));
            }
            Some((place, holds)) => found.push((place, holds, value)),
            None => {}
        }
    }
    found.sort_unstable_by_key(|(place, ..)| *place);
    let all = found.into_iter().flat_map(|(_, holds, value)| {
        let by_name = value.as_object().filter(|_| holds == Holds::ByName).into_iter().flat_map(|map| map.values());
        let list = if holds == Holds::InList { value.items() } else { &[] };
        by_name.chain(list).chain((holds == Holds::One).then_some(value))
    });
    all.filter(|value| matches!(value, Value::Object(_) | Value::Bool(_)))
}

/// Resolves an address against a base.
fn join(base: &str, address: &str) -> String {
    let has_scheme = address.split_once(':').is_some_and(|(scheme, _)| {
        !scheme.is_empty() && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
    });
    if has_scheme {
        return address.to_owned();
    }
    let (scheme, rest) = base.split_once("://").unwrap_or(("file", base));
    if let Some(path) = address.strip_prefix("//") {
        return format!("{scheme}://{path}");
    }
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let whole = match address.strip_prefix('/') {
        Some(_) => address.to_owned(),
        None => format!("{}/{address}", path.rsplit_once('/').map_or("", |(dir, _)| dir)),
    };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/').skip(1) {
        match part {
            "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("{scheme}://{host}/{}", parts.join("/"))
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let bytes = text.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        let hex = (bytes[i] == b'%').then(|| text.get(i + 1..i + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// A text in single quotes.
pub(super) fn quote(text: &str) -> String {
    let quoted = crate::go::quote(text).replace("\\\"", "\"").replace('\'', "\\'");
    format!("'{}'", &quoted[1..quoted.len() - 1])
}
