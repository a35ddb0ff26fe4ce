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
