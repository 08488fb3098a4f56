//! How many requests came, by verb, resource and user agent: what benches and tests of a quiet
//! steady state count. `GET /debug/belay/requests` shows it, `DELETE` sets it back.

use std::collections::BTreeMap;

use belay_object::{Value, object};
use parking_lot::Mutex;

/// Bounds the table: beyond so many rows everything new counts as one row, `other`.
const MAX_ROWS: usize = 4096;
/// What is kept of a user agent: with the rows, at most some MiB.
const MAX_AGENT_CHARS: usize = 96;

/// One row's name: verb, resource (with group and subresource), user agent.
pub type Row = (String, String, String);

/// The counters of a server.
#[derive(Default)]
pub struct Audit {
    rows: Mutex<BTreeMap<Row, u64>>,
}

impl Audit {
    pub(crate) fn count(&self, verb: &str, resource: &str, user_agent: &str) {
        let agent: String = user_agent.chars().take(MAX_AGENT_CHARS).collect();
        let row = (verb.to_owned(), resource.to_owned(), agent);
        let mut rows = self.rows.lock();
        if rows.len() >= MAX_ROWS && !rows.contains_key(&row) {
            *rows.entry(("other".into(), String::new(), String::new())).or_default() += 1;
            return;
        }
        *rows.entry(row).or_default() += 1;
    }
    /// Every row with its count.
    pub fn rows(&self) -> Vec<(Row, u64)> {
        self.rows.lock().iter().map(|(row, n)| (row.clone(), *n)).collect()
    }
    /// How many requests there were in all, of those that `select` holds for.
    pub fn total(&self, select: impl Fn(&Row) -> bool) -> u64 {
        self.rows.lock().iter().filter(|(row, _)| select(row)).map(|(_, n)| n).sum()
    }
    /// Begins at nothing again.
    pub fn reset(&self) {
        self.rows.lock().clear();
    }
    pub(crate) fn to_value(&self) -> Value {
        let rows = self.rows();
        let row = |((verb, resource, user_agent), count): (Row, u64)| {
            object! { "verb" => verb, "resource" => resource, "userAgent" => user_agent, "count" => count }
        };
        object! {
            "total" => rows.iter().map(|(_, n)| n).sum::<u64>(),
            "requests" => rows.into_iter().map(row).collect::<Value>(),
        }
    }
}
