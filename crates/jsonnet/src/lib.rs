//! Jsonnet in a Tree to values, with limits.
//!
//! What this crate deliberately does not know: the disk, the network, what the values are for.
#![warn(missing_docs)]
