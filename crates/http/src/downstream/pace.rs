//! How fast a response is sent (`limit_rate`).

use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use net::{Deadline, clock};

use crate::request::Request;

/// `limit_rate`: no more than so many bytes per second, the first ones free.
pub struct Pace {
    rate: u64,
    after: u64,
    since: Instant,
    /// How much was sent so far.
    pub sent: u64,
    deadline: Deadline,
}

impl Pace {
    /// If the request is held to a rate.
    pub fn of(request: &Request) -> Option<Self> {
        let core = &request.conf().core;
        let rate = request
            .limit_rate
            .get()
            .unwrap_or_else(|| core.limit_rate(request));
        (rate > 0).then(|| Self {
            rate,
            after: core.limit_rate_after(request),
            since: clock::now(),
            sent: 0,
            deadline: Deadline::unset(),
        })
    }

    /// How many bytes may be sent now; as nginx, the first second's share is there at once.
    pub fn poll_allowed(&mut self, cx: &mut Context<'_>) -> Poll<u64> {
        loop {
            let elapsed = (clock::now() - self.since).as_millis() as u64;
            let budget = self.after + self.rate * (elapsed / 1000 + 1);
            if budget > self.sent {
                return Poll::Ready(budget - self.sent);
            }
            let excess = self.sent - budget + 1;
            let wait = Duration::from_millis((excess * 1000 / self.rate).max(1));
            if !self.deadline.is_set() {
                self.deadline.set_after(wait);
            }
            match self.deadline.poll_expired(cx) {
                Poll::Ready(()) => self.deadline.clear(),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
