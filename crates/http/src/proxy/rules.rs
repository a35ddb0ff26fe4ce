//! What decides about connecting and about the next peer, whichever directives say it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use net::Addr;
use net::log::Level;
use script::Template;

use super::target::Work;
use crate::modules::Settings;
use crate::modules::proxy::NextUpstream;
use crate::request::Request;

/// `proxy_bind` and its like: where connections come from.
#[derive(Debug, Clone)]
pub struct Bind {
    /// The address.
    pub addr: Template,
    /// It may be anybody's.
    pub transparent: bool,
}

/// The rules for one request.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'c> {
    /// Where connections come from.
    pub bind: Option<&'c Bind>,
    /// Time to connect.
    pub connect_timeout: Duration,
    /// TCP keepalive.
    pub socket_keepalive: bool,
    /// Room in the kernel for what was received and for what is to be sent; 0 is the system's.
    pub socket_buffers: (u64, u64),
    /// Which failures lead to the next peer.
    pub next_upstream: NextUpstream,
    /// How many peers may be asked; 0 is no limit.
    pub tries: u64,
    /// Time in which peers may be asked; 0 is no limit.
    pub timeout: Duration,
}

impl<'c> Rules<'c> {
    /// Those of `proxy_…` or `tunnel_…`.
    pub fn of(settings: &'c Settings, work: Work) -> Self {
        match work {
            Work::Request => settings.proxy.rules(),
            Work::Tunnel => settings.tunnel.rules(),
        }
    }
}

impl Bind {
    /// The address for a request; none for a value that is no address, or is empty.
    pub fn addr(&self, request: &Request) -> Option<Addr> {
        let text = request.eval(&self.addr);
        if text.is_empty() {
            return None;
        }
        let text = String::from_utf8_lossy(&text);
        let ip = text.parse().map(|ip: IpAddr| SocketAddr::new(ip, 0));
        match ip.or_else(|_| text.parse()) {
            Ok(addr) => Some(addr.into()),
            Err(_) => {
                request.log(
                    Level::Error,
                    format_args!("invalid local address \"{text}\""),
                );
                None
            }
        }
    }
}
