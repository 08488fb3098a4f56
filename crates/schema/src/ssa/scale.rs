//! Ownership of the replica count when it is written through the scale subresource.

use belay_object::{Key, Object};

use super::managed::{self, Entry};
use super::{Manager, Operation, Target};
use crate::fields::FieldSet;

/// Tracks a write of the scale subresource: whoever owned the replica count gives it up to the
/// manager, whose entry names the subresource and has no time. `path` is where the count stands
/// (`["spec", "replicas"]`); `changed` says whether the write changed it.
pub fn update_scale(target: &Target, mut new: Object, path: &[&str], changed: bool, manager: &Manager) -> Object {
    let mut entries = managed::of(Some(&new));
    if !changed || entries.is_empty() {
        return new;
    }
    let mut count = FieldSet::new();
    let keys: Vec<Key> = path.iter().map(|name| Key::new(&format!("f:{name}"))).collect();
    count.insert(&keys);
    let main = Target { subresource: "scale", ..*target };
    let own = Entry::new(&main, manager, Operation::Update, count.clone());
    for entry in &mut entries {
        entry.set = entry.set.difference(&count);
    }
    entries.retain(|e| !e.set.is_empty() && !e.is_same(&own));
    entries.push(own);
    managed::write(&mut new, entries);
    new
}
