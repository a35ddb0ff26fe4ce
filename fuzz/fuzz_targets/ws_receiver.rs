//! WebSocket frames of either side, whole and split.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proto::ws::fuzz::receiver(data));
