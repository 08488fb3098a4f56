//! StatefulSets: pods with numbers and claims of their own, made and replaced in order.

use std::sync::Arc;

use belay_object::{Object, Value, object};

use super::queue::Role;
use super::replica_set::until_available;
use super::revision;
use super::rollout::scaled;
use super::world::{World, number, owner_reference};
use crate::status::Result;
use crate::store::Stored;

pub(super) fn sync(world: &mut World, namespace: &str, name: &str) -> Result<()> {
    let Some(set) = world.handle.get("apps", "statefulsets", namespace, name) else { return Ok(()) };
    if set.is_deleting() {
        return Ok(());
    }
    let (hash, _) = revision::sync(world, &set)?;
    let pods = world.owned(set.uid(), "pods");
    let step = step(&set, &pods, &hash);
    for action in step {
        match action {
            Action::Create(ordinal) => create(world, &set, ordinal, &hash)?,
            Action::Delete(pod) => {
                world.delete(&pod)?;
                let message = format!("delete Pod {} in StatefulSet {name} successful", pod.name());
                world.tell(&set, "statefulset-controller", "Normal", "SuccessfulDelete", &message);
            }
        }
    }
    let pods = world.owned_now(set.uid(), "pods");
    write_status(world, &set, &pods, &hash)
}

/// What to do next.
enum Action {
    Create(i64),
    Delete(Arc<Stored>),
}

fn ordinal(set: &Object, pod: &Object) -> Option<i64> {
    pod.name().strip_prefix(set.name())?.strip_prefix('-')?.parse().ok()
}

fn is_available(set: &Object, pod: &Object) -> bool {
    !pod.is_deleting() && until_available(pod, number(set, &["spec", "minReadySeconds"])).is_some_and(|w| w.is_zero())
}

/// One step towards what is wanted. In order, nothing happens behind a pod that is not there yet or is on its way out.
fn step(set: &Object, pods: &[Arc<Stored>], hash: &str) -> Vec<Action> {
    let start = number(set, &["spec", "ordinals", "start"]);
    let end = start + number(set, &["spec", "replicas"]);
    let parallel = set.str_at(&["spec", "podManagementPolicy"]) == Some("Parallel");
    let at = |i: i64| pods.iter().find(|p| ordinal(set, p) == Some(i));
    let mut actions = Vec::new();
    for i in start..end {
        let pod = at(i);
        match pod {
            None => actions.push(Action::Create(i)),
            Some(pod)
                if matches!(pod.str_at(&["status", "phase"]), Some("Succeeded" | "Failed")) && !pod.is_deleting() =>
            {
                actions.push(Action::Delete(pod.clone()));
            }
            Some(_) => {}
        }
        let settled = actions.is_empty() && pod.is_some_and(|p| is_available(set, p));
        if !parallel && !settled {
            return actions;
        }
    }
    // What is too much goes from the highest number down, one after the other.
    let mut surplus: Vec<&Arc<Stored>> =
        pods.iter().filter(|p| ordinal(set, p).is_none_or(|i| i < start || i >= end)).collect();
    surplus.sort_by_key(|p| std::cmp::Reverse(ordinal(set, p)));
    for pod in surplus {
        if !pod.is_deleting() {
            actions.push(Action::Delete(pod.clone()));
        }
        if !parallel {
            return actions;
        }
    }
    if actions.is_empty() {
        actions.extend(replacement(set, pods, hash, start, end));
    }
    actions
}

/// The next pod of an older revision that may be replaced.
fn replacement(set: &Object, pods: &[Arc<Stored>], hash: &str, start: i64, end: i64) -> Vec<Action> {
    if set.str_at(&["spec", "updateStrategy", "type"]) == Some("OnDelete") {
        return Vec::new();
    }
    let rolling = |field: &str| set.at(&["spec", "updateStrategy", "rollingUpdate", field]);
    let partition = rolling("partition").and_then(Value::as_i64).unwrap_or_default();
    let most = scaled(rolling("maxUnavailable"), end - start, true).max(1);
    let mut missing = 0;
    let mut actions = Vec::new();
    for i in ((start + partition)..end).rev() {
        let Some(pod) = pods.iter().find(|p| ordinal(set, p) == Some(i)) else { continue };
        if revision::of_pod(pod) != hash && !pod.is_deleting() {
            actions.push(Action::Delete(pod.clone()));
            missing += 1;
        } else if !is_available(set, pod) {
            missing += 1;
        }
        if missing >= most {
            break;
        }
    }
    actions
}

fn create(world: &mut World, set: &Object, ordinal: i64, hash: &str) -> Result<()> {
    let name = format!("{}-{ordinal}", set.name());
    let template = set.value()["spec"]["template"].clone();
    let mut pod = Object::of("v1", "Pod", set.namespace(), &name);
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template.at(&["metadata", field]) {
            pod.set(&["metadata", field], value.clone());
        }
    }
    pod.set_label("statefulset.kubernetes.io/pod-name", &name);
    pod.set_label("apps.kubernetes.io/pod-index", &ordinal.to_string());
    pod.set_label(revision::LABEL, hash);
    pod.set(&["metadata", "ownerReferences"], vec![owner_reference(set)]);
    pod.set(&["spec"], template["spec"].clone());
    pod.set(&["spec", "hostname"], name.as_str());
    if let Some(service) = set.str_at(&["spec", "serviceName"]) {
        pod.set(&["spec", "subdomain"], service);
    }
    let mut volumes: Vec<Value> = Vec::new();
    for claim in set.at(&["spec", "volumeClaimTemplates"]).map_or(&[][..], Value::items) {
        let of = claim.str_at(&["metadata", "name"]).unwrap_or_default();
        let claim_name = format!("{of}-{name}");
        ensure_claim(world, set, claim, &claim_name)?;
        volumes.push(object! { "name" => of, "persistentVolumeClaim" => object! { "claimName" => claim_name } });
    }
    let claimed: Vec<String> = volumes.iter().filter_map(|v| v.str_at(&["name"]).map(str::to_owned)).collect();
    let others = template["spec"]["volumes"].items().iter();
    volumes.extend(others.filter(|v| v.str_at(&["name"]).is_none_or(|n| !claimed.iter().any(|c| c == n))).cloned());
    if !volumes.is_empty() {
        pod.set(&["spec", "volumes"], volumes);
    }
    match world.handle.create(pod) {
        Err(e) if e.code() == 409 => Ok(()),
        Err(e) => Err(e),
        Ok(_) => {
            let message = format!("create Pod {name} in StatefulSet {} successful", set.name());
            world.tell(set, "statefulset-controller", "Normal", "SuccessfulCreate", &message);
            Ok(())
        }
    }
}

fn ensure_claim(world: &World, set: &Object, template: &Value, name: &str) -> Result<()> {
    if world.handle.get("", "persistentvolumeclaims", set.namespace(), name).is_some() {
        return Ok(());
    }
    let mut claim = Object::of("v1", "PersistentVolumeClaim", set.namespace(), name);
    for field in ["labels", "annotations"] {
        if let Some(value) = template.at(&["metadata", field]) {
            claim.set(&["metadata", field], value.clone());
        }
    }
    for (key, value) in set
        .at(&["spec", "selector", "matchLabels"])
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(belay_object::Map::iter)
    {
        claim.set(&["metadata", "labels", key.as_str()], value.clone());
    }
    claim.set(&["spec"], template["spec"].clone());
    match world.handle.create(claim) {
        Err(e) if e.code() == 409 => Ok(()),
        other => other.map(drop),
    }
}

fn write_status(world: &mut World, set: &Object, pods: &[Arc<Stored>], hash: &str) -> Result<()> {
    let min_ready = number(set, &["spec", "minReadySeconds"]);
    let update = format!("{}-{hash}", set.name());
    let mut current = set.str_at(&["status", "currentRevision"]).unwrap_or(&update).to_owned();
    let (mut replicas, mut ready, mut available, mut updated, mut of_current) = (0, 0, 0, 0, 0);
    for pod in pods {
        replicas += 1;
        let wait = until_available(pod, min_ready).filter(|_| !pod.is_deleting());
        ready += i64::from(wait.is_some());
        available += i64::from(wait.is_some_and(|w| w.is_zero()));
        if let Some(wait) = wait.filter(|w| !w.is_zero()) {
            world.again(Role::StatefulSet, set.namespace(), set.name(), wait);
        }
        if !pod.is_deleting() {
            let of = format!("{}-{}", set.name(), revision::of_pod(pod));
            updated += i64::from(of == update);
            of_current += i64::from(of == current);
        }
    }
    let wanted = number(set, &["spec", "replicas"]);
    if current != update && updated == wanted && replicas == wanted && ready == wanted {
        current.clone_from(&update);
        of_current = updated;
    }
    let mut status = object! {
        "replicas" => replicas, "availableReplicas" => available, "observedGeneration" => set.generation(),
        "currentRevision" => current, "updateRevision" => update, "collisionCount" => 0,
    };
    for (field, value) in [("readyReplicas", ready), ("currentReplicas", of_current), ("updatedReplicas", updated)] {
        if value > 0 {
            status.set(&[field], value);
        }
    }
    world.put_status(set, status)
}
