//! Controllers that simulate a cluster: workloads become pods, pods become ready, owners are followed.
//!
//! One task does it all. It is woken by writes, reads every table's history up to the present, and from each change
//! derives keys of objects to look at (`observe`); a key stands in the queue once. Looking at an object means: read
//! what is stored, decide, write (`sync`). Nothing polls, and a change costs what hangs on it, not what is stored.
//!
//! *Invariant*: before a key is worked on, the indexes (`index`) hold everything that had been written by then, so that
//! no controller makes twice what it has just made.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::handle::StoreHandle;

mod account;
mod claim;
mod conditions;
mod cron_job;
mod daemon_set;
mod deployment;
mod event;
mod garbage;
mod index;
mod job;
mod logs;
mod namespace;
mod node;
mod observe;
mod pod;
mod policy;
mod queue;
mod replica_set;
mod revision;
mod rollout;
mod service;
mod stateful_set;
mod world;

#[cfg(test)]
mod tests;

pub use logs::log_lines;

/// What is simulated.
#[derive(Clone, Debug)]
pub struct Options {
    /// How long a pod takes from its creation until it is ready; with zero it is so at once.
    pub pod_ready_after: Duration,
    /// The name of the one node; pods stay pending where it is `None`.
    pub node: Option<String>,
}

impl Default for Options {
    fn default() -> Options {
        Options { pod_ready_after: Duration::from_millis(800), node: Some("belay-node-0".into()) }
    }
}

/// Starts them all; dropping the set ends them.
pub fn start(store: StoreHandle, options: Options) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(world::World::new(store, options).run());
    tasks
}
