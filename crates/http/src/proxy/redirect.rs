//! `proxy_redirect`: `Location` and `Refresh` as the client must see them.

use bytes::Bytes;
use script::{Captures, Context as _, Regex, Template};

use crate::modules::proxy::{Conf, Pass};
use crate::request::Request;

/// One `proxy_redirect`.
#[derive(Debug)]
pub enum Redirect {
    /// What the upstream is called, to what the location is called.
    Default,
    /// A beginning and what replaces it.
    Prefix(Template, Template),
    /// An expression and what replaces the whole.
    Regex(Regex, Vec<(script::VarId, usize)>, Template),
}

/// Rewrites a URL, if there is a rule for it; `refresh` looks behind `url=`.
pub fn rewrite(request: &Request, conf: &Conf, value: &Bytes, refresh: bool) -> Option<Bytes> {
    let at = match refresh {
        false => 0,
        true => find_url(value)?,
    };
    let url = value.slice(at..);
    for rule in conf.redirects.iter() {
        if let Some(new) = rule.apply(request, conf, &url) {
            return Some([&value[..at], &new[..]].concat().into());
        }
    }
    None
}

fn find_url(value: &[u8]) -> Option<usize> {
    let at = value
        .windows(4)
        .position(|window| window.eq_ignore_ascii_case(b"url="))?;
    Some(at + 4)
}

impl Redirect {
    fn apply(&self, request: &Request, conf: &Conf, url: &Bytes) -> Option<Vec<u8>> {
        match self {
            Redirect::Default => {
                let (from, to) = default_rule(request, conf)?;
                let rest = url.strip_prefix(from.as_bytes())?;
                Some([&to[..], rest].concat())
            }
            Redirect::Prefix(from, to) => {
                let from = request.eval(from);
                let rest = url.strip_prefix(&from[..])?;
                Some([&request.eval(to)[..], rest].concat())
            }
            Redirect::Regex(regex, names, to) => {
                let captures: Captures = regex.captures(url).ok()??;
                request.set_named(names, &captures);
                request.set_captures(captures);
                Some(request.eval(to).to_vec())
            }
        }
    }
}

/// What `proxy_pass` calls the upstream, and what stands in its place. As ngx_http_proxy: a URI
/// takes the place of the location's name; without one, paths are the same on both sides.
fn default_rule(request: &Request, conf: &Conf) -> Option<(String, Bytes)> {
    let Some(Pass::Static { url, .. }) = &conf.pass else {
        return None;
    };
    let (scheme, host) = (url.scheme.name(), url.written_host());
    Some(match &url.uri {
        Some(uri) => (
            format!("{scheme}://{host}{uri}"),
            request.location().name.clone(),
        ),
        None => (format!("{scheme}://{host}/"), Bytes::from_static(b"/")),
    })
}
