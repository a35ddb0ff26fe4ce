//! What holds for a server as a whole (`ngx_http_core_srv_conf_t`): limits of request heads.

use std::sync::Arc;
use std::time::Duration;

use conf::{Arity, Directive, Doc, Item, Word};

use script::Template;

use crate::draft::{NameDraft, NameRegex, ServerDraft, ServerLevel};
use crate::module::{Cx, Done, HTTP, Module, SERVER, Set};
use crate::settings::settings;

settings! {
    /// Buffer for the usual head, in bytes.
    client_header_buffer_size: u64 = 1024, inherit;
    /// Number and size in bytes of buffers for long heads.
    large_client_header_buffers: (u64, u64) = (4, 8192), inherit;
    /// Time for a whole head.
    client_header_timeout: Duration = Duration::from_secs(60), inherit;
    /// Whether invalid header lines are ignored instead of used.
    ignore_invalid_headers: bool = true, inherit;
    /// Whether an underscore is valid in a header's name.
    underscores_in_headers: bool = false, inherit;
    /// Whether several slashes in a path are one.
    merge_slashes: bool = true, inherit;
    /// Conditions that have the body read before anything else looks at the request.
    body_early_read: Vec<Template> = Vec::new(), inherit;
    /// How many header lines a request may have.
    max_headers: u64 = 1000, inherit;
}

const fn doc(syntax: &'static str, default: &'static str, text: &'static str) -> Doc {
    Doc {
        syntax,
        default,
        text,
    }
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_core_module (server)",
    directives: &[
        Directive::block(
            "server",
            HTTP,
            Arity::Exactly(0),
            Set::Main(server),
            doc(
                "server { … }",
                "",
                "A server: what answers at some addresses for some names.",
            ),
        ),
        Directive::new(
            "server_name",
            SERVER,
            Arity::AtLeast(1),
            Set::Server(server_name),
            doc(
                "server_name name …;",
                "server_name \"\";",
                "The names of the server: exact, with a leading or trailing \"*\", or an expression \
                 behind \"~\".",
            ),
        ),
        Directive::new(
            "client_header_buffer_size",
            HTTP.or(SERVER),
            Arity::Exactly(1),
            Set::Server(|item, server, _| {
                let size = item.size(0)?;
                item.once(&mut server.settings.client_header_buffer_size, size)
            }),
            doc(
                "client_header_buffer_size size;",
                "client_header_buffer_size 1k;",
                "Room for the usual request head; longer ones use large_client_header_buffers.",
            ),
        ),
        Directive::new(
            "large_client_header_buffers",
            HTTP.or(SERVER),
            Arity::Exactly(2),
            Set::Server(large_buffers),
            doc(
                "large_client_header_buffers number size;",
                "large_client_header_buffers 4 8k;",
                "Room for long request heads; one line must fit into one buffer.",
            ),
        ),
        Directive::new(
            "client_header_timeout",
            HTTP.or(SERVER),
            Arity::Exactly(1),
            Set::Server(|item, server, _| {
                let time = item.time(0)?;
                item.once(&mut server.settings.client_header_timeout, time)
            }),
            doc(
                "client_header_timeout time;",
                "client_header_timeout 60s;",
                "Time within which a client sends a whole request head.",
            ),
        ),
        Directive::new(
            "ignore_invalid_headers",
            HTTP.or(SERVER),
            Arity::Flag,
            Set::Server(|item, server, _| {
                let on = item.flag()?;
                item.once(&mut server.settings.ignore_invalid_headers, on)
            }),
            doc(
                "ignore_invalid_headers on | off;",
                "ignore_invalid_headers on;",
                "Whether header lines with invalid names are ignored.",
            ),
        ),
        Directive::new(
            "underscores_in_headers",
            HTTP.or(SERVER),
            Arity::Flag,
            Set::Server(|item, server, _| {
                let on = item.flag()?;
                item.once(&mut server.settings.underscores_in_headers, on)
            }),
            doc(
                "underscores_in_headers on | off;",
                "underscores_in_headers off;",
                "Whether names of header lines may have underscores.",
            ),
        ),
        Directive::new(
            "merge_slashes",
            HTTP.or(SERVER),
            Arity::Flag,
            Set::Server(|item, server, _| {
                let on = item.flag()?;
                item.once(&mut server.settings.merge_slashes, on)
            }),
            doc(
                "merge_slashes on | off;",
                "merge_slashes on;",
                "Whether two or more slashes in a path count as one.",
            ),
        ),
        Directive::new(
            "max_headers",
            HTTP.or(SERVER),
            Arity::Exactly(1),
            Set::Server(|item, server, _| {
                let number = item.number(0)?;
                item.once(&mut server.settings.max_headers, number)
            }),
            doc(
                "max_headers number;",
                "max_headers 1000;",
                "How many header lines a request may have; more are answered with 400.",
            ),
        ),
        Directive::new(
            "client_body_early_read",
            HTTP.or(SERVER),
            Arity::AtLeast(1),
            Set::Server(|item, server, cx| {
                let conditions: Result<Vec<_>, _> = (0..item.args.len())
                    .map(|index| cx.template(item, index))
                    .collect();
                item.once(&mut server.settings.body_early_read, conditions?)
            }),
            doc(
                "client_body_early_read string …;",
                "",
                "Reads the request body before anything else if a string is neither empty nor 0, so that $request_body is there for rewrite and access rules.",
            ),
        ),
        Directive::inert(
            "connection_pool_size",
            HTTP.or(SERVER),
            Arity::Exactly(1),
            Set::Nothing,
            doc("connection_pool_size size;", "", "Memory of a connection."),
            "connections have no memory pool of their own",
        ),
        Directive::inert(
            "request_pool_size",
            HTTP.or(SERVER),
            Arity::Exactly(1),
            Set::Nothing,
            doc("request_pool_size size;", "", "Memory of a request."),
            "requests have no memory pool of their own",
        ),
    ],
    variables: &[],
};

fn server(item: &Item, draft: &mut crate::draft::Draft, cx: &mut Cx<'_>) -> Done {
    let mut server = ServerDraft::default();
    server.level.span = item.span();
    let mut place = crate::compile::Place::Server(&mut server);
    crate::compile::walk(item.entries(), SERVER, &mut place, cx);
    if server.server.names.is_empty() {
        server.server.names.push(NameDraft {
            name: String::new(),
            regex: None,
            span: item.span(),
        });
    }
    draft.servers.push(server);
    Ok(())
}

fn server_name(item: &Item, server: &mut ServerLevel, cx: &mut Cx<'_>) -> Done {
    server.names.reserve(item.args.len());
    for word in &item.args {
        let mut name = word.display();
        if name == "$hostname" {
            name = cx.bundle.hostname.clone();
        }
        let regex = match name.strip_prefix('~') {
            Some(pattern) => Some(Box::new(name_regex(item, pattern, cx)?)),
            None => {
                check_name(item, word, &name, cx)?;
                name.make_ascii_lowercase();
                None
            }
        };
        let span = word.span;
        server.names.push(NameDraft { name, regex, span });
    }
    Ok(())
}

fn name_regex(item: &Item, pattern: &str, cx: &mut Cx<'_>) -> Result<NameRegex, conf::Diagnostic> {
    if pattern.is_empty() {
        return Err(item.error("empty regex in server name \"~\""));
    }
    // Host names have no case.
    let (regex, groups) = super::location::regex(item, pattern.as_bytes(), true, cx)?;
    Ok((Arc::new(regex), groups))
}

/// As ngx_http_core_server_name: a star that is not at an end is a letter like others.
fn check_name(item: &Item, word: &Word, name: &str, cx: &mut Cx<'_>) -> Done {
    let star_is_all = match name.as_bytes() {
        [b'*', rest @ ..] => !matches!(rest, [b'.', _, ..]),
        [b'.', rest @ ..] => rest.is_empty(),
        _ => false,
    };
    if star_is_all {
        return Err(item
            .error(format!("server name \"{name}\" is invalid"))
            .at(word.span));
    }
    if name.contains('/') {
        let message = format!("server name \"{name}\" has suspicious symbols");
        cx.diagnostics
            .push(conf::Diagnostic::warn(message).at(word.span));
    }
    Ok(())
}

fn large_buffers(item: &Item, server: &mut ServerLevel, _cx: &mut Cx<'_>) -> Done {
    let number = item.number(0)?;
    let size = item.size(1)?;
    if number == 0 || size == 0 {
        return Err(item.invalid(item.arg(usize::from(number != 0))?));
    }
    item.once(
        &mut server.settings.large_client_header_buffers,
        (number, size),
    )
}
