//! `ngx_http_proxy_module`: its directives; the work is done in `proxy/`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use net::tunnel::{Policy, WebSocket};
use proto::h1::FieldName;
use script::Template;

use crate::config::UpstreamId;
use crate::proxy::cookie::{CookieRule, FlagRule};
use crate::proxy::redirect::Redirect;
use crate::proxy::rules::{Bind, Rules};
use crate::proxy::target::Url;
use crate::request::Request;
use crate::settings::settings;
use crate::temp_file::TempPath;

mod directives;
mod setters;
pub mod ssl;

pub use directives::MODULE;
pub use setters::{bind_of, next_upstream_of, origins};

settings! {
    /// Where requests go.
    pass: Option<Pass> = None, unnamed;
    /// The version spoken to the upstream.
    http_version: HttpVersion = HttpVersion::Http11, inherit;
    /// The method of the request.
    method: Option<Template> = None, inherit;
    /// Fields to set; an empty value removes one.
    set_headers: Vec<(Bytes, Template)> = Vec::new(), inherit;
    /// A body in place of the client's.
    set_body: Option<Template> = None, inherit;
    /// Whether the client's fields are passed on.
    pass_request_headers: bool = true, inherit;
    /// Whether the client's body is passed on.
    pass_request_body: bool = true, inherit;
    /// Whether the client's body is read before the upstream is asked.
    request_buffering: bool = true, inherit;
    /// Whether the answer is read as fast as it comes.
    buffering: bool = true, inherit;
    /// Room for the head of an answer, in bytes.
    buffer_size: u64 = 4096, inherit;
    /// Number and size of buffers for the body.
    buffers: (u64, u64) = (8, 4096), inherit;
    /// How much of an answer may go to a temporary file.
    max_temp_file_size: u64 = 1 << 30, inherit;
    /// Where those files are.
    temp_path: TempPath = TempPath::new("proxy_temp".into()), inherit;
    /// Time to connect.
    connect_timeout: Duration = Duration::from_secs(60), inherit;
    /// Time between two writes to the upstream.
    send_timeout: Duration = Duration::from_secs(60), inherit;
    /// Time between two reads from the upstream.
    read_timeout: Duration = Duration::from_secs(60), inherit;
    /// Which failures lead to the next peer.
    next_upstream: NextUpstream = NextUpstream::default(), inherit;
    /// How many peers may be asked; 0 is no limit.
    next_upstream_tries: u64 = 0, inherit;
    /// Time in which peers may be asked; 0 is no limit.
    next_upstream_timeout: Duration = Duration::ZERO, inherit;
    /// Fields of answers that are hidden beside the usual ones.
    hide_headers: Vec<Vec<u8>> = Vec::new(), inherit;
    /// Fields of answers that are shown though usually hidden.
    pass_headers: Vec<Vec<u8>> = Vec::new(), inherit;
    /// Fields of answers that have no effect here.
    ignore_headers: Vec<Ignored> = Vec::new(), inherit;
    /// How redirects of the upstream are rewritten.
    redirects: Arc<Vec<Redirect>> = Arc::new(vec![Redirect::Default]), inherit;
    /// How domains of cookies are rewritten.
    cookie_domains: Arc<Vec<CookieRule>> = Arc::default(), inherit;
    /// How paths of cookies are rewritten.
    cookie_paths: Arc<Vec<CookieRule>> = Arc::default(), inherit;
    /// Flags that cookies get or lose.
    cookie_flags: Arc<Vec<FlagRule>> = Arc::default(), inherit;
    /// Whether error statuses of the upstream lead to our error pages.
    intercept_errors: bool = false, inherit;
    /// The address that connections come from.
    bind: Option<Bind> = None, inherit;
    /// TCP keepalive to the upstream.
    socket_keepalive: bool = false, inherit;
    /// Room in the kernel for what was received, in bytes; 0 is the system's.
    socket_rcvbuf: u64 = 0, inherit;
    /// Room in the kernel for what is to be sent, in bytes; 0 is the system's.
    socket_sndbuf: u64 = 0, inherit;
    /// The name that TLS is spoken with, if it is another one than that of `proxy_pass`.
    ssl_name: Option<Template> = None, inherit;
    /// Whether that name is sent.
    ssl_server_name: bool = false, inherit;
    /// Whether the upstream is asked on when the client has gone.
    ignore_client_abort: bool = false, inherit;
    /// Whether trailers are passed on.
    pass_trailers: bool = false, inherit;
    /// Whether parts of an answer may be asked for, whatever the upstream says.
    force_ranges: bool = false, inherit;
    /// Where answers are kept as files, if they are.
    store: Option<Store> = None, inherit;
    /// Who may read and write those files.
    store_access: u32 = 0o600, inherit;
    /// How many bytes of an answer are read in a second; 0 is no limit.
    limit_rate: Template = Template::default(), inherit;
    /// Whether upgrades are forwarded without further configuration.
    websocket: bool = false, inherit;
    /// How often a silent WebSocket is pinged; zero is never.
    websocket_ping: Duration = Duration::from_secs(20), inherit;
    /// The longest message that a browser may send; 0 is no limit.
    websocket_max_message: u64 = 0, inherit;
    /// Which pages may open a WebSocket.
    websocket_origin: Origins = Origins::Any, inherit;
    /// What happens to tunnels at reload.
    websocket_reload: Policy = Policy::Keep, inherit;
}

/// `proxy_pass`
#[derive(Debug, Clone)]
pub enum Pass {
    /// A group that is known when the configuration is loaded.
    Static {
        /// The group.
        upstream: UpstreamId,
        /// The URL.
        url: Arc<Url>,
    },
    /// A URL with variables.
    Dynamic(Template),
}

/// `proxy_store`
#[derive(Debug, Clone)]
pub enum Store {
    /// Where a file for the request's path would be.
    Uri,
    /// At this path.
    Path(Template),
}

/// `proxy_http_version`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersion {
    /// 1.0
    Http10,
    /// 1.1
    Http11,
}

/// A failure, as `proxy_next_upstream` names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// No connection, or it was closed.
    Error,
    /// Too slow.
    Timeout,
    /// Not an answer.
    InvalidHeader,
    /// 403
    Http403,
    /// 404
    Http404,
    /// 429
    Http429,
    /// 500
    Http500,
    /// 502
    Http502,
    /// 503
    Http503,
    /// 504
    Http504,
    /// Not a failure of its own: methods that may not be repeated are repeated.
    NonIdempotent,
    /// The client failed.
    Client,
}

impl Failure {
    /// The failure that a status may be.
    pub fn of_status(status: u16) -> Option<Self> {
        Some(match status {
            403 => Failure::Http403,
            404 => Failure::Http404,
            429 => Failure::Http429,
            500 => Failure::Http500,
            502 => Failure::Http502,
            503 => Failure::Http503,
            504 => Failure::Http504,
            _ => return None,
        })
    }

    fn of_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"error" => Failure::Error,
            b"timeout" => Failure::Timeout,
            b"invalid_header" => Failure::InvalidHeader,
            b"non_idempotent" => Failure::NonIdempotent,
            b"http_403" => Failure::Http403,
            b"http_404" => Failure::Http404,
            b"http_429" => Failure::Http429,
            b"http_500" => Failure::Http500,
            b"http_502" => Failure::Http502,
            b"http_503" => Failure::Http503,
            b"http_504" => Failure::Http504,
            _ => return None,
        })
    }
}

/// `proxy_next_upstream`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NextUpstream(u16);

impl Default for NextUpstream {
    fn default() -> Self {
        NextUpstream(0).with(Failure::Error).with(Failure::Timeout)
    }
}

impl NextUpstream {
    fn with(self, failure: Failure) -> Self {
        Self(self.0 | 1 << failure as u16)
    }

    /// Whether this failure leads to the next peer.
    pub fn has(self, failure: Failure) -> bool {
        self.0 & 1 << failure as u16 != 0
    }
}

/// `proxy_ignore_headers`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ignored {
    /// `X-Accel-Redirect`
    AccelRedirect,
    /// `X-Accel-Limit-Rate`
    AccelLimitRate,
    /// `X-Accel-Buffering`
    AccelBuffering,
    /// `X-Accel-Charset`
    AccelCharset,
    /// A field that has no effect here anyway.
    Other,
}

/// Which pages may open a WebSocket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// All.
    Any,
    /// Those of the host that the client asks for.
    Same,
    /// These.
    List(Vec<String>),
}

impl Conf {
    /// How many bytes of an answer are kept in memory ahead of the client.
    pub fn buffers_bytes(&self) -> u64 {
        self.buffers.0 * self.buffers.1
    }

    /// Whether a field of an answer is one of those without effect.
    pub fn ignores(&self, field: Ignored) -> bool {
        self.ignore_headers.contains(&field)
    }

    /// Whether a field of an answer is not shown to the client.
    pub fn hides(&self, known: Option<FieldName>, name: &[u8]) -> bool {
        let among = |list: &[Vec<u8>]| list.iter().any(|hidden| hidden.eq_ignore_ascii_case(name));
        let usual = matches!(
            known,
            Some(
                FieldName::Date
                    | FieldName::Server
                    | FieldName::XPad
                    | FieldName::XAccelExpires
                    | FieldName::XAccelRedirect
                    | FieldName::XAccelLimitRate
                    | FieldName::XAccelBuffering
                    | FieldName::XAccelCharset
            )
        );
        (usual && !among(&self.pass_headers)) || among(&self.hide_headers)
    }

    /// What decides about connecting and about the next peer.
    pub fn rules(&self) -> Rules<'_> {
        Rules {
            bind: self.bind.as_ref(),
            connect_timeout: self.connect_timeout,
            socket_keepalive: self.socket_keepalive,
            socket_buffers: (self.socket_rcvbuf, self.socket_sndbuf),
            next_upstream: self.next_upstream,
            tries: self.next_upstream_tries,
            timeout: self.next_upstream_timeout,
        }
    }

    /// How long a tunnel may be silent; a `websocket on` tunnel is pinged instead.
    pub fn tunnel_idle(&self) -> Option<Duration> {
        match self.websocket {
            true => None,
            false => Some(self.read_timeout),
        }
    }

    /// How the frames of a tunnel are followed, if they are.
    pub fn websocket_settings(&self) -> Option<WebSocket> {
        self.websocket.then(|| WebSocket {
            ping: Some(self.websocket_ping).filter(|ping| !ping.is_zero()),
            message_max: Some(self.websocket_max_message).filter(|&max| max > 0),
        })
    }
}

impl Origins {
    /// Whether a page of this origin may open a WebSocket. A request without one does not come from
    /// a browser's page.
    pub fn allow(&self, request: &Request) -> bool {
        let Some(origin) = request.header(FieldName::Origin) else {
            return true;
        };
        let origin = String::from_utf8_lossy(origin).to_lowercase();
        let host = origin
            .split_once("://")
            .map_or(&origin[..], |(_, host)| host);
        match self {
            Origins::Any => true,
            Origins::Same => {
                let own = request.header(FieldName::Host).unwrap_or_default();
                own.eq_ignore_ascii_case(host.as_bytes())
            }
            Origins::List(list) => list.iter().any(|allowed| {
                *allowed == origin
                    || allowed == host
                    || allowed == host.split(':').next().unwrap_or(host)
            }),
        }
    }
}
