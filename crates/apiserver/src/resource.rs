//! Which resources there are: the built-in ones from the recorded discovery, and those of custom
//! resource definitions. A [`Registry`] is an immutable snapshot, replaced as a whole whenever a
//! definition comes or goes, so that a request sees one state of it.

use std::collections::HashMap;
use std::sync::Arc;

use belay_object::{Key, Value};

use crate::plugin::{KindLogic, TableColumns};
use crate::store::Table;

mod builtin;

pub(crate) use builtin::{builtin_resources, counts_generation};

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
    /// The version objects are stored in; equal to `version` for most.
    pub storage_version: Key,
    /// What a custom resource's definition says; `None` for built-in kinds.
    pub custom: Option<Arc<CustomVersion>>,
    /// What the kind means; `None` where nothing is special.
    pub logic: Option<Arc<dyn KindLogic>>,
    /// How it is printed; `None` for name and age.
    pub columns: Option<Arc<dyn TableColumns>>,
    /// Where its objects are. Resources that are never stored have an empty one.
    pub(crate) table: Arc<Table>,
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
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_string() } else { format!("{}/{}", self.group, self.version) }
    }
    /// One subresource.
    pub fn subresource(&self, name: &str) -> Option<&Subresource> {
        self.subresources.iter().find(|s| s.name == name)
    }
    /// Whether there is a status subresource.
    pub fn has_status(&self) -> bool {
        self.subresource("status").is_some()
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
