//! YAML texts to objects, as Argo CD reads what tools and files give.

use belay_object::{Object, Value};
use belay_yaml::{Options, YamlError};

/// Why a text gave no objects.
#[derive(Debug)]
pub(super) struct NoObject {
    /// How many objects stand before the fault.
    pub(super) before: usize,
    /// The line of the fault.
    pub(super) line: usize,
    /// What is wrong.
    pub(super) why: String,
    /// Whether the text is too large.
    pub(super) is_limit: bool,
}

/// One object of a text.
#[derive(Debug)]
pub(super) struct Located {
    pub(super) object: Object,
    pub(super) document: usize,
    pub(super) line: usize,
}

/// The objects of a text in order; empty documents are passed over.
pub(super) fn objects(text: &str) -> Result<Vec<Located>, NoObject> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let documents = belay_yaml::parse_located(text, &Options::v2()).map_err(|error| unreadable(text, &error))?;
    let mut objects = Vec::with_capacity(documents.len());
    for document in documents {
        let (line, index) = (document.line, document.index);
        match object(document.value) {
            Ok(object) => objects.push(Located { object, document: index, line }),
            Err(why) => return Err(NoObject { before: objects.len(), line, why, is_limit: false }),
        }
    }
    Ok(objects)
}

fn unreadable(text: &str, error: &YamlError) -> NoObject {
    let is_limit = error.kind == belay_yaml::ErrorKind::Limit;
    let good = if is_limit { "" } else { before(text, error.line) };
    let before = match good {
        "" => 0,
        good => objects(good).map_or_else(|fault| fault.before, |objects| objects.len()),
    };
    NoObject { before, line: error.line, why: format!("error converting YAML to JSON: {error}"), is_limit }
}

/// The text before the document in which a line stands; at least a line shorter than the whole.
fn before(text: &str, line: usize) -> &str {
    let (mut at, mut end) = (0, 0);
    for one in text.split_inclusive('\n').take(line.saturating_sub(1)) {
        if one.starts_with("---") {
            end = at;
        }
        at += one.len();
    }
    &text[..end]
}

/// A value as an object.
// Compat(argo 3.5): the sentences, which are those of Kubernetes' decoder
pub(super) fn object(value: Value) -> Result<Object, String> {
    if value.as_object().is_none() {
        let kind = value.type_name();
        return Err(format!("json: cannot unmarshal {kind} into Go value of type unstructured.detector"));
    }
    if value.str_at(&["kind"]).is_none_or(str::is_empty) {
        return Err(format!("Object 'Kind' is missing in '{}'", shown(&value)));
    }
    Object::new(value).map_err(|_| "not a map".to_owned())
}

/// As much of a value as a person reads.
fn shown(value: &Value) -> String {
    const MOST: usize = 256;
    let text = value.to_json();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Puts the items of a list in the list's place. A list without items is nothing.
// Compat(argo 3.5): a list is what has `items`, whatever its kind says; a map with `items: null` and
// neither spec nor status is nothing.
pub(super) fn expand(object: Object) -> Result<Vec<Object>, String> {
    match object.get("items") {
        Some(Value::Array(_)) => {}
        Some(Value::Null) if object.get("spec").is_none() && object.get("status").is_none() => return Ok(Vec::new()),
        _ => return Ok(vec![object]),
    }
    let items = object.into_value().remove(&["items"]);
    let Some(Value::Array(items)) = items else { return Ok(Vec::new()) };
    items.into_iter().map(self::object).collect()
}
