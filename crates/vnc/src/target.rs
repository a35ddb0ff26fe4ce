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
}

impl FromStr for Target {
    type Err = TargetError;

    /// Reads `host:port`, `[v6]:port`, `unix:/path`, or websockify's `unix_socket:/path`.
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
        if text.contains("://") {
            return Err(TargetError::Scheme(text.into()));
        }
        let (host, port) = split_port(text)?;
        let port = match port.bytes().all(|byte| byte.is_ascii_digit()) {
            true => port.parse().ok().filter(|port| *port != 0),
            false => None,
        };
        let port = port.ok_or_else(|| TargetError::BadPort(text.into()))?;
        Ok(Self::Host {
            host: host.into(),
            port,
        })
    }
}

fn split_port(text: &str) -> Result<(&str, &str), TargetError> {
    let bad_host = || TargetError::BadHost(text.into());
    let no_port = || TargetError::NoPort(text.into());
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
        for text in ["10.0.0.1:5900", "lab:1", "[::1]:5900", "unix:/run/x"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
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
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Target>().unwrap_err().to_string(), error);
        }
    }
}
