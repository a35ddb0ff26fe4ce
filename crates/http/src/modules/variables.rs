//! The built-in variables (`ngx_http_variables.c`).

mod fields;

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use bytes::Bytes;
use net::TcpEstimates;
use net::log::time;
use proto::h1::FieldName;
use script::Builtin;

use self::fields::{content_length, cookie, field, request_fields, sent_http};
use crate::log_later::{msec, seconds};
use crate::module::Module;
use crate::modules::static_files;
use crate::request::Request;
use crate::variable::{address, arg, builtin, join, number, port, prefix, put, settable};

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_core_module (variables)",
    directives: &[],
    variables: VARIABLES,
};

#[rustfmt::skip]
const VARIABLES: &[Builtin<Request>] = &[
    builtin("http_host", |r, out| field(r, FieldName::Host, out), "The request header field of that name."),
    builtin("http_user_agent", |r, out| field(r, FieldName::UserAgent, out), "The request header field of that name."),
    builtin("http_referer", |r, out| field(r, FieldName::Referer, out), "The request header field of that name."),
    builtin("http_cookie", |r, out| request_fields(r, "cookie", b"; ", out), "All Cookie fields."),
    prefix("http_", |r, name, out| request_fields(r, name, b", ", out), "A request header field; dashes are underscores."),
    prefix("sent_http_", sent_http, "A response header field."),
    prefix("sent_trailer_", |r, name, out| join(r.sent().trailers.iter(), name, b", ", out), "A response trailer field."),
    prefix("cookie_", cookie, "A cookie."),
    prefix("arg_", arg, "An argument of the query."),
    settable("args", args, set_args, "The query."),
    builtin("query_string", args, "The query."),
    builtin("is_args", |r, out| put(out, if r.args.borrow().is_empty() { b"" } else { b"?" }), "\"?\" if there is a query."),
    builtin("uri", |r, out| r.has_line() && put(out, &r.uri.borrow()), "The path, decoded and normalised."),
    builtin("document_uri", |r, out| r.has_line() && put(out, &r.uri.borrow()), "The path, decoded and normalised."),
    builtin("request_uri", |r, out| r.has_line() && put(out, r.head.target.of(&r.buf)), "Path and query as the client sent them."),
    builtin("request", |r, out| put(out, r.head.line.of(&r.buf)), "The request line."),
    builtin("request_method", |r, out| r.has_line() && put(out, &r.main().method_name()), "The method."),
    builtin("request_length", |r, out| number(out, r.head.length() as u64 + r.body.taken()), "Bytes of the request."),
    builtin("request_time", |r, out| put(out, seconds(net::clock::now() - r.started).as_bytes()), "Seconds since its first byte."),
    builtin("request_id", request_id, "A random number that names the request."),
    builtin("request_body", |r, out| r.body.in_memory().is_some_and(|body| put(out, &body)), "The body, if it was read and is in memory."),
    builtin("request_body_file", |r, out| r.body.file_path().is_some_and(|file| path(out, &file)), "The file that holds the body."),
    builtin("request_completion", |r, out| put(out, if r.main().is_complete.get() { b"OK" } else { b"" }), "\"OK\" if the request was answered."),
    builtin("request_filename", |r, out| path(out, &static_files::path_of(r, &r.uri())), "The path of the file for the URI."),
    builtin("document_root", |r, out| path(out, &static_files::document_root(r)), "root or alias."),
    builtin("realpath_root", |r, out| static_files::document_root(r).canonicalize().is_ok_and(|root| path(out, &root)), "root or alias without symbolic links."),
    builtin("request_port", |r, out| r.request_port.is_none_or(|port| number(out, port.into())), "The port in the host that the client asks for."),
    builtin("is_request_port", |r, out| put(out, if r.request_port.is_some() { b":" } else { b"" }), "\":\" if the client asks for a port."),
    builtin("host", |r, out| put(out, if r.host.is_empty() { &r.server().name } else { &r.host }), "The host that the client asks for, or the server's first name."),
    builtin("hostname", |r, out| put(out, r.config().hostname.as_bytes()), "The name of this machine."),
    builtin("server_name", |r, out| put(out, &r.server().name), "The server's first name."),
    builtin("server_addr", |r, out| address(r.conn.local(), out), "Our address of the connection."),
    builtin("server_port", |r, out| port(r.conn.local(), out), "Our port of the connection."),
    builtin("server_protocol", |r, out| r.has_line() && put(out, r.head.protocol.of(&r.buf)), "The version that the client speaks; of HTTP/0.9, which has no name for itself, nothing."),
    builtin("scheme", |r, out| put(out, if r.conn.is_tls() { b"https" } else { b"http" }), "\"http\" or \"https\"."),
    builtin("https", |r, out| put(out, if r.conn.is_tls() { b"on" } else { b"" }), "\"on\" over TLS."),
    builtin("remote_addr", |r, out| address(r.client(), out), "The client's address."),
    builtin("remote_port", |r, out| port(r.client(), out), "The client's port."),
    builtin("binary_remote_addr", binary_remote_addr, "The client's address in 4 or 16 bytes."),
    builtin("remote_user", remote_user, "The user that authenticated."),
    builtin("connection", |r, out| number(out, r.conn.id), "The number of the connection."),
    builtin("connection_requests", |r, out| number(out, r.conn.requests.get()), "Requests on this connection so far."),
    builtin("connection_time", |r, out| put(out, seconds(net::clock::now() - r.conn.opened).as_bytes()), "Seconds since the connection was accepted."),
    builtin("tcpinfo_rtt", |r, out| tcp(r, out, |tcp| tcp.rtt_us), "Microseconds to the client and back, as the kernel estimates them."),
    builtin("tcpinfo_rttvar", |r, out| tcp(r, out, |tcp| tcp.rttvar_us), "How much these vary."),
    builtin("tcpinfo_snd_cwnd", |r, out| tcp(r, out, |tcp| tcp.snd_cwnd), "The congestion window towards the client, in segments."),
    builtin("tcpinfo_rcv_space", |r, out| tcp(r, out, |tcp| tcp.rcv_space), "Room for what the client sends, in bytes."),
    builtin("content_length", content_length, "The Content-Length field of the request."),
    builtin("content_type", |r, out| field(r, FieldName::ContentType, out), "The Content-Type field of the request."),
    builtin("status", status, "The status of the response."),
    builtin("bytes_sent", |r, out| number(out, r.main().bytes_sent.get()), "Bytes sent to the client."),
    builtin("body_bytes_sent", |r, out| number(out, r.main().bytes_sent.get().saturating_sub(r.head_bytes_sent.get())), "Bytes of the response's body sent to the client."),
    settable("limit_rate", |r, out| number(out, r.limit_rate.get().unwrap_or_else(|| r.conf().core.limit_rate(r))), set_limit_rate, "Bytes per second of the response; can be set."),
    builtin("nginx_version", |_, out| put(out, b"1.31.5"), "The version of nginx whose behaviour we follow."),
    builtin("pid", |_, out| number(out, std::process::id().into()), "The process id of the worker."),
    builtin("pipe", |r, out| put(out, if r.pipelined { b"p" } else { b"." }), "\"p\" if the request was pipelined."),
    builtin("msec", |_, out| put(out, msec(net::clock::wall()).as_bytes()), "Seconds since 1970."),
    builtin("time_local", |_, out| time::with(|times| put(out, times.local().as_bytes())), "The local time as the common log format writes it."),
    builtin("time_iso8601", |_, out| time::with(|times| put(out, times.iso8601().as_bytes())), "The local time as ISO 8601 writes it."),
];

fn path(out: &mut Vec<u8>, path: &Path) -> bool {
    put(out, path.as_os_str().as_bytes())
}

/// No query is no value, and not an empty one: logs show a dash, pages their default.
fn args(request: &Request, out: &mut Vec<u8>) -> bool {
    let args = request.args.borrow();
    !args.is_empty() && put(out, &args)
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
