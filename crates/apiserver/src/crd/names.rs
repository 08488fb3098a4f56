//! Which names a definition gets: those that no older definition of its group holds.

use belay_object::{Object, Value};

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
    let conflict = first_conflict(&wanted, &others);
    match &conflict {
        None => {
            definition.set(&["status", "acceptedNames"], wanted);
            set_condition(definition, "NamesAccepted", true, "NoConflicts", "no conflicts found");
        }
        Some((reason, message)) => set_condition(definition, "NamesAccepted", false, reason, message),
    }
    if definition.at(&["status", "acceptedNames"]).is_none() {
        definition.set(&["status", "acceptedNames", "kind"], "");
        definition.set(&["status", "acceptedNames", "plural"], "");
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

fn first_conflict(wanted: &Value, others: &[Value]) -> Option<(&'static str, String)> {
    let text = |v: &Value, key: &str| v.str_at(&[key]).unwrap_or_default().to_owned();
    // Plural, singular and short names are one space of names; kinds and list kinds another.
    let resources: Vec<String> = others
        .iter()
        .flat_map(|o| [text(o, "plural"), text(o, "singular")].into_iter().chain(texts(&o["shortNames"])))
        .collect();
    let kinds: Vec<String> = others.iter().flat_map(|o| [text(o, "kind"), text(o, "listKind")]).collect();
    let used = |taken: &[String], name: &str| !name.is_empty() && taken.iter().any(|t| t == name);
    for (key, reason) in [("plural", "PluralConflict"), ("singular", "SingularConflict")] {
        let name = text(wanted, key);
        if used(&resources, &name) {
            return Some((reason, format!("{name:?} is already in use")));
        }
    }
    for name in texts(&wanted["shortNames"]) {
        if used(&resources, &name) {
            return Some(("ShortNamesConflict", format!("{name:?} is already in use")));
        }
    }
    for (key, reason) in [("kind", "KindConflict"), ("listKind", "ListKindConflict")] {
        let name = text(wanted, key);
        if used(&kinds, &name) {
            return Some((reason, format!("{name:?} is already in use")));
        }
    }
    None
}
