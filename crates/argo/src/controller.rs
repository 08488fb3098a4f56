//! The controller of Applications: what wakes one, what is done about it, what is written down.
//!
//! - `world`: what all Applications share; `destinations`: the clusters, observed; `sources`: what is
//!   fetched; `polls`: when it is looked at again, and who is woken; `patience`: how long they wait for it.
//! - `refresh`: whether and how freshly one is compared; `application`: one turn of one Application;
//!   `permission`: what its project allows; `integrity`: which commits it trusts; `desired`: what is wanted;
//!   `comparing`: that against what is there.
//! - [`Config`]: the configuration of a moment.
//! - `leaving`: projects that are deleted. `summary`: what an Application is in short.
//! - `operate`: operations, from what somebody asked to what came of it; `deletion`: when one goes;
//!   `around`: what the engine asks in both.
//! - `hydration`: dry sources rendered into branches.
//! - `charts`: charts and artifacts of repositories and registries; `dependencies`: those that charts in Git lack.
//! - `notifications`: who is told of what becomes of Applications.
//! - [`Mirrors`]: where what is fetched is kept.
//! - `application_sets`: the same of ApplicationSets, whose Applications are made here.
//! - `draft`: what a turn changes of an Application, written at once.
//! - [`run`]: starting and stopping; [`preview`]: the same comparison once, for who runs no controller.

mod application;
mod application_sets;
mod around;
mod charts;
mod comparing;
mod config;
mod deletion;
mod dependencies;
mod desired;
mod destinations;
mod draft;
mod hydration;
mod integrity;
mod leaving;
mod mirrors;
mod notifications;
mod operate;
mod patience;
mod permission;
mod polls;
pub mod preview;
mod refresh;
mod rival;
pub mod run;
mod sources;
mod summary;
mod world;

pub use config::{Config, all_secrets};
pub use mirrors::Mirrors;
pub use rival::has_pods;
pub use run::{Controllers, Options, StartError, scope};
pub use world::{Name, Settings};
