//! The head of a response as HTTP/1 writes it (`ngx_http_header_filter`): status line, then the
//! fields with a place of their own, then all others in their order.

use bytes::Bytes;
use net::log::time::Times;
use proto::h1::{Method, Version, format_http_date, status_line};

use crate::compose::compose;
use crate::digits;
use crate::modules::core::ServerTokens;
use crate::request::Request;
use crate::response::Head;
use script::Template;

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyEnd {
    /// By its length, or there is none.
    Length,
    /// By chunks.
    Chunked,
    /// By the end of the connection.
    Close,
}

/// Whether the connection is one for an upgrade, which has its own `Connection` field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connection {
    /// Stays open or closes, as the request says.
    Http,
    /// Becomes a tunnel.
    Upgrade,
}

/// Writes the head, ready to be sent.
pub fn write(request: &Request, head: &Head, end: BodyEnd, connection: Connection) -> Bytes {
    compose(|out| append(request, head, end, connection, out))
}

fn append(request: &Request, head: &Head, end: BodyEnd, connection: Connection, out: &mut Vec<u8>) {
    write_status(head, out);
    match &head.server {
        Some(server) if server.is_empty() => {}
        Some(server) => line(out, b"Server", server),
        None => own_line(out, b"Server", server_name(request).as_bytes()),
    }
    match &head.date {
        Some(date) if date.is_empty() => {}
        Some(date) => line(out, b"Date", date),
        None => {
            net::log::time::with(|times: &Times| own_line(out, b"Date", times.http().as_bytes()))
        }
    }
    if let Some(content_type) = &head.content_type {
        line(out, b"Content-Type", content_type);
    }
    if let Some(length) = head.content_length {
        length_line(out, length);
    }
    match (&head.last_modified_text, head.last_modified) {
        (Some(text), _) => line(out, b"Last-Modified", text),
        (None, Some(seconds)) => own_line(out, b"Last-Modified", &format_http_date(seconds)),
        (None, None) => {}
    }
    if let Some(location) = &head.location {
        line(out, b"Location", location);
    }
    if end == BodyEnd::Chunked {
        own_line(out, b"Transfer-Encoding", b"chunked");
    }
    write_connection(request, connection, out);
    for field in &head.fields {
        line(out, &field.name, &field.value);
    }
    out.extend_from_slice(b"\r\n");
}

fn write_status(head: &Head, out: &mut Vec<u8>) {
    out.extend_from_slice(b"HTTP/1.1 ");
    match (&head.status_text, status_line(head.status)) {
        (Some(text), _) => out.extend_from_slice(text),
        (None, Some(text)) => out.extend_from_slice(text.as_bytes()),
        (None, None) => out.extend_from_slice(format!("{:03} ", head.status).as_bytes()),
    }
    out.extend_from_slice(b"\r\n");
}

fn write_connection(request: &Request, connection: Connection, out: &mut Vec<u8>) {
    match connection {
        Connection::Upgrade => own_line(out, b"Connection", b"upgrade"),
        Connection::Http if request.keepalive.get() => {
            own_line(out, b"Connection", b"keep-alive");
            if let Some(timeout) = request.conf().core.keepalive_header {
                let value = format!("timeout={}", timeout.as_secs());
                own_line(out, b"Keep-Alive", value.as_bytes());
            }
        }
        Connection::Http => own_line(out, b"Connection", b"close"),
    }
}

/// Appends a field whose value is our own.
fn own_line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Appends `Content-Length`.
pub fn length_line(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"Content-Length: ");
    digits::decimal(out, length);
    out.extend_from_slice(b"\r\n");
}

/// Appends a field.
pub fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    // A variable's value may hold anything; a header field may not (security rule: no CR, LF, NUL).
    match value.iter().all(keeps_line) {
        true => out.extend_from_slice(value),
        false => out.extend(value.iter().filter(|byte| keeps_line(byte))),
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a field, unless its value comes to nothing.
pub fn evaluated_line(out: &mut Vec<u8>, name: &[u8], value: &Template, request: &Request) {
    if let Some(value) = value.as_constant() {
        if !value.is_empty() {
            line(out, name, &value);
        }
        return;
    }
    let start = out.len();
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    let at = out.len();
    value.append(request, out);
    let written = out.get(at..).unwrap_or_default();
    if written.is_empty() {
        out.truncate(start);
    } else if written.iter().all(keeps_line) {
        out.extend_from_slice(b"\r\n");
    } else {
        let value = out.split_off(at);
        out.truncate(start);
        line(out, name, &value);
    }
}

/// Whether a byte may stand in a line.
fn keeps_line(byte: &u8) -> bool {
    !matches!(byte, b'\r' | b'\n' | 0)
}

/// What `Server` says, and error pages show.
pub fn server_name(request: &Request) -> &'static str {
    match request.conf().core.server_tokens {
        ServerTokens::Off => "nginx",
        ServerTokens::On | ServerTokens::Build => "nginx/1.31.5",
    }
}

/// Whether a response to this request has a body on the wire.
pub fn sends_body(request: &Request, status: u16) -> bool {
    request.head.method != Method::Head && !matches!(status, 100..=199 | 204 | 304)
}

/// Whether the client reads chunks.
pub fn reads_chunks(request: &Request) -> bool {
    request.version() >= Version::HTTP_11
}
