//! The opening handshake of a desktop's WebSocket (RFC 6455 §4.2), as the server.

use std::rc::Rc;

use bytes::Bytes;
use net::log::Level;
use proto::h1::{FieldName, Framing, Method, Version};
use proto::ws;
use vnc::Subprotocol;

use super::grant::{Subject, goal};
use super::session::Opening;
use crate::modules::proxy::Origins;
use crate::phases::Flow;
use crate::request::Request;
use crate::response::{Body, Head, Response};

/// Whether a request wants a WebSocket, well-formed or not.
pub fn is_asked_for(request: &Request) -> bool {
    has_word(request, FieldName::Upgrade, b"websocket")
}

/// Accepts an upgrade: whatever is wrong with the desktop is told inside.
pub async fn run(request: &Rc<Request>, subject: &Subject) -> Flow {
    let key = match check(request) {
        Ok(key) => key,
        Err(wrong) => return refuse(request, &wrong),
    };
    if !is_of_allowed_page(request) {
        return Flow::Status(403);
    }
    let offers = request.head.fields.all(FieldName::SecWebSocketProtocol);
    let offers: Vec<&[u8]> = offers.map(|field| field.value.of(&request.buf)).collect();
    let protocol = ws::choose_subprotocol(offers.into_iter(), &Subprotocol::NAMES);
    let mut head = Head::new(101);
    head.push("Upgrade", "websocket");
    head.push("Sec-WebSocket-Accept", ws::accept_key(key));
    if let Some(protocol) = protocol {
        head.push("Sec-WebSocket-Protocol", protocol);
    }
    let opening = Opening::new(
        request,
        goal(request, subject).await,
        Subprotocol::of(protocol),
    );
    Flow::Respond(Response {
        head: head.into(),
        body: Body::Upgrade(Box::new(opening)),
    })
}

/// Whether `vnc_origin` allows the page that asks; says so in the log if it does not.
pub fn is_of_allowed_page(request: &Request) -> bool {
    let allowed = &request.conf().vnc.origin;
    if *allowed == Origins::Same && is_inside_foreign_page(request) {
        request.log(
            Level::Error,
            format_args!("desktop refused to a page of another site, which shows it as its own"),
        );
        return false;
    }
    if allowed.allow(request) {
        return true;
    }
    let text = |name| String::from_utf8_lossy(request.header(name).unwrap_or_default());
    request.log(
        Level::Error,
        format_args!(
            "desktop session refused: the page is of \"{}\", the request for host \"{}\"; \
             \"vnc_origin\" can allow it, or a proxy in front can pass the host on",
            text(FieldName::Origin),
            text(FieldName::Host),
        ),
    );
    false
}

/// Whether a page of another site asks for something that it shows, such as an image. Browsers say
/// no Origin then; who follows a link from there to a page of its own is somebody else.
fn is_inside_foreign_page(request: &Request) -> bool {
    let wanted = request.header(FieldName::Accept).unwrap_or_default();
    let site = request.header(FieldName::SecFetchSite);
    request.header(FieldName::Origin).is_none()
        && matches!(site, Some(b"cross-site" | b"same-site"))
        && !wanted.windows(9).any(|part| part == b"text/html")
}

/// What is wrong with an upgrade.
#[derive(Debug, PartialEq, Eq)]
struct Wrong {
    status: u16,
    sentence: &'static str,
}

/// The key of a well-formed upgrade.
fn check(request: &Request) -> Result<&[u8], Wrong> {
    let bad = |sentence| {
        Err(Wrong {
            status: 400,
            sentence,
        })
    };
    if request.head.method != Method::Get || request.version() < Version::HTTP_11 {
        return bad("A WebSocket is asked for with GET and HTTP/1.1.");
    }
    if !matches!(request.framing, Framing::None | Framing::Length(0)) {
        return bad("A request for a WebSocket has no body.");
    }
    if !has_word(request, FieldName::Connection, b"upgrade") {
        return bad(
            "The Connection field does not say \"upgrade\"; a proxy in between may have removed it.",
        );
    }
    match request.header(FieldName::SecWebSocketVersion) {
        Some(version) if ws::is_valid_version(version) => {}
        _ => {
            return Err(Wrong {
                status: 426,
                sentence: "Only version 13 of WebSocket is spoken here.",
            });
        }
    }
    let mut keys = request.head.fields.all(FieldName::SecWebSocketKey);
    match (
        keys.next().map(|field| field.value.of(&request.buf)),
        keys.next(),
    ) {
        (Some(key), None) if ws::is_valid_key(key) => Ok(key),
        _ => bad("Sec-WebSocket-Key must be one key of 16 bytes in base64."),
    }
}

fn refuse(request: &Request, wrong: &Wrong) -> Flow {
    request.log(
        Level::Info,
        format_args!("client sent an invalid upgrade: {}", wrong.sentence),
    );
    // Frames may follow, which are no requests.
    request.keepalive.set(false);
    let mut response = Response::text(
        wrong.status,
        "text/plain",
        Bytes::from(format!("{}\n", wrong.sentence)),
    );
    if wrong.status == 426 {
        // RFC 6455 §4.4 and RFC 9110 §15.5.22.
        response.head.push("Upgrade", "websocket");
        response.head.push("Sec-WebSocket-Version", "13");
    }
    Flow::Respond(response)
}

/// Whether a list has a word, in any case.
fn has_word(request: &Request, name: FieldName, word: &[u8]) -> bool {
    let mut fields = request.head.fields.all(name);
    fields.any(|field| {
        let mut words = field.value.of(&request.buf).split(|&byte| byte == b',');
        words.any(|given| given.trim_ascii().eq_ignore_ascii_case(word))
    })
}
