//! A Kubernetes API server in the process: storage, watch, server-side apply, custom resource
//! definitions, RBAC, and controllers that simulate workloads.
//!
//! [`Server`] is a cloneable tower service: `http::Request` in, `http::Response` out, watches as
//! streaming bodies. A test or `belay plan` calls it with no socket; [`Server::serve`] puts it on a
//! loopback port with TLS and a bearer token. Its answers are held to recordings of a real server.
//!
//! How a request goes: `http` reads and negotiates, `auth` says who asks, `verbs` runs the
//! operation as a function from (live object, request) to a new object, [`store`] swaps it in if
//! nobody was faster, and the history of the kind carries it to the watchers.
//!
//! What a kind means (defaults, validation, allocation, columns) plugs in through the traits of
//! [`plugin`]; what a type is (schemas, merging, field ownership) is `belay_schema`.
//!
//! What this crate deliberately does not know: clients, engines, Flux, Argo CD.
#![warn(missing_docs)]

pub mod access;
mod audit;
mod auth;
mod body;
pub mod builtin;
pub mod controllers;
mod crd;
mod discovery;
mod faults;
pub mod handle;
pub mod identity;
pub mod metadata;
mod negotiate;
pub mod openapi;
pub mod plugin;
mod pods;
mod random;
pub mod rbac;
mod request;
pub mod resource;
mod respond;
mod route;
mod serve;
mod server;
pub mod status;
pub mod store;
pub mod tables;
#[cfg(test)]
mod tests;
mod verbs;
mod watch;

pub use audit::Audit;
pub use body::{Body, BodyError};
pub use faults::{Fault, FaultRule, Faults};
pub use handle::StoreHandle;
pub use identity::UserInfo;
pub use plugin::Plugins;
pub use serve::{Serving, Tls};
pub use server::{Options, Server};
pub use status::{ApiError, FieldError};
pub use store::{Store, Stored};
