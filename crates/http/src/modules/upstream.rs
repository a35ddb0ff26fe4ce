//! `ngx_http_upstream_module`: groups of peers.

use ::upstream::Server;
use ::upstream::server::Supports;
use conf::{Arity, Directive, Item, directive};
use proto::h1::FieldName;

use crate::draft::Draft;
use crate::log_later::seconds;
use crate::module::{Cx, Done, HTTP, Module, Set, UPSTREAM, doc};
use crate::proxy::attempt::Attempt;
use crate::request::Request;
use crate::variable::{builtin, join, prefix};

pub mod block;
pub mod keepalive;
pub mod methods;
pub mod resolve;
pub mod sticky;
pub mod zone;

pub use block::{Block, Upstream, Upstreams};

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
            Set::Group(server),
            doc(
                "server address [weight=N] [max_conns=N] [max_fails=N] [fail_timeout=time] [slow_start=time] [route=text] [resolve] [service=name] [backup] [down] [drain];",
                "",
                "A server of the group.",
            ),
        ),
        resolve::RESOLVER,
        resolve::RESOLVER_TIMEOUT,
    ],
    variables: &[
        builtin(
            "upstream_addr",
            |request, out| {
                each(request, out, |attempt, out| {
                    out.extend_from_slice(attempt.peer().as_bytes());
                })
            },
            "Addresses of the peers that were asked, separated by commas.",
        ),
        builtin(
            "upstream_status",
            |request, out| {
                each(request, out, |attempt, out| match attempt.status {
                    Some(status) => out.extend(status.to_string().bytes()),
                    None => out.push(b'-'),
                })
            },
            "Statuses of their answers.",
        ),
        builtin(
            "upstream_connect_time",
            |request, out| {
                each(request, out, |attempt, out| {
                    time(attempt.connect_time, out);
                })
            },
            "Seconds that connecting took.",
        ),
        builtin(
            "upstream_header_time",
            |request, out| {
                each(request, out, |attempt, out| {
                    time(attempt.header_time, out);
                })
            },
            "Seconds until the head of the answer was there.",
        ),
        builtin(
            "upstream_response_time",
            |request, out| {
                each(request, out, |attempt, out| {
                    time(attempt.response_time, out);
                })
            },
            "Seconds until all of the answer was there.",
        ),
        builtin(
            "upstream_response_length",
            |request, out| {
                each(request, out, |attempt, out| {
                    out.extend(attempt.response_length.to_string().bytes());
                })
            },
            "Bytes of the bodies of the answers.",
        ),
        builtin(
            "upstream_bytes_received",
            |request, out| {
                each(request, out, |attempt, out| {
                    out.extend(attempt.bytes_received.to_string().bytes());
                })
            },
            "Bytes received from the peers.",
        ),
        builtin(
            "upstream_bytes_sent",
            |request, out| {
                each(request, out, |attempt, out| {
                    out.extend(attempt.bytes_sent.to_string().bytes());
                })
            },
            "Bytes sent to the peers.",
        ),
        prefix(
            "upstream_http_",
            upstream_http,
            "A header field of the last answer.",
        ),
        prefix(
            "upstream_trailer_",
            upstream_trailer,
            "A trailer field of the last answer.",
        ),
        prefix(
            "upstream_cookie_",
            upstream_cookie,
            "A cookie that the last answer sets.",
        ),
    ],
};

fn each(request: &Request, out: &mut Vec<u8>, write: fn(&Attempt, &mut Vec<u8>)) -> bool {
    let attempts = request.attempts.borrow();
    for (index, attempt) in attempts.iter().enumerate() {
        match (index, attempt.redirected) {
            (0, _) => {}
            (_, false) => out.extend_from_slice(b", "),
            (_, true) => out.extend_from_slice(b" : "),
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
    join(request.upstream_fields().iter(), name, b", ", out)
}

fn upstream_trailer(request: &Request, name: &str, out: &mut Vec<u8>) -> bool {
    join(request.upstream_trailers.borrow().iter(), name, b", ", out)
}

fn upstream_cookie(request: &Request, name: &str, out: &mut Vec<u8>) -> bool {
    let fields = request.upstream_fields();
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

fn upstream(item: &Item, _draft: &mut Draft, cx: &mut Cx<'_>) -> Done {
    let name = item.text(0)?.to_owned();
    let id = cx.upstreams.define(item, &name)?;
    let mut block = Block::new(&name);
    for entry in item.entries() {
        if let Err(error) = inside(entry, &mut block, cx) {
            cx.diagnostics.push(error);
        }
    }
    if block.servers.is_empty() {
        cx.diagnostics
            .push(item.error("no servers are inside upstream"));
    } else if block.has_only_backups() {
        let message = format!("no servers in upstream \"{name}\"");
        cx.diagnostics.push(item.error(message));
    }
    cx.upstreams.set(id, block);
    Ok(())
}

fn inside(item: &Item, block: &mut Block, cx: &mut Cx<'_>) -> Done {
    let table = super::MODULES.iter().flat_map(|module| module.directives);
    let entry = directive::find(table, item, UPSTREAM)
        .map_err(|error| crate::missing::explain(error, item))?;
    match entry.set {
        Set::Group(set) => set(item, block, cx),
        _ => Ok(()),
    }
}

fn server(item: &Item, block: &mut Block, cx: &mut Cx<'_>) -> Done {
    let supports = Supports::of(block.method.unwrap_or_default());
    block
        .servers
        .push(Server::parse(item, cx.bundle, 80, supports)?);
    Ok(())
}
