//! `ngx_http_upstream_module`: groups of peers.

use std::collections::HashMap;
use std::sync::Arc;

use ::upstream::keepalive::Limits;
use ::upstream::{Group, Server};
use conf::{Arity, Bundle, Diagnostic, Directive, Item, Span, directive};
use proto::h1::FieldName;
use script::Builtin;

use crate::config::{Config, Upstream, UpstreamId};
use crate::draft::Draft;
use crate::log_later::seconds;
use crate::module::{Cx, Done, HTTP, Module, Set, UPSTREAM, doc};
use crate::proxy::attempt::Attempt;
use crate::request::Request;

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_upstream_module",
    directives: &[
        Directive::block(
            "upstream",
            HTTP,
            Arity::Exactly(1),
            Set::Main(upstream),
            doc(
                "upstream name { … }",
                "",
                "A group of servers that proxy_pass can name.",
            ),
        ),
        Directive::new(
            "server",
            UPSTREAM,
            Arity::AtLeast(1),
            Set::Nothing,
            doc(
                "server address [weight=N] [max_conns=N] [max_fails=N] [fail_timeout=time] [backup] [down];",
                "",
                "A server of the group.",
            ),
        ),
        Directive::new(
            "keepalive",
            UPSTREAM,
            Arity::Between(1, 2),
            Set::Nothing,
            doc(
                "keepalive connections [local];",
                "keepalive 32 local;",
                "How many idle connections to the group each thread keeps; 0 keeps none.",
            ),
        ),
        Directive::new(
            "keepalive_requests",
            UPSTREAM,
            Arity::Exactly(1),
            Set::Nothing,
            doc(
                "keepalive_requests number;",
                "keepalive_requests 1000;",
                "How many requests one connection may carry.",
            ),
        ),
        Directive::new(
            "keepalive_time",
            UPSTREAM,
            Arity::Exactly(1),
            Set::Nothing,
            doc(
                "keepalive_time time;",
                "keepalive_time 1h;",
                "How long one connection may carry requests.",
            ),
        ),
        Directive::new(
            "keepalive_timeout",
            UPSTREAM,
            Arity::Exactly(1),
            Set::Nothing,
            doc(
                "keepalive_timeout time;",
                "keepalive_timeout 60s;",
                "How long a connection may be idle.",
            ),
        ),
        Directive::inert(
            "zone",
            UPSTREAM,
            Arity::Between(1, 2),
            Set::Nothing,
            doc(
                "zone name [size];",
                "",
                "Memory that worker processes share.",
            ),
            "the state of a group is always shared by all threads",
        ),
    ],
    variables: &[
        variable(
            "upstream_addr",
            |request, out| {
                each(request, out, |attempt, out| {
                    out.extend_from_slice(attempt.peer.as_bytes());
                })
            },
            "Addresses of the peers that were asked, separated by commas.",
        ),
        variable(
            "upstream_status",
            |request, out| {
                each(request, out, |attempt, out| match attempt.status {
                    Some(status) => out.extend(status.to_string().bytes()),
                    None => out.push(b'-'),
                })
            },
            "Statuses of their answers.",
        ),
        variable(
            "upstream_connect_time",
            |request, out| {
                each(request, out, |attempt, out| {
                    time(attempt.connect_time, out);
                })
            },
            "Seconds that connecting took.",
        ),
        variable(
            "upstream_header_time",
            |request, out| {
                each(request, out, |attempt, out| {
                    time(attempt.header_time, out);
                })
            },
            "Seconds until the head of the answer was there.",
        ),
        variable(
            "upstream_response_time",
            |request, out| {
                each(request, out, |attempt, out| {
                    time(attempt.response_time, out);
                })
            },
            "Seconds until all of the answer was there.",
        ),
        variable(
            "upstream_response_length",
            |request, out| {
                each(request, out, |attempt, out| {
                    out.extend(attempt.response_length.to_string().bytes());
                })
            },
            "Bytes of the bodies of the answers.",
        ),
        variable(
            "upstream_bytes_received",
            |request, out| {
                each(request, out, |attempt, out| {
                    out.extend(attempt.bytes_received.to_string().bytes());
                })
            },
            "Bytes received from the peers.",
        ),
        variable(
            "upstream_bytes_sent",
            |request, out| {
                each(request, out, |attempt, out| {
                    out.extend(attempt.bytes_sent.to_string().bytes());
                })
            },
            "Bytes sent to the peers.",
        ),
        super::variables::prefix(
            "upstream_http_",
            upstream_http,
            "A header field of the last answer.",
        ),
        super::variables::prefix(
            "upstream_trailer_",
            upstream_trailer,
            "A trailer field of the last answer.",
        ),
        super::variables::prefix(
            "upstream_cookie_",
            upstream_cookie,
            "A cookie that the last answer sets.",
        ),
    ],
};

const fn variable(
    name: &'static str,
    get: fn(&Request, &mut Vec<u8>) -> bool,
    doc: &'static str,
) -> Builtin<Request> {
    super::variables::builtin(name, get, doc)
}

fn each(request: &Request, out: &mut Vec<u8>, write: fn(&Attempt, &mut Vec<u8>)) -> bool {
    let attempts = request.attempts.borrow();
    for (index, attempt) in attempts.iter().enumerate() {
        if index > 0 {
            out.extend_from_slice(b", ");
        }
        write(attempt, out);
    }
    !attempts.is_empty()
}

fn time(time: Option<std::time::Duration>, out: &mut Vec<u8>) {
    match time {
        Some(time) => out.extend(seconds(time).bytes()),
        None => out.push(b'-'),
    }
}

fn upstream_http(request: &Request, name: &str, out: &mut Vec<u8>) -> bool {
    super::variables::join(request.upstream_fields.borrow().iter(), name, b", ", out)
}

fn upstream_trailer(request: &Request, name: &str, out: &mut Vec<u8>) -> bool {
    super::variables::join(request.upstream_trailers.borrow().iter(), name, b", ", out)
}

fn upstream_cookie(request: &Request, name: &str, out: &mut Vec<u8>) -> bool {
    let fields = request.upstream_fields.borrow();
    let cookies = fields.iter().filter(|field| field.is(FieldName::SetCookie));
    for cookie in cookies {
        let pair = cookie
            .value
            .split(|&byte| byte == b';')
            .next()
            .unwrap_or_default();
        let mut parts = pair.splitn(2, |&byte| byte == b'=');
        let (key, value) = (parts.next().unwrap_or_default(), parts.next());
        if trim(key).eq_ignore_ascii_case(name.as_bytes())
            && let Some(value) = value
        {
            out.extend_from_slice(trim(value));
            return true;
        }
    }
    false
}

/// Without the spaces around it; a tab is part of a cookie.
fn trim(mut text: &[u8]) -> &[u8] {
    while let Some(rest) = text.strip_prefix(b" ") {
        text = rest;
    }
    while let Some(rest) = text.strip_suffix(b" ") {
        text = rest;
    }
    text
}

/// The groups that a configuration names: by an `upstream` block, or by an address in `proxy_pass`.
#[derive(Default)]
pub struct Upstreams {
    by_name: HashMap<String, UpstreamId>,
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    default_port: u16,
    block: Option<(Vec<Server>, Limits)>,
    used_at: Span,
}

impl Upstreams {
    /// The group of that name, which may be defined later.
    pub fn use_name(&mut self, name: &str, default_port: u16, used_at: Span) -> UpstreamId {
        if let Some(&id) = self.by_name.get(name) {
            return id;
        }
        let id = UpstreamId(self.entries.len() as u32);
        self.entries.push(Entry {
            name: name.to_owned(),
            default_port,
            block: None,
            used_at,
        });
        self.by_name.insert(name.to_owned(), id);
        id
    }

    /// Makes groups of all of them.
    pub fn compile(&mut self, bundle: &Bundle) -> (Vec<Upstream>, Vec<Diagnostic>) {
        let mut errors = Vec::new();
        let mut group = |entry: &Entry| {
            let (servers, keepalive) = match &entry.block {
                Some((servers, limits)) => (servers.clone(), *limits),
                None => {
                    if entry.default_port == 0 && lacks_port(&entry.name) {
                        let message = format!("no port in upstream \"{}\"", entry.name);
                        errors.push(Diagnostic::emerg(message).at(entry.used_at));
                    }
                    let peers = ::upstream::server::peers(&entry.name, bundle, entry.default_port);
                    let peers = peers.unwrap_or_else(|message| {
                        errors.push(Diagnostic::emerg(message).at(entry.used_at));
                        Vec::new()
                    });
                    // As nginx: connections are kept only to groups that have a block.
                    let none = Limits {
                        connections: 0,
                        ..Limits::default()
                    };
                    (vec![Server::new(&entry.name, peers)], none)
                }
            };
            Upstream {
                group: Arc::new(Group::new(&entry.name, &servers)),
                keepalive,
            }
        };
        let upstreams = self.entries.iter().map(&mut group).collect();
        (upstreams, errors)
    }
}

fn lacks_port(name: &str) -> bool {
    !name.starts_with("unix:") && matches!(::upstream::server::split_port(name), Ok((_, None)))
}

impl Config {
    /// The group of that name, if the configuration has one.
    pub(crate) fn find_upstream(&self, name: &str) -> Option<UpstreamId> {
        let at = self
            .upstreams
            .iter()
            .position(|upstream| upstream.group.name() == name)?;
        Some(UpstreamId(at as u32))
    }
}

fn upstream(item: &Item, _draft: &mut Draft, cx: &mut Cx<'_>) -> Done {
    let name = item.text(0)?.to_owned();
    let id = cx.upstreams.use_name(&name, 80, item.span());
    if cx.upstreams.entries[id.0 as usize].block.is_some() {
        return Err(item.error(format!("duplicate upstream \"{name}\"")));
    }
    let mut servers = Vec::new();
    let mut limits = Limits::default();
    for entry in item.entries() {
        if let Err(error) = inside(entry, &mut servers, &mut limits, cx) {
            cx.diagnostics.push(error);
        }
    }
    if servers.is_empty() {
        cx.diagnostics
            .push(item.error("no servers are inside upstream"));
    }
    cx.upstreams.entries[id.0 as usize].block = Some((servers, limits));
    Ok(())
}

fn inside(item: &Item, servers: &mut Vec<Server>, limits: &mut Limits, cx: &mut Cx<'_>) -> Done {
    directive::find(MODULE.directives.iter(), item, UPSTREAM)?;
    match item.name() {
        "server" => servers.push(Server::parse(item, cx.bundle, 80)?),
        "keepalive" => {
            limits.connections = item.number(0)? as usize;
            if let Some(word) = item.args.get(1)
                && word.text != b"local"
            {
                return Err(item.invalid_parameter(word));
            }
        }
        "keepalive_requests" => limits.requests = item.number(0)?,
        "keepalive_time" => limits.time = item.time(0)?,
        "keepalive_timeout" => limits.timeout = item.time(0)?,
        _ => {}
    }
    Ok(())
}
