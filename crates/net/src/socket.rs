//! The socket below a [`Stream`](crate::Stream): its bytes as they are on the wire.
//!
//! A short read or write clears the readiness, so that no system call is made only to learn
//! `EAGAIN`.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};

use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use tokio::io::unix::AsyncFd;

use crate::scratch::{SCRATCH_LEN, with_scratch};

/// So many bytes in several pieces are copied together and sent by `send`, which costs the kernel
/// less than `writev`.
const FLAT_MAX: usize = 2048;

const _: () = assert!(FLAT_MAX <= SCRATCH_LEN);

/// A connected, non-blocking stream socket, registered with this thread's runtime.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: AsyncFd<OwnedFd>,
}

impl Socket {
    /// Registers a connected socket with the current runtime and makes it non-blocking.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&fd, true)?;
        Ok(Self {
            fd: crate::sys::register(fd)?,
        })
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

    /// Copies what is there into `buf` without taking it.
    pub fn poll_peek(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.fd.poll_read_ready(cx))?;
            match rustix::net::recv(self.fd.get_ref(), &mut *buf, RecvFlags::PEEK) {
                Ok((_, n)) => return Poll::Ready(Ok(n)),
                Err(rustix::io::Errno::AGAIN) => guard.clear_ready(),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Writes what the socket takes at once, without asking to be woken.
    pub fn try_write(&self, buf: &[u8]) -> io::Result<usize> {
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match rustix::net::send(self.fd.get_ref(), buf, flags) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(0),
            result => Ok(result?),
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
            _ if total <= FLAT_MAX => with_scratch(|flat| {
                let mut len = 0;
                for buf in bufs {
                    flat[len..len + buf.len()].copy_from_slice(buf);
                    len += buf.len();
                }
                self.poll_write(cx, &flat[..len])
            }),
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

    /// Sends the end of our direction (`FIN`).
    pub fn shutdown_write(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(self.fd.get_ref(), Shutdown::Write)?)
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.get_ref().as_fd()
    }
}
