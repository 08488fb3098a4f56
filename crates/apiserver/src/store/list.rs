//! Consistent snapshots of a table, whole or in pages, now or as they were at a version that the
//! history still reaches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::table::State;
use super::{Gone, Stored, Table};

/// What to list.
pub struct ListOptions<'a> {
    /// Empty for all.
    pub namespace: &'a str,
    /// The state at this version; `None` for now.
    pub at: Option<u64>,
    /// Begin behind this key.
    pub after: Option<&'a str>,
    /// At most so many; 0 for all.
    pub limit: usize,
    /// Which objects count.
    pub select: &'a dyn Fn(&Stored) -> bool,
}

/// A page of a snapshot.
pub struct List {
    /// In order of their keys.
    pub items: Vec<Arc<Stored>>,
    /// The version of the snapshot.
    pub version: u64,
    /// The key to go on behind; `None` at the end.
    pub next: Option<Arc<str>>,
    /// How many more keys there are behind `next`, selected or not.
    pub remaining: usize,
}

impl Table {
    /// Lists; fails where `at` is older than the history.
    pub fn list(&self, options: &ListOptions<'_>) -> Result<List, Gone> {
        let state = self.state.read();
        let current = self.version_now();
        let Some(at) = options.at.filter(|at| state.newest() > *at) else {
            let version = options.at.unwrap_or(current);
            let entries = state.range(options.namespace, options.after).map(|(k, s)| (k.clone(), s.clone()));
            return Ok(page(entries, version, options));
        };
        if at < state.floor {
            return Err(Gone { asked: at, current });
        }
        Ok(page(state.as_of(at, options).into_iter(), at, options))
    }

    pub(super) fn version_now(&self) -> u64 {
        self.version_counter().load(Ordering::Acquire)
    }
}

fn page(entries: impl Iterator<Item = (Arc<str>, Arc<Stored>)>, version: u64, options: &ListOptions<'_>) -> List {
    let mut list = List { items: Vec::new(), version, next: None, remaining: 0 };
    let mut last = None;
    for (key, stored) in entries {
        if options.limit > 0 && list.items.len() == options.limit {
            list.next = list.next.or(last.take());
            list.remaining += 1;
        } else if (options.select)(&stored) {
            list.items.push(stored);
            last = Some(key);
        }
    }
    list
}

impl State {
    /// The version of the newest event.
    fn newest(&self) -> u64 {
        self.history.back().map_or(self.floor, |e| e.version())
    }
    /// Undoes the events above a version, newest first.
    fn as_of(&self, at: u64, options: &ListOptions<'_>) -> BTreeMap<Arc<str>, Arc<Stored>> {
        let now = self.range(options.namespace, options.after);
        let mut entries: BTreeMap<_, _> = now.map(|(k, s)| (k.clone(), s.clone())).collect();
        let prefix = if options.namespace.is_empty() { String::new() } else { format!("{}/", options.namespace) };
        for event in self.history.iter().rev().take_while(|e| e.version() > at) {
            if !event.key.starts_with(&prefix) || options.after.is_some_and(|after| &*event.key <= after) {
                continue;
            }
            match &event.previous {
                Some(previous) => entries.insert(event.key.clone(), previous.clone()),
                None => entries.remove(&event.key),
            };
        }
        entries
    }
}
