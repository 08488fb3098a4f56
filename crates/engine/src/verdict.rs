//! What came of advancing an App.
//!
//! Stages fail in many ways; here is the one place where a failure becomes something a dialect can
//! report. Whatever the outcome, the inventory in it is the truth about what may be live.

use std::fmt;
use std::time::Duration;

use belay_health::Health;
use belay_object::ObjectKey;
use belay_plan::{ChangeSet, Inventory};

use crate::claims::Claimant;

/// What a run did, whatever its end.
#[derive(Debug, Default, Clone)]
pub struct Done {
    /// What was applied, objects that were as desired included where they were looked at.
    pub applied: ChangeSet,
    /// What was deleted.
    pub pruned: ChangeSet,
    /// What would have been deleted and was left alone, and why, a sentence each.
    pub kept: Vec<String>,
    /// What left the render and stays ours until another App has taken it over, or is known not to.
    pub moving: Vec<(ObjectKey, Claimant)>,
    /// What is, or may be, ours in the cluster.
    pub inventory: Inventory,
    /// `sha256:...` of the rendered objects; empty where nothing was rendered.
    pub digest: String,
    /// What the renderer wants to be known.
    pub warnings: Vec<String>,
}

/// How a run ended.
#[derive(Debug)]
pub enum Verdict {
    /// Everything is applied, pruned and, where asked for, healthy.
    Settled {
        /// How long health was waited for, over all runs of this wait; `None` where it was there at once.
        waited: Option<Duration>,
    },
    /// Everything is applied; health is not there yet. The engine wakes the App when it changes.
    Waiting {
        /// What is waited for.
        pending: Vec<Pending>,
        /// How much longer this may go on.
        left: Duration,
    },
    /// A stage failed.
    Failed(Failure),
}

/// One object whose health is not there.
#[derive(Debug, Clone, PartialEq)]
pub struct Pending {
    /// Which one.
    pub key: ObjectKey,
    /// How it is.
    pub health: Health,
}

/// The stage that failed.
#[derive(Debug, Clone, PartialEq)]
pub enum FailureKind {
    /// The directory to render is not in the tree.
    NoDirectory,
    /// The tree could not be rendered: what Git holds is wrong.
    Render,
    /// What was rendered may not be applied as it is.
    Unfit,
    /// Applying failed; what was applied before stays.
    Apply,
    /// Deleting failed, or was held back; what is left stays in the inventory.
    Prune,
    /// Objects failed, or were not healthy in time.
    Health {
        /// Those that are not healthy.
        pending: Vec<Pending>,
        /// How long was waited.
        after: Duration,
        /// Whether the time was up; otherwise an object failed.
        timed_out: bool,
    },
    /// The intent could not be written down, so nothing was done.
    Journal,
}

impl FailureKind {
    /// Whether it came before anything was applied or written down.
    pub fn is_before_apply(&self) -> bool {
        match self {
            FailureKind::NoDirectory | FailureKind::Render | FailureKind::Unfit => true,
            FailureKind::Apply | FailureKind::Prune | FailureKind::Health { .. } | FailureKind::Journal => false,
        }
    }
}

/// A failed run.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The stage.
    pub kind: FailureKind,
    /// For people: what failed, on which object or file, why, what to do.
    pub message: String,
}

impl Failure {
    /// Makes one.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Failure {
        Failure { kind, message: message.into() }
    }
}
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for Failure {}
