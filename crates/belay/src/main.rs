//! The binary: parses, wires and runs; nothing else.

fn main() {}
