//! Putting values in: what each operator does.

use super::template::{Node, parse};
use super::{MAX_OUTPUT_BYTES, SubstituteError, glob};

/// Values longer than this, in characters, are not matched against patterns: it costs the square.
const MAX_PATTERN_CHARS: usize = 16_384;

/// Substitutes in a text. `value` gives a variable's value, or `None` where that it is missing is
/// an error; operators that give a default take a missing one as empty.
pub fn substitute_text<'a>(text: &str, value: &dyn Fn(&str) -> Option<&'a str>) -> Result<String, SubstituteError> {
    let nodes = parse(text).map_err(|e| SubstituteError(e.to_owned()))?;
    let mut out = String::with_capacity(text.len());
    for node in &nodes {
        write(node, value, &mut out)?;
    }
    Ok(out)
}

/// Nesting is limited where it is read.
fn write<'a>(node: &Node, value: &dyn Fn(&str) -> Option<&'a str>, out: &mut String) -> Result<(), SubstituteError> {
    match node {
        Node::Text(text) => out.push_str(text),
        Node::Variable { name, operator, arguments } => {
            let arguments = arguments
                .iter()
                .map(|argument| {
                    let mut text = String::new();
                    write(argument, value, &mut text)?;
                    Ok(text)
                })
                .collect::<Result<Vec<_>, SubstituteError>>()?;
            let found = value(name);
            if found.is_none() && !gives_default(operator) {
                return Err(SubstituteError(format!("variable not set (strict mode): {name:?}")));
            }
            out.push_str(&apply(operator, found.unwrap_or_default(), &arguments, name)?);
        }
    }
    if out.len() > MAX_OUTPUT_BYTES {
        return Err(SubstituteError(format!("the result has more than {MAX_OUTPUT_BYTES} bytes")));
    }
    Ok(())
}

fn gives_default(operator: &str) -> bool {
    matches!(operator, "=" | ":=" | ":-" | ":+" | ":?")
}

fn apply(operator: &str, value: &str, arguments: &[String], name: &str) -> Result<String, SubstituteError> {
    let argument = |i: usize| arguments.get(i).map(String::as_str).unwrap_or_default();
    let trim = |find: fn(&[char], &[char]) -> usize, from_end: bool| trimmed(value, argument(0), find, from_end, name);
    Ok(match (operator, arguments.len()) {
        (",", _) => first(value, lower),
        (",,", _) => value.chars().map(lower).collect(),
        ("^", _) => first(value, upper),
        ("^^", _) => value.chars().map(upper).collect(),
        ("#", 0) => value.len().to_string(),
        ("#", _) => trim(glob::shortest, false)?,
        ("##", _) => trim(glob::longest, false)?,
        ("%", _) => trim(glob::shortest, true)?,
        ("%%", _) => trim(glob::longest, true)?,
        (":", _) => return substring(value, arguments, name),
        ("/#", 2) if value.starts_with(argument(0)) => value.replacen(argument(0), argument(1), 1),
        ("/%", 2) => match value.strip_suffix(argument(0)) {
            Some(front) => format!("{front}{}", argument(1)),
            None => value.to_owned(),
        },
        ("/#" | "/%", _) => value.to_owned(),
        ("/", _) => value.replacen(argument(0), argument(1), 1),
        ("//", _) => value.replace(argument(0), argument(1)),
        // All that is left gives a default, `:+` and `:?` too.
        _ if value.is_empty() => arguments.concat(),
        _ => value.to_owned(),
    })
}

/// One character for one, as Go maps them.
fn lower(c: char) -> char {
    single(c, c.to_lowercase())
}
fn upper(c: char) -> char {
    single(c, c.to_uppercase())
}
fn single(c: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn first(value: &str, map: fn(char) -> char) -> String {
    let mut chars = value.chars();
    chars.next().map(map).into_iter().chain(chars).collect()
}

/// For the end of a value, value and pattern are both reversed, with all that means for patterns
/// that are more than letters and stars.
fn trimmed(
    value: &str,
    pattern: &str,
    find: fn(&[char], &[char]) -> usize,
    from_end: bool,
    name: &str,
) -> Result<String, SubstituteError> {
    let (mut value, mut pattern): (Vec<char>, Vec<char>) = (value.chars().collect(), pattern.chars().collect());
    if value.len() > MAX_PATTERN_CHARS || pattern.len() > MAX_PATTERN_CHARS {
        return Err(SubstituteError(format!("{name:?} is too long to be matched against a pattern")));
    }
    if from_end {
        value.reverse();
        pattern.reverse();
    }
    let cut = find(&pattern, &value);
    let rest = value[cut..].iter();
    Ok(if from_end { rest.rev().collect() } else { rest.collect() })
}

/// Positions and lengths are in bytes. What is no number gives the whole value.
fn substring(value: &str, arguments: &[String], name: &str) -> Result<String, SubstituteError> {
    let whole = || Ok(value.to_owned());
    let length = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let Some(Ok(at)) = arguments.first().map(|a| a.parse::<i64>()) else { return whole() };
    let at = if at < 0 { length.saturating_add(at).max(0) } else { at };
    let end = match arguments.get(1).map(|a| a.parse::<i64>()) {
        None => length,
        Some(Err(_)) => return whole(),
        Some(Ok(count)) => at.saturating_add(count),
    };
    if end >= length && at >= length {
        return Ok(String::new());
    }
    let (from, to) = (usize::try_from(at), usize::try_from(end.min(length)));
    match (from, to) {
        (Ok(from), Ok(to)) if from <= to && value.is_char_boundary(from) && value.is_char_boundary(to) => {
            Ok(value[from..to].to_owned())
        }
        _ => Err(SubstituteError(format!("{name:?} has no characters from {at} to {end}"))),
    }
}
