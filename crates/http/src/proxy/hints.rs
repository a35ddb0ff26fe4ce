//! `early_hints`: 103 (Early Hints) of an upstream, passed on before the response (RFC 8297).

use std::rc::Rc;

use bytes::Bytes;
use net::Deadline;
use proto::h1::{ResponseHead, Version};

use super::head::is_of_connection;
use crate::request::Request;

/// Sends hints to the client, if the location says so. One that cannot be sent is not worth an
/// error: the response finds out.
pub async fn send(request: &Rc<Request>, hints: &[(ResponseHead, Bytes)]) {
    if !wanted(request) {
        return;
    }
    let mut bytes = Vec::new();
    for (head, buf) in hints {
        append(request, head, buf, &mut bytes);
    }
    if bytes.is_empty() {
        return;
    }
    let deadline = Deadline::after(request.conf().core.send_timeout);
    tokio::select! {
        biased;
        _ = request.conn.stream.write_all(&bytes) => {}
        () = deadline.expired() => {}
    }
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
