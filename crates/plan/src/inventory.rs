//! The list of what an app has applied: `{entries: [{id, v}]}`.
//!
//! An id is `<namespace>_<name>_<group>_<kind>`. A name may hold underscores only as the double
//! ones that stand for the colons of RBAC names, so that splitting at the first and the last two
//! underscores is exact.

use std::collections::BTreeMap;
use std::fmt;

use belay_object::{GroupVersionKind, Object, ObjectKey, Value, object};

use crate::order;
use crate::{Error, ErrorKind};

/// How many entries an inventory may have: at about 100 bytes each this is well over what an
/// object in a cluster can hold (1.5 MiB).
pub const MAX_ENTRIES: usize = 50_000;

/// One applied object: its key, and the version that it was applied in.
#[derive(Clone, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct InventoryEntry {
    /// What it is and where it stands.
    pub key: ObjectKey,
    /// The version alone: `v1`.
    pub version: Box<str>,
}

/// Writes the id of a key.
pub fn inventory_id(key: &ObjectKey) -> String {
    let name = match (key.kind.group.as_str(), key.kind.kind.as_str()) {
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole" | "RoleBinding" | "ClusterRoleBinding") => {
            key.name.replace(':', "__")
        }
        _ => key.name.to_string(),
    };
    format!("{}_{}_{}_{}", key.namespace, name, key.kind.group, key.kind.kind)
}

/// Reads an id. Double underscores in the name become colons for every kind.
/// Compat(flux 2.9)
pub fn parse_inventory_id(id: &str) -> Result<ObjectKey, Error> {
    let parts = id.split_once('_').and_then(|(namespace, rest)| {
        let (rest, kind) = rest.rsplit_once('_')?;
        let (name, group) = rest.rsplit_once('_')?;
        Some((namespace, name, group, kind))
    });
    match parts {
        Some((namespace, name, group, kind)) => Ok(ObjectKey::new(group, kind, namespace, &name.replace("__", ":"))),
        None => Err(Error::new(
            ErrorKind::InventoryId,
            format!("inventory id {id:?} is not <namespace>_<name>_<group>_<kind>"),
        )),
    }
}

impl InventoryEntry {
    /// The entry of an object.
    pub fn of(object: &Object) -> InventoryEntry {
        InventoryEntry { key: object.key(), version: object.group_version_kind().version.as_str().into() }
    }
    /// The id.
    pub fn id(&self) -> String {
        inventory_id(&self.key)
    }
    /// What to ask a cluster for.
    pub fn group_version_kind(&self) -> GroupVersionKind {
        GroupVersionKind {
            group: self.key.kind.group.clone(),
            version: (&*self.version).into(),
            kind: self.key.kind.kind.clone(),
        }
    }
}
impl fmt::Display for InventoryEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.key.fmt(f)
    }
}

/// What an app has applied, in the order in which it was written. *Invariant*: each key once.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Inventory {
    entries: Vec<InventoryEntry>,
    positions: BTreeMap<ObjectKey, usize>,
}

impl Inventory {
    /// The empty inventory.
    pub fn new() -> Inventory {
        Inventory::default()
    }
    /// Reads `status.inventory`; `null` and absent entries are none. An entry that cannot be read
    /// is an error: an inventory read in part must never be taken for the whole.
    pub fn read(value: &Value) -> Result<Inventory, Error> {
        let mut inventory = Inventory::new();
        let entries = match value.get("entries") {
            None | Some(Value::Null) => return Ok(inventory),
            Some(Value::Array(entries)) => entries,
            Some(other) => {
                return Err(Error::new(
                    ErrorKind::Shape,
                    format!("inventory entries are of type {}, not a list", other.type_name()),
                ));
            }
        };
        if entries.len() > MAX_ENTRIES {
            return Err(Error::new(ErrorKind::TooMany, format!("inventory has more than {MAX_ENTRIES} entries")));
        }
        for entry in entries {
            let key = parse_inventory_id(entry.str_at(&["id"]).unwrap_or_default())?;
            let version = entry.str_at(&["v"]).unwrap_or_default().into();
            inventory.add(InventoryEntry { key, version });
        }
        Ok(inventory)
    }
    /// Writes `{entries: [{id, v}]}`.
    pub fn to_value(&self) -> Value {
        let entries: Vec<Value> = self.entries.iter().map(|e| object! { "id" => e.id(), "v" => &*e.version }).collect();
        object! { "entries" => entries }
    }
    /// Adds an entry unless its key is there; tells whether it was added.
    pub fn add(&mut self, entry: InventoryEntry) -> bool {
        if self.positions.contains_key(&entry.key) {
            return false;
        }
        self.positions.insert(entry.key.clone(), self.entries.len());
        self.entries.push(entry);
        true
    }
    /// Everything in this one or the other: what is written before the first apply, so that a
    /// process killed in between leaves nothing applied but untracked (INV-ACT-5).
    pub fn union(&self, other: &Inventory) -> Inventory {
        let mut union = self.clone();
        for entry in &other.entries {
            union.add(entry.clone());
        }
        union
    }
    /// What is here and not in the other, in apply order.
    pub fn minus(&self, other: &Inventory) -> Vec<InventoryEntry> {
        let mut rest: Vec<InventoryEntry> = self.entries.iter().filter(|e| !other.contains(&e.key)).cloned().collect();
        rest.sort_by(|a, b| order::compare(&a.key, &b.key));
        rest
    }
    /// Whether a key is there.
    pub fn contains(&self, key: &ObjectKey) -> bool {
        self.positions.contains_key(key)
    }
    /// The entries as they were written.
    pub fn entries(&self) -> &[InventoryEntry] {
        &self.entries
    }
    /// The entries in apply order.
    pub fn in_order(&self) -> Vec<InventoryEntry> {
        self.minus(&Inventory::new())
    }
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}
impl FromIterator<InventoryEntry> for Inventory {
    fn from_iter<T: IntoIterator<Item = InventoryEntry>>(entries: T) -> Inventory {
        let mut inventory = Inventory::new();
        for entry in entries {
            inventory.add(entry);
        }
        inventory
    }
}
