//! Sends a request to a peer.

use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::{Buf as _, Bytes};
use net::Stream;
use proto::h1::{CHUNK_END, ChunkHeader, LAST_CHUNK};

use super::outgoing::{Outgoing, Sends};
use crate::request::Request;
use crate::response::Chunk;

/// Sends a request: what is known of it, then what the client still sends.
pub struct Sender<'r> {
    request: &'r Rc<Request>,
    /// What is left of the head.
    head: Bytes,
    /// What follows it.
    queue: VecDeque<Chunk>,
    sends: Sends,
    ended: bool,
    /// The peer answered before it had all.
    pub abandoned: bool,
    /// Bytes that were sent.
    pub sent: u64,
    /// Whether something was sent since this was reset.
    pub moved: bool,
}

impl<'r> Sender<'r> {
    /// A request of which nothing is sent.
    pub fn new(request: &'r Rc<Request>, outgoing: Outgoing) -> Self {
        let ended = outgoing.sends == Sends::Whole;
        Self {
            request,
            head: outgoing.head,
            queue: outgoing.chunks.into(),
            sends: outgoing.sends,
            ended,
            abandoned: false,
            sent: 0,
            moved: false,
        }
    }

    /// Whether all of it is sent.
    pub fn is_done(&self) -> bool {
        self.ended && self.has_sent_all()
    }

    /// Whether the next piece of the client's body is needed.
    pub fn wants_more(&self) -> bool {
        !self.ended && self.has_sent_all()
    }

    fn has_sent_all(&self) -> bool {
        self.head.is_empty() && self.queue.is_empty()
    }

    /// The peer has answered: it wants no more of the request.
    pub fn give_up(&mut self) {
        self.abandoned = true;
        self.ended = true;
    }

    /// The next piece of the client's body; `None` is its end.
    pub fn add(&mut self, piece: Option<Bytes>) {
        match (piece, self.sends) {
            (Some(piece), Sends::Chunked) => {
                let header = ChunkHeader::new(piece.len() as u64);
                self.queue
                    .push_back(Chunk::Memory(Bytes::copy_from_slice(&header)));
                self.queue.push_back(Chunk::Memory(piece));
                self.queue
                    .push_back(Chunk::Memory(Bytes::from_static(CHUNK_END)));
            }
            (Some(piece), _) => self.queue.push_back(Chunk::Memory(piece)),
            (None, Sends::Chunked) => {
                self.ended = true;
                self.queue
                    .push_back(Chunk::Memory(Bytes::from_static(LAST_CHUNK)));
            }
            (None, _) => self.ended = true,
        }
        // A body that is complete ends in the same write as its last piece.
        if !self.ended && self.request.body.is_complete() {
            self.add(None);
        }
    }

    /// Sends what is there; ready when nothing is left.
    pub fn poll_send(&mut self, stream: &Stream, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.has_sent_all() {
            self.load_file()?;
            let mut pieces = [io::IoSlice::new(&[]); 16];
            let mut count = 0;
            if !self.head.is_empty() {
                pieces[0] = io::IoSlice::new(&self.head);
                count = 1;
            }
            for chunk in self.queue.iter().take(pieces.len() - 1) {
                match chunk {
                    Chunk::Memory(bytes) => {
                        pieces[count] = io::IoSlice::new(bytes);
                        count += 1;
                    }
                    Chunk::File(_) => break,
                    Chunk::Flush => {}
                }
            }
            if count == 0 {
                self.queue.clear();
                return Poll::Ready(Ok(()));
            }
            let n = std::task::ready!(stream.poll_write_vectored(cx, &pieces[..count]))?;
            self.sent += n as u64;
            self.moved = true;
            self.consume(n);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads the next piece of a body that is in a file.
    fn load_file(&mut self) -> io::Result<()> {
        const PIECE: u64 = 64 * 1024;
        let Some(Chunk::File(slice)) = self.queue.front_mut() else {
            return Ok(());
        };
        let len = (slice.end - slice.start).min(PIECE);
        let bytes = crate::request_body::read_slice(&slice.file, slice.start, len as usize)?;
        slice.start += len;
        if slice.start == slice.end {
            self.queue.pop_front();
        }
        self.queue.push_front(Chunk::Memory(bytes.into()));
        Ok(())
    }

    fn consume(&mut self, mut n: usize) {
        let of_head = n.min(self.head.len());
        self.head.advance(of_head);
        n -= of_head;
        while let Some(chunk) = self.queue.front_mut() {
            match chunk {
                Chunk::Memory(bytes) if n < bytes.len() => {
                    *bytes = bytes.slice(n..);
                    return;
                }
                Chunk::Memory(bytes) => {
                    n -= bytes.len();
                    self.queue.pop_front();
                }
                Chunk::Flush => {
                    self.queue.pop_front();
                }
                Chunk::File(_) => return,
            }
        }
    }
}
