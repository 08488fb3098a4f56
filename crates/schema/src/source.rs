//! Custom resource definitions written down a line a field, and made of that.
//!
//! ```text
//! kind GitRepository source.toolkit.fluxcd.io/v1 gitrepositories
//! about What it is.
//! short gitrepo
//! category all,sources            (as many as there are; the line may be left out)
//! status plain                    (no subresource; without the line a field `status` makes one)
//! column Age | .metadata.creationTimestamp
//! column URL | .spec.url            (| wide, or | 10: a priority, shown with -o wide alone)
//! spec object -- What it is for.
//!   ? !has(self.a) || has(self.b) -- a rule, and what is said where it does not hold
//!   url! string pattern=^https://.*$ -- `!`: required. Indented lines are fields of the line above.
//!   items []object                    (lists: `[]` before the type; maps: `{}`)
//!   secretRef @reference              (a shape; lists of one: `[]@shape`)
//! ```
//!
//! Shapes are written `shape NAME TYPE` with their fields below; a later shape may use earlier ones.
//! Types are those of OpenAPI and `any`, `any-object` (a map of anything), `int-or-string`.
//! Constraints are `def=JSON`, `enum=`, `itemenum=` (comma-separated), `pattern=`, `format=`,
//! `minLength=`, `maxLength=`, `minItems=`, `maxItems=`, `minimum=`, `list-type=`, `keys=`,
//! `map-type=`. None holds a space. `duration` and `short-duration` are strings of Go's form; the
//! short one has no hours.

mod definition;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use belay_object::{Object, Value, from_json_str};

/// Makes the definition of one kind.
pub fn definition(text: &str, shapes: &Shapes) -> Result<Object, String> {
    definition::definition(&read_kind(text, shapes)?)
}

/// One field, or one shape.
#[derive(Clone, Debug, Default)]
struct Field {
    name: String,
    required: bool,
    kind: String,
    constraints: Vec<(String, String)>,
    about: String,
    rules: Vec<(String, String)>,
    fields: Vec<Field>,
}

/// One kind.
#[derive(Debug, Default)]
struct Kind {
    kind: String,
    group: String,
    version: String,
    plural: String,
    about: String,
    short: Vec<String>,
    categories: Vec<String>,
    plain_status: bool,
    columns: Vec<Column>,
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Column {
    name: String,
    path: String,
    priority: i64,
}

/// Shapes by name.
#[derive(Debug, Default)]
pub struct Shapes(BTreeMap<String, Field>);

impl Shapes {
    /// Reads a file of shapes.
    pub fn read(text: &str) -> Result<Shapes, String> {
        let mut shapes = Shapes::default();
        let mut lines: Vec<(usize, &str)> = Vec::new();
        for line in text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
            match line.strip_prefix("shape ") {
                Some(head) => {
                    shapes.finish(&lines)?;
                    lines = vec![(0, head)];
                }
                None => lines.push(indented(line)),
            }
        }
        shapes.finish(&lines)?;
        Ok(shapes)
    }
    fn finish(&mut self, lines: &[(usize, &str)]) -> Result<(), String> {
        for field in read_fields(lines, self)? {
            self.0.insert(field.name.clone(), field);
        }
        Ok(())
    }
    fn expand(&self, field: &mut Field) -> Result<(), String> {
        let Some((list, name)) = field.kind.split_once('@') else { return Ok(()) };
        let shape = self.0.get(name).ok_or_else(|| format!("{}: there is no shape {name:?}", field.name))?;
        field.kind = format!("{list}{}", shape.kind);
        field.fields = shape.fields.clone();
        field.rules = shape.rules.clone();
        if field.about.is_empty() {
            field.about = shape.about.clone();
        }
        Ok(())
    }
}

/// Reads one kind.
fn read_kind(text: &str, shapes: &Shapes) -> Result<Kind, String> {
    let mut kind = Kind::default();
    let mut lines = Vec::new();
    for line in text.lines().filter(|l| !l.trim().is_empty() && !l.starts_with('#')) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "kind" => {
                let parts: Vec<&str> = rest.split(' ').collect();
                let [name, api_version, plural] = parts[..] else { return Err(format!("not a kind: {line}")) };
                let (group, version) = api_version.split_once('/').ok_or_else(|| format!("no version: {line}"))?;
                kind.kind = name.to_owned();
                kind.group = group.to_owned();
                kind.version = version.to_owned();
                kind.plural = plural.to_owned();
            }
            "about" => kind.about = rest.to_owned(),
            "short" => kind.short = rest.split(',').map(str::to_owned).collect(),
            "category" => kind.categories = rest.split(',').map(str::to_owned).collect(),
            "status" if rest == "plain" => kind.plain_status = true,
            "column" => kind.columns.push(column(rest)?),
            _ => lines.push(indented(line)),
        }
    }
    kind.fields = read_fields(&lines, shapes)?;
    Ok(kind)
}

fn column(text: &str) -> Result<Column, String> {
    let parts: Vec<&str> = text.split(" | ").collect();
    let wrong = || format!("not a column: {text}");
    let (name, path, priority) = match parts[..] {
        [name, path] => (name, path, 0),
        [name, path, "wide"] => (name, path, 1),
        [name, path, priority] => (name, path, priority.parse().map_err(|_| wrong())?),
        _ => return Err(wrong()),
    };
    Ok(Column { name: name.to_owned(), path: path.to_owned(), priority })
}

fn indented(line: &str) -> (usize, &str) {
    let text = line.trim_start_matches(' ');
    ((line.len() - text.len()) / 2, text)
}

/// Reads lines of one depth and below. Fields come out in the order of their names.
fn read_fields(lines: &[(usize, &str)], shapes: &Shapes) -> Result<Vec<Field>, String> {
    let mut fields = Vec::new();
    let Some(&(depth, _)) = lines.first() else { return Ok(fields) };
    let mut rest = lines;
    while let [(own, head), below @ ..] = rest {
        if *own != depth {
            return Err(format!("{head}: stands too deep"));
        }
        let end = below.iter().position(|(d, _)| *d <= depth).unwrap_or(below.len());
        let (inside, after) = below.split_at(end);
        let rules = inside.iter().take_while(|(_, text)| text.starts_with("? ")).count();
        let (rules, inside) = inside.split_at(rules);
        let mut field = head_of(head)?;
        for (_, rule) in rules {
            let (rule, message) = rule[2..].split_once(" -- ").ok_or_else(|| format!("{rule}: says nothing"))?;
            field.rules.push((rule.to_owned(), message.to_owned()));
        }
        field.fields = read_fields(inside, shapes)?;
        shapes.expand(&mut field)?;
        fields.push(field);
        rest = after;
    }
    Ok(fields)
}

fn head_of(line: &str) -> Result<Field, String> {
    let (head, about) = line.split_once(" -- ").unwrap_or((line, ""));
    let mut words = head.split(' ');
    let name = words.next().unwrap_or_default();
    let kind = words.next().ok_or_else(|| format!("{line}: has no type"))?;
    let constraints = words
        .map(|word| {
            let (key, value) = word.split_once('=').ok_or_else(|| format!("{line}: {word:?} is no constraint"))?;
            Ok((key.to_owned(), value.to_owned()))
        })
        .collect::<Result<_, String>>()?;
    Ok(Field {
        name: name.trim_end_matches('!').to_owned(),
        required: name.ends_with('!'),
        kind: kind.to_owned(),
        constraints,
        about: about.to_owned(),
        ..Field::default()
    })
}

/// The value of a constraint that holds JSON.
fn json(text: &str) -> Result<Value, String> {
    from_json_str(text).map_err(|e| format!("{text}: {e}"))
}
