//! Server-side apply: merging what managers apply, and tracking who owns which field
//! (`metadata.managedFields`).
//!
//! [`apply`] is one apply request, [`update`] the tracking of every other write; both give the whole
//! object to store, managedFields written. Defaults, admission and validation are the caller's, after
//! which [`keep_times`] undoes what is no change.
//!
//! An entry written under another version of the kind is read by this version's schema: versions are
//! not converted here.

mod compare;
mod differ;
mod items;
mod kubectl;
mod managed;
mod merge;
mod owned;
mod scale;
mod times;
mod typed;

use std::sync::OnceLock;

use belay_object::{Map, Object, Value};

use crate::error::{Error, ErrorKind};
use crate::fields::FieldSet;
use crate::node::{Kind, Node, Schema};

use compare::compare;
use managed::Entry;

pub use differ::{Difference, differences, differences_after_takeover, remove_fields};
pub(crate) use items::{go_plain, go_type};
pub use owned::{owned_digest, owned_fields};
pub use scale::update_scale;
pub use times::keep_times;

#[cfg(test)]
mod tests;

/// What a managedFields entry says was done. Applies sort before updates.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Server-side apply.
    Apply,
    /// Every other write.
    Update,
}

impl Operation {
    /// As it stands in managedFields.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Apply => "Apply",
            Operation::Update => "Update",
        }
    }
    fn parse(text: &str) -> Option<Operation> {
        match text {
            "Apply" => Some(Operation::Apply),
            "Update" => Some(Operation::Update),
            _ => None,
        }
    }
}

/// The kind that is written.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// Its schema.
    pub schema: &'a Schema,
    /// `apps/v1`
    pub api_version: &'a str,
    /// `Deployment`
    pub kind: &'a str,
    /// `status`, `scale`; empty for the main resource.
    pub subresource: &'a str,
    /// Paths that a write to this (sub)resource does not change, so nobody owns them by it.
    pub reset: &'a FieldSet,
}

/// Who writes.
#[derive(Clone, Copy, Debug)]
pub struct Manager<'a> {
    /// `fieldManager` of the request, or the first word of its user agent; empty reads as `unknown`.
    pub name: &'a str,
    /// RFC 3339 to the second, UTC.
    pub time: &'a str,
}

/// One field that another manager owns with another value.
#[derive(Clone, PartialEq, Debug)]
pub struct Conflict {
    /// The other manager as messages name it: `"one" using v1`
    pub manager: String,
    /// `.spec.items[id="x"].v`
    pub field: String,
}

impl Conflict {
    /// The message of the cause: `conflict with "one" using v1`
    pub fn message(&self) -> String {
        format!("conflict with {}", self.manager)
    }
}

/// Why an apply was refused.
#[derive(Clone, PartialEq, Debug)]
pub enum ApplyError {
    /// Others own what it would change (409); sorted by manager.
    Conflicts(Vec<Conflict>),
    /// The request itself is wrong (400).
    Request(Error),
    /// The object does not fit the schema (500, as the API server answers).
    Typed(Error),
}

impl ApplyError {
    /// The message of the Status.
    pub fn message(&self) -> String {
        match self {
            ApplyError::Conflicts(conflicts) => match conflicts.as_slice() {
                [one] => format!("Apply failed with 1 conflict: {}: {}", one.message(), one.field),
                many => {
                    let mut lines = Vec::new();
                    let mut last = "";
                    for conflict in many {
                        if conflict.manager != last {
                            lines.push(format!("conflicts with {}:", conflict.manager));
                            last = &conflict.manager;
                        }
                        lines.push(format!("- {}", conflict.field));
                    }
                    format!("Apply failed with {} conflicts: {}", many.len(), lines.join("\n"))
                }
            },
            ApplyError::Request(e) | ApplyError::Typed(e) => e.message.clone(),
        }
    }
}

const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// Applies `applied` for a manager. `live` is the stored object, `None` to create.
/// Gives the object to store; its metadata holds what `live` and `applied` hold, and the new managedFields.
pub fn apply(
    target: &Target,
    live: Option<&Object>,
    applied: &Object,
    manager: &Manager,
    force: bool,
) -> Result<Object, ApplyError> {
    check_request(target, applied)?;
    let mut entries = managed::of(live);
    if let Some(live) = live
        && entries.is_empty()
    {
        // Whoever wrote before anything was tracked keeps what it wrote.
        let before = Manager { name: BEFORE_FIRST_APPLY, time: manager.time };
        track_update(target, empty(target).fields(), live.fields(), &mut entries, &before);
    }
    let result = match merge_in(target, live, applied, &entries, manager, force) {
        Err(ApplyError::Conflicts(conflicts)) if manager.name == kubectl::MANAGER => {
            let disputed = kubectl::disputed(target, live, &conflicts);
            if !disputed.is_empty() {
                return Err(ApplyError::Conflicts(disputed));
            }
            merge_in(target, live, applied, &entries, manager, true)
        }
        other => other,
    };
    let (mut object, entries) = result?;
    if manager.name == kubectl::MANAGER {
        kubectl::follow(&mut object, applied);
    }
    managed::write(&mut object, entries);
    Ok(object)
}

/// What makes an applied object none, whatever is stored.
fn check_request(target: &Target, applied: &Object) -> Result<(), ApplyError> {
    let request = |message: String| Err(ApplyError::Request(Error::new(ErrorKind::Request, message)));
    if applied.api_version() != target.api_version || applied.kind() != target.kind {
        return request(format!("invalid object type: {}", go_kind(applied.api_version(), applied.kind())));
    }
    if applied.at(&["metadata", "managedFields"]).is_some_and(|m| !m.is_null()) {
        return request("metadata.managedFields must be nil".into());
    }
    typed::check(applied.value(), target.schema).map_err(|what| {
        let kind = go_kind(target.api_version, target.kind);
        let message =
            format!("failed to create typed patch object ({}/{}; {kind}): {what}", applied.namespace(), applied.name());
        ApplyError::Typed(Error::new(ErrorKind::Typed, message))
    })
}

/// A kind as Go prints it: `apps/v1, Kind=Deployment`, `/v1, Kind=ConfigMap`.
fn go_kind(api_version: &str, kind: &str) -> String {
    let slash = if api_version.contains('/') { "" } else { "/" };
    format!("{slash}{api_version}, Kind={kind}")
}

/// Merges, takes out what the manager has given up, and settles who owns what.
fn merge_in(
    target: &Target,
    live: Option<&Object>,
    applied: &Object,
    entries: &[Entry],
    manager: &Manager,
    force: bool,
) -> Result<(Object, Vec<Entry>), ApplyError> {
    let schema = target.schema;
    let mut set = typed::field_set(applied.value(), schema);
    set.subtract_recursively(target.reset);
    let mut own = Entry::new(target, manager, Operation::Apply, set);
    let mut others: Vec<Entry> = Vec::with_capacity(entries.len() + 1);
    let mut last = FieldSet::new();
    for entry in entries {
        let set = typed::reconciled(&entry.set, schema);
        if entry.is_same(&own) {
            own.time = entry.time.clone();
            last = set.unwrap_or_else(|| entry.set.clone());
        } else {
            others.push(Entry { set: set.unwrap_or_else(|| entry.set.clone()), ..entry.clone() });
        }
    }
    let object = match live {
        None => {
            own.time = manager.time.into();
            applied.clone()
        }
        Some(live) => {
            let merged = merge_objects(live, applied, schema);
            let result = match given_up(&merged, &last, &own, &others, schema) {
                None => merged,
                Some((gone, owned)) => {
                    Object::new(merge::remove_whole(merged.value(), &gone, &owned, schema)).unwrap_or_default()
                }
            };
            let written = compare(live.fields(), result.fields(), schema);
            if !written.changed.is_empty() || !written.removed.is_empty() {
                own.time = manager.time.into();
                settle(&mut others, written.without(target.reset), force)?;
            }
            result
        }
    };
    own.set.subtract(never_owned());
    others.push(own);
    Ok((object, others))
}

/// The applied object over the live one, without managedFields. Identity that the applied object
/// holds as `null` (as generators write `creationTimestamp`) stays what it is.
fn merge_objects(live: &Object, applied: &Object, schema: &Schema) -> Object {
    let mut out = merge::merge_maps_without(live.fields(), applied.fields(), schema, "metadata");
    let metadata = schema.child("metadata").cloned().unwrap_or_else(Schema::any);
    let empty = Map::new();
    let of = |o: &Object| o.get("metadata").and_then(Value::as_object).cloned();
    let (old, new) =
        (live.get("metadata").and_then(Value::as_object).unwrap_or(&empty), of(applied).unwrap_or_default());
    let mut merged = merge::merge_maps_without(old, &new, &metadata, "managedFields");
    for name in ["creationTimestamp", "uid", "resourceVersion", "generation", "deletionTimestamp"] {
        if merged.get(name).is_some_and(Value::is_null) {
            match old.get(name) {
                Some(value) => drop(merged.insert(name, value.clone())),
                None => drop(merged.remove(name)),
            }
        }
    }
    out.insert("metadata", merged);
    Object::new(Value::Object(out)).unwrap_or_default()
}

/// The fields of the merged object that this manager applied before and applies no more, where no
/// other manager owns them; and what is owned by anybody. `None` where nothing is given up.
fn given_up(
    merged: &Object,
    last: &FieldSet,
    own: &Entry,
    others: &[Entry],
    schema: &Schema,
) -> Option<(FieldSet, FieldSet)> {
    if last.is_subset(&own.set) {
        return None;
    }
    let value = merged.value();
    let named = |set: &FieldSet| typed::with_named_fields(set, schema);
    let fields_of = |v: &Value| named(&typed::field_set(v, schema));
    let last = named(last);
    let all = fields_of(value);
    let pruned = merge::remove(value, &last, schema);

    // What others own (and what this manager still applies) comes back.
    let owned = others.iter().fold(own.set.clone(), |set, e| set.union(&e.set));
    let kept = fields_of(&pruned).union(&named(&owned));
    let pruned = merge::remove(value, &all.difference(&kept), schema);

    // So does what went with its parent though this manager never applied it.
    let gone = all.difference(&fields_of(&pruned)).intersection(&last);
    Some((gone, owned))
}

/// Takes from the other managers what was written; an error where one of them owns what has changed.
fn settle(others: &mut Vec<Entry>, written: compare::Comparison, force: bool) -> Result<(), ApplyError> {
    let mut conflicts = Vec::new();
    for entry in others.iter_mut() {
        if !written.changed.is_empty() {
            let lost = entry.set.intersection(&written.changed);
            if !lost.is_empty() {
                if force {
                    entry.set = entry.set.difference(&lost);
                } else {
                    let manager = entry.describe();
                    conflicts
                        .extend(lost.paths().into_iter().map(|field| Conflict { manager: manager.clone(), field }));
                }
            }
        }
        if !written.removed.is_empty() {
            entry.set = entry.set.difference(&written.removed);
        }
    }
    if !conflicts.is_empty() {
        conflicts.sort_by(|a, b| a.manager.cmp(&b.manager));
        return Err(ApplyError::Conflicts(conflicts));
    }
    others.retain(|e| !e.set.is_empty());
    Ok(())
}

/// Tracks a write that is no apply: `new` is what is to be stored, `live` what it replaces (`None` on
/// create). Gives `new` with its managedFields.
pub fn update(target: &Target, live: Option<&Object>, mut new: Object, manager: &Manager) -> Object {
    let mut entries = managed::of_update(live, &new, target.subresource);
    if entries.is_empty() && live.is_some() {
        // Nothing was tracked so far (or it was reset): tracking begins with the first apply.
        new.remove(&["metadata", "managedFields"]);
        return new;
    }
    match live {
        Some(live) => track_update(target, live.fields(), new.fields(), &mut entries, manager),
        None => track_update(target, empty(target).fields(), new.fields(), &mut entries, manager),
    }
    managed::write(&mut new, entries);
    new
}

fn track_update(target: &Target, old: &Map, new: &Map, entries: &mut Vec<Entry>, manager: &Manager) {
    for entry in entries.iter_mut() {
        if let Some(set) = typed::reconciled(&entry.set, target.schema) {
            entry.set = set;
        }
    }
    let written = compare(old, new, target.schema).without(target.reset);
    let mut taken = written.changed.clone();
    taken.subtract(never_owned());
    // An update never conflicts.
    let settled = settle(entries, written, true);
    debug_assert!(settled.is_ok());
    if !taken.is_empty() {
        let own = Entry::new(target, manager, Operation::Update, taken);
        match entries.iter_mut().find(|e| e.is_same(&own)) {
            Some(entry) => {
                entry.set = entry.set.union(&own.set);
                entry.time = manager.time.into();
            }
            None => entries.push(Entry { time: manager.time.into(), ..own }),
        }
    }
    managed::cap(entries);
}

/// Fields that nobody owns: identity, and what the server itself writes.
fn never_owned() -> &'static FieldSet {
    static SET: OnceLock<FieldSet> = OnceLock::new();
    SET.get_or_init(|| {
        FieldSet::of_names(&[
            &["apiVersion"],
            &["kind"],
            &["metadata"],
            &["metadata", "name"],
            &["metadata", "namespace"],
            &["metadata", "creationTimestamp"],
            &["metadata", "selfLink"],
            &["metadata", "uid"],
            &["metadata", "clusterName"],
            &["metadata", "generation"],
            &["metadata", "managedFields"],
            &["metadata", "resourceVersion"],
        ])
    })
}

/// What an object is compared with when it is created. A built-in kind's empty object is that of its
/// Go type, in which every part that is no pointer stands: creating such a part adds nothing.
fn empty(target: &Target) -> Object {
    let mut value = if target.schema.name.is_some() { zero(target.schema, 0) } else { Value::object() };
    value.set(&["apiVersion"], target.api_version);
    value.set(&["kind"], target.kind);
    Object::new(value).unwrap_or_default()
}

fn zero(node: &Node, depth: usize) -> Value {
    let mut out = Map::new();
    for field in &node.fields {
        match &field.node.default {
            // Built-in types that contain themselves do so by pointer, so the depth is that of the types.
            Some(Value::Object(_)) if field.node.kind == Kind::Object && depth < 16 => {
                out.insert(field.name.clone(), zero(&field.node, depth + 1));
            }
            Some(default) => drop(out.insert(field.name.clone(), default.clone())),
            None if field.required => drop(out.insert(field.name.clone(), Value::Null)),
            None => {}
        }
    }
    Value::Object(out)
}

/// What a write to this kind's (sub)resource does not change, so that nobody owns it by that write:
/// `status` for the main resource (pass an empty set for a custom resource without the status
/// subresource), what is not `status` for that subresource.
pub fn reset_fields(schema: &Schema, subresource: &str) -> FieldSet {
    match subresource {
        "" => FieldSet::of_names(&[&["status"]]),
        "status" if schema.name.is_some() => FieldSet::of_names(&[&["spec"], &["metadata", "labels"]]),
        "status" => {
            let mut set = FieldSet::of_names(&[&["metadata"], &["spec"]]);
            let names = schema.fields.iter().map(|f| f.name.as_str()).filter(|n| *n != "status");
            names.for_each(|name| set = set.union(&FieldSet::of_names(&[&[name]])));
            set
        }
        _ => FieldSet::new(),
    }
}
