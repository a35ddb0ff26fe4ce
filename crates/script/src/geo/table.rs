//! From addresses to values: where the value changes, sorted, so that a look-up is a search among
//! neighbouring numbers, whatever nests in what.

/// An address as a number.
pub(super) trait Number: Copy + Ord {
    const FIRST: Self;

    /// The next one, unless this is the last.
    fn next(self) -> Option<Self>;

    /// The last one that has its first `bits` bits.
    fn last_of(self, bits: u8) -> Self;
}

impl Number for u32 {
    const FIRST: Self = 0;

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn last_of(self, bits: u8) -> Self {
        self | Self::MAX.checked_shr(bits.into()).unwrap_or(0)
    }
}

impl Number for u128 {
    const FIRST: Self = 0;

    fn next(self) -> Option<Self> {
        self.checked_add(1)
    }

    fn last_of(self, bits: u8) -> Self {
        self | Self::MAX.checked_shr(bits.into()).unwrap_or(0)
    }
}

/// A stretch of addresses that have a value, `first <= last`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch<N> {
    pub first: N,
    pub last: N,
    pub value: u32,
}

/// The value of every address.
#[derive(Debug)]
pub(super) struct Table<N> {
    /// Where values begin; the first is [`Number::FIRST`].
    starts: Box<[N]>,
    /// The value from each start to the next one.
    values: Box<[u32]>,
}

impl<N: Number> Table<N> {
    /// Of stretches that either nest or are apart; the inner one counts, and `outside` where there
    /// is none.
    pub(super) fn new(mut stretches: Vec<Stretch<N>>, outside: u32) -> Self {
        // An outer stretch before what is in it.
        stretches.sort_unstable_by(|a, b| a.first.cmp(&b.first).then(b.last.cmp(&a.last)));
        let mut changes = Changes::new(outside, stretches.len());
        let mut around: Vec<Stretch<N>> = Vec::new();
        for stretch in stretches {
            while around
                .last()
                .is_some_and(|outer| outer.last < stretch.first)
            {
                changes.leave(&mut around, outside);
            }
            changes.add(stretch.first, stretch.value);
            around.push(stretch);
        }
        while !around.is_empty() {
            changes.leave(&mut around, outside);
        }
        Self {
            starts: changes.starts.into(),
            values: changes.values.into(),
        }
    }

    /// The value of an address.
    pub(super) fn find(&self, address: N) -> u32 {
        let after = self.starts.partition_point(|&start| start <= address);
        self.values.get(after.wrapping_sub(1)).copied().unwrap_or(0)
    }
}

/// Where values begin, in rising order, and the values.
struct Changes<N> {
    starts: Vec<N>,
    values: Vec<u32>,
}

impl<N: Number> Changes<N> {
    /// Everything has one value, and there is room for `more`.
    fn new(outside: u32, more: usize) -> Self {
        let mut changes = Self {
            starts: Vec::with_capacity(more + 1),
            values: Vec::with_capacity(more + 1),
        };
        changes.starts.push(N::FIRST);
        changes.values.push(outside);
        changes
    }

    /// From `start` on it is `value`.
    fn add(&mut self, start: N, value: u32) {
        match (self.starts.last(), self.values.last_mut()) {
            (Some(last), Some(old)) if *last == start => *old = value,
            (_, Some(old)) if *old == value => {}
            _ => {
                self.starts.push(start);
                self.values.push(value);
            }
        }
    }

    /// The innermost stretch ends, and the one around it goes on.
    fn leave(&mut self, around: &mut Vec<Stretch<N>>, outside: u32) {
        let Some(next) = around.pop().and_then(|inner| inner.last.next()) else {
            return;
        };
        self.add(next, around.last().map_or(outside, |outer| outer.value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_of_random_networks_counts() {
        let mut seed = 1_u64;
        let mut random = |below: u32| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as u32 % below
        };
        for _ in 0..200 {
            let mut stretches: Vec<Stretch<u32>> = Vec::new();
            for value in 1..=random(20) {
                let bits = random(33);
                let mask = u32::MAX.checked_shl(32 - bits).unwrap_or(0);
                // Few high bits, so that networks nest.
                let first = (random(4) << 30 | random(4) << 2) & mask;
                let last = first | !mask;
                if !stretches
                    .iter()
                    .any(|old| (old.first, old.last) == (first, last))
                {
                    stretches.push(Stretch { first, last, value });
                }
            }
            let table = Table::new(stretches.clone(), 0);
            let edges = stretches.iter().flat_map(|one| {
                let before = one.first.wrapping_sub(1);
                [before, one.first, one.last, one.last.wrapping_add(1)]
            });
            for address in edges.chain([0, u32::MAX]) {
                let around = stretches
                    .iter()
                    .filter(|one| (one.first..=one.last).contains(&address));
                let inner = around.min_by_key(|one| one.last - one.first);
                assert_eq!(table.find(address), inner.map_or(0, |one| one.value));
            }
        }
    }
}
