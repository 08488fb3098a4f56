//! What an installation starts with: the definitions, the project `default`, and the config maps under
//! the names and labels by which everybody looks for them.
//!
//! The content of `argocd-cm` is that of Argo CD's own manifests: users know that these kinds are left
//! out and that these fields wake nothing.

use belay_object::{Object, Value, object};

use crate::crds::crds;
use crate::names;

const API_VERSION: &str = "argoproj.io/v1alpha1";

/// Fields whose change wakes nothing: kind (`group_Kind`), JSON pointers, jq paths.
// Compat(argo 3.5)
const IGNORED_UPDATES: [(&str, &[&str], &[&str]); 8] = [
    ("all", &["/status"], &[]),
    (
        "argoproj.io_Application",
        &[],
        &[
            r#".metadata.annotations."notified.notifications.argoproj.io""#,
            r#".metadata.annotations."argocd.argoproj.io/refresh""#,
            r#".metadata.annotations."argocd.argoproj.io/refresh-timestamp""#,
            r#".metadata.annotations."argocd.argoproj.io/hydrate""#,
            r#".metadata.annotations."argocd.argoproj.io/hydrate-timestamp""#,
            ".operation",
        ],
    ),
    ("argoproj.io_Rollout", &[], &[r#".metadata.annotations."notified.notifications.argoproj.io""#]),
    (
        "autoscaling_HorizontalPodAutoscaler",
        &[],
        &[
            r#".metadata.annotations."autoscaling.alpha.kubernetes.io/behavior""#,
            r#".metadata.annotations."autoscaling.alpha.kubernetes.io/conditions""#,
            r#".metadata.annotations."autoscaling.alpha.kubernetes.io/metrics""#,
            r#".metadata.annotations."autoscaling.alpha.kubernetes.io/current-metrics""#,
        ],
    ),
    (
        "ConfigMap",
        &[],
        &[
            r#".metadata.annotations."cluster-autoscaler.kubernetes.io/last-updated""#,
            r#".metadata.annotations."control-plane.alpha.kubernetes.io/leader""#,
        ],
    ),
    (
        "apps_ReplicaSet",
        &[],
        &[
            r#".metadata.annotations."deployment.kubernetes.io/desired-replicas""#,
            r#".metadata.annotations."deployment.kubernetes.io/max-replicas""#,
            r#".metadata.annotations."rollout.argoproj.io/desired-replicas""#,
        ],
    ),
    ("discovery.k8s.io_EndpointSlice", &["/metadata", "/endpoints", "/ports"], &[]),
    ("Endpoints", &["/metadata", "/subsets"], &[]),
];

/// Kinds that are left out: groups, kinds.
// Compat(argo 3.5)
const EXCLUSIONS: [(&[&str], &[&str]); 7] = [
    (&["", "discovery.k8s.io"], &["Endpoints", "EndpointSlice"]),
    (&["coordination.k8s.io"], &["Lease"]),
    (
        &["authentication.k8s.io", "authorization.k8s.io"],
        &[
            "SelfSubjectReview",
            "TokenReview",
            "LocalSubjectAccessReview",
            "SelfSubjectAccessReview",
            "SelfSubjectRulesReview",
            "SubjectAccessReview",
        ],
    ),
    (&["certificates.k8s.io"], &["CertificateSigningRequest"]),
    (&["cert-manager.io"], &["CertificateRequest"]),
    (&["cilium.io"], &["CiliumIdentity", "CiliumEndpoint", "CiliumEndpointSlice"]),
    (
        &["kyverno.io", "reports.kyverno.io", "wgpolicyk8s.io"],
        &[
            "PolicyReport",
            "ClusterPolicyReport",
            "EphemeralReport",
            "ClusterEphemeralReport",
            "AdmissionReport",
            "ClusterAdmissionReport",
            "BackgroundScanReport",
            "ClusterBackgroundScanReport",
            "UpdateRequest",
        ],
    ),
];

/// All objects, in the order in which they are applied. The namespace itself is not among them.
pub fn objects(namespace: &str) -> Vec<Object> {
    let mut all = crds();
    all.extend([
        settings(namespace),
        config_map(namespace, names::RBAC),
        config_map(namespace, names::PARAMETERS),
        config_map(namespace, names::KNOWN_HOSTS),
        config_map(namespace, names::TLS_CERTIFICATES),
        config_map(namespace, names::GPG_KEYS),
        default_project(namespace),
    ]);
    all
}

/// The port of the API in the controllers' process, and its name.
pub const API_PORT: (&str, u16) = ("api", 8443);

/// What tells the controllers' process to serve the control plane of a namespace, and its API.
pub fn arguments(namespace: &str) -> Vec<String> {
    vec![format!("--argocd-namespace={namespace}"), format!("--api-addr=:{}", API_PORT.1)]
}

/// The Service by which the API is reached, in the namespace of the process whose pods have this label `app`, and
/// what lets others reach it where network policies stand.
pub fn api_access(namespace: &str, app: &str) -> [Object; 2] {
    let (name, port) = API_PORT;
    let mut service = Object::of("v1", "Service", namespace, "belay-api");
    service.set(&["spec", "type"], "ClusterIP");
    service.set(&["spec", "selector"], object! { "app" => app });
    let to = object! { "name" => "https", "port" => 443, "protocol" => "TCP", "targetPort" => name };
    service.set(&["spec", "ports"], [to]);
    let mut policy = Object::of("networking.k8s.io/v1", "NetworkPolicy", namespace, "allow-api");
    let from_anywhere = object! {
        "from" => [object! { "namespaceSelector" => object! {} }],
        "ports" => [object! { "port" => i64::from(port), "protocol" => "TCP" }],
    };
    policy.set(
        &["spec"],
        object! {
            "podSelector" => object! { "matchLabels" => object! { "app" => app } },
            "policyTypes" => ["Ingress"],
            "ingress" => [from_anywhere],
        },
    );
    [service, policy]
}

/// The project that permits everything, which Applications without a project are of.
pub fn default_project(namespace: &str) -> Object {
    let mut project = Object::of(API_VERSION, "AppProject", namespace, "default");
    project.set(
        &["spec"],
        object! {
            "sourceRepos" => ["*"],
            "destinations" => [object! { "server" => "*", "namespace" => "*" }],
            "clusterResourceWhitelist" => [object! { "group" => "*", "kind" => "*" }],
        },
    );
    project
}

fn config_map(namespace: &str, name: &str) -> Object {
    let mut map = Object::of("v1", "ConfigMap", namespace, name);
    map.set_label("app.kubernetes.io/name", name);
    map.set_label(names::PART_OF.0, names::PART_OF.1);
    map
}

fn settings(namespace: &str) -> Object {
    let texts = |list: &[&str]| list.iter().copied().collect::<Value>();
    let mut map = config_map(namespace, names::CONFIG);
    for (kind, pointers, paths) in IGNORED_UPDATES {
        let mut ignored = Value::object();
        for (name, list) in [("jsonPointers", pointers), ("jqPathExpressions", paths)] {
            if !list.is_empty() {
                ignored.set(&[name], texts(list));
            }
        }
        let key = format!("resource.customizations.ignoreResourceUpdates.{kind}");
        map.set(&["data", &key], belay_yaml::to_yaml(&ignored));
    }
    let exclusion =
        |(groups, kinds): (&[&str], &[&str])| object! { "apiGroups" => texts(groups), "kinds" => texts(kinds) };
    let exclusions: Value = EXCLUSIONS.into_iter().map(exclusion).collect();
    map.set(&["data", "resource.exclusions"], belay_yaml::to_yaml(&exclusions));
    map
}

#[cfg(test)]
mod tests;
