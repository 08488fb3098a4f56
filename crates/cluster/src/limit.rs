//! How many requests may be under way to one API server at once.
//!
//! There is no fixed rate: the limit grows by one a round trip while it is used up and answers come
//! fast, and shrinks by a factor when the server says 429, times out, or slows down well beyond its
//! own usual latency (additive increase, multiplicative decrease). `Retry-After` holds all new
//! requests of that server for so long. Waiting is first come, first served.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::backoff::random_below;

/// The limit at the start; a fresh server with default flow control takes this without queueing.
const INITIAL: f64 = 16.0;
/// Never below: one slow request must not hold all others.
const MIN: f64 = 2.0;
/// Slowness alone never cuts below: a slow webhook of one kind must not starve all others.
const SLOW_MIN: f64 = 8.0;
/// Never above: each is a connection and a file descriptor on either side.
const MAX: f64 = 256.0;
/// The longest that one `Retry-After` holds requests back.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// At most one cut in so long: answers to one burst are one piece of news.
const CUT_EVERY: Duration = Duration::from_secs(1);

/// What came of a request, as far as load is concerned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// The server answered, whatever it said.
    Answered,
    /// 429, with `Retry-After` where given.
    Throttled(Option<Duration>),
    /// 503, 504, or our deadline passed.
    Overloaded,
    /// The connection failed: says nothing about load.
    Broken,
}

/// Whose latency a request's is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Reads of one object.
    Read,
    /// Writes.
    Write,
    /// Lists and streams: their size decides how long they take, so they say nothing about load.
    Other,
}

/// The adaptive limit of one API server.
pub struct Limiter(Mutex<State>);

struct State {
    limit: f64,
    in_flight: usize,
    waiters: VecDeque<oneshot::Sender<Permit>>,
    hold_until: Option<Instant>,
    last_cut: Option<Instant>,
    reads: Latency,
    writes: Latency,
}

/// Usual and recent seconds.
#[derive(Clone, Copy, Default)]
struct Latency {
    usual: f64,
    recent: f64,
}

/// The right to have one request under way; given back on drop.
pub struct Permit {
    /// `None` once the place was taken back without a drop.
    limiter: Option<Arc<Limiter>>,
    since: Instant,
}

impl Limiter {
    /// Makes one at the initial limit.
    pub fn new() -> Arc<Limiter> {
        Arc::new(Limiter(Mutex::new(State {
            limit: INITIAL,
            in_flight: 0,
            waiters: VecDeque::new(),
            hold_until: None,
            last_cut: None,
            reads: Latency::default(),
            writes: Latency::default(),
        })))
    }
    /// Waits for a turn, and until no `Retry-After` holds requests back. Dropping the future gives
    /// the place in the queue up.
    pub async fn acquire(self: &Arc<Limiter>) -> Permit {
        let turn = {
            let mut state = self.0.lock();
            if state.waiters.is_empty() && (state.in_flight as f64) < state.limit.floor() {
                state.in_flight += 1;
                None
            } else {
                let (sender, receiver) = oneshot::channel();
                state.waiters.push_back(sender);
                Some(receiver)
            }
        };
        let mut permit = match turn {
            None => self.permit(),
            // The sender lives in the queue and is only dropped with the limiter that we hold.
            Some(turn) => match turn.await {
                Ok(permit) => permit,
                Err(_) => self.permit_without_turn(),
            },
        };
        while let Some(until) = self.held_until() {
            // Spread over a tenth of a second, so that a held crowd does not come back at once.
            tokio::time::sleep_until(until + Duration::from_millis(random_below(100))).await;
        }
        permit.since = Instant::now();
        permit
    }
    /// A permit beyond the limit: for lease renewals, which must not queue behind applies.
    pub fn acquire_urgent(self: &Arc<Limiter>) -> Permit {
        self.permit_without_turn()
    }
    fn permit(self: &Arc<Limiter>) -> Permit {
        Permit { limiter: Some(self.clone()), since: Instant::now() }
    }
    fn permit_without_turn(self: &Arc<Limiter>) -> Permit {
        self.0.lock().in_flight += 1;
        self.permit()
    }
    fn held_until(&self) -> Option<Instant> {
        let mut state = self.0.lock();
        let until = state.hold_until?;
        if until <= Instant::now() {
            state.hold_until = None;
            return None;
        }
        Some(until)
    }
    /// How many may be under way at present.
    pub fn limit(&self) -> usize {
        self.0.lock().limit as usize
    }
    /// How many are under way.
    pub fn in_flight(&self) -> usize {
        self.0.lock().in_flight
    }
    /// How many wait for a turn.
    pub fn waiting(&self) -> usize {
        self.0.lock().waiters.len()
    }

    fn observe(&self, outcome: Outcome, class: Class, took: Duration) {
        let mut guard = self.0.lock();
        let state = &mut *guard;
        match outcome {
            Outcome::Answered => {
                let seconds = took.as_secs_f64();
                let slow = match class {
                    Class::Read => state.reads.is_slow_after(seconds),
                    Class::Write => state.writes.is_slow_after(seconds),
                    Class::Other => false,
                };
                if slow {
                    state.cut(0.9, SLOW_MIN);
                } else if state.in_flight as f64 >= state.limit / 2.0 {
                    state.limit = (state.limit + 1.0 / state.limit).min(MAX);
                }
            }
            Outcome::Throttled(retry_after) => {
                state.cut(0.7, MIN);
                let pause = retry_after.unwrap_or(Duration::from_secs(1)).min(MAX_PAUSE);
                let until = Instant::now() + pause;
                state.hold_until = Some(state.hold_until.map_or(until, |held| held.max(until)));
            }
            Outcome::Overloaded => state.cut(0.7, MIN),
            Outcome::Broken => {}
        }
    }

    /// Gives one place back and hands free places to those who wait.
    fn release(self: &Arc<Limiter>) {
        self.0.lock().in_flight -= 1;
        loop {
            let next = {
                let mut state = self.0.lock();
                if (state.in_flight as f64) >= state.limit.floor() {
                    return;
                }
                let Some(next) = state.waiters.pop_front() else { return };
                if next.is_closed() {
                    continue;
                }
                state.in_flight += 1;
                next
            };
            if let Err(mut refused) = next.send(self.permit()) {
                // The waiter left between the look and the send: take the place back here, not by
                // running this function again inside the permit's drop.
                refused.limiter = None;
                self.0.lock().in_flight -= 1;
            }
        }
    }
}

impl State {
    fn cut(&mut self, factor: f64, least: f64) {
        let now = Instant::now();
        if self.last_cut.is_some_and(|last| now.duration_since(last) < CUT_EVERY) {
            return;
        }
        self.last_cut = Some(now);
        self.limit = (self.limit * factor).max(least.min(self.limit));
    }
}

impl Latency {
    /// Takes one sample; whether answers have become much slower than usual (five times and 200 ms).
    /// What is usual follows slowly, so that a server that stays slow becomes the new usual.
    fn is_slow_after(&mut self, seconds: f64) -> bool {
        if self.usual == 0.0 {
            *self = Latency { usual: seconds, recent: seconds };
            return false;
        }
        self.recent += (seconds - self.recent) * 0.1;
        self.usual = if seconds < self.usual { seconds } else { self.usual + (seconds - self.usual) * 0.002 };
        self.recent > self.usual * 5.0 + 0.2
    }
}

impl Permit {
    /// Ends the request, telling what came of it.
    pub fn finish(self, outcome: Outcome, class: Class) {
        if let Some(limiter) = &self.limiter {
            limiter.observe(outcome, class, self.since.elapsed());
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(limiter) = self.limiter.take() {
            limiter.release();
        }
    }
}
