//! `metadata.managedFields` read and written: one [`Entry`] a manager, operation and subresource.

use std::sync::OnceLock;

use belay_object::{Key, Map, Object, Value};

use super::{Manager, Operation, Target};
use crate::fields::FieldSet;

/// Entries of updates kept apart; older ones are merged into one.
const MAX_UPDATE_MANAGERS: usize = 10;
const OLD_UPDATES: &str = "ancient-changes";

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    pub(crate) manager: Box<str>,
    pub(crate) operation: Operation,
    pub(crate) api_version: Box<str>,
    pub(crate) subresource: Box<str>,
    /// RFC 3339; empty where nothing was changed by it yet.
    pub(crate) time: Box<str>,
    pub(crate) set: FieldSet,
}

impl Entry {
    pub(crate) fn new(target: &Target, manager: &Manager, operation: Operation, set: FieldSet) -> Entry {
        Entry {
            manager: if manager.name.is_empty() { "unknown".into() } else { manager.name.into() },
            operation,
            api_version: target.api_version.into(),
            subresource: target.subresource.into(),
            time: Box::default(),
            set,
        }
    }
    /// Whether both are one manager. An applier stays itself in whatever version it applies.
    pub(crate) fn is_same(&self, other: &Entry) -> bool {
        self.operation == other.operation
            && self.manager == other.manager
            && self.subresource == other.subresource
            && (self.operation == Operation::Apply || self.api_version == other.api_version)
    }
    /// `"one" with subresource "status" using v1`, as conflicts name it.
    pub(crate) fn describe(&self) -> String {
        let mut text = crate::error::quoted(&self.manager);
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource {}", crate::error::quoted(&self.subresource)));
        }
        if self.operation == Operation::Update {
            text.push_str(&format!(" using {}", self.api_version));
        }
        text
    }
    fn order(&self) -> (Operation, &str, &str, &str, &str) {
        (self.operation, &self.time, &self.manager, &self.api_version, &self.subresource)
    }
    fn to_value(&self) -> Value {
        let names = names();
        let mut map = Map::with_capacity(7);
        map.insert(names.api_version.clone(), &*self.api_version);
        map.insert(names.fields_type.clone(), "FieldsV1");
        map.insert(names.fields_v1.clone(), self.set.to_value());
        map.insert(names.manager.clone(), &*self.manager);
        map.insert(names.operation.clone(), self.operation.as_str());
        if !self.subresource.is_empty() {
            map.insert(names.subresource.clone(), &*self.subresource);
        }
        if !self.time.is_empty() {
            map.insert(names.time.clone(), &*self.time);
        }
        Value::Object(map)
    }
    /// Reads one; `None` where it is none that could have been written.
    fn parse(value: &Value) -> Option<Entry> {
        let text = |name: &str| value.str_at(&[name]).unwrap_or_default();
        if text("fieldsType") != "FieldsV1" || text("apiVersion").is_empty() {
            return None;
        }
        Some(Entry {
            manager: text("manager").into(),
            operation: Operation::parse(text("operation"))?,
            api_version: text("apiVersion").into(),
            subresource: text("subresource").into(),
            time: text("time").into(),
            set: FieldSet::parse(value.get("fieldsV1").unwrap_or(&Value::Null)),
        })
    }
}

struct Names {
    api_version: Key,
    fields_type: Key,
    fields_v1: Key,
    manager: Key,
    operation: Key,
    subresource: Key,
    time: Key,
}

fn names() -> &'static Names {
    static NAMES: OnceLock<Names> = OnceLock::new();
    NAMES.get_or_init(|| Names {
        api_version: "apiVersion".into(),
        fields_type: "fieldsType".into(),
        fields_v1: "fieldsV1".into(),
        manager: "manager".into(),
        operation: "operation".into(),
        subresource: "subresource".into(),
        time: "time".into(),
    })
}

/// The entries of an object; `None` where one of them cannot be read.
pub(crate) fn decode(list: &Value) -> Option<Vec<Entry>> {
    list.items().iter().map(Entry::parse).collect()
}

/// The entries of the stored object; none where they cannot be read.
pub(crate) fn of(object: Option<&Object>) -> Vec<Entry> {
    object.and_then(|o| decode(o.at(&["metadata", "managedFields"])?)).unwrap_or_default()
}

/// The entries to go on from when an update brings managedFields of its own: an empty list, or one
/// empty entry, resets; what cannot be read counts as not given. A subresource cannot change them.
pub(crate) fn of_update(live: Option<&Object>, new: &Object, subresource: &str) -> Vec<Entry> {
    if !subresource.is_empty() {
        return of(live);
    }
    let given = match new.at(&["metadata", "managedFields"]) {
        Some(Value::Array(list)) => list,
        _ => return of(live),
    };
    let reset = match given.as_slice() {
        [] => true,
        [Value::Object(only)] => only.values().all(Value::is_null),
        _ => false,
    };
    if reset {
        return Vec::new();
    }
    match given.iter().map(Entry::parse).collect::<Option<Vec<Entry>>>() {
        Some(entries) if !entries.is_empty() => entries,
        _ => of(live),
    }
}

/// Writes the entries into an object, in their order; none leaves no field.
pub(crate) fn write(object: &mut Object, mut entries: Vec<Entry>) {
    entries.retain(|e| !e.set.is_empty());
    if entries.is_empty() {
        object.remove(&["metadata", "managedFields"]);
        return;
    }
    entries.sort_by(|a, b| a.order().cmp(&b.order()));
    let list: Value = entries.iter().map(Entry::to_value).collect();
    object.set(&["metadata", "managedFields"], list);
}

/// Merges the oldest updates of one version until there are at most ten.
pub(crate) fn cap(entries: &mut Vec<Entry>) {
    let is_update = |e: &&Entry| e.operation == Operation::Update;
    let mut count = entries.iter().filter(is_update).count();
    if count <= MAX_UPDATE_MANAGERS {
        return;
    }
    let mut oldest: Vec<Entry> = entries.iter().filter(is_update).cloned().collect();
    oldest.sort_by(|a, b| (&a.time, &a.manager).cmp(&(&b.time, &b.manager)));
    let mut firsts: Vec<Entry> = Vec::new();
    for entry in oldest {
        if count <= MAX_UPDATE_MANAGERS {
            break;
        }
        let Some(first) = firsts.iter().find(|f| f.api_version == entry.api_version) else {
            firsts.push(entry);
            continue;
        };
        let bucket = Entry { manager: OLD_UPDATES.into(), subresource: Box::default(), ..first.clone() };
        let taken = |e: &Entry| e.is_same(&entry) || e.is_same(first) || e.is_same(&bucket);
        let mut merged = Entry { time: entry.time.clone(), set: FieldSet::new(), ..bucket.clone() };
        for old in entries.iter().filter(|e| taken(e)) {
            merged.set = merged.set.union(&old.set);
        }
        entries.retain(|e| !taken(e));
        entries.push(merged);
        count = entries.iter().filter(is_update).count();
    }
}
