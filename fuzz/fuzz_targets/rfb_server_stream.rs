//! What a server sends, framed and filtered.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proto::rfb::fuzz::server_stream(data));
