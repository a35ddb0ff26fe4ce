//! A body into which those of sub-requests are put, and what decides where.

use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::{Subrequest, is_broken};
use crate::filters::{BodyFilter, portions};
use crate::request::Request;
use crate::response::{Body, Chunk, Field, FileSlice, Source};

/// Bytes that are read of a file at a time, where what is in it must be seen.
const FILE_READ: u64 = 32 * 1024;

/// A piece of a body that others are put into.
pub enum Piece {
    /// Its own bytes.
    Chunk(Chunk),
    /// Another one's.
    Subrequest(Subrequest),
}

/// What puts sub-requests into a body. It sees the body's own bytes in memory, in order.
pub trait Inserter {
    /// Before the first byte.
    fn start(&mut self, _out: &mut Pieces) -> io::Result<()> {
        Ok(())
    }

    /// Takes bytes of the body.
    fn push(&mut self, chunk: Chunk, out: &mut Pieces) -> io::Result<()>;

    /// Behind the last byte.
    fn finish(&mut self, _out: &mut Pieces) -> io::Result<()> {
        Ok(())
    }

    /// Whether it takes nothing until all that it put in was sent.
    fn is_waiting(&self) -> bool {
        false
    }

    /// What it waited for is there: it goes on with what it was given before.
    fn resume(&mut self, _out: &mut Pieces) -> io::Result<()> {
        Ok(())
    }

    /// Whether it looks at the bytes, and files must be read for it.
    fn reads(&self) -> bool {
        false
    }
}

/// What waits to be sent, in order.
pub type Pieces = VecDeque<Piece>;

/// Pieces below this length are sent together, up to about twice that.
const JOINED_MAX: usize = 4 * 1024;

/// Bytes of its own that a body has waiting behind a sub-request.
const AHEAD_BYTES_MAX: u64 = 64 * 1024;

/// A body into which others are put: its own bytes pass the filters of its request, then the
/// inserter; where that put a sub-request, the sub-request's body comes.
pub struct Nest {
    /// Held so that a sub-request's parent lives as long as it.
    _request: Rc<Request>,
    body: Body,
    filters: Vec<Box<dyn BodyFilter>>,
    inserter: Box<dyn Inserter>,
    queue: Pieces,
    /// What of a file was not read yet.
    file: Option<FileSlice>,
    started: bool,
    ended: bool,
    holds: bool,
    /// Why there is no more of its own bytes; told behind what waits.
    failed: Option<io::Error>,
    /// What ends it at once.
    broken: Option<io::Error>,
    trailers: Vec<Field>,
}

impl Nest {
    /// The body of `request`, its filters and what puts others into it.
    pub fn new(
        request: &Rc<Request>,
        body: Body,
        filters: Vec<Box<dyn BodyFilter>>,
        inserter: Box<dyn Inserter>,
    ) -> Self {
        Self {
            _request: request.clone(),
            body,
            filters,
            inserter,
            queue: Pieces::new(),
            file: None,
            started: false,
            ended: false,
            holds: false,
            failed: None,
            broken: None,
            trailers: Vec::new(),
        }
    }

    /// Takes more of its own bytes; false if there are none now, or it may take none.
    fn poll_own(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        if self.ended || self.inserter.is_waiting() {
            return Ok(false);
        }
        if !std::mem::replace(&mut self.started, true) {
            self.inserter.start(&mut self.queue)?;
            return Ok(true);
        }
        if let Some(chunk) = self.next_of_file()? {
            self.inserter.push(chunk, &mut self.queue)?;
            return Ok(true);
        }
        if self.filter_more(0)? {
            return Ok(portions::poll_turn(cx).is_ready());
        }
        let next = match &mut self.body {
            Body::Empty | Body::Upgrade(_) => None,
            Body::Chunks(chunks) => chunks.pop_front(),
            Body::Source(source) => match source.poll_next(cx) {
                Poll::Ready(Ok(chunk)) => chunk,
                Poll::Ready(Err(error)) if is_broken(&error) => return Err(error),
                Poll::Ready(Err(error)) => {
                    // What there was comes first.
                    self.failed = Some(error);
                    self.ended = true;
                    return Ok(true);
                }
                Poll::Pending => return Ok(false),
            },
        };
        match next {
            Some(chunk) => self.filter(0, chunk)?,
            None => self.finish()?,
        }
        Ok(true)
    }

    /// Passes on what a filter kept back because it was enough for once, the last filter's first;
    /// false if none did. Those before `from` are not asked.
    fn filter_more(&mut self, from: usize) -> io::Result<bool> {
        for index in (from..self.filters.len()).rev() {
            if let Some(chunks) = self.filters[index].more()? {
                for chunk in chunks {
                    self.filter(index + 1, chunk)?;
                }
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn finish(&mut self) -> io::Result<()> {
        for index in 0..self.filters.len() {
            while self.filter_more(index)? {}
            for chunk in self.filters[index].finish()? {
                self.filter(index + 1, chunk)?;
            }
        }
        self.filters.clear();
        if let Body::Source(mut source) = std::mem::take(&mut self.body) {
            self.trailers = source.trailers();
        }
        if self.file.is_some() {
            // The rest of a file that a filter let pass comes first; then this is done again.
            return Ok(());
        }
        self.ended = true;
        self.inserter.finish(&mut self.queue)
    }

    fn filter(&mut self, index: usize, chunk: Chunk) -> io::Result<()> {
        if let Some(filter) = self.filters.get_mut(index) {
            for chunk in filter.push(chunk)? {
                self.filter(index + 1, chunk)?;
            }
            return Ok(());
        }
        match chunk {
            Chunk::File(slice) if self.inserter.reads() => self.take_file(slice),
            chunk => self.inserter.push(chunk, &mut self.queue),
        }
    }

    /// A file is read bit by bit; what a filter puts behind it cannot wait for that.
    fn take_file(&mut self, slice: FileSlice) -> io::Result<()> {
        while let Some(chunk) = self.next_of_file()? {
            self.inserter.push(chunk, &mut self.queue)?;
        }
        self.file = Some(slice);
        Ok(())
    }

    fn next_of_file(&mut self) -> io::Result<Option<Chunk>> {
        let Some(slice) = &mut self.file else {
            return Ok(None);
        };
        let part = FileSlice {
            end: slice.end.min(slice.start + FILE_READ),
            ..slice.clone()
        };
        slice.start = part.end;
        if slice.start >= slice.end {
            self.file = None;
        }
        Ok(Some(Chunk::Memory(part.read()?)))
    }

    /// What runs behind the first pieces goes on, and what comes behind all of them is looked at,
    /// so that several sub-requests run at once.
    fn poll_others(&mut self, skip: usize, cx: &mut Context<'_>) -> io::Result<()> {
        let ahead = |queue: &Pieces| queue.iter().map(Piece::len).sum::<u64>();
        while ahead(&self.queue) < AHEAD_BYTES_MAX && self.poll_own(cx)? {}
        for piece in self.queue.iter_mut().skip(skip) {
            if let Piece::Subrequest(sub) = piece {
                sub.poll_ahead(cx)?;
            }
        }
        Ok(())
    }

    /// Joins small pieces, so that a page of many commands is not sent in as many chunks.
    fn join(&mut self, first: Chunk) -> Chunk {
        let is_small = |chunk: &Chunk| matches!(chunk, Chunk::Memory(b) if b.len() < JOINED_MAX);
        let mut joined = match first {
            Chunk::Memory(bytes) if bytes.len() < JOINED_MAX => bytes,
            other => return other,
        };
        let mut text = Vec::new();
        while let Some(Piece::Chunk(chunk)) = self.queue.front()
            && is_small(chunk)
            && text.len() < JOINED_MAX
        {
            if text.is_empty() {
                text.extend_from_slice(&joined);
            }
            if let Some(Piece::Chunk(Chunk::Memory(bytes))) = self.queue.pop_front() {
                text.extend_from_slice(&bytes);
            }
        }
        if !text.is_empty() {
            joined = text.into();
        }
        Chunk::Memory(joined)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Chunk>>> {
        loop {
            self.holds = false;
            match self.queue.front_mut() {
                Some(Piece::Chunk(_)) => {
                    if let Some(Piece::Chunk(chunk)) = self.queue.pop_front() {
                        return Poll::Ready(Ok(Some(self.join(chunk))));
                    }
                }
                Some(Piece::Subrequest(sub)) => match sub.poll_next(cx) {
                    Poll::Ready(Ok(Some(chunk))) => return Poll::Ready(Ok(Some(chunk))),
                    Poll::Ready(Ok(None)) => {
                        self.queue.pop_front();
                    }
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {
                        self.poll_others(1, cx)?;
                        self.holds = true;
                        return Poll::Pending;
                    }
                },
                None if self.inserter.is_waiting() => self.inserter.resume(&mut self.queue)?,
                None if self.ended => {
                    return Poll::Ready(self.failed.take().map_or(Ok(None), Err));
                }
                None => {
                    if !self.poll_own(cx)? {
                        return Poll::Pending;
                    }
                }
            }
        }
    }
}

impl Piece {
    fn len(&self) -> u64 {
        match self {
            Piece::Chunk(chunk) => chunk.len(),
            Piece::Subrequest(_) => 0,
        }
    }
}

impl Source for Nest {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Chunk>>> {
        if let Some(error) = self.broken.take() {
            return Poll::Ready(Err(error));
        }
        self.poll(cx)
    }

    fn poll_ahead(&mut self, cx: &mut Context<'_>) {
        if self.broken.is_none()
            && let Err(error) = self.poll_others(0, cx)
        {
            self.broken = Some(error);
        }
        if let Body::Source(source) = &mut self.body {
            source.poll_ahead(cx);
        }
    }

    fn holds(&self) -> bool {
        self.holds
    }

    fn trailers(&mut self) -> Vec<Field> {
        std::mem::take(&mut self.trailers)
    }
}
