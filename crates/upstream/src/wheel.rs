//! Smooth weighted round robin over many peers, with nginx's exact order at O(log n) a turn.
//!
//! nginx adds to the current weight of every peer on every turn, and takes the greatest. Here peers
//! that get the same share stand in one bucket, and what they all get is added to the bucket:
//! `current = base + added`. Within a bucket they are sorted by `base`, so the greatest is its
//! first. Peers whose share is not their weight, because they recover, are looked at one by one.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

/// Where a peer stands in the round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seat {
    /// It takes no part; its current weight waits.
    Out(i64),
    /// In a bucket, with its base.
    In(Key, i64),
    /// Looked at one by one, with its current weight.
    Slow(Key, i64),
}

impl Default for Seat {
    fn default() -> Self {
        Seat::Out(0)
    }
}

/// What peers have in common that get the same share: load (requests in progress, where that
/// decides) and weight. Ordered by load for each unit of weight, the least loaded first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) load: u64,
    pub(crate) weight: i64,
}

impl Key {
    /// Compares loads for each unit of weight.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let own = u128::from(self.load) * other.weight.unsigned_abs() as u128;
        own.cmp(&(u128::from(other.load) * self.weight.unsigned_abs() as u128))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(other).then(self.weight.cmp(&other.weight))
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Peers with the same share.
#[derive(Debug, Default)]
struct Bucket {
    added: i64,
    order: BTreeSet<(Reverse<i64>, u32)>,
}

/// The round of one tier: who takes part, at which current weight.
#[derive(Debug, Default)]
pub(crate) struct Wheel {
    buckets: BTreeMap<Key, Bucket>,
    slow: BTreeSet<u32>,
}

/// The best of what a turn has seen so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Best {
    pub(crate) at: u32,
    pub(crate) current: i64,
}

impl Best {
    /// The greater current weight, and of equal ones the first in the configuration.
    pub(crate) fn of(one: Option<Self>, other: Self) -> Self {
        match one {
            Some(one) if (one.current, Reverse(one.at)) > (other.current, Reverse(other.at)) => one,
            _ => other,
        }
    }
}

impl Wheel {
    /// Lets a peer take part.
    pub(crate) fn enter(&mut self, at: u32, key: Key, current: i64) -> Seat {
        let bucket = self.buckets.entry(key).or_default();
        let base = current - bucket.added;
        bucket.order.insert((Reverse(base), at));
        Seat::In(key, base)
    }

    /// Lets a peer take part whose share is not its weight.
    pub(crate) fn enter_slow(&mut self, at: u32, key: Key, current: i64) -> Seat {
        self.slow.insert(at);
        Seat::Slow(key, current)
    }

    /// Takes a peer out and gives its current weight.
    pub(crate) fn leave(&mut self, at: u32, seat: Seat) -> i64 {
        match seat {
            Seat::Out(current) => current,
            Seat::Slow(_, current) => {
                self.slow.remove(&at);
                current
            }
            Seat::In(key, base) => {
                let Some(bucket) = self.buckets.get_mut(&key) else {
                    return base;
                };
                bucket.order.remove(&(Reverse(base), at));
                let current = base + bucket.added;
                if bucket.order.is_empty() {
                    self.buckets.remove(&key);
                }
                current
            }
        }
    }

    /// A peer's current weight.
    pub(crate) fn current(&self, seat: Seat) -> i64 {
        match seat {
            Seat::Out(current) | Seat::Slow(_, current) => current,
            Seat::In(key, base) => base + self.buckets.get(&key).map_or(0, |bucket| bucket.added),
        }
    }

    /// Those that are looked at one by one.
    pub(crate) fn slow(&self) -> Vec<u32> {
        self.slow.iter().copied().collect()
    }

    /// Whether some are looked at one by one.
    pub(crate) fn has_slow(&self) -> bool {
        !self.slow.is_empty()
    }

    /// The key of the least loaded peer in a bucket, and the number of those that equal it.
    pub(crate) fn least(&self) -> Option<(Key, usize)> {
        let (&key, _) = self.buckets.first_key_value()?;
        let same = self
            .buckets
            .iter()
            .take_while(|(other, _)| other.compare(&key).is_eq());
        Some((key, same.map(|(_, bucket)| bucket.order.len()).sum()))
    }

    /// The first in the configuration among the least loaded ones.
    pub(crate) fn first_of_least(&self) -> Option<u32> {
        let (_, bucket) = self.buckets.first_key_value()?;
        bucket.order.iter().next().map(|&(_, at)| at)
    }

    /// Gives all that are loaded as `like` their share; all in buckets if it is `None`. Gives the
    /// sum of the shares and the best of them.
    pub(crate) fn turn(&mut self, like: Option<Key>) -> (i64, Option<Best>) {
        let mut total = 0;
        let mut best = None;
        for (key, bucket) in &mut self.buckets {
            if like.is_some_and(|like| key.compare(&like).is_gt()) {
                break;
            }
            bucket.added += key.weight;
            total += key.weight * bucket.order.len() as i64;
            if let Some(&(Reverse(base), at)) = bucket.order.first() {
                let current = base + bucket.added;
                best = Some(Best::of(best, Best { at, current }));
            }
        }
        (total, best)
    }
}
