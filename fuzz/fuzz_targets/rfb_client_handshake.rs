//! A VNC server's half of the handshake.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proto::rfb::fuzz::client_handshake(data));
