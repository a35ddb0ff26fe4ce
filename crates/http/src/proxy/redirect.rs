//! `proxy_redirect`: `Location` and `Refresh` as the client must see them.

use bytes::Bytes;
use script::{Captures, Context as _, Regex, Template};

use super::target::Target;
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
pub fn rewrite(
    request: &Request,
    conf: &Conf,
    target: &Target,
    value: &Bytes,
    refresh: bool,
) -> Option<Bytes> {
    let at = match refresh {
        false => 0,
        true => find_url(value)?,
    };
    let url = value.slice(at..);
    for rule in conf.redirects.iter() {
        if let Some(new) = rule.apply(request, conf, target, &url) {
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
    fn apply(
        &self,
        request: &Request,
        conf: &Conf,
        target: &Target,
        url: &Bytes,
    ) -> Option<Vec<u8>> {
        match self {
            Redirect::Default => {
                let from = upstream_url(conf, target)?;
                let rest = url.strip_prefix(from.as_bytes())?;
                Some([&request.location().name[..], rest].concat())
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

/// What `proxy_pass` calls the upstream, with its URI.
fn upstream_url(conf: &Conf, target: &Target) -> Option<String> {
    match &conf.pass {
        Some(Pass::Static { url, .. }) => {
            let uri = url.uri.as_deref().unwrap_or("/");
            Some(format!(
                "{}://{}{uri}",
                url.scheme.name(),
                url.written_host()
            ))
        }
        _ => {
            let _ = target;
            None
        }
    }
}
