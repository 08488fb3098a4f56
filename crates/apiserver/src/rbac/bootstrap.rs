//! The roles and bindings that every cluster has from its first moment.

use std::collections::BTreeMap;

use belay_object::{Object, Value, object};

use super::GROUP;

/// A role a line: its name, then its rules, each `verbs groups resources [names]` or `verbs /urls`.
/// `R` stands for reading, `W` for writing, `RW` for both; `-` is the core group.
const ROLES: &str = "
cluster-admin | * * * | * /*
system:discovery | get /livez,/readyz,/healthz,/version,/version/,/openapi,/openapi/*,/api,/api/*,/apis,/apis/*
system:monitoring | get /metrics,/metrics/slis,/livez,/readyz,/healthz,/livez/*,/readyz/*,/healthz/* | get - nodes/metrics
system:basic-user | create authorization.k8s.io selfsubjectaccessreviews,selfsubjectrulesreviews | create authentication.k8s.io selfsubjectreviews
system:public-info-viewer | get /livez,/readyz,/healthz,/version,/version/
admin | aggregate-to-admin
edit | aggregate-to-edit
view | aggregate-to-view
system:aggregate-to-admin | create authorization.k8s.io localsubjectaccessreviews | RW rbac.authorization.k8s.io roles,rolebindings
system:aggregate-to-edit | R - pods/attach,pods/proxy,pods/exec,pods/portforward,secrets,services/proxy | impersonate - serviceaccounts | W - pods,pods/attach,pods/proxy,pods/exec,pods/portforward | create - pods/eviction | W - replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/proxy,persistentvolumeclaims,configmaps,secrets | create - serviceaccounts/token | W -,events.k8s.io events | W apps statefulsets,statefulsets/scale,daemonsets,deployments,deployments/scale,deployments/rollback,replicasets,replicasets/scale | W autoscaling horizontalpodautoscalers | W batch jobs,cronjobs | W extensions daemonsets,deployments,deployments/scale,deployments/rollback,ingresses,replicasets,replicasets/scale,replicationcontrollers/scale,networkpolicies | W policy poddisruptionbudgets | W networking.k8s.io networkpolicies,ingresses | RW coordination.k8s.io leases | W resource.k8s.io resourceclaims,resourceclaimtemplates
system:aggregate-to-view | R - pods,replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,configmaps | R - limitranges,resourcequotas,bindings,pods/status,resourcequotas/status,namespaces/status,replicationcontrollers/status,pods/log | R - namespaces | R -,events.k8s.io events | R discovery.k8s.io endpointslices | R apps controllerrevisions,statefulsets,statefulsets/status,statefulsets/scale,daemonsets,daemonsets/status,deployments,deployments/status,deployments/scale,replicasets,replicasets/status,replicasets/scale | R autoscaling horizontalpodautoscalers,horizontalpodautoscalers/status | R batch jobs,cronjobs,cronjobs/status,jobs/status | R extensions daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,ingresses/status,replicasets,replicasets/scale,replicasets/status,replicationcontrollers/scale,networkpolicies | R policy poddisruptionbudgets,poddisruptionbudgets/status | R networking.k8s.io networkpolicies,ingresses,ingresses/status | R resource.k8s.io resourceclaims,resourceclaims/status,resourceclaimtemplates
system:auth-delegator | create authentication.k8s.io tokenreviews | create authorization.k8s.io subjectaccessreviews
system:node-bootstrapper | create,get,list,watch certificates.k8s.io certificatesigningrequests
system:kube-dns | list,watch - endpoints,services
system:kube-aggregator | R - services,endpoints
system:node-proxier | list,watch - services,endpoints | R - nodes | create,patch,update -,events.k8s.io events | list,watch networking.k8s.io servicecidrs | list,watch discovery.k8s.io endpointslices
system:node-problem-detector | get - nodes | patch - nodes/status | create,patch,update -,events.k8s.io events
system:persistent-volume-provisioner | get,list,watch,create,delete - persistentvolumes | get,list,watch,update - persistentvolumeclaims | R storage.k8s.io storageclasses | watch - events | create,patch,update -,events.k8s.io events
system:volume-scheduler | get,list,watch,update,patch - persistentvolumes | R storage.k8s.io storageclasses | get,list,watch,update,patch - persistentvolumeclaims
system:service-account-issuer-discovery | get /.well-known/openid-configuration,/.well-known/openid-configuration/,/openid/v1/jwks,/openid/v1/jwks/
system:kubelet-api-admin | R - nodes | proxy - nodes | * - nodes/proxy,nodes/metrics,nodes/stats,nodes/log | * - nodes/pods,nodes/healthz,nodes/configz
system:kube-controller-manager | create,patch,update -,events.k8s.io events | create coordination.k8s.io leases | get,update coordination.k8s.io leases kube-controller-manager | create - secrets,serviceaccounts | delete - secrets | get - namespaces,secrets,serviceaccounts,configmaps | update - secrets,serviceaccounts | create authentication.k8s.io tokenreviews | create authorization.k8s.io subjectaccessreviews | list,watch * * | create - serviceaccounts/token
system:kube-scheduler | create,patch,update -,events.k8s.io events | create coordination.k8s.io leases | get,update,list,watch coordination.k8s.io leases kube-scheduler | R - nodes | get,list,watch,delete - pods | create - pods/binding,bindings | patch,update - pods/status | R - services,replicationcontrollers | R apps,extensions replicasets | R apps statefulsets | R policy poddisruptionbudgets | R - persistentvolumeclaims,persistentvolumes | R - namespaces
system:node | create authentication.k8s.io tokenreviews | create authorization.k8s.io subjectaccessreviews,localsubjectaccessreviews | R - services | create,get,list,watch - nodes | update,patch - nodes,nodes/status | create,patch,update -,events.k8s.io events | R - pods | create,delete - pods | update,patch - pods/status | create - pods/eviction | R - secrets,configmaps | get - persistentvolumeclaims,persistentvolumes | create,get,update,patch,delete coordination.k8s.io leases
";

/// A binding a line: the role, then its subjects.
const BINDINGS: &str = "
cluster-admin | Group system:masters
system:monitoring | Group system:monitoring
system:discovery | Group system:authenticated
system:basic-user | Group system:authenticated
system:public-info-viewer | Group system:authenticated | Group system:unauthenticated
system:node-proxier | User system:kube-proxy
system:kube-controller-manager | User system:kube-controller-manager
system:kube-scheduler | User system:kube-scheduler
system:volume-scheduler | User system:kube-scheduler
system:kube-dns | ServiceAccount kube-system/kube-dns
system:service-account-issuer-discovery | Group system:serviceaccounts
system:node
";

const READ: &str = "get,list,watch";
const WRITE: &str = "create,delete,deletecollection,patch,update";

fn list(text: &str) -> Value {
    text.split(',').map(|t| if t == "-" { "" } else { t }).collect()
}

fn rule(text: &str) -> Value {
    let words: Vec<&str> = text.split_whitespace().collect();
    let both = format!("{READ},{WRITE}");
    let verbs = match words.first().copied().unwrap_or_default() {
        "R" => READ,
        "W" => WRITE,
        "RW" => &both,
        verbs => verbs,
    };
    match words.get(1..).unwrap_or_default() {
        [urls] if *urls == "/*" => object! { "verbs" => list(verbs), "nonResourceURLs" => vec!["*"] },
        [urls] => object! { "verbs" => list(verbs), "nonResourceURLs" => list(urls) },
        [groups, resources, names @ ..] => {
            let mut rule =
                object! { "verbs" => list(verbs), "apiGroups" => list(groups), "resources" => list(resources) };
            if let [names] = names {
                rule.set(&["resourceNames"], list(names));
            }
            rule
        }
        [] => Value::object(),
    }
}

fn envelope(kind: &str, name: &str) -> Object {
    let mut object = Object::of("rbac.authorization.k8s.io/v1", kind, "", name);
    object.set_label("kubernetes.io/bootstrapping", "rbac-defaults");
    object.set_annotation("rbac.authorization.kubernetes.io/autoupdate", "true");
    object
}

/// All of them; aggregated roles hold their rules already.
pub fn objects() -> Vec<Object> {
    let mut roles: BTreeMap<&str, Object> = BTreeMap::new();
    for line in ROLES.lines().filter(|l| !l.is_empty()) {
        let mut parts = line.split(" | ");
        let name = parts.next().unwrap_or_default();
        let mut role = envelope("ClusterRole", name);
        let rules: Vec<&str> = parts.collect();
        if let [one] = rules.as_slice()
            && one.starts_with("aggregate-to-")
        {
            let label = format!("{GROUP}/{one}");
            let selector = object! { "matchLabels" => object! { label.as_str() => "true" } };
            role.set(&["aggregationRule", "clusterRoleSelectors"], vec![selector]);
        } else {
            role.set(&["rules"], rules.into_iter().map(rule).collect::<Value>());
        }
        let into = match name {
            "edit" | "system:aggregate-to-admin" => Some("admin"),
            "view" | "system:aggregate-to-edit" => Some("edit"),
            "system:aggregate-to-view" => Some("view"),
            _ => None,
        };
        if let Some(into) = into {
            role.set_label(&format!("{GROUP}/aggregate-to-{into}"), "true");
        }
        roles.insert(name, role);
    }
    let all: Vec<&Object> = roles.values().collect();
    let filled: Vec<(&str, Value)> = roles
        .iter()
        .filter(|(_, role)| role.get("aggregationRule").is_some())
        .map(|(name, role)| (*name, super::aggregate(&all, role).into()))
        .collect();
    for (name, rules) in filled {
        if let Some(role) = roles.get_mut(name) {
            role.set(&["rules"], rules);
        }
    }
    roles.into_values().chain(bindings()).collect()
}

fn bindings() -> impl Iterator<Item = Object> {
    BINDINGS.lines().filter(|l| !l.is_empty()).map(|line| {
        let mut parts = line.split(" | ");
        let name = parts.next().unwrap_or_default();
        let mut binding = envelope("ClusterRoleBinding", name);
        binding.set(&["roleRef"], object! { "apiGroup" => GROUP, "kind" => "ClusterRole", "name" => name });
        let subjects: Vec<Value> = parts.filter_map(|p| p.split_once(' ')).map(subject).collect();
        if !subjects.is_empty() {
            binding.set(&["subjects"], subjects);
        }
        binding
    })
}

fn subject((kind, name): (&str, &str)) -> Value {
    match name.split_once('/') {
        Some((namespace, name)) => object! { "kind" => kind, "name" => name, "namespace" => namespace },
        None => object! { "kind" => kind, "name" => name, "apiGroup" => GROUP },
    }
}
