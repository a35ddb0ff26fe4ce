//! The body of an answer: framing taken off, buffered as `proxy_buffering` says.

use std::collections::VecDeque;
use std::io::{self, Write as _};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use ::upstream::keepalive::Connection;
use bytes::{Buf as _, Bytes, BytesMut};
use net::log::Level;
use net::splice::Pipe;
use proto::h1::{ChunkStep, ChunkedDecoder, FieldName, Framing, TrailerParser, Trailers};

use super::PoolRef;
use super::exchange::{Replied, attempt};
use super::held::Held;
use super::rate::Rate;
use super::store::Storing;
use crate::modules::proxy::Ignored;
use crate::request::Request;
use crate::response::{Chunk, Field, FileSlice, Source};
use crate::temp_file::TempFile;

/// How much is read at a time.
const READ: usize = 64 * 1024;

/// What is left of a body is spliced if it is at least so much: the calls cost more than copying
/// less.
const SPLICE_MIN: u64 = 64 * 1024;

/// A body that comes from an upstream.
pub struct UpstreamBody {
    request: Rc<Request>,
    connection: Option<Connection>,
    /// The peer, until its answer was read.
    held: Option<Held>,
    pool: PoolRef,
    peer: net::PeerAddr,
    framing: Framing,
    /// Payload bytes still to come, when the length is known.
    left: u64,
    decoder: ChunkedDecoder,
    trailer_parser: Option<TrailerParser>,
    /// How many bytes were read behind the head, until they are counted.
    came_with_head: u64,
    /// Bytes read and not decoded yet.
    raw: BytesMut,
    done: bool,
    reusable: bool,
    buffered: bool,
    /// Something was given that filters may hold back, and the client is to have it now.
    unflushed: bool,
    /// Decoded chunks, read ahead of the client.
    ahead: VecDeque<Chunk>,
    ahead_bytes: u64,
    file: Option<TempFile>,
    failed: Option<io::Error>,
    trailers: Vec<Field>,
    store: Option<Box<Storing>>,
    rate: Option<Box<Rate>>,
}

impl UpstreamBody {
    /// The body behind a head.
    pub fn new(request: &Rc<Request>, replied: Replied, held: Held) -> Self {
        let framing = replied.framing;
        replied.connection.deadline.clear();
        let conf = &request.conf().proxy;
        let keeps = replied.sent_all
            && !replied.headless
            && !replied.head.closes(&replied.buf)
            && framing != Framing::UntilClose;
        let wish = (!conf.ignores(Ignored::AccelBuffering))
            .then(|| replied.head.value(&replied.buf, FieldName::XAccelBuffering))
            .flatten();
        let buffered = match wish {
            Some(wish) if wish.eq_ignore_ascii_case(b"no") => false,
            Some(wish) if wish.eq_ignore_ascii_case(b"yes") => true,
            _ => conf.buffering,
        };
        let store = Storing::begin(request, &replied);
        let trailers = if conf.pass_trailers {
            Trailers::Keep
        } else {
            Trailers::Discard
        };
        Self {
            request: request.clone(),
            connection: Some(replied.connection),
            held: Some(held),
            pool: replied.pool,
            peer: replied.peer,
            framing,
            left: if let Framing::Length(length) = framing {
                length
            } else {
                0
            },
            decoder: ChunkedDecoder::new(trailers),
            trailer_parser: conf.pass_trailers.then(TrailerParser::new),
            came_with_head: replied.rest.len() as u64,
            raw: replied.rest,
            done: matches!(framing, Framing::None | Framing::Length(0)),
            reusable: keeps,
            buffered,
            unflushed: false,
            ahead: VecDeque::new(),
            ahead_bytes: 0,
            file: None,
            failed: None,
            trailers: Vec::new(),
            store,
            rate: if buffered { Rate::of(request) } else { None },
        }
    }

    /// Ends a body that has no bytes: the connection goes back to its pool.
    pub fn finish(mut self) {
        self.close();
    }

    /// Gives the connection back, or drops it.
    fn close(&mut self) {
        if let Some(store) = self.store.take()
            && self.done
        {
            store.finish(&self.request);
        }
        let Some(connection) = self.connection.take() else {
            return;
        };
        attempt(&self.request, |attempt| {
            attempt.response_time = Some(attempt.elapsed());
        });
        self.held = None;
        if self.reusable && self.done && self.raw.is_empty() {
            if let Some((pool, limits)) = &self.pool
                && !self.request.generation.is_closing()
            {
                pool.put(&self.peer, connection, limits);
            }
        } else if self.reusable && self.done {
            self.request.log(
                Level::Warn,
                format_args!("upstream sent more data than specified in \"Content-Length\" header while reading upstream"),
            );
        }
    }

    /// The upstream waits with us for the client: its silence is not its fault.
    fn stop_clock(&self) {
        if let Some(connection) = &self.connection {
            connection.deadline.clear();
        }
    }

    /// The next decoded piece; `None` is the end.
    fn poll_decoded(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Bytes>>> {
        // As nginx, nothing of the body was received while the head is made.
        let came_with_head = std::mem::take(&mut self.came_with_head);
        if came_with_head > 0 && self.framing != Framing::None {
            attempt(&self.request, |attempt| {
                attempt.response_length += came_with_head
            });
        }
        loop {
            if let Some(piece) = self.decode()? {
                if let Some(store) = &mut self.store
                    && !store.push(&self.request, &piece)
                {
                    self.store = None;
                }
                return Poll::Ready(Ok(Some(piece)));
            }
            if self.done {
                self.close();
                return Poll::Ready(Ok(None));
            }
            match ready!(self.poll_read(cx)) {
                Ok(0) if self.framing == Framing::UntilClose => {
                    self.done = true;
                }
                Ok(0) => return Poll::Ready(Err(self.cut_short())),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// The upstream has left in the middle of its answer.
    fn cut_short(&self) -> io::Error {
        let line = format_args!("upstream prematurely closed connection while reading upstream");
        self.request.log(Level::Error, line);
        io::ErrorKind::UnexpectedEof.into()
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(connection) = &self.connection else {
            return Poll::Ready(Ok(0));
        };
        let allowed = match &mut self.rate {
            None => READ,
            Some(rate) => {
                let allowed = rate.poll_allowed(cx);
                if allowed.is_pending() {
                    connection.deadline.clear();
                }
                usize::try_from(ready!(allowed)).unwrap_or(READ)
            }
        };
        // What is left of a known length is not waited for in a longer buffer.
        let room = match self.framing {
            Framing::Length(_) => READ.min(usize::try_from(self.left).unwrap_or(READ).max(1)),
            _ => READ,
        };
        let mut buf = match &self.rate {
            None => Vec::with_capacity(room.max(4096)),
            Some(_) => Vec::with_capacity(room.min(allowed)),
        };
        let read = connection.stream.poll_read_spare(cx, &mut buf);
        let n = ready!(self.poll_received(cx, read))?;
        self.raw = BytesMut::from(Bytes::from(buf));
        Poll::Ready(Ok(n))
    }

    /// Counts what a read of the connection took, or watches the time while there is nothing.
    fn poll_received(
        &mut self,
        cx: &mut Context<'_>,
        read: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let Some(connection) = &self.connection else {
            return Poll::Ready(Ok(0));
        };
        if let Poll::Ready(n) = read? {
            connection.deadline.clear();
            if let Some(rate) = &mut self.rate {
                rate.read += n as u64;
            }
            attempt(&self.request, |attempt| {
                attempt.bytes_received += n as u64;
                attempt.response_length += n as u64;
            });
            return Poll::Ready(Ok(n));
        }
        if !connection.deadline.is_set() {
            let timeout = self.request.conf().proxy.read_timeout;
            connection.deadline.set_after(timeout);
        }
        ready!(connection.deadline.poll_expired(cx));
        self.request.log(
            Level::Error,
            format_args!("upstream timed out (110: Connection timed out) while reading upstream"),
        );
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }

    /// Whether what comes next may stay in the kernel: it is the body as it is, much of it, and
    /// nobody here wants to see it.
    fn may_splice(&self) -> bool {
        matches!(self.framing, Framing::Length(_))
            && self.left >= SPLICE_MIN
            && self.raw.is_empty()
            && self.ahead.is_empty()
            && self.failed.is_none()
            && self.store.is_none()
            && self.rate.is_none()
    }

    /// Takes the next payload from what was read.
    fn decode(&mut self) -> io::Result<Option<Bytes>> {
        if self.raw.is_empty() || self.done {
            return Ok(None);
        }
        match self.framing {
            Framing::Length(_) => {
                let take = usize::try_from(self.left)
                    .unwrap_or(usize::MAX)
                    .min(self.raw.len());
                self.left -= take as u64;
                self.done = self.left == 0;
                Ok(Some(self.raw.split_to(take).freeze()))
            }
            Framing::UntilClose => Ok(Some(self.raw.split().freeze())),
            Framing::Chunked => self.decode_chunk(),
            Framing::None => Ok(None),
        }
    }

    fn decode_chunk(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            let decoded = self.decoder.decode(&self.raw).map_err(|error| {
                self.request.log(
                    Level::Error,
                    format_args!(
                        "upstream sent invalid chunked response ({error}) while reading upstream"
                    ),
                );
                io::Error::from(io::ErrorKind::InvalidData)
            })?;
            match decoded.step {
                ChunkStep::Data(range) => {
                    self.raw.advance(range.start);
                    let data = self.raw.split_to(range.len()).freeze();
                    self.raw.advance(decoded.consumed - range.end);
                    return Ok(Some(data));
                }
                ChunkStep::Done => {
                    self.raw.advance(decoded.consumed);
                    self.done = true;
                    return Ok(None);
                }
                ChunkStep::More => {
                    self.raw.advance(decoded.consumed);
                    if self.raw.is_empty() || decoded.consumed == 0 {
                        return Ok(None);
                    }
                }
                ChunkStep::Trailers => {
                    self.raw.advance(decoded.consumed);
                    return self.decode_trailers();
                }
            }
        }
    }

    fn decode_trailers(&mut self) -> io::Result<Option<Bytes>> {
        let Some(parser) = &mut self.trailer_parser else {
            return Ok(None);
        };
        let invalid = |_| io::Error::from(io::ErrorKind::InvalidData);
        let Some(end) = parser.parse(&self.raw).map_err(invalid)? else {
            return Ok(None);
        };
        let section = self.raw.split_to(end).freeze();
        let slice = |span: proto::h1::Span| section.slice(span.start as usize..span.end as usize);
        self.trailers = parser
            .fields()
            .iter()
            .map(|field| Field {
                name: slice(field.name),
                value: slice(field.value),
            })
            .collect();
        self.request
            .upstream_trailers
            .replace(self.trailers.clone());
        self.done = true;
        Ok(None)
    }

    /// Puts a piece behind what was read ahead: in memory, or in the temporary file.
    fn keep(&mut self, piece: Bytes) -> io::Result<()> {
        let conf = &self.request.conf().proxy;
        if self.ahead_bytes < conf.buffers_bytes() {
            self.ahead_bytes += piece.len() as u64;
            self.ahead.push_back(Chunk::Memory(piece));
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                let file = TempFile::create(&conf.temp_path, &self.request.config().prefix)?;
                self.request.log(
                    Level::Warn,
                    format_args!(
                        "an upstream response is buffered to a temporary file {} while reading upstream",
                        file.path().display()
                    ),
                );
                none.insert(file)
            }
        };
        let start = file.len();
        file.write_all(&piece)?;
        let slice = FileSlice {
            file: file.fd(),
            start,
            end: file.len(),
        };
        if let Some(Chunk::File(last)) = self.ahead.back_mut()
            && last.end == start
        {
            last.end = slice.end;
            return Ok(());
        }
        self.ahead.push_back(Chunk::File(slice));
        Ok(())
    }

    fn may_keep_more(&self) -> bool {
        let conf = &self.request.conf().proxy;
        let in_file = self.file.as_ref().map_or(0, TempFile::len);
        self.ahead_bytes < conf.buffers_bytes() || in_file < conf.max_temp_file_size
    }
}

impl Source for UpstreamBody {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Chunk>>> {
        if let Some(chunk) = self.ahead.pop_front() {
            if let Chunk::Memory(bytes) = &chunk {
                self.ahead_bytes -= bytes.len() as u64;
            }
            return Poll::Ready(Ok(Some(chunk)));
        }
        if let Some(error) = self.failed.take() {
            return Poll::Ready(Err(error));
        }
        match self.poll_decoded(cx) {
            Poll::Ready(piece) => {
                self.unflushed = !self.buffered;
                Poll::Ready(piece.map(|piece| piece.map(Chunk::Memory)))
            }
            Poll::Pending if self.unflushed => {
                self.unflushed = false;
                Poll::Ready(Ok(Some(Chunk::Flush)))
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn poll_pipe(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Pipe>>> {
        let (true, Some(connection)) = (self.may_splice(), &self.connection) else {
            return Poll::Ready(Ok(None));
        };
        let max = usize::try_from(self.left).unwrap_or(usize::MAX);
        let (Some(_), Some(mut pipe)) = (connection.stream.as_plain(), Pipe::take()) else {
            return Poll::Ready(Ok(None));
        };
        let read = pipe.poll_fill(cx, &connection.stream, max);
        let n = ready!(self.poll_received(cx, read))?;
        if n == 0 {
            return Poll::Ready(Err(self.cut_short()));
        }
        self.left -= n as u64;
        self.done = self.left == 0;
        if self.done {
            self.close();
        }
        Poll::Ready(Ok(Some(pipe)))
    }

    fn poll_ahead(&mut self, cx: &mut Context<'_>) {
        if !self.buffered || self.failed.is_some() {
            self.stop_clock();
            return;
        }
        while !self.done && self.may_keep_more() {
            match self.poll_decoded(cx) {
                Poll::Ready(Ok(Some(piece))) => {
                    if let Err(error) = self.keep(piece) {
                        self.failed = Some(error);
                        return;
                    }
                }
                Poll::Ready(Ok(None)) => return,
                Poll::Ready(Err(error)) => {
                    self.failed = Some(error);
                    return;
                }
                Poll::Pending => return,
            }
        }
        if self.done {
            self.close();
        } else {
            self.stop_clock();
        }
    }

    fn trailers(&mut self) -> Vec<Field> {
        std::mem::take(&mut self.trailers)
    }
}

impl Drop for UpstreamBody {
    fn drop(&mut self) {
        self.close();
    }
}
