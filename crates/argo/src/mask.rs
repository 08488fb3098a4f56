//! What is taken out of objects before anybody reads them: the values of Secrets.
//!
//! Compat(argo 3.5): a value is shown as plus signs; of the states of one object equal values are shown
//! alike, and the length says nothing of the value. What tools keep of a Secret in annotations and
//! managedFields is dropped (SEC-2).

use belay_object::{Map, Object, Value};

/// The first mask; the next value of the same key has four more.
const MASK: &str = "++++++++";
const MORE: &str = "++++";
/// Keeps a Secret as somebody applied it.
pub const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Whether an object's values are secret.
pub fn is_secret(object: &Object) -> bool {
    object.kind() == "Secret" && object.api_version() == "v1"
}

/// Hides what is secret in the states of one object. `sensitive` are annotations that hold secrets.
pub fn hide(states: &mut [Option<Object>], sensitive: &[String]) {
    let any = states.iter().flatten().any(is_secret);
    for object in states.iter_mut().flatten() {
        object.remove(&["metadata", "managedFields"]);
        if !any {
            continue;
        }
        object.remove(&["metadata", "annotations", LAST_APPLIED]);
        // Text and its base64 are one value: what is compared is what the cluster keeps.
        if let Some(Value::Object(plain)) = object.remove(&["stringData"]) {
            for (key, value) in plain {
                object.set(&["data", &key], encoded(value.as_str().unwrap_or_default()));
            }
        }
    }
    if any {
        hide_in(states, &["data"], None);
        hide_in(states, &["metadata", "annotations"], Some(sensitive));
    }
}

/// Hides what is secret in one object.
pub fn hidden(object: Object, sensitive: &[String]) -> Object {
    let mut states = [Some(object)];
    hide(&mut states, sensitive);
    let [object] = states;
    object.unwrap_or_else(|| Object::of("v1", "Secret", "", ""))
}

fn encoded(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Hides the values of a map; with `only`, of these keys.
fn hide_in(states: &mut [Option<Object>], path: &[&str], only: Option<&[String]>) {
    let map = |object: &Object| object.at(path).and_then(Value::as_object).cloned().unwrap_or_else(Map::new);
    let maps: Vec<Map> = states.iter().map(|state| state.as_ref().map(map).unwrap_or_default()).collect();
    let keys: std::collections::BTreeSet<String> =
        maps.iter().flat_map(|map| map.keys().map(ToString::to_string)).collect();
    for key in keys.iter().filter(|key| only.is_none_or(|only| only.contains(key))) {
        let mut seen: Vec<&Value> = Vec::new();
        for (state, map) in states.iter_mut().zip(&maps) {
            let (Some(object), Some(value)) = (state, map.get(key)) else { continue };
            let at = seen.iter().position(|known| *known == value).unwrap_or_else(|| {
                seen.push(value);
                seen.len() - 1
            });
            let mut whole: Vec<&str> = path.to_vec();
            whole.push(key);
            object.set(&whole, format!("{MASK}{}", MORE.repeat(at)));
        }
    }
    for object in states.iter_mut().flatten() {
        // A `data` that is no map could hold anything.
        if only.is_none() && object.at(path).is_some_and(|data| data.as_object().is_none()) {
            object.remove(path);
        }
    }
}
