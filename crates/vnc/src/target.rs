//! Where a desktop is, as configurations and token files write it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// The address of a VNC server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// A name or an address, and a port. A port is a port: `:5` is not display 5.
    Host {
        /// A host name or an IP address without brackets.
        host: String,
        /// The TCP port.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
    /// A server that only a WebSocket reaches: websockify's, QEMU's, another gateway's.
    WebSocket(Box<FarGateway>),
}

/// Where a WebSocket leads to a VNC server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FarGateway {
    /// Over TLS (`wss`).
    pub secure: bool,
    /// A host name or an IP address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The path with its query, which may hold a token of the far side.
    pub path: String,
}

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Nothing is there.
    #[error("the target is empty")]
    Empty,
    /// No port.
    #[error("no port in \"{0}\", such as in \"{0}:5900\"")]
    NoPort(String),
    /// Not a number from 1 to 65535.
    #[error("invalid port in \"{0}\"")]
    BadPort(String),
    /// Neither a name nor an address; IPv6 addresses need brackets.
    #[error("invalid host in \"{0}\"")]
    BadHost(String),
    /// A unix socket without a path.
    #[error("no path in \"{0}\"")]
    NoPath(String),
    /// A path of a URL that cannot stand in a request.
    #[error("invalid path in \"{0}\"")]
    BadPath(String),
    /// A scheme that is not supported.
    #[error("unsupported scheme in \"{0}\"")]
    Scheme(String),
}

impl Target {
    /// The socket address, when no name must be resolved.
    pub(crate) fn literal(host: &str, port: u16) -> Option<SocketAddr> {
        host.parse::<IpAddr>()
            .ok()
            .map(|ip| SocketAddr::new(ip, port))
    }

    /// The name that a certificate of the machine, or of what stands before it, should have.
    pub fn host(&self) -> &str {
        match self {
            Self::Host { host, .. } => host,
            Self::Unix(_) => "localhost",
            Self::WebSocket(far) => &far.host,
        }
    }

    /// All of it, other than what is shown: tells two targets apart that differ in the far side's
    /// token only. Not for logs.
    pub fn identity(&self) -> String {
        match self {
            Self::WebSocket(far) => far.url(),
            other => other.to_string(),
        }
    }
}

impl FarGateway {
    /// Reads what follows the scheme. Errors show nothing of a query, which may hold a token.
    fn parse(secure: bool, text: &str, rest: &str) -> Result<Self, TargetError> {
        let text = text.split('?').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if let Some((_, host)) = authority.rsplit_once('@') {
            // Nobody would be logged in by it, and it may be a secret.
            return Err(TargetError::BadHost(format!("***@{host}")));
        }
        let path = match path.as_bytes().first() {
            Some(b'/') => path.to_owned(),
            _ => format!("/{path}"),
        };
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) || path.contains('#') {
            return Err(TargetError::BadPath(text.into()));
        }
        let bracketed = authority.ends_with(']');
        let with_port = match authority.contains(':') && !bracketed {
            true => authority.to_owned(),
            false => format!("{authority}:{}", default_port(secure)),
        };
        let (host, port) = parse_host(text, &with_port)?;
        Ok(Self {
            secure,
            host,
            port,
            path,
        })
    }

    /// As a `Host` field has it: without the port that everybody knows.
    pub(crate) fn authority(&self) -> String {
        let (open, close) = match self.host.contains(':') {
            true => ("[", "]"),
            false => ("", ""),
        };
        let host = format!("{open}{}{close}", self.host);
        match self.port == default_port(self.secure) {
            true => host,
            false => format!("{host}:{}", self.port),
        }
    }

    fn url(&self) -> String {
        let scheme = if self.secure { "wss" } else { "ws" };
        format!("{scheme}://{}{}", self.authority(), self.path)
    }
}

fn default_port(secure: bool) -> u16 {
    if secure { 443 } else { 80 }
}

impl FromStr for Target {
    type Err = TargetError;

    /// Reads `host:port`, `[v6]:port`, `unix:/path`, websockify's `unix_socket:/path`, or
    /// `ws://host:port/path` and `wss://…`.
    fn from_str(text: &str) -> Result<Self, TargetError> {
        let text = text.trim_ascii();
        if text.is_empty() {
            return Err(TargetError::Empty);
        }
        if let Some(path) = text
            .strip_prefix("unix:")
            .or(text.strip_prefix("unix_socket:"))
        {
            let is_path = !path.is_empty() && !path.contains('\0');
            return is_path
                .then(|| Self::Unix(path.into()))
                .ok_or_else(|| TargetError::NoPath(text.into()));
        }
        if let Some((scheme, rest)) = text.split_once("://") {
            let secure = match scheme {
                "ws" => false,
                "wss" => true,
                _ => return Err(TargetError::Scheme(text.into())),
            };
            let far = FarGateway::parse(secure, text, rest)?;
            return Ok(Self::WebSocket(Box::new(far)));
        }
        parse_host(text, text).map(|(host, port)| Self::Host { host, port })
    }
}

/// Reads a host and its port; `whole` is what errors show.
fn parse_host(whole: &str, text: &str) -> Result<(String, u16), TargetError> {
    let (host, port) = split_port(whole, text)?;
    let port = match port.bytes().all(|byte| byte.is_ascii_digit()) {
        true => port.parse().ok().filter(|port| *port != 0),
        false => None,
    };
    let port = port.ok_or_else(|| TargetError::BadPort(whole.into()))?;
    Ok((host.into(), port))
}

fn split_port<'t>(whole: &str, text: &'t str) -> Result<(&'t str, &'t str), TargetError> {
    let bad_host = || TargetError::BadHost(whole.into());
    let no_port = || TargetError::NoPort(whole.into());
    if let Some(rest) = text.strip_prefix('[') {
        let (host, port) = rest.split_once(']').ok_or_else(bad_host)?;
        if host.parse::<std::net::Ipv6Addr>().is_err() {
            return Err(bad_host());
        }
        return Ok((host, port.strip_prefix(':').ok_or_else(no_port)?));
    }
    let (host, port) = text.rsplit_once(':').ok_or_else(no_port)?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if host.is_empty() || host.len() > HOST_LEN_MAX || !host.bytes().all(is_name) {
        return Err(bad_host());
    }
    Ok((host, port))
}

/// The longest name that the DNS can hold.
const HOST_LEN_MAX: usize = 253;

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Host { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::WebSocket(far) => match far.url().split_once('?') {
                // What is behind commonly is a token.
                Some((shown, _)) => write!(f, "{shown}?***"),
                None => f.write_str(&far.url()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(host: &str, port: u16) -> Result<Target, TargetError> {
        Ok(Target::Host {
            host: host.into(),
            port,
        })
    }

    #[test]
    fn targets_are_read_in_every_spelling() {
        assert_eq!("10.0.0.1:5900".parse(), host("10.0.0.1", 5900));
        assert_eq!(" lab-1.example:5\n".parse(), host("lab-1.example", 5));
        assert_eq!("[fe80::1]:5901".parse(), host("fe80::1", 5901));
        let unix = Ok(Target::Unix("/run/vm/1.sock".into()));
        assert_eq!("unix:/run/vm/1.sock".parse(), unix);
        assert_eq!("unix_socket:/run/vm/1.sock".parse(), unix);
    }

    #[test]
    fn a_target_is_written_as_it_is_read() {
        for text in [
            "10.0.0.1:5900",
            "lab:1",
            "[::1]:5900",
            "unix:/run/x",
            "ws://lab/",
            "wss://[::1]:6080/websockify",
        ] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_websocket_is_a_target_whose_token_is_not_shown() {
        let far = |secure, host: &str, port, path: &str| {
            Target::WebSocket(Box::new(FarGateway {
                secure,
                host: host.into(),
                port,
                path: path.into(),
            }))
        };
        let cases = [
            ("ws://lab", far(false, "lab", 80, "/"), "ws://lab/"),
            ("ws://lab:443", far(false, "lab", 443, "/"), "ws://lab:443/"),
            ("wss://[::1]", far(true, "::1", 443, "/"), "wss://[::1]/"),
            (
                "wss://10.0.0.1:6080/a?token=secret",
                far(true, "10.0.0.1", 6080, "/a?token=secret"),
                "wss://10.0.0.1:6080/a?***",
            ),
            ("ws://lab?x", far(false, "lab", 80, "/?x"), "ws://lab/?***"),
        ];
        for (text, target, shown) in cases {
            let parsed: Target = text.parse().unwrap();
            assert_eq!((&parsed, parsed.to_string().as_str()), (&target, shown));
        }
        let target: Target = "ws://lab/?a".parse().unwrap();
        assert_eq!(target.identity(), "ws://lab/?a");
    }

    #[test]
    fn errors_say_what_is_wrong() {
        let cases = [
            ("", "the target is empty"),
            ("lab", "no port in \"lab\", such as in \"lab:5900\""),
            ("[::1]", "no port in \"[::1]\", such as in \"[::1]:5900\""),
            ("lab:x", "invalid port in \"lab:x\""),
            ("lab:", "invalid port in \"lab:\""),
            ("lab:0", "invalid port in \"lab:0\""),
            ("lab:+5", "invalid port in \"lab:+5\""),
            ("lab:65536", "invalid port in \"lab:65536\""),
            ("::1:5900", "invalid host in \"::1:5900\""),
            ("[::g]:1", "invalid host in \"[::g]:1\""),
            ("a b:1", "invalid host in \"a b:1\""),
            (":5900", "invalid host in \":5900\""),
            ("unix:", "no path in \"unix:\""),
            ("http://lab:1", "unsupported scheme in \"http://lab:1\""),
            ("ws://lab:x/", "invalid port in \"ws://lab:x/\""),
            ("ws:///a", "invalid host in \"ws:///a\""),
            ("ws://a b/", "invalid host in \"ws://a b/\""),
            ("ws://ann:pw@lab/", "invalid host in \"***@lab\""),
            ("ws://lab/a b", "invalid path in \"ws://lab/a b\""),
            ("ws://lab/#a", "invalid path in \"ws://lab/#a\""),
            ("ws://lab/\r\nX: y", "invalid path in \"ws://lab/\r\nX: y\""),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Target>().unwrap_err().to_string(), error);
        }
    }
}
