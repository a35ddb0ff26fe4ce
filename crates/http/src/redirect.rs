//! Redirects of clients: where they lead, as `Location` says it.

use bytes::Bytes;
use proto::h1::{Escape, escape};

use crate::phases::Flow;
use crate::request::Request;
use crate::response::Head;

/// A redirect: the response for its status, unless an error page takes its place.
pub fn to(request: &Request, status: u16, location: Bytes) -> Flow {
    request.pending_location.replace(Some(location));
    Flow::Status(status)
}

/// `/dir` to `/dir/`, the query kept.
pub fn redirect_to_slash(request: &Request, name: &[u8]) -> Flow {
    let mut location = escape(name, Escape::Uri).into_owned();
    let args = request.args();
    if !args.is_empty() {
        location.push(b'?');
        location.extend_from_slice(&args);
    }
    to(request, 301, location.into())
}

/// Makes a `Location` that is a path absolute, if `absolute_redirect` wants that.
pub fn absolute_location(request: &Request, head: &mut Head) {
    let Some(location) = &head.location else {
        return;
    };
    let core = &request.conf().core;
    if !location.starts_with(b"/") || !core.absolute_redirect {
        return;
    }
    let (scheme, usual_port) = match request.conn.stream.is_tls() {
        true => (&b"https://"[..], 443),
        false => (&b"http://"[..], 80),
    };
    let mut absolute = scheme.to_vec();
    let server = request.server();
    if core.server_name_in_redirect && !server.name.is_empty() {
        absolute.extend_from_slice(&server.name);
    } else if !request.host.is_empty() {
        absolute.extend_from_slice(&request.host);
    } else {
        match request.conn.local() {
            net::Addr::Ip(addr) if addr.is_ipv6() => {
                absolute.extend(format!("[{}]", addr.ip()).bytes());
            }
            net::Addr::Ip(addr) => absolute.extend(addr.ip().to_string().bytes()),
            net::Addr::Unix(_) => absolute.extend(b"localhost"),
        }
    }
    let port = request
        .conn
        .local()
        .ip()
        .map_or(usual_port, |addr| addr.port());
    if core.port_in_redirect && port != usual_port && port != 0 {
        absolute.extend(format!(":{port}").bytes());
    }
    absolute.extend_from_slice(location);
    head.location = Some(absolute.into());
}

/// Splits a URI at its first question mark.
pub fn split_args(target: &Bytes) -> (Bytes, Bytes) {
    match memchr::memchr(b'?', target) {
        Some(at) => (target.slice(..at), target.slice(at + 1..)),
        None => (target.clone(), Bytes::new()),
    }
}
