//! `proxy_cookie_domain`, `proxy_cookie_path`, `proxy_cookie_flags`: `Set-Cookie` as the client
//! must see it.

use bytes::Bytes;
use script::{Context as _, Regex, Template};

use crate::modules::proxy::Conf;
use crate::request::Request;

/// One `proxy_cookie_domain` or `proxy_cookie_path`.
#[derive(Debug)]
pub enum CookieRule {
    /// A text and what replaces it.
    Text(Template, Template),
    /// An expression and what replaces the whole.
    Regex(Regex, Vec<(script::VarId, usize)>, Template),
}

/// One `proxy_cookie_flags`.
#[derive(Debug)]
pub struct FlagRule {
    /// The cookies that it is for.
    pub cookie: CookieName,
    /// The flags; they may be variables.
    pub flags: Vec<Template>,
}

/// Which cookies.
#[derive(Debug)]
pub enum CookieName {
    /// Those of this name, in any case.
    Text(Template),
    /// Those whose name fits.
    Regex(Regex, Vec<(script::VarId, usize)>),
}

/// What is being rewritten.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Attribute {
    Domain,
    Path,
}

/// Rewrites a `Set-Cookie` value.
pub fn rewrite(request: &Request, conf: &Conf, value: Bytes) -> Bytes {
    if conf.cookie_domains.is_empty()
        && conf.cookie_paths.is_empty()
        && conf.cookie_flags.is_empty()
    {
        return value;
    }
    let before = value.clone();
    let mut changed = false;
    let mut parts: Vec<Vec<u8>> = value
        .split(|&byte| byte == b';')
        .enumerate()
        .map(|(index, part)| {
            if index == 0 {
                part.to_vec()
            } else {
                part.trim_ascii_start().to_vec()
            }
        })
        .collect();
    for part in parts.iter_mut().skip(1) {
        if let Some(domain) = attribute(part, b"domain=")
            && let Some(new) = apply(request, &conf.cookie_domains, &domain, Attribute::Domain)
        {
            changed = true;
            part.truncate("domain=".len());
            part.extend_from_slice(&new);
        } else if let Some(path) = attribute(part, b"path=")
            && let Some(new) = apply(request, &conf.cookie_paths, &path, Attribute::Path)
        {
            changed = true;
            part.truncate("path=".len());
            part.extend_from_slice(&new);
        }
    }
    changed |= set_flags(request, conf, &mut parts);
    if !changed {
        return before;
    }
    parts.join(&b"; "[..]).into()
}

fn attribute(part: &[u8], name: &[u8]) -> Option<Bytes> {
    let (head, value) = part.split_at_checked(name.len())?;
    head.eq_ignore_ascii_case(name)
        .then(|| Bytes::copy_from_slice(value))
}

fn apply(
    request: &Request,
    rules: &[CookieRule],
    value: &Bytes,
    attribute: Attribute,
) -> Option<Vec<u8>> {
    rules.iter().find_map(|rule| match rule {
        CookieRule::Text(from, to) => {
            let from = request.eval(from);
            match attribute {
                Attribute::Domain => {
                    let (dot, value) = split_dot(value);
                    let from = from.strip_prefix(b".").unwrap_or(&from);
                    value
                        .eq_ignore_ascii_case(from)
                        .then(|| [dot, &request.eval(to)[..]].concat())
                }
                Attribute::Path => {
                    let rest = value.strip_prefix(&from[..])?;
                    Some([&request.eval(to)[..], rest].concat())
                }
            }
        }
        CookieRule::Regex(regex, names, to) => {
            let (dot, subject) = match attribute {
                Attribute::Domain => (split_dot(value).0, value.slice(split_dot(value).0.len()..)),
                Attribute::Path => (&b""[..], value.clone()),
            };
            let captures = regex.captures(&subject).ok()??;
            request.set_named(names, &captures);
            request.set_captures(captures);
            Some([dot, &request.eval(to)[..]].concat())
        }
    })
}

/// The dot that a domain may begin with stays where it is.
fn split_dot(domain: &[u8]) -> (&[u8], &[u8]) {
    domain.split_at(usize::from(domain.starts_with(b".")))
}

/// Sets and removes flags; true if a rule was for this cookie.
fn set_flags(request: &Request, conf: &Conf, parts: &mut Vec<Vec<u8>>) -> bool {
    let name = parts
        .first()
        .and_then(|part| part.split(|&byte| byte == b'=').next());
    let name = Bytes::copy_from_slice(name.unwrap_or_default().trim_ascii());
    let rule = conf.cookie_flags.iter().find(|rule| match &rule.cookie {
        CookieName::Text(text) => request.eval(text).eq_ignore_ascii_case(&name),
        CookieName::Regex(regex, names) => match regex.captures(&name) {
            Ok(Some(captures)) => {
                request.set_named(names, &captures);
                request.set_captures(captures);
                true
            }
            _ => false,
        },
    });
    for flag in rule.iter().flat_map(|rule| &rule.flags) {
        let flag = request.eval(flag).to_ascii_lowercase();
        let is = |part: &Vec<u8>, name: &[u8]| part.eq_ignore_ascii_case(name);
        let same_site = |part: &Vec<u8>| part.to_ascii_lowercase().starts_with(b"samesite");
        let mut put = |name: &[u8]| {
            if !parts[1..].iter().any(|part| is(part, name)) {
                parts.push(name.to_vec());
            }
        };
        match &flag[..] {
            b"secure" => put(b"Secure"),
            b"httponly" => put(b"HttpOnly"),
            b"nosecure" => retain(parts, |part| !is(part, b"secure")),
            b"nohttponly" => retain(parts, |part| !is(part, b"httponly")),
            b"nosamesite" => retain(parts, |part| !same_site(part)),
            b"samesite=strict" | b"samesite=lax" | b"samesite=none" => {
                let value: &[u8] = match &flag[b"samesite=".len()..] {
                    b"strict" => b"SameSite=Strict",
                    b"lax" => b"SameSite=Lax",
                    _ => b"SameSite=None",
                };
                retain(parts, |part| !same_site(part));
                parts.push(value.to_vec());
            }
            _ => {}
        }
    }
    rule.is_some()
}

/// Drops attributes; the cookie itself stays.
fn retain(parts: &mut Vec<Vec<u8>>, keep: impl Fn(&Vec<u8>) -> bool) {
    let mut index = 0;
    parts.retain(|part| {
        index += 1;
        index == 1 || keep(part)
    });
}
