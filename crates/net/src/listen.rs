//! Listening sockets: how they are opened (by the master) and accepted from (by the threads).

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::io::Errno as Os;
use rustix::net::sockopt;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use tokio::io::unix::AsyncFd;

use crate::log::{Errno, ErrorLog, Level};
use crate::{Addr, Deadline, sys};

/// One socket to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where.
    pub addr: Addr,
    /// How.
    pub options: ListenOptions,
}

/// The parameters of `listen` that concern the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenOptions {
    /// Connections that may wait to be accepted.
    pub backlog: i32,
    /// `SO_RCVBUF`, inherited by the connections.
    pub rcvbuf: Option<usize>,
    /// `SO_SNDBUF`, inherited by the connections.
    pub sndbuf: Option<usize>,
    /// A socket for each thread, among which the kernel shares the connections out.
    pub reuseport: bool,
    /// Whether an IPv6 socket takes IPv6 only.
    pub ipv6only: bool,
    /// Connections that may be opened by TCP Fast Open at a time.
    pub fastopen: Option<i32>,
    /// TCP keepalive of the connections.
    pub keepalive: Keepalive,
    /// Connections are shown only when their first bytes are there.
    pub deferred: bool,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            backlog: 511,
            rcvbuf: None,
            sndbuf: None,
            reuseport: false,
            ipv6only: true,
            fastopen: None,
            keepalive: Keepalive::System,
            deferred: false,
        }
    }
}

/// `so_keepalive`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keepalive {
    /// As the system has it.
    #[default]
    System,
    /// No probes.
    Off,
    /// Probes; what is not given is as the system has it.
    On {
        /// Silence before the first probe.
        idle: Option<Duration>,
        /// Time between probes.
        interval: Option<Duration>,
        /// Probes without an answer that end the connection.
        count: Option<u32>,
    },
}

/// A socket could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("{call} {addr} failed {}", Errno(.source))]
pub struct BindError {
    /// What failed, such as `bind() to`.
    pub call: &'static str,
    /// For which address.
    pub addr: Addr,
    /// Why.
    pub source: io::Error,
}

impl BindError {
    /// Whether somebody else has the address, perhaps not for long.
    pub fn in_use(&self) -> bool {
        self.source.kind() == io::ErrorKind::AddrInUse
    }
}

/// Opens a socket and listens, once. A unix socket that a process left behind, which refuses
/// connections, is removed first.
pub fn bind(listen: &Listen) -> Result<OwnedFd, BindError> {
    let (socket, mut call) = (open(listen), "socket()");
    let result = socket.and_then(|socket| {
        call = "bind() to";
        bind_socket(&socket, &listen.addr)?;
        call = "listen() to";
        rustix::net::listen(&socket, listen.options.backlog)?;
        Ok(socket)
    });
    result.map_err(|source| BindError {
        call,
        addr: listen.addr.clone(),
        source,
    })
}

/// Whether [`bind`] could work, for a test of a configuration: an address that is in use is fine,
/// for it is likely our own.
pub fn check(listen: &Listen) -> Result<(), BindError> {
    if matches!(listen.addr, Addr::Unix(_)) {
        return Ok(());
    }
    match bind(listen) {
        Err(error) if !error.in_use() => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn open(listen: &Listen) -> io::Result<OwnedFd> {
    let family = match &listen.addr {
        Addr::Ip(ip) if ip.is_ipv4() => AddressFamily::INET,
        Addr::Ip(_) => AddressFamily::INET6,
        Addr::Unix(_) => AddressFamily::UNIX,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    if family != AddressFamily::UNIX {
        sockopt::set_socket_reuseaddr(&socket, true)?;
        if listen.options.reuseport {
            sockopt::set_socket_reuseport(&socket, true)?;
        }
    }
    if family == AddressFamily::INET6 {
        sockopt::set_ipv6_v6only(&socket, listen.options.ipv6only)?;
    }
    Ok(socket)
}

fn bind_socket(socket: &OwnedFd, addr: &Addr) -> io::Result<()> {
    let path = match addr {
        Addr::Ip(ip) => return Ok(rustix::net::bind(socket, ip)?),
        Addr::Unix(path) => path,
    };
    let name = SocketAddrUnix::new(path)?;
    match rustix::net::bind(socket, &name) {
        // DIFFERS: nginx refuses to start where a killed process left its socket.
        Err(Os::ADDRINUSE) if is_stale(path, &name) => {
            std::fs::remove_file(path)?;
            rustix::net::bind(socket, &name)?;
        }
        result => result?,
    }
    let mode = rustix::fs::Mode::from_raw_mode(0o666);
    Ok(rustix::fs::chmod(path, mode)?)
}

/// Whether this is a socket behind which nobody listens.
fn is_stale(path: &Path, name: &SocketAddrUnix) -> bool {
    let kind = std::fs::symlink_metadata(path).map(|metadata| metadata.file_type());
    if !kind.is_ok_and(|kind| kind.is_socket()) {
        return false;
    }
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let probe = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None);
    probe.and_then(|probe| rustix::net::connect(&probe, name)) == Err(Os::CONNREFUSED)
}

/// Sets the options that may change while a socket stays open; each failure is told and ignored.
pub fn configure(socket: impl AsFd, listen: &Listen, log: &ErrorLog) {
    let (socket, options) = (socket.as_fd(), &listen.options);
    let told = |name: &str, result: io::Result<()>| {
        if let Err(error) = result {
            log.log(
                Level::Alert,
                None,
                format_args!("{name} {} failed, ignored {}", listen.addr, Errno(&error)),
            );
        }
    };
    let tcp = |option, value| sys::set_tcp_option(socket, option, value);
    if let Some(bytes) = options.rcvbuf {
        let result = sockopt::set_socket_recv_buffer_size(socket, bytes);
        told("setsockopt(SO_RCVBUF)", result.map_err(Into::into));
    }
    if let Some(bytes) = options.sndbuf {
        let result = sockopt::set_socket_send_buffer_size(socket, bytes);
        told("setsockopt(SO_SNDBUF)", result.map_err(Into::into));
    }
    if matches!(listen.addr, Addr::Ip(_)) {
        told(
            "setsockopt(SO_KEEPALIVE)",
            set_keepalive(socket, options.keepalive),
        );
        if let Some(queue) = options.fastopen {
            told("setsockopt(TCP_FASTOPEN)", tcp(libc::TCP_FASTOPEN, queue));
        }
        // The time that a connection may wait for its first bytes, in seconds, as in nginx.
        let wait = i32::from(options.deferred);
        told(
            "setsockopt(TCP_DEFER_ACCEPT)",
            tcp(libc::TCP_DEFER_ACCEPT, wait),
        );
    }
    let result = rustix::net::listen(socket, options.backlog);
    told("listen() to", result.map_err(Into::into));
}

fn set_keepalive(socket: BorrowedFd<'_>, keepalive: Keepalive) -> io::Result<()> {
    let Keepalive::On {
        idle,
        interval,
        count,
    } = keepalive
    else {
        if keepalive == Keepalive::Off {
            sockopt::set_socket_keepalive(socket, false)?;
        }
        return Ok(());
    };
    sockopt::set_socket_keepalive(socket, true)?;
    if let Some(idle) = idle {
        sockopt::set_tcp_keepidle(socket, idle)?;
    }
    if let Some(interval) = interval {
        sockopt::set_tcp_keepintvl(socket, interval)?;
    }
    if let Some(count) = count {
        sockopt::set_tcp_keepcnt(socket, count)?;
    }
    Ok(())
}

/// Removes the file of a unix socket that is no longer listened on.
pub fn unlink(addr: &Addr) -> io::Result<()> {
    match addr {
        Addr::Unix(path) if path != Path::new("") => std::fs::remove_file(path),
        _ => Ok(()),
    }
}

/// How long nothing is accepted after the process ran out of descriptors.
const PAUSE: Duration = Duration::from_millis(500);

/// A listening socket, registered with this thread's runtime.
#[derive(Debug)]
pub struct Listener {
    fd: AsyncFd<OwnedFd>,
    addr: Addr,
    /// Set while nothing is accepted for lack of descriptors.
    paused: Deadline,
}

impl Listener {
    /// Registers a socket that listens on `addr`.
    pub fn new(fd: OwnedFd, addr: Addr) -> io::Result<Self> {
        Ok(Self {
            fd: sys::register(fd)?,
            addr,
            paused: Deadline::unset(),
        })
    }

    /// The address that was asked for: with a wildcard, not that of a connection.
    pub fn addr(&self) -> &Addr {
        &self.addr
    }

    /// The next connection and its peer, non-blocking and not yet registered, so that it can be
    /// handed to another thread. Failures are told in `log` and waited out.
    pub fn poll_accept(&self, cx: &mut Context<'_>, log: &ErrorLog) -> Poll<(OwnedFd, Addr)> {
        loop {
            if self.paused.is_set() {
                ready!(self.paused.poll_expired(cx));
                self.paused.clear();
            }
            let Ok(mut guard) = ready!(self.fd.poll_read_ready(cx)) else {
                // The runtime is shutting down.
                return Poll::Pending;
            };
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            match rustix::net::acceptfrom_with(self.fd.get_ref(), flags) {
                Ok((socket, peer)) => return Poll::Ready((socket, name(peer))),
                Err(Os::AGAIN) => guard.clear_ready(),
                Err(Os::INTR) => {}
                Err(error) => self.refused(error, log),
            }
        }
    }

    /// Waits for the next connection. Cancel-safe.
    pub async fn accept(&self, log: &ErrorLog) -> (OwnedFd, Addr) {
        std::future::poll_fn(|cx| self.poll_accept(cx, log)).await
    }

    fn refused(&self, error: Os, log: &ErrorLog) {
        let level = match error {
            Os::CONNABORTED => Level::Error,
            Os::MFILE | Os::NFILE => Level::Crit,
            _ => Level::Alert,
        };
        let source = io::Error::from(error);
        log.log(
            level,
            None,
            format_args!("accept4() on {} failed {}", self.addr, Errno(&source)),
        );
        if error != Os::CONNABORTED {
            // Every other failure would come again at once.
            self.paused.set_after(PAUSE);
        }
    }
}

fn name(peer: Option<rustix::net::SocketAddrAny>) -> Addr {
    let named = peer.and_then(|peer| Addr::try_from(peer).ok());
    named.unwrap_or_else(|| Addr::Unix(Default::default()))
}

#[cfg(test)]
mod tests;
