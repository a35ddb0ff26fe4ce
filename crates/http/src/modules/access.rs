//! `ngx_http_access_module`: `allow` and `deny`.

use std::net::IpAddr;

use conf::{Arity, Diagnostic, Directive, Item};
use net::Addr;
use net::log::Level as LogLevel;

use crate::draft::Level;
use crate::module::{ANY, Cx, Done, LIMIT_EXCEPT, Module, Set, doc};
use crate::phases::Flow;
use crate::request::Request;
use crate::settings::settings;

settings! {
    /// The rules; the first that fits decides.
    rules: Vec<Rule> = Vec::new(), inherit;
}

impl Conf {
    /// Whether somebody may be kept out.
    pub fn has_rules(&self) -> bool {
        !self.rules.is_empty()
    }
}

/// One rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    whom: Whom,
    allow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    All,
    Unix,
    Net(Network),
}

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

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_access_module",
    directives: &[
        Directive::new(
            "allow",
            ANY.or(LIMIT_EXCEPT),
            Arity::Exactly(1),
            Set::Level(rule),
            doc(
                "allow address | CIDR | unix: | all;",
                "",
                "Lets these clients in.",
            ),
        ),
        Directive::new(
            "deny",
            ANY.or(LIMIT_EXCEPT),
            Arity::Exactly(1),
            Set::Level(rule),
            doc(
                "deny address | CIDR | unix: | all;",
                "",
                "Keeps these clients out (403).",
            ),
        ),
    ],
    variables: &[],
};

fn rule(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let allow = item.name() == "allow";
    let whom = whom(item)?;
    level
        .drafts
        .access
        .rules
        .get_or_insert_default()
        .push(Rule { whom, allow });
    Ok(())
}

fn whom(item: &Item) -> Result<Whom, Diagnostic> {
    match item.text(0)? {
        "all" => Ok(Whom::All),
        "unix:" => Ok(Whom::Unix),
        text => Network::parse(text).map(Whom::Net).ok_or_else(|| {
            item.error(format!("invalid parameter \"{text}\""))
                .at(item.args[0].span)
        }),
    }
}

/// The handler of the access phase.
pub fn run(request: &Request) -> Flow {
    let rules = &request.conf().access.rules;
    let fits = |rule: &&Rule| match (rule.whom, &request.conn.peer) {
        (Whom::All, _) => true,
        (Whom::Unix, peer) => matches!(peer, Addr::Unix(_)),
        (Whom::Net(net), peer) => peer.ip().is_some_and(|addr| net.contains(addr.ip())),
    };
    match rules.iter().find(fits) {
        None => Flow::Next,
        Some(rule) if rule.allow => Flow::Allowed,
        Some(_) => {
            if request.conf().core.satisfy == crate::modules::core::Satisfy::All {
                request.log(LogLevel::Error, format_args!("access forbidden by rule"));
            }
            Flow::Status(403)
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
}
