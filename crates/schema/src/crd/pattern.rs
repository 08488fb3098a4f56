//! Compiled patterns, kept: definitions say the same few (names, durations, digests) over and over.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use regex::Regex;

/// Patterns that are kept. The definitions of Flux and of Argo CD have some 60; compiled, one takes up to some 100 KiB.
const MOST: usize = 256;

/// The pattern compiled, or why it is none.
pub(super) fn compiled(pattern: &str) -> Result<Regex, regex::Error> {
    static KNOWN: LazyLock<Mutex<HashMap<Box<str>, Regex>>> = LazyLock::new(Mutex::default);
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(regex) = known().get(pattern) {
        return Ok(regex.clone());
    }
    let regex = Regex::new(pattern)?;
    let mut known = known();
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(pattern.into(), regex.clone());
    Ok(regex)
}
