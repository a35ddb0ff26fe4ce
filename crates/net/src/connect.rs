//! Connecting to a peer without blocking the thread.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

use crate::log::Errno;
use crate::{Addr, Deadline, Stream};

/// The local address cannot be had, whatever is to be reached from there.
#[derive(Debug, thiserror::Error)]
#[error("bind({local}) failed {}", Errno(.error))]
pub struct Unbindable {
    local: SocketAddr,
    error: io::Error,
}

impl Unbindable {
    /// The message, if that is what is wrong.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }

    fn at(local: &SocketAddr, error: impl Into<io::Error>) -> io::Error {
        io::Error::other(Self {
            local: *local,
            error: error.into(),
        })
    }
}

/// How a connection is made, beside its address and its time.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// The address that it comes from.
    pub local: Option<&'a Addr>,
    /// That address may be anybody's (`IP_TRANSPARENT`).
    pub transparent: bool,
    /// Room in the kernel for what was received, in bytes (`SO_RCVBUF`).
    pub receive_buffer: Option<usize>,
    /// Room in the kernel for what is to be sent, in bytes (`SO_SNDBUF`).
    pub send_buffer: Option<usize>,
}

/// Connects to `peer`, from `local` if given, within `timeout`
/// ([`TimedOut`](io::ErrorKind::TimedOut) otherwise). Cancel-safe: dropping it closes the socket.
pub async fn connect(peer: &Addr, local: Option<&Addr>, timeout: Duration) -> io::Result<Stream> {
    let options = Options {
        local,
        ..Options::default()
    };
    connect_with(peer, &options, timeout).await
}

/// As [`connect`], with more to say about the socket.
pub async fn connect_with(
    peer: &Addr,
    options: &Options<'_>,
    timeout: Duration,
) -> io::Result<Stream> {
    let (socket, connected) = start(peer, options)?;
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
fn start(peer: &Addr, options: &Options<'_>) -> io::Result<(OwnedFd, bool)> {
    let family = match peer {
        Addr::Ip(ip) if ip.is_ipv4() => AddressFamily::INET,
        Addr::Ip(_) => AddressFamily::INET6,
        Addr::Unix(_) => AddressFamily::UNIX,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    if let Some(bytes) = options.receive_buffer {
        rustix::net::sockopt::set_socket_recv_buffer_size(&socket, bytes)?;
    }
    if let Some(bytes) = options.send_buffer {
        rustix::net::sockopt::set_socket_send_buffer_size(&socket, bytes)?;
    }
    if let Some(Addr::Ip(local)) = options.local {
        if options.transparent {
            crate::sys::set_transparent(&socket, local.is_ipv6())
                .map_err(|error| Unbindable::at(local, error))?;
        }
        if local.port() != 0 {
            rustix::net::sockopt::set_socket_reuseaddr(&socket, true)?;
        }
        rustix::net::bind(&socket, local).map_err(|error| Unbindable::at(local, error))?;
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
