//! The part of kubectl's JSONPath that printer columns use: `.a.b`, `['a']`, `[0]`, `[*]`,
//! `[?(@.type=="Ready")]`, `\.` within a name.

use belay_object::Value;

/// Longer paths are refused: definitions are users' input.
const MAX_BYTES: usize = 1024;

/// A path, read once.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonPath(Vec<Step>);

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    Filter { path: Vec<String>, equal: bool, value: Value },
}

impl JsonPath {
    /// Reads `.spec.size`; `None` where it is beyond what is known.
    pub fn parse(text: &str) -> Option<JsonPath> {
        if text.len() > MAX_BYTES {
            return None;
        }
        let text = text.trim().trim_start_matches('{').trim_end_matches('}').trim_start_matches('$');
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('[') {
                let end = closing(after)?;
                steps.push(bracket(after[..end].trim())?);
                rest = &after[end + 1..];
            } else {
                let after = rest.strip_prefix('.').unwrap_or(rest);
                let (name, remaining) = name(after);
                if name == "*" {
                    steps.push(Step::All);
                } else if !name.is_empty() {
                    steps.push(Step::Field(name));
                } else if remaining.is_empty() || remaining.starts_with('.') {
                    return None;
                }
                rest = remaining;
            }
        }
        Some(JsonPath(steps))
    }

    /// All values the path leads to, in order; at most 1,000.
    pub fn find<'a>(&self, root: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![root];
        for step in &self.0 {
            found = found.into_iter().flat_map(|v| step.apply(v)).take(1_000).collect();
        }
        found
    }
}

impl Step {
    fn apply<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match self {
            Step::Field(name) => value.get(name).into_iter().collect(),
            Step::Index(i) => {
                let items = value.items();
                let at = if *i < 0 { items.len() as i64 + i } else { *i };
                usize::try_from(at).ok().and_then(|at| items.get(at)).into_iter().collect()
            }
            Step::All => match value {
                Value::Object(map) => map.values().collect(),
                list => list.items().iter().collect(),
            },
            Step::Filter { path, equal, value: wanted } => {
                let path: Vec<&str> = path.iter().map(String::as_str).collect();
                let holds = |item: &&Value| item.at(&path).is_some_and(|v| (v == wanted) == *equal);
                value.items().iter().filter(holds).collect()
            }
        }
    }
}

/// Where the bracket closes, quotes and inner brackets skipped.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    let mut depth = 0;
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(i),
            (None, ']') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

fn bracket(inner: &str) -> Option<Step> {
    if inner == "*" {
        return Some(Step::All);
    }
    if let Some(name) = unquote(inner) {
        return Some(Step::Field(name));
    }
    if let Some(filter) = inner.strip_prefix("?(").and_then(|f| f.strip_suffix(')')) {
        let (left, right, equal) = match filter.split_once("==") {
            Some((left, right)) => (left, right, true),
            None => filter.split_once("!=").map(|(left, right)| (left, right, false))?,
        };
        let path = left.trim().strip_prefix('@')?;
        let path = path.split('.').filter(|p| !p.is_empty()).map(str::to_owned).collect();
        let right = right.trim();
        let value = match unquote(right) {
            Some(text) => Value::from(text),
            None => belay_object::from_json_str(right).ok()?,
        };
        return Some(Step::Filter { path, equal, value });
    }
    inner.parse().ok().map(Step::Index)
}

fn unquote(text: &str) -> Option<String> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    Some(text.strip_prefix(quote)?.strip_suffix(quote)?.replace("\\.", "."))
}

/// A name up to the next dot or bracket; a backslash takes the next character as it stands.
fn name(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '\\' => out.extend(chars.next().map(|(_, c)| c)),
            '.' | '[' => return (out, &text[i..]),
            c => out.push(c),
        }
    }
    (out, "")
}
