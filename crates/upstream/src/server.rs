//! The `server` directive of an `upstream` block.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use conf::{Bundle, Diagnostic, Item, value};
use net::{Addr, PeerAddr};

use crate::method::Method;
use crate::resolve::Name;

/// One address that requests can be sent to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// The address.
    pub addr: PeerAddr,
    /// How logs and `$upstream_addr` show it.
    pub name: String,
}

/// A `server` line: its addresses and parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// As it was written.
    pub name: String,
    /// What the name stands for.
    pub peers: Vec<Peer>,
    /// Share of requests, at least 1.
    pub weight: u32,
    /// Requests at the same time; 0 is no limit.
    pub max_conns: u32,
    /// Failures within `fail_timeout` that take it out; 0 is never.
    pub max_fails: u32,
    /// How long failures count, and how long it is out.
    pub fail_timeout: Duration,
    /// How long its weight grows from nothing once it has recovered; zero is not at all.
    pub slow_start: Duration,
    /// What names it to clients (`sticky`), in place of a hash of its address.
    pub route: Option<Bytes>,
    /// Used only when no other is left.
    pub backup: bool,
    /// Who may use it.
    pub used: Use,
    /// The name that is looked up while the group serves (`resolve`); it has no peers then.
    pub resolve: Option<Name>,
}

/// Who may use a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Use {
    /// All requests.
    #[default]
    Normal,
    /// Those that ask for it by its id (`drain`).
    Known,
    /// None (`down`).
    Down,
}

/// Which parameters of `server` a method knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supports {
    /// `backup`
    pub backup: bool,
    /// `slow_start`
    pub slow_start: bool,
}

impl Supports {
    /// What the method knows that was written before a `server` line, as nginx: what comes later
    /// takes what it finds.
    pub fn of(method: Method) -> Self {
        let orderly = matches!(
            method,
            Method::RoundRobin | Method::LeastConn | Method::LeastTime(_)
        );
        Self {
            backup: orderly,
            slow_start: orderly,
        }
    }
}

/// The longest `route`: as long as a hash in its place.
const ROUTE_MAX: usize = 32;

impl Server {
    /// A server with nginx's default parameters.
    pub fn new(name: &str, peers: Vec<Peer>) -> Self {
        Self {
            name: name.to_owned(),
            peers,
            weight: 1,
            max_conns: 0,
            max_fails: 1,
            fail_timeout: Duration::from_secs(10),
            slow_start: Duration::ZERO,
            route: None,
            backup: false,
            used: Use::Normal,
            resolve: None,
        }
    }

    /// Reads `server ADDRESS [PARAMETER …];`.
    pub fn parse(
        item: &Item,
        bundle: &Bundle,
        default_port: u16,
        supports: Supports,
    ) -> Result<Self, Diagnostic> {
        let name = item.text(0)?;
        let mut server = Self::new(name, Vec::new());
        let (mut resolve, mut service) = (false, None);
        for word in &item.args[1..] {
            let unknown = match &word.text[..] {
                b"backup" => !supports.backup,
                text => text.starts_with(b"slow_start=") && !supports.slow_start,
            };
            if unknown {
                let message = "balancing method does not support parameter";
                let error = item.error(format!("{message} \"{}\"", word.display()));
                return Err(error.at(word.span));
            }
            match word.text.strip_prefix(b"service=") {
                None if word.text == b"resolve" => {
                    resolve = true;
                    continue;
                }
                None => {}
                Some(b"") => return Err(item.error("service is empty").at(word.span)),
                Some(name) => {
                    service = Some(String::from_utf8_lossy(name).into_owned());
                    continue;
                }
            }
            if let Some(route) = word.text.strip_prefix(b"route=") {
                server.route = Some(route_of(item, route)?);
                continue;
            }
            server
                .parameter(&word.text)
                .ok_or_else(|| item.invalid_parameter(word))?;
        }
        let wrong = |message: String| item.error(message).at(item.args[0].span);
        if resolve {
            server.resolve = Name::parse(name, default_port, service).map_err(wrong)?;
        } else if service.is_some() {
            let message = format!("service upstream \"{name}\" requires \"resolve\" parameter");
            return Err(wrong(message));
        }
        if server.resolve.is_none() {
            server.peers = peers(name, bundle, default_port).map_err(wrong)?;
        }
        Ok(server)
    }

    fn parameter(&mut self, text: &[u8]) -> Option<()> {
        let number = |text: &[u8]| value::number(text).and_then(|n| u32::try_from(n).ok());
        let equals = text.iter().position(|&byte| byte == b'=');
        match equals.map(|at| (&text[..at], &text[at + 1..])) {
            None if text == b"backup" => self.backup = true,
            None if text == b"down" => self.used = Use::Down,
            None if text == b"drain" => self.used = Use::Known,
            Some((b"weight", n)) => self.weight = number(n).filter(|&n| n > 0)?,
            Some((b"max_conns", n)) => self.max_conns = number(n)?,
            Some((b"max_fails", n)) => self.max_fails = number(n)?,
            Some((b"fail_timeout", time)) => self.fail_timeout = value::time(time)?,
            Some((b"slow_start", time)) => self.slow_start = value::time(time)?,
            _ => return None,
        }
        Some(())
    }
}

fn route_of(item: &Item, route: &[u8]) -> Result<Bytes, Diagnostic> {
    match route.len() {
        0 => Err(item.error("route is empty")),
        len if len > ROUTE_MAX => Err(item.error(format!("route is longer than {ROUTE_MAX}"))),
        _ => Ok(Bytes::copy_from_slice(route)),
    }
}

/// The addresses that `text` names: `host`, `host:port`, `[v6]:port` or `unix:path`.
/// The error is nginx's message.
pub fn peers(text: &str, bundle: &Bundle, default_port: u16) -> Result<Vec<Peer>, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        if path.is_empty() {
            return Err(format!(
                "no path in the unix domain socket in upstream \"{text}\""
            ));
        }
        let addr = Addr::Unix(path.into());
        return Ok(vec![Peer {
            name: text.to_owned(),
            addr,
        }]);
    }
    let (host, port) = split_port(text)?;
    if host.is_empty() {
        return Err(format!("no host in upstream \"{text}\""));
    }
    let port = port.unwrap_or(default_port);
    let found = bundle.resolve(host);
    let addrs = found.map_err(|_| format!("host not found in upstream \"{text}\""))?;
    let peer = |ip| {
        let addr = SocketAddr::new(ip, port);
        Peer {
            addr: addr.into(),
            name: addr.to_string(),
        }
    };
    Ok(addrs.into_iter().map(peer).collect())
}

/// Splits `host[:port]`; brackets around an IPv6 address stay.
pub fn split_port(text: &str) -> Result<(&str, Option<u16>), String> {
    let colon = match text.rfind(']') {
        Some(end) => text[end..].find(':').map(|at| end + at),
        None => text.rfind(':'),
    };
    let Some(colon) = colon else {
        return Ok((text, None));
    };
    let port = value::number(&text.as_bytes()[colon + 1..])
        .and_then(|port| u16::try_from(port).ok())
        .filter(|&port| port != 0)
        .ok_or_else(|| format!("invalid port in upstream \"{text}\""))?;
    Ok((&text[..colon], Some(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_hosts_ports_or_paths() {
        let bundle = Bundle::default();
        let names = |text: &str| -> Result<Vec<String>, String> {
            Ok(peers(text, &bundle, 80)?
                .into_iter()
                .map(|peer| peer.name)
                .collect())
        };
        assert_eq!(names("10.0.0.1"), Ok(vec!["10.0.0.1:80".to_owned()]));
        assert_eq!(names("10.0.0.1:8080"), Ok(vec!["10.0.0.1:8080".to_owned()]));
        assert_eq!(names("[::1]:81"), Ok(vec!["[::1]:81".to_owned()]));
        assert_eq!(names("[::1]"), Ok(vec!["[::1]:80".to_owned()]));
        assert_eq!(names("unix:/tmp/s"), Ok(vec!["unix:/tmp/s".to_owned()]));
        for bad in [
            "10.0.0.1:",
            "10.0.0.1:0",
            "10.0.0.1:99999",
            "10.0.0.1:x",
            ":80",
            "unix:",
        ] {
            assert!(names(bad).is_err(), "{bad}");
        }
    }
}
