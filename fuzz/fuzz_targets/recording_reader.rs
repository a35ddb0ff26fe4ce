//! Recordings: frames and sidecars.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| recording::fuzz::recording_reader(data));
