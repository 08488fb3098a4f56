//! Intent reaches disk before act.
//!
//! *Invariant* (ACT-5): an object is applied only after its id is in the recorded inventory, and its
//! id leaves the recorded inventory only after its deletion was confirmed. A crash between any two
//! requests therefore leaves no object that is applied but untracked.
//!
//! *Invariant* (ACT-1): an object is deleted only after the certificate of its deletion is recorded:
//! whatever happens next, why it was deleted can be read.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use belay_object::Value;
use belay_plan::Inventory;

/// How far a run has come, for the dialect to show.
#[derive(Debug, Clone)]
pub enum Progress {
    /// About to apply: `inventory` is the union of what was ours and what will be.
    Applying {
        /// What may be ours from here on.
        inventory: Inventory,
    },
    /// Everything is applied and stale objects are about to be deleted; they are still listed.
    Pruning {
        /// What is ours, the stale objects included.
        inventory: Inventory,
    },
    /// Objects are about to be deleted, at most [`MAX_CERTIFICATES`] at a time.
    Deleting {
        /// The record of each deletion's certificate: `{id, v, uid, reason, owner}`.
        certificates: Vec<Value>,
    },
}

/// Deletions that are recorded together: a record has at most some 900 bytes, and all of them must fit
/// into an annotation (256 KiB for all of an object's).
pub const MAX_CERTIFICATES: usize = 200;

/// The intent could not be recorded.
#[derive(Debug, Clone)]
pub struct JournalError(pub String);

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for JournalError {}

/// Records progress durably; the future ends when it is safe. Implemented by dialects: the status of a custom resource.
pub trait Journal: Send + Sync {
    /// Records; an error stops the run before the act.
    fn record<'a>(&'a self, progress: Progress) -> Pin<Box<dyn Future<Output = Result<(), JournalError>> + Send + 'a>>;
}
