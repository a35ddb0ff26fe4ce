//! The pages of a location of desktops, and the question that the viewer asks before it connects.

use bytes::Bytes;
use net::log::Level;
use proto::h1::{FieldName, Method};
use vnc::{Forecast, Refusal, Role};

use super::grant::{Subject, goal, user};
use super::links;
use super::login;
use super::session::about;
use super::tickets::Terms;
use super::upgrade::is_of_allowed_page;
use super::{pictures, probe, thumbnails};
use crate::pages::Page;
use crate::phases::Flow;
use crate::redirect::redirect_to_slash;
use crate::request::Request;
use crate::response::{Body, Head, Response};

/// Names under which links of noVNC's users know the viewer.
const VIEWER: [&str; 5] = [
    "",
    "index.html",
    "vnc.html",
    "vnc_lite.html",
    "vnc_auto.html",
];

/// Answers whatever is no WebSocket.
pub async fn viewer(request: &Request, place: Place<'_>, subject: &Subject) -> Flow {
    if let (Place::Inside("session"), Method::Post) = (&place, request.method.get()) {
        return forecast(request, subject).await;
    }
    if let Place::Inside(path @ ("api/links" | "api/links/revoke")) = place {
        return links::run(request, path, subject).await;
    }
    if !reads(request) {
        return Flow::Status(405);
    }
    match place {
        Place::Folder => redirect_to_slash(request, &[&request.uri()[..], b"/"].concat()),
        Place::Inside("session") => forecast(request, subject).await,
        Place::Inside("api/thumbnail") => thumbnails::serve(request, subject).await,
        Place::Inside("api/screenshot") => pictures::screenshot(request, subject).await,
        Place::Inside(path) if VIEWER.contains(&path) => serve(request, "vnc.html"),
        Place::Inside(path) if path.starts_with("assets/") => serve(request, path),
        Place::Inside(_) | Place::Nowhere => Flow::Status(404),
    }
}

/// Whether the request only reads.
pub fn reads(request: &Request) -> bool {
    matches!(request.method.get(), Method::Get | Method::Head)
}

/// Where in a location a path is.
pub enum Place<'u> {
    /// The location's folder without its slash, below which relative links would lead astray.
    Folder,
    /// Inside the folder, relative to it.
    Inside(&'u str),
    /// Not where a page could be.
    Nowhere,
}

/// Where in its location a path is.
pub fn place<'u>(request: &Request, uri: &'u [u8]) -> Place<'u> {
    let location = request.location();
    let Ok(uri) = std::str::from_utf8(uri) else {
        return Place::Nowhere;
    };
    let name = std::str::from_utf8(&location.name)
        .ok()
        .filter(|_| !location.by_regex);
    match name.and_then(|name| uri.strip_prefix(name).map(|rest| (name, rest))) {
        Some((name, rest)) if name.ends_with('/') => Place::Inside(rest),
        Some((_, "")) => Place::Folder,
        Some((_, rest)) => match rest.strip_prefix('/') {
            Some(rest) => Place::Inside(rest),
            None => Place::Nowhere,
        },
        // The location is chosen by an expression or by its name: the folder is where the path
        // says that it is.
        None => {
            let parts = ["/assets/", "/api/"].into_iter();
            let inside = parts.filter_map(|part| uri.rfind(part)).max();
            match inside.or_else(|| uri.rfind('/')) {
                Some(at) => Place::Inside(&uri[at + 1..]),
                None => Place::Nowhere,
            }
        }
    }
}

/// The path inside a folder of pages; what is no such path is answered at once.
pub fn path_inside<'u>(request: &Request, uri: &'u [u8]) -> Result<&'u str, Flow> {
    match place(request, uri) {
        Place::Inside(path) => Ok(path),
        Place::Folder if reads(request) => Err(redirect_to_slash(request, &[uri, b"/"].concat())),
        Place::Folder | Place::Nowhere => Err(Flow::Status(404)),
    }
}

/// Tells the viewer what it would meet, since a page sees nothing of a failed upgrade. The machine
/// is asked only where `vnc_probe` wants it.
async fn forecast(request: &Request, subject: &Subject) -> Flow {
    let mut goal = goal(request, subject).await;
    if let Ok(grant) = &goal.grant {
        let sessions = &request.generation.thread.shared.sessions;
        if let Err(refusal) = sessions.would_admit(&about(request, &goal), &grant.target) {
            goal.grant = Err(refusal);
        }
    }
    let is_of_allowed_page = is_of_allowed_page(request);
    if let (Ok(grant), true) = (&goal.grant, is_of_allowed_page)
        && let Some(refusal) = probe::objection(request, grant).await
    {
        goal.grant = Err(refusal);
    }
    if !is_of_allowed_page {
        goal.grant = Err(Refusal::ForeignPage);
    } else if let Err(refusal) = &goal.grant {
        let reason = refusal.word();
        request.log(
            Level::Error,
            format_args!("desktop session refused: reason={reason}"),
        );
    }
    let user = user(request);
    let forecast = goal.grant.as_ref().map(|grant| Forecast {
        user: user.as_deref(),
        role: grant.role,
        sign_out: login::may_sign_out(request),
        policy: &grant.policy,
        links: grant
            .links
            .filter(|_| goal.guest.is_none() && grant.role >= Role::Control)
            .map(links::Allowed::max),
        // Beside the session there is no second use for it.
        screenshot: pictures::has_screenshots(request, grant.desktop.as_deref())
            && !grant.terms.as_ref().is_some_and(Terms::is_once),
    });
    json(vnc::forecast(
        forecast.as_ref().map_err(|refusal| *refusal),
        goal.title.as_deref(),
    ))
}

/// JSON that nobody keeps.
pub fn json(text: String) -> Flow {
    let mut response = Response::text(200, "application/json", text);
    response.head.push("Cache-Control", "no-store");
    response.head.push("X-Content-Type-Options", "nosniff");
    Flow::Respond(response)
}

/// A status with a sentence for a page to show.
pub fn error(status: u16, sentence: &str) -> Flow {
    let text = serde_json::json!({ "error": sentence }).to_string();
    let mut response = Response::text(status, "application/json", text);
    response.head.push("Cache-Control", "no-store");
    Flow::Respond(response)
}

/// Answers with a page.
pub fn serve(request: &Request, path: &str) -> Flow {
    let pages = &request.generation.thread.shared.pages;
    let Some(page) = (pages.find)(path) else {
        return Flow::Status(404);
    };
    let accepted = request
        .header(FieldName::AcceptEncoding)
        .unwrap_or_default();
    let (coding, body) = choose(&page, accepted);
    let mut head = Head {
        content_type: Some(Bytes::from_static(page.content_type.as_bytes())),
        content_length: Some(body.len() as u64),
        ..Head::new(200)
    };
    head.push("ETag", etag(&page, coding));
    if let Some(coding) = coding {
        head.push("Content-Encoding", coding);
    }
    if page.gzip.is_some() || page.brotli.is_some() {
        head.push("Vary", "Accept-Encoding");
    }
    let keep = match page.immutable {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    head.push("Cache-Control", keep);
    head.push("Content-Security-Policy", pages.content_security_policy);
    head.push("X-Frame-Options", "SAMEORIGIN");
    head.push("X-Content-Type-Options", "nosniff");
    // The address of the page may hold a token.
    head.push("Referrer-Policy", "no-referrer");
    Flow::Respond(Response {
        head: head.into(),
        body: Body::bytes(Bytes::from_static(body)),
    })
}

/// The shortest form of a page that the client takes.
fn choose(page: &Page, accepted: &[u8]) -> (Option<&'static str>, &'static [u8]) {
    let forms = [("br", page.brotli), ("gzip", page.gzip)];
    let form = forms.into_iter().find_map(|(coding, body)| {
        body.filter(|_| accepts(accepted, coding))
            .map(|body| (coding, body))
    });
    match form {
        Some((coding, body)) => (Some(coding), body),
        None => (None, page.body),
    }
}

/// Each form of a page has a tag of its own (RFC 9110 §8.8.3.3).
fn etag(page: &Page, coding: Option<&str>) -> String {
    match coding {
        Some(coding) => format!("{}-{coding}\"", page.etag.trim_end_matches('"')),
        None => page.etag.to_owned(),
    }
}

/// Whether `Accept-Encoding` names the coding, or any, without weight zero (RFC 9110 §12.5.3).
fn accepts(field: &[u8], coding: &str) -> bool {
    let mut any = false;
    for member in field.split(|&byte| byte == b',') {
        let mut parts = member.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let name = parts.next().unwrap_or_default();
        let refused = parts.any(|part| {
            let part = part.to_ascii_lowercase();
            let weight = part.strip_prefix(b"q=");
            weight.is_some_and(|weight| weight.iter().all(|byte| matches!(byte, b'0' | b'.')))
        });
        if name.eq_ignore_ascii_case(coding.as_bytes()) {
            return !refused;
        }
        any |= name == b"*" && !refused;
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: Page = Page {
        content_type: "text/html",
        etag: "\"abc\"",
        immutable: false,
        body: b"plain",
        gzip: Some(b"gzip"),
        brotli: Some(b"br"),
    };

    #[test]
    fn the_shortest_accepted_form_is_chosen() {
        let chosen = |accepted: &str| choose(&PAGE, accepted.as_bytes()).0;
        assert_eq!(chosen("gzip, deflate, br, zstd"), Some("br"));
        assert_eq!(chosen("gzip;q=1.0, BR;q=0"), Some("gzip"));
        assert_eq!(chosen("*"), Some("br"));
        assert_eq!(chosen("br;q=0, *;q=0.1"), Some("gzip"));
        for none in ["", "identity", "*;q=0", "deflate", "gzip;q=0.000"] {
            assert_eq!(chosen(none), None, "{none}");
        }
    }

    #[test]
    fn every_form_has_its_own_tag() {
        assert_eq!(etag(&PAGE, None), "\"abc\"");
        assert_eq!(etag(&PAGE, Some("br")), "\"abc-br\"");
    }
}
