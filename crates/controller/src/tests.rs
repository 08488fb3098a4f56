//! Tests of the pure parts and, over a fake API server at the rim, of the rest.

mod bookkeeping;
mod election;
mod event;
mod fake;
mod metrics;
mod queue;
mod text;
