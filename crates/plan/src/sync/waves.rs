//! In which order the tasks of an operation run.

use std::collections::{BTreeMap, HashMap};

use belay_object::Object;

use super::task::{SyncPhase, Task};
use crate::order::is_custom_resource_definition;

/// Kinds that come first within a wave, in this order, whatever their group; all others follow them.
const KINDS: [&str; 35] = [
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
];

/// Sorts tasks into the order in which they run: prunes go in the mirrored order of waves, those that go
/// last get a wave of their own, namespaces and definitions are drawn forward to what needs them.
pub fn arrange(tasks: &mut Vec<Task>) {
    mirror_prunes(tasks);
    prune_last(tasks);
    tasks.sort_by(|a, b| {
        let rank = |t: &Task| KINDS.iter().position(|k| *k == t.object().kind()).unwrap_or(KINDS.len());
        let place = |t: &Task| (t.phase, t.wave, rank(t));
        place(a).cmp(&place(b)).then_with(|| a.object().name().cmp(b.object().name()))
    });
    draw_forward(tasks, defined_namespace, |o| Some(o.namespace().to_owned()).filter(|n| !n.is_empty()));
    draw_forward(tasks, defined_kind, |o| Some(format!("{}/{}", o.group_kind().group, o.kind())));
}

/// What was made last goes first: of the waves that have prunes the first and the last change places, and
/// so on inwards.
fn mirror_prunes(tasks: &mut [Task]) {
    let waves: BTreeMap<i64, ()> = tasks.iter().filter(|t| t.is_prune()).map(|t| (t.wave, ())).collect();
    let waves: Vec<i64> = waves.into_keys().collect();
    for task in tasks.iter_mut().filter(|t| t.is_prune()) {
        if let Ok(place) = waves.binary_search(&task.wave) {
            task.wave = waves[waves.len() - 1 - place];
        }
    }
}

fn prune_last(tasks: &mut [Task]) {
    let in_sync = tasks.iter().filter(|t| t.phase == SyncPhase::Sync);
    let last = in_sync.map(|t| t.wave).max().unwrap_or(0).max(0);
    for task in tasks.iter_mut().filter(|t| t.is_prune() && t.flags.prune_last) {
        task.wave = last.saturating_add(1);
    }
}

fn defined_namespace(object: &Object) -> Option<String> {
    (object.kind() == "Namespace" && object.api_version() == "v1").then(|| object.name().to_owned())
}

fn defined_kind(object: &Object) -> Option<String> {
    if !is_custom_resource_definition(object) {
        return None;
    }
    let group = object.at(&["spec", "group"])?.as_str()?;
    let kind = object.at(&["spec", "names", "kind"])?.as_str()?;
    Some(format!("{group}/{kind}"))
}

/// Puts what defines a thing before the first task that needs the thing, in that one's phase and wave.
fn draw_forward(
    tasks: &mut Vec<Task>,
    defines: impl Fn(&Object) -> Option<String>,
    needs: impl Fn(&Object) -> Option<String>,
) {
    let mut first: HashMap<String, (SyncPhase, i64, usize)> = HashMap::new();
    let mut places: Vec<(usize, usize)> = Vec::new();
    for (i, task) in tasks.iter_mut().enumerate() {
        let Some(target) = &task.target else { continue };
        if let Some(thing) = defines(target) {
            if let Some(&(phase, wave, place)) = first.get(&thing) {
                (task.phase, task.wave) = (phase, wave);
                places.push((i, place));
            }
        } else if let Some(thing) = needs(target) {
            first.entry(thing).or_insert((task.phase, task.wave, i));
        }
    }
    if places.is_empty() {
        return;
    }
    // Each moved one stands before the one that needs it; all others keep their order.
    let mut order: Vec<(usize, bool, usize)> = (0..tasks.len()).map(|i| (i, true, i)).collect();
    for (i, place) in places {
        order[i] = (place, false, i);
    }
    order.sort_unstable();
    let mut moved: Vec<Option<Task>> = std::mem::take(tasks).into_iter().map(Some).collect();
    tasks.extend(order.into_iter().filter_map(|(_, _, i)| moved[i].take()));
}
