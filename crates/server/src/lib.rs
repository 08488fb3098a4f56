//! Argo CD's HTTP API, straight over the Kubernetes API.
//!
//! [`router`] makes a tower service of [`Options`]; [`prepare`] makes what the first sign-in needs;
//! [`serve`] puts the service on a listener. What is answered is read from views of the control
//! plane's own kinds ([`snapshot`]), from the destination clusters ([`places`], [`nodes`]), and where
//! files of a source are needed from a [`Sources`] that the binary gives.
//!
//! One request is one [`call::Call`]: who asks ([`identity`]), what they may ([`rights`]), what they
//! said. The operations stand in [`routes`], a file per service beside it.
//!
//! What this crate deliberately does not know: controllers' insides, rendering, the embedded server.
#![warn(missing_docs)]

mod answer;
mod api;
mod call;
mod error;
mod failures;
mod fields;
mod guard;
mod identity;
mod listen;
mod message;
mod nodes;
mod options;
mod places;
mod prepare;
mod previewed;
mod reached;
mod remembered;
mod revoked;
mod rights;
mod routes;
mod services;
mod snapshot;
mod sources;
mod tls;
mod told;

pub use error::{Code, Error};
pub use listen::{serve, serve_tls};
pub use options::{Build, Options};
pub use prepare::{Prepared, prepare};
pub use previewed::Previewed;
pub use routes::{Access, listing, router};
pub use sources::{ManifestsOf, Rendered, SourceDetails, Sources};
pub use tls::Tls;

#[cfg(test)]
mod tests;
