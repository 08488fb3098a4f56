//! From what sources gave to what a cluster is compared with.

use std::collections::{BTreeSet, HashMap};

use belay_object::{GroupKind, Object, ObjectKey, Value};

use crate::spec::{AppCondition, conditions};

/// Objects with their namespaces, each once.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// The objects, in the order of the sources.
    pub objects: Vec<Object>,
    /// What was dropped.
    pub conditions: Vec<AppCondition>,
    /// Kinds of objects of whose scope nobody knows: neither the cluster, nor a CRD among them.
    pub undefined: BTreeSet<GroupKind>,
}

/// Makes targets of the objects of all sources: namespaces are filled in or taken away as the kind
/// is scoped, of objects that stand twice the last counts, excluded kinds go.
///
/// `scope` tells whether the cluster has a kind namespaced (`None`: it does not know the kind);
/// CRDs among the objects tell of kinds that it does not know, and all others count as namespaced.
/// `is_excluded` takes group and kind.
pub fn targets(
    objects: Vec<Object>,
    namespace: &str,
    scope: &dyn Fn(&GroupKind) -> Option<bool>,
    is_excluded: &dyn Fn(&str, &str) -> bool,
) -> Targets {
    let defined = defined_scopes(&objects);
    let is_namespaced = |kind: &GroupKind| scope(kind).or_else(|| defined.get(kind).copied()).unwrap_or(true);
    let mut targets = Targets::default();
    // Where an object of a key stands, and how often it was met.
    let mut seen: HashMap<ObjectKey, (usize, usize)> = HashMap::with_capacity(objects.len());
    let mut kept: Vec<Object> = Vec::with_capacity(objects.len());
    for (i, mut object) in objects.into_iter().enumerate() {
        let kind = object.group_kind();
        if scope(&kind).is_none() && !defined.contains_key(&kind) {
            targets.undefined.insert(kind.clone());
        }
        match is_namespaced(&kind) {
            false => drop(object.remove(&["metadata", "namespace"])),
            true if object.namespace().is_empty() && !namespace.is_empty() => {
                object.set(&["metadata", "namespace"], namespace);
            }
            true => {}
        }
        let mut key = object.key();
        if key.name.is_empty() {
            // Objects that the server names never stand twice.
            let generate_name = object.str_at(&["metadata", "generateName"]).unwrap_or_default();
            key.name = format!("{generate_name}{i}").into();
        }
        match seen.get_mut(&key) {
            Some((at, times)) => {
                *times += 1;
                kept[*at] = object;
            }
            None => {
                seen.insert(key, (kept.len(), 1));
                kept.push(object);
            }
        }
    }
    let mut repeated: Vec<(usize, ObjectKey, usize)> =
        seen.into_iter().filter(|(_, (_, times))| *times > 1).map(|(key, (at, times))| (at, key, times)).collect();
    repeated.sort_by_key(|(at, ..)| *at);
    for (_, ObjectKey { kind, namespace, name }, times) in repeated {
        // Compat(argo 3.5)
        let key = format!("{}/{}/{namespace}/{name}", kind.group, kind.kind);
        let message = format!("Resource {key} appeared {times} times among application resources.");
        targets.conditions.push(AppCondition::new(conditions::REPEATED_RESOURCE_WARNING, message));
    }
    for object in kept {
        let GroupKind { group, kind } = object.group_kind();
        if is_excluded(&group, &kind) {
            // Compat(argo 3.5)
            let message = format!("Resource {group}/{kind} {} is excluded in the settings", object.name());
            targets.conditions.push(AppCondition::new(conditions::EXCLUDED_RESOURCE_WARNING, message));
        } else {
            targets.objects.push(object);
        }
    }
    targets
}

/// What the CRDs among objects say of their kinds' scope.
fn defined_scopes(objects: &[Object]) -> HashMap<GroupKind, bool> {
    let crds = objects.iter().filter(|object| is_crd(object));
    let scope = |crd: &Object| {
        let spec = crd.get("spec")?;
        let kind = GroupKind::new(spec.str_at(&["group"])?, spec.str_at(&["names", "kind"])?);
        Some((kind, spec.get("scope").and_then(Value::as_str)? == "Namespaced"))
    };
    crds.filter_map(scope).collect()
}

/// Whether an object defines a kind.
pub(crate) fn is_crd(object: &Object) -> bool {
    object.kind() == "CustomResourceDefinition" && object.api_version().starts_with("apiextensions.k8s.io/")
}

#[cfg(test)]
mod tests;
