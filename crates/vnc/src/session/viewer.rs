//! The browser's side of a session until the screen is shown, and how it is taken leave of.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use net::{Deadline, Stream};
use proto::rfb::{RefusalSent, ServerHandshake, ViewerEvent};
use proto::ws::{self, Event, FrameHeader, Limits, Opcode, Receiver, Sender};

use super::ending::{Failure, viewer_failed};
use super::{Browser, Subprotocol};
use crate::scratch::with_scratch;
use crate::{Policy, Refusal};

/// Bytes of RFB that a viewer may send ahead of its turn.
const INBOX_MAX: usize = 4096;

/// How long a viewer may take to come to the state in which it can be refused.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(10);

/// How long a viewer may take to answer a close frame, and to read what is before it.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A viewer in its handshake.
#[derive(Debug)]
pub(super) struct Viewer {
    pub(super) stream: Stream,
    pub(super) receiver: Receiver,
    pub(super) protocol: Subprotocol,
    pub(super) handshake: ServerHandshake,
    /// RFB bytes that were received and not used yet.
    pub(super) inbox: Vec<u8>,
    /// RFB bytes that are due.
    pub(super) outbox: Vec<u8>,
    /// What was read behind the upgrade request.
    early: Vec<u8>,
    ping: Duration,
}

impl Viewer {
    pub(super) fn new(browser: Browser, policy: &Policy) -> Self {
        let mut outbox = Vec::new();
        browser.stream.set_nodelay(true);
        Self {
            stream: browser.stream,
            receiver: Receiver::from_client(Limits::NONE),
            protocol: browser.protocol,
            handshake: ServerHandshake::start(&mut outbox),
            inbox: Vec::new(),
            outbox,
            early: browser.early,
            ping: policy.ping,
        }
    }

    /// Sends what is due, as one message.
    pub(super) async fn flush(&mut self) -> Result<(), Failure> {
        let frame = self.due();
        if frame.is_empty() {
            return Ok(());
        }
        self.stream.write_all(&frame).await.map_err(viewer_failed)
    }

    /// What is due, as one message; nothing if nothing is.
    pub(super) fn due(&mut self) -> Vec<u8> {
        let due = std::mem::take(&mut self.outbox);
        if due.is_empty() {
            return due;
        }
        let header = FrameHeader::binary(due.len() as u64).encode();
        [&header[..], &due].concat()
    }

    /// Sends what is due and waits for the next thing that the viewer says; pings meanwhile,
    /// since a person may be typing a password. Cancel-safe but for the sending.
    pub(super) async fn next(&mut self) -> Result<ViewerEvent, Failure> {
        self.flush().await?;
        loop {
            let handled = self.handshake.handle(&self.inbox, &mut self.outbox);
            let (taken, event) = handled.map_err(|error| {
                Failure::told(
                    Refusal::Violation,
                    format!("the viewer's handshake: {error}"),
                )
            })?;
            self.inbox.drain(..taken);
            self.flush().await?;
            match event {
                Some(event) => return Ok(event),
                None if taken == 0 => self.fill().await?,
                None => {}
            }
        }
    }

    async fn fill(&mut self) -> Result<(), Failure> {
        if !self.early.is_empty() {
            let mut early = std::mem::take(&mut self.early);
            let pongs = self.receive(&mut early)?;
            return self.stream.write_all(&pongs).await.map_err(viewer_failed);
        }
        let ping = Deadline::unset();
        if !self.ping.is_zero() {
            ping.set_after(self.ping);
        }
        loop {
            let mut pinged = false;
            let read = poll_fn(|cx| {
                pinged = ping.poll_expired(cx).is_ready();
                if pinged {
                    Poll::Ready(Ok(Vec::new()))
                } else {
                    self.poll_fill(cx)
                }
            });
            let mut pongs = read.await?;
            if pinged {
                ws::encode_control(Sender::Server, Opcode::Ping, b"", &mut pongs);
                ping.set_after(self.ping);
            }
            self.stream.write_all(&pongs).await.map_err(viewer_failed)?;
            if !pinged {
                return Ok(());
            }
        }
    }

    /// Reads once; gives back the pongs that are due.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<u8>, Failure>> {
        with_scratch(|buf| {
            let read = self.stream.poll_read(cx, &mut buf[..INBOX_MAX]);
            read.map(|read| match read {
                Ok(0) => Err(Failure::gone("viewer: end of stream")),
                Ok(n) => self.receive(&mut buf[..n]),
                Err(error) => Err(viewer_failed(error)),
            })
        })
    }

    fn receive(&mut self, mut bytes: &mut [u8]) -> Result<Vec<u8>, Failure> {
        let mut pongs = Vec::new();
        while let Some(event) = self.receiver.handle(&mut bytes).map_err(Failure::frames)? {
            match event {
                Event::Data { text: true, .. } if self.protocol == Subprotocol::Portway => {}
                Event::Data { text: true, .. } => return Err(text_refused()),
                Event::Data { payload, .. } => self.inbox.extend_from_slice(payload),
                Event::Ping(payload) => {
                    ws::encode_control(Sender::Server, Opcode::Pong, &payload, &mut pongs);
                }
                Event::Pong(_) => {}
                Event::Close(close) => return Err(Failure::closed(close.code)),
            }
        }
        if self.inbox.len() > INBOX_MAX {
            return Err(Failure::told(
                Refusal::Violation,
                "bytes ahead of the handshake",
            ));
        }
        Ok(pongs)
    }

    /// Tells the viewer what failed, in RFB as far as its state allows and in a close frame, and
    /// waits a little for it to go.
    pub(super) async fn dismiss(mut self, failure: Failure) -> Failure {
        if let Some(refusal) = failure.refusal().cloned() {
            let sentence = refusal.ascii_sentence();
            let deadline = Deadline::after(REFUSAL_TIMEOUT);
            let misbehaves = matches!(refusal, Refusal::Violation | Refusal::BadFrames(_));
            let told = tokio::select! {
                told = self.tell(&sentence), if !misbehaves => told,
                () = deadline.expired(), if !misbehaves => Ok(()),
                else => Ok(()),
            };
            // When it hung up while it was told, there is nobody left to close for.
            if told.is_ok() {
                close(
                    &self.stream,
                    &mut self.receiver,
                    refusal.close_code(),
                    &refusal.sentence(),
                )
                .await;
            }
        } else {
            answer_close(&self.stream, &failure).await;
        }
        failure
    }

    async fn tell(&mut self, sentence: &str) -> Result<(), Failure> {
        loop {
            let mut due = std::mem::take(&mut self.outbox);
            let sent = self.handshake.refuse(sentence, &mut due);
            self.outbox = due;
            match sent {
                RefusalSent::NotYet => {
                    self.next().await?;
                }
                RefusalSent::WithReason | RefusalSent::Bare | RefusalSent::Impossible => {
                    return self.flush().await;
                }
            }
        }
    }
}

/// A text message where none was agreed.
pub(super) fn text_refused() -> Failure {
    Failure::told(
        Refusal::BadFrames(ws::close::UNSUPPORTED_DATA),
        "a text message",
    )
}

/// Sends a close frame and waits, briefly, for the viewer's.
pub(super) async fn close(stream: &Stream, receiver: &mut Receiver, code: u16, reason: &str) {
    let mut frame = Vec::new();
    ws::encode_close(Sender::Server, code, reason, &mut frame);
    let deadline = Deadline::after(CLOSE_TIMEOUT);
    let closing = async {
        if stream.write_all(&frame).await.is_ok() {
            poll_fn(|cx| poll_closed(cx, stream, receiver)).await;
        }
    };
    tokio::select! {
        () = closing => {}
        () = deadline.expired() => {}
    }
}

/// Ready when the viewer has closed, or cannot be understood any more.
fn poll_closed(cx: &mut Context<'_>, stream: &Stream, receiver: &mut Receiver) -> Poll<()> {
    with_scratch(|buf| {
        while let Poll::Ready(read) = stream.poll_read(cx, &mut buf[..INBOX_MAX]) {
            let Ok(n @ 1..) = read else {
                return Poll::Ready(());
            };
            let mut bytes = &mut buf[..n];
            loop {
                match receiver.handle(&mut bytes) {
                    Ok(None) => break,
                    Ok(Some(Event::Close(_))) | Err(_) => return Poll::Ready(()),
                    Ok(Some(_)) => {}
                }
            }
        }
        Poll::Pending
    })
}

/// Answers the viewer's own close frame.
pub(super) async fn answer_close(stream: &Stream, failure: &Failure) {
    let super::EndReason::ViewerClosed(code) = failure.reason else {
        return;
    };
    let mut frame = Vec::new();
    match code {
        Some(code) => ws::encode_close(Sender::Server, code, "", &mut frame),
        None => ws::encode_control(Sender::Server, Opcode::Close, b"", &mut frame),
    }
    let deadline = Deadline::after(CLOSE_TIMEOUT);
    tokio::select! {
        // It may be gone already; the close was its own.
        _ = stream.write_all(&frame) => {}
        () = deadline.expired() => {}
    }
}
