//! What built-in kinds mean: defaults, validation, allocation of addresses and ports.
//!
//! Objects stay plain values. [`normal_form`] reads them as Go's structs would and writes them back, [`defaults`] fills
//! in what was left out, [`validate`] says what is wrong, `prepare` does what strategies and admission plugins do.
//! [`Kind`] puts these together for one kind; `install` is the list of all.

use crate::plugin::Plugins;

mod convert;
pub mod defaults;
pub mod faults;
pub mod go_types;
pub mod kind;
pub mod names;
pub mod normal_form;
mod prepare;
pub mod protobuf;
pub mod schedule;
pub mod seed;
mod service;
pub mod suffix;
pub mod template_hash;
pub mod times;
pub mod validate;

#[cfg(test)]
mod tests;

use kind::Kind;
use names::{dns1123_label, path_segment};
use validate::{config, network, pod, policy, rbac, storage, workload};

/// Plugs them in.
pub(crate) fn install(plugins: &mut Plugins) {
    let known = kinds();
    for (api_version, name) in go_types::GoTypes::get().kinds() {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        // Definitions of custom resources are the core's own; a Service keeps state.
        let elsewhere = matches!(name, "CustomResourceDefinition") || (group.is_empty() && name == "Service");
        if !elsewhere && !known.iter().any(|k| k.group() == group && k.kind() == name) {
            plugins.logic(group, name, Kind::of(api_version, name));
        }
    }
    for kind in known {
        plugins.logic(kind.group(), kind.kind(), kind);
    }
    plugins.logic("", "Service", service::ServiceLogic::new());
}

const ABOUT: &[&str] = &[
    "involvedObject.kind",
    "involvedObject.namespace",
    "involvedObject.name",
    "involvedObject.uid",
    "involvedObject.apiVersion",
    "involvedObject.resourceVersion",
    "involvedObject.fieldPath",
    "reason",
    "reportingComponent",
    "source",
    "type",
];
const POD_FIELDS: &[&str] = &[
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "spec.hostNetwork",
    "status.phase",
    "status.podIP",
    "status.podIPs",
    "status.nominatedNodeName",
];

/// The kinds about which there is more to say than defaults.
fn kinds() -> Vec<Kind> {
    vec![
        Kind::of("v1", "ConfigMap").create(config::config_map).update_first(config::config_map_update),
        Kind::of("v1", "Secret")
            .create(config::secret)
            .update_first(config::secret_update)
            .complete(prepare::fold_string_data)
            .selectable(&["type"]),
        Kind::of("v1", "Namespace")
            .name(dns1123_label)
            .prepare(prepare::namespace)
            .prepare_change(prepare::namespace_change)
            .selectable(&["status.phase", "name"]),
        Kind::of("v1", "Event").create(config::event).conversion(convert::event).selectable(ABOUT),
        Kind::of("events.k8s.io/v1", "Event").conversion(convert::event).selectable(&["reason", "type"]),
        Kind::of("v1", "Node").selectable(&["spec.unschedulable"]),
        Kind::of("v1", "Pod")
            .create(pod::create)
            .update(pod::update)
            .prepare(prepare::pod)
            .admission(prepare::admit_pod)
            .grace(prepare::pod_grace)
            .selectable(POD_FIELDS),
        Kind::of("v1", "PersistentVolumeClaim")
            .create(storage::claim)
            .update(storage::claim_update)
            .prepare(prepare::pending)
            .admission(prepare::admit_claim)
            .selectable(&["name"]),
        Kind::of("v1", "PersistentVolume").create(storage::volume).prepare(prepare::pending).selectable(&["name"]),
        Kind::of("v1", "ReplicationController").selectable(&["status.replicas"]),
        Kind::of("v1", "ResourceQuota").create(config::quota),
        Kind::of("apps/v1", "Deployment").create(workload::deployment).update(workload::same_selector),
        Kind::of("apps/v1", "ReplicaSet")
            .create(workload::replica_set)
            .update(workload::same_selector)
            .selectable(&["status.replicas"]),
        Kind::of("apps/v1", "DaemonSet").create(workload::daemon_set).update(workload::same_selector),
        Kind::of("apps/v1", "StatefulSet").create(workload::stateful_set).update(workload::stateful_set_update),
        Kind::of("batch/v1", "Job")
            .create(workload::job)
            .update(workload::job_update)
            .prepare(prepare::job)
            .selectable(&["status.successful"]),
        Kind::of("batch/v1", "CronJob").create(workload::cron_job),
        Kind::of("autoscaling/v2", "HorizontalPodAutoscaler")
            .create(policy::autoscaler)
            .conversion(convert::autoscaler),
        Kind::of("policy/v1", "PodDisruptionBudget").create(policy::disruption_budget),
        Kind::of("scheduling.k8s.io/v1", "PriorityClass")
            .create(policy::priority_class)
            .update(policy::priority_class_update),
        Kind::of("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration").create(policy::webhooks),
        Kind::of("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration").create(policy::webhooks),
        Kind::of("networking.k8s.io/v1", "Ingress").create(network::ingress),
        Kind::of("networking.k8s.io/v1", "IngressClass")
            .create(network::ingress_class)
            .update(network::ingress_class_update),
        Kind::of("networking.k8s.io/v1", "NetworkPolicy").create(network::policy),
        Kind::of("coordination.k8s.io/v1", "Lease").create(config::lease),
        Kind::of("certificates.k8s.io/v1", "CertificateSigningRequest")
            .prepare(prepare::signing_request)
            .selectable(&["spec.signerName"]),
        Kind::of("storage.k8s.io/v1", "StorageClass").create(storage::class).update(storage::class_update),
    ]
}

const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// Roles and bindings, whose writes the authorizer follows.
pub(crate) fn rbac_kinds() -> [Kind; 4] {
    [role("Role"), role("ClusterRole"), binding("RoleBinding"), binding("ClusterRoleBinding")]
}

fn role(kind: &'static str) -> Kind {
    Kind::of(RBAC, kind).name(path_segment).create(rbac::role).admission(crate::rbac::escalation::admit_role)
}

fn binding(kind: &'static str) -> Kind {
    Kind::of(RBAC, kind)
        .name(path_segment)
        .create(rbac::binding)
        .update(rbac::binding_update)
        .admission(crate::rbac::escalation::admit_binding)
}
