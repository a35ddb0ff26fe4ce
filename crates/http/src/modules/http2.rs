//! `ngx_http_v2_module`, which is not here yet: files that ask for it over TLS are served with
//! HTTP/1.1, which browsers agree on in the handshake.

use conf::{Arity, Diagnostic, Directive, Item};

use crate::module::{HTTP, Module, SERVER, Set, doc};

/// A directive that says how, and not whether.
macro_rules! tuning {
    ($name:literal, $argument:literal) => {
        Directive::inert(
            $name,
            HTTP.or(SERVER),
            Arity::Exactly(1),
            Set::Nothing,
            doc(concat!($name, " ", $argument, ";"), "", "Tunes HTTP/2."),
            "HTTP/2 is not here yet",
        )
    };
}

/// Its directives.
pub const MODULE: Module = Module {
    name: "ngx_http_v2_module (not here)",
    directives: &[
        Directive::new(
            "http2",
            HTTP.or(SERVER),
            Arity::Flag,
            // DIFFERS: `http2 on` is a warning: clients agree on HTTP/1.1 in the handshake of TLS.
            Set::Server(|item, _, cx| {
                if item.flag()? {
                    cx.diagnostics.push(warning(item));
                }
                Ok(())
            }),
            doc(
                "http2 on | off;",
                "http2 off;",
                "HTTP/2 is not here yet; \"on\" is answered with a warning.",
            ),
        ),
        tuning!("http2_body_preread_size", "size"),
        tuning!("http2_chunk_size", "size"),
        tuning!("http2_max_concurrent_streams", "number"),
        tuning!("http2_recv_buffer_size", "size"),
    ],
    variables: &[],
};

/// What is said where HTTP/2 is asked for.
pub fn warning(item: &Item) -> Diagnostic {
    Diagnostic::warn("HTTP/2 is not supported yet: clients get HTTP/1.1")
        .at(item.span())
        .help("nothing needs to be changed; they agree on it in the handshake of TLS")
}
