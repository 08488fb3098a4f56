//! Structural schemas: what a value may be, and how two of them merge.
//!
//! A [`Schema`] is a node of a tree: [`Types::builtin`] gives those of Kubernetes' own kinds,
//! [`crd::compile`] makes one of a custom resource definition's `openAPIV3Schema`. On nodes stand
//! plain functions:
//!
//! - [`decode`]: read a request's body: duplicate fields, wrong types in Go's words, unknown fields;
//! - [`default_values`], [`prune`], [`validate`]: what happens to a custom resource before it is stored;
//! - [`strategic`]: strategic merge patch, applied and made;
//! - [`source`]: definitions written down a line a field;
//! - [`ssa`]: server-side apply and the tracking of who owns which field ([`FieldSet`]).
//!
//! What this crate deliberately does not know: transport, storage, clocks, which kinds exist in a
//! cluster, and the hand-written defaults and rules of built-in kinds.
#![warn(missing_docs)]

pub mod crd;
pub mod decode;
mod default;
mod error;
mod fields;
mod node;
mod openapi;
mod prune;
pub mod quantity;
pub mod source;
pub mod ssa;
pub mod strategic;
mod types;
mod validate;

pub use default::default_values;
pub use error::{Error, ErrorKind, FieldError, FieldErrorKind};
pub use fields::FieldSet;
pub use node::{Expression, Field, Format, Kind, ListType, Node, Rules, Schema};
pub use prune::prune;
pub use types::{Definition, Types};
pub use validate::validate;

#[cfg(test)]
mod tests;
