//! Namespaces on their way out: their content is deleted, then they go.

use std::collections::BTreeMap;

use belay_object::{Object, Value};

use super::conditions;
use super::queue::Role;
use super::world::World;
use crate::status::Result;

/// At most so many objects are deleted in one go, so that others get their turn.
const BATCH: usize = 1_000;

pub(super) fn sync(world: &mut World, _: &str, name: &str) -> Result<()> {
    let Some(namespace) = world.handle.get("", "namespaces", "", name) else { return Ok(()) };
    if !namespace.is_deleting() {
        return Ok(());
    }
    delete_content(world, name)?;
    let remaining = Remaining::of(world, name);
    if remaining.resources.is_empty() {
        return finalize(world, &namespace);
    }
    let mut all = conditions::of(&namespace);
    remaining.report(&mut all);
    if all == conditions::of(&namespace) {
        return Ok(());
    }
    world.handle.modify(&namespace, "status", &mut |live| {
        live.set(&["status", "conditions"], all.clone());
        true
    })?;
    Ok(())
}

/// The tables with content of a namespace, each once.
fn tables(world: &World) -> Vec<(String, String)> {
    let registry = world.handle.registry();
    let namespaced = registry.resources().filter(|r| r.namespaced && r.serves("delete"));
    let mut tables: Vec<_> = namespaced.map(|r| (r.table.group.to_string(), r.table.resource.to_string())).collect();
    tables.sort();
    tables.dedup();
    tables
}

fn delete_content(world: &mut World, name: &str) -> Result<()> {
    let mut left = BATCH;
    for (group, resource) in tables(world) {
        for object in world.handle.list(&group, &resource, name) {
            if object.is_deleting() {
                continue;
            }
            if left == 0 {
                world.queue.add(super::queue::Key::of(Role::Namespace, "", name));
                return Ok(());
            }
            world.delete(&object)?;
            left -= 1;
        }
    }
    Ok(())
}

/// What is still there: counts by resource and by finalizer.
struct Remaining {
    resources: BTreeMap<String, usize>,
    finalizers: BTreeMap<String, usize>,
}

impl Remaining {
    fn of(world: &World, name: &str) -> Remaining {
        let mut remaining = Remaining { resources: BTreeMap::new(), finalizers: BTreeMap::new() };
        for (group, resource) in tables(world) {
            for object in world.handle.list(&group, &resource, name) {
                *remaining.resources.entry(format!("{resource}.{group}")).or_insert(0) += 1;
                for finalizer in object.finalizers() {
                    *remaining.finalizers.entry(finalizer.to_owned()).or_insert(0) += 1;
                }
            }
        }
        remaining
    }

    fn report(&self, all: &mut Vec<Value>) {
        let list = |of: &BTreeMap<String, usize>, what: &str| {
            let parts: Vec<String> = of.iter().map(|(k, n)| format!("{k} {what} {n} resource instances")).collect();
            parts.join(", ")
        };
        let put = conditions::put;
        put(
            all,
            "NamespaceDeletionDiscoveryFailure",
            "False",
            "ResourcesDiscovered",
            "All resources successfully discovered",
        );
        put(
            all,
            "NamespaceDeletionGroupVersionParsingFailure",
            "False",
            "ParsedGroupVersions",
            "All legacy kube types successfully parsed",
        );
        put(
            all,
            "NamespaceDeletionContentFailure",
            "False",
            "ContentDeleted",
            "All content successfully deleted, may be waiting on finalization",
        );
        let content = format!("Some resources are remaining: {}", list(&self.resources, "has"));
        put(all, "NamespaceContentRemaining", "True", "SomeResourcesRemain", &content);
        if self.finalizers.is_empty() {
            let message = "All content-preserving finalizers finished";
            put(all, "NamespaceFinalizersRemaining", "False", "ContentHasNoFinalizers", message);
        } else {
            let message =
                format!("Some content in the namespace has finalizers remaining: {}", list(&self.finalizers, "in"));
            put(all, "NamespaceFinalizersRemaining", "True", "SomeFinalizersRemain", &message);
        }
    }
}

fn finalize(world: &World, namespace: &Object) -> Result<()> {
    let result = world.handle.modify(namespace, "finalize", &mut |live| {
        let finalizers = live.at(&["spec", "finalizers"]).map_or(&[][..], Value::items);
        let left: Vec<Value> = finalizers.iter().filter(|f| f.as_str() != Some("kubernetes")).cloned().collect();
        let changed = left.len() != finalizers.len();
        match left.is_empty() {
            true => drop(live.remove(&["spec", "finalizers"])),
            false => live.set(&["spec", "finalizers"], left),
        }
        changed
    });
    result.map(drop)
}
