//! One connected socket, TCP or unix, that a single task owns.
//!
//! All methods take `&self`, because the two directions of a connection are driven by different
//! parts of one task. A short read or write clears the readiness, so that no system call is made
//! only to learn `EAGAIN`.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use tokio::io::unix::AsyncFd;

/// So many bytes in several pieces are copied together and sent by `send`, which costs the kernel
/// less than `writev`.
const FLAT_MAX: usize = 2048;

/// A connected, non-blocking stream socket, registered with this thread's runtime.
#[derive(Debug)]
pub struct Stream {
    fd: AsyncFd<OwnedFd>,
}

impl Stream {
    /// Registers a connected socket with the current runtime and makes it non-blocking.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(Self {
            fd: crate::sys::register(fd)?,
        })
    }

    /// Takes the socket off the runtime, for handing it to somebody else.
    pub fn into_fd(self) -> OwnedFd {
        self.fd.into_inner()
    }

    /// Reads what is there into `buf`. `0` is the end of the stream (or an empty `buf`).
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(cx))?;
            match rustix::net::recv(self.fd.get_ref(), &mut *buf, RecvFlags::empty()) {
                Ok((_, n)) => {
                    if n != 0 && n < buf.len() {
                        guard.clear_ready();
                    }
                    return Poll::Ready(Ok(n));
                }
                Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Reads what is there into the spare capacity of `buf`, which must have some.
    pub fn poll_read_spare(
        &self,
        cx: &mut Context<'_>,
        buf: &mut Vec<u8>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(cx))?;
            let wanted = buf.capacity() - buf.len();
            let spare = rustix::buffer::spare_capacity(buf);
            match rustix::net::recv(self.fd.get_ref(), spare, RecvFlags::empty()) {
                Ok((n, _)) => {
                    if n != 0 && n < wanted {
                        guard.clear_ready();
                    }
                    return Poll::Ready(Ok(n));
                }
                Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Writes as much of `buf` as the socket takes.
    pub fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, buf.len(), |fd| {
            rustix::net::send(fd, buf, SendFlags::NOSIGNAL)
        })
    }

    /// As [`poll_write`](Self::poll_write), telling the kernel that more follows at once
    /// (`MSG_MORE`), so that it does not send a small segment of its own.
    pub fn poll_write_more(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_send(cx, buf.len(), |fd| {
            rustix::net::send(fd, buf, SendFlags::NOSIGNAL | SendFlags::MORE)
        })
    }

    /// Writes as much of `bufs`, in order, as the socket takes.
    pub fn poll_write_vectored(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let total = bufs.iter().map(|buf| buf.len()).sum();
        match bufs {
            [only] => self.poll_write(cx, only),
            _ if total <= FLAT_MAX => {
                let mut flat = [0; FLAT_MAX];
                let mut len = 0;
                for buf in bufs {
                    flat[len..len + buf.len()].copy_from_slice(buf);
                    len += buf.len();
                }
                self.poll_write(cx, &flat[..len])
            }
            _ => self.poll_send(cx, total, |fd| rustix::io::writev(fd, bufs)),
        }
    }

    /// As [`poll_write_vectored`](Self::poll_write_vectored), telling the kernel that more follows
    /// at once (`MSG_MORE`).
    pub fn poll_write_vectored_more(
        &self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let total = bufs.iter().map(|buf| buf.len()).sum();
        self.poll_send(cx, total, |fd| {
            let mut nothing = SendAncillaryBuffer::default();
            rustix::net::sendmsg(
                fd,
                bufs,
                &mut nothing,
                SendFlags::NOSIGNAL | SendFlags::MORE,
            )
        })
    }

    /// Runs a system call that sends to this socket (such as `sendfile` or `splice`) once it is
    /// writable. `wanted` is what a complete call would move; less, or `EAGAIN`, means full.
    pub fn poll_send(
        &self,
        cx: &mut Context<'_>,
        wanted: usize,
        mut call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.fd.poll_write_ready(cx))?;
            match call(self.fd.get_ref().as_fd()) {
                Ok(n) => {
                    if n < wanted {
                        guard.clear_ready();
                    }
                    return Poll::Ready(Ok(n));
                }
                Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Ready once the socket may be readable, without reading. A caller whose own system call then
    /// says `EAGAIN` uses [`clear_read_ready`](Self::clear_read_ready).
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.fd.poll_read_ready(cx).map_ok(drop)
    }

    /// Ready once the socket may be writable, without writing.
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.fd.poll_write_ready(cx).map_ok(drop)
    }

    /// Forgets that the socket was readable: only after it was proven empty.
    pub fn clear_read_ready(&self, cx: &mut Context<'_>) {
        if let Poll::Ready(Ok(mut guard)) = self.fd.poll_read_ready(cx) {
            guard.clear_ready();
        }
    }

    /// Forgets that the socket was writable: only after it was proven full.
    pub fn clear_write_ready(&self, cx: &mut Context<'_>) {
        if let Poll::Ready(Ok(mut guard)) = self.fd.poll_write_ready(cx) {
            guard.clear_ready();
        }
    }

    /// Whether the peer has closed or reset the connection, without taking any of its bytes.
    /// Costs a system call only if something arrived.
    pub fn poll_hangup(&self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let Ok(mut guard) = ready!(self.fd.poll_read_ready(cx)) else {
                return Poll::Ready(());
            };
            let mut byte = [0u8; 1];
            match rustix::net::recv(self.fd.get_ref(), &mut byte, RecvFlags::PEEK) {
                Ok((_, 0)) => return Poll::Ready(()),
                // Bytes of a later request: they wait in the kernel, and so does the news of an
                // end behind them.
                Ok(_) => return Poll::Pending,
                Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return Poll::Ready(()),
            }
        }
    }

    /// Whether an idle connection is open and silent; otherwise wakes nobody. A connection that has
    /// something to say while nothing was asked of it cannot be used again.
    pub fn poll_quiet(&self, cx: &mut Context<'_>) -> bool {
        loop {
            let mut guard = match self.fd.poll_read_ready(cx) {
                Poll::Pending => return true,
                Poll::Ready(Err(_)) => return false,
                Poll::Ready(Ok(guard)) => guard,
            };
            let mut byte = [0u8; 1];
            match rustix::net::recv(self.fd.get_ref(), &mut byte, RecvFlags::PEEK) {
                Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
                Err(rustix::io::Errno::INTR) => {}
                _ => return false,
            }
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

    /// Sends the end of our direction (`FIN`).
    pub fn shutdown_write(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(self.fd.get_ref(), Shutdown::Write)?)
    }

    /// Switches Nagle's algorithm off or on; unix sockets have none, which is no error.
    pub fn set_nodelay(&self, on: bool) {
        // EOPNOTSUPP on a unix socket is the only failure that a connected socket gives here.
        let _ = rustix::net::sockopt::set_tcp_nodelay(self.fd.get_ref(), on);
    }

    /// Holds segments back until they are full (`TCP_CORK`), or lets them go.
    pub fn set_cork(&self, on: bool) {
        // As for `set_nodelay`.
        let _ = rustix::net::sockopt::set_tcp_cork(self.fd.get_ref(), on);
    }

    /// TCP keepalive: first probe after `idle` seconds, then every `interval`, lost after `count`.
    pub fn set_keepalive(&self, idle: u32, interval: u32, count: u32) -> io::Result<()> {
        use rustix::net::sockopt;
        let fd = self.fd.get_ref();
        sockopt::set_socket_keepalive(fd, true)?;
        sockopt::set_tcp_keepidle(fd, std::time::Duration::from_secs(idle.into()))?;
        sockopt::set_tcp_keepintvl(fd, std::time::Duration::from_secs(interval.into()))?;
        sockopt::set_tcp_keepcnt(fd, count)?;
        Ok(())
    }

    /// Our own end of the connection.
    pub fn local_addr(&self) -> io::Result<crate::Addr> {
        crate::Addr::try_from(rustix::net::getsockname(self.fd.get_ref())?)
    }

    /// The other end of the connection.
    pub fn peer_addr(&self) -> io::Result<crate::Addr> {
        match rustix::net::getpeername(self.fd.get_ref())? {
            Some(addr) => crate::Addr::try_from(addr),
            None => Ok(crate::Addr::Unix(Default::default())),
        }
    }

    /// The socket itself when its bytes are the plain bytes of the protocol, so that the kernel may
    /// move them (`sendfile`, `splice`); `None` once TLS stands between.
    pub fn as_plain(&self) -> Option<BorrowedFd<'_>> {
        Some(self.fd.get_ref().as_fd())
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.get_ref().as_fd()
    }
}
