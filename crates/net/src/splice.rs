//! Moving bytes between two sockets inside the kernel, through a pipe of this thread's pool.
//!
//! A pipe is attached to a connection only while it holds bytes: the kernel grants an ordinary user
//! 64 MiB of them in all, and each costs two descriptors. It is filled only when empty and then
//! drained, because `EAGAIN` of a splice does not say which side could not go on: while the pipe is
//! empty it was the source, otherwise the destination.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use rustix::pipe::{PipeFlags, SpliceFlags};

use crate::{Stream, clock};

/// The most that one [`Pipe::poll_fill`] takes, and the size that a pipe asks for. Larger pipes
/// mean fewer calls and fewer wake-ups of the reader: half the CPU time per byte of the usual
/// 64 KiB.
pub const FILL_MAX: usize = 512 * 1024;

/// A pipe that holds less is worth nothing: the system gives such ones to a user who has many.
const SIZE_MIN: usize = 64 * 1024;

/// How many pipes of one thread may hold bytes at a time; beyond it, callers copy.
const LIVE_MAX: usize = 128;

/// So long a system that had no pipe to give is not asked again.
const REFUSED_TIME: Duration = Duration::from_secs(1);

/// How many empty pipes a thread keeps for reuse.
const IDLE_MAX: usize = 16;

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool {
        idle: Vec::new(),
        live: 0,
        refused: None,
    }) };
}

struct Pool {
    idle: Vec<Ends>,
    live: usize,
    /// When the system had none to give.
    refused: Option<Instant>,
}

#[derive(Debug)]
struct Ends {
    read: OwnedFd,
    write: OwnedFd,
}

/// A pipe on loan from the thread's pool; an empty one goes back when dropped.
#[derive(Debug)]
pub struct Pipe {
    /// `None` only while it is dropped.
    ends: Option<Ends>,
    len: usize,
}

impl Pipe {
    /// An empty pipe, or `None` when this thread or the system has no more to give.
    pub fn take() -> Option<Self> {
        POOL.with_borrow_mut(|pool| {
            if pool.live >= LIVE_MAX {
                return None;
            }
            let ends = pool.idle.pop().or_else(|| pool.open())?;
            pool.live += 1;
            Some(Self {
                ends: Some(ends),
                len: 0,
            })
        })
    }

    /// The number of bytes inside.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is inside.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Moves up to `max` bytes (at most [`FILL_MAX`]) from the socket into this pipe, which must be
    /// empty. `0` is the end of the stream.
    pub fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        from: &Stream,
        max: usize,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(self.is_empty(), "EAGAIN would not prove the socket empty");
        loop {
            ready!(from.poll_read_ready(cx))?;
            match splice(plain(from)?, self.ends()?.write.as_fd(), max.min(FILL_MAX)) {
                Ok(n) => {
                    self.len = n;
                    return Poll::Ready(Ok(n));
                }
                Err(rustix::io::Errno::AGAIN) => from.clear_read_ready(cx),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    /// Moves what is inside, which must be something, to the socket; says how much went.
    pub fn poll_drain(&mut self, cx: &mut Context<'_>, to: &Stream) -> Poll<io::Result<usize>> {
        debug_assert!(!self.is_empty(), "EAGAIN would not prove the socket full");
        loop {
            ready!(to.poll_write_ready(cx))?;
            match splice(self.ends()?.read.as_fd(), plain(to)?, self.len) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(n) => {
                    debug_assert!(n <= self.len);
                    self.len -= n;
                    return Poll::Ready(Ok(n));
                }
                Err(rustix::io::Errno::AGAIN) => to.clear_write_ready(cx),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
    }

    fn ends(&self) -> io::Result<&Ends> {
        self.ends
            .as_ref()
            .ok_or_else(|| io::ErrorKind::Other.into())
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let ends = self.ends.take();
        // At thread exit the pool may be gone before the connection that held the pipe.
        let _ = POOL.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            pool.live -= 1;
            if self.len == 0 && pool.idle.len() < IDLE_MAX {
                pool.idle.extend(ends);
            }
        });
    }
}

impl Pool {
    /// A new pipe, unless the system refused one a moment ago: to ask costs more than to copy.
    fn open(&mut self) -> Option<Ends> {
        let now = clock::now();
        if self.refused.is_some_and(|since| now - since < REFUSED_TIME) {
            return None;
        }
        let ends = Ends::open().ok();
        self.refused = ends.is_none().then_some(now);
        ends
    }
}

impl Ends {
    fn open() -> io::Result<Self> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        // Refused once the user has many.
        let size = rustix::pipe::fcntl_setpipe_size(&write, FILL_MAX)
            .or_else(|_| rustix::pipe::fcntl_getpipe_size(&write))?;
        match size >= SIZE_MIN {
            true => Ok(Self { read, write }),
            false => Err(io::ErrorKind::QuotaExceeded.into()),
        }
    }
}

fn plain(stream: &Stream) -> io::Result<BorrowedFd<'_>> {
    stream
        .as_plain()
        .ok_or_else(|| io::ErrorKind::Unsupported.into())
}

fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, len: usize) -> rustix::io::Result<usize> {
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    rustix::pipe::splice(from, None, to, None, len, flags)
}

#[cfg(test)]
mod tests;
