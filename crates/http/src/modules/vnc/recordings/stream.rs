//! Bodies that a helper's thread makes piece by piece, each when the client has taken the one
//! before: what is sent is as fast as its reader, and no more of it is in memory than one piece.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use recording::index::Index;
use recording::{Excerpt, Folder, FolderError, Id, Reader};

use crate::helpers::{self, Pending};
use crate::response::{Chunk, Source};

/// Bodies that may be on their way at a time.
const BODIES_MAX: usize = 64;

/// Those of them that hold a decoder and its screen.
const DECODING_MAX: usize = 16;

static BODIES: AtomicUsize = AtomicUsize::new(0);
static DECODING: AtomicUsize = AtomicUsize::new(0);

/// Makes the pieces of a body.
pub trait Produce: Send {
    /// The next piece; `None` is the end.
    fn next(&mut self) -> io::Result<Option<Vec<u8>>>;
}

/// A body.
pub struct Produced {
    state: State,
    _slot: Slot,
}

type Made = (Box<dyn Produce>, io::Result<Option<Vec<u8>>>);

enum State {
    Ready(Box<dyn Produce>),
    Working(Pending<Made>),
    Over,
}

impl Produced {
    /// A body of what is produced; `None` when there are too many.
    pub fn new(produce: Box<dyn Produce>) -> Option<Self> {
        Self::within(produce, &BODIES, BODIES_MAX)
    }

    /// A body for which pictures are decoded; `None` when there are too many.
    pub fn decoding(produce: Box<dyn Produce>) -> Option<Self> {
        Self::within(produce, &DECODING, DECODING_MAX)
    }

    fn within(produce: Box<dyn Produce>, count: &'static AtomicUsize, max: usize) -> Option<Self> {
        let slot = Slot::take(count, max)?;
        Some(Self {
            state: State::Ready(produce),
            _slot: slot,
        })
    }
}

impl Source for Produced {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Chunk>>> {
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::Over => return Poll::Ready(Ok(None)),
                State::Ready(mut produce) => {
                    let pending = helpers::start(move || {
                        let piece = produce.next();
                        (produce, piece)
                    });
                    self.state = State::Working(pending.map_err(|_| overloaded())?);
                }
                State::Working(mut pending) => {
                    let made = std::pin::Pin::new(&mut pending).poll(cx);
                    if made.is_pending() {
                        self.state = State::Working(pending);
                    }
                    let (produce, piece) = ready!(made).map_err(|_| overloaded())?;
                    let Some(piece) = piece? else {
                        return Poll::Ready(Ok(None));
                    };
                    self.state = State::Ready(produce);
                    if !piece.is_empty() {
                        return Poll::Ready(Ok(Some(Chunk::Memory(Bytes::from(piece)))));
                    }
                }
            }
        }
    }
}

fn overloaded() -> io::Error {
    io::Error::other("the helpers' threads have too much to do")
}

/// A place among so many.
pub struct Slot(&'static AtomicUsize);

impl Slot {
    /// Takes one, unless all are taken.
    pub fn take(count: &'static AtomicUsize, max: usize) -> Option<Self> {
        let before = count.fetch_add(1, Ordering::Relaxed);
        // Dropping it gives the place back.
        let slot = Self(count);
        (before < max).then_some(slot)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A recording as it was written.
pub struct Whole(Reader);

impl Whole {
    /// Opens one; says how long it is, if it is finished.
    pub fn open(folder: &Folder, id: Id) -> Result<(Self, Option<u64>), FolderError> {
        let found = folder.find(id)?;
        let outcome = folder.sidecar(&found.name)?.outcome;
        let len = outcome.filter(|_| found.finished);
        Ok((
            Self(folder.read(&found)?),
            len.map(|outcome| outcome.raw_bytes),
        ))
    }
}

impl Produce for Whole {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let frame = self.0.next_frame().map_err(io::Error::other)?;
        Ok(frame.map(|frame| frame.raw.to_vec()))
    }
}

/// A recording from some moment on.
pub struct Part(Excerpt);

impl Part {
    /// Opens one.
    pub fn open(folder: &Folder, id: Id, from: u32) -> Result<Self, FolderError> {
        let found = folder.find(id)?;
        let title = folder.sidecar(&found.name)?.facts.title.unwrap_or_default();
        let replay = Index::replay(folder, &found, from);
        let replay = replay.map_err(|error| FolderError::Show {
            path: folder.path_of(&found.name, recording::Part::Data),
            error: Box::new(error),
        })?;
        Ok(Self(Excerpt::new(replay, from, &title)))
    }
}

impl Produce for Part {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut out = Vec::new();
        let goes_on = self.0.piece(&mut out).map_err(io::Error::other)?;
        Ok(goes_on.then_some(out))
    }
}
