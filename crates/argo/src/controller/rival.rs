//! Whether a controller of Argo CD's own is at work: ours wait as long as it is, so that never two do the same.

use belay_object::{Object, Value};

/// Whether a Deployment or StatefulSet has pods, or is to have some.
pub fn has_pods(workload: &Object) -> bool {
    let count = |path: &[&str]| workload.at(path).and_then(Value::as_i64);
    count(&["status", "replicas"]).unwrap_or_default() > 0 || count(&["spec", "replicas"]).unwrap_or(1) > 0
}
