//! Writing headers, for the servers that a proxy passes connections to.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{SIGNATURE, kind};

/// A value behind the addresses.
#[derive(Debug, Clone, Copy)]
pub struct Tlv<'a> {
    /// What it is, one of [`kind`].
    pub kind: u8,
    /// The value, at most 65535 bytes.
    pub value: &'a [u8],
}

/// A header of version 1. Without addresses, as with unix sockets, the protocol is `UNKNOWN`.
pub fn write_v1(addresses: Option<(SocketAddr, SocketAddr)>) -> Vec<u8> {
    let Some((source, destination)) = addresses else {
        return b"PROXY UNKNOWN\r\n".to_vec();
    };
    let family = if source.is_ipv4() { 4 } else { 6 };
    let (from, to) = (source.ip(), destination.ip());
    let (from_port, to_port) = (source.port(), destination.port());
    format!("PROXY TCP{family} {from} {to} {from_port} {to_port}\r\n").into_bytes()
}

/// A header of version 2 about a stream, with its checksum. Without addresses it says that the
/// connection is our own. `None` if the values are too long for a header.
pub fn write_v2(addresses: Option<(SocketAddr, SocketAddr)>, tlvs: &[Tlv<'_>]) -> Option<Vec<u8>> {
    let mut out = SIGNATURE.to_vec();
    match addresses {
        None => out.extend([0x20, 0, 0, 0]),
        Some((source, destination)) => write_addresses(&mut out, source, destination),
    }
    for tlv in tlvs {
        write_tlv(&mut out, tlv)?;
    }
    let checksum = Tlv {
        kind: kind::CRC32C,
        value: &[0; 4],
    };
    write_tlv(&mut out, &checksum)?;
    let length = u16::try_from(out.len() - 16).ok()?;
    out[14..16].copy_from_slice(&length.to_be_bytes());
    let checksum = crc32c(&out).to_be_bytes();
    let at = out.len() - checksum.len();
    out[at..].copy_from_slice(&checksum);
    Some(out)
}

/// Everything behind the signature, up to the values. Addresses of two kinds are both written as
/// IPv6, and two that are IPv4 in IPv6's form as IPv4.
fn write_addresses(out: &mut Vec<u8>, source: SocketAddr, destination: SocketAddr) {
    let plain = |addr: SocketAddr| match addr.ip().to_canonical() {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    };
    match (plain(source), plain(destination)) {
        (Some(from), Some(to)) => {
            out.extend([0x21, 0x11, 0, 0]);
            out.extend(from.octets());
            out.extend(to.octets());
        }
        _ => {
            let wide = |addr: SocketAddr| match addr.ip() {
                IpAddr::V4(ip) => Ipv4Addr::to_ipv6_mapped(&ip).octets(),
                IpAddr::V6(ip) => ip.octets(),
            };
            out.extend([0x21, 0x21, 0, 0]);
            out.extend(wide(source));
            out.extend(wide(destination));
        }
    }
    out.extend(source.port().to_be_bytes());
    out.extend(destination.port().to_be_bytes());
}

fn write_tlv(out: &mut Vec<u8>, tlv: &Tlv<'_>) -> Option<()> {
    out.push(tlv.kind);
    out.extend(u16::try_from(tlv.value.len()).ok()?.to_be_bytes());
    out.extend_from_slice(tlv.value);
    Some(())
}

/// The checksum of RFC 9260 appendix B. Once per connection, so no table.
pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut crc = !0;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = match crc & 1 {
                1 => crc >> 1 ^ POLYNOMIAL,
                _ => crc >> 1,
            };
        }
    }
    !crc
}
