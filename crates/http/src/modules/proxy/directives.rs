//! The directives and variables of the proxy module.

use conf::{Arity, Directive};
use proto::h1::FieldName;

use super::setters::{
    bind_of, cookie_flags, cookie_rule, http_version, ignore_headers, next_upstream, origins,
    proxy_pass, redirect, set_header, store_access, websocket_reload,
};
use crate::module::{ANY, LIMIT_EXCEPT, LOCATION, LOCATION_IF, Module, Set, doc, inert, store};
use crate::modules::core::temp_path;
use crate::variable::builtin;

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_proxy_module",
    directives: &[
        Directive::new(
            "proxy_pass",
            LOCATION.or(LOCATION_IF).or(LIMIT_EXCEPT),
            Arity::Exactly(1),
            Set::Level(proxy_pass),
            doc(
                "proxy_pass URL;",
                "",
                "Passes requests to another server. A URI in the URL takes the place of the location's name.",
            ),
        ),
        Directive::new(
            "proxy_http_version",
            ANY,
            Arity::Exactly(1),
            Set::Level(http_version),
            doc(
                "proxy_http_version 1.0 | 1.1;",
                "proxy_http_version 1.1;",
                "The version spoken to the upstream.",
            ),
        ),
        Directive::new(
            "proxy_method",
            ANY,
            Arity::Exactly(1),
            store!(optional template proxy.method),
            doc(
                "proxy_method method;",
                "",
                "A method in place of the client's.",
            ),
        ),
        Directive::new(
            "proxy_set_header",
            ANY,
            Arity::Exactly(2),
            Set::Level(set_header),
            doc(
                "proxy_set_header field value;",
                "proxy_set_header Host $proxy_host;",
                "Sets a field of the request to the upstream; an empty value removes it.",
            ),
        ),
        Directive::new(
            "proxy_set_body",
            ANY,
            Arity::Exactly(1),
            store!(optional template proxy.set_body),
            doc(
                "proxy_set_body value;",
                "",
                "A body in place of the client's.",
            ),
        ),
        Directive::new(
            "proxy_pass_request_headers",
            ANY,
            Arity::Flag,
            store!(flag proxy.pass_request_headers),
            doc(
                "proxy_pass_request_headers on | off;",
                "proxy_pass_request_headers on;",
                "Whether the client's fields are passed on.",
            ),
        ),
        Directive::new(
            "proxy_pass_request_body",
            ANY,
            Arity::Flag,
            store!(flag proxy.pass_request_body),
            doc(
                "proxy_pass_request_body on | off;",
                "proxy_pass_request_body on;",
                "Whether the client's body is passed on.",
            ),
        ),
        Directive::new(
            "proxy_request_buffering",
            ANY,
            Arity::Flag,
            store!(flag proxy.request_buffering),
            doc(
                "proxy_request_buffering on | off;",
                "proxy_request_buffering on;",
                "Whether the client's body is read as a whole before the upstream is asked.",
            ),
        ),
        Directive::new(
            "proxy_buffering",
            ANY,
            Arity::Flag,
            store!(flag proxy.buffering),
            doc(
                "proxy_buffering on | off;",
                "proxy_buffering on;",
                "Whether an answer is read as fast as the upstream gives it.",
            ),
        ),
        Directive::new(
            "proxy_buffer_size",
            ANY,
            Arity::Exactly(1),
            store!(size proxy.buffer_size),
            doc(
                "proxy_buffer_size size;",
                "proxy_buffer_size 4k;",
                "Room for the head of an answer.",
            ),
        ),
        Directive::new(
            "proxy_buffers",
            ANY,
            Arity::Exactly(2),
            Set::Level(|item, level, _| {
                let value = (item.number(0)?, item.size(1)?);
                item.once(&mut level.drafts.proxy.buffers, value)
            }),
            doc(
                "proxy_buffers number size;",
                "proxy_buffers 8 4k;",
                "How much of an answer is kept in memory for a slow client.",
            ),
        ),
        inert(
            "proxy_busy_buffers_size",
            ANY,
            Arity::Exactly(1),
            "proxy_busy_buffers_size size;",
            "what is there is sent",
        ),
        Directive::new(
            "proxy_max_temp_file_size",
            ANY,
            Arity::Exactly(1),
            store!(size proxy.max_temp_file_size),
            doc(
                "proxy_max_temp_file_size size;",
                "proxy_max_temp_file_size 1024m;",
                "How much of an answer is kept in a file for a slow client; 0 is none.",
            ),
        ),
        inert(
            "proxy_send_lowat",
            ANY,
            Arity::Exactly(1),
            "proxy_send_lowat size;",
            "has no effect on Linux",
        ),
        inert(
            "proxy_temp_file_write_size",
            ANY,
            Arity::Exactly(1),
            "proxy_temp_file_write_size size;",
            "what was read is written at once",
        ),
        Directive::new(
            "proxy_temp_path",
            ANY,
            Arity::Between(1, 4),
            Set::Level(|item, level, cx| {
                let path = temp_path(item, cx)?;
                item.once(&mut level.drafts.proxy.temp_path, path)
            }),
            doc(
                "proxy_temp_path path [level1 [level2 [level3]]];",
                "proxy_temp_path proxy_temp;",
                "The folder for files of answers.",
            ),
        ),
        Directive::new(
            "proxy_connect_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time proxy.connect_timeout),
            doc(
                "proxy_connect_timeout time;",
                "proxy_connect_timeout 60s;",
                "Time in which a connection to the upstream must be made.",
            ),
        ),
        Directive::new(
            "proxy_send_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time proxy.send_timeout),
            doc(
                "proxy_send_timeout time;",
                "proxy_send_timeout 60s;",
                "The longest time in which the upstream takes nothing.",
            ),
        ),
        Directive::new(
            "proxy_read_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time proxy.read_timeout),
            doc(
                "proxy_read_timeout time;",
                "proxy_read_timeout 60s;",
                "The longest silence of the upstream; of both sides in a tunnel.",
            ),
        ),
        Directive::new(
            "proxy_next_upstream",
            ANY,
            Arity::AtLeast(1),
            Set::Level(next_upstream),
            doc(
                "proxy_next_upstream error | timeout | invalid_header | http_500 | … | non_idempotent | off …;",
                "proxy_next_upstream error timeout;",
                "Which failures lead to the next server of the group.",
            ),
        ),
        Directive::new(
            "proxy_next_upstream_tries",
            ANY,
            Arity::Exactly(1),
            store!(number proxy.next_upstream_tries),
            doc(
                "proxy_next_upstream_tries number;",
                "proxy_next_upstream_tries 0;",
                "How many servers may be asked; 0 is no limit.",
            ),
        ),
        Directive::new(
            "proxy_next_upstream_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time proxy.next_upstream_timeout),
            doc(
                "proxy_next_upstream_timeout time;",
                "proxy_next_upstream_timeout 0;",
                "Time in which servers may be asked; 0 is no limit.",
            ),
        ),
        Directive::new(
            "proxy_hide_header",
            ANY,
            Arity::Exactly(1),
            Set::Level(|item, level, _| {
                let name = item.arg(0)?.text.to_vec();
                level
                    .drafts
                    .proxy
                    .hide_headers
                    .get_or_insert_default()
                    .push(name);
                Ok(())
            }),
            doc(
                "proxy_hide_header field;",
                "",
                "Hides a field of answers from clients.",
            ),
        ),
        Directive::new(
            "proxy_pass_header",
            ANY,
            Arity::Exactly(1),
            Set::Level(|item, level, _| {
                let name = item.arg(0)?.text.to_vec();
                level
                    .drafts
                    .proxy
                    .pass_headers
                    .get_or_insert_default()
                    .push(name);
                Ok(())
            }),
            doc(
                "proxy_pass_header field;",
                "",
                "Shows a field that is usually hidden: Date, Server, X-Pad, X-Accel-….",
            ),
        ),
        Directive::new(
            "proxy_ignore_headers",
            ANY,
            Arity::AtLeast(1),
            Set::Level(ignore_headers),
            doc(
                "proxy_ignore_headers field …;",
                "",
                "Fields of answers that have no effect.",
            ),
        ),
        Directive::new(
            "proxy_redirect",
            ANY,
            Arity::Between(1, 2),
            Set::Level(redirect),
            doc(
                "proxy_redirect default | off | redirect replacement;",
                "proxy_redirect default;",
                "How Location and Refresh of the upstream are rewritten.",
            ),
        ),
        Directive::new(
            "proxy_cookie_domain",
            ANY,
            Arity::Between(1, 2),
            Set::Level(|item, level, cx| {
                cookie_rule(
                    item,
                    cx,
                    |level| &mut level.drafts.proxy.cookie_domains,
                    level,
                )
            }),
            doc(
                "proxy_cookie_domain off | domain replacement;",
                "proxy_cookie_domain off;",
                "Rewrites the domain of cookies.",
            ),
        ),
        Directive::new(
            "proxy_cookie_path",
            ANY,
            Arity::Between(1, 2),
            Set::Level(|item, level, cx| {
                cookie_rule(
                    item,
                    cx,
                    |level| &mut level.drafts.proxy.cookie_paths,
                    level,
                )
            }),
            doc(
                "proxy_cookie_path off | path replacement;",
                "proxy_cookie_path off;",
                "Rewrites the path of cookies.",
            ),
        ),
        Directive::new(
            "proxy_cookie_flags",
            ANY,
            Arity::AtLeast(1),
            Set::Level(cookie_flags),
            doc(
                "proxy_cookie_flags off | cookie [flag …];",
                "proxy_cookie_flags off;",
                "Sets or removes flags of cookies: secure, httponly, samesite=…, and no… of each.",
            ),
        ),
        Directive::new(
            "proxy_intercept_errors",
            ANY,
            Arity::Flag,
            store!(flag proxy.intercept_errors),
            doc(
                "proxy_intercept_errors on | off;",
                "proxy_intercept_errors off;",
                "Whether error_page applies to statuses of the upstream.",
            ),
        ),
        Directive::new(
            "proxy_bind",
            ANY,
            Arity::Between(1, 2),
            Set::Level(|item, level, cx| {
                let value = bind_of(item, cx)?;
                item.once(&mut level.drafts.proxy.bind, value)
            }),
            doc(
                "proxy_bind address [transparent] | off;",
                "",
                "The local address that connections to the upstream come from.",
            ),
        ),
        Directive::new(
            "proxy_socket_keepalive",
            ANY,
            Arity::Flag,
            store!(flag proxy.socket_keepalive),
            doc(
                "proxy_socket_keepalive on | off;",
                "proxy_socket_keepalive off;",
                "Whether connections to the upstream have TCP keepalive.",
            ),
        ),
        Directive::new(
            "proxy_socket_rcvbuf",
            ANY,
            Arity::Exactly(1),
            store!(size proxy.socket_rcvbuf),
            doc(
                "proxy_socket_rcvbuf size;",
                "",
                "Room in the kernel for what the upstream sent and nobody has read yet.",
            ),
        ),
        Directive::new(
            "proxy_socket_sndbuf",
            ANY,
            Arity::Exactly(1),
            store!(size proxy.socket_sndbuf),
            doc(
                "proxy_socket_sndbuf size;",
                "",
                "Room in the kernel for what the upstream has not taken yet.",
            ),
        ),
        Directive::new(
            "proxy_ignore_client_abort",
            ANY,
            Arity::Flag,
            store!(flag proxy.ignore_client_abort),
            doc(
                "proxy_ignore_client_abort on | off;",
                "proxy_ignore_client_abort off;",
                "Whether the upstream is asked on when the client has gone.",
            ),
        ),
        Directive::new(
            "proxy_force_ranges",
            ANY,
            Arity::Flag,
            store!(flag proxy.force_ranges),
            doc(
                "proxy_force_ranges on | off;",
                "proxy_force_ranges off;",
                "Whether a part of any answer may be asked for, even if the upstream offers none.",
            ),
        ),
        Directive::new(
            "proxy_store",
            ANY,
            Arity::Exactly(1),
            Set::Level(super::setters::store),
            doc(
                "proxy_store on | off | string;",
                "proxy_store off;",
                "Keeps answers with status 200 as files: at the path of root or alias, or at the one given.",
            ),
        ),
        Directive::new(
            "proxy_store_access",
            ANY,
            Arity::Between(1, 3),
            Set::Level(store_access),
            doc(
                "proxy_store_access users:permissions …;",
                "proxy_store_access user:rw;",
                "Who may read and write those files: user, group, all; r or rw.",
            ),
        ),
        Directive::new(
            "proxy_limit_rate",
            ANY,
            Arity::Exactly(1),
            store!(template of size proxy.limit_rate),
            doc(
                "proxy_limit_rate rate;",
                "proxy_limit_rate 0;",
                "How many bytes of an answer are read from the upstream in a second; 0 is no limit.",
            ),
        ),
        Directive::new(
            "proxy_pass_trailers",
            ANY,
            Arity::Flag,
            store!(flag proxy.pass_trailers),
            doc(
                "proxy_pass_trailers on | off;",
                "proxy_pass_trailers off;",
                "Whether trailer fields are passed on.",
            ),
        ),
        Directive::inert(
            "proxy_cache",
            ANY,
            Arity::Exactly(1),
            Set::Level(|item, _, _| match &item.arg(0)?.text[..] {
                b"off" => Ok(()),
                _ => Err(item
                    .error("\"proxy_cache\" is not supported yet, only \"off\"")
                    .help("without it every request goes to the upstream")),
            }),
            doc(
                "proxy_cache off;",
                "proxy_cache off;",
                "There is no cache yet.",
            ),
            "nothing is cached",
        ),
        inert(
            "proxy_headers_hash_max_size",
            ANY,
            Arity::Exactly(1),
            "proxy_headers_hash_max_size size;",
            "tables grow as they need",
        ),
        inert(
            "proxy_headers_hash_bucket_size",
            ANY,
            Arity::Exactly(1),
            "proxy_headers_hash_bucket_size size;",
            "tables grow as they need",
        ),
        Directive::new(
            "websocket",
            ANY,
            Arity::Flag,
            store!(flag proxy.websocket),
            doc(
                "websocket on | off;",
                "websocket off;",
                "Forwards WebSockets without further configuration: the upgrade is passed on, a silent tunnel is kept alive by pings, a dead peer is found and closed.",
            ),
        ),
        Directive::new(
            "websocket_ping",
            ANY,
            Arity::Exactly(1),
            store!(time proxy.websocket_ping),
            doc(
                "websocket_ping time;",
                "websocket_ping 20s;",
                "How often a silent WebSocket is pinged; 0 is never.",
            ),
        ),
        Directive::new(
            "websocket_max_message",
            ANY,
            Arity::Exactly(1),
            store!(size proxy.websocket_max_message),
            doc(
                "websocket_max_message size;",
                "websocket_max_message 0;",
                "The longest message that a browser may send; 0 is no limit.",
            ),
        ),
        Directive::new(
            "websocket_origin",
            ANY,
            Arity::AtLeast(1),
            Set::Level(|item, level, _| {
                let value = origins(item)?;
                item.once(&mut level.drafts.proxy.websocket_origin, value)
            }),
            doc(
                "websocket_origin any | same | host …;",
                "websocket_origin any;",
                "Which pages may open a WebSocket; others get 403.",
            ),
        ),
        Directive::new(
            "websocket_reload",
            ANY,
            Arity::Between(1, 2),
            Set::Level(websocket_reload),
            doc(
                "websocket_reload keep | drain | cut [jitter=time];",
                "websocket_reload keep;",
                "What happens to tunnels when the configuration is reloaded.",
            ),
        ),
    ],
    variables: &[
        builtin(
            "proxy_host",
            |request, out| {
                let target = request.proxy_target();
                target.is_some_and(|target| {
                    out.extend_from_slice(&target.host);
                    true
                })
            },
            "Host and port of proxy_pass.",
        ),
        builtin(
            "proxy_port",
            |request, out| {
                let target = request.proxy_target();
                target.is_some_and(|target| {
                    out.extend_from_slice(&target.port);
                    true
                })
            },
            "Port of proxy_pass.",
        ),
        builtin(
            "proxy_add_x_forwarded_for",
            |request, out| {
                let mut first = true;
                for field in request.head.fields.all(FieldName::XForwardedFor) {
                    if !std::mem::take(&mut first) {
                        out.extend_from_slice(b", ");
                    }
                    out.extend_from_slice(field.value.of(&request.buf));
                }
                if !first {
                    out.extend_from_slice(b", ");
                }
                out.extend_from_slice(request.client_text().as_bytes());
                true
            },
            "X-Forwarded-For with the client's address added.",
        ),
    ],
};
