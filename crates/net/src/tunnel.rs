//! The pump that carries bytes both ways between a client and an upstream for as long as they
//! like: WebSocket, CONNECT, TCP.
//!
//! Bytes go through the thread's scratch buffer, or in bulk through a pipe in the kernel. What the
//! other side does not take at once waits in a spill of that direction, which reads no more until
//! it is drained: back-pressure is end to end, and an idle tunnel owns no buffer.

mod direction;
mod ending;
mod frames;
mod table;
mod timing;
mod websocket;

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use proto::ws;

pub use table::{Action, Entry, Order, Policy, Traffic, TunnelTable, View};

use crate::{Deadline, Stream};
use direction::{Direction, Way};
use timing::Times;
use websocket::Watch;

/// How long a client has to take the last of what was sent, before its connection is closed.
const SETTLE_TIME: Duration = Duration::from_secs(60);

/// One of the two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The client.
    Downstream,
    /// What we connected to.
    Upstream,
}

/// How long a tunnel waits; `None` is for ever.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timeouts {
    /// It ends when nothing moved in either direction for so long.
    pub idle: Option<Duration>,
    /// It ends when the client takes nothing of what waits for it for so long.
    pub send_downstream: Option<Duration>,
    /// It ends when the upstream takes nothing of what waits for it for so long.
    pub send_upstream: Option<Duration>,
}

/// What a tunnel is made with.
#[derive(Debug, Default)]
pub struct Settings {
    /// How long it waits.
    pub times: Timeouts,
    /// The end of one direction is passed on, and the other one continues.
    pub half_close: bool,
    /// Follow the frames of a WebSocket; `None` carries bytes as they are.
    pub websocket: Option<WebSocket>,
    /// Bytes already read from the client.
    pub to_upstream: Vec<u8>,
    /// Bytes already read from the upstream.
    pub to_downstream: Vec<u8>,
}

/// What following the frames of a WebSocket is for.
#[derive(Debug, Clone, Copy, Default)]
pub struct WebSocket {
    /// A side that is silent for so long is pinged, and lost when silent for twice as long.
    pub ping: Option<Duration>,
    /// The longest message that a client may send (close code 1009).
    pub message_max: Option<u64>,
}

/// Why a tunnel ended.
#[derive(Debug)]
pub enum Reason {
    /// The client closed, and everything it sent was passed on; or, with `half_close`, it was the
    /// last to close.
    DownstreamClosed,
    /// The same of the upstream.
    UpstreamClosed,
    /// Nothing moved within the idle time.
    IdleTimeout,
    /// A side took nothing within its send timeout.
    SendTimeout(Side),
    /// A side gave no sign of life within two ping periods.
    PingTimeout(Side),
    /// It was ordered to end.
    Ordered(Order),
    /// A client's or an upstream's frame broke a rule.
    Frame(Side, ws::Error),
    /// A socket failed.
    Error(Side, io::Error),
}

/// How a tunnel ended and what it carried.
#[derive(Debug)]
pub struct TunnelEnd {
    /// Why.
    pub reason: Reason,
    /// Bytes both ways.
    pub traffic: Traffic,
}

/// A tunnel; as a future it carries bytes until it ends, and closes both sockets when dropped.
#[derive(Debug)]
pub struct Tunnel {
    downstream: Stream,
    upstream: Stream,
    up: Direction,
    down: Direction,
    half_close: bool,
    times: Times,
    watch: Option<Box<Watch>>,
    deadline: Deadline,
    /// When `deadline` will wake us: never later than needed. Traffic does not move it; the times
    /// are looked at again when it comes.
    armed: Option<Instant>,
    phase: Phase,
    entry: Entry,
}

/// ```text
/// Open ──> Ordered ──> Draining ──> Closing ──> (end)
///   └─────────┴────────────┴───────────┘
/// ```
#[derive(Debug)]
enum Phase {
    Open,
    /// To be ended at a later moment.
    Ordered(Order),
    /// The client of a WebSocket was told to come back; it has until then to close.
    Draining(Order, Instant),
    /// Close frames are on their way to both sides, which have until then to close.
    Closing(Box<Reason>, Instant),
    /// The end was reported.
    Over,
}

impl Tunnel {
    /// A tunnel between two sockets. `entry` is its place in the table of its thread.
    pub fn new(downstream: Stream, upstream: Stream, settings: Settings, entry: Entry) -> Self {
        downstream.set_nodelay(true);
        upstream.set_nodelay(true);
        let (up_frames, down_frames, watch) = websocket::parts(settings.websocket);
        Self {
            downstream,
            upstream,
            up: Direction::new(settings.to_upstream, up_frames),
            down: Direction::new(settings.to_downstream, down_frames),
            half_close: settings.half_close,
            times: Times::new(settings.times),
            watch,
            deadline: Deadline::unset(),
            armed: None,
            phase: Phase::Open,
            entry,
        }
    }

    /// Runs it as a task of its own, and `ended` when it has ended. The task holds nothing else: an
    /// `async fn` around a tunnel would hold it twice, as its argument and as what it awaits.
    pub fn spawn(self, ended: impl FnOnce(TunnelEnd) + Unpin + 'static) {
        let ended = Some(ended);
        tokio::task::spawn_local(Spawned {
            tunnel: self,
            ended,
        });
    }

    /// One turn: obey, carry both ways, look at the clock. `Some` is the end.
    fn turn(&mut self, cx: &mut Context<'_>) -> Option<Reason> {
        if let Some(order) = self.entry.poll_order(cx) {
            self.handle_order(order);
        }
        if let Some(end) = self.carry(cx, Side::Downstream) {
            return Some(end);
        }
        if let Some(end) = self.carry(cx, Side::Upstream) {
            return Some(end);
        }
        self.handle_violation(cx);
        self.poll_time(cx)
    }

    /// Carries what came from one side.
    fn carry(&mut self, cx: &mut Context<'_>, from: Side) -> Option<Reason> {
        let counters = self.entry.counters();
        let (direction, way) = match from {
            Side::Downstream => (
                &mut self.up,
                Way {
                    from: &self.downstream,
                    to: &self.upstream,
                    received: &counters.from_downstream,
                    sent: &counters.to_upstream,
                },
            ),
            Side::Upstream => (
                &mut self.down,
                Way {
                    from: &self.upstream,
                    to: &self.downstream,
                    received: &counters.from_upstream,
                    sent: &counters.to_downstream,
                },
            ),
        };
        let carried = direction.poll_carry(cx, &way);
        if direction.is_closed() {
            direction.forward_end(way.to);
        }
        match carried {
            Poll::Pending => None,
            Poll::Ready(Ok(())) => self.handle_end(from),
            Poll::Ready(Err(error)) => self.handle_error(from, error),
        }
    }

    /// One side has ended, and all that it sent was passed on.
    fn handle_end(&mut self, side: Side) -> Option<Reason> {
        let (ended, to, other) = match side {
            Side::Downstream => (&mut self.up, &self.upstream, &self.down),
            Side::Upstream => (&mut self.down, &self.downstream, &self.up),
        };
        let failure = ended.take_failure();
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Closing(reason, _) if other.is_ended() => return Some(*reason),
            Phase::Draining(order, _) => return Some(Reason::Ordered(order)),
            phase => self.phase = phase,
        }
        match (failure, side) {
            _ if matches!(self.phase, Phase::Closing(..)) => None,
            (Some(error), side) => Some(Reason::Error(side, error)),
            _ if self.half_close && !other.is_over() => {
                ended.forward_end(to);
                None
            }
            (None, Side::Downstream) => Some(Reason::DownstreamClosed),
            (None, Side::Upstream) => Some(Reason::UpstreamClosed),
        }
    }

    /// What came from one side cannot be written to the other.
    fn handle_error(&mut self, from: Side, error: io::Error) -> Option<Reason> {
        if !matches!(self.phase, Phase::Closing(..)) {
            return Some(Reason::Error(from.other(), error));
        }
        match from {
            Side::Downstream => self.up.abandon(),
            Side::Upstream => self.down.abandon(),
        }
        self.handle_end(from)
    }
}

impl Side {
    fn other(self) -> Self {
        match self {
            Self::Downstream => Self::Upstream,
            Self::Upstream => Self::Downstream,
        }
    }
}

impl Future for Tunnel {
    type Output = TunnelEnd;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TunnelEnd> {
        let this = self.get_mut();
        match this.turn(cx) {
            None => Poll::Pending,
            Some(reason) => Poll::Ready(TunnelEnd {
                reason,
                traffic: this.entry.view().traffic,
            }),
        }
    }
}

struct Spawned<F> {
    tunnel: Tunnel,
    /// Called once.
    ended: Option<F>,
}

impl<F: FnOnce(TunnelEnd) + Unpin> Future for Spawned<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.ended.is_some() {
            let end = ready!(Pin::new(&mut self.tunnel).poll(cx));
            if let Some(ended) = self.ended.take() {
                ended(end);
            }
            self.tunnel.deadline.set_after(SETTLE_TIME);
        }
        match self.tunnel.downstream.poll_settled(cx) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => self.tunnel.deadline.poll_expired(cx),
        }
    }
}

/// Random bits for pings, masks and jitter: unpredictable to a peer, no secret.
fn random() -> u64 {
    RandomState::new().hash_one(0u8)
}

#[cfg(test)]
mod tests;
