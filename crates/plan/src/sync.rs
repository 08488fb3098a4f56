//! An operation of phases and waves: what is touched next, and when it has ended.
//!
//! A [`Sync`] holds the [`Task`]s of one operation in order: phase, wave, kind, name. It is asked
//! [`Sync::decide`] and told what came of it ([`Sync::record`], [`Sync::ran`]); it sends nothing itself. What
//! was recorded of each task ([`TaskResult`]) is all that a process needs to go on where another one ended:
//! tasks are made anew from the manifests, and given their results.
//!
//! - [`task`]: one object in one phase, and what it asks for.
//! - [`waves`]: the order, prunes in mirrored waves, definitions before what they define.
//!
//! *Invariants*: a wave begins only when everything of the waves before it is done and healthy; a task
//! with a result is never run again (INV-ACT-14); a single wave without hooks ends as soon as all is
//! applied, and is the only one that does not wait for health.

mod deletion;
mod step;
pub mod task;
pub mod waves;

pub use deletion::Looked;
pub use step::{Batch, Ended, Next, Ran, Seen, Settings, Sync};
pub use task::{Consent, Flags, HookPolicy, OperationPhase, Outcome, SyncPhase, Task, TaskResult};

#[cfg(test)]
mod tests;
