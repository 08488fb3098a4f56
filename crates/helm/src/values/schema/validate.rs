//! Holding a value against a schema.

use std::cell::Cell;
use std::collections::BTreeSet;

use belay_object::{Map, Value};

use super::document::{Document, quote};
use super::format;

/// Schemas tried for one document of values: far beyond any chart, and less than a second.
pub(super) const MAX_STEPS: u64 = 2_000_000;
/// Schemas within schemas, references followed.
const MAX_DEPTH: usize = 1_000;

/// Why a value does not meet a schema.
pub(super) struct Failure {
    path: String,
    message: String,
    causes: Vec<Failure>,
    kind: Kind,
}

#[derive(PartialEq, Clone, Copy)]
enum Kind {
    Plain,
    /// Several failures of one schema.
    Group,
    /// Failures behind a reference.
    Reference,
}

impl Failure {
    /// Writes it as a list, two spaces deeper for each level.
    pub(super) fn write(&self, out: &mut String, depth: usize) {
        let is_skipped = self.kind == Kind::Reference && self.causes.len() == 1;
        if !is_skipped {
            out.push('\n');
            out.push_str(&"  ".repeat(depth));
            out.push_str(&format!("- at {}: {}", quote(&self.path), self.message));
        }
        self.causes.iter().for_each(|cause| cause.write(out, depth + usize::from(!is_skipped)));
    }
}

/// What of a value was looked at, for `unevaluated...`.
#[derive(Default)]
struct Seen {
    names: BTreeSet<String>,
    items: BTreeSet<usize>,
}

impl Seen {
    fn merge(&mut self, other: Seen) {
        self.names.extend(other.names);
        self.items.extend(other.items);
    }
}

/// The failures at the top; none where the value is fine.
pub(super) fn run(document: &Document<'_>, value: &Value, steps: u64) -> Option<Vec<Failure>> {
    let validator = Validator { document, steps: Cell::new(steps) };
    let failure = validator.check(document.root, value, "", 0).err()?;
    Some(if failure.kind == Kind::Group { failure.causes } else { vec![failure] })
}

struct Validator<'a> {
    document: &'a Document<'a>,
    steps: Cell<u64>,
}

/// A schema and a value being held against each other.
struct At<'v> {
    value: &'v Value,
    path: &'v str,
    depth: usize,
    failures: Vec<Failure>,
    seen: Seen,
}

impl At<'_> {
    fn fail(&mut self, message: impl Into<String>) {
        self.failures.push(plain(self.path, message));
    }
    fn fail_with(&mut self, message: impl Into<String>, causes: Vec<Failure>) {
        self.failures.push(Failure { causes, ..plain(self.path, message) });
    }
}

fn plain(path: &str, message: impl Into<String>) -> Failure {
    Failure { path: path.to_owned(), message: message.into(), causes: Vec::new(), kind: Kind::Plain }
}

fn below(path: &str, name: &str) -> String {
    format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"))
}

impl Validator<'_> {
    fn check(&self, schema: &Value, value: &Value, path: &str, depth: usize) -> Result<Seen, Failure> {
        let left = self.steps.get();
        if depth > MAX_DEPTH || left == 0 {
            return Err(plain(path, "the schema is too large or refers to itself"));
        }
        self.steps.set(left - 1);
        match schema {
            Value::Bool(false) => return Err(plain(path, "false schema")),
            Value::Object(_) => {}
            _ => return Ok(Seen::default()),
        }
        let is_old = self.document.draft < 2019;
        let mut at = At { value, path, depth, failures: Vec::new(), seen: Seen::default() };
        let reference = schema.get("$ref").and_then(Value::as_str);
        if let Some(reference) = reference.filter(|_| is_old) {
            self.reference(schema, reference, &mut at);
        } else {
            if let Some(message) = self.scalar_rules(schema, value) {
                return Err(plain(path, message));
            }
            if let Some(reference) = reference {
                self.reference(schema, reference, &mut at);
            }
            match value {
                Value::Object(map) => self.object(schema, map, &mut at),
                Value::Array(items) => self.array(schema, items, &mut at),
                Value::Str(text) => self.text(schema, text, &mut at),
                Value::Int(_) | Value::UInt(_) | Value::Float(_) => number(schema, value, &mut at),
                Value::Null | Value::Bool(_) => {}
            }
            for keyword in ["$recursiveRef", "$dynamicRef"] {
                if let Some(reference) = schema.get(keyword).and_then(Value::as_str).filter(|_| !is_old) {
                    self.reference(schema, reference, &mut at);
                }
            }
            self.combined(schema, &mut at);
            if !is_old {
                self.unevaluated(schema, &mut at);
            }
        }
        match at.failures.len() {
            0 => Ok(at.seen),
            1 => Err(at.failures.remove(0)),
            _ => Err(Failure { causes: at.failures, kind: Kind::Group, ..plain(path, "validation failed") }),
        }
    }

    /// `type`, `const`, `enum`, `format`: the first that fails ends the schema.
    fn scalar_rules(&self, schema: &Value, value: &Value) -> Option<String> {
        let got = type_of(value);
        let wanted: Vec<&str> = match schema.get("type") {
            Some(Value::Str(name)) => vec![name],
            Some(list) => list.items().iter().filter_map(Value::as_str).collect(),
            None => Vec::new(),
        };
        let fits = |wanted: &&str| **wanted == *got || (**wanted == *"integer" && is_integer(value));
        if !wanted.is_empty() && !wanted.iter().any(fits) {
            return Some(format!("got {got}, want {}", ordered(&wanted).join(" or ")));
        }
        if let Some(wanted) = schema.get("const").filter(|_| self.document.draft >= 6)
            && wanted != value
        {
            return Some(match wanted {
                Value::Array(_) | Value::Object(_) => "'const' failed".into(),
                wanted => format!("value must be {}", shown(wanted)),
            });
        }
        if let Some(wanted) = schema.get("enum").and_then(Value::as_array)
            && !wanted.contains(value)
        {
            let is_plain = !wanted.iter().any(|item| matches!(item, Value::Array(_) | Value::Object(_)));
            if !is_plain {
                return Some("'enum' failed".into());
            }
            let list: Vec<String> = wanted.iter().map(shown).collect();
            return Some(match list.as_slice() {
                [one] => format!("value must be {one}"),
                list => format!("value must be one of {}", list.join(", ")),
            });
        }
        let name = schema.get("format").and_then(Value::as_str).filter(|_| self.document.draft <= 7)?;
        let why = format::check(name, value.as_str()?).err()?;
        Some(format!("{} is not valid {name}: {why}", shown(value)))
    }

    fn reference(&self, schema: &Value, reference: &str, at: &mut At<'_>) {
        match self.document.resolve(schema, reference) {
            Err(why) => at.fail(why),
            Ok(target) => match self.check(target, at.value, at.path, at.depth + 1) {
                Ok(seen) => at.seen.merge(seen),
                Err(failure) => {
                    let causes = if failure.kind == Kind::Group { failure.causes } else { vec![failure] };
                    let failure = Failure { causes, kind: Kind::Reference, ..plain(at.path, "validation failed") };
                    at.failures.push(failure);
                }
            },
        }
    }

    /// Holds the same value against another schema.
    fn same(&self, schema: &Value, at: &mut At<'_>) -> Result<(), Failure> {
        let seen = self.check(schema, at.value, at.path, at.depth + 1)?;
        at.seen.merge(seen);
        Ok(())
    }

    /// Holds a part of the value against a schema.
    fn part(&self, schema: &Value, part: &Value, name: &str, at: &mut At<'_>) {
        if let Err(failure) = self.check(schema, part, &below(at.path, name), at.depth + 1) {
            at.failures.push(failure);
        }
    }

    fn object(&self, schema: &Value, map: &Map, at: &mut At<'_>) {
        let count = map.len();
        if let Some(least) = size(schema, "minProperties").filter(|least| count < *least) {
            at.fail(format!("minProperties: got {}, want {}", grouped(count), grouped(least)));
        }
        if let Some(most) = size(schema, "maxProperties").filter(|most| count > *most) {
            at.fail(format!("maxProperties: got {}, want {}", grouped(count), grouped(most)));
        }
        let missing = missing(schema.get("required"), map);
        match missing.as_slice() {
            [] => {}
            [one] => at.fail(format!("missing property {one}")),
            more => at.fail(format!("missing properties {}", more.join(", "))),
        }
        self.dependencies(schema, map, "dependencies", at);
        self.properties(schema, map, at);
        let draft = self.document.draft;
        if let Some(names) = schema.get("propertyNames").filter(|_| draft >= 6) {
            for name in map.keys() {
                let value = Value::from(name.as_str());
                if let Err(failure) = self.check(names, &value, "", at.depth + 1) {
                    let causes = if failure.kind == Kind::Group { failure.causes } else { vec![failure] };
                    let message = format!("invalid propertyName {}", quote(name));
                    at.failures.push(Failure { causes, ..plain("", message) });
                }
            }
        }
        if draft >= 2019 {
            self.dependencies(schema, map, "dependentSchemas", at);
            self.dependencies(schema, map, "dependentRequired", at);
        }
    }

    fn dependencies(&self, schema: &Value, map: &Map, keyword: &str, at: &mut At<'_>) {
        let Some(rules) = schema.get(keyword).and_then(Value::as_object) else { return };
        for (name, rule) in rules.iter().filter(|(name, _)| map.contains_key(name)) {
            match rule {
                Value::Array(_) => {
                    let missing = missing(Some(rule), map);
                    if !missing.is_empty() {
                        at.fail(format!("properties {} required, if {} exists", missing.join(", "), quote(name)));
                    }
                }
                rule => {
                    if let Err(failure) = self.same(rule, at) {
                        at.failures.push(failure);
                    }
                }
            }
        }
    }

    fn properties(&self, schema: &Value, map: &Map, at: &mut At<'_>) {
        let own = schema.get("properties");
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        let mut refused = Vec::new();
        for (name, value) in map.iter() {
            let mut is_seen = false;
            if let Some(rule) = own.and_then(|own| own.get(name)) {
                is_seen = true;
                self.part(rule, value, name, at);
            }
            for (pattern, rule) in patterns.iter().flat_map(|patterns| patterns.iter()) {
                if self.document.pattern(pattern).is_some_and(|regex| regex.is_match(name)) {
                    is_seen = true;
                    self.part(rule, value, name, at);
                }
            }
            if let Some(rule) = others.filter(|_| !is_seen) {
                is_seen = true;
                match rule {
                    Value::Bool(true) => {}
                    Value::Bool(false) => refused.push(quote(name)),
                    rule => self.part(rule, value, name, at),
                }
            }
            if is_seen && self.document.tracks {
                at.seen.names.insert(name.to_string());
            }
        }
        if !refused.is_empty() {
            at.fail(format!("additional properties {} not allowed", refused.join(", ")));
        }
    }

    fn array(&self, schema: &Value, items: &[Value], at: &mut At<'_>) {
        let count = items.len();
        if let Some(least) = size(schema, "minItems").filter(|least| count < *least) {
            at.fail(format!("minItems: got {}, want {}", grouped(count), grouped(least)));
        }
        if let Some(most) = size(schema, "maxItems").filter(|most| count > *most) {
            at.fail(format!("maxItems: got {}, want {}", grouped(count), grouped(most)));
        }
        if schema.get("uniqueItems").and_then(Value::as_bool) == Some(true)
            && let Some((i, j)) = equal_items(items)
        {
            at.fail(format!("items at {} and {} are equal", grouped(i), grouped(j)));
        }
        let (list_keyword, rest_keyword) =
            if self.document.draft >= 2020 { ("prefixItems", "items") } else { ("items", "additionalItems") };
        let list = schema.get(list_keyword);
        let (first, rest): (&[Value], Option<&Value>) = match list {
            Some(Value::Array(list)) => (list, schema.get(rest_keyword)),
            // Before 2020, `additionalItems` counts only beside a list.
            Some(all) if self.document.draft < 2020 => (&[], Some(all)),
            _ => (&[], schema.get(rest_keyword).filter(|_| self.document.draft >= 2020)),
        };
        let fixed = first.len().min(count);
        for (i, (item, rule)) in items.iter().zip(first).enumerate() {
            self.part(rule, item, &i.to_string(), at);
        }
        match rest {
            Some(Value::Bool(false)) if list_keyword == "items" && !first.is_empty() && count > fixed => {
                at.fail(format!("last {} additionalItem(s) not allowed", grouped(count - fixed)));
            }
            Some(rule) => {
                // Counted from the first that has no rule of its own, as the library does.
                for (i, item) in items[fixed..].iter().enumerate() {
                    self.part(rule, item, &i.to_string(), at);
                }
            }
            None => {}
        }
        if self.document.tracks {
            at.seen.items.extend(0..if rest.is_some() { count } else { fixed });
        }
        if let Some(rule) = schema.get("contains").filter(|_| self.document.draft >= 6) {
            self.contains(schema, rule, items, at);
        }
    }

    fn contains(&self, schema: &Value, rule: &Value, items: &[Value], at: &mut At<'_>) {
        let (mut matched, mut failures) = (Vec::new(), Vec::new());
        for (i, item) in items.iter().enumerate() {
            match self.check(rule, item, &below(at.path, &i.to_string()), at.depth + 1) {
                Ok(_) => matched.push(i),
                Err(failure) => failures.push(failure),
            }
        }
        if self.document.tracks && self.document.draft >= 2020 {
            at.seen.items.extend(matched.iter().copied());
        }
        let places = matched.iter().map(usize::to_string).collect::<Vec<_>>().join(" ");
        let least = size(schema, "minContains").filter(|_| self.document.draft >= 2019);
        match least {
            Some(least) if matched.len() < least => {
                let wanted = format!("min {} items required to match contains schema, but", grouped(least));
                let found = match matched.len() {
                    0 => " none matched".to_owned(),
                    n => format!(" matched {} items at {places}", grouped(n)),
                };
                at.fail_with(wanted + &found, failures);
            }
            None if matched.is_empty() => at.fail_with("no items match contains schema", failures),
            _ => {}
        }
        let most = size(schema, "maxContains").filter(|_| self.document.draft >= 2019);
        if let Some(most) = most.filter(|most| matched.len() > *most) {
            let (most, n) = (grouped(most), grouped(matched.len()));
            at.fail(format!("max {most} items required to match contains schema, but matched {n} items at {places}"));
        }
    }

    fn text(&self, schema: &Value, text: &str, at: &mut At<'_>) {
        if schema.get("minLength").or(schema.get("maxLength")).is_some() {
            let length = text.chars().count();
            if let Some(least) = size(schema, "minLength").filter(|least| length < *least) {
                at.fail(format!("minLength: got {}, want {}", grouped(length), grouped(least)));
            }
            if let Some(most) = size(schema, "maxLength").filter(|most| length > *most) {
                at.fail(format!("maxLength: got {}, want {}", grouped(length), grouped(most)));
            }
        }
        if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
            && self.document.pattern(pattern).is_some_and(|regex| !regex.is_match(text))
        {
            at.fail(format!("{} does not match pattern {}", quote(text), quote(pattern)));
        }
    }

    fn combined(&self, schema: &Value, at: &mut At<'_>) {
        if let Some(rule) = schema.get("not")
            && self.check(rule, at.value, at.path, at.depth + 1).is_ok()
        {
            at.fail("'not' failed");
        }
        let list = |keyword: &str| schema.get(keyword).map_or(&[][..], Value::items);
        let failures: Vec<Failure> = list("allOf").iter().filter_map(|rule| self.same(rule, at).err()).collect();
        if !failures.is_empty() {
            at.fail_with("'allOf' failed", failures);
        }
        self.any_of(list("anyOf"), at);
        self.one_of(list("oneOf"), at);
        if let Some(rule) = schema.get("if").filter(|_| self.document.draft >= 7) {
            let next = if self.same(rule, at).is_ok() { schema.get("then") } else { schema.get("else") };
            if let Some(failure) = next.and_then(|rule| self.same(rule, at).err()) {
                at.failures.push(failure);
            }
        }
    }

    fn any_of(&self, rules: &[Value], at: &mut At<'_>) {
        let (mut failures, mut matched) = (Vec::new(), rules.is_empty());
        for rule in rules {
            match self.same(rule, at) {
                Ok(()) => {
                    matched = true;
                    if !self.document.tracks {
                        break;
                    }
                }
                Err(failure) => failures.push(failure),
            }
        }
        if !matched {
            at.fail_with("'anyOf' failed", failures);
        }
    }

    fn one_of(&self, rules: &[Value], at: &mut At<'_>) {
        let (mut failures, mut matched) = (Vec::new(), None);
        for (i, rule) in rules.iter().enumerate() {
            match (self.same(rule, at), matched) {
                (Ok(()), None) => matched = Some(i),
                (Ok(()), Some(first)) => {
                    at.fail(format!("'oneOf' failed, subschemas {}, {} matched", grouped(first), grouped(i)));
                    return;
                }
                (Err(failure), None) => failures.push(failure),
                (Err(_), Some(_)) => {}
            }
        }
        if matched.is_none() && !rules.is_empty() {
            at.fail_with("'oneOf' failed, none matched", failures);
        }
    }

    fn unevaluated(&self, schema: &Value, at: &mut At<'_>) {
        if let (Value::Object(map), Some(rule)) = (at.value, schema.get("unevaluatedProperties")) {
            for (name, value) in map.iter() {
                if at.seen.names.insert(name.to_string()) {
                    self.part(rule, value, name, at);
                }
            }
        }
        if let (Value::Array(items), Some(rule)) = (at.value, schema.get("unevaluatedItems")) {
            for (i, item) in items.iter().enumerate() {
                if at.seen.items.insert(i) {
                    self.part(rule, item, &i.to_string(), at);
                }
            }
        }
    }
}

fn number(schema: &Value, value: &Value, at: &mut At<'_>) {
    let Some(got) = value.as_f64() else { return };
    let bound = |name: &str| schema.get(name).filter(|v| v.as_bool().is_none()).and_then(Value::as_f64);
    let is_open = |name: &str| schema.get(name).and_then(Value::as_bool) == Some(true);
    let (mut least, mut most) = (bound("minimum"), bound("maximum"));
    let (mut above, mut under) = (bound("exclusiveMinimum"), bound("exclusiveMaximum"));
    // Draft 4: the exclusive bounds are flags of the others.
    if is_open("exclusiveMinimum") {
        above = least.take();
    }
    if is_open("exclusiveMaximum") {
        under = most.take();
    }
    let mut told = |name: &str, wanted: f64| at.fail(format!("{name}: got {}, want {}", decimal(got), decimal(wanted)));
    if let Some(least) = least.filter(|least| got < *least) {
        told("minimum", least);
    }
    if let Some(most) = most.filter(|most| got > *most) {
        told("maximum", most);
    }
    if let Some(above) = above.filter(|above| got <= *above) {
        told("exclusiveMinimum", above);
    }
    if let Some(under) = under.filter(|under| got >= *under) {
        told("exclusiveMaximum", under);
    }
    if let Some(step) = bound("multipleOf").filter(|step| !is_multiple(got, *step)) {
        told("multipleOf", step);
    }
}

/// Whether a number is a multiple of another as written in decimal, as far as floats can tell.
fn is_multiple(value: f64, step: f64) -> bool {
    if step == 0.0 {
        return true;
    }
    let quotient = value / step;
    (quotient - quotient.round()).abs() <= 1e-9 * quotient.abs().max(1.0) && quotient.round() * step == value
        || (quotient - quotient.round()).abs() < 1e-12
}

fn missing(required: Option<&Value>, map: &Map) -> Vec<String> {
    let names = required.map_or(&[][..], Value::items).iter().filter_map(Value::as_str);
    names.filter(|name| !map.contains_key(name)).map(quote).collect()
}

fn size(schema: &Value, keyword: &str) -> Option<usize> {
    usize::try_from(schema.get(keyword)?.as_i64()?).ok()
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Int(_) | Value::UInt(_) | Value::Float(_) => "number",
        Value::Str(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn is_integer(value: &Value) -> bool {
    match value {
        Value::Int(_) | Value::UInt(_) => true,
        Value::Float(f) => f.fract() == 0.0,
        _ => false,
    }
}

/// Types in the library's own order.
fn ordered<'a>(wanted: &[&'a str]) -> Vec<&'a str> {
    let known = ["null", "boolean", "number", "integer", "string", "array", "object"];
    let mut wanted = wanted.to_vec();
    wanted.sort_by_key(|name| known.iter().position(|k| k == name).unwrap_or(known.len()));
    wanted.dedup();
    wanted
}

/// The first pair of equal items. Compared by their JSON, so that long lists take no square time.
fn equal_items(items: &[Value]) -> Option<(usize, usize)> {
    let mut seen: std::collections::HashMap<String, usize> = std::collections::HashMap::new();
    items.iter().enumerate().find_map(|(i, item)| seen.insert(item.to_json(), i).map(|first| (first, i)))
}

fn shown(value: &Value) -> String {
    match value {
        Value::Str(text) => quote(text),
        Value::Array(_) | Value::Object(_) => "value".into(),
        Value::Null => "<nil>".into(),
        Value::Float(f) => crate::go::float_g(*f),
        other => other.to_json(),
    }
}

/// A count in groups of three digits, as English has it.
fn grouped(number: usize) -> String {
    group(&number.to_string())
}

fn group(digits: &str) -> String {
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

fn decimal(number: f64) -> String {
    let text = format!("{number}");
    let (sign, rest) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
    match rest.split_once('.') {
        Some((whole, part)) => format!("{sign}{}.{part}", group(whole)),
        None => format!("{sign}{}", group(rest)),
    }
}
