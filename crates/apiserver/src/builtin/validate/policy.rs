//! HorizontalPodAutoscalers, PodDisruptionBudgets, PriorityClasses and webhook configurations.

use belay_object::{Object, Value};

use crate::builtin::faults::Faults;
use crate::builtin::names;

/// A HorizontalPodAutoscaler.
pub fn autoscaler(faults: &mut Faults, object: &Object) {
    let spec = &object.value()["spec"];
    let (min, max) = (spec.get("minReplicas"), &spec["maxReplicas"]);
    let highest = max.as_i64().unwrap_or_default();
    if let Some(min) = min
        && min.as_i64() < Some(1)
    {
        faults.invalid("spec.minReplicas", min, "must be greater than or equal to 1");
    }
    match highest {
        0 => faults.required("spec.maxReplicas", "must be set and greater than 0"),
        n if n < 0 => faults.invalid("spec.maxReplicas", max, "must be greater than or equal to 1"),
        _ => {}
    }
    if min.and_then(Value::as_i64).is_some_and(|m| highest < m) {
        faults.invalid("spec.maxReplicas", max, "must be greater than or equal to `minReplicas`");
    }
    let target = &spec["scaleTargetRef"];
    for field in ["kind", "name"] {
        match target.str_at(&[field]).unwrap_or_default() {
            "" => faults.required(format!("spec.scaleTargetRef.{field}"), ""),
            text => faults.texts(&format!("spec.scaleTargetRef.{field}"), text, names::path_segment(text)),
        }
    }
    for (i, metric) in spec["metrics"].items().iter().enumerate() {
        let known = ["ContainerResource", "External", "Object", "Pods", "Resource"];
        match metric.str_at(&["type"]).unwrap_or_default() {
            "" => faults.required(format!("spec.metrics[{i}].type"), "must specify a metric source type"),
            kind if !known.contains(&kind) => {
                faults.not_supported(format!("spec.metrics[{i}].type"), &Value::from(kind), &known);
            }
            _ => {}
        }
    }
}

/// A PodDisruptionBudget.
pub fn disruption_budget(faults: &mut Faults, object: &Object) {
    let spec = &object.value()["spec"];
    if spec.get("minAvailable").is_some() && spec.get("maxUnavailable").is_some() {
        faults.invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set");
    }
    for field in ["minAvailable", "maxUnavailable"] {
        if let Some(value) = spec.get(field) {
            faults.count_or_percent(&format!("spec.{field}"), value);
            faults.at_most_all(&format!("spec.{field}"), value);
        }
    }
    faults.selector("spec.selector", spec.get("selector"));
    let policies = ["AlwaysAllow", "IfHealthyBudget"];
    faults.one_of_if_set("spec.unhealthyPodEvictionPolicy".into(), spec.get("unhealthyPodEvictionPolicy"), &policies);
}

/// A PriorityClass.
pub fn priority_class(faults: &mut Faults, object: &Object) {
    let value = &object.value()["value"];
    let is_system = object.name().starts_with("system-");
    if !is_system && value.as_i64().is_some_and(|v| v > 1_000_000_000) {
        faults.forbidden("value", "maximum allowed value of a user defined priority is 1000000000");
    }
}

/// A changed PriorityClass.
pub fn priority_class_update(faults: &mut Faults, new: &Object, old: &Object) {
    if new.get("value") != old.get("value") {
        faults.forbidden("value", "may not be changed in an update.");
    }
    if new.get("preemptionPolicy") != old.get("preemptionPolicy") {
        faults.immutable("preemptionPolicy", new.get("preemptionPolicy"), old.get("preemptionPolicy"));
    }
}

/// A validating or mutating webhook configuration.
pub fn webhooks(faults: &mut Faults, object: &Object) {
    for (i, webhook) in object.value()["webhooks"].items().iter().enumerate() {
        let at = format!("webhooks[{i}]");
        let name = webhook.str_at(&["name"]).unwrap_or_default();
        faults.texts(&format!("{at}.name"), name, names::dns1123_subdomain(name));
        if name.split('.').count() < 3 {
            let detail = "should be a domain with at least three segments separated by dots";
            faults.invalid(format!("{at}.name"), &Value::from(name), detail);
        }
        if webhook["admissionReviewVersions"].items().is_empty() {
            faults.required(format!("{at}.admissionReviewVersions"), "must specify one of v1, v1beta1");
        }
        match webhook.str_at(&["sideEffects"]) {
            None => faults.required(format!("{at}.sideEffects"), "must specify one of None, NoneOnDryRun"),
            Some("None" | "NoneOnDryRun") => {}
            Some(other) => {
                faults.not_supported(format!("{at}.sideEffects"), &Value::from(other), &["None", "NoneOnDryRun"]);
            }
        }
        if webhook["timeoutSeconds"].as_i64().is_some_and(|s| !(1..=30).contains(&s)) {
            let detail = "the timeout value must be between 1 and 30 seconds";
            faults.invalid(format!("{at}.timeoutSeconds"), &webhook["timeoutSeconds"], detail);
        }
        let client = &webhook["clientConfig"];
        if client.get("url").is_some() == client.get("service").is_some() {
            faults.required(format!("{at}.clientConfig"), "exactly one of url or service is required");
        }
    }
}
