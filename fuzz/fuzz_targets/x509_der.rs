//! Certificates, revocation lists, OCSP responses and keys in DER.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| x509::fuzz::der(data));
