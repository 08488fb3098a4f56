//! The values of a release: those of other objects, then the inline ones, then single values.

use base64::Engine;
use belay_cluster::{Cluster, Resource};
use belay_helm::values::{SetKind, merge, read, set};
use belay_object::{Map, Object, Value};

use crate::spec::{HelmRelease, ValuesFrom};

/// Why values cannot be put together: the sentence about it, and whether it is only for now.
pub(crate) struct ValuesError {
    pub message: String,
    pub is_transient: bool,
}

/// Puts the values together, as they are read with our own rights from the release's namespace.
pub(crate) async fn compose(cluster: &Cluster, spec: &HelmRelease) -> Result<Map, ValuesError> {
    let inline = inline(spec)?;
    let mut values = Map::new();
    let mut known: Vec<((String, String), Option<Object>)> = Vec::new();
    for from in &spec.values_from {
        let slot = (from.kind.clone(), from.name.clone());
        if !known.iter().any(|(k, _)| *k == slot) {
            known.push((slot.clone(), fetch(cluster, spec, from).await?));
        }
        let found = known.iter().find(|(k, _)| *k == slot).and_then(|(_, object)| object.as_ref());
        let Some(text) = data(spec, from, found)? else { continue };
        if from.target_path.is_empty() {
            let more = read(&text).map_err(|e| refused(spec, from, &e.to_string()))?;
            merge(&mut values, more);
            continue;
        }
        // Compat(flux 2.9): a single value goes over the inline values, which go in before it.
        merge(&mut values, inline.clone());
        let text = String::from_utf8_lossy(&text).into_owned();
        let put = replace(&mut values, from, &text);
        // The error repeats what it could not read, which may be secret.
        put.map_err(|e| refused(spec, from, if from.kind == "Secret" { "failed to merge value" } else { &e }))?;
    }
    let has_single = spec.values_from.iter().any(|f| !f.target_path.is_empty());
    if !has_single {
        merge(&mut values, inline);
    } else {
        // Inline values win over files that came after a single value, but not over single values.
        let mut last = inline;
        for from in spec.values_from.iter().filter(|f| !f.target_path.is_empty()) {
            let slot = (from.kind.clone(), from.name.clone());
            let found = known.iter().find(|(k, _)| *k == slot).and_then(|(_, object)| object.as_ref());
            if let Some(text) = data(spec, from, found)? {
                replace(&mut last, from, &String::from_utf8_lossy(&text)).ok();
            }
        }
        merge(&mut values, last);
    }
    Ok(values)
}

/// The inline values with numbers as Go has them behind JSON: all are floats.
pub(crate) fn inline(spec: &HelmRelease) -> Result<Map, ValuesError> {
    let json = Value::Object(spec.values.clone()).to_json();
    read(json.as_bytes()).map_err(|e| ValuesError { message: e.to_string(), is_transient: false })
}

async fn fetch(cluster: &Cluster, spec: &HelmRelease, from: &ValuesFrom) -> Result<Option<Object>, ValuesError> {
    let resource = match from.kind.as_str() {
        "Secret" => Resource::known("", "v1", "Secret", "secrets", true),
        "ConfigMap" => Resource::known("", "v1", "ConfigMap", "configmaps", true),
        _ => return Err(refused(spec, from, "unsupported values reference kind")),
    };
    cluster
        .find(&resource, &spec.meta.namespace, &from.name)
        .await
        .map_err(|e| ValuesError { message: e.to_string(), is_transient: true })
}

fn data(spec: &HelmRelease, from: &ValuesFrom, found: Option<&Object>) -> Result<Option<Vec<u8>>, ValuesError> {
    let plural = if from.kind == "Secret" { "secrets" } else { "configmaps" };
    let missing = match found {
        None => format!("{plural} \"{}\" not found", from.name),
        Some(object) => match object.at(&["data", &from.key]).and_then(Value::as_str) {
            Some(text) if from.kind == "Secret" => {
                let decoded = base64::engine::general_purpose::STANDARD.decode(text);
                return decoded.map(Some).map_err(|_| refused(spec, from, "failed to read values data"));
            }
            Some(text) => return Ok(Some(text.as_bytes().to_vec())),
            None => "key not found".to_owned(),
        },
    };
    if from.optional { Ok(None) } else { Err(refused(spec, from, &missing)) }
}

/// Compat(flux 2.9): the sentence.
fn refused(spec: &HelmRelease, from: &ValuesFrom, why: &str) -> ValuesError {
    let optional = if from.optional { " optional" } else { "" };
    let message = format!(
        "could not resolve{optional} {} chart values reference '{}/{}' with key '{}': {why}",
        from.kind, spec.meta.namespace, from.name, from.key
    );
    ValuesError { message, is_transient: false }
}

fn replace(values: &mut Map, from: &ValuesFrom, text: &str) -> Result<(), String> {
    let path = &from.target_path;
    if from.literal {
        let escaped: String =
            text.chars().flat_map(|c| if "\\,[]{}".contains(c) { vec!['\\', c] } else { vec![c] }).collect();
        return set(&format!("{path}={escaped}"), values, &SetKind::Strings);
    }
    let is_quoted = |q: char| text.starts_with(q) && text.ends_with(q);
    match is_quoted('\'') || is_quoted('"') {
        true => set(&format!("{path}={}", text.trim_matches(['\'', '"'])), values, &SetKind::Strings),
        false => set(&format!("{path}={text}"), values, &SetKind::Typed),
    }
}
