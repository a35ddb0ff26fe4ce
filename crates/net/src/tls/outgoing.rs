//! Records that the socket has not taken yet.

use std::collections::VecDeque;

/// Records to be sent, in order. Whoever wrote what is inside learns that it is written when all
/// of its record is: until then it is told to wait, which is what makes back-pressure work.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    bytes: Vec<u8>,
    /// `sent <= bytes.len()`
    sent: usize,
    /// Where records end in `bytes`, and how many bytes of the protocol inside they carry.
    records: VecDeque<Record>,
    /// Bytes of the protocol inside whose records are sent, and whose writer does not know yet.
    written: usize,
}

/// One record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    /// Where it ends.
    pub end: usize,
    /// How much of the protocol inside it carries.
    pub carries: usize,
}

impl Outgoing {
    /// Whether all is sent.
    pub fn is_empty(&self) -> bool {
        self.sent == self.bytes.len()
    }

    /// Whether all is sent, and whoever wrote it knows.
    pub fn is_settled(&self) -> bool {
        self.is_empty() && self.written == 0
    }

    /// What is to be sent next.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Room for a message of TLS itself, which `f` writes; it says how long it is.
    pub fn push<E>(
        &mut self,
        room: usize,
        f: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        self.bytes.resize(start + room, 0);
        let result = f(&mut self.bytes[start..]);
        let len = result.as_ref().map_or(0, |len| *len);
        self.bytes.truncate(start + len);
        result.map(drop)
    }

    /// Keeps what is left of records of which `sent` bytes are sent already.
    pub fn keep(&mut self, bytes: &[u8], sent: usize, records: &[Record]) {
        debug_assert!(self.is_empty() && self.records.is_empty() && self.written == 0);
        self.bytes = bytes[sent..].to_vec();
        self.sent = 0;
        for record in records {
            match record.end.checked_sub(sent) {
                None | Some(0) => self.written += record.carries,
                Some(end) => self.records.push_back(Record { end, ..*record }),
            }
        }
    }

    /// Notes that `n` more bytes are sent.
    pub fn advance(&mut self, n: usize) {
        self.sent += n;
        debug_assert!(self.sent <= self.bytes.len());
        while let Some(record) = self.records.front()
            && record.end <= self.sent
        {
            self.written += record.carries;
            self.records.pop_front();
        }
        if self.is_empty() {
            self.bytes = Vec::new();
            self.sent = 0;
        }
    }

    /// How much is written that its writer does not know of, at most `max`; it knows now. The
    /// writer may have less room to ask with than it had, where it is held back by a rate.
    pub fn take_written(&mut self, max: usize) -> usize {
        let n = self.written.min(max);
        self.written -= n;
        n
    }
}
