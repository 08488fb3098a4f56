//! Growing pauses with jitter. Not a retry loop: who waits decides what is worth a second try.

use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// A random whole number in `0..bound` (0 where `bound` is 0); for spreading load, never for secrets.
pub fn random_below(bound: u64) -> u64 {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0u8));
    }
    // SplitMix64: one addition and three mixes a number, good enough to spread timers.
    let mixed = STATE.with(|state| {
        let next = state.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(next);
        let mut z = next;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    });
    if bound == 0 { 0 } else { mixed % bound }
}

/// Spreads a pause by up to `percent` of itself to either side; the result is never negative.
pub fn jittered(pause: Duration, percent: u32) -> Duration {
    let nanos = u64::try_from(pause.as_nanos()).unwrap_or(u64::MAX);
    let spread = (nanos / 100).saturating_mul(u64::from(percent.min(100)));
    let low = nanos.saturating_sub(spread);
    Duration::from_nanos(low.saturating_add(random_below(spread.saturating_mul(2).saturating_add(1))))
}

/// Exponential back-off: `initial`, doubled at each step, never above `max`, spread by `jitter_percent`.
#[derive(Clone, Debug)]
pub struct Backoff {
    /// The first pause.
    pub initial: Duration,
    /// The longest pause, jitter aside.
    pub max: Duration,
    /// How far a pause is spread to either side.
    pub jitter_percent: u32,
    steps: u32,
}

impl Backoff {
    /// Makes one that has not failed yet.
    pub fn new(initial: Duration, max: Duration, jitter_percent: u32) -> Backoff {
        Backoff { initial, max, jitter_percent, steps: 0 }
    }
    /// The pause before step `n` (from 0) without jitter.
    pub fn pause(initial: Duration, max: Duration, n: u32) -> Duration {
        initial.saturating_mul(1u32.checked_shl(n).unwrap_or(u32::MAX)).min(max)
    }
    /// Counts one failure and gives the pause that it costs.
    pub fn next_pause(&mut self) -> Duration {
        let pause = Backoff::pause(self.initial, self.max, self.steps);
        self.steps = self.steps.saturating_add(1);
        jittered(pause, self.jitter_percent)
    }
    /// How many failures were counted since the last reset.
    pub fn failures(&self) -> u32 {
        self.steps
    }
    /// Starts over after a success.
    pub fn reset(&mut self) {
        self.steps = 0;
    }
}
