//! One attempt: connect, send the request, read the head of the answer.

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use ::upstream::keepalive::Connection;
use bytes::{Bytes, BytesMut};
use net::connect::{Options, Unbindable};
use net::log::{Errno, Level};
use net::{Deadline, Stream, clock};
use proto::h1::{Framing, FramingError, Progress, ResponseError, ResponseHead, ResponseParser};

use super::held::Held;
use super::outgoing::Outgoing;
use super::rules::Rules;
use super::sender::Sender;
use super::target::Target;
use super::tls::Secure;
use super::{PoolRef, ProxyError, head};
use crate::connection::poll_fill;
use crate::phases::Flow;
use crate::request::Request;
use crate::request_body::BodyError;

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
    /// The head, which the request keeps, too.
    pub head: Rc<ResponseHead>,
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
    /// Where its body ends.
    pub framing: Framing,
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
        answered.inspect_err(|error| self.note_failure(error))?;
        let headless = reader.headless;
        let (head, buf, rest) = reader.finish();
        let framing = match headless {
            true => {
                let error = ResponseError::NoStatusLine;
                let line = format_args!("{error} while reading response header from upstream");
                request.log(Level::Error, line);
                Framing::UntilClose
            }
            false => Framing::of_response(&head, &buf, request.method.get())
                .map_err(|error| self.report(Event::Unframed(error)))
                .inspect_err(|error| self.note_failure(error))?,
        };
        attempt(request, |attempt| {
            attempt.status = Some(if headless { 200 } else { head.status });
            attempt.header_time = Some(attempt.elapsed());
        });
        Ok(Replied {
            connection,
            head: Rc::new(head),
            buf,
            rest,
            pool: self.pool,
            peer: self.peer.peer().addr.clone(),
            sent_all: sender.is_done() && !sender.abandoned,
            headless,
            framing,
        })
    }

    /// What was tried is told with the status that it would have meant.
    fn note_failure(&self, error: &ProxyError) {
        attempt(self.request, |attempt| {
            attempt.status = Some(error.status).filter(|&status| status != 0);
        });
    }

    /// Connects, and asks nothing: what follows is between the client and the peer (CONNECT).
    pub async fn open(self) -> Result<Replied, ProxyError> {
        let connection = self.connect().await?;
        // As nginx: nobody answered with a status.
        attempt(self.request, |attempt| {
            attempt.header_time = Some(attempt.elapsed());
        });
        Ok(Replied {
            connection,
            head: Rc::new(ResponseHead {
                status: 200,
                ..ResponseHead::default()
            }),
            buf: Bytes::new(),
            rest: BytesMut::new(),
            pool: None,
            peer: self.peer.peer().addr.clone(),
            sent_all: true,
            headless: false,
            framing: Framing::UntilClose,
        })
    }

    async fn connect(&self) -> Result<Connection, ProxyError> {
        let secure = Secure::of(self.request, self.target)?;
        let purpose = secure.as_ref().map(|secure| secure.purpose.clone());
        let kept = self
            .pool
            .as_ref()
            .and_then(|(pool, _)| pool.take(&self.peer.peer().addr, &purpose));
        if let Some(connection) = kept {
            attempt(self.request, |attempt| {
                attempt.connect_time = Some(attempt.elapsed());
                attempt.reused = true;
            });
            return Ok(connection);
        }
        let stream = self.open_stream().await?;
        if let Some(secure) = &secure {
            let timeout = Rules::of(self.request.conf(), self.target.work).connect_timeout;
            let shaken = secure.shake_hands(&stream, &self.peer.peer().addr, timeout);
            shaken
                .await
                .inspect_err(|error| self.not_connected(error))?;
        }
        attempt(self.request, |attempt| {
            attempt.connect_time = Some(attempt.elapsed())
        });
        Ok(Connection {
            stream,
            requests: 1,
            opened: clock::now(),
            deadline: Deadline::unset(),
            purpose,
        })
    }

    async fn open_stream(&self) -> Result<Stream, ProxyError> {
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
        let stream = connected.map_err(|error| self.connect_failed(&error))?;
        stream.set_nodelay(true);
        if rules.socket_keepalive {
            // Without probes the connection is as good as before.
            let _ = stream.set_keepalive(60, 60, 9);
        }
        Ok(stream)
    }

    fn connect_failed(&self, error: &io::Error) -> ProxyError {
        if let Some(unbindable) = Unbindable::of(error) {
            // As nginx: our own fault, which no other peer mends.
            let line = format_args!("{unbindable} while connecting to upstream");
            self.request.log(Level::Crit, line);
            return ProxyError::client(500);
        }
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
        self.not_connected(&error);
        error
    }

    fn not_connected(&self, error: &ProxyError) {
        attempt(self.request, |attempt| {
            attempt.status = Some(error.status);
            attempt.response_time = Some(attempt.elapsed());
        });
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
                Event::Hints(hints) => {
                    Box::pin(super::hints::send(self.request, &hints)).await?;
                }
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
            Err(Event::Hints(hints)) => {
                // What of the client's body came meanwhile is still there.
                Box::pin(super::hints::send(self.request, &hints)).await
            }
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
            Event::InvalidLine(line) => (
                format!("upstream sent invalid header: {line} while reading response header from upstream"),
                ProxyError::INVALID,
            ),
            Event::Unframed(error) => (
                format!("upstream sent {error} while reading response header from upstream"),
                ProxyError::INVALID,
            ),
            Event::Head | Event::WantsBody | Event::Hints(_) => (String::new(), ProxyError::ERROR),
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
    /// Interim answers with hints, the bytes of their heads and what was parsed.
    Hints(Vec<(ResponseHead, Bytes)>),
    WantsBody,
    TimedOut,
    Closed,
    ReadFailed(String),
    SendFailed(String),
    TooBig,
    /// A line of the head cannot be accepted: how it begins.
    InvalidLine(String),
    /// It cannot be told where the body ends.
    Unframed(FramingError),
}

/// Reads the head of an answer, interim ones passed over.
#[derive(Default)]
struct HeadReader {
    buf: BytesMut,
    parser: ResponseParser,
    received: u64,
    complete: bool,
    headless: bool,
    /// Hints that were not passed on yet, and how many bytes all of them had.
    hints: Vec<(ResponseHead, Bytes)>,
    hints_bytes: usize,
}

impl HeadReader {
    fn poll_read(&mut self, stream: &Stream, cx: &mut Context<'_>, max: usize) -> Poll<Event> {
        if self.complete {
            return Poll::Ready(Event::Head);
        }
        loop {
            let parsed = self.parse(max);
            if !self.hints.is_empty() {
                // A head that was parsed is parsed again: that is quicker than it is rare.
                self.parser = ResponseParser::default();
                return Poll::Ready(Event::Hints(std::mem::take(&mut self.hints)));
            }
            if let Some(event) = parsed {
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
                        let bytes = self.buf.split_to(head.end).freeze();
                        self.hints_bytes += bytes.len();
                        if status == 103 && self.hints_bytes <= max {
                            self.hints.push((head, bytes));
                        }
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
                Err(ResponseError::InvalidHeader(line)) => {
                    return Some(Event::InvalidLine(line.excerpt(&self.buf)));
                }
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
