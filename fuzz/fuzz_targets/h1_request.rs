//! HTTP/1: request heads, and what is read out of them, whole and split.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proto::h1::fuzz::request(data));
