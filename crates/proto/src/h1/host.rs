//! Host names of requests (`ngx_http_validate_host`, RFC 3986 §3.2.2).

use std::borrow::Cow;

use super::field::FieldName;
use super::message::Version;
use super::request::RequestHead;

/// A host as a client may name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host<'a> {
    /// In lower case, without a trailing dot; an IP literal keeps its brackets.
    pub name: Cow<'a, [u8]>,
    /// The port, if one was given.
    pub port: Option<u16>,
}

/// Why a request's host is refused; the client is at fault, the status is 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The target's authority is not a host.
    #[error("client sent invalid host in request line")]
    InvalidAuthority,
    /// The `Host` field is not a host.
    #[error("client sent invalid host header")]
    InvalidField,
    /// HTTP/1.1 demands the field (RFC 9112 §3.2).
    #[error("client sent HTTP/1.1 request without \"Host\" header")]
    Missing,
}

impl<'a> Host<'a> {
    /// The host that `text` names: `name`, `name:port`, `[literal]` or `[literal]:port`.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let name_end = if text.starts_with(b"[") {
            memchr::memchr(b']', text)? + 1
        } else {
            memchr::memchr(b':', text).unwrap_or(text.len())
        };
        let (name, rest) = text.split_at_checked(name_end)?;
        let port = match rest.split_first() {
            None => None,
            Some((b':', digits)) => parse_port(digits)?,
            Some(_) => return None,
        };
        Some(Self {
            name: parse_name(name)?,
            port,
        })
    }

    /// The host that a request is for: that of its target, otherwise that of its `Host` field.
    ///
    /// Both are checked; `None` is a request of HTTP/1.0 or 0.9 that names none.
    pub fn of_request(head: &RequestHead, buf: &'a [u8]) -> Result<Option<Self>, HostError> {
        let authority = match head.authority {
            Some(span) => Some(Self::parse(span.of(buf)).ok_or(HostError::InvalidAuthority)?),
            None => None,
        };
        let field = match head.value(buf, FieldName::Host) {
            Some(value) => Some(Self::parse(value).ok_or(HostError::InvalidField)?),
            None if head.version > Version::HTTP_10 => return Err(HostError::Missing),
            None => None,
        };
        Ok(authority.or(field))
    }
}

fn parse_name(name: &[u8]) -> Option<Cow<'_, [u8]>> {
    // An IP literal is `[…]`; colons may stand within.
    let (text, is_char): (_, fn(u8) -> bool) = match name {
        [b'[', literal @ .., b']'] => (literal, is_literal_char),
        name => (name, is_name_char),
    };
    let is_valid = text.iter().all(|&byte| is_char(byte));
    if !is_valid || memchr::memmem::find(name, b"..").is_some() {
        return None;
    }
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.is_empty() {
        return None;
    }
    Some(if name.iter().any(u8::is_ascii_uppercase) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    })
}

/// `Some(None)` for no digits and for zero, which nginx takes as no port.
fn parse_port(digits: &[u8]) -> Option<Option<u16>> {
    let digit = |port: u16, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| u16::from(byte - b'0'))?;
        port.checked_mul(10)?.checked_add(digit)
    };
    let port = digits.iter().try_fold(0, digit)?;
    Some((port > 0).then_some(port))
}

/// Unreserved characters, sub-delims and those of percent-encoding.
fn is_name_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&byte)
}

fn is_literal_char(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:".contains(&byte)
}
