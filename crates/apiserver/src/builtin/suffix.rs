//! Random suffixes of generated names.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::template_hash::SAFE_LETTERS;

/// Five letters, as `generateName` appends: unguessable enough for names, no secret.
pub fn random_suffix() -> String {
    static KEYS: OnceLock<RandomState> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let mut bits = KEYS.get_or_init(RandomState::new).hash_one(COUNT.fetch_add(1, Ordering::Relaxed));
    let letters = SAFE_LETTERS.len() as u64;
    let mut out = String::with_capacity(5);
    for _ in 0..5 {
        out.push(char::from(SAFE_LETTERS[(bits % letters) as usize]));
        bits /= letters;
    }
    out
}
