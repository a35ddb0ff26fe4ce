//! The VNC server's side of a session until the screen is shown.

use std::future::poll_fn;
use std::time::Duration;

use net::{Deadline, Stream};
use proto::rfb::{ClientHandshake, HandshakeError, ServerEvent, ServerInit};

use super::ending::Failure;
use crate::Refusal;
use crate::scratch::with_scratch;

/// Bytes that are read at a time: more than the longest message of the handshake, so that one is
/// never waited for with a full inbox.
const INBOX_MAX: usize = 16 * 1024;

/// A server in its handshake.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) stream: Stream,
    pub(super) handshake: ClientHandshake,
    /// What was read and not used yet.
    pub(super) inbox: Vec<u8>,
    /// What our decisions made due.
    pub(super) outbox: Vec<u8>,
    /// The screen, as the viewer was told of it.
    pub(super) screen: Option<ServerInit>,
    /// For each of its steps.
    step_timeout: Duration,
}

impl Server {
    pub(super) fn new(stream: Stream, step_timeout: Duration) -> Self {
        Self {
            stream,
            handshake: ClientHandshake::default(),
            inbox: Vec::new(),
            outbox: Vec::new(),
            screen: None,
            step_timeout,
        }
    }

    /// Sends what is due and waits for the next thing that the server says.
    pub(super) async fn next(&mut self) -> Result<ServerEvent, Failure> {
        let deadline = Deadline::after(self.step_timeout);
        tokio::select! {
            event = self.step() => event,
            () = deadline.expired() => Err(self.too_slow()),
        }
    }

    async fn step(&mut self) -> Result<ServerEvent, Failure> {
        loop {
            let handled = self.handshake.handle(&self.inbox, &mut self.outbox);
            let (taken, event) = handled.map_err(|error| self.not_understood(&error))?;
            self.inbox.drain(..taken);
            self.flush().await?;
            match event {
                Some(event) => return Ok(event),
                None if taken == 0 => self.fill().await?,
                None => {}
            }
        }
    }

    /// Sends what is due.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        let due = std::mem::take(&mut self.outbox);
        if due.is_empty() {
            return Ok(());
        }
        let sent = self.stream.write_all(&due).await;
        sent.map_err(|error| self.broke(&format!("sending to the server: {error}")))
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        let room = INBOX_MAX.saturating_sub(self.inbox.len());
        let (stream, inbox) = (&self.stream, &mut self.inbox);
        let read = poll_fn(|cx| {
            with_scratch(|buf| {
                let read = stream.poll_read(cx, &mut buf[..room]);
                read.map_ok(|n| {
                    inbox.extend_from_slice(&buf[..n]);
                    n
                })
            })
        });
        match read.await {
            Ok(0) => Err(self.broke("the server closed during the handshake")),
            Ok(_) => Ok(()),
            Err(error) => Err(self.broke(&format!("reading from the server: {error}"))),
        }
    }

    /// Before it said that it speaks RFB, a peer that leaves is no VNC server.
    fn broke(&self, what: &str) -> Failure {
        match self.handshake.version() {
            None => Failure::told(Refusal::NotVnc, format!("no RFB version: {what}")),
            Some(_) => Failure::told(Refusal::Lost, what),
        }
    }

    fn too_slow(&self) -> Failure {
        match self.handshake.version() {
            None => Failure::told(Refusal::NotVnc, "no RFB version in time"),
            Some(_) => Failure::told(Refusal::Timeout, "the server's handshake stalled"),
        }
    }

    fn not_understood(&self, error: &HandshakeError) -> Failure {
        Failure::told(Refusal::NotVnc, format!("the server's handshake: {error}"))
    }
}
