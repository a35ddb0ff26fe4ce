//! The header that a proxy in front sends before anything else (`listen … proxy_protocol`).

use std::io::ErrorKind;
use std::rc::Rc;

use net::clock;
use net::log::Level;
use proto::proxy_protocol::{self, End, HEADER_BYTES_MAX, Header, Progress};

use super::variables::{builtin, prefix};
use crate::connection::Connection;
use crate::module::Module;
use crate::request::Request;

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

/// Reads the header and keeps what it says; what follows it stays in the connection's buffer.
/// False if the connection is over.
pub async fn receive(conn: &Rc<Connection>) -> bool {
    let Some(default_server) = conn.addr_conf().map(|conf| conf.default_server) else {
        return false;
    };
    let server = conn.generation.config.server(default_server);
    let until = clock::now() + server.settings.client_header_timeout;
    loop {
        let read = proxy_protocol::read(&conn.buf.borrow());
        match read {
            Ok(Progress::Done { header, bytes }) => {
                drop(conn.buf.borrow_mut().split_to(bytes));
                if let Some(header) = header {
                    // This is the only place that sets it, once per connection.
                    let _ = conn.proxied.set(Box::new(header));
                }
                return true;
            }
            // DIFFERS: nginx takes a header that does not come in one piece for a broken one.
            Ok(Progress::Partial) => {}
            Err(error) => {
                return over(conn, Level::Error, &error.to_string());
            }
        }
        let left = until.saturating_duration_since(clock::now());
        match conn.fill(HEADER_BYTES_MAX, left).await {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                return over(conn, Level::Info, "client timed out");
            }
            Err(_) => return over(conn, Level::Info, "client closed connection"),
        }
    }
}

fn over(conn: &Connection, level: Level, message: &str) -> bool {
    conn.log(
        level,
        format_args!("{message} while reading PROXY protocol"),
    );
    false
}
