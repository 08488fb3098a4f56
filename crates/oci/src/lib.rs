//! OCI registries: what is in a repository, and putting something there.
//!
//! A [`Client`] is one [`Repository`] with a [`Keychain`]: it lists tags, resolves a [`Target`] to a
//! [`ContentDigest`], reads [`Manifest`]s and blobs, and writes both. Nothing that comes is believed
//! before its digest is checked, and everything has a limit. [`cosign`] checks signatures by given keys.
//! [`serve`] is a registry in memory, for the demonstration and for tests.
//!
//! What this crate deliberately does not know: what artifacts hold, custom resources, other ways to
//! open a connection than [`belay_net`].
#![warn(missing_docs)]

mod artifact;
mod auth;
mod client;
pub mod cosign;
mod credentials;
mod error;
mod manifest;
pub mod media;
mod pull;
mod push;
mod reference;
pub mod serve;

pub use artifact::{Artifact, digest_of};
pub use client::Client;
pub use credentials::{Credentials, Keychain};
pub use error::{Error, ErrorKind};
pub use manifest::{Descriptor, Manifest, Platform};
pub use pull::Pulled;
pub use reference::{ContentDigest, Repository, Tag, Target, parse_reference};

#[cfg(test)]
mod tests;
