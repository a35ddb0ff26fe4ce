//! The listening sockets of a configuration, and which of them live through a reload.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use net::Addr;
use net::listen::{self, BindError, Listen};
use net::log::{Errno, ErrorLog, Level};

use super::Logged;

/// The sockets that a configuration listens on.
#[derive(Debug, Default)]
pub struct Sockets {
    open: Vec<Socket>,
}

/// An address, and its socket; with `reuseport` a socket for each thread.
#[derive(Debug)]
struct Socket {
    listen: Listen,
    fds: Vec<Arc<OwnedFd>>,
}

/// How often an address that is in use is tried, and how long apart, as in nginx.
const TRIES: usize = 5;
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);

impl Sockets {
    /// Opens what `listens` asks for, and keeps what `previous` has of it.
    pub fn open(
        listens: &[Listen],
        threads: usize,
        previous: &Sockets,
        log: &ErrorLog,
    ) -> Result<Self, Logged> {
        let mut sockets = Sockets::default();
        for listen in listens {
            let kept = previous.of(&listen.addr).map(|socket| socket.fds.clone());
            let wanted = match listen.options.reuseport {
                true => threads,
                false => 1,
            };
            let mut fds = kept.unwrap_or_default();
            fds.truncate(wanted);
            if wanted > 1 {
                share_ports(&fds, listen, log);
            }
            while fds.len() < wanted {
                fds.push(Arc::new(bind_patiently(listen, log)?));
            }
            for fd in &fds {
                listen::configure(fd.as_ref(), listen, log);
            }
            sockets.open.push(Socket {
                listen: listen.clone(),
                fds,
            });
        }
        Ok(sockets)
    }

    fn of(&self, addr: &Addr) -> Option<&Socket> {
        self.open.iter().find(|socket| socket.listen.addr == *addr)
    }

    /// Every address with its descriptors, in the order of the configuration.
    pub fn all(&self) -> impl Iterator<Item = (&Addr, Vec<BorrowedFd<'_>>)> {
        self.open.iter().map(|socket| {
            let fds = socket.fds.iter().map(|fd| fd.as_fd()).collect();
            (&socket.listen.addr, fds)
        })
    }

    /// Removes the files of the unix sockets that `next` does not have.
    pub fn unlink_all_but(&self, next: &Sockets, log: &ErrorLog) {
        for socket in &self.open {
            let addr = &socket.listen.addr;
            if next.of(addr).is_some() {
                continue;
            }
            if let Err(error) = listen::unlink(addr) {
                let error = Errno(&error);
                log.log(
                    Level::Emerg,
                    None,
                    format_args!("unlink() {addr} failed {error}"),
                );
            }
        }
    }
}

/// Lets more sockets be bound to the address of these.
fn share_ports(fds: &[Arc<OwnedFd>], listen: &Listen, log: &ErrorLog) {
    for fd in fds {
        if let Err(error) = rustix::net::sockopt::set_socket_reuseport(fd, true) {
            let (addr, error) = (&listen.addr, std::io::Error::from(error));
            let error = Errno(&error);
            log.log(
                Level::Alert,
                None,
                format_args!("setsockopt(SO_REUSEPORT) {addr} failed, ignored {error}"),
            );
        }
    }
}

/// Binds, and waits a little for an address that is in use: whoever had it may be leaving.
fn bind_patiently(listen: &Listen, log: &ErrorLog) -> Result<OwnedFd, Logged> {
    for attempt in 1.. {
        let error: BindError = match listen::bind(listen) {
            Ok(fd) => return Ok(fd),
            Err(error) => error,
        };
        log.log(Level::Emerg, None, format_args!("{error}"));
        if !error.in_use() {
            break;
        }
        if attempt == TRIES {
            log.log(Level::Emerg, None, format_args!("still could not bind()"));
            break;
        }
        log.log(
            Level::Notice,
            None,
            format_args!("try again to bind() after 500ms"),
        );
        std::thread::sleep(TRY_AGAIN_AFTER);
        net::clock::refresh();
    }
    Err(Logged)
}
