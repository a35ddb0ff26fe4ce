//! Networks in CIDR notation (`ngx_ptocidr`).

use std::net::IpAddr;

/// A network: an address and how many of its leading bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    ip: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `address` or `address/bits`.
    pub fn parse(text: &str) -> Option<Self> {
        let (ip, bits) = match text.split_once('/') {
            Some((ip, bits)) => (ip, Some(bits.parse().ok()?)),
            None => (text, None),
        };
        let ip: IpAddr = ip.parse().ok()?;
        let all = if ip.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(all);
        (bits <= all).then_some(Self { ip, bits })
    }

    /// A single address.
    pub fn of(ip: IpAddr) -> Self {
        let bits = if ip.is_ipv4() { 32 } else { 128 };
        Self { ip, bits }
    }

    /// Its address as it was written.
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// How many leading bits count.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    /// Whether bits of the address are set that do not count.
    pub fn has_low_bits(&self) -> bool {
        let (bits, width) = match self.ip {
            IpAddr::V4(ip) => (u128::from(ip.to_bits()), 32),
            IpAddr::V6(ip) => (ip.to_bits(), 128),
        };
        let low = width - u32::from(self.bits);
        bits.trailing_zeros() < low && bits != 0
    }

    /// Whether an address is in it; an IPv4 address in IPv6 form counts as IPv4.
    pub fn contains(&self, ip: IpAddr) -> bool {
        let high = |value: u128, width: u32| match u32::from(self.bits) {
            0 => 0,
            bits => value >> (width - bits),
        };
        match (self.ip, ip.to_canonical(), ip) {
            (IpAddr::V4(net), IpAddr::V4(ip), _) => {
                high(net.to_bits().into(), 32) == high(ip.to_bits().into(), 32)
            }
            (IpAddr::V6(net), _, IpAddr::V6(ip)) => {
                high(net.to_bits(), 128) == high(ip.to_bits(), 128)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_what_their_bits_say() {
        let has = |net: &str, ip: &str| {
            let net = Network::parse(net).expect("a network");
            net.contains(ip.parse().expect("an address"))
        };
        assert!(has("10.0.0.0/8", "10.1.2.3"));
        assert!(!has("10.0.0.0/8", "11.1.2.3"));
        assert!(has("0.0.0.0/0", "1.2.3.4"));
        assert!(has("127.0.0.1", "::ffff:127.0.0.1"));
        assert!(has("2001:db8::/32", "2001:db8::1"));
        assert!(!has("::1", "127.0.0.1"));
        assert!(Network::parse("10.0.0.0/33").is_none());
        assert!(Network::parse("host").is_none());
    }

    #[test]
    fn bits_that_do_not_count_are_noticed() {
        let low = |net: &str| Network::parse(net).expect("a network").has_low_bits();
        assert!(low("10.0.0.1/8") && low("10.0.0.1/31") && low("::1/0"));
        assert!(!low("10.0.0.0/8") && !low("10.0.0.1") && !low("0.0.0.0/0"));
    }
}
