//! One integration binary: corpora, recordings, scenarios and fault sweeps.
