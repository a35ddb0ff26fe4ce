//! Percent-encoding (`ngx_escape_uri`, `ngx_unescape_uri`, RFC 3986 §2).

use std::borrow::Cow;

/// Which bytes are escaped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// For a path: what may not stand in a URI, and `#`, `%`, `?`.
    Uri,
    /// For arguments: those, and `&`, `+`, `;`.
    Args,
    /// For one component: everything that is not unreserved.
    UriComponent,
}

/// Escapes `text`; borrowed if it has nothing to escape.
pub fn escape(text: &[u8], what: Escape) -> Cow<'_, [u8]> {
    let Some(first) = text.iter().position(|&byte| what.escapes(byte)) else {
        return Cow::Borrowed(text);
    };
    let mut out = Vec::with_capacity(text.len() + 2 * (text.len() - first).min(64));
    escape_into(&mut out, text, what);
    Cow::Owned(out)
}

/// Appends the escaped `text` to `out`.
pub fn escape_into(out: &mut Vec<u8>, text: &[u8], what: Escape) {
    for &byte in text {
        if what.escapes(byte) {
            out.extend_from_slice(&[b'%', hex_digit(byte >> 4), hex_digit(byte & 0xf)]);
        } else {
            out.push(byte);
        }
    }
}

impl Escape {
    /// Whether this byte is escaped.
    pub fn escapes(self, byte: u8) -> bool {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => false,
            0..=b' ' | 0x7f.. | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                true
            }
            b'#' | b'%' | b'?' => true,
            b'&' | b'+' | b';' => self != Self::Uri,
            _ => self == Self::UriComponent,
        }
    }
}

/// What unescaping does to a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unescape {
    /// Everything is decoded.
    All,
    /// For a redirect: decoding ends at a question mark, raw or encoded, and what follows stays as
    /// it is; bytes up to `%` and above `~` stay encoded.
    Redirect,
}

/// Decodes percent-encoded bytes as nginx does: a percent sign without two digits is dropped with
/// the digit it has. Borrowed if there is nothing to decode.
pub fn unescape(text: &[u8], what: Unescape) -> Cow<'_, [u8]> {
    let Some(first) = memchr::memchr(b'%', text) else {
        return Cow::Borrowed(text);
    };
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        match (byte, what) {
            (b'?', Unescape::Redirect) => {
                out.push(byte);
                break;
            }
            (b'%', _) => {
                let mark = unescape_one(&mut out, &mut rest, what);
                if mark == Mark::Query {
                    break;
                }
            }
            _ => out.push(byte),
        }
    }
    out.extend_from_slice(rest);
    debug_assert!(out.len() >= first);
    Cow::Owned(out)
}

#[derive(PartialEq, Eq)]
enum Mark {
    None,
    /// The question mark of a redirect.
    Query,
}

/// Decodes what stands behind a percent sign.
fn unescape_one(out: &mut Vec<u8>, rest: &mut &[u8], what: Unescape) -> Mark {
    let Some((&first, tail)) = rest.split_first() else {
        return Mark::None;
    };
    *rest = tail;
    let Some(high) = hex_value(first) else {
        out.push(first);
        return Mark::None;
    };
    let Some((&second, tail)) = rest.split_first() else {
        return Mark::None;
    };
    *rest = tail;
    let Some(low) = hex_value(second) else {
        return Mark::None;
    };
    let byte = high << 4 | low;
    match what {
        Unescape::Redirect if byte == b'?' => {
            out.push(byte);
            return Mark::Query;
        }
        Unescape::Redirect if !(b'&'..0x7f).contains(&byte) => {
            out.extend_from_slice(&[b'%', first, second]);
        }
        Unescape::Redirect | Unescape::All => out.push(byte),
    }
    Mark::None
}

pub(super) fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// `nibble <= 15`
fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 {
        b'0' + nibble
    } else {
        b'A' + nibble - 10
    }
}
