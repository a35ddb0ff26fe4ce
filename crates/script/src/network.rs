//! Networks as configurations write them (`ngx_ptocidr`), and the client behind proxies that are
//! in some (`ngx_http_get_forwarded_addr`).

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;

/// A network: an address and how many of its leading bits count; the others are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    bits: u8,
}

impl Network {
    /// All addresses of IPv4.
    pub const ALL_V4: Self = Self {
        first: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        bits: 0,
    };

    /// All addresses of IPv6.
    pub const ALL_V6: Self = Self {
        first: IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED),
        bits: 0,
    };

    /// Reads `address` or `address/bits`, and whether bits were set that do not count.
    pub fn parse(text: &[u8]) -> Option<(Self, bool)> {
        let (ip, bits) = match text.iter().position(|&byte| byte == b'/') {
            Some(at) => (&text[..at], Some(conf::value::number(&text[at + 1..])?)),
            None => (text, None),
        };
        let ip = parse_ip(ip)?;
        let width = if ip.is_ipv4() { 32 } else { 128 };
        let bits = u8::try_from(bits.unwrap_or(width)).ok()?;
        if u64::from(bits) > width {
            return None;
        }
        let first = leading_bits(ip, bits);
        Some((Self { first, bits }, first != ip))
    }

    /// Its first address.
    pub fn first(&self) -> IpAddr {
        self.first
    }

    /// How many leading bits all its addresses share.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether an address is in it; an IPv4 address in IPv6 form counts as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        leading_bits(ip.to_canonical(), self.bits) == self.first
    }
}

/// An address as nginx reads it: parts of IPv4 may have leading zeros.
pub fn parse_ip(text: &[u8]) -> Option<IpAddr> {
    if let Some(ip) = parse_ipv4(text) {
        return Some(IpAddr::V4(ip));
    }
    let text = std::str::from_utf8(text).ok()?;
    text.parse().ok().map(IpAddr::V6)
}

/// An address of IPv4 as nginx reads it.
pub fn parse_ipv4(text: &[u8]) -> Option<Ipv4Addr> {
    let (mut bits, mut dots) = (0_u32, 0);
    let mut octet = None;
    for &byte in text {
        match byte {
            b'0'..=b'9' => {
                let longer = octet.unwrap_or(0) * 10 + u32::from(byte - b'0');
                octet = (longer <= 255).then_some(longer);
                octet?;
            }
            b'.' => (bits, dots) = (bits << 8 | octet.take()?, dots + 1),
            _ => return None,
        }
    }
    (dots == 3).then_some(Ipv4Addr::from_bits(bits << 8 | octet?))
}

/// Who a request came from in the end: as long as the address is that of a proxy, the last one
/// that the proxy's `X-Forwarded-For` names; only once unless `recursive`. `lines` are the values
/// of the field, in their order.
pub fn forwarded(from: IpAddr, lines: &[Bytes], proxies: &[Network], depth: Forwarding) -> IpAddr {
    let is_proxy = |ip| proxies.iter().any(|proxy| proxy.contains(ip));
    let mut client = from;
    for line in lines.iter().rev() {
        let separator = |byte: &u8| matches!(byte, b' ' | b',');
        let named = line.split(separator).filter(|part| !part.is_empty()).rev();
        for part in named {
            if !is_proxy(client) {
                return client;
            }
            match parse_ip_port(part) {
                Some(ip) => client = ip,
                None => return client,
            }
            if depth == Forwarding::Once {
                return client;
            }
        }
        if depth == Forwarding::Once {
            return client;
        }
    }
    client
}

/// How far `X-Forwarded-For` is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forwarding {
    /// To the address that the nearest proxy saw.
    Once,
    /// Through all proxies that are known.
    Recursive,
}

/// An address that may have a port behind it.
fn parse_ip_port(text: &[u8]) -> Option<IpAddr> {
    if let Some(ip) = parse_ip(text) {
        return Some(ip);
    }
    let colon = text.iter().rposition(|&byte| byte == b':')?;
    conf::value::number(&text[colon + 1..])?;
    // As ngx_parse_addr_port: brackets only with a port behind them.
    match &text[..colon] {
        [b'[', ip @ .., b']'] => parse_ip(ip),
        ip => parse_ipv4(ip).map(IpAddr::V4),
    }
}

fn leading_bits(ip: IpAddr, bits: u8) -> IpAddr {
    match ip {
        IpAddr::V4(ip) => {
            let dropped = 32_u32.saturating_sub(bits.into());
            let mask = u32::MAX.checked_shl(dropped).unwrap_or(0);
            Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }
        IpAddr::V6(ip) => {
            let dropped = 128_u32.saturating_sub(bits.into());
            let mask = u128::MAX.checked_shl(dropped).unwrap_or(0);
            std::net::Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_and_contain_what_their_bits_say() {
        let read = |text: &str| Network::parse(text.as_bytes());
        let has = |net: &str, ip: &str| read(net).unwrap().0.contains(ip.parse().unwrap());
        assert!(has("10.0.0.0/8", "10.1.2.3") && !has("10.0.0.0/8", "11.1.2.3"));
        assert!(has("0.0.0.0/0", "1.2.3.4") && has("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(has("2001:db8::/32", "2001:db8::1") && !has("::/0", "127.0.0.1"));
        assert!(has("010.000.0.0/8", "10.1.2.3"));
        assert!(read("10.0.0.1/8").unwrap().1 && !read("10.0.0.0/8").unwrap().1);
        for wrong in [
            "10.0.0.0/33",
            "::/129",
            "host",
            "1.2.3",
            "1.2.3.256",
            "1.2.3.4/",
            "",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_client_behind_proxies_is_the_last_that_none_of_them_is() {
        let proxies = [Network::parse(b"127.0.0.0/8").unwrap().0];
        let seen = |lines: &[&str], depth| {
            let lines: Vec<_> = lines
                .iter()
                .map(|line| Bytes::from(line.to_string()))
                .collect();
            forwarded("127.0.0.1".parse().unwrap(), &lines, &proxies, depth).to_string()
        };
        let (once, all) = (Forwarding::Once, Forwarding::Recursive);
        assert_eq!(seen(&[], once), "127.0.0.1");
        assert_eq!(seen(&["10.0.0.1, 192.0.2.1"], once), "192.0.2.1");
        assert_eq!(seen(&["192.0.2.1, 127.0.0.2"], once), "127.0.0.2");
        assert_eq!(seen(&["1.1.1.1, 192.0.2.1, 127.0.0.2,"], all), "192.0.2.1");
        assert_eq!(seen(&["192.0.2.1", "127.0.0.3:80"], all), "192.0.2.1");
        assert_eq!(seen(&["192.0.2.1", "127.0.0.3:80"], once), "127.0.0.3");
        assert_eq!(seen(&["[2001:db8::1]:443"], once), "2001:db8::1");
        assert_eq!(seen(&["unknown"], all), "127.0.0.1");
        assert_eq!(seen(&["192.0.2.1, unknown, 127.0.0.2"], all), "127.0.0.2");
    }
}
