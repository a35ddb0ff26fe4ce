//! Reading numbers from bytes that may not all be there.

use crate::Error;

/// Why a step of the decoder came to no end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// More bytes must come; the step is tried again from its beginning.
    More,
    /// The server broke the protocol.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Takes from the front of some bytes.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    /// `at <= bytes.len()`
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How much was taken.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Gives back what was taken since `position`.
    pub(crate) fn rewind(&mut self, position: usize) {
        debug_assert!(position <= self.at);
        self.at = position;
    }

    /// What is left.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Stop> {
        let taken = self.rest().get(..len).ok_or(Stop::More)?;
        self.at += len;
        Ok(taken)
    }

    /// Bytes up to `len`, as many as there are.
    pub(crate) fn take_up_to(&mut self, len: usize) -> &'a [u8] {
        let rest = self.rest();
        let taken = rest.get(..len).unwrap_or(rest);
        self.at += taken.len();
        taken
    }

    pub(crate) fn array<const LEN: usize>(&mut self) -> Result<[u8; LEN], Stop> {
        let taken = self.rest().first_chunk().ok_or(Stop::More)?;
        self.at += LEN;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Stop> {
        self.array().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Stop> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Stop> {
        self.array().map(u32::from_be_bytes)
    }
}
