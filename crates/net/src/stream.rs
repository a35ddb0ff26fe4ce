//! One connection, TCP or unix, plain or TLS, that a single task owns.
//!
//! All methods take `&self`, because the two directions of a connection are driven by different
//! parts of one task. What is said of bytes here means those of the protocol: with TLS, the ones
//! inside. Whether there is TLS costs a plain connection one comparison.

use std::cell::OnceCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustls::CommonState;

use crate::Deadline;
use crate::socket::Socket;
use crate::tls::Tls;

/// A connected, non-blocking stream socket, registered with this thread's runtime.
#[derive(Debug)]
pub struct Stream {
    socket: Socket,
    /// Set once, by a handshake.
    pub(crate) tls: OnceCell<Box<Tls>>,
}

impl Stream {
    /// Registers a connected socket with the current runtime and makes it non-blocking.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        Ok(Self {
            socket: Socket::new(fd)?,
            tls: OnceCell::new(),
        })
    }

    /// The wire below.
    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Reads what is there into `buf`. `0` is the end of the stream (or an empty `buf`).
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.tls.get() {
            None => self.socket.poll_read(cx, buf),
            Some(tls) => tls.poll_read(&self.socket, cx, buf),
        }
    }

    /// Reads what is there into the spare capacity of `buf`, which must have some.
    pub fn poll_read_spare(
        &self,
        cx: &mut Context<'_>,
        buf: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        let Some(tls) = self.tls.get() else {
            return self.socket.poll_read_spare(cx, buf);
        };
        let (len, room) = (buf.len(), buf.capacity() - buf.len());
        buf.resize(len + room, 0);
        let read = tls.poll_read(&self.socket, cx, &mut buf[len..]);
        let n = match &read {
            Poll::Ready(Ok(n)) => *n,
            _ => 0,
        };
        buf.truncate(len + n);
        read
    }

    /// Copies what is there into `buf` without taking it, below TLS: what a connection begins with
    /// says whether there is any.
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.socket.poll_peek(cx, buf)
    }

    /// Writes as much of `buf` as the socket takes. After [`Pending`](Poll::Pending) the same bytes
    /// must come again, if any: with TLS they are already encrypted.
    pub fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.tls.get() {
            None => self.socket.poll_write(cx, buf),
            Some(tls) => tls.poll_write(&self.socket, cx, &[IoSlice::new(buf)]),
        }
    }

    /// As [`poll_write`](Self::poll_write), telling the kernel that more follows at once
    /// (`MSG_MORE`), so that it does not send a small segment of its own.
    pub fn poll_write_more(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.tls.get() {
            None => self.socket.poll_write_more(cx, buf),
            Some(tls) => tls.poll_write_more(&self.socket, cx, &[IoSlice::new(buf)]),
        }
    }

    /// Writes as much of `bufs`, in order, as the socket takes.
    pub fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.tls.get() {
            None => self.socket.poll_write_vectored(cx, bufs),
            Some(tls) => tls.poll_write(&self.socket, cx, bufs),
        }
    }

    /// As [`poll_write_vectored`](Self::poll_write_vectored), telling the kernel that more follows
    /// at once (`MSG_MORE`).
    pub fn poll_write_vectored_more(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.tls.get() {
            None => self.socket.poll_write_vectored_more(cx, bufs),
            Some(tls) => tls.poll_write_more(&self.socket, cx, bufs),
        }
    }

    /// Whether the kernel can send a file to this connection, of which so much is left: it is
    /// plain, or the kernel makes its records. If TLS may go to the kernel, and the file is worth
    /// it, it does so now.
    pub fn sends_files(&self, left: u64) -> bool {
        match self.tls.get() {
            None => true,
            Some(tls) => tls.sends_files(&self.socket, left),
        }
    }

    /// Runs a system call that sends to this socket (such as `sendfile`) once it is writable.
    /// `wanted` is what a complete call would move; less, or `EAGAIN`, means full. Only for a
    /// connection that [the kernel can send to](Self::sends_files).
    pub fn poll_send(
        &self,
        cx: &mut Context<'_>,
        wanted: usize,
        call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        match self.tls.get() {
            None => self.socket.poll_send(cx, wanted, call),
            Some(tls) => tls.poll_send(&self.socket, cx, wanted, call),
        }
    }

    /// Ready once there may be something to read, without reading it. A caller whose own system
    /// call then says `EAGAIN` uses [`clear_read_ready`](Self::clear_read_ready).
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.tls.get() {
            None => self.socket.poll_read_ready(cx),
            Some(tls) => tls.poll_read_ready(&self.socket, cx).map(Ok),
        }
    }

    /// Ready once something may be written, without writing.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(tls) = self.tls.get() {
            ready!(tls.poll_flush(&self.socket, cx))?;
        }
        self.socket.poll_write_ready(cx)
    }

    /// Forgets that the socket was readable: only after it was proven empty.
    pub fn clear_read_ready(&self, cx: &mut Context<'_>) {
        self.socket.clear_read_ready(cx);
    }

    /// Forgets that the socket was writable: only after it was proven full.
    pub fn clear_write_ready(&self, cx: &mut Context<'_>) {
        self.socket.clear_write_ready(cx);
    }

    /// Whether the peer has closed or reset the connection, without taking any of its bytes.
    /// Costs a system call only if something arrived.
    pub fn poll_hangup(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.tls.get() {
            None => self.socket.poll_hangup(cx),
            Some(tls) => tls.poll_hangup(&self.socket, cx),
        }
    }

    /// Whether an idle connection is open and silent; otherwise wakes nobody. A connection that has
    /// something to say while nothing was asked of it cannot be used again. What TLS says for
    /// itself, such as a session to resume, is not that.
    pub fn poll_quiet(&self, cx: &mut Context<'_>) -> bool {
        match self.tls.get() {
            None => self.socket.poll_quiet(cx),
            Some(tls) => tls.poll_read_ready(&self.socket, cx).is_pending(),
        }
    }

    /// Reads what is there; see [`poll_read`](Self::poll_read). Cancel-safe: bytes are taken only
    /// when it returns.
    pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read(cx, buf)).await
    }

    /// Writes all of `buf`. Not cancel-safe: a dropped call may have written a part.
    pub async fn write_all(&self, mut buf: &[u8]) -> io::Result<()> {
        while !buf.is_empty() {
            let n = poll_fn(|cx| self.poll_write(cx, buf)).await?;
            buf = buf.get(n..).unwrap_or_default();
        }
        Ok(())
    }

    /// Sends the end of our direction: `close_notify` if there is TLS, and `FIN`.
    pub fn shutdown_write(&self) -> io::Result<()> {
        if let Some(tls) = self.tls.get()
            && !tls.say_goodbye(&self.socket)
        {
            // It does not fit into the socket's buffer; reading sends it, and then `FIN`.
            return Ok(());
        }
        self.socket.shutdown_write()
    }

    /// Ends the connection both ways at once, below TLS: for what was cut in the middle, so that
    /// nothing can follow it. Whoever reads or writes is told of an end or a failure.
    pub fn cut(&self) {
        // It fails only where the connection is gone already.
        let _ = rustix::net::shutdown(self, rustix::net::Shutdown::Both);
    }

    /// Ready once the connection can be closed and nothing that was written is lost: at once, but
    /// where the kernel makes the records, since it may hold a part of the last one back and closes
    /// without it. `close_notify` is sent.
    pub fn poll_settled(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self.tls.get() {
            None => Poll::Ready(()),
            // A failure means that nobody is there who would lose anything.
            Some(tls) => tls.poll_settled(&self.socket, cx).map(drop),
        }
    }

    /// Waits until it [is settled](Self::poll_settled), at most so long.
    pub async fn settle(&self, limit: Duration) {
        let deadline = Deadline::unset();
        poll_fn(|cx| {
            if self.poll_settled(cx).is_ready() {
                return Poll::Ready(());
            }
            if !deadline.is_set() {
                deadline.set_after(limit);
            }
            deadline.poll_expired(cx)
        })
        .await;
    }

    /// What rustls knows of this connection; `None` if it is plain, and once the kernel goes on
    /// with its TLS: for what follows the handshake at once.
    pub fn with_tls<T>(&self, ask: impl FnOnce(&CommonState) -> T) -> Option<T> {
        self.tls.get()?.with_state(ask)
    }

    /// What was agreed on in the handshake; `None` for a plain connection.
    pub fn tls_facts(&self) -> Option<crate::tls::Facts> {
        self.tls.get()?.facts()
    }

    /// What of the handshake only our own keys and caches saw; `None` for a plain connection.
    pub fn tls_seen(&self) -> Option<crate::tls::Seen> {
        self.tls.get().map(|tls| tls.seen())
    }

    /// Whether there is TLS.
    pub fn is_tls(&self) -> bool {
        self.tls.get().is_some()
    }

    /// Switches Nagle's algorithm off or on; unix sockets have none, which is no error.
    pub fn set_nodelay(&self, on: bool) {
        // EOPNOTSUPP on a unix socket is the only failure that a connected socket gives here.
        let _ = rustix::net::sockopt::set_tcp_nodelay(self, on);
    }

    /// Holds segments back until they are full (`TCP_CORK`), or lets them go.
    pub fn set_cork(&self, on: bool) {
        // As for `set_nodelay`.
        let _ = rustix::net::sockopt::set_tcp_cork(self, on);
    }

    /// TCP keepalive: first probe after `idle` seconds, then every `interval`, lost after `count`.
    pub fn set_keepalive(&self, idle: u32, interval: u32, count: u32) -> io::Result<()> {
        use rustix::net::sockopt;
        sockopt::set_socket_keepalive(self, true)?;
        sockopt::set_tcp_keepidle(self, Duration::from_secs(idle.into()))?;
        sockopt::set_tcp_keepintvl(self, Duration::from_secs(interval.into()))?;
        sockopt::set_tcp_keepcnt(self, count)?;
        Ok(())
    }

    /// How the connection does; `None` if it is none of TCP.
    pub fn tcp_health(&self) -> Option<TcpHealth> {
        let info = crate::sys::tcp_info(self.socket.as_fd()).ok()?;
        Some(TcpHealth {
            rtt: Duration::from_micros(info.tcpi_rtt.into()),
            retransmits: info.tcpi_total_retrans,
        })
    }

    /// What the kernel estimates of the connection; `None` if it is none of TCP.
    pub fn tcp_estimates(&self) -> Option<TcpEstimates> {
        let info = crate::sys::tcp_info(self.socket.as_fd()).ok()?;
        Some(TcpEstimates {
            rtt_us: info.tcpi_rtt,
            rttvar_us: info.tcpi_rttvar,
            snd_cwnd: info.tcpi_snd_cwnd,
            rcv_space: info.tcpi_rcv_space,
        })
    }

    /// Our own end of the connection.
    pub fn local_addr(&self) -> io::Result<crate::Addr> {
        crate::Addr::try_from(rustix::net::getsockname(self)?)
    }

    /// The socket itself when its bytes are the plain bytes of the protocol, so that the kernel may
    /// move them (`sendfile`, `splice`); `None` once TLS stands between.
    pub fn as_plain(&self) -> Option<BorrowedFd<'_>> {
        match self.tls.get() {
            None => Some(self.socket.as_fd()),
            Some(_) => None,
        }
    }
}

/// How a TCP connection does, as the kernel sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpHealth {
    /// The smoothed time there and back.
    pub rtt: Duration,
    /// Segments that were sent again since the beginning.
    pub retransmits: u32,
}

/// What the kernel estimates of a TCP connection (`$tcpinfo_…`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TcpEstimates {
    /// The smoothed time there and back, in microseconds.
    pub rtt_us: u32,
    /// How much that varies, in microseconds.
    pub rttvar_us: u32,
    /// The congestion window, in segments.
    pub snd_cwnd: u32,
    /// Room for what the other end sends, in bytes.
    pub rcv_space: u32,
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // A peer that sees `FIN` alone cannot tell an end from a cut.
        if let Some(tls) = self.tls.get() {
            tls.say_goodbye(&self.socket);
        }
    }
}
