//! Which addresses a token or a variable may reach (`vnc_allow`, `vnc_deny`).
//!
//! Judged is the address that is connected to, so that no name leads around the fence.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use net::{Addr, Network};

use crate::Target;

/// A fence around the machines that may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    /// The first rule that fits decides.
    pub rules: Arc<[Rule]>,
    /// Who named the target.
    pub named_by: NamedBy,
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// What it is about.
    pub what: Reach,
    /// Whether that may be reached.
    pub allow: bool,
}

/// What a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Everything but what needs a word of its own.
    All,
    /// Unix sockets.
    Unix,
    /// A network.
    Net(Network),
}

/// Who named a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedBy {
    /// Whoever runs this gateway, in a file of it.
    Operator,
    /// Somebody else, such as a service that was asked.
    Other,
}

impl Fence {
    /// Whether an address may be connected to.
    pub fn admits(&self, addr: &Addr) -> bool {
        let ip = match addr {
            Addr::Ip(addr) => Some(plain(addr.ip())),
            Addr::Unix(_) => None,
        };
        // What only this machine reaches, and what answers to every machine of a cloud.
        let needs_a_word = match ip {
            None => self.named_by == NamedBy::Other,
            Some(ip) => {
                is_of_the_link(ip) || (self.named_by == NamedBy::Other && is_of_this_machine(ip))
            }
        };
        let fits = |rule: &&Rule| match (rule.what, ip) {
            (Reach::All, _) => !(rule.allow && needs_a_word),
            (Reach::Unix, ip) => ip.is_none(),
            (Reach::Net(net), Some(ip)) => {
                net.contains(ip) && !(rule.allow && needs_a_word && is_wide(net))
            }
            (Reach::Net(_), None) => false,
        };
        self.rules
            .iter()
            .find(fits)
            .map_or(!needs_a_word, |rule| rule.allow)
    }

    /// The same for a target whose address is written in it; others are judged once their names
    /// are known.
    pub fn admits_as_written(&self, target: &Target) -> bool {
        match target {
            Target::Unix(path) => self.admits(&Addr::Unix(path.clone())),
            Target::Host { host, port } => {
                Target::literal(host, *port).is_none_or(|addr| self.admits(&Addr::Ip(addr)))
            }
            Target::WebSocket(far) => {
                Target::literal(&far.host, far.port).is_none_or(|addr| self.admits(&Addr::Ip(addr)))
            }
        }
    }
}

/// The IPv4 address in an IPv6 one, where that leads to the same machine.
fn plain(ip: IpAddr) -> IpAddr {
    const NAT64: [u16; 6] = [0x64, 0xff9b, 0, 0, 0, 0];
    match ip.to_canonical() {
        IpAddr::V6(v6) if v6.segments()[..6] == NAT64 => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        ip => ip,
    }
}

/// Whether only this machine is there; "any address" leads to it too.
fn is_of_this_machine(ip: IpAddr) -> bool {
    ip.is_loopback() || ip.is_unspecified() || matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 0)
}

/// Whether it is an address of the link, or one at which clouds tell machines their secrets.
fn is_of_the_link(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local() || METADATA.contains(&ip),
        IpAddr::V6(ip) => ip.is_unicast_link_local() || METADATA_V6.contains(&ip),
    }
}

/// Beside 169.254.169.254, which is of the link.
const METADATA: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];

const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Whether a network holds more than addresses that need a word of their own, so that allowing it
/// is not that word.
fn is_wide(net: Network) -> bool {
    let (ip, bits) = (plain(net.ip()), net.bits());
    let at_least = match ip {
        IpAddr::V4(ip) if ip.is_loopback() => 8,
        IpAddr::V4(ip) if ip.is_link_local() => 16,
        IpAddr::V4(_) => 32,
        IpAddr::V6(ip) if ip.is_unicast_link_local() => 10,
        IpAddr::V6(_) => 128,
    };
    bits < at_least
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fence(rules: &[&str], named_by: NamedBy) -> Fence {
        let rule = |text: &&str| {
            let (word, what) = text.split_once(' ').unwrap();
            let what = match what {
                "all" => Reach::All,
                "unix:" => Reach::Unix,
                net => Reach::Net(Network::parse(net).unwrap()),
            };
            Rule {
                what,
                allow: word == "allow",
            }
        };
        Fence {
            rules: rules.iter().map(rule).collect(),
            named_by,
        }
    }

    fn admitted(fence: &Fence, targets: &[&str]) -> Vec<bool> {
        let admits = |text: &&str| fence.admits_as_written(&text.parse().unwrap());
        targets.iter().map(admits).collect()
    }

    const SPECIAL: [&str; 9] = [
        "169.254.169.254:80",
        "[fe80::1]:5900",
        "[::ffff:169.254.169.254]:80",
        "[64:ff9b::a9fe:a9fe]:80",
        "100.100.100.200:80",
        "127.0.0.1:5901",
        "[::1]:5901",
        "0.0.0.0:5901",
        "unix:/run/vm",
    ];

    #[test]
    fn without_rules_an_operator_s_targets_reach_all_but_the_link() {
        let admits = admitted(&fence(&[], NamedBy::Operator), &SPECIAL);
        assert_eq!(
            admits,
            [false, false, false, false, false, true, true, true, true]
        );
        let admits = admitted(&fence(&[], NamedBy::Other), &SPECIAL);
        assert_eq!(admits, [false; 9]);
        for named_by in [NamedBy::Operator, NamedBy::Other] {
            let fence = fence(&[], named_by);
            assert_eq!(admitted(&fence, &["10.0.0.1:5900", "lab:5900"]), [true; 2]);
        }
    }

    #[test]
    fn what_needs_a_word_of_its_own_is_not_in_all() {
        for wide in [
            "allow all",
            "allow 0.0.0.0/0",
            "allow ::/0",
            "allow 0.0.0.0/1",
        ] {
            let admits = admitted(&fence(&[wide], NamedBy::Other), &SPECIAL);
            assert_eq!(admits, [false; 9], "{wide}");
        }
        let rules = ["allow 127.0.0.1", "allow 169.254.0.0/16", "allow unix:"];
        let admits = admitted(&fence(&rules, NamedBy::Other), &SPECIAL);
        assert_eq!(
            admits,
            [true, false, true, true, false, true, false, false, true]
        );
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rules = ["deny 10.0.9.0/24", "allow 10.0.0.0/16", "deny all"];
        let targets = [
            "10.0.9.1:1",
            "10.0.8.1:1",
            "10.1.0.1:1",
            "127.0.0.1:1",
            "unix:/x",
        ];
        let admits = admitted(&fence(&rules, NamedBy::Operator), &targets);
        assert_eq!(admits, [false, true, false, false, false]);
    }
}
