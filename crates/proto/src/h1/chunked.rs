//! The chunked transfer coding (RFC 9112 §7.1, `ngx_http_parse_chunked`).

use std::ops::Range;

use super::field::{Field, FieldName, Fields};
use super::line::{BadLine, Line, LineScanner, StatusLines};
use super::message::RefusedLine;
use super::span::{BUFFER_BYTES_MAX, Span};

/// What happens to the trailer section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trailers {
    /// It is read over.
    #[default]
    Discard,
    /// The decoder stops before it; a [`TrailerParser`] reads it.
    Keep,
}

/// Decodes a chunked body piece by piece, without copying.
#[derive(Clone, Debug, Default)]
pub struct ChunkedDecoder {
    state: State,
    trailers: Trailers,
    /// In `Size` the number so far; in and before `Data` the bytes of the chunk yet to come.
    size: u64,
    /// Bytes of the current extension, or of the trailer section so far.
    skipped: usize,
}

/// What `decode` found, and how many bytes of its input are done with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes that the caller drops from the front of the input, data included.
    pub consumed: usize,
    /// What they were.
    pub step: ChunkStep,
}

/// A piece of a chunked body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChunkStep {
    /// Framing only; the input is used up.
    More,
    /// Payload: this range of the input, never empty.
    Data(Range<usize>),
    /// The last chunk has come; the trailer section follows (only with [`Trailers::Keep`]).
    Trailers,
    /// The body is complete; what follows is not part of it.
    Done,
}

/// Why a chunked body is refused; the sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The framing does not follow the grammar.
    #[error("invalid chunked body")]
    Invalid,
    /// A chunk size that no counter holds.
    #[error("chunk size is too large")]
    SizeOverflow,
    /// A chunk extension beyond [`EXTENSION_BYTES_MAX`].
    #[error("chunk extension is too long")]
    ExtensionTooLong,
    /// A trailer section beyond [`TRAILER_BYTES_MAX`].
    #[error("trailers are too long")]
    TrailersTooLong,
}

/// The longest extension of one chunk; nobody uses them for anything but attacks.
pub const EXTENSION_BYTES_MAX: usize = 4096;

/// The longest trailer section that is read over; a kept one is bounded by the caller's buffer.
pub const TRAILER_BYTES_MAX: usize = 64 * 1024;

/// ```text
/// Start ─ hex ─▶ Size ─ CR ─▶ SizeEnd ─ LF ─▶ Data ─▶ DataEnd ─ CR ─▶ DataEndLf ─ LF ─▶ Start
///                 │  └─ ; ─▶ Extension ─ CR ─▶ SizeEnd
///                 └ size 0: SizeEnd ─ LF ─▶ TrailerStart ─ CR ─▶ Ending ─ LF ─▶ Done
///                                             └─▶ Trailer ─ CR ─▶ TrailerEnd ─ LF ─▶ TrailerStart
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    Size,
    Extension,
    SizeEnd,
    Data,
    DataEnd,
    DataEndLf,
    TrailerStart,
    Trailer,
    TrailerEnd,
    Ending,
    /// The last chunk has come and the trailers are kept for the caller.
    BeforeTrailers,
    Done,
}

impl ChunkedDecoder {
    /// A decoder at the beginning of a body.
    pub fn new(trailers: Trailers) -> Self {
        Self {
            trailers,
            ..Self::default()
        }
    }

    /// Decodes up to the next piece of payload or to the end of `input`.
    ///
    /// The caller drops `consumed` bytes and calls again with the rest, until `Trailers` or `Done`.
    pub fn decode(&mut self, input: &[u8]) -> Result<Decoded, ChunkError> {
        let mut pos = 0;
        while let Some(&byte) = input.get(pos) {
            match self.state {
                State::Data => return Ok(self.take_data(pos, input.len())),
                State::Extension | State::Trailer => {
                    pos = self.skip_text(input, pos)?;
                    continue;
                }
                State::BeforeTrailers | State::Done => break,
                _ => self.state = self.step(byte)?,
            }
            pos += 1;
        }
        let step = match self.state {
            State::BeforeTrailers => ChunkStep::Trailers,
            State::Done => ChunkStep::Done,
            _ => ChunkStep::More,
        };
        Ok(Decoded {
            consumed: pos,
            step,
        })
    }

    /// The fewest bytes that must still come for the body to be complete.
    pub fn bytes_needed(&self) -> u64 {
        // After a chunk's payload: CRLF, "0", CRLF, CRLF.
        const AFTER_DATA: u64 = 7;
        match self.state {
            State::Start => 5,
            State::Size | State::Extension | State::SizeEnd => {
                let line_end = if self.state == State::SizeEnd { 1 } else { 2 };
                line_end
                    + if self.size > 0 {
                        self.size + AFTER_DATA
                    } else {
                        2
                    }
            }
            State::Data => self.size + AFTER_DATA,
            State::DataEnd => 7,
            State::DataEndLf => 6,
            State::TrailerStart => 2,
            State::Trailer => 4,
            State::TrailerEnd => 3,
            State::Ending => 1,
            State::BeforeTrailers => 2,
            State::Done => 0,
        }
    }

    /// How many bytes of the current chunk's payload have not been handed out.
    pub fn chunk_bytes_left(&self) -> u64 {
        if self.state == State::Data {
            self.size
        } else {
            0
        }
    }

    /// Whether the body is complete.
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn take_data(&mut self, pos: usize, end: usize) -> Decoded {
        let length = usize::try_from(self.size)
            .unwrap_or(usize::MAX)
            .min(end - pos);
        self.size -= length as u64;
        if self.size == 0 {
            self.state = State::DataEnd;
        }
        Decoded {
            consumed: pos + length,
            step: ChunkStep::Data(pos..pos + length),
        }
    }

    fn step(&mut self, byte: u8) -> Result<State, ChunkError> {
        // A bare LF is nowhere accepted, as nginx since 1.29.4: peers disagree on what it ends.
        match (self.state, byte) {
            (State::Start, _) => {
                self.size = hex_digit(byte).ok_or(ChunkError::Invalid)?;
                Ok(State::Size)
            }
            (State::Size, b'\r') => Ok(State::SizeEnd),
            (State::Size, b';' | b' ' | b'\t') => {
                self.skipped = 0;
                Ok(State::Extension)
            }
            (State::Size, _) => self.size_digit(byte),
            (State::SizeEnd, b'\n') if self.size > 0 => Ok(State::Data),
            (State::SizeEnd, b'\n') => {
                self.skipped = 0;
                Ok(match self.trailers {
                    Trailers::Discard => State::TrailerStart,
                    Trailers::Keep => State::BeforeTrailers,
                })
            }
            (State::DataEnd, b'\r') => Ok(State::DataEndLf),
            (State::DataEndLf, b'\n') => Ok(State::Start),
            (State::TrailerStart, b'\r') => Ok(State::Ending),
            (State::TrailerStart, b'\n') => Err(ChunkError::Invalid),
            (State::TrailerStart, _) => {
                // Its first byte and its line end, so that no line is free.
                self.skipped += 3;
                Ok(State::Trailer)
            }
            (State::TrailerEnd, b'\n') => Ok(State::TrailerStart),
            (State::Ending, b'\n') => Ok(State::Done),
            _ => Err(ChunkError::Invalid),
        }
    }

    fn size_digit(&mut self, byte: u8) -> Result<State, ChunkError> {
        let digit = hex_digit(byte).ok_or(ChunkError::Invalid)?;
        // As nginx: a file offset must hold the size and the bytes after the chunk.
        let size = self
            .size
            .checked_mul(16)
            .and_then(|size| size.checked_add(digit));
        self.size = size
            .filter(|&size| size <= SIZE_MAX)
            .ok_or(ChunkError::SizeOverflow)?;
        Ok(State::Size)
    }

    /// Reads over an extension or a trailer up to its CR, and counts.
    fn skip_text(&mut self, input: &[u8], pos: usize) -> Result<usize, ChunkError> {
        let rest = input.get(pos..).unwrap_or_default();
        let end = memchr::memchr2(b'\r', b'\n', rest);
        self.skipped += end.unwrap_or(rest.len());
        match self.state {
            State::Extension if self.skipped > EXTENSION_BYTES_MAX => {
                return Err(ChunkError::ExtensionTooLong);
            }
            State::Trailer if self.skipped > TRAILER_BYTES_MAX => {
                return Err(ChunkError::TrailersTooLong);
            }
            _ => {}
        }
        let Some(end) = end else {
            return Ok(input.len());
        };
        if rest.get(end) == Some(&b'\n') {
            return Err(ChunkError::Invalid);
        }
        self.state = match self.state {
            State::Extension => State::SizeEnd,
            _ => State::TrailerEnd,
        };
        Ok(pos + end + 1)
    }
}

const SIZE_MAX: u64 = i64::MAX as u64 - 9;

fn hex_digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

/// Reads a trailer section that a [`ChunkedDecoder`] stopped before.
#[derive(Clone, Debug, Default)]
pub struct TrailerParser {
    pos: usize,
    scanner: LineScanner,
    fields: Fields,
}

/// Why a trailer section is refused; the sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid trailer")]
pub struct TrailerError(pub RefusedLine);

impl TrailerParser {
    /// A parser at the beginning of a trailer section.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses on where the last call stopped; gives the section's length once it is complete.
    ///
    /// `buf` begins with the section and holds at least what it held before.
    pub fn parse(&mut self, buf: &[u8]) -> Result<Option<usize>, TrailerError> {
        let buf = buf.get(..BUFFER_BYTES_MAX).unwrap_or(buf);
        loop {
            let line = self
                .scanner
                .next(buf, &mut self.pos, StatusLines::AreFields);
            let line = line.map_err(|BadLine(span)| TrailerError(RefusedLine { span }))?;
            if line == Line::More {
                return Ok(None);
            }
            self.refuse_bare_line_feed(buf)?;
            match line {
                Line::Field { name, value, .. } => {
                    let known = FieldName::from_bytes(name.of(buf));
                    self.fields.push(Field { name, value, known });
                }
                Line::End | Line::More => return Ok(Some(self.pos)),
            }
        }
    }

    // DIFFERS: nginx takes a bare LF within trailers that it passes on; here, as everywhere within
    // chunked framing, it is an error.
    fn refuse_bare_line_feed(&self, buf: &[u8]) -> Result<(), TrailerError> {
        let line = buf.get(..self.pos).unwrap_or_default();
        if line.ends_with(b"\r\n") {
            return Ok(());
        }
        let span = Span::new(self.pos - 1, self.pos - 1);
        Err(TrailerError(RefusedLine { span }))
    }

    /// The fields of the section; their spans are offsets into the buffer that was parsed.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }
}

/// The line end after the payload of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk and an empty trailer section.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The last chunk when trailers follow; after them comes [`CHUNK_END`].
pub const LAST_CHUNK_BEFORE_TRAILERS: &[u8] = b"0\r\n";

/// The line before the payload of a chunk, without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct ChunkHeader {
    /// The text stands at the end.
    bytes: [u8; Self::BYTES_MAX],
    /// `start <= BYTES_MAX`
    start: usize,
}

impl ChunkHeader {
    const BYTES_MAX: usize = 18;

    /// The header of a chunk with that many bytes of payload, which are more than none: a chunk of
    /// none would end the body.
    pub fn new(payload_bytes: u64) -> Self {
        debug_assert!(payload_bytes > 0);
        let mut bytes = [0; Self::BYTES_MAX];
        let mut start = Self::BYTES_MAX;
        let mut rest = payload_bytes;
        for (at, place) in bytes.iter_mut().enumerate().rev() {
            *place = match Self::BYTES_MAX - at {
                1 => b'\n',
                2 => b'\r',
                _ => {
                    let digit = b"0123456789abcdef".get((rest % 16) as usize);
                    rest /= 16;
                    digit.copied().unwrap_or_default()
                }
            };
            start = at;
            if rest == 0 && at < Self::BYTES_MAX - 2 {
                break;
            }
        }
        Self { bytes, start }
    }
}

impl std::ops::Deref for ChunkHeader {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}
