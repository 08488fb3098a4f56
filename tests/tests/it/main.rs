//! One integration binary: corpora, recordings, scenarios and fault sweeps, a module each.

mod yaml;
