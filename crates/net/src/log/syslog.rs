//! Messages to a syslog server (`ngx_syslog`; RFC 3164 as nginx writes it).

use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::net::{AddressFamily, SendFlags, SocketAddrUnix, SocketFlags, SocketType};

use super::{Errno, Level, time};
use crate::{Addr, clock};

/// What stands behind `syslog:` in a configuration, with the server's name not yet looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// The server as it is written: `host`, `host:port` or `unix:path`.
    pub server: String,
    /// 0 to 23; 23 (`local7`) unless given.
    pub facility: u8,
    /// The severity of lines that have none of their own (access logs).
    pub severity: Level,
    /// The name of the program; `nginx` unless given.
    pub tag: String,
    /// Whether the name of this machine stands in front of the tag.
    pub host_name: bool,
}

const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "intern", "lpr", "news", "uucp", "clock", "authpriv",
    "ftp", "ntp", "audit", "alert", "cron", "local0", "local1", "local2", "local3", "local4",
    "local5", "local6", "local7",
];

/// The longest tag (RFC 3164 §4.1.3).
const TAG_MAX: usize = 32;

/// The port of a server that names none.
pub const PORT: u16 = 514;

impl Spec {
    /// Reads the parameters behind `syslog:`; the error is the text of the diagnostic.
    pub fn parse(parameters: &str) -> Result<Self, String> {
        let mut server = None;
        let mut facility = None;
        let mut severity = None;
        let mut tag = None;
        let mut host_name = true;
        for parameter in parameters.split(',') {
            match parameter.split_once('=') {
                Some(("server", value)) => once(&mut server, value.to_owned(), "server")?,
                Some(("facility", value)) => {
                    let number = FACILITIES.iter().position(|name| *name == value);
                    let number = number.and_then(|number| u8::try_from(number).ok());
                    let number =
                        number.ok_or_else(|| format!("unknown syslog facility \"{value}\""))?;
                    once(&mut facility, number, "facility")?;
                }
                Some(("severity", value)) => {
                    let level = value.parse();
                    let level =
                        level.map_err(|_| format!("unknown syslog severity \"{value}\""))?;
                    once(&mut severity, level, "severity")?;
                }
                Some(("tag", value)) => once(&mut tag, checked_tag(value)?, "tag")?,
                None if parameter == "nohostname" => host_name = false,
                _ => return Err(format!("unknown syslog parameter \"{parameter}\"")),
            }
        }
        Ok(Self {
            server: server.ok_or("no syslog server specified")?,
            facility: facility.unwrap_or(23),
            severity: severity.unwrap_or(Level::Info),
            tag: tag.unwrap_or_else(|| "nginx".to_owned()),
            host_name,
        })
    }
}

fn once<T>(slot: &mut Option<T>, value: T, name: &str) -> Result<(), String> {
    match slot.replace(value) {
        Some(_) => Err(format!("duplicate syslog \"{name}\"")),
        None => Ok(()),
    }
}

fn checked_tag(tag: &str) -> Result<String, String> {
    if tag.len() > TAG_MAX {
        return Err(format!("syslog tag length exceeds {TAG_MAX}"));
    }
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if !tag.bytes().all(allowed) {
        return Err("syslog \"tag\" only allows alphanumeric characters and underscore".into());
    }
    Ok(tag.to_owned())
}

/// A syslog server that lines are sent to, from any thread.
#[derive(Debug)]
pub struct Syslog {
    server: Addr,
    facility: u8,
    severity: Level,
    /// What stands between the time and the message: `host tag: `.
    name: String,
    /// Held for one send that does not wait. None after a failure: the next message connects anew,
    /// so that a server that was away is found again.
    socket: Mutex<Option<OwnedFd>>,
    /// The second of the last failure that was told.
    told: AtomicI64,
}

/// A message was not sent. At most one of these a second leaves a server.
#[derive(Debug, thiserror::Error)]
#[error("{call}() failed {} while logging to syslog, server: {server}", Errno(.source))]
pub struct Failure {
    call: &'static str,
    server: Addr,
    source: io::Error,
}

impl Syslog {
    /// A server at `server`; `host_name` is this machine's.
    pub fn new(spec: &Spec, server: Addr, host_name: &str) -> Self {
        let name = match spec.host_name {
            true => format!("{host_name} {}: ", spec.tag),
            false => format!("{}: ", spec.tag),
        };
        Self {
            server,
            facility: spec.facility,
            severity: spec.severity,
            name,
            socket: Mutex::new(None),
            told: AtomicI64::new(0),
        }
    }

    /// Sends a line of an access log, without its end.
    pub fn send(&self, line: &[u8]) -> Result<(), Failure> {
        self.send_as(self.severity, line)
    }

    /// Sends a line of an error log, without its end; its level is the severity.
    pub fn send_error_line(&self, level: Level, line: &[u8]) -> Result<(), Failure> {
        self.send_as(level, line)
    }

    fn send_as(&self, severity: Level, line: &[u8]) -> Result<(), Failure> {
        let mut datagram = Vec::with_capacity(64 + self.name.len() + line.len());
        let priority = u32::from(self.facility) * 8 + severity as u32 - 1;
        // Writing to a `Vec` does not fail.
        let _ =
            time::with(|times| write!(datagram, "<{priority}>{} {}", times.syslog(), self.name));
        datagram.extend_from_slice(line);

        match self.transmit(&datagram) {
            Ok(()) => Ok(()),
            Err((call, source)) => self.tell(call, source),
        }
    }

    fn transmit(&self, datagram: &[u8]) -> Result<(), (&'static str, io::Error)> {
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        let connected = match socket.take() {
            Some(connected) => connected,
            None => self.connect().map_err(|error| ("connect", error))?,
        };
        match rustix::net::send(
            &connected,
            datagram,
            SendFlags::DONTWAIT | SendFlags::NOSIGNAL,
        ) {
            // A full queue loses this message, not the connection.
            Ok(_) | Err(rustix::io::Errno::AGAIN) => {
                *socket = Some(connected);
                Ok(())
            }
            Err(error) => Err(("send", error.into())),
        }
    }

    /// Makes the first failure of a second known; the others are not worth a line each.
    fn tell(&self, call: &'static str, source: io::Error) -> Result<(), Failure> {
        let now = time::seconds(clock::wall());
        if self.told.swap(now, Ordering::Relaxed) == now {
            return Ok(());
        }
        Err(Failure {
            call,
            server: self.server.clone(),
            source,
        })
    }

    fn connect(&self) -> io::Result<OwnedFd> {
        let family = match &self.server {
            Addr::Ip(ip) if ip.is_ipv4() => AddressFamily::INET,
            Addr::Ip(_) => AddressFamily::INET6,
            Addr::Unix(_) => AddressFamily::UNIX,
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::DGRAM, flags, None)?;
        match &self.server {
            Addr::Ip(ip) => rustix::net::connect(&socket, ip)?,
            Addr::Unix(path) => rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?,
        }
        Ok(socket)
    }
}
