//! A stream that RSA-AES encrypts: RFB in messages of their own lengths, over any link.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll, ready};

use super::link::Link;
use super::seal::{CONTENT_LEN_MAX, Seals};

/// Reads of nothing but parts of messages, after which others of the thread have their turn.
const EMPTY_READS_MAX: usize = 16;

/// A link whose bytes are sealed.
#[derive(Debug)]
pub struct SealedLink {
    below: Link,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    seals: Seals,
    /// What came of a message that is not whole yet: at most one, of 65 KiB.
    raw: Vec<u8>,
    /// What was opened and not given out yet; `given <= plain.len()`.
    plain: Vec<u8>,
    given: usize,
    /// A message that the link has not taken yet; `sent <= outbox.len()`.
    outbox: Vec<u8>,
    sent: usize,
    /// Bytes that stand in the outbox sealed and are not yet said to be written.
    promised: usize,
}

impl SealedLink {
    /// After the login; `early` is what came behind it, sealed.
    pub(super) fn new(below: Link, seals: Seals, early: Vec<u8>) -> Self {
        let state = State {
            seals,
            raw: early,
            plain: Vec::new(),
            given: 0,
            outbox: Vec::new(),
            sent: 0,
            promised: 0,
        };
        Self {
            below,
            state: RefCell::new(state),
        }
    }

    /// The link that carries it.
    pub(super) fn below(&self) -> &Link {
        &self.below
    }

    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.state.borrow_mut().poll_read(&self.below, cx, buf)
    }

    /// As [`Link::poll_write`].
    pub(super) fn poll_write(&self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.state.borrow_mut().poll_write(&self.below, cx, buf)
    }
}

impl State {
    fn poll_read(
        &mut self,
        below: &Link,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        for _ in 0..EMPTY_READS_MAX {
            self.open_all()?;
            let n = self.give(buf);
            if n > 0 {
                return Poll::Ready(Ok(n));
            }
            let n = ready!(below.poll_read(cx, buf))?;
            if n == 0 {
                return Poll::Ready(Ok(0));
            }
            self.raw.extend_from_slice(buf.get(..n).unwrap_or_default());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Opens what is whole.
    fn open_all(&mut self) -> io::Result<()> {
        let mut opened = 0;
        while let Some(rest) = self.raw.get_mut(opened..)
            && let Some((len, content)) = self.seals.back.open(rest)?
        {
            self.plain.extend_from_slice(content);
            opened += len;
        }
        if opened == self.raw.len() {
            self.raw = Vec::new();
        } else {
            self.raw.drain(..opened);
        }
        Ok(())
    }

    fn give(&mut self, buf: &mut [u8]) -> usize {
        let left = self.plain.get(self.given..).unwrap_or_default();
        let n = left.len().min(buf.len());
        for (place, byte) in buf.iter_mut().zip(left) {
            *place = *byte;
        }
        self.given += n;
        if self.given == self.plain.len() {
            (self.plain, self.given) = (Vec::new(), 0);
        }
        n
    }

    fn poll_write(
        &mut self,
        below: &Link,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.promised == 0 && !buf.is_empty() {
            let content = buf.get(..CONTENT_LEN_MAX).unwrap_or(buf);
            self.seals.out.seal(content, &mut self.outbox)?;
            self.promised = content.len();
        }
        while let Some(due) = self.outbox.get(self.sent..).filter(|due| !due.is_empty()) {
            self.sent += ready!(below.poll_write(cx, due))?;
        }
        (self.outbox, self.sent) = (Vec::new(), 0);
        Poll::Ready(Ok(std::mem::take(&mut self.promised)))
    }
}
