//! The part of JSONPath that printer columns use: names, positions, `*`, slices to the end, quoted
//! names, and filters that compare one field with a text or number.

use belay_object::Value;

/// One step of a path.
#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    All,
    /// `[?(@.type=="Ready")]`: path, whether equal is wanted, value.
    Filter(Vec<Step>, bool, Value),
}

/// A path, read once.
#[derive(Clone, Debug, Default)]
pub(super) struct JsonPath(Vec<Step>);

/// How many values one path may select: a column is a line of text.
const MAX_FOUND: usize = 64;

impl JsonPath {
    /// Reads `.spec.items[0]['a.b']`; what cannot be read ends the path, so that it finds nothing odd.
    pub(super) fn parse(text: &str) -> Option<JsonPath> {
        parse(text).map(JsonPath)
    }
    /// What it selects, in order.
    pub(super) fn find<'v>(&self, value: &'v Value) -> Vec<&'v Value> {
        walk(&self.0, value)
    }
}

fn parse(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = text.trim().trim_start_matches('$');
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let (content, after) = bracket(inner)?;
            steps.push(bracket_step(content)?);
            rest = after;
        } else {
            let (name, after) = field(rest.strip_prefix('.').unwrap_or(rest));
            match name.as_str() {
                "" => {}
                "*" => steps.push(Step::All),
                _ => steps.push(Step::Field(name)),
            }
            if after.len() == rest.len() {
                return None;
            }
            rest = after;
        }
    }
    Some(steps)
}

/// A name up to the next `.` or `[`; a backslash takes what follows as it is.
fn field(text: &str) -> (String, &str) {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((i, c)) = chars.next() {
        match c {
            '.' | '[' => return (name, &text[i..]),
            '\\' => name.extend(chars.next().map(|(_, c)| c)),
            c => name.push(c),
        }
    }
    (name, "")
}

/// What stands between brackets, and what follows them. Quotes may hold brackets.
fn bracket(text: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let mut depth = 0;
    for (i, c) in text.char_indices() {
        match (quote, c) {
            (Some(q), c) if q == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some((&text[..i], &text[i + 1..])),
            (None, ']') => depth -= 1,
            (None, _) => {}
        }
    }
    None
}

fn bracket_step(content: &str) -> Option<Step> {
    let content = content.trim();
    if content == "*" || content == ":" {
        return Some(Step::All);
    }
    if let Some(filter) = content.strip_prefix("?(").and_then(|c| c.strip_suffix(')')) {
        let (path, equal, value) = match filter.split_once("==") {
            Some((path, value)) => (path, true, value),
            None => filter.split_once("!=").map(|(path, value)| (path, false, value))?,
        };
        let path = parse(path.trim().strip_prefix('@')?)?;
        // A filter in a filter has no use here and would be recursion by the user's leave.
        if path.iter().any(|step| matches!(step, Step::Filter(..))) {
            return None;
        }
        let value = value.trim();
        let value = match unquote(value) {
            Some(text) => Value::from(text),
            None => belay_object::from_json_str(value).ok()?,
        };
        return Some(Step::Filter(path, equal, value));
    }
    match unquote(content) {
        Some(name) => Some(Step::Field(name.to_owned())),
        None => content.parse().ok().map(Step::Index),
    }
}

fn unquote(text: &str) -> Option<&str> {
    let strip = |q| text.strip_prefix(q)?.strip_suffix(q);
    strip('\'').or_else(|| strip('"'))
}

fn walk<'v>(steps: &[Step], value: &'v Value) -> Vec<&'v Value> {
    let mut found = vec![value];
    for step in steps {
        let next = found.into_iter().flat_map(|v| one_step(step, v));
        found = next.take(MAX_FOUND).collect();
    }
    found
}

fn one_step<'v>(step: &Step, value: &'v Value) -> Vec<&'v Value> {
    match step {
        Step::Field(name) => value.get(name).into_iter().collect(),
        Step::All => match value {
            Value::Object(map) => map.values().collect(),
            other => other.items().iter().collect(),
        },
        Step::Index(i) => {
            let items = value.items();
            let at = if *i < 0 { items.len() as i64 + i } else { *i };
            usize::try_from(at).ok().and_then(|at| items.get(at)).into_iter().collect()
        }
        Step::Filter(path, equal, wanted) => {
            let holds = |item: &&Value| {
                let found = walk(path, item);
                found.first().is_some_and(|v| (*v == wanted) == *equal)
            };
            value.items().iter().filter(holds).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use belay_object::from_json_str;

    #[track_caller]
    fn check(path: &str, expected: &str) {
        let value = from_json_str(
            r#"{"spec":{"size":3,"a.b":"dot","list":[{"n":1},{"n":2}]},
                "status":{"conditions":[{"type":"Ready","status":"True"},{"type":"Other","status":"False"}]}}"#,
        )
        .unwrap();
        let found = JsonPath::parse(path).map(|p| p.find(&value).into_iter().cloned().collect::<Value>().to_json());
        assert_eq!(found.as_deref().unwrap_or("unread"), expected, "{path}");
    }

    #[test]
    fn printer_columns_find_their_values() {
        check(".spec.size", "[3]");
        check(".spec.list[1].n", "[2]");
        check(".spec.list[-1].n", "[2]");
        check(".spec.list[*].n", "[1,2]");
        check(r".spec.a\.b", "[\"dot\"]");
        check(".spec['a.b']", "[\"dot\"]");
        check(".status.conditions[?(@.type==\"Ready\")].status", "[\"True\"]");
        check(".status.conditions[?(@.type!='Ready')].status", "[\"False\"]");
        check(".spec.absent.more", "[]");
        check(".spec[", "unread");
    }
}
