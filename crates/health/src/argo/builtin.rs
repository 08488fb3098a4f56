//! The rules of the built-in kinds, with Argo CD's messages to the letter.

use belay_object::{Object, Value, from_json_str};

use super::{Condition, Health, IGNORE_RESTART_POLICY, Status, conditions, flag, int, is_hook, text};

type Rule = fn(&Object) -> Result<Health, String>;

/// The health of an object of a built-in kind; `None` for the kinds that have none.
pub(super) fn health(object: &Object) -> Option<Health> {
    let gvk = object.group_version_kind();
    let (rule, versions, what): (Rule, &[&str], &str) = match (gvk.group.as_str(), gvk.kind.as_str()) {
        ("apps", "Deployment") => (deployment, &["v1"], "Deployment"),
        ("apps", "StatefulSet") => (stateful_set, &["v1"], "StatefulSet"),
        ("apps", "ReplicaSet") => (replica_set, &["v1"], "ReplicaSet"),
        ("apps", "DaemonSet") => (daemon_set, &["v1"], "DaemonSet"),
        ("", "Pod") => (pod, &["v1"], "Pod"),
        ("", "Service") => (service, &["v1"], "Service"),
        ("", "PersistentVolumeClaim") => (volume_claim, &["v1"], "PersistentVolumeClaim"),
        ("extensions" | "networking.k8s.io", "Ingress") => (ingress, &[], "Ingress"),
        ("batch", "Job") => (job, &["v1"], "Job"),
        ("autoscaling", "HorizontalPodAutoscaler") => (autoscaler, &["v1", "v2"], "HPA"),
        ("apiregistration.k8s.io", "APIService") => (api_service, &["v1", "v1beta1"], "APIService"),
        ("argoproj.io", "Workflow") => (workflow, &[], "Workflow"),
        _ => return None,
    };
    if !versions.is_empty() && !versions.contains(&gvk.version.as_str()) {
        let message = format!("unsupported {what} GVK: {}, Kind={}", gvk.api_version(), gvk.kind);
        return Some(Health::new(Status::Unknown, message));
    }
    Some(rule(object).unwrap_or_else(|e| Health::new(Status::Unknown, e)))
}

fn healthy(message: impl Into<String>) -> Result<Health, String> {
    Ok(Health::new(Status::Healthy, message))
}
fn progressing(message: impl Into<String>) -> Result<Health, String> {
    Ok(Health::new(Status::Progressing, message))
}
fn degraded(message: impl Into<String>) -> Result<Health, String> {
    Ok(Health::new(Status::Degraded, message))
}

/// A number of the status; absent is 0.
fn count(object: &Object, field: &str) -> i64 {
    int(object, &["status", field]).unwrap_or(0)
}

fn deployment(object: &Object) -> Result<Health, String> {
    if flag(object, &["spec", "paused"]) {
        return Ok(Health::new(Status::Suspended, "Deployment is paused"));
    }
    if object.generation() > count(object, "observedGeneration") {
        return progressing(
            "Waiting for rollout to finish: observed deployment generation less than desired generation",
        );
    }
    let condition = conditions(object).find(|c| c.kind == "Progressing");
    if condition.is_some_and(|c| c.reason == "ProgressDeadlineExceeded") {
        return degraded(format!("Deployment {:?} exceeded its progress deadline", object.name()));
    }
    let (replicas, updated) = (count(object, "replicas"), count(object, "updatedReplicas"));
    let available = count(object, "availableReplicas");
    if let Some(wanted) = int(object, &["spec", "replicas"]).filter(|wanted| updated < *wanted) {
        return progressing(format!(
            "Waiting for rollout to finish: {updated} out of {wanted} new replicas have been updated..."
        ));
    }
    if replicas > updated {
        return progressing(format!(
            "Waiting for rollout to finish: {} old replicas are pending termination...",
            replicas - updated
        ));
    }
    if available < updated {
        return progressing(format!(
            "Waiting for rollout to finish: {available} of {updated} updated replicas are available..."
        ));
    }
    healthy("")
}

fn stateful_set(object: &Object) -> Result<Health, String> {
    let observed = count(object, "observedGeneration");
    if observed == 0 || object.generation() > observed {
        return progressing("Waiting for statefulset spec update to be observed...");
    }
    let (ready, updated) = (count(object, "readyReplicas"), count(object, "updatedReplicas"));
    let wanted = int(object, &["spec", "replicas"]);
    if let Some(wanted) = wanted.filter(|wanted| ready < *wanted) {
        return progressing(format!("Waiting for {} pods to be ready...", wanted - ready));
    }
    let strategy = text(object, &["spec", "updateStrategy", "type"]);
    let rolling = object.at(&["spec", "updateStrategy", "rollingUpdate"]).filter(|v| !v.is_null());
    if let (true, Some(rolling)) = (strategy == "RollingUpdate", rolling) {
        let partition = rolling.get("partition").and_then(Value::as_i64);
        if let (Some(wanted), Some(partition)) = (wanted, partition)
            && updated < wanted.saturating_sub(partition)
        {
            return progressing(format!(
                "Waiting for partitioned roll out to finish: {updated} out of {} new pods have been updated...",
                wanted.saturating_sub(partition)
            ));
        }
        return healthy(format!("partitioned roll out complete: {updated} new pods have been updated..."));
    }
    if strategy == "OnDelete" {
        return healthy(format!("statefulset has {ready} ready pods"));
    }
    let (at_update, at_current) =
        (text(object, &["status", "updateRevision"]), text(object, &["status", "currentRevision"]));
    if at_update != at_current {
        return progressing(format!(
            "waiting for statefulset rolling update to complete {updated} pods at revision {at_update}..."
        ));
    }
    healthy(format!(
        "statefulset rolling update complete {} pods at revision {at_current}...",
        count(object, "currentReplicas")
    ))
}

fn replica_set(object: &Object) -> Result<Health, String> {
    if object.generation() > count(object, "observedGeneration") {
        return progressing(
            "Waiting for rollout to finish: observed replica set generation less than desired generation",
        );
    }
    let failure = conditions(object).find(|c| c.kind == "ReplicaFailure");
    if let Some(failure) = failure.filter(|c| c.status == "True") {
        return degraded(failure.message);
    }
    let available = count(object, "availableReplicas");
    if let Some(wanted) = int(object, &["spec", "replicas"]).filter(|wanted| available < *wanted) {
        return progressing(format!(
            "Waiting for rollout to finish: {available} out of {wanted} new replicas are available..."
        ));
    }
    healthy("")
}

fn daemon_set(object: &Object) -> Result<Health, String> {
    if object.generation() > count(object, "observedGeneration") {
        return progressing(
            "Waiting for rollout to finish: observed daemon set generation less than desired generation",
        );
    }
    let (updated, wanted) = (count(object, "updatedNumberScheduled"), count(object, "desiredNumberScheduled"));
    let available = count(object, "numberAvailable");
    if text(object, &["spec", "updateStrategy", "type"]) == "OnDelete" {
        return healthy(format!("daemon set {updated} out of {wanted} new pods have been updated"));
    }
    let name = object.name();
    if updated < wanted {
        return progressing(format!(
            "Waiting for daemon set {name:?} rollout to finish: {updated} out of {wanted} new pods have been updated..."
        ));
    }
    if available < wanted {
        return progressing(format!(
            "Waiting for daemon set {name:?} rollout to finish: {available} of {wanted} updated pods are available..."
        ));
    }
    healthy("")
}

fn statuses<'a>(object: &'a Object, field: &str) -> &'a [Value] {
    object.at(&["status", field]).map_or(&[], Value::items)
}

/// A pod that runs to an end is not degraded while it runs: as a hook, it would fail its sync before
/// its image could be pulled.
fn pod(object: &Object) -> Result<Health, String> {
    let policy = text(object, &["spec", "restartPolicy"]);
    let is_long_lived =
        policy == "Always" || (object.annotation(IGNORE_RESTART_POLICY) == Some("true") && !is_hook(object));
    let containers = statuses(object, "containerStatuses");
    if is_long_lived {
        let waiting = containers.iter().filter_map(|c| c.at(&["state", "waiting"]));
        let failed: Vec<&str> = waiting
            .filter(|w| {
                let reason = w.str_at(&["reason"]).unwrap_or_default();
                reason.starts_with("Err") || reason.ends_with("Error") || reason.ends_with("BackOff")
            })
            .map(|w| w.str_at(&["message"]).unwrap_or_default())
            .collect();
        if !failed.is_empty() {
            return degraded(failed.join(", "));
        }
    }
    let message = text(object, &["status", "message"]);
    match text(object, &["status", "phase"]) {
        "Pending" => progressing(message),
        "Succeeded" => healthy(message),
        "Failed" if !message.is_empty() => degraded(message),
        "Failed" => {
            let all = statuses(object, "initContainerStatuses").iter().chain(containers);
            degraded(all.filter_map(why_ended).next().unwrap_or_default())
        }
        "Running" if is_long_lived => {
            if conditions(object).any(|c| c.kind == "Ready" && c.status == "True") {
                return healthy(message);
            }
            let ended = |c: &Value| c.at(&["lastState", "terminated"]).is_some_and(|t| !t.is_null());
            if containers.iter().any(ended) { degraded(message) } else { progressing(message) }
        }
        "Running" if matches!(policy, "OnFailure" | "Never") => progressing(message),
        _ => Ok(Health::new(Status::Unknown, message)),
    }
}

fn why_ended(container: &Value) -> Option<String> {
    let ended = container.at(&["state", "terminated"])?;
    let text = |name: &str| ended.str_at(&[name]).filter(|t| !t.is_empty());
    if let Some(message) = text("message") {
        return Some(message.to_owned());
    }
    if text("reason") == Some("OOMKilled") {
        return Some("OOMKilled".to_owned());
    }
    let code = ended.get("exitCode").and_then(Value::as_i64).filter(|code| *code != 0)?;
    let name = container.str_at(&["name"]).unwrap_or_default();
    Some(format!("container {name:?} failed with exit code {code}"))
}

fn has_address(object: &Object) -> bool {
    object.at(&["status", "loadBalancer", "ingress"]).is_some_and(|v| !v.items().is_empty())
}

fn service(object: &Object) -> Result<Health, String> {
    let waits = text(object, &["spec", "type"]) == "LoadBalancer" && !has_address(object);
    if waits { progressing("") } else { healthy("") }
}

fn ingress(object: &Object) -> Result<Health, String> {
    if has_address(object) { healthy("") } else { progressing("") }
}

fn volume_claim(object: &Object) -> Result<Health, String> {
    match text(object, &["status", "phase"]) {
        "Lost" => degraded(""),
        "Pending" => progressing(""),
        "Bound" => healthy(""),
        _ => Ok(Health::new(Status::Unknown, "")),
    }
}

/// The conditions' types alone count, save for a suspension, which may be over.
fn job(object: &Object) -> Result<Health, String> {
    let (mut failure, mut end, mut is_suspended) = (None, None, false);
    for c in conditions(object) {
        match c.kind {
            "Failed" => failure = Some(c.message),
            "Complete" => end = Some(c.message),
            "Suspended" => {
                end = Some(c.message);
                is_suspended |= c.status == "True";
            }
            _ => {}
        }
    }
    match (failure, end) {
        (Some(message), _) => degraded(message),
        (None, Some(message)) if is_suspended => Ok(Health::new(Status::Suspended, message)),
        (None, Some(message)) => healthy(message),
        (None, None) => progressing(""),
    }
}

/// What stops an autoscaler: types and reasons of its conditions.
const AUTOSCALER_FAILURES: &[(&str, &str)] = &[
    ("AbleToScale", "FailedGetScale"),
    ("AbleToScale", "FailedUpdateScale"),
    ("ScalingActive", "FailedGetResourceMetric"),
    ("ScalingActive", "FailedGetObjectMetric"),
    ("ScalingActive", "FailedGetPodsMetric"),
    ("ScalingActive", "FailedGetExternalMetric"),
    ("ScalingActive", "FailedComputeMetricsReplicas"),
    ("ScalingActive", "InvalidSelector"),
];

fn autoscaler(object: &Object) -> Result<Health, String> {
    if object.group_version_kind().version.as_str() != "v1" {
        return autoscaler_of(conditions(object).collect());
    }
    // The first version has no place for conditions but an annotation.
    let Some(json) = object.annotation("autoscaling.alpha.kubernetes.io/conditions") else {
        return autoscaler_of(Vec::new());
    };
    let parsed = from_json_str(json).map_err(|e| format!("failed to convert conditions annotation to typed: {e}"))?;
    autoscaler_of(super::conditions_at(Some(&parsed)).collect())
}

fn autoscaler_of(conditions: Vec<Condition<'_>>) -> Result<Health, String> {
    if let Some(c) = conditions.iter().find(|c| AUTOSCALER_FAILURES.contains(&(c.kind, c.reason))) {
        return degraded(c.message);
    }
    let works = |c: &&Condition<'_>| matches!(c.kind, "AbleToScale" | "ScalingLimited") && c.status == "True";
    match conditions.iter().find(works) {
        Some(c) => healthy(c.message),
        None => progressing("Waiting to Autoscale"),
    }
}

fn api_service(object: &Object) -> Result<Health, String> {
    let Some(c) = conditions(object).find(|c| c.kind == "Available") else {
        return progressing("Waiting to be processed");
    };
    let message = format!("{}: {}", c.reason, c.message);
    if c.status == "True" { healthy(message) } else { progressing(message) }
}

fn workflow(object: &Object) -> Result<Health, String> {
    let message = text(object, &["status", "message"]);
    match text(object, &["status", "phase"]) {
        "" | "Pending" | "Running" => progressing(message),
        "Succeeded" => healthy(message),
        "Failed" | "Error" => degraded(message),
        _ => Ok(Health::new(Status::Unknown, message)),
    }
}
