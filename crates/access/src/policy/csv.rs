//! Lines of a policy, each a record of comma-separated values as Go's `encoding/csv` reads them.
//! What the fields mean is the rule's.

use super::rule::Rule;
use super::{Book, MatchMode};
use crate::{Error, Result};

/// A config map holds 1 MiB; that is about twenty thousand lines.
const MAX_LINES: usize = 100_000;

/// Reads the lines of one text into the book.
pub(super) fn load(
    text: &str,
    place: &str,
    mode: MatchMode,
    book: &mut Book,
    warnings: &mut Vec<String>,
) -> Result<()> {
    for (i, line) in text.lines().enumerate() {
        let at = || format!("{place} line {}", i + 1);
        if i >= MAX_LINES {
            return Err(Error::invalid(format!("{}: a policy has at most {MAX_LINES} lines", at())));
        }
        match record(line).map_err(|e| Error::invalid(format!("{}: {e}", at())))? {
            Record::Nothing => {}
            Record::Role { member, role } => give(book, &member, &role),
            Record::Rule(fields) => {
                let [subject, resource, action, object, effect] = &fields;
                let (rule, broken) = Rule::new(mode, resource, action, object, effect);
                warnings.extend(broken.into_iter().map(|why| format!("{}: {why}", at())));
                if let Some(rule) = rule {
                    add(book, subject, rule);
                }
            }
        }
    }
    Ok(())
}

pub(super) fn give(book: &mut Book, member: &str, role: &str) {
    let roles = book.roles.entry(member.into()).or_default();
    roles.push(role.into());
}

pub(super) fn add(book: &mut Book, subject: &str, rule: Rule) {
    book.rules.entry(subject.into()).or_default().push(rule);
}

/// What one line says.
pub(super) enum Record {
    /// It is empty, or a remark.
    Nothing,
    /// `g, member, role`
    Role { member: String, role: String },
    /// `p, subject, resource, action, object, effect`
    Rule([String; 5]),
}

/// Reads one line.
pub(super) fn record(line: &str) -> std::result::Result<Record, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(Record::Nothing);
    }
    let fields = fields(line).map_err(|why| format!("error parsing policy line {line:?}: {why}"))?;
    let wrong = || {
        let why = match fields.first().map(String::as_str) {
            Some("p") => "a p line has six fields: p, subject, resource, action, object, effect",
            Some("g") => "a g line has three fields: g, member, role",
            _ => "a line begins with p or g",
        };
        format!("invalid RBAC policy: {line}: {why}")
    };
    match (fields.first().map(String::as_str), fields.len()) {
        (Some("g"), 3) => {
            let [_, member, role] = fields.try_into().map_err(|_| String::new())?;
            Ok(Record::Role { member, role })
        }
        (Some("p"), 6) => {
            let [_, subject, resource, action, object, effect] = fields.try_into().map_err(|_| String::new())?;
            Ok(Record::Rule([subject, resource, action, object, effect]))
        }
        _ => Err(wrong()),
    }
}

/// Compat(go 1.26): encoding/csv with TrimLeadingSpace; blanks after a field are the field's.
fn fields(line: &str) -> std::result::Result<Vec<String>, &'static str> {
    let (mut fields, mut rest) = (Vec::new(), line);
    loop {
        rest = rest.trim_start();
        if let Some(quoted) = rest.strip_prefix('"') {
            let (field, tail) = unquote(quoted)?;
            fields.push(field);
            match tail.strip_prefix(',') {
                Some(tail) => rest = tail,
                None if tail.is_empty() => return Ok(fields),
                None => return Err("extraneous or missing \" in quoted-field"),
            }
            continue;
        }
        let (field, tail) = rest.split_once(',').map_or((rest, None), |(field, tail)| (field, Some(tail)));
        if field.contains('"') {
            return Err("bare \" in non-quoted-field");
        }
        fields.push(field.to_owned());
        match tail {
            Some(tail) => rest = tail,
            None => return Ok(fields),
        }
    }
}

/// What stands up to the closing quote, and what follows it.
fn unquote(text: &str) -> std::result::Result<(String, &str), &'static str> {
    let (mut field, mut rest) = (String::new(), text);
    loop {
        let (front, tail) = rest.split_once('"').ok_or("extraneous or missing \" in quoted-field")?;
        field.push_str(front);
        match tail.strip_prefix('"') {
            Some(tail) => {
                field.push('"');
                rest = tail;
            }
            None => return Ok((field, tail)),
        }
    }
}
