//! From what is wanted, what is there, what is owned and what is allowed, to what is done.
//!
//! - [`Plan`]: rendered objects in apply order, in stages; each [`Step`] turns the server's answers
//!   into an [`Action`]. Types have private fields: nothing unplanned can be applied.
//! - [`PruneSet`] and [`DeletionCertificate`]: deleting only with proof.
//! - [`Inventory`]: what an app owns; [`inventory_id`] and [`parse_inventory_id`].
//! - [`drift`]: where a live object differs; [`IgnoreRules`]: what does not count.
//! - [`Takeover`]: fields of earlier managers become ours.
//! - [`sync`]: an operation of phases and waves, with hooks.
//! - [`ChangeSet`]: what was done, and the lines that tell it; [`upsert`]: the history.
//!
//! Everything here is a function of values: no clock, client or dialect's resource is known. Where
//! names of labels matter, their domain is a parameter ([`Marks`]).
#![warn(missing_docs)]

mod change;
mod drift;
mod error;
mod history;
mod ignore;
mod inventory;
mod managers;
mod marks;
mod normalize;
mod order;
mod plan;
mod prune;
mod refusal;
pub mod sync;

pub use change::{Change, ChangeKind, ChangeSet};
pub use drift::drift;
pub use error::{Error, ErrorKind};
pub use history::{MAX_SNAPSHOTS, Snapshot, upsert};
pub use ignore::{IgnoreRules, Target};
pub use inventory::{Inventory, InventoryEntry, inventory_id, parse_inventory_id};
pub use managers::{Manager, Takeover};
pub use marks::{CommonMetadata, Marks, OwnerName};
pub use normalize::normalize;
pub use order::{STAGE_WAIT_S, Stage, compare as apply_order, is_custom_resource_definition};
pub use plan::{Action, Applied, Apply, Before, Done, Plan, Policy, Step};
pub use prune::{Budget, DeletionCertificate, DeletionReason, Fate, Held, Kept, Protection, PruneSet};
pub use refusal::{Refusal, delete_failures};

#[cfg(test)]
mod tests;
