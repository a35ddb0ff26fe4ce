//! A peer of a group: what the configuration says of it, and what is known of it now.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use md5::{Digest as _, Md5};

use crate::health::Health;
use crate::server::{Peer, Server, Use};
use crate::wheel::Seat;

/// What the configuration says of one address of a server. Never changed.
#[derive(Debug, PartialEq, Eq)]
pub struct Member {
    /// Its address and name.
    pub peer: Peer,
    /// The server that it belongs to, as it was written.
    pub server: Arc<str>,
    /// What names it to a client (`sticky`): its `route`, or the MD5 of its name in hex.
    pub id: Bytes,
    pub(crate) weight: i64,
    pub(crate) max_fails: u32,
    pub(crate) max_conns: u32,
    pub(crate) fail_timeout: Duration,
    pub(crate) slow_start: Duration,
    pub(crate) used: Use,
    pub(crate) backup: bool,
}

impl Member {
    /// The members that a server line stands for.
    pub(crate) fn of(server: &Server) -> impl Iterator<Item = Self> + '_ {
        let name: Arc<str> = server.name.as_str().into();
        server.peers.iter().map(move |peer| Self {
            peer: peer.clone(),
            server: name.clone(),
            id: match &server.route {
                Some(route) => route.clone(),
                None => id_of(&peer.name),
            },
            weight: server.weight.into(),
            max_fails: server.max_fails,
            max_conns: server.max_conns,
            fail_timeout: server.fail_timeout,
            slow_start: server.slow_start,
            used: server.used,
            backup: server.backup,
        })
    }

    /// Who may use it.
    pub fn used(&self) -> Use {
        self.used
    }

    /// Whether it is the same peer, whatever else the configuration says of it now.
    pub(crate) fn is_same_peer(&self, other: &Self) -> bool {
        self.peer == other.peer && self.server == other.server && self.backup == other.backup
    }
}

/// As nginx: the MD5 of the printable address, in hex.
fn id_of(name: &str) -> Bytes {
    let mut text = String::with_capacity(32);
    for byte in Md5::digest(name.as_bytes()) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}

/// What is known of a peer now.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) member: Arc<Member>,
    /// Where it stands in its tier; `None` once the configuration has it no longer.
    pub(crate) place: Option<Place>,
    /// Its part in the round.
    pub(crate) seat: Seat,
    /// `0 <= effective_weight <= weight`
    pub(crate) effective_weight: i64,
    pub(crate) fails: u32,
    /// Requests that it has not finished yet.
    pub(crate) conns: u32,
    pub(crate) accessed: Option<Instant>,
    pub(crate) checked: Option<Instant>,
    /// The moment at which it may be asked again, while it is out of use.
    pub(crate) resting: Option<Instant>,
    /// Since when its weight grows (`slow_start`), and what of a share has built up since.
    pub(crate) ramp: Option<Ramp>,
    pub(crate) health: Health,
    pub(crate) times: Times,
}

/// A place in a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) backup: bool,
    pub(crate) at: u32,
}

/// A weight that grows from nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ramp {
    pub(crate) since: Instant,
    /// Thousandths of a unit of weight.
    pub(crate) saved: i64,
}

/// Averages for `least_time`, in milliseconds; 0 is none yet.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Times {
    pub(crate) header: u64,
    pub(crate) response: u64,
    pub(crate) inflight: u64,
    pub(crate) inflight_last: u64,
    pub(crate) inflight_changed: u64,
    pub(crate) inflight_requests: u64,
}

impl Slot {
    pub(crate) fn new(member: Arc<Member>) -> Self {
        Self {
            effective_weight: member.weight,
            member,
            place: None,
            seat: Seat::default(),
            fails: 0,
            conns: 0,
            accessed: None,
            checked: None,
            resting: None,
            ramp: None,
            health: Health::default(),
            times: Times::default(),
        }
    }

    /// Takes what the configuration says now.
    pub(crate) fn set_member(&mut self, member: Arc<Member>) {
        if self.member.weight != member.weight {
            self.effective_weight = member.weight;
        }
        self.member = member;
    }

    pub(crate) fn is_full(&self) -> bool {
        self.member.max_conns != 0 && self.conns >= self.member.max_conns
    }

    /// Until when it is out of use for its failures, if it is at `now`.
    pub(crate) fn fails_until(&self, now: Instant) -> Option<Instant> {
        let failed = self.member.max_fails != 0 && self.fails >= self.member.max_fails;
        let until = self.checked.filter(|_| failed)? + self.member.fail_timeout;
        (now <= until).then_some(until)
    }

    /// Whether any request may go to it.
    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        self.member.used == Use::Normal && self.is_usable_for_known(now)
    }

    /// Whether the requests that ask for it by name may go to it.
    pub(crate) fn is_usable_for_known(&self, now: Instant) -> bool {
        self.member.used != Use::Down
            && self.health.is_good()
            && !self.is_full()
            && self.fails_until(now).is_none()
    }

    /// Notes that it is asked; a peer that failed is on probation from here.
    pub(crate) fn ask(&mut self, now: Instant) {
        self.conns += 1;
        let long_ago = |checked| now - checked > self.member.fail_timeout;
        if self.checked.is_none_or(long_ago) {
            let recovers = self.member.max_fails != 0 && self.fails >= self.member.max_fails;
            if recovers && !self.member.slow_start.is_zero() {
                self.ramp_up(now);
            }
            self.checked = Some(now);
        }
    }

    /// Lets its weight grow from nothing, if the configuration wants that.
    pub(crate) fn ramp_up(&mut self, now: Instant) {
        if !self.member.slow_start.is_zero() {
            self.ramp = Some(Ramp {
                since: now,
                saved: 0,
            });
        }
    }

    /// What it may add to its share in this round: all of its weight, or what has built up of it.
    pub(crate) fn contribution(&mut self, now: Instant) -> i64 {
        let Some(ramp) = &mut self.ramp else {
            return self.effective_weight;
        };
        let elapsed = (now - ramp.since).as_millis() as i64;
        let whole = self.member.slow_start.as_millis() as i64;
        if elapsed >= whole {
            self.ramp = None;
            return self.effective_weight;
        }
        ramp.saved += self.effective_weight * elapsed * 1000 / whole;
        let units = ramp.saved / 1000;
        ramp.saved -= units * 1000;
        units
    }
}
