//! Sending a response: one loop that pulls chunks from the body only while the client has room.
//!
//! Head and first chunks go out in one call. While the client takes nothing, a body that buffers
//! reads on ([`poll_ahead`](crate::response::Source::poll_ahead)).

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use net::splice::Pipe;
use proto::h1::{CHUNK_END, ChunkHeader, LAST_CHUNK, LAST_CHUNK_BEFORE_TRAILERS};

use super::pace::Pace;
use super::write_head::BodyEnd;
use crate::filters::{BodyFilter, portions};
use crate::request::Request;
use crate::response::{Body, Chunk, Field, FileSlice, Source};
use crate::subrequest::is_broken;

/// Bytes that may wait to be sent before the body is asked for more.
const QUEUE_BYTES_MAX: u64 = 64 * 1024;

/// A file is sent by the kernel if so much of it is left; less is read and sent with what is around
/// it, in one call.
const SENDFILE_MIN: u64 = 32 * 1024;

/// One system call sends no more of a file, so that other connections get their turn.
const SENDFILE_MAX: u64 = 2 * 1024 * 1024;

/// As many bytes wait for more where a source says so (`postpone_output`).
const POSTPONED_MAX: u64 = 1460;

/// Room for so many pieces is made at once: most responses have no more.
const USUAL_PIECES: usize = 4;

/// Pieces that one call sends.
const PIECES_MAX: usize = 64;

/// A response on its way.
pub struct Output<'r> {
    request: &'r Rc<Request>,
    queue: VecDeque<Chunk>,
    queued: u64,
    /// What comes behind the queue; while there is some, nothing is asked for. Not empty.
    pipe: Option<Pipe>,
    /// Whether the kernel may move the body: nothing here looks at it.
    splices: bool,
    body: Option<Body>,
    filters: Vec<Box<dyn BodyFilter>>,
    end: BodyEnd,
    trailers: Vec<Field>,
    pace: Option<Pace>,
    /// Whether segments are held back.
    corked: bool,
    expected: Option<u64>,
    /// Why there is no more of the body; what there was is sent first.
    failed: Option<io::Error>,
}

impl<'r> Output<'r> {
    /// A response whose head is written; `body` is `None` for one that sends no body.
    pub fn new(
        request: &'r Rc<Request>,
        head: Bytes,
        body: Option<Body>,
        filters: Vec<Box<dyn BodyFilter>>,
        end: BodyEnd,
    ) -> Self {
        let head_len = head.len() as u64;
        request.conn.deadline.clear();
        let sent = request.sent();
        let expected = sent.content_length.filter(|_| body.is_some());
        let mut queue = VecDeque::with_capacity(USUAL_PIECES);
        queue.push_back(Chunk::Memory(head));
        let pace = Pace::of(request);
        let splices = filters.is_empty()
            && pace.is_none()
            && end != BodyEnd::Chunked
            && request.conn.stream.as_plain().is_some();
        Self {
            request,
            queue,
            queued: head_len,
            pipe: None,
            splices,
            body,
            filters,
            end,
            trailers: sent.trailers.clone(),
            pace,
            corked: false,
            expected,
            failed: None,
        }
    }

    /// Sends it to its end.
    pub async fn run(mut self) -> io::Result<()> {
        let sent = poll_fn(|cx| self.poll(cx)).await;
        if self.corked {
            self.request.conn.stream.set_cork(false);
        }
        sent
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let starved = match self.poll_pull(cx) {
                Ok(starved) => starved,
                Err(error) if is_broken(&error) => return Poll::Ready(Err(error)),
                Err(error) => {
                    self.body = None;
                    self.failed = Some(error);
                    false
                }
            };
            if starved && self.waits_for_more() {
                return self.poll_gone(cx);
            }
            if self.queue.is_empty() && self.pipe.is_none() {
                if let Some(error) = self.failed.take() {
                    return Poll::Ready(Err(error));
                }
                if self.body.is_none() {
                    return Poll::Ready(self.check_length());
                }
                return self.poll_gone(cx);
            }
            match self.poll_send(cx) {
                Poll::Ready(result) => result?,
                Poll::Pending => {
                    if !starved && let Some(Body::Source(source)) = &mut self.body {
                        source.poll_ahead(cx);
                    }
                    return Poll::Pending;
                }
            }
        }
    }

    /// There is nothing to send, or not yet: whether the client is still there.
    fn poll_gone(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.request.conn.deadline.clear();
        match self.request.conn.stream.poll_hangup(cx) {
            Poll::Ready(_) => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Whether the head and a few bytes wait for the sub-request that comes next: should it end the
    /// request, nothing was promised (as nginx, whose `postpone_output` does that).
    fn waits_for_more(&self) -> bool {
        self.queued < POSTPONED_MAX
            && matches!(&self.body, Some(Body::Source(source)) if source.holds())
    }

    /// A body that ended before its declared length cannot be followed by another response.
    fn check_length(&self) -> io::Result<()> {
        match self.expected {
            Some(left) if left > 0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    /// Takes chunks from the body until there is enough to send; true if the body has none now.
    fn poll_pull(&mut self, cx: &mut Context<'_>) -> io::Result<bool> {
        while self.queued < QUEUE_BYTES_MAX && self.pipe.is_none() {
            if self.filter_more(0)? {
                match portions::poll_turn(cx) {
                    Poll::Ready(()) => continue,
                    Poll::Pending => return Ok(true),
                }
            }
            let next = match &mut self.body {
                None => return Ok(false),
                Some(Body::Empty | Body::Upgrade(_)) => None,
                Some(Body::Chunks(chunks)) => chunks.pop_front(),
                Some(Body::Source(source)) => match poll_source(source, self.splices, cx)? {
                    Poll::Ready(Next::Chunk(chunk)) => Some(chunk),
                    Poll::Ready(Next::Pipe(pipe)) => {
                        self.count(pipe.len() as u64);
                        self.pipe = Some(pipe);
                        return Ok(false);
                    }
                    Poll::Ready(Next::End) => None,
                    Poll::Pending => return Ok(true),
                },
            };
            match next {
                Some(chunk) => self.filter(0, chunk)?,
                None => {
                    self.finish()?;
                    return Ok(false);
                }
            }
        }
        Ok(false)
    }

    fn filter(&mut self, index: usize, chunk: Chunk) -> io::Result<()> {
        let Some(filter) = self.filters.get_mut(index) else {
            self.enqueue(chunk);
            return Ok(());
        };
        for chunk in filter.push(chunk)? {
            self.filter(index + 1, chunk)?;
        }
        Ok(())
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

    /// The end of the body: filters give what they kept, then comes the last chunk.
    fn finish(&mut self) -> io::Result<()> {
        for index in 0..self.filters.len() {
            while self.filter_more(index)? {}
            for chunk in self.filters[index].finish()? {
                self.filter(index + 1, chunk)?;
            }
        }
        if let Some(Body::Source(mut source)) = self.body.take() {
            let trailers = source.trailers();
            if let Some(sent) = &mut *self.request.sent.borrow_mut() {
                sent.trailers.extend(trailers.iter().cloned());
            }
            self.trailers.extend(trailers);
        }
        if self.end == BodyEnd::Chunked {
            self.trailers
                .extend(self.request.conf().headers.trailers(self.request));
            let last = last_chunk(&self.trailers);
            self.push(Chunk::Memory(last));
        }
        Ok(())
    }

    fn enqueue(&mut self, chunk: Chunk) {
        if chunk.is_empty() {
            return;
        }
        self.count(chunk.len());
        if self.end != BodyEnd::Chunked {
            return self.push(chunk);
        }
        let header = ChunkHeader::new(chunk.len());
        self.push(Chunk::Memory(Bytes::copy_from_slice(&header)));
        self.push(chunk);
        self.push(Chunk::Memory(Bytes::from_static(CHUNK_END)));
    }

    /// So many bytes of the body are on their way.
    fn count(&mut self, bytes: u64) {
        if let Some(left) = &mut self.expected {
            *left = left.saturating_sub(bytes);
        }
    }

    fn push(&mut self, chunk: Chunk) {
        self.queued += chunk.len();
        self.queue.push_back(chunk);
    }

    /// Sends some of the queue.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let allowed = match &mut self.pace {
            Some(pace) => match pace.poll_allowed(cx) {
                Poll::Ready(allowed) => allowed,
                Poll::Pending => return self.poll_gone(cx),
            },
            None => u64::MAX,
        };
        self.cork();
        let sent = match self.queue.front() {
            None => self.poll_drain(cx),
            Some(Chunk::File(slice)) if sends_by_kernel(self.request, slice) => {
                poll_sendfile(self.request, slice, allowed, cx)
            }
            _ if self.queue.len() <= USUAL_PIECES => self.poll_writev::<USUAL_PIECES>(allowed, cx),
            _ => self.poll_writev::<PIECES_MAX>(allowed, cx),
        };
        match sent {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Poll::Ready(Ok(n)) => {
                self.sent(n as u64);
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => self.poll_timeout(cx),
        }
    }

    /// Empties the pipe, behind the queue.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(pipe) = &mut self.pipe else {
            return Poll::Ready(Ok(0));
        };
        let sent = pipe.poll_drain(cx, &self.request.conn.stream);
        if pipe.is_empty() {
            self.pipe = None;
        }
        sent
    }

    /// `tcp_nopush`: while the kernel sends a file, head and file leave in full segments.
    fn cork(&mut self) {
        let by_kernel = |chunk: &Chunk| matches!(chunk, Chunk::File(file) if sends_by_kernel(self.request, file));
        if !self.corked
            && self.request.conf().core.tcp_nopush
            && self.queue.iter().take(2).any(by_kernel)
        {
            self.corked = true;
            self.request.conn.stream.set_cork(true);
        }
    }

    fn poll_timeout(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.request.conn.deadline.is_set() {
            self.request
                .conn
                .deadline
                .set_after(self.request.conf().core.send_timeout);
        }
        self.request
            .conn
            .deadline
            .poll_expired(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Reads what of the files at the front goes out with the next call.
    fn load_files(&mut self) -> io::Result<()> {
        let mut loaded = 0;
        let mut index = 0;
        while index < self.queue.len().min(PIECES_MAX) && loaded < QUEUE_BYTES_MAX {
            match &mut self.queue[index] {
                Chunk::File(slice) if sends_by_kernel(self.request, slice) => return Ok(()),
                Chunk::File(slice) => {
                    let part = FileSlice {
                        end: slice.end.min(slice.start + QUEUE_BYTES_MAX),
                        ..slice.clone()
                    };
                    let bytes = Chunk::Memory(part.read()?);
                    slice.start = part.end;
                    match slice.start == slice.end {
                        true => self.queue[index] = bytes,
                        false => self.queue.insert(index, bytes),
                    }
                }
                Chunk::Memory(_) | Chunk::Flush => {}
            }
            loaded += self.queue[index].len();
            index += 1;
        }
        Ok(())
    }

    /// Sends at most `N` pieces at once.
    fn poll_writev<const N: usize>(
        &mut self,
        allowed: u64,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        self.load_files()?;
        let mut left = allowed;
        let mut pieces: [IoSlice<'_>; N] = [IoSlice::new(&[]); N];
        let mut count = 0;
        for chunk in self.queue.iter().take(N) {
            match chunk {
                Chunk::Memory(bytes) if left > 0 => {
                    let take = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    pieces[count] = IoSlice::new(&bytes[..take]);
                    count += 1;
                    left -= take as u64;
                }
                Chunk::Flush => {}
                Chunk::Memory(_) | Chunk::File(_) => break,
            }
        }
        let stream = &self.request.conn.stream;
        match self.queue.get(count) {
            // The kernel sends the file that follows: the head waits for it, so that both leave in
            // full segments.
            Some(Chunk::File(_)) if left > 0 => {
                stream.poll_write_vectored_more(cx, &pieces[..count])
            }
            None if self.pipe.is_some() => stream.poll_write_vectored_more(cx, &pieces[..count]),
            _ => stream.poll_write_vectored(cx, &pieces[..count]),
        }
    }

    /// Takes what was sent from the queue.
    fn sent(&mut self, bytes: u64) {
        self.request.conn.deadline.clear();
        if let Some(pace) = &mut self.pace {
            pace.sent += bytes;
        }
        self.request
            .bytes_sent
            .set(self.request.bytes_sent.get() + bytes);
        if self.queue.is_empty() {
            // It was the pipe's.
            return;
        }
        self.queued -= bytes;
        let mut left = bytes;
        while let Some(chunk) = self.queue.front_mut() {
            let len = chunk.len();
            if left < len {
                match chunk {
                    Chunk::Memory(bytes) => *bytes = bytes.slice(left as usize..),
                    Chunk::File(slice) => slice.start += left,
                    Chunk::Flush => {}
                }
                return;
            }
            left -= len;
            self.queue.pop_front();
            if left == 0 && self.queue.front().is_some_and(|chunk| !chunk.is_empty()) {
                return;
            }
        }
    }
}

/// What a source gave.
enum Next {
    Chunk(Chunk),
    Pipe(Pipe),
    End,
}

fn poll_source(
    source: &mut Box<dyn Source>,
    splices: bool,
    cx: &mut Context<'_>,
) -> io::Result<Poll<Next>> {
    if splices {
        match source.poll_pipe(cx)? {
            Poll::Ready(Some(pipe)) => return Ok(Poll::Ready(Next::Pipe(pipe))),
            Poll::Ready(None) => {}
            Poll::Pending => return Ok(Poll::Pending),
        }
    }
    let next = source.poll_next(cx)?;
    Ok(next.map(|chunk| chunk.map_or(Next::End, Next::Chunk)))
}

fn last_chunk(trailers: &[Field]) -> Bytes {
    if trailers.is_empty() {
        return Bytes::from_static(LAST_CHUNK);
    }
    let mut out = LAST_CHUNK_BEFORE_TRAILERS.to_vec();
    for field in trailers {
        out.extend_from_slice(&field.name);
        out.extend_from_slice(b": ");
        out.extend_from_slice(&field.value);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(CHUNK_END);
    out.into()
}

fn sends_by_kernel(request: &Request, slice: &FileSlice) -> bool {
    let left = slice.end - slice.start;
    left >= SENDFILE_MIN && request.conf().core.sendfile && request.conn.stream.sends_files(left)
}

fn poll_sendfile(
    request: &Request,
    slice: &FileSlice,
    allowed: u64,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let max = match request.conf().core.sendfile_max_chunk {
        0 => SENDFILE_MAX,
        max => max,
    };
    let wanted = (slice.end - slice.start).min(allowed).min(max) as usize;
    let mut offset = slice.start;
    request.conn.stream.poll_send(cx, wanted, |socket| {
        rustix::fs::sendfile(socket, &slice.file, Some(&mut offset), wanted)
    })
}
