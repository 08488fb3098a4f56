//! The record of what was applied when: at most five snapshots, the latest first.

use belay_object::{Map, Value, object};

/// How many snapshots are kept.
pub const MAX_SNAPSHOTS: usize = 5;

/// One record of an operation, to be entered.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// `sha256:<hex>` of what was rendered.
    pub digest: String,
    /// When the operation ended, RFC 3339 to the second.
    pub at: String,
    /// How long it took, in Go's form (`1.5s`).
    pub duration: String,
    /// How it ended: a condition's reason.
    pub status: String,
    /// What else is told of it (`revision`, `originRevision`).
    pub metadata: Vec<(String, String)>,
}

/// Enters a snapshot into `status.history`. One of the same digest and status is the same snapshot
/// seen again: it is counted and comes to the front. Gives the new list.
pub fn upsert(history: &Value, snapshot: &Snapshot) -> Value {
    let mut all: Vec<Value> = history.items().to_vec();
    let same = all.iter().position(|s| {
        s.str_at(&["digest"]) == Some(&snapshot.digest) && s.str_at(&["lastReconciledStatus"]) == Some(&snapshot.status)
    });
    let mut entry = match same {
        Some(i) => all.remove(i),
        None => object! {
            "digest" => snapshot.digest.as_str(),
            "firstReconciled" => snapshot.at.as_str(),
            "lastReconciledStatus" => snapshot.status.as_str(),
        },
    };
    let seen = entry.get("totalReconciliations").and_then(Value::as_i64).unwrap_or_default();
    entry.set(&["totalReconciliations"], seen.saturating_add(1));
    entry.set(&["lastReconciled"], snapshot.at.as_str());
    entry.set(&["lastReconciledDuration"], snapshot.duration.as_str());
    entry.remove(&["metadata"]);
    if !snapshot.metadata.is_empty() {
        let metadata: Map = snapshot.metadata.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        entry.set(&["metadata"], metadata);
    }
    all.insert(0, entry);
    all.truncate(MAX_SNAPSHOTS);
    Value::from(all)
}
