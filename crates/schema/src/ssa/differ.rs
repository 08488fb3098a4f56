//! In which of a manager's fields a live object is not what an apply would make of it, and whose those
//! fields are now.

use belay_object::{Object, Value};

use super::Operation;
use super::owned::{child, is_granular_map, owned_fields};
use crate::fields::{Element, FieldSet};

/// How many differences are told: enough to see what is wrong.
const MAX_DIFFERENCES: usize = 100;

/// One field that differs.
#[derive(Clone, PartialEq, Debug)]
pub struct Difference {
    /// Where, as a JSON pointer into the object that has it.
    pub pointer: String,
    /// What is there; `None` where nothing is.
    pub live: Option<Value>,
    /// What there should be.
    pub desired: Option<Value>,
    /// The manager that wrote it last, where it is not ours alone.
    pub manager: Option<String>,
}

/// Where a live object differs from the answer of a dry run in which `manager` applied its manifest.
///
/// Only fields count that the manager would own, or owns now: what the server defaults, what admission
/// adds and what other managers keep is not looked at. Empty where an apply would change nothing of ours.
pub fn differences(live: &Object, would_be: &Object, manager: &str) -> Vec<Difference> {
    let wanted = owned_fields(would_be, manager, Some(Operation::Apply));
    let held = owned_fields(live, manager, None);
    let mut walk = Walk { live, found: Vec::new(), elements: Vec::new() };
    walk.compare(&wanted.union(&held), Some(live.value()), Some(would_be.value()), &mut String::new(), manager);
    walk.found
}

struct Walk<'a> {
    live: &'a Object,
    found: Vec<Difference>,
    elements: Vec<String>,
}

impl Walk<'_> {
    fn compare(
        &mut self,
        set: &FieldSet,
        live: Option<&Value>,
        desired: Option<&Value>,
        pointer: &mut String,
        manager: &str,
    ) {
        for entry in set.entries() {
            if self.found.len() >= MAX_DIFFERENCES {
                return;
            }
            let (is, should) =
                (live.and_then(|v| child(v, &entry.element)), desired.and_then(|v| child(v, &entry.element)));
            if is == should {
                continue;
            }
            let length = pointer.len();
            push(pointer, &entry.element, live, desired);
            self.elements.push(entry.element.to_string());
            let is_item = entry.element.starts_with("k:");
            let both = is.is_some() && should.is_some();
            if entry.below.is_empty() || !both {
                let granular = |v: &Value| is_item || is_granular_map(v, &entry.element);
                let only_there = both && is.is_some_and(granular);
                if !only_there {
                    let manager = self.writer(manager);
                    self.found.push(Difference {
                        pointer: pointer.clone(),
                        live: is.cloned(),
                        desired: should.cloned(),
                        manager,
                    });
                }
            } else {
                self.compare(&entry.below, is, should, pointer, manager);
            }
            self.elements.pop();
            pointer.truncate(length);
        }
    }
    /// Who wrote the field last, other than `manager`.
    fn writer(&self, manager: &str) -> Option<String> {
        let path: Vec<&str> = self.elements.iter().map(String::as_str).collect();
        let entries = self.live.at(&["metadata", "managedFields"]).map_or(&[][..], Value::items);
        let mut found: Option<(&str, &str)> = None;
        for entry in entries {
            let text = |name: &str| entry.str_at(&[name]).unwrap_or_default();
            let owns = text("manager") != manager
                && text("subresource").is_empty()
                && entry.get("fieldsV1").is_some_and(|f| FieldSet::parse(f).contains(&path));
            if owns && found.is_none_or(|(_, time)| text("time") >= time) {
                found = Some((text("manager"), text("time")));
            }
        }
        found.map(|(manager, _)| manager.to_owned())
    }
}

/// Adds one step to a JSON pointer; an item of a list is named by its place.
fn push(pointer: &mut String, element: &str, live: Option<&Value>, desired: Option<&Value>) {
    pointer.push('/');
    if let Some(name) = Element::parse_shallow(element) {
        pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        return;
    }
    let place = |list: Option<&Value>| {
        let list = list?;
        let item = child(list, element)?;
        list.items().iter().position(|i| std::ptr::eq(i, item))
    };
    match place(live).or_else(|| place(desired)) {
        Some(place) => pointer.push_str(&place.to_string()),
        None => pointer.push_str(element),
    }
}
