//! The rules of custom resources whose families are in wide use.
//!
//! Argo CD ships some 240 scripts; those of the families below are told here as rules of a few
//! shapes. Covered: cert-manager, External Secrets, Flux (sources, Kustomization, HelmRelease, image
//! automation, Receiver), Argo (Rollout, AnalysisRun, ApplicationSet), Crossplane and Upbound,
//! Gateway API, KEDA, Karpenter (NodePool), Strimzi, CloudNativePG, Knative Service, Kyverno Policy,
//! Prometheus, Sealed Secrets, volume snapshots, and the built-in CustomResourceDefinition, CronJob
//! and PodDisruptionBudget. **Every other kind has no health** until the configuration gives a
//! script for it; Argo CD's own scripts may be put there as they are.

mod crossplane;
mod flux;
mod gateway;
mod rollouts;

use belay_object::Object;

use super::{Condition, Health, Status, conditions, flag, text};
use crossplane::{CROSSPLANE_AWS, CROSSPLANE_READY, crossplane, crossplane_aws, crossplane_provider};
use flux::{flux, flux_receiver, flux_suspended};
use gateway::{gateway, gateway_class, route};
use rollouts::{analysis_run, application_set, rollout};

use Status::{Degraded, Healthy, Progressing, Suspended, Unknown};

/// The health of an object of one of the families; `None` for any other.
pub(super) fn health(object: &Object) -> Option<Health> {
    let kind = object.group_kind();
    let (group, kind) = (kind.group.as_str(), kind.kind.as_str());
    if let Some((_, _, condition, waiting)) = BY_ONE_CONDITION.iter().find(|(g, k, _, _)| (*g, *k) == (group, kind)) {
        return Some(by_one_condition(object, condition, waiting));
    }
    Some(match (group, kind) {
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition(object),
        ("batch", "CronJob") => cron_job(object),
        ("policy", "PodDisruptionBudget") => disruption_budget(object),
        ("cert-manager.io", "Certificate") => {
            match conditions(object).find(|c| c.kind == "Issuing" && c.status == "True") {
                Some(c) => Health::new(Progressing, c.message),
                None => by_one_condition(object, "Ready", "Waiting for certificate"),
            }
        }
        ("external-secrets.io", "ClusterExternalSecret") => cluster_external_secret(object),
        ("kustomize.toolkit.fluxcd.io", "Kustomization") | ("image.toolkit.fluxcd.io", "ImageUpdateAutomation") => {
            flux(object, &[], "Unknown", None)
        }
        ("image.toolkit.fluxcd.io", "ImageRepository") => {
            flux(object, &[], "False", Some(&["NewGeneration", "Scanning"]))
        }
        ("image.toolkit.fluxcd.io", "ImagePolicy") => {
            flux(object, &[], "False", Some(&["NewGeneration", "AccessingRepository", "ApplyingPolicy"]))
        }
        ("source.toolkit.fluxcd.io", "HelmRepository") if text(object, &["spec", "type"]) == "oci" => {
            flux_suspended(object).unwrap_or_else(|| {
                let message = "Helm repositories of type 'oci' do not contain any information in the status.";
                Health::new(Healthy, message)
            })
        }
        ("source.toolkit.fluxcd.io", "Bucket" | "GitRepository" | "HelmChart" | "HelmRepository" | "OCIRepository") => {
            flux(object, &["ArtifactInStorage"], "Unknown", None)
        }
        ("helm.toolkit.fluxcd.io", "HelmRelease") => flux(object, &["Released", "TestSuccess"], "Unknown", None),
        ("notification.toolkit.fluxcd.io", "Receiver") => flux_receiver(object),
        ("argoproj.io", "Rollout") => rollout(object),
        ("argoproj.io", "AnalysisRun") => analysis_run(object),
        ("argoproj.io", "ApplicationSet") => application_set(object),
        ("keda.sh", "ScaledObject") => keda(object, "Fallback", "True", "Creating HorizontalPodAutoscaler Object"),
        ("keda.sh", "ScaledJob") => keda(object, "Ready", "Unknown", "Waiting for ScaledJob"),
        ("kafka.strimzi.io", "Kafka") => strimzi(object, "Creating", "Waiting for Kafka Cluster"),
        ("kafka.strimzi.io", "KafkaConnect") => strimzi(object, "", "Waiting for Kafka Connect"),
        ("kafka.strimzi.io", "KafkaTopic") => strimzi(object, "", "Waiting for Kafka Topic"),
        ("kafka.strimzi.io", "KafkaUser") => strimzi(object, "", "Waiting for Kafka User"),
        ("kafka.strimzi.io", "KafkaBridge") => strimzi(object, "", "Waiting for KafkaBridge"),
        ("kafka.strimzi.io", "KafkaConnector") => strimzi(object, "", "Waiting for KafkaConnector"),
        ("postgresql.cnpg.io", "Cluster") => postgres_cluster(object),
        ("kyverno.io", "Policy") => {
            let is_ready = |c: &Condition<'_>| {
                c.kind == "Ready" && c.status == "True" && c.reason == "Succeeded" && c.message == "Ready"
            };
            match conditions(object).any(|c| is_ready(&c)) {
                true => Health::new(Healthy, "Policy is ready"),
                false => Health::new(Progressing, "Waiting for Policy to be ready"),
            }
        }
        ("monitoring.coreos.com", "Prometheus") => prometheus(object),
        ("serving.knative.dev", "Service") => knative_service(object),
        ("snapshot.storage.k8s.io", "VolumeSnapshot" | "VolumeSnapshotContent") => snapshot(object),
        ("gateway.networking.k8s.io", "Gateway") => gateway(object),
        ("gateway.networking.k8s.io", "GatewayClass") => gateway_class(object),
        ("gateway.networking.k8s.io", "HTTPRoute" | "GRPCRoute") => route(object, kind),
        ("pkg.crossplane.io", "Provider") => crossplane_provider(object),
        ("stacks.crossplane.io", "ClusterStackInstall") => return None,
        _ if group.ends_with(".aws.crossplane.io")
            && let Some((_, _, what)) = CROSSPLANE_AWS.iter().find(|(g, k, _)| group.starts_with(*g) && *k == kind) =>
        {
            crossplane_aws(object, what)
        }
        _ if group.ends_with(".crossplane.io") => crossplane(object, CROSSPLANE_READY),
        _ if group.ends_with(".upbound.io") => crossplane(object, &["Ready"]),
        _ => return None,
    })
}

/// Kinds that one condition tells about: false is degraded, true is healthy, each with its message,
/// and until then they are waited for.
const BY_ONE_CONDITION: &[(&str, &str, &str, &str)] = &[
    ("bitnami.com", "SealedSecret", "Synced", "Waiting for Sealed Secret to be decrypted"),
    ("camel.apache.org", "Integration", "Ready", "Waiting for Integration"),
    ("cert-manager.io", "ClusterIssuer", "Ready", "Initializing ClusterIssuer"),
    ("cert-manager.io", "Issuer", "Ready", "Initializing issuer"),
    ("certmanager.k8s.io", "Certificate", "Ready", "Waiting for certificate"),
    ("certmanager.k8s.io", "Issuer", "Ready", "Initializing issuer"),
    ("external-secrets.io", "ClusterSecretStore", "Ready", "Waiting for ClusterSecretStore"),
    ("external-secrets.io", "ExternalSecret", "Ready", "Waiting for ExternalSecret"),
    ("external-secrets.io", "PushSecret", "Ready", "Waiting for PushSecret"),
    ("external-secrets.io", "SecretStore", "Ready", "Waiting for SecretStore"),
    ("karpenter.sh", "NodePool", "Ready", "Waiting for NodePool to be ready"),
];

fn by_one_condition(object: &Object, kind: &str, waiting: &str) -> Health {
    let decided = conditions(object).find(|c| c.kind == kind && matches!(c.status, "True" | "False"));
    match decided {
        Some(c) if c.status == "True" => Health::new(Healthy, c.message),
        Some(c) => Health::new(Degraded, c.message),
        None => Health::new(Progressing, waiting),
    }
}

fn definition(object: &Object) -> Health {
    if object.is_deleting() {
        return Health::new(Progressing, "CRD is terminating");
    }
    let mut is_established = false;
    let mut is_empty = true;
    for c in conditions(object) {
        is_empty = false;
        match (c.kind, c.status) {
            ("Terminating", "True") => return Health::new(Progressing, format!("CRD is terminating: {}", c.message)),
            ("NamesAccepted", "False") => {
                return Health::new(Degraded, format!("CRD names have not been accepted: {}", c.message));
            }
            ("NonStructuralSchema", "True") => {
                return Health::new(Degraded, format!("Schema violations found: {}", c.message));
            }
            ("Established", "True") => is_established = true,
            ("Established", _) if c.reason == "Installing" => {
                return Health::new(Progressing, "CRD is being installed");
            }
            _ => {}
        }
    }
    match (is_empty, is_established) {
        (true, _) => Health::new(Progressing, "Status conditions not found"),
        (false, true) => Health::new(Healthy, "CRD is healthy"),
        (false, false) => Health::new(Degraded, "CRD is not established"),
    }
}

/// Suspended or doubtful ones are healthy: Argo CD would otherwise fail syncs that wait for them.
fn cron_job(object: &Object) -> Health {
    if flag(object, &["spec", "suspend"]) {
        return Health::new(Healthy, "CronJob is Suspended");
    }
    let Some(status) = object.get("status").filter(|s| !s.is_null()) else {
        return Health::new(Progressing, "Waiting for CronJob");
    };
    let Some(scheduled) = status.str_at(&["lastScheduleTime"]) else {
        return Health::new(Healthy, "CronJob has not been scheduled yet");
    };
    let Some(succeeded) = status.str_at(&["lastSuccessfulTime"]) else {
        return Health::new(Healthy, "The CronJob never completed successfully. It may not be healthy");
    };
    if status.get("active").is_some_and(|a| !a.items().is_empty()) {
        return Health::new(Healthy, "The job is running. Its last execution may not have been successful");
    }
    match succeeded < scheduled {
        true => Health::new(Degraded, "CronJob has not completed its last execution successfully"),
        false => Health::new(Healthy, "CronJob has completed its last execution successfully"),
    }
}

fn disruption_budget(object: &Object) -> Health {
    let mut health = Health::new(Progressing, "Waiting for status");
    for c in conditions(object) {
        let message = format!("PodDisruptionBudget has {}", c.reason);
        if c.status == "False" && c.reason != "InsufficientPods" {
            return Health::new(Degraded, message);
        }
        health = Health::new(Healthy, message);
    }
    health
}

fn cluster_external_secret(object: &Object) -> Health {
    match conditions(object).last().filter(|c| c.status == "True") {
        Some(c) if c.kind == "Ready" => Health::new(Healthy, c.message),
        Some(c) if matches!(c.kind, "PartiallyReady" | "NotReady") => Health::new(Degraded, c.message),
        _ => Health::new(Progressing, "Waiting for ClusterExternalSecret"),
    }
}

/// `also` with this status is a failure too.
fn keda(object: &Object, also: &str, also_status: &str, waiting: &str) -> Health {
    let (mut degraded, mut healthy, mut paused, mut message) = (false, false, false, "");
    for c in conditions(object) {
        let hit = match (c.kind, c.status) {
            ("Ready", "False") => &mut degraded,
            ("Ready", "True") => &mut healthy,
            ("Paused", "True") => &mut paused,
            (kind, status) if (kind, status) == (also, also_status) => &mut degraded,
            _ => continue,
        };
        *hit = true;
        message = c.message;
    }
    match (degraded, healthy, paused) {
        (true, _, _) => Health::new(Degraded, message),
        (false, true, false) => Health::new(Healthy, message),
        (false, true, true) => Health::new(Suspended, message),
        (false, false, _) => Health::new(Progressing, waiting),
    }
}

fn strimzi(object: &Object, harmless_reason: &str, waiting: &str) -> Health {
    for c in conditions(object).filter(|c| c.status == "True") {
        match c.kind {
            "NotReady" if harmless_reason.is_empty() || c.reason != harmless_reason => {
                return Health::new(Degraded, c.message);
            }
            "Ready" => return Health::new(Healthy, ""),
            _ => {}
        }
    }
    Health::new(Progressing, waiting)
}

/// What CloudNativePG's phases mean.
const POSTGRES_PHASES: &[(Status, &[&str])] = &[
    (Healthy, &["Cluster in healthy state"]),
    (
        Progressing,
        &[
            "Setting up primary",
            "Creating a new replica",
            "Upgrading cluster",
            "Waiting for the instances to become active",
            "Promoting to primary cluster",
        ],
    ),
    (
        Degraded,
        &[
            "Switchover in progress",
            "Failing over",
            "Upgrading Postgres major version",
            "Cluster upgrade delayed",
            "Waiting for user action",
            "Primary instance is being restarted in-place",
            "Primary instance is being restarted without a switchover",
            "Cluster cannot execute instance online upgrade due to missing architecture binary",
            "Online upgrade in progress",
            "Applying configuration",
        ],
    ),
    (
        Suspended,
        &[
            "Unable to create required cluster objects",
            "Cluster cannot proceed to reconciliation due to an unknown plugin being required",
            "Cluster has incomplete or invalid image catalog",
            "Cluster is unrecoverable and needs manual intervention",
        ],
    ),
];

fn postgres_cluster(object: &Object) -> Health {
    if object.annotation("cnpg.io/reconciliationLoop") == Some("disabled") {
        return Health::new(Suspended, "Cluster reconciliation is suspended");
    }
    let reason = text(object, &["status", "phaseReason"]);
    if object.at(&["status", "conditions"]).is_none() {
        return Health::new(Progressing, reason);
    }
    if let Some(c) = conditions(object).find(|c| c.kind == "cnpg.io/hibernation") {
        return Health::new(if c.status == "True" { Suspended } else { Degraded }, c.message);
    }
    let phase = text(object, &["status", "phase"]);
    let known = POSTGRES_PHASES.iter().find(|(_, phases)| phases.contains(&phase));
    Health::new(known.map_or(Unknown, |(status, _)| *status), reason)
}

fn prometheus(object: &Object) -> Health {
    let mut health = Health::new(Progressing, "Waiting for initialization");
    for c in conditions(object).filter(|c| c.kind == "Available") {
        let why = if c.message.is_empty() { c.reason } else { c.message };
        health = match (c.status, c.reason) {
            ("True", _) => Health::new(Healthy, "All instances are available"),
            (_, "SomePodsNotReady") => Health::new(Progressing, why),
            _ => Health::new(Degraded, why),
        };
    }
    health
}

fn knative_service(object: &Object) -> Health {
    if object.at(&["status", "conditions"]).is_none() {
        return Health::new(Progressing, "Waiting for status update.");
    }
    let (mut is_true, mut is_false, mut is_unknown, mut message) = (0, 0, 0, String::new());
    for c in conditions(object) {
        match c.status {
            "True" if matches!(c.kind, "ConfigurationsReady" | "RoutesReady" | "Ready") => is_true += 1,
            "False" | "Unknown" => {
                message.push_str(&format!("{} is {}", c.kind, c.status));
                if !c.reason.is_empty() {
                    message.push_str(&format!(", since {}.", c.reason));
                }
                if !c.message.is_empty() {
                    message.push_str(&format!(" {}", c.message));
                }
                message.push('\n');
                *(if c.status == "False" { &mut is_false } else { &mut is_unknown }) += 1;
            }
            _ => {}
        }
    }
    match (is_true, is_false, is_unknown) {
        (3, 0, 0) => Health::new(Healthy, "Knative Service is healthy."),
        (_, 1.., _) => Health::new(Degraded, message),
        _ => Health::new(Progressing, message),
    }
}

fn snapshot(object: &Object) -> Health {
    if flag(object, &["status", "readyToUse"]) {
        return Health::new(Healthy, "Ready to use");
    }
    match object.at(&["status", "error"]).filter(|e| !e.is_null()) {
        Some(error) => Health::new(Degraded, error.str_at(&["message"]).unwrap_or_default()),
        None => Health::new(Progressing, "Waiting for status"),
    }
}
