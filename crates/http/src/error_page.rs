//! The response for a status: the configured page, or a small one of our own
//! (`ngx_http_special_response.c`).

use std::fmt::Write as _;
use std::rc::Rc;

use proto::h1::{FieldName, Method, status_line};

use crate::downstream::write_head::server_name;
use crate::modules::core::{ErrorPage, ServerTokens};
use crate::phases::Flow;
use crate::redirect::split_args;
use crate::request::Request;
use crate::response::{Head, Response};

/// Answers with a status: through `error_page`, or with a page of our own.
pub fn respond(request: &Rc<Request>, status: u16) -> Flow {
    if closes(status) {
        request.keepalive.set(false);
    }
    request.error_status.set(shown_as(status));
    if let Some(page) = page_for(request, status) {
        // As nginx: the page's handler has the body, unless it is too long or begun and not kept.
        let body = &request.body;
        let is_lost = status == 413 || body.taken() > 0;
        request.drops_body.set(is_lost && !body.was_read());
        return configured(request, page);
    }
    if matches!(status, 301 | 302)
        && refreshes(request)
        && let Some(location) = request.pending_location.take()
    {
        return Flow::Respond(refresh(request, &location));
    }
    Flow::Respond(built_in(request, status))
}

/// The page configured for a status, unless one was shown that is to be the last.
///
/// As nginx: what counts is whether `recursive_error_pages` held where the first error was, not
/// where the page of it failed.
fn page_for(request: &Request, status: u16) -> Option<&ErrorPage> {
    let core = &request.conf().core;
    if request.in_error_page.get() || core.error_pages.is_empty() {
        return None;
    }
    request.in_error_page.set(!core.recursive_error_pages);
    core.error_pages
        .iter()
        .find(|page| page.statuses.contains(&status))
}

/// `msie_refresh`: whether the client is one that is redirected by a page.
fn refreshes(request: &Request) -> bool {
    if !request.conf().core.msie_refresh {
        return false;
    }
    let agent = request.header(FieldName::UserAgent).unwrap_or_default();
    let find = |word: &[u8]| agent.windows(word.len()).position(|window| window == word);
    let msie = find(b"MSIE ").is_some_and(|at| at + 7 < agent.len());
    msie && find(b"Opera").is_none()
}

/// A page that sends its reader on.
fn refresh(request: &Request, location: &[u8]) -> Response {
    request.error_status.set(0);
    let mut page = b"<html><head><meta http-equiv=\"Refresh\" content=\"0; URL=".to_vec();
    for &byte in location {
        match byte {
            0..=b' ' | b'"' | b'\'' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'~'.. => {
                page.extend(format!("%{byte:02X}").bytes());
            }
            byte => page.push(byte),
        }
    }
    page.extend_from_slice(b"\"></head><body></body></html>\r\n");
    Response::text(200, "text/html", page)
}

/// nginx's own codes are shown as the ones that clients know.
fn shown_as(status: u16) -> u16 {
    match status {
        494..=497 | 499 => 400,
        status => status,
    }
}

/// Statuses after which the connection cannot be trusted to be in step.
fn closes(status: u16) -> bool {
    matches!(status, 400 | 413 | 414 | 494..=497 | 500 | 501)
}

/// Shows a configured page: a URI of our own, a named location, or a redirect.
fn configured(request: &Rc<Request>, page: &ErrorPage) -> Flow {
    let target = request.eval(&page.target);
    if let Some(answer) = page.answer {
        request.error_status.set(answer);
    }
    match target.first() {
        Some(b'/') => {
            let (uri, args) = split_args(&target);
            if request.method.get() != Method::Head {
                request.method.set(Method::Get);
            }
            Flow::Redirect(uri, args)
        }
        Some(b'@') => Flow::Named(target),
        _ => {
            let given = page.answer.unwrap_or(0);
            let status = if matches!(given, 301..=303 | 307 | 308) {
                given
            } else {
                302
            };
            if refreshes(request) {
                return Flow::Respond(refresh(request, &target));
            }
            request.error_status.set(status);
            let mut response = built_in(request, status);
            response.head.location = Some(target);
            Flow::Respond(response)
        }
    }
}

/// A small page that names the status.
pub fn built_in(request: &Request, status: u16) -> Response {
    if matches!(status, 201 | 204) {
        return Response {
            head: Head::new(status).into(),
            ..Response::default()
        };
    }
    let line = match status {
        // The pages call these two by other names than the status line does.
        302 => Some("302 Found"),
        401 => Some("401 Authorization Required"),
        _ => status_line(shown_as(status)).filter(|_| status >= 300),
    };
    let Some(line) = line else {
        return Response::empty(status);
    };
    let signature = match request.conf().core.server_tokens {
        ServerTokens::Off => "nginx",
        ServerTokens::On | ServerTokens::Build => server_name(request),
    };
    let mut page = String::new();
    let (title, heading) = match reason(status) {
        None => (line.to_owned(), format!("<h1>{line}</h1></center>")),
        Some(reason) => (
            format!("400 {reason}"),
            format!("<h1>{line}</h1></center>\r\n<center>{reason}</center>"),
        ),
    };
    // Writing to a String cannot fail.
    let _ = write!(
        page,
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center>{heading}\r\n\
         <hr><center>{signature}</center>\r\n</body>\r\n</html>\r\n"
    );
    Response::text(shown_as(status), "text/html", page)
}

/// What is wrong with a request that is refused with more than a status.
fn reason(status: u16) -> Option<&'static str> {
    match status {
        494 => Some("Request Header Or Cookie Too Large"),
        495 => Some("The SSL certificate error"),
        496 => Some("No required SSL certificate was sent"),
        497 => Some("The plain HTTP request was sent to HTTPS port"),
        _ => None,
    }
}
