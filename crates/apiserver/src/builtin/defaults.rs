//! What the server fills in where a client left something out.
//!
//! Defaults belong to Go's structs, wherever one stands: a probe has the same in a Pod and in a CronJob's template. One
//! walk over the object applies the table `FIELDS` and the functions of `special_of`, parents first. What belongs to
//! an object as a whole (and not to a template of it) is keyed by the kind's own struct.
//!
//! *Invariant*: applying twice changes nothing more, and only the object is looked at.

use std::collections::HashMap;
use std::sync::OnceLock;

use belay_object::{Map, Value, from_json_str, object};

use super::go_types::{GoType, GoTypes, StructId};

/// Fields that are set where absent: struct, then `field=JSON`, separated by `;`.
const FIELDS: &[(&str, &str)] = &[
    ("admissionregistration/v1.MatchResources", r#"matchPolicy="Equivalent";namespaceSelector={};objectSelector={}"#),
    ("admissionregistration/v1.MutatingAdmissionPolicySpec", r#"failurePolicy="Fail""#),
    (
        "admissionregistration/v1.MutatingWebhook",
        r#"failurePolicy="Fail";matchPolicy="Equivalent";namespaceSelector={};objectSelector={};timeoutSeconds=10;reinvocationPolicy="Never""#,
    ),
    ("admissionregistration/v1.Rule", r#"scope="*""#),
    ("admissionregistration/v1.RuleWithOperations", r#"scope="*""#),
    ("admissionregistration/v1.NamedRuleWithOperations", r#"scope="*""#),
    ("admissionregistration/v1.ServiceReference", "port=443"),
    ("admissionregistration/v1.ValidatingAdmissionPolicySpec", r#"failurePolicy="Fail""#),
    (
        "admissionregistration/v1.ValidatingWebhook",
        r#"failurePolicy="Fail";matchPolicy="Equivalent";namespaceSelector={};objectSelector={};timeoutSeconds=10"#,
    ),
    ("apiregistration/v1.ServiceReference", "port=443"),
    ("apps/v1.DaemonSetSpec", "revisionHistoryLimit=10"),
    ("apps/v1.DeploymentSpec", "replicas=1;revisionHistoryLimit=10;progressDeadlineSeconds=600"),
    ("apps/v1.ReplicaSetSpec", "replicas=1"),
    (
        "apps/v1.StatefulSetSpec",
        r#"podManagementPolicy="OrderedReady";replicas=1;revisionHistoryLimit=10;persistentVolumeClaimRetentionPolicy={}"#,
    ),
    ("apps/v1.StatefulSetPersistentVolumeClaimRetentionPolicy", r#"whenDeleted="Retain";whenScaled="Retain""#),
    ("autoscaling/v1.HorizontalPodAutoscalerSpec", "minReplicas=1;targetCPUUtilizationPercentage=80"),
    ("autoscaling/v2.HorizontalPodAutoscalerSpec", "minReplicas=1"),
    (
        "batch/v1.CronJobSpec",
        r#"concurrencyPolicy="Allow";suspend=false;successfulJobsHistoryLimit=3;failedJobsHistoryLimit=1"#,
    ),
    ("batch/v1.PodFailurePolicyOnPodConditionsPattern", r#"status="True""#),
    ("core/v1.AzureDiskVolumeSource", r#"cachingMode="ReadWrite";fsType="ext4";readOnly=false;kind="Shared""#),
    ("core/v1.ConfigMapVolumeSource", "defaultMode=420"),
    ("core/v1.ContainerPort", r#"protocol="TCP""#),
    ("core/v1.DownwardAPIVolumeSource", "defaultMode=420"),
    ("core/v1.EndpointPort", r#"protocol="TCP""#),
    ("core/v1.FileKeySelector", "optional=false"),
    ("core/v1.GRPCAction", r#"service="""#),
    ("core/v1.HTTPGetAction", r#"path="/";scheme="HTTP""#),
    ("core/v1.HostPathVolumeSource", r#"type="""#),
    ("core/v1.ISCSIPersistentVolumeSource", r#"iscsiInterface="default""#),
    ("core/v1.ISCSIVolumeSource", r#"iscsiInterface="default""#),
    ("core/v1.NamespaceStatus", r#"phase="Active""#),
    ("core/v1.ObjectFieldSelector", r#"apiVersion="v1""#),
    ("core/v1.PersistentVolumeClaimSpec", r#"volumeMode="Filesystem""#),
    ("core/v1.PersistentVolumeClaimStatus", r#"phase="Pending""#),
    ("core/v1.PersistentVolumeSpec", r#"persistentVolumeReclaimPolicy="Retain";volumeMode="Filesystem""#),
    ("core/v1.PersistentVolumeStatus", r#"phase="Pending""#),
    (
        "core/v1.PodSpec",
        r#"dnsPolicy="ClusterFirst";restartPolicy="Always";securityContext={};terminationGracePeriodSeconds=30;schedulerName="default-scheduler""#,
    ),
    ("core/v1.PodStatus", r#"phase="Pending""#),
    ("core/v1.Probe", "timeoutSeconds=1;periodSeconds=10;successThreshold=1;failureThreshold=3"),
    ("core/v1.ProjectedVolumeSource", "defaultMode=420"),
    ("core/v1.RBDPersistentVolumeSource", r#"keyring="/etc/ceph/keyring";pool="rbd";user="admin""#),
    ("core/v1.RBDVolumeSource", r#"keyring="/etc/ceph/keyring";pool="rbd";user="admin""#),
    ("core/v1.ReplicationControllerSpec", "replicas=1"),
    ("core/v1.ScaleIOPersistentVolumeSource", r#"fsType="xfs";storageMode="ThinProvisioned""#),
    ("core/v1.ScaleIOVolumeSource", r#"fsType="xfs";storageMode="ThinProvisioned""#),
    ("core/v1.Secret", r#"type="Opaque""#),
    ("core/v1.SecretVolumeSource", "defaultMode=420"),
    ("core/v1.ServiceAccountTokenProjection", "expirationSeconds=3600"),
    ("core/v1.ServicePort", r#"protocol="TCP""#),
    ("discovery/v1.EndpointPort", r#"name="";protocol="TCP""#),
    ("flowcontrol/v1.ExemptPriorityLevelConfiguration", "nominalConcurrencyShares=0;lendablePercent=0"),
    ("flowcontrol/v1.FlowSchemaSpec", "matchingPrecedence=1000"),
    ("flowcontrol/v1.LimitedPriorityLevelConfiguration", "nominalConcurrencyShares=30;lendablePercent=0"),
    ("flowcontrol/v1.QueuingConfiguration", "handSize=8;queues=64;queueLengthLimit=50"),
    ("networking/v1.IngressClassParametersReference", r#"scope="Cluster""#),
    ("networking/v1.NetworkPolicyPort", r#"protocol="TCP""#),
    ("rbac/v1.RoleRef", r#"apiGroup="rbac.authorization.k8s.io""#),
    ("resource/v1.DeviceToleration", r#"operator="Equal""#),
    ("scheduling/v1.PriorityClass", r#"preemptionPolicy="PreemptLowerPriority""#),
    (
        "storage/v1.CSIDriverSpec",
        r#"attachRequired=true;podInfoOnMount=false;storageCapacity=false;fsGroupPolicy="ReadWriteOnceWithFSType";volumeLifecycleModes=["Persistent"];requiresRepublish=false;seLinuxMount=false"#,
    ),
    ("storage/v1.StorageClass", r#"reclaimPolicy="Delete";volumeBindingMode="Immediate""#),
];

/// What a table cannot say.
fn special_of(name: &str) -> Option<fn(&mut Map)> {
    Some(match name {
        "apps/v1.DeploymentSpec" => deployment_strategy,
        "apps/v1.DaemonSetSpec" => daemon_set_strategy,
        "apps/v1.StatefulSetSpec" => stateful_set,
        "autoscaling/v2.HorizontalPodAutoscalerSpec" => autoscaler,
        "batch/v1.Job" => job_labels,
        "batch/v1.JobSpec" => job_spec,
        "core/v1.Container" | "core/v1.EphemeralContainer" => container,
        "core/v1.LimitRangeItem" => limit_range_item,
        "core/v1.Namespace" => namespace,
        "core/v1.NodeStatus" => node_status,
        "core/v1.Pod" => pod,
        "core/v1.ReplicationController" => replication_controller,
        "core/v1.Service" => service,
        "core/v1.Volume" => volume,
        "networking/v1.NetworkPolicySpec" => network_policy,
        "rbac/v1.Subject" => subject,
        "resource/v1.ExactDeviceRequest" | "resource/v1.DeviceSubRequest" => device_request,
        _ => return None,
    })
}

/// A job's own defaults stand on the Job, not on a CronJob's template of one.
fn is_template_of_job(path: &[&str]) -> bool {
    path.last() == Some(&"batch/v1.JobTemplateSpec")
}

struct Rules {
    fields: HashMap<&'static str, Vec<(&'static str, Value)>>,
    /// Whether a struct, or one that it can hold, has a rule.
    reaches: Vec<bool>,
}

fn rules() -> &'static Rules {
    static RULES: OnceLock<Rules> = OnceLock::new();
    RULES.get_or_init(|| {
        let fields: HashMap<_, Vec<_>> = FIELDS
            .iter()
            .map(|(name, text)| {
                let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
                (*name, pairs.map(|(k, v)| (k, from_json_str(v).unwrap_or_default())).collect())
            })
            .collect();
        let types = GoTypes::get();
        let mut reaches: Vec<bool> =
            types.structs().map(|s| fields.contains_key(s.name) || special_of(s.name).is_some()).collect();
        // The longest chain of structs in the API is about a dozen deep.
        while types.structs().enumerate().any(|(i, s)| {
            let now = reaches[i] || s.json.iter().any(|f| struct_of(&f.field.ty).is_some_and(|id| reaches[id.index()]));
            std::mem::replace(&mut reaches[i], now) != now
        }) {}
        Rules { fields, reaches }
    })
}

/// The struct inside pointers, lists and maps.
fn struct_of(ty: &GoType) -> Option<StructId> {
    match ty {
        GoType::Struct(id) => Some(*id),
        GoType::Ptr(t) | GoType::Slice(t) | GoType::Map(_, t) | GoType::Named(_, t) => struct_of(t),
        GoType::Bytes | GoType::Scalar(_) | GoType::Special(_) => None,
    }
}

/// Fills in the defaults of a value that is in normal form.
pub fn apply(value: &mut Value, struct_id: StructId) {
    walk(value, struct_id, &mut Vec::new());
}

fn walk(value: &mut Value, id: StructId, path: &mut Vec<&'static str>) {
    let rules = rules();
    if !rules.reaches[id.index()] || path.len() > 60 {
        return;
    }
    match value {
        Value::Array(items) => items.iter_mut().for_each(|v| walk(v, id, path)),
        Value::Object(map) => {
            let go = GoTypes::get().of(id);
            if let Some(fields) = rules.fields.get(go.name) {
                for (key, default) in fields {
                    set(map, key, default.clone());
                }
            }
            if let Some(special) = special_of(go.name)
                && !(go.name == "batch/v1.JobSpec" && is_template_of_job(path))
            {
                special(map);
            }
            path.push(go.name);
            for f in &go.json {
                let Some(inner) = struct_of(&f.field.ty) else { continue };
                if !rules.reaches[inner.index()] {
                    continue;
                }
                match (map.get_mut(&f.key), f.field.ty.plain()) {
                    (Some(Value::Object(entries)), GoType::Map(..)) => {
                        entries.iter_mut().for_each(|(_, v)| walk(v, inner, path));
                    }
                    (Some(v), _) => walk(v, inner, path),
                    (None, _) => {}
                }
            }
            path.pop();
        }
        _ => {}
    }
}

fn set(map: &mut Map, key: &str, value: impl Into<Value>) {
    let slot = map.entry(key);
    let is_unset = match &*slot {
        Value::Null => true,
        // Go's zero values of fields that are always written.
        Value::Str(s) => s.is_empty(),
        Value::Object(_) | Value::Array(_) | Value::Bool(_) | Value::Int(_) | Value::UInt(_) | Value::Float(_) => false,
    };
    if is_unset {
        *slot = value.into();
    }
}

fn text<'a>(map: &'a Map, key: &str) -> &'a str {
    map.str(key).unwrap_or_default()
}

fn child<'a>(map: &'a mut Map, key: &str) -> &'a mut Map {
    map.entry(key).object_or_insert()
}

fn deployment_strategy(spec: &mut Map) {
    let strategy = child(spec, "strategy");
    set(strategy, "type", "RollingUpdate");
    if text(strategy, "type") == "RollingUpdate" {
        let rolling = child(strategy, "rollingUpdate");
        set(rolling, "maxUnavailable", "25%");
        set(rolling, "maxSurge", "25%");
    }
}

fn daemon_set_strategy(spec: &mut Map) {
    let strategy = child(spec, "updateStrategy");
    set(strategy, "type", "RollingUpdate");
    if text(strategy, "type") == "RollingUpdate" {
        let rolling = child(strategy, "rollingUpdate");
        set(rolling, "maxUnavailable", 1);
        set(rolling, "maxSurge", 0);
    }
}

fn stateful_set(spec: &mut Map) {
    let strategy = child(spec, "updateStrategy");
    if text(strategy, "type").is_empty() {
        set(strategy, "type", "RollingUpdate");
        child(strategy, "rollingUpdate");
    }
    if text(strategy, "type") == "RollingUpdate" && strategy.contains_key("rollingUpdate") {
        set(child(strategy, "rollingUpdate"), "partition", 0);
    }
    if let Some(claims) = spec.get_mut("volumeClaimTemplates").and_then(Value::as_array_mut) {
        for claim in claims.iter_mut().filter_map(Value::as_object_mut) {
            set(claim, "kind", "PersistentVolumeClaim");
            set(claim, "apiVersion", "v1");
        }
    }
}

fn autoscaler(spec: &mut Map) {
    if spec.get("metrics").is_none_or(|m| m.items().is_empty()) {
        let target = object! { "type" => "Utilization", "averageUtilization" => 80 };
        let metric = object! { "type" => "Resource", "resource" => object! { "name" => "cpu", "target" => target } };
        spec.insert("metrics", vec![metric]);
    }
    let Some(behavior) = spec.get_mut("behavior").and_then(Value::as_object_mut) else { return };
    let policy = |kind: &str, value: i64| object! { "type" => kind, "value" => value, "periodSeconds" => 15 };
    let up = child(behavior, "scaleUp");
    set(up, "stabilizationWindowSeconds", 0);
    set(up, "selectPolicy", "Max");
    set(up, "policies", vec![policy("Pods", 4), policy("Percent", 100)]);
    let down = child(behavior, "scaleDown");
    set(down, "selectPolicy", "Max");
    set(down, "policies", vec![policy("Percent", 100)]);
}

fn job_labels(job: &mut Map) {
    let from = job.get("spec").and_then(|s| s.at(&["template", "metadata", "labels"])).cloned();
    if let Some(labels) = from.filter(|l| !l.is_null()) {
        let metadata = child(job, "metadata");
        if metadata.get("labels").and_then(Value::as_object).is_none_or(Map::is_empty) {
            metadata.insert("labels", labels);
        }
    }
}

fn job_spec(spec: &mut Map) {
    if !spec.contains_key("completions") && !spec.contains_key("parallelism") {
        set(spec, "completions", 1);
    }
    set(spec, "parallelism", 1);
    let limit = if spec.contains_key("backoffLimitPerIndex") { i64::from(i32::MAX) } else { 6 };
    set(spec, "backoffLimit", limit);
    set(spec, "completionMode", "NonIndexed");
    set(spec, "suspend", false);
    let replacement = if spec.contains_key("podFailurePolicy") { "Failed" } else { "TerminatingOrFailed" };
    set(spec, "podReplacementPolicy", replacement);
    set(spec, "manualSelector", false);
}

fn container(container: &mut Map) {
    let pull = if has_latest_tag(text(container, "image")) { "Always" } else { "IfNotPresent" };
    set(container, "imagePullPolicy", pull);
    set(container, "terminationMessagePath", "/dev/termination-log");
    set(container, "terminationMessagePolicy", "File");
}

/// Whether an image is meant to be pulled as `latest`: said so, or neither tag nor digest given.
pub fn has_latest_tag(image: &str) -> bool {
    // What is no reference has no tag at all.
    if image.is_empty() || image.contains(|c: char| c.is_whitespace()) {
        return false;
    }
    let (name, digest) = match image.split_once('@') {
        Some((name, digest)) => (name, !digest.is_empty()),
        None => (image, false),
    };
    let last = name.rsplit('/').next().unwrap_or_default();
    match last.split_once(':') {
        Some((_, tag)) => tag == "latest",
        None => !digest && !name.rsplit('/').next().unwrap_or_default().bytes().any(|b| b.is_ascii_uppercase()),
    }
}

fn limit_range_item(item: &mut Map) {
    if text(item, "type") != "Container" {
        return;
    }
    for (from, to) in [("max", "default"), ("default", "defaultRequest"), ("min", "defaultRequest")] {
        fill(item, from, to);
    }
}

/// Copies the entries of one map that another lacks.
fn fill(map: &mut Map, from: &str, to: &str) {
    let Some(Value::Object(source)) = map.get(from).cloned() else { return };
    let target = child(map, to);
    for (key, value) in source {
        if !target.contains_key(&key) {
            target.insert(key, value);
        }
    }
}

fn namespace(namespace: &mut Map) {
    let name = namespace.get("metadata").and_then(|m| m.str_at(&["name"])).unwrap_or_default().to_owned();
    if !name.is_empty() {
        let labels = child(child(namespace, "metadata"), "labels");
        labels.insert("kubernetes.io/metadata.name", name);
    }
}

fn node_status(status: &mut Map) {
    if !status.contains_key("allocatable")
        && let Some(capacity) = status.get("capacity").cloned()
    {
        status.insert("allocatable", capacity);
    }
}

fn pod(pod: &mut Map) {
    let Some(spec) = pod.get_mut("spec").and_then(Value::as_object_mut) else { return };
    set(spec, "enableServiceLinks", true);
    let host_network = spec.get("hostNetwork").and_then(Value::as_bool).unwrap_or_default();
    for list in ["containers", "initContainers"] {
        let Some(containers) = spec.get_mut(list).and_then(Value::as_array_mut) else { continue };
        for container in containers.iter_mut().filter_map(Value::as_object_mut) {
            if let Some(resources) = container.get_mut("resources").and_then(Value::as_object_mut) {
                fill(resources, "limits", "requests");
            }
            if host_network {
                host_ports(container);
            }
        }
    }
}

fn host_ports(container: &mut Map) {
    let Some(ports) = container.get_mut("ports").and_then(Value::as_array_mut) else { return };
    for port in ports.iter_mut().filter_map(Value::as_object_mut) {
        if let Some(number) = port.get("containerPort").cloned() {
            set(port, "hostPort", number);
        }
    }
}

fn replication_controller(controller: &mut Map) {
    let labels = controller.get("spec").and_then(|s| s.at(&["template", "metadata", "labels"])).cloned();
    let Some(labels @ Value::Object(_)) = labels else { return };
    let spec = child(controller, "spec");
    if spec.get("selector").and_then(Value::as_object).is_none_or(Map::is_empty) {
        spec.insert("selector", labels.clone());
    }
    let metadata = child(controller, "metadata");
    if metadata.get("labels").and_then(Value::as_object).is_none_or(Map::is_empty) {
        metadata.insert("labels", labels);
    }
}

fn service(service: &mut Map) {
    let spec = child(service, "spec");
    set(spec, "sessionAffinity", "None");
    match text(spec, "sessionAffinity") {
        "None" => drop(spec.remove("sessionAffinityConfig")),
        "ClientIP" => set(child(child(spec, "sessionAffinityConfig"), "clientIP"), "timeoutSeconds", 10_800),
        _ => {}
    }
    set(spec, "type", "ClusterIP");
    if let Some(ports) = spec.get_mut("ports").and_then(Value::as_array_mut) {
        for port in ports.iter_mut().filter_map(Value::as_object_mut) {
            let number = port.get("port").cloned().unwrap_or_default();
            let target = port.entry("targetPort");
            if matches!(target, Value::Null | Value::Int(0)) || target.as_str() == Some("") {
                *target = number;
            }
        }
    }
    let kind = text(spec, "type").to_owned();
    let has_external_ips = spec.get("externalIPs").is_some_and(|ips| !ips.items().is_empty());
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer") || (kind == "ClusterIP" && has_external_ips) {
        set(spec, "externalTrafficPolicy", "Cluster");
    }
    if matches!(kind.as_str(), "NodePort" | "LoadBalancer" | "ClusterIP") {
        set(spec, "internalTrafficPolicy", "Cluster");
    }
    if kind == "LoadBalancer" {
        set(spec, "allocateLoadBalancerNodePorts", true);
        let ingress =
            service.get_mut("status").and_then(|s| s.get_mut("loadBalancer")).and_then(|l| l.get_mut("ingress"));
        for entry in ingress.and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut) {
            if entry.contains_key("ip") {
                set(entry, "ipMode", "VIP");
            }
        }
    }
}

fn volume(volume: &mut Map) {
    if volume.len() <= 1 {
        volume.insert("emptyDir", Value::object());
    }
    if let Some(image) = volume.get_mut("image").and_then(Value::as_object_mut) {
        let pull = if has_latest_tag(text(image, "reference")) { "Always" } else { "IfNotPresent" };
        set(image, "pullPolicy", pull);
    }
}

fn network_policy(spec: &mut Map) {
    if spec.get("policyTypes").is_none_or(|t| t.items().is_empty()) {
        let has_egress = spec.get("egress").is_some_and(|e| !e.items().is_empty());
        let types: &[&str] = if has_egress { &["Ingress", "Egress"] } else { &["Ingress"] };
        spec.insert("policyTypes", types.iter().copied().collect::<Value>());
    }
}

fn subject(subject: &mut Map) {
    if matches!(text(subject, "kind"), "User" | "Group") {
        set(subject, "apiGroup", "rbac.authorization.k8s.io");
    }
}

fn device_request(request: &mut Map) {
    set(request, "allocationMode", "ExactCount");
    if text(request, "allocationMode") == "ExactCount" {
        set(request, "count", 1);
    }
}
