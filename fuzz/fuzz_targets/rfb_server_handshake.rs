//! A viewer's half of the handshake.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proto::rfb::fuzz::server_handshake(data));
