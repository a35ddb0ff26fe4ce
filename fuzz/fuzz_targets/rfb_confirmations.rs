//! A server that is heard while it passes, and a viewer that is held to rules later.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proto::rfb::fuzz::confirmations(data));
