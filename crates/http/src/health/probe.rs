//! One health check: ask, read the answer, look at it.

use std::fmt;
use std::future::poll_fn;
use std::io;

use bytes::{Buf as _, BytesMut};
use net::{Addr, Deadline, Stream};
use proto::h1::{
    ChunkStep, ChunkedDecoder, Framing, Method, Progress, ResponseHead, ResponseParser, Trailers,
};
use upstream::Peer;

use crate::connection::poll_fill;
use crate::modules::health_check::Spec;
use crate::modules::health_check::matching::{Match, Mismatch};
use crate::modules::proxy::Conf;
use crate::proxy::tls::Client;

/// How much of a body is looked at, as nginx.
const BODY_MAX: usize = 256 * 1024;

/// What is asked of each peer of a group.
pub struct Probe<'c> {
    /// What `health_check` says.
    pub spec: &'c Spec,
    /// What the answer has to fit.
    pub rules: Option<&'c Match>,
    /// The settings of the location.
    pub proxy: &'c Conf,
    /// The host that is asked for.
    pub host: &'c [u8],
    /// Who speaks TLS to the peers, if they want that.
    pub client: Option<&'c Client>,
}

/// Why a check failed: what was being done.
#[derive(Debug)]
pub enum Failure {
    /// The connection.
    Connecting(io::Error),
    /// The exchange.
    Talking(io::Error),
    /// The answer is none.
    Invalid,
    /// The answer does not fit.
    Mismatch(Mismatch),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Connecting(error) => write!(f, "connecting to upstream ({error})"),
            Failure::Talking(error) => write!(f, "reading response from upstream ({error})"),
            Failure::Invalid => f.write_str("reading response header from upstream"),
            Failure::Mismatch(Mismatch::Status) => f.write_str("checking status code"),
            Failure::Mismatch(Mismatch::Header) => f.write_str("checking response header"),
            Failure::Mismatch(Mismatch::Body) => f.write_str("checking response body"),
        }
    }
}

impl Probe<'_> {
    /// Asks a peer. Takes no longer than `proxy_connect_timeout`, twice with TLS, and
    /// `proxy_read_timeout`.
    pub async fn run(&self, peer: &Peer) -> Result<(), Failure> {
        let addr = match (&peer.addr, self.spec.port) {
            (Addr::Ip(addr), Some(port)) => std::net::SocketAddr::new(addr.ip(), port).into(),
            (addr, _) => addr.clone(),
        };
        let rules = self.proxy.rules();
        let stream = net::connect(&addr, None, rules.connect_timeout)
            .await
            .map_err(Failure::Connecting)?;
        if let Some(client) = self.client {
            let name = self.proxy.ssl_name.as_ref();
            let name = name.and_then(|name| name.as_constant());
            let name = name.as_deref().unwrap_or(self.host);
            let sends_name = self.proxy.ssl_server_name;
            client
                .greet(&stream, name, sends_name, rules.connect_timeout)
                .await
                .map_err(Failure::Connecting)?;
        }
        let deadline = Deadline::after(self.proxy.read_timeout);
        tokio::select! {
            result = self.talk(&stream) => result,
            () = deadline.expired() => Err(Failure::Talking(io::ErrorKind::TimedOut.into())),
        }
    }

    async fn talk(&self, stream: &Stream) -> Result<(), Failure> {
        stream
            .write_all(&self.request())
            .await
            .map_err(Failure::Talking)?;
        let mut buf = BytesMut::new();
        let head = read_head(stream, &mut buf, self.proxy.buffer_size as usize).await?;
        let nothing = Match::default();
        let rules = self.rules.unwrap_or(&nothing);
        rules.check_head(&head, &buf).map_err(Failure::Mismatch)?;
        if !rules.wants_body() {
            return Ok(());
        }
        let framing = Framing::of_response(&head, &buf, Method::Get);
        let framing = framing.map_err(|_| Failure::Invalid)?;
        buf.advance(head.end);
        let body = read_body(stream, buf, framing).await?;
        rules.check_body(&body).map_err(Failure::Mismatch)
    }

    /// The request: the fields that `proxy_set_header` gives without variables, and our own.
    fn request(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        out.extend_from_slice(b"GET ");
        out.extend_from_slice(&self.spec.uri);
        out.extend_from_slice(b" HTTP/1.1\r\nConnection: close\r\n");
        let mut has_host = false;
        for (name, value) in &self.proxy.set_headers {
            let Some(value) = value.as_constant().filter(|value| !value.is_empty()) else {
                continue;
            };
            if name.eq_ignore_ascii_case(b"Connection") {
                continue;
            }
            has_host |= name.eq_ignore_ascii_case(b"Host");
            for part in [&name[..], b": ", &value, b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
        if !has_host {
            out.extend_from_slice(b"Host: ");
            out.extend_from_slice(self.host);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
        out
    }
}

async fn fill(stream: &Stream, buf: &mut BytesMut) -> io::Result<usize> {
    poll_fn(|cx| poll_fill(stream, buf, usize::MAX, cx)).await
}

/// Reads the head of the answer; interim ones are passed over.
async fn read_head(
    stream: &Stream,
    buf: &mut BytesMut,
    max: usize,
) -> Result<ResponseHead, Failure> {
    let mut parser = ResponseParser::default();
    loop {
        if !buf.is_empty() {
            match parser.parse(buf) {
                Ok(Progress::Done) => {
                    let head = parser.take_head();
                    if !(100..=199).contains(&head.status) {
                        return Ok(head);
                    }
                    buf.advance(head.end);
                    continue;
                }
                Ok(Progress::FirstLine | Progress::Host) => continue,
                Ok(Progress::More { .. }) if buf.len() >= max => return Err(Failure::Invalid),
                Ok(Progress::More { .. }) => {}
                Err(_) => return Err(Failure::Invalid),
            }
        }
        fill(stream, buf).await.map_err(Failure::Talking)?;
    }
}

/// Reads the body, or as much of it as is looked at.
async fn read_body(
    stream: &Stream,
    mut raw: BytesMut,
    framing: Framing,
) -> Result<BytesMut, Failure> {
    let wanted = match framing {
        Framing::None => return Ok(BytesMut::new()),
        Framing::Length(length) => usize::try_from(length).unwrap_or(BODY_MAX).min(BODY_MAX),
        Framing::Chunked | Framing::UntilClose => BODY_MAX,
    };
    let mut decoder = ChunkedDecoder::new(Trailers::Discard);
    let mut body = BytesMut::new();
    loop {
        let complete = match framing {
            Framing::Chunked => decode(&mut decoder, &mut raw, &mut body)?,
            _ => {
                body.unsplit(raw.split());
                false
            }
        };
        if complete || body.len() >= wanted {
            body.truncate(wanted);
            return Ok(body);
        }
        match fill(stream, &mut raw).await {
            Ok(_) => {}
            Err(error)
                if error.kind() == io::ErrorKind::UnexpectedEof
                    && framing == Framing::UntilClose =>
            {
                return Ok(body);
            }
            Err(error) => return Err(Failure::Talking(error)),
        }
    }
}

/// Takes the framing off what has come; true at the end.
fn decode(
    decoder: &mut ChunkedDecoder,
    raw: &mut BytesMut,
    body: &mut BytesMut,
) -> Result<bool, Failure> {
    loop {
        let decoded = decoder.decode(raw).map_err(|_| Failure::Invalid)?;
        match decoded.step {
            ChunkStep::Data(range) => body.extend_from_slice(&raw[range]),
            ChunkStep::Done | ChunkStep::Trailers => return Ok(true),
            ChunkStep::More => {
                raw.advance(decoded.consumed);
                if raw.is_empty() || decoded.consumed == 0 {
                    return Ok(false);
                }
                continue;
            }
        }
        raw.advance(decoded.consumed);
    }
}
