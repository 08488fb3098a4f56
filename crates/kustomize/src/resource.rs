//! One object on its way through a build: the object itself, shared until it is changed, and what
//! it was called before.

use std::sync::Arc;

use belay_object::{Map, Value};
use belay_tree::TreePath;

use crate::id::{Gvk, Id, split_api_version};
use crate::metadata::Provenance;
use crate::scalar::{is_empty, text};
use crate::schema::Schemas;

/// Where an object of a build comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file: the manifest, or the kustomization file whose generator made the object.
    pub path: TreePath,
    /// Which document of the file, from 0; empty ones count.
    pub document: usize,
    /// The line on which the document's content starts, from 1; 0 for a generated object.
    pub line: usize,
}

/// What a generated object does where one of its name is already there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Behavior {
    #[default]
    Unspecified,
    Create,
    Replace,
    Merge,
}

impl Behavior {
    pub(crate) fn of(text: &str) -> Behavior {
        match text {
            "create" => Behavior::Create,
            "replace" => Behavior::Replace,
            "merge" => Behavior::Merge,
            _ => Behavior::Unspecified,
        }
    }
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Behavior::Unspecified => "unspecified",
            Behavior::Create => "create",
            Behavior::Replace => "replace",
            Behavior::Merge => "merge",
        }
    }
}

/// A name that a resource had.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Previous {
    pub(crate) name: Box<str>,
    /// The effective one.
    pub(crate) namespace: Box<str>,
    pub(crate) kind: Box<str>,
}

/// One object on its way through a build.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resource {
    value: Arc<Value>,
    pub(crate) origin: Option<Origin>,
    pub(crate) previous: Vec<Previous>,
    pub(crate) prefixes: Vec<Box<str>>,
    pub(crate) suffixes: Vec<Box<str>>,
    pub(crate) behavior: Behavior,
    pub(crate) needs_hash: bool,
    pub(crate) from_helm: bool,
    /// The variables that take their value from this resource.
    pub(crate) vars: Vec<Box<str>>,
    /// What `buildMetadata` puts on the object.
    pub(crate) provenance: Provenance,
    cluster: bool,
}

impl Resource {
    pub(crate) fn new(value: Arc<Value>, origin: Option<Origin>, schemas: &Schemas) -> Resource {
        let mut resource = Resource { value, origin, ..Resource::default() };
        resource.settle_kind(schemas);
        resource
    }

    /// Takes over what annotations of kustomize's own say: output of an earlier, unfinished build.
    pub(crate) fn read_books(&mut self) {
        let Some(annotations) = self.value.at(&["metadata", "annotations"]).and_then(Value::as_object) else { return };
        let list = |name: &str| -> Vec<Box<str>> {
            let found = annotations.get(&format!("internal.config.kubernetes.io/{name}")).and_then(Value::as_str);
            found.into_iter().flat_map(|text| text.split(',')).map(Box::from).collect()
        };
        let (names, namespaces, kinds) = (list("previousNames"), list("previousNamespaces"), list("previousKinds"));
        if names.len() == namespaces.len() && names.len() == kinds.len() {
            let previous = names.into_iter().zip(namespaces).zip(kinds);
            self.previous = previous.map(|((name, namespace), kind)| Previous { name, namespace, kind }).collect();
        }
        (self.prefixes, self.suffixes) = (list("prefixes"), list("suffixes"));
        self.needs_hash = list("needsHashSuffix").first().is_some_and(|value| **value == *"enabled");
    }

    pub(crate) fn value(&self) -> &Value {
        &self.value
    }
    /// The object to change; it is copied if it is shared.
    pub(crate) fn value_mut(&mut self) -> &mut Value {
        Arc::make_mut(&mut self.value)
    }
    /// Takes the object, which leaves null.
    pub(crate) fn take_value(&mut self) -> Value {
        let value = std::mem::take(&mut self.value);
        Arc::try_unwrap(value).unwrap_or_else(|shared| (*shared).clone())
    }
    pub(crate) fn put_value(&mut self, value: Value) {
        self.value = Arc::new(value);
    }
    /// To be called after the kind may have changed.
    pub(crate) fn settle_kind(&mut self, schemas: &Schemas) {
        let field = |name: &str| self.value.get(name).map(text).unwrap_or_default();
        self.cluster = schemas.is_cluster_scoped(&field("apiVersion"), &field("kind"));
    }
    pub(crate) fn is_empty(&self) -> bool {
        is_empty(&self.value)
    }
    pub(crate) fn is_cluster_scoped(&self) -> bool {
        self.cluster
    }

    pub(crate) fn kind(&self) -> std::borrow::Cow<'_, str> {
        self.value.get("kind").map(text).unwrap_or_default()
    }
    pub(crate) fn gvk(&self) -> Gvk {
        Gvk::of(&self.value.get("apiVersion").map(text).unwrap_or_default(), &self.kind())
    }
    pub(crate) fn name(&self) -> std::borrow::Cow<'_, str> {
        self.meta("name")
    }
    pub(crate) fn namespace(&self) -> std::borrow::Cow<'_, str> {
        self.meta("namespace")
    }
    fn meta(&self, field: &str) -> std::borrow::Cow<'_, str> {
        self.value.at(&["metadata", field]).filter(|v| !is_empty(v)).map(text).unwrap_or_default()
    }

    /// What it is called.
    pub(crate) fn id(&self) -> Id {
        Id { gvk: self.gvk(), name: self.name().into(), namespace: self.namespace().into(), cluster: self.cluster }
    }
    /// Whether it is called so; the same as comparing [`Resource::id`], without making one.
    pub(crate) fn is_called(&self, id: &Id) -> bool {
        let namespace = self.namespace();
        let effective = match (self.cluster, namespace.is_empty()) {
            (true, _) => crate::id::NOT_NAMESPACED,
            (false, true) => crate::id::DEFAULT_NAMESPACE,
            (false, false) => &*namespace,
        };
        *self.name() == *id.name
            && effective == id.effective_namespace()
            && *self.kind() == *id.gvk.kind
            && self.gvk() == id.gvk
    }
    /// What it was called, oldest first. These ids have the kind's scope in their namespace.
    pub(crate) fn previous_ids(&self) -> impl Iterator<Item = Id> {
        let api_version = match self.value.get("apiVersion") {
            Some(value) if !self.previous.is_empty() => text(value).into_owned(),
            _ => String::new(),
        };
        self.previous.iter().map(move |previous| {
            let (group, version) = split_api_version(&api_version);
            Id {
                gvk: Gvk::new(group, version, &previous.kind),
                name: previous.name.clone(),
                namespace: previous.namespace.clone(),
                cluster: false,
            }
        })
    }
    /// What it was called first.
    pub(crate) fn original_id(&self) -> Id {
        self.previous_ids().next().unwrap_or_else(|| self.id())
    }
    /// Remembers what it is called before that changes.
    pub(crate) fn store_previous(&mut self) {
        let id = self.id();
        self.previous.push(Previous {
            namespace: id.effective_namespace().into(),
            kind: id.gvk.kind.as_str().into(),
            name: id.name,
        });
    }

    pub(crate) fn set_name(&mut self, name: &str) {
        self.value_mut().set(&["metadata", "name"], name);
    }
    /// Sets the namespace; an empty one removes the field.
    pub(crate) fn set_namespace(&mut self, namespace: &str) {
        if !namespace.is_empty() {
            self.value_mut().set(&["metadata", "namespace"], namespace);
        } else if self.value.at(&["metadata", "namespace"]).is_some() {
            self.value_mut().remove(&["metadata", "namespace"]);
        }
    }
    pub(crate) fn set_kind(&mut self, kind: &str) {
        if self.kind() != kind {
            self.value_mut().set(&["kind"], kind);
        }
    }
    pub(crate) fn annotation(&self, name: &str) -> Option<std::borrow::Cow<'_, str>> {
        self.value.at(&["metadata", "annotations", name]).map(text)
    }

    /// Whether prefixes and suffixes are those of another resource, from the end on; where `lax`,
    /// none at all counts as well.
    pub(crate) fn same_affixes(&self, other: &Resource, lax: bool) -> bool {
        let same = |a: &[Box<str>], b: &[Box<str>]| (lax && (a.is_empty() || b.is_empty())) || same_ending(a, b);
        same(&self.prefixes, &other.prefixes) && same(&self.suffixes, &other.suffixes)
    }

    /// The object as YAML, as error texts show it.
    pub(crate) fn to_yaml(&self) -> String {
        belay_yaml::to_yaml(&self.value)
    }
}

/// Whether the shorter list is the end of the longer; an empty one only of an empty one.
fn same_ending(a: &[Box<str>], b: &[Box<str>]) -> bool {
    if a.is_empty() || b.is_empty() {
        return a.len() == b.len();
    }
    if a.len() > b.len() { a.ends_with(b) } else { b.ends_with(a) }
}

/// The texts of a map's values: what kustomize makes of labels, annotations and data when it
/// copies them.
pub(crate) fn text_map(map: Option<&Value>) -> Map {
    let fields = map.and_then(Value::as_object).into_iter().flat_map(Map::iter);
    fields.map(|(key, value)| (key.clone(), Value::from(&*text(value)))).collect()
}
