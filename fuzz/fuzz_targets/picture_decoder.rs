//! What a VNC server sends after its handshake, as pixels.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| picture::fuzz::decoder(data));
