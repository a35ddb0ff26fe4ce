//! Texts with variables, and the expressions of `if` and `elif`.

use bytes::Bytes;
use net::log::Level;
use script::Regex;

use super::State;
use crate::request::Request;

/// A command that cannot be followed; why was told in the error log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

/// Writes to the error log why a command cannot be followed.
pub fn fail(request: &Request, message: std::fmt::Arguments<'_>) -> Failed {
    request.log(Level::Error, message);
    Failed
}

/// The value of a variable: a group of the last match, one that a page set, or one of the server's.
pub fn variable(request: &Request, name: &[u8]) -> Option<Bytes> {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    let own = State::of_main(request, |state| {
        if let &[digit @ b'0'..=b'9'] = name.as_bytes()
            && let Some(group) = state.captures.get(usize::from(digit - b'0'))
        {
            return Some(Bytes::copy_from_slice(group));
        }
        state.variables.get(&name).cloned()
    });
    own.or_else(|| request.variable_named(&name))
}

/// The longest text that a page may put together. Pages come from upstreams, too, and variables
/// that are made of one another would double with each command.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// Replaces the variables of a text, and takes the backslashes off that it does not need.
pub fn text(request: &Request, text: &[u8]) -> Result<Bytes, Failed> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    let mut escaped = false;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match byte {
            _ if std::mem::take(&mut escaped) => {
                if !matches!(byte, b'\\' | b'\'' | b'"' | b'$') {
                    out.push(b'\\');
                }
                out.push(byte);
            }
            b'\\' => escaped = true,
            b'$' => {
                let (name, tail) = name(request, text, tail)?;
                out.extend_from_slice(&variable(request, name).unwrap_or_default());
                rest = tail;
                if out.len() > TEXT_BYTES_MAX {
                    return Err(fail(request, format_args!("too long text in SSI command")));
                }
            }
            byte => out.push(byte),
        }
    }
    Ok(out.into())
}

/// Splits off the name of a variable, `name` or `{name}`.
fn name<'t>(
    request: &Request,
    whole: &[u8],
    text: &'t [u8],
) -> Result<(&'t [u8], &'t [u8]), Failed> {
    let inner = text.strip_prefix(b"{");
    let from = inner.unwrap_or(text);
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let end = from.iter().position(|byte| !is_part(byte));
    let (name, rest) = from.split_at(end.unwrap_or(from.len()));
    let rest = match (inner, rest.strip_prefix(b"}")) {
        (None, _) => rest,
        (Some(_), Some(rest)) => rest,
        (Some([]), _) => rest,
        (Some(_), None) => {
            let name = String::from_utf8_lossy(name);
            return Err(fail(
                request,
                format_args!("the closing bracket in \"{name}\" variable is missing"),
            ));
        }
    };
    if name.is_empty() {
        let whole = String::from_utf8_lossy(whole);
        return Err(fail(
            request,
            format_args!("invalid variable name in \"{whole}\""),
        ));
    }
    Ok((name, rest))
}

/// A path as a page names it: one that does not begin with a slash is beside the page.
pub fn path(request: &Request, written: &[u8]) -> Result<Bytes, Failed> {
    let path = text(request, written)?;
    // As nginx: nothing at all is the page's folder, variables without a value are nothing.
    if path.starts_with(b"/") || (path.is_empty() && !written.is_empty()) {
        return Ok(path);
    }
    let uri = request.uri();
    let folder = uri.iter().rposition(|&byte| byte == b'/');
    let folder = folder.map_or(&b""[..], |slash| &uri[..=slash]);
    Ok([folder, &path[..]].concat().into())
}

/// Whether an expression holds: `text`, `text = text`, `text != text`, and either with `/regex/`.
pub fn expression(request: &Request, expression: &[u8]) -> Result<bool, Failed> {
    let invalid = || {
        let shown = String::from_utf8_lossy(expression);
        fail(request, format_args!("invalid expression in \"{shown}\""))
    };
    let is_left = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'{' | b'}' | b'_' | b'"' | b'\'')
    };
    let end = expression.iter().position(|byte| !is_left(byte));
    let (left, rest) = expression.split_at(end.unwrap_or(expression.len()));
    // As nginx, which does that for the names of variables.
    let left = text(request, &left.to_ascii_lowercase())?;
    let rest = trim_spaces(rest);
    if rest.is_empty() {
        return Ok(!left.is_empty());
    }
    let (negative, right) = match rest {
        [b'=', right @ ..] => (false, right),
        [b'!', b'=', right @ ..] => (true, right),
        _ => return Err(invalid()),
    };
    let equal = match trim_spaces(right) {
        [b'/', pattern @ .., b'/'] => matches(request, &text(request, pattern)?, left)?,
        [b'/', _, ..] => return Err(invalid()),
        [b'\\', right @ ..] if right.starts_with(b"/") => left == text(request, right)?,
        right => left == text(request, right)?,
    };
    Ok(equal != negative)
}

fn trim_spaces(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|&byte| byte != b' ');
    &text[start.unwrap_or(text.len())..]
}

/// Matches, and keeps what groups found for later commands.
fn matches(request: &Request, pattern: &[u8], subject: Bytes) -> Result<bool, Failed> {
    let failed = |error: script::regex::Error| fail(request, format_args!("{error}"));
    let regex = Regex::new(pattern, false).map_err(failed)?;
    let Some(captures) = regex.captures(&subject).map_err(failed)? else {
        return Ok(false);
    };
    State::of_main(request, |state| {
        for (name, index) in regex.names() {
            let value = captures.get(*index).unwrap_or_default();
            state.set(name.to_ascii_lowercase(), Bytes::copy_from_slice(value));
        }
        state.captures = captures;
    });
    Ok(true)
}
