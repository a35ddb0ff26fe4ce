//! Connecting to a peer without blocking the thread.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::{Addr, Deadline, Stream};

/// Connects to `peer`, from `local` if given, within `timeout`
/// ([`TimedOut`](io::ErrorKind::TimedOut) otherwise). Cancel-safe: dropping it closes the socket.
pub async fn connect(peer: &Addr, local: Option<&Addr>, timeout: Duration) -> io::Result<Stream> {
    let (socket, connected) = start(peer, local)?;
    let stream = Stream::new(socket)?;
    if !connected {
        let deadline = Deadline::after(timeout);
        poll_fn(|cx| {
            if deadline.poll_expired(cx).is_ready() {
                return std::task::Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            stream.poll_write_ready(cx)
        })
        .await?;
        rustix::net::sockopt::socket_error(stream.as_fd())??;
    }
    Ok(stream)
}

/// Creates the socket and starts to connect; `true` if that is already done.
fn start(peer: &Addr, local: Option<&Addr>) -> io::Result<(OwnedFd, bool)> {
    let family = match peer {
        Addr::Ip(ip) if ip.is_ipv4() => AddressFamily::INET,
        Addr::Ip(_) => AddressFamily::INET6,
        Addr::Unix(_) => AddressFamily::UNIX,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    if let Some(Addr::Ip(local)) = local {
        if local.port() != 0 {
            rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
        }
        rustix::net::bind(&socket, local)?;
    }
    let result = match peer {
        Addr::Ip(ip) => rustix::net::connect(&socket, ip),
        Addr::Unix(path) => rustix::net::connect(&socket, &SocketAddrUnix::new(path)?),
    };
    match result {
        Ok(()) => Ok((socket, true)),
        Err(rustix::io::Errno::INPROGRESS) => Ok((socket, false)),
        // A unix socket whose backlog is full says EAGAIN and gives no event later.
        Err(rustix::io::Errno::AGAIN) => Err(io::ErrorKind::ConnectionRefused.into()),
        Err(error) => Err(error.into()),
    }
}
