//! The one path from any request to any upstream: choose a peer, send the request, read the head,
//! hand on the body; try the next peer; become a tunnel.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use ::upstream::{Group, Outcome, PeerId, Pool, Tried};
use bytes::Bytes;
use net::clock;
use net::log::Level;
use proto::h1::Method;

use crate::downstream::head::asks_for_upgrade;
use crate::modules::proxy::Failure;
use crate::phases::Flow;
use crate::request::Request;
use crate::request_body::BodyError;
use attempt::Attempt;
use exchange::{Exchange, Replied};
use rules::Rules;
use target::{Target, Work};

pub mod attempt;
pub mod body;
pub mod cookie;
pub mod exchange;
pub mod head;
pub mod outgoing;
pub mod redirect;
pub mod rules;
pub mod target;
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
    tried: Tried,
    tries: u64,
    started: Instant,
}

impl<'r> Proxy<'r> {
    fn new(request: &'r Rc<Request>, target: Target) -> Self {
        Self {
            request,
            target,
            tried: Tried::default(),
            tries: 0,
            started: clock::now(),
        }
    }

    fn rules(&self) -> Rules<'r> {
        Rules::of(self.request.conf(), self.target.work)
    }

    async fn run(&mut self) -> Flow {
        let mut last_status = 502;
        loop {
            let group = self.target.group.clone();
            let Some(id) = group.select(&mut self.tried, clock::now()) else {
                return self.no_live_upstreams(&group, last_status);
            };
            self.tries += 1;
            let peer = group.peer(id).clone();
            let url = self.target.url(&peer.name);
            self.request
                .attempts
                .borrow_mut()
                .push(Attempt::new(peer.name.clone(), url));
            let pool = self.target.pool(self.request);
            let exchange = Exchange::new(self.request, &self.target, &peer, pool);
            let replied = match self.target.work {
                Work::Request => exchange.run().await,
                Work::Tunnel => exchange.open().await,
            };
            match replied {
                Ok(replied) => match self.judge(&group, id, replied) {
                    Ok(flow) => return flow,
                    Err(status) => last_status = status,
                },
                Err(error) => match self.failed(&group, id, error) {
                    Some(flow) => return flow,
                    None => last_status = error.status,
                },
            }
        }
    }

    /// Whether an answer is passed on, or counts as a failure and another peer is asked.
    fn judge(&mut self, group: &Arc<Group>, id: PeerId, replied: Replied) -> Result<Flow, u16> {
        let status = replied.status();
        if let Some(failure) = Failure::of_status(status) {
            let counts = self.rules().next_upstream.has(failure)
                && !matches!(failure, Failure::Http403 | Failure::Http404);
            let retries = self.may_retry(failure, true) && !self.is_last(group);
            if retries {
                let outcome = if counts {
                    Outcome::Failed
                } else {
                    Outcome::Answered
                };
                self.release(group, id, outcome);
                self.request.log(
                    Level::Error,
                    format_args!("upstream sent status {status}, trying the next upstream"),
                );
                return Err(status);
            }
            let outcome = if counts {
                Outcome::Failed
            } else {
                Outcome::Answered
            };
            self.release(group, id, outcome);
        } else {
            self.release(group, id, Outcome::Answered);
        }
        Ok(replied.into_flow(self.request, &self.target))
    }

    /// Tells the group of a failure; `Some` if no other peer is asked.
    fn failed(&mut self, group: &Arc<Group>, id: PeerId, error: ProxyError) -> Option<Flow> {
        if error.failure == Failure::Client {
            self.release(group, id, Outcome::Answered);
            return Some(match error.status {
                0 => Flow::Close,
                status => Flow::Status(status),
            });
        }
        self.release(group, id, Outcome::Failed);
        let sent = self
            .request
            .attempts
            .borrow()
            .last()
            .is_some_and(|last| last.request_sent);
        let streamed =
            !self.request.conf().proxy.request_buffering && self.request.body.received() > 0;
        let reused = self
            .request
            .attempts
            .borrow()
            .last()
            .is_some_and(|last| last.reused);
        if reused && error.failure == Failure::Error && !streamed && self.is_idempotent() {
            // A kept connection that was closed meanwhile says nothing about the peer.
            self.tried = Tried::default();
            self.tries -= 1;
            return None;
        }
        match self.may_retry(error.failure, sent) && !streamed && !self.is_last(group) {
            true => None,
            false => Some(Flow::Status(error.status)),
        }
    }

    fn may_retry(&self, failure: Failure, sent: bool) -> bool {
        let rules = self.rules();
        let next = rules.next_upstream;
        let in_time = rules.timeout.is_zero() || clock::now() - self.started < rules.timeout;
        let in_tries = rules.tries == 0 || self.tries < rules.tries;
        let safe = !sent || self.is_idempotent() || next.has(Failure::NonIdempotent);
        next.has(failure) && in_time && in_tries && safe
    }

    fn is_idempotent(&self) -> bool {
        !matches!(
            self.request.method.get(),
            Method::Post | Method::Lock | Method::Patch
        )
    }

    fn is_last(&self, group: &Group) -> bool {
        self.tries >= group.tries() as u64
    }

    fn release(&self, group: &Group, id: PeerId, outcome: Outcome) {
        if group.release(id, outcome, clock::now()) {
            self.request.log(
                Level::Warn,
                format_args!("upstream server temporarily disabled"),
            );
        }
    }

    fn no_live_upstreams(&self, group: &Group, last_status: u16) -> Flow {
        let url = self.target.url(group.name());
        let name = group.name().to_owned();
        self.request
            .attempts
            .borrow_mut()
            .push(Attempt::failed(name, url, 502));
        self.request.log(
            Level::Error,
            format_args!("no live upstreams while connecting to upstream"),
        );
        Flow::Status(if self.tries == 0 {
            502
        } else {
            last_status.max(502)
        })
    }
}

/// Where an answered connection goes back to.
pub type PoolRef = Option<(Rc<Pool>, ::upstream::keepalive::Limits)>;

/// An empty text.
pub(crate) const NOTHING: Bytes = Bytes::new();
