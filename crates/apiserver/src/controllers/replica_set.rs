//! ReplicaSets: as many pods as are wanted.

use std::sync::Arc;
use std::time::Duration;

use belay_object::{Object, Value, object};
use jiff::Timestamp;

use super::conditions;
use super::queue::Role;
use super::world::{World, number, owner_reference};
use crate::builtin::times;
use crate::status::Result;
use crate::store::Stored;

/// So many pods of one owner are made or deleted at a time, as kube-controller-manager bursts.
pub(super) const BURST: usize = 500;

/// What the pods of an owner are like.
#[derive(Default, Debug, PartialEq, Clone, Copy)]
pub(super) struct Counts {
    pub total: i64,
    pub ready: i64,
    pub available: i64,
    pub terminating: i64,
    pub labelled: i64,
}

/// Whether a pod is of use.
pub(super) fn is_active(pod: &Object) -> bool {
    !pod.is_deleting() && !matches!(pod.str_at(&["status", "phase"]), Some("Succeeded" | "Failed"))
}

/// How long until a ready pod counts as available; `None` where it is not ready, zero where it does.
pub(super) fn until_available(pod: &Object, min_ready_s: i64) -> Option<Duration> {
    let all = conditions::of(pod);
    let ready = conditions::find(&all, "Ready").filter(|c| c.str_at(&["status"]) == Some("True"))?;
    let since = ready.str_at(&["lastTransitionTime"]).and_then(|t| times::parse(t).ok());
    let ready_for = since.map_or(0, |t| Timestamp::now().as_second() - t.as_second());
    Some(Duration::from_secs(u64::try_from(min_ready_s - ready_for).unwrap_or_default()))
}

/// Counts pods, and says when the next of them becomes available.
pub(super) fn count(pods: &[Arc<Stored>], min_ready_s: i64) -> (Counts, Option<Duration>) {
    let mut counts = Counts::default();
    let mut next: Option<Duration> = None;
    for pod in pods {
        if pod.is_deleting() {
            counts.terminating += 1;
        }
        if !is_active(pod) {
            continue;
        }
        counts.total += 1;
        match until_available(pod, min_ready_s) {
            None => {}
            Some(Duration::ZERO) => {
                counts.ready += 1;
                counts.available += 1;
            }
            Some(wait) => {
                counts.ready += 1;
                next = Some(next.map_or(wait, |n| n.min(wait)));
            }
        }
    }
    counts.labelled = counts.total;
    (counts, next)
}

/// A pod of a template, with a generated name.
pub(super) fn pod_of(owner: &Object, template: &Value) -> Object {
    let mut pod = Object::of("v1", "Pod", owner.namespace(), "");
    pod.remove(&["metadata", "name"]);
    pod.set(&["metadata", "generateName"], format!("{}-", owner.name()));
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template.at(&["metadata", field]) {
            pod.set(&["metadata", field], value.clone());
        }
    }
    pod.set(&["metadata", "ownerReferences"], vec![owner_reference(owner)]);
    pod.set(&["spec"], template["spec"].clone());
    pod
}

pub(super) fn sync(world: &mut World, namespace: &str, name: &str) -> Result<()> {
    let Some(set) = world.handle.get("apps", "replicasets", namespace, name) else { return Ok(()) };
    let pods = world.owned(set.uid(), "pods");
    let mut failure = None;
    if !set.is_deleting() {
        failure = scale(world, &set, &pods);
    }
    let pods = world.owned_now(set.uid(), "pods");
    write_status(world, &set, &pods, failure.as_ref().map(|(_, m)| m.as_str()))?;
    match failure {
        Some((error, _)) => Err(error),
        None => Ok(()),
    }
}

/// Makes what lacks, deletes what is too much. Gives what failed, with the text for the condition.
fn scale(world: &mut World, set: &Object, pods: &[Arc<Stored>]) -> Option<(crate::status::ApiError, String)> {
    let active: Vec<&Arc<Stored>> = pods.iter().filter(|p| is_active(p)).collect();
    let wanted = usize::try_from(number(set, &["spec", "replicas"])).unwrap_or_default();
    if active.len() < wanted {
        let template = set.value()["spec"]["template"].clone();
        for _ in 0..(wanted - active.len()).min(BURST) {
            match world.handle.create(pod_of(set, &template)) {
                Ok(pod) => {
                    let message = format!("Created pod: {}", pod.name());
                    world.tell(set, "replicaset-controller", "Normal", "SuccessfulCreate", &message);
                }
                Err(error) => {
                    let message = error.message.clone();
                    return Some((error, message));
                }
            }
        }
        if wanted - active.len() > BURST {
            world.queue.add(super::queue::Key::of(Role::ReplicaSet, set.namespace(), set.name()));
        }
        return None;
    }
    let mut surplus = active;
    surplus.sort_by_key(|pod| rank(pod));
    let excess = surplus.len() - wanted;
    for pod in surplus.into_iter().take(excess.min(BURST)) {
        if let Err(error) = world.delete(pod) {
            let message = error.message.clone();
            return Some((error, message));
        }
        let message = format!("Deleted pod: {}", pod.name());
        world.tell(set, "replicaset-controller", "Normal", "SuccessfulDelete", &message);
    }
    None
}

/// Which pods go first: without a node, pending, not ready, the youngest.
pub(super) fn rank(pod: &Object) -> (bool, bool, bool, std::cmp::Reverse<String>) {
    let scheduled = pod.str_at(&["spec", "nodeName"]).is_some_and(|n| !n.is_empty());
    let running = pod.str_at(&["status", "phase"]) == Some("Running");
    let created = pod.str_at(&["metadata", "creationTimestamp"]).unwrap_or_default().to_owned();
    (scheduled, running, conditions::holds(pod, "Ready"), std::cmp::Reverse(created))
}

fn write_status(world: &mut World, set: &Object, pods: &[Arc<Stored>], failure: Option<&str>) -> Result<()> {
    let (counts, next) = count(pods, number(set, &["spec", "minReadySeconds"]));
    let mut conditions = conditions::of(set);
    match failure {
        Some(message) => conditions::put(&mut conditions, "ReplicaFailure", "True", "FailedCreate", message),
        None => conditions::remove(&mut conditions, "ReplicaFailure"),
    }
    let mut status = object! {
        "replicas" => counts.total, "terminatingReplicas" => counts.terminating, "observedGeneration" => set.generation(),
    };
    for (field, value) in [
        ("fullyLabeledReplicas", counts.labelled),
        ("readyReplicas", counts.ready),
        ("availableReplicas", counts.available),
    ] {
        if value > 0 {
            status.set(&[field], value);
        }
    }
    if !conditions.is_empty() {
        status.set(&["conditions"], conditions);
    }
    if let Some(wait) = next {
        world.again(Role::ReplicaSet, set.namespace(), set.name(), wait);
    }
    world.put_status(set, status)
}
