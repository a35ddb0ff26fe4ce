//! The PROXY protocol, versions 1 and 2: who the client of a proxy in front of us is (HAProxy's
//! `proxy-protocol.txt`, `ngx_proxy_protocol.c`).
//!
//! Reading and writing are functions over bytes. [`read`] is called again with more bytes until it
//! says that a header is whole, or that it never will be one.

#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod tlv;
mod write;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use tlv::{TlvError, Tlvs, kind};
pub use write::{Tlv, write_v1, write_v2};

/// A header is never longer than this (`NGX_PROXY_PROTOCOL_MAX_HEADER`).
pub const HEADER_BYTES_MAX: usize = 4096;

/// A header of version 1 is never longer than this.
pub const V1_BYTES_MAX: usize = 107;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// One end of the connection that the proxy accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The address, as it was written: version 1 has a text, and nothing says that it is one.
    pub addr: Box<str>,
    /// The port.
    pub port: u16,
}

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The client.
    pub source: End,
    /// What the client connected to.
    pub destination: End,
    /// What else the proxy tells, in version 2.
    pub tlvs: Tlvs,
}

/// How far reading came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// More bytes are needed.
    Partial,
    /// The header is whole.
    Done {
        /// What it says; nothing if the proxy speaks for itself, or of an unknown protocol.
        header: Option<Header>,
        /// Its length in bytes.
        bytes: usize,
    },
}

/// Why it is no header. The client's fault, or that of a configuration: what comes is no proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Neither version begins like that.
    #[error("broken header: \"{0}\"")]
    Broken(String),
    /// A version after the second.
    #[error("unknown PROXY protocol version: {0}")]
    Version(u8),
    /// Longer than [`HEADER_BYTES_MAX`].
    #[error("header is too large")]
    TooLarge,
    /// Too short for the addresses that it announces.
    #[error("broken header: addresses are missing")]
    NoAddresses,
}

/// Reads the header at the beginning of `buf`.
pub fn read(buf: &[u8]) -> Result<Progress, Error> {
    let common = buf.len().min(SIGNATURE.len());
    if buf[..common] == SIGNATURE[..common] {
        return read_v2(buf);
    }
    read_v1(buf)
}

fn read_v1(buf: &[u8]) -> Result<Progress, Error> {
    const BEGIN: &[u8] = b"PROXY ";
    let common = buf.len().min(BEGIN.len());
    if buf[..common] != BEGIN[..common] {
        return Err(broken(buf));
    }
    let within = &buf[..buf.len().min(V1_BYTES_MAX)];
    let Some(end) = within.iter().position(|&byte| byte == b'\n') else {
        return match buf.len() < V1_BYTES_MAX {
            true => Ok(Progress::Partial),
            false => Err(broken(buf)),
        };
    };
    let line = buf[..end]
        .strip_suffix(b"\r")
        .and_then(|line| line.strip_prefix(BEGIN))
        .ok_or_else(|| broken(buf))?;
    let header = match line.starts_with(b"UNKNOWN") {
        true => None,
        false => Some(addresses(line).ok_or_else(|| broken(buf))?),
    };
    Ok(Progress::Done {
        header,
        bytes: end + 1,
    })
}

/// `TCP4 source destination port port`
fn addresses(line: &[u8]) -> Option<Header> {
    let rest = line
        .strip_prefix(b"TCP4 ")
        .or_else(|| line.strip_prefix(b"TCP6 "))?;
    let mut words = rest.split(|&byte| byte == b' ');
    let (source, destination) = (words.next()?, words.next()?);
    let (source_port, destination_port) = (words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    Some(Header {
        source: End::parse(source, source_port)?,
        destination: End::parse(destination, destination_port)?,
        tlvs: Tlvs::default(),
    })
}

impl End {
    fn parse(addr: &[u8], port: &[u8]) -> Option<Self> {
        let fits = |&byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
        let digits = !port.is_empty() && port.iter().all(u8::is_ascii_digit);
        if !addr.iter().all(fits) || !digits {
            return None;
        }
        Some(Self {
            addr: std::str::from_utf8(addr).ok()?.into(),
            port: std::str::from_utf8(port).ok()?.parse().ok()?,
        })
    }

    fn of_ip(ip: IpAddr, port: [u8; 2]) -> Self {
        Self {
            addr: ip.to_string().into(),
            port: u16::from_be_bytes(port),
        }
    }
}

fn read_v2(buf: &[u8]) -> Result<Progress, Error> {
    let Some((head, rest)) = buf.split_first_chunk::<16>() else {
        return Ok(Progress::Partial);
    };
    let (version, command) = (head[12] >> 4, head[12] & 15);
    if version != 2 {
        return Err(Error::Version(version));
    }
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    let bytes = head.len() + length;
    if bytes > HEADER_BYTES_MAX {
        return Err(Error::TooLarge);
    }
    let Some(body) = rest.get(..length) else {
        return Ok(Progress::Partial);
    };
    let (family, transport) = (head[13] >> 4, head[13] & 15);
    // As nginx: only what a proxy says of a stream is listened to.
    let header = match (command, transport, family) {
        (1, 1, 1) => Some(inet(body)?),
        (1, 1, 2) => Some(inet6(body)?),
        _ => None,
    };
    Ok(Progress::Done { header, bytes })
}

fn inet(body: &[u8]) -> Result<Header, Error> {
    let (addrs, tlvs) = body.split_first_chunk::<12>().ok_or(Error::NoAddresses)?;
    let [a, b, c, d, e, f, g, h, ports @ ..] = *addrs;
    let (source, destination) = (Ipv4Addr::new(a, b, c, d), Ipv4Addr::new(e, f, g, h));
    Ok(header(source.into(), destination.into(), ports, tlvs))
}

fn inet6(body: &[u8]) -> Result<Header, Error> {
    let missing = Error::NoAddresses;
    let (source, rest) = body.split_first_chunk::<16>().ok_or(missing.clone())?;
    let (destination, rest) = rest.split_first_chunk::<16>().ok_or(missing.clone())?;
    let (ports, tlvs) = rest.split_first_chunk::<4>().ok_or(missing)?;
    let [source, destination] = [source, destination].map(|&ip| Ipv6Addr::from(ip).into());
    Ok(header(source, destination, *ports, tlvs))
}

fn header(source: IpAddr, destination: IpAddr, ports: [u8; 4], tlvs: &[u8]) -> Header {
    let [a, b, c, d] = ports;
    Header {
        source: End::of_ip(source, [a, b]),
        destination: End::of_ip(destination, [c, d]),
        tlvs: Tlvs::new(tlvs),
    }
}

/// Says what came, up to the end of its line.
fn broken(buf: &[u8]) -> Error {
    let line = buf.split(|byte| matches!(byte, b'\r' | b'\n')).next();
    let line = line.unwrap_or_default();
    let shown = &line[..line.len().min(V1_BYTES_MAX)];
    Error::Broken(shown.escape_ascii().to_string())
}

#[cfg(test)]
mod tests;
