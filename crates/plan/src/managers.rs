//! Taking over fields from earlier managers.
//!
//! What kubectl applied stays owned by kubectl, and a field removed from Git would linger. So
//! before an object is applied, entries of managers on a list are folded into the owner's own
//! apply entry, and annotations that such tools left are removed: one JSON patch on the live
//! object.

use belay_object::{Map, Object, Value, object};

/// A field manager whose entries are taken over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manager {
    /// The name, or its beginning.
    pub name: String,
    /// Whether the name must be equal and not just begin so.
    pub exact: bool,
    /// Which entries: those made by apply, or those made by any other write.
    pub by_apply: bool,
}

impl Manager {
    /// A manager by the beginning of its name.
    pub fn prefix(name: &str, by_apply: bool) -> Manager {
        Manager { name: name.to_owned(), exact: false, by_apply }
    }
    fn owns(&self, entry: &Value) -> bool {
        let name = entry.str_at(&["manager"]).unwrap_or_default();
        entry.str_at(&["operation"]) == Some(if self.by_apply { "Apply" } else { "Update" })
            && entry.str_at(&["subresource"]).unwrap_or_default().is_empty()
            && if self.exact { name == self.name } else { name.starts_with(&self.name) }
    }
}

/// What is taken over and removed from a live object before it is applied.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Takeover {
    /// Annotations to remove.
    pub annotations: Vec<String>,
    /// Labels to remove.
    pub labels: Vec<String>,
    /// Managers to fold into ours.
    pub managers: Vec<Manager>,
}

impl Takeover {
    /// The JSON patch (RFC 6902) that does it for a live object; `None` where nothing is to be
    /// done. `owner` is the field manager that takes over.
    pub fn patch(&self, live: &Object, owner: &str) -> Option<Value> {
        let mut steps: Vec<Value> = Vec::new();
        for (field, present, names) in
            [("annotations", live.annotations(), &self.annotations), ("labels", live.labels(), &self.labels)]
        {
            for name in names.iter().filter(|n| present.is_some_and(|map| map.contains_key(n))) {
                let path = format!("/metadata/{field}/{}", escape(name));
                steps.push(object! { "op" => "remove", "path" => path });
            }
        }
        if let Some(entries) = self.fold(live, owner) {
            steps.push(object! {
                "op" => "replace",
                "path" => "/metadata/managedFields",
                "value" => Value::from(entries),
            });
        }
        (!steps.is_empty()).then(|| Value::from(steps))
    }

    /// The managed fields after the takeover; `None` where no entry changes. Where the owner has no
    /// apply entry, the first entry taken over becomes it; the owner's entry comes last.
    fn fold(&self, live: &Object, owner: &str) -> Option<Vec<Value>> {
        let entries = live.at(&["metadata", "managedFields"])?.items();
        let ours = entries
            .iter()
            .rposition(|e| e.str_at(&["manager"]) == Some(owner) && e.str_at(&["operation"]) == Some("Apply"));
        let mut owned: Option<Value> = ours.map(|i| entries[i].clone());
        let mut kept = Vec::with_capacity(entries.len());
        let mut taken = false;
        for (i, entry) in entries.iter().enumerate() {
            if Some(i) == ours {
                continue;
            }
            if !self.managers.iter().any(|m| m.owns(entry)) {
                kept.push(entry.clone());
                continue;
            }
            taken = true;
            match &mut owned {
                Some(owned) => merge_fields(owned, entry),
                None => owned = Some(renamed(entry, owner)),
            }
        }
        kept.extend(owned);
        taken.then_some(kept)
    }
}

fn renamed(entry: &Value, owner: &str) -> Value {
    let mut entry = entry.clone();
    entry.set(&["manager"], owner);
    entry.set(&["operation"], "Apply");
    entry
}

fn merge_fields(owned: &mut Value, other: &Value) {
    let Some(other) = other.get("fieldsV1").and_then(Value::as_object) else { return };
    match owned.get_mut("fieldsV1") {
        Some(Value::Object(fields)) => unite(fields, other, 0),
        _ => owned.set(&["fieldsV1"], Value::Object(other.clone())),
    }
}

/// Field sets nest as deep as the objects they describe.
const MAX_DEPTH: usize = 128;

/// The union of two field sets in their JSON form. A set that is `{}` is a member itself; where it
/// meets one with fields below, `.` says that it stays one.
fn unite(into: &mut Map, other: &Map, depth: usize) {
    if depth >= MAX_DEPTH {
        return;
    }
    let (empty, other_empty) = (into.is_empty(), other.is_empty());
    for (name, value) in other.iter() {
        match (into.get_mut(name), value) {
            (Some(Value::Object(mine)), Value::Object(theirs)) => unite(mine, theirs, depth + 1),
            (Some(_), _) => {}
            (None, _) => {
                into.insert(name.clone(), value.clone());
            }
        }
    }
    if depth > 0 && empty != other_empty {
        into.insert(".", Value::object());
    }
}

/// Writes one token of a JSON pointer.
pub(crate) fn escape(token: &str) -> String {
    token.replace('~', "~0").replace('/', "~1")
}
