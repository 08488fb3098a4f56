//! Whether a live object differs from what applying the manifest would make of it, and where.
//!
//! Compared are labels, annotations, and every field but metadata and status: the answer of a dry
//! run against the live object. What the server or other controllers keep in the rest of metadata
//! and in status is never drift.

use belay_object::{Object, Value};

use crate::managers::escape;

/// How many differences are told; enough to see what is wrong, and bounded for a list of a million.
const MAX_POINTERS: usize = 100;
/// How deep differences are followed; deeper ones are told at this level.
const MAX_DEPTH: usize = 64;

/// The JSON pointers at which the objects differ, in order; empty where there is no drift.
pub fn drift(live: &Object, dry_run: &Object) -> Vec<String> {
    let mut found = Vec::new();
    for field in ["labels", "annotations"] {
        let mut path = format!("/metadata/{field}");
        compare(map(live, field), map(dry_run, field), &mut path, 0, &mut found);
    }
    let names: std::collections::BTreeSet<&str> =
        live.fields().keys().chain(dry_run.fields().keys()).map(|k| k.as_str()).collect();
    for name in names.into_iter().filter(|n| !matches!(*n, "metadata" | "status")) {
        let mut path = format!("/{}", escape(name));
        compare(live.get(name), dry_run.get(name), &mut path, 0, &mut found);
    }
    found
}

/// Labels or annotations; none and an empty map are the same.
fn map<'a>(object: &'a Object, field: &str) -> Option<&'a Value> {
    object.at(&["metadata", field]).filter(|v| v.as_object().is_some_and(|m| !m.is_empty()))
}

fn compare(live: Option<&Value>, wanted: Option<&Value>, path: &mut String, depth: usize, found: &mut Vec<String>) {
    if live == wanted || found.len() >= MAX_POINTERS {
        return;
    }
    let length = path.len();
    match (live, wanted) {
        (Some(Value::Object(a)), Some(Value::Object(b))) if depth < MAX_DEPTH => {
            let names: std::collections::BTreeSet<&str> = a.keys().chain(b.keys()).map(|k| k.as_str()).collect();
            for name in names {
                path.push('/');
                path.push_str(&escape(name));
                compare(a.get(name), b.get(name), path, depth + 1, found);
                path.truncate(length);
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) if depth < MAX_DEPTH && a.len() == b.len() => {
            for (i, (x, y)) in a.iter().zip(b).enumerate() {
                path.push('/');
                path.push_str(&i.to_string());
                compare(Some(x), Some(y), path, depth + 1, found);
                path.truncate(length);
            }
        }
        _ => found.push(path.clone()),
    }
}
