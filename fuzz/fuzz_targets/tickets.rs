//! Files of tokens, and answers of services that are asked about them.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| vnc::fuzz::tickets(data));
