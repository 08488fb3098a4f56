//! What is put right in manifests before they are applied.
//!
//! Compat(flux 2.9): every built-in object passes through its typed form. What of that can be seen in a
//! cluster: fields that the type does not have are dropped (server-side apply would refuse the
//! object), ports without a protocol get TCP (the field is part of a list's key, and applying
//! without it can make entries of the list twice), a Secret's `stringData` becomes `data`, a
//! `status` is dropped, save a definition's. A certificate bundle of a definition's conversion
//! webhook that is none is dropped, since servers refuse it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_object::{Object, Value};
use belay_schema::{Types, prune};

use crate::order::is_custom_resource_definition;

/// Puts an object into the form in which it is applied, and gives the paths of fields that were
/// dropped because its type has no such field. Fields of unexpected types stay as they are: the
/// server says what is wrong with them.
pub fn normalize(object: &mut Object) -> Vec<String> {
    let api_version = object.api_version().to_owned();
    if api_version == "rbac.authorization.k8s.io/v1" && matches!(object.kind(), "Role" | "ClusterRole") {
        return Vec::new();
    }
    match (api_version.as_str(), object.kind()) {
        ("v1", "Pod") => default_container_protocols(object, &["spec"]),
        ("apps/v1", "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet") | ("batch/v1", "Job") => {
            default_container_protocols(object, &["spec", "template", "spec"]);
        }
        ("batch/v1", "CronJob") => {
            default_container_protocols(object, &["spec", "jobTemplate", "spec", "template", "spec"]);
        }
        ("v1", "Service") => default_protocols(object, &["spec", "ports"]),
        ("v1", "Secret") => fold_string_data(object),
        _ => {}
    }
    object.value_mut().remove(&["metadata", "creationTimestamp"]);
    if is_custom_resource_definition(object) {
        drop_unusable_bundle(object);
    } else {
        object.remove(&["status"]);
    }
    drop_undeclared(object)
}

/// Definitions and API services have no type there, and stay as they are. Compat(flux 2.9)
fn drop_undeclared(object: &mut Object) -> Vec<String> {
    let kind = object.group_version_kind();
    if matches!(kind.group.as_str(), "apiextensions.k8s.io" | "apiregistration.k8s.io") {
        return Vec::new();
    }
    match Types::builtin().get(&kind) {
        Some(schema) => prune(object.value_mut(), &schema),
        None => Vec::new(),
    }
}

fn list(value: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    value.and_then(Value::as_array_mut).into_iter().flat_map(|a| a.iter_mut())
}

fn at_mut<'a>(object: &'a mut Object, path: &[&str]) -> Option<&'a mut Value> {
    path.iter().try_fold(object.value_mut(), |v, k| v.get_mut(k))
}

fn default_protocols(object: &mut Object, path: &[&str]) {
    list(at_mut(object, path)).for_each(default_protocol);
}

/// Init containers' ports are left as they are. Compat(flux 2.9)
fn default_container_protocols(object: &mut Object, pod: &[&str]) {
    let containers = at_mut(object, pod).and_then(|spec| spec.get_mut("containers"));
    for container in list(containers) {
        list(container.get_mut("ports")).for_each(default_protocol);
    }
}

fn default_protocol(port: &mut Value) {
    if let Some(fields) = port.as_object_mut()
        && fields.get("protocol").is_none_or(|p| p.is_null() || p.as_str() == Some(""))
    {
        fields.insert("protocol", "TCP");
    }
}

/// A value of another type than text stays where it is, for the server to refuse.
fn fold_string_data(object: &mut Object) {
    let Some(text) = object.get("stringData").and_then(Value::as_object) else { return };
    if text.values().any(|v| v.as_str().is_none())
        || object.get("data").is_some_and(|d| !d.is_null() && d.as_object().is_none())
    {
        return;
    }
    let text = text.clone();
    object.remove(&["stringData"]);
    if text.is_empty() {
        return;
    }
    let data = object.value_mut().at_or_insert(&["data"]).object_or_insert();
    for (name, value) in text {
        data.insert(name, STANDARD.encode(value.as_str().unwrap_or_default()));
    }
}

fn drop_unusable_bundle(object: &mut Object) {
    const PATH: [&str; 5] = ["spec", "conversion", "webhook", "clientConfig", "caBundle"];
    if object.str_at(&PATH).is_some_and(|bundle| !bundle.is_empty() && !is_certificate_bundle(bundle)) {
        object.remove(&PATH);
    }
}

/// Whether base64 text holds at least one PEM certificate: a block whose content is base64 of a DER
/// sequence. An empty bundle is as good as none.
fn is_certificate_bundle(text: &str) -> bool {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let Some(pem) = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok()) else { return false };
    pem.is_empty()
        || pem.split(BEGIN).skip(1).any(|block| {
            let Some((body, _)) = block.split_once(END) else { return false };
            let body: String = body.split_ascii_whitespace().collect();
            // 0x30 begins every DER sequence.
            STANDARD.decode(body).is_ok_and(|der| der.first() == Some(&0x30))
        })
}
