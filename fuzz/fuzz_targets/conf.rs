//! Configurations: any bytes are a tree or errors.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| conf::fuzz::configuration(data));
