//! DaemonSets: one pod on the node.

use std::sync::Arc;

use belay_object::{Object, Value, object};

use super::queue::Role;
use super::replica_set::{pod_of, until_available};
use super::revision;
use super::world::{World, number};
use crate::status::Result;
use crate::store::Stored;

pub(super) fn sync(world: &mut World, namespace: &str, name: &str) -> Result<()> {
    let Some(set) = world.handle.get("apps", "daemonsets", namespace, name) else { return Ok(()) };
    if set.is_deleting() {
        return Ok(());
    }
    let (hash, _) = revision::sync(world, &set)?;
    let node = world.options.node.clone().filter(|node| fits(world, &set, node));
    let pods = world.owned(set.uid(), "pods");
    match &node {
        None => {
            for pod in pods.iter().filter(|p| !p.is_deleting()) {
                world.delete(pod)?;
            }
        }
        Some(_) if pods.is_empty() => create(world, &set, &hash)?,
        Some(_) => replace_old(world, &set, &pods, &hash)?,
    }
    let pods = world.owned_now(set.uid(), "pods");
    write_status(world, &set, &pods, &hash, node.is_some())
}

/// Whether the set's node selector takes the node.
fn fits(world: &World, set: &Object, node: &str) -> bool {
    let Some(node) = world.handle.get("", "nodes", "", node) else { return false };
    let selector = set.at(&["spec", "template", "spec", "nodeSelector"]).and_then(Value::as_object);
    selector.into_iter().flat_map(belay_object::Map::iter).all(|(k, v)| node.label(k) == v.as_str())
}

fn create(world: &mut World, set: &Object, hash: &str) -> Result<()> {
    let mut pod = pod_of(set, &set.value()["spec"]["template"]);
    pod.set_label(revision::LABEL, hash);
    pod.set_label("pod-template-generation", &set.generation().to_string());
    let created = world.handle.create(pod)?;
    let message = format!("Created pod: {}", created.name());
    world.tell(set, "daemonset-controller", "Normal", "SuccessfulCreate", &message);
    Ok(())
}

/// A pod of an older template goes first; the next look makes the new one.
fn replace_old(world: &mut World, set: &Object, pods: &[Arc<Stored>], hash: &str) -> Result<()> {
    let ended = |p: &Object| matches!(p.str_at(&["status", "phase"]), Some("Succeeded" | "Failed"));
    let rolls = set.str_at(&["spec", "updateStrategy", "type"]) != Some("OnDelete");
    let mut kept = 0;
    for pod in pods.iter().filter(|p| !p.is_deleting()) {
        let old = rolls && revision::of_pod(pod) != hash;
        if old || ended(pod) || kept > 0 {
            world.delete(pod)?;
            let message = format!("Deleted pod: {}", pod.name());
            world.tell(set, "daemonset-controller", "Normal", "SuccessfulDelete", &message);
        } else {
            kept += 1;
        }
    }
    Ok(())
}

fn write_status(world: &mut World, set: &Object, pods: &[Arc<Stored>], hash: &str, fits: bool) -> Result<()> {
    let desired = i64::from(fits);
    let live: Vec<&Arc<Stored>> = pods.iter().filter(|p| !p.is_deleting()).collect();
    let current = (live.len() as i64).min(desired);
    let wait = live.first().and_then(|p| until_available(p, number(set, &["spec", "minReadySeconds"])));
    let ready = i64::from(wait.is_some());
    let available = i64::from(wait.is_some_and(|w| w.is_zero()));
    if let Some(wait) = wait.filter(|w| !w.is_zero()) {
        world.again(Role::DaemonSet, set.namespace(), set.name(), wait);
    }
    let updated = i64::from(live.first().is_some_and(|p| revision::of_pod(p) == hash));
    let mut status = object! {
        "currentNumberScheduled" => current, "numberMisscheduled" => 0, "desiredNumberScheduled" => desired,
        "numberReady" => ready, "observedGeneration" => set.generation(),
    };
    for (field, value) in [
        ("updatedNumberScheduled", updated),
        ("numberAvailable", available),
        ("numberUnavailable", desired - available),
    ] {
        if value > 0 {
            status.set(&[field], value);
        }
    }
    world.put_status(set, status)
}
