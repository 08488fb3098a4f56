//! What happens to new and changed objects before they are checked: status of a fresh object, folded fields,
//! generated selectors, and the work of Kubernetes' admission plugins.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_object::{Map, Object, Value, object};

use super::suffix::random_suffix;
use crate::plugin::Context;
use crate::status::{ApiError, Result};

/// Moves a Secret's `stringData` into `data`.
pub fn fold_string_data(object: &mut Object) {
    let Some(Value::Object(texts)) = object.remove(&["stringData"]) else { return };
    for (key, value) in texts {
        if let Some(text) = value.as_str() {
            object.set(&["data", key.as_str()], STANDARD.encode(text));
        }
    }
}
/// A new Namespace: the finalizer that its controller takes away.
pub fn namespace(_: &Context<'_>, object: &mut Object) {
    object.set(&["spec", "finalizers"], vec!["kubernetes"]);
    object.set(&["status"], object! { "phase" => "Active" });
}
/// A changed Namespace keeps its finalizers and phase, and the label of its name.
pub fn namespace_change(cx: &Context<'_>, object: &mut Object, old: &Object) {
    if cx.subresource == "finalize" {
        return;
    }
    if let Some(finalizers) = old.at(&["spec", "finalizers"]) {
        object.set(&["spec", "finalizers"], finalizers.clone());
    }
}

/// A new claim or volume.
pub fn pending(_: &Context<'_>, object: &mut Object) {
    object.set(&["status"], object! { "phase" => "Pending" });
}

/// A new Job: a selector and labels that no other Job has.
pub fn job(_: &Context<'_>, object: &mut Object) {
    if object.at(&["spec", "manualSelector"]).and_then(Value::as_bool) == Some(true) {
        return;
    }
    let (name, uid) = (object.name().to_owned(), object.uid().to_owned());
    let labels = [
        ("job-name", &name),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("batch.kubernetes.io/controller-uid", &uid),
    ];
    for (label, value) in labels {
        if object.at(&["spec", "template", "metadata", "labels", label]).is_none() {
            object.set(&["spec", "template", "metadata", "labels", label], value);
        }
    }
    let at = ["spec", "selector", "matchLabels", "batch.kubernetes.io/controller-uid"];
    if object.at(&at).is_none() {
        object.set(&at, uid);
    }
}

/// A new Pod waits for a node.
pub fn pod(_: &Context<'_>, object: &mut Object) {
    object.set(&["status"], object! { "phase" => "Pending", "qosClass" => qos_class(object) });
}

/// `Guaranteed`, `Burstable` or `BestEffort`, by what the containers ask for.
pub fn qos_class(pod: &Object) -> &'static str {
    let lists = ["containers", "initContainers"];
    let containers = || lists.iter().flat_map(|l| pod.at(&["spec", l]).map_or(&[][..], Value::items));
    let amount = |c: &Value, list: &str, name: &str| c.str_at(&["resources", list, name]).map(str::to_owned);
    let asks = |c: &Value| {
        let names = ["cpu", "memory"];
        names.iter().any(|n| amount(c, "limits", n).is_some() || amount(c, "requests", n).is_some())
    };
    if !containers().any(asks) {
        return "BestEffort";
    }
    let is_fixed = |c: &Value| {
        ["cpu", "memory"].iter().all(|n| {
            let limit = amount(c, "limits", n);
            limit.is_some() && amount(c, "requests", n).is_none_or(|r| Some(r) == limit)
        })
    };
    if containers().all(is_fixed) { "Guaranteed" } else { "Burstable" }
}

/// What admission does to a new Pod: its service account and token, tolerations, priority.
pub fn admit_pod(cx: &Context<'_>, pod: &mut Object, old: Option<&Object>) -> Result<()> {
    if old.is_some() || !cx.subresource.is_empty() {
        return Ok(());
    }
    service_account(cx, pod)?;
    priority(cx, pod)?;
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
        let tolerations = pod.value_mut().at_or_insert(&["spec", "tolerations"]);
        if tolerations.items().iter().any(|t| t.str_at(&["key"]) == Some(key)) {
            continue;
        }
        let toleration = object! {
            "key" => key, "operator" => "Exists", "effect" => "NoExecute", "tolerationSeconds" => 300,
        };
        push(tolerations, toleration);
    }
    Ok(())
}

fn push(list: &mut Value, item: Value) {
    if list.as_array().is_none() {
        *list = Value::Array(Default::default());
    }
    if let Some(items) = list.as_array_mut() {
        items.push(item);
    }
}

fn service_account(cx: &Context<'_>, pod: &mut Object) -> Result<()> {
    if pod.annotation("kubernetes.io/config.mirror").is_some() {
        return Ok(());
    }
    let asked = ["serviceAccountName", "serviceAccount"].iter().find_map(|f| pod.str_at(&["spec", f]));
    let name = asked.filter(|n| !n.is_empty()).unwrap_or("default").to_owned();
    pod.set(&["spec", "serviceAccountName"], name.as_str());
    pod.set(&["spec", "serviceAccount"], name.as_str());
    let namespace = pod.namespace().to_owned();
    let Some(account) = cx.store.get("", "serviceaccounts", &namespace, &name) else {
        let why = format!("error looking up service account {namespace}/{name}: serviceaccount {name:?} not found");
        return Err(ApiError::forbidden("", "pods", pod.name(), why));
    };
    let automount = |v: Option<&Value>| v.and_then(Value::as_bool);
    let of_pod = automount(pod.at(&["spec", "automountServiceAccountToken"]));
    if of_pod.or(automount(account.get("automountServiceAccountToken"))).unwrap_or(true) {
        mount_token(pod);
    }
    let has_secrets = pod.at(&["spec", "imagePullSecrets"]).is_some_and(|s| !s.items().is_empty());
    if let Some(secrets) = account.get("imagePullSecrets").filter(|s| !has_secrets && !s.items().is_empty()) {
        pod.set(&["spec", "imagePullSecrets"], secrets.clone());
    }
    Ok(())
}

const TOKEN_PATH: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

fn mount_token(pod: &mut Object) {
    let volume = format!("kube-api-access-{}", random_suffix());
    let mut mounted = false;
    for list in ["initContainers", "containers"] {
        let Some(spec) = pod.value_mut().get_mut("spec") else { return };
        let Some(containers) = spec.get_mut(list).and_then(Value::as_array_mut) else { continue };
        for container in containers.iter_mut() {
            let mounts = container.at_or_insert(&["volumeMounts"]);
            if mounts.items().iter().any(|m| m.str_at(&["mountPath"]) == Some(TOKEN_PATH)) {
                continue;
            }
            push(mounts, object! { "name" => volume.as_str(), "readOnly" => true, "mountPath" => TOKEN_PATH });
            mounted = true;
        }
    }
    if !mounted {
        return;
    }
    let ca = object! { "key" => "ca.crt", "path" => "ca.crt" };
    let namespace = object! {
        "path" => "namespace",
        "fieldRef" => object! { "apiVersion" => "v1", "fieldPath" => "metadata.namespace" },
    };
    let sources = vec![
        object! { "serviceAccountToken" => object! { "expirationSeconds" => 3607, "path" => "token" } },
        object! { "configMap" => object! { "name" => "kube-root-ca.crt", "items" => vec![ca] } },
        object! { "downwardAPI" => object! { "items" => vec![namespace] } },
    ];
    let projected = object! { "defaultMode" => 420, "sources" => sources };
    push(pod.value_mut().at_or_insert(&["spec", "volumes"]), object! { "name" => volume, "projected" => projected });
}

fn priority(cx: &Context<'_>, pod: &mut Object) -> Result<()> {
    let classes = || cx.store.list("scheduling.k8s.io", "priorityclasses", "");
    let class = match pod.str_at(&["spec", "priorityClassName"]).filter(|n| !n.is_empty()) {
        Some(name) => {
            let Some(class) = cx.store.get("scheduling.k8s.io", "priorityclasses", "", name) else {
                let why = format!("no PriorityClass with name {name} was found");
                return Err(ApiError::forbidden("", "pods", pod.name(), why));
            };
            Some(class)
        }
        None => classes().into_iter().find(|c| c.get("globalDefault").and_then(Value::as_bool) == Some(true)),
    };
    let value = class.as_ref().and_then(|c| c.get("value")?.as_i64()).unwrap_or_default();
    let policy = class.as_ref().and_then(|c| c.str_at(&["preemptionPolicy"])).unwrap_or("PreemptLowerPriority");
    if let Some(class) = class.as_ref().filter(|_| pod.at(&["spec", "priorityClassName"]).is_none()) {
        pod.set(&["spec", "priorityClassName"], class.name());
    }
    pod.set(&["spec", "priority"], value);
    pod.set(&["spec", "preemptionPolicy"], policy);
    Ok(())
}

/// A new claim without a class takes the default one, where there is one.
pub fn admit_claim(cx: &Context<'_>, claim: &mut Object, old: Option<&Object>) -> Result<()> {
    const DEFAULT: &str = "storageclass.kubernetes.io/is-default-class";
    let has_class = claim.at(&["spec", "storageClassName"]).is_some();
    if old.is_some() || has_class || claim.annotation("volume.beta.kubernetes.io/storage-class").is_some() {
        return Ok(());
    }
    let classes = cx.store.list("storage.k8s.io", "storageclasses", "");
    if let Some(class) = classes.iter().find(|c| c.annotation(DEFAULT) == Some("true")) {
        claim.set(&["spec", "storageClassName"], class.name());
    }
    Ok(())
}

/// A new certificate request carries who asks.
pub fn signing_request(cx: &Context<'_>, object: &mut Object) {
    object.set(&["spec", "username"], cx.user.name.as_str());
    object.set(&["spec", "groups"], cx.user.groups.clone());
    if !cx.user.uid.is_empty() {
        object.set(&["spec", "uid"], cx.user.uid.as_str());
    }
    let extra: Map = cx.user.extra.iter().map(|(k, v)| (k.as_str(), Value::from(v.clone()))).collect();
    if !extra.is_empty() {
        object.set(&["spec", "extra"], extra);
    }
}

/// How long a deleted Pod stays: its own period, or what the client asks for. A Pod without a node, or one that has
/// ended, goes at once.
pub fn pod_grace(pod: &Object, asked: Option<i64>) -> Option<i64> {
    let has_node = pod.str_at(&["spec", "nodeName"]).is_some_and(|n| !n.is_empty());
    let ended = matches!(pod.str_at(&["status", "phase"]), Some("Succeeded" | "Failed"));
    if !has_node || ended {
        return None;
    }
    let own = pod.at(&["spec", "terminationGracePeriodSeconds"]).and_then(Value::as_i64).unwrap_or(30);
    Some(asked.unwrap_or(own).max(0)).filter(|s| *s > 0)
}
