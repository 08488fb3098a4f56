//! What is desired against what is there.
//!
//! [`pair`] brings rendered objects and live ones together, [`judge`] says of each pair whether it is in
//! sync and how the Application is, given in which fields they differ. Both are functions over values; the
//! differences come from the server (`differ`).

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_health::argo::{Health, Status, Sum};
use belay_object::{GroupKind, Object, ObjectKey};
use belay_schema::ssa::Difference;

use crate::live::is_application;
use crate::marks;
use crate::spec::{
    AppCondition, Application, HealthCode, HealthStatus, HookType, ResourceStatus, SyncCode, conditions,
};
use crate::tracking::Tracking;

/// One object, desired or live or both.
#[derive(Clone, Debug, Default)]
pub struct Pair {
    /// As the sources want it.
    pub target: Option<Arc<Object>>,
    /// As it is.
    pub live: Option<Arc<Object>>,
}

impl Pair {
    /// The object; the live one where there is one.
    pub fn object(&self) -> Option<&Object> {
        self.live.as_deref().or(self.target.as_deref())
    }
    /// Its key, with the live object's namespace.
    pub fn key(&self) -> Option<ObjectKey> {
        self.object().map(Object::key)
    }
}

/// Desired and live objects, brought together.
#[derive(Clone, Debug, Default)]
pub struct Pairs {
    /// Everything that is compared.
    pub managed: Vec<Pair>,
    /// Hooks of syncs, as the sources want them.
    pub hooks: Vec<Arc<Object>>,
    /// Hooks that run before the Application's objects are deleted.
    pub pre_delete: Vec<Arc<Object>>,
    /// Hooks that run after it.
    pub post_delete: Vec<Arc<Object>>,
}

/// Brings objects together. `live` is everything that bears the Application's tracking, and every live
/// object of a target's key.
pub fn pair(targets: Vec<Object>, mut live: BTreeMap<ObjectKey, Arc<Object>>) -> Pairs {
    let mut pairs = Pairs::default();
    for target in targets {
        let target = Arc::new(target);
        let mut of_deletion = false;
        if marks::runs_at(&target, HookType::PreDelete) {
            pairs.pre_delete.push(target.clone());
            of_deletion = true;
        }
        if marks::runs_at(&target, HookType::PostDelete) {
            pairs.post_delete.push(target.clone());
            of_deletion = true;
        }
        if marks::is_hook(&target) {
            let in_sync = !marks::sync_phases(&target).is_empty();
            if in_sync {
                pairs.hooks.push(target);
            }
            continue;
        }
        if of_deletion {
            continue;
        }
        let live = live.remove(&target.key());
        pairs.managed.push(Pair { target: Some(target), live });
    }
    // What is owned by another object goes with that one.
    let is_root = |o: &Object| o.at(&["metadata", "ownerReferences"]).is_none_or(|refs| refs.items().is_empty());
    pairs.managed.extend(live.into_values().filter(|o| is_root(o)).map(|o| Pair { target: None, live: Some(o) }));
    pairs
}

/// One object, judged.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The two states.
    pub pair: Pair,
    /// Where they differ.
    pub differences: Arc<[Difference]>,
    /// What the status says of it.
    pub status: ResourceStatus,
}

/// An Application, compared.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// All of it.
    pub sync: SyncCode,
    /// Of each object, in order of their keys.
    pub resources: Vec<Judged>,
    /// Its health.
    pub health: HealthStatus,
    /// What made it so: `Caused by apps/Deployment:shop/web`; empty where nothing is wrong.
    pub causes: String,
    /// What is to be known.
    pub conditions: Vec<AppCondition>,
    /// The hooks, for operations.
    pub hooks: Vec<Arc<Object>>,
    /// Hooks before deleting.
    pub pre_delete: Vec<Arc<Object>>,
    /// Hooks after deleting.
    pub post_delete: Vec<Arc<Object>>,
    /// The destination's namespace, as it is.
    pub namespace: Option<Arc<Object>>,
}

/// What judging goes by.
pub struct Rules<'a> {
    /// The Application.
    pub app: &'a Application,
    /// The name by which its objects are tracked.
    pub instance: &'a str,
    /// How objects name their Application.
    pub tracking: &'a Tracking,
    /// Whether the project permits an object: group, kind, namespaced, name.
    pub permits: &'a dyn Fn(&str, &str, bool, &str) -> bool,
    /// Whether a kind has namespaces; `None` where the cluster does not know it.
    pub scope: &'a dyn Fn(&GroupKind) -> Option<bool>,
    /// How live objects are.
    pub health: &'a dyn Fn(&Object) -> Option<Health>,
    /// Something that should have been compared is not known: nothing can be said of anything.
    pub failed: bool,
    /// Whether the metadata of the namespace is not what is wanted.
    pub namespace_differs: bool,
}

/// Judges pairs; `differences` are those of each pair.
pub fn judge(pairs: Pairs, differences: Vec<Arc<[Difference]>>, rules: &Rules<'_>) -> Comparison {
    let mut sync = SyncCode::Synced;
    let mut conditions = Vec::new();
    let mut resources = Vec::with_capacity(pairs.managed.len());
    let options = rules.app.spec.sync_policy.as_ref().map_or(&[][..], |policy| &policy.sync_options);
    for (pair, differences) in pairs.managed.into_iter().zip(differences) {
        let Some(object) = pair.object() else { continue };
        let kind = object.group_version_kind();
        if let Some(live) = &pair.live
            && let Some(owner) = rules.tracking.owner_of(live)
            && owner.app != rules.instance
        {
            let other = owner.app.replace('_', "/");
            let message = format!(
                "{}/{} is part of applications {} and {other}",
                live.kind(),
                live.name(),
                rules.app.qualified_name()
            );
            conditions.push(AppCondition::new(conditions::SHARED_RESOURCE_WARNING, message));
        }
        let is_self = pair.live.as_ref().is_none_or(|l| rules.tracking.is_self_referenced(l, pair.target.as_deref()));
        let extra = pair.target.is_none();
        let is_hook = marks::is_hook(object);
        let skipped = is_hook || pair.target.as_ref().is_some_and(|t| marks::is_skipped(t)) || !is_self;
        let mut status = None;
        if !skipped {
            if extra || pair.live.is_none() || !differences.is_empty() {
                status = Some(SyncCode::OutOfSync);
                let is_ignored = extra && marks::has_option(object, marks::COMPARE_OPTIONS, "IgnoreExtraneous");
                if !is_ignored {
                    sync = SyncCode::OutOfSync;
                }
            } else {
                status = Some(SyncCode::Synced);
            }
        }
        let group_kind = object.group_kind();
        let namespaced = (rules.scope)(&group_kind).unwrap_or(!object.namespace().is_empty());
        if !(rules.permits)(&kind.group, &kind.kind, namespaced, object.name()) {
            status = Some(SyncCode::Unknown);
        }
        if namespaced && object.namespace().is_empty() {
            let of = format!("{}, Kind={}", kind.api_version(), kind.kind);
            let message = format!("Namespace for {} {of} is missing.", object.name());
            conditions.push(AppCondition::new(conditions::INVALID_SPEC_ERROR, message));
        }
        if rules.failed {
            status = Some(SyncCode::Unknown);
        }
        let wants_confirmation =
            [&pair.target, &pair.live].into_iter().flatten().any(|o| marks::wants_confirmation(o, options));
        let status = ResourceStatus {
            group: kind.group.to_string(),
            version: kind.version.to_string(),
            kind: kind.kind.to_string(),
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
            status,
            health: None,
            hook: is_hook,
            requires_pruning: extra && pair.live.is_some() && is_self,
            sync_wave: pair.target.as_deref().or(pair.live.as_deref()).map_or(0, marks::wave),
            requires_deletion_confirmation: wants_confirmation,
        };
        resources.push(Judged { pair, differences, status });
    }
    if rules.failed {
        sync = SyncCode::Unknown;
    } else if rules.namespace_differs {
        sync = SyncCode::OutOfSync;
    }
    let (health, causes) = overall(&resources, rules);
    resources.sort_by_cached_key(|judged| place(&judged.status));
    Comparison {
        sync,
        resources,
        health,
        causes,
        conditions,
        hooks: pairs.hooks,
        pre_delete: pairs.pre_delete,
        post_delete: pairs.post_delete,
        namespace: None,
    }
}

/// Compat(argo-cd 3.5): the order of `status.resources`.
fn place(status: &ResourceStatus) -> String {
    format!("{}/{}/{}/{}", status.group, status.kind, status.namespace, status.name)
}

/// The health of all, and what made it so. What is missing counts only where everything is.
fn overall(resources: &[Judged], rules: &Rules<'_>) -> (HealthStatus, String) {
    if rules.failed {
        return (HealthStatus { status: Some(HealthCode::Unknown), ..HealthStatus::default() }, String::new());
    }
    let mut sum = Sum::new();
    for resource in resources {
        let Pair { target, live } = &resource.pair;
        if target.as_ref().is_some_and(|t| marks::is_skipped(t)) || live.as_ref().is_some_and(|l| marks::is_hook(l)) {
            continue;
        }
        let Some(live) = live else {
            sum.skip(false);
            continue;
        };
        let is_application = is_application(&live.group_kind());
        let is_itself = is_application && live.name() == rules.app.name && live.namespace() == rules.app.namespace;
        if is_itself || live.annotation(marks::IGNORE_HEALTH) == Some("true") {
            sum.skip(true);
        } else {
            sum.add((rules.health)(live).as_ref(), true, is_application, &cause(&resource.status));
        }
    }
    (HealthStatus { status: Some(sum.status().into()), ..HealthStatus::default() }, sum.causes())
}

/// `apps/Deployment:shop/web`
fn cause(status: &ResourceStatus) -> String {
    let ResourceStatus { group, kind, namespace, name, .. } = status;
    let slash = if group.is_empty() { "" } else { "/" };
    format!("{group}{slash}{kind}:{namespace}/{name}")
}

impl From<Status> for HealthCode {
    fn from(status: Status) -> HealthCode {
        match status {
            Status::Healthy => HealthCode::Healthy,
            Status::Suspended => HealthCode::Suspended,
            Status::Progressing => HealthCode::Progressing,
            Status::Missing => HealthCode::Missing,
            Status::Degraded => HealthCode::Degraded,
            Status::Unknown => HealthCode::Unknown,
        }
    }
}

#[cfg(test)]
mod tests;
