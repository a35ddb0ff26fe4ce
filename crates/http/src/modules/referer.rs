//! `ngx_http_referer_module`: whether a request comes from a page that may link here.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use conf::{Arity, Diagnostic, Directive, Item};
use proto::h1::FieldName;
use script::Regex;

use crate::draft::Level;
use crate::module::{Cx, Done, LOCATION, Module, SERVER, Set, doc, inert};
use crate::request::Request;
use crate::settings::settings;
use crate::variable::builtin;

settings! {
    /// The names of good pages.
    names: Arc<Names> = Arc::default(), inherit;
    /// Expressions for what follows `http://`.
    regexes: Vec<Arc<Regex>> = Vec::new(), inherit;
}

/// Pages by the names of their hosts; each may ask for the beginning of a path.
#[derive(Debug, Clone, Default)]
pub struct Names {
    exact: HashMap<Box<[u8]>, Path>,
    /// `*.example.com`, kept as `example.com`.
    heads: HashMap<Box<[u8]>, Path>,
    /// `www.example.*`, kept as `www.example`.
    tails: HashMap<Box<[u8]>, Path>,
    /// `none`: no referer at all is good.
    none: bool,
    /// `blocked`: one that something on the way has cut is good.
    blocked: bool,
    /// `server_names`: the server's own.
    server: bool,
}

type Path = Option<Box<[u8]>>;

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_referer_module",
    directives: &[
        Directive::new(
            "valid_referers",
            SERVER.or(LOCATION),
            Arity::AtLeast(1),
            Set::Level(valid_referers),
            doc(
                "valid_referers none | blocked | server_names | string …;",
                "",
                "The referers for which $invalid_referer is empty: host names with or without the \
                 beginning of a path, or expressions behind \"~\".",
            ),
        ),
        inert(
            "referer_hash_max_size",
            SERVER.or(LOCATION),
            Arity::Exactly(1),
            "referer_hash_max_size size;",
            "tables grow as they need",
        ),
        inert(
            "referer_hash_bucket_size",
            SERVER.or(LOCATION),
            Arity::Exactly(1),
            "referer_hash_bucket_size size;",
            "tables grow as they need",
        ),
    ],
    variables: &[builtin(
        "invalid_referer",
        |request, out| {
            if !is_valid(request) {
                out.push(b'1');
            }
            true
        },
        "Empty if valid_referers allows the referer, otherwise 1.",
    )],
};

fn valid_referers(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let draft = &mut *level.drafts.referer;
    let names = Arc::make_mut(draft.names.get_or_insert_default());
    for word in &item.args {
        match &word.text[..] {
            b"" => return Err(item.error("invalid referer \"\"").at(word.span)),
            b"none" => names.none = true,
            b"blocked" => names.blocked = true,
            b"server_names" => {
                names.server = true;
                cx.wants_server_names = true;
            }
            [b'~', pattern @ ..] => {
                let regexes = draft.regexes.get_or_insert_default();
                regexes.push(regex(item, pattern).map_err(|error| error.at(word.span))?);
            }
            text => names
                .add(text)
                .map_err(|message| item.error(message).at(word.span))?,
        }
    }
    Ok(())
}

fn regex(item: &Item, pattern: &[u8]) -> Result<Arc<Regex>, Diagnostic> {
    if pattern.is_empty() {
        return Err(item.error("empty regex in \"~\""));
    }
    match Regex::new(pattern, true) {
        Ok(regex) => Ok(Arc::new(regex)),
        Err(error) => {
            let pattern = String::from_utf8_lossy(pattern);
            Err(item.error(format!("invalid regular expression \"{pattern}\": {error}")))
        }
    }
}

impl Names {
    /// Adds a name, and the path behind it if there is one; the error is nginx's message.
    fn add(&mut self, text: &[u8]) -> Result<(), String> {
        let end = text.iter().position(|&byte| byte == b'/');
        let (host, path) = text.split_at(end.unwrap_or(text.len()));
        let path: Path = (!path.is_empty()).then(|| path.into());
        let lower = host.to_ascii_lowercase();
        let (map, key) = match &lower[..] {
            [b'*', b'.', rest @ ..] => (&mut self.heads, rest),
            [b'.', rest @ ..] => {
                self.exact
                    .entry(rest.into())
                    .or_insert_with(|| path.clone());
                (&mut self.heads, rest)
            }
            [rest @ .., b'.', b'*'] => (&mut self.tails, rest),
            rest => (&mut self.exact, rest),
        };
        let shown = || String::from_utf8_lossy(host);
        if key.contains(&b'*') || key.windows(2).any(|pair| pair == b"..") {
            return Err(format!("invalid hostname or wildcard \"{}\"", shown()));
        }
        match map.insert(key.into(), path) {
            None => Ok(()),
            Some(_) => Err(format!("conflicting parameter \"{}\"", shown())),
        }
    }

    fn is_empty(&self) -> bool {
        self.exact.is_empty() && self.heads.is_empty() && self.tails.is_empty()
    }

    /// What a name asks of the path: exact names first, then the longest head, the longest tail.
    fn find(&self, host: &[u8]) -> Option<&Path> {
        let dots = || {
            let bytes = host.iter().enumerate();
            bytes.filter(|(_, byte)| **byte == b'.').map(|(at, _)| at)
        };
        self.exact
            .get(host)
            .or_else(|| dots().find_map(|at| self.heads.get(&host[at + 1..])))
            .or_else(|| dots().rev().find_map(|at| self.tails.get(&host[..at])))
    }
}

impl Conf {
    /// What is wrong with a level: exceptions without a rule.
    pub fn lacks_names(&self) -> Option<Diagnostic> {
        let names = &self.names;
        let lacks = (names.none || names.blocked) && names.is_empty() && !names.server;
        lacks.then(|| {
            Diagnostic::emerg(
                "the \"none\" or \"blocked\" referers are specified in the \"valid_referers\" \
                 directive without any valid referer",
            )
        })
    }
}

/// The longest host name that is looked at.
const HOST_MAX: usize = 256;

/// A shorter referer names no page.
const REFERER_MIN: usize = "http://i.ru".len();

fn is_valid(request: &Request) -> bool {
    let conf = &request.conf().referer;
    let names = &conf.names;
    if names.is_empty() && !names.server && conf.regexes.is_empty() {
        return true;
    }
    let Some(referer) = request.header(FieldName::Referer) else {
        return names.none;
    };
    let Some(rest) = without_scheme(referer) else {
        return names.blocked;
    };
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b':'));
    let (host, tail) = rest.split_at(end.unwrap_or(rest.len()));
    if host.len() > HOST_MAX {
        return false;
    }
    let host = host.to_ascii_lowercase();
    if let Some(path) = names.find(&host) {
        let begin = tail.iter().position(|&byte| byte == b'/');
        let tail = &tail[begin.unwrap_or(tail.len())..];
        return path.as_ref().is_none_or(|path| tail.starts_with(path));
    }
    let own = || request.server().names.find(&Bytes::from(host)).is_some();
    // A match that runs into its limit counts as none.
    let fits = |regex: &Arc<Regex>| regex.is_match(rest).unwrap_or(false);
    (names.server && own()) || conf.regexes.iter().any(fits)
}

fn without_scheme(referer: &[u8]) -> Option<&[u8]> {
    let strip = |scheme: &[u8]| {
        let (head, rest) = referer.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    if referer.len() < REFERER_MIN {
        return None;
    }
    strip(b"http://").or_else(|| strip(b"https://"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact_or_have_one_end_open() {
        let mut names = Names::default();
        for name in ["a.example", "*.b.example/path", ".c.example", "www.d.*"] {
            assert_eq!(names.add(name.as_bytes()), Ok(()));
        }
        let has = |host: &str| names.find(host.as_bytes()).is_some();
        assert!(has("a.example") && !has("x.a.example"));
        assert!(has("x.y.b.example") && !has("b.example"));
        assert!(has("c.example") && has("x.c.example"));
        assert!(has("www.d.org") && has("www.d.co.uk") && !has("d.org"));
        assert_eq!(names.find(b"x.b.example"), Some(&Some(b"/path"[..].into())));
        assert_eq!(
            names.add(b"A.example"),
            Err("conflicting parameter \"A.example\"".to_owned())
        );
        assert_eq!(
            names.add(b"a.*.b"),
            Err("invalid hostname or wildcard \"a.*.b\"".to_owned())
        );
    }

    #[test]
    fn a_referer_has_a_scheme_and_some_length() {
        assert_eq!(
            without_scheme(b"HTTPS://a.example/"),
            Some(&b"a.example/"[..])
        );
        assert_eq!(without_scheme(b"http://a.b"), None);
        assert_eq!(without_scheme(b"ftp://a.example"), None);
    }
}
