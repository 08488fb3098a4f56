//! Tests of the pure parts and, over a fake API server, of the rest.
