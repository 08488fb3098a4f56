//! Secrets, ConfigMaps, Namespaces, Events and Leases.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_object::{Map, Object, Value};

use crate::builtin::faults::Faults;
use crate::builtin::names;
use crate::status::FieldError;

/// The most that a Secret's or ConfigMap's values may hold together.
const MAX_BYTES: usize = 1 << 20;
const IMMUTABLE: &str = "field is immutable when `immutable` is set";

fn entries<'a>(object: &'a Object, field: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    let map = object.get(field).and_then(Value::as_object);
    map.into_iter().flat_map(Map::iter).filter_map(|(k, v)| Some((k.as_str(), v.as_str()?)))
}

/// How many bytes a base64 text stands for.
fn decoded_len(text: &str) -> usize {
    text.len() / 4 * 3 - text.bytes().rev().take_while(|b| *b == b'=').count().min(2).min(text.len())
}

/// A Secret.
pub fn secret(faults: &mut Faults, object: &Object) {
    let mut total = 0;
    for (key, value) in entries(object, "data") {
        faults.texts(&format!("data[{key}]"), key, names::config_key(key));
        total += decoded_len(value);
    }
    if total > MAX_BYTES {
        faults.0.push(FieldError::too_long("data", MAX_BYTES));
    }
    let data = |key: &str| object.str_at(&["data", key]);
    let required = |faults: &mut Faults, key: &str| {
        if data(key).is_none() {
            faults.required(format!("data[{key}]"), "");
        }
    };
    match object.str_at(&["type"]).unwrap_or_default() {
        "kubernetes.io/service-account-token" => {
            let key = "kubernetes.io/service-account.name";
            if object.annotation(key).unwrap_or_default().is_empty() {
                faults.required(format!("metadata.annotations[{key}]"), "");
            }
        }
        "kubernetes.io/dockercfg" => json_field(faults, object, ".dockercfg"),
        "kubernetes.io/dockerconfigjson" => json_field(faults, object, ".dockerconfigjson"),
        "kubernetes.io/basic-auth" if data("username").is_none() && data("password").is_none() => {
            required(faults, "username");
            required(faults, "password");
        }
        "kubernetes.io/ssh-auth" if data("ssh-privatekey").unwrap_or_default().is_empty() => {
            faults.required("data[ssh-privatekey]", "");
        }
        "kubernetes.io/tls" => {
            required(faults, "tls.crt");
            required(faults, "tls.key");
        }
        _ => {}
    }
}

fn json_field(faults: &mut Faults, object: &Object, key: &str) {
    let field = format!("data[{key}]");
    let Some(text) = object.str_at(&["data", key]) else {
        faults.required(field, "");
        return;
    };
    let parsed = STANDARD.decode(text).ok().and_then(|bytes| belay_object::from_json(&bytes).ok());
    if parsed.is_none_or(|v| v.as_object().is_none()) {
        faults.invalid(field, &Value::from("<secret contents redacted>"), "unexpected end of JSON input");
    }
}

/// A changed Secret.
pub fn secret_update(faults: &mut Faults, new: &Object, old: &Object) {
    faults.immutable("type", new.get("type"), old.get("type"));
    frozen(faults, new, old, &["data"]);
}

fn is_frozen(object: &Object) -> bool {
    object.get("immutable").and_then(Value::as_bool).unwrap_or_default()
}

fn frozen(faults: &mut Faults, new: &Object, old: &Object, fields: &[&str]) {
    if !is_frozen(old) {
        return;
    }
    if !is_frozen(new) {
        faults.forbidden("immutable", IMMUTABLE);
    }
    for field in fields {
        if new.get(field) != old.get(field) {
            faults.forbidden(*field, IMMUTABLE);
        }
    }
}

/// A ConfigMap.
pub fn config_map(faults: &mut Faults, object: &Object) {
    let mut total = 0;
    for (key, value) in entries(object, "data") {
        faults.texts(&format!("data[{key}]"), key, names::config_key(key));
        if object.at(&["binaryData", key]).is_some() {
            let detail = "duplicate of key present in binaryData";
            faults.invalid(format!("data[{key}]"), &Value::from(key), detail);
        }
        total += value.len();
    }
    for (key, value) in entries(object, "binaryData") {
        faults.texts(&format!("binaryData[{key}]"), key, names::config_key(key));
        total += decoded_len(value);
    }
    if total > MAX_BYTES {
        // The whole object has no path, which Go writes so.
        faults.0.push(FieldError::too_long("[]", MAX_BYTES));
    }
}

/// A changed ConfigMap.
pub fn config_map_update(faults: &mut Faults, new: &Object, old: &Object) {
    frozen(faults, new, old, &["data", "binaryData"]);
}

/// A core Event stands in the namespace of what it is about.
pub fn event(faults: &mut Faults, object: &Object) {
    let about = object.str_at(&["involvedObject", "namespace"]).unwrap_or_default();
    let expected = if about.is_empty() { "default" } else { about };
    if object.namespace() != expected && !(about.is_empty() && object.namespace() == "kube-system") {
        faults.invalid("involvedObject.namespace", &Value::from(about), "does not match event.namespace");
    }
}

/// A Lease.
pub fn lease(faults: &mut Faults, object: &Object) {
    let spec = &object.value()["spec"];
    if let Some(seconds) = spec.get("leaseDurationSeconds")
        && seconds.as_i64() <= Some(0)
    {
        faults.invalid("spec.leaseDurationSeconds", seconds, "must be greater than 0");
    }
    faults.all_nonnegative("spec", spec, &["leaseTransitions"]);
}

/// A LimitRange or ResourceQuota has nothing but quantities, which decoding has read.
pub fn quota(faults: &mut Faults, object: &Object) {
    for (name, value) in object.at(&["spec", "hard"]).and_then(Value::as_object).into_iter().flat_map(Map::iter) {
        faults.quantity(&format!("spec.hard[{name}]"), value);
    }
}
