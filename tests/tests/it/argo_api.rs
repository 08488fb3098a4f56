//! Argo CD's HTTP API over the embedded API server, without a socket: requests go to the router itself.

mod applications;
mod control_plane;
mod managed;
mod objects;
mod odd;
mod rights;
mod secrets;
mod sessions;
mod signers;
mod sources;
mod tls;
mod world;
