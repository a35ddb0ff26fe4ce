//! The token of a request: the secret that names a desktop among those of a source.

use std::borrow::Cow;

use bytes::Bytes;
use proto::h1::{Unescape, argument, unescape};
use vnc::Target;

use crate::modules::vnc::lossy;
use crate::request::Request;

/// Keeps the token out of the logs; to be called before anything of the request is written.
pub fn hide_token(request: &Request) {
    let mut token = token(request);
    if token.is_empty() {
        // Whatever looks it up, such as a map, it is one.
        token = argument_token(request);
    }
    request.secrets.borrow_mut().hide(token);
}

/// A target as logs and lists may show it: without a token that is a part of its path.
pub fn shown(request: &Request, target: &Target) -> String {
    let text = target.to_string();
    lossy(&request.secrets.borrow().mask_uris(text.as_bytes()))
}

/// The token as text; empty if there is none.
pub fn token_text(request: &Request) -> String {
    lossy(&token(request))
}

/// The token as it stands in the request; empty if there is none.
pub fn token(request: &Request) -> Bytes {
    let conf = &request.conf().vnc;
    let token = match &conf.token {
        Some(template) => request.eval(template),
        None if conf.source.is_some() => return argument_token(request),
        None => Bytes::new(),
    };
    plain(token)
}

/// The argument `token`.
fn argument_token(request: &Request) -> Bytes {
    let args = request.args();
    let token = argument(&args, b"token").unwrap_or_default();
    plain(Bytes::copy_from_slice(token))
}

fn plain(token: Bytes) -> Bytes {
    match unescape(&token, Unescape::All) {
        Cow::Borrowed(_) => token,
        Cow::Owned(token) => token.into(),
    }
}
