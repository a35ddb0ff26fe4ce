//! The directives of the core module.

use conf::{Arity, Directive};

use super::setters::{
    alias, body_in_file, body_temp_path, disable_symlinks, error_log, error_page,
    if_modified_since, keepalive_disable, keepalive_timeout, lingering_close, post_action, root,
    satisfy, server_tokens,
};
use crate::module::{ANY, HTTP, LOCATION, LOCATION_IF, Module, Set, doc, store};

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_core_module",
    directives: &[
        Directive::new(
            "root",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            Set::Level(root),
            doc(
                "root path;",
                "root html;",
                "The folder that holds the files; the URI follows it.",
            ),
        ),
        Directive::new(
            "alias",
            LOCATION,
            Arity::Exactly(1),
            Set::Level(alias),
            doc(
                "alias path;",
                "",
                "The folder that stands for the location's name.",
            ),
        ),
        Directive::new(
            "internal",
            LOCATION,
            Arity::Exactly(0),
            Set::Level(|item, level, _| item.once(&mut level.drafts.core.internal, true)),
            doc(
                "internal;",
                "",
                "Only internal redirects and error pages come here; clients get 404.",
            ),
        ),
        Directive::new(
            "error_page",
            ANY.or(LOCATION_IF),
            Arity::AtLeast(2),
            Set::Level(error_page),
            doc(
                "error_page code … [=[response]] uri;",
                "",
                "What is shown for these statuses: a URI, a named location or another site.",
            ),
        ),
        Directive::new(
            "recursive_error_pages",
            ANY,
            Arity::Flag,
            store!(flag core.recursive_error_pages),
            doc(
                "recursive_error_pages on | off;",
                "recursive_error_pages off;",
                "Whether an error while an error page is made may lead to another one.",
            ),
        ),
        Directive::new(
            "error_log",
            ANY,
            Arity::Between(1, 2),
            Set::Level(error_log),
            doc(
                "error_log file | stderr | syslog:… [level];",
                "",
                "Where errors are written, and from which level on; without it, where those of the \
                 level outside go.",
            ),
        ),
        Directive::new(
            "log_not_found",
            ANY,
            Arity::Flag,
            store!(flag core.log_not_found),
            doc(
                "log_not_found on | off;",
                "log_not_found on;",
                "Whether missing files are written to the error log.",
            ),
        ),
        Directive::new(
            "satisfy",
            ANY,
            Arity::Exactly(1),
            Set::Level(satisfy),
            doc(
                "satisfy all | any;",
                "satisfy all;",
                "Whether all of access and authentication must allow a request, or one is enough.",
            ),
        ),
        Directive::new(
            "client_max_body_size",
            ANY,
            Arity::Exactly(1),
            store!(offset core.client_max_body_size),
            doc(
                "client_max_body_size size;",
                "client_max_body_size 1m;",
                "The longest request body; longer ones are answered with 413. 0 is no limit.",
            ),
        ),
        Directive::new(
            "client_body_buffer_size",
            ANY,
            Arity::Exactly(1),
            store!(size core.client_body_buffer_size),
            doc(
                "client_body_buffer_size size;",
                "client_body_buffer_size 16k;",
                "How much of a request body is kept in memory; more goes to a file.",
            ),
        ),
        Directive::new(
            "client_body_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time core.client_body_timeout),
            doc(
                "client_body_timeout time;",
                "client_body_timeout 60s;",
                "The longest silence while a request body is read.",
            ),
        ),
        Directive::new(
            "client_body_in_file_only",
            ANY,
            Arity::Exactly(1),
            Set::Level(body_in_file),
            doc(
                "client_body_in_file_only on | clean | off;",
                "client_body_in_file_only off;",
                "Whether every request body is written to a file, and whether the file stays.",
            ),
        ),
        Directive::inert(
            "client_body_in_single_buffer",
            ANY,
            Arity::Flag,
            Set::Nothing,
            doc(
                "client_body_in_single_buffer on | off;",
                "client_body_in_single_buffer off;",
                "Whether a request body is kept in one piece.",
            ),
            "$request_body is always in one piece",
        ),
        Directive::new(
            "client_body_temp_path",
            ANY,
            Arity::Between(1, 4),
            Set::Level(body_temp_path),
            doc(
                "client_body_temp_path path [level1 [level2 [level3]]];",
                "client_body_temp_path client_body_temp;",
                "The folder for files of request bodies.",
            ),
        ),
        Directive::new(
            "send_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time core.send_timeout),
            doc(
                "send_timeout time;",
                "send_timeout 60s;",
                "The longest time in which a client takes nothing of a response.",
            ),
        ),
        Directive::new(
            "resolver",
            ANY,
            Arity::AtLeast(1),
            Set::Level(|item, level, cx| {
                let resolver = super::resolver::parse(item, cx.bundle)?;
                item.once(&mut level.drafts.core.resolver, Some(resolver))
            }),
            doc(
                "resolver address … [valid=time] [ipv4=on|off] [ipv6=on|off] [status_zone=zone];",
                "",
                "The name servers that names are looked up with while requests are served.",
            ),
        ),
        Directive::new(
            "resolver_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time core.resolver_timeout),
            doc(
                "resolver_timeout time;",
                "resolver_timeout 30s;",
                "How long a name may take.",
            ),
        ),
        Directive::new(
            "keepalive_timeout",
            ANY,
            Arity::Between(1, 2),
            Set::Level(keepalive_timeout),
            doc(
                "keepalive_timeout time [header_time];",
                "keepalive_timeout 75s;",
                "How long an idle connection stays open; the second value is told in Keep-Alive. 0 closes at once.",
            ),
        ),
        Directive::new(
            "keepalive_requests",
            ANY,
            Arity::Exactly(1),
            store!(number core.keepalive_requests),
            doc(
                "keepalive_requests number;",
                "keepalive_requests 1000;",
                "How many requests a connection may carry.",
            ),
        ),
        Directive::new(
            "keepalive_min_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time core.keepalive_min_timeout),
            doc(
                "keepalive_min_timeout time;",
                "keepalive_min_timeout 0;",
                "How long an idle connection is kept even when a reload or a shutdown would close it.",
            ),
        ),
        Directive::new(
            "keepalive_time",
            ANY,
            Arity::Exactly(1),
            store!(time core.keepalive_time),
            doc(
                "keepalive_time time;",
                "keepalive_time 1h;",
                "How long a connection may carry new requests.",
            ),
        ),
        Directive::new(
            "keepalive_disable",
            ANY,
            Arity::AtLeast(1),
            Set::Level(keepalive_disable),
            doc(
                "keepalive_disable none | msie6 | safari …;",
                "keepalive_disable msie6;",
                "Browsers whose connections are closed behind a response.",
            ),
        ),
        Directive::new(
            "lingering_close",
            ANY,
            Arity::Exactly(1),
            Set::Level(lingering_close),
            doc(
                "lingering_close on | off | always;",
                "lingering_close on;",
                "Whether a connection is read on before it closes, so that the client sees the response.",
            ),
        ),
        Directive::new(
            "lingering_time",
            ANY,
            Arity::Exactly(1),
            store!(time core.lingering_time),
            doc(
                "lingering_time time;",
                "lingering_time 30s;",
                "For how long in all it is read on.",
            ),
        ),
        Directive::new(
            "lingering_timeout",
            ANY,
            Arity::Exactly(1),
            store!(time core.lingering_timeout),
            doc(
                "lingering_timeout time;",
                "lingering_timeout 5s;",
                "The longest silence while it is read on.",
            ),
        ),
        Directive::new(
            "sendfile",
            ANY.or(LOCATION_IF),
            Arity::Flag,
            store!(flag core.sendfile),
            doc(
                "sendfile on | off;",
                "sendfile off;",
                "Whether the kernel sends files without copying them.",
            ),
        ),
        Directive::new(
            "limit_rate",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            store!(template of size core.limit_rate),
            doc(
                "limit_rate rate;",
                "limit_rate 0;",
                "Bytes per second that a response is sent with; 0 is no limit.",
            ),
        ),
        Directive::new(
            "limit_rate_after",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            store!(template of size core.limit_rate_after),
            doc(
                "limit_rate_after size;",
                "limit_rate_after 0;",
                "Bytes of a response that limit_rate does not slow down.",
            ),
        ),
        Directive::new(
            "server_tokens",
            ANY,
            Arity::Exactly(1),
            Set::Level(server_tokens),
            doc(
                "server_tokens on | off | build;",
                "server_tokens on;",
                "Whether Server and error pages tell the version.",
            ),
        ),
        Directive::new(
            "absolute_redirect",
            ANY,
            Arity::Flag,
            store!(flag core.absolute_redirect),
            doc(
                "absolute_redirect on | off;",
                "absolute_redirect on;",
                "Whether redirects of our own name scheme and host.",
            ),
        ),
        Directive::new(
            "server_name_in_redirect",
            ANY,
            Arity::Flag,
            store!(flag core.server_name_in_redirect),
            doc(
                "server_name_in_redirect on | off;",
                "server_name_in_redirect off;",
                "Whether redirects name the first server_name instead of the host that the client named.",
            ),
        ),
        Directive::new(
            "port_in_redirect",
            ANY,
            Arity::Flag,
            store!(flag core.port_in_redirect),
            doc(
                "port_in_redirect on | off;",
                "port_in_redirect on;",
                "Whether redirects name the port.",
            ),
        ),
        Directive::new(
            "chunked_transfer_encoding",
            ANY,
            Arity::Flag,
            store!(flag core.chunked_transfer_encoding),
            doc(
                "chunked_transfer_encoding on | off;",
                "chunked_transfer_encoding on;",
                "Whether a response without a length is sent in chunks.",
            ),
        ),
        Directive::new(
            "if_modified_since",
            ANY,
            Arity::Exactly(1),
            Set::Level(if_modified_since),
            doc(
                "if_modified_since off | exact | before;",
                "if_modified_since exact;",
                "How the time in If-Modified-Since is compared with that of the response.",
            ),
        ),
        Directive::new(
            "etag",
            ANY,
            Arity::Flag,
            store!(flag core.etag),
            doc("etag on | off;", "etag on;", "Whether files have an ETag."),
        ),
        Directive::new(
            "max_ranges",
            ANY,
            Arity::Exactly(1),
            store!(number core.max_ranges),
            doc(
                "max_ranges number;",
                "",
                "How many ranges a request may ask for; with more the whole is sent. 0 switches ranges off.",
            ),
        ),
        Directive::new(
            "disable_symlinks",
            ANY,
            Arity::Between(1, 2),
            Set::Level(disable_symlinks),
            doc(
                "disable_symlinks off | on | if_not_owner [from=part];",
                "disable_symlinks off;",
                "Which symbolic links on the way to a file are refused.",
            ),
        ),
        Directive::new(
            "post_action",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            Set::Level(post_action),
            doc(
                "post_action uri | off;",
                "post_action off;",
                "A URI that is requested behind every response; its answer is not sent.",
            ),
        ),
        Directive::new(
            "reset_timedout_connection",
            ANY,
            Arity::Flag,
            store!(flag core.reset_timedout_connection),
            doc(
                "reset_timedout_connection on | off;",
                "reset_timedout_connection off;",
                "Whether connections that timed out are reset.",
            ),
        ),
        Directive::new(
            "tcp_nopush",
            ANY,
            Arity::Flag,
            store!(flag core.tcp_nopush),
            doc(
                "tcp_nopush on | off;",
                "tcp_nopush off;",
                "With sendfile: whether head and file leave in full segments.",
            ),
        ),
        inert(
            "tcp_nodelay",
            ANY,
            Arity::Flag,
            "tcp_nodelay on | off;",
            "small writes are never held back",
        ),
        Directive::new(
            "sendfile_max_chunk",
            ANY.or(LOCATION_IF),
            Arity::Exactly(1),
            store!(size core.sendfile_max_chunk),
            doc(
                "sendfile_max_chunk size;",
                "sendfile_max_chunk 2m;",
                "How much of a file one call sends, so that other connections get their turn.",
            ),
        ),
        inert(
            "output_buffers",
            ANY,
            Arity::Exactly(2),
            "output_buffers number size;",
            "files are read in pieces of 64 KiB",
        ),
        inert(
            "postpone_output",
            ANY,
            Arity::Exactly(1),
            "postpone_output size;",
            "what is ready is sent together",
        ),
        inert(
            "send_lowat",
            ANY,
            Arity::Exactly(1),
            "send_lowat size;",
            "has no effect on Linux",
        ),
        inert(
            "types_hash_max_size",
            ANY,
            Arity::Exactly(1),
            "types_hash_max_size size;",
            "tables grow as they need",
        ),
        inert(
            "types_hash_bucket_size",
            ANY,
            Arity::Exactly(1),
            "types_hash_bucket_size size;",
            "tables grow as they need",
        ),
        inert(
            "server_names_hash_max_size",
            HTTP,
            Arity::Exactly(1),
            "server_names_hash_max_size size;",
            "tables grow as they need",
        ),
        inert(
            "server_names_hash_bucket_size",
            HTTP,
            Arity::Exactly(1),
            "server_names_hash_bucket_size size;",
            "tables grow as they need",
        ),
        inert(
            "variables_hash_max_size",
            HTTP,
            Arity::Exactly(1),
            "variables_hash_max_size size;",
            "tables grow as they need",
        ),
        inert(
            "variables_hash_bucket_size",
            HTTP,
            Arity::Exactly(1),
            "variables_hash_bucket_size size;",
            "tables grow as they need",
        ),
        inert(
            "directio",
            ANY,
            Arity::Exactly(1),
            "directio size | off;",
            "files go through the page cache",
        ),
        inert(
            "directio_alignment",
            ANY,
            Arity::Exactly(1),
            "directio_alignment size;",
            "there is no directio",
        ),
        inert(
            "aio",
            ANY,
            Arity::Exactly(1),
            "aio on | off | threads[=pool];",
            "files are read in short slices",
        ),
        inert(
            "aio_write",
            ANY,
            Arity::Flag,
            "aio_write on | off;",
            "files are written in short slices",
        ),
        inert(
            "read_ahead",
            ANY,
            Arity::Exactly(1),
            "read_ahead size;",
            "the kernel reads ahead",
        ),
        inert(
            "msie_padding",
            ANY,
            Arity::Flag,
            "msie_padding on | off;",
            "no browser of today needs it",
        ),
        Directive::new(
            "early_hints",
            ANY,
            Arity::AtLeast(1),
            Set::Level(|item, level, cx| {
                let conditions: Result<Vec<_>, _> = (0..item.args.len())
                    .map(|index| cx.template(item, index))
                    .collect();
                item.once(&mut level.drafts.core.early_hints, conditions?)
            }),
            doc(
                "early_hints string …;",
                "",
                "Passes 103 (Early Hints) from an upstream on to the client if a string is neither empty nor 0.",
            ),
        ),
        Directive::new(
            "msie_refresh",
            ANY,
            Arity::Flag,
            store!(flag core.msie_refresh),
            doc(
                "msie_refresh on | off;",
                "msie_refresh off;",
                "Whether old versions of Internet Explorer are redirected by a page that refreshes itself.",
            ),
        ),
        Directive::new(
            "subrequest_output_buffer_size",
            ANY,
            Arity::Exactly(1),
            store!(size core.subrequest_output_buffer_size),
            doc(
                "subrequest_output_buffer_size size;",
                "subrequest_output_buffer_size 4k;",
                "How long the response to a subrequest may be that is kept in memory.",
            ),
        ),
        Directive::new(
            "log_subrequest",
            ANY,
            Arity::Flag,
            store!(flag core.log_subrequest),
            doc(
                "log_subrequest on | off;",
                "log_subrequest off;",
                "Whether subrequests are written to the access log.",
            ),
        ),
        inert(
            "fastcgi_temp_path",
            ANY,
            Arity::Between(1, 4),
            "fastcgi_temp_path path;",
            "there is no FastCGI",
        ),
        inert(
            "scgi_temp_path",
            ANY,
            Arity::Between(1, 4),
            "scgi_temp_path path;",
            "there is no SCGI",
        ),
        inert(
            "uwsgi_temp_path",
            ANY,
            Arity::Between(1, 4),
            "uwsgi_temp_path path;",
            "there is no uwsgi",
        ),
    ],
    variables: &[],
};

const fn inert(
    name: &'static str,
    contexts: conf::Contexts,
    arity: Arity,
    syntax: &'static str,
    reason: &'static str,
) -> Directive<Set> {
    Directive::inert(
        name,
        contexts,
        arity,
        Set::Nothing,
        doc(syntax, "", "No effect."),
        reason,
    )
}
