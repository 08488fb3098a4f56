//! The controller of Applications: what wakes one, what is done about it, what is written down.
//!
//! - `world`: what all Applications share; `destinations`: the clusters, observed; `sources`: what is
//!   fetched, and who asks for it.
//! - `refresh`: whether and how freshly one is compared; `application`: one turn of one Application.
//! - [`Config`]: the configuration of a moment.
//! - `operate`: operations, from what somebody asked to what came of it; `deletion`: when one goes.
//! - `draft`: what a turn changes of an Application, written at once.
//! - [`run`]: starting and stopping.

mod application;
mod config;
mod deletion;
mod destinations;
mod draft;
mod operate;
mod refresh;
pub mod run;
mod sources;
mod world;

pub use config::Config;
pub use run::{Controllers, Options, StartError};
pub use world::{Name, Settings};
