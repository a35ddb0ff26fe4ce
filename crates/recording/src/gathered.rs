//! What gathers until it is written: FBS that is a frame when it is full or old enough, and where
//! the pointer was meanwhile.

use crate::fbs;
use crate::pointer::Position;

/// Bytes of FBS that make a frame full.
pub(crate) const FULL_LEN: usize = 256 * 1024;

/// Whole blocks, perhaps one that is still open, and positions.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// FBS; from `open` on, a block whose length is not known yet.
    raw: Vec<u8>,
    open: Option<usize>,
    /// Of the first and the last block.
    times: Option<(u32, u32)>,
    positions: Vec<u8>,
    /// Times never go back.
    last_ms: u32,
    /// Bytes that there will be, if what was before tells.
    expected: usize,
}

impl Gathered {
    /// Nothing yet; but what the stream begins with.
    pub(crate) fn beginning() -> Self {
        Self {
            raw: fbs::MAGIC.to_vec(),
            ..Self::default()
        }
    }

    /// Nothing yet, behind some time.
    fn after(other: &Self) -> Self {
        Self {
            last_ms: other.last_ms,
            expected: other.raw.len(),
            ..Self::default()
        }
    }

    /// Appends to the block that is open, which has the time of its last bytes.
    pub(crate) fn append(&mut self, ms: u32, mut bytes: &[u8]) {
        self.at(ms);
        if self.raw.is_empty() {
            self.raw.reserve(self.expected);
        }
        while !bytes.is_empty() {
            let start = *self.open.get_or_insert_with(|| {
                self.raw.extend_from_slice(&[0; fbs::LENGTH_LEN]);
                self.raw.len()
            });
            let room = fbs::BLOCK_LEN_MAX - (self.raw.len() - start);
            let piece = bytes.split_off(..room.min(bytes.len()));
            self.raw.extend_from_slice(piece.unwrap_or_default());
            if self.raw.len() - start == fbs::BLOCK_LEN_MAX {
                self.close();
            }
        }
    }

    /// Ends the block that is open.
    pub(crate) fn close(&mut self) {
        let Some(start) = self.open.take() else {
            return;
        };
        fbs::close(start, self.last_ms, &mut self.raw);
        self.count_block();
    }

    /// Notes where the pointer is.
    pub(crate) fn point(&mut self, position: Position) {
        let ms = self.at(position.ms);
        self.positions
            .extend_from_slice(&Position { ms, ..position }.encode());
    }

    /// Ends the stream.
    pub(crate) fn push_end(&mut self, ms: u32) {
        self.close();
        let ms = self.at(ms);
        fbs::push_end(ms, &mut self.raw);
        self.count_block();
    }

    /// The bytes that wait.
    pub(crate) fn len(&self) -> usize {
        self.raw.len() + self.positions.len()
    }

    /// Whether the blocks fill a frame.
    pub(crate) fn is_full(&self) -> bool {
        self.raw.len() >= FULL_LEN
    }

    /// The blocks, all of them whole, and the times of the first and the last; `None` when there
    /// are none.
    pub(crate) fn blocks(&self) -> Option<((u32, u32), &[u8])> {
        debug_assert!(self.open.is_none());
        Some((self.times?, &self.raw))
    }

    /// Positions, as they stand in the file.
    pub(crate) fn positions(&self) -> &[u8] {
        &self.positions
    }

    /// Takes out what can be written, which is all but a block that is open.
    pub(crate) fn take(&mut self) -> Self {
        let mut rest = Self::after(self);
        if let Some(start) = self.open.take() {
            let begin = start - fbs::LENGTH_LEN;
            rest.raw.extend_from_slice(&self.raw[begin..]);
            rest.open = Some(fbs::LENGTH_LEN);
            self.raw.truncate(begin);
        }
        std::mem::replace(self, rest)
    }

    /// What of it is not written yet, whose blocks were.
    pub(crate) fn forget_blocks(&mut self) {
        (self.raw, self.times) = (Vec::new(), None);
    }

    /// Positions were written.
    pub(crate) fn forget_positions(&mut self) {
        self.positions = Vec::new();
    }

    /// A time that does not go back.
    fn at(&mut self, ms: u32) -> u32 {
        self.last_ms = self.last_ms.max(ms);
        self.last_ms
    }

    fn count_block(&mut self) {
        let ms = self.last_ms;
        self.times = Some((self.times.map_or(ms, |(first, _)| first), ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_one_turn_are_one_block_and_what_is_open_is_not_taken() {
        let mut gathered = Gathered::default();
        gathered.append(5, b"ab");
        gathered.append(7, b"cde");
        gathered.close();
        gathered.append(6, b"f");
        let taken = gathered.take();
        let mut expected = Vec::new();
        fbs::push(7, b"abcde", &mut expected);
        assert_eq!(taken.blocks(), Some(((7, 7), &expected[..])));
        gathered.append(9, b"g");
        gathered.close();
        expected.clear();
        fbs::push(9, b"fg", &mut expected);
        assert_eq!(gathered.blocks(), Some(((9, 9), &expected[..])));
    }

    #[test]
    fn long_pieces_are_cut_where_the_format_cuts_them() {
        let long: Vec<u8> = (0..3 * fbs::BLOCK_LEN_MAX + 5).map(|n| n as u8).collect();
        let mut gathered = Gathered::default();
        gathered.append(1, &long[..7]);
        gathered.append(1, &long[7..]);
        gathered.close();
        let mut expected = Vec::new();
        fbs::push(1, &long, &mut expected);
        assert_eq!(gathered.blocks(), Some(((1, 1), &expected[..])));
    }
}
