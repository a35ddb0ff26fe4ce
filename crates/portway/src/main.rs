//! The `portway` binary: command line, processes, signals, reload; wires the other crates.

fn main() {}
