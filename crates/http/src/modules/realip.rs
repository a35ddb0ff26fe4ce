//! `ngx_http_realip_module`: takes the client's address from what a trusted proxy says.

use std::net::SocketAddr;

use conf::{Arity, Directive, Item};
use net::Addr;
use proto::h1::FieldName;

use crate::draft::Level;
use crate::module::{ANY, Cx, Done, Module, Set, doc, store};
use crate::network::Network;
use crate::request::Request;
use crate::settings::settings;
use crate::variable::{address, builtin, port};

settings! {
    /// Who is believed.
    from: Vec<Trusted> = Vec::new(), inherit;
    /// What names the client.
    header: Source = Source::RealIp, inherit;
    /// Whether addresses are gone through until one is not trusted.
    recursive: bool = false, inherit;
}

/// Whom a `set_real_ip_from` trusts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trusted {
    /// Whoever comes through a unix socket.
    Unix,
    /// A network.
    Net(Network),
}

/// Where the address is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `X-Real-IP`
    RealIp,
    /// `X-Forwarded-For`, all of them.
    ForwardedFor,
    /// The PROXY protocol.
    ProxyProtocol,
    /// Another field.
    Field(Box<[u8]>),
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_realip_module",
    directives: &[
        Directive::new(
            "set_real_ip_from",
            ANY,
            Arity::Exactly(1),
            Set::Level(from),
            doc(
                "set_real_ip_from address | CIDR | host | unix:;",
                "",
                "Trusts these to say who the client is.",
            ),
        ),
        Directive::new(
            "real_ip_header",
            ANY,
            Arity::Exactly(1),
            Set::Level(header),
            doc(
                "real_ip_header field | X-Real-IP | X-Forwarded-For | proxy_protocol;",
                "real_ip_header X-Real-IP;",
                "What names the client.",
            ),
        ),
        Directive::new(
            "real_ip_recursive",
            ANY,
            Arity::Flag,
            store!(flag realip.recursive),
            doc(
                "real_ip_recursive on | off;",
                "real_ip_recursive off;",
                "Takes the last address that is not trusted, and not just the last.",
            ),
        ),
    ],
    variables: &[
        builtin(
            "realip_remote_addr",
            |request, out| address(&request.conn.peer, out),
            "The address that the connection comes from.",
        ),
        builtin(
            "realip_remote_port",
            |request, out| port(&request.conn.peer, out),
            "The port that the connection comes from.",
        ),
    ],
};

fn from(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let text = item.text(0)?;
    let mut add = |trusted| {
        let from = level.drafts.realip.from.get_or_insert_default();
        from.push(trusted);
    };
    if text == "unix:" {
        add(Trusted::Unix);
        return Ok(());
    }
    if let Some(network) = Network::parse(text) {
        if network.has_low_bits() {
            let message = format!("low address bits of {text} are meaningless");
            let place = item.arg(0)?.span;
            cx.diagnostics
                .push(conf::Diagnostic::warn(message).at(place));
        }
        add(Trusted::Net(network));
        return Ok(());
    }
    let ips = cx
        .bundle
        .resolve(text)
        .map_err(|_| item.error(format!("host not found in set_real_ip_from \"{text}\"")))?;
    ips.into_iter()
        .map(Network::of)
        .map(Trusted::Net)
        .for_each(add);
    Ok(())
}

fn header(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let word = item.arg(0)?;
    let source = match &word.text[..] {
        b"X-Real-IP" => Source::RealIp,
        b"X-Forwarded-For" => Source::ForwardedFor,
        b"proxy_protocol" => Source::ProxyProtocol,
        name => Source::Field(name.into()),
    };
    item.once(&mut level.drafts.realip.header, source)
}

/// The handler of the post-read and the preaccess phase; only the first that finds an address
/// counts.
pub fn run(request: &Request) {
    let conf = &request.conf().realip;
    if conf.from.is_empty() || request.main().real_client.get().is_some() {
        return;
    }
    if let Some(client) = client(request, conf) {
        // It is empty, as was just seen.
        let _ = request.main().real_client.set(Box::new(client));
    }
}

/// Whom the proxy names.
fn client(request: &Request, conf: &Conf) -> Option<Addr> {
    let mut walk = Walk {
        conf,
        addr: request.conn.peer.clone(),
        moved: false,
    };
    let fields = &request.head.fields;
    match &conf.header {
        Source::RealIp => {
            walk.through(request.header(FieldName::XRealIp)?);
        }
        Source::ForwardedFor => {
            let all: Vec<_> = fields.all(FieldName::XForwardedFor).collect();
            for field in all.iter().rev() {
                if !walk.through(field.value.of(&request.buf)) || !conf.recursive {
                    break;
                }
            }
        }
        Source::ProxyProtocol => {
            let source = &request.conn.proxied.get()?.source;
            walk.through(source.addr.as_bytes());
            if let Addr::Ip(addr) = &mut walk.addr {
                addr.set_port(source.port);
            }
        }
        Source::Field(name) => {
            let is_it =
                |field: &&proto::h1::Field| field.name.of(&request.buf).eq_ignore_ascii_case(name);
            let field = fields.iter().find(is_it)?;
            walk.through(field.value.of(&request.buf));
        }
    }
    walk.moved.then_some(walk.addr)
}

/// A way through lists of addresses, from the last back to the first that is not trusted.
struct Walk<'a> {
    conf: &'a Conf,
    addr: Addr,
    moved: bool,
}

impl Walk<'_> {
    /// Goes through a list; false if it ended inside (`ngx_http_get_forwarded_addr_internal`).
    fn through(&mut self, mut list: &[u8]) -> bool {
        const SEPARATORS: &[u8] = b" ,";
        let separates = |byte: &u8| SEPARATORS.contains(byte);
        loop {
            if !self.conf.trusts(&self.addr) {
                return false;
            }
            let end = list.iter().rposition(|byte| !separates(byte));
            list = &list[..end.map_or(0, |at| at + 1)];
            let before = list.iter().rposition(separates);
            let text = &list[before.map_or(0, |at| at + 1)..];
            let Some(addr) = parse(text) else {
                return false;
            };
            self.addr = addr.into();
            self.moved = true;
            match before {
                Some(before) if self.conf.recursive => list = &list[..before],
                _ => return true,
            }
        }
    }
}

impl Conf {
    fn trusts(&self, addr: &Addr) -> bool {
        let ip = addr.ip().map(|addr| addr.ip().to_canonical());
        self.from.iter().any(|trusted| match (trusted, ip) {
            (Trusted::Unix, None) => true,
            (Trusted::Net(network), Some(ip)) => network.contains(ip),
            _ => false,
        })
    }
}

/// An address, with a port or without (`ngx_parse_addr_port`).
fn parse(text: &[u8]) -> Option<SocketAddr> {
    let text = std::str::from_utf8(text).ok()?;
    if let Ok(ip) = text.parse() {
        return Some(SocketAddr::new(ip, 0));
    }
    let addr: SocketAddr = text.parse().ok()?;
    (addr.port() != 0).then_some(addr)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(recursive: bool, lists: &[&str]) -> Option<String> {
        let network = Network::parse("10.0.0.0/8").expect("a network");
        let conf = Conf {
            from: vec![Trusted::Net(network)],
            recursive,
            ..Conf::default()
        };
        let mut walk = Walk {
            conf: &conf,
            addr: Addr::Ip("10.0.0.1:1".parse().expect("an address")),
            moved: false,
        };
        for list in lists.iter().rev() {
            if !walk.through(list.as_bytes()) || !recursive {
                break;
            }
        }
        walk.moved.then(|| walk.addr.to_string())
    }

    #[test]
    fn the_last_address_counts() {
        assert_eq!(walk(false, &["192.0.2.1"]).as_deref(), Some("192.0.2.1:0"));
        let list = walk(false, &["192.0.2.1, 192.0.2.2:80 , "]);
        assert_eq!(list.as_deref(), Some("192.0.2.2:80"));
        assert_eq!(
            walk(false, &["192.0.2.1", "[::1]:5"]).as_deref(),
            Some("[::1]:5")
        );
        assert_eq!(walk(false, &["192.0.2.1, nobody"]), None);
        assert_eq!(walk(false, &[""]), None);
    }

    #[test]
    fn recursively_the_last_one_that_is_not_trusted() {
        let found = walk(true, &["192.0.2.1, 192.0.2.2, 10.0.0.2,10.0.0.3"]);
        assert_eq!(found.as_deref(), Some("192.0.2.2:0"));
        let found = walk(true, &["192.0.2.1", "10.0.0.2", "10.0.0.3"]);
        assert_eq!(found.as_deref(), Some("192.0.2.1:0"));
        let found = walk(true, &["192.0.2.1, nobody, 10.0.0.2"]);
        assert_eq!(found.as_deref(), Some("10.0.0.2:0"));
        assert_eq!(walk(true, &["10.0.0.2"]).as_deref(), Some("10.0.0.2:0"));
    }

    #[test]
    fn whoever_is_not_trusted_says_nothing() {
        let conf = Conf::default();
        assert!(!conf.trusts(&Addr::Unix("".into())));
        let unix = Conf {
            from: vec![Trusted::Unix],
            ..Conf::default()
        };
        assert!(unix.trusts(&Addr::Unix("".into())));
        assert!(!unix.trusts(&Addr::Ip("10.0.0.1:1".parse().expect("an address"))));
    }
}
