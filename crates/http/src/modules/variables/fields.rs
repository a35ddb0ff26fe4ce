//! Variables of header fields, the client's and those that it gets.

use proto::h1::FieldName;

use crate::downstream::write_head::reads_chunks;
use crate::request::Request;
use crate::variable::{fits, join, number, put};

/// The first field of that name that the client sent.
pub fn field(request: &Request, name: FieldName, out: &mut Vec<u8>) -> bool {
    request.header(name).is_some_and(|value| put(out, value))
}

/// All fields of that name that the client sent, joined.
pub fn request_fields(request: &Request, name: &str, separator: &[u8], out: &mut Vec<u8>) -> bool {
    let mut found = false;
    for field in request.head.fields.iter() {
        if fits(field.name.of(&request.buf), name) {
            if std::mem::replace(&mut found, true) {
                out.extend_from_slice(separator);
            }
            out.extend_from_slice(field.value.of(&request.buf));
        }
    }
    found
}

/// `$content_length`: the field, or the length of a body that came in chunks and was read.
pub fn content_length(request: &Request, out: &mut Vec<u8>) -> bool {
    match request.header(FieldName::ContentLength) {
        Some(value) => put(out, value),
        None => request
            .body
            .shown_length()
            .is_some_and(|length| number(out, length)),
    }
}

/// `$cookie_…`: the first cookie of that name.
pub fn cookie(request: &Request, name: &str, out: &mut Vec<u8>) -> bool {
    for cookies in request.head.fields.all(FieldName::Cookie) {
        for pair in cookies.value.of(&request.buf).split(|&byte| byte == b';') {
            let mut parts = pair.splitn(2, |&byte| byte == b'=');
            let key = parts.next().unwrap_or_default().trim_ascii();
            if let Some(value) = parts.next()
                && key.eq_ignore_ascii_case(name.as_bytes())
            {
                return put(out, value.trim_ascii());
            }
        }
    }
    false
}

/// `$sent_http_…`: also fields that are only written when the head is.
pub fn sent_http(request: &Request, name: &str, out: &mut Vec<u8>) -> bool {
    let sent = request.sent();
    match name {
        "content_type" => {
            return sent
                .content_type
                .as_ref()
                .is_some_and(|value| put(out, value));
        }
        "content_length" => return sent.content_length.is_some_and(|value| number(out, value)),
        "last_modified" => {
            return match (&sent.last_modified_text, sent.last_modified) {
                (Some(text), _) => put(out, text),
                (None, Some(seconds)) => put(out, &proto::h1::format_http_date(seconds)),
                (None, None) => false,
            };
        }
        "location" if let Some(location) = &sent.location => return put(out, location),
        "connection" => {
            return match sent.status {
                0 => false,
                101 => put(out, b"upgrade"),
                _ if request.keepalive.get() => put(out, b"keep-alive"),
                _ => put(out, b"close"),
            };
        }
        "keep_alive" => {
            let header = request.conf().core.keepalive_header;
            let header = header.filter(|_| request.keepalive.get());
            return header
                .is_some_and(|time| put(out, format!("timeout={}", time.as_secs()).as_bytes()));
        }
        "transfer_encoding" => {
            let chunked = sent.status != 0
                && sent.content_length.is_none()
                && reads_chunks(request)
                && !matches!(sent.status, 101 | 204 | 304);
            return chunked && put(out, b"chunked");
        }
        _ => {}
    }
    join(sent.fields.iter(), name, b", ", out)
}
