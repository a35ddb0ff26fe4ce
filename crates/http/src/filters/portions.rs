//! Bodies that are read by filters: in portions, so that neither memory nor the other connections
//! suffer from their length.

use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use net::clock;
use tokio::task::coop;

use crate::response::{Body, Chunk, Field, FileSlice, Source};

/// What is read of a file in one go, in bytes.
const PORTION: u64 = 32 * 1024;

/// What a portion costs of the 128 units that the runtime gives a task before others get their
/// turn: half a megabyte, a few milliseconds.
const PORTION_COST: usize = 8;

/// A body in portions, so that a long file, or what an upstream's answer has in one, is worked on
/// neither into memory nor without a pause.
pub struct Portions {
    waiting: VecDeque<Chunk>,
    /// Where more comes from.
    source: Option<Box<dyn Source>>,
}

impl Portions {
    /// The portions of a body, if it has any.
    pub fn of(body: Body) -> Body {
        let (waiting, source) = match body {
            Body::Chunks(chunks) => (chunks, None),
            Body::Source(source) => (VecDeque::new(), Some(source)),
            Body::Empty | Body::Upgrade(_) => return body,
        };
        Body::Source(Box::new(Self { waiting, source }))
    }

    fn next(&mut self) -> Option<Chunk> {
        let Some(Chunk::File(slice)) = self.waiting.front_mut() else {
            return self.waiting.pop_front();
        };
        let end = slice.end.min(slice.start + PORTION);
        let portion = Chunk::File(FileSlice {
            end,
            ..slice.clone()
        });
        slice.start = end;
        if slice.start == slice.end {
            self.waiting.pop_front();
        }
        Some(portion)
    }
}

impl Source for Portions {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Chunk>>> {
        if self.waiting.is_empty()
            && let Some(source) = &mut self.source
        {
            match ready!(source.poll_next(cx))? {
                Some(chunk) => self.waiting.push_back(chunk),
                None => return Poll::Ready(Ok(None)),
            }
        }
        ready!(poll_turn(cx));
        Poll::Ready(Ok(self.next()))
    }

    fn poll_ahead(&mut self, cx: &mut Context<'_>) {
        if let Some(source) = &mut self.source {
            source.poll_ahead(cx);
        }
    }

    fn holds(&self) -> bool {
        self.source.as_ref().is_some_and(|source| source.holds())
    }

    fn trailers(&mut self) -> Vec<Field> {
        let trailers = self.source.as_mut().map(|source| source.trailers());
        trailers.unwrap_or_default()
    }
}

/// Pays for about a portion's work; not ready when it is the turn of others.
pub fn poll_turn(cx: &mut Context<'_>) -> Poll<()> {
    for _ in 0..PORTION_COST {
        let Poll::Ready(turn) = coop::poll_proceed(cx) else {
            // A thread that always has something to do never parks, which is what else would move
            // its clock on.
            clock::refresh();
            return Poll::Pending;
        };
        turn.made_progress();
    }
    Poll::Ready(())
}

/// A filter that works on bytes: what it makes of them is appended to `out`.
pub trait Transform {
    /// Takes some of the input and says how much; less than all of it when `out` got long enough
    /// for once.
    fn feed(&mut self, input: &Bytes, out: &mut Vec<Chunk>) -> io::Result<usize>;

    /// What is before it goes to the client at once.
    fn flush(&mut self, _out: &mut Vec<Chunk>) -> io::Result<()> {
        Ok(())
    }

    /// The body ends.
    fn end(&mut self, _out: &mut Vec<Chunk>) -> io::Result<()> {
        Ok(())
    }
}

/// A transform as a body filter: reads files, and goes on with what it did not take.
pub struct Transforming<T> {
    transform: T,
    waiting: VecDeque<Chunk>,
}

impl<T: Transform> Transforming<T> {
    /// Nothing taken yet.
    pub fn new(transform: T) -> Self {
        Self {
            transform,
            waiting: VecDeque::new(),
        }
    }

    /// Works on what waits until it is gone, or until there is something to give.
    fn work(&mut self) -> io::Result<Vec<Chunk>> {
        let mut out = Vec::new();
        while let Some(chunk) = self.waiting.pop_front() {
            let bytes = match chunk {
                Chunk::Memory(bytes) => bytes,
                Chunk::File(slice) => slice.read()?,
                Chunk::Flush => {
                    self.transform.flush(&mut out)?;
                    out.push(Chunk::Flush);
                    continue;
                }
            };
            let taken = self.transform.feed(&bytes, &mut out)?;
            if taken < bytes.len() {
                self.waiting.push_front(Chunk::Memory(bytes.slice(taken..)));
                break;
            }
        }
        Ok(out)
    }
}

impl<T: Transform> crate::filters::BodyFilter for Transforming<T> {
    fn push(&mut self, chunk: Chunk) -> io::Result<Vec<Chunk>> {
        self.waiting.push_back(chunk);
        // What waited before is given first, when it is asked for.
        match self.waiting.len() {
            1 => self.work(),
            _ => Ok(Vec::new()),
        }
    }

    fn more(&mut self) -> io::Result<Option<Vec<Chunk>>> {
        match self.waiting.is_empty() {
            true => Ok(None),
            false => self.work().map(Some),
        }
    }

    fn finish(&mut self) -> io::Result<Vec<Chunk>> {
        let mut out = Vec::new();
        self.transform.end(&mut out)?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests;
