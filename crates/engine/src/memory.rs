//! What the engine remembers of each App between runs, so that a run costs what changed.
//!
//! Nothing here is needed to be right: it is rebuilt from the cluster by one run after a restart. An
//! object is *known* when its manifest's digest and, in the live object, the digest of the fields that
//! we own are those of our last apply; then it needs no request.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::Uid;
use belay_health::Health;
use belay_object::ObjectKey;
use belay_plan::{Inventory, Plan};
use belay_tree::Digest;
use tokio::time::Instant;

use crate::claims::Claim;

/// Digest of the fields that we own in a live object.
pub type OwnedDigest = [u8; 16];

/// One App's memory.
#[derive(Default)]
pub(crate) struct Memory {
    /// Uid of the resource that this is about.
    pub uid: Box<str>,
    /// Digest of everything that went into the desired objects of `known`.
    pub inputs: Option<Digest>,
    /// The desired objects, in apply order.
    pub order: Vec<ObjectKey>,
    /// What is known of each desired object.
    pub known: HashMap<ObjectKey, Known>,
    /// Whether a run is under way: changes that come in meanwhile are looked at when it ends.
    pub running: bool,
    /// Objects that changed during the run.
    pub touched: HashSet<ObjectKey>,
    /// What is waited for, and since when.
    pub wait: Option<Wait>,
    /// Objects outside the App whose health it looks at.
    pub listed: HashSet<ObjectKey>,
    /// What is desired, as others are told of it.
    pub claim: Arc<Claim>,
    /// Objects that left the render and wait for another App to take them over.
    pub moving: HashSet<ObjectKey>,
    /// How often repairs were needed of late.
    pub pace: RepairPace,
}

/// What is known of one desired object.
#[derive(Clone)]
pub(crate) struct Known {
    /// Digest of the manifest.
    pub desired: [u8; 32],
    /// How it stood after our last look.
    pub state: KnownState,
}

/// How an object stood after our last look.
#[derive(Clone)]
pub(crate) enum KnownState {
    /// To be looked at.
    Dirty,
    /// As desired.
    Applied(Applied),
    /// Left alone, as it or its manifest says.
    Skipped,
}

/// The live object as our last apply left it.
#[derive(Clone)]
pub(crate) struct Applied {
    /// Its uid.
    pub uid: Uid,
    /// Its resource version as a number; 0 where it is none.
    pub version: u64,
    /// Digest of the fields that we own.
    pub owned: Option<OwnedDigest>,
    /// Its health at that version.
    pub health: Health,
    /// Whether a watch has shown it since: only then does its absence there mean that it is gone.
    pub seen: bool,
}

/// A wait for health.
pub(crate) struct Wait {
    /// The inputs digest that is waited for: a new one starts a new wait.
    pub inputs: Digest,
    /// When it began.
    pub since: Instant,
}

/// How a run may go ahead with repairs: at once, unless somebody keeps changing what we own.
#[derive(Default)]
pub(crate) struct RepairPace {
    count: u32,
    last: Option<Instant>,
}

/// Repairs that go ahead at once before a pause is made.
const FREE_REPAIRS: u32 = 5;
/// The longest pause between two repairs of one App.
const MAX_PAUSE: Duration = Duration::from_secs(300);
/// A calm this long forgets earlier repairs.
const CALM: Duration = Duration::from_secs(600);

impl RepairPace {
    /// Notes that a repair is wanted and gives the pause to make before it: none for the first few,
    /// then 2, 4, 8, ... 300 seconds. Without it, two managers that own the same field would write
    /// without end.
    pub fn pause(&mut self, now: Instant) -> Duration {
        if self.last.is_some_and(|last| now.duration_since(last) > CALM) {
            self.count = 0;
        }
        self.last = Some(now);
        self.count = self.count.saturating_add(1);
        match self.count.checked_sub(FREE_REPAIRS + 1) {
            None => Duration::ZERO,
            Some(n) => Duration::from_secs(2u64.saturating_pow(n.min(16) + 1)).min(MAX_PAUSE),
        }
    }
}

impl Memory {
    /// Whether an App with these inputs has nothing to apply and nothing to delete.
    pub fn needs_nothing(&self, inputs: &Digest, recorded: &Inventory) -> bool {
        self.inputs.as_ref() == Some(inputs)
            && self.is_clean()
            && recorded.len() == self.known.len()
            && recorded.entries().iter().all(|e| self.known.contains_key(&e.key))
    }
    /// Takes over a new plan: what is known of objects whose manifests are the same stays. Gives the
    /// keys that need no request.
    pub fn renew(&mut self, inputs: &Digest, plan: &Plan, claim: &Arc<Claim>) -> HashSet<ObjectKey> {
        let mut old = std::mem::take(&mut self.known);
        let mut unchanged = HashSet::new();
        self.order = plan.steps().iter().map(|s| s.key().clone()).collect();
        for step in plan.steps() {
            let desired = step.digest();
            let state = match old.remove(step.key()) {
                Some(known) if known.desired == desired => known.state,
                _ => KnownState::Dirty,
            };
            if matches!(state, KnownState::Applied(_)) {
                unchanged.insert(step.key().clone());
            }
            self.known.insert(step.key().clone(), Known { desired, state });
        }
        self.inputs = Some(*inputs);
        self.claim = claim.clone();
        unchanged
    }
    /// Marks an object to be looked at by the next run; gives whether it is one of ours.
    pub fn mark_dirty(&mut self, key: &ObjectKey) -> bool {
        match self.known.get_mut(key) {
            Some(known) => {
                known.state = KnownState::Dirty;
                true
            }
            None => false,
        }
    }
    /// Whether every desired object is as desired, or left alone.
    pub fn is_clean(&self) -> bool {
        self.known.values().all(|k| !matches!(k.state, KnownState::Dirty))
    }
}
