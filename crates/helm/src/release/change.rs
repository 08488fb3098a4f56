//! What an install, upgrade, rollback or uninstall does to objects, before any request is sent.

use std::collections::{BTreeMap, HashMap};

use belay_object::{Object, Value};
use belay_yaml::Options;

use super::ownership;
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::{self, Order};

/// Reads the objects of a record's manifest, in its order. A list counts as its items.
pub fn objects(manifest: &str) -> Result<Vec<Object>> {
    let told = |e: String| Error::new(ErrorKind::Manifest, format!("error parsing manifest: {e}"));
    let mut found = Vec::new();
    for document in manifest::split(manifest) {
        let value = belay_yaml::parse_value(document, &Options::v2()).map_err(|e| told(crate::go::yaml_error(&e)))?;
        push(value, &mut found).map_err(told)?;
    }
    Ok(found)
}

fn push(value: Value, found: &mut Vec<Object>) -> Result<(), String> {
    let is_list = value.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.ends_with("List"));
    match value {
        Value::Null => Ok(()),
        Value::Object(mut map) if is_list && matches!(map.get("items"), Some(Value::Array(_))) => {
            let items = match map.remove("items") {
                Some(Value::Array(items)) => items,
                _ => return Ok(()),
            };
            items.into_iter().try_for_each(|item| push(item, found))
        }
        other => {
            let told = |other: Value| format!("expected an object, found {}", crate::go::json_type(&other));
            found.push(Object::new(other).map_err(told)?);
            Ok(())
        }
    }
}

/// The identity of an object across revisions: its version does not count.
fn identity(object: &Object, namespace: &str) -> (String, String, String, String) {
    let kind = object.group_version_kind();
    let place = if object.namespace().is_empty() { namespace } else { object.namespace() };
    (kind.group.to_string(), kind.kind.to_string(), place.to_owned(), object.name().to_owned())
}

/// What goes from one revision's objects to another's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Change {
    /// Objects of the new revision, stamped, in their order. Those that are in the cluster are
    /// changed, the others made.
    pub apply: Vec<Object>,
    /// For each of `apply`, its state in the old revision: what a three-way merge starts from.
    pub before: Vec<Option<Object>>,
    /// Objects of the old revision that the new one does not have, in the old one's order. An
    /// object that is kept by policy *in the cluster* stays ([`keeps`]).
    pub delete: Vec<Object>,
}

impl Change {
    /// Which of `apply` were not in the old revision: if they are in the cluster they are another's,
    /// or left by a run that failed, and are taken over only as [`ownership::check_adoption`] allows.
    pub fn new_objects(&self) -> impl Iterator<Item = &Object> {
        self.apply.iter().zip(&self.before).filter(|(_, before)| before.is_none()).map(|(object, _)| object)
    }
}

/// Works out what an operation does. An install goes from nothing.
pub fn change(release: &str, namespace: &str, old: Vec<Object>, new: Vec<Object>) -> Change {
    let mut old_by_identity: HashMap<_, Object> = HashMap::new();
    let order: Vec<_> = old
        .into_iter()
        .map(|object| {
            let id = identity(&object, namespace);
            old_by_identity.insert(id.clone(), object);
            id
        })
        .collect();
    let mut change = Change::default();
    for mut object in new {
        change.before.push(old_by_identity.remove(&identity(&object, namespace)));
        ownership::stamp(&mut object, release, namespace);
        change.apply.push(object);
    }
    change.delete = order.into_iter().filter_map(|id| old_by_identity.remove(&id)).collect();
    change
}

/// Whether an object stays in the cluster when it leaves its release.
pub fn keeps(object: &Object) -> bool {
    let policy = object.value().str_at(&["metadata", "annotations", "helm.sh/resource-policy"]);
    policy.is_some_and(|policy| policy.trim().eq_ignore_ascii_case("keep"))
}

/// What an uninstall does with a record's manifest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Removal {
    /// Objects to delete, in the order of uninstalling.
    pub delete: Vec<Object>,
    /// What stays by policy, as Helm tells it: `[ConfigMap] name`.
    pub kept: Vec<String>,
}

/// Works out what an uninstall deletes.
pub fn removal(manifest: &str) -> Result<Removal> {
    let corrupted = |e: Error| {
        Error::new(ErrorKind::Release, format!("corrupted release record. You must manually delete the resources: {e}"))
    };
    // Helm counts documents by `manifest-N` and takes them in the order of these names' text.
    let files: BTreeMap<String, String> =
        manifest::split(manifest).enumerate().map(|(i, text)| (format!("manifest-{i}"), text.to_owned())).collect();
    let (_, manifests) = manifest::sort_in(files, Order::Uninstall).map_err(corrupted)?;
    let mut removal = Removal::default();
    for document in manifests {
        if document.keep {
            removal.kept.push(format!("[{}] {}", document.kind, document.name));
        } else {
            removal.delete.extend(objects(&document.content)?);
        }
    }
    Ok(removal)
}
