//! One integration binary: corpora, recordings, scenarios and fault sweeps, a module each.

// A panic is how a test fails.
#![allow(clippy::unwrap_used)]

mod argo;
mod argo_api;
mod cluster;
mod cluster_scenarios;
mod flux;
mod flux_definitions;
mod helm;
mod jsonnet;
mod kill_sweep;
mod kustomize_corpus;
mod kustomize_tables;
mod schemas;
mod sprig;
mod transcripts;
mod yaml;
