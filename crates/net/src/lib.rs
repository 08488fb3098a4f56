//! The only way to open an outbound connection.
//!
//! [`ClientOptions::build`] makes an HTTP [`Client`] with its trust roots, client certificate,
//! proxy, deadlines and [`Egress`] policy; [`RemoteUrl`] is an address without its userinfo;
//! [`Bound`] keeps a credential with the one [`Origin`] that may see it; [`Secret`] cannot be
//! printed; [`redact`] takes credentials out of a text that somebody else wrote.
//!
//! What this crate deliberately does not know: what is fetched, who asks, what is done with it.
#![warn(missing_docs)]

mod client;
mod egress;
mod error;
mod proxy;
mod secret;
mod url;

pub use client::{Client, ClientIdentity, ClientOptions, Clients, Request, Response};
pub use egress::Egress;
pub use error::{Error, ErrorKind, redact};
pub use proxy::Proxy;
pub use secret::Secret;
pub use url::{Bound, Origin, RemoteUrl, Scheme, UserInfo};

#[cfg(test)]
mod tests;
