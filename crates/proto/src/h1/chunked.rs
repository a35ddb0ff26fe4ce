//! The chunked transfer coding (RFC 9112 §7.1, `ngx_http_parse_chunked`).

use std::ops::Range;

mod encode;
mod trailer;

pub use encode::{CHUNK_END, ChunkHeader, LAST_CHUNK, LAST_CHUNK_BEFORE_TRAILERS};
pub use trailer::{TrailerError, TrailerParser};

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
        if self.state == State::Size && self.size > CHUNK_BYTES_MAX {
            return Err(ChunkError::SizeOverflow);
        }
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
            (State::Size, _) => {
                let digit = hex_digit(byte).ok_or(ChunkError::Invalid)?;
                self.size = self.size * 16 + digit;
                Ok(State::Size)
            }
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

/// The largest chunk, as nginx; one more digit still fits the counter.
const CHUNK_BYTES_MAX: u64 = i64::MAX as u64 / 16;

fn hex_digit(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}
