//! What hangs on what: dependents by owner, pods and services by label. Kept by changes alone.

use std::collections::{BTreeSet, HashMap};

use belay_object::{Key, Map, Object, Value};

/// Where an object stands in the store.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(super) struct Place {
    pub group: Key,
    pub resource: Key,
    pub namespace: Box<str>,
    pub name: Box<str>,
}

/// One owner reference.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Owner {
    pub api_version: String,
    pub kind: String,
    pub name: String,
    pub uid: Box<str>,
    pub controller: bool,
    pub blocks: bool,
}

/// The owner references of an object.
pub(super) fn owners(object: &Object) -> Vec<Owner> {
    let references = object.at(&["metadata", "ownerReferences"]).map_or(&[][..], Value::items);
    let read = |r: &Value| {
        let text = |k: &str| r.str_at(&[k]).unwrap_or_default();
        let flag = |k: &str| r.get(k).and_then(Value::as_bool).unwrap_or_default();
        Owner {
            api_version: text("apiVersion").into(),
            kind: text("kind").into(),
            name: text("name").into(),
            uid: text("uid").into(),
            controller: flag("controller"),
            blocks: flag("blockOwnerDeletion"),
        }
    };
    references.iter().map(read).collect()
}

/// The controlling owner of an object.
pub(super) fn controller_of(object: &Object) -> Option<Owner> {
    owners(object).into_iter().find(|o| o.controller)
}

/// Dependents by their owners' uid.
#[derive(Default)]
pub(super) struct Dependents {
    by_owner: HashMap<Box<str>, BTreeSet<Place>>,
}

impl Dependents {
    /// Notes that an object's owners changed from `old` to `new`.
    pub(super) fn replace(&mut self, place: &Place, old: &[Owner], new: &[Owner]) {
        for owner in old.iter().filter(|o| !new.iter().any(|n| n.uid == o.uid)) {
            if let Some(set) = self.by_owner.get_mut(&owner.uid) {
                set.remove(place);
                if set.is_empty() {
                    self.by_owner.remove(&owner.uid);
                }
            }
        }
        for owner in new {
            self.by_owner.entry(owner.uid.clone()).or_default().insert(place.clone());
        }
    }
    /// What an owner has.
    pub(super) fn of(&self, uid: &str) -> Vec<Place> {
        self.by_owner.get(uid).into_iter().flatten().cloned().collect()
    }
    /// What an owner has of one resource.
    pub(super) fn of_resource(&self, uid: &str, resource: &str) -> Vec<Place> {
        let all = self.by_owner.get(uid).into_iter().flatten();
        all.filter(|p| p.resource == resource).cloned().collect()
    }
}

/// Names by namespace and one `key=value`.
#[derive(Default)]
pub(super) struct Labels {
    by_pair: HashMap<(Box<str>, String), BTreeSet<Box<str>>>,
}

fn pair((key, value): (&Key, &Value)) -> String {
    format!("{key}={}", value.as_str().unwrap_or_default())
}

impl Labels {
    /// Notes that an object's labels changed.
    pub(super) fn replace(&mut self, namespace: &str, name: &str, old: Option<&Map>, new: Option<&Map>) {
        for entry in old.into_iter().flat_map(Map::iter).filter(|(k, v)| new.and_then(|m| m.get(k)) != Some(v)) {
            let key = (namespace.into(), pair(entry));
            if let Some(set) = self.by_pair.get_mut(&key) {
                set.remove(name);
                if set.is_empty() {
                    self.by_pair.remove(&key);
                }
            }
        }
        for entry in new.into_iter().flat_map(Map::iter).filter(|(k, v)| old.and_then(|m| m.get(k)) != Some(v)) {
            self.by_pair.entry((namespace.into(), pair(entry))).or_default().insert(name.into());
        }
    }
    /// The names that have one of the selector's pairs, the rarest: a superset of those it selects.
    pub(super) fn candidates(&self, namespace: &str, selector: &Map) -> Vec<Box<str>> {
        let sets = selector.iter().map(|entry| self.by_pair.get(&(namespace.into(), pair(entry))));
        match sets.min_by_key(|s| s.map_or(0, BTreeSet::len)) {
            Some(Some(set)) => set.iter().cloned().collect(),
            _ => Vec::new(),
        }
    }
    /// The names that stand under any pair of these labels.
    pub(super) fn under(&self, namespace: &str, labels: &Map) -> BTreeSet<Box<str>> {
        let sets = labels.iter().filter_map(|entry| self.by_pair.get(&(namespace.into(), pair(entry))));
        sets.flatten().cloned().collect()
    }
}
