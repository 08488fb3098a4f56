//! [`FieldSet`]: a set of field paths, as `fieldsV1` of managedFields holds one.
//!
//! A path element is kept as the text it has in `fieldsV1` (`f:spec`, `k:{"name":"c"}`, `v:"x"`), for
//! that text is canonical: comparing two elements is comparing two names, and reading and writing a
//! set touches no JSON inside of them. Only a message needs the element's meaning ([`Element`]).

use std::cmp::Ordering;

use belay_object::{Key, Map, Value, from_json_str};

use crate::error::quoted;

/// A set of paths, sorted at every level.
#[derive(Clone, Default, PartialEq, Debug)]
pub struct FieldSet {
    entries: Vec<Entry>,
}

#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Entry {
    pub(crate) element: Key,
    /// Whether the path that ends here is in the set.
    pub(crate) member: bool,
    /// The paths that go on from here.
    pub(crate) below: FieldSet,
}

impl FieldSet {
    /// The empty set.
    pub fn new() -> FieldSet {
        FieldSet::default()
    }
    /// Whether no path is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    /// How many paths are in it.
    pub fn len(&self) -> usize {
        self.entries.iter().map(|e| usize::from(e.member) + e.below.len()).sum()
    }
    /// Reads the `fieldsV1` of a managedFields entry. What is no path element is passed over.
    pub fn parse(fields: &Value) -> FieldSet {
        let Some(map) = fields.as_object() else { return FieldSet::new() };
        let mut entries = Vec::with_capacity(map.len());
        for (element, below) in map.iter() {
            if element.as_bytes().get(1) != Some(&b':') {
                continue;
            }
            let member = below.as_object().is_none_or(|m| m.is_empty() || m.contains_key("."));
            let below = FieldSet::parse(below);
            if member || !below.is_empty() {
                entries.push(Entry { element: element.clone(), member, below });
            }
        }
        FieldSet { entries }
    }
    /// Writes it as `fieldsV1`.
    pub fn to_value(&self) -> Value {
        Value::Object(self.to_map(false))
    }
    fn to_map(&self, dot: bool) -> Map {
        let mut map = Map::with_capacity(self.entries.len() + usize::from(dot));
        if dot {
            map.insert(".", Value::object());
        }
        for entry in &self.entries {
            let below = entry.below.to_map(entry.member && !entry.below.is_empty());
            map.insert(entry.element.clone(), below);
        }
        map
    }
    /// Makes a set of one or more paths of field names.
    pub fn of_names(paths: &[&[&str]]) -> FieldSet {
        let mut set = FieldSet::new();
        for path in paths {
            let keys: Vec<Key> = path.iter().map(|name| Key::new(&format!("f:{name}"))).collect();
            set.insert(&keys);
        }
        set
    }
    /// Adds one path; its parents are not added.
    pub(crate) fn insert(&mut self, path: &[Key]) {
        let Some((first, rest)) = path.split_first() else { return };
        let entry = self.entry(first);
        match rest {
            [] => entry.member = true,
            _ => entry.below.insert(rest),
        }
    }
    /// The entry of an element, made where it is absent. The caller must fill it: *Invariant*: an
    /// entry is a member or has something below.
    pub(crate) fn entry(&mut self, element: &Key) -> &mut Entry {
        let at = match self.entries.last() {
            Some(last) if last.element.as_str() < element.as_str() => Err(self.entries.len()),
            _ => self.entries.binary_search_by(|e| e.element.as_str().cmp(element)),
        };
        let at = at.unwrap_or_else(|at| {
            self.entries.insert(at, Entry { element: element.clone(), member: false, below: FieldSet::new() });
            at
        });
        &mut self.entries[at]
    }
    /// Takes a finished entry; nothing where it holds no path.
    pub(crate) fn add(&mut self, element: &Key, member: bool, below: FieldSet) {
        if !member && below.is_empty() {
            return;
        }
        match self.entries.last() {
            Some(last) if last.element.as_str() >= element.as_str() => {
                let entry = self.entry(element);
                entry.member |= member;
                if entry.below.is_empty() {
                    entry.below = below;
                } else if !below.is_empty() {
                    entry.below = entry.below.union(&below);
                }
            }
            _ => self.entries.push(Entry { element: element.clone(), member, below }),
        }
    }
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }
    pub(crate) fn get(&self, element: &str) -> Option<&Entry> {
        self.entries.binary_search_by(|e| e.element.as_str().cmp(element)).ok().map(|at| &self.entries[at])
    }

    /// Walks both sets at once; `one` and `other` say what stays of entries only one side has.
    fn zip(
        &self,
        other: &FieldSet,
        both: impl Fn(&Entry, &Entry) -> (bool, FieldSet),
        only_self: bool,
        only_other: bool,
    ) -> FieldSet {
        let (a, b) = (&self.entries, &other.entries);
        let mut out = FieldSet { entries: Vec::with_capacity(a.len().max(b.len())) };
        let (mut i, mut j) = (0, 0);
        while i < a.len() || j < b.len() {
            let order = match (a.get(i), b.get(j)) {
                (Some(x), Some(y)) => x.element.cmp(&y.element),
                (Some(_), None) => Ordering::Less,
                (None, _) => Ordering::Greater,
            };
            match order {
                Ordering::Less => {
                    if only_self {
                        out.entries.push(a[i].clone());
                    }
                    i += 1;
                }
                Ordering::Greater => {
                    if only_other {
                        out.entries.push(b[j].clone());
                    }
                    j += 1;
                }
                Ordering::Equal => {
                    let (member, below) = both(&a[i], &b[j]);
                    if member || !below.is_empty() {
                        out.entries.push(Entry { element: a[i].element.clone(), member, below });
                    }
                    i += 1;
                    j += 1;
                }
            }
        }
        out
    }
    /// Paths in either.
    pub fn union(&self, other: &FieldSet) -> FieldSet {
        self.zip(other, |a, b| (a.member || b.member, a.below.union(&b.below)), true, true)
    }
    /// Paths in both.
    pub fn intersection(&self, other: &FieldSet) -> FieldSet {
        self.zip(other, |a, b| (a.member && b.member, a.below.intersection(&b.below)), false, false)
    }
    /// Paths here that are not there. A parent there takes no child away.
    pub fn difference(&self, other: &FieldSet) -> FieldSet {
        self.zip(other, |a, b| (a.member && !b.member, a.below.difference(&b.below)), true, false)
    }
    /// Paths here that are neither there nor below one that is.
    pub fn recursive_difference(&self, other: &FieldSet) -> FieldSet {
        self.zip(
            other,
            |a, b| if b.member { (false, FieldSet::new()) } else { (a.member, a.below.recursive_difference(&b.below)) },
            true,
            false,
        )
    }
    /// Takes the other's paths out in place: cheap where the other is small.
    pub(crate) fn subtract(&mut self, other: &FieldSet) {
        for gone in &other.entries {
            let Ok(at) = self.entries.binary_search_by(|e| e.element.as_str().cmp(&gone.element)) else { continue };
            let entry = &mut self.entries[at];
            entry.member &= !gone.member;
            entry.below.subtract(&gone.below);
            if !entry.member && entry.below.is_empty() {
                self.entries.remove(at);
            }
        }
    }
    /// The same, with all that is below the other's paths.
    pub(crate) fn subtract_recursively(&mut self, other: &FieldSet) {
        for gone in &other.entries {
            let Ok(at) = self.entries.binary_search_by(|e| e.element.as_str().cmp(&gone.element)) else { continue };
            let entry = &mut self.entries[at];
            if gone.member {
                self.entries.remove(at);
                continue;
            }
            entry.below.subtract_recursively(&gone.below);
            if !entry.member && entry.below.is_empty() {
                self.entries.remove(at);
            }
        }
    }
    /// Whether all paths are in the other too.
    pub fn is_subset(&self, other: &FieldSet) -> bool {
        self.entries
            .iter()
            .all(|e| other.get(&e.element).is_some_and(|o| (o.member || !e.member) && e.below.is_subset(&o.below)))
    }
    /// Whether this very path is in the set.
    pub fn contains(&self, path: &[&str]) -> bool {
        let Some((first, rest)) = path.split_first() else { return false };
        self.get(first).is_some_and(|e| if rest.is_empty() { e.member } else { e.below.contains(rest) })
    }
    /// All paths as messages write them (`.spec.items[id="x"].v`), members of a level first, names
    /// before keys before values.
    pub fn paths(&self) -> Vec<String> {
        let mut out = Vec::new();
        self.collect("", &mut out);
        out
    }
    fn collect(&self, prefix: &str, out: &mut Vec<String>) {
        let mut elements: Vec<(Element, &Entry)> =
            self.entries.iter().map(|e| (Element::parse(&e.element), e)).collect();
        elements.sort_by(|a, b| a.0.compare(&b.0));
        for (element, entry) in &elements {
            if entry.member {
                out.push(format!("{prefix}{}", element.text()));
            }
        }
        for (element, entry) in &elements {
            entry.below.collect(&format!("{prefix}{}", element.text()), out);
        }
    }
}

/// What a path element means; for messages and for looking at values.
#[derive(Debug)]
pub(crate) enum Element<'a> {
    Field(&'a str),
    Key(Map),
    Value(Value),
    Index(i64),
}

impl Element<'_> {
    pub(crate) fn parse(element: &str) -> Element<'_> {
        let (kind, rest) = element.split_at_checked(2).unwrap_or(("f:", element));
        match kind {
            "k:" => match from_json_str(rest) {
                Ok(Value::Object(fields)) => Element::Key(fields),
                _ => Element::Key(Map::new()),
            },
            "v:" => Element::Value(from_json_str(rest).unwrap_or_default()),
            "i:" => Element::Index(rest.parse().unwrap_or_default()),
            _ => Element::Field(rest),
        }
    }
    /// The field's name; `None` where the element is an item of a list.
    pub(crate) fn parse_shallow(element: &str) -> Option<&str> {
        element.strip_prefix("f:")
    }
    fn rank(&self) -> u8 {
        match self {
            Element::Field(_) => 0,
            Element::Key(_) => 1,
            Element::Value(_) => 2,
            Element::Index(_) => 3,
        }
    }
    fn compare(&self, other: &Element) -> Ordering {
        match (self, other) {
            (Element::Field(a), Element::Field(b)) => a.cmp(b),
            (Element::Index(a), Element::Index(b)) => a.cmp(b),
            (Element::Value(a), Element::Value(b)) => compare_scalars(a, b),
            (Element::Key(a), Element::Key(b)) => a
                .iter()
                .zip(b.iter())
                .map(|((ka, va), (kb, vb))| ka.cmp(kb).then_with(|| compare_scalars(va, vb)))
                .find(|o| o.is_ne())
                .unwrap_or_else(|| a.len().cmp(&b.len())),
            _ => self.rank().cmp(&other.rank()),
        }
    }
    /// `.name`, `[key="value"]`, `[="value"]`, `[0]`.
    pub(crate) fn text(&self) -> String {
        match self {
            Element::Field(name) => format!(".{name}"),
            Element::Key(fields) => {
                let list: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={}", scalar_text(v))).collect();
                format!("[{}]", list.join(","))
            }
            Element::Value(value) => format!("[={}]", scalar_text(value)),
            Element::Index(i) => format!("[{i}]"),
        }
    }
}

fn scalar_text(value: &Value) -> String {
    match value {
        Value::Str(s) => quoted(s),
        other => other.to_json(),
    }
}

fn compare_scalars(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Str(a), Value::Str(b)) => a.cmp(b),
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        _ => match (a.as_f64(), b.as_f64()) {
            (Some(a), Some(b)) => a.total_cmp(&b),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => a.type_name().cmp(b.type_name()),
        },
    }
}
