//! One direction of a tunnel: from one socket to the other, keeping nothing while nothing waits.

use std::cell::Cell;
use std::io;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use super::frames::{Frames, Insert, Passed};
use crate::scratch::{SCRATCH_LEN, with_scratch};
use crate::splice::Pipe;
use crate::{Stream, clock};

/// Bytes that one direction may carry before other tasks get their turn.
const TURN_BYTES: usize = 256 * 1024;

/// After so many reads in a row that filled the scratch, bytes are spliced instead of copied.
const BULK_READS: u8 = 2;

/// A splice that moved less than this ends the bulk: copying finds a socket empty without asking.
const BULK_MIN: usize = 16 * 1024;

/// One direction of a tunnel.
#[derive(Debug)]
pub(super) struct Direction {
    waiting: Waiting,
    full_reads: u8,
    end: End,
    /// The other side was told that nothing more comes.
    told: bool,
    /// When bytes last came in, and when they last went out.
    pub(super) last_read: Instant,
    pub(super) last_write: Instant,
    /// Bytes wait for the other side.
    pub(super) blocked: bool,
    pub(super) frames: Option<Box<Frames>>,
}

/// What was read and is not taken yet by the other side: no memory while there is nothing.
#[derive(Debug)]
enum Waiting {
    Nothing,
    /// At most a scratch buffer and a few frames of ours.
    Bytes(Box<Spill>),
    /// Not empty.
    Pipe(Pipe),
}

#[derive(Debug)]
struct Spill {
    bytes: Vec<u8>,
    written: usize,
}

/// How the source stands.
#[derive(Debug)]
enum End {
    Open,
    /// It said so, or failed.
    Reached(Option<io::Error>),
}

/// Between which sockets a direction runs, and where its bytes are counted.
pub(super) struct Way<'a> {
    pub(super) from: &'a Stream,
    pub(super) to: &'a Stream,
    pub(super) received: &'a Cell<u64>,
    pub(super) sent: &'a Cell<u64>,
}

impl Direction {
    /// A direction in which `pending` is already read and comes first.
    pub(super) fn new(pending: Vec<u8>, mut frames: Option<Box<Frames>>) -> Self {
        let pending = match frames.as_mut().map(|frames| frames.pass(&pending)) {
            Some(Passed::Changed(changed)) => changed,
            Some(Passed::Unchanged) | None => pending,
        };
        Self {
            waiting: Waiting::bytes(pending),
            full_reads: 0,
            end: End::Open,
            told: false,
            last_read: clock::now(),
            last_write: clock::now(),
            blocked: false,
            frames,
        }
    }

    /// Carries what can be carried now. `Ready` when the source has ended and all of it was
    /// written; an error is the destination's.
    pub(super) fn poll_carry(
        &mut self,
        cx: &mut Context<'_>,
        way: &Way<'_>,
    ) -> Poll<io::Result<()>> {
        let mut budget = TURN_BYTES;
        loop {
            ready!(self.poll_flush(cx, way))?;
            if self.insert() {
                continue;
            }
            if self.is_ended() {
                return Poll::Ready(Ok(()));
            }
            if budget == 0 {
                return defer(cx);
            }
            match self.poll_take(cx, way) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(n)) if n > 0 => budget = budget.saturating_sub(n),
                Poll::Ready(end) => self.handle_end(end.err()),
            }
        }
    }

    /// Whether the source has ended, all it sent was written, and the other side was told.
    pub(super) fn is_over(&self) -> bool {
        self.told && self.is_ended()
    }

    /// Whether the source has ended.
    pub(super) fn is_ended(&self) -> bool {
        matches!(self.end, End::Reached(_))
    }

    /// How the source failed, if that is how it ended.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        match &mut self.end {
            End::Reached(failure) => failure.take(),
            End::Open => None,
        }
    }

    /// Tells the other side that nothing more comes.
    pub(super) fn forward_end(&mut self, to: &Stream) {
        if !std::mem::replace(&mut self.told, true) {
            // It fails only if the connection is gone, which reading from it says better.
            let _ = to.shutdown_write();
        }
    }

    /// Drops what waits, and ends: the other side is gone.
    pub(super) fn abandon(&mut self) {
        self.waiting = Waiting::Nothing;
        self.end = End::Reached(None);
    }

    /// Whether our close frame went out and is written.
    pub(super) fn is_closed(&self) -> bool {
        !self.blocked
            && self
                .frames
                .as_ref()
                .is_some_and(|frames| frames.is_closed())
    }

    /// When bytes last moved, in or out.
    pub(super) fn last_moved(&self) -> Instant {
        self.last_read.max(self.last_write)
    }

    /// The rule that a frame broke, if one did.
    pub(super) fn violation(&self) -> Option<proto::ws::Error> {
        self.frames.as_ref()?.violation()
    }

    /// Asks for a frame of ours, if this is a WebSocket.
    pub(super) fn request(&mut self, insert: Insert) {
        if let Some(frames) = &mut self.frames {
            frames.request(insert);
        }
    }

    /// Puts in a requested frame, if what was written ends at a boundary; nothing waits now.
    fn insert(&mut self) -> bool {
        debug_assert!(matches!(self.waiting, Waiting::Nothing));
        let Some(frame) = self.frames.as_mut().and_then(|frames| frames.take_insert()) else {
            return false;
        };
        self.waiting = Waiting::bytes(frame);
        true
    }

    fn handle_end(&mut self, failure: Option<io::Error>) {
        self.end = End::Reached(failure);
        if let Some(frames) = &mut self.frames {
            self.waiting = Waiting::bytes(frames.finish());
        }
    }

    /// Writes what waits. `Ready` when nothing does.
    fn poll_flush(&mut self, cx: &mut Context<'_>, way: &Way<'_>) -> Poll<io::Result<()>> {
        loop {
            let Poll::Ready(n) = self.waiting.poll_write(cx, way.to)? else {
                self.block();
                return Poll::Pending;
            };
            if n == 0 {
                self.unblock();
                return Poll::Ready(Ok(()));
            }
            self.wrote(n, way);
        }
    }

    /// Takes bytes from the source, by the way that suits how much is there; `0` is its end.
    fn poll_take(&mut self, cx: &mut Context<'_>, way: &Way<'_>) -> Poll<io::Result<usize>> {
        let opaque = self
            .frames
            .as_ref()
            .map_or(u64::MAX, |frames| frames.opaque());
        if self.full_reads >= BULK_READS
            && opaque >= SCRATCH_LEN as u64
            && way.from.as_plain().is_some()
            && way.to.as_plain().is_some()
            && let Some(pipe) = Pipe::take()
        {
            return self.poll_splice(cx, way, pipe, opaque);
        }
        self.poll_copy(cx, way)
    }

    fn poll_splice(
        &mut self,
        cx: &mut Context<'_>,
        way: &Way<'_>,
        mut pipe: Pipe,
        opaque: u64,
    ) -> Poll<io::Result<usize>> {
        let max = usize::try_from(opaque).unwrap_or(usize::MAX);
        let Poll::Ready(n) = pipe.poll_fill(cx, way.from, max)? else {
            return Poll::Pending;
        };
        if n < BULK_MIN {
            self.full_reads = 0;
        }
        self.read(n, way);
        if let Some(frames) = &mut self.frames {
            frames.skip(n);
        }
        if !pipe.is_empty() {
            self.waiting = Waiting::Pipe(pipe);
        }
        Poll::Ready(Ok(n))
    }

    fn poll_copy(&mut self, cx: &mut Context<'_>, way: &Way<'_>) -> Poll<io::Result<usize>> {
        with_scratch(|buf| {
            let Poll::Ready(n) = way.from.poll_read(cx, buf)? else {
                return Poll::Pending;
            };
            self.full_reads = match n == buf.len() {
                true => self.full_reads.saturating_add(1),
                false => 0,
            };
            if n > 0 {
                self.read(n, way);
                self.pass(cx, way, &buf[..n]);
            }
            Poll::Ready(Ok(n))
        })
    }

    /// Writes bytes that were just read; what is not taken at once is spilled.
    fn pass(&mut self, cx: &mut Context<'_>, way: &Way<'_>, bytes: &[u8]) {
        match self.frames.as_mut().map(|frames| frames.pass(bytes)) {
            Some(Passed::Changed(changed)) => return self.waiting = Waiting::bytes(changed),
            Some(Passed::Unchanged) | None => {}
        }
        // An error shows again, and is reported, when the spill is flushed.
        let n = match way.to.poll_write(cx, bytes) {
            Poll::Ready(Ok(n)) => n,
            Poll::Ready(Err(_)) | Poll::Pending => 0,
        };
        if n > 0 {
            self.wrote(n, way);
        }
        if n < bytes.len() {
            self.waiting = Waiting::bytes(bytes[n..].to_vec());
        }
    }

    fn block(&mut self) {
        if !self.blocked {
            self.blocked = true;
            self.last_write = clock::now();
        }
    }

    /// From here on the source is listened to again; before, its silence meant nothing.
    fn unblock(&mut self) {
        if self.blocked {
            self.blocked = false;
            self.last_read = clock::now();
        }
    }

    fn read(&mut self, n: usize, way: &Way<'_>) {
        self.last_read = clock::now();
        way.received.set(way.received.get() + n as u64);
    }

    fn wrote(&mut self, n: usize, way: &Way<'_>) {
        self.last_write = clock::now();
        way.sent.set(way.sent.get() + n as u64);
    }
}

/// Comes back after the event loop has looked for events: waking at once would keep others waiting
/// that are not known to be ready yet.
fn defer<T>(cx: &mut Context<'_>) -> Poll<T> {
    // A loop that never sleeps would keep the time of its last sleep.
    clock::refresh();
    let pending = std::pin::pin!(tokio::task::yield_now()).poll(cx);
    debug_assert!(pending.is_pending(), "a first poll always yields");
    Poll::Pending
}

impl Waiting {
    fn bytes(bytes: Vec<u8>) -> Self {
        match bytes.is_empty() {
            true => Self::Nothing,
            false => Self::Bytes(Box::new(Spill { bytes, written: 0 })),
        }
    }

    /// Writes what `to` takes; `0` when nothing waits.
    fn poll_write(&mut self, cx: &mut Context<'_>, to: &Stream) -> Poll<io::Result<usize>> {
        let (n, is_left) = match self {
            Self::Nothing => return Poll::Ready(Ok(0)),
            Self::Bytes(spill) => {
                let n = ready!(to.poll_write(cx, &spill.bytes[spill.written..]))?;
                if n == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                spill.written += n;
                (n, spill.written < spill.bytes.len())
            }
            Self::Pipe(pipe) => (ready!(pipe.poll_drain(cx, to))?, !pipe.is_empty()),
        };
        if !is_left {
            *self = Self::Nothing;
        }
        Poll::Ready(Ok(n))
    }
}
