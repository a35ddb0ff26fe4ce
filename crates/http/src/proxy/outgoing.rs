//! The request as the upstream gets it (`ngx_http_proxy_create_request`).

use bytes::Bytes;
use proto::h1::{CHUNK_END, ChunkHeader, FieldName, Framing};
use script::Template;

use super::target::Target;
use crate::compose::compose;
use crate::downstream::write_head::{evaluated_line, length_line, line};
use crate::modules::proxy::{Conf, HttpVersion};
use crate::request::Request;
use crate::response::Chunk;

/// How the body goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sends {
    /// All of it is known: `Content-Length`.
    Whole,
    /// As it comes from the client, whose length is known.
    Streamed,
    /// As it comes, in chunks.
    Chunked,
}

/// A request ready to be sent.
pub struct Outgoing {
    /// Request line and fields.
    pub head: Bytes,
    /// What is known of the body.
    pub chunks: Vec<Chunk>,
    /// How the body goes out.
    pub sends: Sends,
}

/// Fields that are not passed on unless the configuration says so.
const NOT_PASSED: [FieldName; 8] = [
    FieldName::Host,
    FieldName::Connection,
    FieldName::ProxyConnection,
    FieldName::KeepAlive,
    FieldName::Te,
    FieldName::Expect,
    FieldName::Upgrade,
    FieldName::TransferEncoding,
];

impl Outgoing {
    /// Makes the request.
    pub fn new(request: &Request, conf: &Conf, target: &Target) -> Self {
        let (chunks, sends) = body(request, conf);
        let length = length(request, &chunks, sends);
        let head = compose(|head| {
            request_line(request, conf, target, head);
            fields(request, conf, target, length, sends, head);
            head.extend_from_slice(b"\r\n");
        });
        Self {
            head,
            chunks,
            sends,
        }
    }
}

fn body(request: &Request, conf: &Conf) -> (Vec<Chunk>, Sends) {
    if let Some(body) = &conf.set_body {
        return (vec![Chunk::Memory(request.eval(body))], Sends::Whole);
    }
    if !conf.pass_request_body || request.body_is_dropped() {
        return (Vec::new(), Sends::Whole);
    }
    if conf.request_buffering || request.body.is_complete() {
        return (request.body.chunks(), Sends::Whole);
    }
    match request.framing {
        Framing::Chunked if conf.http_version == HttpVersion::Http11 => {
            (in_chunk(request.body.chunks()), Sends::Chunked)
        }
        _ => (request.body.chunks(), Sends::Streamed),
    }
}

/// What is there of a body already, as one chunk.
fn in_chunk(pieces: Vec<Chunk>) -> Vec<Chunk> {
    let length = pieces.iter().map(Chunk::len).sum();
    if length == 0 {
        return Vec::new();
    }
    let header = Chunk::Memory(Bytes::copy_from_slice(&ChunkHeader::new(length)));
    let end = Chunk::Memory(Bytes::from_static(CHUNK_END));
    std::iter::once(header)
        .chain(pieces)
        .chain(std::iter::once(end))
        .collect()
}

/// The value of `Content-Length`, if there is to be one.
fn length(request: &Request, chunks: &[Chunk], sends: Sends) -> Option<u64> {
    match sends {
        Sends::Chunked => None,
        Sends::Streamed => request.body.length(),
        Sends::Whole => {
            let length = chunks.iter().map(Chunk::len).sum();
            let declared = !matches!(request.framing, Framing::None);
            (length > 0 || (declared && !request.body_is_dropped())).then_some(length)
        }
    }
}

fn request_line(request: &Request, conf: &Conf, target: &Target, out: &mut Vec<u8>) {
    match &conf.method {
        Some(method) => out.extend(request.eval(method).iter().filter(|byte| keeps_line(byte))),
        None => out.extend_from_slice(&request.method_name()),
    }
    out.push(b' ');
    match target.uri.is_empty() {
        true => out.push(b'/'),
        false => path(&target.uri, out),
    }
    out.extend_from_slice(match conf.http_version {
        HttpVersion::Http10 => b" HTTP/1.0\r\n",
        HttpVersion::Http11 => b" HTTP/1.1\r\n",
    });
}

/// Appends a path with its query.
///
/// DIFFERS: nginx sends what a variable in `proxy_pass` holds as it is. `$uri` is decoded, so that
/// a client could write lines of its own into the request; here what ends a line is escaped.
fn path(path: &[u8], out: &mut Vec<u8>) {
    if path.iter().all(keeps_line) {
        return out.extend_from_slice(path);
    }
    for part in path.chunk_by(|a, b| keeps_line(a) && keeps_line(b)) {
        match part {
            [byte] if !keeps_line(byte) => out.extend(format!("%{byte:02X}").bytes()),
            part => out.extend_from_slice(part),
        }
    }
}

/// Whether a byte may stand in a line.
fn keeps_line(byte: &u8) -> bool {
    !matches!(byte, b'\r' | b'\n' | 0)
}

fn fields(
    request: &Request,
    conf: &Conf,
    target: &Target,
    length: Option<u64>,
    sends: Sends,
    out: &mut Vec<u8>,
) {
    let sets = |name: &[u8]| {
        conf.set_headers
            .iter()
            .any(|(set, _)| set.eq_ignore_ascii_case(name))
    };
    // RFC 9112 §3.2: the host is best told first; an empty one is not told.
    let is_host = |set: &&(Bytes, Template)| set.0.eq_ignore_ascii_case(b"Host");
    match conf.set_headers.iter().rfind(is_host) {
        None => line(out, b"Host", &target.host),
        Some((_, host)) => evaluated_line(out, b"Host", host, request),
    }
    for (name, value) in conf.set_headers.iter().filter(|set| !is_host(set)) {
        evaluated_line(out, name, value, request);
    }
    if conf.websocket
        && let Some(protocol) = request.header(FieldName::Upgrade)
        && protocol.eq_ignore_ascii_case(b"websocket")
        && !sets(b"Upgrade")
    {
        line(out, b"Upgrade", b"websocket");
        line(out, b"Connection", b"upgrade");
    }
    if let Some(length) = length
        && !sets(b"Content-Length")
    {
        length_line(out, length);
    }
    if sends == Sends::Chunked && !sets(b"Transfer-Encoding") {
        line(out, b"Transfer-Encoding", b"chunked");
    }
    if conf.pass_request_headers {
        for passed in request.head.fields.iter() {
            let name = passed.name.of(&request.buf);
            let own = passed.known.is_some_and(|known| {
                NOT_PASSED.contains(&known)
                    || matches!(known, FieldName::ContentLength | FieldName::Http2Settings)
            });
            if !own && !sets(name) {
                line(out, name, passed.value.of(&request.buf));
            }
        }
    }
}

impl Request {
    /// The method as it goes to an upstream: what an internal redirect made of it.
    pub fn method_name(&self) -> Bytes {
        if self.method.get() == self.head.method {
            return self.slice(self.head.method_name);
        }
        self.method
            .get()
            .as_str()
            .map_or(super::NOTHING, |name| Bytes::from_static(name.as_bytes()))
    }

    /// Whether an internal redirect turned the request into one without a body.
    pub fn body_is_dropped(&self) -> bool {
        self.drops_body.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_path_ends_its_line() {
        for (given, sent) in [
            ("/a b?c", "/a b?c"),
            ("/\r\nX: y", "/%0D%0AX: y"),
            ("\n/a\0", "%0A/a%00"),
            ("\r", "%0D"),
        ] {
            let mut out = Vec::new();
            path(given.as_bytes(), &mut out);
            assert_eq!(String::from_utf8_lossy(&out), sent);
        }
    }
}
