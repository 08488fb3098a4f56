//! Reading a table's history from a position on.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Event, Table};

/// A position that the history no longer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// The version asked for.
    pub asked: u64,
    /// The oldest or newest version to be had, for the message.
    pub current: u64,
}

/// Events of one batch: enough to pay for the lock, few enough that a slow reader holds little.
const BATCH: usize = 256;

/// A reader of a table's events. It holds no events itself.
pub struct Watcher {
    table: Arc<Table>,
    position: u64,
    changed: watch::Receiver<u64>,
}

impl Table {
    /// Watches from behind a version.
    pub fn watch(self: &Arc<Self>, after: u64) -> Result<Watcher, Gone> {
        let changed = self.changed.subscribe();
        let state = self.state.read();
        if after < state.floor {
            return Err(Gone { asked: after, current: state.floor });
        }
        drop(state);
        Ok(Watcher { table: self.clone(), position: after, changed })
    }
}

impl Watcher {
    /// The version up to which everything has been given out.
    pub fn position(&self) -> u64 {
        self.position
    }
    /// Whether the resource itself is gone.
    pub fn is_closed(&self) -> bool {
        self.table.is_closed()
    }
    /// What has happened since, oldest first; empty where nothing has. Fails where the watcher was
    /// too slow and events are lost.
    pub fn poll(&mut self) -> Result<Vec<Arc<Event>>, Gone> {
        self.changed.borrow_and_update();
        let state = self.table.state.read();
        if self.position < state.floor {
            return Err(Gone { asked: self.position, current: state.floor });
        }
        let first = state.history.partition_point(|e| e.version() <= self.position);
        let events: Vec<_> = state.history.range(first..).take(BATCH).cloned().collect();
        // All events of the table up to the newest version of all have happened: the position of an
        // idle watcher moves along, so that the history of busy tables does not outrun its bookmarks.
        self.position = match events.last() {
            Some(last) => last.version(),
            None => self.table.version_now(),
        };
        Ok(events)
    }
    /// Waits until something may have happened.
    pub async fn wait(&mut self) {
        // The sender lives in the table that this watcher holds.
        let _ = self.changed.changed().await;
    }
    /// Waits for the next events; empty only where the resource is gone.
    pub async fn next(&mut self) -> Result<Vec<Arc<Event>>, Gone> {
        loop {
            let events = self.poll()?;
            if !events.is_empty() || self.is_closed() {
                return Ok(events);
            }
            self.wait().await;
        }
    }
}
