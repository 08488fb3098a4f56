//! Code generation and tidy checks of the workspace.

fn main() {}
