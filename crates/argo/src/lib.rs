//! Argo CD's resources on the engine: what is read from an Application and its settings, what is said
//! of it, and what wakes it.
//!
//! - [`spec`]: the Application as types; [`marks`]: the annotations of single objects; [`tracking`]: whose
//!   an object is.
//! - [`manifests`]: sources to objects.
//! - [`compare`], [`differ`], [`ignore`], [`known_types`]: desired against live; [`live`]: what is kept of live
//!   objects.
//! - [`mask`]: what is taken out of objects before people see them.
//! - [`resource_tree`]: what an Application consists of, for people.
//! - [`application_set`]: many Applications from one template. [`hydrator`]: what is rendered into a branch, and when.
//! - [`auto_sync`]: whether to sync without being asked.
//! - [`crds`], [`install`]: the definitions, and what an installation starts with.
//! - [`settings`], [`repositories`], [`clusters`]: the control plane's config maps and secrets, read.
//! - [`controller`]: all of it at work.
//!
//! What this crate deliberately does not know: Flux's resources; the embedded API server; HTTP.
#![warn(missing_docs)]

pub mod application_set;
pub mod auto_sync;
pub mod clusters;
pub mod compare;
pub mod controller;
pub mod crds;
pub mod differ;
pub mod hydrator;
pub mod ignore;
pub mod install;
pub mod known_types;
pub mod live;
pub mod manifests;
pub mod marks;
pub mod mask;
pub mod names;
pub mod repositories;
pub mod resource_tree;
pub mod settings;
pub mod spec;
pub mod tracking;
