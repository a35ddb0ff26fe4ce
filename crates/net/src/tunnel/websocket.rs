//! Telling a side of a WebSocket that is silent from one that is gone.

use std::time::{Duration, Instant};

use super::frames::{Cookie, Frames};
use super::{Side, WebSocket};

/// What to do about a side's silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Silence {
    /// Nothing yet.
    Short,
    /// Ask whether it is there.
    Ping,
    /// It does not answer.
    Lost,
}

/// When each side was pinged.
#[derive(Debug)]
pub(super) struct Watch {
    period: Duration,
    downstream: Option<Instant>,
    upstream: Option<Instant>,
}

impl Watch {
    /// Judges a side that was last heard then, and notes the ping that it asks for.
    pub(super) fn judge(&mut self, side: Side, heard: Instant, now: Instant) -> Silence {
        let silent = now.saturating_duration_since(heard);
        if self.is_pinged(side, heard) {
            return match silent >= 2 * self.period {
                true => Silence::Lost,
                false => Silence::Short,
            };
        }
        if silent < self.period {
            return Silence::Short;
        }
        match side {
            Side::Downstream => self.downstream = Some(now),
            Side::Upstream => self.upstream = Some(now),
        }
        Silence::Ping
    }

    /// When to judge again.
    pub(super) fn next(&self, side: Side, heard: Instant) -> Instant {
        heard + self.period * if self.is_pinged(side, heard) { 2 } else { 1 }
    }

    /// Whether it was pinged since it was last heard.
    fn is_pinged(&self, side: Side, heard: Instant) -> bool {
        let pinged = match side {
            Side::Downstream => self.downstream,
            Side::Upstream => self.upstream,
        };
        pinged.is_some_and(|pinged| pinged >= heard)
    }
}

type Parts = (Option<Box<Frames>>, Option<Box<Frames>>, Option<Box<Watch>>);

/// What a tunnel keeps for a WebSocket: frames towards the upstream, towards the client, and the
/// watch over both sides.
pub(super) fn parts(settings: Option<WebSocket>) -> Parts {
    let Some(settings) = settings else {
        return (None, None, None);
    };
    let cookie: Cookie = super::random().to_ne_bytes();
    let watch = settings.ping.map(|period| Watch {
        period,
        downstream: None,
        upstream: None,
    });
    (
        Some(Box::new(Frames::new(true, settings.message_max, cookie))),
        Some(Box::new(Frames::new(false, None, cookie))),
        watch.map(Box::new),
    )
}
