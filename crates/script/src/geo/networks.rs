//! The networks of `geo` while they are read.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hash};

use super::table::{Number, Stretch};
use crate::table_hash::WordHasher;

/// Networks of one family, each once.
#[derive(Debug)]
pub(super) struct Networks<N> {
    /// As good as in the order of the file, which mostly is that of the addresses: quick to sort.
    stretches: Vec<Stretch<N>>,
    /// Where each is, by its first and last address.
    places: HashMap<(N, N), u32, BuildHasherDefault<WordHasher>>,
}

impl<N: Number + Hash> Networks<N> {
    pub(super) fn with_capacity(networks: usize) -> Self {
        Self {
            stretches: Vec::with_capacity(networks),
            places: HashMap::with_capacity_and_hasher(networks, Default::default()),
        }
    }

    /// Gives a network a value; its old one, if it was there.
    pub(super) fn insert(&mut self, first: N, bits: u8, value: u32) -> Option<u32> {
        let last = first.last_of(bits);
        match self.places.entry((first, last)) {
            Entry::Occupied(place) => {
                let known = &mut self.stretches[*place.get() as usize];
                Some(std::mem::replace(&mut known.value, value))
            }
            Entry::Vacant(place) => {
                place.insert(self.stretches.len() as u32);
                self.stretches.push(Stretch { first, last, value });
                None
            }
        }
    }

    /// Takes a network away; false if it was not there.
    pub(super) fn remove(&mut self, first: N, bits: u8) -> bool {
        let Some(place) = self.places.remove(&(first, first.last_of(bits))) else {
            return false;
        };
        self.stretches.swap_remove(place as usize);
        if let Some(moved) = self.stretches.get(place as usize) {
            self.places.insert((moved.first, moved.last), place);
        }
        true
    }

    pub(super) fn into_stretches(self) -> Vec<Stretch<N>> {
        self.stretches
    }
}
