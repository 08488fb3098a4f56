//! Fixtures and fakes at the rim for tests: a Git server on loopback, temporary repositories, the fault injector's controls.
#![warn(missing_docs)]

pub mod git_server;
pub mod wire;
