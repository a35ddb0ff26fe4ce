//! `ngx_http_proxy_module`: its directives; the work is done in `proxy/`.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conf::{Arity, Diagnostic, Directive, Item, value};
use net::Addr;
use net::tunnel::{Policy, WebSocket};
use proto::h1::FieldName;
use script::Template;

use crate::config::UpstreamId;
use crate::draft::{Level, Matcher};
use crate::module::{ANY, Cx, Done, LIMIT_EXCEPT, LOCATION, LOCATION_IF, Module, Set, doc, store};
use crate::modules::core::{Handler, temp_path};
use crate::modules::variables::builtin;
use crate::proxy::cookie::{CookieName, CookieRule, FlagRule};
use crate::proxy::redirect::Redirect;
use crate::proxy::target::Url;
use crate::request::Request;
use crate::settings::{LevelKind, settings};
use crate::temp_file::TempPath;

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
    bind: Option<Template> = None, inherit;
    /// TCP keepalive to the upstream.
    socket_keepalive: bool = false, inherit;
    /// Whether the upstream is asked on when the client has gone.
    ignore_client_abort: bool = false, inherit;
    /// Whether trailers are passed on.
    pass_trailers: bool = false, inherit;
    /// Whether parts of an answer may be asked for, whatever the upstream says.
    force_ranges: bool = false, inherit;
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
    pub fn hides(&self, name: &[u8]) -> bool {
        let among = |list: &[Vec<u8>]| list.iter().any(|hidden| hidden.eq_ignore_ascii_case(name));
        let usual = matches!(
            FieldName::from_bytes(name),
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

    /// The address that connections come from.
    pub fn bind_addr(&self, request: &Request) -> Option<Addr> {
        let text = request.eval(self.bind.as_ref()?);
        let text = std::str::from_utf8(&text).ok()?;
        let ip = text
            .parse()
            .map(|ip: std::net::IpAddr| std::net::SocketAddr::new(ip, 0));
        ip.or_else(|_| text.parse()).ok().map(Addr::from)
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

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_proxy_module",
    directives: &[
        Directive::new(
            "proxy_pass",
            LOCATION.or(LOCATION_IF).or(LIMIT_EXCEPT),
            Arity::Exactly(1),
            Set::Level(proxy_pass),
            doc(
                "proxy_pass URL;",
                "",
                "Passes requests to another server. A URI in the URL takes the place of the location's name.",
            ),
        ),
        Directive::new(
            "proxy_http_version",
            ANY,
            Arity::Exactly(1),
            Set::Level(http_version),
            doc(
                "proxy_http_version 1.0 | 1.1;",
                "proxy_http_version 1.1;",
                "The version spoken to the upstream.",
            ),
        ),
        Directive::new(
            "proxy_method",
            ANY,
            Arity::Exactly(1),
            store!(optional template proxy.method),
            doc(
                "proxy_method method;",
                "",
                "A method in place of the client's.",
            ),
        ),
        Directive::new(
            "proxy_set_header",
            ANY,
            Arity::Exactly(2),
            Set::Level(set_header),
            doc(
                "proxy_set_header field value;",
                "proxy_set_header Host $proxy_host;",
                "Sets a field of the request to the upstream; an empty value removes it.",
            ),
        ),
        Directive::new(
            "proxy_set_body",
            ANY,
            Arity::Exactly(1),
            store!(optional template proxy.set_body),
            doc(
                "proxy_set_body value;",
                "",
                "A body in place of the client's.",
            ),
        ),
        Directive::new(
            "proxy_pass_request_headers",
            ANY,
            Arity::Flag,
            store!(flag proxy.pass_request_headers),
            doc(
                "proxy_pass_request_headers on | off;",
                "proxy_pass_request_headers on;",
                "Whether the client's fields are passed on.",
            ),
        ),
        Directive::new(
            "proxy_pass_request_body",
            ANY,
            Arity::Flag,
            store!(flag proxy.pass_request_body),
            doc(
                "proxy_pass_request_body on | off;",
                "proxy_pass_request_body on;",
                "Whether the client's body is passed on.",
            ),
        ),
        Directive::new(
            "proxy_request_buffering",
            ANY,
            Arity::Flag,
            store!(flag proxy.request_buffering),
            doc(
                "proxy_request_buffering on | off;",
                "proxy_request_buffering on;",
                "Whether the client's body is read as a whole before the upstream is asked.",
            ),
        ),
        Directive::new(
            "proxy_buffering",
            ANY,
            Arity::Flag,
            store!(flag proxy.buffering),
            doc(
                "proxy_buffering on | off;",
                "proxy_buffering on;",
                "Whether an answer is read as fast as the upstream gives it.",
            ),
        ),
        Directive::new(
            "proxy_buffer_size",
            ANY,
            Arity::Exactly(1),
            store!(size proxy.buffer_size),
            doc(
                "proxy_buffer_size size;",
                "proxy_buffer_size 4k;",
                "Room for the head of an answer.",
            ),
        ),
        Directive::new(
            "proxy_buffers",
            ANY,
            Arity::Exactly(2),
            Set::Level(|item, level, _| {
                let value = (item.number(0)?, item.size(1)?);
                item.once(&mut level.drafts.proxy.buffers, value)
            }),
            doc(
                "proxy_buffers number size;",
                "proxy_buffers 8 4k;",
                "How much of an answer is kept in memory for a slow client.",
            ),
        ),
        Directive::inert(
            "proxy_busy_buffers_size",
            ANY,
            Arity::Exactly(1),
            Set::Nothing,
            doc("proxy_busy_buffers_size size;", "", "No effect."),
            "what is there is sent",
        ),
        Directive::new(
            "proxy_max_temp_file_size",
            ANY,
            Arity::Exactly(1),
            store!(size proxy.max_temp_file_size),
            doc(
                "proxy_max_temp_file_size size;",
                "proxy_max_temp_file_size 1024m;",
                "How much of an answer is kept in a file for a slow client; 0 is none.",
            ),
        ),
        Directive::inert(
            "proxy_temp_file_write_size",
            ANY,
            Arity::Exactly(1),
            Set::Nothing,
            doc("proxy_temp_file_write_size size;", "", "No effect."),
            "what was read is written at once",
        ),
        Directive::new(
            "proxy_temp_path",
            ANY,
            Arity::Between(1, 4),
            Set::Level(|item, level, cx| {
                let path = temp_path(item, cx)?;
                item.once(&mut level.drafts.proxy.temp_path, path)
            }),
            doc(
                "proxy_temp_path path [level1 [level2 [level3]]];",
                "proxy_temp_path proxy_temp;",
                "The folder for files of answers.",
            ),
        ),
        Directive::new(
            "proxy_connect_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time proxy.connect_timeout),
            doc(
                "proxy_connect_timeout time;",
                "proxy_connect_timeout 60s;",
                "Time in which a connection to the upstream must be made.",
            ),
        ),
        Directive::new(
            "proxy_send_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time proxy.send_timeout),
            doc(
                "proxy_send_timeout time;",
                "proxy_send_timeout 60s;",
                "The longest time in which the upstream takes nothing.",
            ),
        ),
        Directive::new(
            "proxy_read_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time proxy.read_timeout),
            doc(
                "proxy_read_timeout time;",
                "proxy_read_timeout 60s;",
                "The longest silence of the upstream; of both sides in a tunnel.",
            ),
        ),
        Directive::new(
            "proxy_next_upstream",
            ANY,
            Arity::AtLeast(1),
            Set::Level(next_upstream),
            doc(
                "proxy_next_upstream error | timeout | invalid_header | http_500 | … | non_idempotent | off …;",
                "proxy_next_upstream error timeout;",
                "Which failures lead to the next server of the group.",
            ),
        ),
        Directive::new(
            "proxy_next_upstream_tries",
            ANY,
            Arity::Exactly(1),
            store!(number proxy.next_upstream_tries),
            doc(
                "proxy_next_upstream_tries number;",
                "proxy_next_upstream_tries 0;",
                "How many servers may be asked; 0 is no limit.",
            ),
        ),
        Directive::new(
            "proxy_next_upstream_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time proxy.next_upstream_timeout),
            doc(
                "proxy_next_upstream_timeout time;",
                "proxy_next_upstream_timeout 0;",
                "Time in which servers may be asked; 0 is no limit.",
            ),
        ),
        Directive::new(
            "proxy_hide_header",
            ANY,
            Arity::Exactly(1),
            Set::Level(|item, level, _| {
                let name = item.arg(0)?.text.clone();
                level
                    .drafts
                    .proxy
                    .hide_headers
                    .get_or_insert_default()
                    .push(name);
                Ok(())
            }),
            doc(
                "proxy_hide_header field;",
                "",
                "Hides a field of answers from clients.",
            ),
        ),
        Directive::new(
            "proxy_pass_header",
            ANY,
            Arity::Exactly(1),
            Set::Level(|item, level, _| {
                let name = item.arg(0)?.text.clone();
                level
                    .drafts
                    .proxy
                    .pass_headers
                    .get_or_insert_default()
                    .push(name);
                Ok(())
            }),
            doc(
                "proxy_pass_header field;",
                "",
                "Shows a field that is usually hidden: Date, Server, X-Pad, X-Accel-….",
            ),
        ),
        Directive::new(
            "proxy_ignore_headers",
            ANY,
            Arity::AtLeast(1),
            Set::Level(ignore_headers),
            doc(
                "proxy_ignore_headers field …;",
                "",
                "Fields of answers that have no effect.",
            ),
        ),
        Directive::new(
            "proxy_redirect",
            ANY,
            Arity::Between(1, 2),
            Set::Level(redirect),
            doc(
                "proxy_redirect default | off | redirect replacement;",
                "proxy_redirect default;",
                "How Location and Refresh of the upstream are rewritten.",
            ),
        ),
        Directive::new(
            "proxy_cookie_domain",
            ANY,
            Arity::Between(1, 2),
            Set::Level(|item, level, cx| {
                cookie_rule(
                    item,
                    cx,
                    |level| &mut level.drafts.proxy.cookie_domains,
                    level,
                )
            }),
            doc(
                "proxy_cookie_domain off | domain replacement;",
                "proxy_cookie_domain off;",
                "Rewrites the domain of cookies.",
            ),
        ),
        Directive::new(
            "proxy_cookie_path",
            ANY,
            Arity::Between(1, 2),
            Set::Level(|item, level, cx| {
                cookie_rule(
                    item,
                    cx,
                    |level| &mut level.drafts.proxy.cookie_paths,
                    level,
                )
            }),
            doc(
                "proxy_cookie_path off | path replacement;",
                "proxy_cookie_path off;",
                "Rewrites the path of cookies.",
            ),
        ),
        Directive::new(
            "proxy_cookie_flags",
            ANY,
            Arity::AtLeast(1),
            Set::Level(cookie_flags),
            doc(
                "proxy_cookie_flags off | cookie [flag …];",
                "proxy_cookie_flags off;",
                "Sets or removes flags of cookies: secure, httponly, samesite=…, and no… of each.",
            ),
        ),
        Directive::new(
            "proxy_intercept_errors",
            ANY,
            Arity::Flag,
            store!(flag proxy.intercept_errors),
            doc(
                "proxy_intercept_errors on | off;",
                "proxy_intercept_errors off;",
                "Whether error_page applies to statuses of the upstream.",
            ),
        ),
        Directive::new(
            "proxy_bind",
            ANY,
            Arity::Between(1, 2),
            Set::Level(bind),
            doc(
                "proxy_bind address | off;",
                "",
                "The local address that connections to the upstream come from.",
            ),
        ),
        Directive::new(
            "proxy_socket_keepalive",
            ANY,
            Arity::Flag,
            store!(flag proxy.socket_keepalive),
            doc(
                "proxy_socket_keepalive on | off;",
                "proxy_socket_keepalive off;",
                "Whether connections to the upstream have TCP keepalive.",
            ),
        ),
        Directive::new(
            "proxy_ignore_client_abort",
            ANY,
            Arity::Flag,
            store!(flag proxy.ignore_client_abort),
            doc(
                "proxy_ignore_client_abort on | off;",
                "proxy_ignore_client_abort off;",
                "Whether the upstream is asked on when the client has gone.",
            ),
        ),
        Directive::new(
            "proxy_force_ranges",
            ANY,
            Arity::Flag,
            store!(flag proxy.force_ranges),
            doc(
                "proxy_force_ranges on | off;",
                "proxy_force_ranges off;",
                "Whether a part of any answer may be asked for, even if the upstream offers none.",
            ),
        ),
        Directive::new(
            "proxy_pass_trailers",
            ANY,
            Arity::Flag,
            store!(flag proxy.pass_trailers),
            doc(
                "proxy_pass_trailers on | off;",
                "proxy_pass_trailers off;",
                "Whether trailer fields are passed on.",
            ),
        ),
        Directive::inert(
            "proxy_headers_hash_max_size",
            ANY,
            Arity::Exactly(1),
            Set::Nothing,
            doc("proxy_headers_hash_max_size size;", "", "No effect."),
            "tables grow as they need",
        ),
        Directive::inert(
            "proxy_headers_hash_bucket_size",
            ANY,
            Arity::Exactly(1),
            Set::Nothing,
            doc("proxy_headers_hash_bucket_size size;", "", "No effect."),
            "tables grow as they need",
        ),
        Directive::new(
            "websocket",
            ANY,
            Arity::Flag,
            store!(flag proxy.websocket),
            doc(
                "websocket on | off;",
                "websocket off;",
                "Forwards WebSockets without further configuration: the upgrade is passed on, a silent tunnel is kept alive by pings, a dead peer is found and closed.",
            ),
        ),
        Directive::new(
            "websocket_ping",
            ANY,
            Arity::Exactly(1),
            store!(time proxy.websocket_ping),
            doc(
                "websocket_ping time;",
                "websocket_ping 20s;",
                "How often a silent WebSocket is pinged; 0 is never.",
            ),
        ),
        Directive::new(
            "websocket_max_message",
            ANY,
            Arity::Exactly(1),
            store!(size proxy.websocket_max_message),
            doc(
                "websocket_max_message size;",
                "websocket_max_message 0;",
                "The longest message that a browser may send; 0 is no limit.",
            ),
        ),
        Directive::new(
            "websocket_origin",
            ANY,
            Arity::AtLeast(1),
            Set::Level(|item, level, _| {
                let value = origins(item)?;
                item.once(&mut level.drafts.proxy.websocket_origin, value)
            }),
            doc(
                "websocket_origin any | same | host …;",
                "websocket_origin any;",
                "Which pages may open a WebSocket; others get 403.",
            ),
        ),
        Directive::new(
            "websocket_reload",
            ANY,
            Arity::Between(1, 2),
            Set::Level(websocket_reload),
            doc(
                "websocket_reload keep | drain | cut [jitter=time];",
                "websocket_reload keep;",
                "What happens to tunnels when the configuration is reloaded.",
            ),
        ),
    ],
    variables: &[
        builtin(
            "proxy_host",
            |request, out| {
                let target = request.proxy_target();
                target.is_some_and(|target| {
                    out.extend_from_slice(&target.host);
                    true
                })
            },
            "Host and port of proxy_pass.",
        ),
        builtin(
            "proxy_port",
            |request, out| {
                let target = request.proxy_target();
                target.is_some_and(|target| {
                    out.extend_from_slice(&target.port);
                    true
                })
            },
            "Port of proxy_pass.",
        ),
        builtin(
            "proxy_add_x_forwarded_for",
            |request, out| {
                let mut first = true;
                for field in request.head.fields.all(FieldName::XForwardedFor) {
                    if !std::mem::take(&mut first) {
                        out.extend_from_slice(b", ");
                    }
                    out.extend_from_slice(field.value.of(&request.buf));
                }
                if !first {
                    out.extend_from_slice(b", ");
                }
                out.extend_from_slice(request.conn.client_text().as_bytes());
                true
            },
            "X-Forwarded-For with the client's address added.",
        ),
    ],
};

fn proxy_pass(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    if level.drafts.proxy.pass.is_some() {
        return Err(item.duplicate());
    }
    level.drafts.core.handler = Some(Handler::Proxy);
    let text = item.text(0)?;
    if text.contains('$') {
        let template = cx.template(item, 0)?;
        level.drafts.proxy.pass = Some(Some(Pass::Dynamic(template)));
        return Ok(());
    }
    let word = item.arg(0)?;
    let url = Url::parse(text).map_err(|message| item.error(message).at(word.span))?;
    let unnamed = level.kind == LevelKind::Unnamed || level.by_regex;
    let named = matches!(level.matcher, Matcher::Named);
    if url.uri.is_some() && (unnamed || named) {
        return Err(item.error(
            "\"proxy_pass\" cannot have URI part in location given by regular expression, or inside \
             named location, or inside \"if\" statement, or inside \"limit_except\" block",
        ));
    }
    let upstream = cx.upstreams.use_name(&url.authority, url.port, word.span);
    level.drafts.proxy.pass = Some(Some(Pass::Static {
        upstream,
        url: Arc::new(url),
    }));
    Ok(())
}

fn http_version(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let version = match item.text(0)? {
        "1.0" => HttpVersion::Http10,
        "1.1" => HttpVersion::Http11,
        "2" => return Err(item.error("HTTP/2 to upstreams is not supported yet")),
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.proxy.http_version, version)
}

fn set_header(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let name = Bytes::from(item.arg(0)?.text.clone());
    let value = cx.template(item, 1)?;
    level
        .drafts
        .proxy
        .set_headers
        .get_or_insert_default()
        .push((name, value));
    Ok(())
}

fn next_upstream(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let mut value = NextUpstream(0);
    for word in &item.args {
        match Failure::of_name(&word.text) {
            Some(failure) => value = value.with(failure),
            None if matches!(&word.text[..], b"off" | b"updating") => {}
            None => return Err(item.invalid(word)),
        }
    }
    item.once(&mut level.drafts.proxy.next_upstream, value)
}

fn ignore_headers(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let ignored = level.drafts.proxy.ignore_headers.get_or_insert_default();
    for word in &item.args {
        ignored.push(match &word.text[..] {
            b"X-Accel-Redirect" => Ignored::AccelRedirect,
            b"X-Accel-Limit-Rate" => Ignored::AccelLimitRate,
            b"X-Accel-Buffering" => Ignored::AccelBuffering,
            b"X-Accel-Expires" | b"X-Accel-Charset" | b"Expires" | b"Cache-Control"
            | b"Set-Cookie" | b"Vary" => Ignored::Other,
            _ => return Err(item.invalid(word)),
        });
    }
    Ok(())
}

fn redirect(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let rule = match (&item.arg(0)?.text[..], item.args.len()) {
        (b"off", 1) => {
            level.drafts.proxy.redirects = Some(Arc::default());
            return Ok(());
        }
        (b"default", 1) => match &level.drafts.proxy.pass {
            None | Some(None) => {
                return Err(item.error(
                        "\"proxy_redirect default\" should be placed after the \"proxy_pass\" directive",
                    ));
            }
            Some(Some(Pass::Dynamic(_))) => {
                return Err(item.error(
                        "\"proxy_redirect default\" cannot be used with \"proxy_pass\" directive with variables",
                    ));
            }
            Some(Some(Pass::Static { .. })) => Redirect::Default,
        },
        (_, 1) => return Err(item.invalid_parameter(item.arg(0)?)),
        ([b'~', pattern @ ..], _) => {
            let (regex, names) = pattern_of(item, pattern, cx)?;
            Redirect::Regex(regex, names, cx.template(item, 1)?)
        }
        _ => Redirect::Prefix(cx.template(item, 0)?, cx.template(item, 1)?),
    };
    push_shared(&mut level.drafts.proxy.redirects, rule);
    Ok(())
}

/// An expression behind `~`; another star makes it caseless.
fn pattern_of(
    item: &Item,
    pattern: &[u8],
    cx: &mut Cx<'_>,
) -> Result<(script::Regex, Vec<(script::VarId, usize)>), Diagnostic> {
    match pattern.strip_prefix(b"*") {
        Some(pattern) => super::location::regex(item, pattern, true, cx),
        None => super::location::regex(item, pattern, false, cx),
    }
}

/// Adds to a list that is shared once it is compiled.
fn push_shared<T>(list: &mut Option<Arc<Vec<T>>>, value: T) {
    let list = list.get_or_insert_default();
    // The draft holds the only reference until it is compiled.
    if let Some(list) = Arc::get_mut(list) {
        list.push(value);
    }
}

type CookieRules = Option<Arc<Vec<CookieRule>>>;

fn cookie_rule(
    item: &Item,
    cx: &mut Cx<'_>,
    rules: fn(&mut Level) -> &mut CookieRules,
    level: &mut Level,
) -> Done {
    let first = item.arg(0)?.text.clone();
    if item.args.len() == 1 {
        if first != b"off" {
            return Err(item.invalid_parameter(item.arg(0)?));
        }
        *rules(level) = Some(Arc::default());
        return Ok(());
    }
    let to = &item.arg(1)?.text[..];
    let to = match item.name() {
        "proxy_cookie_domain" => to.strip_prefix(b".").unwrap_or(to),
        _ => to,
    };
    let to = cx.template_of(item, to)?;
    let rule = match first.strip_prefix(b"~") {
        Some(pattern) => {
            // Domains have no case.
            let caseless = item.name() == "proxy_cookie_domain" || pattern.starts_with(b"*");
            let pattern = pattern.strip_prefix(b"*").unwrap_or(pattern);
            let (regex, names) = super::location::regex(item, pattern, caseless, cx)?;
            CookieRule::Regex(regex, names, to)
        }
        None => CookieRule::Text(cx.template(item, 0)?, to),
    };
    push_shared(rules(level), rule);
    Ok(())
}

fn cookie_flags(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let first = item.arg(0)?.text.clone();
    if first == b"off" && item.args.len() == 1 {
        level.drafts.proxy.cookie_flags = Some(Arc::default());
        return Ok(());
    }
    let cookie = match first.strip_prefix(b"~") {
        Some(pattern) => {
            let (regex, names) = super::location::regex(item, pattern, true, cx)?;
            CookieName::Regex(regex, names)
        }
        None => CookieName::Text(cx.template(item, 0)?),
    };
    let mut flags = Vec::new();
    for (index, word) in item.args.iter().enumerate().skip(1) {
        let known: [&[u8]; 9] = [
            b"secure",
            b"nosecure",
            b"httponly",
            b"nohttponly",
            b"samesite=strict",
            b"samesite=lax",
            b"samesite=none",
            b"nosamesite",
            b"",
        ];
        let text = word.text.to_ascii_lowercase();
        if !word.text.contains(&b'$') && !known.contains(&&text[..]) {
            return Err(item.invalid_parameter(word));
        }
        flags.push(cx.template(item, index)?);
    }
    push_shared(
        &mut level.drafts.proxy.cookie_flags,
        FlagRule { cookie, flags },
    );
    Ok(())
}

fn bind(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    if let Some(word) = item.args.get(1) {
        return Err(match &word.text[..] {
            b"transparent" => item
                .error("\"proxy_bind … transparent\" is not supported yet")
                .at(word.span),
            _ => item.invalid_parameter(word),
        });
    }
    let value = match item.text(0)? {
        "off" => None,
        text if text.contains('$') => Some(cx.template(item, 0)?),
        text => {
            let literal = text.parse::<std::net::IpAddr>().is_ok()
                || text.parse::<std::net::SocketAddr>().is_ok();
            if !literal {
                return Err(item
                    .error(format!("invalid address \"{text}\""))
                    .at(item.args[0].span));
            }
            Some(cx.template(item, 0)?)
        }
    };
    item.once(&mut level.drafts.proxy.bind, value)
}

/// Reads the arguments of `websocket_origin` and `vnc_origin`.
pub fn origins(item: &Item) -> Result<Origins, Diagnostic> {
    match (item.text(0)?, item.args.len()) {
        ("any", 1) => Ok(Origins::Any),
        ("same", 1) => Ok(Origins::Same),
        _ => Ok(Origins::List(
            item.args
                .iter()
                .map(|word| word.display().to_lowercase())
                .collect(),
        )),
    }
}

fn websocket_reload(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let jitter = match item.args.get(1) {
        None => Duration::ZERO,
        Some(word) => word
            .text
            .strip_prefix(b"jitter=")
            .and_then(value::time)
            .ok_or_else(|| item.invalid_parameter(word))?,
    };
    let policy = match item.text(0)? {
        "keep" => Policy::Keep,
        "drain" => Policy::Drain { jitter },
        "cut" => Policy::Cut { jitter },
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.proxy.websocket_reload, policy)
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
