//! The peer that a request goes to, from its choice to the last byte of its answer.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use ::upstream::{Lease, Member, Outcome, Peer, Took};
use net::clock;
use net::log::Level;

use crate::config::UpstreamId;
use crate::modules::upstream::sticky::Sticky;
use crate::request::Request;

/// A peer in use by a request. Whatever becomes of the request, the peer is given back.
pub struct Held {
    /// There until the peer is given back.
    lease: Option<Lease>,
    member: Arc<Member>,
    request: Rc<Request>,
    upstream: Option<UpstreamId>,
    /// Its place among the attempts of the request.
    attempt: usize,
}

impl Held {
    /// The peer of the attempt that was noted last.
    pub fn new(lease: Lease, request: &Rc<Request>, upstream: Option<UpstreamId>) -> Self {
        let attempt = request.attempts.borrow().len().saturating_sub(1);
        Self {
            member: lease.member().clone(),
            lease: Some(lease),
            request: request.clone(),
            upstream,
            attempt,
        }
    }

    /// Its address and name.
    pub fn peer(&self) -> &Peer {
        &self.member.peer
    }

    /// Whether its group has no other.
    pub fn is_single(&self) -> bool {
        self.lease.as_ref().is_some_and(Lease::is_single)
    }

    /// The answer is passed on: its head is there.
    pub fn header_came(&mut self) {
        let took = self.header_time().unwrap_or_default();
        if let Some(lease) = &mut self.lease {
            lease.header_came(took, clock::now());
        }
        if let (Some(sticky), Some(lease)) = (self.sticky(), &self.lease) {
            sticky.learn_at_header(&self.request, lease.id());
        }
    }

    /// Gives the peer back because another one is asked, or none.
    pub fn finish(mut self, outcome: Outcome) {
        self.give_back(outcome);
    }

    /// What counts as the request in progress from here on: the request itself is over, and a
    /// tunnel goes on.
    pub fn into_lease(mut self) -> Option<Lease> {
        self.learn();
        self.lease.take()
    }

    fn header_time(&self) -> Option<Duration> {
        self.request
            .attempts
            .borrow()
            .get(self.attempt)?
            .header_time
    }

    fn took(&self) -> Option<Took> {
        let attempts = self.request.attempts.borrow();
        let attempt = attempts.get(self.attempt)?;
        Some(Took {
            header: attempt.header_time?,
            response: attempt.response_time.unwrap_or_else(|| attempt.elapsed()),
        })
    }

    fn sticky(&self) -> Option<&Sticky> {
        let upstream = self.request.config().upstream(self.upstream?);
        upstream.sticky.as_ref()
    }

    /// Learns from an answer that has come to its end.
    fn learn(&self) {
        if let (Some(sticky), Some(lease)) = (self.sticky(), &self.lease) {
            sticky.learn_at_end(&self.request, lease.id());
        }
    }

    fn give_back(&mut self, outcome: Outcome) {
        if outcome == Outcome::Answered {
            self.learn();
        }
        let Some(lease) = self.lease.take() else {
            return;
        };
        let took = self.took();
        if lease.finish(outcome, took, clock::now()) {
            self.request.log(
                Level::Warn,
                format_args!("upstream server temporarily disabled"),
            );
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.give_back(Outcome::Answered);
    }
}
