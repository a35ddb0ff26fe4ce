//! Files of keys, and tokens that they are asked about.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| jwt::fuzz::jwt(data));
