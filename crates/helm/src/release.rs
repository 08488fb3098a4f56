//! Releases: what Helm remembers of them, and what an operation does to one.
//!
//! A [`Release`] is the record that Helm keeps in a Secret, to the letter of its format
//! ([`encode_data`], [`secret`]), so that Helm and Flux go on reading what is written here and
//! the other way round. The rest are decisions as functions over values: which revision an upgrade
//! starts from ([`history`]), what it creates, changes and deletes ([`change`]), which objects it
//! may take over ([`ownership`]), which hook runs next, also when a run was cut off ([`hooks`]).
//!
//! Who sends requests, waits and keeps time is none of this module's business: times come in as
//! texts.

pub mod change;
pub mod history;
pub mod hooks;
pub(crate) mod json;
pub mod ownership;
mod record;
mod storage;
#[cfg(test)]
mod tests;

pub use record::{ApplyMethod, Info, RecordedChart, Release, Status};
pub use storage::{SYSTEM_LABELS, Stored, check_labels, encode_data, key, read_secret, secret};

use crate::error::{Error, Result};

/// Longest name of a release: Kubernetes' 63 less ten for what charts add.
const MAX_NAME: usize = 53;

/// Refuses what is no name of a release.
pub fn check_name(name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::release("no name provided"));
    }
    if name.len() <= MAX_NAME && is_dns_name(name) {
        return Ok(());
    }
    Err(Error::release(
        "invalid release name, must match regex ^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$ and \
         the length must not be longer than 53",
    ))
}

/// Lower-case letters, digits and `-` in parts joined by dots, none of them at an edge.
pub(crate) fn is_dns_name(name: &str) -> bool {
    name.split('.').all(|part| {
        let is_inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !part.is_empty() && part.bytes().all(is_inner) && !part.starts_with('-') && !part.ends_with('-')
    })
}
