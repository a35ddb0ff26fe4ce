//! The `portway` binary: command line, processes, signals, reload; wires the other crates.

#![forbid(unsafe_code)]

fn main() {}
