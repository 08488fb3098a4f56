//! One integration binary: corpora, recordings, scenarios and fault sweeps, a module each.

mod cluster;
mod flux_definitions;
mod schemas;
mod transcripts;
mod yaml;
