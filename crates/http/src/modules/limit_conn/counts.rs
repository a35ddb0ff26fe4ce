//! The state of a zone: how many requests of each key are under way.

use crate::zones::lru::{Lru, slab_bytes};
use crate::zones::shards::Shards;

/// Requests under way, by key.
#[derive(Debug)]
pub struct Counts {
    shards: Shards<Lru<u32>>,
}

/// Why a request is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There are as many as there may be.
    Busy,
    /// There is no room for another key; what is under way cannot be forgotten.
    Full,
}

/// What nginx's entry takes beside its key.
const ENTRY_BYTES: usize = 36;

impl Counts {
    /// A zone of so many bytes.
    pub fn new(bytes: u64) -> Self {
        Self {
            shards: Shards::new(bytes, Lru::new),
        }
    }

    /// Counts a request unless there are `max` already.
    pub fn enter(&self, key: &[u8], max: u32) -> Result<(), Refusal> {
        self.shards.with(key, |lru| match lru.peek(key) {
            Some(count) if *count >= max => Err(Refusal::Busy),
            Some(count) => {
                *count += 1;
                Ok(())
            }
            None => match lru.insert(key, 1, slab_bytes(ENTRY_BYTES + key.len())) {
                true => Ok(()),
                false => Err(Refusal::Full),
            },
        })
    }

    /// Takes a request that was counted out again.
    pub fn leave(&self, key: &[u8]) {
        self.shards.with(key, |lru| {
            let Some(count) = lru.peek(key) else {
                return;
            };
            *count -= 1;
            if *count == 0 {
                lru.remove(key);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_own_count() {
        let counts = Counts::new(32 << 10);
        assert_eq!(counts.enter(b"a", 2), Ok(()));
        assert_eq!(counts.enter(b"a", 2), Ok(()));
        assert_eq!(counts.enter(b"a", 2), Err(Refusal::Busy));
        assert_eq!(counts.enter(b"a", 3), Ok(()));
        assert_eq!(counts.enter(b"b", 2), Ok(()));
        counts.leave(b"a");
        counts.leave(b"a");
        assert_eq!(counts.enter(b"a", 2), Ok(()));
    }

    #[test]
    fn a_full_zone_lets_no_new_key_in_until_one_has_gone() {
        let counts = Counts::new(32 << 10);
        let fits = ((32 << 10) - 4096) / 64;
        for number in 0..fits as u32 {
            assert_eq!(counts.enter(&number.to_be_bytes(), 1), Ok(()));
        }
        assert_eq!(counts.enter(b"more", 1), Err(Refusal::Full));
        counts.leave(&7u32.to_be_bytes());
        assert_eq!(counts.enter(b"more", 1), Ok(()));
    }
}
