//! The status of a Pod in one word, and its containers' counts.

use belay_object::{Object, Value};

use super::age;

struct Summary {
    reason: String,
    ready: i64,
    total: usize,
    restarts: i64,
    last_restart: String,
}

pub(super) fn ready(pod: &Object, _: i64) -> Value {
    let summary = summarise(pod);
    Value::from(format!("{}/{}", summary.ready, summary.total))
}
pub(super) fn status(pod: &Object, _: i64) -> Value {
    Value::from(summarise(pod).reason)
}
pub(super) fn restarts(pod: &Object, now_s: i64) -> Value {
    let summary = summarise(pod);
    if summary.restarts == 0 || summary.last_restart.is_empty() {
        return Value::from(summary.restarts.to_string());
    }
    Value::from(format!("{} ({} ago)", summary.restarts, age::since(Some(&summary.last_restart), now_s)))
}
pub(super) fn gates(pod: &Object, _: i64) -> Value {
    let gates = pod.at(&["spec", "readinessGates"]).map_or(&[][..], Value::items);
    if gates.is_empty() {
        return Value::from("<none>");
    }
    let conditions = pod.at(&["status", "conditions"]).map_or(&[][..], Value::items);
    let holds = |gate: &&Value| {
        let of = gate.str_at(&["conditionType"]);
        conditions.iter().any(|c| c.str_at(&["type"]) == of && c.str_at(&["status"]) == Some("True"))
    };
    Value::from(format!("{}/{}", gates.iter().filter(holds).count(), gates.len()))
}

fn condition<'a>(pod: &'a Object, kind: &str) -> Option<&'a Value> {
    let conditions = pod.at(&["status", "conditions"]).map_or(&[][..], Value::items);
    conditions.iter().find(|c| c.str_at(&["type"]) == Some(kind))
}
fn holds(pod: &Object, kind: &str) -> bool {
    condition(pod, kind).is_some_and(|c| c.str_at(&["status"]) == Some("True"))
}

/// Why a container ended: its reason, signal or exit code.
fn ended(terminated: &Value) -> String {
    match (terminated.str_at(&["reason"]).unwrap_or_default(), terminated["signal"].as_i64().unwrap_or_default()) {
        ("", 0) => format!("ExitCode:{}", terminated["exitCode"].as_i64().unwrap_or_default()),
        ("", signal) => format!("Signal:{signal}"),
        (reason, _) => reason.to_owned(),
    }
}

fn summarise(pod: &Object) -> Summary {
    let phase = pod.str_at(&["status", "phase"]).unwrap_or_default();
    let own_reason = pod.str_at(&["status", "reason"]).unwrap_or_default();
    let mut summary = Summary {
        reason: if own_reason.is_empty() { phase } else { own_reason }.to_owned(),
        ready: 0,
        total: pod.at(&["spec", "containers"]).map_or(0, |c| c.items().len()),
        restarts: 0,
        last_restart: String::new(),
    };
    let gated = condition(pod, "PodScheduled").is_some_and(|c| c.str_at(&["reason"]) == Some("SchedulingGated"));
    if gated {
        summary.reason = "SchedulingGated".into();
    }
    let initializing = init_containers(pod, &mut summary);
    if !initializing || holds(pod, "Initialized") {
        containers(pod, &mut summary);
    }
    if pod.is_deleting() && own_reason == "NodeLost" {
        summary.reason = "Unknown".into();
    } else if pod.is_deleting() && !matches!(phase, "Succeeded" | "Failed") {
        summary.reason = "Terminating".into();
    }
    summary
}

fn count_restarts(status: &Value, summary: &mut Summary) {
    summary.restarts += status["restartCount"].as_i64().unwrap_or_default();
    let finished = status.str_at(&["lastState", "terminated", "finishedAt"]).unwrap_or_default();
    if finished > summary.last_restart.as_str() {
        summary.last_restart = finished.to_owned();
    }
}

/// Counts sidecars and says whether an init container still holds the Pod up.
fn init_containers(pod: &Object, summary: &mut Summary) -> bool {
    let specs = pod.at(&["spec", "initContainers"]).map_or(&[][..], Value::items);
    let is_sidecar = |name: Option<&str>| {
        specs.iter().any(|c| c.str_at(&["name"]) == name && c.str_at(&["restartPolicy"]) == Some("Always"))
    };
    summary.total += specs.iter().filter(|c| c.str_at(&["restartPolicy"]) == Some("Always")).count();
    let statuses = pod.at(&["status", "initContainerStatuses"]).map_or(&[][..], Value::items);
    for (i, status) in statuses.iter().enumerate() {
        let sidecar = is_sidecar(status.str_at(&["name"]));
        if sidecar {
            count_restarts(status, summary);
        }
        let state = &status["state"];
        let terminated = state.get("terminated");
        if terminated.is_some_and(|t| t["exitCode"].as_i64().unwrap_or_default() == 0) {
            continue;
        }
        if sidecar && status["started"].as_bool() == Some(true) {
            summary.ready += i64::from(status["ready"].as_bool() == Some(true));
            continue;
        }
        let waiting = state.str_at(&["waiting", "reason"]).filter(|r| !r.is_empty() && *r != "PodInitializing");
        summary.reason = match (terminated, waiting) {
            (Some(terminated), _) => format!("Init:{}", ended(terminated)),
            (None, Some(reason)) => format!("Init:{reason}"),
            (None, None) => format!("Init:{i}/{}", specs.len()),
        };
        return true;
    }
    false
}

fn containers(pod: &Object, summary: &mut Summary) {
    let mut running = false;
    let mut failure = String::new();
    let statuses = pod.at(&["status", "containerStatuses"]).map_or(&[][..], Value::items);
    for status in statuses.iter().rev() {
        count_restarts(status, summary);
        let state = &status["state"];
        let waiting = state.str_at(&["waiting", "reason"]).filter(|r| !r.is_empty());
        match (waiting, state.get("terminated")) {
            (Some(reason), _) => summary.reason = reason.to_owned(),
            (None, Some(terminated)) => {
                summary.reason = ended(terminated);
                if terminated["exitCode"].as_i64().unwrap_or_default() != 0 {
                    failure.clone_from(&summary.reason);
                }
            }
            (None, None) => {
                if status["ready"].as_bool() == Some(true) && state.get("running").is_some() {
                    running = true;
                    summary.ready += 1;
                }
            }
        }
    }
    if summary.reason == "Completed" {
        if running && holds(pod, "Ready") {
            summary.reason = "Running".into();
        } else if !failure.is_empty() {
            summary.reason = failure;
        } else if running {
            summary.reason = "NotReady".into();
        }
    }
}
