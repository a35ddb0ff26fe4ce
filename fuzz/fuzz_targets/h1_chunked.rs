//! HTTP/1: chunked bodies and their trailers, whole and split.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proto::h1::fuzz::chunked(data));
