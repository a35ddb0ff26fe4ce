//! Bytes that a peer would not take yet.

use std::io;
use std::task::{Context, Poll, ready};

use net::Stream;

/// Where bytes go.
pub(super) trait Sink {
    /// Writes as much as is taken. After `Pending` the same bytes must come again, if any.
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>>;
}

impl Sink for Stream {
    fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Stream::poll_write(self, cx, bytes)
    }
}

/// What is owed to a socket. Owns no memory while nothing is owed. Bounded by its users: nobody
/// reads more for a peer while something is owed to it.
#[derive(Debug, Default)]
pub(super) struct Spill {
    bytes: Vec<u8>,
    /// `sent <= bytes.len()`, and only both 0 when nothing is owed.
    sent: usize,
}

impl Spill {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.sent
    }

    /// Owes more.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Writes `bytes` behind what is owed; what the socket does not take is owed. Says how much
    /// of `bytes` it took.
    pub(super) fn write(
        &mut self,
        cx: &mut Context<'_>,
        sink: &impl Sink,
        bytes: &[u8],
    ) -> io::Result<usize> {
        let mut sent = 0;
        while self.is_empty() && sent < bytes.len() {
            match sink.poll_write(cx, &bytes[sent..])? {
                Poll::Ready(n) => sent += n,
                Poll::Pending => break,
            }
        }
        self.push(&bytes[sent..]);
        Ok(sent)
    }

    /// Writes what is owed; ready when nothing is any more.
    pub(super) fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        sink: &impl Sink,
    ) -> Poll<io::Result<()>> {
        while self.sent < self.bytes.len() {
            self.sent += ready!(sink.poll_write(cx, &self.bytes[self.sent..]))?;
        }
        *self = Self::default();
        Poll::Ready(Ok(()))
    }
}
