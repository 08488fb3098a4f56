//! Reaches any Kubernetes API.
//!
//! A [`Cluster`] is one API server seen as one user: made from a kubeconfig, from the pod's service
//! account, or from any tower service in the same process. It sends requests whose objects are
//! [`belay_object::Object`]s, read straight from the answer's bytes. [`Cluster::impersonate`] gives
//! the same connection pool under another [`Identity`]. A [`Resource`] is what discovery knows of a
//! kind; a [`Follow`] is a watch that never ends; [`Views`] share one follow per kind and keep a
//! small summary of each object.
//!
//! Every request has a deadline, passes an adaptive [`limit`] per API server, is retried where that
//! cannot do harm, and is counted in [`Counters`].
//!
//! What this crate deliberately does not know: Flux's and Argo CD's kinds, plans, and the embedded
//! API server (which is a tower service, handed to [`Cluster::from_service`]).
#![warn(missing_docs)]

mod backoff;
mod cluster;
mod connect;
mod counters;
mod discovery;
mod error;
mod follow;
mod identity;
pub mod limit;
mod lines;
mod options;
mod resource;
mod send;
mod view;
mod watch;

pub use backoff::{Backoff, jittered, random_below};
pub use cluster::{Cluster, Fence, List, LogStream, Page};
pub use connect::{KubeconfigFlags, SecretKubeconfig};
pub use counters::{Counters, RequestCount, Verb};
pub use discovery::Catalog;
pub use error::{Cause, Error, ErrorKind, Result, Status};
pub use follow::{Follow, FollowEvent, FollowOptions};
pub use identity::Identity;
pub use options::{
    ApplyOptions, DeleteOptions, FieldValidation, ListOptions, LogOptions, Patch, Propagation, WatchOptions,
    WriteOptions,
};
pub use resource::Resource;
pub use view::{Change, CrSummary, CrView, Entry, Summarize, Uid, View, ViewScope, Views};
pub use watch::{WatchEvent, WatchStream};

/// The body of requests and answers, for services handed to [`Cluster::from_service`].
pub use kube::client::Body;

#[cfg(test)]
mod tests;
