//! Which names a definition gets: those that no older definition of its group holds.

use belay_object::{Object, Value, object};

use super::{GROUP, RESOURCE, condition_holds, set_condition};
use crate::resource::texts;
use crate::store::Store;

/// Writes `acceptedNames`, `NamesAccepted` and `Established` from what other definitions hold.
pub(super) fn accept(store: &Store, definition: &mut Object) {
    let wanted = definition.at(&["spec", "names"]).cloned().unwrap_or_default();
    let group = definition.str_at(&["spec", "group"]).unwrap_or_default().to_owned();
    let others: Vec<Value> = store
        .list(GROUP, RESOURCE, "")
        .iter()
        .filter(|d| d.name() != definition.name() && d.str_at(&["spec", "group"]) == Some(&group))
        .filter_map(|d| d.at(&["status", "acceptedNames"]).cloned())
        .collect();
    let (accepted, conflict) = settle(&wanted, definition.at(&["status", "acceptedNames"]), &others);
    definition.set(&["status", "acceptedNames"], accepted);
    match &conflict {
        None => set_condition(definition, "NamesAccepted", true, "NoConflicts", "no conflicts found"),
        Some((reason, message)) => set_condition(definition, "NamesAccepted", false, reason, message),
    }
    // Once established always established: a later conflict takes no resource away.
    if condition_holds(definition, "Established") {
        return;
    }
    match conflict {
        None => {
            let message = "the initial names have been accepted";
            set_condition(definition, "Established", true, "InitialNamesAccepted", message);
        }
        Some(_) => set_condition(definition, "Established", false, "NotAccepted", "not all names are accepted"),
    }
}

/// The names that a definition gets, each on its own, and the last of what it does not get.
fn settle(wanted: &Value, held: Option<&Value>, others: &[Value]) -> (Value, Option<(&'static str, String)>) {
    let text = |v: &Value, key: &str| v.str_at(&[key]).unwrap_or_default().to_owned();
    // Plural, singular and short names are one space of names; kinds and list kinds another.
    let resources: Vec<String> = others
        .iter()
        .flat_map(|o| [text(o, "plural"), text(o, "singular")].into_iter().chain(texts(&o["shortNames"])))
        .collect();
    let kinds: Vec<String> = others.iter().flat_map(|o| [text(o, "kind"), text(o, "listKind")]).collect();
    let used = |taken: &[String], name: &str| !name.is_empty() && taken.iter().any(|t| t == name);
    let mut accepted = held.cloned().unwrap_or_else(|| object! { "kind" => "", "plural" => "" });
    let mut conflict = None;
    let in_use = |name: &str| format!("{name:?} is already in use");
    for (key, reason) in [("plural", "PluralConflict"), ("singular", "SingularConflict")] {
        match text(wanted, key) {
            name if used(&resources, &name) => conflict = Some((reason, in_use(&name))),
            name => accepted.set(&[key], name),
        }
    }
    match texts(&wanted["shortNames"]).iter().find(|name| used(&resources, name)) {
        Some(name) => conflict = Some(("ShortNamesConflict", in_use(name))),
        None => carry(&mut accepted, wanted, "shortNames"),
    }
    for (key, reason) in [("kind", "KindConflict"), ("listKind", "ListKindConflict")] {
        match text(wanted, key) {
            name if used(&kinds, &name) => conflict = Some((reason, in_use(&name))),
            name => accepted.set(&[key], name),
        }
    }
    carry(&mut accepted, wanted, "categories");
    (accepted, conflict)
}

fn carry(accepted: &mut Value, wanted: &Value, key: &str) {
    match wanted.get(key) {
        Some(value) => accepted.set(&[key], value.clone()),
        None => drop(accepted.remove(&[key])),
    }
}
