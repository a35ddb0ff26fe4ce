//! The compressed streams of a connection. They live as long as it does, each rectangle goes on
//! where the last one of its stream ended.
//!
//! Output goes to the end of a window, from which contents are read. What is read stays there for a
//! while: its last 32 KiB are all that deflate looks back to, and so all that somebody needs who
//! wants to go on elsewhere.

use flate2::{Decompress, FlushDecompress, Status};

use super::canvas::Canvas;
use super::content::Content;
use crate::Error;
use crate::reader::{Reader, Stop};

/// How far deflate looks back.
pub(super) const HISTORY_LEN: usize = 32 << 10;

/// Bytes that are inflated at once.
const CHUNK_LEN: usize = 32 << 10;

/// Bytes of a zlib stream's head.
const HEAD_LEN: u8 = 2;

/// Which stream of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamId {
    Zlib,
    Zrle,
    /// One of Tight's four.
    Tight(u8),
}

/// Streams of one connection; each is made when it is first used.
#[derive(Debug, Default)]
pub(super) struct Inflaters {
    /// Zlib, ZRLE, Tight's four.
    pub(super) streams: [Option<Box<Inflater>>; STREAMS],
}

/// How many streams a connection can have.
pub(super) const STREAMS: usize = 6;

impl Inflaters {
    fn stream(&mut self, id: StreamId) -> &mut Inflater {
        let at = match id {
            StreamId::Zlib => 0,
            StreamId::Zrle => 1,
            StreamId::Tight(number) => 2 + usize::from(number & 3),
        };
        self.streams[at].get_or_insert_default()
    }

    /// Begins one of Tight's streams anew.
    pub(super) fn reset_tight(&mut self, number: u8) {
        self.streams[2 + usize::from(number & 3)] = None;
    }
}

/// One stream.
#[derive(Debug)]
pub(super) struct Inflater {
    pub(super) inflate: Decompress,
    /// Bytes of the stream's head that have come; the rest is deflate.
    head: u8,
    /// The first of them.
    method: u8,
    pub(super) window: Vec<u8>,
    /// What of the window was read; `read <= window.len()`.
    pub(super) read: usize,
    /// The last four bytes that came in.
    pub(super) tail: [u8; 4],
}

impl Default for Inflater {
    fn default() -> Self {
        Self {
            // The head is read here: so a stream can be gone on with from a place within it.
            inflate: Decompress::new(false),
            head: 0,
            method: 0,
            window: Vec::new(),
            read: 0,
            tail: [0; 4],
        }
    }
}

impl Inflater {
    /// A stream whose head is behind it.
    pub(super) fn begun(inflate: Decompress) -> Self {
        Self {
            inflate,
            head: HEAD_LEN,
            ..Self::default()
        }
    }

    /// Whether deflate itself has begun.
    pub(super) fn is_begun(&self) -> bool {
        self.head == HEAD_LEN && self.inflate.total_in() > 0
    }

    /// Whether nothing of it has come.
    pub(super) fn is_fresh(&self) -> bool {
        self.head == 0
    }

    /// What was inflated and not read yet.
    fn unread(&self) -> &[u8] {
        self.window.get(self.read..).unwrap_or_default()
    }

    /// Inflates from the front of `input`; says whether anything came of it.
    fn inflate(&mut self, input: &mut &[u8]) -> Result<bool, Error> {
        while self.head < HEAD_LEN {
            let Some((byte, rest)) = input.split_first() else {
                return Ok(false);
            };
            self.take_head(*byte)?;
            *input = rest;
        }
        self.make_room();
        let (came_in, came_out) = (self.inflate.total_in(), self.window.len());
        let inflated = self
            .inflate
            .decompress_vec(input, &mut self.window, FlushDecompress::Sync);
        let status = inflated.map_err(|error| Error::Inflate(error.to_string()))?;
        let taken = (self.inflate.total_in() - came_in) as usize;
        *input = input.get(taken..).unwrap_or_default();
        let progressed = taken > 0 || self.window.len() > came_out;
        if status == Status::StreamEnd && !input.is_empty() {
            return Err(Error::Inflate("the stream has ended".to_owned()));
        }
        Ok(progressed)
    }

    /// RFC 1950 §2.2: the method is deflate, no dictionary is awaited, the check fits.
    fn take_head(&mut self, byte: u8) -> Result<(), Error> {
        self.head += 1;
        if self.head < HEAD_LEN {
            self.method = byte;
            return Ok(());
        }
        let number = u16::from_be_bytes([self.method, byte]);
        let is_deflate = self.method & 15 == 8 && self.method >> 4 <= 7;
        if !is_deflate || byte & 0x20 != 0 || !number.is_multiple_of(31) {
            return Err(Error::Inflate("this is no zlib stream".to_owned()));
        }
        Ok(())
    }

    /// Room for the next chunk: what was read and is no history goes, now and then.
    fn make_room(&mut self) {
        if self.window.capacity() - self.window.len() >= CHUNK_LEN {
            return;
        }
        let history = self.window.len().saturating_sub(HISTORY_LEN);
        let gone = self.read.min(history);
        self.window.drain(..gone);
        self.read -= gone;
        self.window.reserve(CHUNK_LEN);
    }
}

/// A rectangle in a compressed stream, of a length that was told.
#[derive(Debug)]
pub(super) struct Deflated {
    id: StreamId,
    /// Compressed bytes still to come.
    left: u32,
    content: Content,
}

impl Deflated {
    pub(super) fn new(id: StreamId, len: u32, content: Content) -> Self {
        Self {
            id,
            left: len,
            content,
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.left == 0 && self.content.is_complete()
    }

    pub(super) fn step(
        &mut self,
        reader: &mut Reader<'_>,
        canvas: &mut Canvas,
        inflaters: &mut Inflaters,
    ) -> Result<(), Stop> {
        let stream = inflaters.stream(self.id);
        let mut input = reader.take_up_to(usize::try_from(self.left).unwrap_or(usize::MAX));
        if input.is_empty() && self.left > 0 {
            return Err(Stop::More);
        }
        self.left -= input.len() as u32;
        for byte in input.iter().skip(input.len().saturating_sub(4)) {
            stream.tail.rotate_left(1);
            stream.tail[3] = *byte;
        }
        while stream.inflate(&mut input)? {
            self.paint(stream, canvas)?;
            if self.content.is_complete() && !stream.unread().is_empty() {
                return Err(Error::Long.into());
            }
        }
        if !input.is_empty() {
            return Err(Error::Inflate("nothing comes of it".to_owned()).into());
        }
        if self.left == 0 && !self.content.is_complete() {
            return Err(Error::Short.into());
        }
        Ok(())
    }

    /// Paints with what was inflated so far.
    fn paint(&mut self, stream: &mut Inflater, canvas: &mut Canvas) -> Result<(), Error> {
        let mut reader = Reader::new(stream.unread());
        while !self.content.is_complete() {
            let start = reader.position();
            match self.content.step(&mut reader, canvas) {
                Ok(()) => {}
                Err(Stop::More) => {
                    reader.rewind(start);
                    break;
                }
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        stream.read += reader.position();
        Ok(())
    }
}
