//! The whole of Belay in one process: a Git server on loopback, the embedded API server, and the
//! controllers between them. Each test has a world of its own and shares nothing.

mod buckets;
pub mod charts;
mod docker_registry;
mod handover;
mod helm_inputs;
mod helm_oci;
mod helm_records;
mod helm_release;
mod helm_switches;
mod inputs;
mod oci;
mod releases;
mod rules;
pub mod shelf;
mod status;
mod story;
pub mod sweep;
pub mod world;
