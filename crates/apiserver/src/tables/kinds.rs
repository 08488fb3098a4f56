//! The columns of every built-in kind.

use super::{Cell, Spec, pods};
use super::{cells as c, more_cells as m};

const NAME: Spec = Spec::new("Name", "string", Cell::Name);
const AGE: Spec = Spec::new("Age", "string", Cell::Age);
const CONTAINERS: Spec = Spec::new("Containers", "string", Cell::Of(c::containers)).wide();
const IMAGES: Spec = Spec::new("Images", "string", Cell::Of(c::images)).wide();
const SELECTOR: Spec = Spec::new("Selector", "string", Cell::Of(c::selector)).wide();

const fn text(name: &'static str, path: &'static [&'static str]) -> Spec {
    Spec::new(name, "string", Cell::Text(path))
}
const fn count(name: &'static str, path: &'static [&'static str]) -> Spec {
    Spec::new(name, "integer", Cell::Count(path))
}
const fn of(name: &'static str, make: fn(&belay_object::Object, i64) -> belay_object::Value) -> Spec {
    Spec::new(name, "string", Cell::Of(make))
}

/// Group, kind, columns.
pub(super) fn all() -> Vec<(&'static str, &'static str, Vec<Spec>)> {
    let mut all = core();
    all.extend(workloads());
    all.extend(others());
    all
}

fn core() -> Vec<(&'static str, &'static str, Vec<Spec>)> {
    let data = "Data contains the configuration data. Each key must consist of alphanumeric characters, '-', '_' or '.'. \
                Values with non-UTF-8 byte sequences must use the BinaryData field. The keys stored in Data must not \
                overlap with the keys in the BinaryData field, this is enforced during validation process.";
    vec![
        (
            "",
            "Pod",
            vec![
                NAME,
                of("Ready", pods::ready),
                of("Status", pods::status),
                of("Restarts", pods::restarts),
                AGE,
                of("IP", c::pod_ip).wide(),
                of("Node", c::pod_node).wide(),
                of("Nominated Node", c::nominated_node).wide(),
                of("Readiness Gates", pods::gates).wide(),
            ],
        ),
        (
            "",
            "PodTemplate",
            vec![
                NAME,
                of("Containers", c::template_containers),
                of("Images", c::template_images),
                of("Pod Labels", c::template_labels),
            ],
        ),
        (
            "",
            "ReplicationController",
            vec![
                NAME,
                count("Desired", &["spec", "replicas"]),
                count("Current", &["status", "replicas"]),
                count("Ready", &["status", "readyReplicas"]),
                AGE,
                CONTAINERS,
                IMAGES,
                of("Selector", c::label_selector).wide(),
            ],
        ),
        (
            "",
            "Service",
            vec![
                NAME,
                text("Type", &["spec", "type"]),
                of("Cluster-IP", c::cluster_ip),
                of("External-IP", c::external_ip),
                of("Port(s)", c::service_ports),
                AGE,
                of("Selector", c::label_selector).wide(),
            ],
        ),
        ("", "Endpoints", vec![NAME, of("Endpoints", c::endpoints), AGE]),
        (
            "",
            "Node",
            vec![
                NAME,
                of("Status", c::node_status),
                of("Roles", c::node_roles),
                AGE,
                text("Version", &["status", "nodeInfo", "kubeletVersion"]),
                of("Internal-IP", c::internal_ip).wide(),
                of("External-IP", c::node_external_ip).wide(),
                of("OS-Image", c::os_image).wide(),
                of("Kernel-Version", c::kernel).wide(),
                of("Container-Runtime", c::runtime).wide(),
            ],
        ),
        ("", "Event", event()),
        ("events.k8s.io", "Event", event()),
        ("", "Namespace", vec![NAME, text("Status", &["status", "phase"]), AGE]),
        ("", "Secret", vec![NAME, text("Type", &["type"]), Spec::new("Data", "string", Cell::Of(c::data_count)), AGE]),
        ("", "ConfigMap", vec![NAME, of("Data", c::data_count).described(data), AGE]),
        ("", "ServiceAccount", vec![NAME, of("Secrets", m::secrets), AGE]),
        (
            "",
            "PersistentVolume",
            vec![
                NAME,
                text("Capacity", &["spec", "capacity", "storage"]),
                of("Access Modes", c::volume_modes),
                text("Reclaim Policy", &["spec", "persistentVolumeReclaimPolicy"]),
                of("Status", c::phase_or_ending),
                of("Claim", c::volume_claim),
                text("StorageClass", &["spec", "storageClassName"]),
                of("VolumeAttributesClass", c::attributes_class),
                text("Reason", &["status", "reason"]),
                AGE,
                of("VolumeMode", c::volume_mode).wide(),
            ],
        ),
        (
            "",
            "PersistentVolumeClaim",
            vec![
                NAME,
                of("Status", c::phase_or_ending),
                text("Volume", &["spec", "volumeName"]),
                of("Capacity", c::claim_capacity),
                of("Access Modes", c::claim_modes),
                text("StorageClass", &["spec", "storageClassName"]),
                of("VolumeAttributesClass", c::attributes_class),
                AGE,
                of("VolumeMode", c::volume_mode).wide(),
            ],
        ),
        ("", "ResourceQuota", vec![NAME, of("Request", m::quota_requests), of("Limit", m::quota_limits), AGE]),
        ("", "LimitRange", vec![NAME, Spec::new("Created At", "date", Cell::Of(m::created_at))]),
    ]
}

fn event() -> Vec<Spec> {
    vec![
        of("Last Seen", c::last_seen),
        text("Type", &["type"]),
        text("Reason", &["reason"]),
        of("Object", c::event_object),
        of("Subobject", c::event_part).wide(),
        of("Source", c::event_source).wide(),
        of("Message", c::event_message),
        of("First Seen", c::first_seen).wide(),
        of("Count", c::event_count).wide(),
        NAME.wide(),
    ]
}

fn workloads() -> Vec<(&'static str, &'static str, Vec<Spec>)> {
    let up_to_date =
        "Total number of non-terminating pods targeted by this deployment that have the desired template spec.";
    vec![
        (
            "apps",
            "Deployment",
            vec![
                NAME,
                of("Ready", c::ready_of_replicas).described("Number of the pod with ready state"),
                Spec::new("Up-to-date", "string", Cell::Count(&["status", "updatedReplicas"])).described(up_to_date),
                Spec::new("Available", "string", Cell::Count(&["status", "availableReplicas"])),
                AGE,
                CONTAINERS,
                IMAGES,
                SELECTOR,
            ],
        ),
        (
            "apps",
            "ReplicaSet",
            vec![
                NAME,
                count("Desired", &["spec", "replicas"]),
                count("Current", &["status", "replicas"]),
                count("Ready", &["status", "readyReplicas"]),
                AGE,
                CONTAINERS,
                IMAGES,
                SELECTOR,
            ],
        ),
        ("apps", "StatefulSet", vec![NAME, of("Ready", c::ready_of_replicas), AGE, CONTAINERS, IMAGES]),
        (
            "apps",
            "DaemonSet",
            vec![
                NAME,
                count("Desired", &["status", "desiredNumberScheduled"]),
                count("Current", &["status", "currentNumberScheduled"]),
                count("Ready", &["status", "numberReady"]),
                count("Up-to-date", &["status", "updatedNumberScheduled"]),
                count("Available", &["status", "numberAvailable"]),
                of("Node Selector", c::node_selector),
                AGE,
                CONTAINERS,
                IMAGES,
                SELECTOR,
            ],
        ),
        (
            "apps",
            "ControllerRevision",
            vec![
                NAME,
                of("Controller", m::revision_owner),
                Spec::new("Revision", "string", Cell::Count(&["revision"])),
                AGE,
            ],
        ),
        (
            "batch",
            "Job",
            vec![
                NAME,
                of("Status", c::job_status),
                of("Completions", c::completions),
                of("Duration", c::job_duration),
                AGE,
                CONTAINERS,
                IMAGES,
                of("Selector", c::selector_or_none).wide(),
            ],
        ),
        (
            "batch",
            "CronJob",
            vec![
                NAME,
                text("Schedule", &["spec", "schedule"]),
                of("Timezone", c::time_zone),
                Spec::new("Suspend", "boolean", Cell::Of(c::suspend)),
                Spec::new("Active", "integer", Cell::Of(c::active_jobs)),
                of("Last Schedule", c::last_schedule),
                AGE,
                of("Containers", c::cron_containers).wide(),
                of("Images", c::cron_images).wide(),
                of("Selector", |_, _| "<none>".into()).wide(),
            ],
        ),
        (
            "autoscaling",
            "HorizontalPodAutoscaler",
            vec![
                NAME,
                of("Reference", m::scale_target),
                of("Targets", m::scale_metrics),
                of("MinPods", m::min_pods),
                Spec::new("MaxPods", "string", Cell::Count(&["spec", "maxReplicas"])),
                Spec::new("Replicas", "string", Cell::Count(&["status", "currentReplicas"])),
                AGE,
            ],
        ),
        (
            "policy",
            "PodDisruptionBudget",
            vec![
                NAME,
                of("Min Available", m::min_available),
                of("Max Unavailable", m::max_unavailable),
                count("Allowed Disruptions", &["status", "disruptionsAllowed"]),
                AGE,
            ],
        ),
    ]
}

fn others() -> Vec<(&'static str, &'static str, Vec<Spec>)> {
    const RBAC: &str = "rbac.authorization.k8s.io";
    let created = Spec::new("Created At", "date", Cell::Of(m::created_at));
    let binding = || {
        vec![
            NAME,
            of("Role", m::role_of_binding),
            AGE,
            of("Users", m::users).wide(),
            of("Groups", m::groups).wide(),
            of("ServiceAccounts", m::accounts).wide(),
        ]
    };
    let hooks = || vec![NAME, Spec::new("Webhooks", "integer", Cell::Of(m::webhooks)), AGE];
    vec![
        (
            "networking.k8s.io",
            "Ingress",
            vec![
                NAME,
                of("Class", c::ingress_class),
                of("Hosts", c::hosts),
                of("Address", c::ingress_address),
                of("Ports", c::ingress_ports),
                AGE,
            ],
        ),
        (
            "networking.k8s.io",
            "IngressClass",
            vec![
                Spec::new("Name", "string", Cell::Of(c::ingress_class_name)),
                text("Controller", &["spec", "controller"]),
                of("Parameters", c::class_parameters),
                AGE,
            ],
        ),
        ("networking.k8s.io", "NetworkPolicy", vec![NAME, of("Pod-Selector", c::pod_selector), AGE]),
        (
            "discovery.k8s.io",
            "EndpointSlice",
            vec![
                NAME,
                text("AddressType", &["addressType"]),
                of("Ports", c::slice_ports),
                of("Endpoints", c::slice_endpoints),
                AGE,
            ],
        ),
        (RBAC, "Role", vec![NAME, created]),
        (RBAC, "ClusterRole", vec![NAME, created]),
        (RBAC, "RoleBinding", binding()),
        (RBAC, "ClusterRoleBinding", binding()),
        ("coordination.k8s.io", "Lease", vec![NAME, text("Holder", &["spec", "holderIdentity"]), AGE]),
        (
            "storage.k8s.io",
            "StorageClass",
            vec![
                Spec::new("Name", "string", Cell::Of(c::class_name)),
                text("Provisioner", &["provisioner"]),
                text("ReclaimPolicy", &["reclaimPolicy"]),
                text("VolumeBindingMode", &["volumeBindingMode"]),
                of("AllowVolumeExpansion", c::expansion),
                AGE,
            ],
        ),
        (
            "scheduling.k8s.io",
            "PriorityClass",
            vec![
                NAME,
                count("Value", &["value"]),
                Spec::new("Global-Default", "boolean", Cell::Of(m::global_default)),
                AGE,
                text("PreemptionPolicy", &["preemptionPolicy"]),
            ],
        ),
        ("node.k8s.io", "RuntimeClass", vec![NAME, text("Handler", &["handler"]), AGE]),
        ("admissionregistration.k8s.io", "MutatingWebhookConfiguration", hooks()),
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration", hooks()),
        (
            "certificates.k8s.io",
            "CertificateSigningRequest",
            vec![
                NAME,
                AGE,
                text("SignerName", &["spec", "signerName"]),
                text("Requestor", &["spec", "username"]),
                of("RequestedDuration", m::csr_duration),
                of("Condition", m::csr_condition),
            ],
        ),
        (
            "apiregistration.k8s.io",
            "APIService",
            vec![NAME, of("Service", m::service_of_api), of("Available", m::api_available), AGE],
        ),
        ("apiextensions.k8s.io", "CustomResourceDefinition", vec![NAME, created]),
    ]
}
