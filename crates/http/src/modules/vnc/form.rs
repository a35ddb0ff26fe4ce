//! Forms that pages of desktops and sessions post: small, and of the same site.

use std::borrow::Cow;

use net::log::Level;
use proto::h1::{FieldName, Unescape, argument, unescape};

use super::pages::error;
use crate::modules::proxy::Origins;
use crate::phases::Flow;
use crate::request::Request;
use crate::request_body::BodyError;

/// The longest form that is read: it holds names and a few sentences.
const FORM_LEN_MAX: usize = 4096;

/// A form's fields, still encoded.
pub struct Form(Vec<u8>);

impl Form {
    /// Reads the form that a page of the same site sent.
    pub async fn of(request: &Request) -> Result<Self, Flow> {
        if !is_same_site(request) {
            let origin = request.header(FieldName::Origin).unwrap_or_default();
            let origin = String::from_utf8_lossy(origin);
            request.log(
                Level::Error,
                format_args!("a page of \"{origin}\" may not change anything here"),
            );
            return Err(error(403, "Pages of this address may not do that."));
        }
        read(request).await.map(Self)
    }

    /// A field as text; empty if it is not there or no text.
    pub fn text(&self, name: &str) -> String {
        let value = argument(&self.0, name.as_bytes()).unwrap_or_default();
        // As forms are sent, a plus sign is a space.
        let spaced: Vec<u8> = value
            .iter()
            .map(|byte| if *byte == b'+' { b' ' } else { *byte })
            .collect();
        let text: Cow<'_, [u8]> = unescape(&spaced, Unescape::All);
        String::from_utf8(text.into_owned()).unwrap_or_default()
    }

    /// A field that is read as something; `None` if it is not there or is not that.
    pub fn read<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.text(name).parse().ok()
    }
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
async fn read(request: &Request) -> Result<Vec<u8>, Flow> {
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
