//! One attempt: connect, send the request, read the head of the answer.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use ::upstream::keepalive::Connection;
use bytes::{Bytes, BytesMut};
use net::connect::Options;
use net::log::{Errno, Level};
use net::{Deadline, Stream, clock};
use proto::h1::{
    CHUNK_END, ChunkHeader, LAST_CHUNK, Progress, ResponseError, ResponseHead, ResponseParser,
};

use super::held::Held;
use super::outgoing::{Outgoing, Sends};
use super::rules::Rules;
use super::target::Target;
use super::{PoolRef, ProxyError, head};
use crate::connection::poll_fill;
use crate::phases::Flow;
use crate::request::Request;
use crate::request_body::BodyError;
use crate::response::Chunk;

/// One attempt at one peer.
pub struct Exchange<'a> {
    request: &'a Rc<Request>,
    target: &'a Target,
    peer: &'a Held,
    pool: PoolRef,
}

/// A peer that answered: its head was read, its body follows.
pub struct Replied {
    /// The connection.
    pub connection: Connection,
    /// The head.
    pub head: ResponseHead,
    /// The bytes of the head.
    pub buf: Bytes,
    /// Bytes behind the head.
    pub rest: BytesMut,
    /// Where the connection may go back to.
    pub pool: PoolRef,
    /// The peer that it is connected to.
    pub peer: net::PeerAddr,
    /// Whether all of the request was sent.
    pub sent_all: bool,
    /// Whether the answer had no head: its bytes are the body (HTTP/0.9).
    pub headless: bool,
}

impl Replied {
    /// The status of the answer.
    pub fn status(&self) -> u16 {
        if self.headless { 200 } else { self.head.status }
    }

    /// The response for the client.
    pub fn into_flow(self, held: Held, request: &Rc<Request>, target: &Target) -> Flow {
        head::into_flow(self, held, request, target)
    }
}

impl<'a> Exchange<'a> {
    /// An attempt that has not begun.
    pub fn new(
        request: &'a Rc<Request>,
        target: &'a Target,
        peer: &'a Held,
        pool: PoolRef,
    ) -> Self {
        Self {
            request,
            target,
            peer,
            pool,
        }
    }

    /// Runs it up to the head of the answer.
    pub async fn run(self) -> Result<Replied, ProxyError> {
        let request = self.request;
        let conf = &request.conf().proxy;
        let outgoing = Outgoing::new(request, conf, self.target);
        let connection = self.connect().await?;
        let mut sender = Sender::new(request, outgoing);
        let mut reader = HeadReader::default();
        let answered = {
            let stream = &connection.stream;
            let deadline = &connection.deadline;
            let result = self.talk(stream, deadline, &mut sender, &mut reader).await;
            attempt(request, |attempt| {
                attempt.bytes_sent = sender.sent;
                attempt.request_sent = sender.sent > 0;
                attempt.bytes_received = reader.received;
                if result.is_err() {
                    attempt.response_time = Some(attempt.elapsed());
                }
            });
            result
        };
        if let Err(error) = answered {
            // What was tried is told with the status that it would have meant.
            attempt(request, |attempt| {
                attempt.status = Some(error.status).filter(|&s| s != 0)
            });
            return Err(error);
        }
        let headless = reader.headless;
        let (head, buf, rest) = reader.finish();
        attempt(request, |attempt| {
            attempt.status = Some(if headless { 200 } else { head.status });
            attempt.header_time = Some(attempt.elapsed());
        });
        Ok(Replied {
            connection,
            head,
            buf,
            rest,
            pool: self.pool,
            peer: self.peer.peer().addr.clone(),
            sent_all: sender.is_done() && !sender.abandoned,
            headless,
        })
    }

    /// Connects, and asks nothing: what follows is between the client and the peer (CONNECT).
    pub async fn open(self) -> Result<Replied, ProxyError> {
        let connection = self.connect().await?;
        attempt(self.request, |attempt| {
            attempt.status = Some(200);
            attempt.header_time = Some(attempt.elapsed());
        });
        Ok(Replied {
            connection,
            head: ResponseHead {
                status: 200,
                ..ResponseHead::default()
            },
            buf: Bytes::new(),
            rest: BytesMut::new(),
            pool: None,
            peer: self.peer.peer().addr.clone(),
            sent_all: true,
            headless: false,
        })
    }

    async fn connect(&self) -> Result<Connection, ProxyError> {
        let kept = self
            .pool
            .as_ref()
            .and_then(|(pool, _)| pool.take(&self.peer.peer().addr));
        if let Some(connection) = kept {
            attempt(self.request, |attempt| {
                attempt.connect_time = Some(attempt.elapsed());
                attempt.reused = true;
            });
            return Ok(connection);
        }
        let rules = Rules::of(self.request.conf(), self.target.work);
        let local = rules.bind.and_then(|bind| bind.addr(self.request));
        let room = |bytes: u64| Some(bytes as usize).filter(|&bytes| bytes > 0);
        let options = Options {
            local: local.as_ref(),
            transparent: rules.bind.is_some_and(|bind| bind.transparent),
            receive_buffer: room(rules.socket_buffers.0),
            send_buffer: room(rules.socket_buffers.1),
        };
        let timeout = rules.connect_timeout;
        let connected = net::connect_with(&self.peer.peer().addr, &options, timeout).await;
        match connected {
            Ok(stream) => {
                stream.set_nodelay(true);
                if rules.socket_keepalive {
                    // Without probes the connection is as good as before.
                    let _ = stream.set_keepalive(60, 60, 9);
                }
                attempt(self.request, |attempt| {
                    attempt.connect_time = Some(attempt.elapsed())
                });
                Ok(Connection {
                    stream,
                    requests: 1,
                    opened: clock::now(),
                    deadline: Deadline::unset(),
                })
            }
            Err(error) => Err(self.connect_failed(&error)),
        }
    }

    fn connect_failed(&self, error: &io::Error) -> ProxyError {
        let (message, error) = match error.kind() {
            io::ErrorKind::TimedOut => (
                "upstream timed out (110: Connection timed out) while connecting to upstream"
                    .into(),
                ProxyError::TIMEOUT,
            ),
            _ => (
                format!(
                    "connect() failed {} while connecting to upstream",
                    Errno(error)
                ),
                ProxyError::ERROR,
            ),
        };
        self.request.log(Level::Error, format_args!("{message}"));
        attempt(self.request, |attempt| {
            attempt.status = Some(error.status);
            attempt.response_time = Some(attempt.elapsed());
        });
        error
    }

    /// Sends and reads at the same time until the head is there: a peer may answer before it has
    /// all of the request.
    async fn talk(
        &self,
        stream: &Stream,
        deadline: &Deadline,
        sender: &mut Sender<'_>,
        reader: &mut HeadReader,
    ) -> Result<(), ProxyError> {
        let conf = &self.request.conf().proxy;
        loop {
            let event = poll_fn(|cx| {
                // Written first: nothing can have been answered before anything was asked.
                let sent = sender.poll_send(stream, cx);
                if let Poll::Ready(Err(error)) = &sent
                    && error.kind() != io::ErrorKind::BrokenPipe
                    && error.kind() != io::ErrorKind::ConnectionReset
                {
                    return Poll::Ready(Event::SendFailed(Errno(error).to_string()));
                }
                match reader.poll_read(stream, cx, conf.buffer_size as usize) {
                    Poll::Ready(event) => return Poll::Ready(event),
                    Poll::Pending => {}
                }
                if let Poll::Ready(Err(_)) = sent {
                    return Poll::Ready(Event::SendFailed("(32: Broken pipe)".to_owned()));
                }
                if sender.wants_more() {
                    return Poll::Ready(Event::WantsBody);
                }
                if !deadline.is_set() || sender.moved {
                    sender.moved = false;
                    let wait = if sender.is_done() {
                        conf.read_timeout
                    } else {
                        conf.send_timeout
                    };
                    deadline.set_after(wait);
                }
                deadline.poll_expired(cx).map(|()| Event::TimedOut)
            })
            .await;
            match event {
                Event::Head => return Ok(()),
                Event::WantsBody => self.stream_body(stream, sender, reader).await?,
                event => return Err(self.report(event)),
            }
        }
    }

    /// Takes the next piece of the client's body, unless the peer answers first.
    async fn stream_body(
        &self,
        stream: &Stream,
        sender: &mut Sender<'_>,
        reader: &mut HeadReader,
    ) -> Result<(), ProxyError> {
        let buffer = self.request.conf().proxy.buffer_size as usize;
        let mut next = std::pin::pin!(self.request.body.next(self.request));
        let event = poll_fn(|cx| {
            if let Poll::Ready(piece) = next.as_mut().poll(cx) {
                return Poll::Ready(Ok(piece));
            }
            reader.poll_read(stream, cx, buffer).map(Err)
        })
        .await;
        match event {
            Ok(Ok(piece)) => {
                sender.add(piece);
                Ok(())
            }
            Ok(Err(BodyError::Status(status))) => Err(ProxyError::client(status)),
            Ok(Err(BodyError::Gone)) => Err(ProxyError::client(0)),
            Err(Event::Head) => {
                sender.give_up();
                reader.complete = true;
                Ok(())
            }
            Err(event) => Err(self.report(event)),
        }
    }

    fn report(&self, event: Event) -> ProxyError {
        let (message, error) = match event {
            Event::TimedOut => (
                "upstream timed out (110: Connection timed out) while reading response header from upstream".to_owned(),
                ProxyError::TIMEOUT,
            ),
            Event::Closed => (
                "upstream prematurely closed connection while reading response header from upstream".to_owned(),
                ProxyError::ERROR,
            ),
            Event::ReadFailed(error) => (
                format!("recv() failed {error} while reading response header from upstream"),
                ProxyError::ERROR,
            ),
            Event::SendFailed(error) => {
                (format!("send() failed {error} while sending request to upstream"), ProxyError::ERROR)
            }
            Event::TooBig => (
                "upstream sent too big header while reading response header from upstream".to_owned(),
                ProxyError::INVALID,
            ),
            Event::Invalid(error) => (
                format!("{error} while reading response header from upstream"),
                ProxyError::INVALID,
            ),
            Event::Head | Event::WantsBody => (String::new(), ProxyError::ERROR),
        };
        self.request.log(Level::Error, format_args!("{message}"));
        error
    }
}

/// Changes what is known of the current attempt.
pub fn attempt(request: &Request, change: impl FnOnce(&mut super::Attempt)) {
    if let Some(attempt) = request.attempts.borrow_mut().last_mut() {
        change(attempt);
    }
}

/// What happens while an answer is awaited.
#[derive(Debug)]
enum Event {
    Head,
    WantsBody,
    TimedOut,
    Closed,
    ReadFailed(String),
    SendFailed(String),
    TooBig,
    Invalid(ResponseError),
}

/// Sends a request: what is known of it, then what the client still sends.
struct Sender<'r> {
    request: &'r Rc<Request>,
    queue: VecDeque<Chunk>,
    sends: Sends,
    ended: bool,
    /// The peer answered before it had all.
    abandoned: bool,
    sent: u64,
    moved: bool,
}

impl<'r> Sender<'r> {
    fn new(request: &'r Rc<Request>, outgoing: Outgoing) -> Self {
        let mut queue = VecDeque::with_capacity(1 + outgoing.chunks.len());
        queue.push_back(Chunk::Memory(outgoing.head));
        queue.extend(outgoing.chunks);
        let ended = outgoing.sends == Sends::Whole;
        Self {
            request,
            queue,
            sends: outgoing.sends,
            ended,
            abandoned: false,
            sent: 0,
            moved: false,
        }
    }

    fn is_done(&self) -> bool {
        self.ended && self.queue.is_empty()
    }

    fn wants_more(&self) -> bool {
        !self.ended && self.queue.is_empty()
    }

    /// The peer has answered: it wants no more of the request.
    fn give_up(&mut self) {
        self.abandoned = true;
        self.ended = true;
    }

    fn add(&mut self, piece: Option<Bytes>) {
        match (piece, self.sends) {
            (Some(piece), Sends::Chunked) => {
                let header = ChunkHeader::new(piece.len() as u64);
                self.queue
                    .push_back(Chunk::Memory(Bytes::copy_from_slice(&header)));
                self.queue.push_back(Chunk::Memory(piece));
                self.queue
                    .push_back(Chunk::Memory(Bytes::from_static(CHUNK_END)));
            }
            (Some(piece), _) => self.queue.push_back(Chunk::Memory(piece)),
            (None, Sends::Chunked) => {
                self.ended = true;
                self.queue
                    .push_back(Chunk::Memory(Bytes::from_static(LAST_CHUNK)));
            }
            (None, _) => self.ended = true,
        }
        // A body that is complete ends in the same write as its last piece.
        if !self.ended && self.request.body.is_complete() {
            self.add(None);
        }
    }

    fn poll_send(&mut self, stream: &Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.queue.is_empty() {
            self.load_file()?;
            let mut pieces = [io::IoSlice::new(&[]); 16];
            let mut count = 0;
            for chunk in self.queue.iter().take(pieces.len()) {
                match chunk {
                    Chunk::Memory(bytes) => {
                        pieces[count] = io::IoSlice::new(bytes);
                        count += 1;
                    }
                    Chunk::File(_) => break,
                    Chunk::Flush => {}
                }
            }
            if count == 0 {
                self.queue.clear();
                return Poll::Ready(Ok(()));
            }
            let n = std::task::ready!(stream.poll_write_vectored(cx, &pieces[..count]))?;
            self.sent += n as u64;
            self.moved = true;
            self.consume(n);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads the next piece of a body that is in a file.
    fn load_file(&mut self) -> io::Result<()> {
        const PIECE: u64 = 64 * 1024;
        let Some(Chunk::File(slice)) = self.queue.front_mut() else {
            return Ok(());
        };
        let len = (slice.end - slice.start).min(PIECE);
        let bytes = crate::request_body::read_slice(&slice.file, slice.start, len as usize)?;
        slice.start += len;
        if slice.start == slice.end {
            self.queue.pop_front();
        }
        self.queue.push_front(Chunk::Memory(bytes.into()));
        Ok(())
    }

    fn consume(&mut self, mut n: usize) {
        while let Some(chunk) = self.queue.front_mut() {
            match chunk {
                Chunk::Memory(bytes) if n < bytes.len() => {
                    *bytes = bytes.slice(n..);
                    return;
                }
                Chunk::Memory(bytes) => {
                    n -= bytes.len();
                    self.queue.pop_front();
                }
                Chunk::Flush => {
                    self.queue.pop_front();
                }
                Chunk::File(_) => return,
            }
        }
    }
}

/// Reads the head of an answer, interim ones passed over.
#[derive(Default)]
struct HeadReader {
    buf: BytesMut,
    parser: ResponseParser,
    received: u64,
    complete: bool,
    headless: bool,
}

impl HeadReader {
    fn poll_read(&mut self, stream: &Stream, cx: &mut Context<'_>, max: usize) -> Poll<Event> {
        if self.complete {
            return Poll::Ready(Event::Head);
        }
        loop {
            if let Some(event) = self.parse(max) {
                return Poll::Ready(event);
            }
            // What of the body is there already comes with the head: one call for a short answer.
            match std::task::ready!(poll_fill(stream, &mut self.buf, usize::MAX, cx)) {
                Ok(n) => self.received += n as u64,
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(Event::Closed);
                }
                Err(error) => return Poll::Ready(Event::ReadFailed(Errno(&error).to_string())),
            }
        }
    }

    fn parse(&mut self, max: usize) -> Option<Event> {
        if self.buf.is_empty() {
            return None;
        }
        loop {
            match self.parser.parse(&self.buf) {
                Ok(Progress::Done) if self.parser.head().end > max => return Some(Event::TooBig),
                Ok(Progress::Done) => {
                    let status = self.parser.head().status;
                    if (100..=199).contains(&status) && status != 101 {
                        let head = self.parser.take_head();
                        let _ = self.buf.split_to(head.end);
                        if self.buf.is_empty() {
                            return None;
                        }
                        continue;
                    }
                    return Some(Event::Head);
                }
                Ok(Progress::More { .. }) => {
                    return (self.buf.len() >= max).then_some(Event::TooBig);
                }
                Ok(Progress::FirstLine | Progress::Host) => {}
                Err(ResponseError::NoStatusLine) => {
                    self.headless = true;
                    return Some(Event::Head);
                }
                Err(error) => return Some(Event::Invalid(error)),
            }
        }
    }

    fn finish(mut self) -> (ResponseHead, Bytes, BytesMut) {
        if self.headless {
            return (ResponseHead::default(), Bytes::new(), self.buf);
        }
        let head = self.parser.take_head();
        let buf = self.buf.split_to(head.end).freeze();
        (head, buf, self.buf)
    }
}
