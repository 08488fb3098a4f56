//! Helm releases, carried out against a cluster.
//!
//! An [`Operation`] is an install, upgrade, rollback, uninstall or test of one release. It is begun by
//! writing its record ([`Releases::begin`]) and advanced ([`Releases::advance`]) until it is done:
//! hooks, objects, the wait for health, hooks again, the record's end. It never waits itself: it says
//! what it waits for, and watches wake the release when that changes.
//!
//! *Invariant* (ACT-14): all that must outlive the process is in the record. A process that dies
//! anywhere leaves a record that is pending, and [`Operation::resume`] goes on from it: each hook
//! runs once, what was applied is applied again to the same effect. What a server does not answer is
//! asked again; only what it refuses fails a release.
//!
//! Which revision follows which, what an object's owner is and which hook is next is decided by
//! `belay_helm::release`, as functions over values. When to do what, and what is told of it, is the
//! dialect's business.

mod crds;
mod drift;
mod fault;
mod hooks;
mod objects;
mod operation;
mod store;
mod uninstall;
mod wait;
mod watches;

use std::sync::Arc;
use std::time::Duration;

use belay_cluster::Propagation;
use belay_health::Exprs;

use crate::app::Target;

pub use crds::{CrdPolicy, apply_crds, crd_objects};
pub use drift::{Difference, Drifted, correct, differences};
pub use fault::Fault;
pub use operation::{Action, Advance, Operation, begun};
pub use store::Store;
pub use watches::Releases;

/// Where a release lives.
#[derive(Clone)]
pub struct Site {
    /// The cluster, with the rights that the release has.
    pub target: Target,
    /// The namespace of its records.
    pub storage: String,
    /// The field manager of what is applied.
    pub manager: String,
}

/// How an operation goes about it.
#[derive(Clone)]
pub struct Rules {
    /// How long each hook and each wait may take.
    pub timeout: Duration,
    /// Whether objects must be healthy, or gone.
    pub wait: bool,
    /// Whether Jobs must be complete.
    pub wait_for_jobs: bool,
    /// Whether kinds that Helm 3 did not wait for are healthy at once.
    pub waits_as_helm_3: bool,
    /// Whether hooks run.
    pub hooks: bool,
    /// Whether objects of nobody, or of others, are taken over.
    pub take_ownership: bool,
    /// Whether fields that no schema knows are refused.
    pub validate: bool,
    /// Whether objects that a failed operation made are deleted.
    pub cleanup_on_fail: bool,
    /// Whether objects are replaced rather than patched; only without server-side apply.
    pub force: bool,
    /// Whether the namespace of the release is made.
    pub create_namespace: bool,
    /// Revisions that are kept; 0 for all.
    pub max_history: u32,
    /// Own rules of health.
    pub exprs: Arc<Exprs>,
    /// What happens to dependents of what an uninstall deletes.
    pub propagation: Propagation,
    /// Whether the records of an uninstalled release stay.
    pub keep_history: bool,
    /// Tests by name, and whether each is left out rather than run; all where there are none.
    pub tests: Vec<(String, bool)>,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            timeout: Duration::from_secs(300),
            wait: true,
            wait_for_jobs: true,
            waits_as_helm_3: false,
            hooks: true,
            take_ownership: true,
            validate: true,
            cleanup_on_fail: false,
            force: false,
            create_namespace: false,
            max_history: 0,
            exprs: Arc::default(),
            propagation: Propagation::Background,
            keep_history: false,
            tests: Vec::new(),
        }
    }
}

/// Now, as records tell times.
pub(crate) fn now() -> String {
    jiff::Timestamp::now().to_string()
}
