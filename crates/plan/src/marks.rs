//! Labels and annotations by which users steer single objects, and those by which owners are told.
//!
//! All of them stand under one domain, which is a parameter (Compat(flux 2.9): `kustomize.toolkit.fluxcd.io`): the
//! names behind the slash are the same for whoever owns.

use belay_object::{Map, Object, Value};

use crate::{Error, ErrorKind};

/// The domain of the marks, and what they are called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Marks {
    domain: String,
}

impl Marks {
    /// The marks under a domain.
    pub fn new(domain: &str) -> Marks {
        Marks { domain: domain.to_owned() }
    }
    /// Whether either object is to be left alone entirely: `reconcile: disabled` or `ssa: Ignore`.
    pub fn leave_alone(&self, desired: &Object, live: Option<&Object>) -> bool {
        [Some(desired), live]
            .into_iter()
            .flatten()
            .any(|o| self.says(o, "reconcile", "disabled") || self.says(o, "ssa", "Ignore"))
    }
    /// Whether the manifest asks to be applied only where nothing is (`ssa: IfNotPresent`). What the
    /// live object says does not count.
    pub fn only_if_absent(&self, desired: &Object) -> bool {
        self.says(desired, "ssa", "IfNotPresent")
    }
    /// Whether fields of other managers are to be kept (`ssa: Merge`).
    pub fn keep_other_managers(&self, desired: &Object, live: Option<&Object>) -> bool {
        [Some(desired), live].into_iter().flatten().any(|o| self.says(o, "ssa", "Merge"))
    }
    /// Whether the object may be deleted and made anew where a field cannot be changed.
    pub fn may_recreate(&self, desired: &Object, live: Option<&Object>) -> bool {
        [Some(desired), live].into_iter().flatten().any(|o| self.says(o, "force", "enabled"))
    }
    /// The mark that keeps a live object from being pruned.
    pub fn kept_from_pruning(&self, live: &Object) -> Option<String> {
        [("prune", "disabled"), ("reconcile", "disabled"), ("ssa", "Ignore")]
            .into_iter()
            .find(|(name, value)| self.says(live, name, value))
            .map(|(name, value)| format!("{}/{name}: {value}", self.domain))
    }
    /// Whether an encrypted object is meant to be applied as it is; an annotation alone says so.
    pub fn stays_encrypted(&self, desired: &Object) -> bool {
        let value = desired.annotation(&format!("{}/decrypt", self.domain));
        value.is_some_and(|v| v.eq_ignore_ascii_case("disabled"))
    }
    /// As label or as annotation, whatever the case of the value.
    fn says(&self, object: &Object, name: &str, value: &str) -> bool {
        let key = format!("{}/{name}", self.domain);
        [object.label(&key), object.annotation(&key)].into_iter().flatten().any(|v| v.eq_ignore_ascii_case(value))
    }

    /// Stamps an owner on an object.
    pub fn stamp_owner(&self, object: &mut Object, owner: &OwnerName) -> Result<(), Error> {
        let (name, namespace) = (self.name_label(), self.namespace_label());
        let labels = metadata_map(object, "labels")?;
        labels.insert(name, owner.name.as_str());
        labels.insert(namespace, owner.namespace.as_str());
        Ok(())
    }
    /// The owner that an object's labels name; `None` where it has not both.
    pub fn owner_of(&self, object: &Object) -> Option<OwnerName> {
        Some(OwnerName {
            namespace: object.label(&self.namespace_label())?.to_owned(),
            name: object.label(&self.name_label())?.to_owned(),
        })
    }
    /// The label that names the owner.
    pub fn name_label(&self) -> String {
        format!("{}/name", self.domain)
    }
    /// The label that names the owner's namespace.
    pub fn namespace_label(&self) -> String {
        format!("{}/namespace", self.domain)
    }
}

/// The app that owns objects, as its labels name it.
#[derive(Clone, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct OwnerName {
    /// The app's namespace.
    pub namespace: String,
    /// The app's name.
    pub name: String,
}

/// Labels and annotations that are set on every object, over what the manifests say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CommonMetadata {
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Annotations.
    pub annotations: Vec<(String, String)>,
}

impl CommonMetadata {
    /// Sets them on an object.
    pub fn stamp(&self, object: &mut Object) -> Result<(), Error> {
        for (field, wanted) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            if wanted.is_empty() {
                continue;
            }
            let map = metadata_map(object, field)?;
            for (name, value) in wanted {
                map.insert(name.as_str(), value.as_str());
            }
        }
        Ok(())
    }
}

/// `metadata.labels` or `.annotations` as a map, made where absent or null. One of another type is
/// an error: writing over it would lose what the user wrote.
fn metadata_map<'a>(object: &'a mut Object, field: &str) -> Result<&'a mut Map, Error> {
    let key = object.key();
    let value = object.value_mut().at_or_insert(&["metadata", field]);
    if value.is_null() {
        *value = Value::object();
    }
    let kind = value.type_name();
    value
        .as_object_mut()
        .ok_or_else(|| Error::new(ErrorKind::Shape, format!("{key} metadata.{field} is of type {kind}, not a map")))
}
