//! Counts of requests by verb, resource and status: for metrics, and for tests of "costs no request".

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// Distinct series kept; what is beyond is counted under `other` (INV-RES-11).
const MAX_SERIES: usize = 4_096;

/// What a request does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Verb {
    /// Reads one object.
    Get,
    /// Reads one page of many.
    List,
    /// Opens a watch.
    Watch,
    /// Creates one object.
    Create,
    /// Replaces one object.
    Update,
    /// Server-side apply.
    Apply,
    /// Any other patch.
    Patch,
    /// Deletes one object.
    Delete,
    /// Opens a log.
    Logs,
    /// Discovery, version and raw requests.
    Raw,
}

impl Verb {
    /// The word in metrics and messages.
    pub fn as_str(self) -> &'static str {
        match self {
            Verb::Get => "get",
            Verb::List => "list",
            Verb::Watch => "watch",
            Verb::Create => "create",
            Verb::Update => "update",
            Verb::Apply => "apply",
            Verb::Patch => "patch",
            Verb::Delete => "delete",
            Verb::Logs => "logs",
            Verb::Raw => "raw",
        }
    }
    /// Whether it can change something.
    pub fn writes(self) -> bool {
        matches!(self, Verb::Create | Verb::Update | Verb::Apply | Verb::Patch | Verb::Delete)
    }
}

/// One series.
#[derive(Clone, PartialEq, Debug)]
pub struct RequestCount {
    /// What was done.
    pub verb: Verb,
    /// `deployments.apps`, a raw path's first parts, or `other`.
    pub resource: String,
    /// The HTTP status; 0 where no answer came.
    pub code: u16,
    /// How often, retries counted one by one.
    pub count: u64,
}

/// The counters of one API server, shared by all its identities.
#[derive(Default)]
pub struct Counters {
    total: AtomicU64,
    writes: AtomicU64,
    retries: AtomicU64,
    series: Mutex<BTreeMap<(Verb, String, u16), u64>>,
}

impl Counters {
    pub(crate) fn count(&self, verb: Verb, resource: &str, code: u16) {
        self.total.fetch_add(1, Ordering::Relaxed);
        if verb.writes() {
            self.writes.fetch_add(1, Ordering::Relaxed);
        }
        let mut series = self.series.lock();
        let key = (verb, resource.to_owned(), code);
        let full = series.len() >= MAX_SERIES && !series.contains_key(&key);
        *series.entry(if full { (verb, "other".to_owned(), code) } else { key }).or_default() += 1;
    }
    pub(crate) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }
    /// All requests sent, retries counted one by one.
    pub fn total(&self) -> u64 {
        self.total.load(Ordering::Relaxed)
    }
    /// Requests that can change something.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }
    /// Requests that were a second or later try.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }
    /// Requests of one verb on one resource (`deployments.apps`), whatever came of them.
    pub fn of(&self, verb: Verb, resource: &str) -> u64 {
        self.series.lock().iter().filter(|((v, r, _), _)| *v == verb && r == resource).map(|(_, n)| n).sum()
    }
    /// All series in order.
    pub fn snapshot(&self) -> Vec<RequestCount> {
        let series = self.series.lock();
        series
            .iter()
            .map(|((verb, resource, code), count)| RequestCount {
                verb: *verb,
                resource: resource.clone(),
                code: *code,
                count: *count,
            })
            .collect()
    }
}
