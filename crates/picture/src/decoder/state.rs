//! A decoder's state between two messages, to go on from in another process or another day.
//!
//! Compressed streams are the difficulty: a rectangle's data goes on where the last one ended. But
//! deflate looks back no further than 32 KiB, and servers end each rectangle with a sync flush,
//! after which the stream begins a block at a byte's beginning. So the last 32 KiB of output are
//! all that is kept of a stream. A stream whose last bytes are not those of a flush cannot be kept,
//! and neither can the state, until the server flushes it ([`StateError::Unflushed`]). That the
//! same bytes stand there by chance happens in one of 2³² streams that are not flushed.

use flate2::{Decompress, FlushDecompress};

use super::canvas::Canvas;
use super::inflate::{HISTORY_LEN, Inflater, Inflaters};
use super::{Decoder, Limits, State};
use crate::cursor::PIXELS_MAX;
use crate::reader::{Reader, Stop};
use crate::{Cursor, Error, Framebuffer, Pixel, PixelFormat};

/// The first bytes, with the version of what follows.
const MAGIC: [u8; 4] = *b"PWp1";

/// Bytes besides pixels: six streams, a cursor, a table of colours, a name.
const REST_LEN_MAX: usize =
    6 * (HISTORY_LEN + 8) + PIXELS_MAX * 4 + 3 * (2 << 16) + (64 << 10) + 256;

/// zstd's fastest ordinary level: states are many, and their pixels mostly plain.
const LEVEL: i32 = 1;

/// What ends a sync flush: an empty stored block's length and its complement (RFC 1951 §3.2.4).
pub(super) const FLUSH_END: [u8; 4] = [0, 0, 0xff, 0xff];

/// Why there is no state now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A message of the server has not wholly arrived.
    #[error("in the middle of a message")]
    NotAtBoundary,
    /// A compressed stream does not end with a flush, so that nobody can go on with it.
    #[error("a compressed stream is not flushed")]
    Unflushed,
    /// The server has broken the protocol before.
    #[error(transparent)]
    Failed(#[from] Error),
    /// Compressing failed.
    #[error("the state could not be compressed: {0}")]
    Compress(String),
}

/// Why nobody can go on from some bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResumeError {
    /// They are not a state, or a damaged one.
    #[error("these bytes are no state of a decoder")]
    Damaged,
    /// What they hold is over a limit or impossible.
    #[error(transparent)]
    Refused(#[from] Error),
}

impl From<Stop> for ResumeError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::More => Self::Damaged,
            Stop::Failed(error) => Self::Refused(error),
        }
    }
}

impl Decoder {
    /// Everything that is needed to go on from here with [`Decoder::resume`].
    pub fn state(&self) -> Result<Vec<u8>, StateError> {
        if let Some(error) = &self.failed {
            return Err(error.clone().into());
        }
        if !self.is_at_boundary() {
            return Err(StateError::NotAtBoundary);
        }
        let screen = &self.canvas.screen;
        let mut out = Vec::with_capacity(screen.pixels().len() * 3 + 4096);
        push_u16s(&mut out, &[screen.width(), screen.height()]);
        out.extend_from_slice(&self.canvas.format.to_bytes());
        out.extend_from_slice(&self.updates.to_be_bytes());
        push_text(&mut out, &self.name);
        let (x, y) = self.pointer.unwrap_or_default();
        out.push(self.pointer.is_some().into());
        push_u16s(&mut out, &[x, y]);
        out.push(self.cursor.is_some().into());
        if let Some(cursor) = &self.cursor {
            let (x, y) = cursor.hotspot;
            push_u16s(&mut out, &[cursor.width, cursor.height, x, y]);
            out.extend_from_slice(cursor.pixels.as_flattened());
        }
        out.extend_from_slice(&(self.canvas.colours.len() as u32).to_be_bytes());
        push_rgb(&mut out, &self.canvas.colours);
        for stream in &self.inflaters.streams {
            let history = match stream {
                None => None,
                Some(stream) => stream.history().ok_or(StateError::Unflushed)?,
            };
            out.push(history.is_some().into());
            push_text(&mut out, history.unwrap_or_default());
        }
        push_rgb(&mut out, screen.pixels());
        compress(&out)
    }

    /// Goes on from a state.
    pub fn resume(state: &[u8], limits: Limits) -> Result<Self, ResumeError> {
        Self::read_state(&decompress(state, limits)?, limits)
    }

    /// Goes on from what a state holds.
    pub(crate) fn read_state(body: &[u8], limits: Limits) -> Result<Self, ResumeError> {
        let mut reader = Reader::new(body);
        let (width, height) = (reader.u16()?, reader.u16()?);
        let format = PixelFormat::parse(&reader.array()?)?;
        let mut decoder = Self::new(width, height, format, limits)?;
        decoder.updates = u64::from_be_bytes(reader.array()?);
        decoder.name = read_text(&mut reader)?.to_vec();
        let (has_pointer, x, y) = (reader.u8()?, reader.u16()?, reader.u16()?);
        decoder.pointer = (has_pointer != 0).then_some((x, y));
        if reader.u8()? != 0 {
            decoder.cursor = Some(read_cursor(&mut reader)?);
        }
        let colours = reader.u32()? as usize;
        let colours = read_rgb(&mut reader, colours)?;
        decoder.inflaters = Inflaters::default();
        for stream in &mut decoder.inflaters.streams {
            let is_begun = reader.u8()? != 0;
            let history = read_text(&mut reader)?;
            if is_begun {
                *stream = Some(Box::new(Inflater::with_history(history)?));
            }
        }
        let pixels = read_rgb(&mut reader, usize::from(width) * usize::from(height))?;
        let screen = Framebuffer::from_pixels(width, height, pixels).ok_or(ResumeError::Damaged)?;
        decoder.canvas = Canvas::new(screen, format);
        decoder.canvas.colours = colours;
        decoder.state = State::Message;
        Ok(decoder)
    }
}

impl Inflater {
    /// The end of its output; `None` if that is not enough to go on. A stream of which only the
    /// head has come has no history either, and is not begun.
    fn history(&self) -> Option<Option<&[u8]>> {
        if !self.is_begun() {
            return if self.is_fresh() { Some(None) } else { None };
        }
        let start = self.window.len().saturating_sub(HISTORY_LEN);
        let is_whole = self.tail == FLUSH_END && self.read == self.window.len();
        is_whole.then(|| self.window.get(start..))
    }

    /// A stream that goes on: what was put out before is told as a stored block (RFC 1951 §3.2.4),
    /// and then forgotten.
    fn with_history(history: &[u8]) -> Result<Self, ResumeError> {
        let len = u16::try_from(history.len()).map_err(|_| ResumeError::Damaged)?;
        let mut stream = Self::begun(Decompress::new(false));
        stream.tail = FLUSH_END;
        stream.window.reserve(history.len());
        let [low, high] = len.to_le_bytes();
        let block = [&[0, low, high, !low, !high][..], history].concat();
        let told = stream
            .inflate
            .decompress_vec(&block, &mut stream.window, FlushDecompress::Sync);
        if told.is_err() || stream.window != history {
            return Err(ResumeError::Damaged);
        }
        stream.read = stream.window.len();
        Ok(stream)
    }
}

fn compress(body: &[u8]) -> Result<Vec<u8>, StateError> {
    let failed = |error: std::io::Error| StateError::Compress(error.to_string());
    let compressed = zstd::bulk::compress(body, LEVEL).map_err(failed)?;
    let len = (body.len() as u64).to_be_bytes();
    Ok([&MAGIC[..], &len, &compressed].concat())
}

fn decompress(state: &[u8], limits: Limits) -> Result<Vec<u8>, ResumeError> {
    let mut reader = Reader::new(state);
    if reader.array()? != MAGIC {
        return Err(ResumeError::Damaged);
    }
    let len = usize::try_from(u64::from_be_bytes(reader.array()?)).unwrap_or(usize::MAX);
    let len_max = limits.pixels_max.saturating_mul(3) + REST_LEN_MAX;
    if len > len_max {
        return Err(ResumeError::Damaged);
    }
    let body = zstd::bulk::decompress(reader.rest(), len).map_err(|_| ResumeError::Damaged)?;
    match body.len() == len {
        true => Ok(body),
        false => Err(ResumeError::Damaged),
    }
}

fn push_u16s(out: &mut Vec<u8>, numbers: &[u16]) {
    numbers
        .iter()
        .for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
}

fn push_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&(text.len() as u32).to_be_bytes());
    out.extend_from_slice(text);
}

fn push_rgb(out: &mut Vec<u8>, pixels: &[Pixel]) {
    out.extend(pixels.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]));
}

fn read_text<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Stop> {
    let len = reader.u32()? as usize;
    reader.take(len)
}

fn read_rgb(reader: &mut Reader<'_>, count: usize) -> Result<Vec<Pixel>, Stop> {
    let bytes = reader.take(count.saturating_mul(3))?;
    let pixels = bytes.as_chunks::<3>().0.iter();
    Ok(pixels.map(|[r, g, b]| [*r, *g, *b, 255]).collect())
}

fn read_cursor(reader: &mut Reader<'_>) -> Result<Cursor, ResumeError> {
    let (width, height) = (reader.u16()?, reader.u16()?);
    let hotspot = (reader.u16()?, reader.u16()?);
    let area = usize::from(width) * usize::from(height);
    if area > PIXELS_MAX {
        return Err(Error::CursorTooLarge(width, height).into());
    }
    let pixels = reader.take(area * 4)?.as_chunks::<4>().0.to_vec();
    Ok(Cursor {
        width,
        height,
        hotspot,
        pixels,
    })
}
