//! Applications on the embedded API server, with a real Git server on loopback.

mod mends;
mod story;
mod world;
