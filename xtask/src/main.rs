//! `cargo xtask tidy`: what no compiler keeps. It reads the tree as text and fails with a list.
//!
//! - the crate graph: edges go down the picture of ARCHITECTURE.md only, and a third-party crate is
//!   used by the crates that own it;
//! - the charters: every crate says what it is and what it does not know; every file opens with `//!`;
//! - sizes: files stay short enough to be read;
//! - words: no leftovers, no paths of a machine.

mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("tidy") | None => tidy::run(),
        Some(other) => {
            eprintln!("xtask: unknown command {other:?}; there is: tidy");
            ExitCode::from(2)
        }
    }
}
