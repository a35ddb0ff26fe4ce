//! The state of a zone: how much over the rate each key is, a bucket that leaks.

use std::time::Instant;

use crate::zones::lru::{Lru, slab_bytes};
use crate::zones::shards::Shards;

/// What each key has asked for lately.
#[derive(Debug)]
pub struct Rates {
    /// Milliseconds are counted from here.
    epoch: Instant,
    shards: Shards<Lru<Bucket>>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// When it was counted last; `None` if it was only looked at.
    last: Option<i64>,
    /// Thousandths of a request over the rate, then.
    excess: i64,
}

/// Why a request is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// So many thousandths of a request over the rate, which is more than the burst.
    Busy(i64),
    /// There is no room for another key.
    Full,
}

/// Entries that nobody asked for are let go of after this time.
const IDLE: i64 = 60_000;

/// What nginx's entry takes beside its key.
const ENTRY_BYTES: usize = 80;

/// What may be removed to make room.
#[derive(PartialEq, Eq)]
enum Expire {
    /// One or two entries that are idle.
    Idle,
    /// The oldest entry, idle or not, and then the same.
    Oldest,
}

impl Rates {
    /// A zone of so many bytes.
    pub fn new(bytes: u64) -> Self {
        Self {
            epoch: Instant::now(),
            shards: Shards::new(bytes, Lru::new),
        }
    }

    /// Counts a request and gives the excess, unless that is more than `burst`.
    pub fn count(&self, key: &[u8], rate: i64, burst: i64, now: Instant) -> Result<i64, Refusal> {
        let now = self.millis(now);
        self.shards.with(key, |lru| match lru.touch(key) {
            Some(bucket) => {
                let (excess, _) = bucket.within(rate, burst, now)?;
                bucket.count(excess, now);
                Ok(excess)
            }
            None => add(lru, key, Some(now), rate, now),
        })
    }

    /// The same, without counting yet: another zone may refuse the request.
    pub fn look(&self, key: &[u8], rate: i64, burst: i64, now: Instant) -> Result<i64, Refusal> {
        let now = self.millis(now);
        self.shards.with(key, |lru| match lru.touch(key) {
            Some(bucket) => Ok(bucket.within(rate, burst, now)?.0),
            None => add(lru, key, None, rate, now),
        })
    }

    /// Counts a request that was looked at, and gives the excess.
    pub fn recount(&self, key: &[u8], rate: i64, now: Instant) -> i64 {
        let now = self.millis(now);
        self.shards.with(key, |lru| {
            // Another thread may have needed its room meanwhile.
            let Some(bucket) = lru.peek(key) else {
                return 0;
            };
            let excess = bucket.leaked(rate, now).0;
            bucket.count(excess, now);
            excess
        })
    }

    fn millis(&self, now: Instant) -> i64 {
        now.saturating_duration_since(self.epoch).as_millis() as i64
    }
}

impl Bucket {
    /// The excess with one more request, and the time since the last.
    fn leaked(&self, rate: i64, now: i64) -> (i64, i64) {
        let Some(last) = self.last else {
            return (0, now.max(1));
        };
        // Threads read their clocks at different times.
        let passed = match now - last {
            passed if passed < -IDLE => 1,
            passed => passed.max(0),
        };
        let excess = self.excess - rate.saturating_mul(passed) / 1000 + 1000;
        (excess.max(0), passed)
    }

    fn within(&self, rate: i64, burst: i64, now: i64) -> Result<(i64, i64), Refusal> {
        let (excess, passed) = self.leaked(rate, now);
        match excess > burst {
            true => Err(Refusal::Busy(excess)),
            false => Ok((excess, passed)),
        }
    }

    fn count(&mut self, excess: i64, now: i64) {
        self.excess = excess;
        self.last = Some(match self.last {
            Some(last) if (-IDLE..0).contains(&(now - last)) => last,
            _ => now,
        });
    }
}

fn add(
    lru: &mut Lru<Bucket>,
    key: &[u8],
    last: Option<i64>,
    rate: i64,
    now: i64,
) -> Result<i64, Refusal> {
    let bytes = slab_bytes(ENTRY_BYTES + key.len());
    expire(lru, Expire::Idle, rate, now);
    if !lru.has_room(bytes) {
        expire(lru, Expire::Oldest, rate, now);
    }
    match lru.insert(key, Bucket { last, excess: 0 }, bytes) {
        true => Ok(0),
        false => Err(Refusal::Full),
    }
}

fn expire(lru: &mut Lru<Bucket>, what: Expire, rate: i64, now: i64) {
    if what == Expire::Oldest {
        lru.remove_oldest();
    }
    for _ in 0..2 {
        let Some((_, bucket)) = lru.oldest() else {
            return;
        };
        let idle = bucket.last.map_or(i64::MAX, |last| (now - last).abs());
        if idle < IDLE || bucket.excess - rate.saturating_mul(idle) / 1000 > 0 {
            return;
        }
        lru.remove_oldest();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const BYTES: u64 = 32 << 10;

    #[test]
    fn a_bucket_leaks_by_the_millisecond() {
        let rates = Rates::new(BYTES);
        let at = |millis| rates.epoch + Duration::from_millis(millis);
        // Two requests a second, and one more at once.
        let count = |millis| rates.count(b"key", 2000, 1000, at(millis));
        assert_eq!(count(0), Ok(0));
        assert_eq!(count(0), Ok(1000));
        assert_eq!(count(0), Err(Refusal::Busy(2000)));
        assert_eq!(count(499), Err(Refusal::Busy(1002)));
        assert_eq!(count(500), Ok(1000));
        assert_eq!(count(1_000_000), Ok(0));
        assert_eq!(rates.count(b"other", 2000, 0, at(0)), Ok(0));
    }

    #[test]
    fn what_was_only_looked_at_is_not_counted() {
        let rates = Rates::new(BYTES);
        let now = rates.epoch + Duration::from_millis(5);
        assert_eq!(rates.look(b"key", 1000, 0, now), Ok(0));
        assert_eq!(rates.look(b"key", 1000, 0, now), Ok(0));
        assert_eq!(rates.recount(b"key", 1000, now), 0);
        assert_eq!(rates.look(b"key", 1000, 0, now), Err(Refusal::Busy(1000)));
    }

    #[test]
    fn a_full_zone_forgets_the_key_that_was_not_asked_for_longest() {
        let rates = Rates::new(BYTES);
        let count = |number: u32| rates.count(&number.to_be_bytes(), 1, 0, rates.epoch);
        let fits = (BYTES - 4096) / 128;
        for number in 0..fits as u32 {
            assert_eq!(count(number), Ok(0));
        }
        assert_eq!(count(0), Err(Refusal::Busy(1000)), "all are still there");
        assert_eq!(count(fits as u32), Ok(0));
        assert_eq!(count(0), Err(Refusal::Busy(1000)), "it was used last");
        assert_eq!(count(1), Ok(0), "it made room");
    }

    #[test]
    fn a_key_that_is_larger_than_the_zone_is_refused() {
        let rates = Rates::new(BYTES);
        let key = vec![0; 60_000];
        let found = rates.count(&key, 1, 0, rates.epoch);
        assert_eq!(found, Err(Refusal::Full));
    }
}
