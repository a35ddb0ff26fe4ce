//! Socket addresses as nginx writes them: `1.2.3.4:80`, `[::1]:80`, `unix:/path`.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use rustix::net::{SocketAddrAny, SocketAddrUnix};

/// Where a socket is bound or connected.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Addr {
    /// An IPv4 or IPv6 address and port.
    Ip(SocketAddr),
    /// A unix socket; an unnamed one has the empty path.
    Unix(PathBuf),
}

/// The address of a peer that we connect to.
pub type PeerAddr = Addr;

impl Addr {
    /// The IP address and port, if it is one.
    pub fn ip(&self) -> Option<SocketAddr> {
        match self {
            Addr::Ip(addr) => Some(*addr),
            Addr::Unix(_) => None,
        }
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Addr::Ip(addr) => addr.fmt(f),
            Addr::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl From<SocketAddr> for Addr {
    fn from(addr: SocketAddr) -> Self {
        Addr::Ip(addr)
    }
}

impl TryFrom<SocketAddrAny> for Addr {
    type Error = io::Error;

    fn try_from(any: SocketAddrAny) -> io::Result<Self> {
        if let Ok(ip) = SocketAddr::try_from(any.clone()) {
            return Ok(Addr::Ip(ip));
        }
        let unix = SocketAddrUnix::try_from(any)?;
        let path = unix.path().map(|path| path.to_string_lossy().into_owned());
        Ok(Addr::Unix(path.unwrap_or_default().into()))
    }
}
