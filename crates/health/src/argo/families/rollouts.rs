//! Argo's kinds: Rollout, AnalysisRun, ApplicationSet.

use belay_object::{Object, Value};

use super::super::{Condition, Health, Status, conditions, flag, int, text};

use Status::{Degraded, Healthy, Progressing, Suspended, Unknown};

pub(super) fn rollout(object: &Object) -> Health {
    let generation = object.generation();
    // Before version 0.10 the observed generation was a hash, which is no number or a greater one.
    let observed = match object.at(&["status", "observedGeneration"]) {
        Some(Value::Str(s)) => s.parse::<i64>().ok(),
        Some(other) => other.as_i64(),
        None => None,
    };
    let has_status = object.get("status").is_some_and(|s| !s.is_null());
    let is_observed = has_status && observed.is_none_or(|o| o >= generation);
    let workload = object.annotation("rollout.argoproj.io/workload-generation").map(str::to_owned);
    let workload_observed = match object.at(&["status", "workloadObservedGeneration"]) {
        Some(Value::Str(s)) => Some(s.to_string()),
        Some(other) => other.as_i64().map(|i| i.to_string()),
        None => None,
    };
    let follows_workload = object.at(&["spec", "workloadRef"]).is_some() && object.annotations().is_some();
    if !is_observed || (follows_workload && workload != workload_observed) {
        return Health::new(Progressing, "Waiting for rollout spec update to be observed");
    }
    if let Some(phase) = object.str_at(&["status", "phase"]) {
        let message = text(object, &["status", "message"]);
        return match (phase, Status::parse(phase)) {
            ("Paused", _) => Health::new(Suspended, message),
            (_, Some(status)) => Health::new(status, message),
            (_, None) => Health::new(Unknown, "Lua returned an invalid health status"),
        };
    }
    let is_failure = |c: &Condition<'_>| {
        c.kind == "InvalidSpec"
            || (c.kind == "Progressing" && matches!(c.reason, "RolloutAborted" | "ProgressDeadlineExceeded"))
    };
    if let Some(c) = conditions(object).find(is_failure) {
        return Health::new(Degraded, c.message);
    }
    let pauses = object.at(&["status", "pauseConditions"]).is_some_and(|p| !p.items().is_empty());
    if pauses || flag(object, &["spec", "paused"]) {
        return Health::new(Suspended, "Rollout is paused");
    }
    rollout_progress(object).unwrap_or_else(|| Health::new(Healthy, ""))
}

/// What a rollout that tells no phase still waits for.
fn rollout_progress(object: &Object) -> Option<Health> {
    let waiting = |message: &str| Some(Health::new(Progressing, message));
    let Some(hash) = object.str_at(&["status", "currentPodHash"]) else {
        return waiting("Waiting for rollout to finish: status has not been reconciled.");
    };
    let count = |field: &str| int(object, &["status", field]).unwrap_or(0);
    if count("updatedReplicas") < int(object, &["spec", "replicas"]).unwrap_or(1) {
        return waiting("Waiting for roll out to finish: More replicas need to be updated");
    }
    if count("availableReplicas") < count("updatedReplicas") {
        return waiting("Waiting for roll out to finish: updated replicas are still becoming available");
    }
    let older = || object.str_at(&["status", "canary", "stableRS"]);
    let stable = object.str_at(&["status", "stableRS"]).or_else(older).unwrap_or_default();
    if object.at(&["spec", "strategy", "blueGreen"]).is_some() {
        if object.str_at(&["status", "blueGreen", "activeSelector"]) != Some(hash) {
            return waiting("active service cutover pending");
        }
        if !stable.is_empty() && stable != hash {
            return waiting("waiting for analysis to complete");
        }
    } else if object.at(&["spec", "strategy", "canary"]).is_some() {
        if count("replicas") > count("updatedReplicas") {
            return waiting("Waiting for roll out to finish: old replicas are pending termination");
        }
        if stable.is_empty() || stable != hash {
            return waiting("Waiting for rollout to finish steps");
        }
    }
    None
}

pub(super) fn analysis_run(object: &Object) -> Health {
    let message = |otherwise: &str| object.str_at(&["status", "message"]).unwrap_or(otherwise).to_owned();
    match text(object, &["status", "phase"]) {
        "Pending" | "Running" => Health::new(Progressing, "Analysis run is running"),
        "Successful" => Health::new(Healthy, message("Analysis run completed successfully")),
        "Failed" => Health::new(Degraded, message("Analysis run failed")),
        "Error" => Health::new(Degraded, message("Analysis run had an error")),
        "Inconclusive" => Health::new(Unknown, message("Analysis run was inconclusive")),
        _ => Health::new(Progressing, "Waiting for analysis run to finish: status has not been reconciled."),
    }
}

pub(super) fn application_set(object: &Object) -> Health {
    for (kind, status, health) in [
        ("ErrorOccurred", "True", Degraded),
        ("ResourcesUpToDate", "False", Degraded),
        ("RolloutProgressing", "True", Progressing),
        ("ResourcesUpToDate", "True", Healthy),
    ] {
        if let Some(c) = conditions(object).find(|c| c.kind == kind && c.status == status) {
            return Health::new(health, c.message);
        }
    }
    Health::new(Progressing, "Waiting for the status to be reported")
}
