//! The server's direction: from what it sends to the viewer's frames.
//!
//! A read goes through the thread's scratch buffer, with the frame's header put before it. Once
//! much comes at a time, and nobody here needs to see it, the bytes stay in the kernel: they move
//! to a pipe, a header of that length is sent, and the pipe is emptied behind it.

use std::task::{Context, Poll};

use net::splice::{FILL_MAX, Pipe};
use proto::rfb::HEAD_LEN_MAX;
use proto::ws::{FrameHeader, HEADER_LEN_MAX};

use super::{Pump, Step, server_failed};
use crate::scratch::{SCRATCH_LEN, with_scratch};
use crate::session::ending::{Failure, viewer_failed};

/// Bytes that are read from the server at first.
const READ_MIN: usize = 32 * 1024;

/// The most that is copied at a time.
pub(super) const COPY_MAX: usize = SCRATCH_LEN - HEADER_LEN_MAX - HEAD_LEN_MAX;

/// From reads of this size on, bytes are spliced.
const BULK_MIN: usize = 128 * 1024;

/// How much is read from the server at a time. A read that fills it doubles it, one that the viewer
/// does not keep up with halves it, so that a slow viewer is owed little.
#[derive(Debug)]
pub(super) struct Pace {
    /// From [`READ_MIN`] to [`FILL_MAX`].
    read: usize,
}

/// How much of a frame a viewer took at once.
pub(super) enum Sent {
    Wholly,
    Partly,
}

impl Pump {
    /// One read from the server, as one frame. Says how much was moved; 0 means waiting.
    pub(super) fn carry_screen(&mut self, cx: &mut Context<'_>) -> Step {
        let owed = self.to_viewer.len();
        let flushed = self.to_viewer.poll_flush(cx, &self.viewer);
        // Whoever takes what waited for it lives, even if it is too busy to answer a ping.
        if self.to_viewer.len() < owed {
            self.clock.note_heard();
        }
        // Reading while the viewer takes nothing would only fill the spill.
        if flushed.map_err(viewer_failed)?.is_pending()
            || self
                .viewer
                .poll_write_ready(cx)
                .map_err(viewer_failed)?
                .is_pending()
        {
            return Ok(0);
        }
        if self.pace.is_bulk()
            && self.may_splice()
            && let Some(pipe) = Pipe::take()
        {
            return self.splice_frame(cx, pipe);
        }
        self.copy_frame(cx)
    }

    /// Reads into the scratch buffer, and sends from there.
    fn copy_frame(&mut self, cx: &mut Context<'_>) -> Step {
        with_scratch(|scratch| {
            let (_, payload) = scratch.split_at_mut(HEADER_LEN_MAX);
            let carried = self
                .screen
                .as_ref()
                .map_or(0, |screen| screen.put_carry(payload));
            let read = &mut payload[carried..carried + self.pace.copied()];
            match self.server.poll_read(cx, read) {
                Poll::Pending => Ok(0),
                Poll::Ready(Ok(0)) => Err(self.server.ended()),
                Poll::Ready(Ok(n)) => {
                    let sent = match self.screen {
                        None => {
                            self.learn(&scratch[HEADER_LEN_MAX..HEADER_LEN_MAX + n]);
                            self.send_frame(cx, scratch, n)?
                        }
                        Some(_) => self.send_followed(cx, scratch, carried + n)?,
                    };
                    self.pace.adapt(n, sent);
                    Ok(n)
                }
                Poll::Ready(Err(error)) => Err(server_failed(&error)),
            }
        })
    }

    /// Sends `n` bytes that stand in the scratch buffer with room for a header before them.
    pub(super) fn send_frame(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        n: usize,
    ) -> Result<Sent, Failure> {
        let header = FrameHeader::binary(n as u64).encode();
        let start = HEADER_LEN_MAX - header.len();
        scratch[start..HEADER_LEN_MAX].copy_from_slice(&header);
        let frame = &scratch[start..HEADER_LEN_MAX + n];
        let sent = self
            .to_viewer
            .write(cx, &self.viewer, frame)
            .map_err(viewer_failed)?;
        self.entry.add_out(n as u64);
        Ok(Sent::of(sent == frame.len()))
    }

    /// Whether the kernel may move the server's bytes to the viewer unseen.
    fn may_splice(&self) -> bool {
        self.screen.is_none()
            && self.confirmations.is_none()
            && self.viewer.as_plain().is_some()
            && self.server.as_plain().is_some()
    }

    /// Moves what is there through a pipe, with a header before it: its length is known only once
    /// it is in the pipe.
    fn splice_frame(&mut self, cx: &mut Context<'_>, mut pipe: Pipe) -> Step {
        let Some(server) = self.server.as_plain() else {
            return Ok(0);
        };
        match pipe.poll_fill(cx, server, self.pace.read) {
            Poll::Pending => Ok(0),
            Poll::Ready(Ok(0)) => Err(self.server.ended()),
            Poll::Ready(Ok(n)) => {
                let header = FrameHeader::binary(n as u64).encode();
                let sent = self.to_viewer.splice(cx, &self.viewer, &header, pipe);
                sent.map_err(viewer_failed)?;
                self.entry.add_out(n as u64);
                self.pace.adapt(n, Sent::of(self.to_viewer.is_empty()));
                Ok(n)
            }
            Poll::Ready(Err(error)) => Err(server_failed(&error)),
        }
    }
}

impl Sent {
    pub(super) fn of(is_whole: bool) -> Self {
        match is_whole {
            true => Self::Wholly,
            false => Self::Partly,
        }
    }
}

impl Pace {
    /// Whether so much comes at a time that moving it in the kernel costs less than copying it.
    fn is_bulk(&self) -> bool {
        self.read >= BULK_MIN
    }

    /// How much may be read into the scratch buffer.
    fn copied(&self) -> usize {
        self.read.min(COPY_MAX)
    }

    /// Learns from a read of `n` bytes.
    fn adapt(&mut self, n: usize, sent: Sent) {
        match sent {
            Sent::Partly => self.read = (self.read / 2).max(READ_MIN),
            Sent::Wholly if n >= self.read => self.read = (self.read * 2).min(FILL_MAX),
            Sent::Wholly if n < READ_MIN => self.read = READ_MIN,
            Sent::Wholly => {}
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        Self { read: READ_MIN }
    }
}
