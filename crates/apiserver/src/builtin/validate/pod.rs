//! Pods and pod templates.

use std::collections::BTreeSet;

use belay_object::{Map, Object, Value};

use crate::builtin::faults::Faults;
use crate::builtin::names;
use belay_schema::quantity::Quantity;

/// A pod template at `at` (`spec.template`).
pub fn template(faults: &mut Faults, at: &str, template: &Value) {
    let labels = template.at(&["metadata", "labels"]).and_then(Value::as_object);
    faults.labels(&format!("{at}.labels"), labels);
    let annotations = template.at(&["metadata", "annotations"]).and_then(Value::as_object);
    faults.annotations(&format!("{at}.annotations"), annotations);
    spec(faults, &format!("{at}.spec"), &template["spec"]);
    if !template["spec"]["ephemeralContainers"].items().is_empty() {
        faults.forbidden(format!("{at}.spec.ephemeralContainers"), "ephemeral containers not allowed in pod template");
    }
}

/// A new pod.
pub fn create(faults: &mut Faults, pod: &Object) {
    spec(faults, "spec", &pod.value()["spec"]);
}

/// A changed pod: little of a pod's spec can change.
pub fn update(faults: &mut Faults, new: &Object, old: &Object) {
    let (new_spec, old_spec) = (&new.value()["spec"], &old.value()["spec"]);
    for list in ["containers", "initContainers"] {
        if new_spec[list].items().len() != old_spec[list].items().len() {
            faults.forbidden(format!("spec.{list}"), "pod updates may not add or remove containers");
            return;
        }
    }
    let mut munged = new_spec.clone();
    for list in ["containers", "initContainers"] {
        let images = old_spec[list].items().iter().map(|c| c["image"].clone());
        let containers = munged.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        for (container, image) in containers.zip(images) {
            container.set(&["image"], image);
        }
    }
    for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates", "terminationGracePeriodSeconds"] {
        match old_spec.get(field) {
            Some(value) => munged.set(&[field], value.clone()),
            None => drop(munged.remove(&[field])),
        }
    }
    if munged != *old_spec {
        faults.forbidden(
            "spec",
            "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,\
             `spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),\
             `spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
        );
    }
}

/// A pod's spec at `at`.
pub fn spec(faults: &mut Faults, at: &str, spec: &Value) {
    let volumes = volumes(faults, &format!("{at}.volumes"), &spec["volumes"]);
    let containers_at = format!("{at}.containers");
    let mut names = BTreeSet::new();
    if spec["containers"].items().is_empty() {
        faults.required(&containers_at, "");
    }
    for (i, container) in spec["containers"].items().iter().enumerate() {
        let at = format!("{containers_at}[{i}]");
        self::container(faults, &at, container, &volumes);
        unique_name(faults, &at, container, &mut names);
        probes(faults, &at, container);
    }
    host_port_conflicts(faults, &containers_at, spec["containers"].items());
    for (i, container) in spec["initContainers"].items().iter().enumerate() {
        let at = format!("{at}.initContainers[{i}]");
        self::container(faults, &at, container, &volumes);
        unique_name(faults, &at, container, &mut names);
        if container.get("restartPolicy").is_none() {
            for probe in ["livenessProbe", "readinessProbe", "startupProbe"] {
                if container.get(probe).is_some() {
                    faults.forbidden(
                        format!("{at}.{probe}"),
                        "may not be set for init containers without restartPolicy=Always",
                    );
                }
            }
        } else {
            probes(faults, &at, container);
        }
    }
    faults.one_of(format!("{at}.restartPolicy"), spec.get("restartPolicy"), &["Always", "OnFailure", "Never"]);
    let policies = ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"];
    faults.one_of(format!("{at}.dnsPolicy"), spec.get("dnsPolicy"), &policies);
    faults.labels(&format!("{at}.nodeSelector"), spec["nodeSelector"].as_object());
    for (i, secret) in spec["imagePullSecrets"].items().iter().enumerate() {
        if secret.str_at(&["name"]).unwrap_or_default().is_empty() {
            faults.required(format!("{at}.imagePullSecrets[{i}].name"), "");
        }
    }
    single_names(faults, at, spec);
    if let Some(seconds) = spec.get("activeDeadlineSeconds")
        && !(1..=i64::from(i32::MAX)).contains(&seconds.as_i64().unwrap_or_default())
    {
        faults.invalid(format!("{at}.activeDeadlineSeconds"), seconds, "must be between 1 and 2147483647, inclusive");
    }
    tolerations(faults, &format!("{at}.tolerations"), &spec["tolerations"]);
}

fn single_names(faults: &mut Faults, at: &str, spec: &Value) {
    type Syntax = fn(&str) -> Vec<String>;
    let fields: [(&str, Syntax); 5] = [
        ("serviceAccountName", names::dns1123_subdomain),
        ("nodeName", names::dns1123_subdomain),
        ("hostname", names::dns1123_label),
        ("subdomain", names::dns1123_label),
        ("priorityClassName", names::dns1123_subdomain),
    ];
    for (field, check) in fields {
        if let Some(text) = spec.str_at(&[field])
            && !text.is_empty()
        {
            faults.texts(&format!("{at}.{field}"), text, check(text));
        }
    }
}

fn unique_name<'a>(faults: &mut Faults, at: &str, container: &'a Value, seen: &mut BTreeSet<&'a str>) {
    let name = container.str_at(&["name"]).unwrap_or_default();
    if !seen.insert(name) {
        faults.duplicate(format!("{at}.name"), &Value::from(name));
    }
}

/// Checks the volumes and gives the names of those that are well.
fn volumes<'a>(faults: &mut Faults, at: &str, volumes: &'a Value) -> BTreeSet<&'a str> {
    let mut names = BTreeSet::new();
    for (i, volume) in volumes.items().iter().enumerate() {
        let at = format!("{at}[{i}]");
        let before = faults.0.len();
        volume_source(faults, &at, volume);
        let name = volume.str_at(&["name"]).unwrap_or_default();
        if name.is_empty() {
            faults.required(format!("{at}.name"), "");
        } else {
            faults.texts(&format!("{at}.name"), name, names::dns1123_label(name));
        }
        if names.contains(name) {
            faults.duplicate(format!("{at}.name"), &Value::from(name));
        }
        if faults.0.len() == before {
            names.insert(name);
        }
    }
    names
}

fn volume_source(faults: &mut Faults, at: &str, volume: &Value) {
    let sources: Vec<&str> =
        volume.as_object().into_iter().flat_map(Map::keys).map(|k| k.as_str()).filter(|k| *k != "name").collect();
    for extra in sources.iter().skip(1) {
        faults.forbidden(format!("{at}.{extra}"), "may not specify more than 1 volume type");
    }
    if sources.is_empty() {
        faults.required(at, "must specify a volume type");
    }
    let required = |faults: &mut Faults, path: &[&str]| {
        if volume.get(path[0]).is_some() && volume.str_at(path).unwrap_or_default().is_empty() {
            faults.required(format!("{at}.{}", path.join(".")), "");
        }
    };
    required(faults, &["secret", "secretName"]);
    required(faults, &["configMap", "name"]);
    required(faults, &["persistentVolumeClaim", "claimName"]);
    required(faults, &["hostPath", "path"]);
}

fn container(faults: &mut Faults, at: &str, container: &Value, volumes: &BTreeSet<&str>) {
    match container.str_at(&["name"]).unwrap_or_default() {
        "" => faults.required(format!("{at}.name"), ""),
        name => faults.texts(&format!("{at}.name"), name, names::dns1123_label(name)),
    }
    if container.str_at(&["image"]).unwrap_or_default().is_empty() {
        faults.required(format!("{at}.image"), "");
    }
    let policies = ["File", "FallbackToLogsOnError"];
    faults.one_of(format!("{at}.terminationMessagePolicy"), container.get("terminationMessagePolicy"), &policies);
    ports(faults, &format!("{at}.ports"), container["ports"].items());
    environment(faults, &format!("{at}.env"), container["env"].items());
    mounts(faults, &format!("{at}.volumeMounts"), container["volumeMounts"].items(), volumes);
    let policies = ["Always", "IfNotPresent", "Never"];
    faults.one_of(format!("{at}.imagePullPolicy"), container.get("imagePullPolicy"), &policies);
    resources(faults, &format!("{at}.resources"), &container["resources"]);
}

fn ports(faults: &mut Faults, at: &str, ports: &[Value]) {
    let mut seen = BTreeSet::new();
    for (i, port) in ports.iter().enumerate() {
        let at = format!("{at}[{i}]");
        if let Some(name) = port.str_at(&["name"])
            && !name.is_empty()
        {
            let broken = names::port_name(name);
            if broken.is_empty() && !seen.insert(name) {
                faults.duplicate(format!("{at}.name"), &Value::from(name));
            }
            faults.texts(&format!("{at}.name"), name, broken);
        }
        match port["containerPort"].as_i64().unwrap_or_default() {
            0 => faults.required(format!("{at}.containerPort"), ""),
            _ => faults.port(&format!("{at}.containerPort"), &port["containerPort"]),
        }
        if let Some(host) = port.get("hostPort").filter(|p| p.as_i64() != Some(0)) {
            faults.port(&format!("{at}.hostPort"), host);
        }
        faults.one_of(format!("{at}.protocol"), port.get("protocol"), &["SCTP", "TCP", "UDP"]);
    }
}

fn host_port_conflicts(faults: &mut Faults, at: &str, containers: &[Value]) {
    let mut seen = BTreeSet::new();
    for (i, container) in containers.iter().enumerate() {
        for (j, port) in container["ports"].items().iter().enumerate() {
            let Some(number) = port["hostPort"].as_i64().filter(|n| *n != 0) else { continue };
            let text = |k: &str| port.str_at(&[k]).unwrap_or_default().to_owned();
            let key = format!("{}/{}/{number}", text("protocol"), text("hostIP"));
            if !seen.insert(key.clone()) {
                faults.duplicate(format!("{at}[{i}].ports[{j}].hostPort"), &Value::from(key));
            }
        }
    }
}

fn environment(faults: &mut Faults, at: &str, variables: &[Value]) {
    const SOURCES: [&str; 5] = ["fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef"];
    for (i, variable) in variables.iter().enumerate() {
        let at = format!("{at}[{i}]");
        match variable.str_at(&["name"]).unwrap_or_default() {
            "" => faults.required(format!("{at}.name"), ""),
            name => faults.texts(&format!("{at}.name"), name, names::env_name(name)),
        }
        let Some(from) = variable.get("valueFrom").filter(|v| !v.is_null()) else { continue };
        let at = format!("{at}.valueFrom");
        for (source, key) in [("configMapKeyRef", "key"), ("secretKeyRef", "key"), ("fieldRef", "fieldPath")] {
            if let Some(reference) = from.get(source)
                && reference.str_at(&[key]).unwrap_or_default().is_empty()
            {
                faults.required(format!("{at}.{source}.{key}"), "");
            }
        }
        let empty = Value::from("");
        let has_value = !variable.str_at(&["value"]).unwrap_or_default().is_empty();
        match SOURCES.iter().filter(|s| from.get(s).is_some()).count() {
            0 => faults.invalid(
                at,
                &empty,
                "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
            ),
            _ if has_value => faults.invalid(at, &empty, "may not be specified when `value` is not empty"),
            1 => {}
            _ => faults.invalid(at, &empty, "may not have more than one field specified at a time"),
        }
    }
}

fn mounts(faults: &mut Faults, at: &str, mounts: &[Value], volumes: &BTreeSet<&str>) {
    let mut seen = BTreeSet::new();
    for (i, mount) in mounts.iter().enumerate() {
        let at = format!("{at}[{i}]");
        let name = mount.str_at(&["name"]).unwrap_or_default();
        if name.is_empty() {
            faults.required(format!("{at}.name"), "");
        }
        if !volumes.contains(name) {
            faults.not_found(format!("{at}.name"), &Value::from(name));
        }
        let path = mount.str_at(&["mountPath"]).unwrap_or_default();
        if path.is_empty() {
            faults.required(format!("{at}.mountPath"), "");
        }
        if !seen.insert(path) {
            faults.invalid(format!("{at}.mountPath"), &Value::from(path), "must be unique");
        }
    }
}

fn resources(faults: &mut Faults, at: &str, resources: &Value) {
    let amount = |v: &Value| v.as_str().and_then(|t| Quantity::parse(t).ok());
    for list in ["limits", "requests"] {
        for (name, value) in resources[list].as_object().into_iter().flat_map(Map::iter) {
            let field = format!("{at}.{list}[{name}]");
            if !name.contains('/') && !is_container_resource(name) {
                faults.invalid(&field, &Value::from(name.as_str()), "must be a standard resource for containers");
            }
            faults.quantity(&field, value);
            let limit = resources["limits"].get(name);
            if list == "requests"
                && let (Some(request), Some(limit_amount)) = (amount(value), limit.and_then(amount))
                && request > limit_amount
            {
                let detail = format!("must be less than or equal to {name} limit of {}", limit_amount.canonical());
                faults.invalid(format!("{at}.requests"), value, &detail);
            }
        }
    }
}

fn is_container_resource(name: &str) -> bool {
    matches!(name, "cpu" | "memory" | "ephemeral-storage" | "storage") || name.starts_with("hugepages-")
}

fn probes(faults: &mut Faults, at: &str, container: &Value) {
    for field in ["livenessProbe", "readinessProbe", "startupProbe"] {
        let Some(probe) = container.get(field).filter(|p| !p.is_null()) else { continue };
        let at = format!("{at}.{field}");
        handler(faults, &at, probe);
        let counts = ["initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"];
        faults.all_nonnegative(&at, probe, &counts);
        if field != "readinessProbe" && probe["successThreshold"].as_i64().is_some_and(|n| n != 1) {
            faults.invalid(format!("{at}.successThreshold"), &probe["successThreshold"], "must be 1");
        }
    }
    for hook in ["postStart", "preStop"] {
        if let Some(handler_value) = container.at(&["lifecycle", hook]) {
            handler(faults, &format!("{at}.lifecycle.{hook}"), handler_value);
        }
    }
}

fn handler(faults: &mut Faults, at: &str, of: &Value) {
    let mut count = 0;
    for kind in ["exec", "httpGet", "tcpSocket", "grpc", "sleep"] {
        let Some(action) = of.get(kind).filter(|a| !a.is_null()) else { continue };
        let at = format!("{at}.{kind}");
        count += 1;
        if count > 1 {
            faults.forbidden(&at, "may not specify more than 1 handler type");
            continue;
        }
        match kind {
            "exec" if action["command"].items().is_empty() => faults.required(format!("{at}.command"), ""),
            "httpGet" => {
                faults.port(&format!("{at}.port"), &action["port"]);
                faults.one_of(format!("{at}.scheme"), action.get("scheme"), &["HTTP", "HTTPS"]);
            }
            "tcpSocket" | "grpc" => faults.port(&format!("{at}.port"), &action["port"]),
            _ => {}
        }
    }
    if count == 0 {
        faults.required(at, "must specify a handler type");
    }
}

fn tolerations(faults: &mut Faults, at: &str, tolerations: &Value) {
    for (i, toleration) in tolerations.items().iter().enumerate() {
        let at = format!("{at}[{i}]");
        let text = |k: &str| toleration.str_at(&[k]).unwrap_or_default();
        if text("key").is_empty() {
            if text("operator") != "Exists" {
                let detail =
                    "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
                faults.invalid(format!("{at}.operator"), &Value::from(text("operator")), detail);
            }
        } else {
            faults.texts(&format!("{at}.key"), text("key"), names::qualified_name(text("key")));
        }
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        if !text("effect").is_empty() {
            faults.one_of(format!("{at}.effect"), toleration.get("effect"), &effects);
        }
    }
}
