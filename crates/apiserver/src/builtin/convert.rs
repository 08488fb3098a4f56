//! Kinds that are served in two shapes: autoscalers in autoscaling/v1 and v2, events in the core group and events.k8s.io.

use belay_object::{Object, Value, object};

/// An autoscaler between its versions; `to` is an apiVersion.
pub fn autoscaler(object: &mut Object, to: &str) {
    if to == "autoscaling/v1" { autoscaler_to_v1(object) } else { autoscaler_to_v2(object) }
}

const KEPT_METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
const KEPT_BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";
const KEPT_CONDITIONS: &str = "autoscaling.alpha.kubernetes.io/conditions";

fn is_cpu(metric: &Value) -> bool {
    metric.str_at(&["type"]) == Some("Resource")
        && metric.str_at(&["resource", "name"]) == Some("cpu")
        && metric.at(&["resource", "target", "averageUtilization"]).is_some()
}

fn autoscaler_to_v1(object: &mut Object) {
    let metrics = object.remove(&["spec", "metrics"]).unwrap_or_default();
    let (cpu, others): (Vec<&Value>, Vec<&Value>) = metrics.items().iter().partition(|m| is_cpu(m));
    if let Some(target) = cpu.first().and_then(|m| m.at(&["resource", "target", "averageUtilization"])) {
        object.set(&["spec", "targetCPUUtilizationPercentage"], target.clone());
    }
    if !others.is_empty() {
        let others: Value = others.into_iter().cloned().collect();
        object.set_annotation(KEPT_METRICS, &others.to_json());
    }
    if let Some(behavior) = object.remove(&["spec", "behavior"]) {
        object.set_annotation(KEPT_BEHAVIOR, &behavior.to_json());
    }
    if let Some(conditions) = object.remove(&["status", "conditions"]).filter(|c| !c.is_null()) {
        object.set_annotation(KEPT_CONDITIONS, &conditions.to_json());
    }
    object.remove(&["status", "currentMetrics"]);
}

fn autoscaler_to_v2(object: &mut Object) {
    let mut metrics: Vec<Value> = Vec::new();
    if let Some(percent) = object.remove(&["spec", "targetCPUUtilizationPercentage"]) {
        let target = object! { "type" => "Utilization", "averageUtilization" => percent };
        metrics.push(object! { "type" => "Resource", "resource" => object! { "name" => "cpu", "target" => target } });
    }
    let mut kept = |annotation: &str| {
        let text = object.remove(&["metadata", "annotations", annotation])?;
        belay_object::from_json_str(text.as_str()?).ok()
    };
    let others = kept(KEPT_METRICS);
    let behavior = kept(KEPT_BEHAVIOR);
    kept(KEPT_CONDITIONS);
    metrics.extend(others.iter().flat_map(|o| o.items().iter().cloned()));
    if !metrics.is_empty() {
        object.set(&["spec", "metrics"], metrics);
    }
    if let Some(behavior) = behavior {
        object.set(&["spec", "behavior"], behavior);
    }
    if object.at(&["metadata", "annotations"]).and_then(Value::as_object).is_some_and(belay_object::Map::is_empty) {
        object.remove(&["metadata", "annotations"]);
    }
    object.remove(&["status", "currentCPUUtilizationPercentage"]);
}

/// The fields of an event in the core group and in events.k8s.io.
const EVENT_FIELDS: [(&str, &str); 8] = [
    ("involvedObject", "regarding"),
    ("message", "note"),
    ("reportingComponent", "reportingController"),
    ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"),
    ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"),
    ("series", "series"),
];

/// An event into the other group's shape, told by the fields it has.
pub fn event(object: &mut Object, _: &str) {
    let is_core = object.get("involvedObject").is_some();
    for (core, other) in EVENT_FIELDS {
        let (from, to) = if is_core { (core, other) } else { (other, core) };
        if let Some(value) = object.remove(&[from]) {
            object.set(&[to], value);
        }
    }
}
