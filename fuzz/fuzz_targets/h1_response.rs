//! HTTP/1: response heads, whole and split.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proto::h1::fuzz::response(data));
