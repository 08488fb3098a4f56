//! The rules of pods and of the kinds that run them.

use belay_object::{Object, Value};
use jiff::{SignedDuration, Timestamp};

use crate::conditions::{conditions, int, text};
use crate::generic::missing_generation;
use crate::{Answer, Health, Status, current, failed, in_progress};

/// How long a pod may wait for a node before that counts as failed.
const SCHEDULE_WINDOW: SignedDuration = SignedDuration::from_secs(15);

/// A Deployment without this field, or with the greatest value, has no `Progressing` condition.
const NO_DEADLINE: i64 = i32::MAX as i64;

pub(crate) fn deployment(object: &Object) -> Answer {
    let mut progressed = int(object, &["spec", "progressDeadlineSeconds"], NO_DEADLINE) == NO_DEADLINE;
    let mut available = false;
    for c in conditions(object)? {
        match c.kind {
            "Progressing" if c.reason == "ProgressDeadlineExceeded" => return failed("Progress deadline exceeded"),
            "Progressing" if c.status == "True" && c.reason == "NewReplicaSetAvailable" => progressed = true,
            "Available" if c.status == "True" => available = true,
            _ => {}
        }
    }
    let status = |field| int(object, &["status", field], 0);
    let wanted = int(object, &["spec", "replicas"], 1);
    let (replicas, updated) = (status("replicas"), status("updatedReplicas"));
    let (ready, reachable) = (status("readyReplicas"), status("availableReplicas"));
    if wanted > replicas {
        return in_progress(format!("Replicas: {replicas}/{wanted}"));
    }
    if wanted > updated {
        return in_progress(format!("Updated: {updated}/{wanted}"));
    }
    if replicas > wanted {
        return in_progress(format!("Pending termination: {}", replicas - wanted));
    }
    if updated > reachable {
        return in_progress(format!("Available: {reachable}/{updated}"));
    }
    if wanted > ready {
        return in_progress(format!("Ready: {ready}/{wanted}"));
    }
    if !progressed {
        return in_progress("ReplicaSet not Available");
    }
    if !available {
        return in_progress("Deployment not Available");
    }
    current(format!("Deployment is available. Replicas: {replicas}"))
}

pub(crate) fn replica_set(object: &Object) -> Answer {
    if conditions(object)?.iter().any(|c| c.kind == "ReplicaFailure" && c.status == "True") {
        return in_progress("Replica Failure condition. Check Pods");
    }
    let status = |field| int(object, &["status", field], 0);
    let wanted = int(object, &["spec", "replicas"], 1);
    let replicas = status("replicas");
    for (label, have) in [
        ("Labelled", status("fullyLabeledReplicas")),
        ("Available", status("availableReplicas")),
        ("Ready", status("readyReplicas")),
    ] {
        if wanted > have {
            return in_progress(format!("{label}: {have}/{wanted}"));
        }
    }
    if replicas > wanted {
        return in_progress(format!("Pending termination: {}", replicas - wanted));
    }
    current(format!("ReplicaSet is available. Replicas: {replicas}"))
}

/// A stateful set has no conditions and cannot be seen to fail.
pub(crate) fn stateful_set(object: &Object) -> Answer {
    if text(object, &["spec", "updateStrategy", "type"], "") == "OnDelete" {
        return current("StatefulSet is using the ondelete update strategy");
    }
    let status = |field| int(object, &["status", field], 0);
    let wanted = int(object, &["spec", "replicas"], 1);
    let (replicas, ready) = (status("replicas"), status("readyReplicas"));
    let (at_current, updated) = (status("currentReplicas"), status("updatedReplicas"));
    if wanted > replicas {
        return in_progress(format!("Replicas: {replicas}/{wanted}"));
    }
    if wanted > ready {
        return in_progress(format!("Ready: {ready}/{wanted}"));
    }
    if replicas > wanted {
        return in_progress(format!("Pending termination: {}", replicas - wanted));
    }
    let partition = int(object, &["spec", "updateStrategy", "rollingUpdate", "partition"], -1);
    if partition != -1 {
        let due = wanted.saturating_sub(partition);
        if updated < due {
            return in_progress(format!("updated: {updated}/{due}"));
        }
        return current(format!("Partition rollout complete. updated: {updated}"));
    }
    if wanted > at_current {
        return in_progress(format!("current: {at_current}/{wanted}"));
    }
    if text(object, &["status", "currentRevision"], "") != text(object, &["status", "updateRevision"], "") {
        return in_progress("Waiting for updated revision to match current");
    }
    current(format!("All replicas scheduled as expected. Replicas: {replicas}"))
}

pub(crate) fn daemon_set(object: &Object) -> Answer {
    if let Some(health) = missing_generation(object)? {
        return Ok(health);
    }
    let status = |field| int(object, &["status", field], 0);
    let wanted = int(object, &["status", "desiredNumberScheduled"], -1);
    if wanted == -1 {
        return in_progress("Missing .status.desiredNumberScheduled");
    }
    for (label, have) in [
        ("Current", status("currentNumberScheduled")),
        ("Updated", status("updatedNumberScheduled")),
        ("Available", status("numberAvailable")),
        ("Ready", status("numberReady")),
    ] {
        if wanted > have {
            return in_progress(format!("{label}: {have}/{wanted}"));
        }
    }
    current(format!("All replicas scheduled as expected. Replicas: {wanted}"))
}

/// A pod that ended badly is current all the same: it has nothing left to do.
pub(crate) fn pod(object: &Object, now: Timestamp) -> Answer {
    let conditions = conditions(object)?;
    match text(object, &["status", "phase"], "") {
        "Succeeded" => current("Pod has completed successfully"),
        "Failed" => current("Pod has completed, but not successfully"),
        "Running" => {
            if conditions.iter().any(|c| c.kind == "Ready" && c.status == "True") {
                return current("Pod is Ready");
            }
            let crashing: Vec<&str> = crash_looping(object).collect();
            if !crashing.is_empty() {
                return failed(format!("Containers in CrashLoop state: {}", crashing.join(",")));
            }
            in_progress("Pod is running but is not Ready")
        }
        "Pending" if is_unschedulable(object) => Ok(unschedulable(object, now)),
        "Pending" => in_progress("Pod is in the Pending phase"),
        "" => in_progress("Pod phase not available"),
        other => Err(format!("unknown phase {other}")),
    }
}

/// Whether the scheduler has said that no node fits a pending pod.
pub(crate) fn is_unschedulable(object: &Object) -> bool {
    text(object, &["status", "phase"], "") == "Pending"
        && conditions(object).is_ok_and(|all| {
            all.iter()
                .find(|c| c.kind == "PodScheduled" && c.status == "False")
                .is_some_and(|c| c.reason == "Unschedulable")
        })
}

/// A creation time that cannot be read counts as long ago.
fn unschedulable(object: &Object, now: Timestamp) -> Health {
    let created: Option<Timestamp> =
        object.str_at(&["metadata", "creationTimestamp"]).and_then(|text| text.parse().ok());
    let due = created.and_then(|at| at.checked_add(SCHEDULE_WINDOW).ok());
    match due {
        Some(due) if now < due => {
            Health { status: Status::InProgress, message: "Pod has not been scheduled".into(), recheck_at: Some(due) }
        }
        _ => Health::new(Status::Failed, "Pod could not be scheduled"),
    }
}

fn crash_looping(object: &Object) -> impl Iterator<Item = &str> {
    object
        .at(&["status", "containerStatuses"])
        .map_or(&[][..], Value::items)
        .iter()
        .filter(|c| c.str_at(&["state", "waiting", "reason"]) == Some("CrashLoopBackOff"))
        .filter_map(|c| c.str_at(&["name"]))
}

/// Whether an object is a Job.
pub(crate) fn is_job(object: &Object) -> bool {
    object.kind() == "Job" && object.api_version().starts_with("batch/")
}

struct JobCounts {
    parallelism: i64,
    completions: i64,
    succeeded: i64,
    active: i64,
    failed: i64,
}

impl JobCounts {
    fn of(object: &Object) -> JobCounts {
        let parallelism = int(object, &["spec", "parallelism"], 1);
        JobCounts {
            parallelism,
            completions: int(object, &["spec", "completions"], parallelism),
            succeeded: int(object, &["status", "succeeded"], 0),
            active: int(object, &["status", "active"], 0),
            failed: int(object, &["status", "failed"], 0),
        }
    }
    fn ended(&self, object: &Object) -> Result<Option<Health>, String> {
        for c in conditions(object)? {
            match (c.kind, c.status) {
                ("Complete", "True") => {
                    return current(format!("Job Completed. succeeded: {}/{}", self.succeeded, self.completions))
                        .map(Some);
                }
                ("Failed", "True") => {
                    return failed(format!("Job Failed. failed: {}/{}", self.failed, self.completions)).map(Some);
                }
                _ => {}
            }
        }
        Ok(None)
    }
    fn progress(&self) -> String {
        format!("Job in progress. success:{}, active: {}, failed: {}", self.succeeded, self.active, self.failed)
    }
}

/// kstatus' rule: a Job is current from its start on.
pub(crate) fn job(object: &Object) -> Answer {
    let counts = JobCounts::of(object);
    if let Some(health) = counts.ended(object)? {
        return Ok(health);
    }
    if text(object, &["status", "startTime"], "").is_empty() {
        return in_progress("Job not started");
    }
    current(counts.progress())
}

/// Flux's rule: a Job is current when it has completed, or is suspended; the generic rules are not
/// asked.
pub(crate) fn job_until_complete(object: &Object) -> Answer {
    if object.at(&["spec", "suspend"]).and_then(Value::as_bool) == Some(true) {
        return current("Job is suspended");
    }
    let counts = JobCounts::of(object);
    if let Some(health) = counts.ended(object)? {
        return Ok(health);
    }
    if text(object, &["status", "startTime"], "").is_empty() {
        return in_progress(format!("Job not started. active: 0/{}", counts.parallelism));
    }
    in_progress(counts.progress())
}
