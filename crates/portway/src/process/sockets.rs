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
            let rivals = previous.rivals(listen, listens);
            while fds.len() < wanted {
                let fd = match rivals.is_empty() {
                    true => bind_patiently(listen, log)?,
                    false => bind_beside(&rivals, listen, log)?,
                };
                fds.push(Arc::new(fd));
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

    /// Those of these sockets that stand in the way of `listen`: they have its port at another
    /// address, and none of `listens` keeps them.
    fn rivals(&self, listen: &Listen, listens: &[Listen]) -> Vec<&Socket> {
        let port = |addr: &Addr| addr.ip().map(|ip| ip.port());
        let stays = |addr: &Addr| listens.iter().any(|listen| listen.addr == *addr);
        let rival = |socket: &&Socket| {
            let addr = &socket.listen.addr;
            port(addr).is_some() && port(addr) == port(&listen.addr) && !stays(addr)
        };
        self.open.iter().filter(rival).collect()
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

/// Binds where sockets are that will be closed as soon as this configuration is in force. Both
/// have to share their port for that long.
// DIFFERS: nginx cannot go from one address to all addresses of the same port, or back.
fn bind_beside(rivals: &[&Socket], listen: &Listen, log: &ErrorLog) -> Result<OwnedFd, Logged> {
    for rival in rivals {
        share_ports(&rival.fds, &rival.listen, log);
    }
    let mut shared = listen.clone();
    shared.options.reuseport = true;
    bind_patiently(&shared, log)
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

#[cfg(test)]
mod tests {
    use super::*;
    use net::listen::ListenOptions;

    fn listen(addr: &str) -> Listen {
        Listen {
            addr: Addr::Ip(addr.parse().unwrap()),
            options: ListenOptions::default(),
        }
    }

    fn open(listens: &[Listen], previous: &Sockets) -> Sockets {
        let log = ErrorLog::stderr(Level::Emerg);
        Sockets::open(listens, 3, previous, &log).unwrap()
    }

    fn free_port() -> u16 {
        let any = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        any.local_addr().unwrap().port()
    }

    #[test]
    fn a_socket_that_stays_is_the_same_and_reuseport_adds_one_for_each_thread() {
        let mut listens = [listen(&format!("127.0.0.1:{}", free_port()))];
        let first = open(&listens, &Sockets::default());
        let second = open(&listens, &first);
        assert!(Arc::ptr_eq(&first.open[0].fds[0], &second.open[0].fds[0]));
        listens[0].options.reuseport = true;
        let third = open(&listens, &second);
        assert_eq!(third.open[0].fds.len(), 3);
        assert!(Arc::ptr_eq(&first.open[0].fds[0], &third.open[0].fds[0]));
        listens[0].options.reuseport = false;
        assert_eq!(open(&listens, &third).open[0].fds.len(), 1);
    }

    #[test]
    fn one_address_gives_way_to_all_addresses_of_its_port_and_back() {
        let port = free_port();
        let one = [listen(&format!("127.0.0.1:{port}"))];
        let all = [listen(&format!("0.0.0.0:{port}"))];
        let first = open(&one, &Sockets::default());
        let second = open(&all, &first);
        drop(first);
        let third = open(&one, &second);
        drop(second);
        // One who does not ask to share does not get in.
        assert!(listen::bind(&one[0]).unwrap_err().in_use());
        drop(third);
        listen::bind(&all[0]).unwrap();
    }
}
