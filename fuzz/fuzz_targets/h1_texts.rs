//! HTTP/1: targets, hosts, escapes and dates, whole and split.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proto::h1::fuzz::texts(data));
