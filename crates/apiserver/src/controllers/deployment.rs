//! Deployments: a ReplicaSet for each template, and the moves between them.
//!
//! Decisions are kube-controller-manager's: surge and unavailability, proportional scaling, revisions, conditions and
//! the deadline of progress. Each look at a Deployment ends with one write of its status.

use std::sync::Arc;

use belay_object::{Map, Object, Value, object};

use super::rollout::{self, Rollout};
use super::world::{World, number, owner_reference};
use crate::builtin::template_hash::template_hash;
use crate::status::Result;
use crate::store::Stored;

pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const REVISION_HISTORY: &str = "deployment.kubernetes.io/revision-history";
pub(super) const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
pub(super) const MAXIMUM: &str = "deployment.kubernetes.io/max-replicas";
const HASH_LABEL: &str = "pod-template-hash";
/// Annotations that are a Deployment's own.
const NOT_PASSED_ON: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    REVISION_HISTORY,
    DESIRED,
    MAXIMUM,
    "deprecated.deployment.rollback.to",
];
/// How long a list of former revisions may get.
const MAX_HISTORY_BYTES: usize = 2_000;

pub(super) fn sync(world: &mut World, namespace: &str, name: &str) -> Result<()> {
    let Some(deployment) = world.handle.get("apps", "deployments", namespace, name) else { return Ok(()) };
    let sets = world.owned(deployment.uid(), "replicasets");
    let mut rollout = split(deployment.object().clone(), sets);
    if deployment.is_deleting() {
        return rollout.finish(world);
    }
    let paused = deployment.at(&["spec", "paused"]).and_then(Value::as_bool).unwrap_or_default();
    rollout.note_pause(paused);
    if paused || rollout.was_scaled() {
        if !paused {
            sync_revision(world, &mut rollout)?;
        }
        rollout.scale(world)?;
        return rollout.finish(world);
    }
    match deployment.str_at(&["spec", "strategy", "type"]) {
        Some("Recreate") => recreate(world, &mut rollout)?,
        _ => {
            ensure_new(world, &mut rollout)?;
            rollout.roll(world)?;
        }
    }
    rollout.finish(world)
}

/// Tells the ReplicaSet of the present template from the others, the oldest first.
fn split(deployment: Object, mut sets: Vec<Arc<Stored>>) -> Rollout {
    sets.sort_by_key(|set| rollout::age_order(set));
    let template = deployment.value()["spec"]["template"].clone();
    let at = sets.iter().position(|set| template_of(set) == template);
    let new = at.map(|i| sets.remove(i));
    Rollout::new(deployment, new, sets)
}

/// A ReplicaSet's template as its Deployment has it.
fn template_of(set: &Object) -> Value {
    let mut template = set.value()["spec"]["template"].clone();
    template.remove(&["metadata", "labels", HASH_LABEL]);
    if template.at(&["metadata", "labels"]).and_then(Value::as_object).is_some_and(Map::is_empty) {
        template.remove(&["metadata", "labels"]);
    }
    template
}

fn revision_of(set: &Object) -> i64 {
    set.annotation(REVISION).and_then(|r| r.parse().ok()).unwrap_or_default()
}

/// Brings the new ReplicaSet's annotations up to date, or makes the set.
fn ensure_new(world: &mut World, rollout: &mut Rollout) -> Result<()> {
    if rollout.new.is_some() { sync_revision(world, rollout) } else { create_new(world, rollout) }
}

fn next_revision(rollout: &Rollout) -> i64 {
    rollout.old.iter().map(|set| revision_of(set)).max().unwrap_or_default() + 1
}

/// Annotations of a ReplicaSet for a revision: the Deployment's, and its place in history.
fn annotate(set: &mut Object, deployment: &Object, revision: i64) {
    for (key, value) in deployment.annotations().into_iter().flat_map(Map::iter) {
        if !NOT_PASSED_ON.contains(&key.as_str()) {
            set.set(&["metadata", "annotations", key.as_str()], value.clone());
        }
    }
    let known = set.annotation(REVISION).map(str::to_owned);
    let before = revision_of(set);
    if before >= revision {
        return;
    }
    set.set_annotation(REVISION, &revision.to_string());
    if known.is_some() {
        let history = set.annotation(REVISION_HISTORY).unwrap_or_default();
        let history = if history.is_empty() { before.to_string() } else { format!("{history},{before}") };
        if history.len() <= MAX_HISTORY_BYTES {
            set.set_annotation(REVISION_HISTORY, &history);
        }
    }
}

fn sync_revision(world: &World, rollout: &mut Rollout) -> Result<()> {
    let Some(new) = rollout.new.clone() else { return Ok(()) };
    let revision = next_revision(rollout);
    let deployment = &rollout.deployment;
    let min_ready = number(deployment, &["spec", "minReadySeconds"]);
    let change = |set: &mut Object| {
        annotate(set, deployment, revision);
        if number(set, &["spec", "minReadySeconds"]) != min_ready {
            set.set(&["spec", "minReadySeconds"], min_ready);
        }
    };
    let mut wanted = new.object().clone();
    change(&mut wanted);
    if wanted != *new.object() {
        let written = world.handle.modify(&new, "", &mut |live| {
            change(live);
            true
        })?;
        rollout.new = written.or(rollout.new.take());
    }
    if let Some(revision) = rollout.new.as_ref().and_then(|n| n.annotation(REVISION)) {
        rollout.revision = Some(revision.to_owned());
    }
    rollout.note_found();
    Ok(())
}

fn create_new(world: &mut World, rollout: &mut Rollout) -> Result<()> {
    let deployment = rollout.deployment.clone();
    let template = &deployment.value()["spec"]["template"];
    let collisions = deployment.at(&["status", "collisionCount"]).and_then(Value::as_i64);
    let hash = template_hash(template, collisions);
    let name = format!("{}-{hash}", &deployment.name()[..deployment.name().len().min(253 - hash.len() - 1)]);
    let mut set = Object::of("apps/v1", "ReplicaSet", deployment.namespace(), &name);
    set.set(&["metadata", "ownerReferences"], vec![owner_reference(&deployment)]);
    let mut template = template.clone();
    template.set(&["metadata", "labels", HASH_LABEL], hash.as_str());
    set.set(&["metadata", "labels"], template["metadata"]["labels"].clone());
    let mut selector = deployment.value()["spec"]["selector"].clone();
    selector.set(&["matchLabels", HASH_LABEL], hash.as_str());
    let replicas = rollout.new_size(0);
    let mut spec = object! { "replicas" => replicas, "selector" => selector, "template" => template };
    if let Some(seconds) = deployment.at(&["spec", "minReadySeconds"]) {
        spec.set(&["minReadySeconds"], seconds.clone());
    }
    set.set(&["spec"], spec);
    let revision = next_revision(rollout);
    annotate(&mut set, &deployment, revision);
    set.set_annotation(DESIRED, &rollout.wanted.to_string());
    set.set_annotation(MAXIMUM, &(rollout.wanted + rollout.surge).to_string());
    let created = match world.handle.create(set) {
        Ok(created) => created,
        Err(error) if error.code() == 409 => return collided(world, rollout, &name, error),
        Err(error) => {
            rollout.note_failed(&format!("Failed to create new replica set {name:?}: {error}"));
            rollout.finish(world)?;
            return Err(error);
        }
    };
    if replicas > 0 {
        let message = format!("Scaled up replica set {name} from 0 to {replicas}");
        world.tell(&deployment, "deployment-controller", "Normal", "ScalingReplicaSet", &message);
    }
    rollout.note_created(&name);
    rollout.new = Some(rollout::follow(world, created));
    rollout.revision = Some(revision.to_string());
    Ok(())
}

/// A ReplicaSet of that name is there: ours, seen late, or another template's of the same hash.
fn collided(world: &World, rollout: &mut Rollout, name: &str, error: crate::status::ApiError) -> Result<()> {
    let live = world.handle.get("apps", "replicasets", rollout.deployment.namespace(), name);
    let ours = |set: &Arc<Stored>| {
        super::index::controller_of(set).is_some_and(|o| *o.uid == *rollout.deployment.uid())
            && template_of(set) == rollout.deployment.value()["spec"]["template"]
    };
    match live.filter(ours) {
        Some(set) => {
            rollout.new = Some(set);
            Ok(())
        }
        None => {
            let count = number(&rollout.deployment, &["status", "collisionCount"]) + 1;
            world.handle.modify(&rollout.deployment, "status", &mut |live| {
                live.set(&["status", "collisionCount"], count);
                true
            })?;
            Err(error)
        }
    }
}

/// All old pods go before the new ones come.
fn recreate(world: &mut World, rollout: &mut Rollout) -> Result<()> {
    if rollout.new.is_some() {
        sync_revision(world, rollout)?;
    }
    if rollout.scale_old_to_nothing(world)? || old_pods_run(world, rollout) {
        return Ok(());
    }
    ensure_new(world, rollout)?;
    rollout.scale_new(world, rollout.wanted)
}

fn old_pods_run(world: &World, rollout: &Rollout) -> bool {
    let runs = |pod: &Arc<Stored>| !matches!(pod.str_at(&["status", "phase"]), Some("Succeeded" | "Failed"));
    rollout.old.iter().any(|set| world.owned(set.uid(), "pods").iter().any(runs))
}
