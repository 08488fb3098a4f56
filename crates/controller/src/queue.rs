//! The work queue: which keys are to be looked at, and when.
//!
//! *Invariants*: a key is queued at most once; a key that is being worked on is never handed out a
//! second time (an add meanwhile queues it again when the work ends); of several delayed adds the
//! earliest counts, and a run satisfies all that were made before it began. Among groups (tenants,
//! clusters) turns go round, so that one group's flood waits behind one key of every other group.
//!
//! Time is tokio's, so that a paused clock drives it in tests.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt::Debug;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{Backoff, jittered};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// How a queue behaves.
pub struct QueueOptions<K> {
    /// The pause after a first failure.
    pub min_delay: Duration,
    /// The longest pause after failures, and the length of a quarantine.
    pub max_delay: Duration,
    /// How far pauses after failures are spread to either side.
    pub jitter_percent: u32,
    /// Panics in a row after which a key is quarantined (INV-RES-7).
    pub panics_to_quarantine: u32,
    /// The group of a key: groups take turns. All in one by default.
    pub group: Box<dyn Fn(&K) -> u64 + Send + Sync>,
}

impl<K> Default for QueueOptions<K> {
    /// Flux's `--min-retry-delay=750ms --max-retry-delay=15m`.
    fn default() -> Self {
        QueueOptions {
            min_delay: Duration::from_millis(750),
            max_delay: Duration::from_secs(15 * 60),
            jitter_percent: 10,
            panics_to_quarantine: 3,
            group: Box::new(|_| 0),
        }
    }
}

/// Keys to be looked at. Cheap to clone.
pub struct WorkQueue<K>(Arc<Inner<K>>);

struct Inner<K> {
    options: QueueOptions<K>,
    state: Mutex<State<K>>,
    news: Notify,
}

struct State<K> {
    entries: HashMap<K, Entry>,
    /// Keys to run now, by group; a group without keys is not in the map.
    ready: HashMap<u64, VecDeque<K>>,
    /// The groups with keys, in the order of their turns.
    turns: VecDeque<u64>,
    /// What is due later, in order; the number keeps apart what is due at the same time.
    delayed: BTreeMap<(Instant, u64), K>,
    next_number: u64,
    running: usize,
    closed: bool,
    stats: QueueStats,
}

#[derive(Default)]
struct Entry {
    queued_since: Option<Instant>,
    running: bool,
    /// Added while running.
    again: bool,
    due: Option<(Instant, u64)>,
    failures: u32,
    panics: u32,
    quarantined_until: Option<Instant>,
}

impl Entry {
    /// Whether forgetting the entry loses nothing.
    fn is_idle(&self) -> bool {
        self.queued_since.is_none()
            && !self.running
            && self.due.is_none()
            && self.failures == 0
            && self.panics == 0
            && self.quarantined_until.is_none()
    }
}

/// Counts since the start, and sizes at present.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueueStats {
    /// Keys waiting for a worker.
    pub ready: usize,
    /// Keys due later.
    pub delayed: usize,
    /// Keys being worked on.
    pub running: usize,
    /// Keys held back after panics.
    pub quarantined: usize,
    /// Adds that queued a key.
    pub adds: u64,
    /// Runs begun.
    pub runs: u64,
    /// Retries after failures.
    pub retries: u64,
    /// Panics of handlers.
    pub panics: u64,
    /// Seconds that keys waited for a worker, in all.
    pub waited_s: f64,
    /// Seconds that work took, in all.
    pub worked_s: f64,
}

impl<K> Clone for WorkQueue<K> {
    fn clone(&self) -> Self {
        WorkQueue(self.0.clone())
    }
}

impl<K: Clone + Eq + Hash + Debug + Send + Sync + 'static> Default for WorkQueue<K> {
    fn default() -> Self {
        WorkQueue::new(QueueOptions::default())
    }
}

impl<K: Clone + Eq + Hash + Debug + Send + Sync + 'static> WorkQueue<K> {
    /// Makes an empty one.
    pub fn new(options: QueueOptions<K>) -> WorkQueue<K> {
        let state = State {
            entries: HashMap::new(),
            ready: HashMap::new(),
            turns: VecDeque::new(),
            delayed: BTreeMap::new(),
            next_number: 0,
            running: 0,
            closed: false,
            stats: QueueStats::default(),
        };
        WorkQueue(Arc::new(Inner { options, state: Mutex::new(state), news: Notify::new() }))
    }

    /// Queues a key now, or again as soon as its present run ends.
    pub fn add(&self, key: K) {
        self.0.state.lock().add(key, &self.0.options);
        self.0.news.notify_one();
    }
    /// Queues a key after a while. An earlier deadline that the key already has stays.
    pub fn add_after(&self, key: K, delay: Duration) {
        if delay.is_zero() {
            return self.add(key);
        }
        // Thousands are put off at once; who waits for the first of them need not hear of the others.
        if self.0.state.lock().add_at(key, Instant::now() + delay) {
            self.0.news.notify_one();
        }
    }
    /// Queues a key after the pause that its failures in a row cost, and gives the pause.
    pub fn retry(&self, key: K) -> Duration {
        let options = &self.0.options;
        let pause = {
            let mut state = self.0.state.lock();
            state.stats.retries += 1;
            let entry = state.entries.entry(key.clone()).or_default();
            let pause = Backoff::pause(options.min_delay, options.max_delay, entry.failures);
            entry.failures = entry.failures.saturating_add(1);
            jittered(pause, options.jitter_percent)
        };
        self.add_after(key, pause);
        pause
    }
    /// Forgets a key's failures, after a success.
    pub fn forget(&self, key: &K) {
        let mut state = self.0.state.lock();
        if let Some(entry) = state.entries.get_mut(key) {
            (entry.failures, entry.panics) = (0, 0);
        }
        state.drop_if_idle(key);
    }
    /// Forgets a key altogether: what is queued, delayed, counted and quarantined. A run under way
    /// goes on, and an add during it still counts.
    pub fn remove(&self, key: &K) {
        let mut state = self.0.state.lock();
        let group = (self.0.options.group)(key);
        state.unqueue(key, group);
        state.clear_due(key);
        if let Some(entry) = state.entries.get_mut(key) {
            (entry.failures, entry.panics, entry.quarantined_until, entry.again) = (0, 0, None, false);
        }
        state.drop_if_idle(key);
    }
    /// Lets a quarantined key run again, because somebody changed it.
    pub fn release(&self, key: &K) {
        let mut state = self.0.state.lock();
        if let Some(entry) = state.entries.get_mut(key) {
            (entry.panics, entry.quarantined_until) = (0, None);
        }
        state.drop_if_idle(key);
    }
    /// How often a key failed in a row.
    pub fn failures(&self, key: &K) -> u32 {
        self.0.state.lock().entries.get(key).map_or(0, |e| e.failures)
    }
    /// Whether a key is held back after panics.
    pub fn is_quarantined(&self, key: &K) -> bool {
        let now = Instant::now();
        self.0.state.lock().entries.get(key).is_some_and(|e| e.quarantined_until.is_some_and(|t| t > now))
    }
    /// When a key is due, where it is delayed.
    pub fn due(&self, key: &K) -> Option<Instant> {
        self.0.state.lock().entries.get(key)?.due.map(|(at, _)| at)
    }
    /// Sizes and counts.
    pub fn stats(&self) -> QueueStats {
        let now = Instant::now();
        let state = self.0.state.lock();
        QueueStats {
            ready: state.ready.values().map(VecDeque::len).sum(),
            delayed: state.delayed.len(),
            running: state.running,
            quarantined: state.entries.values().filter(|e| e.quarantined_until.is_some_and(|t| t > now)).count(),
            ..state.stats
        }
    }
    /// Whether nothing is queued and nothing runs; what is due later does not count.
    pub fn is_idle(&self) -> bool {
        let state = self.0.state.lock();
        state.running == 0 && state.ready.is_empty()
    }
    /// Ends the queue: [`WorkQueue::next`] gives no more keys, adds are dropped.
    pub fn close(&self) {
        self.0.state.lock().closed = true;
        self.0.news.notify_waiters();
        self.0.news.notify_one();
    }
    /// Whether the queue was closed.
    pub fn is_closed(&self) -> bool {
        self.0.state.lock().closed
    }

    /// The next key to work on; `None` once closed. Dropping the future takes nothing.
    pub async fn next(&self) -> Option<Job<K>> {
        loop {
            let news = self.0.news.notified();
            let due = {
                let mut state = self.0.state.lock();
                if state.closed {
                    // Wakes the next of several that wait.
                    self.0.news.notify_one();
                    return None;
                }
                state.promote(&self.0.options);
                if let Some((key, group)) = state.take() {
                    let more = !state.ready.is_empty();
                    drop(state);
                    if more {
                        self.0.news.notify_one();
                    }
                    return Some(Job { queue: self.clone(), key, group, since: Instant::now() });
                }
                state.delayed.keys().next().map(|(at, _)| *at)
            };
            match due {
                None => news.await,
                Some(at) => tokio::select! {
                    () = news => {}
                    () = sleep_until(at) => {}
                },
            }
        }
    }

    /// Counts a panic of a key's handler; whether the key is quarantined from here on.
    pub(crate) fn panicked(&self, key: &K) -> bool {
        let options = &self.0.options;
        let mut state = self.0.state.lock();
        state.stats.panics += 1;
        let entry = state.entries.entry(key.clone()).or_default();
        entry.panics += 1;
        let held = entry.panics >= options.panics_to_quarantine;
        if held {
            entry.quarantined_until = Some(Instant::now() + options.max_delay);
        }
        held
    }
}

impl<K: Clone + Eq + Hash> State<K> {
    fn add(&mut self, key: K, options: &QueueOptions<K>) {
        if self.closed {
            return;
        }
        let now = Instant::now();
        let entry = self.entries.entry(key.clone()).or_default();
        if let Some(until) = entry.quarantined_until {
            if until > now {
                // One more look when the quarantine ends, whatever is added meanwhile.
                self.add_at(key, until);
                return;
            }
            entry.quarantined_until = None;
        }
        if entry.running {
            entry.again = true;
            return;
        }
        if entry.queued_since.is_some() {
            return;
        }
        entry.queued_since = Some(now);
        self.stats.adds += 1;
        let group = (options.group)(&key);
        let keys = self.ready.entry(group).or_default();
        if keys.is_empty() {
            self.turns.push_back(group);
        }
        keys.push_back(key);
    }

    /// Notes when a key is due; whether it is the first one now.
    fn add_at(&mut self, key: K, at: Instant) -> bool {
        if self.closed {
            return false;
        }
        let entry = self.entries.entry(key.clone()).or_default();
        match entry.due {
            Some((due, _)) if due <= at => return false,
            Some(due) => {
                self.delayed.remove(&due);
            }
            None => {}
        }
        let due = (at, self.next_number);
        self.next_number += 1;
        entry.due = Some(due);
        self.delayed.insert(due, key);
        self.delayed.keys().next() == Some(&due)
    }

    fn clear_due(&mut self, key: &K) {
        if let Some(due) = self.entries.get_mut(key).and_then(|e| e.due.take()) {
            self.delayed.remove(&due);
        }
    }

    /// Queues what has become due.
    fn promote(&mut self, options: &QueueOptions<K>) {
        let now = Instant::now();
        while let Some(first) = self.delayed.first_entry() {
            if first.key().0 > now {
                return;
            }
            let key = first.remove();
            if let Some(entry) = self.entries.get_mut(&key) {
                entry.due = None;
            }
            self.add(key, options);
        }
    }

    /// Takes the first key of the group whose turn it is.
    fn take(&mut self) -> Option<(K, u64)> {
        let group = self.turns.pop_front()?;
        let keys = self.ready.get_mut(&group)?;
        let key = keys.pop_front()?;
        if keys.is_empty() {
            self.ready.remove(&group);
        } else {
            self.turns.push_back(group);
        }
        self.running += 1;
        self.stats.runs += 1;
        // The run satisfies whatever was asked for later.
        self.clear_due(&key);
        let entry = self.entries.entry(key.clone()).or_default();
        entry.running = true;
        let since = entry.queued_since.take();
        self.stats.waited_s += since.map_or(0.0, |since| since.elapsed().as_secs_f64());
        Some((key, group))
    }

    fn unqueue(&mut self, key: &K, group: u64) {
        let queued = self.entries.get_mut(key).and_then(|e| e.queued_since.take()).is_some();
        if !queued {
            return;
        }
        if let Some(keys) = self.ready.get_mut(&group) {
            keys.retain(|k| k != key);
            if keys.is_empty() {
                self.ready.remove(&group);
                self.turns.retain(|g| *g != group);
            }
        }
    }

    fn drop_if_idle(&mut self, key: &K) {
        if self.entries.get(key).is_some_and(Entry::is_idle) {
            self.entries.remove(key);
        }
    }
}

/// A key that is being worked on, until dropped.
pub struct Job<K: Clone + Eq + Hash + Debug + Send + Sync + 'static> {
    queue: WorkQueue<K>,
    key: K,
    group: u64,
    since: Instant,
}

impl<K: Clone + Eq + Hash + Debug + Send + Sync + 'static> Job<K> {
    /// The key.
    pub fn key(&self) -> &K {
        &self.key
    }
    /// Its group.
    pub fn group(&self) -> u64 {
        self.group
    }
}

impl<K: Clone + Eq + Hash + Debug + Send + Sync + 'static> Drop for Job<K> {
    fn drop(&mut self) {
        let inner = &self.queue.0;
        {
            let mut state = inner.state.lock();
            state.running -= 1;
            state.stats.worked_s += self.since.elapsed().as_secs_f64();
            let mut again = false;
            if let Some(entry) = state.entries.get_mut(&self.key) {
                entry.running = false;
                again = std::mem::take(&mut entry.again);
            }
            if again {
                state.add(self.key.clone(), &inner.options);
            }
            state.drop_if_idle(&self.key);
        }
        inner.news.notify_one();
    }
}
