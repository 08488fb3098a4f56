//! Crossplane: managed resources, providers, the classic AWS kinds.

use belay_object::Object;

use super::super::{Health, Status, conditions};

use Status::{Degraded, Healthy, Progressing, Suspended};

pub(super) const CROSSPLANE_READY: &[&str] =
    &["Ready", "Healthy", "Offered", "Established", "ValidPipeline", "RevisionHealthy"];

pub(super) fn crossplane_provider(object: &Object) -> Health {
    if object.at(&["status", "conditions"]).is_none() {
        return Health::new(Progressing, "Waiting for provider to be installed");
    }
    let of = |kind: &str| {
        let c = conditions(object).filter(|c| c.kind == kind).last();
        c.map_or((false, String::new()), |c| (c.status == "True", c.reason.to_owned()))
    };
    let ((is_installed, installed), (is_healthy, healthy)) = (of("Installed"), of("Healthy"));
    let status = if is_installed && is_healthy { Healthy } else { Degraded };
    Health::new(status, format!("{installed} {healthy}"))
}

/// The kinds of the classic AWS provider that have rules of their own, and what they are called.
pub(super) const CROSSPLANE_AWS: &[(&str, &str, &str)] = &[
    ("cloudfront.", "Distribution", "distribution"),
    ("iam.", "Policy", "Policy"),
    ("iam.", "Role", "Role"),
    ("iam.", "RolePolicyAttachment", "RolePolicyAttachment"),
    ("rds.", "DBCluster", "DBCluster"),
    ("rds.", "DBInstance", "DBInstance"),
    ("route53.", "ResourceRecordSet", "resourcrecordset"),
    ("s3.", "Bucket", "Bucket"),
];

pub(super) fn crossplane_aws(object: &Object, what: &str) -> Health {
    if object.at(&["status", "conditions"]).is_none() {
        return Health::new(Progressing, format!("Waiting for {what} to be created"));
    }
    let (mut ready, mut synced, mut paused) = (false, false, false);
    let (mut why_ready, mut why_not) = ("", "");
    for c in conditions(object) {
        match c.kind {
            "Ready" => (ready, why_ready) = (c.status == "True", c.reason),
            "Synced" => {
                synced = c.status == "True";
                match c.reason {
                    "ReconcileError" => why_not = c.message,
                    "ReconcilePaused" => paused = true,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    match (ready, synced, paused) {
        (true, true, _) => Health::new(Healthy, why_ready),
        (_, false, true) => Health::new(Suspended, "ReconcilePaused"),
        (false, true, false) => Health::new(Progressing, format!("Waiting for {what} to be available")),
        _ => Health::new(Degraded, why_not),
    }
}

/// A managed resource. What has no status at all is a kind that never has one.
pub(super) fn crossplane(object: &Object, ready: &[&str]) -> Health {
    let Some(status) = object.get("status").filter(|s| !s.is_null()) else {
        return Health::new(Healthy, "Resource is up-to-date.");
    };
    if status.get("conditions").is_none() {
        let has_none = matches!(
            object.kind(),
            "Composition"
                | "CompositionRevision"
                | "DeploymentRuntimeConfig"
                | "ClusterProviderConfig"
                | "ProviderConfig"
                | "ProviderConfigUsage"
                | "ControllerConfig"
        );
        let is_empty = status.as_object().is_none_or(|s| s.is_empty());
        return match object.kind() {
            _ if has_none && is_empty => Health::new(Healthy, "Resource is up-to-date."),
            "ProviderConfig" | "ClusterProviderConfig" if status.get("users").is_some() => {
                Health::new(Healthy, "Resource is in use.")
            }
            _ => Health::new(Progressing, "Provisioning ..."),
        };
    }
    let mut health = Health::new(Progressing, "Provisioning ...");
    for c in conditions(object) {
        match (c.kind, c.status) {
            ("LastAsyncOperation" | "Synced", "False") => return Health::new(Degraded, c.message),
            (kind, "True") if ready.contains(&kind) => health = Health::new(Healthy, "Resource is up-to-date."),
            _ => {}
        }
    }
    health
}
