//! Gateway API.

use belay_object::{Object, Value};

use super::super::{Condition, Health, Status, conditions_at, int};

use Status::{Degraded, Healthy, Progressing};

/// What a list of Gateway API's conditions complains of.
fn gateway_trouble(list: Option<&Value>, prefix: &str, what: &str) -> Option<Health> {
    let of = |c: Condition<'_>, otherwise: String| if c.message.is_empty() { otherwise } else { c.message.to_owned() };
    for kind in ["ResolvedRefs", "Accepted"] {
        if let Some(c) = conditions_at(list).find(|c| c.kind == kind && c.status == "False") {
            return Some(Health::new(Degraded, format!("{prefix}{}", of(c, format!("Failed condition: {kind}")))));
        }
    }
    let waits = conditions_at(list).find(|c| c.kind == "Programmed" && c.status != "True")?;
    Some(Health::new(Progressing, format!("{prefix}{}", of(waits, format!("{what} is still being programmed")))))
}

pub(super) fn gateway(object: &Object) -> Health {
    let own = object.at(&["status", "conditions"]);
    if let Some(trouble) = gateway_trouble(own, "", "Gateway") {
        return trouble;
    }
    let listeners = object.at(&["status", "listeners"]).map_or(&[][..], Value::items);
    let trouble = listeners.iter().find_map(|l| gateway_trouble(l.get("conditions"), "Listener: ", "Listener"));
    match trouble {
        Some(trouble) => trouble,
        None if own.is_some() || !listeners.is_empty() => Health::new(Healthy, "Gateway is healthy"),
        None => Health::new(Progressing, "Waiting for Gateway status"),
    }
}

pub(super) fn gateway_class(object: &Object) -> Health {
    let generation = int(object, &["metadata", "generation"]);
    let items = object.at(&["status", "conditions"]).map_or(&[][..], Value::items);
    let is_current = |c: &&Value| match (generation, c.get("observedGeneration").and_then(Value::as_i64)) {
        (Some(generation), Some(observed)) => generation == observed,
        _ => true,
    };
    let accepted = items.iter().filter(|c| c.str_at(&["type"]) == Some("Accepted")).find(is_current);
    let (status, otherwise) = match accepted.and_then(|c| c.str_at(&["status"])) {
        Some("True") => (Healthy, "GatewayClass is accepted"),
        Some("False") => (Degraded, "GatewayClass is not accepted"),
        _ => (Progressing, "Waiting for GatewayClass status"),
    };
    Health::new(status, accepted.and_then(|c| c.str_at(&["message"])).unwrap_or(otherwise))
}

pub(super) fn route(object: &Object, kind: &str) -> Health {
    let generation = int(object, &["metadata", "generation"]);
    let is_current = |parent: &&Value| {
        let list = parent.get("conditions").map_or(&[][..], Value::items);
        let stale =
            |c: &Value| c.get("observedGeneration").and_then(Value::as_i64).is_some_and(|o| Some(o) != generation);
        generation.is_none() || (!list.is_empty() && !list.iter().any(stale))
    };
    let parents = object.at(&["status", "parents"]).map_or(&[][..], Value::items);
    for parent in parents.iter().filter(is_current) {
        let prefix = format!("Parent {}: ", parent.str_at(&["parentRef", "name"]).unwrap_or_default());
        if let Some(trouble) = gateway_trouble(parent.get("conditions"), &prefix, "Route") {
            return trouble;
        }
    }
    let has_conditions = |p: &&Value| p.get("conditions").is_some_and(|c| !c.items().is_empty());
    match parents.iter().filter(has_conditions).any(|p| is_current(&p)) {
        true => Health::new(Healthy, format!("{kind} is healthy")),
        false => Health::new(Progressing, format!("Waiting for {kind} status")),
    }
}
