//! The rules of the built-in kinds that run no pods, and the table of all of them.

use belay_object::{GroupKind, Object};
use jiff::Timestamp;

use crate::conditions::{conditions, text};
use crate::{Answer, current, failed, in_progress, workload};

/// A rule for one kind.
pub(crate) type Rule = fn(&Object, Timestamp) -> Answer;

/// The rule of a kind, whatever its version. `extensions` are the workloads of old clusters.
pub(crate) fn rule(kind: &GroupKind) -> Option<Rule> {
    Some(match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Service") => |o, _| service(o),
        ("", "Pod") => workload::pod,
        ("", "Secret" | "ConfigMap") | ("batch", "CronJob") => |_, _| current("Resource is always ready"),
        ("", "PersistentVolumeClaim") => |o, _| volume_claim(o),
        ("apps", "StatefulSet") => |o, _| workload::stateful_set(o),
        ("apps" | "extensions", "DaemonSet") => |o, _| workload::daemon_set(o),
        ("apps" | "extensions", "Deployment") => |o, _| workload::deployment(o),
        ("apps" | "extensions", "ReplicaSet") => |o, _| workload::replica_set(o),
        // Reached only once the controller has observed the generation, which is all it tells.
        ("policy", "PodDisruptionBudget") => |_, _| current("AllowedDisruptions has been computed."),
        ("batch", "Job") => |o, _| workload::job(o),
        ("apiextensions.k8s.io", "CustomResourceDefinition") => |o, _| definition(o),
        _ => return None,
    })
}

/// A load balancer's address is not waited for: a cluster address is enough.
fn service(object: &Object) -> Answer {
    if text(object, &["spec", "type"], "ClusterIP") == "LoadBalancer"
        && text(object, &["spec", "clusterIP"], "").is_empty()
    {
        return in_progress("ClusterIP not set. Service type: LoadBalancer");
    }
    current("Service is ready")
}

fn volume_claim(object: &Object) -> Answer {
    match text(object, &["status", "phase"], "unknown") {
        "Bound" => current("PVC is Bound"),
        phase => in_progress(format!("PVC is not Bound. phase: {phase}")),
    }
}

fn definition(object: &Object) -> Answer {
    for c in conditions(object)? {
        match (c.kind, c.status) {
            ("NamesAccepted", "False") => return failed(c.message),
            ("Established", "False") if c.reason != "Installing" => return failed(c.message),
            ("Established", "True") => return current("CRD is established"),
            _ => {}
        }
    }
    in_progress("Install in progress")
}
