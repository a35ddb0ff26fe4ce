//! A session while its screen is shown: frames towards the viewer, input towards the server.
//!
//! The pump owns no buffer while both sides keep up: it reads into the thread's scratch buffer and
//! writes from there, and what a peer does not take is copied to that direction's spill. While
//! something is owed to a peer, nothing is read for it: that is the back-pressure.
//!
//! Splicing was tried and lost: over loopback, bulk cost 0.47 to 0.55 CPU seconds per GB through
//! this buffer, 0.55 to 0.62 through pipes of 1 MiB and 0.73 to 0.84 through pipes of 64 KiB.

mod clock;
mod followed;
mod said;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use net::Stream;
use proto::rfb::HEAD_LEN_MAX;
use proto::ws::{self, Event, FrameHeader, HEADER_LEN_MAX, Opcode, Receiver, Sender};

use self::clock::{Clock, Tick};
use self::said::Listener;
use super::ending::{Failure, viewer_failed};
use super::follow::Follow;
use super::link::Link;
use super::screen::Screen;
use super::server::Server;
use super::spill::Spill;
use super::viewer::{self, Viewer, text_refused};
use super::{EndReason, Subprotocol};
use crate::policy::Level;
use crate::scratch::{SCRATCH_LEN, with_scratch, with_vec};
use crate::sessions::Entry;
use crate::sessions::control::Said;
use crate::{Policy, Refusal};

/// Bytes that a session moves before others of the thread have their turn.
const TURN_BYTES: usize = 512 * 1024;

/// Bytes that are read from the server at first. A read that fills this much doubles it, one that
/// the viewer does not keep up with halves it, so that a slow viewer is owed little.
const SCREEN_READ_MIN: usize = 32 * 1024;

/// The most that is read from the server at a time.
const SCREEN_READ_MAX: usize = SCRATCH_LEN - HEADER_LEN_MAX - HEAD_LEN_MAX;

/// Bytes that are read from the viewer at a time.
const INPUT_READ: usize = 64 * 1024;

/// Beyond what is owed to a viewer at most after one read, answers to its pings are left out.
const PONG_OWED_MAX: usize = SCREEN_READ_MAX + 4096;

/// Both directions of a session.
#[derive(Debug)]
pub(super) struct Pump {
    viewer: Stream,
    server: Link,
    receiver: Receiver,
    protocol: Subprotocol,
    to_viewer: Spill,
    to_server: Spill,
    follow: Follow,
    /// The server's side, where it is read.
    screen: Option<Box<Screen>>,
    due: Due,
    entry: Arc<Entry>,
    clock: Clock,
    screen_read: usize,
    /// What the page says in text.
    listener: Option<Box<Listener>>,
    /// Since when input waits for the server to take it.
    input_waits: Option<Instant>,
    /// What the handshake left. It waits for the first turn, since only then is it known who
    /// controls the desktop, and what was changed while the handshake ran.
    early: Option<Box<Early>>,
}

/// Bytes that both sides sent right behind the handshake.
#[derive(Debug)]
struct Early {
    server: Vec<u8>,
    viewer: Vec<u8>,
}

/// What the server is to be told where the viewer's message that is under way ends.
#[derive(Debug, Default)]
struct Due {
    /// To let go of keys and buttons.
    release: bool,
    /// To send the whole screen.
    refresh: bool,
}

/// How much of a frame a viewer took at once.
enum Sent {
    Wholly,
    Partly,
}

/// Whether a direction can do more at once.
type Step = Result<usize, Failure>;

impl Pump {
    /// Goes on where the handshake ended, with the bytes that it left.
    pub(super) fn start(
        viewer: Viewer,
        server: Server,
        follow: Follow,
        policy: Policy,
        entry: Arc<Entry>,
    ) -> Box<Self> {
        let level = policy.level();
        entry.live().set_level(level);
        let clock = Clock::start(&policy);
        let (follow, screen) = match server.screen {
            Some(init) if level == Level::BothSides => {
                let follow = follow.beside_server(&init);
                (follow, Some(Box::new(Screen::new(init, policy.taps))))
            }
            _ => (follow, None),
        };
        let pump = Box::new(Self {
            viewer: viewer.stream,
            server: server.link,
            receiver: viewer.receiver,
            protocol: viewer.protocol,
            to_viewer: Spill::default(),
            to_server: Spill::default(),
            follow,
            screen,
            due: Due::default(),
            entry,
            clock,
            screen_read: SCREEN_READ_MIN,
            listener: None,
            input_waits: None,
            early: Some(Box::new(Early {
                server: server.inbox,
                viewer: viewer.inbox,
            })),
        });
        pump.entry.set_connected();
        pump.note_tcp();
        pump
    }

    /// Carries the session until it ends.
    pub(super) async fn run(&mut self) -> Failure {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Failure> {
        if let Some(why) = self.entry.wants_cut(cx.waker()) {
            return Poll::Ready(Failure::told(why, "cut"));
        }
        let done = self
            .apply_change(cx)
            .and_then(|()| self.pass_early())
            .and_then(|()| self.pass_words_on(cx))
            .and_then(|()| self.turn(cx))
            // Words that a page behind could not take were left where they are, and nothing wakes
            // this task for them again.
            .and_then(|()| self.pass_words_on(cx))
            .and_then(|()| self.tick(cx))
            .and_then(|()| self.flush_taps(cx));
        match done {
            Ok(()) => Poll::Pending,
            Err(failure) => Poll::Ready(failure),
        }
    }

    /// Passes what the handshake left, under the rules that hold now.
    fn pass_early(&mut self) -> Result<(), Failure> {
        let Some(mut early) = self.early.take() else {
            return Ok(());
        };
        self.begin_screen(early.server)?;
        let mut passed = Vec::new();
        self.pass(&mut early.viewer, &mut passed)?;
        self.to_server.push(&passed);
        Ok(())
    }

    /// Moves what can be moved, input first: a person feels it, and it is small.
    fn turn(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        let mut moved = 0;
        while moved < TURN_BYTES {
            let step = self.carry_input(cx)? + self.carry_screen(cx)?;
            if step == 0 {
                return Ok(());
            }
            moved += step;
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    /// One read from the server, as one frame. Says how much was moved; 0 means waiting.
    fn carry_screen(&mut self, cx: &mut Context<'_>) -> Step {
        let owed = self.to_viewer.len();
        let flushed = self.to_viewer.poll_flush(cx, &self.viewer);
        // Whoever takes what waited for it lives, even if it is too busy to answer a ping.
        if self.to_viewer.len() < owed {
            self.clock.note_heard();
        }
        // Reading while the viewer takes nothing would only fill the spill.
        if flushed.map_err(viewer_failed)?.is_pending()
            || self
                .viewer
                .poll_write_ready(cx)
                .map_err(viewer_failed)?
                .is_pending()
        {
            return Ok(0);
        }
        with_scratch(|scratch| {
            let (_, payload) = scratch.split_at_mut(HEADER_LEN_MAX);
            let carried = self
                .screen
                .as_ref()
                .map_or(0, |screen| screen.put_carry(payload));
            let read = &mut payload[carried..carried + self.screen_read];
            match self.server.poll_read(cx, read) {
                Poll::Pending => Ok(0),
                Poll::Ready(Ok(0)) => Err(self.server.ended()),
                Poll::Ready(Ok(n)) => {
                    let sent = match self.screen {
                        None => self.send_frame(cx, scratch, n)?,
                        Some(_) => self.send_followed(cx, scratch, carried + n)?,
                    };
                    self.adapt_read(n, sent);
                    Ok(n)
                }
                Poll::Ready(Err(error)) => Err(server_failed(&error)),
            }
        })
    }

    /// Sends `n` bytes that stand in the scratch buffer with room for a header before them.
    fn send_frame(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        n: usize,
    ) -> Result<Sent, Failure> {
        let header = FrameHeader::binary(n as u64).encode();
        let start = HEADER_LEN_MAX - header.len();
        scratch[start..HEADER_LEN_MAX].copy_from_slice(&header);
        let frame = &scratch[start..HEADER_LEN_MAX + n];
        let sent = self
            .to_viewer
            .write(cx, &self.viewer, frame)
            .map_err(viewer_failed)?;
        self.entry.add_out(n as u64);
        Ok(if sent < frame.len() {
            Sent::Partly
        } else {
            Sent::Wholly
        })
    }

    /// Reads less from a server whose viewer does not keep up, and more from one that fills what
    /// is read.
    fn adapt_read(&mut self, n: usize, sent: Sent) {
        match sent {
            Sent::Partly => self.screen_read = (self.screen_read / 2).max(SCREEN_READ_MIN),
            Sent::Wholly if n == self.screen_read => {
                self.screen_read = (self.screen_read * 2).min(SCREEN_READ_MAX);
            }
            Sent::Wholly => {}
        }
    }

    /// One read from the viewer, unmasked where it lies.
    fn carry_input(&mut self, cx: &mut Context<'_>) -> Step {
        let flushed = self.to_server.poll_flush(cx, &self.server);
        if flushed.map_err(|error| server_failed(&error))?.is_pending() {
            // The viewer may well have answered; it is only not listened to.
            self.clock.note_heard();
            return Ok(0);
        }
        if let Some(since) = self.input_waits.take() {
            self.entry.note_taken_after(net::clock::now() - since);
        }
        with_scratch(|scratch| {
            let input = &mut scratch[..INPUT_READ];
            match self.viewer.poll_read(cx, input) {
                Poll::Pending => Ok(0),
                Poll::Ready(Ok(0)) => Err(Failure::gone("viewer: end of stream")),
                Poll::Ready(Ok(n)) => self.handle_input(cx, &mut scratch[..n]).map(|()| n),
                Poll::Ready(Err(error)) => Err(viewer_failed(error)),
            }
        })
    }

    fn handle_input(&mut self, cx: &mut Context<'_>, mut bytes: &mut [u8]) -> Result<(), Failure> {
        self.clock.note_heard();
        with_vec(|out| {
            let mut ended = None;
            while ended.is_none() {
                match self.receiver.handle(&mut bytes) {
                    Ok(Some(event)) => ended = self.handle_event(cx, event, out).err(),
                    Ok(None) => break,
                    Err(error) => ended = Some(Failure::frames(error)),
                }
            }
            // What came before the end still counts.
            let sent = self.to_server.write(cx, &self.server, out);
            match self.to_server.is_empty() {
                _ if out.is_empty() => {}
                true => self.entry.note_taken_at_once(),
                false => self.input_waits = Some(net::clock::now()),
            }
            match (ended, sent) {
                (Some(failure), _) => Err(failure),
                (None, sent) => sent.map(drop).map_err(|error| server_failed(&error)),
            }
        })?;
        self.send_owed(cx)
    }

    fn handle_event(
        &mut self,
        cx: &mut Context<'_>,
        event: Event<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        match event {
            Event::Data {
                text: false,
                payload,
                ..
            } => self.pass(payload, out),
            Event::Data { payload, last, .. } if self.protocol == Subprotocol::Portway => {
                let listener = self.listener.get_or_insert_default();
                if let Some(said) = listener.hear(payload, last, net::clock::now()) {
                    self.heed(said);
                }
                Ok(())
            }
            Event::Data { .. } => Err(text_refused()),
            Event::Ping(payload) => self.send_control(cx, Opcode::Pong, &payload),
            Event::Pong(payload) => {
                let Some(rtt) = self.clock.note_pong(&payload) else {
                    return Ok(());
                };
                self.entry.set_rtt(rtt);
                let rtt_ms = rtt.as_micros() as f64 / 1000.0;
                self.say(cx, &format!("{{\"type\":\"quality\",\"rtt_ms\":{rtt_ms}}}"))
            }
            Event::Close(close) => Err(Failure::closed(close.code)),
        }
    }

    /// Takes RFB bytes of the viewer: notes them, and appends what may pass to `out`.
    fn pass(&mut self, payload: &mut [u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        let start = out.len();
        let taps_wait = self
            .screen
            .as_mut()
            .is_some_and(|screen| screen.taps().wait());
        let passed = self.pass_noted(payload, out);
        // The request that a recording should have begun with, and what came behind it, do not
        // reach the machine when the recording could not begin.
        if passed.is_err() && taps_wait {
            out.truncate(start);
        }
        passed
    }

    fn pass_noted(&mut self, payload: &mut [u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        let before = self.follow.counts();
        self.entry.add_in(payload.len() as u64);
        let passed = self.follow.pass(payload, out);
        let counts = self.follow.counts();
        // Where nothing can be told apart, everything is input.
        if counts.map(|counts| counts.inputs()) != before.map(|counts| counts.inputs())
            || counts.is_none()
        {
            self.entry.note_input(self.clock.note_input());
        }
        if let Some(counts) = counts {
            self.entry.set_messages_in(counts.messages);
        }
        passed.map_err(|violation| Failure::told(Refusal::Violation, violation.to_string()))?;
        self.tell_server(out);
        self.note_input(before)
    }

    /// Does what the page said.
    fn heed(&mut self, said: Said) {
        match said {
            Said::Here => self.entry.note_input(self.clock.note_input()),
            Said::Wish(wish) => self.entry.wish(wish),
        }
    }

    /// Shows the page what others have for it, once it keeps up.
    fn pass_words_on(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        if self.to_viewer.len() > PONG_OWED_MAX {
            return Ok(());
        }
        for words in self.entry.words() {
            self.say(cx, &words)?;
        }
        Ok(())
    }

    /// Lets the table know how both connections do.
    fn note_tcp(&self) {
        self.entry
            .set_tcp(self.viewer.tcp_health(), self.server.stream().tcp_health());
    }

    fn send_control(
        &mut self,
        cx: &mut Context<'_>,
        opcode: Opcode,
        payload: &[u8],
    ) -> Result<(), Failure> {
        // RFC 6455 §5.5.3: not every ping needs an answer of its own.
        if self.to_viewer.len() > PONG_OWED_MAX {
            return Ok(());
        }
        let mut frame = Vec::new();
        ws::encode_control(Sender::Server, opcode, payload, &mut frame);
        self.to_viewer
            .write(cx, &self.viewer, &frame)
            .map(drop)
            .map_err(viewer_failed)
    }

    /// Does what the time asks for.
    fn tick(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        while let Poll::Ready(tick) = self.clock.poll_tick(cx) {
            match tick {
                Tick::Ping(payload) => {
                    self.note_tcp();
                    self.send_control(cx, Opcode::Ping, &payload)?;
                }
                Tick::Warn { reason, seconds } => self.warn(cx, reason, seconds)?,
                Tick::Refresh => {
                    self.due.refresh = true;
                    self.tell_server_now(cx)?;
                }
                Tick::WarningOver { reason } => self.unwarn(cx, reason)?,
                Tick::Silent => return Err(Failure::silent()),
                Tick::Idle => return Err(Failure::told(Refusal::Idle, "")),
                Tick::TimeOver => return Err(Failure::told(Refusal::TimeOver, "")),
            }
        }
        Ok(())
    }

    /// Tells the page that the session is about to end; other pages cannot show it.
    fn warn(&mut self, cx: &mut Context<'_>, reason: &str, seconds: u64) -> Result<(), Failure> {
        let text =
            format!("{{\"type\":\"warning\",\"reason\":\"{reason}\",\"seconds\":{seconds}}}");
        self.say(cx, &text)
    }

    /// Tells the page that it is not.
    fn unwarn(&mut self, cx: &mut Context<'_>, reason: &str) -> Result<(), Failure> {
        let text = format!("{{\"type\":\"warning\",\"reason\":\"{reason}\",\"over\":true}}");
        self.say(cx, &text)
    }

    /// Sends JSON to a page of ours; others would not understand it. To one that does not keep up
    /// it is left out.
    fn say(&mut self, cx: &mut Context<'_>, text: &str) -> Result<(), Failure> {
        if self.protocol != Subprotocol::Portway || self.to_viewer.len() > PONG_OWED_MAX {
            return Ok(());
        }
        let header = FrameHeader {
            opcode: Opcode::Text,
            ..FrameHeader::binary(text.len() as u64)
        };
        let frame = [&header.encode()[..], text.as_bytes()].concat();
        self.to_viewer
            .write(cx, &self.viewer, &frame)
            .map(drop)
            .map_err(viewer_failed)
    }

    /// Lets go of the machine's keys and takes leave of the viewer.
    pub(super) fn finish(
        mut self: Box<Self>,
        mut failure: Failure,
    ) -> impl Future<Output = Failure> {
        if let Some(screen) = self.screen.take()
            && let Some(why) = screen.into_taps().end(failure.reason.word())
        {
            failure.note(&format!("not tapped to the end: {why}"));
        }
        let mut release = Vec::new();
        self.follow.release_held(&mut release);
        Box::pin(async move {
            // The last word to a server that may be gone; what it does not take is lost.
            let released =
                poll_fn(|cx| Poll::Ready(self.to_server.write(cx, &self.server, &release)));
            let _ = released.await;
            poll_fn(|cx| self.server.take_leave(cx)).await;
            drop(self.server);
            self.entry.set_left();
            match &failure.reason {
                EndReason::Refused(refusal) => {
                    let deadline = net::Deadline::after(viewer::CLOSE_TIMEOUT);
                    let owed = poll_fn(|cx| self.to_viewer.poll_flush(cx, &self.viewer));
                    // A close frame inside of another frame would only confuse.
                    let is_whole = tokio::select! {
                        flushed = owed => flushed.is_ok(),
                        () = deadline.expired() => false,
                    };
                    if is_whole {
                        let (code, reason) = (refusal.close_code(), refusal.sentence());
                        viewer::close(&self.viewer, &mut self.receiver, code, &reason).await;
                    }
                }
                EndReason::ViewerClosed(_) if self.to_viewer.is_empty() => {
                    viewer::answer_close(&self.viewer, &failure).await;
                }
                _ => {}
            }
            failure
        })
    }
}

fn server_failed(error: &std::io::Error) -> Failure {
    Failure::told(Refusal::Lost, format!("server: {error}"))
}
