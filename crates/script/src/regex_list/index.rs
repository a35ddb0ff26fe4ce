//! Which of many texts are in a subject, at a cost that does not grow with their number.
//!
//! Of each text a piece of at most eight bytes is chosen, the one that the fewest others have too.
//! The subject is gone through once; each of its pieces is one number, looked up in a hash.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::Range;

/// An index over texts in lower case.
#[derive(Debug)]
pub(super) struct Index {
    /// By length of the piece.
    pieces: Vec<Pieces>,
    /// Sorted by piece.
    hits: Vec<Hit>,
}

/// The pieces of one length.
#[derive(Debug)]
struct Pieces {
    length: usize,
    places: Places,
}

type Places = HashMap<u64, Range<u32>, BuildHasherDefault<PieceHasher>>;

/// A piece: its length, and its bytes as a number.
type Key = (usize, u64);

/// A text and its piece.
#[derive(Debug)]
struct Hit {
    text: Box<[u8]>,
    piece: u64,
    /// Where in the text the piece is.
    offset: u32,
    /// The expression that demands the text.
    number: u32,
}

/// Bytes in a number.
const PIECE_MAX: usize = 8;

/// How many pieces of a text are looked at for one that is rare.
const CHOICES_MAX: usize = 8;

impl Index {
    /// Over texts of expressions, none empty.
    pub(super) fn new(demands: Vec<(u32, Vec<u8>)>) -> Self {
        let mut counts = Counts::new(demands.len());
        for (_, text) in &demands {
            choices(text).for_each(|(_, key)| *counts.of(key) += 1);
        }
        let mut hits = Vec::with_capacity(demands.len());
        for (number, text) in demands {
            let rarest = choices(&text).min_by_key(|&(_, key)| *counts.of(key));
            if let Some((offset, (_, piece))) = rarest {
                hits.push(Hit {
                    text: text.into_boxed_slice(),
                    piece,
                    offset: offset as u32,
                    number,
                });
            }
        }
        hits.sort_unstable_by_key(|hit| (hit.length(), hit.piece));
        let mut place = 0;
        let of_one_length = hits.chunk_by(|one, other| one.length() == other.length());
        let pieces = of_one_length.map(|hits| {
            let length = hits.first().map_or(0, Hit::length);
            let mut places = Places::with_capacity_and_hasher(hits.len(), Default::default());
            for hit in hits {
                places.entry(hit.piece).or_insert(place..place).end = place + 1;
                place += 1;
            }
            Pieces { length, places }
        });
        Self {
            pieces: pieces.collect(),
            hits,
        }
    }

    /// Puts the expressions whose text is in `subject` into `found`, in rising order; false if that
    /// is no shorter way than trying all `expressions`.
    pub(super) fn find(&self, subject: &[u8], expressions: usize, found: &mut Vec<u32>) -> bool {
        let mut number = 0_u64;
        for (at, byte) in subject.iter().enumerate() {
            number = number << 8 | u64::from(byte.to_ascii_lowercase());
            for pieces in &self.pieces {
                let Some(start) = (at + 1).checked_sub(pieces.length) else {
                    continue;
                };
                let Some(places) = pieces.places.get(&(number & mask(pieces.length))) else {
                    continue;
                };
                let hits = &self.hits[places.start as usize..places.end as usize];
                let there = hits.iter().filter(|hit| hit.is_at(subject, start));
                found.extend(there.map(|hit| hit.number));
            }
            // A subject may have the same text again and again.
            if found.len() > expressions {
                return false;
            }
        }
        found.sort_unstable();
        found.dedup();
        true
    }
}

impl Hit {
    /// The length of the piece.
    fn length(&self) -> usize {
        self.text.len().min(PIECE_MAX)
    }

    /// Whether the text is there, if its piece is at `start`.
    fn is_at(&self, subject: &[u8], start: usize) -> bool {
        let begin = start.checked_sub(self.offset as usize);
        let there = begin.and_then(|begin| subject.get(begin..begin + self.text.len()));
        there.is_some_and(|there| there.eq_ignore_ascii_case(&self.text))
    }
}

/// The pieces of a text among which one is chosen, and where each is.
fn choices(text: &[u8]) -> impl Iterator<Item = (usize, Key)> + '_ {
    let length = text.len().min(PIECE_MAX);
    // Spread over the text: what is rare in it may be anywhere.
    let step = (text.len() + 1 - length).div_ceil(CHOICES_MAX);
    let windows = text.windows(length).enumerate().step_by(step.max(1));
    windows.map(move |(offset, piece)| {
        let number = piece
            .iter()
            .fold(0, |number, &byte| number << 8 | u64::from(byte));
        (offset, (length, number))
    })
}

fn mask(length: usize) -> u64 {
    u64::MAX >> (64 - 8 * length.clamp(1, PIECE_MAX))
}

/// About how many texts have a piece. Pieces that share a counter look less rare than they are,
/// and are right choices all the same.
struct Counts(Vec<u32>);

impl Counts {
    fn new(texts: usize) -> Self {
        Self(vec![0; (4 * texts).next_power_of_two()])
    }

    fn of(&mut self, (length, piece): Key) -> &mut u32 {
        let mut hasher = PieceHasher::default();
        hasher.write_u64(piece);
        hasher.write_usize(length);
        let place = hasher.finish() as usize & (self.0.len() - 1);
        &mut self.0[place]
    }
}

/// A hash for numbers. What is hashed into a table comes from the configuration, so nobody can
/// fill one place of it on purpose.
#[derive(Debug, Default)]
struct PieceHasher(u64);

impl Hasher for PieceHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    fn write_u64(&mut self, number: u64) {
        // A multiplication carries upwards only; the table looks at both ends.
        let mixed = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed ^ mixed >> 32;
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
