//! The manifests of an installation in a real cluster.
//!
//! One Deployment does all. Around it stands what others look for by Flux's names and labels:
//! Services under the names of Flux's controllers, labels by which `flux check`, `flux version`
//! and `flux uninstall` find things, cluster roles for people. The definitions of the kinds are
//! those of [`crate::crds`].

use belay_object::{Object, Value, object};

use crate::crds::crds;
use crate::names;

/// What an installation is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// The namespace.
    pub namespace: String,
    /// The version that labels say: that of Flux whose resources these are.
    pub version: String,
    /// The image, with a tag: tools read the version from it.
    pub image: String,
    /// Secret to pull the image with.
    pub image_pull_secret: Option<String>,
    /// Whether resources of all namespaces are served, or those of the installation's alone.
    pub watch_all_namespaces: bool,
    /// How much is logged: `debug`, `info`, `error`.
    pub log_level: String,
    /// The domain of the cluster's names.
    pub cluster_domain: String,
    /// Whether network policies are made.
    pub network_policy: bool,
    /// Taints that are tolerated.
    pub toleration_keys: Vec<String>,
    /// More that the process is told, and where it listens for that: names and ports.
    pub more_args: Vec<String>,
    pub more_ports: Vec<(&'static str, u16)>,
}

/// Where released images are.
const IMAGE: &str = "ghcr.io/belay-gitops/belay";
/// The name of the Deployment, the account and everything else that is ours.
pub const NAME: &str = "belay";
/// Ports of the process, and the flags that say so: metrics, health, artifacts.
const PORTS: [(&str, u16, &str); 3] =
    [("http-prom", 8080, "metrics-addr"), ("healthz", 9440, "health-addr"), ("http", 9090, "storage-addr")];
/// Ports that Services name and nothing listens on yet: events, webhooks.
const RESERVED: [(&str, u16); 2] = [("http-events", 9292), ("http-webhook", 9293)];

impl Options {
    /// An installation of one of our versions (`v0.1.0`) with everything else as usual.
    pub fn new(belay_version: &str) -> Options {
        let version = belay_version.trim_start_matches('v');
        Options {
            namespace: names::DEFAULT_NAMESPACE.to_owned(),
            version: names::FLUX_VERSION.to_owned(),
            image: format!("{IMAGE}:v{version}"),
            image_pull_secret: None,
            watch_all_namespaces: true,
            log_level: "info".to_owned(),
            cluster_domain: "cluster.local".to_owned(),
            network_policy: true,
            toleration_keys: Vec::new(),
            more_args: Vec::new(),
            more_ports: Vec::new(),
        }
    }
}

/// All manifests, in the order in which they are applied: namespace, definitions, the rest.
pub fn manifests(options: &Options) -> Vec<Object> {
    let mut all = vec![namespace(options)];
    all.extend(crds(&options.namespace, &options.version));
    all.extend(access(options));
    all.extend(quota(options));
    all.push(deployment(options));
    all.extend(services(options));
    if options.network_policy {
        all.extend(network_policies(options));
    }
    all
}

fn labelled(options: &Options, mut object: Object) -> Object {
    object.set_label(names::INSTANCE, &options.namespace);
    object.set_label(names::PART_OF.0, names::PART_OF.1);
    object.set_label(names::VERSION, &options.version);
    object
}

fn made(options: &Options, api_version: &str, kind: &str, namespaced: bool, name: &str) -> Object {
    let namespace = if namespaced { options.namespace.as_str() } else { "" };
    let mut object = labelled(options, Object::of(api_version, kind, namespace, name));
    object.set_label(names::COMPONENT, NAME);
    object
}

/// The namespace with the labels of one.
fn namespace(options: &Options) -> Object {
    let mut object = labelled(options, Object::of("v1", "Namespace", "", &options.namespace));
    object.set_label("pod-security.kubernetes.io/warn", "restricted");
    object.set_label("pod-security.kubernetes.io/warn-version", "latest");
    object
}

fn access(options: &Options) -> Vec<Object> {
    const RBAC: &str = "rbac.authorization.k8s.io/v1";
    let of = |name: &str| format!("{name}-{}", options.namespace);
    let mut account = made(options, "v1", "ServiceAccount", true, NAME);
    if let Some(secret) = &options.image_pull_secret {
        account.set(&["imagePullSecrets"], [object! { "name" => secret.as_str() }]);
    }
    let groups = [
        "notification.toolkit.fluxcd.io",
        "source.toolkit.fluxcd.io",
        "source.extensions.fluxcd.io",
        "helm.toolkit.fluxcd.io",
        "image.toolkit.fluxcd.io",
        "kustomize.toolkit.fluxcd.io",
    ];
    let role = |name: &str, verbs: &[&str], aggregate: &[&str]| {
        let mut role = made(options, RBAC, "ClusterRole", false, &of(name));
        for to in aggregate {
            role.set_label(&format!("rbac.authorization.k8s.io/aggregate-to-{to}"), "true");
        }
        role.set(
            &["rules"],
            [object! {
                "apiGroups" => groups,
                "resources" => ["*"],
                "verbs" => verbs.iter().copied().collect::<Value>(),
            }],
        );
        role
    };
    let mut binding = made(options, RBAC, "ClusterRoleBinding", false, &of("cluster-reconciler"));
    binding.set(
        &["roleRef"],
        object! { "apiGroup" => "rbac.authorization.k8s.io", "kind" => "ClusterRole", "name" => "cluster-admin" },
    );
    binding.set(
        &["subjects"],
        [object! { "kind" => "ServiceAccount", "name" => NAME, "namespace" => options.namespace.as_str() }],
    );
    vec![
        account,
        role("flux-edit", &["create", "delete", "deletecollection", "patch", "update"], &["admin", "edit"]),
        role("flux-view", &["get", "list", "watch"], &["admin", "edit", "view"]),
        binding,
    ]
}

/// Some clouds let only namespaces with such a quota have pods of the system's priority.
fn quota(options: &Options) -> Option<Object> {
    let mut quota = made(options, "v1", "ResourceQuota", true, &format!("critical-pods-{}", options.namespace));
    quota.set(&["spec", "hard", "pods"], "1000");
    quota.set(
        &["spec", "scopeSelector", "matchExpressions"],
        [object! {
            "operator" => "In",
            "scopeName" => "PriorityClass",
            "values" => ["system-node-critical", "system-cluster-critical"],
        }],
    );
    Some(quota)
}

fn deployment(options: &Options) -> Object {
    let mut deployment = made(options, "apps/v1", "Deployment", true, NAME);
    // `flux logs` and monitors select by these.
    deployment.set_label("control-plane", "controller");
    let mut labels = object! { "app" => NAME };
    deployment.set(&["spec", "replicas"], 1);
    deployment.set(&["spec", "selector", "matchLabels"], labels.clone());
    // Two processes would not share the folder of artifacts; the one that waits for the lease does
    // not serve them either.
    deployment.set(&["spec", "strategy", "type"], "Recreate");
    for (name, value) in [
        (names::COMPONENT, NAME),
        (names::INSTANCE, &options.namespace),
        (names::PART_OF.0, names::PART_OF.1),
        (names::VERSION, &options.version),
    ] {
        labels.set(&[name], value);
    }
    deployment.set(
        &["spec", "template", "metadata"],
        object! {
            "labels" => labels,
            "annotations" => object! { "prometheus.io/scrape" => "true", "prometheus.io/port" => "8080" },
        },
    );
    deployment.set(&["spec", "template", "spec"], pod(options));
    deployment
}

fn pod(options: &Options) -> Value {
    let mut pod = object! {
        "serviceAccountName" => NAME,
        "priorityClassName" => "system-cluster-critical",
        "terminationGracePeriodSeconds" => 60,
        "nodeSelector" => object! { "kubernetes.io/os" => "linux" },
        "securityContext" => object! { "fsGroup" => 1337 },
        "containers" => [container(options)],
        "volumes" => [
            object! { "name" => "data", "emptyDir" => object! {} },
            object! { "name" => "tmp", "emptyDir" => object! {} },
        ],
    };
    if let Some(secret) = &options.image_pull_secret {
        pod.set(&["imagePullSecrets"], [object! { "name" => secret.as_str() }]);
    }
    if !options.toleration_keys.is_empty() {
        let tolerations: Value = options
            .toleration_keys
            .iter()
            .map(|key| object! { "key" => key.as_str(), "operator" => "Exists" })
            .collect();
        pod.set(&["tolerations"], tolerations);
    }
    pod
}

fn container(options: &Options) -> Value {
    let address = format!("source-controller.{}.svc.{}.", options.namespace, options.cluster_domain);
    let mut args = vec![
        "run".to_owned(),
        format!("--watch-all-namespaces={}", options.watch_all_namespaces),
        format!("--log-level={}", options.log_level),
        "--log-encoding=json".to_owned(),
        "--enable-leader-election=true".to_owned(),
        "--storage-path=/data".to_owned(),
        format!("--storage-adv-addr={address}"),
    ];
    args.extend(PORTS.iter().map(|(_, port, flag)| format!("--{flag}=:{port}")));
    args.extend(options.more_args.iter().cloned());
    let ports = PORTS.iter().map(|&(name, port, _)| (name, port)).chain(RESERVED).chain(options.more_ports.clone());
    let probe = |path: &str| object! { "httpGet" => object! { "path" => path, "port" => "healthz" } };
    object! {
        "name" => "manager",
        "image" => options.image.as_str(),
        "imagePullPolicy" => "IfNotPresent",
        "args" => args.iter().map(String::as_str).collect::<Value>(),
        "env" => [object! {
            "name" => "RUNTIME_NAMESPACE",
            "valueFrom" => object! { "fieldRef" => object! { "fieldPath" => "metadata.namespace" } },
        }],
        "ports" => ports
            .map(|(name, port)| object! { "name" => name, "containerPort" => i64::from(port), "protocol" => "TCP" })
            .collect::<Value>(),
        "livenessProbe" => probe("/healthz"),
        "readinessProbe" => probe("/readyz"),
        "resources" => object! {
            "requests" => object! { "cpu" => "100m", "memory" => "64Mi" },
            "limits" => object! { "cpu" => "2000m", "memory" => "1Gi" },
        },
        "securityContext" => object! {
            "allowPrivilegeEscalation" => false,
            "readOnlyRootFilesystem" => true,
            "runAsNonRoot" => true,
            "capabilities" => object! { "drop" => ["ALL"] },
            "seccompProfile" => object! { "type" => "RuntimeDefault" },
        },
        "volumeMounts" => [
            object! { "name" => "data", "mountPath" => "/data" },
            object! { "name" => "tmp", "mountPath" => "/tmp" },
        ],
    }
}

/// Services under the names by which others reach Flux's controllers.
fn services(options: &Options) -> Vec<Object> {
    [
        ("source-controller", "http"),
        ("source-watcher", "http"),
        ("notification-controller", "http-events"),
        ("webhook-receiver", "http-webhook"),
    ]
    .into_iter()
    .map(|(name, port)| {
        let mut service = made(options, "v1", "Service", true, name);
        service.set_label("control-plane", "controller");
        service.set(&["spec", "type"], "ClusterIP");
        service.set(&["spec", "selector"], object! { "app" => NAME });
        service.set(
            &["spec", "ports"],
            [object! { "name" => "http", "port" => 80, "protocol" => "TCP", "targetPort" => port }],
        );
        service
    })
    .collect()
}

fn network_policies(options: &Options) -> Vec<Object> {
    let policy = |name: &str, spec: Value| {
        let mut policy = made(options, "networking.k8s.io/v1", "NetworkPolicy", true, name);
        policy.set(&["spec"], spec);
        policy
    };
    let from_anywhere = |port: i64| {
        object! {
            "from" => [object! { "namespaceSelector" => object! {} }],
            "ports" => [object! { "port" => port, "protocol" => "TCP" }],
        }
    };
    vec![
        policy(
            "allow-egress",
            object! {
                "podSelector" => object! {},
                "policyTypes" => ["Ingress", "Egress"],
                "egress" => [object! {}],
                "ingress" => [object! { "from" => [object! { "podSelector" => object! {} }] }],
            },
        ),
        policy(
            "allow-scraping",
            object! {
                "podSelector" => object! {},
                "policyTypes" => ["Ingress"],
                "ingress" => [from_anywhere(8080)],
            },
        ),
        policy(
            "allow-webhooks",
            object! {
                "podSelector" => object! { "matchLabels" => object! { "app" => NAME } },
                "policyTypes" => ["Ingress"],
                "ingress" => [from_anywhere(9293)],
            },
        ),
    ]
}

#[cfg(test)]
mod tests;
