//! One look at a Deployment: its ReplicaSets, how many pods each may have, and the status that follows.

use std::sync::Arc;
use std::time::Duration;

use belay_object::{Object, Value, object};
use jiff::Timestamp;

use super::conditions;
use super::deployment::{DESIRED, MAXIMUM, REVISION};
use super::queue::Role;
use super::replica_set;
use super::world::{World, number};
use crate::builtin::faults::percent;
use crate::builtin::times;
use crate::status::Result;
use crate::store::Stored;

const PROGRESSING: &str = "Progressing";

/// A Deployment with its ReplicaSets, and what is to be said about it.
pub(super) struct Rollout {
    pub deployment: Object,
    pub new: Option<Arc<Stored>>,
    /// The oldest first.
    pub old: Vec<Arc<Stored>>,
    pub wanted: i64,
    pub surge: i64,
    unavailable: i64,
    /// The revision to write into the Deployment's annotation.
    pub revision: Option<String>,
    /// Whether the new set was made in this look: no pod of it had been counted before.
    created: bool,
    conditions: Vec<Value>,
}

/// The order of age: by creation, then by name.
pub(super) fn age_order(object: &Object) -> (String, String) {
    (object.str_at(&["metadata", "creationTimestamp"]).unwrap_or_default().to_owned(), object.name().to_owned())
}

/// A count, or a share of `of`.
pub(super) fn scaled(value: Option<&Value>, of: i64, round_up: bool) -> i64 {
    let Some(value) = value else { return 0 };
    match (value.as_i64(), percent(value)) {
        (Some(count), _) => count,
        (None, Some(percent)) if round_up => (percent * of + 99) / 100,
        (None, Some(percent)) => percent * of / 100,
        (None, None) => 0,
    }
}

/// Lets a ReplicaSet make or delete its pods at once, so that one write of the Deployment's status tells of them.
pub(super) fn follow(world: &mut World, set: Arc<Stored>) -> Arc<Stored> {
    world.observe();
    // What fails is tried again when the set's own turn comes.
    let _ = replica_set::sync(world, set.namespace(), set.name());
    let live = world.handle.get("apps", "replicasets", set.namespace(), set.name());
    live.filter(|live| live.uid() == set.uid()).unwrap_or(set)
}

fn size(set: &Object) -> i64 {
    number(set, &["spec", "replicas"])
}
fn available(set: &Object) -> i64 {
    number(set, &["status", "availableReplicas"])
}

impl Rollout {
    pub(super) fn new(deployment: Object, new: Option<Arc<Stored>>, old: Vec<Arc<Stored>>) -> Rollout {
        let wanted = size(&deployment);
        let rolling = |field: &str| deployment.at(&["spec", "strategy", "rollingUpdate", field]);
        let is_rolling = deployment.str_at(&["spec", "strategy", "type"]) != Some("Recreate");
        let (mut surge, mut unavailable) = (0, 0);
        if is_rolling {
            surge = scaled(rolling("maxSurge"), wanted, true);
            unavailable = scaled(rolling("maxUnavailable"), wanted, false);
            if surge == 0 && unavailable == 0 {
                unavailable = 1;
            }
        }
        let conditions = conditions::of(&deployment);
        let unavailable = unavailable.min(wanted);
        Rollout { deployment, new, old, wanted, surge, unavailable, revision: None, created: false, conditions }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<Stored>> {
        self.old.iter().chain(&self.new)
    }
    fn is_recreated(&self) -> bool {
        self.deployment.str_at(&["spec", "strategy", "type"]) == Some("Recreate")
    }
    fn deadline(&self) -> Option<i64> {
        let seconds = self.deployment.at(&["spec", "progressDeadlineSeconds"]).and_then(Value::as_i64)?;
        (seconds != i64::from(i32::MAX)).then_some(seconds)
    }
    fn set_progress(&mut self, status: &str, reason: &str, message: &str) {
        if self.deadline().is_some() {
            conditions::set(&mut self.conditions, PROGRESSING, status, reason, message);
        }
    }

    /// Notes that a pause began or ended: time spent paused is no lack of progress.
    pub(super) fn note_pause(&mut self, paused: bool) {
        let reason = conditions::find(&self.conditions, PROGRESSING).and_then(|c| c.str_at(&["reason"]));
        let (was, timed_out) = (reason == Some("DeploymentPaused"), reason == Some("ProgressDeadlineExceeded"));
        if timed_out {
            return;
        }
        if paused && !was {
            self.set_progress("Unknown", "DeploymentPaused", "Deployment is paused");
        } else if !paused && was {
            self.set_progress("Unknown", "DeploymentResumed", "Deployment is resumed");
        }
    }
    /// Notes the making of the new ReplicaSet.
    pub(super) fn note_created(&mut self, name: &str) {
        self.created = true;
        let message = format!("Created new replica set {name:?}");
        self.set_progress("True", "NewReplicaSetCreated", &message);
    }
    /// Notes that the ReplicaSet of the template was there already.
    pub(super) fn note_found(&mut self) {
        if conditions::find(&self.conditions, PROGRESSING).is_none() {
            let message =
                format!("Found new replica set {:?}", self.new.as_ref().map(|n| n.name()).unwrap_or_default());
            self.set_progress("True", "FoundNewReplicaSet", &message);
        }
    }
    /// Notes that the new ReplicaSet could not be made.
    pub(super) fn note_failed(&mut self, message: &str) {
        self.set_progress("False", "ReplicaSetCreateError", message);
    }

    /// Whether the wanted size changed since the sets were last scaled.
    pub(super) fn was_scaled(&self) -> bool {
        let differs = |set: &Arc<Stored>| {
            set.annotation(DESIRED).and_then(|d| d.parse::<i64>().ok()).is_some_and(|desired| desired != self.wanted)
        };
        self.all().filter(|set| size(set) > 0).any(differs)
    }

    /// How many pods the new set may have, when it has `now`.
    pub(super) fn new_size(&self, now: i64) -> i64 {
        if self.is_recreated() {
            return self.wanted;
        }
        let total: i64 = self.all().map(|s| size(s)).sum();
        let room = self.wanted + self.surge - total;
        if room <= 0 { now } else { now + room.min(self.wanted - now) }
    }

    fn resize(&mut self, world: &mut World, set: &Arc<Stored>, to: i64) -> Result<bool> {
        let (wanted, maximum) = (self.wanted.to_string(), (self.wanted + self.surge).to_string());
        let annotated = set.annotation(DESIRED) == Some(&wanted) && set.annotation(MAXIMUM) == Some(&maximum);
        let from = size(set);
        if from == to && annotated {
            return Ok(false);
        }
        let written = world.handle.modify(set, "", &mut |live| {
            live.set(&["spec", "replicas"], to);
            live.set_annotation(DESIRED, &wanted);
            live.set_annotation(MAXIMUM, &maximum);
            true
        })?;
        if let Some(written) = written {
            let written = follow(world, written);
            for slot in self.old.iter_mut().chain(self.new.iter_mut()).filter(|s| s.uid() == written.uid()) {
                *slot = written.clone();
            }
        }
        if from != to {
            let direction = if to > from { "up" } else { "down" };
            let message = format!("Scaled {direction} replica set {} from {from} to {to}", set.name());
            world.tell(&self.deployment, "deployment-controller", "Normal", "ScalingReplicaSet", &message);
        }
        Ok(from != to)
    }

    /// Sets the size of the new set.
    pub(super) fn scale_new(&mut self, world: &mut World, to: i64) -> Result<()> {
        match self.new.clone() {
            Some(new) if size(&new) != to => self.resize(world, &new, to).map(drop),
            _ => Ok(()),
        }
    }
    /// Empties the old sets; whether any had to be.
    pub(super) fn scale_old_to_nothing(&mut self, world: &mut World) -> Result<bool> {
        let mut any = false;
        for set in self.old.clone().iter().filter(|s| size(s) > 0) {
            any |= self.resize(world, set, 0)?;
        }
        Ok(any)
    }

    /// One step of a rolling update: up with the new, then down with the old.
    pub(super) fn roll(&mut self, world: &mut World) -> Result<()> {
        let Some(new) = self.new.clone() else { return Ok(()) };
        let now = size(&new);
        if now != self.wanted {
            let to = if now > self.wanted { self.wanted } else { self.new_size(now) };
            if to != now {
                return self.resize(world, &new, to).map(drop);
            }
        }
        if self.shrink_old(world)? {
            return Ok(());
        }
        if self.is_complete() { self.forget_history(world) } else { Ok(()) }
    }

    /// Scales old sets down as far as enough pods stay available; first what is of no use anyway.
    fn shrink_old(&mut self, world: &mut World) -> Result<bool> {
        let Some(new) = self.new.clone() else { return Ok(false) };
        let least = self.wanted - self.unavailable;
        let total: i64 = self.all().map(|s| size(s)).sum();
        let mut room = total - least - (size(&new) - available(&new));
        if room <= 0 || self.old.iter().all(|s| size(s) == 0) {
            return Ok(false);
        }
        let mut any = false;
        for set in self.old.clone() {
            let useless = (size(&set) - available(&set)).min(room).max(0);
            if useless > 0 {
                any |= self.resize(world, &set, size(&set) - useless)?;
                room -= useless;
            }
        }
        let mut surplus = self.all().map(|s| available(s)).sum::<i64>() - least;
        for set in self.old.clone() {
            let less = size(&set).min(surplus);
            if less > 0 {
                any |= self.resize(world, &set, size(&set) - less)?;
                surplus -= less;
            }
        }
        Ok(any)
    }

    /// Takes up a changed size without a new rollout: the one active set, or all in proportion.
    pub(super) fn scale(&mut self, world: &mut World) -> Result<()> {
        let active: Vec<Arc<Stored>> = self.all().filter(|s| size(s) > 0).cloned().collect();
        match active.as_slice() {
            [] => {
                let latest = self.new.clone().or_else(|| self.old.last().cloned());
                return latest.map_or(Ok(()), |set| self.resize(world, &set, self.wanted).map(drop));
            }
            [one] => {
                let one = one.clone();
                return self.resize(world, &one, self.wanted).map(drop);
            }
            _ => {}
        }
        if self.is_saturated() {
            return self.scale_old_to_nothing(world).map(drop);
        }
        if self.is_recreated() {
            return Ok(());
        }
        self.scale_in_proportion(world, active)
    }

    fn is_saturated(&self) -> bool {
        self.new.as_ref().is_some_and(|new| {
            let desired = new.annotation(DESIRED).and_then(|d| d.parse::<i64>().ok());
            size(new) == self.wanted && desired == Some(self.wanted) && available(new) == self.wanted
        })
    }

    fn scale_in_proportion(&mut self, world: &mut World, mut sets: Vec<Arc<Stored>>) -> Result<()> {
        let allowed = if self.wanted > 0 { self.wanted + self.surge } else { 0 };
        let to_add = allowed - sets.iter().map(|s| size(s)).sum::<i64>();
        // The largest first; of one size the newer when growing, the older when shrinking.
        sets.sort_by(|a, b| {
            let age = if to_add > 0 { age_order(b).cmp(&age_order(a)) } else { age_order(a).cmp(&age_order(b)) };
            size(b).cmp(&size(a)).then(age)
        });
        let mut added = 0;
        let mut sizes: Vec<i64> = sets.iter().map(|s| size(s)).collect();
        for (set, to) in sets.iter().zip(&mut sizes) {
            if to_add == added {
                break;
            }
            let share = self.share(set);
            let left = to_add - added;
            let part = if to_add > 0 { share.min(left) } else { share.max(left) };
            *to += part;
            added += part;
        }
        if let Some(first) = sizes.first_mut() {
            *first = (*first + to_add - added).max(0);
        }
        for (set, to) in sets.iter().zip(sizes) {
            self.resize(world, set, to)?;
        }
        Ok(())
    }

    /// By how much a set's size changes when the whole does.
    fn share(&self, set: &Object) -> i64 {
        if self.wanted == 0 {
            return -size(set);
        }
        let before = set.annotation(MAXIMUM).and_then(|m| m.parse::<i64>().ok()).filter(|m| *m > 0);
        let before = before.unwrap_or_else(|| number(&self.deployment, &["status", "replicas"]));
        if before == 0 {
            return 0;
        }
        let exact = (size(set) * (self.wanted + self.surge)) as f64 / before as f64;
        exact.round() as i64 - size(set)
    }

    fn is_complete(&self) -> bool {
        let status = |field: &str| number(&self.deployment, &["status", field]);
        let counts = ["updatedReplicas", "replicas", "availableReplicas"];
        counts.iter().all(|c| status(c) == self.wanted) && status("observedGeneration") >= self.deployment.generation()
    }

    /// Deletes empty old sets beyond the history that is to be kept.
    fn forget_history(&mut self, world: &mut World) -> Result<()> {
        let Some(limit) = self.deployment.at(&["spec", "revisionHistoryLimit"]).and_then(Value::as_i64) else {
            return Ok(());
        };
        let mut old: Vec<Arc<Stored>> = self.old.iter().filter(|s| !s.is_deleting()).cloned().collect();
        let excess = old.len().saturating_sub(usize::try_from(limit).unwrap_or_default());
        old.sort_by_key(|s| s.annotation(REVISION).and_then(|r| r.parse::<i64>().ok()).unwrap_or_default());
        for set in old.iter().take(excess) {
            let observed = number(set, &["status", "observedGeneration"]) >= set.generation();
            if size(set) == 0 && number(set, &["status", "replicas"]) == 0 && observed {
                world.delete(set)?;
            }
        }
        Ok(())
    }

    fn total(&self, field: &str) -> i64 {
        self.all().map(|s| number(s, &["status", field])).sum()
    }

    /// Writes the status, and looks again when the deadline of progress has come.
    pub(super) fn finish(&mut self, world: &mut World) -> Result<()> {
        let (replicas, ready, available) =
            (self.total("replicas"), self.total("readyReplicas"), self.total("availableReplicas"));
        let updated = self.new.as_ref().map_or(0, |n| number(n, &["status", "replicas"]));
        let unavailable = (self.all().map(|s| size(s)).sum::<i64>() - available).max(0);
        let mut status = object! {
            "observedGeneration" => self.deployment.generation(), "terminatingReplicas" => self.total("terminatingReplicas"),
        };
        for (field, value) in [
            ("replicas", replicas),
            ("updatedReplicas", updated),
            ("readyReplicas", ready),
            ("availableReplicas", available),
            ("unavailableReplicas", unavailable),
        ] {
            if value != 0 {
                status.set(&[field], value);
            }
        }
        if let Some(count) = self.deployment.at(&["status", "collisionCount"]) {
            status.set(&["collisionCount"], count.clone());
        }
        if available >= self.wanted - self.unavailable {
            let message = "Deployment has minimum availability.";
            conditions::set(&mut self.conditions, "Available", "True", "MinimumReplicasAvailable", message);
        } else {
            let message = "Deployment does not have minimum availability.";
            conditions::set(&mut self.conditions, "Available", "False", "MinimumReplicasUnavailable", message);
        }
        if !self.deployment.is_deleting() {
            self.judge_progress(world, &status);
        }
        self.carry_failure();
        if !self.conditions.is_empty() {
            status.set(&["conditions"], self.conditions.clone());
        }
        self.write(world, status)
    }

    fn judge_progress(&mut self, world: &mut World, status: &Value) {
        let Some(deadline) = self.deadline() else {
            conditions::remove(&mut self.conditions, PROGRESSING);
            return;
        };
        let new = |field: &str| status[field].as_i64().unwrap_or_default();
        let old = |field: &str| match field {
            "updatedReplicas" if self.created => 0,
            _ => number(&self.deployment, &["status", field]),
        };
        let current = conditions::find(&self.conditions, PROGRESSING).cloned();
        let reason = current.as_ref().and_then(|c| c.str_at(&["reason"])).unwrap_or_default().to_owned();
        if new("replicas") == new("updatedReplicas") && reason == "NewReplicaSetAvailable" {
            return;
        }
        let complete = ["updatedReplicas", "replicas", "availableReplicas"].iter().all(|f| new(f) == self.wanted);
        let old_pods = |of: &dyn Fn(&str) -> i64| of("replicas") - of("updatedReplicas");
        let progressing = new("updatedReplicas") > old("updatedReplicas")
            || old_pods(&new) < old_pods(&old)
            || new("readyReplicas") > old("readyReplicas")
            || new("availableReplicas") > old("availableReplicas");
        let subject = match &self.new {
            Some(set) => format!("ReplicaSet {:?}", set.name()),
            None => format!("Deployment {:?}", self.deployment.name()),
        };
        if complete {
            let message = format!("{subject} has successfully progressed.");
            self.set_progress("True", "NewReplicaSetAvailable", &message);
            return;
        }
        if progressing {
            let held = current.filter(|c| c.str_at(&["status"]) == Some("True"));
            conditions::remove(&mut self.conditions, PROGRESSING);
            self.set_progress("True", "ReplicaSetUpdated", &format!("{subject} is progressing."));
            if let (Some(held), Some(last)) = (held, self.conditions.last_mut()) {
                last.set(&["lastTransitionTime"], held["lastTransitionTime"].clone());
            }
        }
        self.watch_deadline(world, deadline);
    }

    /// Says that the deadline is missed, or comes back when it will be.
    fn watch_deadline(&mut self, world: &mut World, deadline: i64) {
        let Some(current) = conditions::find(&self.conditions, PROGRESSING) else { return };
        let reason = current.str_at(&["reason"]).unwrap_or_default();
        if matches!(reason, "NewReplicaSetAvailable" | "ProgressDeadlineExceeded" | "DeploymentPaused") {
            return;
        }
        let from = current.str_at(&["lastUpdateTime"]).and_then(|t| times::parse(t).ok()).map(|t| t.as_second());
        let left = from.unwrap_or_default() + deadline - Timestamp::now().as_second();
        if left >= 0 {
            let after = Duration::from_secs(left.unsigned_abs() + 1);
            world.again(Role::Deployment, self.deployment.namespace(), self.deployment.name(), after);
            return;
        }
        let subject = match &self.new {
            Some(set) => format!("ReplicaSet {:?}", set.name()),
            None => format!("Deployment {:?}", self.deployment.name()),
        };
        self.set_progress("False", "ProgressDeadlineExceeded", &format!("{subject} has timed out progressing."));
    }

    /// A set that cannot make its pods makes the Deployment say so.
    fn carry_failure(&mut self) {
        let failure = |set: &Arc<Stored>| conditions::find(&conditions::of(set), "ReplicaFailure").cloned();
        let found = self.new.iter().chain(&self.old).find_map(failure);
        match found {
            Some(condition) => {
                let text = |k: &str| condition.str_at(&[k]).unwrap_or_default().to_owned();
                conditions::set(
                    &mut self.conditions,
                    "ReplicaFailure",
                    &text("status"),
                    &text("reason"),
                    &text("message"),
                );
            }
            None => conditions::remove(&mut self.conditions, "ReplicaFailure"),
        }
    }

    /// Status and revision in one write: status writes do not count as a new generation.
    fn write(&self, world: &World, status: Value) -> Result<()> {
        let revision = self.revision.as_deref();
        let annotated = |o: &Object| revision.is_none_or(|r| o.annotation(REVISION) == Some(r));
        if self.deployment.get("status") == Some(&status) && annotated(&self.deployment) {
            return Ok(());
        }
        world.handle.modify(&self.deployment, "status", &mut |live| {
            if live.uid() != self.deployment.uid() || (live.get("status") == Some(&status) && annotated(live)) {
                return false;
            }
            live.set(&["status"], status.clone());
            if let Some(revision) = revision {
                live.set_annotation(REVISION, revision);
            }
            true
        })?;
        Ok(())
    }
}
