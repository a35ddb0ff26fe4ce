//! What a viewer sends, observed and enforced.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proto::rfb::fuzz::client_stream(data));
