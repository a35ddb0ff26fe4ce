//! The load balancing methods, each a module of nginx: `ngx_http_upstream_least_conn_module`,
//! `…_ip_hash_module`, `…_hash_module`, `…_random_module`, `…_least_time_module`.

use ::upstream::Method;
use ::upstream::method::{Better, LeastTime, Until};
use bytes::Bytes;
use conf::{Arity, Directive, Item};

use super::{Block, Upstream};
use crate::module::{Cx, Done, Module, Set, UPSTREAM, doc};
use crate::request::Request;

/// `least_conn`
pub const LEAST_CONN: Module = Module {
    name: "ngx_http_upstream_least_conn_module",
    directives: &[Directive::new(
        "least_conn",
        UPSTREAM,
        Arity::Exactly(0),
        Set::Group(|item, block, cx| block.set_method(item, Method::LeastConn, cx)),
        doc(
            "least_conn;",
            "",
            "Chooses the server with the fewest requests for its weight.",
        ),
    )],
    variables: &[],
};

/// `ip_hash`
pub const IP_HASH: Module = Module {
    name: "ngx_http_upstream_ip_hash_module",
    directives: &[Directive::new(
        "ip_hash",
        UPSTREAM,
        Arity::Exactly(0),
        Set::Group(|item, block, cx| block.set_method(item, Method::IpHash, cx)),
        doc(
            "ip_hash;",
            "",
            "Chooses a server by the client's address: the first three bytes of IPv4, all of IPv6.",
        ),
    )],
    variables: &[],
};

/// `hash`
pub const HASH: Module = Module {
    name: "ngx_http_upstream_hash_module",
    directives: &[Directive::new(
        "hash",
        UPSTREAM,
        Arity::Between(1, 2),
        Set::Group(hash),
        doc(
            "hash key [consistent];",
            "",
            "Chooses a server by a key; with consistent, most keys stay when servers come and go.",
        ),
    )],
    variables: &[],
};

/// `random`
pub const RANDOM: Module = Module {
    name: "ngx_http_upstream_random_module",
    directives: &[Directive::new(
        "random",
        UPSTREAM,
        Arity::Between(0, 2),
        Set::Group(random),
        doc(
            "random [two [least_conn | least_time=header | least_time=last_byte]];",
            "",
            "Chooses a server by chance, or the better of two.",
        ),
    )],
    variables: &[],
};

/// `least_time`
pub const LEAST_TIME: Module = Module {
    name: "ngx_http_upstream_least_time_module",
    directives: &[Directive::new(
        "least_time",
        UPSTREAM,
        Arity::Between(1, 2),
        Set::Group(least_time),
        doc(
            "least_time header | last_byte [inflight];",
            "",
            "Chooses the server that is expected to be done first.",
        ),
    )],
    variables: &[],
};

fn hash(item: &Item, block: &mut Block, cx: &mut Cx<'_>) -> Done {
    let key = cx.template(item, 0)?;
    let method = match item.args.get(1) {
        None => Method::Hash,
        Some(word) if word.text == b"consistent" => Method::ConsistentHash,
        Some(word) => return Err(item.invalid_parameter(word)),
    };
    block.key = Some(key);
    block.set_method(item, method, cx)
}

fn random(item: &Item, block: &mut Block, cx: &mut Cx<'_>) -> Done {
    let words: Vec<&[u8]> = item.args.iter().map(|word| &word.text[..]).collect();
    let method = match words[..] {
        [] => Method::Random,
        [b"two"] | [b"two", b"least_conn"] => Method::RandomTwo(Better::LeastConn),
        [b"two", b"least_time=header"] => Method::RandomTwo(Better::LeastTime(Until::Header)),
        [b"two", b"least_time=last_byte"] => Method::RandomTwo(Better::LeastTime(Until::LastByte)),
        [b"two", ..] => return Err(item.invalid_parameter(item.arg(1)?)),
        _ => return Err(item.invalid_parameter(item.arg(0)?)),
    };
    block.set_method(item, method, cx)
}

fn least_time(item: &Item, block: &mut Block, cx: &mut Cx<'_>) -> Done {
    let until = match item.text(0)? {
        "header" => Until::Header,
        "last_byte" => Until::LastByte,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    let inflight = match item.args.get(1) {
        None => false,
        Some(word) if word.text == b"inflight" => true,
        Some(word) => return Err(item.invalid_parameter(word)),
    };
    block.set_method(item, Method::LeastTime(LeastTime { until, inflight }), cx)
}

impl Upstream {
    /// What the method goes by for a request.
    pub fn key_of(&self, request: &Request) -> Bytes {
        if let Some(key) = self.hash_key() {
            return request.eval(key);
        }
        // As nginx: what has no address hashes as zeros.
        match request.client().ip().map(|addr| addr.ip()) {
            Some(std::net::IpAddr::V4(ip)) => Bytes::copy_from_slice(&ip.octets()[..3]),
            Some(std::net::IpAddr::V6(ip)) => Bytes::copy_from_slice(&ip.octets()),
            None => Bytes::from_static(&[0; 3]),
        }
    }
}
