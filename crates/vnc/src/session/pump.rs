//! A session while its screen is shown: frames towards the viewer, input towards the server.
//!
//! The pump owns no buffer while both sides keep up: it reads into the thread's scratch buffer and
//! writes from there, and what a peer does not take is copied to that direction's spill. While
//! something is owed to a peer, nothing is read for it: that is the back-pressure.
//!
//! In bulk, and where nobody needs to see the bytes, they go through a pipe in the kernel instead.

mod clock;
mod followed;
mod input;
mod leave;
mod output;
mod patience;
mod said;
mod words;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use net::Stream;
use proto::rfb::Confirmations;
use proto::ws::{Opcode, Receiver};

use self::clock::{Clock, Tick};
use self::output::Pace;
use self::patience::Patience;
use self::said::Listener;
use super::Subprotocol;
use super::ending::Failure;
use super::follow::Follow;
use super::link::Link;
use super::outlet::Outlet;
use super::screen::Screen;
use super::server::Server;
use super::spill::Spill;
use super::viewer::Viewer;
use crate::policy::Level;
use crate::sessions::Entry;
use crate::{Policy, Refusal};

/// Bytes that a session moves before others of the thread have their turn.
const TURN_BYTES: usize = 512 * 1024;

/// Both directions of a session.
#[derive(Debug)]
pub(super) struct Pump {
    viewer: Stream,
    server: Link,
    receiver: Receiver,
    protocol: Subprotocol,
    to_viewer: Outlet,
    to_server: Spill,
    follow: Follow,
    /// The server's side, where it is read.
    screen: Option<Box<Screen>>,
    /// What the server confirms, as long as it is heard for that alone.
    confirmations: Option<Box<Confirmations>>,
    due: Due,
    entry: Arc<Entry>,
    clock: Clock,
    pace: Pace,
    /// What the page says in text.
    listener: Option<Box<Listener>>,
    /// Since when input waits for the server to take it.
    input_waits: Option<Instant>,
    /// How long it may.
    patience: Patience,
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
    /// Of another size, if that waits for being allowed and is by now.
    size: bool,
}

impl Due {
    fn is_anything(&self) -> bool {
        self.release || self.refresh || self.size
    }
}

/// Whether a direction can do more at once.
type Step = Result<usize, Failure>;

impl Pump {
    /// Goes on where the handshake ended, with the bytes that it left.
    pub(super) fn start(
        mut viewer: Viewer,
        server: Server,
        follow: Follow,
        policy: Policy,
        entry: Arc<Entry>,
    ) -> Box<Self> {
        let level = policy.level();
        entry.live().set_level(level);
        let clock = Clock::start(&policy, entry.age());
        let patience = Patience::new(policy.send_timeout);
        let (follow, screen, confirmations) = match server.screen {
            Some(init) if level == Level::BothSides => {
                let follow = follow.beside_server(&init);
                let screen = Screen::new(init, policy.taps);
                (follow, Some(Box::new(screen)), None)
            }
            Some(init) => {
                let follow = follow.beside_confirmations(&init);
                (follow, None, Some(Box::new(Confirmations::new(&init))))
            }
            None => (follow, None, None),
        };
        let due = viewer.due();
        let mut pump = Box::new(Self {
            viewer: viewer.stream,
            server: server.link,
            receiver: viewer.receiver,
            protocol: viewer.protocol,
            to_viewer: Outlet::default(),
            to_server: Spill::default(),
            follow,
            screen,
            confirmations,
            due: Due::default(),
            entry,
            clock,
            pace: Pace::default(),
            listener: None,
            input_waits: None,
            patience,
            early: Some(Box::new(Early {
                server: server.inbox,
                viewer: viewer.inbox,
            })),
        });
        pump.to_viewer.push(&due);
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
            .and_then(|()| self.flush_taps());
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

    /// Lets the table know how both connections do.
    fn note_tcp(&self) {
        self.entry
            .set_tcp(self.viewer.tcp_health(), self.server.stream().tcp_health());
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
}

fn server_failed(error: &std::io::Error) -> Failure {
    Failure::told(Refusal::Lost, format!("server: {error}"))
}
