//! PROXY headers of both versions, as they grow.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proto::proxy_protocol::fuzz::header(data));
