//! Tests against a fake API server at the rim: a tower service that answers from a closure.

mod connect;
mod discovery;
mod fake;
mod follow;
mod limit;
mod requests;
mod view;
