//! Pages with SSI commands, whole and in pieces.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| proto::ssi::fuzz::page(data));
