//! The clocks of a tunnel: idle, send, ping, and those of its phase, under one deadline.
//!
//! Traffic only notes the time. The deadline stands at the earliest moment that could matter when
//! it was set, and what really is due is worked out when it comes.

use std::num::NonZeroU32;
use std::task::Context;
use std::time::{Duration, Instant};

use proto::ws::close;

use super::frames::Insert;
use super::websocket::Silence;
use super::{Phase, Reason, Side, Timeouts, Tunnel};
use crate::clock;

/// [`Timeouts`] in little room: milliseconds.
#[derive(Debug)]
pub(super) struct Times {
    idle: Option<NonZeroU32>,
    send_downstream: Option<NonZeroU32>,
    send_upstream: Option<NonZeroU32>,
}

impl Times {
    pub(super) fn new(times: Timeouts) -> Self {
        let short = |time: Option<Duration>| {
            // What is longer than seven weeks is as good as that; nothing is as short as nothing.
            let millis = time?.as_millis().try_into().unwrap_or(u32::MAX);
            NonZeroU32::new(millis.max(1))
        };
        Self {
            idle: short(times.idle),
            send_downstream: short(times.send_downstream),
            send_upstream: short(times.send_upstream),
        }
    }
}

fn millis(time: NonZeroU32) -> Duration {
    Duration::from_millis(time.get().into())
}

impl Tunnel {
    /// Looks at the clock, and sees to it that the task is woken when that matters again. `Some` is
    /// the end.
    pub(super) fn poll_time(&mut self, cx: &mut Context<'_>) -> Option<Reason> {
        let now = clock::now();
        if self.armed.is_some_and(|armed| armed <= now) {
            self.armed = None;
            if let Some(reason) = self.handle_time(now) {
                return Some(reason);
            }
            // What it asked for is carried in another turn.
            cx.waker().wake_by_ref();
        }
        if self.armed.is_some() && !self.may_hasten() {
            return None;
        }
        let next = self.next_time()?;
        if self.armed.is_none_or(|armed| next < armed) {
            self.armed = Some(next);
            self.deadline.set(next);
            if self.deadline.poll_expired(cx).is_ready() {
                cx.waker().wake_by_ref();
            }
        }
        None
    }

    /// Whether something may be due earlier than when the deadline was set. Traffic only delays.
    fn may_hasten(&self) -> bool {
        self.up.blocked || self.down.blocked || !matches!(self.phase, Phase::Open)
    }

    /// Does what is due. `Some` is the end.
    fn handle_time(&mut self, now: Instant) -> Option<Reason> {
        if self.phase_ends().is_some_and(|end| end <= now)
            && let Some(reason) = self.end_phase()
        {
            return Some(reason);
        }
        if matches!(self.phase, Phase::Closing(..)) {
            return None;
        }
        for side in [Side::Downstream, Side::Upstream] {
            if self.send_expires(side).is_some_and(|end| end <= now) {
                return Some(Reason::SendTimeout(side));
            }
        }
        if self.idle_expires().is_some_and(|end| end <= now) {
            return Some(Reason::IdleTimeout);
        }
        self.handle_silence(Side::Downstream, now);
        self.handle_silence(Side::Upstream, now);
        None
    }

    /// Pings a silent side, or gives it up.
    fn handle_silence(&mut self, side: Side, now: Instant) {
        let Some(heard) = self.last_heard(side) else {
            return;
        };
        match self
            .watch
            .as_mut()
            .map(|watch| watch.judge(side, heard, now))
        {
            Some(Silence::Ping) => match side {
                Side::Downstream => self.down.request(Insert::Ping),
                Side::Upstream => self.up.request(Insert::Ping),
            },
            Some(Silence::Lost) => {
                let reason = Reason::PingTimeout(side);
                self.close(reason, close::GOING_AWAY, close::GOING_AWAY);
            }
            Some(Silence::Short) | None => {}
        }
    }

    /// The earliest moment at which something may be due.
    fn next_time(&self) -> Option<Instant> {
        let phase = self.phase_ends();
        if matches!(self.phase, Phase::Closing(..)) {
            return phase;
        }
        [
            phase,
            self.idle_expires(),
            self.send_expires(Side::Downstream),
            self.send_expires(Side::Upstream),
            self.silence_ends(Side::Downstream),
            self.silence_ends(Side::Upstream),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn idle_expires(&self) -> Option<Instant> {
        let last = self.up.last_moved().max(self.down.last_moved());
        self.times.idle.map(|wait| last + millis(wait))
    }

    /// When the side to which bytes wait has taken none for too long.
    fn send_expires(&self, to: Side) -> Option<Instant> {
        let (direction, wait) = match to {
            Side::Downstream => (&self.down, self.times.send_downstream),
            Side::Upstream => (&self.up, self.times.send_upstream),
        };
        let wait = wait.filter(|_| direction.blocked)?;
        Some(direction.last_write + millis(wait))
    }

    /// When to look at a side's silence again.
    fn silence_ends(&self, side: Side) -> Option<Instant> {
        let heard = self.last_heard(side)?;
        self.watch.as_ref().map(|watch| watch.next(side, heard))
    }

    /// When a side was last heard. `None` while we do not listen, because what it sent already is
    /// not taken by the other side; once it is, the side has its time anew.
    fn last_heard(&self, side: Side) -> Option<Instant> {
        let direction = match side {
            Side::Downstream => &self.up,
            Side::Upstream => &self.down,
        };
        (!direction.blocked).then_some(direction.last_read)
    }
}
