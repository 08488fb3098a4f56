//! Flux's resources on the engine.
//!
//! The pure half: [`crds`] (its custom resource definitions), [`install`] (the manifests of an
//! installation), [`spec`] (what a resource means), [`substitute`] (post-build substitution),
//! [`conditions`] and [`report`] (what is written back, word for word), [`names`]. The other half
//! watches, lowers and drives the engine.
//!
//! Nothing of Argo CD is known here.

pub mod conditions;
mod configs;
pub mod crds;
mod dependencies;
mod git_repository;
mod git_spec;
mod handover;
mod helm_release;
pub mod install;
mod journal;
mod kustomization;
mod lower;
pub mod names;
pub mod preview;
pub mod report;
mod run;
mod shared;
mod sources;
pub mod spec;
pub mod substitute;
mod target;
mod variables;

pub use belay_object::duration;
pub use run::{Controllers, Options, StartError};
pub use shared::Settings;
