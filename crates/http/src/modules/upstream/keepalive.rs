//! `ngx_http_upstream_keepalive_module`: connections that are kept between requests.

use conf::{Arity, Directive, Item};

use super::Block;
use crate::module::{Cx, Done, Module, Set, UPSTREAM, doc};

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_upstream_keepalive_module",
    directives: &[
        Directive::new(
            "keepalive",
            UPSTREAM,
            Arity::Between(1, 2),
            Set::Group(keepalive),
            doc(
                "keepalive connections [local];",
                "keepalive 32 local;",
                "How many idle connections to the group each thread keeps; 0 keeps none.",
            ),
        ),
        Directive::new(
            "keepalive_requests",
            UPSTREAM,
            Arity::Exactly(1),
            Set::Group(|item, block, _| {
                block.limits.requests = item.number(0)?;
                Ok(())
            }),
            doc(
                "keepalive_requests number;",
                "keepalive_requests 1000;",
                "How many requests one connection may carry.",
            ),
        ),
        Directive::new(
            "keepalive_time",
            UPSTREAM,
            Arity::Exactly(1),
            Set::Group(|item, block, _| {
                block.limits.time = item.time(0)?;
                Ok(())
            }),
            doc(
                "keepalive_time time;",
                "keepalive_time 1h;",
                "How long one connection may carry requests.",
            ),
        ),
        Directive::new(
            "keepalive_timeout",
            UPSTREAM,
            Arity::Exactly(1),
            Set::Group(|item, block, _| {
                block.limits.timeout = item.time(0)?;
                Ok(())
            }),
            doc(
                "keepalive_timeout time;",
                "keepalive_timeout 60s;",
                "How long a connection may be idle.",
            ),
        ),
    ],
    variables: &[],
};

fn keepalive(item: &Item, block: &mut Block, _cx: &mut Cx<'_>) -> Done {
    let connections = item.number(0)? as usize;
    if let Some(word) = item.args.get(1)
        && word.text != b"local"
    {
        return Err(item.invalid_parameter(word));
    }
    item.once(&mut block.keepalive, connections)
}
