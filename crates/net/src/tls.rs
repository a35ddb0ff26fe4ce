//! TLS inside of a [`Stream`](crate::Stream): handshakes, records, their buffers.
//!
//! rustls keeps the protocol's state and is given bytes (its unbuffered interface); the buffers are
//! ours. Records are decrypted from, and encrypted into, buffers that a thread has once, so that a
//! connection at rest owns none: only the part of a record that has not arrived whole, what was
//! decrypted and not asked for, and records that the socket did not take are kept aside.
//!
//! Where it is asked for and the kernel can, the kernel makes the records of a server from the
//! first large file on ([`kernel`]).
//!
//! Certificates of peers are not judged here: whoever made the configuration does that.

mod buffers;
pub mod ciphers;
pub mod client;
mod facts;
mod handshake;
pub mod identity;
pub mod kernel;
pub mod names;
pub mod ocsp;
mod outgoing;
pub mod peers;
pub mod server;
mod session;
pub mod sessions;
pub mod staple;
mod state;
pub mod tickets;
mod watch;

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;
use std::task::{Context, Poll};

pub use rustls::server::ClientHello;
pub use rustls::{
    AlertDescription, CipherSuite, CommonState, HandshakeKind, NamedGroup, ServerConfig,
    SignatureScheme, SupportedCipherSuite,
};

pub use facts::Facts;
pub use handshake::{Failure, Reject};
pub use watch::{Seen, SessionId};

use crate::socket::Socket;
use state::State;

/// The TLS of a connection, after its handshake.
pub(crate) struct Tls {
    state: RefCell<State>,
}

impl Tls {
    fn new(state: State) -> Self {
        Self {
            state: RefCell::new(state),
        }
    }

    /// Reads what was decrypted.
    pub fn poll_read(
        &self,
        socket: &Socket,
        cx: &mut Context<'_>,
        buf: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.state.borrow_mut().poll_read(socket, cx, buf)
    }

    /// Ready once there is something to read, an end and a failure included.
    pub fn poll_read_ready(&self, socket: &Socket, cx: &mut Context<'_>) -> Poll<()> {
        self.state.borrow_mut().poll_read_ready(socket, cx)
    }

    /// Ready once the peer has closed. What it sends before is kept, but no more is asked for.
    pub fn poll_hangup(&self, socket: &Socket, cx: &mut Context<'_>) -> Poll<()> {
        self.state.borrow_mut().poll_hangup(socket, cx)
    }

    /// Encrypts and writes as much of `bufs` as the socket takes; says how much of it is written
    /// in whole records. After `Pending` the same bytes must come again.
    pub fn poll_write(
        &self,
        socket: &Socket,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.state.borrow_mut().poll_write(socket, cx, bufs)
    }

    /// As [`poll_write`](Self::poll_write), where more follows at once.
    pub fn poll_write_more(
        &self,
        socket: &Socket,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.state.borrow_mut().poll_write_more(socket, cx, bufs)
    }

    /// Whether the kernel makes the records, or does from now on, so that it may send a file of
    /// which so much is left.
    pub fn sends_files(&self, socket: &Socket, left: u64) -> bool {
        self.state.borrow_mut().sends_files(socket, left)
    }

    /// Runs a system call that sends, where the kernel makes the records.
    pub fn poll_send(
        &self,
        socket: &Socket,
        cx: &mut Context<'_>,
        wanted: usize,
        call: impl FnMut(BorrowedFd<'_>) -> rustix::io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        self.state.borrow_mut().poll_send(socket, cx, wanted, call)
    }

    /// Ready once the socket can be closed and nothing is lost.
    pub fn poll_settled(&self, socket: &Socket, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.borrow_mut().poll_settled(socket, cx)
    }

    /// Writes the records that wait.
    pub fn poll_flush(&self, socket: &Socket, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.borrow_mut().poll_flush(socket, cx)
    }

    /// Sends `close_notify`, once; whether the socket took it.
    pub fn say_goodbye(&self, socket: &Socket) -> bool {
        self.state.borrow_mut().say_goodbye(socket)
    }

    /// What our own parts saw of the handshake.
    pub fn seen(&self) -> Seen {
        self.state.borrow().seen
    }

    /// What rustls knows, as long as the connection is its own.
    pub fn with_state<T>(&self, ask: impl FnOnce(&CommonState) -> T) -> Option<T> {
        self.state.borrow().session.common().map(ask)
    }

    /// What was agreed on.
    pub fn facts(&self) -> Option<Facts> {
        self.state.borrow().session.facts()
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

#[cfg(test)]
mod tests;
