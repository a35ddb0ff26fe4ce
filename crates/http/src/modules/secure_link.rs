//! `ngx_http_secure_link_module`: links that carry a proof of who made them, and for how long.

use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use conf::{Arity, Directive, Item, value};
use md5::{Digest as _, Md5};
use net::clock;
use script::Template;

use crate::draft::Level;
use crate::module::{ANY, Cx, Done, Module, Set, doc};
use crate::request::Request;
use crate::settings::settings;
use crate::variable::builtin;

settings! {
    /// The hash that the request brings, and behind a comma until when it holds.
    link: Option<Template> = None, inherit;
    /// What the hash must be of.
    md5: Option<Template> = None, inherit;
    /// The older form: the path is a prefix, a hash and what the hash is of.
    secret: Option<Bytes> = None, inherit;
}

/// The module.
pub const MODULE: Module = Module {
    name: "ngx_http_secure_link_module",
    directives: &[
        Directive::new(
            "secure_link",
            ANY,
            Arity::Exactly(1),
            Set::Level(link),
            doc(
                "secure_link expression;",
                "",
                "Where a request brings its MD5 hash in base64url, and behind a comma the time in \
                 seconds until which it holds.",
            ),
        ),
        Directive::new(
            "secure_link_md5",
            ANY,
            Arity::Exactly(1),
            Set::Level(md5),
            doc(
                "secure_link_md5 expression;",
                "",
                "What the hash must be of; it should have a secret in it.",
            ),
        ),
        Directive::new(
            "secure_link_secret",
            ANY,
            Arity::Exactly(1),
            Set::Level(secret),
            doc(
                "secure_link_secret word;",
                "",
                "The secret of links of the form /prefix/hash/link.",
            ),
        ),
    ],
    variables: &[
        builtin(
            "secure_link",
            secure_link,
            "1 if the link is good, 0 if its time is over, nothing if it is not good; with \
             secure_link_secret, the link.",
        ),
        builtin(
            "secure_link_expires",
            |request, out| {
                let Some(given) = given(request) else {
                    return false;
                };
                match given.expires {
                    Some((_, text)) => {
                        out.extend_from_slice(&text);
                        true
                    }
                    None => false,
                }
            },
            "Until when the link holds, as the request says.",
        ),
    ],
};

fn mixed(item: &Item) -> conf::Diagnostic {
    item.error(
        "\"secure_link_secret\" cannot be mixed with \"secure_link\" and \"secure_link_md5\"",
    )
}

/// Says that this level has no secret, neither its own nor that of an outer one.
fn without_secret(item: &Item, level: &mut Level) -> Done {
    match level.drafts.secure_link.secret.get_or_insert(None) {
        None => Ok(()),
        Some(_) => Err(mixed(item)),
    }
}

fn link(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    without_secret(item, level)?;
    let value = cx.template(item, 0)?;
    item.once(&mut level.drafts.secure_link.link, Some(value))
}

fn md5(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    without_secret(item, level)?;
    let value = cx.template(item, 0)?;
    item.once(&mut level.drafts.secure_link.md5, Some(value))
}

fn secret(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let slot = &mut level.drafts.secure_link.secret;
    if let Some(None) = slot {
        return Err(mixed(item));
    }
    let secret = Bytes::copy_from_slice(&item.arg(0)?.text);
    item.once(slot, Some(secret))
}

/// What a request brings.
struct Given {
    hash: Bytes,
    /// Seconds since 1970, and the text.
    expires: Option<(u64, Bytes)>,
}

/// What the request brings, unless its time is none.
fn given(request: &Request) -> Option<Given> {
    let value = request.eval(request.conf().secure_link.link.as_ref()?);
    let Some(comma) = value.iter().position(|&byte| byte == b',') else {
        return Some(Given {
            hash: value,
            expires: None,
        });
    };
    let text = value.slice(comma + 1..);
    let seconds = value::number(&text).filter(|&seconds| seconds > 0)?;
    Some(Given {
        hash: value.slice(..comma),
        expires: Some((seconds, text)),
    })
}

fn secure_link(request: &Request, out: &mut Vec<u8>) -> bool {
    let conf = &request.conf().secure_link;
    if let Some(secret) = &conf.secret {
        let uri = request.slice(request.head.target);
        let found = signed(&uri, secret);
        out.extend_from_slice(found.unwrap_or_default());
        return found.is_some();
    }
    let (Some(given), Some(of)) = (given(request), &conf.md5) else {
        return false;
    };
    let Some(hash) = decode(&given.hash) else {
        return false;
    };
    let wanted: [u8; 16] = Md5::digest(request.eval(of)).into();
    if !are_equal(&hash, &wanted) {
        return false;
    }
    let now = clock::wall().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs();
    let is_over = given.expires.is_some_and(|(until, _)| until < now);
    out.push(if is_over { b'0' } else { b'1' });
    true
}

/// The hash in base64url; what follows a `=` counts for nothing, as with nginx.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::URL_SAFE,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    const TEXT_MAX: usize = 24;
    if text.len() > TEXT_MAX {
        return None;
    }
    let end = text.iter().position(|&byte| byte == b'=');
    BASE64.decode(&text[..end.unwrap_or(text.len())]).ok()
}

/// The link in `/prefix/hash/link`, if the hash is that of link and secret.
fn signed<'a>(uri: &'a [u8], secret: &[u8]) -> Option<&'a [u8]> {
    let mut parts = uri.get(1..)?.splitn(3, |&byte| byte == b'/');
    let (_prefix, hash, link) = (parts.next()?, parts.next()?, parts.next()?);
    if link.is_empty() || hash.len() != 32 {
        return None;
    }
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let pairs = hash.chunks_exact(2);
    let given: Option<Vec<u8>> = pairs
        .map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?))
        .collect();
    let mut md5 = Md5::new();
    md5.update(link);
    md5.update(secret);
    let wanted: [u8; 16] = md5.finalize().into();
    are_equal(&given?, &wanted).then_some(link)
}

/// Compares in a time that does not tell how much is equal.
fn are_equal(given: &[u8], wanted: &[u8; 16]) -> bool {
    let differ = given
        .iter()
        .zip(wanted)
        .fold(0, |sum, (a, b)| sum | (a ^ b));
    given.len() == wanted.len() && differ == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_good_with_the_hash_of_itself_and_the_secret() {
        // printf 'linkword' | md5sum
        let mut md5 = Md5::new();
        md5.update(b"linkword");
        let hash: String = md5
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let good = format!("/p/{hash}/link");
        assert_eq!(signed(good.as_bytes(), b"word"), Some(&b"link"[..]));
        assert_eq!(signed(good.as_bytes(), b"other"), None);
        for bad in [
            "",
            "/",
            "/p",
            "/p/x/link",
            "/p/0123456789abcdef0123456789abcdeg/link",
        ] {
            assert_eq!(signed(bad.as_bytes(), b"word"), None, "{bad}");
        }
        assert_eq!(signed(format!("/p/{hash}/").as_bytes(), b"word"), None);
    }

    #[test]
    fn hashes_may_be_padded() {
        let plain = decode(b"AAAAAAAAAAAAAAAAAAAAAA");
        assert_eq!(plain, Some(vec![0; 16]));
        assert_eq!(decode(b"AAAAAAAAAAAAAAAAAAAAAA=="), plain);
        assert_eq!(decode(b"AAAAAAAAAAAAAAAAAAAAA+"), None);
        assert_eq!(decode(&[b'A'; 25]), None);
    }
}
