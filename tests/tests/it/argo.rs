//! Applications on the embedded API server, with a real Git server on loopback.

mod charts;
mod example_apps;
mod hooks;
mod mends;
mod refusals;
mod story;
mod world;
