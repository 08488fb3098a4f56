//! How often a name may be tried: failures of logins, counted. Whether a password is right is for
//! the accounts.

use std::collections::HashMap;

use jiff::Timestamp;

/// Failures after which a name is refused for a while. Compat(argo 3.5)
const MAX_FAILURES: u32 = 5;
/// How long failures count. Compat(argo 3.5)
const WINDOW_S: i64 = 300;
/// Names that are remembered: 10,000 of at most 32 bytes are less than a megabyte.
const MAX_NAMES: usize = 10_000;

/// Failures by name.
#[derive(Clone, Debug, Default)]
pub struct Attempts(HashMap<String, Failures>);

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Timestamp,
    /// Whether an account has that name.
    known: bool,
}

impl Attempts {
    /// Whether a name was tried too often of late.
    pub fn exceeded(&self, name: &str, now: Timestamp) -> bool {
        self.0.get(name).is_some_and(|failures| failures.count >= MAX_FAILURES && failures.is_recent(now))
    }

    /// Counts a failure. Names of accounts are never forgotten for want of room, so that trying many
    /// names does not free one of them (AUTHN-4); those of nobody are.
    pub fn failed(&mut self, name: &str, known: bool, now: Timestamp) {
        if !self.0.contains_key(name) && self.0.len() >= MAX_NAMES {
            self.0.retain(|_, failures| failures.is_recent(now));
            let unknown = self.0.iter().filter(|(_, failures)| !failures.known);
            let oldest = unknown.min_by_key(|(_, failures)| failures.last).map(|(name, _)| name.clone());
            match oldest {
                Some(oldest) if self.0.len() >= MAX_NAMES => drop(self.0.remove(&oldest)),
                _ => {}
            }
        }
        let failures = self.0.entry(name.to_owned()).or_insert(Failures { count: 0, last: now, known });
        let count = if failures.is_recent(now) { failures.count } else { 0 };
        *failures = Failures { count: count.saturating_add(1), last: now, known };
    }

    /// Forgets the failures of a name.
    pub fn succeeded(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// How many names are remembered.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Failures {
    fn is_recent(&self, now: Timestamp) -> bool {
        now.as_second().saturating_sub(self.last.as_second()) <= WINDOW_S
    }
}
