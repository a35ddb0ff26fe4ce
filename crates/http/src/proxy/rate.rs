//! How fast an answer is read (`proxy_limit_rate`).

use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use net::{Deadline, clock};

use crate::request::Request;

/// `proxy_limit_rate`: how much is read in a second.
pub struct Rate {
    rate: u64,
    since: Instant,
    /// How much was read so far.
    pub read: u64,
    deadline: Deadline,
}

impl Rate {
    /// If the location limits what is read.
    pub fn of(request: &Request) -> Option<Box<Self>> {
        let rate = &request.conf().proxy.limit_rate;
        if rate.is_empty() {
            return None;
        }
        let rate = conf::value::size(&request.eval(rate)).filter(|&rate| rate > 0)?;
        Some(Box::new(Self {
            rate,
            since: clock::now(),
            read: 0,
            deadline: Deadline::unset(),
        }))
    }

    /// How many bytes may be read now; the share of the second that began is there at once.
    pub fn poll_allowed(&mut self, cx: &mut Context<'_>) -> Poll<u64> {
        loop {
            let seconds = (clock::now() - self.since).as_secs();
            let budget = self.rate.saturating_mul(seconds + 1);
            if budget > self.read {
                return Poll::Ready(budget - self.read);
            }
            if !self.deadline.is_set() {
                let excess = self.read - budget;
                let wait = (u128::from(excess) * 1000 / u128::from(self.rate)) as u64 + 1;
                self.deadline.set_after(Duration::from_millis(wait));
            }
            ready!(self.deadline.poll_expired(cx));
            self.deadline.clear();
        }
    }
}
