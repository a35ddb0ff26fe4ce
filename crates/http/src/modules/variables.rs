//! The built-in variables (`ngx_http_variables.c`).

use std::os::unix::ffi::OsStrExt as _;

use bytes::Bytes;
use net::log::time;
use net::{Addr, TcpEstimates};
use proto::h1::{FieldName, argument};
use script::Builtin;
use script::variables::Get;

use crate::digits;
use crate::log_later::{msec, seconds};
use crate::module::Module;
use crate::modules::static_files;
use crate::request::Request;
use crate::response::Field;

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_core_module (variables)",
    directives: &[],
    variables: VARIABLES,
};

/// A variable that only reads.
pub const fn builtin(
    name: &'static str,
    get: fn(&Request, &mut Vec<u8>) -> bool,
    doc: &'static str,
) -> Builtin<Request> {
    Builtin {
        name,
        get: Get::Plain(get),
        set: None,
        doc,
    }
}

/// Variables whose names begin alike.
pub const fn prefix(
    name: &'static str,
    get: fn(&Request, &str, &mut Vec<u8>) -> bool,
    doc: &'static str,
) -> Builtin<Request> {
    Builtin {
        name,
        get: Get::Prefix(get),
        set: None,
        doc,
    }
}

const fn header(name: &'static str, get: fn(&Request, &mut Vec<u8>) -> bool) -> Builtin<Request> {
    builtin(name, get, "The request header field of that name.")
}

const VARIABLES: &[Builtin<Request>] = &[
    header("http_host", |r, out| field(r, FieldName::Host, out)),
    header("http_user_agent", |r, out| {
        field(r, FieldName::UserAgent, out)
    }),
    header("http_referer", |r, out| field(r, FieldName::Referer, out)),
    builtin(
        "http_cookie",
        |r, out| request_fields(r, "cookie", b"; ", out),
        "All Cookie fields.",
    ),
    prefix(
        "http_",
        |r, name, out| request_fields(r, name, b", ", out),
        "A request header field; dashes are underscores.",
    ),
    prefix("sent_http_", sent_http, "A response header field."),
    prefix(
        "sent_trailer_",
        |r, name, out| join(r.sent().trailers.iter(), name, b", ", out),
        "A response trailer field.",
    ),
    prefix("cookie_", cookie, "A cookie."),
    prefix("arg_", arg, "An argument of the query."),
    Builtin {
        name: "args",
        get: Get::Plain(args),
        set: Some(set_args),
        doc: "The query.",
    },
    builtin("query_string", args, "The query."),
    builtin(
        "is_args",
        |r, out| {
            put(
                out,
                if r.args.borrow().is_empty() {
                    b""
                } else {
                    b"?"
                },
            )
        },
        "\"?\" if there is a query.",
    ),
    builtin(
        "uri",
        |r, out| r.has_line() && put(out, &r.uri.borrow()),
        "The path, decoded and normalised.",
    ),
    builtin(
        "document_uri",
        |r, out| r.has_line() && put(out, &r.uri.borrow()),
        "The path, decoded and normalised.",
    ),
    builtin(
        "request_uri",
        |r, out| r.has_line() && put(out, r.head.target.of(&r.buf)),
        "Path and query as the client sent them.",
    ),
    builtin(
        "request",
        |r, out| put(out, r.head.line.of(&r.buf)),
        "The request line.",
    ),
    builtin(
        "request_method",
        |r, out| r.has_line() && put(out, &r.main().method_name()),
        "The method.",
    ),
    builtin(
        "request_length",
        |r, out| number(out, r.head.length() as u64 + r.body.taken()),
        "Bytes of the request.",
    ),
    builtin(
        "request_time",
        |r, out| put(out, seconds(net::clock::now() - r.started).as_bytes()),
        "Seconds since its first byte.",
    ),
    builtin(
        "request_id",
        request_id,
        "A random number that names the request.",
    ),
    builtin(
        "request_body",
        |r, out| r.body.in_memory().is_some_and(|body| put(out, &body)),
        "The body, if it was read and is in memory.",
    ),
    builtin(
        "request_body_file",
        |r, out| {
            r.body
                .file_path()
                .is_some_and(|path| put(out, path.as_os_str().as_bytes()))
        },
        "The file that holds the body.",
    ),
    builtin(
        "request_completion",
        |r, out| {
            put(
                out,
                if r.main().is_complete.get() {
                    b"OK"
                } else {
                    b""
                },
            )
        },
        "\"OK\" if the request was answered.",
    ),
    builtin(
        "request_filename",
        |r, out| {
            put(
                out,
                static_files::path_of(r, &r.uri()).as_os_str().as_bytes(),
            )
        },
        "The path of the file for the URI.",
    ),
    builtin(
        "document_root",
        |r, out| put(out, static_files::document_root(r).as_os_str().as_bytes()),
        "root or alias.",
    ),
    builtin(
        "realpath_root",
        |r, out| {
            let path = static_files::document_root(r).canonicalize();
            path.is_ok_and(|path| put(out, path.as_os_str().as_bytes()))
        },
        "root or alias without symbolic links.",
    ),
    builtin(
        "request_port",
        |r, out| match r.request_port {
            Some(port) => number(out, port.into()),
            None => put(out, b""),
        },
        "The port in the host that the client asks for.",
    ),
    builtin(
        "is_request_port",
        |r, out| put(out, if r.request_port.is_some() { b":" } else { b"" }),
        "\":\" if the client asks for a port.",
    ),
    builtin(
        "host",
        |r, out| {
            put(
                out,
                if r.host.is_empty() {
                    &r.server().name
                } else {
                    &r.host
                },
            )
        },
        "The host that the client asks for, or the server's first name.",
    ),
    builtin(
        "hostname",
        |r, out| put(out, r.config().hostname.as_bytes()),
        "The name of this machine.",
    ),
    builtin(
        "server_name",
        |r, out| put(out, &r.server().name),
        "The server's first name.",
    ),
    builtin(
        "server_addr",
        |r, out| address(r.conn.local(), out),
        "Our address of the connection.",
    ),
    builtin(
        "server_port",
        |r, out| port(r.conn.local(), out),
        "Our port of the connection.",
    ),
    builtin(
        "server_protocol",
        |r, out| r.has_line() && put(out, protocol(r)),
        "The version that the client speaks.",
    ),
    builtin(
        "scheme",
        |r, out| put(out, scheme(r)),
        "\"http\" or \"https\".",
    ),
    builtin(
        "https",
        |r, out| put(out, if r.conn.is_tls() { b"on" } else { b"" }),
        "\"on\" over TLS.",
    ),
    builtin(
        "remote_addr",
        |r, out| address(r.client(), out),
        "The client's address.",
    ),
    builtin(
        "remote_port",
        |r, out| port(r.client(), out),
        "The client's port.",
    ),
    builtin(
        "binary_remote_addr",
        binary_remote_addr,
        "The client's address in 4 or 16 bytes.",
    ),
    builtin("remote_user", remote_user, "The user that authenticated."),
    builtin(
        "connection",
        |r, out| number(out, r.conn.id),
        "The number of the connection.",
    ),
    builtin(
        "connection_requests",
        |r, out| number(out, r.conn.requests.get()),
        "Requests on this connection so far.",
    ),
    builtin(
        "connection_time",
        |r, out| put(out, seconds(net::clock::now() - r.conn.opened).as_bytes()),
        "Seconds since the connection was accepted.",
    ),
    builtin(
        "tcpinfo_rtt",
        |r, out| tcp(r, out, |tcp| tcp.rtt_us),
        "Microseconds to the client and back, as the kernel estimates them.",
    ),
    builtin(
        "tcpinfo_rttvar",
        |r, out| tcp(r, out, |tcp| tcp.rttvar_us),
        "How much these vary.",
    ),
    builtin(
        "tcpinfo_snd_cwnd",
        |r, out| tcp(r, out, |tcp| tcp.snd_cwnd),
        "The congestion window towards the client, in segments.",
    ),
    builtin(
        "tcpinfo_rcv_space",
        |r, out| tcp(r, out, |tcp| tcp.rcv_space),
        "Room for what the client sends, in bytes.",
    ),
    builtin(
        "content_length",
        content_length,
        "The Content-Length field of the request.",
    ),
    builtin(
        "content_type",
        |r, out| field(r, FieldName::ContentType, out),
        "The Content-Type field of the request.",
    ),
    builtin("status", status, "The status of the response."),
    builtin(
        "bytes_sent",
        |r, out| number(out, r.main().bytes_sent.get()),
        "Bytes sent to the client.",
    ),
    builtin(
        "body_bytes_sent",
        |r, out| {
            let (r, main) = (r.head_bytes_sent.get(), r.main());
            number(out, main.bytes_sent.get().saturating_sub(r))
        },
        "Bytes of the response's body sent to the client.",
    ),
    Builtin {
        name: "limit_rate",
        get: Get::Plain(|r, out| {
            number(
                out,
                r.limit_rate
                    .get()
                    .unwrap_or_else(|| r.conf().core.limit_rate(r)),
            )
        }),
        set: Some(set_limit_rate),
        doc: "Bytes per second of the response; can be set.",
    },
    builtin(
        "nginx_version",
        |_, out| put(out, b"1.31.5"),
        "The version of nginx whose behaviour we follow.",
    ),
    builtin(
        "pid",
        |_, out| number(out, std::process::id().into()),
        "The process id of the worker.",
    ),
    builtin(
        "pipe",
        |r, out| put(out, if r.pipelined { b"p" } else { b"." }),
        "\"p\" if the request was pipelined.",
    ),
    builtin(
        "msec",
        |_, out| put(out, msec(net::clock::wall()).as_bytes()),
        "Seconds since 1970.",
    ),
    builtin(
        "time_local",
        |_, out| time::with(|times| put(out, times.local().as_bytes())),
        "The local time as the common log format writes it.",
    ),
    builtin(
        "time_iso8601",
        |_, out| time::with(|times| put(out, times.iso8601().as_bytes())),
        "The local time as ISO 8601 writes it.",
    ),
];

fn put(out: &mut Vec<u8>, value: &[u8]) -> bool {
    out.extend_from_slice(value);
    true
}

fn scheme(request: &Request) -> &'static [u8] {
    match request.conn.is_tls() {
        true => b"https",
        false => b"http",
    }
}

fn number(out: &mut Vec<u8>, value: u64) -> bool {
    digits::decimal(out, value);
    true
}

fn field(request: &Request, name: FieldName, out: &mut Vec<u8>) -> bool {
    request.header(name).is_some_and(|value| put(out, value))
}

/// Whether a field's name is the variable's: dashes are underscores, letters have no case.
fn fits(field: &[u8], variable: &str) -> bool {
    field.len() == variable.len()
        && field.iter().zip(variable.bytes()).all(|(&a, b)| match a {
            b'-' => b == b'_',
            a => a.to_ascii_lowercase() == b,
        })
}

fn request_fields(request: &Request, name: &str, separator: &[u8], out: &mut Vec<u8>) -> bool {
    let mut found = false;
    for field in request.head.fields.iter() {
        if fits(field.name.of(&request.buf), name) {
            if std::mem::replace(&mut found, true) {
                out.extend_from_slice(separator);
            }
            out.extend_from_slice(field.value.of(&request.buf));
        }
    }
    found
}

/// Appends the values of all fields that fit a variable's name.
pub fn join<'f>(
    fields: impl Iterator<Item = &'f Field>,
    name: &str,
    separator: &[u8],
    out: &mut Vec<u8>,
) -> bool {
    let mut found = false;
    for field in fields.filter(|field| fits(&field.name, name)) {
        if std::mem::replace(&mut found, true) {
            out.extend_from_slice(separator);
        }
        out.extend_from_slice(&field.value);
    }
    found
}

fn sent_http(request: &Request, name: &str, out: &mut Vec<u8>) -> bool {
    let sent = request.sent();
    match name {
        "content_type" => {
            return sent
                .content_type
                .as_ref()
                .is_some_and(|value| put(out, value));
        }
        "content_length" => return sent.content_length.is_some_and(|value| number(out, value)),
        "last_modified" => {
            return match (&sent.last_modified_text, sent.last_modified) {
                (Some(text), _) => put(out, text),
                (None, Some(seconds)) => put(out, &proto::h1::format_http_date(seconds)),
                (None, None) => false,
            };
        }
        "location" if let Some(location) = &sent.location => return put(out, location),
        "connection" => {
            return match sent.status {
                0 => false,
                101 => put(out, b"upgrade"),
                _ if request.keepalive.get() => put(out, b"keep-alive"),
                _ => put(out, b"close"),
            };
        }
        "keep_alive" => {
            let header = request.conf().core.keepalive_header;
            let header = header.filter(|_| request.keepalive.get());
            return header
                .is_some_and(|time| put(out, format!("timeout={}", time.as_secs()).as_bytes()));
        }
        "transfer_encoding" => {
            let chunked = sent.status != 0
                && sent.content_length.is_none()
                && !matches!(sent.status, 101 | 204 | 304);
            return chunked && put(out, b"chunked");
        }
        _ => {}
    }
    join(sent.fields.iter(), name, b", ", out)
}

fn cookie(request: &Request, name: &str, out: &mut Vec<u8>) -> bool {
    for cookies in request.head.fields.all(FieldName::Cookie) {
        for pair in cookies.value.of(&request.buf).split(|&byte| byte == b';') {
            let mut parts = pair.splitn(2, |&byte| byte == b'=');
            let key = parts.next().unwrap_or_default().trim_ascii();
            if let Some(value) = parts.next()
                && key.eq_ignore_ascii_case(name.as_bytes())
            {
                return put(out, value.trim_ascii());
            }
        }
    }
    false
}

/// No query is no value, and not an empty one: logs show a dash, pages their default.
fn args(request: &Request, out: &mut Vec<u8>) -> bool {
    let args = request.args.borrow();
    !args.is_empty() && put(out, &args)
}

pub(crate) fn arg(request: &Request, name: &str, out: &mut Vec<u8>) -> bool {
    argument(&request.args.borrow(), name.as_bytes()).is_some_and(|value| put(out, value))
}

fn set_args(request: &Request, value: &[u8]) {
    request.args.replace(Bytes::copy_from_slice(value));
    request.uri_is_original.set(false);
}

fn set_limit_rate(request: &Request, value: &[u8]) {
    request.limit_rate.set(conf::value::size(value));
}

fn request_id(request: &Request, out: &mut Vec<u8>) -> bool {
    use std::hash::{BuildHasher as _, RandomState};
    thread_local! {
        static RANDOM: (RandomState, RandomState) = (RandomState::new(), RandomState::new());
    }
    // Keyed by the system's randomness, and the same for one request whenever it is asked for, and
    // whichever part of it asks.
    let what = (
        request.conn.id,
        request.conn.requests.get(),
        request.main().started,
    );
    RANDOM.with(|(a, b)| {
        put(
            out,
            format!("{:016x}{:016x}", a.hash_one(what), b.hash_one(what)).as_bytes(),
        )
    })
}

fn protocol(request: &Request) -> &[u8] {
    match request.head.protocol.of(&request.buf) {
        b"" => b"HTTP/0.9",
        protocol => protocol,
    }
}

/// An address without its port.
pub fn address(addr: &Addr, out: &mut Vec<u8>) -> bool {
    match addr {
        Addr::Ip(addr) => put(out, addr.ip().to_string().as_bytes()),
        Addr::Unix(_) => put(out, b"unix:"),
    }
}

/// The port of an address, if it has one.
pub fn port(addr: &Addr, out: &mut Vec<u8>) -> bool {
    match addr {
        Addr::Ip(addr) if addr.port() == 0 => put(out, b""),
        Addr::Ip(addr) => number(out, addr.port().into()),
        Addr::Unix(_) => put(out, b""),
    }
}

fn binary_remote_addr(request: &Request, out: &mut Vec<u8>) -> bool {
    match request.client().ip().map(|addr| addr.ip()) {
        Some(std::net::IpAddr::V4(ip)) => put(out, &ip.octets()),
        Some(std::net::IpAddr::V6(ip)) => put(out, &ip.octets()),
        None => put(out, b"unix:"),
    }
}

fn remote_user(request: &Request, out: &mut Vec<u8>) -> bool {
    let known = request.user.borrow().clone();
    let user = known.or_else(|| request.claimed_user());
    user.is_some_and(|user| put(out, &user))
}

fn tcp(request: &Request, out: &mut Vec<u8>, value: fn(TcpEstimates) -> u32) -> bool {
    let estimates = request.conn.stream.tcp_estimates();
    estimates.is_some_and(|estimates| number(out, value(estimates).into()))
}

fn content_length(request: &Request, out: &mut Vec<u8>) -> bool {
    match request.header(FieldName::ContentLength) {
        Some(value) => put(out, value),
        None => request
            .body
            .shown_length()
            .is_some_and(|length| number(out, length)),
    }
}

fn status(request: &Request, out: &mut Vec<u8>) -> bool {
    // Fields that are added to a head may tell its status before it is sent.
    let known = [
        request.error_status.get(),
        request.status.get(),
        request.sent().status,
    ];
    let status = known.into_iter().find(|&status| status != 0).unwrap_or(0);
    put(out, format!("{status:03}").as_bytes())
}
