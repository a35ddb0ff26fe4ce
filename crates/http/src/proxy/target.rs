//! What `proxy_pass` names: the group of peers, the `Host` for them, the URI.

use std::rc::Rc;
use std::sync::Arc;

use ::upstream::server::split_port;
use ::upstream::{Group, Peer, Server};
use bytes::Bytes;
use net::log::Level;
use proto::h1::{Escape, escape};

use super::PoolRef;
use crate::config::UpstreamId;
use crate::modules::proxy::{Conf, Pass};
use crate::modules::tunnel;
use crate::modules::upstream::Upstream;
use crate::request::Request;

/// What is done with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// It gets the request (`proxy_pass`).
    Request,
    /// It gets what the client sends behind its CONNECT (`tunnel_pass`).
    Tunnel,
}

/// How a peer is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// As it stands in URLs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// What URLs begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Http => "http://",
            Self::Https => "https://",
        }
    }

    /// The port of a URL that names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// The scheme of a URL, and what follows.
    fn split(text: &str) -> Option<(Self, &str)> {
        [Self::Http, Self::Https].into_iter().find_map(|scheme| {
            let (start, rest) = text.split_once("://")?;
            start
                .eq_ignore_ascii_case(scheme.name())
                .then_some((scheme, rest))
        })
    }
}

/// Where a request goes.
pub struct Target {
    /// What for.
    pub work: Work,
    /// The peers.
    pub group: Arc<Group>,
    /// How the peers are spoken to.
    pub scheme: Scheme,
    /// The group of the configuration, if it is one; others keep no connections.
    pub upstream: Option<UpstreamId>,
    /// `$proxy_host`
    pub host: Bytes,
    /// The URI of the request line.
    pub uri: Bytes,
}

/// A URL in `proxy_pass`: host, port, and the URI if it names one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    /// How the host is spoken to.
    pub scheme: Scheme,
    /// Host with port if the port was named, or `unix:path`.
    pub authority: String,
    /// The host header: without the default port; `localhost` for a unix socket.
    pub host: Bytes,
    /// The port.
    pub port: u16,
    /// The URI, if there is one.
    pub uri: Option<String>,
}

impl Url {
    /// The host and port as they were written.
    pub fn written_host(&self) -> &str {
        &self.authority
    }

    /// Takes an `http://` or `https://` URL apart; the error is nginx's message.
    pub fn parse(text: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = Scheme::split(text) else {
            return Err("invalid URL prefix".into());
        };
        let default_port = scheme.default_port();
        if let Some(path) = rest.strip_prefix("unix:") {
            let (path, uri) = match path.split_once(':') {
                Some((path, uri)) => (path, Some(uri.to_owned()).filter(|uri| !uri.is_empty())),
                None => (path, None),
            };
            if path.is_empty() {
                return Err(format!(
                    "no path in the unix domain socket in upstream \"{rest}\""
                ));
            }
            let authority = format!("unix:{path}");
            return Ok(Self {
                scheme,
                authority,
                host: Bytes::from_static(b"localhost"),
                port: default_port,
                uri,
            });
        }
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, uri) = rest.split_at(end);
        let (host, port) = ::upstream::server::split_port(authority)?;
        if host.is_empty() {
            return Err(format!("no host in upstream \"{rest}\""));
        }
        let host = match port {
            None => host.to_owned(),
            Some(port) if port == default_port => host.to_owned(),
            Some(_) => authority.to_owned(),
        };
        Ok(Self {
            scheme,
            authority: authority.to_owned(),
            host: host.into(),
            port: port.unwrap_or(default_port),
            uri: (!uri.is_empty()).then(|| uri.to_owned()),
        })
    }
}

impl Target {
    /// Finds where a request goes; the error is a status.
    pub async fn resolve(request: &Rc<Request>, conf: &Conf) -> Result<Self, u16> {
        match &conf.pass {
            Some(Pass::Static { upstream, url }) => {
                let group = request.config().upstream(*upstream).group().clone();
                Ok(Self {
                    work: Work::Request,
                    group,
                    scheme: url.scheme,
                    upstream: Some(*upstream),
                    host: url.host.clone(),
                    uri: static_uri(request, url.uri.as_deref()),
                })
            }
            Some(Pass::Dynamic(template)) => Self::dynamic(request, &request.eval(template)).await,
            None => Err(500),
        }
    }

    /// A target whose URL has variables: a group of the configuration, an address, or a name that
    /// the resolver knows.
    async fn dynamic(request: &Rc<Request>, text: &Bytes) -> Result<Self, u16> {
        let text = String::from_utf8_lossy(text).into_owned();
        let url = Url::parse(&text).map_err(|message| {
            request.log(Level::Error, format_args!("{message} in \"{text}\""));
            500u16
        })?;
        let (group, upstream) = match request.config().find_upstream(&url.authority, url.port) {
            Some(id) => (request.config().upstream(id).group().clone(), Some(id)),
            None => (resolved(request, &url.authority, url.port).await?, None),
        };
        let uri = match &url.uri {
            Some(uri) if uri.starts_with('?') => Bytes::from(format!("/{uri}")),
            Some(uri) => Bytes::from(uri.clone()),
            None => original_uri(request),
        };
        Ok(Self {
            work: Work::Request,
            group,
            scheme: url.scheme,
            upstream,
            host: url.host,
            uri,
        })
    }

    /// Finds where a CONNECT goes; the error is a status.
    pub async fn of_tunnel(request: &Rc<Request>) -> Result<Self, u16> {
        let (group, upstream) = match &request.conf().tunnel.pass {
            Some(tunnel::Pass::Static(id)) => {
                (request.config().upstream(*id).group().clone(), Some(*id))
            }
            Some(tunnel::Pass::Dynamic(template)) => {
                let text = request.eval(template);
                let text = String::from_utf8_lossy(&text).into_owned();
                match request.config().find_upstream(&text, 0) {
                    Some(id) => (request.config().upstream(id).group().clone(), Some(id)),
                    None => (unnamed_tunnel(request, &text).await?, None),
                }
            }
            None => return Err(500),
        };
        Ok(Self {
            work: Work::Tunnel,
            group,
            scheme: Scheme::Http,
            upstream,
            host: super::NOTHING,
            uri: super::NOTHING,
        })
    }

    /// The group's part of the configuration, if it has one.
    pub fn upstream<'r>(&self, request: &'r Request) -> Option<&'r Upstream> {
        Some(request.config().upstream(self.upstream?))
    }

    /// The connections that this thread keeps to the group.
    pub fn pool(&self, request: &Request) -> PoolRef {
        if self.work == Work::Tunnel {
            // DIFFERS: nginx may give a tunnel a connection that has carried requests of others.
            return None;
        }
        let id = self.upstream?;
        let limits = request.config().upstream(id).keepalive;
        let pool = request.generation.pools.get(id.0 as usize)?;
        (limits.connections > 0).then(|| (pool.clone(), limits))
    }
}

/// What `$proxy_host` and `$proxy_port` show.
pub struct Names {
    /// Host, with the port unless it is the default one.
    pub host: Bytes,
    /// Port.
    pub port: Bytes,
}

impl Request {
    /// What `proxy_pass` names where the request is, if it names anything.
    pub fn proxy_target(&self) -> Option<Names> {
        let of = |url: &Url| Names {
            host: url.host.clone(),
            port: url.port.to_string().into(),
        };
        match self.conf().proxy.pass.as_ref()? {
            Pass::Static { url, .. } => Some(of(url)),
            Pass::Dynamic(template) => {
                let text = self.eval(template);
                Url::parse(&String::from_utf8_lossy(&text))
                    .ok()
                    .as_ref()
                    .map(of)
            }
        }
    }
}

/// The peers of an address or a name that is known only now (`ngx_http_upstream_resolve_handler`).
pub async fn resolved(
    request: &Rc<Request>,
    authority: &str,
    default_port: u16,
) -> Result<Arc<Group>, u16> {
    let nothing = conf::Bundle::default();
    let literal = ::upstream::server::peers(authority, &nothing, default_port);
    let mut peers = literal.map_err(|message| {
        request.log(Level::Error, format_args!("{message}"));
        500u16
    })?;
    // A name leaves a wish in the bundle.
    if !nothing.take_wants().is_empty() {
        peers = look_up(request, authority, default_port).await?;
    }
    let server = Server::new(authority, peers);
    Ok(Arc::new(Group::new(authority, &[server])))
}

/// The peers that a client's CONNECT names; a port is needed.
async fn unnamed_tunnel(request: &Rc<Request>, text: &str) -> Result<Arc<Group>, u16> {
    let is_path = text.starts_with("unix:");
    if is_path && request.conf().tunnel.goes_anywhere() {
        // It is a host of that name to the client, and a socket's path to us.
        request.log(
            Level::Error,
            format_args!("client named a socket: \"{text}\""),
        );
        return Err(403);
    }
    if !is_path && matches!(split_port(text), Ok((_, None))) {
        request.log(Level::Error, format_args!("no port in upstream \"{text}\""));
        return Err(500);
    }
    resolved(request, text, 0).await
}

async fn look_up(
    request: &Rc<Request>,
    authority: &str,
    default_port: u16,
) -> Result<Vec<Peer>, u16> {
    let (host, port) = split_port(authority).unwrap_or((authority, None));
    let core = &request.conf().core;
    let Some(resolver) = &core.resolver else {
        request.log(
            Level::Error,
            format_args!("no resolver defined to resolve {host}"),
        );
        return Err(502);
    };
    let log = core.error_logs.log();
    let found = resolver.addresses(host, core.resolver_timeout, log).await;
    let found = found.map_err(|failure| {
        request.log(
            Level::Error,
            format_args!("{host} could not be resolved ({failure})"),
        );
        502u16
    })?;
    let port = port.unwrap_or(default_port);
    let peers = found.ips.into_iter().map(|ip| {
        let addr = std::net::SocketAddr::new(ip, port);
        Peer {
            addr: addr.into(),
            name: addr.to_string(),
        }
    });
    Ok(peers.collect())
}

/// The URI as the client sent it, or as it was rewritten.
fn original_uri(request: &Request) -> Bytes {
    if request.uri_is_original.get() {
        let target = request.slice(request.head.target);
        if target.starts_with(b"/") {
            return target;
        }
        return [b"/", &target[..]].concat().into();
    }
    let mut uri = escape(&request.uri.borrow(), Escape::Uri).into_owned();
    append_args(request, &mut uri);
    uri.into()
}

fn append_args(request: &Request, uri: &mut Vec<u8>) {
    let args = request.args();
    if !args.is_empty() {
        uri.push(b'?');
        uri.extend_from_slice(&args);
    }
}

/// The URI of `proxy_pass` in place of the location's name, unless a rewrite ended here.
fn static_uri(request: &Request, uri: Option<&str>) -> Bytes {
    let Some(uri) = uri else {
        return original_uri(request);
    };
    let mut out = Vec::new();
    let path = request.uri();
    let mut rest = &path[..];
    if request.valid_location.get() {
        if uri.starts_with('?') {
            out.push(b'/');
        }
        out.extend_from_slice(uri.as_bytes());
        rest = path
            .get(request.location().name.len()..)
            .unwrap_or_default();
    }
    match request.uri_is_quoted.get() || request.internal.get() {
        true => out.extend_from_slice(&escape(rest, Escape::Uri)),
        false => out.extend_from_slice(rest),
    }
    append_args(request, &mut out);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_taken_apart() {
        let url = Url::parse("http://127.0.0.1:8080/a?b").expect("a URL");
        assert_eq!(
            (&url.authority[..], &url.host[..], url.port),
            ("127.0.0.1:8080", &b"127.0.0.1:8080"[..], 8080)
        );
        assert_eq!(url.uri.as_deref(), Some("/a?b"));
        let url = Url::parse("http://backend").expect("a URL");
        assert_eq!(
            (&url.authority[..], url.port, url.uri),
            ("backend", 80, None)
        );
        let url = Url::parse("http://unix:/tmp/s:/x").expect("a URL");
        assert_eq!(
            (&url.authority[..], &url.host[..]),
            ("unix:/tmp/s", &b"localhost"[..])
        );
        assert_eq!(url.uri.as_deref(), Some("/x"));
        let url = Url::parse("HTTPS://backend").expect("a URL");
        assert_eq!((url.scheme, url.port), (Scheme::Https, 443));
        let url = Url::parse("https://backend:443/").expect("a URL");
        assert_eq!((&url.host[..], url.port), (&b"backend"[..], 443));
        let url = Url::parse("https://backend:80").expect("a URL");
        assert_eq!((&url.host[..], url.port), (&b"backend:80"[..], 80));
        for bad in [
            "https://",
            "ftp://a",
            "http://",
            "http://:80",
            "http://a:b",
            "http://unix:",
        ] {
            assert!(Url::parse(bad).is_err(), "{bad}");
        }
    }
}
