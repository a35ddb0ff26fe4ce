//! `listen` (`ngx_http_core_listen`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use conf::{Arity, Diagnostic, Directive, Doc, Item, Word, value};
use net::Addr;
use net::listen::{Keepalive, ListenOptions};

use crate::draft::{ListenDraft, ServerLevel};
use crate::module::{Cx, Done, Module, SERVER, Set};
use crate::modules::http2;

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_core_module (listen)",
    directives: &[Directive::new(
        "listen",
        SERVER,
        Arity::AtLeast(1),
        Set::Server(listen),
        Doc {
            syntax: "listen address[:port] | port | unix:path [parameter …];",
            default: "listen *:80 | *:8000;",
            text: "An address that the server answers at. Parameters: default_server, ssl, \
                   proxy_protocol, bind, backlog=, \
                   rcvbuf=, sndbuf=, ipv6only=, reuseport, deferred, fastopen=, so_keepalive=. A port \
                   may be a range.",
        },
    )],
    variables: &[],
};

impl ListenDraft {
    /// What a server without `listen` listens on: port 80, or 8000 for an ordinary user.
    pub fn default_for_this_user() -> Self {
        let port = if rustix::process::geteuid().is_root() {
            80
        } else {
            8000
        };
        Self {
            addr: SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port).into(),
            options: ListenOptions::default(),
            sets_options: false,
            bind: false,
            default_server: false,
            proxy_protocol: false,
            ssl: false,
            span: conf::Span::default(),
        }
    }
}

fn listen(item: &Item, server: &mut ServerLevel, cx: &mut Cx<'_>) -> Done {
    let addrs = addrs(item, cx)?;
    let mut draft = ListenDraft {
        span: item.span(),
        ..ListenDraft::default_for_this_user()
    };
    for word in &item.args[1..] {
        parameter(&mut draft, item, word)?;
    }
    check_http2(&draft, item, cx)?;
    for addr in addrs {
        if server.listens.iter().any(|known| known.addr == addr) {
            return Err(item.error(format!("a duplicate listen {}", item.args[0].display())));
        }
        server.listens.push(ListenDraft {
            addr,
            ..draft.clone()
        });
    }
    Ok(())
}

/// `http2` beside `ssl`: browsers agree on HTTP/1.1 in the handshake. Without TLS there is nothing
/// to agree in, and clients would speak what nobody understands.
fn check_http2(draft: &ListenDraft, item: &Item, cx: &mut Cx<'_>) -> Done {
    let Some(word) = item.args.iter().find(|word| word.text == b"http2") else {
        return Ok(());
    };
    if !draft.ssl {
        let message = "the \"http2\" parameter of \"listen\" without \"ssl\" is not supported yet";
        let error = item.error(message).at(word.span);
        return Err(error.help("a listener without it works, with HTTP/1.1"));
    }
    cx.diagnostics.push(http2::warning(item).at(word.span));
    Ok(())
}

/// The addresses that the first argument names.
fn addrs(item: &Item, cx: &Cx<'_>) -> Result<Vec<Addr>, Diagnostic> {
    let text = item.text(0)?;
    let wrong = |what: &str| {
        item.error(format!("{what} in \"{text}\" of the \"listen\" directive"))
            .at(item.args[0].span)
    };
    if let Some(path) = text.strip_prefix("unix:") {
        return match path.is_empty() {
            true => Err(wrong("no path")),
            false => Ok(vec![Addr::Unix(path.into())]),
        };
    }
    let (host, ports) = match ports(text) {
        // A bare number is a port.
        Some(ports) if !text.contains([':', '.']) => ("*", ports),
        _ => {
            let colon = match text.rfind(']') {
                Some(end) => text[end..].find(':').map(|at| end + at),
                None => text.rfind(':'),
            };
            match colon {
                Some(at) => {
                    let found = ports(&text[at + 1..]).ok_or_else(|| wrong("invalid port"))?;
                    (&text[..at], found)
                }
                None if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                    return Err(wrong("invalid port"));
                }
                None => (text, 80..=80),
            }
        }
    };
    let ips = match host {
        "*" => vec![IpAddr::V4(Ipv4Addr::UNSPECIFIED)],
        "" => return Err(wrong("no host")),
        host => cx
            .bundle
            .resolve(host)
            .map_err(|_| wrong("host not found"))?,
    };
    let each = |port| {
        ips.iter()
            .map(move |&ip| Addr::from(SocketAddr::new(ip, port)))
    };
    Ok(ports.flat_map(each).collect())
}

fn ports(text: &str) -> Option<std::ops::RangeInclusive<u16>> {
    let port = |text: &str| {
        let port = value::number(text.as_bytes()).and_then(|port| u16::try_from(port).ok());
        port.filter(|&port| port != 0)
    };
    match text.split_once('-') {
        Some((first, last)) => {
            let (first, last) = (port(first)?, port(last)?);
            (first <= last).then_some(first..=last)
        }
        None => port(text).map(|port| port..=port),
    }
}

fn parameter(draft: &mut ListenDraft, item: &Item, word: &Word) -> Done {
    let text = word.display();
    let wrong = || item.invalid_parameter(word);
    let (name, value) = text
        .split_once('=')
        .map_or((&text[..], None), |(n, v)| (n, Some(v)));
    let options = &mut draft.options;
    match (name, value) {
        ("default_server" | "default", None) => {
            draft.default_server = true;
            return Ok(());
        }
        ("proxy_protocol", None) => {
            draft.proxy_protocol = true;
            return Ok(());
        }
        ("ssl", None) => {
            draft.ssl = true;
            return Ok(());
        }
        ("bind", None) => draft.bind = true,
        ("deferred", None) => options.deferred = true,
        ("reuseport", None) => options.reuseport = true,
        ("backlog", Some(value)) => {
            let backlog = value.parse().ok().filter(|&backlog| backlog > 0);
            options.backlog = backlog.ok_or_else(wrong)?;
        }
        ("fastopen", Some(value)) => {
            options.fastopen = Some(value.parse().map_err(|_| wrong())?);
        }
        ("rcvbuf", Some(value)) => options.rcvbuf = Some(size(value).ok_or_else(wrong)?),
        ("sndbuf", Some(value)) => options.sndbuf = Some(size(value).ok_or_else(wrong)?),
        ("ipv6only", Some(value)) => {
            options.ipv6only = value::flag(value.as_bytes()).ok_or_else(wrong)?;
        }
        ("so_keepalive", Some(value)) => options.keepalive = keepalive(value).ok_or_else(wrong)?,
        ("http2", None) => return Ok(()),
        ("quic" | "setfib" | "accept_filter", _) => {
            let message = format!("the \"{name}\" parameter of \"listen\" is not supported yet");
            return Err(item
                .error(message)
                .at(word.span)
                .help("a listener without it works"));
        }
        _ => return Err(wrong()),
    }
    draft.sets_options = true;
    Ok(())
}

fn size(text: &str) -> Option<usize> {
    usize::try_from(value::size(text.as_bytes())?).ok()
}

/// `on`, `off` or `idle:interval:count`, each of which may be empty.
fn keepalive(text: &str) -> Option<Keepalive> {
    match text {
        "on" => {
            return Some(Keepalive::On {
                idle: None,
                interval: None,
                count: None,
            });
        }
        "off" => return Some(Keepalive::Off),
        _ => {}
    }
    let mut parts = text.split(':');
    let time = |text: &str| match text {
        "" => Some(None),
        text => value::time(text.as_bytes()).map(Some),
    };
    let idle = time(parts.next()?)?;
    let interval = time(parts.next().unwrap_or_default())?;
    let count = match parts.next().unwrap_or_default() {
        "" => None,
        text => Some(text.parse().ok()?),
    };
    let any = idle.is_some() || interval.is_some() || count.is_some();
    (any && parts.next().is_none()).then_some(Keepalive::On {
        idle,
        interval,
        count,
    })
}
