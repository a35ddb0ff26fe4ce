//! What a connection with TLS has beside its socket, and how bytes pass through it.

use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll, ready};

use rustls::{Error, ProtocolVersion};

use super::buffers::{RECORD_MAX, with_incoming, with_outgoing};
use super::kernel::Kernel;
use super::outgoing::Outgoing;
use super::session::{Records, Session, Sink, Step};
use super::watch::{self, Seen};
use crate::socket::Socket;

/// A file of which less is left is not worth the system calls of a hand-over, and the memory that
/// the kernel then keeps for the connection.
const HANDED_OVER_MIN: u64 = 128 * 1024;

/// TLS of one connection.
pub(super) struct State {
    pub session: Session,
    /// The part of a record, or of a message of the handshake, that has arrived.
    pub incoming: Vec<u8>,
    /// What was decrypted and not read.
    plain: Plain,
    pub outgoing: Outgoing,
    end: Option<End>,
    established: bool,
    /// The kernel may go on with it; it does so once.
    for_kernel: bool,
    /// Something was encrypted, and nothing came since: rustls has nothing left to say.
    is_quiet: bool,
    goodbye: Goodbye,
    /// What our own parts saw of the handshake.
    pub seen: Seen,
}

/// Decrypted bytes of which the first `read` are read.
#[derive(Default)]
struct Plain {
    bytes: Vec<u8>,
    read: usize,
}

/// Why nothing more comes.
enum End {
    /// The peer said so.
    Closed,
    /// The socket ended without a word: as an end, since many a peer does it.
    Cut,
    /// The socket failed.
    Socket(io::ErrorKind),
    /// A record or message broke a rule.
    Tls(Error),
}

/// Whether `close_notify` is sent.
#[derive(PartialEq)]
enum Goodbye {
    NotYet,
    /// It waits among what is to be sent, and so does `FIN`.
    Waits,
    Said,
}

impl State {
    pub fn new(session: Session, incoming: Vec<u8>) -> Self {
        Self {
            session,
            incoming,
            plain: Plain::default(),
            outgoing: Outgoing::default(),
            end: None,
            established: false,
            for_kernel: false,
            is_quiet: false,
            goodbye: Goodbye::NotYet,
            seen: Seen::default(),
        }
    }

    pub fn poll_read(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        loop {
            let n = self.plain.take(buf);
            if n > 0 {
                return Poll::Ready(Ok(n));
            }
            if let Some(end) = &self.end {
                return Poll::Ready(end.result().map(|()| 0));
            }
            let n = ready!(self.poll_receive(socket, cx, buf));
            if n > 0 {
                return Poll::Ready(Ok(n));
            }
        }
    }

    pub fn poll_read_ready(&mut self, socket: &Socket, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if !self.plain.is_empty() || self.end.is_some() {
                return Poll::Ready(());
            }
            ready!(self.poll_receive(socket, cx, &mut []));
        }
    }

    pub fn poll_hangup(&mut self, socket: &Socket, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if !self.plain.is_empty() {
                // As for a plain connection: news of an end behind them wait.
                return Poll::Pending;
            }
            if self.end.is_some() {
                return Poll::Ready(());
            }
            ready!(self.poll_receive(socket, cx, &mut []));
        }
    }

    pub fn poll_write(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let total: usize = bufs.iter().map(|buf| buf.len()).sum();
        let flushed = self.poll_flush(socket, cx)?;
        let written = self.outgoing.take_written(total);
        if written > 0 {
            return Poll::Ready(Ok(written));
        }
        ready!(flushed);
        if total == 0 {
            return Poll::Ready(Ok(0));
        }
        if self.goodbye != Goodbye::NotYet {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        match &mut self.session {
            Session::Kernel(kernel) => {
                kernel.poll_write(Socket::poll_write_vectored, socket, cx, bufs)
            }
            _ => self.encrypt_and_send(socket, cx, bufs),
        }
    }

    /// As [`poll_write`](Self::poll_write), where more follows at once: a kernel that makes the
    /// records leaves the last one open for it.
    pub fn poll_write_more(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.session {
            Session::Kernel(kernel) if self.goodbye == Goodbye::NotYet => {
                kernel.poll_write(Socket::poll_write_vectored_more, socket, cx, bufs)
            }
            _ => self.poll_write(socket, cx, bufs),
        }
    }

    /// Runs a system call that sends, where the kernel makes the records.
    pub fn poll_send(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        wanted: usize,
        call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        match &mut self.session {
            Session::Kernel(kernel) if self.goodbye == Goodbye::NotYet => {
                kernel.poll_send(socket, cx, wanted, call)
            }
            _ => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// The kernel may go on with this connection.
    pub fn offer_to_kernel(&mut self) {
        self.for_kernel = true;
    }

    /// Whether the kernel makes the records, or does from now on: a file of which so much is left
    /// is worth it.
    pub fn sends_files(&mut self, socket: &Socket, left: u64) -> bool {
        if self.for_kernel && left >= HANDED_OVER_MIN && self.can_be_handed_over() {
            self.for_kernel = false;
            self.hand_over(socket);
        }
        matches!(self.session, Session::Kernel(_))
    }

    /// Whether rustls holds nothing that would be lost with its connection.
    fn can_be_handed_over(&self) -> bool {
        self.established
            && self.is_quiet
            && self.end.is_none()
            && self.goodbye == Goodbye::NotYet
            && self.incoming.is_empty()
            && self.outgoing.is_settled()
    }

    fn hand_over(&mut self, socket: &Socket) {
        let fits = |common| Kernel::fits(common, socket);
        if !self.session.common().is_some_and(fits) {
            return;
        }
        self.session = match std::mem::replace(&mut self.session, Session::Lost) {
            Session::Server(server) => match Kernel::take_over(*server, socket) {
                Ok(kernel) => Session::Kernel(Box::new(kernel)),
                Err(error) => {
                    self.end = Some(End::Tls(error));
                    Session::Lost
                }
            },
            other => other,
        };
    }

    /// Ready once the socket can be closed and nothing is lost: at once, unless the kernel makes
    /// the records.
    pub fn poll_settled(&mut self, socket: &Socket, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !matches!(self.session, Session::Kernel(_)) {
            return Poll::Ready(Ok(()));
        }
        self.say_goodbye(socket);
        match &mut self.session {
            Session::Kernel(kernel) => kernel.poll_settled(socket, cx),
            _ => Poll::Ready(Ok(())),
        }
    }

    /// Encrypts into the thread's buffer; what the socket does not take is kept.
    fn encrypt_and_send(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        with_outgoing(|bytes| {
            let mut out = Records {
                bytes,
                len: 0,
                records: Vec::with_capacity(4),
            };
            self.session
                .encrypt(&mut self.incoming, bufs, &mut out)
                .map_err(failed)?;
            self.is_quiet = true;
            let mut sent = 0;
            while sent < out.len {
                match socket.poll_write(cx, &out.bytes[sent..out.len])? {
                    Poll::Ready(n) => sent += n,
                    Poll::Pending => break,
                }
            }
            if sent == out.len {
                return Poll::Ready(Ok(out.records.iter().map(|record| record.carries).sum()));
            }
            self.outgoing
                .keep(&out.bytes[..out.len], sent, &out.records);
            match self.outgoing.take_written(usize::MAX) {
                0 => Poll::Pending,
                n => Poll::Ready(Ok(n)),
            }
        })
    }

    pub fn poll_flush(&mut self, socket: &Socket, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Session::Kernel(kernel) = &mut self.session {
            return kernel.poll_flush(socket, cx);
        }
        while !self.outgoing.is_empty() {
            let n = ready!(socket.poll_write(cx, self.outgoing.rest()))?;
            self.outgoing.advance(n);
        }
        if self.goodbye == Goodbye::Waits {
            self.goodbye = Goodbye::Said;
            // It fails only if the connection is gone, which reading from it says better.
            let _ = socket.shutdown_write();
        }
        Poll::Ready(Ok(()))
    }

    pub fn say_goodbye(&mut self, socket: &Socket) -> bool {
        if self.goodbye == Goodbye::NotYet {
            self.goodbye = Goodbye::Waits;
            let failed = matches!(self.end, Some(End::Tls(_) | End::Socket(_)));
            match &mut self.session {
                Session::Kernel(kernel) if !failed => kernel.say_goodbye(),
                session if !failed => {
                    // Where nothing can be encrypted any more, nothing can be said.
                    let _ = session.say_goodbye(&mut self.incoming, &mut self.outgoing);
                }
                _ => {}
            }
        }
        self.try_send(socket);
        if matches!(self.session, Session::Kernel(_)) {
            // `FIN` would overtake what the kernel holds above TCP. It comes when the socket is
            // closed; `close_notify` says the same.
            return false;
        }
        let said = self.outgoing.is_empty();
        if said {
            self.goodbye = Goodbye::Said;
        }
        said
    }

    /// Sends what the socket takes of what waits.
    pub fn try_send(&mut self, socket: &Socket) {
        if let Session::Kernel(kernel) = &mut self.session {
            return kernel.try_flush(socket);
        }
        while !self.outgoing.is_empty() {
            match socket.try_write(self.outgoing.rest()) {
                // A failure shows again, and is reported, to whoever reads or writes.
                Ok(0) | Err(_) => return,
                Ok(n) => self.outgoing.advance(n),
            }
        }
    }

    /// Receives once, into `buf` what fits; how much did. Whatever came of it is in `self`.
    pub fn poll_receive(
        &mut self,
        socket: &Socket,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<usize> {
        if !self.outgoing.is_empty() || matches!(self.session, Session::Kernel(_)) {
            // Its outcome is seen by whoever writes; what must be known here comes from reading.
            let _ = self.poll_flush(socket, cx);
        }
        with_incoming(|records| {
            let kept = self.incoming.len();
            records[..kept].copy_from_slice(&self.incoming);
            // What the reader has no room for is kept: not much of it.
            let wanted = (buf.len() + 512).max(RECORD_MAX + 512);
            let room = wanted.min(records.len() - kept);
            match ready!(socket.poll_read(cx, &mut records[kept..kept + room])) {
                Ok(0) => self.end = Some(End::Cut),
                Ok(n) => return Poll::Ready(self.handle_records(&mut records[..kept + n], buf)),
                Err(error) => self.end = Some(End::Socket(error.kind())),
            }
            Poll::Ready(0)
        })
        .map(|n| {
            self.try_send(socket);
            n
        })
    }

    /// Processes what has arrived, and keeps what is not whole.
    pub fn handle_records(&mut self, records: &mut [u8], buf: &mut [u8]) -> usize {
        let mut sink = Sink {
            buf,
            filled: 0,
            aside: &mut self.plain.bytes,
        };
        let mut used = 0;
        self.end = loop {
            let rest = &mut records[used..];
            let (discard, step) = self.session.turn(rest, &mut sink, &mut self.outgoing);
            used += discard;
            self.is_quiet = false;
            match step {
                Ok(Step::More) => {}
                Ok(Step::Said) if self.established && renegotiates(&self.session) => {
                    self.outgoing = Outgoing::default();
                    break Some(End::Tls(Error::General("renegotiation refused".into())));
                }
                Ok(Step::Said) => {}
                Ok(Step::Wait) => break None,
                Ok(Step::Closed) => break Some(End::Closed),
                Err(error) => {
                    self.established = false;
                    break Some(End::Tls(error));
                }
            }
        };
        let filled = sink.filled;
        if !self.established {
            watch::take(&mut self.seen);
        }
        self.incoming = records[used..].to_vec();
        match self.end {
            Some(End::Tls(_)) => self.take_alert(),
            _ if self.incoming.len() > super::buffers::INCOMING_LEN - RECORD_MAX => {
                let error = Error::General("a message is too long".into());
                self.end = Some(End::Tls(error));
            }
            _ => {}
        }
        filled
    }

    /// After a failure, rustls says why to the peer.
    fn take_alert(&mut self) {
        let mut sink = Sink {
            buf: &mut [],
            filled: 0,
            aside: &mut Vec::new(),
        };
        self.incoming = Vec::new();
        while let (_, Ok(Step::Said | Step::More)) =
            self.session.turn(&mut [], &mut sink, &mut self.outgoing)
        {}
    }

    /// What it keeps in memory beside rustls' state.
    #[cfg(test)]
    pub fn kept_bytes(&self) -> usize {
        self.incoming.capacity() + self.plain.bytes.capacity() + self.outgoing.rest().len()
    }

    /// Notes that the handshake is over.
    pub fn establish(&mut self) {
        self.established = true;
    }

    /// Why nothing more comes, if that is so.
    pub fn end(&self) -> Option<Result<(), Error>> {
        match self.end.as_ref()? {
            End::Tls(error) => Some(Err(error.clone())),
            _ => Some(Ok(())),
        }
    }
}

/// Whether a message in the middle of a connection can only be the answer to an attempt to
/// renegotiate. As nginx, we close without one.
fn renegotiates(session: &Session) -> bool {
    matches!(session, Session::Server(_))
        && session
            .common()
            .is_some_and(|common| common.protocol_version() == Some(ProtocolVersion::TLSv1_2))
}

impl Plain {
    fn is_empty(&self) -> bool {
        self.read == self.bytes.len()
    }

    fn take(&mut self, buf: &mut [u8]) -> usize {
        let rest = &self.bytes[self.read..];
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        self.read += n;
        if self.is_empty() && !self.bytes.is_empty() {
            *self = Self::default();
        }
        n
    }
}

impl End {
    fn result(&self) -> io::Result<()> {
        match self {
            Self::Closed | Self::Cut => Ok(()),
            Self::Socket(kind) => Err((*kind).into()),
            Self::Tls(error) => Err(failed(error.clone())),
        }
    }
}

fn failed(error: Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
