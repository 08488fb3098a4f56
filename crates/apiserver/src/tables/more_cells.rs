//! Cells of autoscalers, budgets, bindings, quotas, certificates and the registration of APIs.

use belay_object::{Map, Object, Value};

use super::age;
use super::cells::{joined, list, or_none, shown};

pub(super) fn scale_target(object: &Object, _: i64) -> Value {
    let text = |k: &str| object.str_at(&["spec", "scaleTargetRef", k]).unwrap_or_default();
    Value::from(format!("{}/{}", text("kind"), text("name")))
}
pub(super) fn scale_metrics(object: &Object, _: i64) -> Value {
    let metric = |m: &Value| {
        let of = match m.str_at(&["type"]).unwrap_or_default() {
            "Resource" => &m["resource"],
            "ContainerResource" => &m["containerResource"],
            "Pods" => &m["pods"],
            "Object" => &m["object"],
            _ => &m["external"],
        };
        let name = of.str_at(&["name"]).map(|n| format!("{n}: ")).unwrap_or_default();
        match of.at(&["target", "averageUtilization"]) {
            Some(percent) => format!("{name}<unknown>/{}%", percent.to_json()),
            None => {
                let target = of.at(&["target", "averageValue"]).or(of.at(&["target", "value"]));
                format!("{name}<unknown>/{}", target.map(shown).unwrap_or_default())
            }
        }
    };
    let metrics = list(object, &["spec", "metrics"]);
    or_none(joined(metrics.iter().take(2).map(metric), ", "))
}
pub(super) fn min_pods(object: &Object, _: i64) -> Value {
    Value::from(object.at(&["spec", "minReplicas"]).map_or_else(|| "<unset>".into(), Value::to_json))
}
pub(super) fn min_available(object: &Object, _: i64) -> Value {
    Value::from(object.at(&["spec", "minAvailable"]).map_or_else(|| "N/A".into(), shown))
}
pub(super) fn max_unavailable(object: &Object, _: i64) -> Value {
    Value::from(object.at(&["spec", "maxUnavailable"]).map_or_else(|| "N/A".into(), shown))
}

pub(super) fn role_of_binding(object: &Object, _: i64) -> Value {
    let text = |k: &str| object.str_at(&["roleRef", k]).unwrap_or_default();
    Value::from(format!("{}/{}", text("kind"), text("name")))
}
fn subjects(object: &Object, kind: &str) -> Value {
    let of_kind = list(object, &["subjects"]).iter().filter(|s| s.str_at(&["kind"]) == Some(kind));
    let name = |s: &Value| {
        let name = s.str_at(&["name"]).unwrap_or_default();
        match s.str_at(&["namespace"]).filter(|_| kind == "ServiceAccount") {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.to_owned(),
        }
    };
    Value::from(joined(of_kind.map(name), ", "))
}
pub(super) fn users(object: &Object, _: i64) -> Value {
    subjects(object, "User")
}
pub(super) fn groups(object: &Object, _: i64) -> Value {
    subjects(object, "Group")
}
pub(super) fn accounts(object: &Object, _: i64) -> Value {
    subjects(object, "ServiceAccount")
}
fn quota_at(object: &Object, limits: bool) -> Value {
    let hard = object.at(&["status", "hard"]).and_then(Value::as_object).into_iter().flat_map(Map::iter);
    let used = |k: &str| object.str_at(&["status", "used", k]).unwrap_or("0").to_owned();
    let of_kind = hard.filter(|(k, _)| k.starts_with("limits.") == limits);
    Value::from(joined(of_kind.map(|(k, v)| format!("{k}: {}/{}", used(k), shown(v))), ", "))
}
pub(super) fn quota_requests(object: &Object, _: i64) -> Value {
    quota_at(object, false)
}
pub(super) fn quota_limits(object: &Object, _: i64) -> Value {
    quota_at(object, true)
}
pub(super) fn secrets(object: &Object, _: i64) -> Value {
    Value::from(list(object, &["secrets"]).len())
}
pub(super) fn webhooks(object: &Object, _: i64) -> Value {
    Value::from(list(object, &["webhooks"]).len())
}
pub(super) fn global_default(object: &Object, _: i64) -> Value {
    Value::Bool(object.get("globalDefault").and_then(Value::as_bool).unwrap_or_default())
}
pub(super) fn revision_owner(object: &Object, _: i64) -> Value {
    let owners = list(object, &["metadata", "ownerReferences"]);
    let owner = owners.iter().find(|o| o["controller"].as_bool() == Some(true));
    let Some(owner) = owner else { return Value::from("<none>") };
    let text = |k: &str| owner.str_at(&[k]).unwrap_or_default();
    let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
    let kind = text("kind").to_lowercase();
    Value::from(if group.is_empty() {
        format!("{kind}/{}", text("name"))
    } else {
        format!("{kind}.{group}/{}", text("name"))
    })
}
pub(super) fn csr_condition(object: &Object, _: i64) -> Value {
    let mut shown: Vec<String> =
        list(object, &["status", "conditions"]).iter().filter_map(|c| c.str_at(&["type"]).map(str::to_owned)).collect();
    if shown.is_empty() {
        shown.push("Pending".into());
    }
    if object.str_at(&["status", "certificate"]).is_some_and(|c| !c.is_empty()) {
        shown.push("Issued".into());
    }
    Value::from(shown.join(","))
}
pub(super) fn csr_duration(object: &Object, _: i64) -> Value {
    let seconds = object.at(&["spec", "expirationSeconds"]).and_then(Value::as_i64);
    or_none(seconds.map(age::human_duration).unwrap_or_default())
}
pub(super) fn service_of_api(object: &Object, _: i64) -> Value {
    let text = |k: &str| object.str_at(&["spec", "service", k]).unwrap_or_default();
    Value::from(if text("name").is_empty() {
        "Local".to_owned()
    } else {
        format!("{}/{}", text("namespace"), text("name"))
    })
}
pub(super) fn api_available(object: &Object, _: i64) -> Value {
    let conditions = list(object, &["status", "conditions"]);
    let found = conditions.iter().find(|c| c.str_at(&["type"]) == Some("Available"));
    let text = |k: &str| found.and_then(|c| c.str_at(&[k])).unwrap_or_default();
    Value::from(match text("status") {
        "" => "Unknown".to_owned(),
        "True" => "True".to_owned(),
        status => format!("{status} ({})", text("reason")),
    })
}
pub(super) fn created_at(object: &Object, _: i64) -> Value {
    Value::from(object.str_at(&["metadata", "creationTimestamp"]).unwrap_or_default())
}
