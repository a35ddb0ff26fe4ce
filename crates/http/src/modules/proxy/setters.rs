//! What the directives of the proxy module do with their arguments.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conf::{Diagnostic, Item, value};
use net::tunnel::Policy;

use super::{Failure, HttpVersion, Ignored, NextUpstream, Origins, Pass, Store};
use crate::draft::{Level, Matcher};
use crate::module::{Cx, Done};
use crate::modules::core::Handler;
use crate::modules::location::regex;
use crate::proxy::cookie::{CookieName, CookieRule, FlagRule};
use crate::proxy::redirect::Redirect;
use crate::proxy::rules::Bind;
use crate::proxy::target::Url;
use crate::settings::LevelKind;

pub fn proxy_pass(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    if level.drafts.proxy.pass.is_some() {
        return Err(item.duplicate());
    }
    level.drafts.core.handler = Some(Handler::Proxy);
    let text = item.text(0)?;
    if text.contains('$') {
        let template = cx.template(item, 0)?;
        level.drafts.proxy.pass = Some(Some(Pass::Dynamic(template)));
        return Ok(());
    }
    let word = item.arg(0)?;
    let url = Url::parse(text).map_err(|message| item.error(message).at(word.span))?;
    let unnamed = level.kind == LevelKind::Unnamed || level.by_regex;
    let named = matches!(level.matcher, Matcher::Named);
    if url.uri.is_some() && (unnamed || named) {
        return Err(item.error(
            "\"proxy_pass\" cannot have URI part in location given by regular expression, or inside \
             named location, or inside \"if\" statement, or inside \"limit_except\" block",
        ));
    }
    let upstream = cx.upstreams.use_name(&url.authority, url.port, word.span);
    level.drafts.proxy.pass = Some(Some(Pass::Static {
        upstream,
        url: Arc::new(url),
    }));
    Ok(())
}

pub fn http_version(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let version = match item.text(0)? {
        "1.0" => HttpVersion::Http10,
        "1.1" => HttpVersion::Http11,
        "2" => return Err(item.error("HTTP/2 to upstreams is not supported yet")),
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.proxy.http_version, version)
}

pub fn set_header(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let name = Bytes::copy_from_slice(&item.arg(0)?.text);
    let value = cx.template(item, 1)?;
    level
        .drafts
        .proxy
        .set_headers
        .get_or_insert_default()
        .push((name, value));
    Ok(())
}

pub fn next_upstream(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let value = next_upstream_of(item, |_| true)?;
    item.once(&mut level.drafts.proxy.next_upstream, value)
}

/// Reads a list of failures, of which only some may be named.
pub fn next_upstream_of(
    item: &Item,
    may_be: fn(Failure) -> bool,
) -> Result<NextUpstream, Diagnostic> {
    let mut value = NextUpstream(0);
    let mut off = false;
    for word in &item.args {
        match Failure::of_name(&word.text).filter(|&failure| may_be(failure)) {
            Some(failure) => value = value.with(failure),
            None if word.text == b"off" => off = true,
            None if word.text == b"updating" && may_be(Failure::Http500) => {}
            None => return Err(item.invalid(word)),
        }
    }
    // As nginx: among others, "off" is the one that counts.
    Ok(if off { NextUpstream(0) } else { value })
}

pub fn ignore_headers(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let ignored = level.drafts.proxy.ignore_headers.get_or_insert_default();
    for word in &item.args {
        ignored.push(match &word.text[..] {
            b"X-Accel-Redirect" => Ignored::AccelRedirect,
            b"X-Accel-Limit-Rate" => Ignored::AccelLimitRate,
            b"X-Accel-Buffering" => Ignored::AccelBuffering,
            b"X-Accel-Charset" => Ignored::AccelCharset,
            b"X-Accel-Expires" | b"Expires" | b"Cache-Control" | b"Set-Cookie" | b"Vary" => {
                Ignored::Other
            }
            _ => return Err(item.invalid(word)),
        });
    }
    Ok(())
}

pub fn store(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let store = match &item.arg(0)?.text[..] {
        b"off" => None,
        b"on" => Some(Store::Uri),
        b"" => return Err(item.error("empty path")),
        _ => Some(Store::Path(cx.template(item, 0)?)),
    };
    item.once(&mut level.drafts.proxy.store, store)
}

pub fn store_access(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let (mut access, mut user) = (0, 0o600);
    for word in &item.args {
        let invalid = || item.invalid(word);
        let colon = memchr::memchr(b':', &word.text).ok_or_else(invalid)?;
        let (who, right) = word.text.split_at(colon + 1);
        let shift = match who {
            b"user:" => {
                user = 0;
                6
            }
            b"group:" => 3,
            b"all:" => 0,
            _ => return Err(invalid()),
        };
        access |= match right {
            b"rw" => 0o6 << shift,
            b"r" => 0o4 << shift,
            _ => return Err(invalid()),
        };
    }
    item.once(&mut level.drafts.proxy.store_access, access | user)
}

/// A list of rules that says `off`; no other rule may stand beside it.
fn switch_off<T>(item: &Item, list: &mut Option<Arc<Vec<T>>>) -> Done {
    item.once(list, Arc::default())
}

/// Whether the list of this level says `off`.
fn is_off<T>(list: &Option<Arc<Vec<T>>>) -> bool {
    list.as_ref().is_some_and(|rules| rules.is_empty())
}

pub fn redirect(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    if is_off(&level.drafts.proxy.redirects) {
        return Err(item.duplicate());
    }
    let rule = match (&item.arg(0)?.text[..], item.args.len()) {
        (b"off", 1) => return switch_off(item, &mut level.drafts.proxy.redirects),
        (b"default", 1) => match &level.drafts.proxy.pass {
            None | Some(None) => {
                return Err(item.error(
                        "\"proxy_redirect default\" should be placed after the \"proxy_pass\" directive",
                    ));
            }
            Some(Some(Pass::Dynamic(_))) => {
                return Err(item.error(
                        "\"proxy_redirect default\" cannot be used with \"proxy_pass\" directive with variables",
                    ));
            }
            Some(Some(Pass::Static { .. })) => Redirect::Default,
        },
        (_, 1) => return Err(item.invalid_parameter(item.arg(0)?)),
        ([b'~', pattern @ ..], _) => {
            let (regex, names) = pattern_of(item, pattern, cx)?;
            Redirect::Regex(regex, names, cx.template(item, 1)?)
        }
        _ => Redirect::Prefix(cx.template(item, 0)?, cx.template(item, 1)?),
    };
    push_shared(&mut level.drafts.proxy.redirects, rule);
    Ok(())
}

/// An expression behind `~`; another star makes it caseless.
pub fn pattern_of(
    item: &Item,
    pattern: &[u8],
    cx: &mut Cx<'_>,
) -> Result<(script::Regex, Vec<(script::VarId, usize)>), Diagnostic> {
    match pattern.strip_prefix(b"*") {
        Some(pattern) => regex(item, pattern, true, cx),
        None => regex(item, pattern, false, cx),
    }
}

/// Adds to a list that is shared once it is compiled.
pub fn push_shared<T>(list: &mut Option<Arc<Vec<T>>>, value: T) {
    let list = list.get_or_insert_default();
    // The draft holds the only reference until it is compiled.
    if let Some(list) = Arc::get_mut(list) {
        list.push(value);
    }
}

type CookieRules = Option<Arc<Vec<CookieRule>>>;

pub fn cookie_rule(
    item: &Item,
    cx: &mut Cx<'_>,
    rules: fn(&mut Level) -> &mut CookieRules,
    level: &mut Level,
) -> Done {
    let first = item.arg(0)?.text.clone();
    if item.args.len() == 1 {
        if first != b"off" {
            return Err(item.invalid_parameter(item.arg(0)?));
        }
        return switch_off(item, rules(level));
    }
    if is_off(rules(level)) {
        return Err(item.duplicate());
    }
    let to = &item.arg(1)?.text[..];
    let to = match item.name() {
        "proxy_cookie_domain" => to.strip_prefix(b".").unwrap_or(to),
        _ => to,
    };
    let to = cx.template_of(item, to)?;
    let rule = match first.strip_prefix(b"~") {
        Some(pattern) => {
            // Domains have no case.
            let caseless = item.name() == "proxy_cookie_domain" || pattern.starts_with(b"*");
            let pattern = pattern.strip_prefix(b"*").unwrap_or(pattern);
            let (regex, names) = regex(item, pattern, caseless, cx)?;
            CookieRule::Regex(regex, names, to)
        }
        None => CookieRule::Text(cx.template(item, 0)?, to),
    };
    push_shared(rules(level), rule);
    Ok(())
}

pub fn cookie_flags(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let first = item.arg(0)?.text.clone();
    if first == b"off" && item.args.len() == 1 {
        return switch_off(item, &mut level.drafts.proxy.cookie_flags);
    }
    if is_off(&level.drafts.proxy.cookie_flags) {
        return Err(item.duplicate());
    }
    if let [only] = &item.args[..] {
        return Err(item.invalid_parameter(only));
    }
    let cookie = match first.strip_prefix(b"~") {
        Some(pattern) => {
            let (regex, names) = regex(item, pattern, true, cx)?;
            CookieName::Regex(regex, names)
        }
        None => CookieName::Text(cx.template(item, 0)?),
    };
    let mut flags = Vec::new();
    // As nginx, flags that nobody knows are told of when a cookie is rewritten.
    for index in 1..item.args.len() {
        flags.push(cx.template(item, index)?);
    }
    push_shared(
        &mut level.drafts.proxy.cookie_flags,
        FlagRule { cookie, flags },
    );
    Ok(())
}

/// Reads `ADDRESS [transparent]` or `off`.
pub fn bind_of(item: &Item, cx: &mut Cx<'_>) -> Result<Option<Bind>, Diagnostic> {
    let text = item.text(0)?;
    if text == "off" && item.args.len() == 1 {
        return Ok(None);
    }
    // An address of IPv6 may stand in brackets, also without a port.
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    let bare = bare.unwrap_or(text);
    let is_address =
        bare.parse::<std::net::IpAddr>().is_ok() || text.parse::<std::net::SocketAddr>().is_ok();
    if !is_address && !text.contains('$') {
        return Err(item
            .error(format!("invalid address \"{text}\""))
            .at(item.args[0].span));
    }
    let transparent = match item.args.get(1) {
        None => false,
        Some(word) if word.text == b"transparent" => true,
        Some(word) => return Err(item.invalid_parameter(word)),
    };
    Ok(Some(Bind {
        addr: cx.template_of(item, bare.as_bytes())?,
        transparent,
    }))
}

/// Reads the arguments of `websocket_origin` and `vnc_origin`.
pub fn origins(item: &Item) -> Result<Origins, Diagnostic> {
    match (item.text(0)?, item.args.len()) {
        ("any", 1) => Ok(Origins::Any),
        ("same", 1) => Ok(Origins::Same),
        _ => Ok(Origins::List(
            item.args
                .iter()
                .map(|word| word.display().to_lowercase())
                .collect(),
        )),
    }
}

pub fn websocket_reload(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let jitter = match item.args.get(1) {
        None => Duration::ZERO,
        Some(word) => word
            .text
            .strip_prefix(b"jitter=")
            .and_then(value::time)
            .ok_or_else(|| item.invalid_parameter(word))?,
    };
    let policy = match item.text(0)? {
        "keep" => Policy::Keep,
        "drain" => Policy::Drain { jitter },
        "cut" => Policy::Cut { jitter },
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.proxy.websocket_reload, policy)
}
