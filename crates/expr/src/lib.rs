//! CEL with Kubernetes' extension functions over [`belay_object::Value`], with limits.
//!
//! A [`Program`] is compiled once (and kept in a bounded cache by its text) and evaluated many
//! times. Whole numbers are CEL `int`s, as the Kubernetes API server binds them. What an expression
//! is for (a custom resource's rule, a health check, a readiness test) is not known here.
#![warn(missing_docs)]

mod error;
mod program;
mod value;

pub use error::{Error, ErrorKind};
pub use program::{Limits, Program};

#[cfg(test)]
mod tests;
