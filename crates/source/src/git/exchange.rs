//! One conversation with a remote: its deadline, its byte budget, and what went wrong first.
//!
//! gix reads and writes blocking streams; below them everything is async with a deadline. The
//! first failure below is kept here with its kind, because by the time it has come up through gix
//! it is a text.

use crate::{Error, ErrorKind};
use parking_lot::Mutex;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    runtime: tokio::runtime::Handle,
    /// Of the whole conversation.
    deadline: Instant,
    /// Of what is under way.
    until: Arc<Mutex<Instant>>,
    budget: Arc<AtomicU64>,
    failure: Arc<Mutex<Option<Error>>>,
}

impl Exchange {
    pub(crate) fn new(runtime: tokio::runtime::Handle, deadline: Instant) -> Exchange {
        let until = Arc::new(Mutex::new(deadline));
        Exchange { runtime, deadline, until, budget: Arc::new(AtomicU64::new(u64::MAX)), failure: Arc::default() }
    }

    /// Sets how long what begins may take, where that ends before the conversation.
    pub(crate) fn begin(&self, limit: Option<Duration>) {
        let until = limit.and_then(|limit| Instant::now().checked_add(limit));
        *self.until.lock() = until.map_or(self.deadline, |until| until.min(self.deadline));
    }

    fn until(&self) -> Instant {
        *self.until.lock()
    }

    /// Sets how many bytes may still be received (INV-NET-7).
    pub(crate) fn allow(&self, bytes: u64) {
        self.budget.store(bytes, Ordering::Relaxed);
    }

    /// Takes received bytes off the budget.
    pub(crate) fn received(&self, bytes: usize) -> io::Result<()> {
        let take = |left: u64| left.checked_sub(bytes as u64);
        match self.budget.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(_) => Ok(()),
            Err(_) => Err(self.fail(Error::new(ErrorKind::TooLarge, "the remote sent more than is allowed"))),
        }
    }

    /// Waits for `work` until the deadline. Must not be called on a thread of the runtime.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = Result<T, Error>>) -> io::Result<T> {
        let answer = self.runtime.block_on(async { tokio::time::timeout_at(self.until(), work).await });
        answer.unwrap_or_else(|_| Err(timeout())).map_err(|error| self.fail(error))
    }

    /// Keeps the first failure, and gives an error for gix.
    pub(crate) fn fail(&self, error: Error) -> io::Error {
        let told = io::Error::other(error.to_string());
        self.failure.lock().get_or_insert(error);
        told
    }

    /// What a failed call of gix means.
    pub(crate) fn told(&self, error: &gix::Error) -> Error {
        if let Some(own) = self.failure.lock().clone() {
            return own;
        }
        if Instant::now() >= self.until() {
            return timeout();
        }
        let causes: Vec<String> = error.iter_errors().map(|cause| cause.to_string()).collect();
        let any = |text: &str| causes.iter().any(|cause| cause.contains(text));
        let last = causes.last().map_or("", String::as_str);
        if any("not our ref") || any("unadvertised object") {
            return Error::new(ErrorKind::ReferenceNotFound, last);
        }
        if any("epository not found") || any("does not appear to be a git repository") {
            return Error::new(ErrorKind::RepositoryNotFound, "repository not found");
        }
        Error::new(ErrorKind::Unreachable, last)
    }

    /// What went wrong first, if that was here.
    pub(crate) fn first_failure(&self) -> Option<Error> {
        self.failure.lock().clone()
    }

    /// The failure of the last [`Exchange::wait`].
    pub(crate) fn failure(&self) -> Error {
        self.failure.lock().clone().unwrap_or_else(timeout)
    }
}

/// A point in time, and in the order of events: two events of one instant (a clock that a test
/// holds) still have one before the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    at: Instant,
    number: u64,
}

impl Moment {
    pub(crate) fn now() -> Moment {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Moment { at: Instant::now(), number: NEXT.fetch_add(1, Ordering::Relaxed) }
    }

    pub(crate) fn is_after(&self, other: &Moment) -> bool {
        self.number > other.number
    }

    /// How long before `later` this was.
    pub(crate) fn age_at(&self, later: &Moment) -> Duration {
        later.at.saturating_duration_since(self.at)
    }
}

/// As Go's users know it.
pub(crate) fn timeout() -> Error {
    Error::new(ErrorKind::Timeout, "context deadline exceeded")
}
