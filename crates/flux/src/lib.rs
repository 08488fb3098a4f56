//! Flux's resources on the engine.
//!
//! The pure half: [`crds`] (its custom resource definitions), [`install`] (the manifests of an
//! installation), [`spec`] (what a resource means), [`substitute`] (post-build substitution),
//! [`conditions`] and [`report`] (what is written back, word for word), [`names`]. The other half
//! watches, lowers and drives the engine.
//!
//! Nothing of Argo CD is known here.

pub mod conditions;
pub mod crds;
pub mod duration;
pub mod names;
pub mod report;
pub mod spec;
pub mod substitute;
