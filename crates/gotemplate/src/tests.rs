//! Tests of the crate; each module has one `check`.
