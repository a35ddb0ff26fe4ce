//! A viewer and a server in turn, under rules that change.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proto::rfb::fuzz::both_sides(data));
