//! Whether repositories and clusters answer, remembered for a while: lists tell it of each of them, and
//! pages ask for lists again and again.

use std::collections::HashMap;
use std::time::Duration;

use belay_object::{Value, object};
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::time::{Instant, timeout_at};

/// How long an answer is believed; and a failure, which somebody is about to mend.
const FRESH: Duration = Duration::from_secs(60);
const FRESH_FAILURE: Duration = Duration::from_secs(10);
/// Answers that are kept; beyond them all are forgotten.
const MAX_KEPT: usize = 5000;
/// How long a list waits for all of its items together: it is told in time, whatever does not answer.
const LIST_PATIENCE: Duration = Duration::from_secs(15);

/// What was asked of late, and what came of it.
#[derive(Default)]
pub(crate) struct Reached(Mutex<HashMap<String, (Instant, State)>>);

/// What is told of something that was tried.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// `Successful`, `Failed` or `Unknown`.
    pub status: &'static str,
    /// Why.
    pub message: String,
    /// What it told of itself: a cluster's version.
    pub version: String,
    /// When.
    pub at: Timestamp,
}

impl State {
    /// One of this moment.
    pub fn new(status: &'static str, message: impl Into<String>) -> State {
        State { status, message: message.into(), version: String::new(), at: Timestamp::now() }
    }
    /// The message `ConnectionState`.
    pub fn to_value(&self) -> Value {
        let at = self.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        object! { "status" => self.status, "message" => self.message.as_str(), "attemptedAt" => at }
    }
}

/// When a list that is begun now is told.
pub(crate) fn list_deadline() -> Instant {
    Instant::now() + LIST_PATIENCE
}

impl Reached {
    /// What is known of something, or what comes of asking. `anew` believes nothing that is kept.
    pub async fn ask(&self, key: &str, anew: bool, deadline: Instant, ask: impl Future<Output = State>) -> State {
        let known = self.0.lock().get(key).cloned();
        if let Some((at, state)) = known
            && !anew
            && at.elapsed() < if state.status == "Failed" { FRESH_FAILURE } else { FRESH }
        {
            return state;
        }
        // What did not answer in time is not remembered: the next one waits for it again.
        let Ok(state) = timeout_at(deadline, ask).await else { return State::new("Unknown", "no answer in time") };
        let mut all = self.0.lock();
        if all.len() >= MAX_KEPT {
            all.clear();
        }
        all.insert(key.to_owned(), (Instant::now(), state.clone()));
        state
    }

    /// Forgets all: something was written that others go by.
    pub fn forget(&self) {
        self.0.lock().clear();
    }
}
