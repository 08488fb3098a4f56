//! The pipeline: fetch, render, observe, plan, apply, settle.
//!
//! An [`App`] is one thing to keep in place: a tree, how to render it, where to apply it, under which
//! rules. A dialect lowers its custom resource to an App and hands it to [`Engine::advance`], as often
//! as it likes: advancing is level-triggered, and an App whose tree, rules and live objects are as they
//! were costs no render and no request. What came of it is a [`Verdict`], which the dialect reports in
//! its own words.
//!
//! ```text
//! App --render--> Desired --observe--> Live --plan--> actions --apply--> inventory --settle--> Verdict
//! ```
//!
//! - [`app`] holds what goes in, [`verdict`] what comes out.
//! - [`journal`] is how intent reaches disk before act: the inventory is written ahead of every apply
//!   and shrinks only behind confirmed deletions.
//! - [`claims`] hands objects over from one App to another; [`Elsewhere`] is who else keeps objects.
//! - `live` is what the watches say about the objects that we applied, `memory` what is remembered of
//!   them, `core` what a change of one means.
//! - `apply`, [`prune`] and `settle` are the stages that touch a cluster.
//! - [`sync`] carries out operations of phases and waves with hooks; [`observe`] sees all of a cluster.
//! - [`release`] carries out Helm releases: it has no part in the pipeline, and shares its watches.
//!
//! What this crate deliberately does not know: any dialect's resources, reasons or texts; the
//! embedded API server; Git.

pub mod app;
mod apply;
pub mod claims;
mod core;
mod elsewhere;
pub mod journal;
mod live;
mod memory;
pub mod observe;
mod pipeline;
pub mod prune;
pub mod release;
mod settle;
pub mod sync;
pub mod verdict;

pub use app::{App, HealthPolicy, HealthScope, PostRender, Target};
pub use claims::{Claimant, Found, IsKnown, Other, Others, Stamp};
pub use core::{Wake, WakeReason};
pub use elsewhere::{Elsewhere, Keeper};
pub use journal::{Journal, JournalError, Progress};
pub use pipeline::Engine;
pub use prune::Pruned;
pub use verdict::{Done, Failure, FailureKind, Pending, Verdict};
