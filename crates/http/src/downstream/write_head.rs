//! The head of a response as HTTP/1 writes it (`ngx_http_header_filter`): status line, then the
//! fields with a place of their own, then all others in their order.

use net::log::time::Times;
use proto::h1::{Method, Version, format_http_date, status_line};

use crate::modules::core::ServerTokens;
use crate::request::Request;
use crate::response::Head;

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
pub fn write(request: &Request, head: &Head, end: BodyEnd, connection: Connection) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + 48 * head.fields.len());
    write_status(head, &mut out);
    match &head.server {
        Some(server) if server.is_empty() => {}
        Some(server) => line(&mut out, b"Server", server),
        None => own_line(&mut out, b"Server", server_name(request).as_bytes()),
    }
    match &head.date {
        Some(date) if date.is_empty() => {}
        Some(date) => line(&mut out, b"Date", date),
        None => net::log::time::with(|times: &Times| {
            own_line(&mut out, b"Date", times.http().as_bytes())
        }),
    }
    if let Some(content_type) = &head.content_type {
        line(&mut out, b"Content-Type", content_type);
    }
    if let Some(length) = head.content_length {
        own_line(&mut out, b"Content-Length", length.to_string().as_bytes());
    }
    match (&head.last_modified_text, head.last_modified) {
        (Some(text), _) => line(&mut out, b"Last-Modified", text),
        (None, Some(seconds)) => own_line(&mut out, b"Last-Modified", &format_http_date(seconds)),
        (None, None) => {}
    }
    if let Some(location) = &head.location {
        line(&mut out, b"Location", location);
    }
    if end == BodyEnd::Chunked {
        own_line(&mut out, b"Transfer-Encoding", b"chunked");
    }
    write_connection(request, connection, &mut out);
    for field in &head.fields {
        line(&mut out, &field.name, &field.value);
    }
    out.extend_from_slice(b"\r\n");
    out
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

/// Appends a field.
pub fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    // A variable's value may hold anything; a header field may not (security rule: no CR, LF, NUL).
    match value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
        false => out.extend_from_slice(value),
        true => out.extend(
            value
                .iter()
                .filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)),
        ),
    }
    out.extend_from_slice(b"\r\n");
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
