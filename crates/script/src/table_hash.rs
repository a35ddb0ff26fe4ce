//! Hash tables whose keys stand in the configuration: names, URIs, values of maps.
//!
//! Clients choose what is looked up, but not what is in such a table, so no client can make it
//! slow. A hash that withstands chosen keys would cost more than the look-up.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A table that is filled when a configuration is compiled, and only read from then on.
pub type FixedMap<V> = HashMap<Box<[u8]>, V, BuildHasherDefault<WordHasher>>;

/// Mixes eight bytes at a time.
#[derive(Debug, Clone, Copy, Default)]
pub struct WordHasher(u64);

/// An odd number without a pattern (the golden ratio's).
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl WordHasher {
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(FACTOR);
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }
}

impl Hasher for WordHasher {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for &word in words {
            self.mix(u64::from_ne_bytes(word) ^ FACTOR.rotate_left(32));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.mix(u64::from_ne_bytes(last));
    }

    fn write_u32(&mut self, number: u32) {
        self.mix(number.into());
    }

    fn write_usize(&mut self, length: usize) {
        self.mix(length as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher as _;

    use super::*;

    #[test]
    fn keys_that_differ_little_get_different_places() {
        let state = BuildHasherDefault::<WordHasher>::default();
        let hash = |key: &str| state.hash_one(key.as_bytes());
        let keys = (0..100_000).map(|n| format!("/api/item{n}/"));
        let hashes: Vec<u64> = keys.map(|key| hash(&key)).collect();
        let different = |bits: fn(u64) -> u64| {
            let set: HashSet<u64> = hashes.iter().map(|&hash| bits(hash)).collect();
            set.len()
        };
        assert_eq!(different(|hash| hash), hashes.len());
        // A table takes its place from the low bits and tells neighbours apart by the high ones.
        assert_eq!(different(|hash| hash >> 57), 128);
        assert!(different(|hash| hash & 0x1_ffff) > 68_000);
        assert_ne!(hash("a"), hash("a\0"));
        assert_ne!(hash(""), hash("\0"));
    }
}
