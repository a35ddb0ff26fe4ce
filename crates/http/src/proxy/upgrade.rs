//! From `101 Switching Protocols`, or the 200 to a CONNECT, to a tunnel (nginx's
//! `ngx_http_upstream_upgrade`, RFC 9110 §7.8 and §9.3.6).
//!
//! The tunnel is a task of its own: request, configuration and connection state are dropped when it
//! starts; what the log wants to know at the end was written down before.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use ::upstream::Lease;
use net::Deadline;
use net::log::Level;
use net::tunnel::{Policy, Reason, Settings, Timeouts, Tunnel, TunnelEnd};

use super::exchange::Replied;
use super::held::Held;
use super::target::Work;
use crate::connection::Connection;
use crate::downstream::head::asks_for_upgrade;
use crate::load::Load;
use crate::log_later::LogLater;
use crate::request::Request;
use crate::response::{Body, Chunk, Source, Takeover};
use crate::thread::Thread;

/// An upstream that switched protocols, or one that a client wants to speak to by itself.
pub struct Upgrade {
    replied: Replied,
    held: Held,
    work: Work,
}

impl Upgrade {
    /// The body of a 101: a tunnel if the client asked for one, otherwise nothing, for as long as
    /// an upstream may be silent.
    pub fn body(request: &Rc<Request>, replied: Replied, held: Held) -> Body {
        if asks_for_upgrade(request) {
            return Body::Upgrade(Box::new(Self {
                replied,
                held,
                work: Work::Request,
            }));
        }
        let deadline = Deadline::after(request.conf().proxy.read_timeout);
        Body::Source(Box::new(Silence {
            request: request.clone(),
            deadline,
            _replied: replied,
            _held: held,
        }))
    }

    /// What follows the 200 to a CONNECT.
    pub fn tunnel(replied: Replied, held: Held) -> Self {
        Self {
            replied,
            held,
            work: Work::Tunnel,
        }
    }

    fn settings(&self, request: &Request) -> Settings {
        let conf = request.conf();
        let (idle, send_upstream, websocket) = match self.work {
            Work::Request => (
                conf.proxy.tunnel_idle(),
                conf.proxy.send_timeout,
                conf.proxy.websocket_settings(),
            ),
            Work::Tunnel => (
                Some(conf.tunnel.read_timeout),
                conf.tunnel.send_timeout,
                None,
            ),
        };
        Settings {
            times: Timeouts {
                idle,
                send_downstream: Some(conf.core.send_timeout),
                send_upstream: Some(send_upstream),
            },
            half_close: false,
            websocket,
            to_upstream: Vec::new(),
            to_downstream: self.replied.rest.to_vec(),
        }
    }
}

impl Takeover for Upgrade {
    fn prepare(self: Box<Self>, request: &Rc<Request>) -> Box<dyn FnOnce(Connection)> {
        let settings = self.settings(request);
        let start = Start {
            settings,
            upstream: self.replied.connection.stream,
            lease: self.held.into_lease(),
            log: LogLater::new(request),
            thread: request.generation.thread.clone(),
            generation: request.generation.number,
            policy: match self.work {
                Work::Request => request.conf().proxy.websocket_reload,
                Work::Tunnel => Policy::Keep,
            },
            work: self.work,
        };
        Box::new(move |conn| start.run(conn))
    }
}

struct Start {
    settings: Settings,
    upstream: net::Stream,
    lease: Option<Lease>,
    log: LogLater,
    thread: Rc<Thread>,
    generation: u64,
    policy: Policy,
    work: Work,
}

impl Start {
    fn run(self, conn: Connection) {
        let Connection {
            stream, buf, load, ..
        } = conn;
        let mut settings = self.settings;
        settings.to_upstream = buf.into_inner().to_vec();
        let entry = self.thread.tunnels.enter(self.policy, self.generation);
        let tunnel = Tunnel::new(stream, self.upstream, settings, entry);
        let end = Box::new(End {
            lease: self.lease,
            log: self.log,
            load,
            thread: self.thread,
            work: self.work,
        });
        tunnel.spawn(move |ended| end.run(&ended));
    }
}

/// What is done when a tunnel has ended.
struct End {
    /// The tunnel counts as a request in progress to its peer.
    lease: Option<Lease>,
    log: LogLater,
    load: Load,
    thread: Rc<Thread>,
    work: Work,
}

impl End {
    fn run(self, ended: &TunnelEnd) {
        if let Reason::IdleTimeout = ended.reason {
            let remedy = match self.work {
                Work::Request => {
                    "; \"proxy_read_timeout\" ended a silent tunnel: use \"websocket on;\" to keep \
                     it alive"
                }
                Work::Tunnel => "; \"tunnel_read_timeout\" ended a silent tunnel",
            };
            let message = "upstream timed out (110: Connection timed out) while proxying upgraded \
                           connection";
            self.log.error(Level::Error, &format!("{message}{remedy}"));
        }
        self.log.write(&ended.traffic);
        drop((self.lease, self.load));
        self.thread.tunnel_ended();
    }
}

/// The body of a 101 that nobody asked for: nothing, until the upstream's time is over.
struct Silence {
    request: Rc<Request>,
    deadline: Deadline,
    _replied: Replied,
    _held: Held,
}

impl Source for Silence {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<Chunk>>> {
        self.deadline.poll_expired(cx).map(|()| {
            self.request.log(
                Level::Error,
                format_args!(
                    "upstream timed out (110: Connection timed out) while reading upstream"
                ),
            );
            Err(io::ErrorKind::TimedOut.into())
        })
    }
}
