//! What a session does by the time: pings, and ends after idleness or at its age.

use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use net::Deadline;

use crate::Policy;
use crate::policy::Terms;

/// How long before the end a person is warned, unless the whole time is short.
const WARNING: Duration = Duration::from_secs(60);

/// How often a session that ends at a time of day looks at the clock on the wall: that may be set,
/// and goes on while the host sleeps, which no deadline notices.
const WALL_LOOK: Duration = Duration::from_secs(15);

/// Something is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Tick {
    /// A ping with this payload is to be sent.
    Ping([u8; 8]),
    /// The session ends in so many seconds.
    Warn {
        /// `idle` or `time`.
        reason: &'static str,
        seconds: u64,
    },
    /// Taps want the whole screen.
    Refresh,
    /// The end that was warned of does not come.
    WarningOver {
        /// As it was in the warning.
        reason: &'static str,
    },
    /// The viewer answered no ping.
    Silent,
    /// No input for too long.
    Idle,
    /// The session is too old.
    TimeOver,
}

/// A session's times. One deadline serves them all: it stands at the earliest.
#[derive(Debug)]
pub(super) struct Clock {
    deadline: Deadline,
    /// Zero: no pings.
    ping: Duration,
    next_ping: Instant,
    /// The ping that is not answered yet: its number and when it was sent.
    unanswered: Option<(u64, Instant)>,
    pings: u64,
    /// Something came from the viewer since the last ping.
    heard: bool,
    idle: Option<Duration>,
    last_input: Instant,
    start: Now,
    /// How old the session may become.
    session_max: Option<Duration>,
    /// The time of day at which it ends.
    until: Option<SystemTime>,
    /// When the whole screen is asked for, and how often.
    refresh: Option<(Instant, Duration)>,
    /// The person was warned of an end for this reason.
    warned: Option<&'static str>,
}

/// An end that time brings.
struct End {
    reason: &'static str,
    at: Instant,
    warn_at: Instant,
}

/// Now, by both clocks.
#[derive(Debug, Clone, Copy)]
struct Now {
    instant: Instant,
    wall: SystemTime,
}

impl Now {
    fn read() -> Self {
        Self {
            instant: net::clock::now(),
            wall: net::clock::wall(),
        }
    }
}

impl Clock {
    /// For a session whose screen is shown now, at this age.
    pub(super) fn start(policy: &Policy, age: Duration) -> Self {
        let read = Now::read();
        let now = read.instant;
        let clock = Self {
            deadline: Deadline::unset(),
            ping: policy.ping,
            next_ping: now + policy.ping,
            unanswered: None,
            pings: 0,
            heard: true,
            idle: policy.idle,
            last_input: now,
            start: Now {
                instant: now.checked_sub(age).unwrap_or(now),
                wall: read.wall.checked_sub(age).unwrap_or(read.wall),
            },
            session_max: policy.session_max,
            until: policy.until,
            refresh: None,
            warned: None,
        };
        clock.arm();
        clock
    }

    /// Asks for the whole screen so often from now on.
    pub(super) fn refresh_every(&mut self, period: Option<Duration>) {
        self.refresh = period.map(|period| (net::clock::now() + period, period));
        self.arm();
    }

    /// Other times hold from now on.
    pub(super) fn change(&mut self, terms: &Terms) {
        self.idle = terms.idle;
        self.session_max = terms.session_max;
        self.until = terms.until;
        // What the person was warned of may come at another time, or not at all.
        self.deadline.set(net::clock::now());
    }

    /// The viewer lives.
    pub(super) fn note_heard(&mut self) {
        self.heard = true;
    }

    /// A key or the pointer: says when. The deadline is put right when it expires.
    pub(super) fn note_input(&mut self) -> Instant {
        self.last_input = net::clock::now();
        if self.warned.is_some() {
            // The person is told at once that the end does not come.
            self.deadline.set(self.last_input);
        }
        self.last_input
    }

    /// A pong; the time since its ping, if it is the latest one's.
    pub(super) fn note_pong(&mut self, payload: &[u8]) -> Option<Duration> {
        let (number, sent) = self.unanswered?;
        if payload != number.to_be_bytes() {
            return None;
        }
        self.unanswered = None;
        Some(net::clock::now() - sent)
    }

    /// Ready as long as something is due.
    pub(super) fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Tick> {
        loop {
            if self.deadline.poll_expired(cx).is_pending() {
                return Poll::Pending;
            }
            let due = self.due(Now::read());
            self.arm();
            if let Some(tick) = due {
                return Poll::Ready(tick);
            }
        }
    }

    fn due(&mut self, at: Now) -> Option<Tick> {
        let now = at.instant;
        if self.age_end(at).is_some_and(|(end, _)| end <= now) {
            return Some(Tick::TimeOver);
        }
        if self.idle_end().is_some_and(|end| end <= now) {
            return Some(Tick::Idle);
        }
        if !self.ping.is_zero() && self.next_ping <= now {
            return Some(self.ping(now));
        }
        if let Some((next, period)) = &mut self.refresh
            && *next <= now
        {
            *next = now + *period;
            return Some(Tick::Refresh);
        }
        self.warning(at)
    }

    fn ping(&mut self, now: Instant) -> Tick {
        // Anything that came since the last ping proves as much as its pong.
        if self.unanswered.is_some() && !self.heard {
            return Tick::Silent;
        }
        self.next_ping = now + self.ping;
        self.heard = false;
        self.pings += 1;
        self.unanswered = Some((self.pings, now));
        Tick::Ping(self.pings.to_be_bytes())
    }

    fn warning(&mut self, now: Now) -> Option<Tick> {
        let end = self.next_end(now).filter(|end| end.warn_at <= now.instant);
        let knew = std::mem::replace(&mut self.warned, end.as_ref().map(|end| end.reason));
        match (knew, end) {
            (Some(knew), None) => Some(Tick::WarningOver { reason: knew }),
            (Some(knew), Some(end)) if knew == end.reason => None,
            (_, Some(end)) => Some(Tick::Warn {
                reason: end.reason,
                seconds: (end.at - now.instant).as_secs_f64().round() as u64,
            }),
            (None, None) => None,
        }
    }

    fn idle_end(&self) -> Option<Instant> {
        self.idle.map(|idle| self.last_input + idle)
    }

    /// When it is too old, or its day is over, and how long it has lasted then.
    fn age_end(&self, now: Now) -> Option<(Instant, Duration)> {
        let age = self.session_max.map(|age| (self.start.instant + age, age));
        let until = self.until.map(|until| {
            let from = |then: SystemTime| until.duration_since(then).unwrap_or_default();
            (now.instant + from(now.wall), from(self.start.wall))
        });
        age.into_iter().chain(until).min()
    }

    fn next_end(&self, now: Now) -> Option<End> {
        let end = |reason, at: Instant, whole: Duration| {
            let warn_at = at.checked_sub(WARNING.min(whole / 4)).unwrap_or(at);
            End {
                reason,
                at,
                warn_at,
            }
        };
        let idle = self
            .idle
            .map(|idle| end("idle", self.last_input + idle, idle));
        let age = self.age_end(now);
        let age = age.map(|(at, whole)| end("time", at, whole));
        idle.into_iter().chain(age).min_by_key(|end| end.at)
    }

    /// Puts the deadline at the earliest thing that will be due.
    fn arm(&self) {
        match self.next(Now::read()) {
            Some(at) => self.deadline.set(at),
            None => self.deadline.clear(),
        }
    }

    /// When there is something to do next.
    fn next(&self, now: Now) -> Option<Instant> {
        let end = self.next_end(now).map(|end| match self.warned {
            Some(reason) if reason == end.reason => end.at,
            _ => end.warn_at,
        });
        let ping = (!self.ping.is_zero()).then_some(self.next_ping);
        let refresh = self.refresh.map(|(at, _)| at);
        let look = self.until.map(|_| now.instant + WALL_LOOK);
        [end, ping, refresh, look].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn quiet() -> Policy {
        Policy {
            ping: Duration::ZERO,
            ..Policy::default()
        }
    }

    #[test]
    fn a_session_is_as_old_as_its_upgrade_also_if_logging_in_took_its_time() {
        let policy = Policy {
            session_max: Some(10 * SECOND),
            ..quiet()
        };
        let now = Now::read();
        let later = |time| Now {
            instant: now.instant + time,
            ..now
        };
        let mut clock = Clock::start(&policy, 4 * SECOND);
        assert_eq!(clock.due(later(3 * SECOND)), None);
        assert_eq!(clock.due(later(7 * SECOND)), Some(Tick::TimeOver));
        let mut late = Clock::start(&policy, 11 * SECOND);
        assert_eq!(late.due(now), Some(Tick::TimeOver));
    }

    #[test]
    fn a_session_ends_at_its_time_of_day_though_the_host_slept() {
        let now = Now::read();
        let policy = Policy {
            until: Some(now.wall + 3600 * SECOND),
            ..quiet()
        };
        let mut clock = Clock::start(&policy, Duration::ZERO);
        // It looks at the wall long before: what it sees there may have moved.
        assert_eq!(clock.next(now), Some(now.instant + WALL_LOOK));
        let after = |awake: Duration, asleep: Duration| Now {
            instant: now.instant + awake,
            wall: now.wall + awake + asleep,
        };
        let nap = 3590 * SECOND;
        assert_eq!(clock.due(after(15 * SECOND, Duration::ZERO)), None);
        let warning = Tick::Warn {
            reason: "time",
            seconds: 8,
        };
        assert_eq!(clock.due(after(2 * SECOND, nap)), Some(warning));
        assert_eq!(clock.due(after(10 * SECOND, nap)), Some(Tick::TimeOver));
        // A clock that is set back gives the time again, as the token's own `exp` would.
        let mut back = Clock::start(&policy, Duration::ZERO);
        let set_back = Now {
            instant: now.instant + 3700 * SECOND,
            wall: now.wall + 100 * SECOND,
        };
        assert_eq!(back.due(set_back), None);
    }
}
