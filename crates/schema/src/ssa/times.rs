//! Telling a write that changes nothing but times.

use belay_object::{Map, Object, Value};

/// Written by the server with every write.
const SERVER: [&str; 2] = ["managedFields", "resourceVersion"];

/// Where `new` differs from `live` in nothing but times of managedFields (and the resourceVersion),
/// gives it the old managedFields and resourceVersion and says `true`: nothing is to be stored.
pub fn keep_times(live: &Object, new: &mut Object) -> bool {
    if !is_same(live, new) {
        return false;
    }
    for name in SERVER {
        match live.at(&["metadata", name]) {
            Some(value) => new.set(&["metadata", name], value.clone()),
            None => drop(new.remove(&["metadata", name])),
        }
    }
    true
}

fn is_same(live: &Object, new: &Object) -> bool {
    let (old_metadata, new_metadata) = (metadata(live), metadata(new));
    let own = |map: &Map| map.len() - SERVER.iter().filter(|name| map.contains_key(name)).count();
    live.fields().len() == new.fields().len()
        && live.fields().iter().all(|(name, v)| name.as_str() == "metadata" || new.get(name) == Some(v))
        && own(old_metadata) == own(new_metadata)
        && old_metadata.iter().all(|(name, v)| SERVER.contains(&name.as_str()) || new_metadata.get(name) == Some(v))
        && is_same_but_times(entries(old_metadata), entries(new_metadata))
}

fn metadata(object: &Object) -> &Map {
    static EMPTY: std::sync::OnceLock<Map> = std::sync::OnceLock::new();
    object.get("metadata").and_then(Value::as_object).unwrap_or_else(|| EMPTY.get_or_init(Map::new))
}

fn entries(metadata: &Map) -> &[Value] {
    metadata.get("managedFields").map_or(&[], Value::items)
}

/// A changed time may have changed the order of the entries.
fn is_same_but_times(old: &[Value], new: &[Value]) -> bool {
    let without_time = |v: &Value| v.as_object().map_or(0, |m| m.len() - usize::from(m.contains_key("time")));
    let same = |a: &Value, b: &Value| {
        without_time(a) == without_time(b)
            && a.as_object().is_some_and(|m| m.iter().all(|(k, v)| k.as_str() == "time" || b.get(k) == Some(v)))
    };
    old.len() == new.len() && old.iter().all(|a| new.iter().any(|b| same(a, b)))
}
