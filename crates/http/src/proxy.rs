//! The one path from any request to any upstream: choose a peer, send the request, read the head,
//! hand on the body; try the next peer; become a tunnel.

use std::rc::Rc;
use std::time::Instant;

use ::upstream::{Group, Lease, Outcome, Pool, Search};
use bytes::Bytes;
use net::clock;
use net::log::Level;
use proto::h1::Method;

use crate::downstream::head::asks_for_upgrade;
use crate::modules::proxy::Failure;
use crate::phases::Flow;
use crate::request::Request;
use crate::request_body::BodyError;
use crate::response::Field;
use attempt::{Attempt, Whom};
use exchange::Exchange;
use held::Held;
use rules::Rules;
use target::{Target, Work};

pub mod attempt;
pub mod body;
pub mod cookie;
pub mod exchange;
pub mod head;
pub mod held;
pub mod hints;
pub mod outgoing;
mod rate;
pub mod redirect;
pub mod rules;
pub mod sender;
pub mod store;
pub mod target;
pub mod tls;
pub mod upgrade;

/// Why an attempt failed, and what the client is told if no other one follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProxyError {
    /// Which kind of failure, as `proxy_next_upstream` names them.
    pub failure: Failure,
    /// The status for the client.
    pub status: u16,
}

impl ProxyError {
    /// The connection failed or was closed.
    pub const ERROR: Self = Self {
        failure: Failure::Error,
        status: 502,
    };
    /// Something took too long.
    pub const TIMEOUT: Self = Self {
        failure: Failure::Timeout,
        status: 504,
    };
    /// The answer was no answer.
    pub const INVALID: Self = Self {
        failure: Failure::InvalidHeader,
        status: 502,
    };
    /// The client failed, not the upstream.
    pub const fn client(status: u16) -> Self {
        Self {
            failure: Failure::Client,
            status,
        }
    }
}

/// The content handler of `proxy_pass`.
pub async fn handle(request: &Rc<Request>) -> Flow {
    let conf = &request.conf().proxy;
    if asks_for_upgrade(request) && !conf.websocket_origin.allow(request) {
        request.log(
            Level::Error,
            format_args!("websocket_origin refused the page that asked"),
        );
        return Flow::Status(403);
    }
    let target = match Target::resolve(request, conf).await {
        Ok(target) => target,
        Err(status) => return Flow::Status(status),
    };
    // What a sub-request has of a body was read for the main one.
    let reads_body = request.is_main() && !request.drops_body.get();
    if reads_body && (conf.request_buffering || request.body.is_complete()) {
        match request.body.read(request).await {
            Ok(()) => {}
            Err(BodyError::Status(status)) => return Flow::Status(status),
            Err(BodyError::Gone) => return Flow::Close,
        }
    }
    if reads_body && let Err(BodyError::Status(status)) = request.body.keep_available(request) {
        return Flow::Status(status);
    }
    Proxy::new(request, target).run().await
}

/// The content handler of `tunnel_pass` (`ngx_http_tunnel_module`).
pub async fn connect(request: &Rc<Request>) -> Flow {
    if request.method.get() != Method::Connect {
        return Flow::Status(405);
    }
    match Target::of_tunnel(request).await {
        Ok(target) => Proxy::new(request, target).run().await,
        Err(status) => Flow::Status(status),
    }
}

/// A request on its way through the peers of its upstream.
struct Proxy<'r> {
    request: &'r Rc<Request>,
    target: Target,
    search: Search,
    /// How many peers may be asked beside the one that is.
    tries: u64,
    /// Where among the pending fields the cookie for the client is (`sticky`).
    cookie: Option<usize>,
    started: Instant,
}

impl<'r> Proxy<'r> {
    fn new(request: &'r Rc<Request>, target: Target) -> Self {
        Self {
            request,
            target,
            search: Search::default(),
            tries: 0,
            cookie: None,
            started: clock::now(),
        }
    }

    fn rules(&self) -> Rules<'r> {
        Rules::of(self.request.conf(), self.target.work)
    }

    async fn run(&mut self) -> Flow {
        let group = self.target.group.clone();
        if let Some(upstream) = self.target.upstream(self.request) {
            self.search = upstream.search(self.request);
        }
        self.tries = match self.rules().tries {
            0 => group.tries() as u64,
            most => most.min(group.tries() as u64),
        };
        let mut again = false;
        loop {
            let Some(lease) = group.select(&mut self.search, clock::now()) else {
                return self.no_live_upstreams(&group);
            };
            let held = self.begin(lease, again);
            again = true;
            let pool = self.target.pool(self.request);
            let exchange = Exchange::new(self.request, &self.target, &held, pool);
            let replied = match self.target.work {
                Work::Request => exchange.run().await,
                Work::Tunnel => exchange.open().await,
            };
            match replied {
                Ok(replied) => match self.passes_on(replied.status()) {
                    None => {
                        return replied.into_flow(held, self.request, &self.target);
                    }
                    Some(outcome) => self.next(held, outcome),
                },
                Err(error) => {
                    if let Some(flow) = self.failed(held, error) {
                        return flow;
                    }
                }
            }
        }
    }

    /// Notes that a peer is asked; after an internal redirect, as the first one of a new request.
    fn begin(&mut self, lease: Lease, again: bool) -> Held {
        let attempt = Attempt::new(Whom::Peer(lease.member().clone()), &self.target);
        self.note(attempt, again);
        self.tell_client(&lease);
        Held::new(lease, self.request, self.target.upstream)
    }

    /// Tells the client of its peer; of the last one, where several are asked.
    fn tell_client(&mut self, lease: &Lease) {
        let upstream = self.target.upstream(self.request);
        let sticky = upstream.and_then(|upstream| upstream.sticky.as_ref());
        let Some(value) = sticky.and_then(|sticky| sticky.cookie(self.request, lease.id())) else {
            return;
        };
        let mut pending = self.request.pending.borrow_mut();
        match self.cookie.and_then(|at| pending.get_mut(at)) {
            Some(field) => field.value = value,
            None => {
                self.cookie = Some(pending.len());
                let name = Bytes::from_static(b"Set-Cookie");
                pending.push(Field { name, value });
            }
        }
    }

    fn note(&self, mut attempt: Attempt, again: bool) {
        let mut attempts = self.request.attempts.borrow_mut();
        attempt.redirected = !again && !attempts.is_empty();
        // Most requests ask one peer.
        attempts.reserve_exact(1);
        attempts.push(attempt);
    }

    /// What an answer is taken as if another peer is asked because of it
    /// (`ngx_http_upstream_test_next`); `None` if it is passed on.
    fn passes_on(&self, status: u16) -> Option<Outcome> {
        let failure = Failure::of_status(status)?;
        let retries = self.tries > 1 && self.may_retry(failure, true);
        retries.then(|| {
            self.request.log(
                Level::Info,
                format_args!("upstream sent status {status}, trying the next upstream"),
            );
            match failure {
                Failure::Http403 | Failure::Http404 => Outcome::Passed,
                _ => Outcome::Failed,
            }
        })
    }

    /// Tells the group of a failure; `Some` if no other peer is asked.
    fn failed(&mut self, held: Held, error: ProxyError) -> Option<Flow> {
        if error.failure == Failure::Client {
            held.finish(Outcome::Answered);
            return Some(match error.status {
                0 => Flow::Close,
                status => Flow::Status(status),
            });
        }
        self.next(held, Outcome::Failed);
        let (sent, reused) = match self.request.attempts.borrow().last() {
            Some(last) => (last.request_sent, last.reused),
            None => (false, false),
        };
        if reused && error.failure == Failure::Error {
            // A kept connection that was closed meanwhile is no attempt.
            self.tries += 1;
            if self.is_idempotent() && !self.is_streamed() {
                return None;
            }
        }
        match self.tries > 0 && self.may_retry(error.failure, sent) {
            true => None,
            false => Some(Flow::Status(error.status)),
        }
    }

    /// Gives a peer back before the next one is asked.
    fn next(&mut self, held: Held, outcome: Outcome) {
        // As nginx: where there is no other peer, nobody is asked again.
        self.tries = match held.is_single() {
            true => 0,
            false => self.tries.saturating_sub(1),
        };
        held.finish(outcome);
    }

    /// Whether such a failure lets another peer be asked, if there is one.
    fn may_retry(&self, failure: Failure, sent: bool) -> bool {
        let rules = self.rules();
        let next = rules.next_upstream;
        let in_time = rules.timeout.is_zero() || clock::now() - self.started < rules.timeout;
        let safe = !sent || self.is_idempotent() || next.has(Failure::NonIdempotent);
        next.has(failure) && in_time && safe && !self.is_streamed()
    }

    /// Whether what was sent of the body is gone.
    fn is_streamed(&self) -> bool {
        !self.request.conf().proxy.request_buffering && self.request.body.received() > 0
    }

    fn is_idempotent(&self) -> bool {
        !matches!(
            self.request.method.get(),
            Method::Post | Method::Lock | Method::Patch
        )
    }

    fn no_live_upstreams(&self, group: &Group) -> Flow {
        let again = !self.search.is_fresh();
        self.note(Attempt::failed(group.name(), &self.target, 502), again);
        self.request.log(
            Level::Error,
            format_args!("no live upstreams while connecting to upstream"),
        );
        Flow::Status(502)
    }
}

/// Where an answered connection goes back to.
pub type PoolRef = Option<(Rc<Pool>, ::upstream::keepalive::Limits)>;

/// An empty text.
pub(crate) const NOTHING: Bytes = Bytes::new();
