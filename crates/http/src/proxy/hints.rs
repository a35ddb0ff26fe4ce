//! `early_hints`: 103 (Early Hints) of an upstream, passed on before the response (RFC 8297).

use std::io;
use std::rc::Rc;

use bytes::Bytes;
use net::log::Level;
use proto::h1::{ResponseHead, Version};

use super::ProxyError;
use super::head::is_of_connection;
use crate::request::Request;

/// Sends hints to the client, if the location says so. Where they cannot be sent as a whole, the
/// connection is over: a response behind a part of them would be read as something else.
pub async fn send(
    request: &Rc<Request>,
    hints: &[(ResponseHead, Bytes)],
) -> Result<(), ProxyError> {
    if !wanted(request) {
        return Ok(());
    }
    let mut bytes = Vec::new();
    for (head, buf) in hints {
        append(request, head, buf, &mut bytes);
    }
    if bytes.is_empty() {
        return Ok(());
    }
    let timeout = request.conf().core.send_timeout;
    let sent = request.conn.interject(&bytes, timeout).await;
    if sent.is_ok() {
        request.count_interjected(bytes.len());
    }
    sent.map_err(|error| {
        let what = match error.kind() {
            io::ErrorKind::TimedOut => "client timed out",
            _ => "client closed connection",
        };
        request.log(Level::Info, format_args!("{what} while taking early hints"));
        ProxyError::client(0)
    })
}

fn wanted(request: &Request) -> bool {
    let conditions = &request.conf().core.early_hints;
    let holds = |condition| !matches!(&request.eval(condition)[..], b"" | b"0");
    request.is_main()
        && !request.in_post_action.get()
        && request.version() >= Version::HTTP_11
        && conditions.iter().any(holds)
}

fn append(request: &Request, head: &ResponseHead, buf: &Bytes, out: &mut Vec<u8>) {
    let conf = &request.conf().proxy;
    let begin = out.len();
    out.extend_from_slice(b"HTTP/1.1 103 Early Hints\r\n");
    let empty = out.len();
    for field in head.fields.iter() {
        let name = field.name.of(buf);
        if is_of_connection(field) || conf.hides(field.known, name) {
            continue;
        }
        for part in [name, b": ", field.value.of(buf), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    match out.len() == empty {
        true => out.truncate(begin),
        false => out.extend_from_slice(b"\r\n"),
    }
}
