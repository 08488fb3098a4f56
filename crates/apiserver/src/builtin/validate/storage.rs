//! PersistentVolumes, their claims, and StorageClasses.

use belay_object::{Object, Value};

use crate::builtin::faults::Faults;
use crate::builtin::names;
use belay_schema::quantity::Quantity;

const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

fn access_modes(faults: &mut Faults, spec: &Value, detail: &str) {
    let modes = spec["accessModes"].items();
    if modes.is_empty() {
        faults.required("spec.accessModes", detail);
    }
    for mode in modes.iter().filter(|m| m.as_str().is_none_or(|t| !MODES.contains(&t))) {
        faults.not_supported("spec.accessModes", mode, &MODES);
    }
}

fn positive(faults: &mut Faults, field: &str, value: &Value) {
    let amount = value.as_str().and_then(|t| Quantity::parse(t).ok());
    if amount.is_some_and(|q| q.is_zero() || q.is_negative()) {
        faults.invalid(field, value, "must be greater than zero");
    }
}

/// A PersistentVolumeClaim.
pub fn claim(faults: &mut Faults, object: &Object) {
    let spec = &object.value()["spec"];
    access_modes(faults, spec, "at least 1 access mode is required");
    faults.selector("spec.selector", spec.get("selector"));
    match spec.at(&["resources", "requests", "storage"]) {
        None => faults.required("spec.resources[storage]", ""),
        Some(storage) => positive(faults, "spec.resources[storage]", storage),
    }
    if let Some(class) = spec.str_at(&["storageClassName"])
        && !class.is_empty()
    {
        faults.texts("spec.storageClassName", class, names::dns1123_subdomain(class));
    }
    faults.one_of_if_set("spec.volumeMode".into(), spec.get("volumeMode"), &["Block", "Filesystem"]);
}

/// A changed claim: once bound only its size may grow.
pub fn claim_update(faults: &mut Faults, new: &Object, old: &Object) {
    let storage =
        |o: &Object| o.str_at(&["spec", "resources", "requests", "storage"]).and_then(|t| Quantity::parse(t).ok());
    let fixed = |o: &Object| {
        let mut spec = o.value()["spec"].clone();
        if old.at(&["spec", "volumeName"]).is_none() {
            spec.remove(&["volumeName"]);
        }
        if old.at(&["spec", "storageClassName"]).is_none() {
            spec.remove(&["storageClassName"]);
        }
        if new.str_at(&["status", "phase"]) == Some("Bound") {
            spec.remove(&["resources", "requests", "storage"]);
            spec.remove(&["volumeAttributesClassName"]);
        }
        spec
    };
    if fixed(new) != fixed(old) {
        let detail =
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        faults.forbidden("spec", detail);
    }
    if let (Some(new_size), Some(old_size)) = (storage(new), storage(old))
        && new_size < old_size
    {
        faults.forbidden("spec.resources.requests.storage", "field can not be less than status.capacity");
    }
}

/// A PersistentVolume.
pub fn volume(faults: &mut Faults, object: &Object) {
    const FIELDS: [&str; 9] = [
        "accessModes",
        "capacity",
        "claimRef",
        "mountOptions",
        "nodeAffinity",
        "persistentVolumeReclaimPolicy",
        "storageClassName",
        "volumeMode",
        "volumeAttributesClassName",
    ];
    let spec = &object.value()["spec"];
    access_modes(faults, spec, "");
    match spec.at(&["capacity", "storage"]) {
        None => faults.required("spec.capacity", ""),
        Some(storage) => positive(faults, "spec.capacity[storage]", storage),
    }
    let sources = spec.as_object().map_or(0, |m| m.keys().filter(|k| !FIELDS.contains(&k.as_str())).count());
    match sources {
        0 => faults.required("spec", "must specify a volume type"),
        1 => {}
        _ => faults.forbidden("spec", "may not specify more than 1 volume type"),
    }
    let policies = ["Delete", "Recycle", "Retain"];
    let policy = spec.get("persistentVolumeReclaimPolicy");
    faults.one_of("spec.persistentVolumeReclaimPolicy".into(), policy, &policies);
}

/// A StorageClass.
pub fn class(faults: &mut Faults, object: &Object) {
    if object.str_at(&["provisioner"]).unwrap_or_default().is_empty() {
        faults.required("provisioner", "");
    }
    faults.one_of("reclaimPolicy".into(), object.get("reclaimPolicy"), &["Delete", "Retain"]);
    let modes = ["Immediate", "WaitForFirstConsumer"];
    faults.one_of("volumeBindingMode".into(), object.get("volumeBindingMode"), &modes);
}

/// A changed StorageClass.
pub fn class_update(faults: &mut Faults, new: &Object, old: &Object) {
    for (field, detail) in [
        ("parameters", "updates to parameters are forbidden."),
        ("provisioner", "updates to provisioner are forbidden."),
        ("reclaimPolicy", "updates to reclaimPolicy are forbidden."),
        ("volumeBindingMode", "field is immutable"),
    ] {
        match (new.get(field), old.get(field)) {
            (n, o) if n == o => {}
            (n, o) if field == "volumeBindingMode" => faults.immutable(field, n, o),
            _ => faults.forbidden(field, detail),
        }
    }
}
