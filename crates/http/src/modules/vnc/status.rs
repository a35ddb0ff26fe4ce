//! `vnc_status`: the live sessions as a page and as JSON, and a way to cut one.

use std::rc::Rc;

use net::log::Level;
use proto::h1::{FieldName, Method, argument};
use vnc::{Refusal, SessionId};

use super::pages::{Place, json, place, reads, serve};
use crate::error_page::redirect_to_slash;
use crate::modules::proxy::Origins;
use crate::phases::Flow;
use crate::request::Request;
use crate::request_body::BodyError;

/// The longest form that is read: it holds one name.
const FORM_LEN_MAX: usize = 4096;

/// The handler.
pub async fn run(request: &Rc<Request>) -> Flow {
    let uri = request.uri();
    let path = match place(request, &uri) {
        Place::Folder if reads(request) => {
            return redirect_to_slash(request, &[&uri[..], b"/"].concat());
        }
        Place::Inside(path) => path,
        Place::Folder | Place::Nowhere => return Flow::Status(404),
    };
    match path {
        "cut" if request.method.get() == Method::Post => cut(request).await,
        "cut" => Flow::Status(405),
        _ if !reads(request) => Flow::Status(405),
        "sessions.json" => json(request.generation.thread.shared.sessions.to_json()),
        "" | "index.html" | "status.html" => serve(request, "status.html"),
        path if path.starts_with("assets/") => serve(request, path),
        _ => Flow::Status(404),
    }
}

/// `POST cut` with `id=…`.
async fn cut(request: &Request) -> Flow {
    if !is_same_site(request) {
        let origin = request.header(FieldName::Origin).unwrap_or_default();
        let origin = String::from_utf8_lossy(origin);
        request.log(
            Level::Error,
            format_args!("a page of \"{origin}\" may not cut sessions"),
        );
        return Flow::Status(403);
    }
    let form = match form(request).await {
        Ok(form) => form,
        Err(flow) => return flow,
    };
    let id = argument(&form, b"id").and_then(|id| std::str::from_utf8(id).ok());
    let Some(id) = id.and_then(|id| id.parse::<SessionId>().ok()) else {
        return Flow::Status(400);
    };
    if !request
        .generation
        .thread
        .shared
        .sessions
        .cut(id, Refusal::Cut(String::new()))
    {
        return Flow::Status(404);
    }
    request.log(Level::Notice, format_args!("desktop session {id} is cut"));
    json("{\"status\":\"ok\"}".to_owned())
}

/// Whether no page of another site sent the request. What is no browser says neither; where a proxy
/// in front changes the host, browsers still know.
fn is_same_site(request: &Request) -> bool {
    match request.header(FieldName::SecFetchSite) {
        Some(site) => matches!(site, b"same-origin" | b"none"),
        None => Origins::Same.allow(request),
    }
}

/// The body, which is kept out of temporary files.
async fn form(request: &Request) -> Result<Vec<u8>, Flow> {
    let mut form = Vec::new();
    loop {
        match request.body.next(request).await {
            Ok(Some(piece)) if form.len() + piece.len() <= FORM_LEN_MAX => {
                form.extend_from_slice(&piece);
            }
            Ok(Some(_)) => return Err(Flow::Status(413)),
            Ok(None) => return Ok(form),
            Err(BodyError::Status(status)) => return Err(Flow::Status(status)),
            Err(BodyError::Gone) => return Err(Flow::Close),
        }
    }
}
