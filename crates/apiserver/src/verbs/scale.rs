//! The `scale` subresource: one number of an object, as `autoscaling/v1 Scale`.

use belay_object::{LabelSelector, Object, Requirement, Value, object};
use belay_schema::ssa;

use super::patch::{Patch, edit};
use super::update::{Wanted, change};
use super::{Answer, Call, Written};
use crate::status::{ApiError, FieldError, Result};

/// Where a kind keeps the number, what came of it, and the selector.
struct Paths {
    wanted: Vec<String>,
    found: Vec<String>,
    /// The path of a selector as text (custom resources).
    selector: Option<Vec<String>>,
}

fn split(path: &str) -> Vec<String> {
    path.split('.').filter(|p| !p.is_empty()).map(str::to_owned).collect()
}

fn paths(call: &Call<'_>) -> Paths {
    let Some(custom) = &call.resource.custom else {
        return Paths { wanted: split("spec.replicas"), found: split("status.replicas"), selector: None };
    };
    let scale = &custom.version["subresources"]["scale"];
    let path = |name: &str| split(scale.str_at(&[name]).unwrap_or_default());
    Paths {
        wanted: path("specReplicasPath"),
        found: path("statusReplicasPath"),
        selector: Some(path("labelSelectorPath")),
    }
}

fn at<'v>(value: &'v Value, path: &[String]) -> Option<&'v Value> {
    path.iter().try_fold(value, |v, key| v.get(key))
}

/// The Scale of an object.
fn scale_of(call: &Call<'_>, object: &Object) -> Object {
    let paths = paths(call);
    let number = |path: &[String]| at(object.value(), path).and_then(Value::as_i64).unwrap_or_default();
    let mut scale = object! {
        "kind" => "Scale",
        "apiVersion" => "autoscaling/v1",
        "metadata" => object! { "name" => object.name() },
        "spec" => object! {},
        "status" => object! { "replicas" => number(&paths.found) },
    };
    for field in ["namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = object.at(&["metadata", field]) {
            scale.set(&["metadata", field], value.clone());
        }
    }
    if number(&paths.wanted) != 0 {
        scale.set(&["spec", "replicas"], number(&paths.wanted));
    }
    let selector = match &paths.selector {
        Some(path) => at(object.value(), path).and_then(Value::as_str).unwrap_or_default().to_owned(),
        None => selector_text(&object.value()["spec"]["selector"]),
    };
    if !selector.is_empty() {
        scale.set(&["status", "selector"], selector);
    }
    Object::new(scale).unwrap_or_default()
}

/// A selector as text; a replication controller's is the labels themselves.
fn selector_text(selector: &Value) -> String {
    let plain = selector.as_object().is_some_and(|m| m.values().all(|v| v.as_str().is_some()));
    let wrapped = object! { "matchLabels" => selector.clone() };
    let Ok(selector) = LabelSelector::from_value(if plain { &wrapped } else { selector }) else { return String::new() };
    let mut texts: Vec<String> = selector.0.iter().map(requirement_text).collect();
    texts.sort();
    texts.join(",")
}

fn requirement_text(requirement: &Requirement) -> String {
    match requirement {
        Requirement::In(key, values) => match values.as_slice() {
            [one] => format!("{key}={one}"),
            many => format!("{key} in ({})", many.join(",")),
        },
        Requirement::NotIn(key, values) => match values.as_slice() {
            [one] => format!("{key}!={one}"),
            many => format!("{key} notin ({})", many.join(",")),
        },
        Requirement::Exists(key) => key.clone(),
        Requirement::NotExists(key) => format!("!{key}"),
        Requirement::Greater(key, n) => format!("{key}>{n}"),
        Requirement::Less(key, n) => format!("{key}<{n}"),
    }
}

/// `GET .../scale`
pub(crate) fn get(call: &Call<'_>) -> Result<Object> {
    let live = call.live().ok_or_else(|| call.not_found())?;
    Ok(scale_of(call, &call.in_request_version(live.object())))
}

/// `PUT .../scale`
pub(crate) fn replace(call: &Call<'_>, scale: &Value) -> Result<Written> {
    write(call, &mut |_| Ok(scale.clone()))
}

/// `PATCH .../scale`
pub(crate) fn patch(call: &Call<'_>, patch: &Patch) -> Result<Written> {
    let patch = match patch {
        // A Scale has no lists to merge.
        Patch::Strategic(value) => &Patch::Merge(value.clone()),
        other => other,
    };
    write(call, &mut |scale| {
        let mut value = scale.value().clone();
        edit(call, &mut value, patch)?;
        Ok(value)
    })
}

fn write(call: &Call<'_>, wanted: &mut dyn FnMut(&Object) -> Result<Value>) -> Result<Written> {
    let paths = paths(call).wanted;
    let path: Vec<&str> = paths.iter().map(String::as_str).collect();
    let written = change(call, false, &mut |live| {
        let scale = wanted(&scale_of(call, live))?;
        let version = scale.str_at(&["metadata", "resourceVersion"]).unwrap_or_default();
        if !version.is_empty() && version != live.resource_version() {
            return Err(call.modified());
        }
        let replicas = scale.at(&["spec", "replicas"]).cloned().unwrap_or(Value::Int(0));
        match replicas.as_i64() {
            Some(n) if n >= 0 => {}
            Some(_) => {
                let error = FieldError::invalid("spec.replicas", &replicas, "must be greater than or equal to 0");
                return Err(ApiError::invalid("autoscaling", "Scale", call.name, vec![error]));
            }
            None => {
                let why = "json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32";
                return Err(ApiError::bad_request(format!(
                    "Scale in version \"v1\" cannot be handled as a Scale: {why}"
                )));
            }
        }
        let changed = at(live.value(), &paths).and_then(Value::as_i64).unwrap_or_default()
            != replicas.as_i64().unwrap_or_default();
        let mut object = live.clone();
        object.set(&path, replicas);
        let object = call.with_target(|target| ssa::update_scale(target, object, &path, changed, &call.manager()));
        Ok(Wanted { object, tracked: true })
    })?;
    let scale = scale_of(call, &call.in_request_version(written.answer.object()));
    Ok(Written { answer: Answer::Object(scale), ..written })
}
