//! The networks of `geo` while they are read.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hash};

use super::table::{Number, Stretch};
use crate::table_hash::WordHasher;

/// Networks of one family, each once.
#[derive(Debug)]
pub(super) struct Networks<N> {
    stretches: Vec<Stretch<N>>,
    /// Where each is; not needed as long as they come in rising order, as in most files.
    places: Option<Places<N>>,
}

/// By first and last address.
type Places<N> = HashMap<(N, N), u32, BuildHasherDefault<WordHasher>>;

impl<N: Number + Hash> Networks<N> {
    pub(super) fn with_capacity(networks: usize) -> Self {
        Self {
            stretches: Vec::with_capacity(networks),
            places: None,
        }
    }

    /// Gives a network a value; its old one, if it was there.
    pub(super) fn insert(&mut self, first: N, bits: u8, value: u32) -> Option<u32> {
        let last = first.last_of(bits);
        let rises = self.stretches.last().is_none_or(|end| end.first < first);
        if self.places.is_some() || !rises {
            let next = self.stretches.len() as u32;
            match self.places().entry((first, last)) {
                Entry::Vacant(place) => place.insert(next),
                Entry::Occupied(place) => {
                    let place = *place.get() as usize;
                    let known = &mut self.stretches[place];
                    return Some(std::mem::replace(&mut known.value, value));
                }
            };
        }
        self.stretches.push(Stretch { first, last, value });
        None
    }

    /// Takes a network away; false if it was not there.
    pub(super) fn remove(&mut self, first: N, bits: u8) -> bool {
        let Some(place) = self.places().remove(&(first, first.last_of(bits))) else {
            return false;
        };
        self.stretches.swap_remove(place as usize);
        if let Some(&moved) = self.stretches.get(place as usize) {
            self.places().insert((moved.first, moved.last), place);
        }
        true
    }

    fn places(&mut self) -> &mut Places<N> {
        self.places.get_or_insert_with(|| {
            let stretches = self.stretches.iter().zip(0..);
            stretches
                .map(|(one, place)| ((one.first, one.last), place))
                .collect()
        })
    }

    pub(super) fn into_stretches(self) -> Vec<Stretch<N>> {
        self.stretches
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn any_order_of_additions_and_deletions_leaves_each_network_with_its_last_value() {
        let mut seed = 5_u64;
        let mut below = |end: u32| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as u32 % end
        };
        for round in 0..200 {
            let mut networks = Networks::with_capacity(0);
            let mut known = BTreeMap::new();
            // The first rounds come in rising order for a while.
            for step in 0..40 {
                let (first, bits) = match step < round / 4 {
                    true => (step << 4, 28),
                    false => (below(20) << 4, 26 + below(3) as u8),
                };
                let first = first & (u32::MAX << (32 - bits));
                let key = (first, first.last_of(bits));
                match below(4) {
                    0 if step >= round / 4 => {
                        let was_there = known.remove(&key).is_some();
                        assert_eq!(networks.remove(first, bits), was_there);
                    }
                    _ => assert_eq!(networks.insert(first, bits, step), known.insert(key, step)),
                }
            }
            let mut found = networks.into_stretches();
            found.sort_by_key(|one| (one.first, one.last));
            let found: Vec<_> = found
                .iter()
                .map(|one| ((one.first, one.last), one.value))
                .collect();
            assert_eq!(found, known.into_iter().collect::<Vec<_>>());
        }
    }
}
