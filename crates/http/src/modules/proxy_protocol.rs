//! The header that a proxy in front sends before anything else (`listen … proxy_protocol`).

use std::borrow::Cow;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use net::clock;
use net::log::Level;
use proto::proxy_protocol::{self, End, HEADER_BYTES_MAX, Header, Progress};

use crate::connection::Connection;
use crate::module::Module;
use crate::request::Request;
use crate::variable::{builtin, prefix};

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_core_module (proxy_protocol)",
    directives: &[],
    variables: &[
        builtin(
            "proxy_protocol_addr",
            |request, out| addr(request, |header| &header.source, out),
            "The client's address, as the proxy in front tells it.",
        ),
        builtin(
            "proxy_protocol_port",
            |request, out| port(request, |header| &header.source, out),
            "The client's port, as the proxy in front tells it.",
        ),
        builtin(
            "proxy_protocol_server_addr",
            |request, out| addr(request, |header| &header.destination, out),
            "The address that the client connected to, as the proxy in front tells it.",
        ),
        builtin(
            "proxy_protocol_server_port",
            |request, out| port(request, |header| &header.destination, out),
            "The port that the client connected to, as the proxy in front tells it.",
        ),
        prefix(
            "proxy_protocol_tlv_",
            tlv,
            "What else the proxy in front tells: alpn, authority, unique_id, ssl, netns, ssl_version, \
             ssl_cn, ssl_cipher, ssl_sig_alg, ssl_key_alg, ssl_verify, or a type as 0xNN.",
        ),
    ],
};

fn addr(request: &Request, end: fn(&Header) -> &End, out: &mut Vec<u8>) -> bool {
    let Some(header) = request.conn.proxied.get() else {
        return false;
    };
    out.extend_from_slice(end(header).addr.as_bytes());
    true
}

fn port(request: &Request, end: fn(&Header) -> &End, out: &mut Vec<u8>) -> bool {
    let Some(header) = request.conn.proxied.get() else {
        return false;
    };
    match end(header).port {
        0 => {}
        port => out.extend(port.to_string().bytes()),
    }
    true
}

fn tlv(request: &Request, name: &str, out: &mut Vec<u8>) -> bool {
    let Some(header) = request.conn.proxied.get() else {
        return false;
    };
    match header.tlvs.get(name) {
        Ok(Some(value)) => out.extend_from_slice(&value),
        Ok(None) => return false,
        Err(error) => {
            request.log(Level::Error, format_args!("{error} \"{name}\""));
            return false;
        }
    }
    true
}

/// Reads the header and keeps what it says. What follows it is left to the socket: it may be TLS.
/// False if the connection is over.
pub async fn receive(conn: &Rc<Connection>) -> bool {
    match header(conn).await {
        Ok(header) => {
            if let Some(header) = header {
                // This is the only place that sets it, once per connection.
                let _ = conn.proxied.set(Box::new(header));
            }
            true
        }
        Err((level, message)) => {
            conn.log(
                level,
                format_args!("{message} while reading PROXY protocol"),
            );
            false
        }
    }
}

/// Why no header was read.
type Failure = (Level, Cow<'static, str>);

async fn header(conn: &Connection) -> Result<Option<Header>, Failure> {
    let addr_conf = conn.addr_conf().ok_or_else(closed)?;
    let server = conn.generation.config.server(addr_conf.default_server);
    let until = clock::now() + server.settings.client_header_timeout;
    let mut seen = vec![0; HEADER_BYTES_MAX];
    let mut before = 0;
    loop {
        conn.deadline.set(until);
        let more = poll_fn(|cx| peek(conn, &mut seen[before..], cx)).await?;
        let read = proxy_protocol::read(&seen[..before + more])
            .map_err(|error| (Level::Error, error.to_string().into()))?;
        // DIFFERS: nginx takes a header that does not come in one piece for a broken one.
        let (end, done) = match read {
            Progress::Partial => (before + more, None),
            Progress::Done { header, bytes } => (bytes, Some(header)),
        };
        while conn.buf.borrow().len() < end {
            let missing = end - conn.buf.borrow().len();
            let left = until.saturating_duration_since(clock::now());
            conn.fill(missing, left).await.map_err(|_| closed())?;
        }
        if let Some(header) = done {
            conn.buf.borrow_mut().clear();
            return Ok(header);
        }
        before = end;
    }
}

fn peek(conn: &Connection, room: &mut [u8], cx: &mut Context<'_>) -> Poll<Result<usize, Failure>> {
    match conn.stream.poll_peek(cx, room) {
        Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Err(closed())),
        Poll::Ready(Ok(bytes)) => Poll::Ready(Ok(bytes)),
        Poll::Pending => {
            let timed_out = (Level::Info, "client timed out".into());
            conn.deadline.poll_expired(cx).map(|()| Err(timed_out))
        }
    }
}

fn closed() -> Failure {
    (Level::Info, "client closed connection".into())
}
