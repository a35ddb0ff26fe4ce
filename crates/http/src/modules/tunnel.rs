//! `ngx_http_tunnel_module`: CONNECT, for clients that use us as their proxy. The work is done in
//! `proxy/`, where that of `proxy_pass` is done.

use std::time::Duration;

use conf::{Arity, Directive, Item};
use script::Template;

use crate::config::UpstreamId;
use crate::draft::Level;
use crate::module::{ANY, Cx, Done, LOCATION, LOCATION_IF, Module, SERVER, Set, doc, store};
use crate::modules::core::Handler;
use crate::modules::proxy::{Failure, NextUpstream, bind_of, next_upstream_of};
use crate::proxy::rules::{Bind, Rules};
use crate::settings::settings;

settings! {
    /// Where CONNECT goes.
    pass: Option<Pass> = None, unnamed;
    /// Whether that is wherever the client wants.
    anywhere: bool = false, unnamed;
    /// The address that connections come from.
    bind: Option<Bind> = None, inherit;
    /// TCP keepalive.
    socket_keepalive: bool = false, inherit;
    /// Room in the kernel for what was received, in bytes; 0 is the system's.
    socket_rcvbuf: u64 = 0, inherit;
    /// Room in the kernel for what is to be sent, in bytes; 0 is the system's.
    socket_sndbuf: u64 = 0, inherit;
    /// Time to connect.
    connect_timeout: Duration = Duration::from_secs(60), inherit;
    /// Time in which the upstream may take nothing.
    send_timeout: Duration = Duration::from_secs(60), inherit;
    /// Time in which nothing may move.
    read_timeout: Duration = Duration::from_secs(60), inherit;
    /// Which failures lead to the next peer.
    next_upstream: NextUpstream = NextUpstream::default(), inherit;
    /// How many peers may be asked; 0 is no limit.
    next_upstream_tries: u64 = 0, inherit;
    /// Time in which peers may be asked; 0 is no limit.
    next_upstream_timeout: Duration = Duration::ZERO, inherit;
}

/// `tunnel_pass`
#[derive(Debug, Clone)]
pub enum Pass {
    /// A group that is known when the configuration is loaded.
    Static(UpstreamId),
    /// Host and port with variables.
    Dynamic(Template),
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_tunnel_module",
    directives: &[
        Directive::new(
            "tunnel_pass",
            SERVER.or(LOCATION).or(LOCATION_IF),
            Arity::Between(0, 1),
            Set::Level(tunnel_pass),
            doc(
                "tunnel_pass [address];",
                "",
                "Answers CONNECT with a tunnel to an address or a group: by default to where the client \
                 wants.",
            ),
        ),
        Directive::new(
            "tunnel_bind",
            ANY,
            Arity::Between(1, 2),
            Set::Level(|item, level, cx| {
                let value = bind_of(item, cx)?;
                item.once(&mut level.drafts.tunnel.bind, value)
            }),
            doc(
                "tunnel_bind address [transparent] | off;",
                "",
                "The local address that tunnels come from.",
            ),
        ),
        Directive::new(
            "tunnel_socket_keepalive",
            ANY,
            Arity::Flag,
            store!(flag tunnel.socket_keepalive),
            doc(
                "tunnel_socket_keepalive on | off;",
                "tunnel_socket_keepalive off;",
                "Whether connections to the upstream have TCP keepalive.",
            ),
        ),
        Directive::new(
            "tunnel_socket_rcvbuf",
            ANY,
            Arity::Exactly(1),
            store!(size tunnel.socket_rcvbuf),
            doc(
                "tunnel_socket_rcvbuf size;",
                "",
                "Room in the kernel for what the upstream sent and nobody has read yet.",
            ),
        ),
        Directive::new(
            "tunnel_socket_sndbuf",
            ANY,
            Arity::Exactly(1),
            store!(size tunnel.socket_sndbuf),
            doc(
                "tunnel_socket_sndbuf size;",
                "",
                "Room in the kernel for what the upstream has not taken yet.",
            ),
        ),
        Directive::new(
            "tunnel_connect_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time tunnel.connect_timeout),
            doc(
                "tunnel_connect_timeout time;",
                "tunnel_connect_timeout 60s;",
                "How long connecting to the upstream may take.",
            ),
        ),
        Directive::new(
            "tunnel_send_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time tunnel.send_timeout),
            doc(
                "tunnel_send_timeout time;",
                "tunnel_send_timeout 60s;",
                "The longest time in which the upstream takes nothing of what waits for it.",
            ),
        ),
        Directive::new(
            "tunnel_read_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time tunnel.read_timeout),
            doc(
                "tunnel_read_timeout time;",
                "tunnel_read_timeout 60s;",
                "A tunnel in which nothing moves for so long is closed.",
            ),
        ),
        Directive::new(
            "tunnel_next_upstream",
            ANY,
            Arity::AtLeast(1),
            Set::Level(|item, level, _| {
                let may_be = |failure| matches!(failure, Failure::Error | Failure::Timeout);
                let value = next_upstream_of(item, may_be)?;
                item.once(&mut level.drafts.tunnel.next_upstream, value)
            }),
            doc(
                "tunnel_next_upstream error | timeout | off …;",
                "tunnel_next_upstream error timeout;",
                "Which failures to connect lead to the next address.",
            ),
        ),
        Directive::new(
            "tunnel_next_upstream_tries",
            ANY,
            Arity::Exactly(1),
            store!(number tunnel.next_upstream_tries),
            doc(
                "tunnel_next_upstream_tries number;",
                "tunnel_next_upstream_tries 0;",
                "How many addresses may be tried; 0 is no limit.",
            ),
        ),
        Directive::new(
            "tunnel_next_upstream_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time tunnel.next_upstream_timeout),
            doc(
                "tunnel_next_upstream_timeout time;",
                "tunnel_next_upstream_timeout 0;",
                "Time in which addresses may be tried; 0 is no limit.",
            ),
        ),
        Directive::inert(
            "tunnel_buffer_size",
            ANY,
            Arity::Exactly(1),
            Set::Level(|item, _, _| item.size(0).map(drop)),
            doc(
                "tunnel_buffer_size size;",
                "tunnel_buffer_size 4k;",
                "The size of a tunnel's buffer.",
            ),
            "a tunnel has no buffer of its own: threads share theirs",
        ),
        Directive::inert(
            "tunnel_send_lowat",
            ANY,
            Arity::Exactly(1),
            Set::Level(|item, _, _| item.size(0).map(drop)),
            doc(
                "tunnel_send_lowat size;",
                "tunnel_send_lowat 0;",
                "The least room for which a socket counts as writable.",
            ),
            "Linux has no such limit",
        ),
    ],
    variables: &[],
};

fn tunnel_pass(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    if level.drafts.tunnel.pass.is_some() {
        return Err(item.duplicate());
    }
    level.drafts.core.handler = Some(Handler::Tunnel);
    let text = match item.args.is_empty() {
        true => "$host:$request_port",
        false => item.text(0)?,
    };
    level.drafts.tunnel.anywhere =
        Some(text.starts_with("$host") || text.starts_with("$http_host"));
    let pass = match text.contains('$') {
        true => Pass::Dynamic(cx.template_of(item, text.as_bytes())?),
        false => Pass::Static(cx.upstreams.use_name(text, 0, item.args[0].span)),
    };
    level.drafts.tunnel.pass = Some(Some(pass));
    Ok(())
}

impl Conf {
    /// Whether a client may have a tunnel to wherever it wants.
    pub fn goes_anywhere(&self) -> bool {
        self.anywhere
    }

    /// What decides about connecting and about the next peer.
    pub fn rules(&self) -> Rules<'_> {
        Rules {
            bind: self.bind.as_ref(),
            connect_timeout: self.connect_timeout,
            socket_keepalive: self.socket_keepalive,
            socket_buffers: (self.socket_rcvbuf, self.socket_sndbuf),
            next_upstream: self.next_upstream,
            tries: self.next_upstream_tries,
            timeout: self.next_upstream_timeout,
        }
    }
}
