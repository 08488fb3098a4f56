//! Who may do what, as pure decisions: role policies, globs, what a project permits, sync windows.
//!
//! What this crate deliberately does not know: HTTP, tokens, clocks other than the one given.
#![warn(missing_docs)]
