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

/// As [`differences`], of a manager that takes over from others before it applies: what they own and it
/// does not name would go too, unless somebody else owns it as well. `taken_over` is the live object with
/// their fields made the manager's own.
pub fn differences_after_takeover(
    live: &Object,
    taken_over: &Object,
    would_be: &Object,
    manager: &str,
) -> Vec<Difference> {
    let mut found = differences(live, would_be, manager);
    let wanted = owned_fields(would_be, manager, Some(Operation::Apply));
    let held = owned_fields(taken_over, manager, Some(Operation::Apply));
    let mut others = FieldSet::new();
    for entry in taken_over.at(&["metadata", "managedFields"]).map_or(&[][..], Value::items) {
        if entry.str_at(&["manager"]) != Some(manager)
            && let Some(fields) = entry.get("fieldsV1")
        {
            others = others.union(&FieldSet::parse(fields));
        }
    }
    let gone = held.difference(&wanted).difference(&others);
    let mut walk = Walk { live, found: Vec::new(), elements: Vec::new() };
    walk.gone(&gone, live.value(), &mut String::new());
    let new = walk.found.into_iter().filter(|d| !found.iter().any(|f| d.pointer.starts_with(&f.pointer)));
    let new: Vec<Difference> = new.collect();
    found.extend(new);
    found
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
    /// Notes the fields of a set that are there: plain values, and items of lists as a whole. Of maps and
    /// lists that are owned as such only what they hold counts.
    fn gone(&mut self, set: &FieldSet, live: &Value, pointer: &mut String) {
        for entry in set.entries() {
            if self.found.len() >= MAX_DIFFERENCES {
                return;
            }
            let Some(is) = child(live, &entry.element) else { continue };
            let length = pointer.len();
            push(pointer, &entry.element, Some(live), None);
            let is_item = !entry.element.starts_with("f:") && entry.member;
            let is_plain = entry.below.is_empty() && !matches!(is, Value::Object(_) | Value::Array(_));
            if is_item || is_plain {
                self.found.push(Difference {
                    pointer: pointer.clone(),
                    live: Some(is.clone()),
                    desired: None,
                    manager: None,
                });
            } else {
                self.gone(&entry.below, is, pointer);
            }
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

/// Takes fields out of an object: those of a set that is owned as a whole, with all they hold.
pub fn remove_fields(object: &mut Object, set: &FieldSet) {
    remove(object.value_mut(), set);
}

fn remove(value: &mut Value, set: &FieldSet) {
    for entry in set.entries() {
        if !entry.below.is_empty() {
            if let Some(child) = child_mut(value, &entry.element) {
                remove(child, &entry.below);
            }
            continue;
        }
        if let Some(name) = Element::parse_shallow(&entry.element) {
            // A map whose keys have owners of their own is not taken with them.
            let granular = value.get(name).is_some_and(|v| is_granular_map(v, &entry.element));
            if !granular && let Some(fields) = value.as_object_mut() {
                fields.remove(name);
            }
        } else if entry.element.starts_with("v:") {
            let wanted = child(value, &entry.element).cloned();
            if let (Some(wanted), Some(items)) = (wanted, value.as_array_mut()) {
                items.retain(|item| *item != wanted);
            }
        }
    }
}

fn child_mut<'v>(value: &'v mut Value, element: &str) -> Option<&'v mut Value> {
    if let Some(name) = Element::parse_shallow(element) {
        return value.get_mut(name);
    }
    let place = {
        let item: *const Value = child(value, element)?;
        value.items().iter().position(|i| std::ptr::eq(i, item))?
    };
    value.as_array_mut()?.get_mut(place)
}
