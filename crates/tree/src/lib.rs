//! Content-addressed read-only file trees.
//!
//! A [`Tree`] answers what is at a [`TreePath`]: a [`File`] with its content and [`Digest`], a
//! directory, a symlink, or nothing. Trees are values: a commit in a Git object database, files in
//! memory ([`MemoryTree`]), a folder on disk ([`DirTree`]), one tree laid over another
//! ([`OverlayTree`]), the part of a tree below a directory ([`SubTree`]).
//!
//! Every renderer reads through [`Recorded`], which keeps a [`ReadLog`] of all that was asked,
//! absent files and listings included. A later tree in which the log [still holds](ReadLog::still_holds)
//! gives the same render, so it need not be made again.
//!
//! What this crate deliberately does not do: fetch, write, parse, wait. It knows no Git, OCI or
//! Kubernetes.
#![warn(missing_docs)]

mod digest;
mod dir;
mod error;
mod limits;
mod memory;
mod overlay;
mod path;
mod recorded;
mod sub;
mod tree;

pub use digest::{Digest, DigestBuilder};
pub use dir::DirTree;
pub use error::{Error, ErrorKind};
pub use limits::Limits;
pub use memory::{MemoryTree, MemoryTreeBuilder};
pub use overlay::OverlayTree;
pub use path::{PathError, TreePath};
pub use recorded::{ReadLog, Recorded};
pub use sub::SubTree;
pub use tree::{Entry, EntryKind, File, ListItem, Stat, Tree, Walk, listing_digest};

#[cfg(test)]
mod tests;
