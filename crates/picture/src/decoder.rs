//! What an RFB server sends after its `ServerInit` (RFC 6143 §7.6 and §7.7, and the registry).
//!
//! ```text
//!          ┌──────── message ◄─────────┐
//!          ▼                           │
//! skip ◄─ head ─▶ rectangle's head ─▶ body ─▶ (next rectangle)
//! ```
//!
//! Every arrow is a step that either happens as a whole or asks for more bytes and is tried again,
//! so that the same bytes make the same picture in any split. Only what a step still waits for is
//! kept, and steps are small: a pixel, a tile, a cursor, a JPEG.

mod canvas;
mod content;
mod cursors;
pub mod encodings;
mod hextile;
mod inflate;
mod messages;
mod rect;
mod rre;
mod state;
#[cfg(test)]
mod tests;
mod tight;
mod tiles;
mod walk;

use crate::reader::{Reader, Stop};
use crate::{Cursor, Error, Framebuffer, PixelFormat};
use canvas::Canvas;
use inflate::Inflaters;
use rect::Body;
pub use state::{ResumeError, StateError};

/// What a server can make a decoder hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The widest and highest screen.
    pub side_max: u16,
    /// The largest screen; each pixel takes four bytes.
    pub pixels_max: usize,
}

impl Default for Limits {
    /// Screens up to 8K, which take 128 MiB.
    fn default() -> Self {
        Self {
            side_max: 16384,
            pixels_max: 32 << 20,
        }
    }
}

impl Limits {
    fn check(&self, width: u16, height: u16) -> Result<(), Error> {
        let pixels = usize::from(width) * usize::from(height);
        if width.max(height) > self.side_max || pixels > self.pixels_max {
            return Err(Error::ScreenTooLarge { width, height });
        }
        Ok(())
    }
}

/// A server's screen, as its bytes make it.
#[derive(Debug)]
pub struct Decoder {
    canvas: Canvas,
    cursor: Option<Cursor>,
    /// Where the pointer is, as far as the server has told.
    pointer: Option<(u16, u16)>,
    name: Vec<u8>,
    inflaters: Inflaters,
    limits: Limits,
    /// Updates that have wholly arrived.
    updates: u64,
    state: State,
    /// Bytes of a step that is not whole yet.
    pending: Vec<u8>,
    failed: Option<Error>,
}

/// What is awaited.
#[derive(Debug)]
enum State {
    /// A message's head.
    Message,
    /// Bytes that mean nothing here, and then a message.
    Skip { bytes: u64 },
    /// The head of one of so many rectangles; `None` is as many as there are before a `LastRect`.
    Rectangle { left: Option<u16> },
    /// A rectangle's body, and then so many rectangles.
    Body { left: Option<u16>, body: Box<Body> },
    /// Bytes of a rectangle that mean nothing here, and then so many rectangles.
    SkipInUpdate { left: Option<u16>, bytes: u64 },
}

impl Decoder {
    /// A black screen, as `ServerInit` and what was agreed since say.
    pub fn new(
        width: u16,
        height: u16,
        format: PixelFormat,
        limits: Limits,
    ) -> Result<Self, Error> {
        limits.check(width, height)?;
        Ok(Self {
            canvas: Canvas::new(Framebuffer::new(width, height), format),
            cursor: None,
            pointer: None,
            name: Vec::new(),
            inflaters: Inflaters::default(),
            limits,
            updates: 0,
            state: State::Message,
            pending: Vec::new(),
            failed: None,
        })
    }

    /// Takes what the server sent, in any split. After an error, every call gives the same error.
    pub fn handle(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let mut pending = std::mem::take(&mut self.pending);
        let outcome = if pending.is_empty() {
            let outcome = self.run(bytes);
            outcome.map(|taken| pending.extend_from_slice(bytes.get(taken..).unwrap_or_default()))
        } else {
            pending.extend_from_slice(bytes);
            let outcome = self.run(&pending);
            outcome.map(|taken| drop(pending.drain(..taken)))
        };
        if pending.is_empty() {
            pending = Vec::new();
        }
        self.pending = pending;
        outcome.inspect_err(|error| self.failed = Some(error.clone()))
    }

    /// The screen.
    pub fn screen(&self) -> &Framebuffer {
        &self.canvas.screen
    }

    /// Where something was painted since this was last asked, rounded up to tiles of 64 by 64.
    pub fn take_dirty(&mut self) -> Vec<crate::Rect> {
        self.canvas.screen.take_dirty()
    }

    /// The pointer's picture, if the server has sent one.
    pub fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// Where the pointer is, if the server has told.
    pub fn pointer(&self) -> Option<(u16, u16)> {
        self.pointer
    }

    /// The desktop's name, if it has changed since `ServerInit`.
    pub fn name(&self) -> &[u8] {
        &self.name
    }

    /// The pixel format in which the server sends.
    pub fn format(&self) -> &PixelFormat {
        &self.canvas.format
    }

    /// Another pixel format, once the server sends in it.
    pub fn set_format(&mut self, format: PixelFormat) {
        self.canvas.set_format(format);
    }

    /// Updates that have wholly arrived.
    pub fn updates(&self) -> u64 {
        self.updates
    }

    /// Between two messages of the server.
    pub fn is_at_boundary(&self) -> bool {
        matches!(self.state, State::Message) && self.pending.is_empty()
    }

    /// Takes steps until one needs more; says how many bytes were used.
    fn run(&mut self, bytes: &[u8]) -> Result<usize, Error> {
        let mut reader = Reader::new(bytes);
        loop {
            let start = reader.position();
            match self.step(&mut reader) {
                Ok(()) => {}
                Err(Stop::More) => {
                    reader.rewind(start);
                    return Ok(start);
                }
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
    }

    /// Either takes bytes, or asks for more and has changed nothing.
    fn step(&mut self, reader: &mut Reader<'_>) -> Result<(), Stop> {
        match &mut self.state {
            State::Message => self.handle_message(reader),
            State::Skip { bytes } => {
                if skip(bytes, reader)? {
                    self.state = State::Message;
                }
                Ok(())
            }
            State::Rectangle { left } => {
                let left = *left;
                self.handle_rectangle(left, reader)
            }
            State::Body { left, body } => {
                if !body.is_complete() {
                    body.step(reader, &mut self.canvas, &mut self.inflaters)?;
                }
                if body.is_complete() {
                    let left = *left;
                    self.next_rectangle(left);
                }
                Ok(())
            }
            State::SkipInUpdate { left, bytes } => {
                let left = *left;
                if skip(bytes, reader)? {
                    self.next_rectangle(left);
                }
                Ok(())
            }
        }
    }

    /// After a rectangle: the next, or the end of the update.
    fn next_rectangle(&mut self, left: Option<u16>) {
        self.state = match left {
            Some(0) => {
                self.updates += 1;
                State::Message
            }
            left => State::Rectangle { left },
        };
    }
}

/// Takes what is there of bytes to be skipped; says whether that was all.
fn skip(bytes: &mut u64, reader: &mut Reader<'_>) -> Result<bool, Stop> {
    let len = usize::try_from(*bytes).unwrap_or(usize::MAX);
    let taken = reader.take_up_to(len).len();
    if taken == 0 && len > 0 {
        return Err(Stop::More);
    }
    *bytes -= taken as u64;
    Ok(*bytes == 0)
}
