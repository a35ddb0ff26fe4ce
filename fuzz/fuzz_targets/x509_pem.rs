//! PEM files: certificates, lists and keys, encrypted ones too.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| x509::fuzz::pem(data));
