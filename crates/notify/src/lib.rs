//! Event to message to provider, as Argo CD's notifications engine does it.
//!
//! - [`Config`]: what a config map and a secret say: services, templates, triggers, who subscribes by default.
//! - [`Destinations`]: who wants to hear of what; [`Sent`]: what was told already, as it is written down.
//! - [`due`]: from those and the values of a [`Subject`] to the [`Message`]s that are due; a pure function.
//! - [`Outbox`]: messages to their services, each service apart from the others.
//!
//! Of the services' modules each knows one: what it is configured with, and the requests that a message becomes.
//! Credentials are [`belay_net::Secret`]s; no error shows one ([`Config::scrub`]).
//!
//! What this crate deliberately does not know: who raised an event, custom resources, clusters. Values come with
//! names; what they are is the caller's.
#![warn(missing_docs)]

mod config;
mod destinations;
mod due;
mod error;
mod functions;
mod outbox;
mod request;
mod sent;
mod service;
mod template;
mod trigger;

pub use config::{Config, Secrets};
pub use destinations::{Destination, Destinations};
pub use due::{Due, Message, Subject, due};
pub use error::{Error, ErrorKind};
pub use functions::{Commit, Outside};
pub use outbox::{Outbox, OutboxOptions, Outcome};
pub use request::{Answer, Outgoing, Retries};
pub use sent::Sent;
pub use service::Service;
pub use template::Notification;

#[cfg(test)]
mod tests;
