//! Field paths of replacements and variables: names joined by dots, list items by `[name=value]`,
//! position, `*` or `-`.

use belay_object::Value;

use crate::error::{Error, Result};
use crate::fieldspec::{split_path, wrong_kind};
use crate::growth::check_depth;
use crate::pattern::Search;
use crate::scalar::{is_null, is_scalar, text};

/// Splits a path. What stands between brackets is one part: a list item where it holds a `=`, else
/// a name.
pub(crate) fn split(path: &str) -> Vec<String> {
    let mut parts = split_path(path, '.').into_iter();
    let mut result = Vec::new();
    while let Some(part) = parts.next() {
        if !part.starts_with('[') || part.ends_with(']') {
            result.push(part);
            continue;
        }
        let mut bracketed = part;
        for more in parts.by_ref() {
            bracketed.push('.');
            bracketed.push_str(&more);
            if more.ends_with(']') {
                break;
            }
        }
        let is_item = bracketed.contains('=');
        result.push(if is_item { bracketed } else { bracketed.trim_matches(['[', ']']).to_owned() });
    }
    result
}

/// One part of a path.
enum Part<'a> {
    Name(&'a str),
    Position(usize),
    Last,
    Every,
    /// Items whose field, or that themselves where it is empty, have a value.
    Items(&'a str, &'a str),
}

fn read_part(part: &str) -> Result<Part<'_>> {
    if let Ok(position) = part.parse::<i64>() {
        return usize::try_from(position)
            .map(Part::Position)
            .map_err(|_| Error::transform(format!("array index {position} cannot be negative")));
    }
    Ok(match part {
        "-" => Part::Last,
        "*" => Part::Every,
        _ => match part.strip_prefix('[').and_then(|p| p.strip_suffix(']')) {
            Some(item) => {
                let (field, value) = item.split_once('=').ok_or_else(|| {
                    Error::transform("list path element must contain fieldName=fieldValue for element to match")
                })?;
                Part::Items(field, value)
            }
            None => Part::Name(part),
        },
    })
}

fn items(value: &Value) -> Result<&[Value]> {
    match value {
        Value::Array(items) => Ok(items),
        null if is_null(null) => Ok(&[]),
        other => Err(wrong_kind("SequenceNode", other)),
    }
}

/// What stands at a path of which each part names one thing.
pub(crate) fn lookup<'a>(value: &'a Value, path: &[String]) -> Result<Option<&'a Value>> {
    let mut at = value;
    for part in path.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        let next = match read_part(part)? {
            Part::Position(i) => items(at)?.get(i),
            Part::Last => items(at)?.last(),
            Part::Every => return Err(Error::transform("wildcard is not supported in PathGetter")),
            Part::Items(field, wanted) => items(at)?.iter().find(|item| match item {
                scalar if field.is_empty() => text(scalar) == wanted,
                item => item.get(field).is_some_and(|found| text(found) == wanted),
            }),
            Part::Name(name) => match at {
                Value::Object(map) => map.get(name),
                null if is_null(null) => None,
                other => return Err(wrong_kind("MappingNode", other)),
            },
        };
        match next {
            Some(next) => at = next,
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

/// The value at a variable's path, where `name[0]` is a name and a position.
pub(crate) fn field_value<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    let mut parts = Vec::new();
    for part in split(path) {
        let indexed = part
            .strip_suffix(']')
            .and_then(|p| p.rsplit_once('['))
            .filter(|(_, i)| !i.is_empty() && i.bytes().all(|b| b.is_ascii_digit()));
        match indexed {
            Some((name, position)) => {
                parts.extend((!name.is_empty()).then(|| name.to_owned()));
                parts.push(position.to_owned());
            }
            None => parts.push(part),
        }
    }
    lookup(value, &parts).ok().flatten()
}

/// What is made where a path leads to nothing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Make {
    Nothing,
    Scalar,
    Map,
    List,
}

impl Make {
    /// To hold a value of this shape.
    pub(crate) fn like(value: &Value) -> Make {
        match value {
            Value::Object(_) => Make::Map,
            Value::Array(_) => Make::List,
            _ => Make::Scalar,
        }
    }

    /// What is made for a part that is followed by others.
    fn before(self, rest: &[String]) -> Value {
        match (rest.first(), self) {
            (Some(next), _) if next.parse::<usize>().is_ok() || is_item(next) => Value::Array(Default::default()),
            (Some(_), _) | (None, Make::Map) => Value::object(),
            (None, Make::List) => Value::Array(Default::default()),
            (None, _) => Value::Null,
        }
    }
}

fn is_item(part: &str) -> bool {
    part.starts_with('[') && part.ends_with(']')
}

/// A place that a path leads to.
pub(crate) struct Place<'a> {
    pub(crate) value: &'a mut Value,
    /// Whether it was made for this: it has no type yet.
    pub(crate) is_new: bool,
}

type Visit<'a> = &'a mut dyn FnMut(Place<'_>) -> Result<()>;

/// Visits every place that a path leads to and gives their number. A path that goes into a text is
/// followed in what the text holds as YAML, though nothing is changed there.
pub(crate) fn visit(value: &mut Value, path: &[String], make: Make, visit: Visit<'_>) -> Result<usize> {
    check_depth(path.len())?;
    walk(value, path, make, false, visit)
}

fn walk(value: &mut Value, path: &[String], make: Make, is_new: bool, visit: Visit<'_>) -> Result<usize> {
    let Some((part, rest)) = path.split_first() else {
        visit(Place { value, is_new })?;
        return Ok(1);
    };
    if part.parse::<usize>().is_ok() || is_item(part) || part == "*" {
        if let Value::Null = value {
            *value = Value::Array(Default::default());
        }
        return walk_list(value, part, rest, make, visit);
    }
    match value {
        Value::Object(map) => {
            let mut made = false;
            if !map.contains_key(part) {
                if make == Make::Nothing {
                    return Ok(0);
                }
                made = true;
                map.insert(part.as_str(), make.before(rest));
            }
            let field = map.entry(part);
            if !rest.is_empty() && !made && (is_scalar(field) || is_null(field)) {
                return in_text(field, rest, make);
            }
            walk(field, rest, make, made, visit)
        }
        null if is_null(null) => Ok(0),
        other => Err(wrong_kind("MappingNode", other)),
    }
}

/// Follows a path in the YAML that a text holds: only whether it leads somewhere is of use.
fn in_text(field: &Value, rest: &[String], make: Make) -> Result<usize> {
    if is_null(field) {
        return Ok(0);
    }
    let mut parsed = belay_yaml::parse_value(&text(field), &belay_yaml::Options::v3())
        .map_err(|error| Error::transform(error.go_text))?;
    walk(&mut parsed, rest, make, false, &mut |_| Ok(()))
}

fn walk_list(value: &mut Value, part: &str, rest: &[String], make: Make, visit: Visit<'_>) -> Result<usize> {
    let Value::Array(list) = value else {
        return if is_null(value) { Ok(0) } else { Err(wrong_kind("SequenceNode", value)) };
    };
    match read_part(part)? {
        Part::Position(i) => {
            let mut made = false;
            if list.len() == i && make != Make::Nothing {
                list.push(make.before(rest));
                made = true;
            }
            let count = list.len();
            let item = list
                .get_mut(i)
                .ok_or_else(|| Error::transform(format!("index {i} specified but only {count} elements found")))?;
            walk(item, rest, make, made, visit)
        }
        Part::Every => {
            let mut count = 0;
            for item in list.iter_mut() {
                count += walk(item, rest, make, false, visit)?;
            }
            Ok(count)
        }
        Part::Items(field, wanted) => {
            let search =
                Search::new(wanted).ok_or_else(|| Error::transform(format!("error parsing regexp: `{wanted}`")))?;
            let mut count = 0;
            let mut fits_any = false;
            for item in list.iter_mut() {
                if field.is_empty() {
                    if search.finds(&text(item)) {
                        visit(Place { value: item, is_new: false })?;
                        count += 1;
                    }
                } else if item.get(field).is_some_and(|found| search.finds(&text(found))) {
                    fits_any = true;
                    count += walk(item, rest, make, false, visit)?;
                }
            }
            if count > 0 || make == Make::Nothing || fits_any {
                return Ok(count);
            }
            let mut item = Value::from(wanted);
            if !field.is_empty() {
                item = Value::object();
                item.set(&[field], crate::scalar::plain(wanted));
            }
            list.push(item);
            match list.last_mut() {
                Some(item) if field.is_empty() => {
                    visit(Place { value: item, is_new: true })?;
                    Ok(1)
                }
                Some(item) => walk(item, rest, make, false, visit),
                None => Ok(0),
            }
        }
        Part::Name(_) | Part::Last => Ok(0),
    }
}

#[cfg(test)]
mod tests;
