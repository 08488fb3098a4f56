//! Argo CD's resources on the engine: what is read from an Application and its settings, what is said
//! of it, and what wakes it.
//!
//! What this crate deliberately does not know: Flux's resources; the embedded API server; HTTP.
#![warn(missing_docs)]

pub mod clusters;
pub mod manifests;
pub mod names;
pub mod repositories;
pub mod settings;
pub mod spec;
pub mod tracking;
