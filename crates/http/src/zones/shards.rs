//! A table in parts, each behind a lock of its own, so that threads seldom wait for one another.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, PoisonError};

/// No part has less than this, so that small zones evict in one order.
const SHARD_BYTES_MIN: u64 = 256 * 1024;

/// So many parts at most.
const SHARDS_MAX: u64 = 16;

/// nginx's allocator keeps the first page of a zone for itself.
const HEADER_BYTES: u64 = 4096;

/// Parts by key.
#[derive(Debug)]
pub struct Shards<T> {
    shards: Box<[Mutex<T>]>,
    hash: RandomState,
}

impl<T> Shards<T> {
    /// For a zone of so many bytes; `make` makes a part of the bytes that it gets.
    pub fn new(bytes: u64, make: impl Fn(u64) -> T) -> Self {
        let count = (bytes / SHARD_BYTES_MIN).clamp(1, SHARDS_MAX);
        let each = bytes.saturating_sub(HEADER_BYTES) / count;
        Self {
            shards: (0..count).map(|_| Mutex::new(make(each))).collect(),
            hash: RandomState::new(),
        }
    }

    /// Calls `f` with the part of a key, locked.
    pub fn with<R>(&self, key: &[u8], f: impl FnOnce(&mut T) -> R) -> R {
        let at = self.hash.hash_one(key) % self.shards.len() as u64;
        // A table whose user panicked is still a table.
        let mut shard = self.shards[at as usize]
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        f(&mut shard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_always_in_the_same_part() {
        let shards = Shards::new(8 << 20, |bytes| (bytes, Vec::new()));
        assert_eq!(shards.shards.len(), 16);
        for number in 0..1000u32 {
            let key = number.to_be_bytes();
            shards.with(&key, |(_, keys)| keys.push(key));
        }
        for number in 0..1000u32 {
            let key = number.to_be_bytes();
            assert!(shards.with(&key, |(_, keys)| keys.contains(&key)));
        }
    }

    #[test]
    fn a_small_zone_is_one_part() {
        let shards = Shards::new(32 << 10, |bytes| bytes);
        assert_eq!(shards.shards.len(), 1);
        assert_eq!(shards.with(b"", |bytes| *bytes), 28 << 10);
    }
}
