//! What is owed to a viewer: bytes, and in bulk what waits in a pipe of the kernel between them.

use std::io;
use std::task::{Context, Poll, ready};

use net::Stream;
use net::splice::Pipe;

use super::spill::Spill;

/// The way to a viewer. Owns no memory while nothing is owed. Bounded as a [`Spill`] is.
#[derive(Debug, Default)]
pub(super) struct Outlet {
    bytes: Spill,
    /// Behind `bytes`.
    piped: Option<Box<Piped>>,
}

/// The rest of a spliced frame, and what comes after it.
#[derive(Debug)]
struct Piped {
    /// Not empty.
    pipe: Pipe,
    behind: Spill,
}

impl Outlet {
    /// Whether nothing is owed.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.piped.is_none()
    }

    /// How much is owed.
    pub(super) fn len(&self) -> usize {
        let piped = self.piped.as_ref();
        self.bytes.len() + piped.map_or(0, |piped| piped.pipe.len() + piped.behind.len())
    }

    /// Owes more.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        match &mut self.piped {
            None => self.bytes.push(bytes),
            Some(piped) => piped.behind.push(bytes),
        }
    }

    /// Writes `bytes` behind what is owed; what the viewer does not take is owed. Says how much of
    /// `bytes` it took.
    pub(super) fn write(
        &mut self,
        cx: &mut Context<'_>,
        viewer: &Stream,
        bytes: &[u8],
    ) -> io::Result<usize> {
        match &mut self.piped {
            None => self.bytes.write(cx, viewer, bytes),
            Some(piped) => {
                piped.behind.push(bytes);
                Ok(0)
            }
        }
    }

    /// Sends the head of a frame and then its payload, which the pipe holds: nothing is owed, and
    /// the viewer's connection is plain. What it does not take is owed.
    pub(super) fn splice(
        &mut self,
        cx: &mut Context<'_>,
        viewer: &Stream,
        head: &[u8],
        pipe: Pipe,
    ) -> io::Result<()> {
        debug_assert!(self.is_empty(), "a frame begins behind what is owed");
        let sent = match viewer.poll_write_more(cx, head)? {
            Poll::Ready(n) => n,
            Poll::Pending => 0,
        };
        self.bytes.push(&head[sent..]);
        self.piped = Some(Box::new(Piped {
            pipe,
            behind: Spill::default(),
        }));
        match self.poll_flush(cx, viewer) {
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    /// Writes what is owed; ready when nothing is any more.
    pub(super) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        viewer: &Stream,
    ) -> Poll<io::Result<()>> {
        ready!(self.bytes.poll_flush(cx, viewer))?;
        if let Some(piped) = &mut self.piped {
            while !piped.pipe.is_empty() {
                ready!(piped.pipe.poll_drain(cx, viewer))?;
            }
            self.bytes = std::mem::take(&mut piped.behind);
            self.piped = None;
            return self.bytes.poll_flush(cx, viewer);
        }
        Poll::Ready(Ok(()))
    }
}
