//! The source hydrator: what a dry source renders to becomes files of a branch, which is what is synced.
//!
//! - [`due`], [`Request`]: whether an Application is to be hydrated now.
//! - [`GroupKey`], [`refusals`]: Applications that are hydrated together, and what forbids it.
//! - [`Metadata`]: what is told of the dry commit, in files, messages and templates; `trailers` reads what its message
//!   refers to; `commands` is how people would render the same.
//! - [`manifest`], [`changes`], [`note`]: the files, what of a branch they change, and the note about its commit.
//!
//! Functions over values: who fetches, renders, pushes and writes statuses is `controller::hydration`.

mod commands;
mod due;
mod files;
mod group;
mod message;
mod trailers;

pub use commands::commands;
pub use due::{Due, HYDRATE, HYDRATE_AT, PATHS, Request, due, may_differ};
pub use files::{Hydrated, NOTES, changes, manifest, note, noted};
pub use group::{GroupKey, Member, destination, generic, path, refusals};
pub use message::{AUTHOR, COMMIT_MESSAGE, DryCommit, Metadata, README, clean_message, commit_message, readme};
pub use trailers::Reference;

#[cfg(test)]
mod tests;
