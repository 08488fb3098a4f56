//! Custom resource definitions: what the server itself does about them.
//!
//! Accepting names, establishing, serving and cleaning up are parts of the API server, not of a
//! controller manager: they happen at the end of the write that causes them. A definition's
//! resources are in the registry once its `Established` condition is true.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_object::{Key, Object, Value, object};
use belay_schema::Schema;

use crate::identity::UserInfo;
use crate::resource::{CustomVersion, Group, Registry, Resets, Resource, Subresource, texts};
use crate::server::Inner;
use crate::store::{Store, Stored};
use crate::verbs::delete::{DeleteOptions, delete};
use crate::verbs::now_text;

mod columns;
mod jsonpath;
mod logic;
mod names;

pub(crate) use logic::DefinitionLogic;

/// The group of definitions.
pub(crate) const GROUP: &str = "apiextensions.k8s.io";
/// Their resource.
pub(crate) const RESOURCE: &str = "customresourcedefinitions";
/// Keeps a definition until its instances are gone.
const FINALIZER: &str = "customresourcecleanup.apiextensions.k8s.io";

/// In the order in which discovery names a custom resource's verbs.
const VERBS: [&str; 8] = ["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"];

/// The groups of all established definitions, sorted by name. What `before` has of a definition that is
/// as it was is taken over: one write compiles one schema, not those of all definitions.
pub(crate) fn groups(store: &Store, before: &Registry) -> Vec<Group> {
    let mut groups: BTreeMap<Key, BTreeMap<VersionRank, Vec<Arc<Resource>>>> = BTreeMap::new();
    for definition in store.list(GROUP, RESOURCE, "") {
        if !condition_holds(&definition, "Established") {
            continue;
        }
        for resource in resources(store, &definition, before) {
            let versions = groups.entry(resource.group.clone()).or_default();
            versions.entry(VersionRank::of(&resource.version)).or_default().push(resource);
        }
    }
    let group = |(name, versions): (Key, BTreeMap<VersionRank, Vec<Arc<Resource>>>)| {
        let versions = versions.into_iter().map(|(rank, resources)| (rank.version, resources));
        Group { name, versions: versions.collect() }
    };
    groups.into_iter().map(group).collect()
}

/// Orders versions as Kubernetes does: stable before beta before alpha, newer first, others by name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct VersionRank {
    class: u8,
    major: std::cmp::Reverse<u64>,
    minor: std::cmp::Reverse<u64>,
    version: Key,
}

impl VersionRank {
    fn of(version: &str) -> VersionRank {
        let (class, major, minor) = rank(version).unwrap_or((3, 0, 0));
        VersionRank {
            class,
            major: std::cmp::Reverse(major),
            minor: std::cmp::Reverse(minor),
            version: Key::new(version),
        }
    }
}

/// `v1` is (0, 1, 0), `v2beta3` (1, 2, 3), `v1alpha1` (2, 1, 1).
fn rank(version: &str) -> Option<(u8, u64, u64)> {
    let rest = version.strip_prefix('v')?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let major = rest[..digits].parse().ok()?;
    match &rest[digits..] {
        "" => Some((0, major, 0)),
        tail => {
            let (class, minor) = match tail.strip_prefix("beta") {
                Some(minor) => (1, minor),
                None => (2, tail.strip_prefix("alpha")?),
            };
            Some((class, major, minor.parse().ok()?))
        }
    }
}

/// The served versions of one definition.
fn resources(store: &Store, definition: &Arc<Stored>, before: &Registry) -> Vec<Arc<Resource>> {
    let spec = &definition.value()["spec"];
    let text = |path: &[&str]| spec.str_at(path).unwrap_or_default();
    let (group, plural, kind) = (text(&["group"]), text(&["names", "plural"]), text(&["names", "kind"]));
    let versions = spec["versions"].items();
    let storage = versions.iter().find(|v| v["storage"].as_bool() == Some(true));
    let storage = storage.and_then(|v| v.str_at(&["name"])).unwrap_or_default();
    let served = versions.iter().filter(|v| v["served"].as_bool() == Some(true));
    let resource = |version: &Value| {
        let name = version.str_at(&["name"]).unwrap_or_default();
        let known = before.by_path(group, name, plural);
        let known = known.and_then(|r| r.custom.as_ref().filter(|c| is_spec_of(definition, &c.definition)).map(|_| r));
        if let Some(known) = known.filter(|r| r.custom.as_ref().is_some_and(|c| Arc::ptr_eq(&c.definition, definition)))
        {
            return known.clone();
        }
        let subresources = subresources(version, kind);
        let has_status = subresources.iter().any(|s| s.name == "status");
        let api_version = format!("{group}/{name}");
        let schema = match (known, version.at(&["schema", "openAPIV3Schema"])) {
            (Some(known), _) => known.schema.clone(),
            // It was checked before it was stored.
            (None, Some(schema)) => belay_schema::crd::compile_unchecked(schema),
            (None, None) => Schema::any(),
        };
        Arc::new(Resource {
            group: group.into(),
            version: name.into(),
            plural: plural.into(),
            singular: text(&["names", "singular"]).into(),
            kind: kind.into(),
            list_kind: text(&["names", "listKind"]).into(),
            namespaced: text(&["scope"]) == "Namespaced",
            verbs: VERBS.iter().map(|v| (*v).to_owned()).collect(),
            short_names: texts(&spec["names"]["shortNames"]),
            categories: texts(&spec["names"]["categories"]),
            subresources,
            resets: Resets::of(&schema, has_status),
            api_version,
            storage_api_version: format!("{group}/{storage}"),
            schema,
            counts_generation: true,
            custom: Some(Arc::new(CustomVersion { definition: definition.clone(), version: version.clone() })),
            logic: None,
            columns: Some(Arc::new(columns::CustomColumns::new(version))),
            table: store.table(group, plural),
        })
    };
    served.map(resource).collect()
}

/// Whether two states of a definition say the same of its resources: every change of a spec counts its generation.
fn is_spec_of(definition: &Object, other: &Object) -> bool {
    definition.uid() == other.uid() && definition.generation() == other.generation()
}

fn subresources(version: &Value, kind: &str) -> Vec<Subresource> {
    let verbs = || ["get", "patch", "update"].map(str::to_owned).to_vec();
    let mut list = Vec::new();
    if version.at(&["subresources", "scale"]).is_some_and(|s| !s.is_null()) {
        list.push(Subresource {
            name: "scale".into(),
            group: "autoscaling".into(),
            version: "v1".into(),
            kind: "Scale".into(),
            verbs: verbs(),
        });
    }
    if version.at(&["subresources", "status"]).is_some_and(|s| !s.is_null()) {
        list.push(Subresource {
            name: "status".into(),
            group: "".into(),
            version: "".into(),
            kind: kind.into(),
            verbs: verbs(),
        });
    }
    list
}

fn conditions(definition: &Object) -> &[Value] {
    definition.at(&["status", "conditions"]).map_or(&[], Value::items)
}

fn condition_holds(definition: &Object, kind: &str) -> bool {
    conditions(definition).iter().any(|c| c.str_at(&["type"]) == Some(kind) && c.str_at(&["status"]) == Some("True"))
}

/// Sets a condition; its time moves only with its status.
fn set_condition(definition: &mut Object, kind: &str, status: bool, reason: &str, message: &str) {
    let status = if status { "True" } else { "False" };
    let list = definition.value_mut().at_or_insert(&["status", "conditions"]);
    if list.as_array().is_none() {
        *list = Value::Array(Default::default());
    }
    let Some(list) = list.as_array_mut() else { return };
    let found = list.iter_mut().find(|c| c.str_at(&["type"]) == Some(kind));
    let since = found.as_ref().filter(|c| c.str_at(&["status"]) == Some(status));
    let since = since.and_then(|c| c.str_at(&["lastTransitionTime"])).map_or_else(now_text, str::to_owned);
    let condition = object! {
        "type" => kind,
        "status" => status,
        "lastTransitionTime" => since,
        "reason" => reason,
        "message" => message,
    };
    match found {
        Some(found) => *found = condition,
        None => list.push(condition),
    }
}

/// What a first delete adds: the finalizer and the condition.
pub(crate) fn mark_deleted(definition: &mut Object) {
    if definition.finalizers().any(|f| f == FINALIZER) || condition_holds(definition, "Terminating") {
        return;
    }
    let mut finalizers: Vec<String> = definition.finalizers().map(str::to_owned).collect();
    finalizers.push(FINALIZER.into());
    definition.set(&["metadata", "finalizers"], finalizers);
    let message = "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon";
    set_condition(definition, "Terminating", true, "InstanceDeletionPending", message);
}

/// Carries a written definition on: names accepted, established, served; or its instances deleted.
pub(crate) fn after_write(inner: &Inner, old: Option<&Arc<Stored>>, new: Option<&Arc<Stored>>) {
    let Some(new) = new else {
        if let Some(old) = old {
            let text = |path: &[&str]| old.str_at(path).unwrap_or_default();
            inner.store.drop_table(text(&["spec", "group"]), text(&["spec", "names", "plural"]));
        }
        inner.rebuild_registry();
        // Names that it held may be free for another definition.
        for other in inner.store.list(GROUP, RESOURCE, "") {
            accept(inner, other);
        }
        return;
    };
    if new.is_deleting() {
        inner.rebuild_registry();
        clean_up(inner, new);
        return;
    }
    accept(inner, new.clone());
    inner.rebuild_registry();
}

/// Writes the status that follows from the names, until it stands.
fn accept(inner: &Inner, mut definition: Arc<Stored>) {
    let table = inner.store.table(GROUP, RESOURCE);
    loop {
        if definition.is_deleting() {
            return;
        }
        let mut wanted = definition.object().clone();
        names::accept(&inner.store, &mut wanted);
        if wanted == *definition.object() {
            return;
        }
        let established = condition_holds(&wanted, "Established") != condition_holds(&definition, "Established");
        match table.replace(definition.name(), definition.version(), wanted) {
            Ok(stored) => {
                if established {
                    inner.rebuild_registry();
                }
                definition = stored;
            }
            Err(stale) => match stale.0 {
                Some(live) => definition = live,
                None => return,
            },
        }
    }
}

/// Deletes the instances of a definition that ends, and the definition once there are none.
fn clean_up(inner: &Inner, definition: &Object) {
    let registry = inner.registry();
    let text = |path: &[&str]| definition.str_at(path).unwrap_or_default();
    let (group, plural) = (text(&["spec", "group"]), text(&["spec", "names", "plural"]));
    let user = UserInfo::controller("customresourcecleanup");
    if let Some(resource) = registry.preferred(group, plural) {
        for instance in resource.table.all("") {
            let call = inner.own_call(resource, instance.namespace(), instance.name(), &user);
            // What cannot be deleted at once is held by a finalizer; its end calls here again.
            let _ = delete(&call, &DeleteOptions::default());
        }
    }
    if !inner.store.table(group, plural).is_empty() {
        return;
    }
    let table = inner.store.table(GROUP, RESOURCE);
    while let Some(live) =
        table.get(definition.name()).filter(|live| live.is_deleting() && live.uid() == definition.uid())
    {
        let mut released = live.object().clone();
        let rest: Vec<String> = live.finalizers().filter(|f| *f != FINALIZER).map(str::to_owned).collect();
        if rest.len() == live.finalizers().count() {
            return;
        }
        let done = match rest.is_empty() {
            true => {
                released.remove(&["metadata", "finalizers"]);
                let gone = table.remove(live.name(), live.version(), Some(released));
                gone.map(|_| after_write(inner, Some(&live), None)).is_ok()
            }
            false => {
                released.set(&["metadata", "finalizers"], rest);
                table.replace(live.name(), live.version(), released).is_ok()
            }
        };
        if done {
            return;
        }
    }
}

/// Called when an instance went: its definition may have waited for that.
pub(crate) fn instance_gone(inner: &Inner, resource: &Resource) {
    let name = format!("{}.{}", resource.plural, resource.group);
    let definition = inner.store.get(GROUP, RESOURCE, "", &name);
    if let Some(definition) = definition.filter(|d| d.is_deleting() && resource.table.is_empty()) {
        clean_up(inner, &definition);
    }
}
