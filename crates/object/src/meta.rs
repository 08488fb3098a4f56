//! Kubernetes' envelope around a value: what an object is and where it stands.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Key, Map, Value};

/// A group and a version, as in `apiVersion`; the core group is empty.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct GroupVersion {
    /// `apps`, or empty for the core group.
    pub group: Key,
    /// `v1`
    pub version: Key,
}

impl GroupVersion {
    /// Splits an `apiVersion` (`apps/v1`, `v1`).
    pub fn parse(api_version: &str) -> GroupVersion {
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        GroupVersion { group: group.into(), version: version.into() }
    }
}
impl fmt::Display for GroupVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.group.is_empty() {
            write!(f, "{}/", self.group)?;
        }
        f.write_str(&self.version)
    }
}

/// A group and a kind: what an object is, whatever version it is written in.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct GroupKind {
    /// `apps`, or empty for the core group.
    #[serde(with = "key_text")]
    pub group: Key,
    /// `Deployment`
    #[serde(with = "key_text")]
    pub kind: Key,
}

mod key_text {
    use super::Key;
    use serde::{Deserialize, Deserializer, Serializer};
    pub fn serialize<S: Serializer>(key: &Key, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(key)
    }
    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Key, D::Error> {
        Ok(Key::new(&String::deserialize(d)?))
    }
}

impl GroupKind {
    /// Makes one from texts.
    pub fn new(group: &str, kind: &str) -> GroupKind {
        GroupKind { group: group.into(), kind: kind.into() }
    }
}
/// Writes `Deployment.apps`, or `Service` in the core group.
impl fmt::Display for GroupKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        Ok(())
    }
}

/// A group, a version and a kind.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct GroupVersionKind {
    /// `apps`, or empty for the core group.
    pub group: Key,
    /// `v1`
    pub version: Key,
    /// `Deployment`
    pub kind: Key,
}

impl GroupVersionKind {
    /// Makes one from texts.
    pub fn new(group: &str, version: &str, kind: &str) -> GroupVersionKind {
        GroupVersionKind { group: group.into(), version: version.into(), kind: kind.into() }
    }
    /// Makes one from an `apiVersion` and a kind.
    pub fn from_api_version(api_version: &str, kind: &str) -> GroupVersionKind {
        let GroupVersion { group, version } = GroupVersion::parse(api_version);
        GroupVersionKind { group, version, kind: kind.into() }
    }
    /// Gives `apps/v1` or `v1`.
    pub fn api_version(&self) -> String {
        self.group_version().to_string()
    }
    /// Drops the kind.
    pub fn group_version(&self) -> GroupVersion {
        GroupVersion { group: self.group.clone(), version: self.version.clone() }
    }
    /// Drops the version.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind { group: self.group.clone(), kind: self.kind.clone() }
    }
}
/// Writes `apps/v1 Deployment`.
impl fmt::Display for GroupVersionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.group_version(), self.kind)
    }
}

/// Names one object in a cluster, whatever its version. An empty namespace means cluster-scoped, or
/// not yet decided where the scope is not known.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ObjectKey {
    /// What it is.
    pub kind: GroupKind,
    /// Its namespace, empty where cluster-scoped.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

impl ObjectKey {
    /// Makes one from texts.
    pub fn new(group: &str, kind: &str, namespace: &str, name: &str) -> ObjectKey {
        ObjectKey { kind: GroupKind::new(group, kind), namespace: namespace.into(), name: name.into() }
    }
}
/// Writes `Deployment/shop/front-end`, or `Namespace/shop` where cluster-scoped: as Flux names objects in messages.
impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "/{}", self.namespace)?;
        }
        write!(f, "/{}", self.name)
    }
}

/// A Kubernetes object: a map with `apiVersion`, `kind` and `metadata`. Nothing is checked: a field
/// of the wrong type reads as absent.
#[derive(Clone, PartialEq, Default)]
pub struct Object(Value);

impl Object {
    /// Takes a value as an object; gives the value back where it is no map.
    pub fn new(value: Value) -> Result<Object, Value> {
        match value {
            Value::Object(_) => Ok(Object(value)),
            other => Err(other),
        }
    }
    /// Makes an object with an envelope and nothing else. An empty namespace is left out.
    pub fn of(api_version: &str, kind: &str, namespace: &str, name: &str) -> Object {
        let mut object = Object(Value::object());
        object.0.set(&["apiVersion"], api_version);
        object.0.set(&["kind"], kind);
        object.0.set(&["metadata", "name"], name);
        if !namespace.is_empty() {
            object.0.set(&["metadata", "namespace"], namespace);
        }
        object
    }
    /// The whole as a value.
    pub fn value(&self) -> &Value {
        &self.0
    }
    /// The whole as a value, to change. It must stay a map.
    pub fn value_mut(&mut self) -> &mut Value {
        &mut self.0
    }
    /// Gives up the envelope.
    pub fn into_value(self) -> Value {
        self.0
    }
    /// The top-level fields.
    pub fn fields(&self) -> &Map {
        static EMPTY: std::sync::OnceLock<Map> = std::sync::OnceLock::new();
        self.0.as_object().unwrap_or_else(|| EMPTY.get_or_init(Map::new))
    }
    /// A top-level field.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }
    /// What stands at a path of field names.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        self.0.at(path)
    }
    /// The string at a path of field names.
    pub fn str_at(&self, path: &[&str]) -> Option<&str> {
        self.0.str_at(path)
    }
    /// Sets what stands at a path of field names.
    pub fn set(&mut self, path: &[&str], value: impl Into<Value>) {
        self.0.set(path, value);
    }
    /// Removes what stands at a path of field names.
    pub fn remove(&mut self, path: &[&str]) -> Option<Value> {
        self.0.remove(path)
    }
    /// `apiVersion`, empty where absent.
    pub fn api_version(&self) -> &str {
        self.0.str_at(&["apiVersion"]).unwrap_or_default()
    }
    /// `kind`, empty where absent.
    pub fn kind(&self) -> &str {
        self.0.str_at(&["kind"]).unwrap_or_default()
    }
    /// `metadata.name`, empty where absent.
    pub fn name(&self) -> &str {
        self.meta("name")
    }
    /// `metadata.namespace`, empty where absent.
    pub fn namespace(&self) -> &str {
        self.meta("namespace")
    }
    /// `metadata.uid`, empty where absent.
    pub fn uid(&self) -> &str {
        self.meta("uid")
    }
    /// `metadata.resourceVersion`, empty where absent.
    pub fn resource_version(&self) -> &str {
        self.meta("resourceVersion")
    }
    /// `metadata.generation`, 0 where absent.
    pub fn generation(&self) -> i64 {
        self.0.at(&["metadata", "generation"]).and_then(Value::as_i64).unwrap_or_default()
    }
    /// Whether a deletion timestamp is set.
    pub fn is_deleting(&self) -> bool {
        !self.meta("deletionTimestamp").is_empty()
    }
    fn meta(&self, field: &str) -> &str {
        self.0.str_at(&["metadata", field]).unwrap_or_default()
    }
    /// One label.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.0.str_at(&["metadata", "labels", name])
    }
    /// One annotation.
    pub fn annotation(&self, name: &str) -> Option<&str> {
        self.0.str_at(&["metadata", "annotations", name])
    }
    /// All labels.
    pub fn labels(&self) -> Option<&Map> {
        self.0.at(&["metadata", "labels"])?.as_object()
    }
    /// All annotations.
    pub fn annotations(&self) -> Option<&Map> {
        self.0.at(&["metadata", "annotations"])?.as_object()
    }
    /// Sets one label.
    pub fn set_label(&mut self, name: &str, value: &str) {
        self.0.set(&["metadata", "labels", name], value);
    }
    /// Sets one annotation.
    pub fn set_annotation(&mut self, name: &str, value: &str) {
        self.0.set(&["metadata", "annotations", name], value);
    }
    /// The finalizers in order.
    pub fn finalizers(&self) -> impl Iterator<Item = &str> {
        self.0.at(&["metadata", "finalizers"]).map_or(&[][..], Value::items).iter().filter_map(Value::as_str)
    }
    /// What it is.
    pub fn group_version_kind(&self) -> GroupVersionKind {
        GroupVersionKind::from_api_version(self.api_version(), self.kind())
    }
    /// What it is, whatever its version.
    pub fn group_kind(&self) -> GroupKind {
        self.group_version_kind().group_kind()
    }
    /// Its name in a cluster.
    pub fn key(&self) -> ObjectKey {
        ObjectKey { kind: self.group_kind(), namespace: self.namespace().into(), name: self.name().into() }
    }
}
impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl From<Object> for Value {
    fn from(object: Object) -> Value {
        object.0
    }
}
impl Serialize for Object {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}
