//! Which resources there are: the built-in ones from the recorded discovery, and those of custom
//! resource definitions. A [`Registry`] is an immutable snapshot, replaced as a whole whenever a
//! definition comes or goes, so that a request sees one state of it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use belay_object::{Key, Object, Value};
use belay_schema::{FieldSet, Schema, Types, ssa};

use crate::plugin::{KindLogic, TableColumns};
use crate::store::Table;

mod builtin;

pub(crate) use builtin::{builtin_resources, texts};

/// One resource in one version: `deployments` of `apps/v1`.
pub struct Resource {
    /// `apps`, empty for the core group.
    pub group: Key,
    /// `v1`
    pub version: Key,
    /// `deployments`
    pub plural: Key,
    /// `deployment`
    pub singular: Key,
    /// `Deployment`
    pub kind: Key,
    /// `DeploymentList`
    pub list_kind: Key,
    /// Whether objects stand in namespaces.
    pub namespaced: bool,
    /// In the order in which discovery names them.
    pub verbs: Vec<String>,
    /// `deploy`
    pub short_names: Vec<String>,
    /// `all`
    pub categories: Vec<String>,
    /// Sorted by name.
    pub subresources: Vec<Subresource>,
    /// `apps/v1`
    pub api_version: String,
    /// The `apiVersion` objects are stored in; equal to `api_version` for most.
    pub storage_api_version: String,
    /// What its objects may be.
    pub schema: Schema,
    /// Whether `metadata.generation` is shown and counts changes.
    pub counts_generation: bool,
    /// What a custom resource's definition says; `None` for built-in kinds.
    pub custom: Option<Arc<CustomVersion>>,
    /// What the kind means; `None` where nothing is special.
    pub logic: Option<Arc<dyn KindLogic>>,
    /// How it is printed; `None` for name and age.
    pub columns: Option<Arc<dyn TableColumns>>,
    /// Where its objects are. Resources that are never stored have an empty one.
    pub(crate) table: Arc<Table>,
    /// What writes to the object itself and to its status do not own.
    pub(crate) resets: Resets,
}

/// The fields that a write to a (sub)resource does not change.
#[derive(Default)]
pub(crate) struct Resets {
    main: FieldSet,
    status: FieldSet,
    other: FieldSet,
}

impl Resets {
    pub(crate) fn of(schema: &Schema, has_status: bool) -> Resets {
        if !has_status {
            return Resets::default();
        }
        Resets {
            main: ssa::reset_fields(schema, ""),
            status: ssa::reset_fields(schema, "status"),
            other: FieldSet::new(),
        }
    }
}

/// `scale`, `status`, `log`
#[derive(Clone, Debug)]
pub struct Subresource {
    /// `scale`
    pub name: Key,
    /// The group of `kind` where it differs from the resource's (`autoscaling`), else empty.
    pub group: Key,
    /// The version that goes with `group`.
    pub version: Key,
    /// `Scale`
    pub kind: Key,
    /// `get`, `patch`, `update`
    pub verbs: Vec<String>,
}

/// One version of a custom resource definition.
pub struct CustomVersion {
    /// The whole definition as stored.
    pub definition: Arc<crate::store::Stored>,
    /// `spec.versions[]`, this version's entry.
    pub version: Value,
}

impl CustomVersion {
    /// The structural schema as written; `None` where there is none.
    pub fn open_api_schema(&self) -> Option<&Value> {
        self.version.at(&["schema", "openAPIV3Schema"])
    }
}

impl Resource {
    /// `apps/v1`
    pub fn api_version(&self) -> &str {
        &self.api_version
    }
    /// One subresource.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|s| s.name == name)
    }
    /// Whether there is a status subresource.
    pub fn has_status(&self) -> bool {
        self.subresource("status").is_some()
    }
    /// A stored object in this version.
    pub fn present<'s>(&self, stored: &'s Object) -> Cow<'s, Object> {
        if stored.api_version() == self.api_version {
            return Cow::Borrowed(stored);
        }
        let mut object = stored.clone();
        object.set(&["apiVersion"], self.api_version.as_str());
        match (&self.custom, &self.logic) {
            (Some(_), _) => {
                belay_schema::prune(object.value_mut(), &self.schema);
                belay_schema::default_values(object.value_mut(), &self.schema);
            }
            (None, Some(logic)) => logic.convert(&mut object, &self.api_version),
            (None, None) => {}
        }
        Cow::Owned(object)
    }
    /// An object of this version as it is stored.
    pub(crate) fn store_form(&self, mut object: Object) -> Object {
        // Room for the version that the store writes, so that it need not grow what has just been shrunk.
        object.set(&["metadata", "resourceVersion"], "");
        object.value_mut().shrink();
        if self.api_version != self.storage_api_version {
            object.set(&["apiVersion"], self.storage_api_version.as_str());
            if let (None, Some(logic)) = (&self.custom, &self.logic) {
                logic.convert(&mut object, &self.storage_api_version);
            }
        }
        object
    }
    /// What a write to a subresource (empty for the object itself) does not own.
    pub(crate) fn reset(&self, subresource: &str) -> &FieldSet {
        match subresource {
            "" => &self.resets.main,
            "status" => &self.resets.status,
            _ => &self.resets.other,
        }
    }
    /// The schema of every object's metadata.
    pub(crate) fn metadata_schema() -> Option<Schema> {
        Types::builtin().named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
    }
    /// What field selectors may name beyond name and namespace.
    pub(crate) fn selectable_fields(&self) -> Vec<String> {
        match (&self.custom, &self.logic) {
            (Some(custom), _) => {
                let fields = custom.version["selectableFields"].items().iter();
                let paths = fields.filter_map(|f| f.str_at(&["jsonPath"]));
                paths.map(|p| p.trim_start_matches('.').to_owned()).collect()
            }
            (None, Some(logic)) => logic.selectable_fields().iter().map(|f| (*f).to_owned()).collect(),
            (None, None) => Vec::new(),
        }
    }
    /// Whether a verb is served.
    pub fn serves(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }
}

/// A group as discovery shows it: its versions, the preferred first.
#[derive(Clone)]
pub struct Group {
    /// `apps`, empty for the core group.
    pub name: Key,
    /// Preferred first, each with its resources sorted by plural.
    pub versions: Vec<(Key, Vec<Arc<Resource>>)>,
}

/// All resources that are served.
pub struct Registry {
    revision: u64,
    groups: Vec<Group>,
    by_path: HashMap<(Key, Key, Key), Arc<Resource>>,
    by_kind: HashMap<(Key, Key, Key), Arc<Resource>>,
}

impl Registry {
    /// Orders resources into groups: the core group first, then in the order given.
    pub(crate) fn new(revision: u64, groups: Vec<Group>) -> Registry {
        let mut registry = Registry { revision, groups, by_path: HashMap::new(), by_kind: HashMap::new() };
        for group in &registry.groups {
            for resource in group.versions.iter().flat_map(|(_, resources)| resources) {
                let at = |last: &Key| (resource.group.clone(), resource.version.clone(), last.clone());
                registry.by_path.insert(at(&resource.plural), resource.clone());
                // Of two resources with one kind the stored one is meant.
                let entry = registry.by_kind.entry(at(&resource.kind));
                if resource.serves("get") {
                    entry.insert_entry(resource.clone());
                } else {
                    entry.or_insert_with(|| resource.clone());
                }
            }
        }
        registry
    }
    /// Grows with every change; what is derived from a registry may be cached by it.
    pub fn revision(&self) -> u64 {
        self.revision
    }
    /// The groups, the core group first.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }
    /// One group.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|g| g.name == name)
    }
    /// By the names of a path.
    pub fn by_path(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.by_path.get(&(group.into(), version.into(), plural.into()))
    }
    /// By what an object says it is.
    pub fn by_kind(&self, group: &str, version: &str, kind: &str) -> Option<&Arc<Resource>> {
        self.by_kind.get(&(group.into(), version.into(), kind.into()))
    }
    /// A resource in its preferred version.
    pub fn preferred(&self, group: &str, plural: &str) -> Option<&Arc<Resource>> {
        let group = self.group(group)?;
        group.versions.iter().find_map(|(_, resources)| resources.iter().find(|r| r.plural == plural))
    }
    /// Every resource in every version.
    pub fn resources(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.groups.iter().flat_map(|g| g.versions.iter()).flat_map(|(_, resources)| resources)
    }
}
