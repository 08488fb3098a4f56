//! Tests of whole builds in memory.
