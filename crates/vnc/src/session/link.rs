//! The server's side of a session: a socket, or a WebSocket that somebody else turns into one.
//!
//! A link has the methods of a [`Stream`] that a session uses, and the same promises.

use std::cell::RefCell;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::ops::Range;
use std::task::{Context, Poll, ready};

use net::Stream;
use proto::ws::{self, CloseFrame, Event, FrameHeader, Limits, Mask, Opcode, Receiver, Sender};

use super::ending::Failure;
use super::sealed::SealedLink;
use super::spill::Sink;
use crate::Refusal;

/// Bytes that one frame carries towards the far side.
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// Answers to pings that may wait; beyond, pings go unanswered (RFC 6455 §5.5.3 allows it).
const OWED_MAX: usize = FRAME_BYTES_MAX + 4096;

/// Reads of nothing but control frames, after which others of the thread have their turn.
const EMPTY_READS_MAX: usize = 16;

/// A way to a VNC server.
#[derive(Debug)]
pub enum Link {
    /// Its own socket, plain or TLS.
    Stream(Stream),
    /// A WebSocket.
    WebSocket(Box<FarSocket>),
    /// Either of them, encrypted by RSA-AES.
    Sealed(Box<SealedLink>),
}

impl Link {
    /// The socket below.
    pub fn stream(&self) -> &Stream {
        match self {
            Self::Stream(stream) => stream,
            Self::WebSocket(far) => &far.stream,
            Self::Sealed(sealed) => sealed.below().stream(),
        }
    }

    /// The socket, if its bytes are those of RFB, so that the kernel may move them.
    pub(super) fn as_plain(&self) -> Option<&Stream> {
        match self {
            Self::Stream(stream) => stream.as_plain().map(|_| stream),
            Self::WebSocket(_) | Self::Sealed(_) => None,
        }
    }

    /// Reads RFB bytes into `buf`. `0` is the end.
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Stream(stream) => stream.poll_read(cx, buf),
            Self::WebSocket(far) => far.state.borrow_mut().poll_read(&far.stream, cx, buf),
            Self::Sealed(sealed) => sealed.poll_read(cx, buf),
        }
    }

    /// Writes as much of `buf` as is taken. After [`Pending`](Poll::Pending) the same bytes must
    /// come again, if any: they may stand in a frame, or in a record, already.
    pub fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Stream(stream) => stream.poll_write(cx, buf),
            Self::WebSocket(far) => far.state.borrow_mut().poll_write(&far.stream, cx, buf),
            Self::Sealed(sealed) => sealed.poll_write(cx, buf),
        }
    }

    /// Ready when the other end is gone, without taking any of its bytes.
    pub fn poll_hangup(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.stream().poll_hangup(cx)
    }

    /// Writes all of `buf`. Not cancel-safe: a dropped call may have written a part.
    pub async fn write_all(&self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            let n = std::future::poll_fn(|cx| self.poll_write(cx, buf)).await?;
            buf = buf.get(n..).unwrap_or_default();
        }
        Ok(())
    }

    /// Says good-bye as far as the socket takes it at once, so that it is ready at once; a plain
    /// socket is merely closed.
    pub(super) fn take_leave(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Stream(_) => {}
            Self::WebSocket(far) => far.state.borrow_mut().take_leave(&far.stream, cx),
            Self::Sealed(sealed) => return sealed.below().take_leave(cx),
        }
        Poll::Ready(())
    }

    /// What an end of the stream means.
    pub(super) fn ended(&self) -> Failure {
        match self {
            Self::Stream(_) => Failure::told(Refusal::ServerClosed, ""),
            Self::WebSocket(far) => match &far.state.borrow().closed {
                Some(close) => closed_by_far_side(close),
                None => Failure::told(Refusal::ServerClosed, "no close frame came"),
            },
            Self::Sealed(sealed) => sealed.below().ended(),
        }
    }

    /// Whether somebody stands between here and the VNC server who may be the one that closed.
    pub(super) fn is_far(&self) -> bool {
        match self {
            Self::Stream(_) => false,
            Self::WebSocket(_) => true,
            Self::Sealed(sealed) => sealed.below().is_far(),
        }
    }
}

impl Sink for Link {
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Link::poll_write(self, cx, bytes)
    }
}

/// What the far side's close code means for the person here (its own codes if it is a Portway).
fn closed_by_far_side(close: &CloseFrame) -> Failure {
    let refusal = match close.code {
        Some(4401 | 4403 | 4404) => Refusal::FarRefused,
        Some(4408) => Refusal::TimeOver,
        Some(4410) => Refusal::Cut(String::new()),
        Some(4502 | ws::close::INTERNAL_ERROR) => Refusal::FarFailed,
        Some(ws::close::SERVICE_RESTART) => Refusal::Restart,
        Some(1013) => Refusal::Busy,
        _ => Refusal::ServerClosed,
    };
    let reason = proto::rfb::ascii_sentence(close.reason.as_bytes(), ws::CONTROL_LEN_MAX);
    let code = close.code.unwrap_or(ws::close::NORMAL);
    Failure::told(refusal, format!("the far gateway closed: {code} {reason}"))
}

/// An open WebSocket towards a VNC server.
#[derive(Debug)]
pub struct FarSocket {
    stream: Stream,
    state: RefCell<State>,
}

impl FarSocket {
    /// After the handshake; `early` is what came behind it.
    pub(super) fn new(stream: Stream, early: Vec<u8>) -> Self {
        let state = State {
            receiver: Receiver::from_server(Limits::NONE),
            early,
            pieces: Vec::new(),
            outbox: Vec::new(),
            sent: 0,
            promised: 0,
            masks: RandomState::new(),
            frames: 0,
            closed: None,
            broken: None,
        };
        Self {
            stream,
            state: RefCell::new(state),
        }
    }
}

#[derive(Debug)]
struct State {
    receiver: Receiver,
    /// Frames that came behind the handshake.
    early: Vec<u8>,
    /// Where in the buffer RFB bytes lie; kept for its memory.
    pieces: Vec<Range<usize>>,
    /// Frames that the socket has not taken yet; `sent <= outbox.len()`.
    outbox: Vec<u8>,
    sent: usize,
    /// Bytes that stand in the outbox as a frame and are not yet said to be written.
    promised: usize,
    /// Makes masks that the far side's network cannot guess.
    masks: RandomState,
    frames: u64,
    closed: Option<CloseFrame>,
    /// What the far side did wrong, to be told once what came before was given out.
    broken: Option<io::Error>,
}

impl State {
    fn poll_read(
        &mut self,
        stream: &Stream,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        // What waits is sent by whoever comes by; if it must wait on, so it does.
        if let Poll::Ready(sent) = self.poll_send(stream, cx) {
            sent?;
        }
        for _ in 0..EMPTY_READS_MAX {
            if let Some(error) = self.broken.take() {
                return Poll::Ready(Err(error));
            }
            if self.closed.is_some() || buf.is_empty() {
                return Poll::Ready(Ok(0));
            }
            let n = match self.early.is_empty() {
                true => ready!(stream.poll_read(cx, buf))?,
                false => self.take_early(buf),
            };
            if n == 0 {
                return Poll::Ready(Ok(0));
            }
            let kept = self.unwrap(buf.get_mut(..n).unwrap_or_default());
            if let Poll::Ready(sent) = self.poll_send(stream, cx) {
                sent?;
            }
            if kept > 0 {
                return Poll::Ready(Ok(kept));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn take_early(&mut self, buf: &mut [u8]) -> usize {
        let n = self.early.len().min(buf.len());
        for (place, byte) in buf.iter_mut().zip(self.early.drain(..n)) {
            *place = byte;
        }
        n
    }

    /// Moves the RFB bytes of the frames in `bytes` to its front, and says how many they are.
    fn unwrap(&mut self, bytes: &mut [u8]) -> usize {
        let broken = |what: &dyn std::fmt::Display| {
            let message = format!("the far gateway: {what}");
            Some(io::Error::new(io::ErrorKind::InvalidData, message))
        };
        let whole = bytes.len();
        let mut rest = &mut *bytes;
        self.pieces.clear();
        loop {
            match self.receiver.handle(&mut rest) {
                Err(error) => {
                    self.broken = broken(&error);
                    break;
                }
                Ok(Some(Event::Data { text: true, .. })) => {
                    self.broken = broken(&"a text message");
                    break;
                }
                Ok(Some(Event::Data { payload, .. })) => {
                    let len = payload.len();
                    let end = whole - rest.len();
                    self.pieces.push(end - len..end);
                }
                Ok(Some(Event::Ping(payload))) => self.owe(Opcode::Pong, &payload),
                Ok(Some(Event::Pong(_))) => {}
                Ok(Some(Event::Close(close))) => {
                    self.owe_close(close.code);
                    self.closed = Some(close);
                    break;
                }
                Ok(None) => break,
            }
        }
        let mut kept = 0;
        for piece in self.pieces.drain(..) {
            let len = piece.len();
            bytes.copy_within(piece, kept);
            kept += len;
        }
        kept
    }

    fn poll_write(
        &mut self,
        stream: &Stream,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.closed.is_some() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if self.promised == 0 && !buf.is_empty() {
            // Behind answers that wait; a frame never begins inside of another.
            ready!(self.poll_send(stream, cx))?;
            let payload = buf.get(..FRAME_BYTES_MAX).unwrap_or(buf);
            self.frame(payload);
            self.promised = payload.len();
        }
        ready!(self.poll_send(stream, cx))?;
        Poll::Ready(Ok(std::mem::take(&mut self.promised)))
    }

    /// Sends what waits; ready when nothing does any more.
    fn poll_send(&mut self, stream: &Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(due) = self.outbox.get(self.sent..).filter(|due| !due.is_empty()) {
            self.sent += ready!(stream.poll_write(cx, due))?;
        }
        self.outbox.clear();
        self.outbox.shrink_to(0);
        self.sent = 0;
        Poll::Ready(Ok(()))
    }

    fn frame(&mut self, payload: &[u8]) {
        let key = self.mask();
        let header = FrameHeader {
            mask: Some(key),
            ..FrameHeader::binary(payload.len() as u64)
        };
        self.outbox.extend_from_slice(&header.encode());
        let start = self.outbox.len();
        self.outbox.extend_from_slice(payload);
        Mask::new(key).apply(self.outbox.get_mut(start..).unwrap_or_default());
    }

    fn owe(&mut self, opcode: Opcode, payload: &[u8]) {
        if self.outbox.len() <= OWED_MAX {
            let sender = Sender::Client(self.mask());
            ws::encode_control(sender, opcode, payload, &mut self.outbox);
        }
    }

    fn owe_close(&mut self, code: Option<u16>) {
        let sender = Sender::Client(self.mask());
        match code {
            Some(code) => ws::encode_close(sender, code, "", &mut self.outbox),
            None => ws::encode_control(sender, Opcode::Close, b"", &mut self.outbox),
        }
    }

    fn take_leave(&mut self, stream: &Stream, cx: &mut Context<'_>) {
        if self.closed.is_none() {
            self.owe_close(Some(ws::close::NORMAL));
        }
        // It is the last word; what is not taken is lost.
        let _ = self.poll_send(stream, cx);
    }

    /// A masking key (RFC 6455 §10.3: unpredictable to whoever chose the payload).
    fn mask(&mut self) -> [u8; 4] {
        self.frames = self.frames.wrapping_add(1);
        let bits = self.masks.hash_one(self.frames) as u32;
        bits.to_ne_bytes()
    }
}
