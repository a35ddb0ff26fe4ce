//! From `101 Switching Protocols` to a tunnel (nginx's `ngx_http_upstream_upgrade`, RFC 9110 §7.8).
//!
//! The tunnel is a task of its own: request, configuration and connection state are dropped when it
//! starts; what the log wants to know at the end was written down before.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};

use ::upstream::Lease;
use net::Deadline;
use net::log::Level;
use net::tunnel::{Reason, Settings, Timeouts, Tunnel, TunnelEnd};

use super::exchange::Replied;
use super::held::Held;
use crate::connection::Connection;
use crate::downstream::head::asks_for_upgrade;
use crate::log_later::LogLater;
use crate::request::Request;
use crate::response::{Body, Chunk, Source, Takeover};
use crate::thread::{Load, Thread};

/// An upstream that switched protocols.
pub struct Upgrade {
    replied: Replied,
    held: Held,
}

impl Upgrade {
    /// The body of a 101: a tunnel if the client asked for one, otherwise nothing, for as long as
    /// an upstream may be silent.
    pub fn body(request: &Rc<Request>, replied: Replied, held: Held) -> Body {
        if asks_for_upgrade(request) {
            return Body::Upgrade(Box::new(Self { replied, held }));
        }
        let deadline = Deadline::after(request.conf().proxy.read_timeout);
        Body::Source(Box::new(Silence {
            request: request.clone(),
            deadline,
            _replied: replied,
            _held: held,
        }))
    }
}

impl Takeover for Upgrade {
    fn prepare(self: Box<Self>, request: &Rc<Request>) -> Box<dyn FnOnce(Connection)> {
        let conf = &request.conf().proxy;
        let settings = Settings {
            times: Timeouts {
                idle: conf.tunnel_idle(),
                send_downstream: Some(request.conf().core.send_timeout),
                send_upstream: Some(conf.send_timeout),
            },
            half_close: false,
            websocket: conf.websocket_settings(),
            to_upstream: Vec::new(),
            to_downstream: self.replied.rest.to_vec(),
        };
        let start = Start {
            settings,
            upstream: self.replied.connection.stream,
            lease: self.held.into_lease(),
            log: LogLater::new(request),
            thread: request.generation.thread.clone(),
            generation: request.generation.number,
            policy: conf.websocket_reload,
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
    policy: net::tunnel::Policy,
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
}

impl End {
    fn run(self, ended: &TunnelEnd) {
        if let Reason::IdleTimeout = ended.reason {
            self.log.error(
                Level::Error,
                "upstream timed out (110: Connection timed out) while proxying upgraded \
                 connection; \"proxy_read_timeout\" ended a silent tunnel: use \"websocket on;\" to \
                 keep it alive",
            );
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
